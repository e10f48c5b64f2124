"""Cell sums: what a burst says about each cell, in whole numbers.

Values are counted in units finer than the digits of the files and summed as int64. Whole numbers
add the same in any order, so sums of any batches, parts or permutations of a burst, merged in any
tree, are identical to the last bit. A mean is one division at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.cells import Area
from egms_io.errors import BadBurst
from egms_io.formats.points import Points

MM = 1e4  # units per mm, per mm / yr and per m; files have one decimal
MAX_DISPLACEMENT = 1e6  # mm: a kilometre; a larger number is no displacement
COSINE = 1e6  # units per 1 in the parts of the line of sight; files have three decimals
NORM_TOLERANCE = 5e-3  # of a unit vector with three decimals

Ints = npt.NDArray[np.int64]


@dataclass
class CellSums:
    """Sums over the points of each cell; sorted by cell key.

    Attributes
    ----------
    key
        (m,) cell keys, ascending.
    points, heights, velocities
        (m,) how many points, and how many of them have a height and a GNSS velocity.
    los
        (2, m) east and up part of the line of sight, in 1 / `COSINE`.
    squares
        (3, m) products of those parts east·east, east·up, up·up, in 1 / `COSINE`²; None unless
        asked for.
    height, gnss
        (m,) in m / `MM` and mm / yr / `MM`.
    series
        (1, acquisitions, m) displacement in mm / `MM`; with `squares` (2, acquisitions, m): the
        displacement times the east and times the up part, in mm / `MM` / `COSINE`.
    present
        (acquisitions, m) how many points have a value at each acquisition; None when all have.
    """

    key: Ints
    points: Ints
    heights: Ints
    velocities: Ints
    los: Ints
    height: Ints
    gnss: Ints
    series: Ints
    squares: Ints | None = None
    present: Ints | None = None

    def take(self, cells: Any) -> CellSums:
        """Give the sums of some of the cells (an index or slice of the last axis)."""
        values: dict[str, Any] = {
            name: None if array is None else array[..., cells] for name, array in vars(self).items()
        }
        return CellSums(**values)


def sum_points(points: Points, area: Area, *, per_point: bool, tally: Counter[str]) -> CellSums:
    """Sum a batch of points by cell.

    Parameters
    ----------
    per_point
        Keep what least squares over single points needs (`CellSums.squares`).
    tally
        Gains ``outside``, ``no line of sight`` and, with `per_point`, ``incomplete``: points left
        out and why.
    """
    key = area.lattice.keys(points.easting, points.northing)
    usable = _select(key >= 0, "outside", tally)
    usable &= _select(_unit(points.los) | ~usable, "no line of sight", tally)
    if per_point:
        complete = ~np.isnan(points.series).any(axis=0)
        usable &= _select(complete | ~usable, "incomplete", tally)
    order = np.flatnonzero(usable)
    order = order[np.argsort(key[order], kind="stable")]
    cells, starts = np.unique(key[order], return_index=True)
    los = _units(points.los[[0, 2]][:, order], COSINE)

    def total(values: Ints) -> Ints:
        sums: Ints = np.add.reduceat(values, starts, axis=-1) if len(starts) else values[..., :0]
        return sums

    def count(values: npt.NDArray[Any]) -> Ints:
        return total((~np.isnan(values[order])).astype(np.int64))

    height, gnss = points.height[order], points.gnss[order]
    weights = los if per_point else np.ones((1, len(order)), np.int64)
    series = np.empty((len(weights), len(points.series), len(cells)), np.int64)
    missing = False
    for k, values in enumerate(points.series):
        column = values[order]
        missing = missing or bool(np.isnan(column).any())
        series[:, k] = total(_units(column, MM) * weights)
    sums = CellSums(
        key=cells,
        points=total(np.ones(len(order), np.int64)),
        heights=count(points.height),
        velocities=count(points.gnss),
        los=total(los),
        height=total(_units(height, MM)),
        gnss=total(_units(gnss, MM)),
        series=series,
        squares=total(los[[0, 0, 1]] * los[[0, 1, 1]]) if per_point else None,
        present=np.array([count(v) for v in points.series]) if missing else None,
    )
    inside = area.contains(cells)
    tally["outside"] += int(sums.points[~inside].sum())
    return sums if inside.all() else sums.take(inside)


def sum_burst(
    batches: Iterable[Points], area: Area, *, per_point: bool, tally: Counter[str]
) -> CellSums | None:
    """Sum the points of a burst by cell, None when no point lies in the area.

    A PID met again is dropped and counted as ``duplicate``: the first point stands.
    """
    pending: list[CellSums] = []
    for points in _first_of_each(batches, tally):
        tally["points"] += len(points.easting)
        sums = sum_points(points, area, per_point=per_point, tally=tally)
        if len(sums.key):
            pending.append(sums)
        # Merge when the new cells outnumber the merged ones: memory stays within twice the result.
        if sum(len(part.key) for part in pending[1:]) > len(pending[0].key if pending else ()):
            pending = [merge(pending)]
    return merge(pending) if pending else None


def merge(parts: Sequence[CellSums]) -> CellSums:
    """Add cell sums of the same acquisitions; exact, so any grouping gives the same result."""
    if len(parts) == 1:
        return parts[0]
    if any(part.present is not None for part in parts):
        for part in parts:
            if part.present is None:
                part.present = np.broadcast_to(part.points, part.series.shape[1:]).copy()
    key, place = np.unique(np.concatenate([part.key for part in parts]), return_inverse=True)
    places = np.split(place, np.cumsum([len(part.key) for part in parts])[:-1])
    merged: dict[str, Any] = {"key": key}
    for name, first in vars(parts[0]).items():
        if name == "key" or first is None:
            merged.setdefault(name, None)
            continue
        total = np.zeros((*first.shape[:-1], len(key)), np.int64)
        for part, cells in zip(parts, places, strict=True):
            total[..., cells] += getattr(part, name)  # cells are unique within a part
        merged[name] = total
    return CellSums(**merged)


def _select(good: npt.NDArray[np.bool_], reason: str, tally: Counter[str]) -> Any:
    tally[reason] += int(np.count_nonzero(~good))
    return good


def _unit(los: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Say which lines of sight are complete unit vectors (north may be missing in the file)."""
    length = np.sqrt(np.nansum(los**2, axis=0))
    whole = ~np.isnan(los[1])
    near = np.where(whole, np.abs(length - 1) <= NORM_TOLERANCE, length <= 1 + NORM_TOLERANCE)
    known: npt.NDArray[np.bool_] = ~np.isnan(los[[0, 2]]).any(axis=0) & near
    return known


