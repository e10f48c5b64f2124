"""Files of results: complete or not there, and readable by others."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import xarray as xr

import spaceeye
from spaceeye.errors import BadFile, BadInput
from workbench.errors import OutputExists
from workbench.rasters import writers


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    stack = spaceeye.simulate(70).stack.chunk({"y": 32, "x": 32})
    return spaceeye.interpolate(stack, alpha=1.0, output_times=30, max_gap=20)


@pytest.fixture
def some(result):
    return result["reflectance"].isel(time=slice(0, 3))


def hidden(folder):
    return [path.name for path in folder.rglob(".*")]


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
        assert image.tags()["TIFFTAG_DATETIME"].startswith(str(some["time"].values[1])[:10])


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
    def fail(array):
        yield next(iter(real(array)))
        raise RuntimeError("in the middle")

    real = writers._windows
    monkeypatch.setattr(writers, "_windows", fail)
    monkeypatch.setattr(writers, "BLOCK", 32)
    with pytest.raises(RuntimeError, match="in the middle"):
        spaceeye.write_cogs(some, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_image_needs_a_crs(some, tmp_path):
    nowhere = some.drop_vars("spatial_ref").assign_coords(y=some["y"].values, x=some["x"].values)
    with pytest.raises(BadInput, match="no CRS"):
        spaceeye.write_cogs(nowhere, tmp_path)


def test_zarr_and_netcdf_hold_everything(result, tmp_path):
    store = writers.zarr_store(result, tmp_path / "a.zarr")
    file = writers.netcdf_file(result, tmp_path / "a.nc")
    for opened in (
        xr.open_zarr(store, mask_and_scale=False, decode_coords="all"),
        xr.open_dataset(file, mask_and_scale=False, decode_coords="all"),
    ):
        for name in result.data_vars:
            np.testing.assert_array_equal(opened[name], result[name])
            assert opened[name].dtype == result[name].dtype
        assert opened.odc.crs == result.odc.crs
        assert opened.attrs["alpha_days"] == 1.0
        assert list(opened["flag"].attrs["flag_values"]) == [0, 1, 2, 3]
        opened.close()
    masked = xr.open_zarr(store, decode_coords="all")["reflectance"]
    expected = (result["reflectance"] * 1e-4).where(result["reflectance"] > 0)
    np.testing.assert_allclose(masked, expected, atol=1e-7)


def test_existing_stores_are_refused_or_replaced(result, tmp_path):
    store = writers.zarr_store(result, tmp_path / "a.zarr")
    with pytest.raises(OutputExists, match="overwrite=True"):
        writers.zarr_store(result, store)
    writers.zarr_store(result.isel(time=[0]), store, overwrite=True)
    assert xr.open_zarr(store).sizes["time"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_a_store_that_fails_does_not_appear(result, tmp_path, monkeypatch):
    monkeypatch.setattr(writers, "aligned", lambda dataset: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        writers.zarr_store(result, tmp_path / "a.zarr")
    assert not (tmp_path / "a.zarr").exists()


def test_knots_come_back_from_their_store(tmp_path):
    stack = spaceeye.simulate(40).stack
    direct = spaceeye.interpolate(stack, alpha=3.0, output_times=7)["reflectance"]
    path = spaceeye.save_knots(
        spaceeye.solve(stack.chunk({"y": 16}), alpha=3.0), tmp_path / "k.zarr"
    )
    found = spaceeye.evaluate(spaceeye.open_knots(path), 7)
    assert found.chunks is not None
    np.testing.assert_array_equal(found, direct)
    assert found.attrs["scale_factor"] == 1e-4
    other = spaceeye.evaluate(spaceeye.open_knots(path), ["2022-01-09"], extrapolate="nan")
    assert other.sizes["time"] == 1
    for bad in (tmp_path / "none.zarr", tmp_path):
        with pytest.raises(BadFile, match="knots"):
            spaceeye.open_knots(bad)
    with pytest.raises(BadInput, match="holds knots and weight, this one reflectance"):
        spaceeye.evaluate(direct.to_dataset(name="reflectance"))
