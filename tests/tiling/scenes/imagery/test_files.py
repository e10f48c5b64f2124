"""Files of scenes and tiles: what they hold, how they are packed, what a full disk leaves."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
import yaml
import zarr

from tiling.scenes.domains.planes import domain_grid, lonlat, tile_grid
from tiling.scenes.domains.scanangles import View, scan_angles
from tiling.scenes.errors import UnusableInput
from tiling.scenes.imagery.files import attributes, read_images, write_images, write_tile
from tiling.scenes.imagery.regridding import all_on_grid
from tiling.scenes.imagery.stores import tile_store
from tiling.scenes.meta.model import AuxProduct, Domain, Meta, ProductType
from workbench.errors import BadInput, DiskFull

BARBADOS = Domain("rect", 13.3, -60.72, 300e3, 200e3)
STEP = 56e-6  # radians, 2 km
GRID = domain_grid(BARBADOS, 2000.0)
META = Meta("goes16", ProductType("singlechannel__bt_13", "channels", ("bt_13",)), None,
            domain=BARBADOS)  # fmt: skip


def scan_axes() -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the pixels of the fixed grid around the domain."""
    x, y = (
        (np.arange(np.floor(v.min() / STEP) - 4, np.ceil(v.max() / STEP) + 4) + 0.5) * STEP
        for v in scan_angles(*lonlat(GRID), View(-89.5))
    )
    return x, y[::-1]


def seen(values: Any, x: np.ndarray, y: np.ndarray) -> xr.DataArray:
    """An image on the fixed grid."""
    mapping = {
        "grid_mapping_name": "geostationary", "perspective_point_height": 35786023.0,
        "semi_major_axis": 6378137.0, "semi_minor_axis": 6356752.31414,
        "longitude_of_projection_origin": -89.5, "sweep_angle_axis": "x",
    }  # fmt: skip
    return xr.DataArray(
        np.asarray(values, np.float32),
        {"y": y, "x": x, "goes_imager_projection": xr.DataArray(0, attrs=mapping)},
        ("channel", "y", "x")[-np.ndim(values) :],
        attrs={"units": "K", "grid_mapping": "goes_imager_projection"},
    )


def native(seed: int = 1, channels: int = 0) -> xr.Dataset:
    x, y = scan_axes()
    shape = (channels, len(y), len(x)) if channels else (len(y), len(x))
    values = np.random.default_rng(seed).normal(280, 10, shape)
    values[..., 30:33, 40] = np.nan
    image = seen(values, x, y)
    if channels:
        image = image.assign_coords(channel=["R", "G", "B"][:channels]) / 400
        image.attrs = seen(values, x, y).attrs
        return xr.Dataset({"truecolor_rgb": image})
    return xr.Dataset({"bt_13": image}, attrs={"source_keys": '{"bt_13": "a.nc"}'})


@pytest.mark.parametrize("channels", [0, 3])
def test_what_is_written_is_read_again(tmp_path: Path, channels: int) -> None:
    for dataset in (native(channels=channels), all_on_grid(native(channels=channels), GRID)):
        path = write_images(dataset, tmp_path / "scene.nc")
        xr.testing.assert_identical(
            read_images(path).drop_attrs(deep=False), dataset.drop_attrs(deep=False)
        )
        # enough to be brought onto a grid again
        again = all_on_grid(read_images(path), tile_grid(GRID, 0.0, 0.0, 16))
        assert float(np.isnan(next(iter(again.values()))).mean()) < 0.2
    with netCDF4.Dataset(path) as file:
        name = "truecolor_rgb" if channels else "bt_13"
        assert file.Conventions == "CF-1.8"
        assert file[name].grid_mapping == "spatial_ref"
        assert file["spatial_ref"].grid_mapping_name == "lambert_azimuthal_equal_area"
        assert {"lat", "lon"} <= set(file[name].coordinates.split())
        assert file[name].filters()["zlib"]
        assert file["lat"].dtype == np.float32
        assert (np.diff(file["y"][:]) > 0).all()


