"""Acquisition times and output dates on one axis of days.

An acquisition has a time of day, an image of a date has none: a date stands for the overpass. It is
evaluated at the median time of day of the acquisitions, so that the image of a day with an
acquisition is that acquisition, and not a mixture with the one before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput

__all__ = ["as_times", "check_times", "days_since", "output_dates", "overpass"]

Times = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]

DAY = np.timedelta64(1, "D")


def as_times(given: Any) -> Times:
    """Return times as datetime64[ns], UTC."""
    try:
        array = np.atleast_1d(np.asarray(given))
        if array.size and array.dtype.kind not in "MUSO":
            raise TypeError(f"they are numbers of type {array.dtype}")
        seconds, found = array.astype("datetime64[s]"), array.astype("datetime64[ns]")
    except (ValueError, TypeError) as error:
        raise BadInput(f"times {given!r} cannot be read as dates: {error}") from error
    kept = found.astype("datetime64[s]") == seconds
    if not (kept | np.isnat(seconds)).all():
        raise BadInput(f"times {given!r} reach beyond the years 1678 to 2262")
    return found


def check_times(times: Any) -> Times:
    """Return acquisition times, which must ascend strictly.

    Raises
    ------
    BadInput
        Naming the first time at fault: not a time, out of order, or twice.
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
    """Return the median time of day of the acquisitions, in whole seconds."""
    since_midnight = (times - times.astype("datetime64[D]")).astype("timedelta64[s]")
    return np.timedelta64(int(np.median(since_midnight.astype(np.int64))), "s")


def output_dates(wanted: Any, times: Times) -> Times:
    """Return the output times.

    Parameters
    ----------
    wanted
        ``"daily"``: every calendar date from the first to the last acquisition; an int: every so
        many days; ``(start, end)`` as a slice or two dates in a slice: every date between, both
        included; otherwise a list of dates or times. Those at midnight are dates.
    times
        Acquisition times.
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


def days_since(times: Times, origin: np.datetime64) -> Floats:
    """Return times in days after `origin`, as float64; exact to a microsecond over a century."""
    return (times - origin).astype("timedelta64[us]").astype(np.float64) / 86_400e6


def evaluation_times(outputs: Times, times: Times) -> Times:
    """Return the instants at which outputs are evaluated: dates at the overpass, times as given.

    The overpass of a day with an acquisition is that acquisition (the last of several), of any
    other the median time of day.
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
