"""Turn parameters and records into plain JSON: the one form in which runs are written down.

Manifests, run records and notebook parameters all pass through `plain`, so that a path, a date or a
polygon is spelled the same way in each of them, and a value that cannot be written down is refused
before the work starts instead of after it.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["canonical", "plain"]

# Methods by which foreign values describe themselves: dates, NumPy scalars and arrays, paths.
_SELF_DESCRIPTIONS = ("isoformat", "tolist", "__fspath__")


def plain(value: Any, name: str = "value") -> Any:
    """Return `value` as None, bool, int, float, str, list or dict, nested.

    Dates become ISO text, paths text, sets sorted lists, NumPy values Python ones, geometries
    (anything with ``__geo_interface__``) GeoJSON, floats that JSON lacks "nan", "inf" and "-inf".

    Raises
    ------
    TypeError
        If a part cannot be written down; the message names it by its place under `name`.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{name}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, set | frozenset):
        return sorted((plain(item, name) for item in value), key=json.dumps)
    return _described(value, name)


def _described(value: Any, name: str) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {f.name: plain(getattr(value, f.name), f"{name}.{f.name}") for f in fields}
    for method in _SELF_DESCRIPTIONS:
        if not isinstance(value, type) and callable(getattr(value, method, None)):
            return plain(getattr(value, method)(), name)
    if hasattr(value, "__geo_interface__"):
        return plain(value.__geo_interface__, name)
    raise TypeError(
        f"{name} is a {type(value).__name__}, which cannot be written down as JSON: "
        "pass a number, text, date, path, list, mapping or geometry"
    )


def canonical(value: Any) -> str:
    """Return the one JSON text of a plain `value`: keys sorted, no spaces, 6.0 written as 6."""
    text = json.dumps(value, sort_keys=True)
    return json.dumps(json.loads(text, parse_float=_number), sort_keys=True, separators=(",", ":"))


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number
