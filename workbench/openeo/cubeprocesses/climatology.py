"""Processes of data cubes: climatological_normal and anomaly, what is usual and what differs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubeprocesses.answers import misfit, others, placed
from workbench.openeo.cubeprocesses.calendars import KEYS, WITH_YEAR, period_label, period_numbers
from workbench.openeo.cubes import Cube
from workbench.openeo.declarations import process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.lifting import Floats, each, reduced
from workbench.openeo.processes.statistics import mean
from workbench.openeo.values import PixelArray

Places = npt.NDArray[np.intp]

WHOLE = "climatology-period"
"""The one normal of all years together."""

FIRST_MONTHS = {"season": (12,), "tropical-season": (11, 12)}
"""Months of the year before with which the first season begins."""

SINGLE = (WHOLE, "single-period")


@process("anomaly", takes_run=True)
def anomaly(run: Any, data: Cube, normals: Cube, period: str) -> Cube:
    """Subtract from the values of each label the normal of its period.

    Labels of the data are those of `aggregate_temporal_period`, or times. Null where there is no
    normal, such as of day 366.
    """
    name, known = (
        _one_temporal(data, "anomaly", "data"),
        _one_temporal(normals, "anomaly", "normals"),
    )
    found = _normal_places(data, name, normals, known, period)
    missing = np.flatnonzero(found < 0)
    if len(missing) == len(found) > 0:
        label = data.labels(name)[0]
        has = ", ".join(map(str, normals.labels(known)[:20])) or "none"
        raise _invalid("anomaly", "normals", f"no normal is there for {label}; what is: {has}")
    if len(missing):
        label = data.labels(name)[missing[0]]
        run.log.write("warning", f"no normal for {len(missing)} labels, such as {label}: null")
    taken = _beside(data, name, normals, known, found)
    nulls = np.where(found < 0, np.nan, 0).astype(np.float32)
    nulls = nulls.reshape(-1, *(1 for _ in others(data, name)))
    values = each(lambda a, b, null: a - b + null, data.along(name).values, taken, nulls)
    return placed(data, name, values, data.array[name].values, data.dimensions[name])


@process("climatological_normal")
def climatological_normal(data: Cube, period: str, climatology_period: list[int]) -> Cube:
    """Average all values of each period of the year over some years, nulls left out.

    Labels are times, or of the period as `aggregate_temporal_period` gives them. A day 366 is no
    normal day. The average of a season has all its values, of whatever months.
    """
    name = _one_temporal(data, "climatological_normal", "data")
    first, last = (int(year) for year in climatology_period)
    years, keys = _years_and_keys(data, name, period, "climatological_normal")
    _check_span(_calendar_years(data, name, years), first, last)
    taken = (years >= first) & (years <= last)
    if _lacks_start(data, name, period, first):
        taken &= (years > first) | (keys != KEYS[period][0])
    wanted = KEYS.get(period, (WHOLE,))
    groups = [np.flatnonzero(taken & (keys == key)) for key in wanted]
    found = reduced(lambda values: _means(values, groups), data.along(name), len(groups))
    known = replace(data.dimensions[name], step=None)
    return placed(data, name, found, np.array(wanted), known)


def _means(values: Floats, groups: Sequence[Places]) -> Any:
    return np.stack([mean(PixelArray(values[places]), True) for places in groups])


def _one_temporal(cube: Cube, name: str, parameter: str) -> str:
    found = cube.of_kind("temporal")
    if len(found) != 1:
        shown = ", ".join(found) or "none"
        reason = f"it must have exactly one temporal dimension and has {shown}"
        raise _invalid(name, parameter, reason)
    return found[0]


def _years_and_keys(
    cube: Cube, name: str, period: str, asker: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Return the year of each label and what its period is called in every year."""
    labels = cube.array[name].values
    if period in SINGLE:
        years = [_leading_year(label, asker) for label in cube.labels(name)]
        return np.array(years, np.int64), np.full(len(labels), WHOLE)
    if labels.dtype.kind == "M":
        texts = [period_label(int(number), period) for number in period_numbers(labels, period)]
    else:
        texts = [str(label) for label in cube.labels(name)]
    found = [WITH_YEAR[period].fullmatch(text) for text in texts]
    if None in found:
        wrong = texts[found.index(None)]
        raise _invalid(asker, "data", f"{wrong!r:.80} along {name} is not the label of a {period}")
    parts = [(int(match[1]), match[2]) for match in found if match is not None]
    years = [year for year, _ in parts]
    return np.array(years, np.int64), np.array([key for _, key in parts], "U10")


def _leading_year(label: Any, asker: str) -> int:
    found = re.match(r"\d{4}(?!\d)", str(label), re.ASCII)
    if found is None:
        raise _invalid(asker, "data", f"the label {label!r:.80} does not begin with a year")
    return int(found[0])


def _calendar_years(cube: Cube, name: str, years: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the years of times; the year of a period is that of its label."""
    times = cube.array[name].values
    return period_numbers(times, "year") if times.dtype.kind == "M" else years


def _check_span(years: npt.NDArray[np.int64], first: int, last: int) -> None:
    if first > last:
        reason = f"it ends in {last}, before {first}"
        raise _invalid("climatological_normal", "climatology_period", reason)
    if not len(years) or years.min() > first or years.max() < last:
        has = f"{years.min()} to {years.max()}" if len(years) else "no years"
        reason = f"it has {has}, and the normals are of {first} to {last}: give climatology_period"
        raise _invalid("climatological_normal", "data", reason)


def _lacks_start(cube: Cube, name: str, period: str, first: int) -> bool:
    """Tell whether months of the first season, of the year before, are missing."""
    times = cube.array[name].values
    if period not in FIRST_MONTHS or times.dtype.kind != "M":
        return False
    months = set(period_numbers(times, "month").tolist())
    return any((first - 1971) * 12 + month - 1 not in months for month in FIRST_MONTHS[period])


def _normal_places(cube: Cube, name: str, normals: Cube, known: str, period: str) -> Places:
    """Return the position of the normal of each label, -1 where there is none."""
    count = cube.array.sizes[name]
    if period in SINGLE:
        if normals.array.sizes[known] != 1:
            reason = f"a {period} has a single one, and not {normals.array.sizes[known]}"
            raise _invalid("anomaly", "normals", reason)
        return np.zeros(count, np.intp)
    _, keys = _years_and_keys(cube, name, period, "anomaly")
    places = {str(label): at for at, label in enumerate(normals.labels(known))}
    return np.array([places.get(key, -1) for key in keys.tolist()], np.intp)


def _beside(cube: Cube, name: str, normals: Cube, known: str, places: Places) -> Any:
    """Return normals (n, ...) for the values of a cube; dimensions that they lack have length 1.

    Raises
    ------
    OpenEOError
        If they have other dimensions or labels than the cube.
    """
    rest, theirs = others(cube, name), others(normals, known)
    unknown = [each for each in theirs if each not in rest]
    if unknown:
        raise _invalid("anomaly", "normals", f"the data have no {', '.join(unknown)}")
    if reason := misfit(normals, cube, theirs):
        raise _invalid("anomaly", "normals", f"they have {reason}, as the data do")
    ordered = normals.array.transpose(known, *(each for each in rest if each in theirs)).data
    taken = ordered[np.maximum(places, 0)]
    return taken[(slice(None), *(slice(None) if each in theirs else None for each in rest))]


def _invalid(name: str, parameter: str, reason: str) -> OpenEOError:
    return error("ProcessParameterInvalid", process=name, parameter=parameter, reason=f"{reason}.")
