"""From slant range to the pixel across the track, by the polynomials that a product brings.

Those from ground to slant range are the reference, one for each second or so. Which one holds
between them is not said: the geolocation grid of products is made with the nearest in time, others
take the linear mean of two. Both are offered. The list of old products (IPF 2.36) ends before the
image does; what is missing, up to 17 m, is found again in the geolocation grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.geometry.orbits import LIGHT
from tiling.sentinel1.products.annotations import GeolocationGrid, RangePolynomials

__all__ = ["GroundRanges", "RangeMode", "completed", "ground_ranges"]

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
    added
        Polynomials at the ends that are not in the product's list; see `completed`.
    """

    polynomials: RangePolynomials
    spacing: float
    mode: RangeMode
    first: float
    table: Floats
    step: float = STEP
    added: int = 0

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
    polynomials: RangePolynomials,
    *,
    spacing: float,
    samples: int,
    mode: RangeMode = "linear",
    added: int = 0,
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
    mode, added
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
    return GroundRanges(polynomials, spacing, mode, first, np.array(rows), added=added)


def completed(
    polynomials: RangePolynomials, grid: GeolocationGrid, spacing: float
) -> RangePolynomials:
    """Add the polynomials that a list lacks at the ends of an image, from the geolocation grid.

    The first and the last row of the grid are made with the polynomial nearest in time. Where that
    is none of the list, because the next one would be nearer, it is fitted to the slant ranges of
    the row.

    Parameters
    ----------
    polynomials
        Of the annotation.
    grid
        Of the same annotation.
    spacing
        Metres of a pixel.

    Returns
    -------
    RangePolynomials
        The same where nothing is missing.
    """
    at = polynomials.times
    if len(at) < 2:
        return polynomials
    first, last = grid.lines == grid.lines.min(), grid.lines == grid.lines.max()
    before, after = at[1] - at[0], at[-1] - at[-2]
    if at[0] - grid.times[first].max() > before / 2:
        polynomials = _with_row(
            polynomials, grid, first, spacing, end=0, time=float(at[0] - before)
        )
    if grid.times[last].min() - at[-1] > after / 2:
        polynomials = _with_row(
            polynomials, grid, last, spacing, end=-1, time=float(at[-1] + after)
        )
    return polynomials


def _with_row(
    polynomials: RangePolynomials,
    grid: GeolocationGrid,
    row: npt.NDArray[np.bool_],
    spacing: float,
    *,
    end: Literal[0, -1],
    time: float,
) -> RangePolynomials:
    """Add the polynomial of a row of the grid in front of the first (0) or behind the last (-1)."""
    degree = polynomials.to_slant.shape[1] - 1
    if row.sum() <= degree:
        return polynomials
    ground = grid.pixels[row] * spacing - polynomials.ground_origins[end]
    fitted = np.polynomial.Polynomial.fit(ground, grid.slant_times[row] * LIGHT / 2, degree)
    to_slant = np.zeros(degree + 1)
    coefficients = fitted.convert().coef
    to_slant[: len(coefficients)] = coefficients
    place = 0 if end == 0 else len(polynomials.times)

    def extended(values: Floats, value: Floats | float) -> Floats:
        return np.asarray(np.insert(values, place, value, axis=0), np.float64)

    return RangePolynomials(
        extended(polynomials.times, time),
        extended(polynomials.ground_origins, polynomials.ground_origins[end]),
        extended(polynomials.slant_origins, polynomials.slant_origins[end]),
        extended(polynomials.to_slant, to_slant),
        # the inverse only says where the search for the true one begins
        extended(polynomials.to_ground, polynomials.to_ground[end]),
    )


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
