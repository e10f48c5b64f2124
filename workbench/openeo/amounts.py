"""How much plain values hold, and how much a graph may build of them.

A few words can make arrays and texts without end: one that is put to itself doubles each time, and
so does a list that names another twice, which takes no memory until it is written. What holds a
thing twice is therefore counted twice. Pixels are not counted here: cubes have limits of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

from workbench.openeo.errors import error
from workbench.openeo.values import LabelledArray

__all__ = ["MOST_BUILT", "MOST_CHARACTERS", "MOST_ELEMENTS", "MOST_HELD", "amount", "check_amount"]

MOST_ELEMENTS = 10_000_000
"""Of an array that one process makes."""

MOST_CHARACTERS = 20_000_000
"""Of a text that one process makes."""

MOST_HELD = 20_000_000
"""Elements and characters in one value, with all that lies within it."""

MOST_BUILT = 100_000_000
"""Elements and characters of all values that one run of a graph builds, also in callbacks."""

MOST_DEEP = 200
"""Levels of arrays and objects within each other."""

_NUMBERS = {int, float, bool, type(None)}


def amount(value: Any) -> int:
    """Return how many elements and characters a value holds, counted where they are written.

    Raises
    ------
    OpenEOError
        ProcessGraphInvalid, if there are too many levels.
    """
    return _amount(value, {}, 0)


def check_amount(value: Any, before: int = 0) -> int:
    """Check that a value is not larger than graphs may build them, and return how much it holds.

    Parameters
    ----------
    before
        What the run has built before.

    Raises
    ------
    OpenEOError
        ProcessGraphInvalid, with the limit.
    """
    if not isinstance(value, str | list | Mapping | LabelledArray):
        return 0
    held = amount(value)
    if held > MOST_HELD:
        raise _too_much(
            f"A value with all that it holds would have {held:,} elements and characters, more "
            f"than {MOST_HELD:,}."
        )
    if before + held > MOST_BUILT:
        raise _too_much(
            "The arrays and texts that it builds, in callbacks too, have more than "
            f"{MOST_BUILT:,} elements and characters."
        )
    return held


def _amount(value: Any, known: dict[int, int], level: int) -> int:
    """Return how much a value holds; of what was met before, as it is `known` by its identity."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        parts: Any = value
    elif isinstance(value, Mapping):
        parts = list(chain(value.keys(), value.values()))
    elif isinstance(value, LabelledArray):
        parts = [*value.values, *value.labels]
    else:
        return 0
    if id(value) in known:
        return known[id(value)]
    if level >= MOST_DEEP:
        raise _too_much(f"Its values lie within each other in more than {MOST_DEEP} levels.")
    found, kinds = len(parts), set(map(type, parts)) - _NUMBERS
    if kinds == {str}:
        found += sum(len(part) for part in parts if type(part) is str)
    elif kinds:
        found += sum(_amount(part, known, level + 1) for part in parts)
    known[id(value)] = found
    return found


def _too_much(detail: str) -> Exception:
    return error("ProcessGraphInvalid", detail=f"{detail} Compute with cubes, or with less.")
