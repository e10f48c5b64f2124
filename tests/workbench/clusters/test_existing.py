from __future__ import annotations

import socket
import threading
from contextlib import ExitStack

import pytest

import workbench
from workbench.clusters import existing
from workbench.errors import NoCluster

pytestmark = pytest.mark.cluster


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


def test_a_host_that_drops_packets_is_given_up_in_time(no_address, monkeypatch):
    """A socket whose queue is full lets the packets of those who want to connect fall."""
    monkeypatch.setattr(existing, "CONNECT_TIMEOUT_S", 1.0)
    with ExitStack() as sockets:
        full = sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        address = f"tcp://127.0.0.1:{full.getsockname()[1]}"
        with pytest.raises(NoCluster, match=r"none within 1 s|after 1 s|after 0\.\d+ s"):
            workbench.connect(address=address)


def test_a_name_server_that_does_not_answer_is_given_up_in_time(no_address, monkeypatch):
    monkeypatch.setattr(existing, "CONNECT_TIMEOUT_S", 1.0)
    ended, answered, look_up = threading.Event(), threading.Event(), socket.getaddrinfo

    def slowly(host, *arguments, **options):
        if host == "dead.host":
            answered.wait(60)
            ended.set()
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    try:
        with pytest.raises(NoCluster, match=r"the name dead\.host was not found within 1 s"):
            workbench.connect(address="tcp://dead.host:8786")
        assert not ended.is_set(), "the end of the look-up is not waited for"
    finally:
        answered.set()
