"""A map of embeddings in colours: the first three components as red, green and blue."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.errors import BadInput
from workbench.files import atomic_path
from workbench.wholefiles import whole_picture

__all__ = ["component_colours", "write_component_picture"]


def component_colours(
    transformed: xr.Dataset, limits: npt.ArrayLike | None = None
) -> npt.NDArray[np.uint8]:
    """Return (..., 4) red, green, blue and opacity of the first three components.

    Parameters
    ----------
    transformed
        ``emb`` (..., emb_dim) with three components or more.
    limits
        (3, 2) values for black and for full colour; by default the 1st and 99th percentiles over
        the whole of `transformed`, so that all its scenes are coloured alike. NaN is transparent.
    """
    if transformed.sizes.get("emb_dim", 0) < 3 or "emb" not in transformed:
        raise BadInput("colours need three components: transform with n_components=3 or more")
    values = transformed["emb"][..., :3].values.astype(np.float64)
    there = np.isfinite(values).all(-1)
    found = np.zeros((*there.shape, 4), np.uint8)
    if there.any():
        if limits is None:
            limits = np.percentile(values[there], [1, 99], axis=0).T
        low, high = np.asarray(limits, np.float64).T
        width = np.where(high > low, high - low, 1.0)
        found[there, :3] = np.rint(255 * ((values[there] - low) / width).clip(0, 1))
    found[there, 3] = 255
    return found


def write_component_picture(
    colours: npt.NDArray[np.uint8],
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
) -> Path:
    """Write the colours (y, x, 4) of one scene as a PNG, the first row at the top."""
    from PIL import Image

    path = Path(path)
    with atomic_path(path, overwrite=overwrite, check=whole_picture) as temporary:
        Image.fromarray(colours).save(temporary)
    return path
