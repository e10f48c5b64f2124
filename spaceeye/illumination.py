"""Gain of each band and date: how much brighter a whole scene is than another.

Two ways to see it. The *region mean* compares the mean of whatever pixels are clear; it takes a
change of land cover in the clear part for light. The *relative* gain compares each date with the
clearest one over the pixels that are clear in both. Gains are known on the dates that show enough
of the region; between them they are interpolated linearly, outside they are constant. Reflectance
is divided by the gain before the interpolation in time and multiplied by it after.

Means are taken over the whole region, never over a block. They come from integer sums, so that any
cut into blocks and any order of adding give the same gains to the last bit::

    sums = clear_sums(dn, weights) + clear_sums(more_dn, more_weights)
    found = gains(sums, days)
    found.at(days), found.at(out_days)  # (N, B) to divide by, (T, B) to multiply with

The relative gain takes a second pass, with ``anchor=sums.clearest`` in `clear_sums`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from spaceeye.reductions import summed
from spaceeye.series import Series
from workbench.errors import BadInput

__all__ = [
    "ClearSums",
    "Gains",
    "Illumination",
    "check_method",
    "clear_sums",
    "gains",
    "region_gains",
]

logger = logging.getLogger(__name__)

Illumination = Literal["none", "region-mean", "relative"]
"""How the light of the dates is evened out, if at all."""

MIN_CLEAR = 0.1
"""Least clear fraction of the region on a date whose mean counts."""

MIN_SHARED = 0.01
"""A date counts beside the anchor if more than this fraction of the region is clear on both."""

LOW_CLEAR = 0.3  # an accepted date with a smaller clear fraction is warned about
SMALL_REGION = 5e6  # m2; a smaller region is warned about
FLOAT_UNIT = 2.0**-20  # floats are summed as multiples of it

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ClearSums:
    """Sums over the clear pixels of a part of the region; two parts add exactly with ``+``.

    Attributes
    ----------
    totals
        (N, B) int64, sum of DN over the pixels counted.
    counts
        (N,) int64, pixels counted: clear, or clear on the anchor too.
    pixels
        All pixels of the part.
    anchor
        Number of the date compared with, None in the first pass.
    anchor_totals
        (N, B) int64, sum of the anchor's DN over the same pixels; zero in the first pass.
    """

    totals: Ints
    counts: Ints
    pixels: int
    anchor: int | None
    anchor_totals: Ints

    def __add__(self, other: ClearSums) -> ClearSums:
        if self.totals.shape != other.totals.shape or self.anchor != other.anchor:
            raise BadInput(
                f"sums of {self.totals.shape} dates and bands (anchor {self.anchor}) and of "
                f"{other.totals.shape} (anchor {other.anchor}) are not of one series"
            )
        return ClearSums(
            self.totals + other.totals,
            self.counts + other.counts,
            self.pixels + other.pixels,
            self.anchor,
            self.anchor_totals + other.anchor_totals,
        )

    @property
    def fractions(self) -> Floats:
        """(N,) pixels counted as a fraction of all."""
        return np.asarray(self.counts / max(self.pixels, 1), np.float64)

    @property
    def clearest(self) -> int:
        """The date with most clear pixels, the first of equals."""
        return int(self.counts.argmax())


def clear_sums(
    reflectance: npt.NDArray[Any], weights: npt.NDArray[Any], anchor: int | None = None
) -> ClearSums:
    """Sum a block of the region.

    Parameters
    ----------
    reflectance
        (N, B, ...) DN as unsigned integers, or reflectance as floats, which are rounded to
        multiples of 2**-20 and may be NaN where the weight is 0.
    weights
        (N, ...); a pixel is clear where its weight is at least 0.5 (and its values are finite).
    anchor
        Second pass of the relative gain: count only pixels that are clear on this date too.

    Returns
    -------
    ClearSums
        In DN, or in multiples of 2**-20 of reflectance.

    Raises
    ------
    BadInput
        Shapes that do not fit.
    """
    if reflectance.ndim < 2 or reflectance[:, 0].shape != weights.shape:
        raise BadInput(
            f"reflectance {reflectance.shape} and weights {weights.shape}: (N, B, ...) and (N, ...)"
        )
    dates, bands = reflectance.shape[:2]
    values = reflectance.reshape(dates, bands, -1)
    clear = np.asarray(weights >= 0.5).reshape(dates, -1)
    totals, anchor_totals = np.zeros((2, dates, bands), np.int64)
    counts = np.zeros(dates, np.int64)
    reference = None if anchor is None else _whole(values[anchor], clear[anchor])
    for at in range(dates):
        here, seen = _whole(values[at], clear[at])
        if reference is not None:
            seen = seen & reference[1]
            anchor_totals[at] = (reference[0] * seen).sum(axis=1, dtype=np.int64)
        counts[at] = seen.sum()
        totals[at] = (here * seen).sum(axis=1, dtype=np.int64)
    return ClearSums(totals, counts, clear.shape[1], anchor, anchor_totals)


def _whole(
    values: npt.NDArray[Any], clear: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Give the values of a date (B, P) as integers, and where it is clear (P,)."""
    if not np.issubdtype(values.dtype, np.floating):
        return values, clear
    clear = clear & np.isfinite(values).all(axis=0)
    return np.rint(np.where(clear, values, 0) / FLOAT_UNIT).astype(np.int64), clear


