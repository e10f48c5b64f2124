"""Errors of hidden dates, compared with what can be worked out by hand."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import xarray as xr
from matplotlib import image

from spaceeye import holdout
from spaceeye.errors import BadInput
from workbench.errors import OutputExists

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
    found = holdout.errors_of(stack, [1], 0, {"linear": holdout.linear, "near": holdout.nearest})
    np.testing.assert_allclose(found["linear"].rmse, 0, atol=1e-12)
    np.testing.assert_allclose(found["near"].bias, [-40e-4, -80e-4])  # the date 4 days before
    np.testing.assert_allclose(found["near"].mae, [40e-4, 80e-4])
    assert found["near"].covered == 1


def test_what_is_near_is_hidden_too(stack):
    hidden = holdout.hide(stack, 2, 3)
    assert hidden["weight"].values[:, 0, 0].tolist() == [1, 1, 0, 0, 1]
    found = holdout.errors_of(stack, [2], 3, {"linear": holdout.linear})
    np.testing.assert_allclose(found["linear"].rmse, 0, atol=1e-12)
    alone = holdout.errors_of(stack, [2], 0, {"linear": holdout.linear})
    np.testing.assert_allclose(alone["linear"].bias, [37.5e-4, 37.5e-4])


def test_whittaker_is_the_dense_solution(stack):
    found = holdout.whittaker(stack, stack["time"].values[2], smoothness=7.0)
    second = np.diff(np.eye(31), n=2, axis=0)
    weights = np.zeros(31)
    weights[list(DAYS)] = 1
    values = np.zeros((31, 2))
    values[list(DAYS)] = stack["reflectance"].values[:, :, 0, 0] * 1e-4
    dense = np.linalg.solve(np.diag(weights) + 7.0 * second.T @ second, values)
    np.testing.assert_allclose(found[:, 0, 0], dense[10], rtol=1e-9)


def test_a_sample_does_not_depend_on_chunks(sample):
    import spaceeye

    whole = holdout.thinned(spaceeye.read(sample / "images", chunks=None), 500)
    parts = holdout.thinned(spaceeye.read(sample / "images", chunks=100), 500)
    assert whole.sizes["x"] <= 500
    xr.testing.assert_identical(whole["reflectance"], parts["reflectance"])
    xr.testing.assert_identical(whole["weight"], parts["weight"])


def test_a_report_of_the_sample(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(holdout, "PIXELS", 100)
    table = holdout.report(sample / "images", tmp_path, dates=4, least_clear=0.6)
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 2 * 4 * 10
    assert {row["method"] for row in rows} == set(holdout.METHODS)
    assert {row["dates"] for row in rows} == {"4"}
    assert all(0 < float(row["rmse"]) < 0.3 for row in rows)
    assert all(float(row["mae"]) <= float(row["rmse"]) for row in rows)
    assert all(abs(float(row["bias"])) <= float(row["mae"]) for row in rows)
    assert image.imread(tmp_path / "holdout.png").shape[1] > 900
    with pytest.raises(OutputExists, match=r"holdout\.csv"):
        holdout.report(sample / "images", tmp_path, dates=1, least_clear=0.6)


def test_nothing_clear_enough_is_said(stack, tmp_path, monkeypatch):
    half = stack["weight"].copy()
    half[:, :, 1] = 0
    monkeypatch.setattr(holdout, "read", lambda source: stack.assign(weight=half))
    with pytest.raises(BadInput, match="no date is 80% clear, the clearest is 50%: lower least"):
        holdout.report(tmp_path, tmp_path / "out")
    with pytest.raises(BadInput, match="least_clear=0, dates=20"):
        holdout.report(tmp_path, tmp_path / "out", least_clear=0)
