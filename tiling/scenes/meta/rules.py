"""What a value of `meta.yaml` must be: a rule reads it, or says what is wrong with it."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from difflib import get_close_matches
from numbers import Real
from typing import Any

import numpy as np

__all__ = [
    "ANYTHING", "COUNTS", "DURATION", "FLAG", "FUNCTION", "LIMITS", "MOMENT", "NAMES", "PLAIN_NAME",
    "SHARES", "TEXT", "Rule", "choice", "meant", "number", "shown", "whole", "wholes",
]  # fmt: skip

PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""What may be part of the name of a file anywhere."""

_MOST_TRIPLETS = 10_000_000  # of a collection
_FIRST, _LAST = datetime(1678, 1, 1), datetime(2262, 1, 1)  # what datetime64[ns] can hold
_DURATION = re.compile(
    r"P(?:([0-9.]+)W)?(?:([0-9.]+)D)?(?:T(?=.)(?:([0-9.]+)H)?(?:([0-9.]+)M)?(?:([0-9.]+)S)?)?"
)


@dataclass(frozen=True)
class Rule:
    """How one kind of value is read."""

    words: str
    """What it must be, as the guide says it."""
    read: Callable[[Any], Any]
    """Raises TypeError for a value of another kind, ValueError for one that cannot be used."""


_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 60


def shown(value: Any) -> str:
    """Return a value as messages show it, whatever it is."""
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[s]"))
    if isinstance(value, date):
        return str(value)
    try:
        return _short.repr(value)
    except ValueError:  # Python does not write numbers of thousands of digits
        return "a number of thousands of digits"


