"""Tiles that cover a regridded scene, one every few pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from tiling.scenes.errors import SceneError
from workbench.rasters.windows import Window

__all__ = ["SlidingTile", "centres", "windows"]


class SlidingTile(NamedTuple):
    """One window of a scene, counted in the picture: north up, from its top left."""

    number: int
    """j·nx + i for the j-th from the top and the i-th from the left."""
    i0: int
    """Column of its top left pixel."""
    j0: int
    """Row of its top left pixel, from the top of the picture."""

    def window(self, shape: Sequence[int], size: int) -> Window:
        """Return its pixels in an array (y, x) of this shape, whose y is ascending."""
        bottom = shape[0] - self.j0 - size
        return Window((bottom, bottom + size), (self.i0, self.i0 + size))

    def id(self, scene: str) -> str:
        """Return its name in a scene."""
        return f"{scene}__{self.number:05d}"


def windows(
    shape: Sequence[int], size: int, step: int, edge: Literal["drop", "cover"] = "drop"
) -> list[SlidingTile]:
    """Return the tiles of a grid, row by row from the top, floor((n - size) / step) + 1 each way.

    Parameters
    ----------
    shape
        Pixels along y and x.
    size
        Pixels along a side of a tile.
    step
        Pixels between the origins of tiles; one larger than the grid leaves the first.
    edge
        What to do with pixels that are left at the right and the bottom: ``drop`` them, or
        ``cover`` them with one tile more each way that ends at the edge.

    Raises
    ------
    SceneError
        E036 if the step is below 1; E037 if a tile is larger than the grid.
    """
    if step < 1:
        raise SceneError("E036", f"step is {step}; it must be 1 pixel or more")
    if size > min(shape[0], shape[1]):
        raise SceneError(
            "E037",
            f"a tile of {size} pixels is larger than the grid of {shape[0]} by {shape[1]}:"
            f" tile_N can be {min(shape[0], shape[1])} at most",
        )
    rows, columns = (_origins(pixels, size, step, edge) for pixels in (shape[0], shape[1]))
    return [
        SlidingTile(j * len(columns) + i, i0, j0)
        for j, j0 in enumerate(rows)
        for i, i0 in enumerate(columns)
    ]


def _origins(pixels: int, size: int, step: int, edge: str) -> list[int]:
    found = list(range(0, pixels - size + 1, step))
    if edge == "cover" and found[-1] != pixels - size:
        found.append(pixels - size)
    return found


def centres(
    tiles: Sequence[SlidingTile], grid: GeoBox, size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of the centres of tiles, metres on the plane of a grid with y ascending."""
    origins = np.array([(tile.i0, tile.j0) for tile in tiles], float).reshape(-1, 2)
    columns, rows = origins[:, 0] + size / 2, grid.shape[0] - origins[:, 1] - size / 2
    affine = grid.affine  # north up or down, not turned
    return affine.c + affine.a * columns, affine.f + affine.e * rows
