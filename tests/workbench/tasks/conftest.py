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
def tried(tmp_path):
    """Count a try of a call, here or on a worker, and return how many there have been."""

    def count(name: str, more: int = 1) -> int:
        path = Path(folder, name)
        with path.open("a") as file:
            file.write("x" * more)
        return path.stat().st_size

    folder = str(tmp_path / "tries")
    Path(folder).mkdir()
    return count


@pytest.fixture
def flaky(tried):
    """A call that raises a number of times before it gives its name."""

    def call(name: str, failures: int) -> str:
        if tried(name) <= failures:
            raise OSError(f"{name} is not ready")
        return name

    return call


@pytest.fixture
def failing(tried):
    """A call that raises the same error each time, behind which there is another."""

    def call(name: str, kind: type[Exception]) -> None:
        tried(name)
        try:
            raise OSError(f"{name} was not read")
        except OSError as error:
            raise kind(f"{name}: nothing can be made of it") from error

    return call
