"""The grid of the coarse series: whole numbers of fine pixels, from the corner of the fine grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from efast.errors import BadInput

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["MOST_CELLS", "coarse_grid"]

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
        Further cells on every side, so that composites near the edge know what lies beyond it:
        take their saturation distance and 2 more. `efast.fuse` cuts them off.

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
