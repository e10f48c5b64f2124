"""Clouds in and around an area, counted cell by cell before a band is read.

How far a cell is from clouds depends on those beyond the edge too. Only masks and one band are
read for it, which is a seventh of what the fusion reads.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dask.config
import numpy as np
import numpy.typing as npt
import xarray as xr
from dask import optimize  # type: ignore[attr-defined]

from efast.cells.cellblocks import cell_side
from efast.cells.cloudscores import bad_counts
from efast.cubes.finecubes import read_fine
from efast.cubes.preparation import Counted, Grids
from efast.errors import BadInput
from efast.sentinel3.coarsegrids import coarse_grid
from workbench.rasters.times import ONE_PASS
from workbench.rasters.windows import Window, windows
from workbench.sentinel2.bands import RESOLUTION
from workbench.tasks import Tasks

if TYPE_CHECKING:
    from distributed import Client
    from odc.geo.geobox import GeoBox

__all__ = ["count_clouds"]

PLACED = ("aoi", "geobox", "resolution", "chunks", "bands")  # options of a reader that say where


def count_clouds(
    source: Any,
    fine: xr.Dataset,
    grid: GeoBox,
    *,
    cell: float,
    halo: int,
    reading: Mapping[str, Any],
    client: Client | None = None,
) -> Counted:
    """Count hidden pixels of the cells of an area and of those around it.

    Parameters
    ----------
    source, reading
        Of `efast.read_fine`.
    fine
        What it gave for the area.
    grid
        That of `fine`.
    cell
        Side of a cell, m.
    halo
        Cells around the area.
    client
        Where to work; None for the threads of this process.

    Returns
    -------
    Counted
        (N, y, x) for the images of `fine`. A place that no image ever shows, such as one beyond the
        edge of a tile, is not known to be cloudy and does not count.

    Raises
    ------
    BadInput, BadFile
        As `efast.read_fine`.
    """
    cells = coarse_grid(grid, cell, halo)
    ratio = round(cell / abs(grid.resolution.x))
    options = {name: value for name, value in reading.items() if name not in PLACED}
    side = cell_side(ratio)
    bands = [min(map(str, fine["band"].values), key=lambda band: -RESOLUTION[band])]
    wide = read_fine(source, bands=bands, geobox=_pixels(cells, ratio), chunks=side, **options)
    wide = wide.isel(time=_same_passes(wide["time"].values, fine["time"].values))
    found = np.zeros((wide.sizes["time"], *cells.shape), np.int32)
    tasks = Tasks(client, label="clouds", unit="blocks", largest=None)
    for window in windows((wide.sizes["y"], wide.sizes["x"]), side):
        rows, columns = window.slices
        (part,) = optimize(wide.isel(y=rows, x=columns).drop_vars(list(wide.coords)))
        tasks.submit(count_block, part, window, ratio, tag=window)
    for _, (window, counts) in tasks:
        row, column = (span[0] // ratio for span in (window.rows, window.cols))
        height, width = counts.shape[1:]
        found[:, row : row + height, column : column + width] = counts
    return Counted(found, Grids.of(grid, cells).first)


def count_block(
    part: xr.Dataset, window: Window, ratio: int
) -> tuple[Window, npt.NDArray[np.int32]]:
    """Return the place of a block and (N, y, x) hidden pixels of its cells of `ratio` pixels."""
    with dask.config.set(scheduler="synchronous"):
        part = part.compute()
    shown = part["reflectance"].transpose("time", "band", "y", "x").values[:, 0] != 0
    hidden = part["weight"].transpose("time", "y", "x").values == 0
    return window, bad_counts(hidden & shown.any(axis=0), ratio)


def _pixels(cells: GeoBox, ratio: int) -> GeoBox:
    """Return the fine grid of some cells."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    rows, columns = (size * ratio for size in cells.shape)
    return GeoBox((rows, columns), cells.affine @ Affine.scale(1 / ratio), cells.crs)


def _same_passes(found: Any, wanted: Any) -> list[int]:
    """Return the places of passes; the first image of one may lie beyond the area."""
    apart = np.abs(np.subtract.outer(wanted, found))
    places = apart.argmin(axis=1)
    if (apart.min(axis=1) > ONE_PASS).any():
        missing = wanted[apart.min(axis=1) > ONE_PASS][0]
        raise BadInput(f"the images of {missing} are not found again around the area")
    return [int(place) for place in places]
