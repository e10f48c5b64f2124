"""Stores of results: complete or not there, and readable by others."""

from __future__ import annotations

import subprocess
import sys

import netCDF4
import numpy as np
import pytest
import rasterio
import xarray as xr

from workbench.errors import OutputExists
from workbench.rasters import stores


def test_zarr_and_netcdf_hold_everything(result, tmp_path):
    store = stores.zarr_store(result, tmp_path / "a.zarr")
    file = stores.netcdf_file(result, tmp_path / "a.nc")
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


def test_stores_follow_the_conventions(result, tmp_path):
    """As netCDF4 reads them: the CRS is named, flags have the type of their variable."""
    file = stores.netcdf_file(result, tmp_path / "a.nc")
    with netCDF4.Dataset(file) as raw:
        assert raw.Conventions == "CF-1.8"
        for name in result.data_vars:
            assert raw[name].grid_mapping == "spatial_ref"
        assert raw["spatial_ref"].grid_mapping_name == "transverse_mercator"
        assert raw["flag"].flag_values.dtype == raw["flag"].dtype == np.uint8
        assert len(raw["flag"].flag_meanings.split()) == len(raw["flag"].flag_values)
        assert raw["reflectance"]._FillValue == 0
        for dim, name in (("x", "projection_x_coordinate"), ("y", "projection_y_coordinate")):
            assert raw[dim].standard_name == name
            assert raw[dim].axis == dim.upper()
            assert "_FillValue" not in raw[dim].ncattrs()
        assert raw["time"].standard_name == "time"
    store = stores.zarr_store(result, tmp_path / "a.zarr")
    for plain in (xr.open_dataset(file), xr.open_zarr(store)):
        assert plain["reflectance"].odc.crs == result.odc.crs
        assert plain.attrs["Conventions"] == "CF-1.8"
        again = stores.netcdf_file(plain, tmp_path / "again.nc", overwrite=True)
        with netCDF4.Dataset(again) as raw:
            assert raw["support"].grid_mapping == "spatial_ref"
        plain.close()
    with rasterio.open(f"netcdf:{file}:age") as opened:
        assert opened.crs.to_epsg() == result.odc.crs.to_epsg()
        assert opened.transform.almost_equals(result.odc.geobox.affine)


def test_existing_stores_are_refused_or_replaced(result, tmp_path):
    store = stores.zarr_store(result, tmp_path / "a.zarr")
    with pytest.raises(OutputExists, match="overwrite=True"):
        stores.zarr_store(result, store)
    stores.zarr_store(result.isel(time=[0]), store, overwrite=True)
    assert xr.open_zarr(store).sizes["time"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_a_store_that_fails_does_not_appear(result, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "aligned", lambda dataset: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stores.zarr_store(result, tmp_path / "a.zarr")
    assert not (tmp_path / "a.zarr").exists()


OPENED_AGAIN = """
import sys
import xarray as xr
held = [xr.open_dataset(sys.argv[1]) for _ in range(2)]
for _ in range(20):
    with xr.open_dataset(sys.argv[1], cache=False) as found:
        found.load()
"""


def test_a_netcdf_file_with_names_may_be_opened_while_it_is_open(tmp_path):
    """Strings of any length in it would end the process."""
    names = ["B02", "B8A", "nachträglich"]
    cube = xr.Dataset({"a": (("band", "y"), np.ones((3, 4), np.float32))}, {"band": names})
    path = stores.netcdf_file(cube, tmp_path / "a.nc")
    subprocess.run([sys.executable, "-c", OPENED_AGAIN, str(path)], check=True)
    with xr.open_dataset(path) as found:
        assert found["band"].values.tolist() == names
