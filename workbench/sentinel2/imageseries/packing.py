"""Reflectance as whole numbers: uint16, a hundredth of a percent each."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from workbench.errors import BadInput

__all__ = ["packed"]

SCALE = 1e-4
MOST = 65535


def packed(reflectance: xr.DataArray, *, scale: float = SCALE, offset: float = 0.0) -> xr.DataArray:
    """Return reflectance as uint16, which is how series are stored.

    Parameters
    ----------
    reflectance
        Floating point, NaN where missing; in memory or on Dask. uint16 is returned as it is.
    scale, offset
        Reflectance is ``DN * scale + offset``. An offset below 0, such as -0.1, leaves room for
        reflectance below 0.

    Returns
    -------
    xarray.DataArray
        uint16 with ``scale_factor`` and ``add_offset`` in its attrs, lazy if `reflectance` is:
        rounded half up; 0 where missing. What is below the least number, 1, becomes 1, what is
        above the largest becomes 65535: from 0.0001 to 6.5535 with the defaults.

    Raises
    ------
    BadInput
        If `reflectance` is of another type or the scale is not above 0.
    """
    if reflectance.dtype == np.uint16:
        return reflectance
    if reflectance.dtype.kind != "f":
        raise BadInput(f"the reflectance is {reflectance.dtype}: give floats, NaN where missing")
    if not scale > 0:
        raise BadInput(f"scale={scale}: reflectance per whole number must be above 0")
    found: xr.DataArray = xr.apply_ufunc(
        _whole, reflectance, kwargs={"scale": scale, "offset": offset}, dask="parallelized",
        output_dtypes=[np.uint16], keep_attrs=True,
    )  # fmt: skip
    return found.assign_attrs(scale_factor=float(scale), add_offset=float(offset))


def _whole(values: Any, *, scale: float, offset: float) -> Any:
    numbers = np.floor((values - offset) / scale + 0.5)
    known = np.clip(np.nan_to_num(numbers, nan=1, posinf=MOST, neginf=1), 1, MOST)
    return np.where(np.isnan(numbers), 0, known).astype(np.uint16)
