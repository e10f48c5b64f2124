"""User-defined function of openEO: what the images differ from the coarse series, for each target.

For each fine pixel and band the weighted mean, over the images, of the image less the coarse series
of its day. What is missing in one of them does not count. Added to the coarse series of the target
it gives the fused image.

`cube` has, at the days of the images, the bands of the images, those of the coarse series on the
fine grid in the same order, and the weights for each target: known by their places, and kept. In
the result the bands of the coarse series are filled, the others are empty.

Context: ``fine`` (bands of the images), ``targets`` (labels of the result in time, in the order of
the weights).
"""

from typing import Any

import numpy as np
import pandas as pd
import xarray


def apply_datacube(cube: xarray.DataArray, context: dict[str, Any]) -> xarray.DataArray:
    """Return the mean differences, with the targets as t; NaN where no image counts."""
    count, texts = len(context["fine"]), [str(text) for text in context["targets"]]
    images = cube.transpose("t", "bands", "y", "x")
    values = images.values
    if values.shape[1] != 2 * count + len(texts):
        raise ValueError(
            f"{values.shape[1]} bands: {count} of the images, as many partners of these, and the "
            f"weights for {len(texts)} days are needed"
        )
    found = np.full((len(texts), *values.shape[1:]), np.nan, np.float32)
    for band in range(count):
        change = values[:, band] - values[:, count + band]
        counts = np.isfinite(change)
        change = np.where(counts, change, 0)
        for target in range(len(texts)):
            weight = np.nan_to_num(values[:, 2 * count + target]) * counts
            total = weight.sum(axis=0, dtype=np.float64)
            summed = (weight * change).sum(axis=0, dtype=np.float64)
            np.divide(
                summed, total, out=found[target, count + band], where=total > 0, casting="same_kind"
            )
    times = pd.to_datetime(texts, utc=True, format="ISO8601").tz_localize(None)
    coords = {
        "t": times.values.astype("datetime64[ns]"),
        **{name: images[name] for name in ("bands", "y", "x")},
    }
    return xarray.DataArray(found, coords, images.dims)
