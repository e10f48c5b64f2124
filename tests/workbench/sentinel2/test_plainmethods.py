"""Plain predictions, against numpy, dense solutions and SpaceEye."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import spaceeye
from spaceeye.interpolation import choose_damping
from workbench.sentinel2 import plainmethods
from workbench.sentinel2.plainmethods import ALPHAS, LAMBDAS, damped, linear, nearest, whittaker

DAY = np.timedelta64(1, "D")
BEGIN = np.datetime64("2022-05-01T10:30", "ns")


def stack(days=(0, 5, 7, 15, 30, 41, 44), seed=0, pixels=(4, 9), clear=0.6, noise=0.01):
    """A season with noise, some of it hidden."""
    rng = np.random.default_rng(seed)
    wave = 0.3 + 0.2 * np.sin(np.array(days) / 12)[:, None, None, None]
    values = wave * rng.uniform(0.7, 1.3, (1, 3, *pixels))
    values = values + rng.normal(0, noise, values.shape)
    weight = rng.random((len(days), *pixels)) < clear
    values[~np.broadcast_to(weight[:, None], values.shape)] = np.nan
    coords = {"time": BEGIN + np.array(days) * DAY, "band": ["B02", "B03", "B04"],
              "y": -10.0 * np.arange(pixels[0]), "x": 10.0 * np.arange(pixels[1])}  # fmt: skip
    cube = xr.DataArray(values.astype(np.float32), coords, ("time", "band", "y", "x"))
    weights = cube[:, 0].drop_vars("band").copy(data=weight).astype(np.uint8)
    return xr.Dataset({"reflectance": cube, "weight": weights})


@pytest.mark.parametrize("alpha", [0.1, 1.0, 10.0, 300.0])
def test_damped_is_that_of_spaceeye(alpha):
    given = stack(pixels=(12, 17))
    times = [*given["time"].values[[0, 3, 6]], BEGIN + 22 * DAY, BEGIN - 3 * DAY, BEGIN + 60 * DAY]
    theirs = spaceeye.interpolate(given, alpha=alpha, date_weights="none", output_times=times)
    for time, expected in zip(times, theirs["reflectance"].values, strict=True):
        found = damped(given, time, alpha)
        assert np.isnan(found).any() == np.isnan(expected).any()
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


def test_damping_is_chosen_as_by_spaceeye():
    found = []
    for noise in (0.01, 0.2, 0.5):
        given, chosen = stack(pixels=(8, 16), clear=0.7, noise=noise), []
        damped(given, given["time"].values[2], chosen=chosen)
        theirs = choose_damping(given, date_weights="none")
        assert chosen == [theirs["alpha_days"]]
        found += chosen
    assert len(set(found)) > 1


def test_damping_without_a_choice_and_with_one_date():
    given, chosen = stack(), []
    alone = given.isel(time=[0])
    found = damped(alone, BEGIN, chosen=chosen)
    np.testing.assert_allclose(found, alone["reflectance"].values[0])
    assert chosen == [ALPHAS[2]]


def test_acquisitions_of_one_time_count_together():
    given = stack(days=(0, 5, 5, 9), clear=1.1)
    found = damped(given, BEGIN + 5 * DAY, 1e-9)
    expected = given["reflectance"].values[1:3].mean(0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_whittaker_chooses_by_leaving_out():
    given, chosen = stack(days=range(0, 150, 3), clear=0.8), []
    time = given["time"].values[20]
    found = whittaker(given, time, "auto", chosen)
    assert chosen[0] in LAMBDAS[1:-1]
    np.testing.assert_array_equal(found, whittaker(given, time, chosen[0]))
    sharp = np.abs(found - 0.3 - 0.2 * np.sin(60 / 12)).mean()
    assert sharp < np.abs(whittaker(given, time, 1e6) - 0.3 - 0.2 * np.sin(60 / 12)).mean()


def test_few_pixels_choose(monkeypatch):
    given, all_of_them, some = stack(days=range(0, 150, 3)), [], []
    time = given["time"].values[20]
    whittaker(given, time, "auto", all_of_them)
    monkeypatch.setattr(plainmethods, "CHOSEN_BY", 12)
    whittaker(given, time, "auto", some)
    assert some == all_of_them


@pytest.mark.parametrize("day", [0, 3, 15, 22, 44])
def test_linear_and_nearest_are_those_of_numpy(day):
    given, time = stack(), BEGIN + day * DAY
    straight, near = linear(given, time), nearest(given, time)
    days = (given["time"].values - time) / DAY
    for y, x in np.ndindex(4, 9):
        seen = given["weight"].values[:, y, x] > 0
        if not seen.any():
            assert np.isnan(straight[:, y, x]).all()
            assert np.isnan(near[:, y, x]).all()
            continue
        series = given["reflectance"].values[seen, :, y, x].astype(float)
        expected = [np.interp(0, days[seen], band) for band in series.T]
        np.testing.assert_allclose(straight[:, y, x], expected, rtol=1e-12)
        np.testing.assert_array_equal(near[:, y, x], series[np.abs(days[seen]).argmin()])
