"""Which bands, labels and times are kept."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from workbench.openeo.cubes import BandTraits, Cube, Dimension
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import Evaluation, execute
from workbench.openeo.values import is_lazy

BANDS = {
    "B04": BandTraits("red", 0.665),
    "B05": BandTraits("rededge", 0.704),
    "B06": BandTraits("rededge", 0.740),
    "nir": BandTraits("rededge", 0.783),
    "B08": BandTraits("nir", 0.842),
}
DIMENSIONS = {
    "t": Dimension("temporal"),
    "bands": Dimension("bands", bands=BANDS),
    "y": Dimension("spatial", "y", -10.0),
    "x": Dimension("spatial", "x"),
}
COORDS = {
    "t": np.array(["2024-01-01T10:00", "2024-01-03", "2024-01-04T00:00:01"], "datetime64[ns]"),
    "bands": [*BANDS, "SCL"],
    "y": [25.0, 15.0],
    "x": [105.0, 115.0, 125.0],
}


def made(chunks=None):
    values = np.arange(108, dtype=np.int16).reshape(3, 6, 2, 3)
    data = values if chunks is None else da.from_array(values, chunks=chunks)
    return Cube(xr.DataArray(data, COORDS, tuple(DIMENSIONS)), DIMENSIONS, CRS("EPSG:32632"))


def of_one(labels, kind="other"):
    """Return a cube of one dimension, `d`, whose values are places."""
    array = xr.DataArray(np.arange(len(labels), dtype=np.float32), {"d": labels}, ("d",))
    return Cube(array, {"d": Dimension(kind)})


@pytest.fixture(params=["in memory", "on Dask"])
def cube(request):
    return made(chunks=None if request.param == "in memory" else 1)


def run(process, *, log=None, **arguments):
    """Execute a graph of one node, whose arguments are parameters, except graphs."""
    node = {
        "process_id": process,
        "arguments": {
            name: value if isinstance(value, dict) else {"from_parameter": name}
            for name, value in arguments.items()
        },
        "result": True,
    }
    return execute({"node": node}, given=arguments, run=log)


def fails(code, process, /, match=None, **arguments):
    with pytest.raises(OpenEOError, match=match) as caught:
        run(process, **arguments)
    assert caught.value.code == code


def only(found, cube, **places):
    """Assert that a cube has these places of another, and else nothing changed."""
    xr.testing.assert_equal(found.array.compute(), cube.array.isel(places).compute())
    assert found.array.dtype == cube.array.dtype
    assert is_lazy(found.array.data) == is_lazy(cube.array.data)
    assert {n: (d.kind, d.axis) for n, d in found.dimensions.items()} == {
        n: (d.kind, d.axis) for n, d in cube.dimensions.items()
    }
    assert found.crs == cube.crs


@pytest.mark.parametrize(
    ("bands", "wavelengths", "places"),
    [
        (["B08", "B04"], [], [4, 0]),
        (["SCL", "red"], [], [5, 0]),
        (["rededge"], [], [1, 2, 3]),
        (["nir"], [], [3]),
        (["B06", "rededge", "B06"], [], [2, 1, 3]),
        ([], [[0.7, 0.75]], [1, 2]),
        ([], [[0.842, 0.842], [0.6, 0.704]], [4, 0, 1]),
        (["B08"], [[0.6, 1]], [4, 0, 1, 2, 3]),
        (["B04"], [[5, 6]], [0]),
    ],
)
def test_bands(cube, bands, wavelengths, places):
    found = run("filter_bands", data=cube, bands=bands, wavelengths=wavelengths)
    only(found, cube, bands=places)


def test_wavelengths_that_no_band_has_are_logged_where_something_is_left():
    log = Evaluation()
    run("filter_bands", log=log, data=made(), bands=["B04"], wavelengths=[[5, 6]])
    (warned,) = [entry.message for entry in log.log.entries if entry.level == "warning"]
    assert warned.startswith("no band is known to lie between 5 and 6 micrometres, there are B04")
    fails("ProcessParameterInvalid", "filter_bands", data=made(), wavelengths=[[5, 6]],
          match="between 5 and 6 micrometres, there are B04, B05")  # fmt: skip


@pytest.mark.parametrize("bands", [["foo"], ["B04", "foo"], ["foo", "red"]])
def test_a_band_that_is_not_there_is_named_with_those_that_are(cube, bands):
    fails("ProcessParameterInvalid", "filter_bands", data=cube, bands=bands,
          match="'bands' .*no band 'foo', only B04, B05, B06, nir, B08, SCL")  # fmt: skip


def test_what_is_known_of_bands_survives():
    cube = run("rename_labels", data=made(), dimension="bands", source=["B04"], target=["r"])
    cube = run("filter_bands", data=cube, bands=["r", "SCL", "B06"])
    cube = run("filter_temporal", data=cube, extent=["2024-01-02", None])
    cube = run("rename_dimension", data=cube, source="bands", target="b")
    assert run("filter_bands", data=cube, bands=["red"]).labels("b") == ["r"]
    assert run("filter_bands", data=cube, wavelengths=[[0.1, 1]]).labels("b") == ["r", "B06"]
    fails("ProcessParameterInvalid", "filter_bands", data=cube, bands=["B04"], match="only r, SCL")


def test_bands_without_names_of_their_own():
    cube = of_one(["red", "nir"], "bands")
    assert run("filter_bands", data=cube, bands=["nir"]).labels("d") == ["nir"]
    fails("ProcessParameterInvalid", "filter_bands", data=cube, wavelengths=[[0, 10]])


def test_bands_that_cannot_be_filtered():
    fails("BandFilterParameterMissing", "filter_bands", data=made())
    fails("BandFilterParameterMissing", "filter_bands", data=made(), bands=[], wavelengths=[])
    fails("DimensionMissing", "filter_bands", data=of_one(["a"]), bands=["a"])
    fails("ProcessParameterInvalid", "filter_bands", data=made(), wavelengths=[[1, 0.5]],
          match="minimum after")  # fmt: skip
    two = run("add_dimension", data=made(), name="more", label="a", type="bands")
    fails("ProcessParameterInvalid", "filter_bands", data=two, bands=["a"], match="more, bands")


def condition(process, **arguments):
    nodes = {"c": {"process_id": process, "arguments": arguments, "result": True}}
    return {"process_graph": nodes}


VALUE = {"from_parameter": "value"}
CONTEXT = {"from_parameter": "context"}


def test_labels(cube):
    begins = condition("text_begins", data=VALUE, pattern="B0")
    found = run("filter_labels", data=cube, condition=begins, dimension="bands")
    only(found, cube, bands=[0, 1, 2, 4])
    assert found.dimensions["bands"].bands == BANDS
    between = condition("date_between", x=VALUE, min="2024-01-02", max="2024-01-04")
    only(run("filter_labels", data=cube, condition=between, dimension="t"), cube, t=[1])
    given = condition("array_contains", data=CONTEXT, value=VALUE)
    context = ["2024-01-01T10:00:00Z", "2024-01-04T00:00:01Z"]
    found = run("filter_labels", data=cube, condition=given, dimension="t", context=context)
    only(found, cube, t=[0, 2])
    right = condition("gt", x=VALUE, y=110)
    found = run("filter_labels", data=cube, condition=right, dimension="x")
    only(found, cube, x=[1, 2])
    last = condition("gt", x=VALUE, y=120)
    found = run("filter_labels", data=found, condition=last, dimension="x")
    assert found.geobox().boundingbox.left == 120
    assert found.geobox().resolution.x == 10
    none = condition("gt", x=VALUE, y=1000)
    only(run("filter_labels", data=cube, condition=none, dimension="x"), cube, x=[])


def test_the_example_of_the_definition():
    cube = of_one(["Sentinel-2A", "Sentinel-2B", "SENTINEL-2A"])
    same = condition("eq", x=VALUE, y="Sentinel-2A", case_sensitive=False)
    found = run("filter_labels", data=cube, condition=same, dimension="d")
    assert found.array.values.tolist() == [0, 2]


def test_conditions_that_are_null_or_nothing():
    cube = of_one([1, 2, 3])
    null = condition("gt", x=VALUE, y=None)
    assert run("filter_labels", data=cube, condition=null, dimension="d").labels("d") == []
    number = condition("add", x=VALUE, y=1)
    fails("ProcessParameterInvalid", "filter_labels", data=cube, condition=number, dimension="d",
          match="label 1 it gives neither")  # fmt: skip
    fails("DimensionNotAvailable", "filter_labels", data=cube, condition=null, dimension="t")
    gap = condition("neq", x=VALUE, y=115)
    fails("ProcessParameterInvalid", "filter_labels", data=made(), condition=gap, dimension="x",
          match="gaps")  # fmt: skip


@pytest.mark.parametrize(
    ("extent", "places"),
    [
        (["2024-01-03", "2024-01-04T00:00:01Z"], [1]),
        (["2024-01-03", "2024-01-04T00:00:02Z"], [1, 2]),
        (["2024-01-03T00:00:00.001Z", None], [2]),
        (["2024-01-01T10:00:00Z", "2024-01-01T10:00:00.001Z"], [0]),
        (["2024-01-03T01:00:00+01:00", "2024-01-03T00:00:00-00:01"], [1]),
        ([None, "2024-01-03"], [0]),
        ([None, "2024-01-01"], []),
        (["0001-01-01", "9999-12-31"], [0, 1, 2]),
        (["9999-12-30", "9999-12-31"], []),
        (["1500-01-01", "1600-01-01"], []),
        (["2021-01-01", None], [0, 1, 2]),
    ],
)
def test_times(cube, extent, places):
    only(run("filter_temporal", data=cube, extent=extent), cube, t=places)
    only(run("filter_temporal", data=cube, extent=extent, dimension="t"), cube, t=places)


def test_all_dimensions_of_time_or_one():
    cube = run("add_dimension", data=made(), name="seen", label="2020-01-01", type="temporal")
    extent = ["2024-01-02", None]
    assert run("filter_temporal", data=cube, extent=extent).array.shape == (0, 2, 6, 2, 3)
    found = run("filter_temporal", data=cube, extent=extent, dimension="t")
    assert found.array.shape == (1, 2, 6, 2, 3)


def test_times_that_are_texts():
    dates = of_one(["2024-01-01", "0900-01-01"], "temporal")
    assert run("filter_temporal", data=dates, extent=[None, "2024-01-01"]).labels("d") == [
        "0900-01-01"
    ]
    periods = of_one(["2024-01", "2024-02"], "temporal")
    fails("ProcessParameterInvalid", "filter_temporal", data=periods, extent=["2024-01-01", None],
          match="'2024-01' is no date")  # fmt: skip


@pytest.mark.parametrize(
    ("extent", "code"),
    [
        (["2016-01-01", "2015-01-01"], "TemporalExtentEmpty"),
        (["2016-01-01", "2016-01-01T00:00:00Z"], "TemporalExtentEmpty"),
        (["2016-01-01T00:00:00Z", "2016-01-01T01:00:00+01:00"], "TemporalExtentEmpty"),
        ([None, None], "ProcessParameterInvalid"),
        (["2016-01-01"], "ProcessParameterInvalid"),
        (["2016", "2017"], "ProcessParameterInvalid"),
        (["0001-01-01T00:00:00+01:00", None], "ProcessParameterInvalid"),
    ],
)
def test_extents_that_are_none(extent, code):
    fails(code, "filter_temporal", data=made(), extent=extent)


def test_dimensions_that_are_not_of_time():
    extent = ["2015-01-01", "2016-01-01"]
    fails("DimensionNotAvailable", "filter_temporal", data=made(), extent=extent, dimension="u")
    fails("DimensionNotAvailable", "filter_temporal", data=made(), extent=extent, dimension="x",
          match="not of time")  # fmt: skip
    fails("DimensionNotAvailable", "filter_temporal", data=of_one([1]), extent=extent)


@settings(max_examples=25, deadline=None)
@given(
    hours=st.lists(st.integers(-50, 50), unique=True, max_size=6),
    start=st.integers(-60, 60),
    length=st.integers(1, 60),
)
def test_an_interval_has_its_start_and_not_its_end(hours, start, length):
    zero = np.datetime64("2024-01-01T00:00:00", "ns")
    labels = zero + np.array(hours, "timedelta64[h]")
    extent = [f"{zero + np.timedelta64(h, 'h'):}"[:19] + "Z" for h in (start, start + length)]
    found = run("filter_temporal", data=of_one(labels, "temporal"), extent=extent)
    expected = [place for place, hour in enumerate(hours) if start <= hour < start + length]
    assert found.array.values.tolist() == expected
