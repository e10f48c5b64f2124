"""The grid of the coarse series: whole numbers of fine pixels, from the corner of the fine grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from efast.errors import BadInput
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["MOST_CELLS", "cells_over", "coarse_grid"]

MOST_CELLS = 25_000_000
"""Of a grid: 5000 by 5000 of 300 m; with more, the unit of a cell is mistaken."""


def coarse_grid(fine_grid: GeoBox, cell: float = 300.0, halo: int = 0) -> GeoBox:
    """Return the grid of coarse cells that covers a fine grid, from its upper left corner on.

    Parameters
    ----------
    fine_grid
        Grid of the fine images, with square pixels.
    cell
        Side of a cell in the unit of its CRS (m), a whole number of fine pixels.
    halo
        Further cells on every side. Composites near the edge know then what lies beyond it: take
        their saturation distance and 2 more, and cut it off with `cells_over` before fusing, since
        `efast.fuse` takes coarse cells that begin at the corner of the fine grid.

    Returns
    -------
    odc.geo.geobox.GeoBox
        Cells at the right and lower edge may reach beyond the fine grid.

    Raises
    ------
    BadInput
        If the grid has no CRS or no square pixels, a cell is not a whole number of pixels, or there
        would be too many of them.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    ratio = _ratio(fine_grid, cell)
    if isinstance(halo, bool) or halo != int(halo) or halo < 0:
        raise BadInput(f"halo={halo!r}: a number of cells, 0 or more")
    rows, columns = (-(-size // ratio) + 2 * int(halo) for size in fine_grid.shape)
    if rows * columns > MOST_CELLS:
        raise BadInput(
            f"{rows} x {columns} cells of {cell:g} (halo={halo}) are more than {MOST_CELLS:,}: "
            "take a smaller area or larger cells"
        )
    affine = fine_grid.affine @ Affine.scale(ratio) @ Affine.translation(-halo, -halo)
    return GeoBox((rows, columns), affine, fine_grid.crs)


def cells_over(grid: GeoBox, fine_grid: GeoBox) -> Window:
    """Return the cells of a coarse grid that cover a fine one: the grid without its halo.

    Parameters
    ----------
    grid
        From `coarse_grid`.
    fine_grid
        The fine grid that it was made for.

    Returns
    -------
    Window
        ``rows, columns = cells_over(...).slices`` cuts a cube: ``cube.isel(y=rows, x=columns)``.

    Raises
    ------
    BadInput
        If the cells do not begin at the corner of the fine grid, or do not cover it.
    """
    if grid.crs != fine_grid.crs:
        raise BadInput(f"the coarse grid is in {grid.crs}, the fine one in {fine_grid.crs}")
    ratio = _ratio(fine_grid, abs(grid.resolution.x))
    left, top = ~grid.affine @ (fine_grid.affine.c, fine_grid.affine.f)
    column, row = round(left), round(top)
    if max(abs(left - column), abs(top - row)) * ratio > 1e-3:
        raise BadInput(
            f"the corner of the fine grid lies at cell ({top:g}, {left:g}) of the coarse one, not "
            "at the corner of a cell: make the coarse grid with coarse_grid"
        )
    cells = tuple(-(-size // ratio) for size in fine_grid.shape)
    window = Window((row, row + cells[0]), (column, column + cells[1]))
    if window.common(Window.whole(grid.shape)) != window:
        raise BadInput(f"the coarse grid has {grid.shape} cells, the fine one needs {window}")
    return window


def _ratio(fine_grid: GeoBox, cell: float) -> int:
    """Return the number of fine pixels along a cell."""
    crs = getattr(fine_grid, "crs", None)
    if crs is None:
        raise BadInput(f"{str(fine_grid)[:60]}: no GeoBox with a CRS")
    wide, high = (abs(side) for side in (fine_grid.resolution.x, fine_grid.resolution.y))
    if not np.isclose(wide, high, rtol=1e-6):
        raise BadInput(f"pixels of the fine grid are {wide:g} by {high:g}, not square")
    if not (np.isfinite(cell) and cell > 0) or (crs.geographic and cell > 1):
        raise BadInput(f"cell={cell}: a length in the unit of {crs}")
    ratio = cell / wide
    whole = round(ratio)
    if whole < 1 or abs(ratio - whole) > 1e-6 * ratio:
        raise BadInput(
            f"cell={cell:g} is {ratio:g} fine pixels of {wide:g}: it must be a whole number of them"
        )
    return whole
