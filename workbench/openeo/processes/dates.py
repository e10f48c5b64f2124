"""Dates and times as text: compared, moved, subtracted. Time zones are offsets from UTC."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from typing import Any

from workbench.openeo.declarations import process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.instants import Instant, read_instant, read_time
from workbench.openeo.values import plain_number

LENGTHS = {
    "millisecond": timedelta(milliseconds=1),
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
MONTHS = {"month": 1, "year": 12}


@process("date_between")
def date_between(x: str, low: str, high: str, exclude_max: bool) -> bool:
    value, first, last = (
        _comparable(text, name) for text, name in ((x, "x"), (low, "min"), (high, "max"))
    )
    if len({type(moment) for moment in (value, first, last)}) > 1:
        raise _invalid("date_between", "x", "times of day cannot be compared with dates")
    return bool(first <= value and (value < last if exclude_max else value <= last))


@process("date_shift")
def date_shift(date: str, value: int, unit: str) -> str:
    instant = _instant(date, "date_shift", "date")
    try:
        if unit in MONTHS:
            return str(_months_later(instant, int(value) * MONTHS[unit]))
        return str(instant.moved_to(instant.local + int(value) * LENGTHS[unit]))
    except (OverflowError, ValueError) as cause:
        raise _invalid(
            "date_shift", "value", f"{date} moved by {value} {unit}s is not in the years 1 to 9999"
        ) from cause


@process("date_difference")
def date_difference(date1: str, date2: str, unit: str) -> float:
    """Return how long after `date1` is `date2`; what is no whole month is a share of one."""
    first, second = (
        _instant(text, "date_difference", name)
        for text, name in ((date1, "date1"), (date2, "date2"))
    )
    if unit in MONTHS:
        found = _months_between(first.utc, second.utc) / MONTHS[unit]
    else:
        found = (second.utc - first.utc) / LENGTHS[unit]
    return plain_number(found, True)


def _months_later(instant: Instant, months: int) -> Instant:
    """Return the same day of a later month, or its last day if it is shorter."""
    return instant.moved_to(_later(instant.local, months))


def _later(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise ValueError(year)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _months_between(start: datetime, end: datetime) -> float:
    """Return whole months, and the rest as a share of the month that it lies in."""
    if end < start:
        return -_months_between(end, start)
    whole = (end.year - start.year) * 12 + end.month - start.month
    if _later(start, whole) > end:
        whole -= 1
    before = _later(start, whole)
    rest = end - before
    if not rest:
        return whole
    if (before.year, before.month) == (9999, 12):  # the next one is no date
        return whole + rest / timedelta(days=31)
    return whole + rest / (_later(start, whole + 1) - before)


def _comparable(text: str, name: str) -> Any:
    """Return a moment in UTC, or a time of day."""
    clock = read_time(text) if isinstance(text, str) else None
    if clock is not None:
        return clock
    return _instant(text, "date_between", name).utc


def _instant(text: str, process: str, name: str) -> Instant:
    found = read_instant(text) if isinstance(text, str) else None
    if found is None:
        reason = f"{text!r:.80} is no date in the years 1 to 9999 UTC, such as 2020-01-31T12:00:00Z"
        raise _invalid(process, name, reason)
    return found


def _invalid(process: str, parameter: str, reason: str) -> OpenEOError:
    return error("ProcessParameterInvalid", process=process, parameter=parameter, reason=reason)
