"""Tiles of a scene: one native window, many small grids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from odc.geo.geobox import GeoBox

from tiling.scenes.imagery.regridding import Method, all_on_grid

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["tile_images"]


def tile_images(
    dataset: xr.Dataset,
    grids: Iterable[GeoBox],
    method: Method = "bilinear",
    *,
    periodic: bool = False,
) -> Iterator[xr.Dataset]:
    """Bring the images of a scene onto the grids of its tiles, one after the other.

    Parameters
    ----------
    dataset
        On native grids, as `tiling.scenes.imagery.crops.crop` returns it.
    grids
        Of `tiling.scenes.domains.planes.tile_grid`.
    method, periodic
        As for `tiling.scenes.imagery.regridding.on_grid`.

    Yields
    ------
    xarray.Dataset
        (..., size, size) float32 for each grid, in their order.
    """
    dataset = dataset.load()  # once, not for each tile
    for grid in grids:
        yield all_on_grid(dataset, grid, method, periodic=periodic, keep=False)
