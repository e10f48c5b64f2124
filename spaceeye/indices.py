"""Spectral indices of interpolated reflectance: a table of names, formulas and their sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from spaceeye.errors import BadInput

__all__ = ["INDICES", "Index", "checked_indices", "with_indices"]


@dataclass(frozen=True)
class Index:
    """A spectral index.

    Attributes
    ----------
    bands
        It is computed from, in the order of `formula`.
    formula
        A function of their reflectance.
    long_name
        What it is called.
    source
        Where it comes from.
    """

    bands: tuple[str, ...]
    formula: Callable[..., Any]
    long_name: str
    source: str


def _difference(one: Any, other: Any) -> Any:
    """Return the normalised difference."""
    return (one - other) / (one + other)


INDICES = {
    "ndvi": Index(
        ("B08", "B04"), _difference, "normalised difference vegetation index",
        "Tucker 1979, Remote Sens. Environ. 8",
    ),
    "evi": Index(
        ("B08", "B04", "B02"),
        lambda nir, red, blue: 2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1),
        "enhanced vegetation index", "Huete et al. 2002, Remote Sens. Environ. 83",
    ),
    "ndwi": Index(
        ("B03", "B08"), _difference, "normalised difference water index",
        "McFeeters 1996, Int. J. Remote Sens. 17",
    ),
    "mndwi": Index(
        ("B03", "B11"), _difference, "modified normalised difference water index",
        "Xu 2006, Int. J. Remote Sens. 27",
    ),
    "ndmi": Index(
        ("B8A", "B11"), _difference, "normalised difference moisture index",
        "Gao 1996, Remote Sens. Environ. 58",
    ),
    "nbr": Index(
        ("B8A", "B12"), _difference, "normalised burn ratio",
        "Key and Benson 2006, USDA RMRS-GTR-164",
    ),
}  # fmt: skip
"""By name."""


def checked_indices(wanted: str | Iterable[str], bands: Iterable[str]) -> tuple[str, ...]:
    """Return the names of indices, checked.

    Parameters
    ----------
    wanted
        Of `INDICES`; one or several, in any case of letters.
    bands
        That there are.

    Returns
    -------
    tuple of str
        Each once, in the order given.

    Raises
    ------
    BadInput
        If one is not known, or a band that it needs is not there.
    """
    given = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    names = tuple(dict.fromkeys(str(name).lower() for name in given))
    held = list(map(str, bands))
    for name in names:
        if name not in INDICES:
            raise BadInput(f"indices: {name!r} is not one of {', '.join(INDICES)}")
        missing = [band for band in INDICES[name].bands if band not in held]
        if missing:
            raise BadInput(
                f"indices: {name} needs {', '.join(missing)}, the images have {', '.join(held)}: "
                "read these bands too, or leave the index out"
            )
    return names


def with_indices(dataset: xr.Dataset, names: Iterable[str]) -> xr.Dataset:
    """Return a result with indices as further variables.

    Parameters
    ----------
    dataset
        ``reflectance`` (time, band, y, x): uint16 with ``scale_factor`` and ``add_offset`` in its
        attrs (0 is missing), or float (NaN is missing). On Dask the indices are lazy too.
    names
        Of `INDICES`.

    Returns
    -------
    xarray.Dataset
        With (time, y, x) float32 for each name, dimensionless, NaN where a band is missing or the
        formula divides by 0.

    Raises
    ------
    BadInput
        As `checked_indices`.
    """
    cube = dataset["reflectance"]
    names = checked_indices(names, cube["band"].values)
    found = {}
    for name in names:
        index = INDICES[name]
        values = index.formula(*(_reflectance(cube.sel(band=band)) for band in index.bands))
        found[name] = values.where(np.isfinite(values)).astype(np.float32)
        found[name].attrs = {
            "long_name": index.long_name,
            "units": "1",
            "source": f"{index.source}; bands {', '.join(index.bands)}",
        }
    return dataset.assign(found)


def _reflectance(band: xr.DataArray) -> xr.DataArray:
    """Return a band (time, y, x) as float32 reflectance, NaN where missing."""
    scale, offset = band.attrs.get("scale_factor", 1.0), band.attrs.get("add_offset", 0.0)
    plain = band.drop_vars("band")
    values: xr.DataArray = plain.astype(np.float32) * np.float32(scale) + np.float32(offset)
    return values.where(plain != 0) if band.dtype == np.uint16 else values
