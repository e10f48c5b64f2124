"""Points into cells: which points count, and their exact sums.

Sums of any batches, parts or permutations of a burst are the same to the last bit; see
`egms_io.method.sums`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.burstgeometry import are_unit_vectors
from egms_io.cells import Area
from egms_io.errors import BadBurst
from egms_io.formats.plausible import MAX_NUMBER
from egms_io.formats.points import Points
from egms_io.method.sums import COSINE, MM, SQUARED_MM, Bools, CellSums, Floats, Ints, merge


def sum_points(points: Points, area: Area, *, per_point: bool, tally: Counter[str]) -> CellSums:
    """Sum a batch of points by cell.

    Parameters
    ----------
    per_point
        Keep what least squares over single points needs (`CellSums.squares`).
    tally
        Gains the numbers of points left out, by reason: ``outside``, ``no line of sight`` and, with
        `per_point`, ``incomplete``; and those that count, ``in the area``.

    Raises
    ------
    BadBurst
        For a value beyond `egms_io.formats.plausible.MAX_NUMBER`.
    """
    key = area.lattice.keys(points.easting, points.northing)
    usable = _count_others(key >= 0, "outside", tally)
    usable &= _count_others(are_unit_vectors(points.los) | ~usable, "no line of sight", tally)
    if per_point:
        complete = ~np.isnan(points.series).any(axis=0)
        usable &= _count_others(complete | ~usable, "incomplete", tally)
    order = np.flatnonzero(usable)
    order = order[np.argsort(key[order], kind="stable")]
    cells, starts, place = np.unique(key[order], return_index=True, return_inverse=True)
    los = _units(points.los[[0, 2]][:, order], COSINE)

    def total(values: Ints) -> Ints:
        sums: Ints = np.add.reduceat(values, starts, axis=-1) if len(starts) else values[..., :0]
        return sums

    def count(values: npt.NDArray[Any]) -> Ints:
        return total((~np.isnan(values[order])).astype(np.int64))

    height, gnss = points.height[order], points.gnss[order]
    number = total(np.ones(len(order), np.int64))
    places = np.full(len(key), -1)
    places[order] = place
    series, squared, present = _sum_series(points.series, places, len(cells))
    if per_point:
        products = [
            [total(_units(values[order], MM) * part) for values in points.series] for part in los
        ]
        series = np.concatenate(
            [np.array(products, np.int64).reshape(2, *series.shape[1:]), series]
        )
    sums = CellSums(
        key=cells,
        points=number,
        heights=count(points.height),
        velocities=count(points.gnss),
        los=total(los),
        height=total(_units(height, MM)),
        gnss=total(_units(gnss, MM)),
        series=series,
        squared=squared,
        squares=total(los[[0, 0, 1]] * los[[0, 1, 1]]) if per_point else None,
        present=None if (present == number).all() else present,
    )
    inside = area.contains(cells)
    tally["outside"] += int(sums.points[~inside].sum())
    tally["in the area"] += int(sums.points[inside].sum())
    return sums if inside.all() else sums.take(inside)


def _sum_series(series: Sequence[Floats], places: Ints, cells: int) -> tuple[Ints, Ints, Ints]:
    """Sum displacements by cell: (1, acquisitions, cells), their squares (cells,), and how many."""
    from egms_io.method.additions import add_values  # loads numba

    sums = np.zeros((1, len(series), cells), np.int64)
    squared, present = np.zeros(cells, np.int64), np.zeros((len(series), cells), np.int64)
    for values, total, known in zip(series, sums[0], present, strict=True):
        _refuse_absurd(add_values(values, places, MM, SQUARED_MM, total, squared, known))
    return sums, squared, present


def sum_burst(
    batches: Iterable[Points], area: Area, *, per_point: bool, tally: Counter[str]
) -> CellSums | None:
    """Sum the points of a burst by cell, None when no point lies in the area.

    A point whose PID came before is dropped and counted as ``duplicate``: the first one counts.
    Parameters and errors are those of `sum_points`; `tally` gains ``points`` too.
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


def _count_others(good: Bools, reason: str, tally: Counter[str]) -> Bools:
    """Count the points that are not good, and return `good`."""
    tally[reason] += int(np.count_nonzero(~good))
    return good


def _units(values: Floats, per_one: float) -> Ints:
    """Return values as whole numbers of small units; 0 where missing."""
    largest = np.max(np.abs(values), initial=0)
    if np.isnan(largest):
        values = np.nan_to_num(values, posinf=np.inf, neginf=-np.inf)
        largest = np.max(np.abs(values), initial=0)
    _refuse_absurd(largest)
    return np.rint(values * per_one).astype(np.int64)


def _refuse_absurd(largest: float) -> None:
    if largest > MAX_NUMBER:
        raise BadBurst(f"a value of {largest:g} is no displacement, height or velocity")


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
