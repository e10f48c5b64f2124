"""Sums over the points of each cell in whole numbers, and the means they give.

Values are counted in units finer than the digits of the files and summed as int64. Whole numbers
add the same in any order, so sums of any batches, parts or permutations of a burst, merged in any
tree, are identical to the last bit. A mean is one division at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

MM = 1e4  # units per mm, per mm / yr and per m; files have one decimal
SQUARED_MM = 1e2  # units per mm in squared displacements, whose sums would not fit otherwise
COSINE = 1e6  # units per 1 in the parts of the line of sight; files have three decimals

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
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
        (1, acquisitions, m) displacement in mm / `MM`; with `squares` (3, acquisitions, m): the
        displacement times the east and times the up part, in mm / `MM` / `COSINE`, and itself.
    squared
        (m,) squared displacement, summed over the acquisitions too, in (mm / `SQUARED_MM`)².
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
    squared: Ints
    squares: Ints | None = None
    present: Ints | None = None

    def take(self, cells: Any) -> CellSums:
        """Return the sums of some of the cells (an index or slice of the last axis)."""
        values: dict[str, Any] = {
            name: None if array is None else array[..., cells] for name, array in vars(self).items()
        }
        return CellSums(**values)


def merge(parts: Sequence[CellSums]) -> CellSums:
    """Add cell sums of the same acquisitions, at least one; exact, so in any grouping the same."""
    if len(parts) == 1:
        return parts[0]
    from egms_io.method.additions import add_rows  # loads numba

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
        rows = prod(first.shape[:-1])
        total = np.zeros((rows, len(key)), np.int64)
        for part, cells in zip(parts, places, strict=True):
            added = getattr(part, name).reshape(rows, len(cells))
            add_rows(total, cells, added)
        merged[name] = total.reshape(*first.shape[:-1], len(key))
    return CellSums(**merged)


def mean_los(sums: CellSums) -> Floats:
    """Return the mean line of sight of each cell, (2, m) float64, east and up."""
    return sums.los / (sums.points * COSINE)


def mean_series(sums: CellSums) -> tuple[Floats, Bools | None]:
    """Return the mean displacement of each cell at each acquisition.

    Returns
    -------
    series
        (acquisitions, m) mm; missing values are left out of the mean, 0 where all are.
    present
        (acquisitions, m) bool, whether a point has a value; None when none is missing.
    """
    if sums.present is None:
        return sums.series[0] / (sums.points * MM), None
    present = sums.present > 0
    return sums.series[0] / (np.where(present, sums.present, 1) * MM), present


def within_cells(sums: CellSums) -> tuple[Floats, Floats]:
    """Return how far the points of each cell are from their mean series.

    Returns
    -------
    squares
        (m,) mm², Σ (y - ȳ)² over points and acquisitions, with ȳ the mean at the acquisition.
    freedom
        (m,) its degrees of freedom, Σ (n - 1) over acquisitions, with n the points with a value.

    Notes
    -----
    Σ (y - ȳ)² = Σ y² - (Σ y)² / n. Both sums are of whole numbers and exact, and nothing is
    rounded before the difference is taken: the formula loses no digits here, unlike with sums in
    floating point (Chan, Golub and LeVeque, 1983, The American Statistician 37, 242-247).
    """
    from egms_io.method.additions import add_spread  # loads numba

    total = sums.series[-1]
    counts = sums.points[None] if sums.present is None else sums.present
    about_mean, freedom = np.zeros(total.shape[1]), np.zeros(total.shape[1], np.int64)
    add_spread(total, counts, MM, about_mean, freedom)
    return np.maximum(sums.squared / SQUARED_MM**2 - about_mean, 0.0), freedom.astype(float)


def mean_gnss(sums: CellSums) -> Floats:
    """Return the mean GNSS velocity along the line of sight, (m,) mm / yr, NaN without any."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums.gnss / (sums.velocities * MM))
