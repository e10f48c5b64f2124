"""Processes of data cubes: of time, aggregate_temporal, resample_cube_temporal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import time
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubeprocesses.answers import Asking, placed, together
from workbench.openeo.cubeprocesses.calendars import period_label, period_numbers
from workbench.openeo.cubeprocesses.labels import coordinate, moment, picked
from workbench.openeo.cubes import Cube
from workbench.openeo.declarations import process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.instants import read_instant, read_time
from workbench.openeo.lifting import reduced
from workbench.openeo.values import Label

Callback = Callable[..., Any]
Times = npt.NDArray[np.datetime64]

MOST_PERIODS = 100_000
"""Labels that one aggregation makes: each is one call of the reducer."""


@process("aggregate_temporal", takes_run=True)
def aggregate_temporal(
    run: Any,
    data: Cube,
    intervals: list[list[str | None]],
    reducer: Callback,
    labels: list[Label],
    dimension: str | None,
    context: Any,
) -> Cube:
    name = _temporal(data, dimension, "aggregate_temporal")
    _check_count(len(intervals), "aggregate_temporal", "intervals")
    spans = [_interval(pair) for pair in intervals]
    found = _interval_labels(spans, labels)
    times = _times(data, name, "aggregate_temporal")
    asking = Asking(run, "aggregate_temporal", "reducer", reducer, context)
    return _aggregated(asking, data, name, [span.places(times) for span in spans], found)


@process("aggregate_temporal_period", takes_run=True)
def aggregate_temporal_period(
    run: Any, data: Cube, period: str, reducer: Callback, dimension: str | None, context: Any
) -> Cube:
    name = _temporal(data, dimension, "aggregate_temporal_period")
    numbers = period_numbers(_times(data, name, "aggregate_temporal_period"), period)
    every = range(int(numbers.min()), int(numbers.max()) + 1) if len(numbers) else range(0)
    _check_count(len(every), "aggregate_temporal_period", "period")
    order = np.argsort(numbers, kind="stable")
    edges = np.searchsorted(numbers[order], [*every, every.stop])
    groups = [order[start:stop] for start, stop in pairwise(edges)]
    labels = coordinate([period_label(number, period) for number in every])
    asking = Asking(run, "aggregate_temporal_period", "reducer", reducer, context)
    return _aggregated(asking, data, name, groups, labels)


@process("resample_cube_temporal")
def resample_cube_temporal(
    data: Cube, target: Cube, dimension: str | None, valid_within: float | None
) -> Cube:
    """Take the values at the nearest times; the earlier ones where two are as near.

    With `valid_within`, in days, the nearest valid ones of each pixel that are nearer than this.
    """
    if valid_within is not None and not 0 <= valid_within < np.inf:
        raise _invalid("resample_cube_temporal", "valid_within", f"{valid_within} days")
    found = data
    for name in _shared_dimensions(data, target, dimension):
        found = _resampled(found, target, name, valid_within)
    return found


@dataclass(frozen=True)
class Interval:
    """From a start to before an end; None where it is open."""

    start: np.datetime64 | time | None
    end: np.datetime64 | time | None
    label: str | None
    """Its start as it was written."""

    def places(self, times: Times) -> npt.NDArray[np.intp]:
        """Return the positions of the times in it, in order."""
        clock = isinstance(self.start, time) or isinstance(self.end, time)
        known = times.astype("datetime64[us]")
        known = known - known.astype("datetime64[D]") if clock else known
        low, high = (_of_day(edge) if clock else edge for edge in (self.start, self.end))
        after = np.ones(len(known), bool) if low is None else known >= low
        before = np.ones(len(known), bool) if high is None else known < high
        through_midnight = clock and low is not None and high is not None and high <= low
        inside = after | before if through_midnight else after & before
        return np.flatnonzero(inside & ~np.isnat(known))


def _of_day(edge: Any) -> np.timedelta64 | None:
    """Return a time of day as what has passed since midnight."""
    if edge is None:
        return None
    return np.timedelta64((edge.hour * 60 + edge.minute) * 60 + edge.second, "s")


def _interval(pair: Sequence[str | None]) -> Interval:
    """Read an interval; one of days must end after it starts, one of times of day need not."""
    start, end = (None if text is None else _edge(text) for text in pair)
    if start is not None and end is not None:
        if isinstance(start, time) != isinstance(end, time):
            reason = f"{pair} has a date and a time of day"
            raise _invalid("aggregate_temporal", "intervals", reason)
        if not isinstance(start, time) and end <= start:
            detail = f"It is {pair[0]} to {pair[1]}."
            raise error("TemporalExtentEmpty", process="aggregate_temporal", detail=detail)
    return Interval(start, end, pair[0])


def _edge(text: str) -> np.datetime64 | time:
    if (clock := read_time(text)) is not None:
        return clock
    instant = read_instant(text)
    if instant is None:
        reason = f"{text!r:.80} is neither a time of day nor a date in the years 1 to 9999 UTC"
        raise _invalid("aggregate_temporal", "intervals", reason)
    return moment(instant)


def _interval_labels(spans: Sequence[Interval], given: Sequence[Label]) -> npt.NDArray[Any]:
    """Return the labels of intervals: those given, or else where they start."""
    if given and len(given) != len(spans):
        reason = f"there are {len(given)} labels for {len(spans)} intervals"
        raise _invalid("aggregate_temporal", "labels", reason)
    labels = list(given) or [span.label for span in spans if span.label is not None]
    if len(labels) < len(spans):
        detail = "An interval without a start has no label of its own."
        raise error("DistinctDimensionLabelsRequired", process="aggregate_temporal", detail=detail)
    found = coordinate(labels, temporal=True)
    if len(set(found.tolist())) < len(found):
        detail = f"There are {len(set(found.tolist()))} for {len(found)} intervals."
        raise error("DistinctDimensionLabelsRequired", process="aggregate_temporal", detail=detail)
    return found


def _aggregated(
    asking: Asking,
    cube: Cube,
    name: str,
    groups: Sequence[npt.NDArray[np.intp]],
    labels: npt.NDArray[Any],
) -> Cube:
    """Return a cube with what a reducer gives for each group of places along a dimension."""
    nothing: list[Any] = []  # what it gives for no values, which is the same every time
    found = []
    for places in groups:
        if len(places) or not nothing:
            pixels = asking.one(picked(cube, {name: places}), name)
        if not len(places):
            nothing = nothing or [pixels]
            pixels = nothing[0]
        found.append(pixels)
    known = replace(cube.dimensions[name], step=None)
    return placed(cube, name, together(found, cube, name), labels, known)


def _temporal(cube: Cube, name: str | None, process: str) -> str:
    """Return the name of the temporal dimension that is meant."""
    known = cube.of_kind("temporal")
    if name is not None:
        cube.named(name, process)
        if name not in known:
            shown = ", ".join(known) or "none"
            detail = f"{name!r:.80} is not temporal; what is: {shown}."
            raise error("DimensionNotAvailable", process=process, detail=detail)
        return name
    if not known:
        detail = f"There are {', '.join(cube.dimensions) or 'none'}."
        raise error("DimensionNotAvailable", process=process, detail=detail)
    if len(known) > 1:
        raise error("TooManyDimensions", process=process, detail=f"They are {', '.join(known)}.")
    return known[0]


def _times(cube: Cube, name: str, process: str) -> Times:
    times: Times = cube.array[name].values
    if times.dtype.kind != "M":
        reason = f"the labels along {name} are no times, such as {cube.labels(name)[:1]}"
        raise _invalid(process, "data", reason)
    if np.isnat(times).any():
        raise _invalid(process, "data", f"one of the times along {name} is missing")
    return times


def _shared_dimensions(data: Cube, target: Cube, name: str | None) -> list[str]:
    """Return the temporal dimensions to resample."""
    if name is not None:
        for cube in (data, target):
            if cube.named(name, "resample_cube_temporal").kind != "temporal":
                raise _mismatch(f"{name!r:.80} is not temporal in both.")
        found = [name]
    else:
        found = [each for each in data.of_kind("temporal") if each in target.of_kind("temporal")]
    if not found:
        shown = (", ".join(cube.of_kind("temporal")) or "none" for cube in (data, target))
        raise _mismatch("The data have {}, the target has {}.".format(*shown))
    for each in found:
        for cube in (data, target):
            if cube.array[each].dtype.kind != "M" or np.isnat(cube.array[each].values).any():
                raise _mismatch(f"Labels along {each} are no times in both.")
    return found


def _resampled(cube: Cube, target: Cube, name: str, valid_within: float | None) -> Cube:
    times, wanted = cube.array[name].values, target.array[name].values
    labels, known = wanted, target.dimensions[name]
    distances = (_distances(times, moment) for moment in wanted)
    if valid_within is None and len(times):
        order = np.argsort(times, kind="stable")
        nearest = [order[np.argmin(each[order])] for each in distances]  # the first if as near
        part = cube.array.isel({name: np.array(nearest, np.intp)})
        rest = [other for other in cube.dimensions if other != name]
        return placed(cube, name, part.transpose(name, *rest).data, labels, known)
    reach = np.inf if valid_within is None else max(valid_within * 86400e9, 1)
    within = [
        [at for at in np.lexsort((times, each)) if float(each[at]) < reach] for each in distances
    ]
    found = reduced(lambda v: _nearest_valid(v, within), cube.along(name), len(wanted))
    return placed(cube, name, found, labels, known)


def _distances(times: Times, moment: np.datetime64) -> npt.NDArray[np.uint64]:
    """Return how far times are from one, in ns; the years from 1678 to 2262 fit without a sign."""
    known, one = times.astype(np.int64), moment.astype(np.int64)
    later = np.maximum(known, one).astype(np.uint64)
    return later - np.minimum(known, one).astype(np.uint64)


def _nearest_valid(values: npt.NDArray[Any], within: Sequence[Sequence[int]]) -> Any:
    """Return the first valid of some places (n, ...) for each list of places, or NaN."""
    found = np.full((len(within), *values.shape[1:]), np.nan, values.dtype)
    for row, places in enumerate(within):
        result = found[row, ...]
        for at in places:
            empty = np.isnan(result)
            if not empty.any():
                break
            np.copyto(result, values[at], where=empty & np.isfinite(values[at]))
    return found


def _check_count(count: int, name: str, parameter: str) -> None:
    if count > MOST_PERIODS:
        reason = f"they would be {count} labels, {MOST_PERIODS} at most: take longer periods"
        raise _invalid(name, parameter, reason)


def _mismatch(detail: str) -> OpenEOError:
    return error("DimensionMismatch", process="resample_cube_temporal", detail=detail)


def _invalid(name: str, parameter: str, reason: str) -> OpenEOError:
    return error("ProcessParameterInvalid", process=name, parameter=parameter, reason=f"{reason}.")
