"""The stack of a sequence: its images and masks on one grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from spaceeye.farmvibes.records import CloudMask, InputData, Raster
from spaceeye.periods import CHIP
from workbench.rasters.grids import target_grid
from workbench.sentinel2.bands import BANDS
from workbench.sentinel2.cloudweights import ClearRule
from workbench.sentinel2.filestacks import stack_acquisitions
from workbench.sentinel2.geotiffs import image_in, mask_in
from workbench.sentinel2.grids import open_image
from workbench.sentinel2.stacks import ReadOptions

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["chip_grid", "read_sequence"]


def read_sequence(
    paired: Sequence[tuple[Raster, CloudMask | None]], *, offset: int | None, **reading: Any
) -> xr.Dataset:
    """Read images and their masks as a stack, lazily.

    Parameters
    ----------
    paired
        Each image with its mask; tile and time are those of the records, whatever names and tags
        of the files say.
    offset
        DN to subtract from every image; default: by its name or tags.
    **reading
        See `workbench.sentinel2.stacks.ReadOptions`; pixels have the size of those of the first
        image.

    Returns
    -------
    xarray.Dataset
        See `workbench.sentinel2.stacks.stack_of`.

    Raises
    ------
    BadInput, BadFile
        Naming the file that is broken or of which the offset is not known.
    """
    images = []
    for raster, mask in paired:
        image = image_in(
            Path(raster.path), BANDS, offset=offset, time=raster.time, tile=raster.tile
        )
        images.append(replace(image, mask=None if mask is None else mask_in(mask.path).plane()))
    size = images[0].planes[0].placed.affine.a
    options = ReadOptions(resolution=size, **reading)
    return stack_acquisitions(images, BANDS, ClearRule("mask"), options)


def chip_grid(images: Sequence[Raster], request: InputData) -> GeoBox:
    """Return the grid of a request within its images, widened to the side of a chip if smaller.

    It grows at both sides alike, but not beyond the first image.
    """
    grids = [open_image(image.path).plane().placed for image in images]
    tile = grids[0]
    region = target_grid(grids, aoi=request.geometry, resolution=tile.affine.a)
    row = round((region.affine.f - tile.affine.f) / tile.affine.e)
    col = round((region.affine.c - tile.affine.c) / tile.affine.a)
    spans = []
    for start, size, limit in zip((row, col), region.shape, tile.shape, strict=True):
        wanted = min(max(size, CHIP), limit)
        first = min(max(start - (wanted - size) // 2, 0), limit - wanted)
        spans.append(slice(first, first + wanted))
    return tile[spans[0], spans[1]]
