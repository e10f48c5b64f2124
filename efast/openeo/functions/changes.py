"""User-defined function of openEO: what the images differ from the coarse series, for each target.

For each fine pixel and band the weighted mean, over the images, of the image less the coarse series
of its day. What is missing in one of them does not count. Added to the coarse series of the target
it gives the fused image.

`cube` has, at the days of the images, the bands of the images, then those of the coarse series on
the fine grid in the same order, and the weights for each target.

Context: ``fine`` (bands of the images), ``targets`` (names of the bands with their weights, which
are the labels of the result in time).
"""

from typing import Any

import numpy as np
import pandas as pd
import xarray


def apply_datacube(cube: xarray.DataArray, context: dict[str, Any]) -> xarray.DataArray:
    """Return the mean differences, with the targets as t; NaN where no image counts."""
    fine, texts = ([str(name) for name in context[key]] for key in ("fine", "targets"))
    images = cube.transpose("t", "bands", "y", "x")
    names = [str(name) for name in images["bands"].values]
    coarse = [name for name in names if name not in fine and name not in texts]
    if len(fine) != len(coarse):
        raise ValueError(f"bands {fine} and their partners {coarse}: as many of each")
    values = images.values
    shape = (len(texts), len(fine), *values.shape[2:])
    found = np.full(shape, np.nan, np.float32)
    for band, (name, partner) in enumerate(zip(fine, coarse, strict=True)):
        change = values[:, names.index(name)] - values[:, names.index(partner)]
        counts = np.isfinite(change)
        change = np.where(counts, change, 0)
        for target, text in enumerate(texts):
            weight = np.nan_to_num(values[:, names.index(text)]) * counts
            total = weight.sum(axis=0, dtype=np.float64)
            summed = (weight * change).sum(axis=0, dtype=np.float64)
            np.divide(summed, total, out=found[target, band], where=total > 0, casting="same_kind")
    times = pd.to_datetime(texts, utc=True, format="ISO8601").tz_localize(None)
    return xarray.DataArray(
        found,
        {
            "t": times.values.astype("datetime64[ns]"),
            "bands": fine,
            "y": images["y"],
            "x": images["x"],
        },
        images.dims,
    )
