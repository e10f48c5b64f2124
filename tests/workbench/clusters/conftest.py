from __future__ import annotations

import time

import pytest


@pytest.fixture
def no_address(monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)


@pytest.fixture
def patiently():
    """`patiently(condition, seconds)`: return when it holds, fail when it does not."""

    def wait(condition, seconds):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited {seconds} s"
            time.sleep(0.1)

    return wait
