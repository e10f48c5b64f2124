"""Dates that are wanted: days in steps, and the middles of weeks, dekads and months."""

from __future__ import annotations

from typing import Any

import numpy as np

from spaceeye.errors import BadInput
from workbench.rasters import times as axis
from workbench.rasters.times import Times

__all__ = ["CALENDAR", "output_dates"]

DAY = np.timedelta64(1, "D")

CALENDAR = ("weekly", "dekads", "monthly")
"""Thursdays, the middle of ISO weeks; the 5th, 15th and 25th; the 15th."""


def output_dates(wanted: Any, times: Times) -> Times:
    """Return the output times; see `workbench.rasters.times.output_dates`.

    Parameters
    ----------
    wanted
        Also one of `CALENDAR`, or a slice with it as the step: of the range those dates that stand
        for their week, dekad (the 1st to 10th, 11th to 20th, and the rest of a month) or month.
    times
        Acquisition times, ascending.

    Returns
    -------
    numpy.ndarray
        (T,) datetime64[ns]; dates at midnight.

    Raises
    ------
    BadInput
        If `wanted` is not understood, or no such date lies in the range.
    """
    whole = isinstance(wanted, slice)
    step = wanted.step if whole else wanted
    if not isinstance(step, str) or step == "daily":
        plain = slice(wanted.start, wanted.stop) if whole and step == "daily" else wanted
        return axis.output_dates(plain, times)
    if step not in CALENDAR:
        if whole or not step[:1].isdigit():
            raise BadInput(
                f"output_times={wanted!r}: 'daily', {', '.join(map(repr, CALENDAR))}, a number of "
                "days, a slice, or dates"
            )
        return axis.output_dates(wanted, times)
    days = axis.output_dates(slice(wanted.start, wanted.stop) if whole else "daily", times)
    found: Times = days[_middle(days.astype("datetime64[D]"), step)]
    if not found.size:
        raise BadInput(
            f"output_times: no date of {step!r} (weekly: Thursdays; dekads: the 5th, 15th and "
            f"25th; monthly: the 15th) from {str(days[0])[:10]} to {str(days[-1])[:10]}"
        )
    return found


def _middle(days: Any, step: str) -> Any:
    """Tell which days are the middle of their week, dekad or month."""
    if step == "weekly":
        return days.astype(int) % 7 == 0  # 1 January 1970 was a Thursday
    of_month = (days - days.astype("datetime64[M]").astype("datetime64[D]")) // DAY + 1
    return np.isin(of_month, (5, 15, 25) if step == "dekads" else (15,))
