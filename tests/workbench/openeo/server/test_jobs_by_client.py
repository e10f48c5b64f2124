"""Batch jobs and answers by the real client, over a real port."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np
import openeo
import pytest
import xarray as xr

from workbench.openeo.catalogues.remote import Remote

PASSWORD = "correct horse"


@contextmanager
def served(state):
    """Serve on a port that is free, with the users ada and bob; give its address."""
    import uvicorn

    from workbench.openeo.server.accounts import add_user
    from workbench.openeo.server.app import create_app
    from workbench.openeo.server.backend import Settings

    app = create_app(Settings(state, Nothing()))
    for name in {"ada", "bob"} - {user.name for user in app.state.backend.store.users()}:
        add_user(app.state.backend.store, name, PASSWORD)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            thread.join(0.02)
            assert thread.is_alive()
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", app
    finally:
        server.should_exit = True
        thread.join()


class Nothing:
    """A catalogue without collections."""

    remote = Remote()

    def documents(self):
        return []


@pytest.fixture
def connected(slow_processes, tmp_path):
    """`connected(name)`: a new connection of a user to one server."""
    with served(tmp_path / "state") as (url, _):
        yield lambda name="ada": connect(url, name)


def connect(url, name="ada"):
    return openeo.connect(url).authenticate_basic(name, PASSWORD)


def test_a_blocking_job_downloaded_whole(connected, graph, tmp_path):
    said = []
    job = connected().create_job(graph("lazy", side=70), title="a cube")
    job.start_and_wait(print=said.append, max_poll_interval=0.2)
    assert "finished" in said[-1]
    files = job.get_results().download_files(tmp_path / "out")
    assert {path.name for path in files} == {"openEO.nc", "job-results.json"}
    with xr.open_dataset(tmp_path / "out" / "openEO.nc") as file:
        np.testing.assert_array_equal(file["var"].values, np.ones((2, 70, 70), np.float32))
    assert job.describe()["title"] == "a cube"
    assert job.estimate()["costs"] == 0


def test_a_job_to_come_back_to_after_a_restart(slow_processes, graph, tmp_path, wait_for):
    with served(tmp_path / "state") as (url, _):
        number = connect(url).create_job(graph("add", x=1, y=2)).start().job_id
        wait_for(lambda: connect(url).job(number).status() == "finished")
    with served(tmp_path / "state") as (url, _):
        ada = connect(url)
        assert [job["id"] for job in ada.list_jobs()] == [number]
        (asset,) = ada.job(number).get_results().get_assets()
        assert asset.load_json() == 3
        assert ada.job(number).download_result(tmp_path / "three.json").read_text().strip() == "3"
        with pytest.raises(openeo.rest.OpenEoApiError, match="JobNotFound"):
            connect(url, "bob").job(number).describe()


def test_a_job_that_fails_shows_its_log(connected, graph):
    job = connected().create_job(graph("fail", message="out of luck"))
    with pytest.raises(openeo.rest.JobFailedException):
        job.start_and_wait(print=lambda words: None, max_poll_interval=0.2)
    (entry,) = job.logs(level="error")
    assert (entry["code"], entry["message"]) == (
        "Internal",
        "Server error: RuntimeError: out of luck",
    )
    assert job.logs(offset=entry["id"]) == []


def test_a_job_is_stopped_and_deleted(connected, graph, wait_for):
    ada = connected()
    job = ada.create_job(graph("slow", seconds=60)).start()
    wait_for(lambda: job.status() == "running")
    job.stop()
    assert job.status() == "created"
    job.delete()
    assert ada.list_jobs() == []


def test_synchronous_results(connected, graph, tmp_path):
    ada = connected()
    assert ada.execute(graph("add", x=1, y=2)) == 3
    ada.download(graph("lazy", side=70), tmp_path / "cube.nc")
    with xr.open_dataset(tmp_path / "cube.nc") as file:
        assert file.sizes == {"t": 2, "y": 70, "x": 70}
    with pytest.raises(openeo.rest.OpenEoApiError, match="ArrayElementNotAvailable"):
        ada.execute(graph("array_element", data=[1], index=9))


def test_a_caller_who_goes_ends_the_work(slow_processes, tmp_path, graph, wait_for):
    with served(tmp_path / "state") as (url, app):
        headers = {"Authorization": f"Bearer {connect(url).auth.bearer}"}
        asked = {"process": graph("slow", seconds=600)}
        answers, body = app.state.backend.answers, json.dumps(asked)
        caller = http.client.HTTPConnection(urlsplit(url).netloc)
        caller.request("POST", "/result", body, {**headers, "Content-Type": "application/json"})
        wait_for(lambda: answers._busy)
        caller.close()
        wait_for(lambda: not answers._busy)
        assert list(answers.folder.iterdir()) == []
