from __future__ import annotations

import socket

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
