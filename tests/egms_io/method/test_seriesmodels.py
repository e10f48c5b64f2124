from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egms_io.errors import BadArgument
from egms_io.method.seriesmodels import (
    STATISTICS,
    design,
    fit,
    model_curve,
    model_estimation,
    temporal_coherence,
    years_since_first,
)

DAYS = np.datetime64("2020-01-03") + 6 * np.arange(120)
T = years_since_first(DAYS)


def slow_fit(series, t):
    """Fit one complete series as the formulas say, with lstsq and an explicit inverse."""
    matrices = {d: np.array([[x**p for p in range(1, d + 1)]
                             + [np.cos(2 * np.pi * x), np.sin(2 * np.pi * x), 1] for x in t])
                for d in (1, 2, 3)}  # fmt: skip
    found, spread, inverse = {}, {}, {}
    for d, matrix in matrices.items():
        found[d] = np.linalg.lstsq(matrix, series, rcond=None)[0]
        spread[d] = np.sqrt(np.mean((series - matrix @ found[d]) ** 2))
        inverse[d] = np.linalg.inv(matrix.T @ matrix)
    basis = matrices[3].copy()
    basis[:, 3] -= 1
    constant = np.linalg.lstsq(basis, series, rcond=None)[0][5]
    amplitude = (4 - np.pi) / 2 * (inverse[3][3, 3] + inverse[3][4, 4]) / 2
    return series - constant, {
        "rmse_ts": spread[3],
        "seasonality": np.sqrt(found[3][3] ** 2 + found[3][4] ** 2),
        "seasonality_std": spread[3] * np.sqrt(amplitude),
        "acceleration": 2 * found[2][1],
        "acceleration_std": 2 * np.sqrt(inverse[2][1, 1]) * spread[2],
        "mean_velocity": found[1][0],
        "mean_velocity_std": np.sqrt(inverse[1][0, 0]) * spread[1],
    }


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3]))
@settings(deadline=None, max_examples=30)
def test_fit_equals_lstsq_series_by_series(seed, missing):
    rng = np.random.default_rng(seed)
    series = rng.normal(0, 5, (len(T), 4)).cumsum(axis=0)
    series[rng.random(series.shape) < missing] = np.nan
    referred, statistics = fit(series, T)
    for cell in range(4):
        known = ~np.isnan(series[:, cell])
        expected, slow = slow_fit(series[known, cell], T[known])
        np.testing.assert_allclose(referred[known, cell], expected, atol=1e-8)
        assert np.isnan(referred[~known, cell]).all()
        for name in STATISTICS:
            assert statistics[name][cell] == pytest.approx(slow[name], abs=1e-8, rel=1e-8)


def test_a_year_has_365_days():
    assert years_since_first(np.array(["2020-01-03", "2021-01-02"], "datetime64[D]"))[1] == 1.0


def test_known_motion_is_recovered():
    motion = 5 + 3 * T + 2 * T**2 + 4 * np.cos(2 * np.pi * T) + 3 * np.sin(2 * np.pi * T)
    referred, found = fit(motion[:, None], T)
    assert found["rmse_ts"][0] < 1e-9
    assert found["seasonality"][0] == pytest.approx(5)
    assert found["acceleration"][0] == pytest.approx(4)
    assert referred[0, 0] == pytest.approx(0, abs=1e-9)
    assert referred[-1, 0] == pytest.approx(motion[-1] - motion[0])
    line, found = fit((7 - 3 * T)[:, None], T)
    assert found["mean_velocity"][0] == pytest.approx(-3)
    assert found["mean_velocity_std"][0] < 1e-9
    assert line[0, 0] == pytest.approx(0, abs=1e-9)


@given(st.floats(-1000, 1000))
@settings(deadline=None)
def test_an_offset_changes_nothing(offset):
    series = np.random.default_rng(1).normal(0, 3, (len(T), 2))
    referred, statistics = fit(series, T)
    shifted, again = fit(series + offset, T)
    np.testing.assert_allclose(shifted, referred, atol=1e-9)
    for name in STATISTICS:
        np.testing.assert_allclose(again[name], statistics[name], atol=1e-9)


def test_the_series_given_are_left_as_they_were():
    series = np.random.default_rng(1).normal(50, 3, (len(T), 2))
    before = series.copy()
    fit(series, T)
    assert np.array_equal(series, before)


