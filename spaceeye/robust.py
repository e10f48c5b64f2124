"""Robust weights: observations that disagree with all others of their pixel count less.

Haze and shadow that the mask missed stand out against the leave-one-out prediction. The residuals
are scaled per band by 1.4826 times their median absolute deviation over the whole region, combined
over bands by root mean square, and turned into weights by Tukey's biweight with cut 5 (Beaton and
Tukey 1974, The fitting of power series, Technometrics 16). Three passes: residuals with the weights
so far, scale, new weights.

A pass has two steps. `residual_histogram` counts the residuals of a block, counts add exactly in
any order, and `scale_of` reads the deviations from their sum; then `biweights` gives each block its
weights.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from spaceeye.reductions import summed
from spaceeye.series import Series
from spaceeye.solver.axis import MIN_WEIGHT

__all__ = ["CUT", "PASSES", "biweights", "residual_histogram", "robust_weights", "scale_of"]

CUT = 5.0
"""Residuals from this many deviations on get no weight."""

PASSES = 3

SPAN = 20_000  # units: the histogram reaches from -SPAN to SPAN in steps of one unit
NORMAL = 1.4826  # median absolute deviation to standard deviation of a normal distribution

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def residual_histogram(residuals: npt.NDArray[np.float32]) -> Counts:
    """Count the residuals of a block per band, in steps of one unit.

    Parameters
    ----------
    residuals
        (N, B, P) float32 in units (1 DN, or 1e-4 of reflectance), NaN where there is none; see
        `spaceeye.solver.observations.leave_one_out_residuals`.

    Returns
    -------
    numpy.ndarray
        (B, 40001) int64, to be added to those of the other blocks; bin i counts those that round
        to ``i - 20000``, larger ones stand in the outermost bins, NaN nowhere.
    """
    bands, bins = residuals.shape[1], 2 * SPAN + 1
    counts = np.zeros((bands, bins), np.int64)
    for band in range(bands):
        valid = residuals[:, band][~np.isnan(residuals[:, band])]
        places = np.clip(np.rint(valid), -SPAN, SPAN).astype(np.int64) + SPAN
        counts[band] = np.bincount(places, minlength=bins)
    return counts


def scale_of(histogram: Counts) -> Floats:
    """Give 1.4826 times the median absolute deviation per band.

    Medians are read from the counts linearly within a bin. At least one unit, so that a region
    without noise does not make every difference an outlier.

    Parameters
    ----------
    histogram
        (B, 40001) from `residual_histogram`, summed over the region.

    Returns
    -------
    numpy.ndarray
        (B,) float64 in units; NaN for a band without residuals.
    """
    return np.array([_scale(counts) for counts in histogram])


def biweights(
    residuals: npt.NDArray[np.float32], weights: Array, scale: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """Give the weights that follow from the residuals of a block.

    ``w (1 - (u / 5)^2)^2`` with u the root mean square over bands of residual / scale, zero from
    ``u = 5`` on. An observation without residual keeps its weight, and so do all those of a pixel
    that would be left with none: being robust never makes a hole.

    Parameters
    ----------
    residuals
        (N, B, P) float32 in units, NaN where there is none.
    weights
        (N, P) weights before the first pass; below 0.001 and NaN count as 0.
    scale
        (B,) from `scale_of`; bands where it is NaN take no part.

    Returns
    -------
    numpy.ndarray
        (N, P) float32.
    """
    w = np.asarray(weights, np.float32)
    w = np.where(w >= MIN_WEIGHT, w, np.float32(0))
    sizes = np.asarray(scale, np.float32)
    used = np.flatnonzero(np.isfinite(sizes))
    if not used.size:
        return w
    total = np.zeros(w.shape, np.float32)
    for band in used:  # in a fixed order
        total += np.square(residuals[:, band] / sizes[band])
    share = total / np.float32(len(used) * CUT**2)
    factor = np.where(share < 1, np.square(1 - share), np.where(np.isnan(share), 1, 0))
    new = w * factor.astype(np.float32)
    emptied = ~(new >= MIN_WEIGHT).any(axis=0)
    return np.where(emptied, w, new)


def robust_weights(series: Series, alpha: float) -> xr.DataArray:
    """Give a series robust weights, in three passes over it.

    Parameters
    ----------
    series
        In memory or on Dask, which is computed once for each pass.
    alpha
        Damping in days.

    Returns
    -------
    DataArray
        (time, y, x) float32, for `Series.with_weights`; the same for any chunking, to the last
        bit. On Dask it is lazy: the passes are worked out again where a block is needed, with the
        scales of the region, so nothing of the region is kept in memory.
    """
    weights = series.weights.astype(np.float32)
    options: dict[str, Any] = {"days": series.days, "alpha": alpha, "parallel": not series.lazy}
    for _ in range(PASSES):
        counts = summed(series.with_weights(weights), _counted, series.weights, **options)
        weights = xr.apply_ufunc(
            partial(_reweighted, scale=scale_of(counts), **options),
            series.values,
            weights,
            series.weights,
            input_core_dims=[["time", "band"], ["time"], ["time"]],
            output_core_dims=[["time"]],
            dask="parallelized",
            output_dtypes=[np.float32],
        ).transpose("time", "y", "x")
    return weights


def _counted(values: Array, weights: Array, original: Array, **options: Any) -> Counts:
    return residual_histogram(_residuals(values, weights, original, **options))


def _reweighted(
    values: Array, weights: Array, original: Array, *, scale: Floats, **options: Any
) -> Array:
    """Take values (y, x, N, B) and weights (y, x, N); give weights (y, x, N)."""
    rows, columns, times = weights.shape
    cube = np.moveaxis(values, (2, 3), (0, 1)).reshape(*values.shape[2:], -1)
    now, before = (np.moveaxis(w, 2, 0).reshape(times, -1) for w in (weights, original))
    new = biweights(_residuals(cube, now, before, **options), before, scale)
    return np.moveaxis(new.reshape(times, rows, columns), 0, 2)


def _residuals(
    values: Array, weights: Array, original: Array, **options: Any
) -> npt.NDArray[np.float32]:
    """Compare all that the original weights show, so that what lost its weight can come back."""
    from spaceeye.solver.observations import leave_one_out_residuals

    return leave_one_out_residuals(values, weights, compared=original, **options)


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
