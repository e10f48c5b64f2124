"""A cube to be written."""

from __future__ import annotations

import pytest
import xarray as xr

import spaceeye


@pytest.fixture(scope="session")
def result() -> xr.Dataset:
    """A lazy result with everything that a store has to hold, computed once."""
    stack = spaceeye.simulate(70).stack.chunk({"y": 32, "x": 32})
    found = spaceeye.interpolate(stack, alpha=1.0, output_times=30, max_gap=20)
    return found.compute().chunk(found.chunksizes)
