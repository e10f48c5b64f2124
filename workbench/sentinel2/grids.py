"""The grids that Sentinel-2 images are on: metres, north-up, square pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import BadFile, BadInput
from workbench.rasters.grids import Aoi, footprint, target_grid
from workbench.rasters.rasterfiles import RasterFile, open_raster

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["check_grid", "check_neighbours", "image_grid", "open_image"]

NEAR_M = 20_000.0
"""Images that lie in one area touch, but for gaps like this."""


def check_grid(grid: GeoBox, name: str) -> GeoBox:
    """Return a grid, checked to be one that Sentinel-2 images can be on.

    Parameters
    ----------
    grid
        Of a file, or a target.
    name
        Of the file, for messages.

    Returns
    -------
    odc.geo.geobox.GeoBox
        `grid` itself.

    Raises
    ------
    BadFile
        If it is not in metres, not north-up, or its pixels are not square.
    """
    crs = grid.crs
    if crs is None or not crs.projected or crs.units[0] not in ("metre", "meter"):
        raise BadFile(f"{name}: CRS {crs} is not a projection in metres, such as a UTM zone")
    a, b, _, d, e, _ = grid.affine[:6]
    if b or d or a <= 0 or e >= 0 or abs(a + e) > 1e-9 * a:
        raise BadFile(
            f"{name}: the grid must be north-up with square pixels, not {tuple(grid.affine)[:6]}"
        )
    return grid


def check_neighbours(grids: Mapping[str, GeoBox]) -> None:
    """Refuse an image of another zone far from the others: the grid of all would span the gap.

    Parameters
    ----------
    grids
        Of images, by their names.

    Raises
    ------
    BadInput
        If images in a CRS are all farther than `NEAR_M` from those in the CRS that most have, and
        from what these are connected with; it names one and both CRS.
    """
    crs = Counter(grid.crs for grid in grids.values()).most_common(1)[0][0]
    if all(grid.crs == crs for grid in grids.values()):
        return
    names = {grid: name for name, grid in grids.items()}  # one of each grid
    boxes = np.array([footprint(grid, crs) for grid in names])
    met = np.array([grid.crs == crs for grid in names])
    while True:  # from those of the CRS to their neighbours, to the neighbours of these
        low, high = boxes[met, :2] - NEAR_M, boxes[met, 2:] + NEAR_M
        near = [bool(((box[:2] <= high) & (box[2:] >= low)).all(axis=1).any()) for box in boxes]
        if not (near & ~met).any():
            break
        met |= near
    if not met.all():
        lost = list(names)[int(np.argmin(met))]
        raise BadInput(
            f"{names[lost]}: in {lost.crs}, far from the other images, in {crs}: is its zone "
            "right? Remove it, or say with aoi= which area is meant"
        )


def open_image(path: str | Path, *arguments: Any, **options: Any) -> RasterFile:
    """Read the header of an image or mask; as `workbench.rasters.rasterfiles.open_raster`.

    Parameters
    ----------
    path
        Path, or an address with ``local=False``.
    *arguments, **options
        Of `workbench.rasters.rasterfiles.open_raster`.

    Returns
    -------
    RasterFile
        With a grid; no pixel has been read.

    Raises
    ------
    BadFile
        Also if its grid is not one of Sentinel-2, see `check_grid`.
    """
    raster = open_raster(path, *arguments, **options)
    assert raster.grid is not None  # georeferenced
    check_grid(raster.grid, str(path))
    return raster


def image_grid(
    grids: Sequence[GeoBox],
    *,
    aoi: Aoi | None = None,
    geobox: GeoBox | None = None,
    resolution: float = 10.0,
) -> GeoBox:
    """Return the grid that images are read onto.

    Parameters
    ----------
    grids, aoi, resolution
        See `workbench.rasters.grids.target_grid`.
    geobox
        The grid itself; the other arguments do not count then.

    Returns
    -------
    odc.geo.geobox.GeoBox
        In metres, north-up, with square pixels.

    Raises
    ------
    BadInput
        If the region meets no image, or `geobox` is not in metres, north-up and square.
    """
    if geobox is None:
        return target_grid(grids, aoi=aoi, resolution=resolution)
    try:
        return check_grid(geobox, "geobox")
    except BadFile as error:
        raise BadInput(str(error)) from error
