"""aggregate_temporal, aggregate_temporal_period and resample_cube_temporal against plain loops."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from workbench.openeo.cubeprocesses.calendars import PERIODS, period_label, period_numbers
from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import execute
from workbench.openeo.values import is_lazy

pytestmark = pytest.mark.filterwarnings("ignore:Mean of empty slice")

DIMENSIONS = {
    "bands": Dimension("bands"),
    "t": Dimension("temporal"),
    "y": Dimension("spatial", "y", -10.0),
    "x": Dimension("spatial", "x", 10.0),
}
TIMES = [
    "2019-12-31T23:30", "2020-01-01T00:00", "2020-01-10T05:59:59", "2020-01-11T06:00",
    "2020-02-29T12:00", "2020-03-01T18:00", "2020-12-31T10:00", "2021-01-01T10:00",
]  # fmt: skip
UTM = CRS("EPSG:32632")


@pytest.fixture(params=["memory", "lazy"])
def lazy(request):
    return request.param == "lazy"


@pytest.fixture
def cube(lazy):
    return made(TIMES, lazy)


def made(times, lazy, kind=np.float32, name="t"):
    labels = np.array(times, "datetime64[ns]")
    values = np.random.default_rng(4).normal(0, 50, size=(2, len(labels), 2, 3)).astype(kind)
    if values.dtype.kind == "f" and len(labels):
        values[:, len(labels) // 2, 0, 0] = np.nan
        values[0, :, 1, 1] = np.nan
    data = da.from_array(values, chunks=(1, 3, 2, 2)) if lazy else values
    coords = {"bands": ["a", "b"], "t": labels, "y": [15.0, 5.0], "x": [5.0, 15.0, 25.0]}
    made = Cube(xr.DataArray(data, coords, tuple(DIMENSIONS)), DIMENSIONS, UTM)
    return made if name == "t" else renamed(made, name)


def renamed(cube, name):
    dimensions = {name if n == "t" else n: each for n, each in cube.dimensions.items()}
    return Cube(cube.array.rename(t=name), dimensions, cube.crs)


def reducer(process, **more):
    arguments = {"data": {"from_parameter": "data"}, **more}
    return {"process_graph": {"r": {"process_id": process, "arguments": arguments, "result": True}}}


MEAN = reducer("mean")


def run(cube, process, /, **arguments):
    cubes = {n: value for n, value in arguments.items() if isinstance(value, Cube)} | {"cube": cube}
    given = {n: {"from_parameter": n} if n in cubes else value for n, value in arguments.items()}
    given["data"] = {"from_parameter": "cube"}
    found = execute({"n": {"process_id": process, "arguments": given, "result": True}}, given=cubes)
    assert is_lazy(found.array.data) == is_lazy(cube.array.data)
    assert (found.crs, found.array.dims) == (cube.crs, cube.array.dims)
    computed = found.array.compute(scheduler="synchronous")
    assert (computed.dtype, computed.shape) == (found.array.dtype, found.array.shape)
    return computed


def refused(code, words, cube, process, /, **arguments):
    with pytest.raises(OpenEOError, match=words) as caught:
        run(cube, process, **arguments)
    assert caught.value.code == code


def means(cube, groups):
    """Return the means of groups of places in time, nulls left out."""
    known = cube.array.values
    found = [
        np.nanmean(known[:, places], axis=1, dtype=np.float64)
        if len(places)
        else np.full((2, 2, 3), np.nan)
        for places in groups
    ]
    return np.stack(found, axis=1)


# Intervals -------------------------------------------------------------------------------------


YEAR, SECOND = ["2020-01-01", "2021-01-01"], ["2020-01-11T06:00:00Z", "2020-01-11T06:00:01Z"]
ZONE = ["2020-01-01T01:00:00+01:00", "2020-01-10T05:59:59Z"]


@pytest.mark.parametrize(
    ("intervals", "groups"),
    [
        ([["2020-01-01", "2020-02-01"], ["2020-02-01", "2021-01-01"]], [[1, 2, 3], [4, 5, 6]]),
        ([YEAR, SECOND], [[1, 2, 3, 4, 5, 6], [3]]),
        ([ZONE, ["2018-01-01", "2019-01-01"]], [[1], []]),
        ([[None, "2020-01-01"], ["2020-12-31", None]], [[0], [6, 7]]),
        ([["06:00:00", "18:00:00"], ["18:00:00", "06:00:00"]], [[3, 4, 6, 7], [0, 1, 2, 5]]),
        ([["12:00:00", None], [None, "06:00:00"]], [[0, 4, 5], [1, 2]]),
        ([["0001-01-01", "1500-01-01"], ["1500-01-01", "9999-12-31"]], [[], range(8)]),
    ],
)
def test_intervals_are_left_closed(cube, intervals, groups):
    labels = ["first", "second"]
    found = run(cube, "aggregate_temporal", intervals=intervals, reducer=MEAN, labels=labels)
    np.testing.assert_allclose(found, means(cube, [list(g) for g in groups]), rtol=1e-5)
    assert found.t.values.tolist() == labels


def test_labels_of_intervals(cube):
    def labels(intervals, **more):
        return run(cube, "aggregate_temporal", intervals=intervals, reducer=MEAN, **more).t.values

    days = [["2020-01-01", "2020-02-01"], ["2020-01-01T01:00:00+02:00", "2021-01-01"]]
    wanted = np.array(["2020-01-01", "2019-12-31T23"], "datetime64[ns]")
    assert np.array_equal(labels(days), wanted)
    dates = ["2020-06-01", "2021-06-01"]
    assert np.array_equal(labels(days, labels=dates), np.array(dates, "M8[ns]"))
    assert labels(days, labels=["2020", "2021"]).tolist() == ["2020", "2021"]
    assert labels(days, labels=[2020, 2021]).tolist() == [2020, 2021]
    assert labels(days, labels=[1, "1"]).tolist() == [1, "1"]
    clock = [["06:00:00", "18:00:00"], ["18:00:00", "06:00:00"]]
    assert labels(clock).tolist() == ["06:00:00", "18:00:00"]
    assert labels([["0001-01-01", "2020-01-01"]]).tolist() == ["0001-01-01"]


def test_reducers_of_intervals_see_labels_and_empty_arrays(cube):
    count = reducer("count", condition=True)
    spans = [["2020-01-01", "2020-02-01"], ["2018-01-01", "2019-01-01"]]
    found = run(cube, "aggregate_temporal", intervals=spans, reducer=count)
    assert found.values[0, :, 0, 0].tolist() == [3, 0]
    by_label = reducer("array_element", label="2020-01-11T06:00:00Z")
    found = run(cube, "aggregate_temporal", intervals=spans[:1], reducer=by_label)
    assert np.array_equal(found[:, 0], cube.array[:, 3], equal_nan=True)


DISTINCT, INVALID = "DistinctDimensionLabelsRequired", "ProcessParameterInvalid"
FROM_YEAR_1 = ["0001-01-01T00:00:00+01:00", "2020-01-01"]


@pytest.mark.parametrize(
    ("code", "words", "intervals", "more"),
    [
        ("TemporalExtentEmpty", "2020-02-01 to 2020-01-01", [["2020-02-01", "2020-01-01"]], {}),
        ("TemporalExtentEmpty", "empty", [["2020-01-01", "2020-01-01T00:00:00Z"]], {}),
        (DISTINCT, "1 for 2", [YEAR, ["2020-01-01", "2022-01-01"]], {}),
        (DISTINCT, "1 for 2", [YEAR, ["2020-01-01T00:00:00Z", "2022-01-01"]], {}),
        (DISTINCT, "without a start", [[None, "2021-01-01"]], {}),
        (INVALID, "2 labels for 1", [YEAR], {"labels": ["a", "b"]}),
        (INVALID, "twice", [YEAR, YEAR], {"labels": ["a", "a"]}),
        ("TemporalExtentEmpty", "ends when it begins", [["2020-01-01", "2020-01-01"]], {}),
        (INVALID, "a date and a time of day", [["2020-01-01", "12:00:00"]], {}),
        (INVALID, "24:00:00", [["12:00:00", "24:00:00"]], {}),
        (INVALID, "no date-time", [FROM_YEAR_1], {}),
        (INVALID, "1 elements", [["2020-01-01"]], {}),
        (INVALID, "0 elements", [], {}),
        (INVALID, "January", [["January", "2020-01-01"]], {}),
        ("DimensionNotAvailable", "no 'time'", [YEAR], {"dimension": "time"}),
        ("DimensionNotAvailable", "'bands' is not temporal", [YEAR], {"dimension": "bands"}),
    ],
)
def test_intervals_that_are_refused(cube, code, words, intervals, more):
    given = {"intervals": intervals, "reducer": MEAN, **more}
    refused(code, words, cube, "aggregate_temporal", **given)


@pytest.mark.parametrize(
    ("process", "more"),
    [
        ("aggregate_temporal", {"intervals": [YEAR]}),
        ("aggregate_temporal_period", {"period": "month"}),
    ],
)
def test_which_dimension_is_meant(cube, process, more):
    still = cube.with_array(cube.array.isel(t=0, drop=True))
    refused("DimensionNotAvailable", "There are bands, y, x", still, process, reducer=MEAN, **more)
    twice = cube.with_array(cube.array, bands=Dimension("temporal"))
    refused("TooManyDimensions", "bands, t", twice, process, reducer=MEAN, **more)
    found = run(twice, process, reducer=MEAN, dimension="t", **more)
    assert np.array_equal(found, run(cube, process, reducer=MEAN, **more), equal_nan=True)
    periods = cube.with_array(cube.array.assign_coords(t=list("abcdefgh")))
    refused("ProcessParameterInvalid", "no times, such as", periods, process, reducer=MEAN, **more)
    several = reducer("extrema")
    refused("ProcessParameterInvalid", "gives 2 values", cube, process, reducer=several, **more)


# Periods ---------------------------------------------------------------------------------------

SEASONS = {12: "djf", 1: "djf", 2: "djf", 3: "mam", 4: "mam", 5: "mam", 6: "jja", 7: "jja",
           8: "jja", 9: "son", 10: "son", 11: "son"}  # fmt: skip


def slow_label(time, period):
    """Return the label of a period by the calendar of Python."""
    year, week, _ = time.isocalendar()
    return {
        "hour": f"{time:%Y-%m-%d-%H}",
        "day": f"{time:%Y-%j}",
        "week": f"{year}-{week:02}",
        "dekad": f"{time.year}-{(time.month - 1) * 3 + min(3, (time.day + 9) // 10):02}",
        "month": f"{time:%Y-%m}",
        "season": f"{time.year + (time.month == 12)}-{SEASONS[time.month]}",
        "tropical-season": f"{time.year + (time.month > 10)}-"
        + ("mjjaso" if 5 <= time.month <= 10 else "ndjfma"),
        "year": str(time.year),
        "decade": f"{str(time.year)[:3]}0",
        "decade-ad": f"{str(time.year - 1)[:3]}1",
    }[period]


@settings(max_examples=300)
@given(st.datetimes(datetime(1678, 1, 1), datetime(2261, 12, 31)), st.sampled_from(PERIODS))
def test_labels_of_periods(time, period):
    number = period_numbers(np.array([time], "datetime64[ns]"), period)
    assert period_label(int(number[0]), period) == slow_label(time, period)


def slow_periods(times, period):
    """Return all labels from the first to the last time, hour by hour, and the places in each."""
    moments = [datetime.fromisoformat(time) for time in times]
    hour, last = min(moments).replace(minute=0, second=0), max(moments)
    labels = {}
    while hour <= last:
        labels.setdefault(slow_label(hour, period), [])
        hour += timedelta(hours=1)
    for place, moment in enumerate(moments):
        labels[slow_label(moment, period)].append(place)
    return labels


@pytest.mark.parametrize("period", [p for p in PERIODS if p != "hour"])
def test_aggregate_temporal_period(lazy, period):
    mixed = [TIMES[place] for place in (3, 0, 7, 1, 6, 2, 5, 4)]
    cube = made(mixed, lazy)
    found = run(cube, "aggregate_temporal_period", period=period, reducer=MEAN)
    wanted = slow_periods(mixed, period)
    assert found.t.values.tolist() == list(wanted)
    np.testing.assert_allclose(found, means(cube, wanted.values()), rtol=1e-5)


def test_hours(lazy):
    times = ["2020-02-28T22:10", "2020-02-28T22:50", "2020-02-29T01:00"]
    cube = made(times, lazy)
    found = run(cube, "aggregate_temporal_period", period="hour", reducer=MEAN)
    hours = ["2020-02-28-22", "2020-02-28-23", "2020-02-29-00", "2020-02-29-01"]
    assert found.t.values.tolist() == hours
    np.testing.assert_allclose(found, means(cube, [[0, 1], [], [], [2]]), rtol=1e-5)


def test_extents_of_the_definition(lazy):
    """From the first to the last label, and no label more."""
    year = made(["2019-01-01", "2019-12-31"], lazy)
    found = run(year, "aggregate_temporal_period", period="day", reducer=MEAN)
    assert found.t.values.tolist() == [f"2019-{day:03}" for day in range(1, 366)]
    one = made(["2020-01-05"], lazy)
    found = run(one, "aggregate_temporal_period", period="day", reducer=MEAN)
    assert found.t.values.tolist() == ["2020-005"]
    none = made([], lazy)
    found = run(none, "aggregate_temporal_period", period="day", reducer=MEAN)
    assert found.shape == (2, 0, 2, 3)


def test_periods_keep_their_type(cube):
    found = execute(
        {"n": {"process_id": "aggregate_temporal_period", "result": True,
               "arguments": {"data": {"from_parameter": "c"}, "period": "month", "reducer": MEAN}}},
        given={"c": cube},
    )  # fmt: skip
    assert found.dimensions == DIMENSIONS
    assert found.labels("t")[:2] == ["2019-12", "2020-01"]


def test_periods_that_are_refused(lazy):
    far = made(["1700-01-01", "2020-01-01"], lazy)
    for period, words in (("day", "100000 at most"), ("fortnight", "fortnight")):
        given = {"period": period, "reducer": MEAN}
        refused("ProcessParameterInvalid", words, far, "aggregate_temporal_period", **given)


# Resampling ------------------------------------------------------------------------------------


def slow_nearest(cube, wanted, days=None):
    """Return the nearest value, or the nearest valid one, of each pixel, by loops."""
    times = [moment.replace(tzinfo=UTC) for moment in cube.array.t.values.astype("M8[us]").tolist()]
    goals = [datetime.fromisoformat(time).replace(tzinfo=UTC) for time in wanted]
    known = cube.array.values
    found = np.full((2, len(goals), 2, 3), np.nan)
    for index in np.ndindex(2, 2, 3):
        for place, goal in enumerate(goals):
            ordered = sorted(
                range(len(times)), key=lambda at, g=goal: (abs(times[at] - g), times[at])
            )
            for at in ordered:
                value = known[index[0], at, index[1], index[2]]
                near = days is None or abs(times[at] - goal) < timedelta(days=days)
                if near and (days is None or np.isfinite(value)):
                    found[index[0], place, index[1], index[2]] = value
                    break
    return found


WANTED = ["2020-01-05T15:00", "2020-01-10T18:00", "2020-01-01", "2022-01-01", "2020-07-31T02:00"]


@pytest.mark.parametrize("days", [None, 0.5, 10, 215, 10_000])
def test_resample_cube_temporal(lazy, days):
    mixed = [TIMES[place] for place in (3, 0, 7, 1, 6, 2, 5, 4)]
    cube, target = made(mixed, lazy), made(WANTED, lazy)
    found = run(cube, "resample_cube_temporal", target=target, valid_within=days)
    assert np.array_equal(found, slow_nearest(cube, WANTED, days), equal_nan=True)
    assert np.array_equal(found.t, target.array.t)


def test_ties_go_to_the_earlier(lazy):
    cube = made(["2020-01-03", "2020-01-01"], lazy)
    for days in (None, 2):
        found = run(
            cube, "resample_cube_temporal", target=made(["2020-01-02"], lazy), valid_within=days
        )
        assert found[1, 0, 1, 2] == cube.array.values[1, 1, 1, 2]


def test_the_bounds_of_valid_within_are_left_out(lazy):
    cube, target = made(["2020-01-08T12:00", "2020-01-30"], lazy), made(["2020-01-15T12:00"], lazy)
    found = run(cube, "resample_cube_temporal", target=target, valid_within=7)
    assert found.isnull().all()
    found = run(cube, "resample_cube_temporal", target=target, valid_within=7.000001)
    assert found[1, 0, 1, 2] == cube.array.values[1, 0, 1, 2]
    found = run(cube, "resample_cube_temporal", target=cube, valid_within=0)
    assert np.array_equal(found, cube.array, equal_nan=True)


def test_types_and_empty_sides_of_resampling(lazy):
    whole, target = made(TIMES, lazy, np.int16), made(WANTED, lazy)
    assert run(whole, "resample_cube_temporal", target=target).dtype == np.int16
    assert run(whole, "resample_cube_temporal", target=target, valid_within=3).dtype == np.float32
    for days in (None, 3):
        found = run(whole, "resample_cube_temporal", target=made([], lazy), valid_within=days)
        assert found.shape == (2, 0, 2, 3)
        found = run(made([], lazy), "resample_cube_temporal", target=target, valid_within=days)
        assert found.shape == (2, 5, 2, 3)
        assert found.isnull().all()


def test_a_series_without_pixels(lazy):
    cube = made(TIMES, lazy)
    series = cube.with_array(cube.array.isel(bands=1, y=1, x=2, drop=True))
    series = Cube(series.array, series.dimensions)
    found = run(series, "resample_cube_temporal", target=series, valid_within=1)
    assert np.array_equal(found, series.array)
    found = run(series, "aggregate_temporal_period", period="year", reducer=MEAN)
    known = series.array.values
    np.testing.assert_allclose(found, [known[0], known[1:7].mean(), known[7]], rtol=1e-6)


def test_dimensions_of_resampling(cube, lazy):
    target, other = made(WANTED, lazy), made(WANTED, lazy, name="time")
    name = "resample_cube_temporal"
    refused("DimensionNotAvailable", "no 'time'", cube, name, target=target, dimension="time")
    refused("DimensionNotAvailable", "no 't'", cube, name, target=other, dimension="t")
    refused("DimensionMismatch", "not temporal", cube, name, target=target, dimension="x")
    refused("DimensionMismatch", "data have t, the target has time", cube, name, target=other)
    texts = target.with_array(target.array.assign_coords(t=list("abcde")))
    refused("DimensionMismatch", "no times", cube, name, target=texts)
    refused("ProcessParameterInvalid", "-1 days", cube, name, target=target, valid_within=-1)
    found = run(cube, name, target=target, dimension="t")
    assert np.array_equal(found, slow_nearest(cube, WANTED), equal_nan=True)


def test_all_shared_temporal_dimensions_are_resampled(lazy):
    dimensions = {"t": Dimension("temporal"), "run": Dimension("temporal"), "b": Dimension("bands")}
    dates = np.array(["2020-01-01", "2020-01-11", "2020-01-21"], "datetime64[ns]")
    values = np.arange(12.0).reshape(3, 2, 2)
    data = da.from_array(values, chunks=1) if lazy else values
    coords = {"t": dates, "run": dates[:2], "b": ["a", "b"]}
    cube = Cube(xr.DataArray(data, coords, tuple(dimensions)), dimensions)
    later = {"t": dates[[2, 0]] + np.timedelta64(4, "D"), "run": dates[2:]}
    target = Cube(
        xr.DataArray(np.zeros((2, 1)), later, ("t", "run")),
        {n: dimensions[n] for n in ("t", "run")},
    )
    found = run(cube, "resample_cube_temporal", target=target)
    assert np.array_equal(found, values[[2, 0]][:, [1]])
    found = run(cube, "resample_cube_temporal", target=target, dimension="t", valid_within=5)
    assert np.array_equal(found, values[[2, 0]])
