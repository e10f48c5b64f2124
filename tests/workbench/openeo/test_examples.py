"""What the official definitions say of themselves: examples, schemas, graphs in them."""

from __future__ import annotations

import math

import pytest

from workbench.openeo.declarations import Process
from workbench.openeo.definitions import process_definition, process_names
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import execute
from workbench.openeo.graphs.parsing import faults
from workbench.openeo.registry import Offer, UserProcess, predefined

# Examples that contradict the definition that they stand in, which is kept.
# array_modify: no `length` is given and 0 is its default, on which another example relies; so
# nothing is removed. count: the condition is a graph without its "process_graph", and refers to a
# parameter `element`, which the definition calls `x`.
CONTRADICTIONS = {("array_modify", 3), ("count", 4)}

# Graphs in definitions that contradict the examples beside them, which are kept.
# between: the graphs for an excluded and an included maximum are in each other's place.
# linear_scale_range: nothing is clipped. variance: it calls processes of cubes with arrays.
WRONG_GRAPHS = {("between", 1), ("between", 2), ("linear_scale_range", 3)} | {
    ("variance", number) for number in range(3)
}

EXAMPLES = [
    pytest.param(name, number, example, id=f"{name}-{number}")
    for name in process_names()
    for number, example in enumerate(process_definition(name).get("examples", []))
]
WITH_RESULT = [case for case in EXAMPLES if "returns" in case.values[2]]
SCALARS = [case for case in WITH_RESULT if case.values[0] in predefined()]
SOUND = [case for case in SCALARS if case.values[:2] not in CONTRADICTIONS]
DERIVED = [case for case in SCALARS if "process_graph" in process_definition(case.values[0])]


def graph_of(process, arguments):
    return {"node": {"process_id": process, "arguments": arguments, "result": True}}


def same(found, expected):
    """Compare as the official suite does: to 10 decimals, types apart, null only with null."""
    if isinstance(expected, list):
        pairs = zip(found, expected, strict=True)
        return isinstance(found, list) and all(same(one, other) for one, other in pairs)
    if isinstance(expected, bool | str | dict | None):
        return type(found) is type(expected) and found == expected
    if isinstance(found, bool) or not isinstance(found, int | float):
        return False
    return math.isclose(found, expected, rel_tol=0, abs_tol=1e-10)


def test_all_examples_of_implemented_processes_are_here():
    assert (len(SCALARS), len(SOUND), len(DERIVED)) == (333, 331, 85)


@pytest.mark.parametrize(("name", "number", "example"), SOUND)
def test_example(name, number, example):
    assert same(execute(graph_of(name, example["arguments"])), example["returns"])


def test_contradictions_follow_the_definition():
    removal = process_definition("array_modify")["examples"][3]
    assert "length" not in removal["arguments"]
    found = execute(graph_of("array_modify", removal["arguments"]))
    assert found == removal["arguments"]["data"]
    found = execute(graph_of("array_modify", removal["arguments"] | {"length": 1}))
    assert found == removal["returns"]

    counted = process_definition("count")["examples"][4]
    with pytest.raises(OpenEOError, match="not a process graph") as caught:
        execute(graph_of("count", counted["arguments"]))
    assert caught.value.code == "ProcessParameterInvalid"
    condition = {
        "process_graph": graph_of("gt", {"x": {"from_parameter": "x"}, "y": 2}),
    }
    corrected = counted["arguments"] | {"condition": condition}
    assert execute(graph_of("count", corrected)) == counted["returns"]


@pytest.mark.parametrize(
    ("name", "number", "example"), [case for case in EXAMPLES if case.values[:2] != ("count", 4)]
)
def test_arguments_of_all_examples_fit_their_schemas(name, number, example):
    """Those of processes on cubes too: what is not known before it runs fits all."""
    every = Offer({n: Process(process_definition(n), print) for n in process_names()})
    assert [str(f) for f in faults(graph_of(name, example["arguments"]), every)] == []


@pytest.mark.parametrize(("name", "number", "example"), DERIVED)
def test_the_graph_that_defines_a_process_gives_the_same(name, number, example):
    """A definition may hold a graph of other processes: as a user's process it must agree."""
    offer = Offer(user={"theirs": UserProcess(process_definition(name) | {"id": "theirs"})})
    graph = graph_of("theirs", example["arguments"])
    if (name, number) in WRONG_GRAPHS:
        if name == "variance":
            with pytest.raises(OpenEOError, match="'apply' is invalid"):
                execute(graph, offer)
        else:
            assert not same(execute(graph, offer), example["returns"])
    else:
        assert same(execute(graph, offer), example["returns"])
