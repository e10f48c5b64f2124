"""Filters on labelled arrays: what stays, and that chunks change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tiling.sentinel1.errors import ConfigurationError
from tiling.sentinel1.speckle.filters import SpeckleFilter
from tiling.sentinel1.speckle.labelled import despeckle

LEE = SpeckleFilter("lee", 3, looks=4.4)
FROST = SpeckleFilter("frost", 2, deramp=0.1)


def series(dims=("time", "y", "x")):
    """Two images with gaps, up to the edges."""
    random = np.random.default_rng(6)
    values = random.gamma(4.4, 0.1 / 4.4, (2, 90, 70)).astype(np.float32)
    values[random.random(values.shape) < 0.05] = 0
    values[:, :20, :4] = 0
    coords = {"time": [1, 2], "y": np.arange(90)[::-1], "x": np.arange(70)}
    found = xr.DataArray(values, coords, ("time", "y", "x"), attrs={"units": "1"})
    return found.transpose(*dims)


@pytest.mark.parametrize("one", [LEE, FROST])
def test_images_are_filtered_one_by_one_and_keep_their_labels(one):
    power = series(("y", "time", "x"))
    found = despeckle(power, one)
    assert found.dims == power.dims
    assert found.dtype == np.float32
    xr.testing.assert_equal(found.coords.to_dataset(), power.coords.to_dataset())
    for k in (1, 2):
        expected = one.apply(power.sel(time=k).values)
        np.testing.assert_array_equal(found.sel(time=k).values, expected)
    assert found.attrs["units"] == "1"
    assert found.attrs["filtering_method"] == one.method
    assert found.attrs.get("filtering_nblooks") == one.looks
    assert found.attrs.get("filtering_deramp") == one.deramp
    assert "filtered" not in power.attrs


@pytest.mark.parametrize("chunks", [(1, 30, 35), (2, 41, 70), (1, 9, 11), (2, 90, 70)])
@pytest.mark.parametrize("one", [LEE, FROST])
def test_chunks_change_no_bit(one, chunks):
    power = series()
    lazy = despeckle(power.chunk(dict(zip(power.dims, chunks, strict=True))), one)
    assert hasattr(lazy.data, "dask")
    assert lazy.dtype == np.float32
    xr.testing.assert_identical(lazy.compute(scheduler="synchronous"), despeckle(power, one))


def test_what_is_no_image_is_refused():
    with pytest.raises(ConfigurationError, match="not with y and x"):
        despeckle(xr.DataArray(np.ones((3, 4)), dims=("row", "x")), LEE)
    with pytest.raises(ConfigurationError, match="squared magnitude"):
        despeckle(xr.DataArray(np.ones((3, 4), complex), dims=("y", "x")), LEE)
