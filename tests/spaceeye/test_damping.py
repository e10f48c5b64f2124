"""The choice of alpha, against leaving out by hand."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import xarray as xr

from spaceeye.damping import ALPHAS, FALLBACK, Choice, choose_alpha, least_error
from spaceeye.series import as_series
from spaceeye.solver.observations import LeaveOneOut
from spaceeye.solver.reference import solve_knots


def season(noise, seed=0, pixels=300):
    """A slow season with noise, 40 % hidden: DN (N, B, P), weights (N, P), days (N,)."""
    random = np.random.default_rng(seed)
    days = np.cumsum(random.integers(2, 9, 30)).astype(float)
    smooth = 2000 + 800 * np.sin(days / 25)[:, None, None] * np.ones((1, 2, pixels))
    dn = np.round(smooth + random.normal(0, noise, smooth.shape)).astype(np.uint16)
    return dn, (random.random((30, pixels)) > 0.4).astype(np.uint8), days - days[0]


def series(dn, weights, days, chunks=None):
    """The same as a series of 10 rows."""
    times = np.datetime64("2020-02-20", "ns") + days.astype("timedelta64[D]")
    columns = dn.shape[-1] // 10
    coords = {"time": times, "y": -10.0 * np.arange(10), "x": 10.0 * np.arange(columns)}
    cube = xr.DataArray(
        dn.reshape(*dn.shape[:2], 10, columns), coords, ("time", "band", "y", "x"),
        attrs={"scale_factor": 1e-4},
    )  # fmt: skip
    clear = xr.DataArray(weights.reshape(-1, 10, columns), coords, ("time", "y", "x"))
    return as_series(cube.chunk(chunks) if chunks else cube, clear)


def brute_force(dn, weights, days, alpha):
    """Solve again without each acquisition; the root mean square of what it then misses."""
    squares, count = 0.0, 0
    for k in range(len(days)):
        without = weights.copy()
        without[k] = 0
        missed = (dn[k] - solve_knots(dn, without, days, alpha)[k])[:, weights[k] > 0]
        squares += np.nansum(missed**2)
        count += np.isfinite(missed).sum()
    return (squares / count) ** 0.5


def test_errors_equal_brute_force_and_the_least_wins(caplog):
    dn, weights, days = season(60)
    with caplog.at_level(logging.INFO, "spaceeye"):
        choice = choose_alpha(series(dn, weights, days))
    expected = [brute_force(dn, weights, days, alpha) for alpha in ALPHAS]
    assert choice.rmse == pytest.approx(expected, rel=1e-4)
    assert choice.tried == ALPHAS
    assert choice.alpha == ALPHAS[int(np.argmin(expected))]
    assert f"alpha={choice.alpha:g} days" in caplog.text
    assert f"0.1: {expected[0]:.1f}" in caplog.text


def test_noise_asks_for_more_damping():
    chosen = [choose_alpha(series(*season(noise))).alpha for noise in (2, 60, 500)]
    assert chosen == sorted(chosen)
    assert chosen[0] == 0.1
    assert chosen[-1] == 10.0


@pytest.mark.parametrize("chunks", [{"y": 3, "x": 7}, {"y": 10, "x": 1}])
def test_any_chunking_gives_the_same_choice(chunks):
    data = season(60)
    assert choose_alpha(series(*data, chunks)) == choose_alpha(series(*data))


def test_reflectance_and_dn_agree():
    dn, weights, days = season(60)
    numbers = choose_alpha(series(dn, weights, days))
    floats = choose_alpha(series(dn * np.float32(1e-4), weights, days))
    assert numbers.rmse == pytest.approx(floats.rmse, rel=1e-4)
    assert numbers.alpha == floats.alpha


def test_falls_back_where_nothing_is_seen_twice(caplog):
    weights = np.zeros((3, 40), np.uint8)
    weights[1] = 1
    dn = np.full((3, 2, 40), 700, np.uint16)
    with caplog.at_level(logging.INFO, "spaceeye"):
        assert choose_alpha(series(dn, weights, np.array([0.0, 5.0, 10.0]))) == Choice(FALLBACK)
    assert "no pixel is clear twice" in caplog.text


def test_of_equal_errors_the_smaller_alpha_wins():
    assert least_error(LeaveOneOut((0.1, 1.0, 3.0), (9, 7, 7), 65536)).alpha == 1.0
    assert least_error(LeaveOneOut((3.0, 1.0, 0.1), (7, 7, 9), 65536)).alpha == 1.0
