from __future__ import annotations

import pytest


@pytest.fixture
def no_address(monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
