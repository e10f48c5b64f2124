"""Stores of results: complete or not there, and readable by others."""

from __future__ import annotations

import numpy as np
import pytest
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
