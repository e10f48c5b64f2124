"""Sums over blocks: each block once, whole in time, and the same sum for any chunking."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spaceeye.reductions import summed
from spaceeye.series import as_series


def make(y=23, x=31):
    random = np.random.default_rng(6)
    times = np.datetime64("2020-03-01", "ns") + np.arange(4) * np.timedelta64(3, "D")
    coords = {"time": times, "y": -10.0 * np.arange(y), "x": 10.0 * np.arange(x)}
    dn = random.integers(1, 5000, (4, 2, y, x)).astype(np.uint16)
    cube = xr.DataArray(dn, coords, ("time", "band", "y", "x"), attrs={"scale_factor": 1e-4})
    clear = random.random((4, y, x)) > 0.4
    return cube, xr.DataArray(clear, coords, ("time", "y", "x"))


def kernel(values, weights, extra, *, factor):
    """Give whole numbers in an array, as the kernels of regions do."""
    assert values.ndim == 3
    assert values.shape[0::2] == weights.shape == extra.shape
    assert values.flags.c_contiguous
    counted = (values.astype(np.int64) * weights[:, None] * extra[:, None]).sum(axis=2)
    return np.append(counted.ravel() * factor, [1, weights.shape[1]])


@pytest.mark.parametrize("chunks", [{"y": 23, "x": 31}, {"y": 5, "x": 7}, {"y": 1, "x": 31}])
def test_any_chunking_gives_the_same_sum(chunks):
    cube, weights = make()
    extra = (weights * 3).astype(np.uint8)
    whole = summed(as_series(cube, weights), kernel, extra, factor=7)
    expected = (cube.astype(np.int64) * weights * extra).sum(("y", "x")).values * 7
    np.testing.assert_array_equal(whole, [*expected.ravel(), 1, 23 * 31])
    lazy = as_series(cube.chunk(chunks), weights.chunk(chunks))
    parts = summed(lazy, kernel, extra.chunk({"time": -1, **chunks}), factor=7)
    np.testing.assert_array_equal(parts[:-2], whole[:-2])
    assert parts[-2] == -(-23 // chunks["y"]) * -(-31 // chunks["x"])
    assert parts[-1] == 23 * 31
