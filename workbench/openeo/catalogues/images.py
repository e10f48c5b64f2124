"""Images of any grid as cubes on one grid, read block by block.

Images of one instant are put together: where the first by name has no value, the next has its turn.
Images of different instants stay apart, be it on one day. The grid follows from the images that are
asked for and from no other: the CRS of most of them, their finest pixels of that CRS.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadFile
from workbench.openeo import cubes
from workbench.openeo.catalogues.bands import Band
from workbench.openeo.catalogues.chunking import (
    Chunks,
    band_chunks,
    common_tiles,
    pieces,
    side_of_blocks,
)
from workbench.openeo.catalogues.descriptions import DIMENSIONS, described
from workbench.openeo.catalogues.grids import (
    area_part,
    bounds_of,
    covering_grid,
    cropped,
    overlap,
)
from workbench.openeo.catalogues.imageblocks import Plan, lazy_pixels
from workbench.openeo.catalogues.layers import Image
from workbench.openeo.catalogues.requests import Request, no_data, out_of_period
from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.errors import error
from workbench.openeo.values import float_type
from workbench.rasters.grids import footprint

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = [
    "MOST_BLOCKS",
    "MOST_VALUES",
    "check_size",
    "cube_of_images",
    "document_of_images",
    "labelled",
]

Array = npt.NDArray[Any]

MOST_VALUES = 2**41
"""Of a cube that is loaded: 8 TiB of float32."""

MOST_BLOCKS = 500_000
"""Tasks that read a cube."""


def document_of_images(
    images: Sequence[Image],
    bands: Sequence[Band],
    crs: str | None = None,
    resolution: float | None = None,
) -> dict[str, Any]:
    """Return the parts of the STAC collection of some images, see `descriptions.described`.

    Raises
    ------
    BadFile
        If there is no image.
    """
    if not images:
        raise BadFile("there is no image")
    grids = _all_grids(images)
    target = covering_grid(grids, crs, resolution)
    times = np.unique(np.array([image.time for image in images]))
    properties = (image.properties for image in images)
    return described(target, dict.fromkeys(grids), times, bands, properties)


def cube_of_images(
    images: Sequence[Image],
    bands: Sequence[Band],
    request: Request,
    crs: str | None = None,
    resolution: float | None = None,
) -> Cube:
    """Return what is asked for of some images as a lazy cube.

    Parameters
    ----------
    images
        In any order.
    bands
        Of the collection, in order.
    request
        What is asked for.
    crs, resolution
        Of the cube; by default those of the images.

    Returns
    -------
    Cube
        (t, bands, y, x) on Dask, float32 or float64: numbers as in the files, neither scaled nor
        shifted, NaN where there is none. North is up. Chunks hold one date, and one band or those
        of one file, see `workbench.openeo.catalogues.chunking`.

    Raises
    ------
    OpenEOError
        NoDataAvailable if nothing is left, ProcessParameterInvalid if a band does not exist, or the
        cube would be too large.
    """
    names = request.picked([band.name for band in bands])
    chosen = [band for name in names for band in bands if band.name == name]
    left = _asked_for(images, names, request)
    target = _target(left, request, crs, resolution)
    meeting = {grid for grid in dict.fromkeys(_all_grids(left)) if _meets(grid, target)}
    met = [image for image in left if not meeting.isdisjoint(image.grids)]
    if not met:
        raise no_data(request.process, "No image has a pixel in the area.")
    met.sort(key=lambda image: (image.time, image.name))
    times = np.unique(np.array([image.time for image in met], "datetime64[ns]"))
    check_size((len(times), len(names), *target.shape), request.process)
    kinds = [
        float_type(np.dtype(image.layers[name].dtype))
        for image in met
        for name in names
        if name in image.layers
    ]
    box = target.boundingbox
    outline = request.area and request.area.outline(str(target.crs), box.left, box.right)
    plan = Plan(
        target,
        tuple(tuple(group) for _, group in groupby(met, key=lambda image: image.time)),
        tuple(chosen),
        str(np.result_type(*kinds)),
    )
    chunks = _chunks(met, names, target, len(times))
    return labelled(lazy_pixels(plan, chunks, outline), times, chosen, target)


def labelled(values: Any, times: Any, bands: Sequence[Band], grid: GeoBox) -> Cube:
    """Return values (t, bands, y, x) on a grid as a cube."""
    import xarray as xr
    from pyproj import CRS

    height, width = grid.shape
    across, down = float(grid.affine.a), float(grid.affine.e)
    coords = {
        "t": np.asarray(times, "datetime64[ns]"),
        "bands": [band.name for band in bands],
        "y": grid.affine.f + down * (np.arange(height) + 0.5),
        "x": grid.affine.c + across * (np.arange(width) + 0.5),
    }
    known = {b.name: cubes.BandTraits(b.common_name, b.center_wavelength) for b in bands}
    dimensions = {
        "t": Dimension("temporal"),
        "bands": Dimension("bands", bands=known),
        "y": Dimension("spatial", "y", down),
        "x": Dimension("spatial", "x", across),
    }
    array = xr.DataArray(values, coords, DIMENSIONS)
    array.name = None
    return Cube(array, dimensions, CRS.from_user_input(str(grid.crs)))


def check_size(shape: Sequence[int], process: str) -> None:
    """Check that a cube (t, bands, y, x) is not too large, before anything is built.

    Raises
    ------
    OpenEOError
        ProcessParameterInvalid.
    """
    side = side_of_blocks(shape[0] * shape[1])
    blocks = shape[0] * -(-shape[2] // side) * -(-shape[3] // side)
    if math.prod(shape) > MOST_VALUES or blocks > MOST_BLOCKS:
        raise error(
            "ProcessParameterInvalid",
            process=process,
            parameter="spatial_extent",
            reason=(
                f"{shape[0]} dates, {shape[1]} bands and {shape[2]} x {shape[3]} pixels are "
                f"{math.prod(shape):,} values in {blocks:,} blocks, the limits are "
                f"{MOST_VALUES:,} and {MOST_BLOCKS:,}: ask for a smaller area, less time or fewer "
                "bands."
            ),
        )


def _chunks(images: Sequence[Image], names: Sequence[str], target: GeoBox, dates: int) -> Chunks:
    """Return how a cube is cut; bands stay together where there would be too many tasks."""
    side = side_of_blocks(dates * len(names))
    rows, cols = (
        pieces(size, side, tiles)
        for size, tiles in zip(target.shape, common_tiles(images, names, target), strict=True)
    )
    bands = band_chunks(names, images)
    if dates * len(bands) * len(rows) * len(cols) > MOST_BLOCKS:
        bands = (len(names),)
    return Chunks(bands, rows, cols)


def _all_grids(images: Iterable[Image]) -> list[GeoBox]:
    return [grid for image in images for grid in image.grids]


def _asked_for(images: Sequence[Image], names: Sequence[str], request: Request) -> list[Image]:
    """Return the images that are asked for by time, bands, properties and area, in this order."""
    if not images:
        raise no_data(request.process, "The collection has no image.")
    times = np.array([image.time for image in images])
    left = [image for image, held in zip(images, request.period.holds(times), strict=True) if held]
    if not left:
        raise out_of_period(request.process, times)
    left = [image for image in left if any(name in image.layers for name in names)]
    left = [image for image in left if request.admits(image.properties)]
    if not left:
        asked = ", ".join(request.properties) or "none"
        detail = f"No image in the period has the bands and the properties (asked for: {asked})."
        raise no_data(request.process, detail)
    if request.area is not None:
        known: dict[GeoBox, bool] = {}
        for grid in dict.fromkeys(_all_grids(left)):
            known[grid] = any(overlap(bounds_of(grid), box) for box in request.area.boxes(grid))
        left = [image for image in left if any(known[grid] for grid in image.grids)]
        if not left:
            raise no_data(request.process, "No image in the period lies in the area.")
    return left


def _target(
    images: Sequence[Image], request: Request, crs: str | None, resolution: float | None
) -> GeoBox:
    whole = covering_grid(_all_grids(images), crs, resolution)
    if request.area is None:
        return whole
    part = area_part(whole, request.area, request.process)
    if part is None:
        raise no_data(request.process, "No centre of a pixel lies in the area.")
    return part


def _meets(grid: GeoBox, target: GeoBox) -> bool:
    """Tell whether a centre of the target lies within the bounds of a grid."""
    bounds = footprint(grid, target.crs)
    return all(map(math.isfinite, bounds)) and cropped(target, bounds) is not None
