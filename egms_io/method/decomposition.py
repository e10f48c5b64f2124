"""East and up displacement from lines of sight.

Bursts of one cell give normal equations ``N (e, u) = r`` with ``N = Σ a aᵀ`` and ``r = Σ a z`` over
bursts, where ``a`` is a burst's mean line of sight (east, up) and ``z`` its mean displacement.
North is not solved: two look directions do not determine it. Sums run in the order of the bursts'
names and elementwise, so the result does not depend on workers or on the order of the input.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from egms_io.errors import BadArgument

MAX_CONDITION = 20.0  # of the square root of N: beyond it, the look directions are too alike
Combine = Literal["burst", "pass", "point"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass
class Means:
    """Means of one burst, or one pass, over the cells of a block.

    Attributes
    ----------
    cells
        (m,) positions of its cells among those of the block.
    ascending
        Whether its pass is ascending, else descending.
    points
        (m,) number of points.
    los
        (2, 1 or dates, m) mean line of sight, east and up.
    series
        (dates, m) mean displacement, mm, NaN where unknown.
    gnss
        (m,) mean GNSS velocity along the line of sight, mm / yr, NaN where unknown.
    gnss_los
        (2, m) mean line of sight of the points that have one.
    squares, products
        For least squares over points: Σ a aᵀ as (3, m) east·east, east·up, up·up, and Σ a z as
        (2, dates, m), mm; None otherwise.
    """

    cells: npt.NDArray[np.int64]
    ascending: bool
    points: Floats
    los: Floats
    series: Floats
    gnss: Floats
    gnss_los: Floats
    squares: Floats | None = None
    products: Floats | None = None


@dataclass
class Solution:
    """East and up displacement of the cells of a block.

    Attributes
    ----------
    east, up
        (dates, cells) mm; NaN at dates that cannot be solved.
    gnss
        (2, cells) east and up GNSS velocity, mm / yr.
    condition
        (cells,) condition number of the square root of N, the worst over dates; NaN where a pass is
        missing.
    """

    east: Floats
    up: Floats
    gnss: Floats
    condition: Floats


def solve(parts: Iterable[Means], cells: int, dates: int, *, combine: Combine) -> Solution:
    """Solve for east and up displacement.

    Parameters
    ----------
    parts
        Bursts in the order of their names.
    cells, dates
        Size of the result.
    combine
        ``"burst"``: bursts count equally. ``"pass"``: the bursts of a pass are averaged first, by
        number of points. ``"point"``: points count equally.

    Returns
    -------
    Solution
        A date is solved when at least one ascending and one descending burst have a value and the
        condition is at most `MAX_CONDITION`.

    Raises
    ------
    BadArgument
        For another `combine`.
    """
    if combine not in ("burst", "pass", "point"):
        raise BadArgument(f"combine={combine!r}: choose 'burst', 'pass' or 'point'")
    from egms_io.method.additions import add_projected, solve_pairs  # loads numba

    if combine == "pass":
        parts = _merge_passes(parts, cells, dates)
    # N and the passes seen are the same at every date until a series with gaps comes.
    normal = np.zeros((3, 1, cells))
    seen = np.zeros((2, 1, cells), bool)
    right = np.zeros((2, dates, cells))
    velocity_normal = np.zeros((3, cells))
    velocity_right = np.zeros((2, cells))
    for part in parts:
        present = ~np.isnan(part.series)
        if present.all() and part.los.shape[1] == 1:
            present = present[:1]
        elif normal.shape[1] == 1:
            normal, seen = (np.repeat(array, dates, axis=1) for array in (normal, seen))
        squares = _squares(part.los) if part.squares is None else part.squares[:, None]
        normal[:, :, part.cells] += np.where(present, squares, 0.0)
        if part.products is None:
            add_projected(right, part.cells, part.los, part.series)
        else:
            right[:, :, part.cells] += np.where(present, part.products, 0.0)
        seen[int(part.ascending)][:, part.cells] |= present
        known = ~np.isnan(part.gnss)
        velocity_normal[:, part.cells] += np.where(known, _squares(part.gnss_los), 0.0)
        velocity_right[:, part.cells] += np.where(known, part.gnss_los * part.gnss, 0.0)
    condition = _condition(normal)
    solvable = seen.all(axis=0) & (condition <= MAX_CONDITION)
    solve_pairs(normal, right, solvable)
    east, up = right
    condition = np.where(seen.all(axis=0), condition, -np.inf).max(axis=0, initial=-np.inf)
    velocities = np.where(
        _condition(velocity_normal) <= MAX_CONDITION,
        _solve(velocity_normal, velocity_right),
        np.nan,
    )
    return Solution(east, up, velocities, np.where(np.isinf(condition), np.nan, condition))


def _squares(los: Floats) -> Floats:
    return los[[0, 0, 1]] * los[[0, 1, 1]]


def _merge_passes(parts: Iterable[Means], cells: int, dates: int) -> list[Means]:
    """Average the bursts of each pass, weighted by their points, date by date."""
    sums = {
        ascending: (
            np.zeros((dates, cells)),
            np.zeros((2, dates, cells)),
            np.zeros((dates, cells)),
            np.zeros((4, cells)),  # points with a GNSS velocity, their velocity and line of sight
        )
        for ascending in (False, True)
    }
    for part in parts:
        weight, los, series, gnss = sums[part.ascending]
        present = ~np.isnan(part.series)
        weight[:, part.cells] += np.where(present, part.points, 0.0)
        los[:, :, part.cells] += np.where(present, part.points * part.los, 0.0)
        series[:, part.cells] += np.where(present, part.points * part.series, 0.0)
        known = np.where(np.isnan(part.gnss), 0.0, part.points)
        velocity = known * np.nan_to_num(part.gnss)
        gnss[:, part.cells] += [known, velocity, *(known * part.gnss_los)]
    merged = []
    for ascending, (weight, los, series, gnss) in sums.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            merged.append(
                Means(
                    cells=np.arange(cells),
                    ascending=ascending,
                    points=weight.max(axis=0, initial=0),
                    los=np.nan_to_num(los / weight),
                    series=series / weight,
                    gnss=gnss[1] / gnss[0],
                    gnss_los=np.nan_to_num(gnss[2:] / gnss[0]),
                )
            )
    return merged


def _condition(normal: Floats) -> Floats:
    """Return the condition of the square root of 2×2 matrices (ee, eu, uu), inf if singular."""
    ee, eu, uu = normal
    largest = (ee + uu + np.sqrt((ee - uu) ** 2 + 4 * eu**2)) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        smallest = (ee * uu - eu**2) / largest
        return np.asarray(np.where(smallest > 0, np.sqrt(largest / smallest), np.inf))


def _solve(normal: Floats, right: Floats) -> Floats:
    ee, eu, uu = normal
    with np.errstate(invalid="ignore", divide="ignore"):
        determinant = ee * uu - eu**2
        return np.asarray(
            [uu * right[0] - eu * right[1], ee * right[1] - eu * right[0]] / determinant
        )
