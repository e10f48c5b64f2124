"""The user-defined functions, run as the client's runtime runs them, against `efast.cells`."""

import ast
from importlib import resources

import numpy as np
import pytest
import xarray as xr
from plaingraphs import with_function

from efast import cloud_distance, composite_series, interp_time
from efast.cells.cloudscores import distance_score
from efast.cells.compositeseries import CompositeOptions, observation_distance
from efast.cells.dateweights import cell_weights, kept_images, time_weights
from efast.openeo.processgraph import function_text

NAMES = ("changes", "composites", "distance", "interpolation", "weights")
BEGIN = np.datetime64("2023-05-03T10:11:12.013", "ns")


def cube(values, days, bands):
    values = np.asarray(values, np.float32)
    rows, columns = (np.arange(size) * 300.0 for size in values.shape[2:])
    times = BEGIN + np.array(days) * np.timedelta64(1, "D")
    coords = {"t": times, "bands": list(bands), "y": -rows, "x": columns}
    return xr.DataArray(values, coords, ("t", "bands", "y", "x"))


def days_of(times):
    return np.asarray(times, "datetime64[D]").astype(np.int64)


def text_of(times):
    return [f"{str(time)[:23]}Z" for time in times.values]


def run(name, *given):
    return with_function(function_text(name), *given)


@pytest.fixture
def series():
    rng = np.random.default_rng(8)
    values = 0.2 + rng.normal(0, 0.05, (17, 2, 6, 7))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[:, :, 0, 0] = np.nan
    values[3:, 1, 2, 2] = np.nan  # three values
    return cube(values, np.cumsum(rng.integers(1, 4, 17)), ["Oa08", "Oa17"])


def test_the_modules_are_those_that_are_sent():
    files = [path.name for path in resources.files("efast.openeo.functions").iterdir()]
    assert sorted(f"{name}.py" for name in NAMES) == sorted(
        name for name in files if name.endswith(".py") and name != "__init__.py"
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_function_rests_on_public_packages_alone(name):
    tree = ast.parse(function_text(name))
    found = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {one.split(".")[0] for one in found} <= {"numpy", "pandas", "scipy", "typing", "xarray"}


CONTEXT = {"reach": 9, "distance_m": 2100, "cell_m": 300}


def test_distance_is_that_of_the_cells_within_its_reach():
    hidden = np.random.default_rng(2).random((3, 1, 30, 41)) < 0.006
    hidden[1] = False
    found = run("distance", cube(hidden, [0, 1, 2], ["a"]), CONTEXT)
    expected = cloud_distance(hidden)
    expected[expected > 9] = np.inf
    assert np.isinf(found.values[1]).all()
    np.testing.assert_array_equal(found.values, expected)


def test_scores_by_neighbourhoods_are_those_of_the_whole():
    from functools import partial

    from plaingraphs import apply_neighborhood

    from efast.openeo.processgraph import REACH, SIZE

    hidden = np.random.default_rng(6).random((2, 1, 300, 270)) < 1e-4
    whole = cube(hidden, [0, 1], ["a"])
    windows, around = (
        [{"dimension": side, "value": value, "unit": "px"} for side in "xy"]
        for value in (SIZE, REACH)
    )
    farthest = {"reach": REACH, "distance_m": 300 * (REACH - 1), "cell_m": 300}
    process = partial(with_function, function_text("distance"))
    found = apply_neighborhood(
        whole, lambda data, context: process(data, context), windows, around, farthest
    )
    expected = distance_score(cloud_distance(hidden), REACH - 1)
    np.testing.assert_array_equal(distance_score(found.values, REACH - 1), expected)
    assert expected.min() == 0
    assert expected.max() == 1
    assert len(np.unique(expected)) > 1000


def test_distance_takes_what_lies_beyond_the_edge_for_clear_and_keeps_the_order_of_dims():
    given = cube(np.full((1, 1, 3, 4), np.nan), [0], ["a"])
    given[0, 0, 1, 1] = 1
    found = run("distance", given.transpose("x", "y", "t", "bands"), CONTEXT)
    assert found.dims == ("x", "y", "t", "bands")
    assert found.isel(x=3, y=1).item() == 2


@pytest.mark.parametrize("distance", [0, -1, float("nan"), 2401])
def test_distance_refuses_what_a_neighbourhood_does_not_hold(distance):
    with pytest.raises(ValueError, match="at most 2400 m"):
        run("distance", cube(np.zeros((1, 1, 3, 3)), [0], "a"), {**CONTEXT, "distance_m": distance})


def test_composites_are_those_of_the_cells(series):
    options = CompositeOptions(step=3, mosaic_days=20, sigma=4, saturation=3, smoothing=0)
    score = distance_score(observation_distance(series.values), 3)
    made, at = composite_series(series.values, days_of(series["t"]), options)
    scored = xr.concat([series, cube(score[:, None], [0] * 17, ["s"]).assign_coords(t=series["t"])],
                       "bands")  # fmt: skip
    context = {"score": "s", "step": 3, "sigma": 4, "mosaic_days": 20}
    found = run("composites", scored.isel(bands=[0, 2, 1]), context)
    assert found["bands"].values.tolist() == ["Oa08", "s", "Oa17"]
    np.testing.assert_array_equal(days_of(found["t"]), at)
    np.testing.assert_allclose(found.values[:, [0, 2]], made, rtol=1e-6)
    seen = series.isel(bands=0).notnull().values
    assert (found.values[:, 1] >= 0).all()
    assert not found.values[:, 1][
        np.broadcast_to(~(seen & (score > 0)).any(0), made[:, 0].shape)
    ].any()
    assert np.isnan(made).any()


@pytest.mark.parametrize("wrong", [{"step": 0}, {"sigma": 0}, {"mosaic_days": -1}])
def test_composites_refuse_what_is_no_number_of_days(series, wrong):
    context = {"score": "Oa17", "step": 3, "sigma": 4, "mosaic_days": 20, **wrong}
    with pytest.raises(ValueError, match="above 0 days"):
        run("composites", series, context)


@pytest.mark.parametrize("extrapolate", ["nearest", "linear", "none"])
def test_interpolation_is_that_of_the_cells(series, extrapolate):
    wanted = series["t"][[2, 5]].values + np.timedelta64(1, "D")
    wanted = np.array([BEGIN - np.timedelta64(9, "D"), *wanted, BEGIN + np.timedelta64(80, "D")])
    expected, _ = interp_time(
        series.values, days_of(series["t"]), days_of(wanted), extrapolate=extrapolate
    )
    dates = [f"{str(time)[:23]}Z" for time in wanted]
    found = run("interpolation", series, {"dates": dates, "extrapolate": extrapolate})
    np.testing.assert_array_equal(found["t"].values, wanted)
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)
    assert np.isnan(expected).any()
    assert np.isfinite(expected).any()


