"""Errors of hidden images, against hiding them by hand; and what a report holds and refuses."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib import image

import efast
from efast import accuracy
from efast.cells.compositeseries import CompositeOptions
from efast.errors import BadInput
from workbench.errors import OutputExists
from workbench.rasters.drawnsquares import thinned

_SPEC = importlib.util.spec_from_file_location("scenes", Path(__file__).with_name("scenes.py"))
scenes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(scenes)

DAY = scenes.DAY
SIDE = 80  # fine pixels, not a whole number of cells
OPTIONS = {"saturation": 2, "cloud_tolerance": 0.3}


@pytest.fixture(scope="module")
def cubes():
    """Some cells of the scene: 2 bands, the fine images in DN and out of order."""
    fine, coarse = scenes.series(scenes.landscape(True), step=10, share=0.3)
    fine = fine.isel(y=slice(SIDE), x=slice(SIDE))
    dn = (fine["reflectance"] * 1e4).round().astype(np.uint16)
    dn[4, 1, 10:20, 30:50] = 0  # missing in one band
    fine["reflectance"] = dn.assign_attrs(scale_factor=1e-4)
    cells = coarse.isel(y=slice(3), x=slice(3)).copy()
    cells.values[np.random.default_rng(0).random(cells.shape) < 0.1] = np.nan
    order = np.random.default_rng(1).permutation(fine.sizes["time"])
    return fine.isel(time=order), cells


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(accuracy, "PIXELS", 300)


def by_hand(fine, coarse, time, days):
    """Predict a date from the images that are left, as if the others had never been."""
    left = fine.isel(time=np.abs(fine["time"].values - time) > days * DAY)
    found = thinned(efast.fuse(left, coarse, [time], **OPTIONS)[["reflectance"]], 300)
    picked = thinned(fine.sel(time=[time]), 300)
    truth = picked["reflectance"].values[0, :, 0] * 1e-4
    seen = (picked["weight"].values[0, 0] > 0) & (truth > 0).all(axis=0)
    return found["reflectance"].values[0, :, 0, seen].T.astype(float), truth[:, seen]


def ndvi(values):
    return (values[1] - values[0]) / (values[1] + values[0])


@pytest.mark.parametrize("days", [0, 12])
def test_efast_is_as_good_as_by_hand(cubes, days):
    found = efast.hidden_date_errors(*cubes, least_clear=0.5, within=(days,), dates=5, **OPTIONS)
    assert found.bands == ("B04", "B8A", "ndvi")
    assert 3 <= len(found.dates) <= 5
    assert found.pixels <= 300
    errors, indices = [], []
    for time in found.dates:
        predicted, truth = by_hand(*cubes, time, days)
        errors.append(predicted - truth)
        indices.append(ndvi(predicted) - ndvi(truth))
    joined = np.vstack([np.concatenate(errors, axis=1), np.concatenate(indices)])
    has = np.isfinite(joined).all(axis=0)
    ours = found.errors[days]["EFAST"]
    assert ours.covered == pytest.approx(has.mean())
    assert 0.3 < ours.covered <= 1
    np.testing.assert_allclose(ours.mae, np.abs(joined[:, has]).mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(ours.bias, joined[:, has].mean(axis=1), rtol=1e-4, atol=1e-7)
    for one in found.errors[days].values():
        assert (np.abs(one.common_bias) <= one.common_mae).all()
        assert (one.common_mae <= one.common_rmse).all()
    assert list(found.errors[days]) == ["EFAST", "linear", "nearest", "Whittaker", "damped"]
    assert {len(numbers) for numbers in found.chosen.values()} == {len(found.dates)}


def same(one, other):
    assert one.bands == other.bands
    np.testing.assert_array_equal(one.dates, other.dates)
    for days, methods in one.errors.items():
        for name, errors in methods.items():
            for kind in (*accuracy.KINDS, "covered"):
                theirs = getattr(other.errors[days][name], kind)
                np.testing.assert_array_equal(getattr(errors, kind), theirs)


@pytest.mark.parametrize("held", [2**31, 0])
def test_chunks_change_nothing(cubes, monkeypatch, held):
    monkeypatch.setattr(accuracy, "HELD_BYTES", held)
    fine, coarse = cubes
    how = {"least_clear": 0.5, "dates": 2, **OPTIONS}
    lazy = fine.chunk({"time": 3, "y": 30}).transpose("x", "band", "y", "time")
    same(efast.hidden_date_errors(fine, coarse, **how),
         efast.hidden_date_errors(lazy, coarse.chunk(), **how))  # fmt: skip


def test_given_scores_and_composites_of_the_hidden_image_do_not_count(cubes):
    fine, coarse = cubes
    how = {"least_clear": 0.5, "dates": 3, "composites": {"step": 4}, "indices": "ndvi"}
    hidden = (fine["weight"] == 0).values
    cloudy = efast.cloudy_cells(hidden, scenes.RATIO, 0.3, beyond=False)
    score = efast.distance_score(efast.cloud_distance(cloudy), 2)
    labelled = coarse[:1, 0].drop_vars("band").isel(time=[0] * len(score)).copy(data=score)
    one = efast.hidden_date_errors(fine, coarse, score=labelled, **how)
    same(one, efast.hidden_date_errors(fine, coarse, **how, **OPTIONS))
    days = coarse["time"].values.astype("datetime64[D]").astype(int)
    made, at = efast.composite_series(coarse.values, days, CompositeOptions(step=4))
    cells = coarse.isel(time=[0] * len(at)).copy(data=made)
    cells["time"] = at.astype("datetime64[D]").astype("datetime64[ns]")
    how.pop("composites")
    given = efast.hidden_date_errors(fine, cells, composited=True, **how, **OPTIONS)
    same(one, given)


def test_a_band_alone_has_no_index(cubes):
    fine, coarse = cubes
    found = efast.hidden_date_errors(
        fine, coarse, least_clear=0.5, dates=2, within=[5], bands={"B8A": "Oa17"},
        smoothness=400, alpha=1, **OPTIONS,
    )  # fmt: skip
    assert found.bands == ("B8A",)
    assert {"Whittaker, lambda 400", "damped, alpha 1 d"} <= set(found.errors[5])
    assert found.chosen == {"whittaker_lambda": [400, 400], "damped_alpha_days": [1, 1]}


def test_a_report(cubes, tmp_path):
    how = {"least_clear": 0.5, "dates": 3, **OPTIONS}
    table = efast.report(*cubes, tmp_path, **how)
    found = efast.hidden_date_errors(*cubes, **how)
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 2 * 5 * 3
    assert {row["dates"] for row in rows} == {"3"}
    for row in rows:
        errors = found.errors[int(row["hidden_within_days"])][row["method"]]
        place = found.bands.index(row["band"])
        for kind in accuracy.KINDS:
            assert float(row[kind]) == pytest.approx(getattr(errors, kind)[place], abs=5.1e-6)
        assert float(row["covered"]) == pytest.approx(errors.covered, abs=5.1e-5)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["counts"] == {"dates": 3, "pixels": found.pixels}
    assert sum(summary["values"]["whittaker_lambda"].values()) == 6
    assert len(summary["values"]["hidden"]) == 3
    assert image.imread(tmp_path / "accuracy.png").shape[1] > 1000
    with pytest.raises(OutputExists, match=r"accuracy\.csv"):
        efast.report(*cubes, tmp_path, **how)
    assert efast.report(*cubes, tmp_path, **how, overwrite=True) == table


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"least_clear": 0}, "least_clear=0, dates=20"),
        ({"dates": 0}, "dates=0"),
        ({"within": ()}, r"within=\(\)"),
        ({"within": (0, -1)}, r"within=\(0, -1\)"),
        ({"within": (5, 5)}, "each once"),
        ({"smoothness": "most"}, "smoothness='most'"),
        ({"alpha": 0}, "alpha=0"),
        ({"alpha": np.nan}, "alpha=nan"),
        ({"sigmas": 3}, "'sigmas'; efast.fuse has the options bands, names"),
        ({"bands": {"B02": "Oa04"}}, "no fine band B02"),
        ({"least_clear": 0.5, "composites": {"step": 0}}, "step=0"),
    ],
)
def test_refused(cubes, tmp_path, options, words):
    with pytest.raises(BadInput, match=words):
        efast.report(*cubes, tmp_path, **options)
    assert not [path.name for path in tmp_path.iterdir() if path.suffix in (".csv", ".png")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda fine, coarse: (fine["reflectance"], coarse), "variables reflectance and weight"),
        (lambda fine, coarse: (fine, (coarse * 1000).fillna(0).astype("i2")), "give floats"),
        (lambda fine, coarse: (fine, coarse * 1e4), "have different units"),
        (
            lambda fine, coarse: (fine.where(fine["x"] < fine["x"][30], 0), coarse),
            "no date is 50% clear, the clearest is 3[78]%: lower least_clear",
        ),
        (lambda fine, coarse: (fine, coarse.assign_coords(x=coarse["x"] + 20)), "pixels off"),
    ],
)
def test_cubes_that_do_not_go_together(cubes, change, words):
    with pytest.raises(BadInput, match=words):
        efast.hidden_date_errors(*change(*cubes), least_clear=0.5, dates=1, **OPTIONS)


def test_all_within_hidden_leaves_nothing_and_says_so(cubes):
    found = efast.hidden_date_errors(*cubes, least_clear=0.5, dates=2, within=(400,), **OPTIONS)
    for one in found.errors[400].values():
        assert one.covered == 0
        assert np.isnan(one.rmse).all()


def test_a_dataset_of_the_coarse_series(cubes):
    fine, coarse = cubes
    how = {"least_clear": 0.5, "dates": 1, **OPTIONS}
    given = xr.Dataset({"reflectance": coarse})
    same(
        efast.hidden_date_errors(fine, coarse, **how), efast.hidden_date_errors(fine, given, **how)
    )
