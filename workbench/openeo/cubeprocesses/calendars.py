"""Periods of the calendar: which one a time lies in, and what it is called.

A period has a number, one more than that of the period before. A season is of the year of its
January, so that December 2019 lies in 2020-djf; weeks and their years are those of ISO 8601.
Dekads are counted from 01 to 36. The last day of a leap year is its day 366.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["KEYS", "PERIODS", "WITH_YEAR", "period_label", "period_numbers"]

SEASONS = ("djf", "mam", "jja", "son")
TROPICAL = ("ndjfma", "mjjaso")

WITH_YEAR = {
    "hour": re.compile(r"(\d{4})-\d\d-\d\d-(\d\d)", re.ASCII),
    "day": re.compile(r"(\d{4})-(\d{3})", re.ASCII),
    "week": re.compile(r"(\d{4})-(\d\d)", re.ASCII),
    "dekad": re.compile(r"(\d{4})-(\d\d)", re.ASCII),
    "month": re.compile(r"(\d{4})-(\d\d)", re.ASCII),
    "season": re.compile(rf"(\d{{4}})-({'|'.join(SEASONS)})", re.ASCII),
    "tropical-season": re.compile(rf"(\d{{4}})-({'|'.join(TROPICAL)})", re.ASCII),
    "year": re.compile(r"(?=(\d{4}))(\d{4})", re.ASCII),
    "decade": re.compile(r"(?=(\d{4}))(\d{3}0)", re.ASCII),
    "decade-ad": re.compile(r"(?=(\d{4}))(\d{3}1)", re.ASCII),
}
"""Labels of periods: the year, and what the period is called in every year."""

PERIODS = tuple(WITH_YEAR)

KEYS = {
    "day": tuple(f"{day:03}" for day in range(1, 366)),
    "month": tuple(f"{month:02}" for month in range(1, 13)),
    "season": SEASONS,
    "tropical-season": TROPICAL,
}
"""The periods of any year, of which there are normals."""


def period_numbers(times: npt.NDArray[np.datetime64], period: str) -> npt.NDArray[np.int64]:
    """Return the number of the period that each time lies in."""
    found: npt.NDArray[np.int64] = _NUMBERS[period](times)
    return found


def period_label(number: int, period: str) -> str:
    """Return what a period is called, by its number: ``2020-001``, ``2020-djf``, ``2020``."""
    return _LABELS[period](number)


def _count(times: npt.NDArray[np.datetime64], unit: str) -> npt.NDArray[np.int64]:
    """Count units from the start of 1970."""
    return times.astype(f"datetime64[{unit}]").astype(np.int64)


def _years(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    return _count(times, "Y") + 1970


def _dekads(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    months = times.astype("datetime64[M]")
    days = (times.astype("datetime64[D]") - months).astype(np.int64)
    found: npt.NDArray[np.int64] = _count(times, "M") * 3 + np.minimum(days // 10, 2)
    return found


_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "hour": lambda times: _count(times, "h"),
    "day": lambda times: _count(times, "D"),
    "week": lambda times: (_count(times, "D") + 3) // 7,  # 1969-12-29 was a Monday
    "dekad": _dekads,
    "month": lambda times: _count(times, "M"),
    "season": lambda times: (_count(times, "M") + 1) // 3,
    "tropical-season": lambda times: (_count(times, "M") + 2) // 6,
    "year": _years,
    "decade": lambda times: _years(times) // 10,
    "decade-ad": lambda times: (_years(times) - 1) // 10,
}


def _day(number: int) -> date:
    return date.fromordinal(date(1970, 1, 1).toordinal() + number)


def _week(number: int) -> str:
    year, week, _ = _day(7 * number - 3).isocalendar()
    return f"{year:04}-{week:02}"


_LABELS: dict[str, Callable[[int], str]] = {
    "hour": lambda number: f"{_day(number // 24)}-{number % 24:02}",
    "day": lambda number: _day(number).strftime("%Y-%j"),
    "week": _week,
    "dekad": lambda number: f"{1970 + number // 36:04}-{number % 36 + 1:02}",
    "month": lambda number: f"{1970 + number // 12:04}-{number % 12 + 1:02}",
    "season": lambda number: f"{1970 + number // 4:04}-{SEASONS[number % 4]}",
    "tropical-season": lambda number: f"{1970 + number // 2:04}-{TROPICAL[number % 2]}",
    "year": lambda number: f"{number:04}",
    "decade": lambda number: f"{number * 10:04}",
    "decade-ad": lambda number: f"{number * 10 + 1:04}",
}
