"""Processes of users, and graphs that are checked."""

import json
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.openeo.server import store as store_module

PI = {"a": {"process_id": "pi", "arguments": {}, "result": True}}
PROCESS = {
    "summary": "A number.",
    "description": "Of circles.",
    "parameters": [
        {"name": "x", "description": "", "schema": {}, "default": None, "optional": True}
    ],
    "returns": {"schema": {"type": "number"}},
    "process_graph": PI,
}


def put(client, headers, name="evi", **body):
    return client.put(f"/process_graphs/{name}", json=body, headers=headers)


def test_a_process_is_kept_given_back_replaced_and_deleted(client, ada):
    assert put(client, ada, **PROCESS, id="another", public=False, links=None).status_code == 200
    kept = client.get("/process_graphs/evi", headers=ada).json()
    assert kept == {**PROCESS, "id": "evi", "public": False}
    (listed,) = client.get("/process_graphs", headers=ada).json()["processes"]
    assert listed == {k: v for k, v in kept.items() if k != "process_graph"}
    assert put(client, ada, process_graph=PI).status_code == 200
    kept = client.get("/process_graphs/evi", headers=ada).json()
    assert kept == {"id": "evi", "parameters": [], "process_graph": PI}
    assert client.delete("/process_graphs/evi", headers=ada).status_code == 204
    for method in ("GET", "DELETE"):
        answer = client.request(method, "/process_graphs/evi", headers=ada)
        assert (answer.status_code, answer.json()["code"]) == (404, "ProcessGraphNotFound")


def test_a_process_may_be_named_by_a_uuid(client, ada):
    name = "11dde30b-a00c-4d33-a62f-d66e102ab2c3"
    assert put(client, ada, name, process_graph=PI).status_code == 200
    assert client.delete(f"/process_graphs/{name}", headers=ada).status_code == 204
    answer = put(client, ada, "a.b", process_graph=PI)
    assert (answer.status_code, answer.json()["code"]) == (400, "ProcessInvalid")


def test_nobody_sees_the_processes_of_another(client, ada, signed_in):
    put(client, ada, **PROCESS)
    bob = signed_in("bob")
    assert client.get("/process_graphs", headers=bob).json()["processes"] == []
    assert client.get("/process_graphs/evi", headers=bob).status_code == 404
    assert client.delete("/process_graphs/evi", headers=bob).status_code == 404
    call = {"process_graph": {"a": {"process_id": "evi", "arguments": {}, "result": True}}}
    for headers, codes in [(ada, []), (bob, ["ProcessUnsupported"]), ({}, ["ProcessUnsupported"])]:
        errors = client.post("/validation", json=call, headers=headers).json()["errors"]
        assert [fault["code"] for fault in errors] == codes
    assert client.get("/process_graphs/evi", headers=ada).status_code == 200


def test_processes_come_in_pages_by_name(client, ada):
    for name in ("c", "a", "b"):
        put(client, ada, name, process_graph=PI)
    page = client.get("/process_graphs?limit=2", headers=ada).json()
    assert [process["id"] for process in page["processes"]] == ["a", "b"]
    rest = client.get(page["links"][0]["href"], headers=ada).json()
    assert [process["id"] for process in rest["processes"]] == ["c"]


def test_a_process_that_cannot_run_yet_is_kept(client, ada):
    lacks = {"a": {"process_id": "absolute", "arguments": {}, "result": True}}
    unknown = {"a": {"process_id": "later", "arguments": {"x": 1}, "result": True}}
    open_one = {
        "a": {"process_id": "absolute", "arguments": {"x": {"from_parameter": "x"}}, "result": True}
    }
    for graph in (lacks, unknown, open_one):
        assert put(client, ada, process_graph=graph).status_code == 200
    assert put(client, ada, process_graph=open_one, parameters=[{"name": "x"}]).status_code == 200
    assert client.get("/process_graphs/evi", headers=ada).json()["parameters"] == [
        {"name": "x", "description": "", "schema": {}}
    ]


def test_a_process_may_be_replaced_by_one_that_its_own_old_self_would_not_let_be(client, ada):
    one = {"a": {"process_id": "two", "arguments": {}, "result": True}}
    two = {"a": {"process_id": "one", "arguments": {}, "result": True}}
    assert put(client, ada, "one", process_graph=one).status_code == 200
    assert put(client, ada, "two", process_graph=two).status_code == 200
    circle = client.post("/validation", json={"process_graph": two}, headers=ada).json()["errors"]
    assert circle[0]["code"] == "ProcessGraphInvalid"
    assert put(client, ada, "two", process_graph=PI).status_code == 200
    assert client.post("/validation", json={"process_graph": two}, headers=ada).json() == {
        "errors": []
    }