@dataclass(frozen=True)
class Gains:
    """Gain of each band on any day.

    Attributes
    ----------
    days
        (K,) ascending: the accepted dates.
    values
        (K, B) their gains, float64, dimensionless and about 1.
    accepted
        (N,) which of the dates of the series they are.
    """

    days: Floats
    values: Floats
    accepted: npt.NDArray[np.bool_]

    def at(self, days: npt.ArrayLike) -> Floats:
        """Give the gains on any days: linear between accepted dates, constant outside.

        Parameters
        ----------
        days
            (T,) counted as those of the series.

        Returns
        -------
        numpy.ndarray
            (T, B) float64, dimensionless; ones if no date is accepted.
        """
        where = np.asarray(days, np.float64)
        if not self.days.size:
            return np.ones((where.size, self.values.shape[1]))
        return np.stack(
            [np.interp(where, self.days, band) for band in self.values.T], axis=1
        ).astype(np.float64)


def gains(sums: ClearSums, days: npt.ArrayLike, *, area: float | None = None) -> Gains:
    """Estimate gains from the sums over a whole region.

    Sums of the first pass give the region mean: the mean of each accepted date over the average of
    these means. Those of the second pass, with an anchor, give the relative gain: the ratio to the
    anchor over pixels clear in both.

    Parameters
    ----------
    sums
        Of all parts of the region.
    days
        (N,) dates of the series, days, ascending.
    area
        Of the region, m2. A region under 5 km2 is warned about, as is an accepted date that shows
        less than 0.3 of the region: there land cover is taken for light.

    Returns
    -------
    Gains
        Of the dates that show enough of the region: a fraction of 0.1 is clear, or more than 0.01
        together with the anchor.
    """
    when = np.asarray(days, np.float64)
    mean = sums.totals / np.maximum(sums.counts, 1)[:, None]
    seen = (sums.counts > 0) & (mean > 0).all(axis=1)
    if sums.anchor is None:
        accepted = seen & (sums.fractions >= MIN_CLEAR)
        reference = mean[accepted].mean(axis=0) if accepted.any() else np.ones(mean.shape[1])
    else:
        accepted = seen & (sums.anchor_totals > 0).all(axis=1) & (sums.fractions > MIN_SHARED)
        reference = (sums.anchor_totals / np.maximum(sums.counts, 1)[:, None])[accepted]
    _warn(sums, accepted, area)
    return Gains(when[accepted], np.asarray(mean[accepted] / reference), accepted)


def check_method(method: Any) -> Illumination:
    """Check the name of a way to even out the light.

    Parameters
    ----------
    method
        ``"none"``, ``"region-mean"`` or ``"relative"``.

    Returns
    -------
    str
        The same.

    Raises
    ------
    BadInput
        If there is none of this name.
    """
    if method not in get_args(Illumination):
        raise BadInput(f"illumination={method!r}: one of {', '.join(get_args(Illumination))}")
    found: Illumination = method
    return found


def region_gains(series: Series, method: Literal["region-mean", "relative"]) -> Gains:
    """Estimate the gains of a series, in memory or on Dask, in one pass or two.

    Parameters
    ----------
    series
        Values without an offset: DN or reflectance.
    method
        See `gains`.

    Returns
    -------
    Gains
        The same for any chunking, to the last bit.
    """
    sums = summed(series, clear_sums)
    if method == "relative":
        sums = summed(series, clear_sums, anchor=sums.clearest)
    return gains(sums, series.days, area=_area(series))


def _area(series: Series) -> float | None:
    """Give the area of the region, m2; None where it has one row or one column only."""
    y, x = series.values["y"].values, series.values["x"].values
    if len(y) < 2 or len(x) < 2:
        return None
    return float(abs(y[1] - y[0]) * abs(x[1] - x[0]) * len(y) * len(x))


def _warn(sums: ClearSums, accepted: npt.NDArray[np.bool_], area: float | None) -> None:
    method = "region-mean" if sums.anchor is None else "relative"
    if not accepted.any():
        logger.warning("illumination %s: no date shows enough of the region, no gain used", method)
        return
    if area is not None and area < SMALL_REGION:
        logger.warning(
            "illumination %s on %.2f km2: on a small region changes of a few fields pass for light "
            "(advised from %g km2 on; illumination='none' is safer)",
            method, area / 1e6, SMALL_REGION / 1e6,
        )  # fmt: skip
    low = accepted & (sums.fractions < LOW_CLEAR)
    if low.any():
        logger.warning(
            "illumination %s: %d of %d accepted dates count less than %g of the region (dates "
            "number %s): their gains may hold land cover",
            method, low.sum(), accepted.sum(), LOW_CLEAR, np.flatnonzero(low).tolist(),
        )  # fmt: skip
