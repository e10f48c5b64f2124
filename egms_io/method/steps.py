"""Steps of a series at dates where other bursts contribute than the date before.

The series of two bursts of a pass have references of their own. Where one of them begins or ends,
the solution changes by their offset: a step that is no motion. It is measured against the bursts
that are there on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from egms_io.method.decomposition import Combine, Means, Solution, solve

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Steps:
    """Where the bursts of cells change.

    Attributes
    ----------
    changed
        (dates, cells) whether a solved date has other bursts than the solved date before it.
    size
        (dates, cells) mm, the larger of the east and the up step; NaN without one, and where no
        burst of both passes is on both sides.
    """

    changed: Bools
    size: Floats


def present_dates(part: Means, cells: int) -> Bools | None:
    """Return at which dates a burst has a value, (dates, cells); None when at all of its cells."""
    known = ~np.isnan(part.series)
    if known.all():
        return None
    present = np.zeros((len(known), cells), bool)
    present[:, part.cells] = known
    return present


def find_steps(
    parts: Iterable[Means],
    present: dict[int, Bools],
    solution: Solution,
    *,
    combine: Combine,
) -> Steps:
    """Find the dates with other bursts, and how far the series step there.

    Parameters
    ----------
    parts
        As given to `egms_io.method.decomposition.solve`; read once more.
    present
        Result of `present_dates` of the parts that have holes, by their order.
    solution
        Of the parts.
    """
    dates, cells = solution.east.shape
    solved = ~np.isnan(solution.east)
    changed = np.zeros((dates, cells), bool)
    for known in present.values():
        changed[1:] |= known[1:] != known[:-1]
    changed[1:] &= solved[1:] & solved[:-1]
    size = np.full((dates, cells), np.nan)
    where = changed.any(axis=0)
    if not where.any():
        return Steps(changed, size)
    kept = list(parts)
    after = _of_lasting(kept, present, 1, cells, dates, combine)
    before = _of_lasting(kept, present, -1, cells, dates, combine)
    for whole, late, early in (
        (solution.east, after.east, before.east),
        (solution.up, after.up, before.up),
    ):
        step = np.abs((whole - late)[1:] - (whole - early)[:-1])
        size[1:] = np.fmax(size[1:], np.where(changed[1:], step, np.nan))
    return Steps(changed, size)


def _of_lasting(
    parts: list[Means],
    present: dict[int, Bools],
    way: int,
    cells: int,
    dates: int,
    combine: Combine,
) -> Solution:
    """Solve with the bursts that are there at a date and at the one before (1) or after (-1) it."""
    masked = []
    for number, part in enumerate(parts):
        known = present.get(number)
        if known is None:
            masked.append(part)
            continue
        lasting = known[:, part.cells] & np.roll(known[:, part.cells], way, axis=0)
        masked.append(replace(part, series=np.where(lasting, part.series, np.nan)))
    return solve(masked, cells, dates, combine=combine)
