"""User-defined function of openEO: what each image counts for each target day, cell by cell.

The score of an image (the one band of `cube`) times a Gaussian of the days between it and the
target, divided by the sum over all images. The result has a band for each target, by its label.
Times of day do not count.

Context: ``targets`` (labels), ``sigma`` (standard deviation, days), ``max_days`` (images this far
away, or more, do not count).
"""

from typing import Any

import numpy as np
import pandas as pd
import xarray


def apply_datacube(cube: xarray.DataArray, context: dict[str, Any]) -> xarray.DataArray:
    """Return the weights, 0 to 1; all are 0 where no image counts."""
    sigma, max_days = float(context["sigma"]), float(context["max_days"])
    if not (sigma > 0 and max_days > 0):
        raise ValueError(f"sigma={sigma}, max_days={max_days}: both above 0 days")
    images = cube.transpose("t", "bands", "y", "x")
    score = np.nan_to_num(np.asarray(images.values[:, 0], np.float64))
    texts = [str(text) for text in context["targets"]]
    targets = pd.to_datetime(texts, utc=True, format="ISO8601").tz_localize(None).values
    one, other = (
        stamps.astype("datetime64[D]").astype(np.int64) for stamps in (images["t"].values, targets)
    )
    apart = np.subtract.outer(one, other)
    in_time = np.exp(-(apart**2) / (2.0 * sigma**2)) * (np.abs(apart) < max_days)
    found = np.zeros((len(one), len(texts), *score.shape[1:]), np.float32)
    for place in range(len(texts)):
        counted = in_time[:, place, None, None] * score
        total = counted.sum(axis=0)
        np.divide(counted, total, out=found[:, place], where=total > 0, casting="same_kind")
    coords = {"t": images["t"], "bands": texts, "y": images["y"], "x": images["x"]}
    return xarray.DataArray(found, coords, images.dims)
