"""CSV rows printed by a compiled loop, a few at a time.

Digits are those of `egms_io.formats.text.decimal_texts`: of the value rounded half to even, without
zeros at the end but for one behind the point. Values too large to be whole in float64 once the
point is moved are left to that function.

Import this module only where it is used: it loads numba.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from egms_io.formats.text import csv_rows, decimal_texts
from workbench.machinecode import compiled

LARGEST = 2.0**52  # whole numbers up to this print exactly, also after a division
NUMBER_BYTES = 18  # of the longest text: a sign, 16 digits and a point
_COMMA, _LF, _MINUS, _POINT, _ZERO = b",\n-.0"

Column = npt.NDArray[np.bytes_] | npt.NDArray[np.float64]


def printed_rows(columns: Sequence[Column], decimals: Sequence[int]) -> bytes:
    """Return rows of CSV, each ended by LF.

    Parameters
    ----------
    columns
        (rows,) each: texts (dtype S), or numbers, NaN where the field is empty.
    decimals
        Digits behind the point of each column, 0 for whole numbers; of a text it does not count.
    """
    rows = len(columns[0])
    texts = [column for column in columns if column.dtype.kind == "S"]
    numbers = [column for column in columns if column.dtype.kind != "S"]
    widths = [column.dtype.itemsize if column.dtype.kind == "S" else 0 for column in columns]
    letters = np.zeros((rows, sum(widths)), np.uint8)
    at = 0
    for text in texts:
        width = text.dtype.itemsize
        letters[:, at : at + width] = np.ascontiguousarray(text).view(np.uint8).reshape(rows, -1)
        at += width
    values = np.empty((rows, len(numbers)))
    for place, number in enumerate(numbers):
        values[:, place] = number
    size = rows * (letters.shape[1] + NUMBER_BYTES * len(numbers) + len(columns))
    out = np.empty(size, np.uint8)
    end = _print(letters, values, np.array(widths), np.array(decimals), out)
    if end < 0:
        return csv_rows(
            [
                column if column.dtype.kind == "S" else decimal_texts(column, digits)
                for column, digits in zip(columns, decimals, strict=True)
            ]
        )
    return out[:end].tobytes()


@compiled
def _print(letters, values, widths, decimals, out):
    """Write all rows; return how many bytes, -1 where a number is too large."""
    at = 0
    for row in range(len(values)):
        letter, number = 0, 0
        for column in range(len(widths)):
            width = widths[column]
            if width:
                for byte in letters[row, letter : letter + width]:
                    if byte:  # NUL fills short texts up
                        out[at] = byte
                        at += 1
                letter += width
            else:
                at = _print_number(values[row, number], decimals[column], out, at)
                number += 1
                if at < 0:
                    return -1
            out[at] = _COMMA
            at += 1
        out[at - 1] = _LF
    return at


@compiled
def _print_number(value, digits, out, at):
    """Write one number, or nothing for NaN; return where it ends, -1 if it is too large."""
    if np.isnan(value):
        return at
    one = 1
    for _ in range(digits):
        one *= 10
    whole = np.rint(value * one)
    if not abs(whole) < LARGEST:
        return -1
    if whole < 0 or (digits and np.signbit(whole)):
        out[at] = _MINUS
        at += 1
    size = np.int64(abs(whole))
    units, part = size // one, size % one
    power = 1
    while power * 10 <= units:
        power *= 10
    while power:
        out[at] = _ZERO + units // power
        units %= power
        power //= 10
        at += 1
    if not digits:
        return at
    out[at] = _POINT
    at += 1
    first = True
    while first or part:
        one //= 10
        out[at] = _ZERO + part // one
        part %= one
        at += 1
        first = False
    return at
