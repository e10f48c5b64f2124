"""Periods in time and chips in space: what is read together, and which part of it is kept.

FarmVibes.AI solves a series in periods of 48 days and chips of 448 pixels that overlap, and keeps
the middle of each. Every day and every pixel is kept from exactly one of them, the one whose centre
is closer. In a workflow a period says which days one sequence writes; chips are used by
`spaceeye.iteration` alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spaceeye.errors import BadInput
from workbench.rasters.times import to_time

__all__ = [
    "CHIP",
    "DURATION",
    "OVERLAP",
    "Chip",
    "DayRange",
    "Period",
    "check_duration",
    "check_overlap",
    "chips",
    "partition",
    "periods",
    "to_day",
]

DURATION = 48
"""Length of a period, days."""

OVERLAP = 0.5
"""Step between periods as a fraction of their length."""

CHIP = 448
"""Side of a chip, pixels."""


class DayRange(NamedTuple):
    """Whole days from `first` up to, not including, `stop`; datetime64[D], UTC."""

    first: np.datetime64
    stop: np.datetime64

    @property
    def days(self) -> npt.NDArray[np.datetime64]:
        """Its days, datetime64[D]."""
        return np.arange(self.first, self.stop)


class Period(NamedTuple):
    """Days whose acquisitions are read together, and the days that are written from them."""

    read: DayRange
    write: DayRange

    @property
    def key(self) -> str:
        """The period as text, from which names of files are made: it never changes."""
        read, write = (
            f"Span(first=np.datetime64('{span.first}'), stop=np.datetime64('{span.stop}'))"
            for span in self
        )
        return f"Window(read={read}, write={write})"


class Chip(NamedTuple):
    """A rectangle of pixels that is read, and the part of it that is kept; rows, then columns."""

    read: tuple[slice, slice]
    write: tuple[slice, slice]

    @property
    def kept(self) -> tuple[slice, slice]:
        """The part that is kept, counted from the corner of what is read."""
        rows, cols = (
            slice(w.start - r.start, w.stop - r.start)
            for r, w in zip(self.read, self.write, strict=True)
        )
        return rows, cols


def to_day(value: Any) -> np.datetime64:
    """Return the UTC calendar day of a date or time.

    Parameters
    ----------
    value
        Text, `datetime`, ``datetime64`` or a pandas time.

    Returns
    -------
    numpy.datetime64
        In days.

    Raises
    ------
    BadInput
        If `value` is neither a date nor a time.
    """
    day: np.datetime64 = to_time(value).astype("datetime64[D]")
    return day


def periods(
    start: Any, end: Any, duration: int = DURATION, overlap: float = OVERLAP
) -> list[Period]:
    """Divide a range of days into overlapping periods.

    Parameters
    ----------
    start, end
        First and last day, both included.
    duration
        Length of a period, days.
    overlap
        The *step* from one period to the next as a fraction of `duration`, 0 < overlap <= 1: 0.25
        of 48 days is a step of 12 days, by which three quarters of two periods overlap. The name
        is that of the FarmVibes.AI parameter. The true step is the largest not above this one that
        spaces the periods evenly.

    Returns
    -------
    list of Period
        In order. The `write` spans follow each other without a gap and cover exactly the range. A
        range shorter than `duration` has one period whose `read` span reaches beyond it on both
        sides; days outside of the range are never written.

    Raises
    ------
    BadInput
        If the range is empty, or `duration` or `overlap` is out of bounds.

    Examples
    --------
    >>> [str(period.write.first) for period in periods("2020-01-01", "2020-02-29")]
    ['2020-01-01', '2020-01-31']
    """
    first, last = to_day(start), to_day(end)
    if last < first:
        raise BadInput(f"the range ends on {last}, before it starts on {first}: exchange the two")
    duration, overlap = check_duration(duration), check_overlap(overlap)
    step = int(duration * overlap)
    if step < 1:
        raise BadInput(
            f"overlap={overlap} of duration={duration} is a step of less than a day: "
            f"give an overlap of at least {1 / duration:.3g}"
        )
    length = int((last - first).astype(int)) + 1
    if length < duration:
        before = first + np.timedelta64((length - duration) // 2, "D")
        read = DayRange(before, before + np.timedelta64(duration, "D"))
        return [Period(read, DayRange(first, last + np.timedelta64(1, "D")))]

    def span(edges: tuple[int, int]) -> DayRange:
        low, high = edges
        return DayRange(first + np.timedelta64(low, "D"), first + np.timedelta64(high, "D"))

    return [Period(span(read), span(write)) for read, write in partition(length, duration, step)]


def chips(height: int, width: int, size: int = CHIP) -> list[Chip]:
    """Divide a raster into chips that overlap by half, of which the centres are kept.

    Parameters
    ----------
    height, width
        Of the raster, pixels. An axis shorter than `size` is one chip.
    size
        Side of a chip, pixels, at least 2.

    Returns
    -------
    list of Chip
        Row by row; the `write` parts cover every pixel once.

    Raises
    ------
    BadInput
        If the raster has no pixels or the chips are too small.
    """
    if min(height, width) < 1 or size < 2:
        raise BadInput(
            f"a raster of {height} x {width} pixels in chips of {size}: at least 1 pixel in chips "
            "of at least 2"
        )
    rows, cols = (partition(length, min(size, length), size // 2) for length in (height, width))
    return [
        Chip(
            (slice(*read_rows), slice(*read_cols)),
            (slice(*write_rows), slice(*write_cols)),
        )
        for read_rows, write_rows in rows
        for read_cols, write_cols in cols
    ]


def partition(length: int, size: int, step: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Cover ``[0, length)`` with evenly spaced pieces of `size`, and cut their overlaps in two.

    Parameters
    ----------
    length, size
        ``length >= size``.
    step
        Largest distance of two pieces.

    Returns
    -------
    list of ((int, int), (int, int))
        Start and stop of each piece, and start and stop of what is kept of it. Starts are evenly
        spaced and rounded half to even.
    """
    count = -(-(length - size) // step) + 1
    starts = [int(start) for start in np.rint(np.linspace(0, length - size, count))]
    cuts = [0]
    cuts += [(start + size + after) // 2 for start, after in pairwise(starts)]
    cuts += [length]
    return [
        ((start, start + size), (low, high))
        for start, low, high in zip(starts, cuts[:-1], cuts[1:], strict=True)
    ]


def check_duration(duration: Any) -> int:
    """Return `duration` as a whole number of days.

    Parameters
    ----------
    duration
        Anything that was given as the length of a period.

    Raises
    ------
    BadInput
        If it is not one from 1 to 3660.
    """
    whole = not isinstance(duration, bool) and isinstance(duration, int | float | np.number)
    if not (whole and 1 <= duration <= 3660 and duration == int(duration)):
        raise BadInput(f"duration={duration!r}: a whole number of days from 1 to 3660, usually 48")
    return int(duration)


def check_overlap(overlap: Any) -> float:
    """Return `overlap` as a float.

    Parameters
    ----------
    overlap
        Anything that was given as the step between periods, a fraction of their length.

    Raises
    ------
    BadInput
        If it is not in (0, 1].
    """
    number = not isinstance(overlap, bool) and isinstance(overlap, int | float | np.number)
    if not (number and 0 < overlap <= 1):
        raise BadInput(
            f"overlap={overlap!r}: the step between periods as a fraction of their duration, "
            "0 < overlap <= 1 (1: periods side by side; smaller: more overlap)"
        )
    return float(overlap)
