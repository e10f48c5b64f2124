"""Graphs, evaluated: order, scopes, defaults, users' processes, the log, laziness."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from workbench.openeo.declarations import Process
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import MOST_ENTRIES, Evaluation, Log, execute
from workbench.openeo.registry import Offer, UserProcess, predefined
from workbench.openeo.values import PixelArray


def node(process, result=False, /, **arguments):
    return {"process_id": process, "arguments": arguments} | ({"result": True} if result else {})


def of(name):
    return {"from_node": name}


def par(name):
    return {"from_parameter": name}


def child(**nodes):
    return {"process_graph": nodes}


def counting(calls, name="watch"):
    definition = {
        "id": name,
        "parameters": [{"name": "x", "schema": {}, "optional": True, "default": 7}],
        "returns": {"schema": {}},
    }
    return Process(definition, lambda x: calls.append(x) or x)


def test_each_node_runs_once_in_an_order_that_results_need():
    calls = []
    offer = Offer(backend={**predefined(), "watch": counting(calls)})
    graph = {
        "last": node("add", True, x=of("b"), y=of("c")),
        "c": node("watch", x=of("a")),
        "b": node("add", x=of("a"), y=of("a")),
        "a": node("watch", x=2),
        "side": node("watch"),
    }
    assert execute(graph, offer) == 6
    assert sorted(calls) == [2, 2, 7]


def test_the_result_need_not_be_the_last_node():
    calls = []
    offer = Offer(backend={**predefined(), "watch": counting(calls)})
    graph = {"a": node("watch", True, x=1), "b": node("watch", x=of("a"))}
    assert execute(graph, offer) == 1
    assert calls == [1, 1]


def test_references_inside_arrays_and_objects():
    graph = {
        "a": node("add", x=1, y=2),
        "b": node("constant", True, x={"k": [of("a"), {"deep": [par("p")]}], "null": None}),
    }
    assert execute(graph, given={"p": "v"}) == {"k": [3, {"deep": ["v"]}], "null": None}


def test_scopes():
    """A callback sees its own parameters first, then those around it."""
    inner = child(s=node("add", True, x=par("x"), y=par("offset")))
    outer = child(
        rows=node("array_apply", data=par("x"), process=inner, context=par("context")),
        total=node("sum", True, data=of("rows")),
    )
    graph = {"a": node("array_apply", True, data=[[1, 2], [3]], process=outer)}
    assert execute(graph, given={"offset": 10, "x": "hidden"}) == [23, 13]


def test_parameters_take_their_defaults():
    parameters = [
        {"name": "x", "schema": {"type": "number"}, "optional": True, "default": 4},
        {"name": "y", "schema": {}, "optional": True},
    ]
    graph = {"a": node("array_create", True, data=[par("x"), par("y")])}
    assert execute(graph, parameters=parameters) == [4, None]
    assert execute(graph, parameters=parameters, given={"x": 1, "y": 2}) == [1, 2]


def mine(**more):
    return UserProcess(
        {
            "id": "mine",
            "parameters": [
                {"name": "x", "schema": {"type": "number"}},
                {"name": "factor", "schema": {"type": "number"}, "default": 3},
                {"name": "label", "schema": {"type": "string"}, "optional": True},
            ],
            "process_graph": {
                "times": node("multiply", x=par("x"), y=par("factor")),
                "all": node("array_create", True, data=[of("times"), par("label")]),
            },
        }
        | more
    )


def test_users_processes():
    offer = Offer(user={"mine": mine()})
    assert execute({"a": node("mine", True, x=2)}, offer) == [6, None]
    assert execute({"a": node("mine", True, x=2, factor=5, label="l")}, offer) == [10, "l"]
    with pytest.raises(OpenEOError) as caught:
        execute({"a": node("text_concat", data=[]), "b": node("mine", True, x=of("a"))}, offer)
    assert (caught.value.code, caught.value.path) == ("ProcessParameterInvalid", "b")


def test_a_user_process_takes_more_than_it_declares():
    """As clients give arguments that newer versions of a process know."""
    graph = {"a": node("add", True, x=par("x"), y=par("undeclared"))}
    offer = Offer(user={"mine": mine(process_graph=graph)})
    assert execute({"a": node("mine", True, x=2, undeclared=5)}, offer) == 7
    with pytest.raises(OpenEOError) as caught:
        execute({"a": node("mine", True, x=2)}, offer)
    assert (caught.value.code, caught.value.path) == ("ProcessParameterRequired", "a/mine()/a")


def test_a_user_process_does_not_see_the_parameters_of_its_caller():
    offer = Offer(
        user={
            "mine": mine(
                parameters=[], process_graph={"a": node("constant", True, x=par("secret"))}
            )
        }
    )
    with pytest.raises(OpenEOError, match="'secret'"):
        execute({"a": node("mine", True)}, offer, given={"secret": 1})


def test_what_a_user_says_of_types_is_checked_on_values_only():
    """A parameter that is declared as text and used as a number is one when a number is given."""
    graph = {"a": node("absolute", True, x=par("x"))}
    offer = Offer(
        user={"mine": mine(parameters=[{"name": "x", "schema": {}}], process_graph=graph)}
    )
    assert execute({"a": node("mine", True, x=-2)}, offer) == 2
    text = mine(parameters=[{"name": "x", "schema": {"type": "string"}}], process_graph=graph)
    with pytest.raises(OpenEOError) as caught:
        execute({"a": node("mine", True, x="-2")}, Offer(user={"mine": text}))
    assert (caught.value.code, caught.value.path) == ("ProcessParameterInvalid", "a/mine()/a")


def test_namespaces():
    absolute = UserProcess(
        {"id": "absolute", "process_graph": {"a": node("constant", True, x="own")}}
    )
    offer = Offer(user={"absolute": absolute})
    call = node("absolute", True, x=-1)
    assert execute({"a": call}, offer) == "own"
    assert execute({"a": call | {"namespace": "user"}}, offer) == "own"
    assert execute({"a": call | {"namespace": "backend"}}, offer) == 1


def test_what_a_process_needs_beside_its_arguments():
    definition = {"id": "source", "parameters": [], "returns": {"schema": {}}}
    source = Process(definition, lambda run: run.context["catalogue"]["a"], takes_run=True)
    offer = Offer(backend={"source": source})
    run = Evaluation(context={"catalogue": {"a": 5}})
    assert execute({"a": node("source", True)}, offer, run=run) == 5


def test_values_that_only_the_run_knows_are_checked_too():
    with pytest.raises(OpenEOError) as caught:
        execute({"a": node("constant", x="text"), "b": node("absolute", True, x=of("a"))})
    assert (caught.value.code, caught.value.path) == ("ProcessParameterInvalid", "b")
    callback = child(n=node("absolute", True, x=par("x")))
    with pytest.raises(OpenEOError) as caught:
        execute({"a": node("array_apply", True, data=[1, "b"], process=callback)})
    assert (caught.value.code, caught.value.path) == ("ProcessParameterInvalid", "a/process/n")


def test_a_defect_says_where_it_happened():
    definition = {"id": "broken", "parameters": [], "returns": {"schema": {}}}
    offer = Offer(backend={"broken": Process(definition, lambda: 1 / 0)})
    with pytest.raises(ZeroDivisionError) as caught:
        execute({"a": node("broken", True)}, offer)
    assert caught.value.__notes__ == ["in node a of the process graph, broken"]


def test_the_log_names_what_ran():
    run = Evaluation()
    offer = Offer(user={"mine": mine()})
    execute({"a": node("mine", x=1), "b": node("constant", True, x=of("a"))}, offer, run=run)
    entries = [(e.level, e.path, e.message.split(":")[0]) for e in run.log.entries]
    assert entries == [("debug", "a", "mine"), ("debug", "b", "constant")]


def test_a_log_has_an_end():
    look = child(n=node("inspect", True, data=par("x")))
    run = Evaluation(log=Log())
    data = list(range(MOST_ENTRIES + 5))
    assert execute({"a": node("array_apply", True, data=data, process=look)}, run=run) == data
    assert len(run.log.entries) == MOST_ENTRIES + 1
    assert run.log.entries[0].path == "a/process/n"
    assert "left out" in run.log.entries[-1].message


def test_an_index_over_lazy_pixels_computes_nothing_before_it_is_asked():
    computed = []

    def block(part):
        computed.append(part.shape)
        return part

    bands = np.array([[[0.1, 0.2]], [[0.3, np.nan]], [[0.5, 0.6]]], np.float32)
    data = PixelArray(da.from_array(bands, chunks=(1, 1, 1)).map_blocks(block, dtype=np.float32,
                      meta=np.empty((0, 0, 0), np.float32)), ["B02", "B04", "B08"])  # fmt: skip
    graph = {
        "nir": node("array_element", data=par("data"), label="B08"),
        "red": node("array_element", data=par("data"), index=1),
        "index": node("normalized_difference", x=of("nir"), y=of("red")),
        "dense": node("gt", x=of("index"), y=0.2),
        "kept": node("if", True, value=of("dense"), accept=of("index")),
    }
    found = execute(graph, given={"data": data})
    assert computed == []
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.compute(scheduler="synchronous"), [[0.25, np.nan]], rtol=1e-6)
    assert execute({"m": node("max", True, data=par("data"))}, given={"data": data}).shape == (1, 2)
