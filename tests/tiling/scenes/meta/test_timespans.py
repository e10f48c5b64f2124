"""Periods and the timetable of the imager, against a walk through every minute."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiling.scenes import read_meta
from tiling.scenes.meta.model import Filters, Interval
from tiling.scenes.meta.timespans import nominal_scans


def between(start, end):
    return Interval(np.datetime64(start, "ns"), np.datetime64(end, "ns"))


def starts_of(sector, first, last):
    """Nominal starts of scans of the days from first to last, one after the other."""
    day = datetime(first.year, first.month, first.day)
    while day <= last:
        old = day < datetime(2019, 4, 2)
        minutes, seconds = {
            "F": (15, 40) if old else (10, 20),
            "C": (5, 138 if old else 77),
            "M": (1, 27),
        }[sector[0]]
        for number in range(24 * 60 // minutes):
            yield day + timedelta(minutes=number * minutes, seconds=seconds)
        day += timedelta(days=1)


def passes(time, filters, longitude):
    parts = {
        "year": time.year, "month": time.month, "day": time.day, "hour": time.hour,
        "minute": time.minute, "weekday": time.weekday(),
    }  # fmt: skip
    if any(parts[name] not in allowed for name, allowed in filters.fields.items()):
        return False
    if filters.hours_from_zenith is None:
        return True
    midday = datetime(time.year, time.month, time.day, 12) - timedelta(seconds=longitude * 240)
    nearest = min(abs(time - midday - timedelta(days=days)) for days in (-1, 0, 1))
    return nearest < timedelta(hours=filters.hours_from_zenith)


TIMES = st.datetimes(datetime(2019, 3, 28), datetime(2019, 4, 8)) | st.datetimes(
    datetime(2020, 2, 27), datetime(2020, 3, 3)
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "month": st.sampled_from([(2,), (3,), (2, 4)]),
        "day": st.sampled_from([(29,), (1, 2, 3), (31,)]),
        "hour": st.sampled_from([(0,), (12, 13), (23,)]),
        "minute": st.sampled_from([(0, 30), (1,), (17,)]),
        "weekday": st.sampled_from([(0, 1, 2, 3, 4), (5, 6)]),
    },
)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["F", "C", "M1", "M2"]),
    TIMES,
    st.timedeltas(timedelta(0), timedelta(days=3)),
    FIELDS,
    st.none() | st.floats(0, 12),
    st.sampled_from([-179.0, -57.72, 0.0, 100.0, 179.0]),
)
def test_scans_are_counted_as_one_by_one(sector, start, length, fields, hours, longitude):
    end = start + length
    filters = Filters(hours, fields)
    walked = [
        time
        for time in starts_of(sector, start, end)
        if start - timedelta(seconds=30) <= time <= end and passes(time, filters, longitude)
    ]
    counted = nominal_scans([between(start, end)], filters, sector, longitude)
    assert counted == (len(walked), len({time.date() for time in walked}))


def test_the_published_half_hour_has_three_scans():
    half_hour = [between("2020-02-02T14:00", "2020-02-02T14:30")]
    assert nominal_scans(half_hour, Filters(), "F", None) == (3, 1)
    assert nominal_scans(half_hour, Filters(), "C", None) == (6, 1)
    assert nominal_scans(half_hour, Filters(), "M1", None) == (30, 1)
    late = [between("2020-02-02T14:00:21.1", "2020-02-02T14:30:21.1")]
    assert nominal_scans(late, Filters(), "F", None) == (4, 1)
    before = [between("2019-03-02T14:00", "2019-03-02T14:30")]
    assert nominal_scans(before, Filters(), "F", None) == (2, 1)


@pytest.mark.parametrize(
    ("day", "scans"), [("2019-01-27", 2), ("2019-01-28", 3), ("2019-02-22", 3), ("2019-02-23", 2)]
)
def test_mode_6_was_tried_before_it_came(day, scans):
    half_hour = [between(f"{day}T14:00", f"{day}T14:30")]
    assert nominal_scans(half_hour, Filters(), "F", None) == (scans, 1)


def test_a_leap_day_counts():
    year = [between("2020-01-01", "2020-12-31T23:59:59")]
    assert nominal_scans(year, Filters(), "F", None) == (366 * 144, 366)
    assert nominal_scans(year, Filters(None, {"day": (29,), "month": (2,)}), "F", None) == (144, 1)


def test_centuries_of_minutes_are_counted_at_once():
    whole = [between("1678-01-02", "2261-12-30")]
    scans, days = nominal_scans(whole, Filters(), "M1", None)
    assert scans == 1440 * days
    assert days == (datetime(2261, 12, 30) - datetime(1678, 1, 2)).days


def minutes(first, last):
    return (
        f"2020-02-02T{first // 60:02}:{first % 60:02}",
        f"2020-02-02T{last // 60:02}:{last % 60:02}",
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1300), st.integers(1, 60)), min_size=1, max_size=8),
    st.integers(0, 3),
)
def test_intervals_are_merged_and_in_order(spans, depth):
    listed = [
        dict(zip(("t_start", "t_end"), minutes(start, start + length), strict=True))
        for start, length in spans
    ]
    inside = [{"intervals": listed[:3]}, *listed[3:]]
    for _ in range(depth):
        inside = [{"intervals": inside}]
    found = read_meta({"source": "LES", "type": "t", "time": {"intervals": inside}}).intervals
    covered = {
        minute + half
        for start, length in spans
        for minute in range(start, start + length)
        for half in (0, 0.5, 1)
    }
    day = np.datetime64("2020-02-02")
    held = {
        step / 2
        for each in found
        for step in range(
            int((each.start - day) / np.timedelta64(30, "s")),
            int((each.end - day) / np.timedelta64(30, "s")) + 1,
        )
    }
    assert held == covered
    assert all(a.end < b.start for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("days", "end"), [(1, "2020-02-29T12"), (2, "2020-03-01T12"), (0.5, "2020-02-29T00")]
)
def test_days_have_24_hours(days, end):
    time = {"t_start": "2020-02-28T12:00", "N_days": days}
    (found,) = read_meta({"source": "LES", "type": "t", "time": time}).intervals
    assert found.end == np.datetime64(end)
