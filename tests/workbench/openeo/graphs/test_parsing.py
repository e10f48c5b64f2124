"""Graphs that are wrong in every way that a client, or somebody hostile, can make them wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import BadFile
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import execute
from workbench.openeo.graphs.parsing import MOST_CALLS, faults, parse
from workbench.openeo.graphs.references import MOST_LEVELS, FromNode, load, references
from workbench.openeo.registry import Offer, UserProcess


def node(process, result=False, /, **arguments):
    return {"process_id": process, "arguments": arguments} | ({"result": True} if result else {})


def of(name):
    return {"from_node": name}


def given_as(name):
    return {"from_parameter": name}


def child(**nodes):
    return {"process_graph": nodes}


def user(name, graph, **more):
    return UserProcess({"id": name, "process_graph": graph} | more)


ONE = node("absolute", True, x=-1)
X = given_as("x")

MALFORMED = [
    ("nothing", {}, "ProcessGraphMissing", "", "one node or more"),
    ("a list", [], "ProcessGraphMissing", "", "one node or more"),
    ("null", None, "ProcessGraphMissing", "", "one node or more"),
    ("a node that is text", {"a": "absolute"}, "ProcessGraphInvalid", "a", "is an object"),
    ("no process_id", {"a": {"arguments": {}}}, "ProcessGraphInvalid", "a", "missing"),
    ("no arguments", {"a": {"process_id": "e"}}, "ProcessGraphInvalid", "a", "arguments"),
    ("arguments in a list", {"a": {"process_id": "e", "arguments": []}}, "ProcessGraphInvalid",
     "a", "an object"),
    ("a number as process_id", {"a": {"process_id": 1, "arguments": {}}}, "ProcessGraphInvalid",
     "a", "is text"),
    ("a number as result", {"a": node("e") | {"result": 1}}, "ProcessGraphInvalid", "a", "result"),
    ("a number as namespace", {"a": ONE | {"namespace": 1}}, "ProcessGraphInvalid", "a", "null"),
    ("no result", {"a": node("e")}, "ProcessGraphInvalid", "", "not 0"),
    ("two results", {"a": ONE, "b": ONE}, "ProcessGraphInvalid", "", "not 2 (a, b)"),
    ("an unknown process", {"a": node("absolut", True, x=1)}, "ProcessUnsupported", "a",
     "'absolut' is not available in namespace 'user or backend'. Did you mean absolute?"),
    ("another namespace", {"a": ONE | {"namespace": "mars"}}, "ProcessUnsupported", "a", "'mars'"),
    ("not a user's process", {"a": ONE | {"namespace": "user"}}, "ProcessUnsupported", "a", "user"),
    ("a missing argument", {"a": node("add", True, x=1)}, "ProcessParameterRequired", "a", "'y'"),
    ("an unknown argument", {"a": node("absolute", True, x=1, z=2)},
     "ProcessParameterUnsupported", "a", "It has x"),
    ("text for a number", {"a": node("absolute", True, x="1")}, "ProcessParameterInvalid", "a",
     '"1" is not of type null or number'),
    ("an object for a number", {"a": node("absolute", True, x={"y": 1})},
     "ProcessParameterInvalid", "a", "a dict is not"),
    ("a choice that there is not", {"a": node("inspect", True, data=1, level="loud")},
     "ProcessParameterInvalid", "a", '"loud" is not one of "error"'),
    ("an unknown node", {"a": node("absolute", True, x=of("b"))}, "ProcessGraphInvalid", "a",
     'no node "b"'),
    ("itself", {"a": node("absolute", True, x=of("a"))}, "ProcessGraphInvalid", "", "circle"),
    ("a circle", {"a": node("absolute", x=of("c")), "b": node("absolute", x=of("a")),
                  "c": node("absolute", True, x=of("b"))}, "ProcessGraphInvalid", "", "circle"),
    ("a reference and more", {"a": ONE, "b": node("absolute", x=of("a") | {"x": 1})},
     "ProcessGraphInvalid", "b/x", "no other key"),
    ("a reference to a number", {"a": node("absolute", True, x={"from_parameter": 5})},
     "ProcessGraphInvalid", "a/x", "is a name"),
    ("a parameter that is not given", {"a": node("absolute", True, x=X)},
     "ProcessParameterRequired", "a", "what there is: none"),
    ("a node of the graph around", {"a": ONE, "b": node(
        "array_apply", data=[1], process=child(c=node("add", True, x=X, y=of("a"))))},
     "ProcessGraphInvalid", "b/process/c", 'no node "a"'),
    ("a node of the graph inside", {"b": node(
        "array_apply", data=[1], process=child(c=node("absolute", True, x=X))),
        "d": node("absolute", True, x=of("c"))}, "ProcessGraphInvalid", "d", 'no node "c"'),
    ("a callback without a result", {"b": node(
        "array_apply", True, data=[1], process=child(c=node("absolute", x=X)))},
     "ProcessGraphInvalid", "b/process", "not 0"),
    ("an empty callback", {"b": node("array_apply", True, data=[1], process=child())},
     "ProcessGraphMissing", "b/process", "one node"),
    ("a callback that is no object", {"b": node(
        "array_apply", True, data=[1], process={"process_graph": 1})},
     "ProcessGraphMissing", "b/process", "one node"),
    ("a callback that is none", {"b": node("array_apply", True, data=[1], process="absolute")},
     "ProcessParameterInvalid", "b", "is not of type object"),
    ("a callback without its key", {"b": node("array_apply", True, data=[1], process={"c": ONE})},
     "ProcessParameterInvalid", "b", "not a process graph"),
    ("a callback for a number", {"b": node("absolute", True, x=child(c=ONE))},
     "ProcessParameterInvalid", "b", "a graph is not"),
    ("an unknown process in a callback", {"b": node(
        "array_apply", True, data=[1], process=child(c=node("abs", True, x=X)))},
     "ProcessUnsupported", "b/process/c", "'abs'"),
    ("a parameter that a callback is not given", {"b": node(
        "array_apply", True, data=[1], process=child(c=node("absolute", True, x=given_as("el"))))},
     "ProcessParameterRequired", "b/process/c", "what there is: context, index, label, x"),
    ("an array from another node", {"a": node("array_create", data=[1]),
                                    "b": node("absolute", True, x=of("a"))},
     "ProcessParameterInvalid", "b", "of another type"),
    ("an index where an array is wanted", {"b": node("array_apply", True, data=[1],
     process=child(c=node("sum", True, data=given_as("index"))))},
     "ProcessParameterInvalid", "b/process/c", "of another type"),
    ("text from another node", {"a": node("text_concat", data=[]),
                                "b": node("absolute", True, x=of("a"))},
     "ProcessParameterInvalid", "b", "of another type"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("graph", "code", "path", "words"), [case[1:] for case in MALFORMED],
    ids=[case[0] for case in MALFORMED],
)  # fmt: skip
def test_malformed(graph, code, path, words):
    with pytest.raises(OpenEOError) as caught:
        parse(graph)
    assert (caught.value.code, caught.value.path) == (code, path)
    assert words in caught.value.message
    assert caught.value.status == 400
    with pytest.raises(OpenEOError):  # nothing of it is evaluated
        execute(graph)


def test_validation_lists_every_fault_and_leaves_parameters_open():
    graph = {
        "a": node("absolute", x="text"),
        "b": node("nowhere", x=1),
        "c": node("add", True, x=given_as("later"), z=1),
    }
    found = [(fault.code, fault.path) for fault in faults(graph)]
    assert found == [
        ("ProcessParameterInvalid", "a"),
        ("ProcessUnsupported", "b"),
        ("ProcessParameterUnsupported", "c"),
        ("ProcessParameterRequired", "c"),
    ]
    assert faults({"c": node("add", True, x=given_as("later"), y=1)}) == []


def nested(levels):
    graph = {"n": ONE}
    for _ in range(levels):
        graph = {"n": node("array_apply", True, data=[1], process={"process_graph": graph})}
    return graph


@pytest.mark.parametrize("levels", [25, 100, 10_000])
def test_deep_graphs(levels):
    with pytest.raises(OpenEOError, match=f"more than {MOST_LEVELS} levels") as caught:
        parse(nested(levels))
    assert caught.value.code == "ProcessGraphInvalid"
    assert [fault.code for fault in faults(nested(levels))] == ["ProcessGraphInvalid"]


def test_as_deep_as_is_allowed_runs():
    found = execute(nested(24))
    for _ in range(24):
        (found,) = found
    assert found == 1


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("[" * 100_000, "ProcessGraphInvalid", "levels"),
        ("[" * 200 + "]" * 200, "ProcessGraphInvalid", "levels"),
        ('{"a": ' * 3000 + "1" + "}" * 3000, "ProcessGraphInvalid", "levels"),
        ("{", "ProcessInvalid", "not JSON"),
        (b"\xff\xfe", "ProcessInvalid", "not JSON"),
        (b"\xff\xff\xff", "ProcessInvalid", "not JSON"),
        ("[" + "1," * 1_100_000 + "1]", "ProcessGraphInvalid", "values"),
        (b" " * 20_000_001, "ProcessInvalid", "bytes"),
    ],
    ids=["open", "deep list", "deep object", "cut", "no UTF-8", "no text", "many", "large"],
)
def test_hostile_text(text, code, words):
    with pytest.raises(OpenEOError, match=words) as caught:
        load(text)
    assert caught.value.code == code


def test_five_megabytes_of_nodes_are_read():
    graph = {f"n{i}": node("constant", x=["a" * 900, i]) for i in range(5000)} | {"last": ONE}
    text = json.dumps(graph)
    assert len(text) > 4_800_000
    assert faults(load(text)) == []
    assert execute(load(text)) == 1


def test_long_chains_do_not_recurse():
    graph = {f"n{i}": node("add", x=of(f"n{i + 1}"), y=1) for i in range(3000)}
    assert (
        execute(graph | {"n3000": node("constant", x=0), "end": node("add", True, x=of("n0"), y=0)})
        == 3000
    )


def test_too_many_nodes_to_evaluate(monkeypatch):
    monkeypatch.setattr("workbench.openeo.graphs.parsing.MOST_NODES", 100)
    graph = {f"n{i}": ONE | {"result": i == 0} for i in range(100)}
    assert execute(graph) == 1
    with pytest.raises(OpenEOError, match="101 nodes to evaluate, more than 100"):
        parse(graph | {"more": node("e")})


def test_users_processes_that_multiply_are_counted_before_they_run():
    """Ten calls in each of ten processes are 10,000,000,000 nodes."""
    processes = {"p0": user("p0", {"n": ONE})}
    for i in range(1, 11):
        calls = {f"n{j}": node(f"p{i - 1}", j == 0) for j in range(10)}
        processes[f"p{i}"] = user(f"p{i}", calls)
    with pytest.raises(OpenEOError, match="nodes to evaluate") as caught:
        parse({"a": node("p10", True)}, Offer(user=processes))
    assert caught.value.code == "ProcessGraphInvalid"


@pytest.mark.parametrize("length", [1, 2, 5])
def test_users_processes_that_call_themselves(length):
    processes = {
        f"p{i}": user(f"p{i}", {"n": node(f"p{(i + 1) % length}", True)}) for i in range(length)
    }
    with pytest.raises(OpenEOError, match="cannot call itself") as caught:
        parse({"a": node("p0", True)}, Offer(user=processes))
    assert caught.value.code == "ProcessGraphInvalid"
    assert caught.value.path.startswith("a/p0()/n")


def test_a_chain_of_users_processes():
    processes = {"p0": user("p0", {"n": ONE})} | {
        f"p{i}": user(f"p{i}", {"n": node(f"p{i - 1}", True)}) for i in range(1, 30)
    }
    offer = Offer(user=processes)
    assert execute({"a": node(f"p{MOST_CALLS - 1}", True)}, offer) == 1
    with pytest.raises(OpenEOError, match=f"nor more than {MOST_CALLS}"):
        parse({"a": node(f"p{MOST_CALLS}", True)}, offer)


@pytest.mark.parametrize(
    ("definition", "code"),
    [
        ({}, "ProcessGraphMissing"),
        ({"process_graph": 5}, "ProcessGraphMissing"),
        ({"process_graph": nested(200)}, "ProcessGraphInvalid"),
        ({"process_graph": {"n": node("nowhere", True)}}, "ProcessUnsupported"),
        ({"process_graph": {"n": node("absolute", True, x=X)}}, "ProcessParameterRequired"),
        ({"process_graph": {"n": ONE}, "parameters": [{"name": "x", "schema": {}}]},
         "ProcessParameterRequired"),
        ({"process_graph": {"n": ONE}, "parameters": [{"name": "k", "schema": {"type": "string"}}]},
         "ProcessParameterInvalid"),
    ],
)  # fmt: skip
def test_users_processes_with_faults(definition, code):
    offer = Offer(user={"mine": UserProcess({"id": "mine"} | definition)})
    with pytest.raises(OpenEOError) as caught:
        parse({"a": node("mine", True, k=1)}, offer)
    assert caught.value.code == code
    assert caught.value.path.split("/")[0] == "a"


@pytest.mark.parametrize(
    "parameters",
    [5, "x", [5], [{"name": 5}], [{"name": "x", "schema": 5}], [{"name": "x", "schema": "number"}],
     [{"name": "x", "schema": {"type": 5, "enum": 5, "items": 5, "required": 5, "minimum": "a"}}],
     [{"name": "x", "schema": {"type": "number", "subtype": ["a"], "format": [], "anyOf": {}}}],
     [{"name": "x", "schema": {"pattern": "(a+)+$"}}], [{"name": "x", "schema": {"pattern": "("}}]],
)  # fmt: skip
def test_schemas_of_users_that_are_none_restrict_nothing(parameters):
    mine = user("mine", {"n": node("constant", True, x=X)}, parameters=parameters)
    assert execute({"a": node("mine", True, x=1)}, Offer(user={"mine": mine})) == 1
    text = "a" * 40 + "b"
    assert faults({"a": node("mine", True, x=text)}, Offer(user={"mine": mine})) == [] or (
        parameters[0]["schema"].get("type") == "number"
    )


def test_deep_and_many_parameters_of_users():
    schema = {"type": "array"}
    for _ in range(500):
        schema = {"type": "array", "items": schema}
    graph = {"n": node("constant", True, x=1)}
    deep = user("deep", graph, parameters=[{"name": "x", "schema": schema}])
    with pytest.raises(OpenEOError, match="levels"):
        parse({"a": node("deep", True, x=[[[[]]]])}, Offer(user={"deep": deep}))
    with pytest.raises(OpenEOError, match="levels"):
        parse(graph, parameters=[{"name": "x", "schema": schema}])
    many = [{"name": f"p{i}", "schema": {}} for i in range(10_000)]
    wrong = {f"n{i}": node("absolute", x=given_as("q")) for i in range(50)}
    found = faults(wrong | graph, parameters=many)
    assert found == []
    with pytest.raises(OpenEOError) as caught:
        parse(wrong | graph, parameters=many)
    assert len(str(caught.value)) < 500


PUBLISHED = {
    "id": "twice",
    "parameters": [{"name": "x", "schema": {"type": "number"}}],
    "process_graph": {"d": node("multiply", True, x=X, y=2)},
}


@pytest.mark.parametrize(
    "document",
    [
        PUBLISHED,
        {"process_graph": PUBLISHED["process_graph"], "parameters": PUBLISHED["parameters"]},
        {"processes": [{"id": "other", "process_graph": {}}, PUBLISHED], "links": []},
    ],
    ids=["one", "without a name", "a list"],
)
def test_a_namespace_may_be_an_address(document):
    asked = []

    def fetch(address):
        asked.append(address)
        return document

    graph = {"t": {**node("twice", True, x=4), "namespace": "https://example.org/twice.json"}}
    assert execute(graph, Offer(fetch=fetch)) == 8
    assert set(asked) == {"https://example.org/twice.json"}
    for offer in (Offer(), Offer(fetch=lambda _: [5]), Offer(fetch=lambda _: None)):
        (fault,) = faults(graph, offer)
        assert (fault.code, fault.path) == ("ProcessUnsupported", "t")


def test_an_address_that_cannot_be_read_is_a_fault_with_its_reason():
    def fetch(address):
        raise BadFile(f"{address} is not listed")

    graph = {"t": {**node("twice", True, x=4), "namespace": "https://example.org/"}}
    (fault,) = faults(graph, Offer(fetch=fetch))
    assert fault.code == "ProcessUnsupported"
    assert "https://example.org/ is not listed" in str(fault)


def test_processes_of_one_name_in_two_namespaces_are_two():
    def fetch(address):
        return {"process_graph": {"d": node("multiply", True, x=X, y=int(address[-1]))}}

    graph = {
        "a": {**node("times", x=1), "namespace": "https://example.org/3"},
        "b": {**node("times", x=1), "namespace": "https://example.org/5"},
        "sum": node("add", True, x={"from_node": "a"}, y={"from_node": "b"}),
    }
    assert execute(graph, Offer(fetch=fetch)) == 8


def test_what_one_process_does_is_not_done_step_by_step():
    """A shortcut for the steps "add 1, then 2", in graphs and in processes of users."""
    steps = {"a": node("add", x=X, y=1), "b": node("add", True, x={"from_node": "a"}, y=2)}
    seen = []

    def shortcut(graph):
        seen.append(graph)
        short = {"sum": node("add", True, x=X, y=3)}
        return short if set(graph) == {"a", "b"} else None

    def nodes(graph, user=()):
        offer = Offer(user={each.id: each for each in user}, shortcuts=(lambda _: None, shortcut))
        return parse(graph, offer, given=["x"])

    assert set(nodes(steps).nodes) == {"sum"}
    mine = UserProcess({"id": "mine", "process_graph": steps, "parameters": [{"name": "x"}]})
    called = nodes({"m": node("mine", True, x=5)}, [mine])
    assert set(called.nodes["m"].body.nodes) == {"sum"}
    wrong = steps | {"b": node("add", True, x={"from_node": "c"}, y=2)}
    seen.clear()
    with pytest.raises(OpenEOError, match="no node"):
        nodes(wrong)
    assert seen == []  # only what is valid is shortened


WORDS = st.sampled_from(
    ["process_id", "arguments", "result", "namespace", "from_node", "from_parameter",
     "process_graph", "absolute", "array_apply", "x", "data", "process", "a", "b"]
)  # fmt: skip
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), WORDS),
    lambda part: st.one_of(st.lists(part, max_size=3), st.dictionaries(WORDS, part, max_size=4)),
    max_leaves=25,
)
NODES = st.fixed_dictionaries(
    {"process_id": WORDS, "arguments": st.dictionaries(WORDS, JSON, max_size=3)},
    optional={"result": st.booleans(), "namespace": st.none()},
)


DAY = ["2022-01-01", "2022-01-01"]


@pytest.mark.parametrize(
    ("process", "arguments"),
    [
        ("load_collection", {"id": "S2", "spatial_extent": None, "temporal_extent": DAY}),
        ("load_stac", {"url": "https://example.org/a.json", "temporal_extent": DAY}),
        ("filter_temporal", {"data": {"from_parameter": "cube"}, "extent": DAY}),
        ("aggregate_temporal",
         {"data": {"from_parameter": "cube"}, "intervals": [["2021-01-01", None], DAY],
          "reducer": child(c=node("mean", True, data={"from_parameter": "data"}))}),
    ],
)  # fmt: skip
def test_an_interval_whose_ends_are_equal_is_empty(process, arguments):
    cube = {"name": "cube", "schema": {"type": "object", "subtype": "datacube"}}
    mine = user("mine", {"a": node(process, True, **arguments)}, parameters=[cube])
    (fault,) = faults(mine.definition["process_graph"], parameters=[cube])
    assert (fault.code, fault.path) == ("TemporalExtentEmpty", "a")
    assert '["2022-01-01", "2022-01-01"] ends when it begins' in fault.message
    assert "null" not in fault.message


def test_an_empty_interval_of_a_process_of_a_user_is_told_plainly():
    schema = [
        {"type": "array", "subtype": "temporal-interval", "uniqueItems": True},
        {"type": "null"},
    ]
    parameters = [{"name": "when", "schema": schema}]
    mine = user("mine", {"n": node("constant", True, x=1)}, parameters=parameters)
    (fault,) = faults({"a": node("mine", True, when=DAY)}, Offer(user={"mine": mine}))
    assert fault.code == "ProcessParameterInvalid"
    assert fault.message.endswith("ends when it begins; the end is excluded, so it must be later.")


SCHEMA_WORDS = st.sampled_from(
    ["type", "subtype", "items", "properties", "required", "enum", "const", "minimum", "minItems",
     "maxItems", "uniqueItems", "anyOf", "format", "pattern", "minLength", "additionalProperties",
     "parameters", "number", "array", "object", "process-graph", "datacube", "geojson", "date", "x"]
)  # fmt: skip
SCHEMAS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 2), SCHEMA_WORDS),
    lambda part: st.one_of(
        st.lists(part, max_size=3), st.dictionaries(SCHEMA_WORDS, part, max_size=4)
    ),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(schema=SCHEMAS, optional=SCHEMAS, value=JSON)
def test_any_json_as_a_schema_of_a_user_fits_or_not(schema, optional, value):
    parameters = [{"name": "x", "schema": schema, "optional": optional}]
    mine = user("mine", {"n": node("constant", True, x=1)}, parameters=parameters)
    callback = child(c=node("constant", True, x=1))
    for argument in (value, callback):
        found = faults({"a": node("mine", True, x=argument)}, Offer(user={"mine": mine}))
        assert all(isinstance(fault, OpenEOError) for fault in found)


@settings(max_examples=150, deadline=None)
@given(graph=st.one_of(JSON, st.dictionaries(WORDS, NODES, min_size=1, max_size=4)))
def test_any_json_is_a_graph_or_has_faults(graph):
    found = faults(graph)
    assert all(isinstance(fault, OpenEOError) for fault in found)
    if found:
        with pytest.raises(OpenEOError) as caught:
            parse(graph, given=None)
        assert (caught.value.code, caught.value.path) == (found[0].code, found[0].path)
        return
    seen = set()
    for name, each in parse(graph, given=None).nodes.items():
        links = references(list(each.arguments.values()))
        assert {link.node for link in links if isinstance(link, FromNode)} <= seen
        seen.add(name)
