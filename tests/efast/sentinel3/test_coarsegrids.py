"""Coarse cells from the corner of the fine grid on, with and without a halo."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from efast.errors import BadInput
from efast.fusedseries import _Grids
from efast.sentinel3.coarsegrids import cells_over, coarse_grid
from workbench.rasters.windows import Window


def fine(shape=(65, 84), size=10.0, crs="EPSG:32628", turn=0.0, corner=(500_000, 1_600_000)):
    place = Affine.translation(*corner) @ Affine.rotation(turn) @ Affine.scale(size, -size)
    return GeoBox(shape, place, crs)


@given(
    rows=st.integers(1, 700), columns=st.integers(1, 700), ratio=st.integers(1, 60),
    halo=st.integers(0, 30), size=st.sampled_from([10.0, 20.0, 0.3, 7.5]),
    turn=st.sampled_from([0.0, 20.0]),
)  # fmt: skip
def test_it_covers_the_fine_grid_from_its_corner(rows, columns, ratio, halo, size, turn):
    grid = fine((rows, columns), size, turn=turn)
    found = coarse_grid(grid, size * ratio, halo)
    window = cells_over(found, grid)
    assert window.rows[0] == window.cols[0] == halo
    assert found.shape == tuple(length + 2 * halo for length in window.shape)
    inner = found[window.slices]
    np.testing.assert_allclose((inner.affine.c, inner.affine.f), (grid.affine.c, grid.affine.f))
    for cells, pixels in zip(window.shape, grid.shape, strict=True):
        assert (cells - 1) * ratio < pixels <= cells * ratio
    assert found.crs == grid.crs


def test_fuse_takes_it():
    grid = fine()
    whole = coarse_grid(grid, 300, halo=22)
    assert _Grids.of(grid, coarse_grid(grid)).ratio == 30
    assert _Grids.of(grid, whole[cells_over(whole, grid).slices]).ratio == 30
    assert cells_over(whole, grid) == Window((22, 25), (22, 25))


@pytest.mark.parametrize(
    ("grid", "options", "words"),
    [
        (fine(size=20), {"cell": 310}, "cell=310 is 15.5 fine pixels of 20"),
        (fine(size=20), {"cell": 10}, "0.5 fine pixels"),
        (fine(), {"cell": 0}, "cell=0"),
        (fine(), {"cell": np.nan}, "cell=nan"),
        (fine(), {"halo": -1}, "halo=-1"),
        (fine(), {"halo": 1.5}, "halo=1.5"),
        (fine(), {"halo": 10_000}, "more than 25,000,000"),
        (fine((10**6, 10**6)), {"cell": 10}, "1000000 x 1000000 cells"),
        (fine(size=0.0001, crs="EPSG:4326", corner=(-16, 14)), {}, "in the unit of EPSG:4326"),
        (GeoBox((5, 5), Affine(10, 0, 0, 0, -20, 0), "EPSG:32628"), {}, "10 by 20, not square"),
        (GeoBox((5, 5), Affine(10, 0, 0, 0, -10, 0), None), {}, "no GeoBox with a CRS"),
        ("a file", {}, "a file: no GeoBox"),
    ],
)
def test_refused(grid, options, words):
    with pytest.raises(BadInput, match=words):
        coarse_grid(grid, **options)


def test_degrees():
    grid = fine((300, 300), 0.0001, "EPSG:4326", corner=(-16, 14))
    assert coarse_grid(grid, 0.003).shape == (10, 10)


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (coarse_grid(fine(corner=(500_010, 1_600_000))), "not at the corner of a cell"),
        (coarse_grid(fine((30, 84))), "needs"),
        (coarse_grid(fine(corner=(500_300, 1_600_000))), "needs"),
        (coarse_grid(fine(crs="EPSG:32629")), "EPSG:32629"),
    ],
)
def test_cells_of_another_grid(grid, words):
    with pytest.raises(BadInput, match=words):
        cells_over(grid, fine())
