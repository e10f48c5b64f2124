"""From counts to radiance, brightness temperature and reflectance, by a table of all counts.

Source: GOES-R Product Definition and Users' Guide, volume 3, 5.1.3 (constants of the file).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tiling.scenes.errors import UnusableInput

__all__ = [
    "brightness_temperature",
    "kappa0",
    "radiances",
    "value_table",
]

Floats = npt.NDArray[np.float64]

Negative = Literal["smallest", "nan"]

_MISSING = -999.0  # of constants that the band does not have


def brightness_temperature(radiance: npt.ArrayLike, numbers: Mapping[str, float]) -> Floats:
    """Return brightness temperatures, K.

    Parameters
    ----------
    radiance
        mW m-2 sr-1 (cm-1)-1.
    numbers
        ``planck_fk1``, ``planck_fk2``, ``planck_bc1``, ``planck_bc2`` of the file.

    Returns
    -------
    numpy.ndarray
        float64; NaN for radiances that are not positive.

    Raises
    ------
    UnusableInput
        E061, if a constant is missing.
    """
    fk1, fk2, bc1, bc2 = (
        _number(numbers, f"planck_{part}") for part in ("fk1", "fk2", "bc1", "bc2")
    )
    values = np.asarray(radiance, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        kelvin = (fk2 / np.log(fk1 / values + 1) - bc1) / bc2
    return np.where(values > 0, kelvin, np.nan)


def kappa0(numbers: Mapping[str, float]) -> float:
    """Return what makes a reflectance factor of a radiance: pi d2 / esun.

    ``kappa0`` of a file is that in five digits (off by up to 0.004 %), taken where it has no more.

    Raises
    ------
    UnusableInput
        E061, if the file has neither.
    """
    given, esun = numbers.get("kappa0", _MISSING), numbers.get("esun", _MISSING)
    distance = numbers.get("earth_sun_distance_anomaly_in_AU", _MISSING)
    if esun > 0 and distance > 0:
        return float(np.pi * distance**2 / esun)
    if given > 0:
        return given
    raise UnusableInput("E061", "the file has neither esun nor kappa0")


def radiances(count: int, attrs: Mapping[str, Any], *, missing: int | None = None) -> Floats:
    """Return the value of each count from 0 up, float64; NaN for the one that means missing."""
    scale = float(attrs.get("scale_factor", 1.0))
    offset = float(attrs.get("add_offset", 0.0))
    values = np.arange(count, dtype=np.float64) * scale + offset
    if missing is not None and missing < count:
        values[missing] = np.nan
    return values


def value_table(
    quantity: str,
    attrs: Mapping[str, Any],
    numbers: Mapping[str, float],
    dtype: np.dtype[Any],
    *,
    negative: Negative = "smallest",
) -> npt.NDArray[np.float32]:
    """Return the value of each count that can be stored.

    Parameters
    ----------
    quantity
        ``rad``, ``bt``, ``refl`` (reflectance factor, not yet divided by the cosine of the sun) or
        ``value`` (as the file unpacks it).
    attrs
        Of the variable: packing, fill, bit depth.
    numbers
        Constants of the file.
    dtype
        Of the counts: integers of 8 or 16 bits.
    negative
        A brightness temperature where the radiance is not positive: that of the smallest count
        with a positive radiance, or NaN.

    Returns
    -------
    numpy.ndarray
        float32, 256 or 65536 long; the index is the count as an unsigned number. NaN for fill and
        for counts beyond the bits of the band.
    """
    bits = dtype.itemsize * 8
    # level 2 is packed anew, with more bits than its attributes say of the sensor
    depth = bits if quantity == "value" else int(attrs.get("sensor_band_bit_depth", bits))
    known = 1 << min(max(depth, 1), bits)
    signed = dtype.kind == "i" and str(attrs.get("_Unsigned", "false")).lower() != "true"
    fill = attrs.get("_FillValue", (1 << depth) - 1 if depth < bits else None)
    missing = None if fill is None else int(fill) % (1 << bits)
    values = radiances(1 << bits if signed else known, attrs, missing=missing)
    if signed:  # the upper half of the table stands for numbers below 0
        half = 1 << (bits - 1)
        values[half:] -= (1 << bits) * float(attrs.get("scale_factor", 1.0))
    if quantity == "bt":
        if negative == "smallest":
            positive = values[values > 0]
            if not positive.size:
                raise UnusableInput("E061", "no count of the file has a positive radiance")
            values = np.where(values <= 0, positive.min(), values)
        values = brightness_temperature(values, numbers)
    elif quantity == "refl":
        values *= kappa0(numbers)
    table = np.full(1 << bits, np.nan, np.float32)
    table[: len(values)] = values
    return table


def _number(numbers: Mapping[str, float], name: str) -> float:
    value = numbers.get(name, _MISSING)
    if not np.isfinite(value) or value == _MISSING:
        raise UnusableInput("E061", f"the file has no constant {name}")
    return value
