"""climatological_normal and anomaly against loops over all dates."""

from __future__ import annotations

from datetime import date, timedelta

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from pyproj import CRS

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import Evaluation, execute
from workbench.openeo.values import is_lazy

DIMENSIONS = {
    "t": Dimension("temporal"),
    "y": Dimension("spatial", "y", -10.0),
    "x": Dimension("spatial", "x", 10.0),
}
COORDS = {"y": [15.0, 5.0], "x": [5.0, 15.0, 25.0]}
UTM = CRS("EPSG:32632")

MONTHS = {
    "djf": (12, 1, 2), "mam": (3, 4, 5), "jja": (6, 7, 8), "son": (9, 10, 11),
    "ndjfma": (11, 12, 1, 2, 3, 4), "mjjaso": (5, 6, 7, 8, 9, 10),
}  # fmt: skip


@pytest.fixture(params=["memory", "lazy"])
def lazy(request):
    return request.param == "lazy"


def made(labels, lazy, seed=1):
    values = np.random.default_rng(seed).normal(10, 3, (len(labels), 2, 3))
    if len(labels) > 5:
        values[5, 0, 0] = np.nan
    values[:, 1, 1] = np.nan
    data = da.from_array(values, chunks=(50, 1, 2)) if lazy else values
    labels = np.array(labels, "M8[ns]" if isinstance(labels[0], date) else None)
    array = xr.DataArray(data, {"t": labels, **COORDS}, tuple(DIMENSIONS))
    return Cube(array, DIMENSIONS, UTM)


def days(first, last, step=1):
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(n) for n in range(0, (end - start).days + 1, step)]


def run(process, evaluation=None, **arguments):
    cubes = {n: value for n, value in arguments.items() if isinstance(value, Cube)}
    named = {n: {"from_parameter": n} if n in cubes else v for n, v in arguments.items()}
    node = {"process_id": process, "arguments": named, "result": True}
    found = execute({"n": node}, given=cubes, run=evaluation or Evaluation())
    given = arguments["data"]
    assert is_lazy(found.array.data) == is_lazy(given.array.data)
    assert (found.dimensions, found.crs) == (given.dimensions, UTM)
    computed = found.array.compute(scheduler="synchronous")
    assert (computed.dtype, computed.shape) == (found.array.dtype, found.array.shape)
    return computed


def refused(words, process, **arguments):
    with pytest.raises(OpenEOError, match=words) as caught:
        run(process, **arguments)
    assert caught.value.code == "ProcessParameterInvalid"


def slow_normals(cube, dates, keys, member):
    known = cube.array.values
    found = np.full((len(keys), 2, 3), np.nan)
    for place, key in enumerate(keys):
        values = known[[member(day, key) for day in dates]]
        for index in np.ndindex(2, 3):
            valid = values[(slice(None), *index)]
            valid = valid[~np.isnan(valid)]
            if len(valid):
                found[(place, *index)] = valid.mean()
    return found


def of_day(day, key):
    return 2001 <= day.year <= 2003 and day.timetuple().tm_yday == int(key)


def of_month(day, key):
    return 2001 <= day.year <= 2003 and day.month == int(key)


def of_all(day, key):
    return 2001 <= day.year <= 2003


def of_season(first_complete):
    def member(day, key):
        months = MONTHS[key]
        year = day.year + (months[0] > months[-1] and day.month >= months[0])
        low = 2001 if first_complete or months[0] < months[-1] else 2002
        return low <= year <= 2003 and day.month in months

    return member


@pytest.mark.parametrize(
    ("period", "keys", "member"),
    [
        ("day", [f"{n:03}" for n in range(1, 366)], of_day),
        ("month", [f"{n:02}" for n in range(1, 13)], of_month),
        ("season", ["djf", "mam", "jja", "son"], None),
        ("tropical-season", ["ndjfma", "mjjaso"], None),
        ("climatology-period", ["climatology-period"], of_all),
    ],
)
@pytest.mark.parametrize(
    ("start", "complete"),
    [
        ("2001-01-01", ()),
        ("2000-12-01", ("season",)),
        ("2000-10-15", ("season", "tropical-season")),
    ],
)
def test_normals(lazy, period, keys, member, start, complete):
    dates = days(start, "2004-03-01", 3)
    cube = made(dates, lazy)
    found = run("climatological_normal", data=cube, period=period, climatology_period=[2001, 2003])
    member = member or of_season(period in complete)
    np.testing.assert_allclose(found, slow_normals(cube, dates, keys, member), rtol=1e-12)
    assert found.t.values.tolist() == keys


