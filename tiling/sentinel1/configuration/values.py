"""What the text of an option means: each reader returns a value, or says what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

__all__ = [
    "Reader",
    "boolean",
    "choice",
    "choices",
    "creation_options",
    "day",
    "file_path",
    "folder",
    "meant",
    "no_data",
    "nothing_but_zero",
    "number",
    "orbits",
    "platforms",
    "polarisations",
    "reference",
    "split",
    "text",
    "unless_empty",
    "whole",
    "yes_no_or_unset",
]

Reader = Callable[[str], Any]
"""Turns a text without blanks around it, which is not empty, into a value; a ValueError says why
it cannot."""

_YES, _NO, _UNSET = ("true", "yes", "on", "1"), ("false", "no", "off", "0"), ("none", "unset")

PIXEL_TYPES = (
    "uint8", "int16", "uint16", "int32", "uint32", "float", "float32", "double", "float64",
    "cint16", "cint32", "cfloat", "cdouble",
)  # fmt: skip
"""Words that may stand before creation options."""

POLARISATIONS = {
    "VV-VH": "VV VH", "HH-HV": "HH HV", "VV": "VV", "VH": "VH", "HH": "HH", "HV": "HV",
}  # fmt: skip

REFERENCES = ("EGM96", "EGM2008", "EGM84", "ellipsoid")

ORBITS = 175  # relative orbits of a cycle


def meant(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` for a word that is near to one of the known, else nothing."""
    names = {each.lower(): each for each in known}
    near = get_close_matches(word.lower(), names, n=1, cutoff=0.75)
    return f"; did you mean {names[near[0]]}?" if near else ""


def split(value: str) -> list[str]:
    """Return the words of a list with blanks or commas between."""
    return [word for word in re.split(r"[\s,]+", value) if word]


def text(value: str) -> str:
    """Return the text as it is."""
    return value


def boolean(value: str) -> bool:
    """Read yes or no, by the words that INI files use."""
    if value.lower() not in _YES + _NO:
        raise ValueError(f"not True or False{_comment(value)}")
    return value.lower() in _YES


def yes_no_or_unset(value: str) -> bool | None:
    """Read yes or no; None stands for neither."""
    return None if value.lower() in _UNSET else boolean(value)


def unless_empty(read: Reader) -> Reader:
    """Return a reader for which the words none and unset stand for None."""
    return lambda value: None if value.lower() in _UNSET else read(value)


def whole(least: int, most: int | None = None) -> Reader:
    """Return a reader of whole numbers within limits, both inclusive."""

    def read(value: str) -> int:
        if not re.fullmatch(r"[+-]?\d+", value) or not value.isascii():
            raise ValueError(f"not a whole number{_comment(value)}")
        found = int(value)
        if found < least or (most is not None and found > most):
            limits = f"from {least} to {most}" if most is not None else f"at least {least}"
            raise ValueError(f"must be {limits}")
        return found

    return read


def number(*, above: float | None = None, least: float | None = None) -> Reader:
    """Return a reader of finite numbers beyond a limit, exclusive or inclusive."""

    def read(value: str) -> float:
        found = _number(value)
        if not math.isfinite(found):
            raise ValueError("not a finite number")
        if above is not None and found <= above:
            raise ValueError(f"must be more than {above:g}")
        if least is not None and found < least:
            raise ValueError(f"must be at least {least:g}")
        return found

    return read


def no_data(value: str) -> float:
    """Read a number or nan."""
    return _number(value)


def nothing_but_zero(value: str) -> float:
    """Read the number 0."""
    if _number(value) != 0:
        raise ValueError(
            "0 is what Sentinel-1 images, masks and filters take for no value; other files can be "
            "made of the tiles afterwards"
        )
    return 0.0


def choice(*words: str, instead: str = "") -> Reader:
    """Return a reader of one of some words in lower case, however it is written.

    Parameters
    ----------
    instead
        What to say besides of a word that is none of them.
    """

    def read(value: str) -> str:
        found = value.lower()
        if found not in words:
            hint = instead or meant(value, words)
            raise ValueError(f"not one of {', '.join(words)}{hint}{_comment(value)}")
        return found

    return read


