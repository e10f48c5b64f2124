"""Jobs on the workers of a cluster: whoever ends, the workers are free again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.openeo.jobs import freeing

pytestmark = pytest.mark.cluster

SERVER = Path(__file__).with_name("serverprocess.py")


@pytest.fixture
def cluster(slow_processes):
    """A client of two workers that have the package of slow processes."""
    from workbench.clusters import connect

    with connect("local", jobs=2, wait_for=2) as client:
        yield client


@pytest.fixture
def on_cluster(cluster, open_jobs):
    """`on_cluster(**options)`: jobs on that cluster."""
    return lambda **options: open_jobs(cluster=cluster, **options)


def tasks(client):
    """Return how many tasks the scheduler knows, and how many its workers do or hold."""

    def count(dask_scheduler):
        states = dask_scheduler.workers.values()
        busy = sum(len(state.processing) + len(state.has_what) for state in states)
        return len(dask_scheduler.tasks) + busy

    return client.run_on_scheduler(count)


def test_a_job_computes_on_the_workers(on_cluster, cluster, started, ended):
    jobs = on_cluster()
    number = started(jobs, "lazy", side=70)
    assert ended(jobs, number).status == "finished", jobs.logs("ada", number)
    assert jobs.results("ada", number).assets[0].path.suffix == ".nc"
    moved = [w["metrics"]["task_counts"] for w in cluster.scheduler_info()["workers"].values()]
    assert moved
    assert tasks(cluster) == 0


@pytest.mark.parametrize("end", ["cancel", "delete", "kill", "time"])
def test_a_job_that_is_ended_frees_its_workers(on_cluster, cluster, started, ended, wait_for, end):
    jobs = on_cluster(at_once=1, **({"most_s": 10.0} if end == "time" else {}))
    number = started(jobs, "slow", seconds=0.3, parts=500)
    wait_for(lambda: tasks(cluster) > 100)
    if end == "time":
        assert ended(jobs, number).status == "error"
        assert "(--job-time)" in jobs.last_error("ada", number)["message"]
    elif end == "kill":
        os.kill(jobs._running.pids[number], signal.SIGKILL)
        assert ended(jobs, number).status == "error"
    else:
        getattr(jobs, end)("ada", number)
    wait_for(lambda: tasks(cluster) == 0)
    following = started(jobs, "slow", seconds=0, parts=4)
    assert ended(jobs, following).status == "finished"


def test_a_worker_at_a_long_task_is_freed_too(
    on_cluster, cluster, started, ended, wait_for, monkeypatch
):
    monkeypatch.setattr(freeing, "GRACE_S", 0.5)
    jobs = on_cluster(at_once=1)
    number = started(jobs, "slow", seconds=1000, parts=2)
    wait_for(lambda: tasks(cluster) == 4)  # both are at work
    jobs.cancel("ada", number)
    following = started(jobs, "slow", seconds=0, parts=4)
    assert ended(jobs, following).status == "finished"


def test_work_that_kills_its_workers_fails_in_plain_words(
    on_cluster, cluster, started, ended, tmp_path
):
    jobs = on_cluster()
    number = started(jobs, "kill_workers", where=str(tmp_path / "ends"))
    assert ended(jobs, number).status == "error"
    assert len((tmp_path / "ends").read_text()) > 1  # it was tried again
    found = jobs.last_error("ada", number)
    assert found["code"] == "InfrastructureBusy"
    assert "Workers were lost" in found["message"]
    assert found["path"] == [{"node_id": "only", "process_id": "kill_workers"}]


def test_without_workers_nothing_waits_for_ever(slow_processes, open_jobs, started, ended):
    from distributed import Client

    from workbench.clusters.kinds import make_cluster

    with make_cluster("local", jobs=0) as empty, Client(empty) as client:
        jobs = open_jobs(cluster=client, patience_s=3.0)
        number = started(jobs, "slow", seconds=0, parts=2)
        assert ended(jobs, number).status == "error"
        found = jobs.last_error("ada", number)
        assert (found["code"], "no worker" in found["message"]) == ("InfrastructureBusy", True)
        alone = started(jobs, "add", x=1, y=2)  # needs none
        assert ended(jobs, alone).status == "finished"
        jobs.close()


@pytest.fixture
def server(slow_processes, tmp_path):
    """`server()`: a server of its own, which answers lines of JSON; killed at the end."""
    begun = []

    def begin(*options):
        command = [sys.executable, str(SERVER), str(tmp_path / "state"), *options]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        begun.append(process)

        def ask(method, *arguments):
            process.stdin.write(json.dumps([method, *arguments]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        return process, ask

    yield begin
    for process in begun:
        process.kill()
        process.wait()


def test_a_server_that_is_killed_takes_its_jobs_up_again(server, cluster, graph, wait_for):
    address = cluster.scheduler.address
    process, ask = server(address)
    done, slow = (ask("create", graph("pi")) for _ in range(2))
    slow = ask("create", graph("slow", seconds=0.3, parts=500))
    ask("start", done)
    wait_for(lambda: ask("read", done)["status"] == "finished")
    ask("start", slow)
    wait_for(lambda: tasks(cluster) > 100)
    (worker,) = ask("pids")
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not alive(worker))
    wait_for(lambda: tasks(cluster) == 0)
    process, ask = server(address)
    assert ask("read", done)["status"] == "finished"
    assert json.loads(Path(ask("files", done)[0]).read_text()) == pytest.approx(3.14159265)
    wait_for(lambda: ask("read", slow)["status"] == "running")
    assert ask("read", slow)["run"] == 2
    assert "restarted" in ask("log", slow)[0]["message"]
    wait_for(lambda: tasks(cluster) > 100)


def alive(pid):
    from workbench.files import is_running

    return is_running(pid)


def test_a_job_whose_server_dies_before_it_begins_ends_too(server, graph, wait_for):
    process, ask = server()
    number = ask("create", graph("slow", seconds=600))
    ask("start", number)
    (worker,) = ask("pids")  # it still loads its libraries
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not alive(worker))


def test_a_job_that_is_lost_with_its_server_again_and_again_is_not_tried_on(
    server, graph, wait_for
):
    number = None
    for _ in range(3):
        process, ask = server()
        if number is None:
            number = ask("create", graph("slow", seconds=60))
            ask("start", number)
        wait_for(lambda asked=ask, job=number: asked("read", job)["status"] == "running")
        process.send_signal(signal.SIGKILL)
        process.wait()
    _, ask = server()
    assert ask("read", number)["status"] == "error"
    assert "ended 3 times" in ask("log", number)[-1]["message"]


def test_a_cluster_with_encryption_is_reached(slow_processes, open_jobs, started, ended):
    from workbench.clusters import connect

    with connect("local", jobs=1, tls=True) as client:
        assert client.scheduler.address.startswith("tls://")
        jobs = open_jobs(cluster=client)
        number = started(jobs, "slow", seconds=0, parts=2)
        assert ended(jobs, number).status == "finished", jobs.last_error("ada", number)
        jobs.close()
