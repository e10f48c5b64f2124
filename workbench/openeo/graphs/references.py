"""References in arguments to results and parameters, and the limits of what a graph's text may be.

A graph comes from anywhere. Its nesting is measured first, without recursion; all that comes after
may go down into it, because it is known not to be deep.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.openeo.errors import error
from workbench.openeo.values import Child, Unresolved

__all__ = [
    "MOST_BYTES",
    "MOST_LEVELS",
    "MOST_VALUES",
    "FromNode",
    "FromParameter",
    "check_nesting",
    "load",
    "references",
    "resolved",
]

MOST_BYTES = 20_000_000
"""Of the JSON of a process."""

MOST_LEVELS = 100
"""Of arrays and objects within each other; a callback in a callback takes four."""

MOST_VALUES = 1_000_000
"""Of numbers, texts, arrays and objects in a process; a country's outline has 100,000."""


@dataclass(frozen=True)
class FromNode(Unresolved):
    """The result of another node of the same graph."""

    node: str


@dataclass(frozen=True)
class FromParameter(Unresolved):
    """A parameter of the graph, or of one around it."""

    name: str


def load(text: str | bytes) -> Any:
    """Read the JSON of a process, which may hold NaN and Infinity as Python writes them.

    Raises
    ------
    OpenEOError
        If it is not JSON, or larger or deeper than the limits.
    """
    if len(text) > MOST_BYTES:
        raise error("ProcessInvalid", detail=f"{len(text):,} bytes are more than {MOST_BYTES:,}.")
    try:
        document = json.loads(text)
    except RecursionError as cause:
        raise _too_deep() from cause
    except ValueError as cause:
        raise error("ProcessInvalid", detail=f"It is not JSON: {cause}.") from cause
    check_nesting(document)
    return document


def check_nesting(document: Any) -> None:
    """Check the depth and size of a document that was read from JSON.

    Raises
    ------
    OpenEOError
        If it has more levels or values than the limits.
    """
    level, count = [document], 0
    for _ in range(MOST_LEVELS + 1):
        count += len(level)
        if count > MOST_VALUES:
            raise error("ProcessGraphInvalid", detail=f"It has more than {MOST_VALUES:,} values.")
        level = [part for value in level for part in _parts(value)]
        if not level:
            return
    raise _too_deep()


def references(value: Any) -> Iterator[FromNode | FromParameter]:
    """Yield the references in an argument, not those inside child graphs."""
    if isinstance(value, FromNode | FromParameter):
        yield value
    elif not isinstance(value, Child):
        for part in _parts(value):
            yield from references(part)


def resolved(value: Any, look_up: Callable[[Any], Any]) -> Any:
    """Return an argument with `look_up` of each reference and child graph in its place."""
    if isinstance(value, Unresolved | Child):
        return look_up(value)
    if isinstance(value, list):
        return [resolved(part, look_up) for part in value]
    if isinstance(value, Mapping):
        return {key: resolved(part, look_up) for key, part in value.items()}
    return value


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _too_deep() -> Exception:
    return error(
        "ProcessGraphInvalid",
        detail=f"Its arrays and objects lie within each other in more than {MOST_LEVELS} levels.",
    )