def meant(word: object, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` for a word that is near to a known one, else nothing."""
    names = {name.lower(): name for name in known}
    near = get_close_matches(str(word)[:80].lower(), names, 1) if isinstance(word, str) else []
    return f"; did you mean {names[near[0]]}?" if near else ""


def number(low: float = -math.inf, high: float = math.inf, *, above: bool = False) -> Rule:
    """Return the rule of numbers from `low` (or above it) to `high`."""
    lowest = f" {'above' if above else 'from'} {low:,.10g}" if low > -math.inf else ""
    highest = f"{' and at most' if above else ' to'} {high:,.10g}" if high < math.inf else ""
    words = f"a number{lowest}{highest}"

    def read(value: Any) -> float:
        found = _real(value, words)
        if not (low < found <= high or (found == low and not above)) or math.isinf(found):
            raise ValueError(f"{shown(value)} is not {words}")
        return found

    return Rule(words, read)


def whole(low: int, high: int) -> Rule:
    """Return the rule of whole numbers."""
    words = f"a whole number from {low} to {high if high < 10_000 else f'{high:,}'}"

    def read(value: Any) -> int:
        if not _real(value, words).is_integer():
            raise TypeError(f"{shown(value)} is not {words}")
        if not low <= value <= high:
            raise ValueError(f"{shown(value)} is not {words}")
        return int(value)

    return Rule(words, read)


def _real(value: Any, words: str) -> float:
    """Return a number, infinite where it is too large for a float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        quoted = isinstance(value, str) and re.fullmatch(r"[-+.0-9eE]+", value)
        hint = "; write it without quotation marks" if quoted else ""
        raise TypeError(f"{shown(value)} is not {words}{hint}")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if math.isnan(found):
        raise ValueError(f"{shown(value)} is not {words}")
    return found


def wholes(low: int, high: int) -> Rule:
    """Return the rule of one or several whole numbers."""
    one = whole(low, high)

    def read(value: Any) -> tuple[int, ...]:
        several = value if isinstance(value, list | tuple) else [value]
        if not several:
            raise ValueError("an empty list keeps nothing: remove the key or list values")
        return tuple(dict.fromkeys(one.read(each) for each in several))

    return Rule(f"{one.words}, or a list of them", read)


def choice(*options: str) -> Rule:
    """Return the rule of a text that is one of a few."""

    def read(value: Any) -> str:
        if _text(value) not in options:
            listed = ", ".join(options)
            raise ValueError(f"{shown(value)} is not one of {listed}{meant(value, options)}")
        return str(value)

    return Rule(" or ".join(options), read)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        raise TypeError(
            f"{shown(value)} is not text; YAML reads yes, no, on and off as true and false: "
            "put the word into quotation marks"
        )
    if not isinstance(value, str) and not hasattr(value, "__fspath__"):
        raise TypeError(f"{shown(value)} is not text")
    if not str(value).strip() or not str(value).isprintable():
        raise ValueError(f"{shown(value)} is empty or holds what cannot be printed")
    return str(value)


def _identifier(value: Any) -> str:
    if not _text(value).isidentifier():
        raise ValueError(f"{shown(value)} is not the name of a Python function")
    return str(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{shown(value)} is not true or false")
    return bool(value)


def _moment(value: Any) -> np.datetime64:
    """Return the time in UTC; one without offset is UTC."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if not isinstance(value, str | date):
        raise TypeError(f"{shown(value)} is not a date and time such as 2020-02-02T14:00")
    try:
        found = datetime.fromisoformat(value.strip() if isinstance(value, str) else str(value))
        if found.tzinfo is not None:
            found = found.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as reason:
        said = "" if "isoformat" in str(reason) else f" ({reason})"
        raise ValueError(f"{shown(value)} is not a date and time of ISO 8601{said}") from reason
    if not _FIRST <= found <= _LAST:
        raise ValueError(f"{shown(value)} is not between {_FIRST:%Y} and {_LAST:%Y}")
    return np.datetime64(found, "ns")


def _duration(value: Any) -> float:
    """Return the seconds of an ISO 8601 duration; years and months have no fixed length."""
    parts = _DURATION.fullmatch(value.strip()[:100]) if isinstance(value, str) else None
    try:
        if parts is None or not any(parts.groups()):
            raise ValueError
        lengths = (604800, 86400, 3600, 60, 1)
        seconds = sum(
            float(part or 0) * one for part, one in zip(parts.groups(), lengths, strict=True)
        )
    except ValueError as reason:
        raise ValueError(
            f"{shown(value)} is not a duration of ISO 8601 such as PT30M, PT1H30M or P1D; "
            "years and months have no fixed length"
        ) from reason
    if not 0 < seconds < 1e10:
        raise ValueError(f"{shown(value)} is not a duration above zero and below 300 years")
    return seconds


def _names(value: Any) -> tuple[str, ...]:
    """Return one or several texts; a number is the channel of that number."""
    several = value if isinstance(value, list | tuple) else [value]
    if not several:
        raise ValueError("an empty list: name at least one input")
    return tuple(
        str(each) if isinstance(each, int) and not isinstance(each, bool) else _text(each)
        for each in several
    )


def _counts(value: Any) -> dict[str, int]:
    """Return the triplets of each collection; a number alone is that of ``train``."""
    given = value if isinstance(value, Mapping) else {"train": value}
    for name, count in given.items():
        if not isinstance(name, str) or not PLAIN_NAME.fullmatch(name):
            raise ValueError(
                f"{shown(name)} cannot name a collection; use letters, digits, _ and -"
            )
        try:
            whole(0, _MOST_TRIPLETS).read(count)
        except (TypeError, ValueError) as reason:
            raise ValueError(f"{name}: {reason}") from reason
    if "train" not in given:
        raise ValueError(f"{shown(dict(given))} has no collection train; add one, such as train: 0")
    if not any(given.values()):
        raise ValueError(f"{shown(dict(given))} asks for no triplet at all; at least one is needed")
    return {str(name): int(count) for name, count in given.items()}


def _limits(value: Any) -> Any:
    """Return pairs of the lowest and highest value, or the word ``per_image``."""
    if isinstance(value, str) and value in ("default", "per_image"):
        return value
    wanted = f"{shown(value)} is not [lowest, highest], a list of such pairs or per_image"
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(wanted)
    pairs = value if isinstance(value[0], list | tuple) else [value]
    if any(not isinstance(pair, list | tuple) or len(pair) != 2 for pair in pairs):
        raise ValueError(wanted)
    read = number().read
    try:
        found = tuple((read(low), read(high)) for low, high in pairs)
    except TypeError as reason:
        raise ValueError(str(reason)) from reason
    if any(low >= high for low, high in found):
        raise ValueError(f"{shown(value)}: the lowest value must be below the highest")
    return found


def _shares(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ValueError(f"{shown(value)} is not a list of the shares of bands 1, 2 and 3")
    return tuple(number(-10, 10).read(each) for each in value)


TEXT = Rule("text", _text)
FUNCTION = Rule("name of a function", _identifier)
FLAG = Rule("true or false", _flag)
MOMENT = Rule("date and time, UTC without offset", _moment)
DURATION = Rule("duration such as PT30M", _duration)
NAMES = Rule("list of names", _names)
COUNTS = Rule("number, or a number for each collection", _counts)
LIMITS = Rule("[lowest, highest] for all or each channel, or per_image", _limits)
SHARES = Rule("three numbers", _shares)
ANYTHING = Rule("mapping or list", lambda value: value)
