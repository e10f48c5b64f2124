"""A tile block by block, with heights from places in degrees."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

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
