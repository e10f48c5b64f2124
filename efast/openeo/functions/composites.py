"""User-defined function of openEO: composites of a coarse series every few days.

A composite is the mean of the observations near its day, weighted by their distance from what is
missing (a band of `cube`) and by a Gaussian of the days between. Bands have gaps of their own.
Composites run from the first day of the observations to the last; times of day do not count. In the
place of the scores the sums of these weights are returned.

Context: ``score`` (name of that band), ``step`` (days), ``sigma`` (standard deviation, days),
``mosaic_days`` (days whose observations make a composite, half of them on each side).
"""

from typing import Any

import numpy as np
import xarray


def apply_datacube(cube: xarray.DataArray, context: dict[str, Any]) -> xarray.DataArray:
    """Return the composites, with the days as t."""
    step, sigma = int(context["step"]), float(context["sigma"])
    mosaic_days = float(context["mosaic_days"])
    if not (step >= 1 and sigma > 0 and mosaic_days > 0):
        raise ValueError(f"step={step}, sigma={sigma}, mosaic_days={mosaic_days}: all above 0 days")
    series = cube.transpose("t", "bands", "y", "x")
    place = [str(name) for name in series["bands"].values].index(context["score"])
    days = series["t"].values.astype("datetime64[D]").astype(np.int64)
    at = np.arange(days.min(), days.max() + 1, step)
    apart = np.subtract.outer(at, days)
    in_time = np.exp(-(apart**2) / (2.0 * sigma**2)) * (np.abs(apart) <= mosaic_days / 2)
    values = np.asarray(series.values, np.float64)
    score = np.nan_to_num(values[:, place])
    weights = np.where(np.isfinite(values), score[:, None], 0.0)
    total = np.tensordot(in_time, weights, 1)
    summed = np.tensordot(in_time, weights * np.nan_to_num(values), 1)
    found = np.full(total.shape, np.nan)
    np.divide(summed, total, out=found, where=total > 0)
    found[:, place] = np.tensordot(in_time, score, 1)
    days_as_times = at.astype("datetime64[D]").astype("datetime64[ns]")
    coords = {"t": days_as_times, **{name: series[name] for name in ("bands", "y", "x")}}
    return xarray.DataArray(found.astype(np.float32), coords, series.dims)
