"""Keys of a catalogue: which there are and of which type; all else is refused in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from workbench.errors import BadInput

__all__ = ["Fields", "check_fields"]

Fields = Mapping[str, str]
"""By key what it holds: one of the words in `_FITS`."""

_FITS = {
    "text": lambda value: isinstance(value, str) and bool(value.strip()),
    "number": lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ),
    "number or nan": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "list of texts": lambda value: (
        isinstance(value, list) and all(isinstance(one, str) and one for one in value)
    ),
    "mapping": lambda value: isinstance(value, Mapping) and all(isinstance(k, str) for k in value),
    "list or mapping": lambda value: isinstance(value, list | Mapping),
    "whole number or text": lambda value: (
        isinstance(value, int | str) and not isinstance(value, bool) and value != ""
    ),
}


def check_fields(
    given: Any, fields: Fields, where: str, required: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return a mapping of a catalogue whose keys are known and whose values are of their types.

    Parameters
    ----------
    given
        As it was read.
    fields
        What each key may hold.
    where
        What is said of the place in errors, such as ``"collections.S2"``.
    required
        Keys that must be there.

    Raises
    ------
    BadInput
        Naming the key, what it may be, and a similar key that there is.
    """
    if given is None:
        raise BadInput(f"{where}: it is empty, and may have {', '.join(sorted(fields))}")
    if not isinstance(given, Mapping):
        raise BadInput(f"{where}: {given!r:.60} is no mapping with {', '.join(sorted(fields))}")
    for key, value in given.items():
        if key not in fields:
            near = get_close_matches(str(key), fields, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadInput(
                f"{where}: there is no key {key!r}, only {', '.join(sorted(fields))}{hint}"
            )
        if not _FITS[fields[key]](value):
            raise BadInput(f"{where}.{key}: {value!r:.60} is not a {fields[key]}")
    for key in required:
        if key not in given:
            raise BadInput(f"{where}: the key {key!r} is missing")
    return dict(given)
