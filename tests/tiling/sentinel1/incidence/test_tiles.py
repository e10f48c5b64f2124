"""A tile block by block, with heights from places in degrees."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from radarground import simulated
from scipy.ndimage import map_coordinates

from tiling.sentinel1.incidence.gammaareas import area_reach
from tiling.sentinel1.incidence.tiles import BEYOND, TileIncidence
from workbench.rasters.tilegrid import tile_grid
from workbench.rasters.windows import Window, windows


class Hills:
    """Heights of 100 to 2100 m with hills of 3 km; only near the tile."""

    least, most = 100.0, 2100.0

    def at(self, longitudes, latitudes):
        assert longitudes.shape == latitudes.shape
        assert longitudes.min() > 12.45
        assert latitudes.min() > 41.3
        found = 1000 * (1 + np.sin(longitudes * 300) * np.sin(latitudes * 260)) + 100
        return found.astype(np.float32)


@pytest.fixture(scope="module")
def tile(model):
    return TileIncidence(tile_grid("33TUG", 20), model, Hills())


def test_blocks_and_processes_do_not_matter(tile):
    """Also at the corner of the tile, where a part of the halo has no heights."""
    whole = Window((0, 70), (0, 80))
    sent = pickle.loads(pickle.dumps(tile))
    assert set(vars(sent)) == {"grid", "model", "surface", "step", "beyond"}
    expected = [
        *tile.incidence(whole), *tile.level(whole), tile.hidden(whole), tile.gamma_area(whole),
    ]  # fmt: skip
    assert all(np.isfinite(each).all() for each in expected)
    assert np.ptp(expected[0]) > 0.3
    assert np.ptp(expected[5]) > 1
    for window in windows(whole.shape, 47):
        found = [
            *sent.incidence(window), *sent.level(window), sent.hidden(window),
            sent.gamma_area(window),
        ]  # fmt: skip
        for part, known in zip(found, expected, strict=True):
            np.testing.assert_array_equal(part, known[window.slices])


def test_heights_end_beyond_the_tile(tile):
    reach = int(BEYOND / 20)
    heights = tile.heights(Window((0, 5), (0, 5)), reach + 7)
    assert np.isnan(heights[:7]).all()
    assert np.isnan(heights[:, :7]).all()
    assert np.isfinite(heights[7:, 7:]).all()


def test_the_resolution_changes_little(tile, model):
    """Angles of 20 m pixels are those of 10 m pixels, but for what the finer one resolves."""
    fine = TileIncidence(tile_grid("33TUG"), model, Hills())
    coarse = tile.level(Window((100, 110), (200, 210)))[0]
    both = fine.level(Window((200, 220), (400, 420)))[0].reshape(10, 2, 10, 2).mean((1, 3))
    np.testing.assert_allclose(coarse, both, atol=2e-6)


class Waves:
    """Hills of 130 m and 900 m long: pixels of 300 m tell nothing of their slopes."""

    least, most = 0.0, 130.0

    def at(self, longitudes, latitudes):
        east = np.sin(longitudes * (2 * np.pi * 82.6 / 0.9))
        north = np.cos(latitudes * (2 * np.pi * 111.1 / 0.9))
        return (65 * (1 + east * north)).astype(np.float32)


@pytest.fixture(scope="module")
def waves(grid, model):
    return TileIncidence(grid, model, Waves(), beyond=15_000)


@pytest.mark.parametrize(
    ("metres", "row", "col"), [(60, 800, 900), (300, 160, 180), (1800, 25, 30)]
)
def test_areas_of_large_pixels_are_those_of_the_ground_itself(model, waves, metres, row, col):
    """A plain sum over facets of the hills, solved one by one, at the middle of each pixel."""
    tile = TileIncidence(tile_grid("33TUG", metres), model, Waves(), beyond=15_000)
    window = Window((row, row + 2), (col, col + 3))
    found = tile.gamma_area(window)
    assert np.ptp(found) > 0.15
    halo = area_reach(waves.looks, (0.0, 130.0))
    lines, pixels = tile.image.places(window, tile.heights(window, 0))
    expected = np.empty(window.shape)
    for i, j in np.ndindex(window.shape):
        # The four pixels of 10 m around the middle of the large one.
        first = [int((at + 0.5) * metres / 10) - 1 for at in (row + i, col + j)]
        near = Window(*((at, at + 2) for at in first))
        heights = waves.heights(near, halo)
        bins, top, left = simulated(waves.grid, model, heights, near, halo)
        node = waves.areas.table[first[0] // 32, first[1] // 32]
        expected[i, j] = map_coordinates(
            bins, [[lines[i, j] - top], [pixels[i, j] - left]], order=1
        )[0] / (node[20] + 65 * node[21])
    ratio = found / expected
    assert abs(ratio.mean() - 1) < 0.03
    np.testing.assert_allclose(ratio, 1, atol=0.1)


def test_blocks_of_large_pixels_do_not_matter(model):
    tile = TileIncidence(tile_grid("33TUG", 900), model, Waves(), beyond=15_000)
    window = Window((60, 83), (60, 63))  # more than is worked on at once
    whole = tile.gamma_area(window)
    for rows, cols in (((60, 71), (60, 63)), ((79, 83), (61, 62))):
        part = Window(rows, cols)
        np.testing.assert_array_equal(tile.gamma_area(part), whole[part.within(window)])


def test_across_the_antimeridian_all_is_the_same(model):
    """The orbit turned by 192 degrees sees zone 1 as it has seen zone 33, and so beyond 180."""
    from dataclasses import replace

    from affine import Affine
    from odc.geo.geobox import GeoBox

    corner = Affine(20, 0, 200_000, 0, -20, 4_650_000)  # 51 km before the edge of the zone
    turn = np.radians(6.0 * (1 - 33))
    around = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    )
    orbit = replace(model.orbit, coefficients=around @ model.orbit.coefficients)
    here, there = (
        TileIncidence(GeoBox((5490, 5490), corner, f"EPSG:326{zone:02}"), seen, Level())
        for zone, seen in ((33, model), (1, replace(model, orbit=orbit)))
    )
    assert there.ground.longitudes.min() < 180 < there.ground.longitudes.max()
    window = Window((1000, 1030), (2540, 2590))
    for method in ("incidence", "level"):
        found, expected = getattr(there, method)(window), getattr(here, method)(window)
        np.testing.assert_allclose(found[0], expected[0], rtol=3e-7)
        np.testing.assert_allclose(found[1].astype(int), expected[1], atol=1)
    np.testing.assert_allclose(here.gamma_area(window), there.gamma_area(window), rtol=1e-4)


class Level:
    """Level ground everywhere."""

    least = most = 500.0

    def at(self, longitudes, latitudes):
        return np.full(longitudes.shape, 500, np.float32)
