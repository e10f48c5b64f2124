"""Whole runs: what they write, that they go on, and what they refuse."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256

import numpy as np
import pytest
import rasterio
import xarray as xr

import efast
from efast.cubes.intermediates import NAMES
from efast.errors import BadFile, BadInput
from efast.production import cloudcells
from efast.production.inventory import take_inventory
from efast.production.planning import Opened
from efast.production.request import Request
from workbench.errors import OutputExists
from workbench.sentinel2.imageseries.packing import packed


def sums(folder):
    """SHA-256 of every file below a folder but for records of runs, which hold times."""
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("summary.json", "manifest.json", "performance.html")
        and path.suffix != ".nc"
    }  # fmt: skip


@pytest.fixture(scope="session")
def done(products, tmp_path_factory):
    """A run with everything."""
    folder = tmp_path_factory.mktemp("run") / "out"
    result = efast.run(
        products.fine, products.coarse, folder, period=products.period, interval=10,
        resolution=20.0, formats=("cog", "zarr", "netcdf"), indices="ndvi",
        keep=[name for name in NAMES if name != "s2_cloud_flags"],
    )  # fmt: skip
    return folder, result


def test_every_format_holds_images_and_quality(done):
    folder, result = done
    assert [path.name for path in result.images] == [
        f"efast_202203{day}.tif" for day in ("01", "11", "21", "31")
    ]
    with rasterio.open(result.images[1]) as image, rasterio.open(result.quality[1]) as quality:
        assert image.descriptions == ("B02", "B03", "B04", "B8A")
        assert quality.descriptions == ("weight", "images", "age", "nearest", "flag")
        store = result.open()
        np.testing.assert_array_equal(image.read(), store["reflectance"][1])
        np.testing.assert_array_equal(quality.read(4), store["nearest"][1])
    with xr.open_dataset(folder / "efast.nc", mask_and_scale=False) as file:
        for name in ("reflectance", "weight", "images", "age", "nearest", "flag", "ndvi"):
            np.testing.assert_array_equal(file[name], store[name])
    item = json.loads(result.items[0].read_text())
    assert item["assets"]["quality"]["bands"][0]["name"] == "weight"
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["counts"]["images"] == 6
    assert summary["counts"]["dates"] == 4


def test_it_is_the_fusion_of_what_is_read(done, products, landscape):
    """Clouds are counted around the area; the landscape ends with it, so there is nothing there."""
    _, result = done
    fine = efast.read_fine(products.fine, resolution=20.0, chunks=None)
    grid = fine["reflectance"].odc.geobox
    coarse = efast.read_coarse(products.coarse, efast.coarse_grid(grid, 300, 22))
    found = efast.fuse(fine, coarse, result.open()["time"].values)
    stored = result.open()
    np.testing.assert_array_equal(stored["reflectance"], packed(found["reflectance"]))
    for name in ("weight", "images", "age", "nearest", "flag"):
        np.testing.assert_array_equal(stored[name], found[name])
    truth = landscape.truth("2022-03-21T10:52").sel(band=["B02", "B03", "B04", "B8A"])[0]
    truth = truth.values.reshape(4, 120, 2, 120, 2).mean(axis=(2, 4))
    assert np.abs(found["reflectance"].sel(time="2022-03-21").values - truth).mean() < 0.004


def test_steps_are_stores(done, products):
    folder, _ = done
    stores = sorted(path.name for path in (folder / "intermediates").glob("*.zarr"))
    assert stores == sorted(f"{name}.zarr" for name in NAMES if name != "s2_cloud_flags")
    given = xr.open_zarr(folder / "intermediates" / "fusion_input.zarr")["fusion_input"].values
    fused = given[:, :4] - given[:, 4:8] + given[:, 8:]
    stored = xr.open_dataset(folder / "efast.nc", mask_and_scale=False)["reflectance"].values
    assert np.abs(np.clip(fused, 1e-4, None) - stored * 1e-4).max() < 6e-5


def test_a_finished_run_is_recognised_and_another_refused(done, products, asked, monkeypatch):
    folder, result = done
    before = sums(folder)
    options = {"formats": ("cog", "zarr", "netcdf"), "indices": "ndvi"}
    with monkeypatch.context() as patch:
        patch.setattr("efast.production.planning.read_fine", pytest.fail)
        again = efast.run(products.fine, products.coarse, folder, **options, **asked)
    assert again.paths == result.paths
    assert sums(folder) == before
    with pytest.raises(OutputExists, match="parameter sigma"):
        efast.run(products.fine, products.coarse, folder, **options, **asked, sigma=10)


@pytest.mark.parametrize("other", [{"targets": ["2022-03-07"]}, {"formats": "zarr", "sigma": 9}])
def test_results_of_other_dates_and_formats_are_not_removed_unasked(
    products, asked, tmp_path, other
):
    asked = {**asked, "interval": 20, "formats": "cog"}
    first = efast.run(
        products.fine, products.coarse, tmp_path, keep="s2_distance_score", indices="ndvi", **asked
    )
    before = sums(tmp_path)
    with pytest.raises(OutputExists, match="made with other"):
        efast.run(products.fine, products.coarse, tmp_path, **{**asked, **other})
    assert sums(tmp_path) == before
    efast.run(products.fine, products.coarse, tmp_path, overwrite=True, **{**asked, **other})
    assert not set(first.paths[:2]) & set(tmp_path.rglob("*.tif"))
    assert not (tmp_path / "intermediates").exists()


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(
    done, products, asked, tmp_path, monkeypatch
):
    """It is stopped when all blocks are there and no image yet."""
    folder, _ = done
    target = tmp_path / "out"
    options = {"formats": ("cog", "zarr"), "indices": "ndvi"}

    def stop(*arguments, **others):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("workbench.sentinel2.imageseries.writing.write_images", stop)
        with pytest.raises(KeyboardInterrupt):
            efast.run(products.fine, products.coarse, target, **options, **asked)
    assert not list(target.glob("images/*"))
    with monkeypatch.context() as patch:
        patch.setattr("efast.cubes.fusedseries.fuse_block", pytest.fail)  # all blocks are there
        efast.run(products.fine, products.coarse, target, **options, **asked)
    whole = {name: hashed for name, hashed in sums(folder).items() if "intermediates" not in name}
    assert sums(target) == whole


def test_workers_change_no_byte(done, products, asked, client, tmp_path):
    folder, _ = done
    target = tmp_path / "out"
    efast.run(
        products.fine, products.coarse, target, formats=("cog", "zarr"), indices="ndvi",
        client=client, keep="s2_s3_aggregate", **asked,
    )  # fmt: skip
    held = sums(target)
    assert held == {name: hashed for name, hashed in sums(folder).items() if name in held}
    assert len(held) > 40


def test_cubes_in_memory_and_an_area(products, asked, tmp_path):
    fine = efast.read_fine(products.fine, resolution=20.0, chunks=None)
    coarse = efast.read_coarse(products.coarse, efast.coarse_grid(fine["reflectance"].odc.geobox))
    result = efast.run(fine, coarse, tmp_path / "cubes", formats="zarr", **asked)
    found = efast.fuse(fine, coarse, result.open()["time"].values)
    np.testing.assert_array_equal(result.open()["weight"], found["weight"])
    west, south, east, north = fine["reflectance"].odc.geobox.geographic_extent.boundingbox
    middle = (west * 0.6 + east * 0.4, south * 0.6 + north * 0.4, east, north)
    part = efast.run(
        products.fine, products.coarse, tmp_path / "part", formats="zarr", aoi=middle,
        whole_numbers=False, names=["blue", "green", "red", "nir"], **asked,
    ).open()  # fmt: skip
    assert part.sizes["y"] < fine.sizes["y"]
    assert part["reflectance"].dtype == np.float32
    assert list(part["band"]) == ["blue", "green", "red", "nir"]


def test_of_cubes_the_bands_that_are_there(products, asked, tmp_path):
    fine = efast.read_fine(products.fine, resolution=20.0, chunks=None, bands=["B04", "B8A"])
    coarse = efast.read_coarse(products.coarse, efast.coarse_grid(fine["reflectance"].odc.geobox))
    found = efast.run(fine, coarse, tmp_path / "out", formats="zarr", **asked).open()
    assert list(found["band"]) == ["B04", "B8A"]


def test_steps_are_those_of_the_calibrated_series(products, asked, tmp_path):
    """As efast.fuse keeps them; the calibration is the one that the run has found."""
    fine = efast.read_fine(products.fine, resolution=20.0, chunks=None)
    coarse = efast.read_coarse(
        products.coarse, efast.coarse_grid(fine["reflectance"].odc.geobox, halo=22)
    )
    how = {"calibration": "bias", "keep": "s3_composite_target_interp"}
    result = efast.run(fine, coarse, tmp_path / "out", formats="zarr", **asked, **how)
    kept = efast.open_steps(tmp_path / "out")["s3_composite_target_interp"]
    found = efast.fuse(fine, coarse, result.open()["time"].values, **how)
    np.testing.assert_array_equal(kept, found["s3_composite_target_interp"])
    plain = efast.fuse(fine, coarse, result.open()["time"].values, keep=how["keep"])
    assert (kept.values != plain["s3_composite_target_interp"].values).any()


def test_clouds_beyond_the_edge_count(products, asked):
    """The score of an area is that of the same place in a wider one."""
    wide = efast.read_fine(products.fine, resolution=20.0)
    inner = wide.isel(y=slice(45, 90), x=slice(30, 75))  # 3 by 3 cells
    grid = inner["reflectance"].odc.geobox
    options = {"cell": 300.0, "halo": 3, "reading": {}}
    found = cloudcells.count_clouds(products.fine, inner, grid, **options)
    whole = cloudcells.count_clouds(
        products.fine, wide, wide["reflectance"].odc.geobox, **{**options, "halo": 0}
    )
    assert found.first == (3, 3)
    np.testing.assert_array_equal(found.bad[:, :8, 1:], whole.bad)
    assert (found.bad[:, 8] == 0).all(), "nothing is known beyond the images"
    assert (found.bad[:, :, 0] == 0).all()


def test_an_inventory_reads_no_pixel(products, asked, monkeypatch):
    monkeypatch.setattr("workbench.sentinel2.stacks.Blocks.__call__", pytest.fail)
    monkeypatch.setattr("efast.sentinel3.passimages.PassReader.__call__", pytest.fail)
    found = take_inventory(Request(fine=products.fine, coarse=products.coarse, **asked))
    assert len(found.images) == 6
    assert sum(found.observations.values()) == 16
    text = str(found)
    assert "120 x 120 pixels of 20 m, EPSG:32631" in text
    assert "16 passes on 16 days, longest gap 2 d" in text
    assert found.results == 4 * 120 * 120 * (4 * 2 + 14)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"interval": 0}, "a whole number of days, 1 or more"),
        ({"period": ("2022-03-05", "2022-03-01")}, "holds no day"),
        ({"period": ("2022-07-01", "2022-08-01")}, "2022-07-01"),
        ({"target_period": ("2022-03-01", "2022-05-01")}, "lies outside the inputs"),
        ({"names": ["red"]}, "one for each of the bands B02, B03, B04, B8A"),
        ({"bands": {"B04": "Oa17"}}, "200 nm apart"),
        ({"bands": {"B04": "Oa99"}}, "Oa99"),
        ({"sigma": 0}, "sigma=0"),
        ({"saturation": -1}, "saturation=-1"),
        ({"cloud_tolerance": 2}, "tolerance=2"),
        ({"extrapolate": "cubic"}, "one of linear, nearest, none"),
        ({"on_missing_coarse": "x"}, "'nan' or 's2'"),
        ({"composites": {"steps": 2}}, "fields are step, mosaic_days"),
        ({"composites": {"step": 2.5}}, "step=2.5: a whole number"),
        ({"composites": {"sigma": 0}}, "sigma=0"),
        ({"composites": {"smoothing": 1e9}}, "0 to 100 cells"),
        ({"composites": {"saturation": float("inf")}}, "saturation=inf"),
        ({"saturation": float("inf")}, "saturation=inf"),
        ({"minimum_importance": -1}, "minimum_importance=-1"),
        ({"interval": float("nan")}, "1 or more"),
        ({"period": "2022"}, "give its first day and the day after its last"),
        ({"period": ("2022-03-01", "3000-01-01")}, "1678 to 2262"),
        ({"targets": ["2022-03-05"], "target_period": ("2022-03-01", "2022-03-09")}, "listed and"),
        ({"names": ["a", "a", "b", "c"]}, "one for each of the bands"),
        ({"keep": "s2_cloud_flags"}, "needs a cube in memory"),
        ({"resolution": 0}, "resolution=0"),
        ({"cell": 290}, "whole number of them"),
        ({"formats": "tiff"}, "tiff is not one of"),
        ({"indices": "nbr"}, "nbr needs B12"),
        ({"keep": "everything"}, "everything is not one of s2_bands"),
        ({"aoi": (0, 0, 1, 1)}, "no acquisition meets"),
    ],
)
def test_refused(products, asked, tmp_path, options, words):
    with pytest.raises(BadInput, match=words):
        efast.run(products.fine, products.coarse, tmp_path / "out", **{**asked, **options})
    assert not list(tmp_path.glob("out/**/*.tif"))


def test_a_wider_gaussian_asks_for_more_cells_around(products, asked):
    def halo(**composites):
        request = Request(
            fine=products.fine, coarse=products.coarse, **asked, composites=composites
        )
        return Opened(request).halo

    assert (halo(), halo(smoothing=0), halo(smoothing=3.5)) == (22, 22, 27)


def test_a_dry_run_leaves_out_what_a_run_leaves_out(products, asked, tmp_path):
    shutil.copytree(products.coarse, tmp_path / "S3")
    name = sorted(path.name for path in products.coarse.iterdir())[0]
    (tmp_path / "S3" / name.replace("20220301T", "20221399T")).mkdir()
    how = {"fine": products.fine, "coarse": tmp_path / "S3", **asked}
    with pytest.raises(BadFile, match="20221399T"):
        take_inventory(Request(**how))
    found = take_inventory(Request(**how, reading_coarse={"on_error": "skip"}))
    assert sum(found.observations.values()) == 16
    with pytest.raises(BadInput, match="no Sentinel-3 product in "):
        take_inventory(
            Request(fine=products.fine, coarse=tmp_path / "S3" / name, **asked | {
                "period": ("2022-03-05", "2022-04-01")
            })
        )  # fmt: skip


def test_broken_products(products, asked, tmp_path):
    coarse = tmp_path / "S3"
    shutil.copytree(products.coarse, coarse)
    broken = next(iter(sorted(coarse.iterdir())))
    (broken / "flags.nc").unlink()
    with pytest.raises(BadFile, match=r"flags\.nc"):
        efast.run(products.fine, coarse, tmp_path / "out", **asked)
    reading = {"reading_coarse": {"on_error": "skip"}}
    efast.run(products.fine, coarse, tmp_path / "skipped", formats="zarr", **asked, **reading)
    with pytest.raises(BadFile, match="no such file"):
        efast.run(tmp_path / "none", coarse, tmp_path / "out2", **asked)
