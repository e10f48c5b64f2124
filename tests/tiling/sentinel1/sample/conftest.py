"""What the tests of the sample read again and again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tiling.sentinel1.products.safefolders import Image


@pytest.fixture(scope="session")
def images(sentinel1_sample) -> list[Image]:
    """The co-polarised images of the sample, in time order."""
    return [Image(path, "vv") for path in sorted((sentinel1_sample / "S1").glob("*.SAFE"))]


@pytest.fixture(scope="session")
def truth(sentinel1_sample) -> dict:
    """What is true of the sample."""
    return json.loads((sentinel1_sample / "truth.json").read_text("utf-8"))


@pytest.fixture
def tiny(monkeypatch) -> None:
    """Make samples of 4 by 6 km over one cell of the height model."""
    from tiling.sentinel1.sample import wholesamples

    strip = replace(wholesamples.SMALL, lines=401, samples=600, overlap=1, near_range=878_000.0)
    monkeypatch.setattr(wholesamples, "SMALL", strip)
    monkeypatch.setattr(wholesamples, "CELLS", wholesamples.CELLS[-1:])
