"""Times and dates: one axis of days, what belongs to one pass, dates of results.

An acquisition has a time of day, an image of a date has none: a date stands for the overpass. It is
evaluated at the time of that day's acquisition, so that its image is that acquisition and not a
mixture with the one before; on other days at the median time of day of all acquisitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput

__all__ = [
    "TimeRange",
    "as_times",
    "check_times",
    "days_since",
    "evaluation_times",
    "group_by_solar_day",
    "output_dates",
    "overpass",
    "time_bounds",
    "to_time",
]

Times = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]

TimeRange = tuple[Any, Any]
"""First and last moment; a plain date as the end means its whole day."""

DAY = np.timedelta64(1, "D")

ONE_PASS = np.timedelta64(1, "h")
"""Images of one solar day that are closer in time than this belong to one pass of a satellite."""

_ZONE = re.compile(r"\d[Zz]|T.*[+-]\d\d(?::?\d\d)?", re.ASCII)
"""The end of a text that says in which time zone it is."""


def to_time(value: Any) -> np.datetime64:
    """Return a UTC time, datetime64[ns]; a time zone is converted, none means UTC.

    Parameters
    ----------
    value
        Anything that `pandas.Timestamp` understands, such as ISO 8601 text.

    Raises
    ------
    BadInput
        If `value` is not a time, or lies outside 1678 to 2262.
    """
    import pandas as pd

    try:
        # texts of NumPy are texts; older pandas refuse them
        stamp = pd.Timestamp(str(value) if isinstance(value, str) else value)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{value!r} is not a time: {error}") from error
    if stamp is pd.NaT:
        raise BadInput(f"{value!r} is not a time")
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    if not pd.Timestamp.min <= stamp <= pd.Timestamp.max:
        raise BadInput(f"{value!r} lies outside the years 1678 to 2262")
    return np.datetime64(stamp.to_datetime64(), "ns")


def as_times(given: Any) -> Times:
    """Return times as datetime64[ns], UTC.

    Parameters
    ----------
    given
        One time or several: datetime64, datetime objects or ISO 8601 text; a time zone is
        converted, none means UTC.

    Returns
    -------
    numpy.ndarray
        1-D datetime64[ns]; NaT stays.

    Raises
    ------
    BadInput
        If they are numbers, cannot be read, or lie outside 1678 to 2262, the years that 64 bits of
        nanoseconds reach.
    """
    try:
        array = np.atleast_1d(np.asarray(given))
        if array.size and array.dtype.kind not in "MUSO":
            raise TypeError(f"they are numbers of type {array.dtype}")
        if array.dtype.kind in "UO" and any(map(_has_zone, array)):  # NumPy knows no zones
            array = np.array([to_time(value) for value in array.tolist()], "datetime64[ns]")
        seconds, found = array.astype("datetime64[s]"), array.astype("datetime64[ns]")
    except (ValueError, TypeError) as error:
        raise BadInput(f"times {given!r} cannot be read as dates: {error}") from error
    kept = found.astype("datetime64[s]") == seconds
    if not (kept | np.isnat(seconds)).all():
        raise BadInput(f"times {given!r} reach beyond the years 1678 to 2262")
    return found


def _has_zone(value: Any) -> bool:
    if not isinstance(value, str):
        return getattr(value, "tzinfo", None) is not None
    text = value.strip()
    return any(match.end() == len(text) for match in _ZONE.finditer(text))


def time_bounds(time_range: TimeRange) -> tuple[np.datetime64, np.datetime64]:
    """Return first and last moment of a range.

    Parameters
    ----------
    time_range
        First and last; a plain date as the end means its whole day.

    Returns
    -------
    start, end : numpy.datetime64
        datetime64[ns], UTC, both included.

    Raises
    ------
    BadInput
        If it is not a pair of times, or the end is before the start.
    """
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


def check_times(times: Any) -> Times:
    """Return acquisition times, which must ascend strictly.

    Parameters
    ----------
    times
        As for `as_times`.

    Returns
    -------
    numpy.ndarray
        (N,) datetime64[ns], UTC.

    Raises
    ------
    BadInput
        If there is none; otherwise naming the first time at fault: not a time, out of order, or
        twice.
    """
    axis = as_times(times)
    if not axis.size:
        raise BadInput("the cube has no acquisition: nothing to interpolate")
    if np.isnat(axis).any():
        raise BadInput(f"time number {int(np.isnat(axis).argmax())} is not a time (NaT)")
    steps = np.diff(axis)
    if (steps <= np.timedelta64(0)).any():
        place = int((steps <= np.timedelta64(0)).argmax())
        first, second = axis[place], axis[place + 1]
        word = "twice" if first == second else f"before {second}"
        raise BadInput(
            f"times must ascend and differ, but {first} stands {word}: sort the cube by time, and "
            "mosaic what was acquired at one time"
        )
    return axis


def overpass(times: Times) -> np.timedelta64:
    """Return the median time of day of the acquisitions.

    Parameters
    ----------
    times
        (N,) datetime64[ns], UTC.

    Returns
    -------
    numpy.timedelta64
        After midnight UTC, in whole seconds.
    """
    since_midnight = (times - times.astype("datetime64[D]")).astype("timedelta64[s]")
    return np.timedelta64(int(np.median(since_midnight.astype(np.int64))), "s")


def output_dates(wanted: Any, times: Times) -> Times:
    """Return the output times.

    Parameters
    ----------
    wanted
        ``"daily"``: every calendar date from the first to the last acquisition; an int: every so
        many days; ``slice(start, end)``: every date between, both included, or every so many days
        with a step, None for the first or last acquisition; otherwise a list of dates or times, of
        which those at midnight are dates.
    times
        Acquisition times, ascending.

    Returns
    -------
    numpy.ndarray
        (T,) datetime64[ns]; dates at midnight.

    Raises
    ------
    BadInput
        If `wanted` cannot be read as dates, is empty, ends before it starts, or its step is not a
        whole number of days from 1 on.
    """
    first, last = times[0].astype("datetime64[D]"), times[-1].astype("datetime64[D]")
    if isinstance(wanted, str) and wanted == "daily":
        wanted = 1
    if isinstance(wanted, slice):
        step = 1 if wanted.step is None else wanted.step
        return _between(_date(wanted.start, first), _date(wanted.stop, last), step)
    if isinstance(wanted, (int, np.integer)) and not isinstance(wanted, bool):
        return _between(first, last, wanted)
    if (
        isinstance(wanted, Iterable)
        and not isinstance(wanted, str)
        and not hasattr(wanted, "__array__")
    ):
        wanted = list(wanted)
    found = as_times(wanted)
    if not found.size or np.isnat(found).any():
        raise BadInput(f"output_times={wanted!r} holds no dates, or something that is none")
    return found


def group_by_solar_day(
    times: Sequence[np.datetime64], longitude: float, apart: np.timedelta64 = ONE_PASS
) -> list[list[int]]:
    """Group images that one pass of a satellite has made.

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


