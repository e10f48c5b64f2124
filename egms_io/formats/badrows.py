"""Bad rows of a table: found slowly, one by one, where reading a batch has failed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from egms_io.errors import EgmsError
from egms_io.formats.pids import MAX_DIGITS, decode
from egms_io.formats.plausible import MAX_NUMBER

__all__ = ["Fault", "faults"]

_NUMBER = re.compile(  # what pyarrow reads; float() would also take 1_0 and digits of other scripts
    r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|inf|infinity)", re.ASCII | re.IGNORECASE
)


class Fault(str):
    """What is wrong with one line of a table, and which line it is."""

    number: int

    def __new__(cls, number: int, what: str) -> Fault:
        fault = super().__new__(cls, f"line {number}: {what}")
        fault.number = number
        return fault


def faults(
    text: bytes | bytearray, line: int, header: Sequence[str], numbers: Iterable[str], *, pid: bool
) -> Iterator[Fault]:
    """Find the bad rows of a text, with line and column.

    Parameters
    ----------
    text
        Whole lines, the first of which is line number `line` of the file.
    header, numbers
        Names of all columns, and of those that must hold numbers.
    pid
        Whether the column ``pid`` counts.
    """
    places = [(header.index(name), name) for name in numbers]
    pid_at = header.index("pid") if pid else None
    rows = [
        row.decode("utf-8", errors="replace").rstrip("\r").split(",")
        for row in text.rstrip(b"\n").split(b"\n")
    ]
    width = 0 if pid_at is None else _usual_width(rows, len(header), pid_at)
    for number, values in enumerate(rows, line):
        if values == [""]:
            continue
        if any("\r" in value for value in values):
            yield Fault(number, "has a carriage return inside")
            continue
        if len(values) != len(header):
            yield Fault(number, f"has {len(values)} fields, the header {len(header)}")
            continue
        wrong = [
            (name, what)
            for place, name in places
            if (what := _wrong(values[place], name in ("easting", "northing")))
        ]
        if wrong:
            value = values[header.index(wrong[0][0])]
            yield Fault(number, f"column {wrong[0][0]}: {value!r} {wrong[0][1]}")
        elif pid_at is not None and (fault := _pid_fault(values[pid_at], width)):
            yield Fault(number, fault)


def _usual_width(rows: list[list[str]], fields: int, place: int) -> int:
    """Return how many characters most PIDs have."""
    widths = Counter(len(row[place]) for row in rows if len(row) == fields)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _wrong(text: str, is_place: bool) -> str:
    """Return what is wrong with a field that should be a number, empty when nothing is."""
    if text and not _NUMBER.fullmatch(text.strip(" \t")):
        return "is not a number"
    absurd = abs(float(text or "nan")) > MAX_NUMBER and not is_place
    return "is no displacement, height or velocity" if absurd else ""


def _pid_fault(pid: str, width: int) -> str:
    """Return what is wrong with a PID among those of `width` characters, empty if nothing is."""
    if not pid:
        return "column pid: empty"
    if len(pid) != width and width <= MAX_DIGITS:
        return f"column pid: {pid!r} is not {width} base-62 characters (0-9, A-Z, a-z)"
    try:
        decode([pid.encode()])
    except EgmsError as error:
        return f"column pid: {error}"
    return ""
