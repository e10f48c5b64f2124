from __future__ import annotations

import asyncio
import copy

import dask
import distributed
import pytest

import workbench
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


def test_an_existing_cluster_is_not_made():
    with pytest.raises(NoCluster, match="is not made"):
        workbench.make_cluster("existing")


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


def test_settings_of_a_local_cluster_stay_with_it(no_address):
    """Its scheduler and workers do not wait long for a lost worker; the process is left alone."""
    before = copy.deepcopy(dask.config.get("distributed"))
    key = "distributed.comm.timeouts.connect"
    with workbench.connect("local", jobs=1) as client:
        assert dask.config.get("distributed") == before
        assert client.cluster.scheduler.rpc.timeout == 10
        assert client.submit(dask.config.get, key).result() == 10
    assert dask.config.get("distributed") == before


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
