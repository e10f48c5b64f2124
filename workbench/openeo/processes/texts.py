"""Text in text. Where the case of letters does not matter, ß is ss, as Unicode folds them."""

from __future__ import annotations

from typing import Any

from workbench.openeo.amounts import MOST_CHARACTERS
from workbench.openeo.declarations import process
from workbench.openeo.errors import error
from workbench.openeo.values import elements


@process("text_begins")
def text_begins(data: str | None, pattern: str, case_sensitive: bool) -> bool | None:
    if data is None:
        return None
    return _folded(data, case_sensitive).startswith(_folded(pattern, case_sensitive))


@process("text_ends")
def text_ends(data: str | None, pattern: str, case_sensitive: bool) -> bool | None:
    if data is None:
        return None
    return _folded(data, case_sensitive).endswith(_folded(pattern, case_sensitive))


@process("text_contains")
def text_contains(data: str | None, pattern: str, case_sensitive: bool) -> bool | None:
    if data is None:
        return None
    return _folded(pattern, case_sensitive) in _folded(data, case_sensitive)


@process("text_find")
def text_find(data: str | None, pattern: str, case_sensitive: bool) -> int | None:
    if data is None:
        return None
    place = _folded(data, case_sensitive).find(_folded(pattern, case_sensitive))
    if place < 0 or case_sensitive:
        return None if place < 0 else place
    # Folding may lengthen letters: the position is the one in the text as it was given.
    starts = [i for i, letter in enumerate(data) for _ in letter.casefold()]
    return starts[place] if place < len(starts) else len(data)


@process("text_concat")
def text_concat(data: Any, separator: Any) -> str:
    between, parts = _text(separator), [_text(value) for value in elements(data)]
    count = sum(map(len, parts)) + len(between) * max(len(parts) - 1, 0)
    if count > MOST_CHARACTERS:
        reason = f"the text would have {count:,} characters, more than {MOST_CHARACTERS:,}"
        raise error(
            "ProcessParameterInvalid", process="text_concat", parameter="data", reason=reason
        )
    return between.join(parts)


def _folded(text: str, case_sensitive: bool) -> str:
    return text if case_sensitive else text.casefold()


def _text(value: Any) -> str:
    """Return a value as JSON writes it, whole numbers without a point."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return str(int(value) if whole else value)
