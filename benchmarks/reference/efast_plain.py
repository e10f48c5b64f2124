"""The published fusion (numpy, Senty et al. 2024), written plainly from its definition.

One target at a time, one image after the other; each coarse pixel interpolated in time by itself.
The oracle of ``compat="dhi"`` in the tests, and what the benchmark compares with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.interpolate import interp1d
from scipy.ndimage import zoom


def upsampled(planes: Any, ratio: int) -> Any:
    """Return (B, y, x) on the fine grid, bilinear between pixel centres."""
    return np.stack(
        [zoom(plane, ratio, order=1, grid_mode=True, mode="nearest") for plane in planes]
    )


def series_at(values: Any, days: Any, wanted: Any) -> Any:
    """Return (T, B, y, x): each pixel interpolated and extrapolated along its finite values."""
    found = np.full((len(wanted), *values.shape[1:]), np.nan, np.float32)
    for band, row, column in np.ndindex(values.shape[1:]):
        series = values[:, band, row, column]
        seen = ~np.isnan(series)
        if seen.sum() > 3:
            line = interp1d(days[seen], series[seen], fill_value="extrapolate")
            found[:, band, row, column] = line(wanted)
    return found


def fuse(
    fine: Any,
    distance: Any,
    days: Any,
    coarse: Any,
    coarse_days: Any,
    target: int,
    ratio: int,
    *,
    saturation: float = 15,
    sigma: float = 20,
    max_days: float = 30,
    minimum_importance: float = 2,
) -> Any:
    """Return the fused image of a target day, (B, Y, X) float64.

    Parameters
    ----------
    fine
        (N, B, Y, X) float; 0 or NaN in the first band is missing.
    distance
        (N, y, x) distance from clouds in cells.
    coarse
        (K, B, y, x) smoothed composites of the days `coarse_days`.
    """
    near = np.abs(coarse_days - target) < 1.5 * max_days
    used = np.abs(days - target) < max_days
    days, fine, distance = days[used], fine[used], distance[used]
    at = np.concatenate([[target], days])
    now, *then = series_at(coarse[near], coarse_days[near], at)
    score = np.clip((distance - 1) / saturation, None, 1)
    score[score < 0] = np.nan
    weights = score * np.exp(-((days - target) ** 2) / (2 * sigma**2))[:, None, None]
    total = np.nansum(weights, axis=0)
    total[total == 0] = np.nan
    weights = weights / total
    importance = np.nansum(weights, axis=(1, 2)) / weights[0].size
    mosaic, coarse_mosaic, summed = 0.0, 0.0, 0.0
    for i in np.flatnonzero(importance > minimum_importance / len(days)):
        weight = upsampled(np.nan_to_num(weights[i])[None], ratio)
        image = np.nan_to_num(fine[i])
        weight[0, image[0] == 0] = 0
        mosaic = mosaic + image * weight
        coarse_mosaic = coarse_mosaic + upsampled(then[i], ratio) * weight
        summed = summed + weight
    summed = np.where(summed == 0, np.nan, summed)
    return upsampled(now, ratio) + mosaic / summed - coarse_mosaic / summed
