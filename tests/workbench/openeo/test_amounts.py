"""How much a graph may build: counted as it would be written, and refused before it is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.openeo import amounts
from workbench.openeo.amounts import amount
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import Evaluation, execute
from workbench.openeo.values import LabelledArray, PixelArray

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda part: st.one_of(st.lists(part), st.dictionaries(st.text(max_size=3), part)),
    max_leaves=20,
)


def node(process, result=False, /, **arguments):
    return {"process_id": process, "arguments": arguments} | ({"result": True} if result else {})


def chained(first, following, count):
    """Return a graph in which each node takes the one before as often as `following` says."""
    nodes = {"n0": first}
    for at in range(1, count + 1):
        nodes[f"n{at}"] = following({"from_node": f"n{at - 1}"})
    nodes[f"n{count}"]["result"] = True
    return nodes


def counted(value):
    """Return what `amount` does, slowly: each part for itself."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return sum(1 + counted(part) for part in value)
    if isinstance(value, dict):
        return sum(2 + len(key) + counted(part) for key, part in value.items())
    return 0


@settings(max_examples=40, deadline=None)
@given(value=VALUES)
def test_an_amount_is_that_of_all_parts(value):
    assert amount(value) == counted(value)
    assert amount([value, value]) == 2 + 2 * counted(value)


def test_labels_count_and_pixels_do_not():
    assert amount(LabelledArray([1, 2], ["a", "bc"])) == 4 + 3
    assert amount(PixelArray(np.zeros((3, 4)))) == 0
    assert amount([np.zeros(5), 1]) == 2


GROWING = {
    "a list that names another twice": (
        node("constant", x=[1, 2]), lambda last: node("constant", x=[last, last])
    ),
    "an object that names another twice": (
        node("constant", x=[1, 2]), lambda last: node("constant", x={"a": last, "b": last})
    ),
    "an array appended to itself": (
        node("array_create", data=[1]), lambda last: node("array_append", data=last, value=last)
    ),
    "an array put to itself": (
        node("array_create", data=[1]),
        lambda last: node("array_concat", array1=last, array2=last),
    ),
    "a text put to itself": (
        node("text_concat", data=["ab", "c"]), lambda last: node("text_concat", data=[last, last])
    ),
    "texts in arrays": (
        node("array_create", data=["abcdefgh"]),
        lambda last: node("array_concat", array1=last, array2=last),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GROWING)
def test_what_doubles_is_stopped_whatever_way_it_grows(case, monkeypatch):
    monkeypatch.setattr(amounts, "MOST_HELD", 20_000)
    first, following = GROWING[case]
    assert execute(chained(first, following, 5)) is not None
    run = Evaluation()
    with pytest.raises(OpenEOError, match=r"characters, more than 20,000") as caught:
        execute(chained(first, following, 40), run=run)
    assert (caught.value.code, caught.value.path[:1]) == ("ProcessGraphInvalid", "n")
    assert run.built < 100_000


@pytest.mark.parametrize(
    "inner",
    [
        node("array_create", True, data=[1, 2], repeat=500),
        node("text_concat", True, data=["x" * 500, "y" * 500]),
        node("array_concat", True, array1={"from_parameter": "context"},
             array2={"from_parameter": "context"}),
    ],
)  # fmt: skip
def test_what_callbacks_build_is_counted_together(inner, monkeypatch):
    """A thousand times 1,000 elements are stopped after ten times; with nested callbacks too."""
    monkeypatch.setattr(amounts, "MOST_BUILT", 10_000)
    callback = {"process_graph": {"c": inner}}
    nested = {
        "process_graph": {
            "d": node("array_apply", True, data=[1] * 30, process=callback, context=[0] * 500)
        }
    }
    for process in (callback, nested):
        run = Evaluation()
        graph = {
            "a": node("array_create", data=[1], repeat=1000),
            "b": node("array_apply", True, data={"from_node": "a"}, process=process,
                      context=[0] * 500),
        }  # fmt: skip
        with pytest.raises(OpenEOError, match=r"builds.* more than 10,000") as caught:
            execute(graph, run=run)
        assert caught.value.code == "ProcessGraphInvalid"
        assert run.built <= 10_000


def test_what_is_handed_on_is_not_built_again():
    run = Evaluation()
    graph = chained(node("array_create", data=[1] * 100), lambda x: node("constant", x=x), 50)
    assert execute(graph, run=run) == [1] * 100
    assert run.built == 100


def test_levels_are_limited_before_nothing_can_be_written_any_more():
    graph = chained(
        node("array_create", data=[1]), lambda last: node("array_create", data=[last]), 150
    )
    assert json.dumps(execute(graph)).startswith("[[[[")
    graph = chained(
        node("array_create", data=[1]), lambda last: node("array_create", data=[last]), 2000
    )
    with pytest.raises(OpenEOError, match="more than 200 levels") as caught:
        execute(graph)
    assert caught.value.code == "ProcessGraphInvalid"


def test_arrays_at_pixels_have_a_limit_before_they_are_stacked():
    pixels = PixelArray(np.zeros((2, 3), np.float32))
    doubling = chained(
        node("array_concat", array1={"from_parameter": "data"}, array2=[1]),
        lambda last: node("array_concat", array1=last, array2=last),
        30,
    )
    with pytest.raises(OpenEOError, match="at each pixel are more than 100,000") as caught:
        execute(doubling, parameters=[{"name": "data", "schema": {}}], given={"data": pixels})
    assert caught.value.code == "ProcessParameterInvalid"
