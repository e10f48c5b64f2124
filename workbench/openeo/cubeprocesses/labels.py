"""Labels as graphs give them, made coordinates of cubes, and what they say.

What `workbench.openeo.cubes.shown_labels` shows to graphs is read here again: dates and times
become datetime64, WKT becomes geometries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.instants import Instant, read_instant
from workbench.openeo.values import Label, is_number

__all__ = [
    "SAME_PLACE",
    "checked_coordinate",
    "coordinate",
    "has_steps",
    "label_text",
    "moment",
    "picked",
]

Coordinate = npt.NDArray[Any]

SAME_PLACE = 1e-3
"""Pixels of two grids whose centres are no further apart, in pixels, are the same ones."""

FIRST, LAST = (np.datetime64(f"{year}-01-01", "us") for year in (1678, 2262))
"""Between these years 64 bits of nanoseconds tell every time."""


def coordinate(labels: Sequence[Label], *, temporal: bool = False) -> Coordinate:
    """Return labels as a coordinate.

    Parameters
    ----------
    labels
        Numbers or texts.
    temporal
        Whether they are of a temporal dimension: texts that are all dates become times.

    Returns
    -------
    numpy.ndarray
        (n,) datetime64[ns], UTC, or numbers, or texts; of both, objects.
    """
    if temporal and (times := _times(labels)) is not None:
        return times
    if all(isinstance(label, str) for label in labels):
        return np.array(labels, np.str_)
    if all(map(is_number, labels)):
        return np.array(labels)
    mixed = np.empty(len(labels), object)
    mixed[:] = labels
    return mixed


def checked_coordinate(
    labels: Sequence[Label], dimension: Dimension, *, process: str, parameter: str
) -> Coordinate:
    """Return the coordinate of a dimension with these labels.

    Parameters
    ----------
    labels
        As graphs give them: numbers and texts; of geometries, WKT.
    dimension
        Its type says what they mean: along time dates and times become datetime64[ns] if all are
        some, and otherwise stay texts.
    process, parameter
        Named in errors.

    Returns
    -------
    numpy.ndarray
        One-dimensional, of as many elements.

    Raises
    ------
    OpenEOError
        If a label of x or y is no number, they are not in steps of one size, or one of geometries
        is no WKT.
    """
    if dimension.axis in ("x", "y"):
        centres = np.array(labels, np.float64) if all(map(is_number, labels)) else None
        if centres is None or not has_steps(centres, dimension.step):
            reason = (
                f"along {dimension.axis} labels are numbers in steps of one size, the centres of "
                f"pixels, not {list(labels)!r:.80}"
            )
            raise _invalid(process, parameter, reason)
        return centres
    if dimension.kind == "geometry":
        return _geometries(labels, process, parameter)
    return coordinate(labels, temporal=dimension.kind == "temporal")


def has_steps(values: Coordinate, step: float | None = None) -> bool:
    """Tell whether numbers or times are in steps of one size, of this one if it is given."""
    if not np.all(np.isfinite(values)):
        return False
    if len(values) < 2:
        return True
    steps = np.diff(values)
    if values.dtype.kind == "M":
        return bool(np.all(steps == steps[0]))
    size = float(steps[0] if step is None else step)
    return size != 0 and bool(np.all(np.abs(steps - size) <= SAME_PLACE * abs(size)))


def label_text(label: Label) -> str:
    """Return a label as text, a whole number without a point."""
    whole = isinstance(label, float) and label.is_integer() and abs(label) < 2**53
    return str(int(label) if whole else label)


def moment(instant: Instant) -> np.datetime64:
    """Return an instant as datetime64[us], UTC."""
    return np.datetime64(instant.utc.replace(tzinfo=None), "us")


def picked(cube: Cube, places: Mapping[str, npt.NDArray[np.intp]]) -> Cube:
    """Return a cube of some of the labels.

    Parameters
    ----------
    places
        Of the labels to keep, in the order in which they are to be, by dimension. Of pixels they
        must follow each other.
    """
    changed = {}
    for name in places:
        dimension = cube.dimensions[name]
        if dimension.axis in ("x", "y"):  # a single pixel left still has a size
            changed[name] = replace(dimension, step=cube.step(name))
    array = cube.array.isel({name: _indexer(each) for name, each in places.items()})
    return cube.with_array(array, **changed)


def _times(labels: Sequence[Label]) -> npt.NDArray[np.datetime64] | None:
    """Return labels that are all dates as datetime64[ns]; None if one is none, or too far off."""
    instants = [read_instant(label) if isinstance(label, str) else None for label in labels]
    known = [moment(instant) for instant in instants if instant is not None]
    times = np.array(known, "datetime64[us]")
    if len(known) < len(labels) or not ((times >= FIRST) & (times < LAST)).all():
        return None
    return times.astype("datetime64[ns]")


def _indexer(places: npt.NDArray[np.intp]) -> slice | npt.NDArray[np.intp]:
    """Return places as a slice if they follow each other: nothing is then copied."""
    if len(places) and np.all(np.diff(places) == 1):
        return slice(int(places[0]), int(places[-1]) + 1)
    return places if len(places) else slice(0)


def _geometries(labels: Sequence[Label], process: str, parameter: str) -> Coordinate:
    import shapely

    found = np.empty(len(labels), object)
    for place, label in enumerate(labels):
        shape = shapely.from_wkt(label, on_invalid="ignore") if isinstance(label, str) else None
        if shape is None:
            reason = f"{label!r:.80} is no geometry such as POINT (1 2)"
            raise _invalid(process, parameter, reason)
        found[place] = shape
    return found


def _invalid(process: str, parameter: str, reason: str) -> OpenEOError:
    return error(
        "ProcessParameterInvalid", process=process, parameter=parameter, reason=f"{reason}."
    )