@pytest.mark.parametrize("rows", [520, 513, 512])
def test_coordinates_of_large_domains_are_whole(tmp_path: Path, rows: int) -> None:
    # deflated once and then copied: three scenes, the second on another domain
    for shift in (0.0, 1.0, 0.0):
        domain = Domain("rect", 13.3 + shift, -60.72, 600e3, rows * 1e3)
        dataset = all_on_grid(native(), domain_grid(domain, 1000.0))
        found = read_images(write_images(dataset, tmp_path / "a.nc"))
        xr.testing.assert_identical(found.drop_attrs(deep=False), dataset.drop_attrs(deep=False))
        with netCDF4.Dataset(tmp_path / "a.nc") as file:
            np.testing.assert_array_equal(file["lon"][:], dataset.lon)
            assert file["lat"].units == "degrees_north"


@pytest.mark.parametrize(
    ("name", "values", "most"),
    [
        ("bt_13", [180.0, 250.123, 320.0], 0.0026),
        ("refl_2", [-0.01, 0.12345, 1.4], 5.1e-5),
        ("refl_2", [0.0, 1.0, 5.0], 5 / 65530),
        ("truecolor_rgb", [0.0, 0.5, 1.2], 5.1e-5),
        ("lwp", [1e-6, 3e-6, 9e-6], 1e-10),
        ("lwp", [7.0, 7.0, 7.0], 1e-6),
        ("lwp", [np.nan, np.nan, np.nan], 0),
    ],
)
def test_packing_is_as_fine_as_it_says(
    tmp_path: Path, name: str, values: list[float], most: float
) -> None:
    field = np.array([[*values, np.nan]] * 2, np.float32)
    dataset = xr.Dataset({name: (("y", "x"), field)}, {"y": [0.0, 1.0]})
    path = write_images(dataset, tmp_path / "a.nc", pack=True)
    with netCDF4.Dataset(path) as file:
        assert file[name].dtype == np.int16
    found = read_images(path)[name]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(found), np.isnan(field))
    assert np.nanmax(np.abs(np.nan_to_num(found.values - field))) <= most


def test_a_large_scene_is_packed_to_less(tmp_path: Path) -> None:
    dataset = all_on_grid(native(), domain_grid(BARBADOS, 1000.0)).drop_vars(["lat", "lon"])
    sizes = [
        write_images(dataset, tmp_path / f"{p}.nc", pack=p).stat().st_size for p in (True, False)
    ]
    assert sizes[0] < 0.75 * sizes[1]


def test_every_file_says_what_it_was_made_from(tmp_path: Path) -> None:
    dataset = all_on_grid(native(), GRID)
    found = attributes(
        META, "goes16__202002021400", fingerprint="ab12", tile_type="anchor", triplet_id=3,
        collection="train", aux_dt_s=None, done=True, extra={"a": [1]},
    )  # fmt: skip
    assert found.pop("software_version").startswith("eo-workbench ")
    assert json.loads(found.pop("domain"))["zonal"] == 300e3  # type: ignore[arg-type]
    assert found == {
        "source": "goes16", "type": "singlechannel__bt_13", "scene_id": "goes16__202002021400",
        "fingerprint": "ab12", "tile_type": "anchor", "triplet_id": 3, "collection": "train",
        "done": 1, "extra": '{"a": [1]}',
    }  # fmt: skip
    aux = AuxProduct("height", "goes17", ProductType("ACHA", "level2", ("ACHA",)))
    other = attributes(META, "s", aux=aux)
    assert (other["source"], other["type"], other["aux_name"]) == ("goes17", "ACHA", "height")
    path = write_images(dataset.assign_attrs(found), tmp_path / "a.nc")
    assert read_images(path).attrs == {"Conventions": "CF-1.8", **dataset.attrs, **found}
    assert read_images(path).bt_13.attrs["regrid_method"] == "bilinear"


