"""Images of dates: complete or not there, and readable by others."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

import spaceeye
from workbench import files
from workbench.errors import BadFile, BadInput, NotWritten, OutputExists
from workbench.rasters import geotiff, wholerasters
from workbench.rasters.windows import windows

GRID = GeoBox((20, 30), Affine(10, 0, 448_000, 0, -10, 5_412_000), "EPSG:32631")


@pytest.fixture
def some(result):
    return result["reflectance"].isel(time=slice(0, 3))


def hidden(folder):
    return [path.name for path in folder.rglob(".*")]


def test_one_writer_for_any_raster(tmp_path):
    values = np.arange(1200, dtype=np.int16).reshape(2, 20, 30)
    path = tmp_path / "a" / "some.tif"
    with geotiff.geotiff(path, GRID, count=2, dtype="int16", nodata=-9999, predictor=2) as file:
        assert not path.exists()
        geotiff.described(file, ["one", "two"], {"SOURCE": "a test", "NUMBER": 3})
        for window in windows(GRID.shape, 16):
            rows, cols = window.slices
            file.write(values[:, rows, cols], window=window)
    with rasterio.open(path) as found:
        np.testing.assert_array_equal(found.read(), values)
        assert found.descriptions == ("one", "two")
        assert found.nodata == -9999
        assert found.tags()["NUMBER"] == "3"
        assert found.transform == GRID.affine
        assert found.block_shapes == [(256, 256)] * 2
        assert found.compression.value == "DEFLATE"
    with (
        pytest.raises(OutputExists),
        geotiff.geotiff(path, GRID, count=1, dtype="uint8", nodata=None),
    ):
        pass
    assert not hidden(tmp_path)


def test_a_raster_that_fails_does_not_appear(tmp_path):
    with (
        pytest.raises(RuntimeError),
        geotiff.geotiff(tmp_path / "a.tif", GRID, count=1, dtype="uint8", nodata=0),
    ):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_an_image_of_a_date(some, tmp_path):
    paths = spaceeye.write_cogs(some, tmp_path, tags={"alpha_days": 1.0})
    dates = [str(time)[:10].replace("-", "") for time in some["time"].values]
    assert [path.name for path in paths] == [f"spaceeye_{date}.tif" for date in dates]
    assert not hidden(tmp_path)
    with rasterio.open(paths[1]) as image:
        np.testing.assert_array_equal(image.read(), some[1].values)
        assert image.profile["dtype"] == "uint16"
        assert image.nodata == 0
        assert image.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert image.profile["tiled"]
        assert image.descriptions == tuple(some["band"].values)
        assert image.crs.to_epsg() == some.odc.crs.to_epsg()
        assert image.transform == some.odc.transform
        assert image.scales == (1e-4,) * 10
        assert image.tags()["alpha_days"] == "1.0"
        day = str(some["time"].values[1])[:10].replace("-", ":")
        assert image.tags()["TIFFTAG_DATETIME"] == f"{day} 00:00:00"  # TIFF 6.0, section 8


def test_large_images_have_overviews(some, tmp_path):
    large = some.isel(time=[0]).pad(y=(0, 600), x=(0, 500), mode="edge")
    large = large.assign_coords(
        y=large["y"][0].item() - 10.0 * np.arange(large.sizes["y"]),
        x=large["x"][0].item() + 10.0 * np.arange(large.sizes["x"]),
    )
    (path,) = spaceeye.write_cogs(large, tmp_path)
    with rasterio.open(path) as image:
        assert image.overviews(1)
        assert image.block_shapes[0] == (512, 512)


def test_windows_of_any_size_give_the_same_file(some, tmp_path):
    """Those of 100 pixels end within the tiles of the file, which are filled one after another."""
    large = some.isel(time=[0], band=[0, 1]).pad(y=(0, 500), x=(0, 600), mode="edge")
    large = large.copy(data=np.random.default_rng(2).integers(1, 5000, large.shape, np.uint16))
    large = large.assign_coords(
        y=large["y"][0].item() - 10.0 * np.arange(large.sizes["y"]),
        x=large["x"][0].item() + 10.0 * np.arange(large.sizes["x"]),
    )
    found = {
        block: spaceeye.write_cogs(large, tmp_path / str(block), block=block)[0].read_bytes()
        for block in (256, 100, 300)
    }
    assert found[100] == found[256] == found[300]


def test_times_of_day_are_in_the_name(some, tmp_path):
    (path,) = spaceeye.write_cogs(
        some.isel(time=[0]).assign_coords(time=[np.datetime64("2022-01-02T10:50:21", "ns")]),
        tmp_path,
    )
    assert path.name == "spaceeye_20220102T105021.tif"


def test_floats_have_nan_for_nothing(some, tmp_path):
    floats = (some.isel(time=[0]) * 1e-4).where(some["x"] > some["x"].values[3]).astype("f4")
    floats.attrs = {}
    (path,) = spaceeye.write_cogs(floats, tmp_path)
    with rasterio.open(path) as image:
        assert np.isnan(image.nodata)
        np.testing.assert_array_equal(image.read(), floats[0].values)


def test_existing_images_stay_unless_asked(some, tmp_path):
    first = spaceeye.write_cogs(some, tmp_path)
    first[0].write_bytes(b"mine")
    first[2].unlink()
    spaceeye.write_cogs(some, tmp_path)
    assert first[0].read_bytes() == b"mine"
    assert first[2].exists()
    spaceeye.write_cogs(some, tmp_path, overwrite=True)
    assert first[0].read_bytes() != b"mine"


def test_nothing_half_written_stays(some, tmp_path, monkeypatch):
    def fail(shape, side):
        yield next(windows(shape, 32))
        raise RuntimeError("in the middle")

    monkeypatch.setattr(geotiff, "windows", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        spaceeye.write_cogs(some, tmp_path)
    assert not list(tmp_path.iterdir())


def test_images_of_living_runs_are_not_swept(tmp_path):
    kept = tmp_path / f".plain-{os.getpid()}-a.tif"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".plain-{dead.pid}-a.tif").touch()
    (tmp_path / ".plain-notours.tif").touch()
    kept.touch()
    with files.scratch(tmp_path / "b.tif") as scratch:
        scratch.touch()
        geotiff.sweep_images(tmp_path)
        assert scratch.exists()
    assert sorted(tmp_path.iterdir()) == [kept, tmp_path / ".plain-notours.tif"]


def test_a_plain_file_that_is_torn_makes_no_image(some, tmp_path, monkeypatch):
    """Its copy would be whole, with pixels missing."""
    write = geotiff._write_plain

    def torn(cube, grid, paths, *others):
        write(cube, grid, paths, *others)
        os.truncate(paths[1], paths[1].stat().st_size - 1000)

    monkeypatch.setattr(geotiff, "_write_plain", torn)
    with pytest.raises(NotWritten, match=r"spaceeye_\d+.tif was written but cannot be read back"):
        spaceeye.write_cogs(some, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1, "the first one is whole"
    assert not hidden(tmp_path)


def test_a_block_lost_amid_whole_ones_is_noticed(tmp_path, monkeypatch):
    noise = np.random.default_rng(1).integers(1, 4000, (2, 1100, 1200), np.uint16)
    grid = GeoBox(noise.shape[1:], GRID.affine, GRID.crs)
    for compress in ("deflate", "zstd"):
        path = tmp_path / f"{compress}.tif"
        with geotiff.geotiff(path, grid, count=2, dtype="u2", nodata=0, compress=compress) as file:
            file.write(noise)
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 5)
            file.write(bytes(300_000))
        wholerasters.whole_raster(path)
        with pytest.raises(BadFile, match=path.name):
            wholerasters.whole_raster(path, every_block=True)
        monkeypatch.setattr(wholerasters, "_TIGHT", 1 << 60)
        with pytest.raises(BadFile, match=path.name):
            wholerasters.written_raster(path)


def test_an_image_needs_a_crs(some, tmp_path):
    nowhere = some.drop_vars("spatial_ref").assign_coords(y=some["y"].values, x=some["x"].values)
    with pytest.raises(BadInput, match="no CRS"):
        spaceeye.write_cogs(nowhere, tmp_path)
