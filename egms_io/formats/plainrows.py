"""Rows of plain numbers, read by a compiled loop.

Nearly all that an EGMS table holds are decimals such as ``-12.3``. One is a whole number over a
power of ten, and where both are exact in float64 their quotient is the float64 next to it, which
is what every careful parser gives. Rows that hold anything else are not touched here.

Import this module only where it is used: it loads numba.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types
from numba.cpython.unsafe.numbers import trailing_zeros
from numba.extending import intrinsic

from egms_io.formats.pids import MAX_DIGITS, VALUE
from workbench.machinecode import compiled

MOST_DIGITS = 18  # of a number; any of them fits int64
LARGEST = 2**53  # whole numbers up to this are exact in float64
LONGEST_ROW = 2**20  # bytes; the next parser takes rows in blocks of 4 MB

_POWERS = 10.0 ** np.arange(MOST_DIGITS + 1)
_SKIPPED, _NUMBER, _PID = 0, 1, 2
_COMMA, _LF, _CR, _MINUS, _POINT, _ZERO, _NINE = b",\n\r-.09"

# The same byte eight times, in words of eight bytes.
_ONES, _TOPS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_COMMAS, _ZEROS = np.uint64(0x2C2C2C2C2C2C2C2C), np.uint64(0x3030303030303030)
_BEYOND_NINE = np.uint64(0x7676767676767676)  # added to a byte above 9 it sets the top bit
_WHOLE_PART, _LAST_BYTE = np.uint64(0x0000FFFFFFFFFFFF), np.uint64(0xFF00000000000000)
_PAIRS, _HIGH = np.uint64(0x000000FF000000FF), np.uint64(0x000F424000000064)
_LOW = np.uint64(0x0000271000000001)
_BYTE, _8, _10, _16, _32, _48 = (np.uint64(number) for number in (0xFF, 8, 10, 16, 32, 48))


def plain_rows(
    text: bytes | bytearray,
    header: Sequence[str],
    numbers: Collection[str],
    pid: str | None = None,
) -> tuple[dict[str, npt.NDArray[np.float64]], npt.NDArray[np.int64] | None] | None:
    """Read some columns of CSV rows, or return None where a row is not plain.

    Plain are rows of as many fields as the header has, ended by LF, whose wanted numbers are empty
    or decimals (perhaps ``-``, digits, perhaps a point and digits; at most 18 digits in all, which
    make at most 2**53), and whose PIDs are base-62 text, all of one length. Other columns may hold
    anything.

    Parameters
    ----------
    text
        Whole rows; the last one may lack its LF.
    header
        Names of all columns.
    numbers, pid
        Names of the wanted columns.

    Returns
    -------
    columns
        (rows,) float64 by name, NaN for an empty field.
    pids
        (rows,) int64 as of `egms_io.formats.pids.decode`, None without `pid`.
    """
    kinds = [_NUMBER if name in numbers else _PID if name == pid else _SKIPPED for name in header]
    runs = np.array([(kind, len(list(group)), _COMMA) for kind, group in groupby(kinds)])
    runs[-1, 2] = _LF
    if not text.endswith(b"\n"):
        text = text + b"\n"
    content = np.frombuffer(text, np.uint8)
    rows = _count_lines(content)
    values = np.empty((len(numbers), rows))
    pids = np.empty(rows if pid else 0, np.int64)
    if not _read_rows(content, runs, values, pids):
        return None
    names = [name for name in header if name in numbers]
    return dict(zip(names, values, strict=True)), pids if pid else None


@compiled
def _count_lines(text):
    """Count LF, twice as fast as `bytes.count`."""
    lines = 0
    for byte in text:
        lines += byte == _LF
    return lines


@compiled
def _read_rows(text, runs, values, pids):
    """Fill `values` and `pids`; return whether all rows are plain.

    `runs` (stretches of columns of one kind, 3) holds their kind, their number and what stands
    behind the last of them. The text ends with LF, which no field passes: reading stays inside.
    """
    at, width = 0, 0
    for row in range(values.shape[1]):
        begin, target = at, 0
        for run in range(len(runs)):
            kind, count, end = runs[run]
            if kind == _NUMBER:
                at = _read_numbers(text, at, end, values[target : target + count, row])
                target += count
            elif kind == _PID:
                start = at
                at, pids[row] = _read_pid(text, at, end)
                width = width or at - start
                at = at if at - start == width else -1
            else:
                at = _skip(text, at, end, count)
            if at < 0 or at - begin > LONGEST_ROW:
                return False
    return True


def _build_word(typing, text, at):
    """Return the eight bytes of an array that begin at a place, as one number."""

    def build(context, builder, signature, arguments):
        from llvmlite import ir  # type: ignore[import-untyped]

        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(text, at), build


_word: Any = intrinsic(_build_word)
_trailing_zeros: Any = trailing_zeros


@compiled
def _short_number(word):
    """Return the length of a number with one decimal that a comma ends, and the number.

    The length is 0 where the eight bytes begin with anything else. Nearly all numbers are of this
    kind. They are read without a branch but the last: a processor guesses wrongly where a number of
    unknown length ends, which takes longer than the rest.
    """
    others = word ^ _COMMAS
    size = _trailing_zeros((others - _ONES) & ~others & _TOPS) >> 3  # up to the comma
    minus = np.uint64((word & _BYTE) == _MINUS)
    if not 3 + minus <= size < 8:
        return 0, 0.0
    moved = word << np.uint64(64 - 8 * size)  # the last digit in the last byte
    digits = (moved & _LAST_BYTE) | ((moved & _WHOLE_PART) << _8)  # without the point
    places = np.uint64(9 - size) + minus
    digits = (digits ^ _ZEROS) >> (_8 * places) << (_8 * places)
    odd = ((digits + _BEYOND_NINE) | digits) & _TOPS
    if odd or (moved >> _48) & _BYTE != _POINT:
        return 0, 0.0
    digits = digits * _10 + (digits >> _8)
    tenths = (digits & _PAIRS) * _HIGH + ((digits >> _16) & _PAIRS) * _LOW
    value = np.int64(tenths >> _32) / 10.0
    return np.int64(size), -value if minus else value


@compiled
def _number(text, at):
    """Return where a number ends, -1 if it is not plain, and the number; NaN for an empty field."""
    negative = text[at] == _MINUS
    if negative:
        at += 1
    start, whole = at, 0
    while _ZERO <= text[at] <= _NINE:
        whole = 10 * whole + (text[at] - _ZERO)
        at += 1
    digits, decimals = at - start, 0
    if digits and text[at] == _POINT:
        at += 1
        while _ZERO <= text[at] <= _NINE:
            whole = 10 * whole + (text[at] - _ZERO)
            at += 1
        decimals = at - start - digits - 1
        if not decimals:
            return -1, 0.0
    if digits + decimals > MOST_DIGITS or whole > LARGEST or (negative and not digits):
        return -1, 0.0
    value = whole / _POWERS[decimals] if digits else np.nan
    return at, -value if negative else value


@compiled
def _read_numbers(text, at, end, values):
    """Read one number after the other; return where the next field begins, -1 if one is not plain.

    `end` stands behind the last one.
    """
    last = len(values) - 1
    for place in range(len(values)):
        ending = end if place == last else _COMMA
        size = 0
        if ending == _COMMA and at + 8 <= len(text):
            size, values[place] = _short_number(_word(text, at))
            at += size
        if not size:
            at, values[place] = _number(text, at)
            if at < 0 or text[at] != ending:
                return -1
        at += 1
    return at


@compiled
def _read_pid(text, at, end):
    """Return where the next field begins, -1 if this is no PID, and the number it writes."""
    start, number = at, 0
    while VALUE[text[at]] >= 0:
        number = 62 * number + VALUE[text[at]]
        at += 1
    plain = text[at] == end and 0 < at - start <= MAX_DIGITS
    return at + 1 if plain else -1, number


@compiled
def _skip(text, at, end, count):
    """Return where the next field begins after `count` of them, -1 if there are not as many."""
    for place in range(count):
        while text[at] != _COMMA and text[at] != _LF and text[at] != _CR:
            at += 1
        if text[at] != (_COMMA if place < count - 1 else end):
            return -1
        at += 1
    return at
