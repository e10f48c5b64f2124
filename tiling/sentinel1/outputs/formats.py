"""Names with fields, such as ``{tile_name}_{polarisation!u}_{calibration_type:.3}.tif``.

Formats are those of Python, with the conversions of S1Tiling: ``!u`` upper case, ``!l`` lower case,
``!c`` the first letter upper case. A field is a plain name: attributes and items of it are refused.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from tiling.sentinel1.errors import ConfigurationError

__all__ = ["filled", "filled_name"]

_CONVERSIONS: Mapping[str, Callable[[str], str]] = {
    "u": str.upper,
    "l": str.lower,
    "c": str.capitalize,
}

_LONGEST = 255  # bytes of a name that file systems allow


class _Formatter(string.Formatter):
    """Plain fields by name only, and the further conversions."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        if field_name not in kwargs:
            raise KeyError(field_name)
        return kwargs[field_name], field_name

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        if conversion is not None and conversion in _CONVERSIONS:
            return _CONVERSIONS[conversion](str(value))
        return super().convert_field(value, conversion)


def filled(template: str, fields: Mapping[str, Any], option: str) -> str:
    """Return a format with its fields filled in.

    Parameters
    ----------
    template
        The format.
    fields
        What there is to fill in.
    option
        Where the format is from, such as ``Processing.fname_fmt.filtered``; for messages.

    Raises
    ------
    ConfigurationError
        If it names a field that there is none of, or is no format.
    """
    try:
        return _Formatter().vformat(template, (), fields)
    except KeyError as missing:
        raise ConfigurationError(
            f"{option} is {template!r}: there is no field {missing.args[0]!r}; "
            f"there are {', '.join(sorted(fields))}"
        ) from missing
    except (ValueError, IndexError) as reason:
        raise ConfigurationError(f"{option} is {template!r}: {reason}") from reason


def filled_name(template: str, fields: Mapping[str, Any], option: str) -> PurePath:
    """Return the name of a file below its folder, by a format; it may have folders of its own.

    Raises
    ------
    ConfigurationError
        As for `filled`, or if the name is empty, too long or leads out of its folder.
    """
    text = filled(template, fields, option)
    name = PurePath(text)
    if not name.name or text.endswith("/") or "\0" in text:
        raise ConfigurationError(f"{option} is {template!r}: that gives no name of a file")
    if name.is_absolute() or ".." in name.parts:
        raise ConfigurationError(
            f"{option} is {template!r}: {text!r} leads out of the folder; see Processing.dname_fmt"
        )
    if len(name.name.encode()) > _LONGEST:
        raise ConfigurationError(f"{option}: a name of {len(name.name)} characters is too long")
    return name
