"""Times of simulations: CF units, units without an epoch, and what models write instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tiling.scenes.errors import UnusableInput

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["EPOCH", "is_time", "times_of"]

EPOCH = "2000-01-01"
"""When a simulation began that does not say it."""

_UNITS = {
    "milliseconds": ("ms", "msec", "millisecond", "milliseconds"),
    "seconds": ("s", "sec", "secs", "second", "seconds"),
    "minutes": ("min", "mins", "minute", "minutes"),
    "hours": ("h", "hr", "hrs", "hour", "hours"),
    "days": ("d", "day", "days"),
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words}
_SINCE = re.compile(r"(\w+)\s+since\b\s*(.*)", re.IGNORECASE | re.DOTALL)
_NO_DAY = re.compile(r"(\d{1,4})-0{1,2}-0{1,2}\b")


def is_time(name: str, variable: xr.Variable) -> bool:
    """Tell whether a variable holds times."""
    attrs = variable.attrs
    return np.issubdtype(variable.dtype, np.number) and (
        name == "time"
        or _SINCE.match(str(attrs.get("units", "")).strip()) is not None
        or attrs.get("standard_name") == "time"
        or str(attrs.get("axis", "")).upper() == "T"
    )


def times_of(
    variable: xr.Variable, coordinate: str, name: str
) -> tuple[npt.NDArray[np.datetime64], tuple[str, ...]]:
    """Return the times of a variable, UTC to the millisecond, and what was assumed.

    Hours are often fractions that binary numbers cannot hold: without rounding 10:30 would be a
    moment before, and its scene that of 10:29.

    Raises
    ------
    UnusableInput
        E061, if they cannot be understood.
    """
    units, notes = _units(str(variable.attrs.get("units", "")).strip(), coordinate, name)
    values = np.atleast_1d(np.asarray(variable.values, np.float64))
    bad = ~np.isfinite(values)
    if bad.any():
        raise UnusableInput("E061", f"{name}: {coordinate} is missing at step {bad.argmax()}")
    found = _decoded(values, units, str(variable.attrs.get("calendar", "standard")), name)
    rounded = (found.astype("M8[us]") + np.timedelta64(500, "us")).astype("M8[ms]")
    return rounded.astype("M8[ns]"), notes


def _units(units: str, coordinate: str, name: str) -> tuple[str, tuple[str, ...]]:
    """Return CF units with an epoch, and what was assumed for them."""
    match = _SINCE.fullmatch(units)
    word, since = (match[1], match[2].strip()) if match else (units, "")
    unit = _UNIT_OF.get(word.lower(), "" if word else "seconds")
    if not unit:
        raise UnusableInput(
            "E061", f"{name}: {coordinate} is in {units!r}: write it in seconds, minutes, hours or "
            "days since a date",
        )  # fmt: skip
    if not since[:1].isdigit():
        said = f"W060: {coordinate} in {units!r}" if units else f"W060: {coordinate} without units"
        return f"{unit} since {EPOCH}", (f"{said} is taken for {unit} since {EPOCH}",)
    no_day = _NO_DAY.match(since)
    if no_day:  # as some models write the year in which they began
        year = int(no_day[1]) or 2000
        first = f"{year:04d}-01-01{since[no_day.end() :]}"
        return f"{unit} since {first}", (f"W060: {coordinate} since {since} is read as {first}",)
    return f"{unit} since {since}", ()


def _decoded(
    values: npt.NDArray[np.float64], units: str, calendar: str, name: str
) -> npt.NDArray[np.datetime64]:
    import xarray as xr

    encoded: Any = xr.Dataset({"time": ("t", values, {"units": units, "calendar": calendar})})
    try:
        found = xr.decode_cf(encoded)["time"].values
        if found.dtype == object:  # of a calendar of its own, or far away
            found = np.array([moment.isoformat() for moment in found], "M8[us]")
        times: npt.NDArray[np.datetime64] = found.astype("M8[ns]")
        if (times.astype("M8[us]") != found.astype("M8[us]")).any():
            raise ValueError("outside the years 1678 to 2262")
    except (ValueError, OverflowError, TypeError) as error:
        reason = str(error).splitlines()[0][:200]
        raise UnusableInput("E061", f"{name}: times in {units!r} have no date: {reason}") from error
    return times
