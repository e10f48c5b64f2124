"""Places in an image for every pixel of a grid, fast: solved on a lattice, exact in the height.

Times and slant ranges change slowly across a grid and with the height. They are solved on every
32nd pixel at three heights; between the nodes they are bilinear, and a polynomial of degree 2 in
the height, so every pixel has the place of its own height. The lattice belongs to the grid, not to
a block of it, so a place does not depend on the block that it is computed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.geometry.imagemodels import ImageModel
from tiling.sentinel1.geometry.orbits import LIGHT, earth_fixed_points
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["STEP", "GroundLattice", "ImageLattice", "ground_lattice", "image_lattice"]

Floats = npt.NDArray[np.float64]

STEP = 32
"""Pixels of 10 m between nodes; the error is 0.002 pixels of an image, up to the highest peaks."""

BEYOND = 10.0
"""Metres by which the heights of a lattice reach beyond those of the ground."""


_AROUND = (
    2.0  # lines and pixels: an image ends half a one beyond its last, the rest is for rounding
)


@dataclass(frozen=True, eq=False)
class GroundLattice:
    """Longitudes and latitudes on a lattice of a grid.

    Attributes
    ----------
    step
        Pixels between nodes; the first lies on the centre of pixel (0, 0).
    shape
        Of the grid.
    longitudes, latitudes
        (ny, nx) degrees. Longitudes have no jump at the antimeridian.
    """

    step: int
    shape: tuple[int, int]
    longitudes: Floats
    latitudes: Floats

    def places(self, window: Window) -> tuple[Floats, Floats]:
        """Return longitudes and latitudes of the pixel centres of a window, degrees."""
        from tiling.sentinel1.geometry._geometry_loops import fill_between

        found = np.empty((2, *window.shape))
        for nodes, out in zip((self.longitudes, self.latitudes), found, strict=True):
            fill_between(nodes, self.step, window.rows[0], window.cols[0], out)
        return found[0], found[1]


@dataclass(frozen=True, eq=False)
class ImageLattice:
    """Places in one image on a lattice of a grid.

    Attributes
    ----------
    ground
        The lattice.
    model
        The geometry of the image.
    heights
        Middle and half of the heights, metres, that the polynomials were made for.
    table
        (8, ny, nx): times and slant ranges as polynomials of degree 2 in the height, which is
        counted in halves from the middle, and what the correction takes from lines and pixels.
    """

    ground: GroundLattice
    model: ImageModel
    heights: tuple[float, float]
    table: Floats

    def places(self, window: Window, heights: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return where the pixels of a window lie in the image.

        Parameters
        ----------
        window
            Of the grid.
        heights
            (rows, cols) metres above the ellipsoid.

        Returns
        -------
        lines, pixels
            (rows, cols) from 0; pixels are NaN far beyond the image.
        """
        from tiling.sentinel1.geometry._geometry_loops import fill_places

        model, ranges = self.model, self.model.ranges
        lines, pixels = np.empty((2, *window.shape))
        fill_places(
            self.table, self.ground.step, window.rows[0], window.cols[0],
            np.ascontiguousarray(heights, dtype=np.float32),
            (model.line_interval, model.bistatic.share, model.bistatic.reference, *self.heights),
            (ranges.polynomials.times, ranges.table, ranges.first, ranges.step,
             ranges.mode == "nearest"),
            lines, pixels,
        )  # fmt: skip
        return lines, pixels

    def may_meet(self, window: Window) -> bool:
        """Tell whether pixels of a window may lie in the image; False if surely none does.

        All that is between nodes lies between what they have at the least and largest height.
        """
        model, columns = self.model, self.model.ranges
        part = self.table[(slice(None), *self._nodes(window))]
        (early, late), (near, far) = (_bounds(part[axis : axis + 3]) for axis in (0, 3))
        share = model.bistatic.share
        lines = [
            (time - share * (2 * distance / LIGHT - model.bistatic.reference)) / model.line_interval
            for time, distance in ((early, far), (late, near))
        ]
        first, end = ((at - columns.first) / columns.step for at in (near.min(), far.max()))
        if end < 0 or first >= columns.table.shape[1] - 1:
            return False
        if not np.isfinite(first + end):
            return True
        across = columns.table[:, max(int(first), 0) : int(end) + 2]
        return not (
            (lines[1] - part[6]).max() < -_AROUND
            or (lines[0] - part[6]).min() > model.shape[0] - 1 + _AROUND
            or across.max() - part[7].min() < -_AROUND
            or across.min() - part[7].max() > model.shape[1] - 1 + _AROUND
        )

    def _nodes(self, window: Window) -> tuple[slice, slice]:
        """Return the nodes between which a window lies."""
        step, count = self.ground.step, self.table.shape[1:]
        rows, cols = (
            slice(min(first // step, size - 2), min((end - 1) // step, size - 2) + 2)
            for (first, end), size in zip(window, count, strict=True)
        )
        return rows, cols


def ground_lattice(grid: GeoBox, step: int | None = None) -> GroundLattice:
    """Make the lattice of a grid.

    Parameters
    ----------
    grid
        North up, in a CRS that pyproj knows.
    step
        Pixels between nodes; by default as many as lie in 320 m, which are 32 of 10 m.
    """
    from workbench.rasters.grids import transformer

    step = step or _usual_step(grid)
    rows, cols = (np.arange(-(-(side - 1) // step) + 1) * step for side in grid.shape)
    rows, cols = (np.append(at, at[-1] + step) if len(at) < 2 else at for at in (rows, cols))
    east = grid.affine.c + grid.affine.a * (cols + 0.5)
    north = grid.affine.f + grid.affine.e * (rows + 0.5)
    longitudes, latitudes = transformer(str(grid.crs), "EPSG:4326").transform(
        *np.meshgrid(east, north)
    )
    longitudes = np.unwrap(np.unwrap(longitudes, period=360, axis=1), period=360, axis=0)
    height, width = grid.shape
    return GroundLattice(step, (height, width), longitudes, np.asarray(latitudes))


def image_lattice(
    model: ImageModel, ground: GroundLattice, heights: tuple[float, float]
) -> ImageLattice:
    """Solve the places of an image on the lattice of a grid.

    Parameters
    ----------
    model
        The geometry of the image.
    ground
        The lattice.
    heights
        Least and largest height of the ground, metres above the ellipsoid.
    """
    middle, half = (heights[0] + heights[1]) / 2, (heights[1] - heights[0]) / 2 + BEYOND
    solved = np.array([_solved(model, ground, middle + h * half) for h in (-1, 0, 1)])
    low, mean, high = solved
    curved = np.stack([mean, (high - low) / 2, (high + low) / 2 - mean])  # degree, t or R, y, x
    table = np.zeros((8, *ground.longitudes.shape))
    table[:3], table[3:6] = curved[:, 0], curved[:, 1]
    if model.correction is not None:
        shape = ground.longitudes.shape
        lines, pixels = model.uncorrected(mean[0].ravel(), mean[1].ravel())
        taken = model.correction.at(lines, np.nan_to_num(pixels))
        table[6:] = np.reshape(taken, (2, *shape))
    return ImageLattice(ground, model, (middle, half), table)


def _usual_step(grid: GeoBox) -> int:
    metres = abs(grid.affine.a)
    if grid.crs is not None and grid.crs.geographic:
        metres *= 111_320
    return max(round(STEP * 10 / metres), 1)


def _bounds(curved: Floats) -> tuple[Floats, Floats]:
    """Return the least and largest of polynomials of degree 2 between -1 and 1; or beyond."""
    reach = np.abs(curved[1]) + np.abs(curved[2])
    return curved[0] - reach, curved[0] + reach


def _solved(model: ImageModel, ground: GroundLattice, height: float) -> Floats:
    """Return (2, ny, nx) times and slant ranges of the nodes at a height."""
    points = earth_fixed_points(ground.longitudes, ground.latitudes, height)
    found = model.orbit.zero_doppler(points.reshape(-1, 3))
    return np.reshape(found, (2, *ground.longitudes.shape))
