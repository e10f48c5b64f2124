"""Parts of a tile: the right pixels at the right places, means of those with a value."""

from __future__ import annotations

import numpy as np
import pytest

from tiling.sentinel1 import figures
from tiling.sentinel1.figures.views import decibels
from workbench.errors import BadInput
from workbench.rasters.grids import transformer
from workbench.rasters.tilegrid import tile_footprint, tile_grid

TILE = "32TPL"


def test_a_part_has_its_own_pixels(write, speckled):
    affine = tile_grid(TILE).affine
    path = write("tile.tif", speckled)
    bounds = (affine.c + 50, affine.f - 300, affine.c + 250, affine.f - 100)
    part = figures.view(path, bounds)
    np.testing.assert_array_equal(part, speckled[10:30, 5:25])
    assert (part["x"][0], part["y"][0]) == (affine.c + 55, affine.f - 105)
    assert part.attrs["resolution"] == 10


def test_a_thinned_one_has_the_means_of_what_has_a_value(write, speckled):
    path = write("tile.tif", speckled)
    part = figures.view(path, most=100)
    assert part.shape == (75, 100)
    squares = speckled.reshape(75, 4, 100, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(part[:, :90], squares[:, :90], rtol=1e-5)
    assert np.isnan(part[:, 90:]).all()
    assert part.attrs["resolution"] == 40
    assert part["x"][0] == tile_grid(TILE).affine.c + 20


def test_bounds_beyond_the_file_are_told(write, speckled):
    with pytest.raises(BadInput, match="do not meet"):
        figures.view(write("tile.tif", speckled), (0.0, 0.0, 100.0, 100.0))


def test_around_a_place():
    there = transformer("EPSG:4326", "EPSG:32632")
    x, y = there.transform(11.0, 41.0)
    west, south, east, north = figures.around(TILE, (11.0, 41.0), 8)
    np.testing.assert_allclose([x - west, east - x, y - south, north - y], 4000)
    left, _, _, top = tile_grid(TILE).boundingbox.bbox
    corner = there.transform(left + 100, top - 100, direction="INVERSE")
    assert figures.around(TILE, corner, 8)[::3] == (left, top)
    with pytest.raises(BadInput, match="do not lie on tile"):
        figures.around(TILE, (20.0, 41.0), 8)


def test_what_images_cover():
    import shapely

    inner = shapely.box(10.9, 40.9, 11.1, 41.1)
    bounds, place = figures.seen(TILE, [inner, shapely.box(30, 0, 31, 1)])
    assert place == pytest.approx((11.0, 41.0), abs=1e-6)
    x, y = transformer("EPSG:4326", "EPSG:32632").transform(11.0, 41.0)
    assert bounds[0] < x - 8000 < x + 8000 < bounds[2]
    assert bounds[1] < y - 11_000 < y + 11_000 < bounds[3]
    whole, _ = figures.seen(TILE, [tile_footprint(TILE).buffer(1)])
    assert whole == pytest.approx(tuple(tile_grid(TILE).boundingbox.bbox))
    with pytest.raises(BadInput, match="none of the images meets"):
        figures.seen(TILE, [shapely.box(30, 0, 31, 1)])


def test_decibels_of_nothing_are_nothing():
    np.testing.assert_allclose(decibels([1, 100, 0, np.nan]), [0, 20, np.nan, np.nan])
