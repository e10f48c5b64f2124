from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
import yaml

from workbench import lab
from workbench.errors import WorkbenchError

TOKEN = "a-token-of-the-test"


@pytest.fixture
def nobodys_settings(monkeypatch):
    for name in ("DASK_CONFIG", "JUPYTER_CONFIG_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Start the lab on a free port; yield (process, ask), and stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in ("DASK_CONFIG", "JUPYTER_CONFIG_PATH"):
        monkeypatch.delenv(name, raising=False)
    start = [sys.executable, "-m", "workbench", "lab", "--", "--no-browser", "--allow-root"]
    start += [f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(start, cwd=tmp_path, stdout=log, stderr=log)

    def ask(path: str, method: str = "GET", token: str = TOKEN):
        headers = {"Authorization": f"token {token}"} if token else {}
        url = f"http://127.0.0.1:{port}{path}"
        request = urllib.request.Request(
            url, method=method, data=b"{}" if method == "PUT" else None, headers=headers
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    try:
        for _ in range(300):
            assert process.poll() is None, (tmp_path / "log").read_text()
            try:
                ask("/api/status")
                break
            except OSError:
                time.sleep(0.1)
        yield process, ask
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_shipped_settings_are_what_the_panel_reads():
    panel = yaml.safe_load((lab.CONFIG / "dask" / "labextension.yaml").read_text())
    assert panel["labextension"]["factory"]["module"] == "workbench.clusters"
    overrides = lab.CONFIG / "jupyter" / "labconfig" / "default_setting_overrides.json"
    assert "defaultLayout" in json.loads(overrides.read_text())["dask-labextension:plugin"]


def test_dask_and_jupyter_are_pointed_at_the_shipped_settings(nobodys_settings):
    found = lab.lab_environment()
    assert found["DASK_CONFIG"] == str(lab.CONFIG / "dask" / "labextension.yaml")
    assert found["JUPYTER_CONFIG_PATH"] == str(lab.CONFIG / "jupyter")
    assert found["PATH"] == os.environ["PATH"]
    assert "DASK_CONFIG" not in os.environ


def test_the_users_own_settings_stay(monkeypatch, tmp_path, caplog):
    caplog.set_level("INFO")
    monkeypatch.setenv("DASK_CONFIG", "/own/dask")
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/own/jupyter")
    found = lab.lab_environment(tmp_path)
    assert found["DASK_CONFIG"] == "/own/dask"
    assert found["JUPYTER_CONFIG_PATH"] == os.pathsep.join(["/own/jupyter", f"{tmp_path}/jupyter"])
    assert "/own/dask and stays" in caplog.text
    assert "labextension.yaml" in caplog.text


@pytest.mark.parametrize(
    ("args", "address"),
    [
        ([], ["--ip=127.0.0.1"]),
        (["--port=1"], ["--ip=127.0.0.1"]),
        (["--ip", "::1"], []),
        (["--ServerApp.ip=::1"], []),
    ],
)
def test_the_command_is_for_this_machine_only(args, address):
    command = lab.lab_command(args)
    assert command == [sys.executable, "-m", "jupyterlab", *address, *args]
    assert not any("token" in word for word in command)


def test_launch_becomes_jupyter(monkeypatch, nobodys_settings):
    calls = []
    monkeypatch.setattr(os, "execvpe", lambda *call: calls.append(call))
    lab.launch(["--no-browser"])
    ((file, argv, environment),) = calls
    assert file == argv[0] == sys.executable
    assert argv[-2:] == ["--ip=127.0.0.1", "--no-browser"]
    assert "DASK_CONFIG" in environment


def test_a_missing_jupyterlab_names_the_extra(monkeypatch):
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WorkbenchError, match=r"eo-workbench\[lab\]"):
        lab.launch()


@pytest.mark.cluster
def test_a_started_lab_has_layout_clusters_and_a_token(server):
    process, ask = server
    with pytest.raises(urllib.error.HTTPError, match="403"):
        ask("/api/contents", token="")
    settings = {entry["id"]: entry["schema"] for entry in ask("/lab/api/settings")["settings"]}
    layout = settings["dask-labextension:plugin"]["properties"]["defaultLayout"]["default"]
    assert layout["individual-task-stream"]["mode"] == "split-right"
    made = ask("/dask/clusters", "PUT")
    try:
        assert made["workers"] == 2
        assert made["scheduler_address"].startswith("tcp://127.0.0.1:")
        assert made["dashboard_link"].startswith("http://127.0.0.1:")
        processes = [psutil.Process(process.pid)]
        processes += processes[0].children(recursive=True)
        open_at = {
            connection.laddr.ip
            for one in processes
            for connection in one.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert open_at == {"127.0.0.1"}
    finally:
        ask(f"/dask/clusters/{made['id']}", "DELETE")
    shipped = {path.name for path in Path(lab.CONFIG, "dask").iterdir()}
    assert shipped == {"labextension.yaml"}, "nobody copies defaults into the package"


def test_the_kind_of_the_panel_and_links_below_a_base_url(nobodys_settings, monkeypatch):
    monkeypatch.delenv("DASK_DISTRIBUTED__DASHBOARD__LINK", raising=False)
    assert "DASK_WORKBENCH__CLUSTER__KIND" not in lab.lab_environment()
    found = lab.lab_environment(cluster="slurm", args=["--ServerApp.base_url=/x/"])
    assert found["DASK_WORKBENCH__CLUSTER__KIND"] == "slurm"
    assert found["DASK_DISTRIBUTED__DASHBOARD__LINK"] == "/x/proxy/{port}/status"
    assert "DASK_DISTRIBUTED__DASHBOARD__LINK" not in lab.lab_environment()
    two_words = lab.lab_environment(args=["--no-browser", "--ServerApp.base_url", "/y"])
    assert two_words["DASK_DISTRIBUTED__DASHBOARD__LINK"] == "/y/proxy/{port}/status"
