"""Fixtures for all tests: one cluster, the shared data, and what to do when one is missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from distributed import Client

# A disk that is busy is not a defect: no test asserts on a time.
settings.register_profile("workbench", deadline=None)
settings.load_profile("workbench")

ROOT = Path(__file__).resolve().parents[1]


def _require(name: str, condition: object, reason: str) -> None:
    if condition:
        return
    if os.environ.get("WORKBENCH_REQUIRE") == "all":
        pytest.fail(f"{name} is required (WORKBENCH_REQUIRE=all): {reason}", pytrace=False)
    pytest.skip(f"{name}: {reason}")


@pytest.fixture(scope="session")
def require() -> Callable[[str, object, str], None]:
    """`require(name, condition, reason)`: skip where it is missing, fail if all is required."""
    return _require


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data(require: Callable[[str, object, str], None]) -> Path:
    """The folder of real data that is shared between checkouts (WORKBENCH_DATA says where else)."""
    folder = Path(os.environ.get("WORKBENCH_DATA") or ROOT.parent / "shared" / "data")
    require("shared data", folder.is_dir(), f"there is no folder {folder}; set WORKBENCH_DATA")
    return folder


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """A client of two single-threaded worker processes, shared by the whole session."""
    import workbench

    with workbench.connect(
        "local", jobs=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as client:
        yield client
