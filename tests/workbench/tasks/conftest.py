"""The places where calls run, and calls that go wrong; what runs on workers is defined inside."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from workbench.tasks import Tasks

CLUSTER = pytest.param("cluster", marks=pytest.mark.cluster)


@pytest.fixture(params=["here", "threads", CLUSTER])
def tasks_for(request):
    """`Tasks` in the caller's own thread, in two threads, on the shared cluster."""
    if request.param == "cluster":
        return partial(Tasks, request.getfixturevalue("client"))
    return partial(Tasks, threads=1 if request.param == "here" else 2)


@pytest.fixture
def flaky(tmp_path):
    """A call that raises a number of times before it gives its name."""

    def call(name: str, failures: int) -> str:
        tries = Path(f"{folder}/{name}")
        with tries.open("a") as file:
            file.write("x")
        if len(tries.read_text()) <= failures:
            raise OSError(f"{name} is not ready")
        return name

    folder = str(tmp_path / "tries")
    Path(folder).mkdir()
    return call
