"""Coarse cells from the corner of the fine grid on, with and without a halo."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from efast.cubes.preparation import Grids
from efast.errors import BadInput
from efast.sentinel3.coarsegrids import coarse_grid


def fine(shape=(65, 84), size=10.0, crs="EPSG:32628", turn=0.0, corner=(500_000, 1_600_000)):
    place = Affine.translation(*corner) @ Affine.rotation(turn) @ Affine.scale(size, -size)
    return GeoBox(shape, place, crs)


@given(
    rows=st.integers(1, 700), columns=st.integers(1, 700), ratio=st.integers(1, 60),
    halo=st.integers(0, 30), size=st.sampled_from([10.0, 20.0, 0.3, 7.5]),
)  # fmt: skip
def test_it_covers_the_fine_grid_from_its_corner(rows, columns, ratio, halo, size):
    grid = fine((rows, columns), size)
    found = coarse_grid(grid, size * ratio, halo)
    both = Grids.of(grid, found)
    assert both.first == (halo, halo)
    assert both.ratio == ratio
    assert found.shape == tuple(length + 2 * halo for length in both.cells)
    inner = found[halo : halo + both.cells[0], halo : halo + both.cells[1]]
    np.testing.assert_allclose((inner.affine.c, inner.affine.f), (grid.affine.c, grid.affine.f))
    for cells, pixels in zip(both.cells, grid.shape, strict=True):
        assert (cells - 1) * ratio < pixels <= cells * ratio
    assert found.crs == grid.crs


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
        (coarse_grid(fine(corner=(500_010, 1_600_000))), "corner 1 pixels off"),
        (coarse_grid(fine((30, 84))), "1 x 3 cells; the fine images cover rows 0 to 3"),
        (coarse_grid(fine(corner=(500_300, 1_600_000))), "columns -1 to 2"),
        (coarse_grid(fine(crs="EPSG:32629")), "EPSG:32629"),
    ],
)
def test_cells_of_another_grid(grid, words):
    with pytest.raises(BadInput, match=words):
        Grids.of(fine(), grid)
