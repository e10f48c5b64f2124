"""Code that wants what is not its own: it does not get it, and nothing of it is left."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from workbench.openeo.errors import OpenEOError
from workbench.openeo.udfs import Labelled, servers
from workbench.openeo.udfs.exchange import NotAnswered, get, put
from workbench.openeo.udfs.runtimes import Failed
from workbench.openeo.udfs.servers import taken


@pytest.fixture
def no_namespaces(tmp_path, monkeypatch):
    """Let the kernel refuse namespaces, as that of many containers does."""
    source = servers.CONFINING.read_text()
    assert source.count("alone = own_namespaces()") == 1
    script = tmp_path / "confining.py"
    script.write_text(source.replace("alone = own_namespaces()", "alone = False"))
    monkeypatch.setattr(servers, "CONFINING", script)


LEFT = [
    "child = [sys.executable, '-c', 'import time; time.sleep(60)']",
    "subprocess.Popen(child, start_new_session=True)",
    "if os.fork() == 0:",
    "    os.setsid()",
    "    if os.fork(): os._exit(0)",
    "    time.sleep(60)",
    "time.sleep(0.5)",
]


def test_children_in_sessions_of_their_own_are_ended(runtimes, code, family):
    assert runtimes.run(code(*LEFT, "result = 1"), 1).value == 1
    assert len(family()) == 5, "three of the server, two of the code"
    runtimes.close()
    assert family(wait=True) == []


def test_without_namespaces(runtimes, code, family, no_namespaces):
    lines = ["import socket", "try: socket.socket()", "except OSError: result = 'closed'"]
    found = runtimes.run(code(*LEFT, *lines), 1)
    assert found.value == "closed"
    assert found.warnings == ("the code sees the other processes of this machine",)
    assert len(family()) == 4
    runtimes.close()
    assert family(wait=True) == []
    with pytest.raises(Failed, match="exit code 3"):
        runtimes.run(code(*LEFT, "os._exit(3)"), 1)
    assert family(wait=True) == []


def test_nothing_of_the_server_is_seen(runtimes, tmp_path, monkeypatch, code):
    monkeypatch.setenv("SECRET_OF_SERVER", "token")
    state = tmp_path / "state.sqlite"
    state.write_text("secret")
    runtimes.run(code("result = 1"), 1)
    others = [
        str(state), f"/proc/{os.getpid()}/environ", "/proc/self/environ", "/etc/passwd",
        str(Path(__file__)), str(Path.home() / ".bashrc"),
    ]  # fmt: skip
    lines = [
        "result = {'env': sorted(os.environ), 'here': os.listdir('.'), 'read': [], 'listed': []}",
        "for path in given:",
        "    try: result['read'].append(open(path).read())",
        "    except OSError as error: pass",
        "    try: result['listed'].append(os.listdir(os.path.dirname(path)))",
        "    except OSError as error: pass",
        "    try: open(path, 'a').close(); result['read'].append(path)",
        "    except OSError as error: pass",
        f"try: os.kill({os.getpid()}, 0); result['read'].append('signal')",
        "except OSError: pass",
    ]
    found = runtimes.run(code(*lines), others).value
    assert "SECRET_OF_SERVER" not in found["env"]
    assert "PYTHONPATH" not in found["env"]
    assert (found["here"], found["read"], found["listed"]) == ([], [], [])
    assert state.read_text() == "secret"


def test_the_network_is_closed(runtimes, code):
    with socket.create_server(("127.0.0.1", 0)) as server:
        lines = [
            "import socket",
            "result = []",
            "for kind in (socket.AF_INET, socket.AF_UNIX):",
            "    try: socket.socket(kind); result.append(kind)",
            "    except OSError: pass",
            "try: socket.create_connection(('127.0.0.1', given), 2); result.append('connected')",
            "except OSError: pass",
        ]
        assert runtimes.run(code(*lines), server.getsockname()[1]).value == []


def test_answers_cannot_be_links_or_lies(runtimes, tmp_path, code):
    (tmp_path / "secret").write_text('{"value": "secret"}')
    forge = [
        "folder = os.path.join('..', 'exchange')",
        "result = sorted(os.listdir(folder))",
    ]
    assert runtimes.run(code(*forge), 1).value == [], "the name of a question is gone by then"
    server = taken((runtimes.owner, code(*forge), runtimes.limits))
    exchange = server._exchange
    try:
        (exchange / "a.found.json").symlink_to(tmp_path / "secret")
        said = '{"array": {"dims": ["x"], "shape": [%d], "dtype": "%s", "labels": {}}}'
        (exchange / "b.found.json").write_text(said % (10**12, "<f8"))
        (exchange / "b.found.bin").write_bytes(b"1234")
        os.mkfifo(exchange / "c.found.json")
        (exchange / "d.found.json").write_text(said % (1, "|O"))
        (exchange / "d.found.bin").write_bytes(b"12345678")
        (exchange / "e.found.json").write_text("[" * 100_000)
        (exchange / "f.found.json").write_bytes(bytes(20 << 20))
        (exchange / "g.found.json").write_text(said % (1, "<f8"))
        (exchange / "g.found.bin").write_bytes(bytes(2 << 20))
        words = ("symbolic links", "4 bytes for", "no plain file", "object of", "recursion",
                 "20,971,520 bytes", "2,097,152 bytes")  # fmt: skip
        for name, reason in zip("abcdefg", words, strict=True):
            with pytest.raises(NotAnswered, match=reason):
                get(exchange, name, 1 << 20)
        target = tmp_path / "target"
        (exchange / "g.json").symlink_to(target)
        with pytest.raises(OSError, match="exists"):
            put(exchange, "g", "code", 1, None)
        assert not target.exists()
    finally:
        server.close()


def test_it_ends_with_the_server(tmp_path, code):
    script = tmp_path / "server.py"
    text = code("time.sleep(100)")
    run = f"from workbench.openeo.udfs import Runtimes\nRuntimes().run({text!r}, 1)\n"
    script.write_text(run)
    process = subprocess.Popen([sys.executable, str(script)], cwd=Path(__file__).parents[4],
                               env={**os.environ, "TMPDIR": str(tmp_path)})  # fmt: skip
    found = []
    for _ in range(200):
        found = psutil.Process(process.pid).children(recursive=True)
        if any("serving.py" in " ".join(child.cmdline()) for child in found if child.is_running()):
            break
        time.sleep(0.1)
    assert found
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(found, timeout=10)
    assert not [c for c in alive if c.status() != psutil.STATUS_ZOMBIE]
    assert list(tmp_path.glob("udf-*")) == []


def test_one_process_serves_many_blocks(runtimes, code, family):
    text = code("result = os.getpid()", "print(os.getpid())")
    pids = {family_pid for _ in range(5) if (family_pid := runtimes.run(text, 1).value)}
    assert len(pids) == 1
    count = len(family())
    other = replace(runtimes, owner="another")
    other.run(text, 1)
    assert len(family()) == 2 * count, "other owners have processes of their own"
    other.close()
    assert len(family()) == count


def test_code_needs_a_kernel_that_closes_files(runtimes, monkeypatch, code):
    text = code("result = given")
    runtimes.run(text, 1)
    server = taken((runtimes.owner, text, runtimes.limits))
    assert server.closed == {"files": True, "network": True, "processes": True}
    server.close()
    with pytest.raises(OpenEOError, match="cannot close the files") as caught:
        runtimes._warnings({"network": True})
    assert caught.value.code == "FeatureUnsupported"
    warnings = replace(runtimes, unconfined=True)._warnings({})
    assert len(warnings) == 3


def test_arrays_keep_type_and_labels(runtimes):
    text = (
        "import xarray\n"
        "def apply_datacube(cube: xarray.DataArray, context: dict) -> xarray.DataArray:\n"
        "    return cube.transpose()\n"
    )
    times = np.array(["2024-01-01", "2024-06-01T12:00:00.5"], "datetime64[ns]")
    for kind in ("bool", "uint8", "int64", "float32", "float64"):
        values = np.arange(6).reshape(2, 3).astype(kind)
        given = Labelled(values, ("t", "bands"), {"t": times, "bands": np.array(["é", "b", "c"])})
        found = runtimes.run(text, given).value
        assert found.dims == ("bands", "t")
        assert found.values.dtype == kind
        assert np.array_equal(found.values, values.T)
        assert np.array_equal(found.labels["t"], times)
        assert found.labels["bands"].tolist() == ["é", "b", "c"]
