"""What tests of SpaceEye need beside the fixtures of all tests."""

from __future__ import annotations

import importlib.util
import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def torch_where_all_is_required() -> None:
    """Tests of the torch engine skip without torch, but not where nothing may be skipped."""
    if os.environ.get("WORKBENCH_REQUIRE") == "all" and not importlib.util.find_spec("torch"):
        pytest.fail(
            "torch is required (WORKBENCH_REQUIRE=all): pip install 'eo-workbench[spaceeye]'"
        )