def test_the_mark_is_written_last_and_taken_away_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiling.scenes.imagery import files

    dataset, pixels = all_on_grid(native(), GRID), np.zeros((4, 5, 2), np.uint8)
    stem = tmp_path / "train" / "00003_anchor"
    mark = write_tile(stem, dataset, pixels, {"scene_id": "goes16__202002021400", "x": 1.5})
    assert sorted(path.name for path in stem.parent.iterdir()) == [
        "00003_anchor.nc", "00003_anchor.png", "00003_anchor.yml",
    ]  # fmt: skip
    assert yaml.safe_load(mark.read_text()) == {"scene_id": "goes16__202002021400", "x": 1.5}
    monkeypatch.setattr(files, "write_picture", lambda *a: (_ for _ in ()).throw(KeyError()))
    with pytest.raises(KeyError):
        write_tile(stem, dataset, pixels, {})
    assert not mark.exists()
    write_tile(stem, dataset, None, {})
    assert not (stem.parent / "00003_anchor.png").exists()


@contextmanager
def _full_after(most: int) -> Iterator[None]:
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("most", [1, 5_000, 20_000, 50_000])
def test_a_full_disk_leaves_nothing_under_a_final_name(tmp_path: Path, most: int) -> None:
    dataset = all_on_grid(native(), domain_grid(BARBADOS, 1000.0))
    noise = np.random.default_rng(1).integers(0, 255, (300, 300, 4), np.uint8)
    with pytest.raises(DiskFull), _full_after(most):
        write_tile(tmp_path / "a", dataset, noise, {})
    assert list(tmp_path.iterdir()) == []
    from tiling.scenes.imagery.pictures import write_picture

    with pytest.raises(DiskFull), _full_after(most):
        write_picture(tmp_path / "a.png", noise)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lacking", [100, 20_000, 200_000])
def test_a_disk_that_is_full_at_the_end_leaves_nothing(tmp_path: Path, lacking: int) -> None:
    dataset = all_on_grid(native(), domain_grid(Domain("rect", 13.3, -60.7, 600e3, 520e3), 1000.0))
    path = write_images(dataset, tmp_path / "a.nc")
    size = path.stat().st_size
    path.unlink()
    with pytest.raises(DiskFull), _full_after(size - lacking):
        write_images(dataset, path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["missing", "cut", "text"])
def test_unreadable_files_are_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.nc"
    if damage == "cut":
        write_images(native(), path)
        path.write_bytes(path.read_bytes()[:3000])
    elif damage == "text":
        path.write_text("no")
    with pytest.raises(UnusableInput, match=r"a\.nc cannot be read"):
        read_images(path)


def _triplets(folder: Path, count: int) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for number in range(count):
        files = {}
        for place, kind in enumerate(("anchor", "neighbor", "distant")):
            grid = tile_grid(GRID, 1e4 * place, 1e4 * (number % 3), 8)
            tile = all_on_grid(native(number, 3), grid).assign_attrs(scene_id=f"s{number}{kind}")
            files[kind] = write_images(tile, folder / f"{number:05d}_{kind}.nc", level=0)
        found.append((number * 2, files))
    return found


def test_a_store_holds_the_tiles_of_a_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiling.scenes.imagery import stores

    monkeypatch.setattr(stores, "SHARD", 2)
    triplets = _triplets(tmp_path, 5)
    path = tile_store(triplets, tmp_path / "train.zarr")
    group = zarr.open_group(path, mode="r")
    tiles = group["tiles"]
    assert isinstance(tiles, zarr.Array)
    assert tiles.shape == (5, 3, 3, 8, 8)
    assert group.attrs["tile_type"] == ["anchor", "neighbor", "distant"]
    assert group.attrs["channel"] == ["truecolor_rgb_R", "truecolor_rgb_G", "truecolor_rgb_B"]
    assert group.attrs["scene_id"][3] == ["s3anchor", "s3neighbor", "s3distant"]  # type: ignore[index]
    for row, (number, named) in enumerate(triplets):
        for column, file in enumerate(named.values()):
            tile = read_images(file)
            np.testing.assert_array_equal(tiles[row, column], tile.truecolor_rgb)
            lat = group["lat"][row, column]  # type: ignore[index]
            assert lat == pytest.approx(float(tile.lat.mean()), abs=1e-4)
        assert group["triplet"][row] == number  # type: ignore[index]
    assert len([p for p in (path / "tiles").rglob("*") if p.is_file()]) == 4
    # xarray reads it too, and a second one takes its place
    with xr.open_zarr(path, consolidated=False) as found:
        assert found.tiles.dims == ("triplet", "tile_type", "channel", "y", "x")
    assert zarr.open_group(tile_store(triplets[:1], path), mode="r")["tiles"].shape[0] == 1  # type: ignore[union-attr]


