"""Labels of two cubes joined, compared with lists."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from workbench.openeo.cubeprocesses.joins import identical, joined, pixels_joined
from workbench.openeo.cubes import Cube, Dimension

LETTERS = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


def holds(found, first, second):
    """Assert that places of labels are those where each cube has them."""
    labels = found.values.tolist()
    for mine, places in ((first, found.first), (second, found.second)):
        assert [mine.index(label) if label in mine else -1 for label in labels] == places.tolist()
    assert sorted(labels) == sorted({*first, *second})


@settings(max_examples=50, deadline=None)
@given(LETTERS, LETTERS, st.sampled_from(["bands", "temporal"]))
def test_texts(first, second, kind):
    found = joined(np.array(first, "U"), np.array(second, "U"), Dimension(kind))
    holds(found, first, second)
    if kind == "bands":
        assert found.values.tolist() == first + [label for label in second if label not in first]
    elif sorted(first) == first and sorted(second) == second:
        assert found.values.tolist() == sorted({*first, *second})


@settings(max_examples=50, deadline=None)
@given(*[st.lists(st.integers(-50, 50), unique=True, max_size=6)] * 2)
def test_heights(first, second):
    found = joined(np.array(first, int), np.array(second, int), Dimension("spatial", "z"))
    holds(found, first, second)
    down = len(first) > 1 and first == sorted(first, reverse=True)
    assert found.values.tolist() == sorted({*first, *second}, reverse=down)


def test_texts_that_are_held_as_objects():
    first, second = np.array(["2020-02"], object), np.array(["2020-01"], object)
    assert joined(first, second, Dimension("temporal")).values.tolist() == ["2020-01", "2020-02"]


def test_a_number_is_not_its_text():
    found = joined(np.array([1, 2]), np.array(["1"]), Dimension("other"))
    assert found.values.tolist() == [1, 2, "1"]


def raster(first, count, step, crs="EPSG:32632", given=True):
    centres = first + step * np.arange(count)
    array = xr.DataArray(np.zeros((1, count)), {"y": [0.5], "x": centres}, ("y", "x"))
    kinds = {
        "y": Dimension("spatial", "y", 1.0),
        "x": Dimension("spatial", "x", step if given else None),
    }
    return Cube(array, kinds, CRS(crs))


def refuse(reason):
    raise AssertionError(reason)


@pytest.mark.parametrize("given_steps", [True, False])
@settings(max_examples=40, deadline=None)
@given(
    start=st.integers(-5, 5),
    counts=st.tuples(st.integers(2, 5), st.integers(2, 5)),
    steps=st.tuples(st.sampled_from([-10, 10]), st.sampled_from([-10, 10])),
)
def test_pixels(given_steps, start, counts, steps):
    one = raster(5.0, counts[0], steps[0], given=given_steps)
    two = raster(5.0 + 10 * start, counts[1], steps[1], given=given_steps)
    _, joins = pixels_joined(one, two, "merge_cubes", refuse)
    found = joins["x"]
    first, second = (cube.array["x"].values.tolist() for cube in (one, two))
    low, high = min(first + second), max(first + second)
    every = [low + 10 * place for place in range(round((high - low) / 10) + 1)]
    assert found.values.tolist() == (every if steps[0] > 0 else every[::-1])
    for mine, places in ((first, found.first), (second, found.second)):
        expected = [mine.index(at) if at in mine else -1 for at in found.values.tolist()]
        assert expected == places.tolist()


def test_single_pixels_of_unknown_size():
    one, same = (raster(5.0, 1, 10, given=False) for _ in range(2))
    assert pixels_joined(one, same, "merge_cubes", refuse)[1]["x"].values.tolist() == [5]
    known = raster(15.0, 2, -10)
    assert pixels_joined(one, known, "merge_cubes", refuse)[1]["x"].values.tolist() == [15, 5]


@pytest.mark.parametrize("other", [raster(5.0, 3, 20), raster(8.0, 3, 10), raster(5.0, 3, 10.1)])
def test_pixels_that_do_not_lie_on_each_other(other):
    one = raster(5.0, 40, 10)
    here = Cube(one.array, one.dimensions)
    with pytest.raises(AssertionError, match="cannot be resampled"):
        pixels_joined(here, other, "merge_cubes", refuse)


def test_the_same_labels():
    found = identical(np.array(["a", "b"]))
    assert found.first.tolist() == found.second.tolist() == [0, 1]
