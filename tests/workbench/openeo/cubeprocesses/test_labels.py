"""Labels of graphs as coordinates, and how cubes are cut by them."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.openeo.cubeprocesses.labels import (
    checked_coordinate,
    has_steps,
    label_text,
    picked,
)
from workbench.openeo.cubes import Cube, Dimension, shown_labels
from workbench.openeo.errors import OpenEOError
from workbench.openeo.instants import read_instant

NAMES = {"process": "rename_labels", "parameter": "target"}
LABELS = st.lists(
    st.one_of(st.integers(-9, 9), st.floats(-1e6, 1e6), st.text(max_size=5)), max_size=5
)


@settings(max_examples=60, deadline=None)
@given(LABELS, st.sampled_from(["bands", "other"]))
def test_labels_come_back_as_they_were(labels, kind):
    found = checked_coordinate(labels, Dimension(kind), **NAMES)
    assert found.shape == (len(labels),)
    assert shown_labels(found) == [
        label.rstrip("\0") if isinstance(label, str) else label for label in labels
    ]


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (["2020-01-01", "2020-01-01T01:00:00+01:00"], "M"),
        (["2020-01-01", "2020"], "U"),
        (["2300-01-01"], "U"),
        (["0001-01-01T00:00:00+01:00"], "U"),
        ([0, 1], "i"),
        (["2020-01-01", 1], "O"),
    ],
)
def test_times(labels, kind):
    found = checked_coordinate(labels, Dimension("temporal"), **NAMES)
    assert found.dtype.kind == kind
    if kind == "M":
        exact = [read_instant(label).utc.replace(tzinfo=None) for label in labels]
        assert found.astype("datetime64[us]").tolist() == exact
    else:
        assert shown_labels(found) == labels


@pytest.mark.parametrize(
    ("labels", "step", "fits"),
    [
        ([1, 2, 3], None, True),
        ([1, 2, 3], 1.0, True),
        ([3, 2, 1], 1.0, False),
        ([1], 10.0, True),
        ([], 10.0, True),
        ([1, 2, 4], None, False),
        ([1, 1, 1], None, False),
        (["1"], None, False),
        ([1, np.inf], None, False),
        ([np.nan], 1.0, False),
    ],
)
def test_pixels_lie_in_steps(labels, step, fits):
    dimension = Dimension("spatial", "x", step)
    if fits:
        assert checked_coordinate(labels, dimension, **NAMES).tolist() == labels
    else:
        with pytest.raises(OpenEOError, match="steps of one size") as caught:
            checked_coordinate(labels, dimension, **NAMES)
        assert caught.value.code == "ProcessParameterInvalid"


def test_steps_of_times():
    days = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], "datetime64[ns]")
    assert has_steps(days)
    assert not has_steps(days[[0, 2, 1]])


@pytest.mark.parametrize(
    ("label", "text"), [(2020, "2020"), (105.0, "105"), (0.5, "0.5"), (1e300, "1e+300"), ("a", "a")]
)
def test_labels_as_texts(label, text):
    assert label_text(label) == text


@pytest.mark.parametrize("lazy", [False, True])
def test_places_are_cut_or_taken(lazy):
    values = np.arange(12.0).reshape(3, 4)
    data = da.from_array(values, chunks=2) if lazy else values
    array = xr.DataArray(data, {"o": ["a", "b", "c"], "x": [0.0, 5, 10, 15]}, ("o", "x"))
    cube = Cube(array, {"o": Dimension("other"), "x": Dimension("spatial", "x")})
    found = picked(cube, {"o": np.array([2, 0]), "x": np.array([3])})
    np.testing.assert_array_equal(found.array.values, values[[2, 0]][:, [3]])
    assert found.dimensions["x"].step == 5
    assert found.step("x") == 5
    assert picked(cube, {"o": np.array([], np.intp)}).array.shape == (0, 4)
    lone = cube.with_array(cube.array.isel(x=[0]))
    assert lone.step("x") is None
