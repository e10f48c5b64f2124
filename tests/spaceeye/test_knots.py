"""The store of knots: solved once, evaluated for any date."""

from __future__ import annotations

import numpy as np
import pytest

import spaceeye
from spaceeye.errors import BadFile, BadInput


def test_knots_come_back_from_their_store(tmp_path):
    stack = spaceeye.simulate(40).stack
    direct = spaceeye.interpolate(stack, alpha=3.0, output_times=7)["reflectance"]
    path = spaceeye.save_knots(
        spaceeye.solve(stack.chunk({"y": 16}), alpha=3.0), tmp_path / "k.zarr"
    )
    found = spaceeye.evaluate(spaceeye.open_knots(path), 7)
    assert found.chunks is not None
    np.testing.assert_array_equal(found, direct)
    assert found.attrs["scale_factor"] == 1e-4
    other = spaceeye.evaluate(spaceeye.open_knots(path), ["2022-01-09"], extrapolate="nan")
    assert other.sizes["time"] == 1
    for bad in (tmp_path / "none.zarr", tmp_path):
        with pytest.raises(BadFile, match="knots"):
            spaceeye.open_knots(bad)
    with pytest.raises(BadInput, match="holds knots and weight, this one reflectance"):
        spaceeye.evaluate(direct.to_dataset(name="reflectance"))
