"""Values that are no displacement: marks of missing ones, and what no radar can follow.

Some tables mark a missing value by a number such as -9999. As a displacement it would be a ground
that leaps by ten metres and back, so marks are taken as missing. A point whose displacement changes
between two acquisitions by many times what its phase can carry (half a wavelength) is left out.
Both are counted and the first place is told: nothing of this happens in silence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.sentinel1 import WAVELENGTH_MM

Floats = npt.NDArray[np.float64]

_NINES = (999.0, 999.9, 9999.0, 9999.9, 99999.0, 999999.0)
MARKS = np.array([sign * nines for nines in _NINES for sign in (1, -1)] + [-32768.0, 32767.0])
HEIGHT_MARKS = MARKS[MARKS < -500]  # 999 m is a height
LARGEST_MM = 1e4  # half a wavelength every six days for six years
LARGEST_JUMP_MM = 10 * WAVELENGTH_MM / 2  # ten times what the phase can tell apart
MAX_NUMBER = 1e6  # a kilometre in mm; a larger number is no displacement, height or velocity


@dataclass
class Remarks:
    """What was met in the rows of a burst: how often, and where first.

    Attributes
    ----------
    counts
        Number of values or points by kind: ``marks``, ``impossible``.
    first
        The first place of each kind, in words.
    """

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, count: int, place: str) -> None:
        """Count values of a kind; the first place is kept."""
        self.counts[kind] += count
        self.first.setdefault(kind, place)


def span(series: list[Floats]) -> tuple[float, float]:
    """Return the least and the greatest of all values, inf and -inf where there is none.

    Parameters
    ----------
    series
        Arrays of any lengths; NaN is missing.
    """
    low = [np.fmin.reduce(values, initial=np.inf) for values in series]
    high = [np.fmax.reduce(values, initial=-np.inf) for values in series]
    return min(low, default=np.inf), max(high, default=-np.inf)


def are_ordinary(low: float, high: float) -> bool:
    """Return whether displacements in a span are neither marks nor impossible, whatever they are.

    Parameters
    ----------
    low, high
        As of `span`.
    """
    return not (high - low > LARGEST_JUMP_MM or max(high, -low) >= np.abs(MARKS).min())


def without_marks(values: Floats, marks: Floats = MARKS) -> tuple[Floats, npt.NDArray[Any]]:
    """Return values with NaN for marks of missing ones, and the rows of these marks.

    Parameters
    ----------
    values
        (n,); not changed.
    """
    none = np.empty(0, np.int64)
    if not len(values) or np.fmax.reduce(np.abs(values)) < np.abs(marks).min():
        return values, none
    marked = np.isin(values, marks)
    if not marked.any():
        return values, none
    return np.where(marked, np.nan, values), np.flatnonzero(marked)


def impossible(series: list[Floats]) -> tuple[npt.NDArray[np.bool_], tuple[int, float, float]]:
    """Find points whose displacement no radar can follow.

    Parameters
    ----------
    series
        One (n,) array per acquisition, mm, NaN where missing.

    Returns
    -------
    wild
        (n,) bool.
    place
        Of the first such point: number of the acquisition, its value and the one before (mm).
    """
    count = len(series[0]) if series else 0
    wild = np.zeros(count, bool)
    if not count or are_ordinary(*span(series)):
        return wild, (0, 0.0, 0.0)
    before = np.full(count, np.nan)
    found: dict[int, tuple[int, float, float]] = {}
    for number, values in enumerate(series):
        with np.errstate(invalid="ignore"):
            fresh = np.abs(values - before) > LARGEST_JUMP_MM
            fresh |= np.abs(values) > LARGEST_MM
        for row in np.flatnonzero(fresh & ~wild):
            found[int(row)] = (number, float(values[row]), float(before[row]))
        wild |= fresh
        before = np.where(np.isnan(values), before, values)
    return wild, found[min(found)] if found else (0, 0.0, 0.0)
