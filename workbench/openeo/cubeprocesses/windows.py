"""Windows that a neighbourhood moves through along a dimension, as sizes and overlaps say.

A window has a core, which it computes, and what it sees around it. Cores follow each other from the
first label; the last may be shorter. Measures are

- numbers of labels (``px``), or lengths along pixels that are a whole number of them;
- durations such as ``P1M`` along times: cores then begin where the calendar's smallest unit of the
  duration does, here a month, and windows without a time in their core are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.errors import OpenEOError, error

__all__ = ["Measure", "Neighbourhood", "measures", "padded_labels", "windows"]

PROCESS = "apply_neighborhood"

_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:(\d+)W)?"
    r"(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_PARTS = ("years", "months", "days", "weeks", "hours", "minutes", "seconds")
_STARTS = ("Y", "M", "D", "D", "h", "m", "s")

MOST_YEARS = 584
"""All that 64 bits of nanoseconds can tell, from 1678 to 2262."""


@dataclass(frozen=True)
class Duration:
    """A span of the calendar."""

    months: int
    microseconds: int
    start: str
    """NumPy's letter of its smallest unit."""

    def after(self, time: np.datetime64, count: int = 1) -> np.datetime64:
        """Return a time that is so much later, datetime64[us]; the last day of shorter months."""
        month, day = time.astype("datetime64[M]"), time.astype("datetime64[D]")
        moved = month + np.timedelta64(self.months * count, "M")
        last = (moved + np.timedelta64(1, "M")).astype("datetime64[D]") - moved.astype(day.dtype)
        days = min(day - month.astype(day.dtype), last - np.timedelta64(1, "D"))
        found: np.datetime64 = moved.astype("datetime64[us]") + days + (time - day)
        return found + np.timedelta64(self.microseconds * count, "us")


@dataclass(frozen=True)
class Measure:
    """A size or an overlap along one dimension."""

    count: int | None = None
    """Labels; None for a duration."""
    duration: Duration | None = None


@dataclass(frozen=True)
class Neighbourhood:
    """One place of a neighbourhood along a dimension, by positions of labels, ends excluded."""

    first: int
    """Of what it sees; less than 0 before the first label."""
    start: int
    """Of its core."""
    stop: int
    end: int
    """Of what it sees."""


def measures(cube: Cube, given: Sequence[Mapping[str, Any]], name: str) -> dict[str, Measure]:
    """Read sizes or overlaps; where one is null there is none.

    Parameters
    ----------
    given
        With ``dimension``, ``value`` and ``unit``.
    name
        Of the parameter, ``size`` or ``overlap``.

    Raises
    ------
    OpenEOError
        DimensionNotAvailable; ProcessParameterInvalid if a measure does not suit its dimension.
    """
    found: dict[str, Measure] = {}
    seen: set[str] = set()
    for each in given:
        dimension, value = each["dimension"], each.get("value")
        known = cube.named(dimension, PROCESS)
        if dimension in seen:
            raise _invalid(name, f"{dimension} is there twice")
        seen.add(dimension)
        if value is None:
            continue
        if isinstance(value, str):
            found[dimension] = _in_time(cube, dimension, known, value, name)
        else:
            found[dimension] = Measure(_count(cube, dimension, value, each.get("unit"), name))
    return found


def windows(
    cube: Cube, name: str, size: Measure | None, overlap: Measure | None
) -> list[Neighbourhood]:
    """Return the windows along a dimension, in order.

    Parameters
    ----------
    size
        None for one window with all labels.
    overlap
        None for none.
    """
    length = cube.array.sizes[name]
    if size is not None and size.duration is not None:
        cores = _cores_of_time(_microseconds(cube.array[name].values), size.duration)
    else:
        step = length if size is None or size.count is None else size.count
        cores = [(at, min(at + step, length), None) for at in range(0, length, max(step, 1))]
    around = Measure(0) if overlap is None else overlap
    return [_window(cube, name, start, stop, span, around) for start, stop, span in cores]


def padded_labels(labels: npt.NDArray[Any], step: float | None, count: int) -> npt.NDArray[Any]:
    """Return labels of a dimension with `count` more before and after them.

    Numbers and times go on by the step between the first two and the last two; texts become
    "before 1", the next to the first, and "after 1".
    """
    if not count:
        return labels
    numbers = np.arange(1, count + 1)
    if labels.dtype.kind not in "Mifu" or not len(labels):
        before, after = ([f"{side} {n}" for n in numbers] for side in ("before", "after"))
        return np.array([*before[::-1], *map(str, labels), *after])
    unit: Any = np.timedelta64(1, "D") if labels.dtype.kind == "M" else 1
    single = unit if step is None else step
    first, last = (
        (labels[1] - labels[0], labels[-1] - labels[-2]) if len(labels) > 1 else (single, single)
    )
    return np.concatenate([labels[0] - numbers[::-1] * first, labels, labels[-1] + numbers * last])