def test_normals_of_labelled_months(lazy):
    labels = [f"{year}-{month:02}" for year in (2001, 2002) for month in range(1, 13)]
    cube = made(labels, lazy)
    found = run("climatological_normal", data=cube, period="month", climatology_period=[2001, 2002])
    with np.errstate(all="ignore"):
        wanted = np.nanmean(cube.array.values.reshape(2, 12, 2, 3)[:, :, :, [0, 2]], axis=0)
    np.testing.assert_allclose(found[:, :, [0, 2]], wanted)
    years = {"climatology_period": [2001, 2002], "period": "climatology-period"}
    whole = run("climatological_normal", data=cube, **years)
    np.testing.assert_allclose(whole[0, 0, 2], cube.array.values[:, 0, 2].mean())


def test_normals_that_are_refused(lazy):
    name, cube = "climatological_normal", made(days("2001-01-01", "2003-12-31", 20), lazy)
    refused("2001 to 2003, and the normals are of 1981 to 2010", name, data=cube, period="month")
    refused("2000 to 2003", name, data=cube, period="month", climatology_period=[2000, 2003])
    refused("before 2003", name, data=cube, period="month", climatology_period=[2003, 2001])
    refused("week", name, data=cube, period="week", climatology_period=[2001, 2003])
    texts = made(["2001-djf", "2001-mam", "2002-djf"], lazy)
    years = {"climatology_period": [2001, 2002], "period": "month"}
    refused("not the label of a month", name, data=texts, **years)
    none = Cube(cube.array.isel(t=0, drop=True), {n: DIMENSIONS[n] for n in "yx"}, UTM)
    refused("exactly one temporal dimension and has none", name, data=none, period="month")


DAYS = [f"{n:03}" for n in range(1, 366)]


@pytest.mark.parametrize(
    ("period", "labels", "normals", "places"),
    [
        ("hour", ["2020-01-01-00", "2020-01-01-23"], [f"{n:02}" for n in range(24)], [0, 23]),
        ("day", ["2020-001", "2020-366", "2021-365"], DAYS, [0, None, 364]),
        ("week", ["2020-53", "2021-01"], [f"{n:02}" for n in range(1, 54)], [52, 0]),
        ("dekad", ["2020-01", "2020-36"], [f"{n:02}" for n in range(1, 37)], [0, 35]),
        ("month", ["2019-12", "2020-02"], [f"{n:02}" for n in range(1, 13)], [11, 1]),
        ("season", ["2020-djf", "2020-son"], ["djf", "mam", "jja", "son"], [0, 3]),
        ("tropical-season", ["2020-mjjaso", "2021-ndjfma"], ["ndjfma", "mjjaso"], [1, 0]),
        ("year", ["2019", "2020"], [2018, 2019, 2020], [1, 2]),
        ("year", ["2019", "2020"], ["2020", "2019"], [1, 0]),
        ("decade", ["2010", "2020"], [2010, 2020], [0, 1]),
        ("decade-ad", ["2011", "2021"], ["2021", "2011"], [1, 0]),
        ("single-period", ["any", "thing"], ["whatever"], [0, 0]),
        ("climatology-period", ["2020-01-01", "2022"], ["climatology-period"], [0, 0]),
    ],
)  # fmt: skip
def test_anomalies(lazy, period, labels, normals, places):
    cube, usual = made(labels, lazy), made(normals, lazy, seed=2)
    evaluation = Evaluation()
    found = run("anomaly", evaluation, data=cube, normals=usual, period=period)
    for label, place in enumerate(places):
        normal = np.nan if place is None else usual.array.values[place]
        assert np.array_equal(found[label], cube.array.values[label] - normal, equal_nan=True)
    assert found.t.values.tolist() == labels
    warnings = [entry.message for entry in evaluation.log.entries if entry.level == "warning"]
    assert warnings == ["no normal for 1 labels, such as 2020-366: null"] * (None in places)


