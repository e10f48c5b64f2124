"""Requests that are wrong, at any address, and what everybody is told about them."""

import asyncio
import json
import logging

import pytest

from workbench.openeo.server import requests

PROCESS = {"process_graph": {"a": {"process_id": "pi", "arguments": {}, "result": True}}}


def test_an_address_that_there_is_not(client):
    answer = client.get("/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")
    assert client.options("/nowhere").status_code == 404


def test_a_method_that_an_address_does_not_take(client, ada):
    for path in ("/collections", "/process_graphs/evi"):
        answer = client.patch(path, json={}, headers=ada)
        assert (answer.status_code, answer.json()["code"]) == (405, "MethodNotAllowed")
        assert "GET" in answer.headers["allow"]
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PUT"


def test_web_pages_may_ask(client):
    answer = client.options("/process_graphs/evi", headers={"Origin": "https://editor.openeo.org"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert {"PUT", "DELETE"} < set(answer.headers["access-control-allow-methods"].split(", "))


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (None, 401, "AuthenticationRequired"),
        ("Bearer basic//guess", 403, "TokenInvalid"),
        ("Bearer oidc/workbench/guess", 403, "TokenInvalid"),
        ("Bearer oidc/elsewhere/guess", 403, "AuthenticationSchemeInvalid"),
        ("Bearer guess", 403, "AuthenticationSchemeInvalid"),
        ("Bearer", 403, "AuthenticationSchemeInvalid"),
        ("Basic YTpi", 403, "AuthenticationSchemeInvalid"),
    ],
)
@pytest.mark.parametrize("path", ["/me", "/process_graphs", "/process_graphs/evi"])
def test_who_is_not_signed_in(client, path, header, status, code):
    answer = client.get(path, headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "ProcessInvalid"),
        (b"{", 400, "ProcessInvalid"),
        (b"[1, 2]", 400, "ProcessInvalid"),
        (b"\xff\xfe", 400, "ProcessInvalid"),
        (b'{"a": ' + b"9" * 5000 + b"}", 400, "ProcessInvalid"),
        (b'{"a": ' * 150 + b"1" + b"}" * 150, 400, "ProcessGraphInvalid"),
        (b"[" * 100_000, 400, "ProcessGraphInvalid"),
        (b" " * 20_000_001, 413, "RequestTooLarge"),
    ],
    ids=["empty", "cut", "array", "bytes", "digits", "deep", "deeper", "large"],
)
def test_a_body_that_is_none(client, ada, body, status, code):
    headers = {**ada, "Content-Type": "application/json"}
    for method, path in (("PUT", "/process_graphs/evi"), ("POST", "/validation")):
        answer = client.request(method, path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.get("/process_graphs", headers=ada).json()["processes"] == []


def test_a_body_without_length_is_limited_too(client, ada):
    def parts():
        for _ in range(21):
            yield b" " * 1_000_000

    headers = {**ada, "Content-Type": "application/json"}
    answer = client.put("/process_graphs/evi", content=parts(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "RequestTooLarge")


def test_a_body_that_does_not_come(client, ada, monkeypatch):
    async def nothing(self):
        await asyncio.sleep(5)
        yield b""

    monkeypatch.setattr(requests, "BODY_S", 0.05)
    monkeypatch.setattr(requests.Request, "stream", nothing)
    answer = client.put("/process_graphs/evi", json=PROCESS, headers=ada)
    assert (answer.status_code, answer.json()["code"]) == (408, "RequestTimeout")


def test_a_body_of_another_type(client, ada):
    body = json.dumps(PROCESS)
    for kind, status in [("text/plain", 400), ("application/json; charset=utf-8", 200)]:
        headers = {**ada, "Content-Type": kind}
        answer = client.put("/process_graphs/evi", content=body, headers=headers)
        assert answer.status_code == status
        if status == 400:
            assert answer.json()["code"] == "ContentTypeInvalid"
            assert kind in answer.json()["message"]


def test_an_error_of_the_server_says_no_more_than_where_to_look(app, client, caplog):
    def broken():
        raise OSError(f"no such file: {app.state.backend.settings.state}/secret")

    object.__setattr__(app.state.backend.settings.catalogue, "documents", broken)
    answer = client.get("/collections")
    assert (answer.status_code, answer.json()["code"]) == (500, "Internal")
    assert "secret" not in answer.text
    assert answer.json()["id"] in caplog.text
    assert "secret" in caplog.text


def test_an_address_writes_no_lines_into_the_log(client, caplog):
    with caplog.at_level(logging.INFO):
        answer = client.get("/jobs/a%0A05:00:00 ERROR made up%1B[31m")
    assert answer.status_code == 401
    (line,) = (r.getMessage() for r in caplog.records if answer.json()["id"] in r.getMessage())
    assert "made up" in line
    assert line.isprintable()


def test_numbers_that_json_lacks_become_null():
    from workbench.openeo.server.answers import json_answer

    answer = json_answer({"a": [1.5, float("nan")], "b": (float("inf"),), "c": "\ud800"})
    assert json.loads(answer.body) == {"a": [1.5, None], "b": [None], "c": "\ud800"}
