"""Batch jobs over HTTP, from creation to download; answers while somebody waits."""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.errors import error


@pytest.fixture(scope="module")
def server(tmp_path_factory, slow_package):
    """The settings and the application of one server for all of these tests."""
    from workbench.openeo.registry import predefined
    from workbench.openeo.server.app import create_app
    from workbench.openeo.server.backend import Settings

    with pytest.MonkeyPatch.context() as patch:
        paths = [str(slow_package), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        patch.syspath_prepend(slow_package)
        predefined.cache_clear()
        settings = Settings(tmp_path_factory.mktemp("server") / "state", Nothing())
        yield settings, create_app(settings)
    predefined.cache_clear()


class Nothing:
    """A catalogue without collections."""

    remote = Remote()

    def documents(self):
        return []

    def document(self, identifier):
        raise error("CollectionNotFound", identifier=identifier)


@pytest.fixture
def settings(server):
    return server[0]


@pytest.fixture
def app(server):
    return server[1]


@pytest.fixture(scope="module")
def client(server, checked):
    with checked(server[1]) as client:
        yield client


@pytest.fixture
def ada(signed_in, request):
    """Headers of a user who has nothing yet."""
    return signed_in(f"ada{abs(hash(request.node.name))}")


def create(client, headers, process, **more):
    answer = client.post("/jobs", json={"process": process, **more}, headers=headers)
    assert answer.status_code == 201, answer.text
    number = answer.headers["OpenEO-Identifier"]
    assert answer.headers["Location"] == f"http://testserver/jobs/{number}"
    return f"/jobs/{number}"


@pytest.fixture
def finished(client, ada, wait_for):
    """`finished(process)`: the address of a job of ada that has come to rest."""

    def finish(process, **more):
        job = create(client, ada, process, **more)
        assert client.post(f"{job}/results", headers=ada).status_code == 202
        wait_for(lambda: status(client, ada, job) not in ("queued", "running"))
        return job

    return finish


def status(client, headers, job):
    return client.get(job, headers=headers).json()["status"]


def said(document):
    """Return where a document says how its job is: results that lie nowhere are a collection."""
    return document.get("properties", document)


def refused(answer, expected):
    assert answer.json()["code"] == expected, answer.text
    return answer


def test_a_job_from_its_creation_to_its_download(client, ada, graph, finished):
    process = graph("add", x=1, y=2)
    job = create(client, ada, process, title="sum", plan="free", budget=5)
    found = client.get(job, headers=ada).json()
    assert found["process"] == process
    assert (found["status"], found["title"], found["budget"]) == ("created", "sum", 5)
    refused(client.get(f"{job}/results", headers=ada), "JobNotStarted")
    assert client.get(f"{job}/estimate", headers=ada).json() == {"costs": 0}
    assert client.get(f"{job}/logs", headers=ada).json()["logs"] == []
    job = finished(process)
    found = client.get(job, headers=ada).json()
    assert (found["status"], found["progress"], found["costs"]) == ("finished", 100, 0)
    assert {link["rel"] for link in found["links"]} == {"self", "monitor", "result"}
    answer = client.get(f"{job}/results", headers=ada)
    assert answer.headers["OpenEO-Costs"] == "0"
    document = answer.json()
    assert said(document)["openeo:status"] == "finished"
    ((name, asset),) = document["assets"].items()
    assert (name, asset["type"]) == ("openEO.json", "application/json")
    assert client.get(asset["href"]).json() == 3
    (canonical,) = (link for link in document["links"] if link["rel"] == "canonical")
    assert client.get(canonical["href"]).json()["id"] == document["id"]


@pytest.mark.parametrize("body", [{}, {"title": "new"}, {"description": None, "budget": None}])
def test_a_change_answers_204(client, ada, graph, body):
    job = create(client, ada, graph("pi"), title="old")
    assert client.patch(job, json=body, headers=ada).status_code == 204
    assert client.get(job, headers=ada).json()["title"] == body.get("title", "old")


@pytest.mark.parametrize(
    ("body", "code", "number"),
    [
        ({}, "ProcessGraphMissing", 400),
        ({"process": {"process_graph": {"a": {"process_id": "nothing", "arguments": {},
                                              "result": True}}}}, "ProcessUnsupported", 400),
        ({"process": {"process_graph": {"a": {"process_id": "absolute", "arguments": {},
                                              "result": True}}}}, "ProcessParameterRequired", 400),
        ({"process": {"process_graph": {}}}, "ProcessGraphMissing", 400),
        ({"plan": "gold"}, "BillingPlanInvalid", 400),
    ],
)  # fmt: skip
def test_what_is_no_job_is_refused(client, ada, graph, body, code, number):
    whole = body if "plan" not in body else {"process": graph("pi"), **body}
    assert refused(client.post("/jobs", json=whole, headers=ada), code).status_code == number
    assert client.get("/jobs", headers=ada).json()["jobs"] == []
    if whole:
        refused(client.post("/result", json=whole, headers=ada), code)


def test_jobs_are_listed_in_pages(client, ada, graph):
    made = [create(client, ada, graph("pi")) for _ in range(5)]
    assert [f"/jobs/{job['id']}" for job in client.get("/jobs", headers=ada).json()["jobs"]] == (
        made[::-1]
    )
    found, path = [], "/jobs?limit=2"
    while path:
        page = client.get(path, headers=ada).json()
        found += [f"/jobs/{job['id']}" for job in page["jobs"]]
        assert len(page["jobs"]) <= 2
        path = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert found == made[::-1]


def test_nobody_sees_the_jobs_of_others(client, ada, signed_in, graph, finished):
    job, bob = finished(graph("add", x=1, y=2)), signed_in("bob")
    name = next(iter(client.get(f"{job}/results", headers=ada).json()["assets"]))
    number = job.rpartition("/")[2]
    for method, path in [
        ("GET", job), ("PATCH", job), ("DELETE", job), ("GET", f"{job}/estimate"),
        ("GET", f"{job}/logs"), ("GET", f"{job}/results"), ("POST", f"{job}/results"),
        ("DELETE", f"{job}/results"), ("GET", f"/downloads/{number}/{name}"),
    ]:  # fmt: skip
        body = {"json": {}} if method == "PATCH" else {}
        assert client.request(method, path, headers=bob, **body).status_code == 404
        assert client.request(method, path, **body).status_code == 401
    assert client.get("/jobs", headers=bob).json()["jobs"] == []
    assert client.get(f"/downloads/{number}/{name}", headers=ada).json() == 3


LONG = (f"bytes={'9' * 5000}-", f"bytes=0-{'9' * 5000}", f"bytes=-{'9' * 5000}")


def test_a_file_is_downloaded_whole_and_in_parts(client, ada, graph, finished):
    job = finished(graph("array_create", data=list(range(100))))
    href = client.get(f"{job}/results", headers=ada).json()["assets"]["openEO.json"]["href"]
    whole = client.get(href)
    assert (whole.status_code, whole.json()) == (200, list(range(100)))
    head = client.head(href)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(whole.content)
    assert head.headers["accept-ranges"] == "bytes"
    part = client.get(href, headers={"Range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, whole.content[3:10])
    assert part.headers["content-range"] == f"bytes 3-9/{len(whole.content)}"
    tail = client.get(href, headers={"Range": "bytes=-5"})
    assert (tail.status_code, tail.content) == (206, whole.content[-5:])
    beyond = client.get(href, headers={"Range": "bytes=999999-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(whole.content)}"
    for none in (
        "bytes=9-5",
        "bytes=a-b",
        "items=0-1",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=1-2;",
        *LONG,
    ):
        answer = client.get(href, headers={"Range": none})
        assert (answer.status_code, answer.content) == (200, whole.content), none


def until(address):
    """Return the moment until which a signed address holds."""
    return parse_qs(urlsplit(address).query)["expires"]


def test_a_signed_address_holds_for_its_file_its_run_and_its_time(
    client, ada, graph, finished, monkeypatch, wait_for
):
    from workbench.openeo.server import results

    job = finished(graph("add", x=1, y=2))
    href = client.get(f"{job}/results", headers=ada).json()["assets"]["openEO.json"]["href"]
    assert client.get(href).status_code == 200
    other = href[:-1] + ("0" if href[-1] != "0" else "1")
    for wrong in (
        other,
        href.replace("expires=", "expires=9"),
        href.replace("openEO.json", "a.json"),
    ):
        refused(client.get(wrong), "ResultLinkExpired")
    refused(client.get(href.replace(job.rpartition("/")[2], "j-0")), "JobNotFound")
    links = client.get(f"{job}/results", headers=ada).json()["links"]
    (canonical,) = (link["href"] for link in links if link["rel"] == "canonical")
    monkeypatch.setattr(results, "SIGNED_S", 48 * 3600)  # it does not hold longer by being asked
    asked = client.get(canonical).json()
    again = [link["href"] for link in asked["links"] if link["rel"] == "canonical"]
    assert again == [canonical]
    assert until(asked["assets"]["openEO.json"]["href"]) == until(canonical)
    monkeypatch.setattr(results, "SIGNED_S", -1)
    late = client.get(f"{job}/results", headers=ada).json()["assets"]["openEO.json"]["href"]
    assert refused(client.get(late), "ResultLinkExpired").status_code == 410
    client.post(f"{job}/results", headers=ada)
    wait_for(lambda: status(client, ada, job) == "finished")
    refused(client.get(href), "ResultLinkExpired")


def test_nothing_but_results_is_downloaded(client, ada, graph, finished):
    number = finished(graph("pi")).rpartition("/")[2]
    up = ("..%2Fjobs.sqlite", "..%2F..%2F..%2Fserver.sqlite")
    for name in (*up, "%2Fetc%2Fpasswd", "no.json", "%00"):
        answer = client.get(f"/downloads/{number}/{name}", headers=ada)
        assert answer.status_code == 404, name


def test_a_job_that_fails_says_why(client, ada, graph, finished):
    job = finished(graph("array_element", data=[1], index=5))
    answer = client.get(f"{job}/results", headers=ada)
    assert answer.status_code == 424
    assert answer.json()["code"] == "ArrayElementNotAvailable"
    logs = client.get(f"{job}/logs?level=error", headers=ada).json()
    assert (logs["level"], logs["logs"]) == ("error", [answer.json()])
    partial = client.get(f"{job}/results?partial=true", headers=ada).json()
    assert (said(partial)["openeo:status"], partial["assets"]) == ("error", {})


def test_logs_come_in_pages(client, ada, finished):
    nodes = {f"n{at}": {"process_id": "inspect", "arguments": {"data": at, "message": f"m{at}"}}
             for at in range(5)}  # fmt: skip
    nodes["n4"]["result"] = True
    job = finished({"process_graph": nodes})
    whole = client.get(f"{job}/logs", headers=ada).json()
    assert whole["level"] == "info"
    inspected = sorted(entry["message"] for entry in whole["logs"] if "data" in entry)
    assert inspected == [f"m{at}" for at in range(5)]
    found, path = [], f"{job}/logs?limit=2"
    while path:
        page = client.get(path, headers=ada).json()
        found += page["logs"]
        path = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert found == whole["logs"]
    offset = found[2]["id"]
    rest = client.get(f"{job}/logs?offset={offset}&limit=", headers=ada).json()["logs"]
    assert rest == found[3:]
    assert client.get(f"{job}/logs?level=warning", headers=ada).json()["logs"] == []
    refused(client.get(f"{job}/logs?level=loud", headers=ada), "RequestInvalid")


def test_partial_results_of_a_job_that_runs_and_is_stopped(client, ada, graph, wait_for):
    job = create(client, ada, graph("save_and_wait", seconds=60))
    client.post(f"{job}/results", headers=ada)
    refused(client.get(f"{job}/results", headers=ada), "JobNotFinished")
    partial = f"{job}/results?partial=true"
    wait_for(lambda: client.get(partial, headers=ada).json()["assets"])
    found = client.get(partial, headers=ada).json()
    assert said(found)["openeo:status"] == "running"
    refused(client.patch(job, json={"title": "x"}, headers=ada), "JobLocked")
    assert client.delete(f"{job}/results", headers=ada).status_code == 204
    assert status(client, ada, job) == "canceled"
    found = client.get(f"{job}/results", headers=ada).json()
    assert said(found)["openeo:status"] == "canceled"
    assert [client.get(asset["href"]).json() for asset in found["assets"].values()] == [[1, 2, 3]]
    assert client.delete(job, headers=ada).status_code == 204
    refused(client.get(job, headers=ada), "JobNotFound")


def test_an_answer_is_json_for_values_and_a_file_for_cubes(client, ada, graph):
    answer = client.post("/result", json={"process": graph("add", x=1, y=2)}, headers=ada)
    assert (answer.status_code, answer.json()) == (200, 3)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["OpenEO-Costs"] == "0"
    empty = client.post("/result", json={"process": graph("nan")}, headers=ada)
    assert empty.json() is None
    cube = client.post("/result", json={"process": graph("lazy", side=8)}, headers=ada)
    assert cube.headers["content-type"] == "application/x-netcdf"
    assert cube.content[:4] in (b"\x89HDF", b"CDF\x01")


def test_an_answer_of_several_files_is_a_zip(client, ada, graph, app):
    process = graph("save_and_wait", seconds=0)
    answer = client.post("/result", json={"process": process}, headers=ada)
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = set(archive.namelist())
        assert names == {"openEO.json", "openEO.nc", "job-results.json"}
        assert set(json.loads(archive.read("job-results.json"))["assets"]) == names - {
            "job-results.json"
        }
    assert list(app.state.backend.answers.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("process", "arguments", "code", "number"),
    [
        ("array_element", {"data": [1], "index": 5}, "ArrayElementNotAvailable", 400),
        ("fail", {"message": "no /var/lib/secret.tif"}, "Internal", 500),
        ("die", {}, "Internal", 500),
    ],
)
def test_an_answer_that_fails(client, ada, graph, app, process, arguments, code, number):
    answer = client.post("/result", json={"process": graph(process, **arguments)}, headers=ada)
    assert refused(answer, code).status_code == number
    assert "/var" not in answer.text
    assert list(app.state.backend.answers.folder.iterdir()) == []
    again = client.post("/result", json={"process": graph("add", x=1, y=2)}, headers=ada)
    assert again.json() == 3


def test_an_answer_takes_no_longer_than_it_may(tmp_path, settings, checked, graph, signed_in_at):
    from workbench.openeo.server.app import create_app

    app = create_app(replace(settings, state=tmp_path, answer_s=3.0))
    with checked(app) as client:
        headers = signed_in_at(app, client)
        answer = client.post(
            "/result", json={"process": graph("slow", seconds=60)}, headers=headers
        )
        assert refused(answer, "RequestTimeout").status_code == 408


def test_results_too_large_for_an_answer(client, ada, app, graph, monkeypatch):
    monkeypatch.setitem(app.state.backend.answers._request, "most_bytes", 1000)
    answer = client.post("/result", json={"process": graph("lazy", side=64)}, headers=ada)
    refused(answer, "ProcessGraphComplexity")


@pytest.fixture
def signed_in_at():
    """`signed_in_at(app, client)`: headers of a user of another server."""
    from workbench.openeo.server.accounts import add_user

    def sign_in(app, client):
        add_user(app.state.backend.store, "ada", "correct horse")
        token = client.get("/credentials/basic", auth=("ada", "correct horse")).json()
        return {"Authorization": f"Bearer basic//{token['access_token']}"}

    return sign_in


def test_processes_of_the_user_are_called(client, ada, signed_in, graph, finished):
    body = {
        "parameters": [{"name": "a", "description": "", "schema": {"type": "number"}}],
        **graph("multiply", x={"from_parameter": "a"}, y=2),
    }
    client.put("/process_graphs/twice", json=body, headers=ada)
    process = graph("twice", a=21)
    assert client.post("/result", json={"process": process}, headers=ada).json() == 42
    job = finished(process)
    asset = client.get(f"{job}/results", headers=ada).json()["assets"]["openEO.json"]
    assert client.get(asset["href"]).json() == 42
    answer = client.post("/jobs", json={"process": process}, headers=signed_in("bob"))
    refused(answer, "ProcessUnsupported")


def test_results_stay_when_the_server_starts_anew(
    tmp_path, settings, checked, graph, signed_in_at, wait_for
):
    from workbench.openeo.server.app import create_app

    settings = replace(settings, state=tmp_path)
    app = create_app(settings)
    with checked(app) as client:
        headers = signed_in_at(app, client)
        job = create(client, headers, graph("add", x=1, y=2))
        client.post(f"{job}/results", headers=headers)
        wait_for(lambda: status(client, headers, job) == "finished")
        href = client.get(f"{job}/results", headers=headers).json()["assets"]["openEO.json"]["href"]
        running = create(client, headers, graph("slow", seconds=2))
        client.post(f"{running}/results", headers=headers)
    with checked(create_app(settings)) as client:
        assert client.get(href).json() == 3
        assert urlsplit(href).path.startswith("/downloads/")
        wait_for(lambda: status(client, headers, running) == "finished")
