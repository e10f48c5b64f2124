"""Spectral indices of reflectance: a table of names, formulas and their sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from workbench.errors import BadInput

__all__ = ["INDICES", "NARROW_NIR", "Index", "checked_indices", "with_indices"]

NARROW_NIR = {"B08": "B8A"}
"""For images without the wide band of the near infrared (842 nm): the narrow one (865 nm)."""


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

    def taken(self, bands: Iterable[str], instead: Mapping[str, str] | None = None) -> list[str]:
        """Return the bands that it is computed from, of those there are.

        Parameters
        ----------
        bands
            That there are.
        instead
            By name of a band the one to take where it is not there.
        """
        held, other = set(map(str, bands)), instead or {}
        return [band if band in held else other.get(band, band) for band in self.bands]


def _difference(one: Any, other: Any) -> Any:
    """Return the normalised difference; reflectance whose sum is not above 0 has none."""
    total = one + other
    return ((one - other) / total).where(total > 0)


def _green_share(green: Any, red: Any, blue: Any) -> Any:
    """Return the share of green in the sum of the visible, where that is above 0."""
    total = red + green + blue
    return (green / total).where(total > 0)


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
    "gcc": Index(
        ("B03", "B04", "B02"), _green_share, "green chromatic coordinate",
        "Gillespie et al. 1987, Remote Sens. Environ. 22; "
        "Sonnentag et al. 2012, Agric. For. Meteorol. 152",
    ),
}  # fmt: skip
"""By name."""


def checked_indices(
    wanted: str | Iterable[str], bands: Iterable[str], instead: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the names of indices, checked.

    Parameters
    ----------
    wanted
        Of `INDICES`; one or several, in any case of letters.
    bands
        That there are.
    instead
        By name of a band the one to take where it is not there, such as `NARROW_NIR`.

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
        missing = [band for band in INDICES[name].taken(held, instead) if band not in held]
        if missing:
            raise BadInput(
                f"indices: {name} needs {', '.join(missing)}, the images have {', '.join(held)}: "
                "read these bands too, or leave the index out"
            )
    return names


def with_indices(
    dataset: xr.Dataset, names: str | Iterable[str], instead: Mapping[str, str] | None = None
) -> xr.Dataset:
    """Return a series with indices as further variables.

    Parameters
    ----------
    dataset
        ``reflectance`` (time, band, y, x): uint16 with ``scale_factor`` and ``add_offset`` in its
        attrs (0 is missing), or float (NaN is missing). On Dask the indices are lazy too.
    names
        Of `INDICES`.
    instead
        By name of a band the one to take where it is not there, such as `NARROW_NIR`.

    Returns
    -------
    xarray.Dataset
        With (time, y, x) float32 for each name, dimensionless, NaN where a band is missing or the
        formula divides by 0; differences and shares also where they divide by less. Its ``source``
        names the bands that were used, and in whose place.

    Raises
    ------
    BadInput
        As `checked_indices`.
    """
    cube = dataset["reflectance"]
    names = checked_indices(names, cube["band"].values, instead)
    found = {}
    for name in names:
        index = INDICES[name]
        bands = index.taken(cube["band"].values, instead)
        values = index.formula(*(_reflectance(cube.sel(band=band)) for band in bands))
        found[name] = values.where(np.isfinite(values)).astype(np.float32)
        found[name].attrs = {
            "long_name": index.long_name,
            "units": "1",
            "source": f"{index.source}; bands {_named(bands, index)}",
        }
    return dataset.assign(found)


def _named(bands: Iterable[str], index: Index) -> str:
    """Return the names of bands, and in whose place they stand."""
    pairs = list(zip(bands, index.bands, strict=True))
    others = [f"{used} in place of {meant}" for used, meant in pairs if used != meant]
    return ", ".join(used for used, _ in pairs) + (f" ({', '.join(others)})" if others else "")


def _reflectance(band: xr.DataArray) -> xr.DataArray:
    """Return a band (time, y, x) as float32 reflectance, NaN where missing."""
    scale, offset = band.attrs.get("scale_factor", 1.0), band.attrs.get("add_offset", 0.0)
    plain = band.drop_vars("band")
    values: xr.DataArray = plain.astype(np.float32) * np.float32(scale) + np.float32(offset)
    return values.where(plain != 0) if band.dtype == np.uint16 else values
