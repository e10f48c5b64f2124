"""Images of a series before their pixels are read: which are used, which belong together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from workbench.errors import BadFile, BadInput, WorkbenchError
from workbench.rasters.reading import Plane

__all__ = [
    "Acquisition",
    "OnError",
    "TimeRange",
    "collect",
    "group_by_solar_day",
    "in_range",
    "keep_masked",
    "to_time",
    "without_duplicates",
]

logger = logging.getLogger("spaceeye")

OnError = Literal["raise", "skip"]
MissingMask = Literal["drop", "error", "clear"]
TimeRange = tuple[Any, Any]
"""First and last moment; a plain date as the end means its whole day."""

ONE_PASS = np.timedelta64(1, "h")
"""Images of one solar day that are closer in time than this belong to one pass of a satellite."""

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
        Its mask, None if there is none.
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


def to_time(value: Any) -> np.datetime64:
    """Give a UTC time, datetime64[ns]; a time zone is converted, none means UTC.

    Raises
    ------
    BadInput
        If `value` is not a time.
    """
    import pandas as pd

    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{value!r} is not a time: {error}") from error
    if stamp is pd.NaT:
        raise BadInput(f"{value!r} is not a time")
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    return np.datetime64(stamp.to_datetime64(), "ns")


def collect(items: Iterable[Item], read: Callable[[Item], Any], on_error: OnError) -> list[Any]:
    """Apply `read` to each item; with ``on_error="skip"`` leave out what it refuses.

    What is left out is logged once, with the reasons. If nothing remains the first error is raised.
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
    images: Sequence[Acquisition], time_range: TimeRange | None, buffer_days: float, region: str
) -> list[Acquisition]:
    """Keep images from `buffer_days` before the range to `buffer_days` after it, sorted by time.

    Raises
    ------
    BadInput
        If none is left; the message names the range and the region.
    """
    if time_range is None:
        kept, words = list(images), "any time"
    else:
        start, end = bounds(time_range)
        if not (np.isfinite(buffer_days) and buffer_days >= 0):
            raise BadInput(f"buffer_days={buffer_days}: a number of days, 0 or more")
        more = np.timedelta64(round(buffer_days * 86_400_000), "ms")
        kept = [image for image in images if start - more <= image.time <= end + more]
        words = f"{time_range[0]} to {time_range[1]} (with buffer_days={buffer_days:g})"
    if not kept:
        times = sorted(image.time for image in images)
        have = f"; there are {len(times)} from {times[0]} to {times[-1]}" if times else ""
        raise BadInput(f"no acquisition in {words} over {region}{have}")
    return sorted(kept, key=_order)


def bounds(time_range: TimeRange) -> tuple[np.datetime64, np.datetime64]:
    """Give first and last moment of a range."""
    try:
        first, last = time_range
    except (TypeError, ValueError) as error:
        raise BadInput(f"time_range={time_range!r}: give (first, last)") from error
    start, end = to_time(first), to_time(last)
    if end == end.astype("datetime64[D]"):
        end = end + np.timedelta64(1, "D") - np.timedelta64(1, "ns")
    if end < start:
        raise BadInput(f"time_range={time_range!r}: the end is before the start")
    return start, end


def _order(image: Acquisition) -> tuple[Any, ...]:
    return (image.time, image.tile, image.name)


def without_duplicates(images: Sequence[Acquisition]) -> list[Acquisition]:
    """Keep one of several versions of an image (one tile, one time), the highest `rank`.

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

    ``"drop"`` leaves them out and warns once with their names, ``"error"`` refuses, ``"clear"``
    takes every pixel as clear.
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


def group_by_solar_day(
    times: Sequence[np.datetime64], longitude: float, apart: np.timedelta64 = ONE_PASS
) -> list[list[int]]:
    """Put images together that one pass of a satellite has made.

    Parameters
    ----------
    times
        UTC, ascending.
    longitude
        Of the region, degrees; local solar time is UTC + longitude / 15 h.
    apart
        Images of one solar day stay apart where the next one comes later than this.

    Returns
    -------
    list of list of int
        Indices, each group and all groups ascending in time.
    """
    shift = np.timedelta64(round(longitude / 15 * 3600), "s")
    groups: list[list[int]] = []
    for at, time in enumerate(times):
        if groups:
            last = times[groups[-1][-1]]
            same_day = (last + shift).astype("datetime64[D]") == (time + shift).astype(
                "datetime64[D]"
            )
            if time == last or (same_day and time - last <= apart):
                groups[-1].append(at)
                continue
        groups.append([at])
    return groups
