"""Speckle filters on labelled arrays, in memory or on Dask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tiling.sentinel1.errors import ConfigurationError
from tiling.sentinel1.speckle.filters import SpeckleFilter

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["despeckle"]


def despeckle(power: xr.DataArray, one: SpeckleFilter) -> xr.DataArray:
    """Filter every image of a labelled array.

    Parameters
    ----------
    power
        (..., y, x) linear power, 0 or NaN where there is none; an image for each of the other
        dimensions, such as times and polarisations. On Dask the result is lazy, and the same to the
        last bit for any chunks; blocks get the halo that the filter needs.
    one
        The filter.

    Returns
    -------
    DataArray
        float32, of the coordinates and attributes of `power`, with the attributes ``filtered``,
        ``filtering_method``, ``filtering_window_radius`` and ``filtering_nblooks`` or
        ``filtering_deramp``.

    Raises
    ------
    ConfigurationError
        If the array has not the dimensions y and x, or is of complex numbers.
    """
    if not {"y", "x"} <= set(power.dims):
        raise ConfigurationError(f"power of the dimensions {power.dims}, not with y and x")
    if not np.isrealobj(np.empty(0, power.dtype)):
        raise ConfigurationError(f"power of {power.dtype}: take the squared magnitude first")
    ordered = power.transpose(..., "y", "x")
    found = ordered.copy(data=_filtered(ordered.data, one)).transpose(*power.dims)
    return found.assign_attrs(_attributes(one))


def _filtered(data: Any, one: SpeckleFilter) -> Any:
    if not hasattr(data, "dask"):
        return _planes(data, one)
    import dask.array as arrays

    da: Any = arrays  # its map_overlap says no types
    depth = {data.ndim - 2: one.radius, data.ndim - 1: one.radius}
    return da.map_overlap(
        _planes, data, one=one, depth=depth, boundary=dict.fromkeys(depth, "nearest"),
        dtype=np.float32, meta=np.empty((0,) * data.ndim, np.float32),
    )  # fmt: skip


def _planes(data: Any, one: SpeckleFilter) -> Any:
    """Return (..., rows, cols) filtered image by image."""
    given = np.asarray(data)
    out = np.empty(given.shape, np.float32)
    for place in np.ndindex(given.shape[:-2]):
        out[place] = one.apply(given[place])
    return out


def _attributes(one: SpeckleFilter) -> dict[str, Any]:
    found: dict[str, Any] = {
        "filtered": "true", "filtering_method": one.method,
        "filtering_window_radius": one.radius,
    }  # fmt: skip
    if one.method == "frost":
        found["filtering_deramp"] = one.deramp
    elif one.method != "mean":
        found["filtering_nblooks"] = one.looks
    return found
