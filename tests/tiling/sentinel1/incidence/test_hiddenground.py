"""Layover and shadow: against a plain search along the line of sight, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Transformer
from radarground import rough_window, towards_the_radar
from scipy.ndimage import binary_dilation, map_coordinates

from tiling.sentinel1.geometry.orbits import earth_fixed_points
from tiling.sentinel1.incidence.angles import signed_incidence
from tiling.sentinel1.incidence.hiddenground import (
    LAYOVER,
    SHADOW,
    UNKNOWN,
    hidden_ground,
    hidden_reach,
)
from workbench.errors import BadInput
from workbench.rasters.windows import Window, windows

ALL = (0.0, 4400.0)  # heights of twice the rough ground, and some more


def plain(grid, orbit, heights, window, halo):
    """Layover and shadow of pixels, each compared with all others in its line of sight."""
    rows, cols = (each.ravel() for each in np.mgrid[slice(*window.rows), slice(*window.cols)])
    east, north = towards_the_radar(grid, orbit, *(sum(each) // 2 for each in window))
    longest = max(abs(east), abs(north))
    steps = np.arange(-(halo - 2), halo - 1)[:, None]  # away from the radar
    at_rows, at_cols = rows + steps * north / longest, cols - steps * east / longest
    height = map_coordinates(
        heights.astype(float),
        [at_rows - window.rows[0] + halo, at_cols - window.cols[0] + halo],
        order=1,
        mode="nearest",
    )
    points = earth_fixed_points(
        *Transformer.from_crs(grid.crs.epsg, 4326, always_xy=True).transform(
            grid.affine.c + 10 * (at_cols + 0.5), grid.affine.f - 10 * (at_rows + 0.5)
        ),
        height,
    )
    times, ranges = orbit.zero_doppler(points.reshape(-1, 3))
    radar = orbit.at(times)[0].reshape(points.shape)
    ranges = ranges.reshape(height.shape)
    nadir = np.sum((radar - points) * radar, axis=-1) / ranges / np.linalg.norm(radar, axis=-1)
    nearer, here, further = steps[:, 0] < 0, halo - 2, steps[:, 0] > 0
    layover = (ranges[further] <= ranges[here]).any(0) | (ranges[nearer] >= ranges[here]).any(0)
    shadow = (nadir[nearer] <= nadir[here]).any(0)
    return layover.reshape(window.shape), shadow.reshape(window.shape)


@pytest.mark.parametrize(("stretch", "row", "col"), [(1.0, 4850, 6990), (2.0, 4820, 7220)])
def test_rough_ground_against_a_plain_search(grid, looks, model, stretch, row, col):
    window = Window((row, row + 40), (col, col + 80))
    halo = hidden_reach(looks, (0.0, stretch * 2200))
    heights = rough_window(window, halo) * np.float32(stretch)
    found = hidden_ground(looks, heights, window, halo)
    for bit, expected in zip(
        (LAYOVER, SHADOW), plain(grid, model.orbit, heights, window, halo), strict=True
    ):
        marked = (found & bit) > 0
        if bit == LAYOVER or stretch > 1:
            assert 0.02 < expected.mean() < 0.98
        assert (marked != expected).mean() < 0.03
        # What differs lies at the rim, within a pixel.
        square = np.ones((3, 3), bool)
        assert not (marked & ~binary_dilation(expected, square)).any()
        assert not (expected & ~binary_dilation(marked, square)).any()


def ridge(grid, orbit, window, halo, height, foot):
    """A wall of triangles along the track through the middle of a window; and distances to it."""
    row, col = (sum(each) // 2 for each in window)
    east, north = towards_the_radar(grid, orbit, row, col)
    grown = window.grown(halo)
    rows, cols = np.mgrid[slice(*grown.rows), slice(*grown.cols)]
    towards = 10 * ((cols - col) * east - (rows - row) * north)
    return np.maximum(height * (1 - np.abs(towards) / foot), 0).astype(np.float32), towards


def test_a_wall_is_in_layover_as_far_as_its_height_over_the_tangent(grid, looks, model):
    window = Window((5000, 5003), (5800, 6000))
    halo = hidden_reach(looks, (0.0, 600.0))
    heights, towards = ridge(grid, model.orbit, window, halo, 600.0, 300.0)
    found = hidden_ground(looks, heights, window, halo)
    towards = towards[window.within(window.grown(halo))]
    angle = np.radians(looks.incidences[5000 // 32, 5900 // 32])
    reach = 600 / np.tan(angle)
    layover, shadow = (found & LAYOVER) > 0, (found & SHADOW) > 0
    level = np.abs(towards) > 301
    # Before the wall: what has the range of its top, or less. Behind it: nothing.
    for marked, limits in ((layover, (0, reach)), (shadow, (-600 * np.tan(angle), 0))):
        inside = (towards > limits[0] + 25) & (towards < limits[1] - 25)
        outside = (towards < limits[0] - 25) | (towards > limits[1] + 25)
        assert marked[inside & level].all()
        assert not marked[outside & level].any()
        assert (inside & level).sum() > 30


def test_slopes_that_face_beyond_the_limits_are_marked(looks):
    """Active layover and shadow, by the sign of the angle, are parts of what is marked."""
    window = Window((4820, 5120), (7000, 7120))
    halo = hidden_reach(looks, ALL)
    heights = rough_window(window, halo) * np.float32(3)
    found = hidden_ground(looks, heights, window, halo)
    near = heights[window.grown(1).within(window.grown(halo))]
    angles = signed_incidence(looks, near, window)
    assert (angles < -5).sum() > 100
    assert (angles > 95).sum() > 100
    assert ((found[angles < -5] & LAYOVER) > 0).mean() > 0.99
    assert ((found[angles > 95] & SHADOW) > 0).mean() > 0.99


def test_level_ground_is_seen(looks):
    window = Window((0, 50), (0, 60))
    assert not hidden_ground(looks, np.full((70, 80), 300.0), window, 10).any()


def test_blocks_do_not_matter(looks):
    whole = Window((4820, 4910), (7200, 7320))
    halo = hidden_reach(looks, ALL)
    expected = hidden_ground(looks, rough_window(whole, halo) * 2, whole, halo)
    assert len(np.unique(expected)) >= 3
    for part in windows(whole.shape, 47):
        window = Window(*((a + b, c + b) for (a, c), b in zip(part, (4820, 7200), strict=True)))
        found = hidden_ground(looks, rough_window(window, halo + 9) * 2, window, halo + 9)
        np.testing.assert_array_equal(found, expected[part.slices])


def test_unknown_heights(looks):
    window = Window((0, 5), (0, 5))
    heights = np.zeros((15, 15))
    heights[7, 8] = np.nan
    found = hidden_ground(looks, heights, window, 5)
    assert found[2, 3] == UNKNOWN
    assert (found == 0).sum() == 24


def test_bad_input(looks):
    with pytest.raises(BadInput, match=r"heights are \(5, 5\), not \(11, 11\)"):
        hidden_ground(looks, np.zeros((5, 5)), Window((0, 5), (0, 5)), 3)
    with pytest.raises(BadInput, match="must be 3 at least"):
        hidden_ground(looks, np.zeros((7, 7)), Window((0, 5), (0, 5)), 1)
