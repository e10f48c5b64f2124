"""Blocks in which a cube on Dask is worked on: all times and bands of a part of the area."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["BLOCK", "blocks_of", "cell_side", "whole_cells"]

BLOCK = 1024  # fine pixels along a block: four chunks of a store, one tile of a JPEG 2000 image


def blocks_of(cube: xr.DataArray) -> xr.DataArray:
    """Return a cube on Dask in blocks with all times and bands."""
    return _cut(cube, BLOCK)


def cell_side(ratio: int) -> int:
    """Return how many fine pixels a block of whole cells has along its sides, at most `BLOCK`.

    Parameters
    ----------
    ratio
        Fine pixels along a cell; a block has one cell at least.
    """
    return max(BLOCK // ratio, 1) * ratio


def whole_cells(cube: xr.DataArray, ratio: int) -> xr.DataArray:
    """Return a cube on Dask in blocks with all times and bands that end where cells end."""
    return _cut(cube, cell_side(ratio))


def _cut(cube: xr.DataArray, side: int) -> xr.DataArray:
    return cube.chunk({dim: side if dim in ("y", "x") else -1 for dim in cube.dims})
