"""Robust weights: observations that disagree with all others of their pixel count less.

Haze and shadow that the mask missed stand out against the leave-one-out prediction. The residuals
are scaled per band by 1.4826 times their median absolute deviation over the whole region, combined
over bands by root mean square, and turned into weights by Tukey's biweight with cut 5 (Beaton and
Tukey 1974). Three passes: residuals with the weights so far, scale, new weights.

A region is more than one chunk, so a pass has two steps. `residual_histogram` counts the residuals
of a chunk; histograms add exactly, in any order. `scale_of` reads the deviations from the sum, and
`biweights` gives a chunk its weights. `robust_weights` does all passes on one chunk that is the
region.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spaceeye.errors import BadInput

__all__ = [
    "CUT",
    "PASSES",
    "biweights",
    "residual_histogram",
    "residuals",
    "robust_weights",
    "scale_of",
]

CUT, PASSES = 5.0, 3
SPAN = 20_000  # units: the histogram reaches from -SPAN to SPAN in steps of one unit
NORMAL = 1.4826  # median absolute deviation to standard deviation of a normal distribution

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def residuals(
    values: npt.NDArray[Any],
    weights: npt.NDArray[Any],
    base: npt.NDArray[Any],
    days: npt.ArrayLike,
    alpha: float,
    *,
    unit: float | None = None,
    parallel: bool = False,
) -> npt.NDArray[np.float32]:
    """Give value minus leave-one-out prediction in units, for all that `base` shows.

    Parameters
    ----------
    values
        (N, B, P) uint16 or float32.
    weights, base
        (N, P): the weights so far, which make the predictions, and those before the first pass. An
        observation that lost all its weight is still compared, so that it can come back.
    unit
        By default 1 for uint16 and 1e-4 for float32.

    Returns
    -------
    (N, B, P) float32, NaN where `base` is 0 or nothing else shows the pixel.
    """
    from spaceeye.solver.compiled import leave_one_out_residuals

    size = unit if unit is not None else 1.0 if values.dtype == np.uint16 else 1e-4
    return leave_one_out_residuals(
        values, weights, days, alpha, base=base, unit=size, parallel=parallel
    )


def residual_histogram(found: npt.NDArray[np.float32]) -> Counts:
    """Count the residuals (N, B, P) of a chunk per band, in steps of one unit.

    Returns
    -------
    (B, 40001) int64, to be added to those of the other chunks; bin i counts those that round to
    ``i - 20000``, larger ones stand in the outermost bins, NaN nowhere.
    """
    bands, bins = found.shape[1], 2 * SPAN + 1
    counts = np.zeros((bands, bins), np.int64)
    for band in range(bands):
        valid = found[:, band][~np.isnan(found[:, band])]
        places = np.clip(np.rint(valid), -SPAN, SPAN).astype(np.int64) + SPAN
        counts[band] = np.bincount(places, minlength=bins)
    return counts


def scale_of(histogram: Counts) -> Floats:
    """Give 1.4826 times the median absolute deviation per band, from the counts of the region.

    Medians are read from the counts linearly within a bin. At least one unit, so that a region
    without noise does not make every difference an outlier.

    Returns
    -------
    (B,) float64 in units; NaN for a band without residuals.
    """
    counts = np.asarray(histogram)
    if counts.ndim != 2 or counts.shape[1] != 2 * SPAN + 1:
        raise BadInput(f"histogram {counts.shape}: give (B, {2 * SPAN + 1})")
    return np.array([_scale(row) for row in counts])


def biweights(
    found: npt.NDArray[np.float32],
    base: npt.NDArray[Any],
    scale: npt.ArrayLike,
    cut: float = CUT,
) -> npt.NDArray[np.float32]:
    """Give the weights that follow from the residuals.

    ``base * (1 - (u / cut)^2)^2`` with u the root mean square over bands of residual / scale, zero
    from ``u = cut`` on. An observation without residual keeps its weight, and so do all those of a
    pixel that would be left with none: being robust never makes a hole.

    Parameters
    ----------
    found
        (N, B, P) from `residuals`.
    base
        (N, P) weights before the first pass.
    scale
        (B,) from `scale_of`; bands where it is NaN take no part.

    Returns
    -------
    (N, P) float32.
    """
    from spaceeye.solver.reference import MIN_WEIGHT

    if not cut > 0:
        raise BadInput(f"cut={cut}: give a number above 0, for example 5")
    w = np.asarray(base, np.float32)
    w = np.where(w >= MIN_WEIGHT, w, np.float32(0))
    sizes = np.asarray(scale, np.float32)
    used = np.flatnonzero(np.isfinite(sizes))
    if not used.size:
        return w
    total = np.zeros(w.shape, np.float32)
    for band in used:  # in a fixed order
        total += np.square(found[:, band] / sizes[band])
    share = total / np.float32(len(used) * cut**2)
    factor = np.where(share < 1, np.square(1 - share), np.where(np.isnan(share), 1, 0))
    new = w * factor.astype(np.float32)
    emptied = ~(new >= MIN_WEIGHT).any(axis=0)
    return np.where(emptied, w, new)


def robust_weights(
    values: npt.NDArray[Any],
    weights: npt.NDArray[Any],
    days: npt.ArrayLike,
    alpha: float,
    *,
    cut: float = CUT,
    passes: int = PASSES,
    unit: float | None = None,
    parallel: bool = False,
) -> npt.NDArray[np.float32]:
    """Do all passes on one chunk that is the whole region.

    Returns
    -------
    (N, P) float32 weights.
    """
    if passes < 1:
        raise BadInput(f"passes={passes}: give at least 1")
    new = np.asarray(weights, np.float32)
    for _ in range(passes):
        found = residuals(values, new, weights, days, alpha, unit=unit, parallel=parallel)
        new = biweights(found, weights, scale_of(residual_histogram(found)), cut)
    return new


def _scale(counts: Counts) -> float:
    if not counts.sum():
        return float("nan")
    bins = np.arange(-SPAN, SPAN + 1, dtype=np.float64)
    centre = _median(bins, counts)
    distance = np.abs(bins - centre)
    order = np.argsort(distance, kind="stable")
    return max(NORMAL * _median(distance[order], counts[order]), 1.0)


def _median(places: Floats, counts: Counts) -> float:
    """Give the median of ascending places with their counts, linear between the places."""
    filled = counts > 0
    places, counts = places[filled], counts[filled]
    middle = np.cumsum(counts) - 0.5 * counts
    return float(np.interp(0.5 * counts.sum(), middle, places))
