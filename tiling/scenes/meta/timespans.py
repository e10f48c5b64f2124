"""Intervals and filters of `time`, and how many scans the imager of GOES makes in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tiling.scenes.meta.keys import Values
from tiling.scenes.meta.model import Filters, Interval
from tiling.scenes.meta.rules import shown

__all__ = ["FILTER_FIELDS", "check_filters", "check_time", "filters_of", "nominal_scans"]

FILTER_FIELDS = ("year", "month", "day", "hour", "minute", "second", "weekday")
_SPAN = ("t_start", "t_end", "N_days")
_DEEPEST = 20  # intervals in intervals

_DAY = 86_400
_CADENCES = {  # seconds between scans, and from a whole multiple of them to the first start
    "F": ((900, 40), (600, 20)),
    "C": ((300, 138), (300, 77)),
    "M": ((60, 27), (60, 27)),
}
"""Of mode 3, and of mode 6 that took its place; as file names of 2018 and 2020 say.

SSEC's schedule of GOES-16 has mode 3 at :00:39 (F), :02:20 (C) and :28 of each minute (M1; M2 half
a minute later). Mode 4, the disk every 5 minutes and no M, runs on request only, and GOES-17 went
back to mode 3 for hours when it was warm (no C, M every 2 minutes): neither can be foreseen.
Sources: www.ssec.wisc.edu/datacenter/satellite-schedules/goes-16-schedules,
goes-r.noaa.gov/users/abiScanModeInfo.html, vlab.noaa.gov (towr-s, 3 April 2020).
"""
_EARLY = 30  # seconds: by so much a scan may start later than the timetable says, at most
_MODE_6 = np.datetime64("2019-04-02")  # 16:00 UTC
_TESTS_OF_MODE_6 = (("2019-01-28", "2019-01-30"), ("2019-02-19", "2019-02-22"))
"""First and last days: of GOES-17, then of 16 too (vlab.noaa.gov, towr-s, of these months)."""


def check_time(values: Values, required: bool) -> tuple[Interval, ...]:
    """Return the intervals in order, those that overlap or touch as one.

    Parameters
    ----------
    required
        Whether times must be given.
    """
    found = sorted(_intervals(values, 0), key=lambda each: (each.start, each.end))
    if required and not values.given & {f"time.{name}" for name in (*_SPAN, "intervals")}:
        values.say("E010", "time", "missing: give t_start and t_end (or N_days), or intervals")
    if any(later.start < first.end for first, later in pairwise(found)):
        values.say("W013", "time.intervals", "some overlap; they are merged and no scene doubles")
    merged: list[Interval] = []
    for each in found:
        if merged and each.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, each.end))
        else:
            merged.append(each)
    return tuple(merged)


def _intervals(values: Values, depth: int) -> list[Interval]:
    given = [name for name in _SPAN if f"time.{name}" in values.given]
    if "time.intervals" not in values.given:
        return _span(values, given) if given else []
    if given:
        also = ", ".join(given)
        values.say("E013", "time.intervals", f"stands beside {also}: all spans go into the list")
    listed = values["time.intervals"]
    if not isinstance(listed, list | tuple):
        values.say("E008", "time.intervals", f"{shown(listed)} is not a list of mappings")
        return []
    if not listed:
        values.say("E010", "time.intervals", "an empty list: give at least one interval")
    if depth > _DEEPEST:
        values.say("E000", "time.intervals", f"intervals in intervals, more than {_DEEPEST} deep")
        return []
    found: list[Interval] = []
    for number, entry in enumerate(listed):
        found += _of_entry(values, entry, f"{values.where or 'time'}.intervals[{number}]", depth)
    return found


def _of_entry(values: Values, entry: object, where: str, depth: int) -> list[Interval]:
    """Return the intervals of an entry of the list; its problems become those of `values`."""
    where = where.removeprefix(".")
    if not isinstance(entry, Mapping):
        values.say("E008", where, f"{shown(entry)} is not a mapping with t_start and t_end")
        return []
    inner = Values(entry, "time", where)
    if any(path.startswith("time.filters") for path in inner.given):
        inner.say("E007", "time.filters", "filters hold for all intervals: move to time.filters")
    if not inner.given and not inner.problems:
        inner.say("E010", "time", "nothing in it: give t_start and t_end, or N_days")
    found = _intervals(inner, depth + 1)
    values.problems += inner.problems
    return found


def _span(values: Values, given: Sequence[str]) -> list[Interval]:
    if "t_start" not in given or len(given) == 1:
        lacking = "t_start" if "t_start" not in given else "t_end"
        other = "t_start" if "t_start" not in given else "t_end or N_days"
        said = f"missing: {' and '.join(given)} alone is no span of time; add {other}"
        values.say("E010", f"time.{lacking}", said)
        return []
    if len(given) == 3:
        values.say("E012", "time.N_days", "t_end says the same: remove one of them")
        return []
    start, end, days = (values[f"time.{name}"] for name in _SPAN)
    if start is None or (end is None and days is None):
        return []
    if end is None:
        return _for_days(values, start, days)
    if end <= start:
        said = f"{shown(end)} is not after t_start, {shown(start)}; a date alone is its 00:00"
        values.say("E011", "time.t_end", said)
        return []
    return [Interval(start, end)]


def _for_days(values: Values, start: np.datetime64, days: float) -> list[Interval]:
    seconds = start.astype("datetime64[s]").astype(int) + days * _DAY
    if seconds > np.datetime64("2262-01-01", "s").astype(int):
        values.say("E011", "time.N_days", f"{days:g} days after {shown(start)} is later than 2262")
        return []
    length = np.timedelta64(round(days * _DAY * 1e9), "ns")
    if not length:
        values.say("E011", "time.N_days", f"{days:g} days are less than a nanosecond")
        return []
    return [Interval(start, start + length)]


def check_filters(values: Values) -> None:
    """Say what filters need and do not have."""
    hours = "time.filters.N_hours_from_zenith"
    if hours in values.given and "domain.central_longitude" not in values.given:
        values.say(
            "E014",
            hours,
            "needs the centre of a domain: give domain.central_longitude and the rest",
        )


def filters_of(values: Values) -> Filters:
    """Return the filters."""
    fields = {name: values[f"time.filters.{name}"] for name in FILTER_FIELDS}
    return Filters(
        values["time.filters.N_hours_from_zenith"],
        {name: found for name, found in fields.items() if found is not None},
        values["time.filters.using_trajectory_sampling"],
    )


def nominal_scans(
    intervals: Sequence[Interval], filters: Filters, sector: str, longitude: float | None
) -> tuple[int, int]:
    """Return how many scans start in the intervals and pass the filters, and on how many days.

    By the timetable of the imager: mode 3 before 2 April 2019, mode 6 from then on and on the days
    when it was tried. The filter of seconds and that of trajectories count as passed.

    Parameters
    ----------
    longitude
        Of the centre of the domain, degrees; None where the filter of hours is not used.
    """
    scans, days = 0, set()
    times = [_times_of_day(*mode, filters, longitude) for mode in _CADENCES[sector[0]]]
    for each in intervals:
        ends = (edge.astype("datetime64[D]") for edge in (each.start, each.end))
        dates = np.arange(next(ends), next(ends) + 1)
        dates = dates[_dates_pass(dates, filters)]
        later = _in_mode_6(dates)
        for mode, of_mode in enumerate((~later, later)):
            first, last = (
                (edge.astype("datetime64[ms]") - dates[of_mode]) / np.timedelta64(1, "s")
                for edge in (each.start, each.end)
            )
            counts = np.searchsorted(times[mode], last, "right") - np.searchsorted(
                times[mode], first - _EARLY, "left"
            )
            scans += int(counts.sum())
            days |= set(dates[of_mode][counts > 0].astype(int).tolist())
    return scans, len(days)


def _in_mode_6(dates: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = dates >= _MODE_6
    for first, last in _TESTS_OF_MODE_6:
        found |= (dates >= np.datetime64(first)) & (dates <= np.datetime64(last))
    return found


def _times_of_day(
    cadence: int, first: int, filters: Filters, longitude: float | None
) -> NDArray[np.int64]:
    """Return the seconds from midnight of the scans of a day that pass."""
    times = np.arange(first, _DAY, cadence)
    kept = np.ones(times.size, bool)
    for name, part in (("hour", times // 3600), ("minute", times // 60 % 60)):
        if name in filters.fields:
            kept &= np.isin(part, filters.fields[name])
    if filters.hours_from_zenith is not None and longitude is not None:
        late = (times - (_DAY / 2 - longitude * 240) + _DAY / 2) % _DAY - _DAY / 2
        kept &= np.abs(late) < filters.hours_from_zenith * 3600
    return times[kept]


def _dates_pass(dates: NDArray[np.datetime64], filters: Filters) -> NDArray[np.bool_]:
    months = dates.astype("datetime64[M]")
    years = dates.astype("datetime64[Y]")
    parts = {
        "year": years.astype(int) + 1970,
        "month": (months - years).astype(int) + 1,
        "day": (dates - months).astype(int) + 1,
        "weekday": (dates.astype(int) + 3) % 7,  # 1 January 1970 was a Thursday
    }
    kept = np.ones(dates.size, bool)
    for name, part in parts.items():
        if name in filters.fields:
            kept &= np.isin(part, filters.fields[name])
    return kept