def choices(*words: str) -> Reader:
    """Return a reader of several of some words."""
    one = choice(*words)
    return lambda value: list(dict.fromkeys(map(one, split(value))))


def day(value: str) -> str:
    """Read a day as YYYY-MM-DD, which stays a text."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) or not value.isascii():
        raise ValueError("not a day as YYYY-MM-DD")
    try:
        date.fromisoformat(value)
    except ValueError as reason:
        raise ValueError(f"no day of the calendar ({reason})") from None
    return value


def folder(value: str) -> Path:
    """Read the path of a folder, which need not be there; ``~`` is the home folder."""
    path = file_path(value)
    try:
        there = next((each for each in (path, *path.parents) if each.exists()), None)
    except OSError as reason:  # closed to this user, or a name that is too long
        raise ValueError(f"cannot be used: {reason.strerror}") from None
    if there is not None and not there.is_dir():
        raise ValueError(f"{there} is a file, not a folder")
    return path


def file_path(value: str) -> Path:
    """Read a path; ``~`` is the home folder."""
    if "\0" in value:
        raise ValueError("no path: a byte of it is 0")
    try:
        return Path(value).expanduser()
    except RuntimeError as reason:
        raise ValueError(str(reason)) from None


def polarisations(value: str) -> str:
    """Read one or a pair of polarisations, which are returned with a blank between."""
    if value.upper() not in POLARISATIONS:
        raise ValueError(f"not one of {', '.join(POLARISATIONS)}")
    return POLARISATIONS[value.upper()]


def reference(value: str) -> str:
    """Read what heights count from: a geoid, the ellipsoid, or a vertical system by its code."""
    known = {name.lower(): name for name in REFERENCES}
    if value.lower() in known:
        return known[value.lower()]
    if re.fullmatch(r"epsg:[0-9]+", value.lower()):
        return value.upper()
    raise ValueError(f"not one of {', '.join(REFERENCES)} or a code such as EPSG:5703")


def platforms(value: str) -> list[str]:
    """Read names of satellites such as ``S1A, S1C``."""
    words = [word.upper() for word in split(value)]
    for word in words:
        if not re.fullmatch("S1[A-Z]", word):
            raise ValueError(f"{word} is no platform such as S1A")
    return list(dict.fromkeys(words))


def orbits(value: str) -> list[int]:
    """Read all whole numbers in a text as relative orbits."""
    found = [int(digits) for digits in re.findall(r"\d+", value)]
    if not found:
        raise ValueError("there is no number in it; leave it empty for all orbits")
    wrong = [orbit for orbit in found if not 1 <= orbit <= ORBITS]
    if wrong:
        raise ValueError(f"relative orbits are 1 to {ORBITS}, not {wrong[0]}")
    return list(dict.fromkeys(found))


def creation_options(value: str) -> dict[str, Any]:
    """Read a type of pixels, which may be left out, and options of GDAL as ``NAME=value``.

    Returns
    -------
    dict
        ``gdal_options``, a list, and ``pixel_type`` if one is given.
    """
    words = split(value)
    found: dict[str, Any] = {}
    if words and words[0].lower() in PIXEL_TYPES:
        found["pixel_type"] = words.pop(0).lower()
    for word in words:
        if not re.fullmatch(r"[A-Z_0-9]+=\S+", word):
            hint = meant(word, PIXEL_TYPES)
            raise ValueError(f"{word} is no option such as COMPRESS=DEFLATE{hint}")
    return found | {"gdal_options": words}


def _number(value: str) -> float:
    if "_" in value or not value.isascii():
        raise ValueError("not a number")
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"not a number{_comment(value)}") from None


def _comment(value: str) -> str:
    """Return a hint where a comment stands behind a value: INI files take it for a part of it."""
    commented = re.search(r"\s[#;]", value)
    return "; a comment stands on a line of its own" if commented else ""