def test_cells_do_not_depend_on_their_neighbours():
    series = np.random.default_rng(1).normal(0, 3, (len(T), 30))
    series[5, 7] = np.nan
    whole, statistics = fit(series, T)
    part, some = fit(np.ascontiguousarray(series[:, 4:9]), T)
    assert np.array_equal(part, whole[:, 4:9], equal_nan=True)
    assert all(np.array_equal(some[n], statistics[n][4:9], equal_nan=True) for n in STATISTICS)


@pytest.mark.parametrize(("known", "fitted"), [(5, False), (7, True)])
def test_too_few_dates_give_nan_not_nonsense(known, fitted):
    series = np.full((len(T), 1), np.nan)
    series[:: len(T) // known][:known] = 1.0
    referred, statistics = fit(series, T)
    assert np.isnan(referred).all() == (not fitted)
    assert np.isnan(statistics["rmse_ts"]).all()  # seven dates, six unknowns
    assert np.isnan(statistics["mean_velocity"]).all() == (not fitted)


@pytest.mark.parametrize(
    ("days", "empty"),
    [
        (30, {"rmse_ts", "mean_velocity", "acceleration", "seasonality"}),
        (150, {"mean_velocity", "acceleration", "seasonality"}),
        (190, {"acceleration", "seasonality"}),
        (500, {"acceleration", "seasonality"}),
        (560, set()),
    ],
)
def test_what_the_period_cannot_determine_is_empty(days, empty):
    t = np.arange(0, days + 1, 6) / 365
    series = np.random.default_rng(1).normal(0, 1, (len(t), 200))
    _, found = fit(series, t)
    fields = {"rmse_ts", "mean_velocity", "acceleration", "seasonality"}
    assert {name for name in fields if np.isnan(found[name]).all()} == empty
    for name in fields - empty:
        assert np.isfinite(found[name]).all()
    for name in ("mean_velocity", "acceleration", "seasonality"):
        assert np.isnan(found[f"{name}_std"]).all() == (name in empty)


def test_more_dates_of_the_same_acquisitions_determine_no_more():
    t = np.arange(0, 151) / 365  # daily
    _, found = fit(np.random.default_rng(1).normal(0, 1, (len(t), 3)), t)
    assert np.isnan(found["mean_velocity"]).all()


def test_a_series_with_a_hole_is_judged_by_its_own_dates():
    series = np.random.default_rng(1).normal(0, 1, (len(T), 2))
    series[20:, 1] = np.nan
    _, found = fit(series, T)
    assert np.isfinite(found["mean_velocity"][0])
    assert np.isnan(found["mean_velocity"][1])


def test_model_curve_is_the_fit():
    series = np.random.default_rng(4).normal(0, 3, (len(T), 2))
    series[3, 0] = np.nan
    curves = model_curve(series, T)
    for cell in range(2):
        known = ~np.isnan(series[:, cell])
        coefficients = np.linalg.lstsq(design(T, 3)[known], series[known, cell], rcond=None)[0]
        np.testing.assert_allclose(curves[:, cell], design(T, 3) @ coefficients)


def test_temporal_coherence_of_lines_and_of_noise():
    assert temporal_coherence((3 + 2 * T)[:, None], T)[0] == pytest.approx(1)
    quarter = 55.465760 / 8  # half of the dates a quarter turn ahead, half behind
    swing = np.where(np.arange(len(T)) % 2, quarter, -quarter)
    assert temporal_coherence(swing[:, None], T)[0] == pytest.approx(0, abs=0.01)


def test_model_estimation_of_a_frame():
    names = [str(day).replace("-", "") for day in DAYS]
    values = np.random.default_rng(5).normal(50, 3, (3, len(T)))
    frame = pd.DataFrame(values, columns=names, index=[4, 5, 6]).assign(pid=list("abc"))
    before = frame.copy()
    out = model_estimation(frame)
    expected, slow = slow_fit(values[1], T)
    np.testing.assert_allclose(out.loc[5, names].to_numpy(float), expected, atol=1e-9)
    assert out.loc[5, "rmse"] == pytest.approx(slow["rmse_ts"])
    assert out.loc[5, "mean_velocity"] == pytest.approx(slow["mean_velocity"])
    assert (out["temporal_coherence"] < 1).all()
    assert frame.equals(before)
    with pytest.raises(BadArgument, match="no YYYYMMDD"):
        model_estimation(frame[["pid"]])
