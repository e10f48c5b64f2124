"""The operations of the FarmVibes.AI workflow: group, interpolate, split.

`group_tile_sequence` makes sequences of images and of masks, `remove_clouds_interpolation` writes
one GeoTIFF for each day of a sequence, `split_spaceeye_sequence` gives these files one by one.

In ``mode="full"`` a sequence is interpolated from all acquisitions of its tile, and its window only
says which days it writes: neighbouring days that two sequences write come from one solution, there
is no seam. In ``mode="compat"`` each window is solved alone as FarmVibes.AI does it
(`spaceeye.iteration`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from spaceeye.errors import BadInput
from spaceeye.farmvibes.dailyimages import Block, Days, is_done, write_days
from spaceeye.farmvibes.grouping import (
    check_pair,
    group_tile_sequence,
    mask_of_each,
    pair_sequences,
)
from spaceeye.farmvibes.records import (
    CloudMask,
    ImageSequence,
    InputData,
    MaskSequence,
    Raster,
    SpaceEyeSequence,
    TileSequence,
)
from spaceeye.illumination import check_method
from spaceeye.iteration import Iteration, interpolate_window
from spaceeye.periods import DURATION, check_duration

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = [
    "CloudMask",
    "ImageSequence",
    "InputData",
    "MaskSequence",
    "Mode",
    "Options",
    "Raster",
    "SpaceEyeSequence",
    "TileSequence",
    "batches",
    "group_tile_sequence",
    "options_of",
    "pair_sequences",
    "remove_clouds_interpolation",
    "remove_clouds_tile",
    "split_spaceeye_sequence",
]

logger = logging.getLogger("spaceeye")

Mode = Literal["full", "compat"]
MissingMask = Literal["drop", "error", "clear"]
Pair = tuple[ImageSequence, MaskSequence]

BLOCK_BYTES = 512_000_000
"""Of output that is held at once."""

DAYS_AT_ONCE = 128
"""Days, and so open files, of one batch of sequences."""


@dataclass(frozen=True)
class Options:
    """What `remove_clouds_interpolation` was asked for, checked; see there."""

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
    """Check the options of `remove_clouds_interpolation`."""
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


def remove_clouds_interpolation(
    s2_products: ImageSequence,
    cloud_masks: MaskSequence,
    duration: int = DURATION,
    *,
    output: str | Path,
    mode: Mode = "full",
    alpha: float | str | None = None,
    illumination: str | None = None,
    missing_mask: MissingMask = "drop",
    offset: int | None = None,
    overwrite: bool = False,
    **stopping: Any,
) -> SpaceEyeSequence:
    """Write a cloud-free image for each day of a sequence.

    Parameters
    ----------
    s2_products, cloud_masks
        Of one tile, window and request. An image and its mask have the same acquisition time.
    duration
        Length of the windows that the sequences were grouped by, days.
    output
        Folder of the images; every worker must see it.
    mode
        ``"full"``: exact, from all acquisitions of the tile. ``"compat"``: as FarmVibes.AI.
    alpha
        Damping. Default: 0.1 in compat, else that of `spaceeye.interpolation.interpolate`.
    illumination
        See `spaceeye.illumination`. Default: ``"none"``, in compat ``"region-mean"``.
    missing_mask
        What to do with an image without a mask.
    offset
        DN to subtract from every image; default: by its name or tags.
    overwrite
        Write images anew that other inputs or parameters have made. Those of the same ones are
        never made twice: a killed run goes on where it was.
    **stopping
        Compat: tolerance, max_iterations, check_interval of `spaceeye.iteration.Iteration`. The exact
        solution needs none of them.

    Returns
    -------
    SpaceEyeSequence
        One raster for each day of ``window.write``: uint16 reflectance x 10000, 0 where nothing is
        known, on the grid of the images. The region is the envelope of the request within the
        images, in compat grown to at least 448 pixels.

    Raises
    ------
    BadInput, BadFile
        If the sequences do not belong together, an option is out of bounds or a file is broken.
    workbench.errors.OutputExists
        If images of other inputs or parameters are in the way.
    """
    options = options_of(mode, alpha, illumination, missing_mask, offset, **stopping)
    pair = (s2_products, cloud_masks)
    return remove_clouds_tile([pair], duration, output, options, overwrite)[0]


def remove_clouds_tile(
    pairs: Sequence[Pair], duration: int, output: str | Path, options: Options, overwrite: bool
) -> list[SpaceEyeSequence]:
    """Write the images of several sequences of one tile and request.

    The result is that of one after the other; in ``mode="full"`` the images of the tile are read
    once for all of them.

    Raises
    ------
    BadInput, BadFile, workbench.errors.OutputExists
        See `remove_clouds_interpolation`.
    """
    for images, masks in pairs:
        check_pair(images, masks)
        length = images.window.read.days.size
        if check_duration(duration) != length:
            raise BadInput(
                f"duration={duration}: {images.name} was grouped by windows of {length} days; "
                "give both operations the same duration"
            )
    every = [Days.of(images, masks, Path(output), options) for images, masks in pairs]
    open_pairs = [
        (pair, days)
        for pair, days in zip(pairs, every, strict=True)
        if not is_done(days, overwrite=overwrite)
    ]
    if options.mode == "compat":
        for (images, masks), days in open_pairs:
            grid, blocks = _region_compat(images, masks, days.missing(overwrite), options)
            write_days([days], grid, blocks, overwrite=overwrite)
    elif open_pairs:
        (images, masks), _ = open_pairs[0]
        missing = np.concatenate([days.missing(overwrite) for _, days in open_pairs])
        grid, blocks = _region_full(images, masks, missing, options)
        write_days([days for _, days in open_pairs], grid, blocks, overwrite=overwrite)
    return [
        SpaceEyeSequence(images.tile, images.window, images.request, days.rasters())
        for (images, _), days in zip(pairs, every, strict=True)
    ]


def batches(pairs: Sequence[Pair], mode: Mode) -> list[list[Pair]]:
    """Divide pairs of sequences, ordered by tile, into those that `remove_clouds_tile` may take.

    In ``mode="full"`` neighbouring windows of a tile and request are together up to `DAYS_AT_ONCE`
    days; each of these batches reads the tile once.
    """
    found: list[list[Pair]] = []
    for pair in pairs:
        last = found[-1] if found else []
        written = sum(images.window.write.days.size for images, _ in (*last, pair))
        alike = last and _place(last[0]) == _place(pair)
        if mode == "full" and alike and written <= DAYS_AT_ONCE:
            last.append(pair)
        else:
            found.append([pair])
    return found


def _place(pair: Pair) -> tuple[str, str]:
    return pair[0].tile, pair[0].request.key


def split_spaceeye_sequence(sequence: SpaceEyeSequence) -> list[Raster]:
    """Give the daily images of a sequence one by one, ascending."""
    return list(sequence.rasters)


Dates = npt.NDArray[np.datetime64]


def _region_full(
    images: ImageSequence, masks: MaskSequence, days: Dates, options: Options
) -> tuple[GeoBox, Iterator[Block]]:
    from spaceeye.farmvibes.images import read_sequence
    from workbench.sentinel2.stacks import grid_of

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
    if daily.shape[:2] != (days.size, stack.sizes["band"]) or daily.dtype != np.uint16:
        raise TypeError(f"the solver gave {daily.dtype} {daily.shape} for {days.size} days")
    return grid_of(stack), _computed(daily)


def _solve(
    reflectance: xr.DataArray, weight: xr.DataArray, *, output_times: Dates, **options: Any
) -> xr.DataArray:
    """Call the solver on a whole region; give (time, band, y, x) uint16, lazy as its input is."""
    from importlib import import_module

    interpolation = import_module("spaceeye.interpolation")
    solved = interpolation.interpolate(reflectance, weight, output_times=output_times, **options)
    daily: xr.DataArray = solved["reflectance"].transpose("time", "band", "y", "x")
    return daily


def _computed(daily: xr.DataArray) -> Iterator[Block]:
    """Compute a region by rows of chunks, in pieces that fit into memory."""
    side = daily.chunks[2][0] if daily.chunks else max(daily.shape[2:])
    days, bands, height, width = daily.shape
    piece = max(1, BLOCK_BYTES // max(1, days * bands * side * side * 2)) * side
    for row in range(0, height, side):
        for col in range(0, width, piece):
            part = daily[:, :, row : row + side, col : col + piece]
            yield (row, col), np.asarray(part.values)


def _region_compat(
    images: ImageSequence, masks: MaskSequence, days: Dates, options: Options
) -> tuple[GeoBox, Iterator[Block]]:
    from spaceeye.farmvibes.images import chip_grid, read_sequence

    grid = chip_grid(images.series, images.request)
    paired = list(zip(images.items, mask_of_each(images.items, masks.items), strict=True))
    masked = [pair for pair in paired if pair[1] is not None]
    if not (masked if options.missing_mask == "drop" else paired):
        logger.warning("%s: no image with a mask, its days have no values", images.name)
        shape = (days.size, 10, *grid.shape)
        return grid, iter([((0, 0), np.zeros(shape, np.uint16))])
    stack = read_sequence(
        paired,
        offset=options.offset,
        missing_mask=options.missing_mask,
        geobox=grid,
        missing="all",
    ).compute()
    window = images.window
    light = options.illumination in (None, "region-mean")
    solved = interpolate_window(
        stack["reflectance"].values,
        stack["weight"].values > 0,
        stack["time"].values,
        window,
        options.iteration,
        light,
    )
    return grid, iter([((0, 0), solved[np.isin(window.write.days, days)])])
