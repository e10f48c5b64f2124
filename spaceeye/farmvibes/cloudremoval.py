"""The interpolation as an operation of a workflow: from a sequence to one image file a day."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spaceeye.errors import BadInput
from spaceeye.farmvibes.dailyimages import Days, is_done, write_days
from spaceeye.farmvibes.grouping import Pair, check_pair
from spaceeye.farmvibes.records import ImageSequence, MaskSequence, SpaceEyeSequence
from spaceeye.farmvibes.regions import (
    MissingMask,
    Mode,
    Options,
    compat_region,
    full_region,
    options_of,
)
from spaceeye.periods import DURATION, check_duration

__all__ = ["batches", "remove_clouds_interpolation", "remove_clouds_tile"]

DAYS_AT_ONCE = 128
"""Days, and so open files, of one batch of sequences."""


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
        Of one tile, period and request. An image and its mask have the same acquisition time.
    duration
        Length of the periods that the sequences were grouped by, days.
    output
        Folder of the images; every worker must see it.
    mode
        ``"full"``: exact, from all acquisitions of the tile. ``"compat"``: as FarmVibes.AI.
    alpha
        Damping, days. Default: 0.1 in compat, else that of `spaceeye.interpolate`.
    illumination
        See `spaceeye.illumination`. Default: ``"none"``, in compat ``"region-mean"``.
    missing_mask
        What to do with an image without a mask: ``"drop"`` it, an ``"error"``, or take all of it
        as ``"clear"``.
    offset
        DN to subtract from every image. Default: by its name or tags.
    overwrite
        Write images anew that other inputs or parameters have made. Those of the same ones are
        never made twice: a killed run goes on where it was.
    **stopping
        Compat: tolerance, max_iterations, check_interval of `spaceeye.iteration.Iteration`. The
        exact solution needs none of them.

    Returns
    -------
    SpaceEyeSequence
        One raster for each day of ``period.write``: uint16 reflectance x 10000, 0 where nothing is
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

    Parameters
    ----------
    pairs
        Sequences of images, each with its masks.
    duration, output, overwrite
        See `remove_clouds_interpolation`.
    options
        What `spaceeye.farmvibes.regions.options_of` gave.

    Returns
    -------
    list of SpaceEyeSequence
        One for each pair, in order.

    Raises
    ------
    BadInput, BadFile, workbench.errors.OutputExists
        See `remove_clouds_interpolation`.
    """
    for images, masks in pairs:
        check_pair(images, masks)
        length = images.period.read.days.size
        if check_duration(duration) != length:
            raise BadInput(
                f"duration={duration}: {images.name} was grouped by periods of {length} days; "
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
            grid, blocks = compat_region(images, masks, days.missing(overwrite), options)
            write_days([days], grid, blocks, overwrite=overwrite)
    elif open_pairs:
        (images, masks), _ = open_pairs[0]
        missing = np.concatenate([days.missing(overwrite) for _, days in open_pairs])
        grid, blocks = full_region(images, masks, missing, options)
        write_days([days for _, days in open_pairs], grid, blocks, overwrite=overwrite)
    return [
        SpaceEyeSequence(images.tile, images.period, images.request, days.rasters())
        for (images, _), days in zip(pairs, every, strict=True)
    ]


def batches(pairs: Sequence[Pair], mode: Mode) -> list[list[Pair]]:
    """Divide pairs of sequences into those that one call of `remove_clouds_tile` takes.

    Parameters
    ----------
    pairs
        Ordered by tile.
    mode
        In ``"full"`` neighbouring periods of a tile and request are together up to `DAYS_AT_ONCE`
        days, for each batch reads the tile once; in ``"compat"`` each is alone.

    Returns
    -------
    list of list of (ImageSequence, MaskSequence)
        All pairs, in order.
    """
    found: list[list[Pair]] = []
    for pair in pairs:
        last = found[-1] if found else []
        written = sum(images.period.write.days.size for images, _ in (*last, pair))
        alike = last and _place(last[0]) == _place(pair)
        if mode == "full" and alike and written <= DAYS_AT_ONCE:
            last.append(pair)
        else:
            found.append([pair])
    return found


def _place(pair: Pair) -> tuple[str, str]:
    return pair[0].tile, pair[0].request.key