def days_since(times: Times, origin: np.datetime64) -> Floats:
    """Return times in days after an origin.

    Parameters
    ----------
    times
        datetime64, any shape.
    origin
        Day 0.

    Returns
    -------
    numpy.ndarray
        float64 in the shape of `times`, exact to a microsecond over a century.
    """
    return (times - origin).astype("timedelta64[us]").astype(np.float64) / 86_400e6


def evaluation_times(outputs: Times, times: Times) -> Times:
    """Return the instants at which outputs are evaluated: dates at the overpass, times as given.

    The overpass of a day with an acquisition is that acquisition (the last of several), of any
    other the median time of day.

    Parameters
    ----------
    outputs
        (T,) datetime64[ns] as from `output_dates`; those at midnight are dates.
    times
        (N,) datetime64[ns], ascending acquisition times.

    Returns
    -------
    numpy.ndarray
        (T,) datetime64[ns], UTC.
    """
    dates = outputs == outputs.astype("datetime64[D]")
    days = times.astype("datetime64[D]")
    place = np.searchsorted(days, outputs, side="right") - 1
    own = (place >= 0) & (days[place] == outputs)
    return np.where(dates, np.where(own, times[place], outputs + overpass(times)), outputs)


def _between(first: np.datetime64, last: np.datetime64, step: Any) -> Times:
    if not isinstance(step, (int, np.integer)) or isinstance(step, bool) or step < 1:
        raise BadInput(f"output_times: the step {step!r} is not a whole number of days from 1 on")
    if last < first:
        raise BadInput(f"output_times: the last date {last} is before the first, {first}")
    return np.arange(first, last + DAY, int(step) * DAY).astype("datetime64[ns]")


def _date(given: Any, otherwise: np.datetime64) -> np.datetime64:
    return otherwise if given is None else as_times(given)[0].astype("datetime64[D]")
