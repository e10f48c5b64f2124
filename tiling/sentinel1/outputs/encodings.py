"""How the pixels of each kind of file are stored: type, no-data value, creation options of GDAL.

The configuration may replace them: ``creation_options.*`` and ``nodata.*`` of its section
``Processing``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.errors import ConfigurationError

__all__ = ["ENCODINGS", "Encoding", "encoding"]

Array = npt.NDArray[Any]

PIXEL_TYPES: Mapping[str, str] = {
    "uint8": "uint8",
    "int16": "int16",
    "uint16": "uint16",
    "int32": "int32",
    "uint32": "uint32",
    "float": "float32",
    "float32": "float32",
    "double": "float64",
    "float64": "float64",
}

_OPTION = re.compile(r"([A-Z][A-Z_0-9]*)=(\S+)")

SIDE = 512
"""Pixels along a side of the tiles in a file."""

_FAST = "1"
"""Level of deflate where the configuration says none: noisy images are hardly larger than at 6,
which takes twice as long."""


@dataclass(frozen=True)
class Encoding:
    """How pixels are stored.

    Attributes
    ----------
    dtype
        NumPy type.
    empty
        The value that stands for nothing in memory, None where each value counts.
    nodata
        The value that stands for nothing in the file, None for none.
    options
        Creation options of GDAL, names in capitals.
    cog
        Whether files are laid out for reading over a network (Cloud Optimized GeoTIFF), in which
        case only ``COMPRESS=DEFLATE`` applies.
    resampling
        How its overviews are made, in GDAL's words.
    """

    dtype: str = "float32"
    empty: float | None = 0.0
    nodata: float | None = 0.0
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    cog: bool = False
    resampling: str = "average"

    def encoded(self, values: Array) -> Array:
        """Return values as they are stored: rounded and clipped to an integer type.

        One that would be stored as the no-data value by that goes a step beside it.
        """
        kind = np.dtype(self.dtype)
        if kind.kind == "f" or values.dtype.kind != "f":
            stored = values.astype(kind, copy=False)
        else:
            limits = np.iinfo(kind)
            stored = np.clip(np.rint(np.nan_to_num(values)), limits.min, limits.max).astype(kind)
            if self.empty is not None and self.nodata is not None:
                beside = self.nodata + (1 if self.nodata < limits.max else -1)
                stored[(stored == self.nodata) & ~_equal(values, self.empty)] = beside
        if self.empty is None or self.nodata is None or _same(self.empty, self.nodata):
            return stored
        return np.where(_equal(values, self.empty), kind.type(self.nodata), stored)

    def decoded(self, stored: Array) -> Array:
        """Return stored values as they are in memory, the type unchanged if it can hold that."""
        if self.empty is None or self.nodata is None or _same(self.empty, self.nodata):
            return stored
        if np.isnan(self.empty) and stored.dtype.kind != "f":
            return stored
        return np.where(_equal(stored, self.nodata), stored.dtype.type(self.empty), stored)

    @property
    def faithful(self) -> bool:
        """Whether what is read is what was written, to the bit; of float32 and what it holds."""
        same = self.empty is None or self.nodata is None or _same(self.empty, self.nodata)
        return same and self.dtype in ("float32", "float64")

    @property
    def fast_side(self) -> tuple[int, int] | None:
        """Rows and columns of the tiles of a file that `fasttiffs` can write; None if it cannot.

        It can where the options say what they say by themselves, and no level of deflate.
        """
        said = {key: value.upper() for key, value in self.options.items()}
        usual = {"COMPRESS": "DEFLATE", "TILED": "YES", "BIGTIFF": "IF_SAFER"}
        sides = [said.pop(key, str(SIDE)) for key in ("BLOCKYSIZE", "BLOCKXSIZE")]
        whole = all(side.isdigit() and int(side) > 0 and int(side) % 16 == 0 for side in sides)
        predictors = ("1", "3") if self.dtype == "float32" else ("1",)
        if self.cog or not whole or said.pop("PREDICTOR", "1") not in predictors:
            return None
        if any(usual.get(key) != value for key, value in said.items()):
            return None
        return int(sides[0]), int(sides[1])

    @property
    def predictor(self) -> Literal[1, 3]:
        """What `fasttiffs` does to values before it deflates them."""
        return 3 if self.options.get("PREDICTOR") == "3" else 1

    def profile(self) -> dict[str, Any]:
        """Return the options as `workbench.rasters.geotiff` takes them, with the usual ones."""
        said = {key.lower(): value for key, value in self.options.items()}
        found: dict[str, Any] = {"compress": "deflate", **said}
        if found["compress"].lower() == "deflate":
            found.setdefault("zlevel", _FAST)
        if said.get("tiled", "YES").upper() in ("NO", "FALSE", "OFF", "0"):
            rows = said.get("blockysize", "16")
            return {**found, "tiled": False, "blockxsize": None, "blockysize": rows}
        return {"blockxsize": SIDE, "blockysize": SIDE, **found, "tiled": True}


_FLOATS = MappingProxyType({"COMPRESS": "DEFLATE", "PREDICTOR": "3"})
_WHOLE = MappingProxyType({"COMPRESS": "DEFLATE"})
_NAN = float("nan")

_SINES = Encoding(empty=_NAN, nodata=_NAN, options=_FLOATS)
_DEGREES = Encoding("uint16", _NAN, 0.0, _WHOLE)

ENCODINGS: Mapping[str, Encoding] = MappingProxyType(
    {
        "tiled": Encoding(options=_FLOATS),
        "filtered": Encoding(options=_FLOATS),
        "mask": Encoding("uint8", None, None, _WHOLE, resampling="mode"),
        "lia_deg": _DEGREES,
        "lia_sin": _SINES,
        "ia_deg": _DEGREES,
        "ia_sin": _SINES,
        "ia_cos": _SINES,
        "ia_tan": _SINES,
        "gamma_area": Encoding(empty=_NAN, nodata=_NAN, options=_WHOLE),
    }
)
"""How each kind of file is stored where the configuration says nothing. Maps of the terrain are NaN
in memory where there is nothing."""


def encoding(
    kind: str,
    given: str | Mapping[str, Any] | None = None,
    *,
    nodata: Any = None,
    cog: bool = False,
) -> Encoding:
    """Return how a kind of file is stored.

    Parameters
    ----------
    kind
        A key of `ENCODINGS`, as in ``creation_options.tiled``.
    given
        What the configuration says: text such as ``"uint8 COMPRESS=DEFLATE"``, or that taken apart
        as S1Tiling does it, ``{"pixel_type": "uint8", "gdal_options": ["COMPRESS=DEFLATE"]}``.
        Given options stand in place of all usual ones.
    nodata
        The value in the file that stands for nothing; a number, or ``"nan"``, which is 0 for
        integers.
    cog
        See `Encoding`.

    Raises
    ------
    ConfigurationError
        If an option is no ``NAME=value``, a pixel type is unknown, or they do not go together.
    """
    usual = ENCODINGS[kind]
    found = replace(usual, cog=cog)
    if given:
        pixel_type, options = _taken_apart(kind, given)
        found = replace(found, options=options, dtype=pixel_type or usual.dtype)
    if nodata is not None and usual.empty is not None:
        found = replace(found, nodata=_number(kind, nodata))
    if (
        found.nodata is not None
        and np.isnan(found.nodata)
        and not _holds(found.dtype, found.nodata)
    ):
        found = replace(found, nodata=0.0)
    _check(kind, found)
    return found


def _taken_apart(kind: str, given: str | Mapping[str, Any]) -> tuple[str | None, dict[str, str]]:
    if isinstance(given, str):
        words = given.replace(",", " ").split()
        name = words.pop(0) if words and "=" not in words[0] else None
    else:
        name, words = given.get("pixel_type"), list(given.get("gdal_options") or ())
    if name is not None and name not in PIXEL_TYPES:
        raise ConfigurationError(
            f"{_option(kind)}: pixel type {name!r} is not one of {', '.join(PIXEL_TYPES)}"
        )
    options = {}
    for word in words:
        found = _OPTION.fullmatch(word)
        if found is None:
            raise ConfigurationError(
                f"{_option(kind)}: {word!r} is not NAME=value, the name in capitals"
            )
        options[found[1]] = found[2]
    return (None if name is None else PIXEL_TYPES[name]), options


def _number(kind: str, nodata: Any) -> float:
    try:
        return float(nodata)
    except (TypeError, ValueError) as reason:
        raise ConfigurationError(
            f"nodata of {kind} is {nodata!r}: give a number, or nan"
        ) from reason


def _same(one: float, other: float) -> bool:
    return one == other or bool(np.isnan(one) and np.isnan(other))


def _equal(values: Array, value: float) -> Array:
    return np.isnan(values) if np.isnan(value) else np.asarray(values == value)


def _holds(dtype: str, value: float | None) -> bool:
    """Tell whether a type has a value."""
    kind = np.dtype(dtype)
    if value is None or kind.kind == "f":
        return True
    limits = np.iinfo(kind)
    return bool(np.isfinite(value)) and value == int(value) and limits.min <= value <= limits.max


def _check(kind: str, found: Encoding) -> None:
    if not _holds(found.dtype, found.nodata):
        raise ConfigurationError(f"{_option(kind)}: {found.dtype} has no value {found.nodata}")
    predictor = found.options.get("PREDICTOR")
    if predictor == "3" and np.dtype(found.dtype).kind != "f":
        raise ConfigurationError(
            f"{_option(kind)}: PREDICTOR=3 is for floats, not {found.dtype}; take PREDICTOR=2"
        )


def _option(kind: str) -> str:
    return f"Processing.creation_options.{kind}"
