"""Errors of hidden dates, compared with what can be worked out by hand."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import xarray as xr
from matplotlib import image

from workbench.errors import BadInput, OutputExists
from workbench.sentinel2.holdout import (
    dates_to_hide,
    draw_errors,
    errors_of,
    hide,
    write_figure,
    write_table,
)
from workbench.sentinel2.plainmethods import linear, nearest, whittaker

DAYS = (0, 4, 10, 12, 30)


@pytest.fixture
def stack() -> xr.Dataset:
    """Five dates of two pixels on a straight line in time, but for the fourth."""
    line = np.array([[100 + 10 * day, 200 + 20 * day] for day in DAYS], float)
    line[3] += 50
    times = np.datetime64("2022-05-01T10:00:00", "ns") + np.array(DAYS) * np.timedelta64(1, "D")
    values = np.repeat(line[:, :, None, None], 2, axis=3).astype(np.uint16)
    return xr.Dataset(
        {
            "reflectance": (
                ("time", "band", "y", "x"), values, {"scale_factor": 1e-4, "add_offset": 0.0}
            ),
            "weight": (("time", "y", "x"), np.ones((5, 1, 2), np.uint8)),
        },
        {"time": times, "band": ["B04", "B08"]},
    )  # fmt: skip


def test_a_line_is_predicted_by_lines(stack):
    found = errors_of(stack, [1], 0, {"linear": linear, "near": nearest})
    np.testing.assert_allclose(found["linear"].rmse, 0, atol=1e-12)
    np.testing.assert_allclose(found["near"].bias, [-40e-4, -80e-4])  # the date 4 days before
    np.testing.assert_allclose(found["near"].mae, [40e-4, 80e-4])
    assert found["near"].covered == 1


def test_what_is_near_is_hidden_too(stack):
    hidden = hide(stack, 2, 3)
    assert hidden["weight"].values[:, 0, 0].tolist() == [1, 1, 0, 0, 1]
    found = errors_of(stack, [2], 3, {"linear": linear})
    np.testing.assert_allclose(found["linear"].rmse, 0, atol=1e-12)
    alone = errors_of(stack, [2], 0, {"linear": linear})
    np.testing.assert_allclose(alone["linear"].bias, [37.5e-4, 37.5e-4])


def test_whittaker_is_the_dense_solution(stack):
    found = whittaker(stack, stack["time"].values[2], smoothness=7.0)
    second = np.diff(np.eye(31), n=2, axis=0)
    weights = np.zeros(31)
    weights[list(DAYS)] = 1
    values = np.zeros((31, 2))
    values[list(DAYS)] = stack["reflectance"].values[:, :, 0, 0] * 1e-4
    dense = np.linalg.solve(np.diag(weights) + 7.0 * second.T @ second, values)
    np.testing.assert_allclose(found[:, 0, 0], dense[10], rtol=1e-9)


def test_methods_are_compared_on_pixels_common_to_all(stack):
    def half(others, time):
        found = linear(others, time) + 0.01
        found[:, 0, 1] = np.nan
        return found

    def other(others, time):
        found = nearest(others, time)
        found[0, 0, 1] += 0.5
        return found

    found = errors_of(stack, [1, 2], 0, {"half": half, "other": other})
    assert (found["half"].covered, found["other"].covered) == (0.5, 1)
    np.testing.assert_array_equal(found["half"].common_mae, found["half"].mae)
    assert found["other"].mae[0] == pytest.approx((found["other"].common_mae[0] * 2 + 1.003) / 4)
    np.testing.assert_allclose(
        found["other"].common_bias, errors_of(stack, [1, 2], 0, {"n": nearest})["n"].bias
    )


def test_what_is_derived_is_compared_too(stack):
    def ratio(values):
        return values[:1] / values[1:]

    found = errors_of(stack, [3], 0, {"linear": linear}, derived=ratio)["linear"]
    truth, seen = stack["reflectance"].values[3, :, 0, 0], linear(hide(stack, 3, 0), DATE)[:, 0, 0]
    assert found.bias[2] == pytest.approx(seen[0] / seen[1] - truth[0] / truth[1])
    assert found.rmse.shape == (3,)


DATE = np.datetime64("2022-05-13T10:00:00", "ns")


def test_a_pixel_of_which_nothing_can_be_derived_is_left_out(stack):
    def index(values):
        return np.where(values[:1] < 0.03, values[:1], np.nan)

    assert errors_of(stack, [0], 0, {"near": nearest}, derived=index)["near"].covered == 1
    none = errors_of(stack, [4], 0, {"near": nearest}, derived=index)["near"]  # the truth is NaN
    assert none.covered == 0
    assert np.isnan(none.rmse).all()


def test_dates_are_spread_over_the_series(stack):
    assert dates_to_hide(stack, 0.9, 2) == [0, 4]
    assert dates_to_hide(stack, 0.9, 3) == [0, 2, 4]
    assert dates_to_hide(stack, 0.9, 9) == [0, 1, 2, 3, 4]
    stack["weight"][:, 0, 1] = 0
    with pytest.raises(BadInput, match="no date is 80% clear, the clearest is 50%"):
        dates_to_hide(stack, 0.8, 9)


def test_the_table(stack, tmp_path):
    def nothing(others, time):
        return np.full((2, 1, 2), np.nan)

    found = {0: errors_of(stack, [1], 0, {"near": nearest, "nothing": nothing})}
    table = tmp_path / "errors.csv"
    write_table(table, found, ["B04", "B08"], 1, kinds=("bias", "common_mae"))
    rows = list(csv.DictReader(table.open()))
    assert list(rows[0]) == [
        "hidden_within_days", "method", "band", "bias", "common_mae", "covered", "dates"
    ]  # fmt: skip
    assert [row["bias"] for row in rows] == ["-0.00400", "-0.00800", "", ""]
    assert [row["covered"] for row in rows] == ["1.0000", "1.0000", "0.0000", "0.0000"]
    with pytest.raises(OutputExists):
        write_table(table, found, ["B04", "B08"], 1)


@pytest.mark.parametrize("index", [False, True])
def test_the_figure_shows_all(stack, tmp_path, index):
    methods = {"near": nearest, "linear": linear, "Whittaker": whittaker}
    found = {days: errors_of(stack, [1, 2], days, methods) for days in (0, 3)}
    figure = draw_errors(found, ["B04", "B08"], 2, index=index, note="simulated")
    assert len(figure.axes) == 2 + index
    for axis, days in zip(figure.axes, found, strict=False):
        shown = {line.get_label(): line.get_ydata() for line in axis.lines}
        for name in methods:
            expected = found[days][name].rmse[: 2 - index]
            np.testing.assert_array_equal(shown[name], expected)
            assert axis.get_ylim()[0] == 0
            assert axis.get_ylim()[1] > expected.max()
    assert "2 dates, simulated" in figure._suptitle.get_text()
    if index:
        lines = {line.get_label(): line.get_ydata() for line in figure.axes[-1].lines}
        near = [found[days]["near"].rmse[1] for days in found]
        np.testing.assert_array_equal(lines["near"], near)
    write_figure(tmp_path / "a.png", found, ["B04", "B08"], 2, index=index)
    assert image.imread(tmp_path / "a.png").shape[1] > 900
