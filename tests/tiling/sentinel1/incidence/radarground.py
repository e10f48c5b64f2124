"""The ground in heights that are made up, and where the radar stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pyproj import Transformer
from scipy.ndimage import map_coordinates

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


def projected(grid, orbit, rows, cols, heights):
    """Points of a lattice of places, and the area that its triangles show to the radar."""
    places = Transformer.from_crs(grid.crs.epsg, 4326, always_xy=True).transform(
        grid.affine.c + grid.affine.a * (cols + 0.5), grid.affine.f + grid.affine.e * (rows + 0.5)
    )
    points = earth_fixed_points(*places, heights)
    nw, ne, sw, se = points[:-1, :-1], points[:-1, 1:], points[1:, :-1], points[1:, 1:]
    middle = (nw + ne + sw + se) / 4
    times, _ = orbit.zero_doppler(middle.reshape(-1, 3))
    look = orbit.at(times)[0].reshape(middle.shape) - middle
    look /= np.linalg.norm(look, axis=-1)[..., None]
    vector = (np.cross(sw - nw, se - nw) + np.cross(se - nw, ne - nw)) / 2
    return np.maximum(np.sum(vector * look, axis=-1), 0)


def simulated(grid, model, heights, window, halo, fine=6):
    """The areas in an image of ground, square metres, and the first line and pixel of them.

    Each place of a lattice six times finer than the grid shows its area, which falls into the
    nearest pixel, solved by itself.
    """
    around = window.grown(halo)
    rows, cols = np.meshgrid(
        *(np.arange(first, end - 1 + 1e-9, 1 / fine) for first, end in around), indexing="ij"
    )
    relief = map_coordinates(
        heights.astype(float), [rows - around.rows[0], cols - around.cols[0]], order=1
    )
    shown = projected(grid, model.orbit, rows, cols, relief)
    middle = [
        (each[:-1, :-1] + each[:-1, 1:] + each[1:, :-1] + each[1:, 1:]).ravel() / 4
        for each in (rows, cols, relief)
    ]
    places = Transformer.from_crs(grid.crs.epsg, 4326, always_xy=True).transform(
        grid.affine.c + 10 * (middle[1] + 0.5), grid.affine.f - 10 * (middle[0] + 0.5)
    )
    lines, pixels = (np.rint(each).astype(int) for each in model.places(*places, middle[2]))
    top, left = lines.min(), pixels.min()
    bins = np.zeros((lines.max() - top + 1, pixels.max() - left + 1))
    np.add.at(bins, (lines - top, pixels - left), shown.ravel())
    return bins, top, left
