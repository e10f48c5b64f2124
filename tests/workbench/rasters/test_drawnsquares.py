"""Some pixels of a region: where they lie, how many they are, and that chunks do not move them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.rasters import drawnsquares
from workbench.rasters.drawnsquares import PIXELS, SIDE, SQUARES, places, thinned


@given(st.integers(1, 12_000), st.integers(1, 12_000))
def test_squares_lie_in_the_region_and_are_few(rows, columns):
    found = places((rows, columns))
    assert 1 <= len(found) <= SQUARES
    sizes = [len(range(rows)[down]) * len(range(columns)[along]) for down, along in found]
    assert min(sizes) > 0
    assert sum(sizes) <= PIXELS
    corners = {(down.start, along.start) for down, along in found}
    assert len(corners) == len(found)
    assert all(top % SIDE == 0 and left % SIDE == 0 for top, left in corners)
    if rows * columns <= PIXELS:
        assert sum(sizes) == rows * columns


def test_squares_of_a_large_region_come_from_all_over():
    found = places((10_980, 10_980))
    assert len(found) == SQUARES
    quarters = {(down.start < 5490, along.start < 5490) for down, along in found}
    assert len(quarters) == 4


@pytest.mark.parametrize("chunks", [None, {"y": 16, "x": 16}, {"y": 7, "time": 1}])
def test_thinned_pixels_are_those_of_the_squares(chunks, monkeypatch):
    monkeypatch.setattr(drawnsquares, "SIDE", 16)
    monkeypatch.setattr(drawnsquares, "PIXELS", 500)
    number = np.arange(40.0 * 56).reshape(40, 56)
    cube = xr.Dataset(
        {
            "reflectance": (("time", "y", "x", "band"), np.stack([[number, -number]] * 3)
                            .transpose(0, 2, 3, 1), {"units": "1"}),
            "weight": (("time", "y", "x"), np.stack([number] * 3)),
        },
        {"time": [1, 2, 3], "band": ["a", "b"], "y": np.arange(40), "x": np.arange(56)},
    )  # fmt: skip
    found = thinned(cube.chunk(chunks) if chunks else cube, 100)
    seen = np.concatenate([number[rows, columns].ravel() for rows, columns in places((40, 56))])
    seen = seen[:: -(-seen.size // 100)]
    assert 50 < seen.size <= 100
    assert found["reflectance"].dims == ("time", "band", "y", "x")
    assert found["reflectance"].attrs == {"units": "1"}
    np.testing.assert_array_equal(found["reflectance"].values[2, 1, 0], -seen)
    np.testing.assert_array_equal(found["weight"].values[1, 0], seen)
    assert set(found.coords) == {"time", "band"}
    assert np.unique(seen).size == seen.size
