"""Images of a series before their pixels are read: which are used, which belong together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from workbench.errors import BadFile, BadInput, WorkbenchError
from workbench.rasters.planes import Plane
from workbench.rasters.times import TimeRange, time_bounds

__all__ = [
    "Acquisition",
    "MissingMask",
    "OnError",
    "collect",
    "in_range",
    "keep_masked",
    "without_duplicates",
]

logger = logging.getLogger(__name__)

OnError = Literal["raise", "skip"]
"""What is done with a broken item."""

MissingMask = Literal["drop", "error", "clear"]
"""What is done with an image that has no mask; see `keep_masked`."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Acquisition:
    """One image: one tile at one time.

    Attributes
    ----------
    name
        File or item it comes from, for messages.
    time
        Acquisition time, UTC, datetime64[ns].
    tile
        MGRS tile, empty if unknown.
    planes
        One for each band of the stack.
    offsets
        DN to subtract from each band.
    mask
        Its mask, None if it has none.
    rank
        Of several versions of one image the highest is used (processing baseline, then date).
    """

    name: str
    time: np.datetime64
    tile: str
    planes: tuple[Plane, ...]
    offsets: tuple[int, ...]
    mask: Plane | None = None
    rank: tuple[Any, ...] = ()


def collect(items: Iterable[Item], read: Callable[[Item], Any], on_error: OnError) -> list[Any]:
    """Apply a reader to each item and return the results.

    Parameters
    ----------
    items
        Files, folders or STAC items.
    read
        Called with each; what it raises as `WorkbenchError` makes an item broken.
    on_error
        ``"raise"``, or ``"skip"`` to leave broken items out, logged once with the reasons.

    Returns
    -------
    list
        In the order of the items.

    Raises
    ------
    BadInput
        If `on_error` is something else.
    WorkbenchError
        The first error with ``"raise"``, or if every item is broken.
    """
    if on_error not in ("raise", "skip"):
        raise BadInput(f"on_error={on_error!r}: 'raise' or 'skip'")
    results, errors = [], []
    for item in items:
        try:
            results.append(read(item))
        except WorkbenchError as error:
            if on_error == "raise":
                raise
            errors.append(error)
    if errors:
        if not results:
            raise errors[0]
        reasons = "\n  ".join(str(error) for error in errors)
        logger.warning("skipped %d broken items:\n  %s", len(errors), reasons)
    return results


def in_range(
    images: Sequence[Item],
    time_range: TimeRange | None,
    buffer_days: float,
    region: str,
    time_of: Callable[[Item], np.datetime64],
) -> list[Item]:
    """Keep images from `buffer_days` before the range to `buffer_days` after it, in their order.

    Parameters
    ----------
    images
        Anything that `time_of` understands.
    time_range
        First and last moment, both included; None keeps all.
    buffer_days
        Days, 0 or more.
    region
        Words for the region in messages.
    time_of
        Gives the acquisition time of an image.

    Returns
    -------
    list
        At least one image.

    Raises
    ------
    BadInput
        If an argument is wrong, or no image is left; the message names the range and the region.
    """
    if time_range is None:
        kept, words = list(images), "any time"
    else:
        start, end = time_bounds(time_range)
        if not (np.isfinite(buffer_days) and buffer_days >= 0):
            raise BadInput(f"buffer_days={buffer_days}: a number of days, 0 or more")
        more = np.timedelta64(round(buffer_days * 86_400_000), "ms")
        kept = [image for image in images if start - more <= time_of(image) <= end + more]
        words = f"{time_range[0]} to {time_range[1]} (with buffer_days={buffer_days:g})"
    if not kept:
        times = sorted(time_of(image) for image in images)
        have = f"; there are {len(times)} from {times[0]} to {times[-1]}" if times else ""
        raise BadInput(f"no acquisition in {words} over {region}{have}")
    return kept


def _order(image: Acquisition) -> tuple[Any, ...]:
    return (image.time, image.tile, image.name)


def without_duplicates(images: Sequence[Acquisition]) -> list[Acquisition]:
    """Keep one of several versions of an image (one tile, one time), the highest `rank`.

    Parameters
    ----------
    images
        In any order.

    Returns
    -------
    list of Acquisition
        Ordered by time, then tile, then name.

    Raises
    ------
    BadFile
        If two have the same rank, so that nothing says which one is meant.
    """
    kept: dict[tuple[Any, str], Acquisition] = {}
    for image in images:
        key = (image.time, image.tile)
        other = kept.get(key)
        if other is not None and other.rank == image.rank:
            raise BadFile(
                f"{image.name}: the same acquisition ({image.tile or 'no tile'}, {image.time}) as "
                f"{other.name}: remove one"
            )
        if other is not None:
            old, new = sorted((other, image), key=lambda one: one.rank)
            logger.info("%s replaces the earlier version %s", new.name, old.name)
            image = new
        kept[key] = image
    return sorted(kept.values(), key=_order)


def keep_masked(images: Sequence[Acquisition], missing_mask: MissingMask) -> list[Acquisition]:
    """Apply the policy for images that have no mask.

    Parameters
    ----------
    images
        Some with a mask, some without.
    missing_mask
        ``"drop"`` leaves those without out and warns once with their names, ``"error"`` refuses
        them, ``"clear"`` takes every pixel of them as clear.

    Returns
    -------
    list of Acquisition
        In the order of `images`.

    Raises
    ------
    BadInput
        If `missing_mask` is something else.
    BadFile
        If it is ``"error"`` and one has no mask, or ``"drop"`` and none has one.
    """
    if missing_mask not in ("drop", "error", "clear"):
        raise BadInput(f"missing_mask={missing_mask!r}: 'drop', 'error' or 'clear'")
    bare = [image for image in images if image.mask is None]
    if not bare or missing_mask == "clear":
        return list(images)
    names = ", ".join(Path(image.name).name for image in bare)
    if missing_mask == "error" or len(bare) == len(images):
        raise BadFile(
            f"no mask for {len(bare)} of {len(images)} images: {names}. Give their masks, or pass "
            "missing_mask='drop' or 'clear'"
        )
    logger.warning("dropped %d images that have no mask: %s", len(bare), names)
    return [image for image in images if image.mask is not None]
