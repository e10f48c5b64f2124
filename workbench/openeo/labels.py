"""Labels as graphs give them, made coordinates of cubes; and labels of two cubes, joined.

What `workbench.openeo.cubes.shown_labels` shows to graphs is read here again: dates and times become
datetime64, WKT becomes geometries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubes import Dimension, shown_labels
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.instants import Instant, read_instant
from workbench.openeo.values import Label, is_number

__all__ = [
    "Joined",
    "coordinate",
    "has_steps",
    "joined",
    "joined_pixels",
    "label_text",
    "nanoseconds",
    "step_of",
]

Coordinate = npt.NDArray[Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TIMES = np.iinfo(np.int64)
"""What datetime64[ns] holds: from 1677-09-21 to 2262-04-11; its lowest number is no time."""

SAME_PLACE = 1e-3
"""Pixels of two grids whose centres are no further apart, in pixels, are the same ones."""

MOST_PIXELS = 2**26
"""Along one axis of a cube that joins two."""


@dataclass(frozen=True)
class Joined:
    """The labels along one dimension of a cube that holds two others."""

    values: Coordinate
    """Its coordinate, n."""
    first: npt.NDArray[np.intp]
    """Where each of them is in the first cube; -1 if it is not there."""
    second: npt.NDArray[np.intp]
    """The same for the second cube."""


def coordinate(
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
    if dimension.kind == "temporal" and (times := _times(labels)) is not None:
        return times
    texts = sum(isinstance(label, str) for label in labels)
    if texts in (0, len(labels)):
        return np.array(labels, None if texts == 0 else np.str_)
    mixed = np.empty(len(labels), object)
    mixed[:] = labels
    return mixed


def has_steps(values: Coordinate, step: float | None = None) -> bool:
    """Tell whether numbers or times are in steps of one size, of this one if it is given."""
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


def nanoseconds(instant: Instant) -> int | None:
    """Return nanoseconds since 1970, as datetime64[ns] counts; None if it cannot hold them."""
    try:
        since = instant.utc - EPOCH
    except OverflowError:
        return None
    count = since // timedelta(microseconds=1) * 1000
    return count if TIMES.min < count <= TIMES.max else None


def step_of(centres: Coordinate, dimension: Dimension) -> float | None:
    """Return the step from one pixel to the next; None for a single one whose size is not known."""
    if dimension.step is not None:
        return dimension.step
    if len(centres) < 2:
        return None
    return float((centres[-1] - centres[0]) / (len(centres) - 1))


def joined(first: Coordinate, second: Coordinate, dimension: Dimension) -> Joined:
    """Return the labels of two cubes along a dimension that is not of pixels.

    Along time and z they are sorted, descending if those of the first cube are, unless they are
    texts whose order is another. Elsewhere those of the second cube that the first one lacks come
    after those of the first.
    """
    if dimension.kind == "geometry":
        partner = _equal_geometries(first, second)
    else:
        where = {label: place for place, label in enumerate(shown_labels(first))}
        partner = np.array([where.get(label, -1) for label in shown_labels(second)], np.intp)
    new = np.flatnonzero(partner < 0)
    in_first = np.concatenate([np.arange(len(first)), np.full(len(new), -1)])
    in_second = np.full(len(in_first), -1)
    in_second[partner[partner >= 0]] = np.flatnonzero(partner >= 0)
    in_second[len(first) :] = new
    values = _appended(first, second[new])
    if len(new) and dimension.kind in ("temporal", "spatial"):
        order = _natural_order(first, second, values)
        values, in_first, in_second = values[order], in_first[order], in_second[order]
    return Joined(values, in_first.astype(np.intp), in_second.astype(np.intp))


def joined_pixels(
    first: Coordinate, second: Coordinate, steps: tuple[float | None, float | None]
) -> Joined | None:
    """Return the centres of pixels of two cubes along x or y; those between them are filled in.

    Parameters
    ----------
    first, second
        Centres, in units of one CRS.
    steps
        From one to the next, of each cube.

    Returns
    -------
    Joined or None
        In the direction of the first cube; None if the pixels of one do not lie on those of the
        other.

    Raises
    ------
    ValueError
        If the result would have more than `MOST_PIXELS`.
    """
    if not len(first) or not len(second):
        known = first if len(first) else second
        whole, none = np.arange(len(known)), np.full(len(known), -1)
        return Joined(known, *((whole, none) if len(first) else (none, whole)))
    sizes = {abs(step) for step in steps if step}
    if not sizes:
        same = bool(first[0] == second[0])
        return Joined(first, np.array([0]), np.array([0])) if same else None
    size = max(sizes)
    most = max(len(first), len(second))
    if size - min(sizes) > SAME_PLACE * size / most:
        return None
    step = steps[0] or size
    exact = (second - first[0]) / step
    places = np.rint(exact).astype(np.int64)
    if np.any(np.abs(exact - places) > SAME_PLACE):
        return None
    start, stop = min(0, int(places.min())), max(len(first), int(places.max()) + 1)
    if stop - start > MOST_PIXELS:
        raise ValueError(f"{stop - start} pixels, more than {MOST_PIXELS}")
    values = first[0] + np.arange(start, stop) * step
    values[-start : len(first) - start] = first
    in_first = np.full(len(values), -1)
    in_first[-start : len(first) - start] = np.arange(len(first))
    in_second = np.full(len(values), -1)
    in_second[places - start] = np.arange(len(second))
    return Joined(values, in_first.astype(np.intp), in_second.astype(np.intp))


def _natural_order(
    first: Coordinate, second: Coordinate, values: Coordinate
) -> npt.NDArray[np.intp]:
    """Return the order in which labels of both cubes are sorted; as they are if they have none."""
    if values.dtype.kind == "O":
        return np.arange(len(values))
    descending = len(first) > 1 and bool(np.all(first[1:] < first[:-1]))
    order = np.argsort(values, kind="stable")
    if values.dtype.kind == "U":  # names of periods: sorted only if that is how they came
        for part in (first, second):
            steps = part[1:] < part[:-1] if descending else part[1:] > part[:-1]
            if not np.all(steps):
                return np.arange(len(values))
    return order[::-1] if descending else order


def _appended(first: Coordinate, second: Coordinate) -> Coordinate:
    """Return one coordinate after another; dates stand beside other labels as texts."""
    if not len(second):
        return first
    if not len(first) or first.dtype.kind == second.dtype.kind:
        return np.concatenate([first.astype(second.dtype), second] if not len(first) else [first, second])
    if {first.dtype.kind, second.dtype.kind} <= set("iuf"):
        return np.concatenate([first, second])
    labels = [*shown_labels(first), *shown_labels(second)]
    return coordinate(labels, Dimension("other"), process="merge_cubes", parameter="cube2")


def _equal_geometries(first: Coordinate, second: Coordinate) -> npt.NDArray[np.intp]:
    """Return where in the first cube each geometry of the second is, by shape; -1 if it is not."""
    import shapely

    pairs = shapely.STRtree(second).query(first)
    same = shapely.equals(first[pairs[0]], second[pairs[1]])
    found = np.full(len(second), -1, np.intp)
    found[pairs[1][same]] = pairs[0][same]
    return found


def _times(labels: Sequence[Label]) -> Coordinate | None:
    """Return labels as times if all are dates that datetime64[ns] can hold."""
    instants = [read_instant(label) if isinstance(label, str) else None for label in labels]
    counts = [None if instant is None else nanoseconds(instant) for instant in instants]
    known = [count for count in counts if count is not None]
    if len(known) < len(labels):
        return None
    return np.array(known, np.int64).view("datetime64[ns]")


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
    return error("ProcessParameterInvalid", process=process, parameter=parameter, reason=f"{reason}.")
