"""Processes that take their time, and waiting for what they do."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).with_name("slowprocesses.py")


class Server(ThreadingHTTPServer):
    """Says nothing of clients that hang up, as they may."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@pytest.fixture(scope="session")
def http_server() -> type[Server]:
    """Serves on this machine: `http_server(("127.0.0.1", 0), handler)`."""
    return Server


@pytest.fixture(scope="session")
def slow_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package as it is when installed, with its entry point."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copy(SOURCE, folder)
    info = folder / "slowprocesses-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slowprocesses\nVersion: 1.0\n")
    entry = "[workbench.openeo.processes]\nslow = slowprocesses:processes\n"
    (info / "entry_points.txt").write_text(entry)
    return folder


@pytest.fixture
def slow_processes(slow_package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process, and those that it starts, have the package."""
    from workbench.openeo.registry import predefined

    paths = [str(slow_package), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.syspath_prepend(slow_package)
    predefined.cache_clear()
    yield
    predefined.cache_clear()


@pytest.fixture(scope="session")
def graph() -> Callable[..., dict[str, Any]]:
    """`graph(process, **arguments)`: a process of one node, ``only``."""

    def make(process: str, /, **arguments: Any) -> dict[str, Any]:
        node = {"process_id": process, "arguments": arguments, "result": True}
        return {"process_graph": {"only": node}}

    return make


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., Any]:
    """`wait_for(condition)`: what a condition gives, as soon as that is true."""

    def wait(condition: Callable[[], Any], seconds: float = 100.0) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := condition():
                return found
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds} s")

    return wait