NODE = {"process_id": "add", "arguments": {"x": 1, "y": {"from_node": "b"}}, "result": True}
CIRCLE = {"a": NODE, "b": {"process_id": "absolute", "arguments": {"x": {"from_node": "a"}}}}


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({}, "ProcessGraphMissing", "one node or more"),
        ({"process_graph": {}}, "ProcessGraphMissing", ""),
        ({"process_graph": None}, "ProcessGraphMissing", ""),
        ({"process_graph": []}, "ProcessGraphMissing", ""),
        ({"process_graph": {"a": 1}}, "ProcessGraphInvalid", "A node is an object"),
        ({"process_graph": CIRCLE}, "ProcessGraphInvalid", "circle"),
        ({"process_graph": {"a": NODE}}, "ProcessGraphInvalid", 'no node "b"'),
        ({"process_graph": {**PI, "b": PI["a"]}}, "ProcessGraphInvalid", "not 2 (a, b)"),
        ({"process_graph": PI, "parameters": 5}, "ProcessInvalid", "an array"),
        ({"process_graph": PI, "parameters": [5]}, "ProcessInvalid", "parameter 0"),
        ({"process_graph": PI, "parameters": [{"name": "a b"}]}, "ProcessInvalid", "parameter 0"),
        (
            {"process_graph": PI, "parameters": [{"name": "x", "schema": "number"}]},
            "ProcessInvalid",
            '"x"',
        ),
        ({"process_graph": PI, "summary": 5}, "ProcessInvalid", '"summary" is text'),
        ({"process_graph": PI, "returns": []}, "ProcessInvalid", '"returns" is an object'),
        ({"process_graph": PI, "deprecated": "no"}, "ProcessInvalid", "true or false"),
        ({"process_graph": PI, "returns": {}}, "ProcessInvalid", '"returns" has a "schema"'),
        ({"process_graph": PI, "categories": [5]}, "ProcessInvalid", "holds texts"),
        ({"process_graph": PI, "examples": [5]}, "ProcessInvalid", "arguments"),
        ({"process_graph": PI, "links": [{"href": "x"}]}, "ProcessInvalid", '"rel"'),
        ({"process_graph": PI, "exceptions": {"A": {}}}, "ProcessInvalid", '"message"'),
    ],
)
def test_a_process_that_is_none_is_refused_and_changes_nothing(client, ada, body, code, words):
    put(client, ada, **PROCESS)
    before = client.get("/process_graphs/evi", headers=ada).json()
    answer = put(client, ada, **body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert words in answer.json()["message"]
    assert client.get("/process_graphs/evi", headers=ada).json() == before


@pytest.mark.parametrize("name", ["a.b", "ä", "x" * 201, "a%20b", "..", "a%00"])
def test_a_name_that_is_none(client, ada, name):
    answer = put(client, ada, name, process_graph=PI)
    assert answer.status_code in (400, 404, 405)
    assert client.get("/process_graphs", headers=ada).json()["processes"] == []


def test_numbers_that_json_lacks_and_odd_texts_come_back_as_json(client, ada):
    body = {"process_graph": PI, "summary": "\ud800", "x": [float("nan"), -float("inf")]}
    text = json.dumps(body)
    assert "NaN, -Infinity" in text
    headers = {**ada, "Content-Type": "application/json"}
    assert client.put("/process_graphs/evi", content=text, headers=headers).status_code == 200
    kept = client.get("/process_graphs/evi", headers=ada)
    assert "NaN" not in kept.text
    assert kept.json()["x"] == [None, None]


def test_there_is_a_limit_to_what_a_user_keeps(client, ada, signed_in, monkeypatch):
    monkeypatch.setattr(store_module, "MOST_STORED", 1000)
    assert put(client, ada, "one", process_graph=PI, description="x" * 300).status_code == 200
    assert put(client, ada, "one", process_graph=PI, description="y" * 300).status_code == 200
    answer = put(client, ada, "two", process_graph=PI, description="x" * 300)
    assert (answer.status_code, answer.json()["code"]) == (400, "StorageQuotaExceeded")
    assert "1,000" in answer.json()["message"]
    bob = signed_in("bob")
    assert put(client, bob, "two", process_graph=PI, description="x" * 300).status_code == 200


def test_a_full_disk_is_said_and_changes_nothing(app, client, ada, monkeypatch, caplog):
    put(client, ada, **PROCESS)
    store = app.state.backend.store
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    answer = put(client, ada, process_graph=PI, description="x" * 1_000_000)
    assert (answer.status_code, answer.json()["code"]) == (500, "StorageFailure")
    assert "full" in caplog.text
    assert client.get("/process_graphs/evi", headers=ada).json()["summary"] == "A number."
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert put(client, ada, process_graph=PI).status_code == 200


def test_a_file_that_fails_is_said_without_its_path(app, client, ada, monkeypatch):
    def broken(*arguments):
        raise sqlite3.OperationalError(f"disk I/O error in {app.state.backend.settings.state}")

    monkeypatch.setattr(app.state.backend.store, "outlines", broken)
    answer = client.get("/process_graphs", headers=ada)
    assert (answer.status_code, answer.json()["code"]) == (500, "StorageFailure")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"process_graph": PI}, []),
        ({}, [("ProcessGraphMissing", None)]),
        ({"process_graph": 5}, [("ProcessGraphMissing", None)]),
        (
            {
                "process_graph": {
                    "a": {"process_id": "absolute", "arguments": {}},
                    "b": {"process_id": "nothing", "arguments": {}},
                    "c": {"process_id": "absolute", "arguments": {"x": 1, "y": 2}, "result": True},
                }
            },
            [
                ("ProcessParameterRequired", "a"),
                ("ProcessUnsupported", "b"),
                ("ProcessParameterUnsupported", "c"),
            ],
        ),
        (
            {
                "process_graph": {
                    "a": {
                        "process_id": "array_apply",
                        "arguments": {
                            "data": [1],
                            "process": {
                                "process_graph": {
                                    "z": {
                                        "process_id": "absolute",
                                        "arguments": {"x": "text"},
                                        "result": True,
                                    }
                                }
                            },
                        },
                        "result": True,
                    }
                },
                "parameters": "none",
            },
            [("ProcessParameterInvalid", "a/process/z")],
        ),
    ],
)
def test_all_faults_are_told_with_their_places(client, body, found):
    answer = client.post("/validation", json=body)
    assert answer.status_code == 200
    errors = answer.json()["errors"]
    assert len(errors) == len(found)
    for fault, (code, path) in zip(errors, found, strict=True):
        assert fault["code"] == code
        assert path is None or (fault["path"].startswith(path) and path in fault["message"])


