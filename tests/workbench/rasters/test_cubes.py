"""Labelled cubes over blocks: the same cube however it is divided."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from workbench.errors import BadInput
from workbench.rasters.cubes import Variable, cube_of_blocks, grid_of
from workbench.rasters.windows import Window

VARIABLES = (
    Variable("values", ("time", "band"), np.uint16, {"units": "1"}),
    Variable("mask", (), np.uint8),
)
COORDS = {"time": np.array(["2021-01-01", "2021-01-03"], "datetime64[ns]"), "band": ["a", "b", "c"]}


def grid(shape, crs="EPSG:32631", size=10.0):
    return GeoBox(shape, Affine(size, 0, 5.0, 0, -size, 49.0), crs)


def block(target: GeoBox, window: Window):
    rows, cols = np.meshgrid(np.arange(*window.rows), np.arange(*window.cols), indexing="ij")
    plane = (100 * rows + cols).astype(np.uint16)
    values = np.arange(6, dtype=np.uint16).reshape(2, 3, 1, 1) * 7 + plane
    return values, (plane % 2).astype(np.uint8)


@given(rows=st.integers(1, 20), cols=st.integers(1, 20), chunks=st.integers(1, 25))
def test_blocks_do_not_matter(rows, cols, chunks):
    target = grid((rows, cols))
    whole = cube_of_blocks(block, VARIABLES, COORDS, target, chunks=None)
    lazy = cube_of_blocks(block, VARIABLES, COORDS, target, chunks=chunks)
    assert lazy["values"].chunks is not None
    assert lazy.compute(scheduler="synchronous").identical(whole)
    assert whole["values"].dims == ("time", "band", "y", "x")
    assert whole["mask"].dims == ("y", "x")


@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:4326"])
def test_a_cube_knows_its_grid(crs):
    target = grid((6, 5), crs, 0.5)
    cube = cube_of_blocks(block, VARIABLES, COORDS, target, chunks=None)
    found = grid_of(cube["mask"])
    assert found.crs == crs
    assert found.shape == target.shape
    assert found.affine.almost_equals(target.affine)


def test_a_cube_without_a_crs_is_refused():
    cube = cube_of_blocks(block, VARIABLES, COORDS, grid((4, 4)), chunks=None)
    bare = cube.drop_vars("spatial_ref").assign_coords(y=np.arange(4.0), x=np.arange(4.0))
    with pytest.raises(BadInput, match="no CRS"):
        grid_of(bare)


@pytest.mark.parametrize("chunks", [0, -1, 2.5, True])
def test_chunks_are_pixels(chunks):
    with pytest.raises(BadInput, match="chunks="):
        cube_of_blocks(block, VARIABLES, COORDS, grid((4, 4)), chunks=chunks)
