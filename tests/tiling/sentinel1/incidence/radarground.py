"""The ground in heights that are made up, and where the radar stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pyproj import Transformer

from tiling.sentinel1.geometry.orbits import earth_fixed_points
from tiling.sentinel1.products.annotations import read_annotation


def annotation_of(folder: Path):
    return read_annotation(sorted((folder / "annotation").glob("*.xml"))[-1])


def rough(rows, cols):
    """Heights at any rows and columns of a tile, hills of 200 m to 5 km and up to 2.4 km high."""
    rows, cols = np.asarray(rows, float)[:, None], np.asarray(cols, float)[None]
    hills = 900 * (1 + np.sin(rows / 160) * np.cos(cols / 130 + 1))
    hills = hills + 60 * np.sin(rows / 23 + cols / 31) + 8 * np.sin(rows / 5.1) * np.cos(cols / 4)
    return (hills + 300).astype(np.float32)


def rough_window(window, halo=1):
    grown = window.grown(halo)
    return rough(np.arange(*grown.rows), np.arange(*grown.cols))


def towards_the_radar(grid, orbit, row, col):
    """The unit vector in the grid (east, north) of the foot of the line of sight."""
    east = grid.affine.c + 10 * (col + 0.5)
    north = grid.affine.f - 10 * (row + 0.5)
    to_degrees = Transformer.from_crs(grid.crs.epsg, 4326, always_xy=True)
    place = earth_fixed_points(*to_degrees.transform(east, north), 0.0)[None]
    times, _ = orbit.zero_doppler(place)
    step = orbit.at(times)[0][0] - place[0]
    geocentric = Transformer.from_crs(4978, grid.crs.epsg, always_xy=True)
    low = place[0] + 1e-4 * step
    x, y, _ = geocentric.transform(*low)
    along = np.array([x - east, y - north])
    return along / np.linalg.norm(along)
