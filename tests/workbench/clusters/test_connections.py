from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

import dask
import distributed
import psutil
import pytest

import workbench
from workbench.clusters import client_or_none, existing, waiting
from workbench.errors import NoCluster

pytestmark = pytest.mark.cluster


class Recorder:
    """Stands for LocalCluster: remembers what it was asked for."""

    def __init__(self, **settings):
        self.settings = settings


@pytest.fixture
def asked(monkeypatch):
    """Return what a LocalCluster would be asked for, without starting one."""
    monkeypatch.setattr(distributed, "LocalCluster", Recorder)
    return lambda *args, **options: workbench.make_cluster(*args, **options).settings


@pytest.fixture
def no_address(monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)


@pytest.fixture
def listening():
    """Addresses that the given processes listen at."""

    def find(pids):
        connections = [c for pid in pids for c in psutil.Process(pid).net_connections("inet")]
        return {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}

    return find


def test_the_defaults_are_loopback_and_two_workers(asked):
    found = asked()
    assert found["n_workers"] == 2
    assert found["threads_per_worker"] == 1
    assert found["memory_limit"] == "auto"
    assert found["dashboard_address"] == "127.0.0.1:0"
    assert found["asynchronous"] is False


def test_keywords_win_over_configuration_and_configuration_over_defaults(asked):
    with dask.config.set({"workbench.cluster.jobs": 3}):
        assert asked()["n_workers"] == 3
        assert asked("local", jobs=4)["n_workers"] == 4
        with dask.config.set({"workbench.cluster.local.n-workers": 5}):
            assert asked()["n_workers"] == 5
            assert asked(jobs=6)["n_workers"] == 6
            assert asked(jobs=6, n_workers=7)["n_workers"] == 7
            assert asked(**{"n-workers": 8})["n_workers"] == 8


def test_the_environment_and_a_file_set_the_kind(tmp_path):
    (tmp_path / "site.yaml").write_text("workbench: {cluster: {jobs: 9, kind: existing}}")
    script = "import dask, workbench.clusters; print(dask.config.get('workbench.cluster'))"
    environment = {
        **os.environ,
        "DASK_CONFIG": str(tmp_path),
        "DASK_WORKBENCH__CLUSTER__KIND": "local",
    }
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "'kind': 'local'" in found.stdout
    assert "'jobs': 9" in found.stdout
    assert "'wait-for': 1" in found.stdout


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (":8787", "127.0.0.1:8787"),
        (8787, "127.0.0.1:8787"),
        ("0.0.0.0:1", "0.0.0.0:1"),
        (None, None),
    ],
)
def test_a_dashboard_without_a_host_is_on_loopback(asked, given, used):
    assert asked(dashboard_address=given)["dashboard_address"] == used


def test_threads_of_libraries_are_capped(asked):
    found = asked(threads_per_worker=3, env={"A": "b"})["env"]
    assert found["OMP_NUM_THREADS"] == found["OPENBLAS_NUM_THREADS"] == "1"
    assert found["A"] == "b"
    assert "env" not in asked(processes=False)


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


def test_an_address_wins_over_the_kind_and_its_cluster_stays(client, monkeypatch, no_address):
    address = client.scheduler.address
    with workbench.connect("local", address=address) as other:
        assert other.scheduler.address == address
        assert other.cluster is None
    with dask.config.set({"workbench.cluster.address": address}):
        workbench.connect("local").close()
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
    with client_or_none("slurm") as third:
        assert third.scheduler.address == address
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS")
    with workbench.connect(address) as fourth:
        assert fourth.scheduler.address == address
    assert client.submit(sum, [1, 2]).result() == 3


def test_missing_workers_are_counted(client, no_address):
    with pytest.raises(NoCluster, match=r"2 of 3 workers arrived within 0.2 s .* `dask worker tcp"):
        workbench.connect(address=client.scheduler.address, wait_for=3, timeout="200ms")
    workbench.connect(address=client.scheduler.address, wait_for=0).close()


def test_a_cluster_whose_workers_are_missing_is_closed(no_address, monkeypatch):
    seen = []
    monkeypatch.setattr(waiting, "await_workers", lambda client, *_: seen.append(client) or 1 / 0)
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


def test_existing_needs_an_address(no_address):
    with pytest.raises(NoCluster, match="needs an address"):
        workbench.connect("existing")
    with pytest.raises(NoCluster, match="is not made"):
        workbench.make_cluster("existing")


def test_an_address_that_does_not_answer_is_named(no_address, monkeypatch):
    monkeypatch.setattr(existing, "CONNECT_TIMEOUT_S", 0.5)
    with socket.socket() as taken:  # bound, so nobody else listens there
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(NoCluster, match=f"no Dask scheduler answers at {address}.*check that"):
            workbench.connect(address=address)
    with pytest.raises(NoCluster, match="answers at nonsense"):
        workbench.connect(address="nonsense")


def test_the_port_of_the_dashboard_is_no_scheduler(client, no_address, monkeypatch):
    monkeypatch.setattr(existing, "CONNECT_TIMEOUT_S", 1.0)
    port = client.scheduler_info()["services"]["dashboard"]
    with pytest.raises(NoCluster, match="not the port of its dashboard"):
        workbench.connect(address=f"tcp://127.0.0.1:{port}")


def test_the_panel_of_jupyter_can_await_a_cluster(no_address):
    async def make():
        async with await workbench.make_cluster(
            kind="local", processes=False, asynchronous=True
        ) as cluster:
            return len(cluster.scheduler_info["workers"]), cluster.dashboard_link

    workers, link = asyncio.run(make())
    assert workers == 2
    assert link.startswith("http://127.0.0.1:")


def test_a_local_cluster_that_adapts(no_address):
    with workbench.connect("local", adapt=(0, 2), processes=False) as client:
        assert len(client.nthreads()) == 0
        assert client.submit(sum, [1, 2]).result(timeout=30) == 3


def test_a_local_cluster_with_tls(no_address):
    with workbench.connect("local", jobs=1, tls=True) as client:
        assert client.scheduler.address.startswith("tls://")
        assert client.submit(sum, [1, 2]).result() == 3


def test_links_go_through_the_hub(no_address, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    with dask.config.set({"distributed.dashboard.link": distributed_default_link()}):
        with workbench.connect("local", jobs=1, processes=False) as client:
            port = client.scheduler_info()["services"]["dashboard"]
            assert client.dashboard_link == f"/user/ada/proxy/{port}/status"
    with dask.config.set({"distributed.dashboard.link": "https://own/{port}"}):
        with workbench.connect("local", jobs=1, processes=False) as client:
            assert client.dashboard_link.startswith("https://own/")


def distributed_default_link() -> str:
    return "{scheme}://{host}:{port}/status"
