"""How much each date counts: the formula by hand, and what it may not change."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spaceeye.damping import LEAST_DATE, left_out, weights_of_dates
from spaceeye.errors import BadInput
from spaceeye.interpolation import choose_damping, interpolate, solve
from spaceeye.series import as_series
from spaceeye.solver.observations import leave_one_out_residuals


@pytest.fixture(scope="module")
def stack() -> xr.Dataset:
    """A slow season of 24 dates, 40 by 30 pixels; number 7 is hazy, number 11 nearly all cloud."""
    random = np.random.default_rng(4)
    days = np.cumsum(random.integers(2, 8, 24)).astype("timedelta64[D]")
    dn = 2000 + 500 * np.sin(np.arange(24) / 5)[:, None, None, None] * np.ones((1, 3, 40, 30))
    dn += random.normal(0, 30, dn.shape)
    dn[7] += 700
    weight = (random.random((24, 40, 30)) < 0.8).astype(np.uint8)
    weight[11] = 0
    weight[11, 3, 5] = 1
    weight[:, 0, 0] = 0
    weight[11, 0, 0] = 1  # seen on this date and no other
    coords = {
        "time": np.datetime64("2021-01-05T10:30", "ns") + days,
        "band": ["B02", "B03", "B04"],
        "y": 5.4e6 - 10.0 * np.arange(40),
        "x": 5e5 + 10.0 * np.arange(30),
    }
    dims = ("time", "band", "y", "x")
    return xr.Dataset(
        {
            "reflectance": (dims, dn.astype(np.uint16), {"scale_factor": 1e-4}),
            "weight": (("time", "y", "x"), weight),
        },
        coords,
    )


def test_the_formula_by_hand(stack):
    series = as_series(stack, None)
    values = series.values.values.reshape(24, 3, -1)
    weights = series.weights.values.reshape(24, -1)
    residuals = leave_one_out_residuals(values, weights, series.days, 3.0).astype(float)
    with np.errstate(invalid="ignore"):
        error = np.nansum(residuals**2, (1, 2)) / np.isfinite(residuals).sum((1, 2))
    expected = weights.mean(axis=1) * (np.nanmedian(error) / error) ** 0.25
    found = weights_of_dates(left_out(series, (3.0,)), 3.0)
    np.testing.assert_allclose(found, np.clip(expected, LEAST_DATE, 1), atol=1e-4)
    assert found[11] == LEAST_DATE
    assert found[7] < 0.6 * np.median(found)


def test_the_result_is_that_of_weights_multiplied_by_hand(stack):
    found = interpolate(stack, alpha=2, output_times=3)
    dates = found.attrs["date_weights"]
    by_hand = stack["weight"] * xr.DataArray(np.float32(dates), dims="time")
    expected = interpolate(stack, by_hand, alpha=2, output_times=3, date_weights="none")
    xr.testing.assert_equal(found, expected)
    xr.testing.assert_equal(interpolate(stack, alpha=2, output_times=3, date_weights=dates), found)
    ones = interpolate(stack, alpha=2, output_times=3, date_weights=[1.0] * 24)
    none = interpolate(stack, alpha=2, output_times=3, date_weights="none")
    xr.testing.assert_equal(ones, none)
    assert none.attrs["date_weights"] == "none"


@pytest.mark.parametrize("chunks", [{"y": 7, "x": 11}, {"y": 40, "x": 1}])
def test_any_chunking_gives_the_same_bits(stack, chunks):
    whole = interpolate(stack, output_times=5)
    lazy = interpolate(stack.chunk(chunks), output_times=5)
    assert lazy.attrs["date_weights"] == whole.attrs["date_weights"]
    xr.testing.assert_equal(lazy.compute(), whole)
    knots = solve(stack.chunk(chunks), alpha=1)
    np.testing.assert_array_equal(knots["knots"], solve(stack, alpha=1)["knots"])


def test_what_is_seen_and_when_stays(stack):
    alike, weighed = (interpolate(stack, alpha=2, date_weights=how) for how in ("none", "auto"))
    xr.testing.assert_equal(alike["flag"], weighed["flag"])
    xr.testing.assert_equal(alike["age"], weighed["age"])
    corner = weighed["reflectance"][:, :, 0, 0]
    assert (corner == stack["reflectance"][11, :, 0, 0]).all()


def test_soft_weights_that_count_do_not_vanish(stack):
    soft = stack["weight"] * np.float32(0.002)
    alike, weighed = (interpolate(stack, soft, alpha=2, date_weights=w) for w in ("none", "auto"))
    xr.testing.assert_equal(alike["flag"], weighed["flag"])


def test_pixels_outside_of_an_image_are_not_clouds(stack):
    cut = stack.copy(deep=True)
    cut["reflectance"][::2, :, :, 15:] = 0
    found = choose_damping(cut, alpha=1.0)["date_weights"]
    assert np.median(found[::2]) > 0.7


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("all", "'auto', 'none', or a number for each date"),
        ([1.0, 0.5], r"shape \(2,\), there are 24"),
        ([0.0] * 24, "holds 0.0: from 0.01 to 1"),
        ([float("nan")] * 24, "holds nan"),
        ([[1.0], []], "a number for each date"),
    ],
)
def test_what_is_refused(stack, given, words):
    with pytest.raises(BadInput, match=words):
        interpolate(stack, date_weights=given)


def test_compat_knows_no_weights_of_dates(stack):
    with pytest.raises(BadInput, match="does not know date_weights"):
        interpolate(stack, mode="compat", date_weights=[1.0] * 24)
