"""Formats of file and folder names, checked before anything is named after them.

A name is a format of Python with fields such as ``{tile_name}``; besides ``!r``, ``!s`` and ``!a``
there are ``!u`` for upper case, ``!l`` for lower case and ``!c`` for a capital at the beginning.
"""

from __future__ import annotations

from collections.abc import Collection
from string import Formatter

from tiling.sentinel1.configuration.values import meant

__all__ = [
    "FILE_FIELDS",
    "FOLDER_FIELDS",
    "dem_format",
    "fields_of",
    "file_format",
    "folder_format",
]

FILE_FIELDS = (
    "flying_unit_code", "tile_name", "polarisation", "orbit_direction", "orbit", "absolute_orbit",
    "acquisition_time", "acquisition_day", "acquisition_stamp", "acquisition_start",
    "IA_kind", "LIA_kind", "GAMMA_AREA_kind", "basename", "rootname", "polarless_basename",
    "polarless_rootname", "calibration_type", "filter_method",
)  # fmt: skip
"""What may stand in a file name."""

FOLDER_FIELDS = (
    "tile_name", "out_dir", "tmp_dir", "lia_dir", "ia_dir", "gamma_area_dir", "eof_dir",
)  # fmt: skip
"""What may stand in the name of a folder."""

_CONVERSIONS = ("", "r", "s", "a", "u", "l", "c")


def file_format(value: str) -> str:
    """Read the format of a file name."""
    value = _unquoted(value)
    _check(value, FILE_FIELDS)
    if "/" in value or "\\" in value:
        raise ValueError("a file name holds no folder; see dname_fmt")
    if value in (".", ".."):
        raise ValueError("no file name")
    return value


def folder_format(value: str) -> str:
    """Read the format of the name of a folder."""
    value = _unquoted(value)
    _check(value, FOLDER_FIELDS)
    return value


def dem_format(value: str) -> str:
    """Read the format of the names of DEM files; its fields are those of the database."""
    value = _unquoted(value)
    fields = fields_of(value)
    if not fields:
        raise ValueError("without a field such as {id} all cells would be one file")
    return value


def fields_of(value: str) -> list[str]:
    """Return the fields of a format.

    Raises
    ------
    ValueError
        If it is none, or a field has no name or a conversion that there is not.
    """
    try:
        parts = list(Formatter().parse(value))
    except ValueError as reason:
        raise ValueError(f"no format ({reason})") from None
    fields = []
    for _, field, specification, conversion in parts:
        if field is None:
            continue
        if not field.isidentifier():
            raise ValueError(f"{{{field}}} is no field")
        if (conversion or "") not in _CONVERSIONS:
            raise ValueError(f"!{conversion} is none of the conversions !u, !l, !c, !s, !r, !a")
        if "{" in (specification or ""):
            raise ValueError(f"{{{field}}} has a field in its format")
        fields.append(field)
    return fields


def _check(value: str, known: Collection[str]) -> None:
    for field in fields_of(value):
        if field not in known:
            raise ValueError(
                f"{{{field}}} is no field of it{meant(field, known)}; fields: {', '.join(known)}"
            )


def _unquoted(value: str) -> str:
    """Return a format without quotes around it, which would become a part of each name."""
    quoted = len(value) > 2 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