def test_tiles_that_do_not_fit_leave_no_store(tmp_path: Path) -> None:
    triplets = _triplets(tmp_path / "tiles", 2)
    other = all_on_grid(native(), tile_grid(GRID, 0.0, 0.0, 9))
    for wrong, words in [
        (write_images(other, tmp_path / "tiles" / "b.nc"), "the first one"),
        (tmp_path / "none.nc", "cannot be read"),
    ]:
        bad = [triplets[0], (9, {**triplets[1][1], "distant": wrong})]
        with pytest.raises((BadInput, UnusableInput), match=words):
            tile_store(bad, tmp_path / "train.zarr")
    with pytest.raises(BadInput, match="no distant tile"):
        tile_store([triplets[0], (9, {"anchor": triplets[1][1]["anchor"],
                                      "neighbor": triplets[1][1]["neighbor"]})],
                   tmp_path / "train.zarr")  # fmt: skip
    with pytest.raises(BadInput, match="no triplets"):
        tile_store([], tmp_path / "train.zarr")
    with pytest.raises(DiskFull), _full_after(2000):
        tile_store(triplets, tmp_path / "train.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["tiles"]


def test_scan_angles_survive_the_file(tmp_path: Path) -> None:
    x, y = scan_axes()
    path = write_images(xr.Dataset({"a": seen(np.add.outer(y * 0, x / 56e-6), x, y)}),
                        tmp_path / "a.nc")  # fmt: skip
    found = all_on_grid(read_images(path), GRID).a
    np.testing.assert_allclose(found, scan_angles(*lonlat(GRID), View(-89.5))[0] / 56e-6, atol=1e-3)


def test_attributes_of_any_kind_can_be_written(tmp_path: Path) -> None:
    dataset = native()
    dataset["bt_13"].attrs |= {"flag": True, "pair": [1.0, 2.0], "of": {"a": 1}, "none": None}
    dataset.attrs |= {"when": np.datetime64("2020-02-02T14:00"), "none": None}
    before = dict(dataset["bt_13"].attrs)
    found = read_images(write_images(dataset, tmp_path / "a.nc"))
    assert dataset["bt_13"].attrs == before
    assert (found.bt_13.attrs["flag"], found.bt_13.attrs["of"]) == (1, '{"a": 1}')
    assert found.bt_13.attrs["pair"].tolist() == [1.0, 2.0]
    assert found.attrs["when"].startswith("2020-02-02T14:00")
    assert "none" not in found.attrs | found.bt_13.attrs


OPENED_AGAIN = """
import sys
import xarray as xr
for _ in range(30):
    held = xr.open_dataset(sys.argv[1]).truecolor_rgb
    source = xr.open_dataset(sys.argv[1]).attrs["source"]
"""


def test_a_file_may_be_opened_again_while_it_is_open(tmp_path: Path) -> None:
    """As in any notebook; with strings of variable length in it netCDF crashes the process."""
    path = tmp_path / "colours.nc"
    colours = xr.DataArray(
        np.ones((3, 5, 5), np.float32),
        {"channel": ["R", "G", "B"], "y": np.arange(5.0), "x": np.arange(5.0)},
        ("channel", "y", "x"),
    )
    write_images(xr.Dataset({"truecolor_rgb": colours}, attrs={"source": "goes16"}), path)
    assert (
        subprocess.run([sys.executable, "-c", OPENED_AGAIN, str(path)], check=False).returncode == 0
    )
    assert read_images(path).channel.equals(colours.channel)
    assert read_images(path).channel.dtype.kind == "U"
