"""Dates and times as openEO writes them, RFC 3339: "2020-01-31", "2020-01-31T12:00:00Z"."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

__all__ = ["Instant", "is_date", "is_date_time", "read_instant", "read_time"]

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)", re.ASCII)
_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Instant:
    """A date, or a date with its time of day and offset from UTC."""

    local: datetime
    """As the clock shows it, without a time zone; midnight for a date."""
    offset: str | None
    """As it was written, "Z" or "+02:00"; None for a date."""

    @property
    def utc(self) -> datetime:
        """The moment, with the time zone UTC; a date is its midnight."""
        return (self.local - _offset(self.offset)).replace(tzinfo=UTC)

    def moved_to(self, local: datetime) -> Instant:
        """Return the instant at which the same clock shows `local`; dates stay dates."""
        if self.offset is None:
            local = datetime.combine(local.date(), time())
        return replace(self, local=local)

    def __str__(self) -> str:
        if self.offset is None:
            return self.local.date().isoformat()
        unit = "auto" if self.local.microsecond % 1000 else "milliseconds"
        unit = unit if self.local.microsecond else "seconds"
        return self.local.isoformat(timespec=unit) + self.offset


def read_instant(text: str) -> Instant | None:
    """Read a date, or a date and time with its offset; None if the text is neither.

    In UTC it lies in the years 1 to 9999. A leap second is taken as the second before it, fractions
    are cut off after microseconds.
    """
    if found := _DATE_TIME.fullmatch(text):
        moment, offset = _clock(found[1], found[2], found[3] or ""), found[4].upper()
        fits = moment is not None and _is_offset(offset) and _is_in_utc(moment, offset)
        return Instant(moment, offset) if moment and fits else None
    if _DATE.fullmatch(text):
        day = _clock(text, "00:00:00", "")
        return Instant(day, None) if day else None
    return None


def read_time(text: str) -> time | None:
    """Read a time of day in UTC, "HH:MM:SS"; None if it is none."""
    moment = _clock("2000-01-01", text, "") if _TIME.fullmatch(text) else None
    return moment.time() if moment else None


def is_date(text: str) -> bool:
    """Tell whether the text is a date without a time."""
    found = read_instant(text)
    return found is not None and found.offset is None


def is_date_time(text: str) -> bool:
    """Tell whether the text is a date with its time of day and offset."""
    found = read_instant(text)
    return found is not None and found.offset is not None


def _clock(date: str, clock: str, fraction: str) -> datetime | None:
    """Return what a clock shows; None if it never does."""
    hour, minute, second = (int(part) for part in clock.split(":"))
    if second == 60:  # only ever the last of an hour in UTC, so of a half or quarter hour elsewhere
        second = 59 if minute % 15 == 14 else 60
    try:
        day = datetime.strptime(date, "%Y-%m-%d")
        return day.replace(
            hour=hour, minute=minute, second=second, microsecond=int(fraction[:6].ljust(6, "0"))
        )
    except ValueError:
        return None


def _is_offset(offset: str) -> bool:
    return offset == "Z" or (int(offset[1:3]) < 24 and int(offset[4:6]) < 60)


def _is_in_utc(local: datetime, offset: str) -> bool:
    """Tell whether UTC has a year from 1 to 9999 for what a clock shows."""
    try:
        return local - _offset(offset) is not None
    except OverflowError:
        return False


def _offset(offset: str | None) -> timedelta:
    """Return by how much the clock is ahead of UTC."""
    if offset in (None, "Z"):
        return timedelta()
    ahead = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    return -ahead if offset[0] == "-" else ahead