def _window(
    cube: Cube, name: str, start: int, stop: int, span: tuple[Any, Any] | None, around: Measure
) -> Neighbourhood:
    """Return a window around a core, which stands for a span of time or for its labels."""
    if around.duration is None:
        count = around.count or 0
        return Neighbourhood(start - count, start, stop, stop + count)
    times = _microseconds(cube.array[name].values)
    low, high = (times[start], times[stop - 1]) if span is None else span
    first = times >= around.duration.after(low, -1)
    last = around.duration.after(high)
    seen = np.flatnonzero(first & (times <= last if span is None else times < last))
    return Neighbourhood(int(seen[0]), start, stop, int(seen[-1]) + 1)


def _cores_of_time(
    times: npt.NDArray[np.datetime64], duration: Duration
) -> list[tuple[int, int, tuple[Any, Any] | None]]:
    """Return the cores with times in them: first, end, and the span of the calendar."""
    if not len(times):
        return []
    origin = times[0].astype(f"datetime64[{duration.start}]").astype(times.dtype)
    if duration.months:
        bounds = [origin]
        while bounds[-1] <= times[-1]:  # each span has 28 days or more: 7600 at most
            bounds.append(duration.after(origin, len(bounds)))
        spans = list(pairwise(bounds))
    else:
        length = np.timedelta64(duration.microseconds, "us")
        lows = origin + np.unique((times - origin) // length) * length
        spans = [(low, low + length) for low in lows]
    edges = [tuple(np.searchsorted(times, span, "left").tolist()) for span in spans]
    return [
        (start, stop, span)
        for (start, stop), span in zip(edges, spans, strict=True)
        if stop > start
    ]


def _microseconds(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Return times in a unit whose sums with long durations are times too."""
    return times.astype("datetime64[us]")


def _in_time(cube: Cube, name: str, known: Dimension, text: str, parameter: str) -> Measure:
    times = cube.array[name].values
    if known.kind != "temporal" or times.dtype.kind != "M":
        raise _invalid(parameter, f"{text} is a duration, and {name} has no times")
    if np.any(times[1:] <= times[:-1]):
        raise _invalid(parameter, f"{text} along {name}, whose times do not ascend")
    duration = _duration(text, parameter)
    if parameter == "size" and not (duration.months or duration.microseconds):
        raise _invalid(parameter, f"{text} along {name} has no length")
    return Measure(duration=duration)


def _duration(text: str, parameter: str) -> Duration:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise _invalid(parameter, f"{text!r:.80} is no duration to either side, such as P1M")
    parts = [found[place] for place in range(1, 8)]
    years, months, *rest = (0 if part is None else float(part) for part in parts)
    days, weeks, hours, minutes, seconds = rest
    whole = ((days + 7 * weeks) * 24 + hours) * 3600 + minutes * 60 + seconds
    if years + months / 12 + whole / (365 * 86400) >= MOST_YEARS:
        raise _invalid(parameter, f"{text!r:.80} is longer than {MOST_YEARS} years")
    smallest = max((place for place, part in enumerate(parts) if part is not None), default=2)
    return Duration(int(years * 12 + months), round(whole * 1e6), _STARTS[smallest])


def _count(cube: Cube, name: str, value: float, unit: str | None, parameter: str) -> int:
    """Return a measure as a number of labels."""
    known = cube.dimensions[name]
    if unit is None and known.kind == "temporal":
        raise _invalid(parameter, f'{value:g} along {name}: give unit "px", or a duration as P1D')
    step = 1.0
    if unit != "px" and known.kind == "spatial":
        step = abs(cube.step(name) or 1.0) * _unit(cube, name, unit, parameter)
    elif unit == "m":
        raise _invalid(parameter, f"{value:g} m along {name}, which has no lengths")
    count = round(value / step)
    if abs(value / step - count) > 1e-6 * max(count, 1):
        raise _invalid(
            parameter,
            f"{value:g} along {name} is {value / step:.6g} pixels, which is no whole number",
        )
    if parameter == "size" and count < 1:
        raise _invalid(parameter, f"{value:g} along {name} has no pixel")
    return count


def _unit(cube: Cube, name: str, unit: str | None, parameter: str) -> float:
    """Return how many of the asked units one unit of the CRS is."""
    if unit is None:
        return 1.0
    if cube.crs is None or not cube.crs.is_projected or cube.dimensions[name].axis == "z":
        raise _invalid(parameter, f"metres along {name}, whose unit is not known in metres")
    return float(cube.crs.axis_info[0].unit_conversion_factor)


def _invalid(parameter: str, reason: str) -> OpenEOError:
    return error(
        "ProcessParameterInvalid", process=PROCESS, parameter=parameter, reason=f"{reason}."
    )