def test_normals_of_no_place_suit_all_places(lazy):
    """Normals of means over all pixels lie in no CRS."""
    cube = made(days("2001-01-01", "2003-01-01", 9), lazy)
    means = cube.with_array(cube.array.mean(["y", "x"]))
    assert means.crs is None
    usual = means.with_array(means.array[:12].assign_coords(t=[f"{n:02}" for n in range(1, 13)]))
    found = run("anomaly", data=cube, normals=usual, period="month")
    months = np.array([day.month for day in days("2001-01-01", "2003-01-01", 9)])
    wanted = cube.array.values - usual.array.values[months - 1][:, None, None]
    np.testing.assert_allclose(found, wanted)


def test_anomalies_of_dates_and_of_one_plane(lazy):
    dates = days("2001-11-20", "2002-03-05", 9)
    cube, usual = made(dates, lazy), made(["djf", "mam", "jja", "son"], lazy, seed=2)
    found = run("anomaly", data=cube, normals=usual, period="season")
    place = [{11: 3, 12: 0, 1: 0, 2: 0, 3: 1}[day.month] for day in dates]
    assert np.array_equal(found, cube.array.values - usual.array.values[place], equal_nan=True)
    plane = usual.array.isel(x=2, drop=True).rename(t="when")
    column = usual.with_array(plane, when=Dimension("temporal"))
    found = run("anomaly", data=cube, normals=column, period="season")
    wanted = cube.array.values - usual.array.values[place][:, :, 2:]
    assert np.array_equal(found, wanted, equal_nan=True)


def test_anomalies_that_are_refused(lazy):
    cube, usual = made(["2020-01", "2020-02"], lazy), made(["01", "02"], lazy)
    refused("not the label of a season", "anomaly", data=cube, normals=usual, period="season")
    numbers, words = made([1, 2], lazy), "no normal is there for 2020-01; what is: 1, 2"
    refused(words, "anomaly", data=cube, normals=numbers, period="month")
    refused("a single one, and not 2", "anomaly", data=cube, normals=usual, period="single-period")
    moved = usual.with_array(usual.array.assign_coords(x=[1.0, 2.0, 3.0]))
    refused("other labels along x", "anomaly", data=cube, normals=moved, period="month")
    more = usual.with_array(usual.array.expand_dims(bands=["a"]), bands=Dimension("bands"))
    refused("the data have no bands", "anomaly", data=cube, normals=more, period="month")
    twice = usual.with_array(usual.array, y=Dimension("temporal"))
    refused("exactly one temporal dimension", "anomaly", data=cube, normals=twice, period="month")


def test_from_dates_to_anomalies(lazy):
    """Months, their normals and what is left: the anomalies of all years add up to nothing."""
    cube = made(days("2001-01-01", "2003-12-31", 5), lazy)
    mean = {"process_id": "mean", "arguments": {"data": {"from_parameter": "data"}}, "result": True}
    graph = {
        "months": {
            "process_id": "aggregate_temporal_period",
            "arguments": {
                "data": {"from_parameter": "cube"},
                "period": "month",
                "reducer": {"process_graph": {"m": mean}},
            },
        },
        "normals": {
            "process_id": "climatological_normal",
            "arguments": {
                "data": {"from_node": "months"},
                "period": "month",
                "climatology_period": [2001, 2003],
            },
        },
        "left": {
            "process_id": "anomaly",
            "arguments": {
                "data": {"from_node": "months"},
                "normals": {"from_node": "normals"},
                "period": "month",
            },
            "result": True,
        },
    }
    found = execute(graph, given={"cube": cube}).array.values
    assert found.shape == (36, 2, 3)
    left = np.nansum(found.reshape(3, 12, 2, 3), axis=0)
    np.testing.assert_allclose(left, 0, atol=1e-12)
    assert np.nanmax(np.abs(found)) > 0.1
