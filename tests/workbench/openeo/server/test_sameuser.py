"""Whose a connection is."""

import os
import socket

import pytest

from workbench.openeo.server import sameuser
from workbench.openeo.server.sameuser import can_tell, is_same_user


@pytest.fixture(params=["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def connection(request):
    host = request.param
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listening, socket.socket(family) as client:
        try:
            listening.bind((host, 0))
        except OSError:
            pytest.skip(f"this machine has no {host}")
        listening.listen()
        client.connect(listening.getsockname()[:2])
        server, _ = listening.accept()
        with server:
            yield client.getsockname()[:2], server.getsockname()[:2]


@pytest.mark.skipif(not can_tell(), reason="this system does not say")
def test_only_the_user_who_runs_this_is_the_same(connection, monkeypatch):
    client, server = connection
    assert is_same_user(client, server)
    assert not is_same_user(client, (server[0], server[1] + 1))
    assert not is_same_user(("127.0.0.9", client[1]), server)
    assert not is_same_user(("testclient", client[1]), server)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert not is_same_user(client, server)


def test_where_the_system_does_not_say(monkeypatch, tmp_path):
    monkeypatch.setattr(sameuser, "TABLES", (str(tmp_path / "tcp"),))
    assert not can_tell()
    assert is_same_user(("127.0.0.1", 1), ("127.0.0.1", 2))