WANTED = {
    "target_time_series": [],
    "temporal_extent": ["2023-05-01", "2023-06-01"],
    "temporal_extent_target": None,
    "interval_days": 10,
}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ["2023-05-01", "2023-05-11", "2023-05-21", "2023-05-31"]),
        ({"interval_days": 31}, ["2023-05-01"]),
        (
            {"temporal_extent_target": ["2023-05-20T10:00:00Z", "2023-06-01"]},
            ["2023-05-20", "2023-05-30"],
        ),
        (
            {"target_time_series": ["2023-06-03", "2023-05-09T23:30:00+02:00", "2023-05-09"]},
            ["2023-05-09", "2023-06-03"],
        ),
    ],
)
def test_target_days(series, changed, expected):
    found = run("interpolation", series, {**WANTED, **changed})
    assert found["t"].values.astype("datetime64[D]").astype(str).tolist() == expected


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"interval_days": None}, "interval_days or target_time_series"),
        ({"interval_days": 0}, "whole number of days"),
        ({"interval_days": 2.5}, "whole number of days"),
        ({"temporal_extent": ["2023-05-03", "2023-05-03"]}, "holds no day"),
        ({"temporal_extent_target": ["2023-05-03", "2023-06-02"]}, "widen temporal_extent"),
        ({"extrapolate": "cubic"}, "'nearest', 'linear' or 'none'"),
    ],
)
def test_target_days_that_are_none(series, changed, match):
    with pytest.raises(ValueError, match=match):
        run("interpolation", series, {**WANTED, **changed})


def test_weights_are_those_of_the_cells():
    score = np.random.default_rng(3).random((5, 1, 4, 6))
    score[:, 0, 0] = 0
    images = cube(score, [0, 4, 9, 15, 40], ["distance_score"])
    targets = ["2023-05-05T00:00:00Z", "2023-06-01T00:00:00Z", "2024-06-01T00:00:00Z"]
    days = days_of([text[:-1] for text in targets])
    in_time = time_weights(days_of(images["t"]), days, sigma=8, max_days=30)
    expected = cell_weights(score[:, 0], in_time, kept_images(score[:, 0], in_time))
    context = {"targets": targets, "sigma": 8, "max_days": 30}
    found = run("weights", images, context)
    assert found["bands"].values.tolist() == targets
    np.testing.assert_array_equal(found["t"], images["t"])
    np.testing.assert_allclose(found.transpose("bands", "t", "y", "x").values, expected, rtol=1e-6)
    assert not expected[2].any()


def test_changes_are_weighted_means_of_what_is_there():
    images = [[[[0.3, 0.4]]], [[[0.1, np.nan]]], [[[np.nan, np.nan]]]]
    coarse = [[[[0.2, 0.2]]], [[[0.2, 0.2]]], [[[0.2, np.nan]]]]
    one, other = [[[[0.75, 0.0]]], [[[0.25, 1.0]]], [[[0.9, 0.0]]]], np.zeros((3, 1, 1, 2))
    names = ["B04", "Oa08", "2023-05-04T00:00:00Z", "2023-05-05T00:00:00Z"]
    given = cube(np.concatenate([images, coarse, one, other], axis=1), [0, 5, 10], names)
    found = run("changes", given, {"fine": ["B04"], "targets": names[2:]})
    assert found.sizes == {"t": 2, "bands": 4, "y": 1, "x": 2}
    assert found["bands"].values.tolist() == names
    np.testing.assert_allclose(found.values[0, 1, 0], [0.75 * 0.1 - 0.25 * 0.1, np.nan], rtol=1e-6)
    assert np.isnan(found.values[1]).all()
    assert np.isnan(found.values[:, [0, 2, 3]]).all()


def test_changes_refuse_bands_without_partners():
    given = cube(np.zeros((1, 3, 1, 1)), [0], ["B03", "B04", "Oa08"])
    with pytest.raises(ValueError, match="3 bands: 2 of the images"):
        run("changes", given, {"fine": ["B03", "B04"], "targets": []})