REFERENCES = st.sampled_from(["from_node", "from_parameter", "process_graph"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
NODES = st.fixed_dictionaries(
    {},
    optional={
        "process_id": st.sampled_from(["add", "array_apply", "evi", "if", ""]) | VALUES,
        "arguments": st.dictionaries(
            st.sampled_from(["x", "y", "data", "process"]),
            VALUES | st.builds(lambda key, name: {key: name}, REFERENCES, VALUES),
            max_size=3,
        )
        | VALUES,
        "result": st.just(True) | VALUES,
        "namespace": VALUES,
    },
)
GRAPHS = st.just(PI) | st.dictionaries(st.sampled_from("abc"), NODES | VALUES, max_size=3)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "process_graph": GRAPHS | VALUES,
        **dict.fromkeys(["returns", "exceptions"], st.dictionaries(st.text(), VALUES) | VALUES),
        **dict.fromkeys(["categories", "links", "examples"], st.lists(VALUES) | VALUES),
        **dict.fromkeys(["parameters", "summary", "deprecated", "id", "other"], VALUES),
    },
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(BODIES)
def test_nothing_that_is_sent_is_more_than_refused(client, ada, body):
    headers = {**ada, "Content-Type": "application/json"}
    text = json.dumps(body)
    assert client.post("/validation", content=text, headers=headers).status_code == 200
    kept = client.put("/process_graphs/evi", content=text, headers=headers)
    assert kept.status_code in (200, 400)
    if kept.status_code == 200:
        assert client.get("/process_graphs/evi", headers=ada).status_code == 200
        assert client.get("/process_graphs", headers=ada).status_code == 200


def test_validating_with_a_token_that_is_none_is_refused(client):
    headers = {"Authorization": "Bearer basic//guess"}
    answer = client.post("/validation", json={"process_graph": PI}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "TokenInvalid")


@pytest.mark.parametrize("name", ["\ud800", "a\0b", "", "é", "x" * 300_000])
def test_a_name_that_no_process_has_is_an_unknown_one(client, ada, name):
    process = {"process_graph": {"a": {"process_id": name, "arguments": {}, "result": True}}}
    body = json.dumps(process)  # as ASCII: half a letter can be written so
    headers = {**ada, "Content-Type": "application/json"}
    answer = client.post("/validation", content=body, headers=headers)
    assert [fault["code"] for fault in answer.json()["errors"]] in (
        ["ProcessUnsupported"],
        ["ProcessGraphInvalid"],
    )
    for path in ("/jobs", "/result"):
        answer = client.post(path, content=f'{{"process": {body}}}', headers=headers)
        assert answer.status_code == 400, answer.text
