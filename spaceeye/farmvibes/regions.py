"""The region of a sequence, solved: from its images and masks to blocks of daily pixels.

In ``mode="full"`` a sequence is interpolated from all acquisitions of its tile, and its period only
says which days it writes: neighbouring days that two sequences write come from one solution, there
is no seam. In ``mode="compat"`` each period is solved alone as FarmVibes.AI does it
(`spaceeye.iteration`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from spaceeye.errors import BadInput
from spaceeye.farmvibes.dailyimages import Part
from spaceeye.farmvibes.grouping import mask_of_each
from spaceeye.farmvibes.images import chip_grid, read_sequence
from spaceeye.farmvibes.records import ImageSequence, MaskSequence
from spaceeye.illumination import check_method
from spaceeye.iteration import Iteration, interpolate_period
from workbench.rasters.cubes import grid_of
from workbench.sentinel2.bands import BANDS

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["MissingMask", "Mode", "Options", "compat_region", "full_region", "options_of"]

logger = logging.getLogger(__name__)

Mode = Literal["full", "compat"]
MissingMask = Literal["drop", "error", "clear"]
Dates = npt.NDArray[np.datetime64]

BLOCK_BYTES = 512_000_000
"""Of output that is held at once."""


@dataclass(frozen=True)
class Options:
    """How a region is solved, checked.

    Attributes
    ----------
    mode, alpha, illumination, missing_mask, offset
        See `spaceeye.farmvibes.cloudremoval.remove_clouds_interpolation`; None where a default is
        to be taken.
    iteration
        Damping and end of the iteration, compat.
    """

    mode: Mode
    alpha: float | str | None
    illumination: str | None
    missing_mask: MissingMask
    offset: int | None
    iteration: Iteration


def options_of(
    mode: Mode = "full",
    alpha: float | str | None = None,
    illumination: str | None = None,
    missing_mask: MissingMask = "drop",
    offset: int | None = None,
    **stopping: Any,
) -> Options:
    """Check how a region is to be solved.

    Parameters
    ----------
    mode, alpha, illumination, missing_mask, offset, **stopping
        See `spaceeye.farmvibes.cloudremoval.remove_clouds_interpolation`.

    Returns
    -------
    Options
        In compat with the damping of FarmVibes.AI unless another is given.

    Raises
    ------
    BadInput
        If one is not known or out of bounds, or they do not go together.
    """
    if mode not in ("full", "compat"):
        raise BadInput(f"mode={mode!r}: 'full' or 'compat'")
    if missing_mask not in ("drop", "error", "clear"):
        raise BadInput(f"missing_mask={missing_mask!r}: 'drop', 'error' or 'clear'")
    if illumination is not None and check_method(illumination) == "relative" and mode == "compat":
        raise BadInput("illumination='relative' is of mode='full'; compat has 'region-mean'")
    if mode == "compat" and alpha is None:
        alpha = 0.1
    compat_alpha: Any = alpha if mode == "compat" else 0.1
    try:
        iteration = Iteration(compat_alpha, **stopping)
    except TypeError as error:
        raise BadInput(f"options {sorted(stopping)}: {error}") from error
    return Options(mode, alpha, illumination, missing_mask, offset, iteration)


def full_region(
    images: ImageSequence, masks: MaskSequence, days: Dates, options: Options
) -> tuple[GeoBox, Iterator[Part]]:
    """Solve a region exactly, from all acquisitions of its tile.

    Parameters
    ----------
    images, masks
        Sequences of one tile and request, of any of its periods.
    days
        (T,) days wanted, datetime64[D], ascending.
    options
        What `options_of` gave.

    Returns
    -------
    grid : odc.geo.geobox.GeoBox
        Of the region: the envelope of the request within the images.
    blocks : iterator of ((int, int), numpy.ndarray)
        First row and column of a part, and its pixels (T, B, Y, X), uint16 reflectance x 10000, 0
        where a pixel was never observed; computed one by one.

    Raises
    ------
    BadInput, BadFile
        If a file is broken, an offset is not known or no image has a mask.
    """
    paired = list(zip(images.series, mask_of_each(images.series, masks.series), strict=True))
    stack = read_sequence(
        paired,
        offset=options.offset,
        missing_mask=options.missing_mask,
        aoi=images.request.geometry,
    )
    asked = {"alpha": options.alpha, "illumination": options.illumination}
    given = {name: value for name, value in asked.items() if value is not None}
    daily = _solve(stack["reflectance"], stack["weight"], output_times=days, **given)
    return grid_of(stack), _computed(daily)


def _solve(
    reflectance: xr.DataArray, weight: xr.DataArray, *, output_times: Dates, **options: Any
) -> xr.DataArray:
    """Return a region on days, (time, band, y, x) uint16; lazy as its input is."""
    from spaceeye.interpolation import interpolate

    solved = interpolate(
        reflectance, weight, output_times=output_times, date_weights="none", **options
    )
    daily: xr.DataArray = solved["reflectance"].transpose("time", "band", "y", "x")
    return daily


def _computed(daily: xr.DataArray) -> Iterator[Part]:
    """Compute a region by rows of chunks, in pieces that fit into memory."""
    side = daily.chunks[2][0] if daily.chunks else max(daily.shape[2:])
    days, bands, height, width = daily.shape
    piece = max(1, BLOCK_BYTES // max(1, days * bands * side * side * 2)) * side
    for row in range(0, height, side):
        for col in range(0, width, piece):
            part = daily[:, :, row : row + side, col : col + piece]
            yield (row, col), np.asarray(part.values)


def compat_region(
    images: ImageSequence, masks: MaskSequence, days: Dates, options: Options
) -> tuple[GeoBox, Iterator[Part]]:
    """Iterate on a region as FarmVibes.AI does, from the acquisitions of its period.

    Parameters
    ----------
    images, masks
        Sequences of one tile, period and request.
    days
        (T,) days wanted, datetime64[D], of ``period.write``.
    options
        What `options_of` gave.

    Returns
    -------
    grid : odc.geo.geobox.GeoBox
        Of the region: grown to the side of a chip if smaller, but not beyond the first image.
    blocks : iterator of ((int, int), numpy.ndarray)
        As of `full_region`, one block; 0 also where the period has no image that is clear enough.

    Raises
    ------
    BadInput, BadFile
        If a file is broken, an offset is not known or a mask is missing that must not be.
    """
    grid = chip_grid(images.series, images.request)
    paired = list(zip(images.items, mask_of_each(images.items, masks.items), strict=True))
    masked = [pair for pair in paired if pair[1] is not None]
    if not (masked if options.missing_mask == "drop" else paired):
        logger.warning("%s: no image with a mask, its days have no values", images.name)
        shape = (days.size, len(BANDS), *grid.shape)
        return grid, iter([((0, 0), np.zeros(shape, np.uint16))])
    stack = read_sequence(
        paired,
        offset=options.offset,
        missing_mask=options.missing_mask,
        geobox=grid,
        missing="all",
    ).compute()
    solved = interpolate_period(
        stack["reflectance"].values,
        stack["weight"].values > 0,
        stack["time"].values,
        images.period,
        options.iteration,
        illumination=options.illumination in (None, "region-mean"),
    )
    return grid, iter([((0, 0), solved[np.isin(images.period.write.days, days)])])
