"""Reflectance as whole numbers, and back."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from workbench.errors import BadInput
from workbench.sentinel2.imageseries.packing import packed


def cube(values, dtype=np.float32) -> xr.DataArray:
    return xr.DataArray(np.array(values, dtype), dims="x", attrs={"units": "1"})


@pytest.mark.parametrize("lazy", [False, True])
def test_numbers_by_hand(lazy):
    given = cube([0.1234, np.nan, 0.0, -0.05, 7.0, np.inf, -np.inf, 0.12345001])
    found = packed(given.chunk(x=3) if lazy else given)
    assert (found.chunks is not None) == lazy
    assert found.dtype == np.uint16
    assert found.values.tolist() == [1234, 0, 1, 1, 65535, 65535, 1, 1235]
    assert found.attrs == {"units": "1", "scale_factor": 1e-4, "add_offset": 0.0}


def test_an_offset_leaves_room_below_zero():
    found = packed(cube([-0.05, 0.0, 0.3]), offset=-0.1)
    np.testing.assert_allclose(found * 1e-4 - 0.1, [-0.05, 0.0, 0.3], atol=1e-7)


def test_there_and_back_is_within_half_a_step():
    values = np.random.default_rng(1).uniform(1e-4, 2, 10_000)
    assert np.abs(packed(cube(values)).values * 1e-4 - values).max() <= 0.51e-4
    again = packed(cube([1, 2], np.uint16))
    assert again.values.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        (cube([1], np.int16), {}, "is int16: give floats"),
        (cube([0.1]), {"scale": 0.0}, "scale=0.0"),
        (cube([0.1]), {"scale": -1e-4}, "scale=-0.0001"),
    ],
)
def test_what_cannot_be_packed_is_named(values, options, words):
    with pytest.raises(BadInput, match=words):
        packed(values, **options)
