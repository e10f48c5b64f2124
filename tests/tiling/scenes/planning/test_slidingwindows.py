"""Windows that slide over a regridded scene."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from tiling.scenes.errors import SceneError
from tiling.scenes.planning.slidingwindows import centres, windows


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    size=st.integers(1, 40),
    step=st.integers(1, 120),
    edge=st.sampled_from(["drop", "cover"]),
)
def test_windows_against_the_picture(height, width, size, step, edge):
    if size > min(height, width):
        with pytest.raises(SceneError, match="E037"):
            windows((height, width), size, step, edge)
        return
    tiles = windows((height, width), size, step, edge)
    assert [tile.number for tile in tiles] == list(range(len(tiles)))
    if edge == "drop":
        assert len(tiles) == ((height - size) // step + 1) * ((width - size) // step + 1)
    grid = GeoBox((height, width), Affine(10.0, 0, -500.0, 0, 10.0, 2000.0), None)
    xs, ys = np.meshgrid(
        -500 + 10 * (np.arange(width) + 0.5), 2000 + 10 * (np.arange(height) + 0.5)
    )
    seen = np.zeros((height, width), bool)
    for tile, x, y in zip(tiles, *centres(tiles, grid, size), strict=True):
        rows, columns = tile.window((height, width), size).slices
        seen[rows, columns] = True
        picture = ys[::-1]  # north up
        assert picture[tile.j0, tile.i0] == ys[rows, columns].max()
        assert xs[0, tile.i0] == xs[rows, columns].min()
        assert xs[rows, columns].shape == (size, size)
        assert (x, y) == pytest.approx((xs[rows, columns].mean(), ys[rows, columns].mean()))
    if edge == "cover" and step <= size:
        assert seen.all()
    ordered = sorted(tiles, key=lambda tile: (tile.j0, tile.i0))
    assert ordered == tiles


def test_by_hand():
    tiles = windows((5, 7), 3, 2)
    assert [(tile.i0, tile.j0) for tile in tiles] == [
        (0, 0),
        (2, 0),
        (4, 0),
        (0, 2),
        (2, 2),
        (4, 2),
    ]
    assert [tile.i0 for tile in windows((3, 8), 3, 2, "cover")] == [0, 2, 4, 5]
    assert tiles[4].id("goes16__202002021400") == "goes16__202002021400__00004"
    assert windows((256, 256), 256, 1000) == [(0, 0, 0)]  # as large as the grid, step beyond it
    with pytest.raises(SceneError, match="E036"):
        windows((5, 7), 3, 0)
    with pytest.raises(SceneError, match=r"E037: .*200 by 300: tile_N can be 200"):
        windows((200, 300), 256, 30)
