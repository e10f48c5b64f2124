"""From where the radar looks at every pixel of a grid, on a lattice of it.

Where the ground is, which way is up, where the radar stands when a point lies abeam, and how the
axes of the grid run over the ground change slowly. They are solved on the nodes of a lattice and
are bilinear between them; the height of each pixel enters exactly. Nothing depends on the heights
of a tile or on the block that is computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.geometry.lattices import GroundLattice
from tiling.sentinel1.geometry.orbits import Orbit, earth_fixed_points

__all__ = ["HIGH", "LookLattice", "look_lattice"]

Floats = npt.NDArray[np.float64]

HIGH = 4000.0
"""Metres above the ellipsoid at which looks are solved besides 0; linear between and beyond."""

BEYOND = 0.1
"""Share of the span of an orbit by which it is continued beyond its ends. Old products have vectors
only until the last line; so far on the polynomials still are good to some metres."""

SEMI_MAJOR = 6_378_137.0  # m, WGS 84
SQUARED_ECCENTRICITY = 6.694_379_990_141_316e-3


@dataclass(frozen=True, eq=False)
class LookLattice:
    """Looks on the lattice of a grid.

    Attributes
    ----------
    ground
        The lattice.
    orbit
        Of the radar.
    times
        (2, ny, nx) seconds since the first line of the image at which the nodes lie abeam, at
        heights of 0 and `HIGH`; NaN outside the span of the orbit.
    table
        (ny, nx, 20): point on the ellipsoid (3, metres), up (3), from the point to the radar (3,
        metres) and how that changes with the height (3), gradients of columns and of rows along
        the ellipsoid (3 and 3, pixels per metre), area of a pixel on the ellipsoid (square
        metres), curvature of the ellipsoid (1 per metre).
    """

    ground: GroundLattice
    orbit: Orbit
    times: Floats
    table: Floats

    @property
    def incidences(self) -> Floats:
        """(ny, nx) angles between up and the line of sight on the ellipsoid, degrees."""
        up, look = self.table[..., 3:6], self.table[..., 6:9]
        cosine = np.sum(up * look, axis=-1) / np.linalg.norm(look, axis=-1)
        return np.asarray(np.degrees(np.arccos(cosine)), np.float64)


def look_lattice(ground: GroundLattice, orbit: Orbit) -> LookLattice:
    """Solve from where an orbit sees the nodes of a lattice.

    Parameters
    ----------
    ground
        The lattice of a grid.
    orbit
        Of the radar. Nodes that lie abeam further than a tenth outside its span have no look, nor
        have the pixels around them: a polynomial does not say where the platform was then.
    """
    shape = ground.longitudes.shape
    first, last = orbit.span
    first, last = first - BEYOND * (last - first), last + BEYOND * (last - first)
    times, stands = np.empty((2, *shape)), np.empty((2, *shape, 3))
    for k, height in enumerate((0.0, HIGH)):
        points = earth_fixed_points(ground.longitudes, ground.latitudes, height)
        found, _ = orbit.zero_doppler(points.reshape(-1, 3))
        found = np.where((found >= first) & (found <= last), found, np.nan)
        times[k] = found.reshape(shape)
        stands[k] = orbit.at(found)[0].reshape(*shape, 3)
    points = earth_fixed_points(ground.longitudes, ground.latitudes, 0.0)
    up = earth_fixed_points(ground.longitudes, ground.latitudes, 1.0) - points
    along_cols, along_rows, area, curvature = _axes(ground)
    return LookLattice(
        ground,
        orbit,
        times,
        np.concatenate(
            [points, up, stands[0] - points, (stands[1] - stands[0]) / HIGH - up,
             along_cols, along_rows, area[..., None], curvature[..., None]],
            axis=-1,
        ),
    )  # fmt: skip


def _axes(ground: GroundLattice) -> tuple[Floats, Floats, Floats, Floats]:
    """Return gradients of columns and rows along the ellipsoid, pixel areas, and curvature."""
    longitudes, latitudes = np.radians(ground.longitudes), np.radians(ground.latitudes)
    root = 1 - SQUARED_ECCENTRICITY * np.sin(latitudes) ** 2
    across = SEMI_MAJOR / np.sqrt(root)  # radius of curvature across the meridian
    along = across * (1 - SQUARED_ECCENTRICITY) / root
    sine, cosine = np.sin(latitudes), np.cos(latitudes)
    east = np.stack([-np.sin(longitudes), np.cos(longitudes), np.zeros_like(sine)], axis=-1)
    north = np.stack([-sine * np.cos(longitudes), -sine * np.sin(longitudes), cosine], axis=-1)
    # Metres to the east and to the north from one pixel to the next, along rows and columns.
    steps = []
    for axis in (1, 0):
        order = min(2, longitudes.shape[axis] - 1)
        change = [
            np.gradient(each, float(ground.step), axis=axis, edge_order=order)
            for each in (longitudes, latitudes)
        ]
        steps.append((change[0] * across * cosine, change[1] * along))
    (col_east, col_north), (row_east, row_north) = steps
    signed = col_east * row_north - col_north * row_east
    along_cols = (row_north / signed)[..., None] * east - (row_east / signed)[..., None] * north
    along_rows = (col_east / signed)[..., None] * north - (col_north / signed)[..., None] * east
    return along_cols, along_rows, np.abs(signed), (1 / across + 1 / along) / 2
