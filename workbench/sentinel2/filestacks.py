"""The stack of images in files: which of them are read, and how a block of one is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xarray as xr

from workbench.errors import BadInput
from workbench.rasters.grids import window_of
from workbench.rasters.planes import decode
from workbench.rasters.regridding import plane_nearest_on, planes_on
from workbench.rasters.windows import Window
from workbench.sentinel2.acquisitions import (
    Acquisition,
    collect,
    in_range,
    keep_masked,
    without_duplicates,
)
from workbench.sentinel2.cloudweights import Weighing, check_aligned
from workbench.sentinel2.grids import check_neighbours, image_grid
from workbench.sentinel2.offsets import remove_offset
from workbench.sentinel2.stacks import Pixels, ReadOptions, stack_of

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["stack_acquisitions"]


def stack_acquisitions(
    images: Sequence[Acquisition], bands: Sequence[str], weighing: Weighing, options: ReadOptions
) -> xr.Dataset:
    """Make the stack of images in files.

    Parameters
    ----------
    images
        In any order. Versions of one acquisition, images out of range and, by policy, images
        without a mask are left out.
    bands
        Names of their planes.
    weighing
        How their masks become weights.
    options
        What is read, and onto which grid.

    Returns
    -------
    xarray.Dataset
        See `workbench.sentinel2.stacks.stack_of`.

    Raises
    ------
    BadInput
        If no image is left, one lies in another zone far away, or the grid of a mask may not be
        resampled; before anything lazy is made, as below.
    BadFile
        If two images are one acquisition, masks are missing and must not be, or, with `verify`, a
        file cannot be decoded.
    """
    used = in_range(
        images, options.time_range, options.buffer_days, options.region, lambda image: image.time
    )
    used = keep_masked(without_duplicates(used), options.missing_mask)
    if options.aoi is None and options.geobox is None:
        check_neighbours({image.name: image.planes[0].placed for image in used})
    target = image_grid(
        [image.planes[0].placed for image in used],
        aoi=options.aoi,
        geobox=options.geobox,
        resolution=options.resolution,
    )
    placed = [(image, window_of(image.planes[0].placed, target)) for image in used]
    met = [(image, part) for image, part in placed if part is not None]
    if not met:
        raise BadInput(
            f"none of {len(used)} images in range (time_range={options.time_range}) meets "
            f"{options.region}"
        )
    for image, _ in met:
        if image.mask is not None:
            check_aligned(image.mask.placed, target, options.regrid, image.mask.path)
    if options.verify:
        met = collect(met, _decoded, options.on_error)
    times = [image.time for image, _ in met]
    return stack_of(_Files(tuple(met)), times, bands, weighing, target, options)


def _decoded(placed: tuple[Acquisition, Window]) -> tuple[Acquisition, Window]:
    image = placed[0]
    decode([*image.planes, *([image.mask] if image.mask is not None else [])])
    return placed


@dataclass(frozen=True)
class _Files:
    """Images in files, each with the window of the target that it can touch."""

    images: tuple[tuple[Acquisition, Window], ...]

    def part(self, image: int) -> Window | None:
        return self.images[image][1]

    def name(self, image: int) -> str:
        mask = self.images[image][0].mask
        return self.images[image][0].name if mask is None else mask.path

    def reader(self, target: GeoBox, window: Window, reach: int) -> Callable[[int, Window], Pixels]:
        def read(number: int, part: Window) -> Pixels:
            image = self.images[number][0]
            raw = planes_on(image.planes, target, part, nodata=0)
            dn = remove_offset(raw, image.offsets)
            if image.mask is None:
                return Pixels(dn, None, None)
            return Pixels(dn, *plane_nearest_on(image.mask, target, part.grown(reach)))

        return read
