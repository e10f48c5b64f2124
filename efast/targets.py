"""The days that images are wanted for: every few days of a period, or a list of them."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from efast.errors import BadInput
from workbench.rasters.times import as_times, to_time

__all__ = ["days_between", "input_period", "target_days"]

DAY = np.timedelta64(1, "D")
LONGEST = 36_525
"""Days of an interval: a century; more is another unit."""

Dates = npt.NDArray[np.datetime64]
Period = tuple[Any, Any]
"""First day and the day after the last."""


def days_between(text: Any) -> int:
    """Return a number of days.

    Parameters
    ----------
    text
        A whole number, or text such as ``"2D"`` or ``"2 days"``, as pandas writes it.

    Raises
    ------
    BadInput
        If it is not a whole number of days, 1 to `LONGEST`.
    """
    import pandas as pd

    try:
        days = float(text) if _is_number(text) else pd.Timedelta(text) / pd.Timedelta(days=1)
    except (ValueError, TypeError) as error:
        raise BadInput(f"interval {text!r}: days, such as 5 or 2D") from error
    if not 1 <= days <= LONGEST or days != int(days):  # also what is not a number
        raise BadInput(f"interval {text!r}: a whole number of days, 1 or more, at most {LONGEST}")
    return int(days)


def _is_number(text: Any) -> bool:
    return (isinstance(text, numbers.Real) and not isinstance(text, bool)) or (
        isinstance(text, str) and text.strip().isdecimal()
    )


def input_period(start: Any, end: Any) -> tuple[np.datetime64, np.datetime64]:
    """Return a period as days.

    Parameters
    ----------
    start, end
        First day and the day after the last; times of day do not count, a time zone such as ``Z``
        is converted.

    Raises
    ------
    BadInput
        If it holds no day, or one of them is no time.
    """
    first, last = (to_time(value).astype("datetime64[D]") for value in (start, end))
    if last <= first:
        raise BadInput(f"the period {first} to {last} holds no day: the end is not part of it")
    return first, last


def target_days(
    period: Period,
    *,
    interval: Any = 5,
    within: Period | None = None,
    listed: Sequence[Any] | None = None,
    outside: bool = False,
) -> Dates:
    """Return the days wanted.

    Parameters
    ----------
    period
        Of the inputs; the end is not part of it.
    interval
        Days from one to the next, see `days_between`.
    within
        Period of the results; default that of the inputs.
    listed
        Days in place of all these; not together with `within`.
    outside
        Whether days may lie outside `period`.

    Returns
    -------
    numpy.ndarray
        (T,) datetime64[D], ascending, each once.

    Raises
    ------
    BadInput
        If a period holds no day, the interval is no number of days, a day lies outside `period`, or
        days are both listed and in a period of their own.
    """
    first, end = _pair(period)
    if listed is not None and within is not None:
        raise BadInput("days of the results are listed and have a period too: give one of them")
    if listed is not None:
        days = np.unique(as_times(listed).astype("datetime64[D]"))
    else:
        begin, stop = (first, end) if within is None else _pair(within)
        days = np.arange(begin, stop, days_between(interval) * DAY)
    if not len(days):
        raise BadInput("no target day is asked for")
    beyond = days[(days < first) | (days >= end)]
    if len(beyond) and not outside:
        raise BadInput(
            f"target {beyond[0]} ({len(beyond)} in all) lies outside the inputs, {first} to before "
            f"{end}: widen their period, or set extrapolate if that is meant"
        )
    return np.asarray(days)


def _pair(period: Any) -> tuple[np.datetime64, np.datetime64]:
    if isinstance(period, str) or not isinstance(period, Sequence) or len(period) != 2:
        raise BadInput(f"period {period!r}: give its first day and the day after its last")
    return input_period(*period)
