"""Whether a value fits the schema of a parameter: JSON Schema as openEO uses it, with its subtypes.

The schemas of the standard are few words of JSON Schema, and values are more than JSON: labelled
arrays, pixels, cubes, graphs, and what is known only when a graph runs. So this reads those words
itself. Words that it does not know, and schemas of users that are none, restrict nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from workbench.openeo.cubes import Cube
from workbench.openeo.definitions import subtype_schemas
from workbench.openeo.instants import is_date, is_date_time
from workbench.openeo.values import (
    Child,
    LabelledArray,
    PixelArray,
    Unresolved,
    elements,
    is_array,
    is_number,
    is_pixels,
    length_of,
)

__all__ = ["EMPTY_INTERVAL", "compatible", "misfit", "parameter_misfit"]

EMPTY_INTERVAL = "ends when it begins; the end is excluded, so it must be later"
"""What is said of an interval of time whose borders are equal."""

Schema = Mapping[str, Any]

CUBES = {"datacube", "raster-cube", "vector-cube"}

# What "process-graph" and the cubes say of JSON does not hold for graphs and cubes in memory.
_NO_JSON = CUBES | {"process-graph", "labeled-array"}

_GEOJSON = {
    "Feature", "FeatureCollection", "LineString", "MultiLineString", "MultiPoint", "MultiPolygon",
    "Point", "Polygon",
}  # fmt: skip


def parameter_misfit(value: Any, parameter: Schema, *, own: bool = True) -> str | None:
    """Say why a value does not fit a parameter; None if it does.

    The range of a number that may be null and must be given is not looked at: it says for which
    data the result is a number, such as x >= 0 for `ln`, and others give NaN.

    Parameters
    ----------
    parameter
        As in the definition of a process: ``schema``, ``optional``, ``default``.
    own
        Whether the schema is of this house or the standard. Patterns of a user are not tried: one
        can be written so that it never ends.
    """
    if value is None and parameter.get("optional") and parameter.get("default") is None:
        return None  # as if it was not given
    schema = parameter.get("schema", {})
    if isinstance(schema, Mapping) and not parameter.get("optional"):
        types = schema.get("type")
        if isinstance(types, list) and _named_types(schema) == {"number", "null"}:
            schema = {"type": types}
    return misfit(value, schema, own=own)


def misfit(value: Any, schema: Any, *, own: bool = True) -> str | None:
    """Say why a value does not fit a schema, or any of a list of them; None if it does."""
    if isinstance(schema, list):
        reasons = [misfit(value, option, own=own) for option in schema]
        if not reasons or None in reasons:
            return None
        return " and ".join(dict.fromkeys(str(reason) for reason in reasons))
    if not isinstance(schema, Mapping) or isinstance(value, Unresolved):
        return None
    for check in _CHECKS:
        if (reason := check(value, schema, own)) is not None:
            return reason
    return None


def compatible(given: Any, wanted: Any) -> bool:
    """Tell whether a value of one schema can fit another, as far as their types say.

    Parameters
    ----------
    given
        What a process returns.
    wanted
        What a parameter takes.
    """
    has, takes = _types(given), _types(wanted)
    return not has or not takes or bool(has & takes)


def _types(schema: Any) -> set[str]:
    """Return the types that a schema names, none if it takes all; an object may be a cube."""
    if isinstance(schema, list):
        parts = [_types(option) for option in schema]
        return set().union(*parts) if all(parts) else set()
    if not isinstance(schema, Mapping):
        return set()
    subtype = str(schema.get("subtype"))
    if subtype in CUBES:
        return {"datacube"}
    if schema.get("type") == "object" and "subtype" not in schema:
        return {"object", "datacube"}
    if isinstance(schema.get("anyOf"), list) and "type" not in schema:
        return _types(schema["anyOf"])
    named = _named_types(schema)
    return named | {"number"} if "integer" in named else named


def _named_types(schema: Schema) -> set[str]:
    types = schema.get("type")
    return set(_texts(types if isinstance(types, list) else [types]))


def _texts(part: Any) -> list[str]:
    """Return the texts of a list in a schema; what else users write there restricts nothing."""
    return [text for text in part if isinstance(text, str)] if isinstance(part, list) else []


def _type_misfit(value: Any, schema: Schema, own: bool) -> str | None:
    types = _named_types(schema)
    if not types or _kinds(value) & types:
        return None
    return f"{_shown(value)} is not of type {' or '.join(sorted(types))}"


def _kinds(value: Any) -> set[str]:
    """Return the types of JSON that a value is of; pixels are numbers, booleans and nulls."""
    if value is None:
        return {"null"}
    if isinstance(value, bool):
        return {"boolean"}
    if is_number(value):
        whole = isinstance(value, int) or value.is_integer()
        return {"number", "integer"} if whole else {"number"}
    if isinstance(value, str):
        return {"string"}
    if is_array(value):
        return {"array"}
    return {"number", "integer", "boolean", "null"} if is_pixels(value) else {"object"}


def _choice_misfit(value: Any, schema: Schema, own: bool) -> str | None:
    if "const" in schema and not _same(value, schema["const"]):
        return f"{_shown(value)} is not {_shown(schema['const'])}"
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(_same(value, choice) for choice in choices):
        return f"{_shown(value)} is not one of {', '.join(map(_shown, choices))}"
    return None


def _same(value: Any, other: Any) -> bool:
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


_LIMITS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "minimum": (lambda value, limit: value < limit, "at least"),
    "maximum": (lambda value, limit: value > limit, "at most"),
    "minimumExclusive": (lambda value, limit: value <= limit, "more than"),
    "maximumExclusive": (lambda value, limit: value >= limit, "less than"),
    "exclusiveMinimum": (lambda value, limit: value <= limit, "more than"),
    "exclusiveMaximum": (lambda value, limit: value >= limit, "less than"),
}


def _range_misfit(value: Any, schema: Schema, own: bool) -> str | None:
    if not is_number(value):
        return None
    for word, (outside, meaning) in _LIMITS.items():
        limit = schema.get(word)
        if is_number(limit) and outside(value, limit):
            return f"{_shown(value)} is not {meaning} {limit:g}"
    return None


def _text_misfit(value: Any, schema: Schema, own: bool) -> str | None:
    if not isinstance(value, str):
        return None
    shortest, pattern = schema.get("minLength"), schema.get("pattern")
    if is_number(shortest) and len(value) < shortest:
        return f"{_shown(value)} has fewer than {shortest:g} characters"
    wanted = own and schema.get("subtype") != "udf-code"  # which may be wrong in one line, too
    if wanted and isinstance(pattern, str) and not re.search(pattern, value):
        return f"{_shown(value)} does not match {pattern}"
    known = _FORMATS.get(str(schema.get("format")))
    return None if known is None or known(value) else f"{_shown(value)} is no {schema['format']}"


def _is_uri(text: str) -> bool:
    try:
        return bool(urlsplit(text).scheme)
    except ValueError:
        return False


_FORMATS: dict[str, Callable[[str], bool]] = {
    "date": is_date,
    "date-time": is_date_time,
    "uri": _is_uri,
}


def _array_misfit(value: Any, schema: Schema, own: bool) -> str | None:
    if not is_array(value):
        return None
    fewest, most, items = (schema.get(word) for word in ("minItems", "maxItems", "items"))
    length = length_of(value)
    if (is_number(fewest) and length < fewest) or (is_number(most) and length > most):
        return f"an array of {length} elements is not one of {fewest or 0} to {most or 'any'}"
    if isinstance(value, PixelArray):
        fits = not _types(items) or _types(items) & {"number", "boolean"}
        return None if fits else f"numbers of pixels are not of type {' or '.join(_types(items))}"
    if schema.get("uniqueItems") is True and _repeats(elements(value)):
        return "it has an element twice"
    if isinstance(items, Mapping) and _all_of_types(elements(value), items):
        return None
    reasons = (misfit(element, items, own=own) for element in elements(value))
    return next((reason for reason in reasons if reason is not None), None)


def _interval_misfit(value: Any, schema: Schema, own: bool) -> str | None:
    if schema.get("subtype") != "temporal-interval" or not isinstance(value, list):
        return None
    if len(value) != 2 or not _repeats(value):
        return None
    if value[0] is None:
        return "one border may be null, not both"
    return f"{_shown(value)} {EMPTY_INTERVAL}"


def _all_of_types(values: list[Any], items: Schema) -> bool:
    """Tell quickly, for long arrays, that all elements are of types that are all that is asked."""
    if not set(items) <= {"type", "description", "title"}:
        return False
    types = _named_types(items)
    if not types:
        return True
    return all(_PLAIN.get(kind, set()) & types for kind in set(map(type, values)))


_PLAIN: dict[type, set[str]] = {
    type(None): {"null"},
    bool: {"boolean"},
    int: {"integer", "number"},
    float: {"number"},
    str: {"string"},
}


def _repeats(values: list[Any]) -> bool:
    """Tell whether a value is there twice; the number 1 is not the text "1", nor true."""
    if any(isinstance(value, Unresolved) or is_pixels(value) for value in values):
        return False
    kinds = [json.dumps(v, sort_keys=True, default=repr) for v in values]
    return len(set(kinds)) < len(kinds)


def _object_misfit(value: Any, schema: Schema, own: bool) -> str | None:
    if not isinstance(value, Mapping):
        return None
    required, known, others = (
        schema.get(word) for word in ("required", "properties", "additionalProperties")
    )
    missing = [name for name in _texts(required) if name not in value]
    if missing:
        return f"it lacks {', '.join(missing)}"
    known = known if isinstance(known, Mapping) else {}
    for name, part in value.items():
        if (reason := misfit(part, known.get(name, others), own=own)) is not None:
            return f"its {name}: {reason}"
    return None


def _options_misfit(value: Any, schema: Schema, own: bool) -> str | None:
    options = schema.get("anyOf")
    return misfit(value, options, own=own) if isinstance(options, list) else None


def _subtype_misfit(value: Any, schema: Schema, own: bool) -> str | None:
    subtype = str(schema.get("subtype"))
    if subtype == "process-graph":
        fits = isinstance(value, Child)
        return None if fits else 'it is not a process graph: give {"process_graph": {...}}'
    if isinstance(value, Child):
        return None if "type" not in schema else "it is a process graph"
    if subtype in CUBES:
        return _cube_misfit(value, subtype)
    if subtype == "geojson" and isinstance(value, Mapping) and value.get("type") not in _GEOJSON:
        return f"{_shown(value.get('type'))} is not a type of GeoJSON"
    meaning = subtype_schemas().get(subtype)
    if meaning is None or subtype in _NO_JSON or value is None:
        return None
    return misfit(value, {k: _resolved(v) for k, v in meaning.items() if k != "subtype"})


def _cube_misfit(value: Any, subtype: str) -> str | None:
    if not isinstance(value, Cube):
        return "it is not a data cube"
    if subtype == "raster-cube" and value.is_vector:
        return "it is a vector data cube and not a raster data cube"
    if subtype == "vector-cube" and not value.is_vector:
        return "it is a raster data cube and not a vector data cube"
    return None


def _resolved(part: Any) -> Any:
    """Return a part of a schema of the standard with what it refers to in its place."""
    if isinstance(part, Mapping):
        reference = part.get("$ref")
        if isinstance(reference, str):
            name = reference.rpartition("/")[2]
            return subtype_schemas()[name] if reference.startswith("#") else {}
        return {key: _resolved(value) for key, value in part.items()}
    return [_resolved(value) for value in part] if isinstance(part, list) else part


def _shown(value: Any) -> str:
    """Return a value as it is shown in a message: short."""
    if is_pixels(value) or isinstance(value, PixelArray):
        return "a value for each pixel" if is_pixels(value) else "an array for each pixel"
    if isinstance(value, Mapping | LabelledArray) or not _is_json(value):
        return "a graph" if isinstance(value, Child) else f"a {type(value).__name__}"
    text = json.dumps(value[:10] if isinstance(value, list) else value, default=repr)
    return text if len(text) <= 60 else text[:57] + "..."


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | list)


_CHECKS = (
    _type_misfit,
    _choice_misfit,
    _range_misfit,
    _text_misfit,
    _interval_misfit,
    _array_misfit,
    _object_misfit,
    _options_misfit,
    _subtype_misfit,
)