def _units(values: npt.NDArray[np.float64], per_one: float) -> Ints:
    """Count values in small units; a missing value counts nothing."""
    largest = np.max(np.abs(values), initial=0)
    if np.isnan(largest):
        values = np.nan_to_num(values, posinf=np.inf, neginf=-np.inf)
        largest = np.max(np.abs(values), initial=0)
    if largest > MAX_DISPLACEMENT:
        raise BadBurst(f"a value of {largest:g} is no displacement, height or velocity")
    return np.rint(values * per_one).astype(np.int64)


def _first_of_each(batches: Iterable[Points], tally: Counter[str]) -> Iterator[Points]:
    """Drop points whose PID was seen before, in this batch or an earlier one."""
    seen = np.empty(0, np.int64)
    newest: list[Ints] = []  # PIDs above all seen ones, as they come in sorted files
    top = -1
    for points in batches:
        if points.pid is not None:
            pids, first = np.unique(points.pid, return_index=True)
            if len(pids) and pids[0] > top:
                fresh_pids = first
                newest.append(pids)
            else:
                seen, newest = np.unique(np.concatenate([seen, *newest])), []
                fresh_pids = first[~np.isin(pids, seen)]
                seen = np.union1d(seen, pids)
            top = max(top, int(pids[-1])) if len(pids) else top
            if len(fresh_pids) < len(points.pid):
                tally["duplicate"] += len(points.pid) - len(fresh_pids)
                points = points.take(np.sort(fresh_pids))
        yield points
