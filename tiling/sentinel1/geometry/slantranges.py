"""From slant range to the pixel across the track, by the polynomials that a product brings.

Those from ground to slant range are the reference, one for each second or so. Which one holds
between them is not said: the geolocation grid of products is made with the nearest in time, others
take the linear mean of two. Both are offered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.products.annotations import RangePolynomials

__all__ = ["GroundRanges", "RangeMode", "ground_ranges"]

Floats = npt.NDArray[np.float64]

RangeMode = Literal["linear", "nearest"]

STEP = 64.0
"""Metres of slant range between two entries of the table; linear between them is good to 5 mm."""


@dataclass(frozen=True, eq=False)
class GroundRanges:
    """The inverse of the polynomials from ground to slant range.

    Attributes
    ----------
    polynomials
        Of the product.
    spacing
        Metres of a pixel.
    mode
        Between the times of polynomials.
    first
        Slant range of the first column of the table, metres.
    table
        (k, n) pixels.
    step
        Metres between columns.
    """

    polynomials: RangePolynomials
    spacing: float
    mode: RangeMode
    first: float
    table: Floats
    step: float = STEP

    def pixels(self, times: Floats, ranges: Floats, mode: RangeMode | None = None) -> Floats:
        """Return the pixels at which slant ranges lie, exactly; NaN where there is none.

        Parameters
        ----------
        times
            (n,) seconds since the first line.
        ranges
            (n,) metres.
        mode
            Another than that of the product.
        """
        at = self.polynomials.times
        if len(at) == 1:
            return self._pixels(np.zeros(len(times), dtype=int), ranges)
        after = np.clip(np.searchsorted(at, times), 1, len(at) - 1)
        share = np.clip((times - at[after - 1]) / (at[after] - at[after - 1]), 0, 1)
        if (mode or self.mode) == "nearest":
            return self._pixels(np.where(share > 0.5, after, after - 1), ranges)
        before = self._pixels(after - 1, ranges)
        return before + share * (self._pixels(after, ranges) - before)

    def _pixels(self, which: npt.NDArray[np.int_], ranges: Floats) -> Floats:
        found = np.empty(len(ranges))
        for index in np.unique(which):
            chosen = which == index
            found[chosen] = _ground(self.polynomials, int(index), ranges[chosen])
        return found / self.spacing


def ground_ranges(
    polynomials: RangePolynomials, *, spacing: float, samples: int, mode: RangeMode = "linear"
) -> GroundRanges:
    """Invert the polynomials of a product.

    Parameters
    ----------
    polynomials
        Of the annotation.
    spacing
        Metres of a pixel.
    samples
        Of a line; the table reaches a little beyond.
    mode
        See `GroundRanges`.
    """
    ends = np.array([-50.0, samples + 50.0]) * spacing
    slant = [
        np.polynomial.polynomial.polyval(ends - origin, row)
        for origin, row in zip(polynomials.ground_origins, polynomials.to_slant, strict=True)
    ]
    first, last = float(np.min(slant)), float(np.max(slant))
    columns = np.asarray(first + STEP * np.arange(int((last - first) // STEP) + 2), np.float64)
    rows = [_ground(polynomials, k, columns) / spacing for k in range(len(polynomials.times))]
    return GroundRanges(polynomials, spacing, mode, first, np.array(rows))


def _ground(polynomials: RangePolynomials, index: int, slant: Floats) -> Floats:
    """Return ground ranges by one polynomial; the approximate inverse begins the iteration."""
    from tiling.sentinel1.geometry import _geometry_loops

    origin = polynomials.ground_origins[index]
    guess = np.polynomial.polynomial.polyval(
        slant - polynomials.slant_origins[index], polynomials.to_ground[index]
    )
    found: Floats = np.empty(len(slant))
    _geometry_loops.ground_ranges(slant, polynomials.to_slant[index], guess - origin, found)
    found += origin
    return found
