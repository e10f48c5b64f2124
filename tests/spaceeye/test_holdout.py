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
