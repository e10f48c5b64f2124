from __future__ import annotations

import os
import subprocess
import sys

import dask
import distributed
import psutil
import pytest

import workbench
from workbench.clusters import client_or_none, connections
from workbench.errors import NoCluster

pytestmark = pytest.mark.cluster


@pytest.fixture
def listening():
    """Addresses that the given processes listen at."""

    def find(pids):
        connections = [c for pid in pids for c in psutil.Process(pid).net_connections("inet")]
        return {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}

    return find


def test_a_client_takes_its_cluster_along(no_address, listening, caplog):
    caplog.set_level("INFO")
    with workbench.connect("local", jobs=1, threads_per_worker=2) as client:
        assert client.ncores() == dict.fromkeys(client.ncores(), 2)
        (pid,) = client.run(os.getpid).values()
        assert pid != os.getpid()
        (limits,) = client.run(lambda: os.environ["OMP_NUM_THREADS"]).values()
        assert limits == "1"
        assert listening([os.getpid(), pid]) == {"127.0.0.1"}
        cluster = client.cluster
    assert cluster.status == distributed.Status.closed
    assert client.status == "closed"
    assert not psutil.pid_exists(pid)
    client.close()
    assert client.dashboard_link in caplog.text
    assert "http://127.0.0.1:" in caplog.text


def test_a_client_that_is_not_closed_leaves_no_process(no_address, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, workbench\n"
        "if __name__ == '__main__':\n"
        "    client = workbench.connect('local', jobs=1)\n"
        "    print(*client.run(os.getpid).values())\n"
    )
    command = [sys.executable, str(script)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert not psutil.pid_exists(int(ended.stdout))
    assert "Traceback" not in ended.stderr


def test_a_script_without_a_main_guard_is_told(no_address, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import workbench\nworkbench.connect('local', jobs=1)\n")
    ended = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    last = ended.stderr.rstrip().splitlines()[-1]
    assert "NoCluster" in last
    assert "if __name__ == '__main__':" in last


def test_the_client_of_a_block(no_address):
    with workbench.make_client("local", jobs=1, processes=False) as client:
        assert client.submit(sum, [1, 2]).result() == 3
    assert client.status == "closed"


def test_none_means_here(no_address):
    with client_or_none("none", jobs=4) as nothing:
        assert nothing is None
    with client_or_none("local", jobs=1, processes=False) as client:
        assert len(client.nthreads()) == 1
    assert client.status == "closed"


def test_a_worker_has_the_memory_asked_for(no_address):
    with workbench.connect("local", jobs=1, memory="400MB") as client:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        assert [worker["memory_limit"] for worker in workers] == [400_000_000]
    with pytest.raises(NoCluster, match="memory is '8 GB\\?', not a size such as '8GB'"):
        workbench.connect("local", memory="8 GB?")
    with pytest.raises(NoCluster, match="walltime is that of a job"):
        workbench.connect("local", walltime="1:00:00")


def test_an_address_wins_over_the_kind_and_its_cluster_stays(client, monkeypatch, no_address):
    address = client.scheduler.address
    with workbench.connect("local", address=address) as other:
        assert other.scheduler.address == address
        assert other.cluster is None
    with dask.config.set({"workbench.cluster.address": address}):
        workbench.connect("local").close()
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
    with client_or_none("slurm", jobs=2, memory="8GB", walltime="1:00:00") as third:
        assert third.scheduler.address == address
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS")
    with workbench.connect(address) as fourth:
        assert fourth.scheduler.address == address
    assert client.submit(sum, [1, 2]).result() == 3


def test_a_cluster_whose_workers_are_missing_is_closed(no_address, monkeypatch):
    seen = []
    monkeypatch.setattr(
        connections, "await_workers", lambda client, *_: seen.append(client) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        workbench.connect("local", jobs=1, processes=False)
    assert seen[0].status == "closed"
    assert seen[0].cluster.status == distributed.Status.closed


@pytest.mark.parametrize("kind", ["slrum", ""])
def test_an_unknown_kind_lists_the_kinds(no_address, kind):
    with dask.config.set({"workbench.cluster.kind": "slrum"}):
        with pytest.raises(
            NoCluster, match=r"'slrum' is not known; the kinds are: local, slurm, pbs, existing"
        ):
            workbench.connect(kind)


@pytest.mark.parametrize("jobs", [0, -3, "two", 1.5, True])
@pytest.mark.parametrize("kind", ["local", "slurm", "tcp://127.0.0.1:1"])
def test_a_number_of_workers_that_would_wait_for_ever_is_refused(no_address, kind, jobs):
    with pytest.raises(NoCluster, match=rf"jobs is {jobs!r}, not a number of workers from 1 on"):
        workbench.connect(kind, jobs=jobs)
    with dask.config.set({"workbench.cluster.jobs": -1}):
        with pytest.raises(NoCluster, match="jobs is -1"):
            workbench.make_cluster("local")


def test_existing_needs_an_address(no_address):
    with pytest.raises(NoCluster, match="needs an address"):
        workbench.connect("existing")
