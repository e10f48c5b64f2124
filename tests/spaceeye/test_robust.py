"""Robust weights: the formulas by hand, and what they do to haze that the mask missed."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from spaceeye.robust import (
    PASSES,
    SPAN,
    biweights,
    residual_histogram,
    robust_weights,
    scale_of,
)
from spaceeye.series import as_series
from spaceeye.solver.reference import leave_one_out, solve_knots


def hazy(seed=0, pixels=400):
    """A slow season; on 4 % of the clear observations haze adds 1500 DN to every band."""
    random = np.random.default_rng(seed)
    days = np.arange(0.0, 150, 5)
    truth = 1500 + 500 * np.sin(days / 30)[:, None, None] * np.ones((1, 4, pixels))
    noisy = truth + random.normal(0, 30, truth.shape)
    weights = (random.random((30, pixels)) > 0.4).astype(np.uint8)
    haze = (random.random((30, pixels)) < 0.04) & (weights > 0)
    noisy += 1500 * haze[:, None]
    return np.round(noisy).astype(np.uint16), weights, days, truth, haze


def series(dn, weights, days, chunks=None):
    """The same as a series of one column of pixels."""
    times = np.datetime64("2020-02-20", "ns") + days.astype("timedelta64[D]")
    coords = {"time": times, "y": -10.0 * np.arange(dn.shape[2]), "x": [500_000.0]}
    cube = xr.DataArray(
        dn[..., None], coords, ("time", "band", "y", "x"), attrs={"scale_factor": 1e-4}
    )
    clear = xr.DataArray(weights[..., None], coords, ("time", "y", "x"))
    return as_series(cube.chunk(chunks) if chunks else cube, clear)


def robust(dn, weights, days, chunks=None):
    """Robust weights (N, P) with alpha 1."""
    return robust_weights(series(dn, weights, days, chunks), 1.0).values[..., 0]


def test_weights_are_those_of_the_plain_chain():
    """All passes by hand in float64, medians of the sorted residuals."""
    dn, weights, days, _, _ = hazy()
    dn[dn == 0] = 1
    new = weights.astype(float)
    for _ in range(PASSES):
        residuals = dn - leave_one_out(dn, new, days, 1.0)
        residuals[np.broadcast_to((weights == 0)[:, None], residuals.shape)] = np.nan
        bands = [residuals[:, band] for band in range(4)]
        scale = [1.4826 * np.nanmedian(np.abs(band - np.nanmedian(band))) for band in bands]
        ratio = residuals / np.array(scale)[:, None]
        share = (ratio**2).mean(axis=1) / 25
        new = weights * np.where(share < 1, (1 - share) ** 2, np.where(np.isnan(share), 1, 0))
    assert_allclose(robust(dn, weights, days), new, atol=0.03)


@pytest.mark.parametrize("chunks", [{"y": 7}, {"y": 400}])
def test_any_chunking_gives_the_same_bits(chunks):
    dn, weights, days, _, _ = hazy()
    assert_array_equal(robust(dn, weights, days, chunks), robust(dn, weights, days))


def test_reflectance_and_dn_agree():
    dn, weights, days, _, _ = hazy()
    floats = robust(dn * np.float32(1e-4), weights, days)
    assert_allclose(floats, robust(dn, weights, days), atol=0.01)


def test_haze_loses_its_weight_and_the_series_comes_closer_to_the_truth():
    dn, weights, days, truth, haze = hazy()
    new = robust(dn, weights, days)
    clean = (weights > 0) & ~haze
    assert (new[haze] < 0.05).mean() > 0.95
    assert new[clean].mean() > 0.85
    assert (new[weights == 0] == 0).all()
    plain = np.abs(solve_knots(dn, weights, days, 1.0) - truth).mean()
    better = np.abs(solve_knots(dn, new, days, 1.0) - truth).mean()
    assert better < 0.6 * plain


def test_no_pixel_loses_all_its_weights():
    """Two observations that disagree both look wrong; neither may go."""
    dn, weights, days, _, _ = hazy()
    weights[:, 0] = 0
    weights[[3, 9], 0] = 1
    dn[3, :, 0], dn[9, :, 0] = 500, 9000
    weights[:, 1] = 0
    weights[5, 1] = 1
    weights[:, 2] = 0
    new = robust(dn, weights, days)
    assert_array_equal(new.any(axis=0), weights.any(axis=0))
    assert_array_equal(new[:, :3], weights[:, :3])


@given(st.integers(0, 2**32 - 1))
def test_scale_is_that_of_the_sorted_residuals(seed):
    random = np.random.default_rng(seed)
    found = random.normal(12, 80, (6, 2, 500)).astype(np.float32)
    found[random.random(found.shape) < 0.2] = np.nan
    expected = [
        1.4826 * np.nanmedian(np.abs(band - np.nanmedian(band)))
        for band in (found[:, 0], found[:, 1])
    ]
    assert_allclose(scale_of(residual_histogram(found)), expected, atol=1.5)


@given(st.integers(0, 2**32 - 1), st.integers(1, 99))
def test_histograms_of_chunks_add_up(seed, cut):
    found = np.random.default_rng(seed).normal(0, 9000, (4, 3, 100)).astype(np.float32)
    whole = residual_histogram(found)
    parts = residual_histogram(found[:, :, :cut]) + residual_histogram(found[:, :, cut:])
    assert_array_equal(parts, whole)
    assert_array_equal(whole.sum(axis=1), 400)


def test_histogram_by_hand():
    found = np.array([-1e9, -0.4, 0.6, 1.4, np.nan, 1e9], np.float32)[:, None, None]
    counts = residual_histogram(found)[0]
    assert dict(zip(np.flatnonzero(counts) - SPAN, counts[counts > 0], strict=True)) == {
        -SPAN: 1,
        0: 1,
        1: 2,
        SPAN: 1,
    }


def test_biweights_by_hand():
    found = np.array([[3.0, 0.0], [4.0, 30.0], [np.nan, np.nan]], np.float32)[:, :, None]
    base = np.array([[1.0], [0.5], [1.0]])
    weights = biweights(found, base, [1.0, 2.0])
    first = (1 - (9 / 2) / 25) ** 2
    assert_allclose(weights, [[first], [0.0], [1.0]], rtol=1e-6)
    only = biweights(found[:, :1], base, [np.nan])  # a band without scale takes no part
    assert_array_equal(only, base)


def test_scale_of_bands_without_noise_or_residuals():
    counts = residual_histogram(np.zeros((3, 1, 4), np.float32))
    assert_array_equal(scale_of(counts), 1.0)
    assert np.isnan(scale_of(np.zeros((1, 2 * SPAN + 1), np.int64))).all()


def test_clean_data_keep_nearly_all_weight():
    dn, weights, days, _, haze = hazy()
    weights[haze] = 0
    new = robust(dn, weights, days)
    assert new[weights > 0].mean() > 0.85
    assert (new[weights > 0] == 0).mean() < 0.02
