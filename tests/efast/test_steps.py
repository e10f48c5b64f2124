"""Scores, composites, smoothing, interpolation in time and weights of dates, against plain ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d

from efast.cells.cloudscores import cloud_distance, cloudy_cells, distance_score
from efast.cells.coarseseries import interp_time
from efast.cells.composites import composite, smooth
from efast.cells.dateweights import cell_weights, kept_images, time_weights
from efast.errors import BadInput


def test_a_cell_with_exactly_the_tolerance_is_cloudy():
    bad = np.zeros((30, 90), bool)
    bad[0, :] = bad[1, :15] = True  # 30 + 15 = 45 of 900 in the first cell, 30 in the others
    np.testing.assert_array_equal(cloudy_cells(bad, 30), [[True, False, False]])
    bad[1, 0] = False
    assert not cloudy_cells(bad, 30).any()


@settings(max_examples=30)
@given(st.integers(1, 7), st.integers(1, 20), st.integers(1, 20), st.floats(0.01, 1))
def test_cells_count_their_pixels_and_lacking_ones_are_bad(ratio, height, width, tolerance):
    bad = np.random.default_rng(height * 100 + width).random((height, width)) < 0.2
    found = cloudy_cells(bad, ratio, tolerance)
    for y, x in np.ndindex(found.shape):
        block = bad[y * ratio : (y + 1) * ratio, x * ratio : (x + 1) * ratio]
        count = int(block.sum()) + ratio**2 - block.size
        assert found[y, x] == (count / ratio**2 >= tolerance - 1e-12)


def test_distances_are_to_the_nearest_cloud():
    cloudy = np.zeros((3, 5, 6), bool)
    cloudy[0, 1, 2] = cloudy[0, 4, 5] = cloudy[1, 0, 0] = True
    found = cloud_distance(cloudy)
    for image in (0, 1):
        places = np.argwhere(cloudy[image])
        for y, x in np.ndindex(5, 6):
            nearest = min(np.hypot(*(place - (y, x))) for place in places)
            assert found[image, y, x] == pytest.approx(nearest)
    assert np.isinf(found[2]).all()
    np.testing.assert_array_equal(distance_score(found[2], 15), 1)


def test_the_published_program_measures_from_beyond_the_corner_where_no_cloud_is():
    found = cloud_distance(np.zeros((4, 4), bool), compat="dhi")
    assert found[0, 0] == 1
    assert distance_score(found, 15)[0, 0] == 0


def test_scores_rise_from_one_cell_on():
    np.testing.assert_allclose(
        distance_score([0, 1, 2, 8.5, 16, 40, np.inf], 15), [0, 0, 1 / 15, 0.5, 1, 1, 1], rtol=1e-6
    )


def observations(seed=0, gaps=0.3):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.1, 0.5, (12, 2, 4, 5)).astype(np.float32)
    coarse[rng.random(coarse.shape) < gaps] = np.nan
    return coarse, rng.random((12, 4, 5)).astype(np.float32), np.sort(rng.integers(0, 40, 12))


@pytest.mark.parametrize("window", [6, 100])
def test_composites_are_weighted_means(window):
    coarse, score, days = observations()
    at = np.array([-30, 0, 11, 20])
    found = composite(coarse, score, days, at, sigma=7, window=window)
    for k, b, y, x in np.ndindex(found.shape):
        used = (np.abs(days - at[k]) <= window / 2) & np.isfinite(coarse[:, b, y, x])
        weights = (score[:, y, x] * np.exp(-((days - at[k]) ** 2) / 98))[used]
        if weights.sum() > 0:
            assert found[k, b, y, x] == pytest.approx(
                np.average(coarse[used, b, y, x], weights=weights), rel=1e-5
            )
        else:
            assert np.isnan(found[k, b, y, x])
    assert np.isnan(found).any() == (window == 6)


def test_composites_of_the_published_program():
    coarse, score, days = observations()
    found = composite(coarse, score, days, np.array([11]), sigma=7, compat="dhi")[0]
    in_time = np.exp(-((days - 11) ** 2) / 98)
    weights = score * (in_time / in_time.max())[:, None, None]
    weights[np.isnan(coarse[:, 0])] = 0
    weights = weights / (weights.sum(0) + 1e-5)
    expected = np.nansum(weights[:, None] * coarse, axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_smoothing_is_a_mean_of_five_by_five_with_weights_of_what_is_there():
    rng = np.random.default_rng(3)
    plane = rng.random((6, 7))
    plane[rng.random(plane.shape) < 0.3] = np.nan
    kernel = np.exp(-(np.arange(-2, 3) ** 2) / 2)
    kernel = np.outer(kernel, kernel)
    around = np.pad(plane, 2, mode="edge")
    expected = np.array(
        [
            [
                np.nansum(kernel * around[y : y + 5, x : x + 5])
                / np.sum(kernel * np.isfinite(around[y : y + 5, x : x + 5]))
                for x in range(7)
            ]
            for y in range(6)
        ]
    )
    np.testing.assert_allclose(smooth(plane), expected, rtol=1e-6)
    kept = smooth(plane, preserve_nan=True)
    np.testing.assert_array_equal(np.isnan(kept), np.isnan(plane))
    np.testing.assert_allclose(smooth(np.ones((3, 4))), 1, rtol=1e-6)  # up to the very corner
    assert np.isnan(smooth(np.full((3, 3), np.nan))).all()


@pytest.mark.parametrize("extrapolate", ["linear", "nearest", "none"])
def test_interpolation_in_time(extrapolate):
    rng = np.random.default_rng(5)
    days = np.array([0, 4, 8, 15, 16, 30, 31])
    series = rng.random((7, 2, 3, 4)).astype(np.float32)
    series[rng.random(series.shape) < 0.3] = np.nan
    at = np.array([-5, 0, 3, 16, 29, 31, 44])
    found, outside = interp_time(series, days, at, extrapolate=extrapolate)
    counts = set()
    for b, y, x in np.ndindex(2, 3, 4):
        seen = np.isfinite(series[:, b, y, x])
        counts.add(int(seen.sum()))
        known, values = days[seen], series[seen, b, y, x]
        if seen.sum() < 4:
            assert np.isnan(found[:, b, y, x]).all()
            assert outside[:, b, y, x].all()
            continue
        ends = {"linear": "extrapolate", "nearest": (values[0], values[-1]), "none": np.nan}
        expected = interp1d(known, values, bounds_error=False, fill_value=ends[extrapolate])(at)
        np.testing.assert_allclose(found[:, b, y, x], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(outside[:, b, y, x], (at < known[0]) | (at > known[-1]))
    assert min(counts) < 4 < max(counts)


@settings(max_examples=20)
@given(st.floats(-0.02, 0.02), st.floats(0, 1))
def test_a_straight_series_is_met_everywhere(slope, start):
    days = np.arange(0, 50, 5)
    series = (start + slope * days).astype(np.float32)[:, None, None, None]
    found, _ = interp_time(series, days, [-7, 12, 60], extrapolate="linear")
    np.testing.assert_allclose(
        found.ravel(), start + slope * np.array([-7, 12, 60]), rtol=1e-4, atol=1e-5
    )


def date_weights(score, days, targets, minimum_importance=0.0, **options):
    in_time = time_weights(days, targets, **options)
    return cell_weights(score, in_time, kept_images(score, in_time, minimum_importance))


def test_weights_of_dates():
    score = np.random.default_rng(2).random((4, 3, 3)).astype(np.float32)
    score[:, 0, 0] = 0
    days = np.array([0, 10, 29, 30])
    found = date_weights(score, days, [0], sigma=20, max_days=30)[0]
    assert (found[3] == 0).all()  # 30 days away is too far
    in_time = np.exp(-(days[:3] ** 2) / 800)[:, None, None]
    expected = score[:3] * in_time
    seen = expected.sum(0) > 0
    np.testing.assert_allclose(
        found[:3, seen], expected[:, seen] / expected.sum(0)[seen], rtol=1e-5
    )
    assert (found[:, 0, 0] == 0).all()


def test_an_image_that_hardly_counts_is_left_out():
    score = np.ones((3, 2, 2), np.float32)
    score[2] = 0.01
    found = date_weights(score, [5, 5, 5], [5], minimum_importance=0.5)[0]
    assert (found[2] == 0).all()
    np.testing.assert_allclose(found[:2], 1 / 2.01, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cloudy_cells(np.zeros((4, 4)), 0), "ratio=0"),
        (lambda: cloudy_cells(np.zeros((4, 4)), 2, 0), "tolerance=0"),
        (lambda: distance_score([1], 0), "saturation=0"),
        (lambda: smooth(np.zeros((2, 2)), 0), "std=0"),
        (lambda: interp_time(np.zeros((2, 1, 1, 1)), [1, 1], [0]), "strictly ascending"),
        (lambda: interp_time(np.zeros((2, 1, 1, 1)), [1], [0]), "1 days for 2 composites"),
        (lambda: date_weights(np.zeros((2, 3, 3)), [1], [1]), "do not go with 1 days"),
        (lambda: date_weights(np.zeros((1, 3, 3)), [1], [1], max_days=0), "max_days=0"),
        (
            lambda: composite(np.zeros((2, 3, 3)), np.zeros((2, 3, 3)), np.arange(2), np.arange(1)),
            r"\(date, band, y, x\) is needed",
        ),
        (
            lambda: composite(np.zeros((2, 1, 3, 3)), np.zeros((2, 3, 2)), np.arange(2), [1]),
            "do not go with observations",
        ),
    ],
)
def test_refused(call, words):
    with pytest.raises(BadInput, match=words):
        call()
