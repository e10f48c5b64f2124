"""Means over areas: by how much each cell of a target covers the pixels of a source.

Positions are counted as in `workbench.rasters.gathering`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.machinecode import compiled
from workbench.rasters.gathering import check_shape, check_size

__all__ = ["Overlaps"]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_LEAST_COVERED = 0.5  # share of a cell that must have values for its mean to be one


class Overlaps:
    """By how much the cells of a target cover the pixels of a source: for means over areas.

    A cell is the quadrilateral between its corners, a pixel a square of the source; areas are exact
    in the coordinates of the source, so sums over areas there are conserved.

    Parameters
    ----------
    rows, cols
        (y + 1, x + 1) positions of the corners of the target's cells; not finite where a place is
        not in the source.
    shape, wrap
        As for `Gather`; positions go on beyond an end that wraps.
    """

    def __init__(
        self,
        rows: Floats,
        cols: Floats,
        shape: tuple[int, int],
        *,
        wrap: tuple[bool, bool] = (False, False),
    ) -> None:
        check_size(shape)
        self.source, self.shape = shape, (rows.shape[0] - 1, rows.shape[1] - 1)
        down, across = np.ascontiguousarray(rows, float), np.ascontiguousarray(cols, float)
        most = _count(down, across, shape[0], shape[1], wrap[0], wrap[1])
        index, share = np.empty(most, np.int32), np.empty(most, np.float32)
        self._starts = np.zeros(self.shape[0] * self.shape[1] + 1, np.int64)
        used = _overlap(
            down, across, shape[0], shape[1], wrap[0], wrap[1], self._starts, index, share
        )
        self._index, self._share = index[:used].copy(), share[:used].copy()

    def mean(self, values: Array) -> Array:
        """Return the mean over the area of each cell; missing pixels take no part.

        Parameters
        ----------
        values
            (..., rows, cols), any number type.

        Returns
        -------
        numpy.ndarray
            (..., y, x) in the type that `Gather.bilinear` returns; NaN where less than half of a
            cell has values.
        """
        found = np.asarray(values)
        check_shape(found, self.source)
        dtype = np.float32 if np.can_cast(found.dtype, np.float32) else np.float64
        planes = np.ascontiguousarray(found, dtype).reshape(-1, self.source[0] * self.source[1])
        result = np.empty((len(planes), len(self._starts) - 1), dtype)
        for plane, out in zip(planes, result, strict=True):
            _weigh(plane, self._starts, self._index, self._share, _LEAST_COVERED, out)
        return result.reshape(*found.shape[:-2], *self.shape)


@compiled
def _span(positions: Floats, row: int, col: int, size: int, wrap: bool) -> tuple[int, int]:
    """Return the pixels that a cell can touch, along one axis; none where a corner is not known."""
    one, two = positions[row, col], positions[row, col + 1]
    three, four = positions[row + 1, col], positions[row + 1, col + 1]
    least, most = min(one, two, three, four), max(one, two, three, four)
    if not (np.isfinite(one + two + three + four) and most > -size and least < 2 * size):
        return 0, 0
    first, end = int(np.floor(least)), int(np.ceil(most))
    return (first, end) if wrap else (max(first, 0), min(end, size))


@compiled
def _count(
    rows: Floats, cols: Floats, height: int, width: int, wrap_rows: bool, wrap_cols: bool
) -> int:
    count = 0
    for row in range(rows.shape[0] - 1):
        for col in range(rows.shape[1] - 1):
            top, bottom = _span(rows, row, col, height, wrap_rows)
            left, right = _span(cols, row, col, width, wrap_cols)
            count += max(bottom - top, 0) * max(right - left, 0)
    return count


@compiled
def _clip(source: Floats, count: int, axis: int, limit: float, sign: float, out: Floats) -> int:
    """Cut a polygon (vertices, 2) at a line across one axis; return its number of vertices."""
    kept = 0
    for place in range(count):
        after = place + 1 if place + 1 < count else 0
        here = (source[place, axis] - limit) * sign
        there = (source[after, axis] - limit) * sign
        if here >= 0:
            out[kept, 0], out[kept, 1] = source[place, 0], source[place, 1]
            kept += 1
        if (here > 0 and there < 0) or (here < 0 and there > 0):
            share = here / (here - there)
            for of in range(2):
                out[kept, of] = source[place, of] + share * (source[after, of] - source[place, of])
            kept += 1
    return kept


@compiled
def _area(polygon: Floats, count: int) -> float:
    total = 0.0
    for place in range(1, count - 1):
        total += (polygon[place, 0] - polygon[0, 0]) * (polygon[place + 1, 1] - polygon[0, 1])
        total -= (polygon[place + 1, 0] - polygon[0, 0]) * (polygon[place, 1] - polygon[0, 1])
    return abs(total) / 2


@compiled
def _overlap(
    rows: Floats, cols: Floats, height: int, width: int, wrap_rows: bool, wrap_cols: bool,
    starts: Array, index: Array, share: Array,
) -> int:  # fmt: skip
    cell, band = np.empty((4, 2)), np.empty((12, 2))
    spare, cut = np.empty((12, 2)), np.empty((12, 2))
    used, place = 0, 0
    for row in range(rows.shape[0] - 1):
        for col in range(rows.shape[1] - 1):
            top, bottom = _span(rows, row, col, height, wrap_rows)
            left, right = _span(cols, row, col, width, wrap_cols)
            for corner, (i, j) in enumerate(((0, 0), (0, 1), (1, 1), (1, 0))):
                cell[corner, 0], cell[corner, 1] = rows[row + i, col + j], cols[row + i, col + j]
            whole = _area(cell, 4)
            for at in range(top, bottom if left < right and whole > 0 else top):
                count = _clip(cell, 4, 0, at, 1.0, spare)
                count = _clip(spare, count, 0, at + 1, -1.0, band)
                for beside in range(left, right):
                    part = _clip(band, count, 1, beside, 1.0, spare)
                    part = _clip(spare, part, 1, beside + 1, -1.0, cut)
                    area = _area(cut, part)
                    if area > 0:
                        index[used] = (at % height) * width + beside % width
                        share[used] = area / whole
                        used += 1
            place += 1
            starts[place] = used
    return used


@compiled
def _weigh(
    values: Array, starts: Array, index: Array, share: Array, least: float, out: Array
) -> None:
    for place in range(out.size):
        total, weight = 0.0, 0.0
        for at in range(starts[place], starts[place + 1]):
            value = values[index[at]]
            if not np.isnan(value):
                total += share[at] * value
                weight += share[at]
        out[place] = total / weight if weight >= least else np.nan
