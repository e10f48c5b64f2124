"""The place on the ground that a pixel sees: the way back from time and range, solved directly.

A place is abeam of the orbit, at a distance from it and at a height. This is the inverse of what
`tiling.sentinel1.geometry` solves and shares nothing with it, so the one is a test of the other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.geometry.orbits import earth_fixed_points
from workbench.rasters.grids import transformer

__all__ = ["geodetic", "places_at_heights", "places_on_ground"]

Floats = npt.NDArray[np.float64]

Ground = Callable[[Floats, Floats], Floats]
"""Metres above the ellipsoid of longitudes and latitudes, degrees."""

SEMI_MAJOR, SEMI_MINOR = 6_378_137.0, 6_356_752.314_245
CLOSE = 1e-5  # m
FAR = 1e6  # m, above any ground
MOST = 200  # steps; where the ground is steep towards the radar, each gains little


def places_on_ground(
    positions: Floats, velocities: Floats, ranges: Floats, near: tuple[float, float], ground: Ground
) -> tuple[Floats, Floats, Floats]:
    """Return where lines of sight meet the ground.

    Parameters
    ----------
    positions, velocities
        (n, 3) of the platform, Earth-fixed.
    ranges
        (n,) metres.
    near
        Longitude and latitude of a place on the right side of the track.
    ground
        Not as steep as the line of sight.

    Returns
    -------
    longitudes, latitudes, heights
        (n,) degrees, and metres above the ellipsoid.
    """
    points = np.tile(earth_fixed_points(*near, 0.0), (len(ranges), 1))
    aim = np.zeros(len(ranges))
    for _ in range(MOST):
        moved = _step(points, positions, velocities, ranges, aim)
        longitudes, latitudes, heights = geodetic(points)
        wanted = ground(longitudes, latitudes)
        aim += wanted - heights
        if moved < CLOSE and np.abs(wanted - heights).max() < CLOSE:
            return longitudes, latitudes, heights
        if not np.abs(aim).max() < FAR:
            break
    raise ArithmeticError("the ground is too steep: a line of sight meets it more than once")


def places_at_heights(
    positions: Floats,
    velocities: Floats,
    ranges: Floats,
    near: tuple[float, float],
    heights: npt.ArrayLike,
) -> tuple[Floats, Floats]:
    """Return longitudes and latitudes of what is abeam at heights; see `places_on_ground`."""
    fixed = np.broadcast_to(np.asarray(heights, np.float64), ranges.shape)
    longitudes, latitudes, _ = places_on_ground(
        positions, velocities, ranges, near, lambda _longitudes, _latitudes: fixed
    )
    return longitudes, latitudes


def geodetic(points: Floats) -> tuple[Floats, Floats, Floats]:
    """Return longitudes, latitudes and heights of (n, 3) Earth-fixed points."""
    found = transformer("EPSG:4978", "EPSG:4979").transform(*points.T)
    return found[0], found[1], found[2]


def _step(
    points: Floats, positions: Floats, velocities: Floats, ranges: Floats, heights: Floats
) -> float:
    """Move points by a step of Newton, and return the largest move in metres.

    A surface at a constant height is not quite the larger ellipsoid that is solved for; the caller
    makes that good by the height that it aims at.
    """
    away = points - positions
    axes = np.stack([SEMI_MAJOR + heights, SEMI_MAJOR + heights, SEMI_MINOR + heights], axis=1)
    scaled = points / axes**2
    speed = np.linalg.norm(velocities, axis=1)
    values = np.stack(
        [
            np.einsum("ij,ij->i", away, velocities) / speed,
            (np.einsum("ij,ij->i", away, away) - ranges**2) / (2 * ranges),
            (np.einsum("ij,ij->i", scaled, points) - 1) * SEMI_MAJOR / 2,
        ],
        axis=1,
    )
    slopes = np.stack(
        [velocities / speed[:, None], away / ranges[:, None], scaled * SEMI_MAJOR], axis=1
    )
    steps = np.linalg.solve(slopes, values[:, :, None])[:, :, 0]
    points -= steps
    return float(np.abs(steps).max())
