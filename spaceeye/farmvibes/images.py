"""The stack of a sequence: its images and masks on one grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr
from odc.geo.geobox import GeoBox

from spaceeye.errors import BadFile, BadInput
from spaceeye.farmvibes.records import CloudMask, InputData, Raster
from spaceeye.periods import CHIP
from workbench.rasters.grids import target_grid
from workbench.rasters.reading import Plane, open_raster
from workbench.sentinel2.acquisitions import Acquisition
from workbench.sentinel2.bands import BANDS, stack_positions
from workbench.sentinel2.cloudweights import ClearRule
from workbench.sentinel2.geotiffs import parse_name
from workbench.sentinel2.offsets import boa_offset
from workbench.sentinel2.stacks import ReadOptions, stack_images

__all__ = ["chip_grid", "read_sequence"]


def read_sequence(
    paired: Sequence[tuple[Raster, CloudMask | None]], *, offset: int | None, **reading: Any
) -> xr.Dataset:
    """Give the stack of images and their masks, lazily.

    Parameters
    ----------
    paired
        Each image with its mask; tile and time are those of the records, whatever names and tags
        of the files say.
    offset
        DN to subtract from every image; default: by its name or tags.
    **reading
        See `workbench.sentinel2.stacks.ReadOptions`; pixels have the size of those of the first image.

    Raises
    ------
    BadInput, BadFile
        Naming the file that is broken or of which the offset is not known.
    """
    images = [
        replace(_image(image, offset), mask=None if mask is None else _mask(mask))
        for image, mask in paired
    ]
    size = images[0].planes[0].grid.affine.a
    return stack_images(images, BANDS, ClearRule("mask"), ReadOptions(resolution=size, **reading))


def chip_grid(images: Sequence[Raster], request: InputData) -> GeoBox:
    """Give the grid of a request within its images, widened to the side of a chip if smaller.

    It grows at both sides alike, but not beyond the first image.
    """
    grids = [open_raster(image.path).grid for image in images]
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


def _image(raster: Raster, offset: int | None) -> Acquisition:
    header = open_raster(raster.path)
    if header.dtype != "uint16":
        raise BadFile(
            f"{raster.path}: pixels are {header.dtype}, expected uint16 (reflectance x 10000)"
        )
    try:
        places = stack_positions(header.count, header.descriptions)
    except BadInput as error:
        raise BadFile(f"{raster.path}: {error}") from error
    stated = header.tags.get("PROCESSING_BASELINE")
    amount = boa_offset(
        baseline=stated or parse_name(Path(raster.path).name).baseline,
        applied=header.tags.get("BOA_OFFSET_APPLIED", "").strip().lower() in ("1", "true", "yes"),
        offset=offset,
        name=raster.path,
    )
    planes = tuple(header.plane(places[band]) for band in BANDS)
    return Acquisition(raster.path, raster.time, raster.tile, planes, (amount,) * len(planes))


def _mask(mask: CloudMask) -> Plane:
    header = open_raster(mask.path)
    if header.count != 1:
        raise BadFile(f"{mask.path}: a mask has one band, this has {header.count}")
    return header.plane()
