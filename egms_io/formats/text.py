"""CSV text of numbers by table look-up.

A displacement of one decimal is one of a few thousand texts: round to a whole number of tenths,
look its text up, and drop the padding. The text is Python's shortest form of the rounded value
(``-0.3``, ``0.0``, and ``-0.0`` where a negative value rounds to zero), rounded half to even.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

_STEP = 4096  # tables start and end at multiples of this, so that blocks share them
_LARGE_TABLE = 2**16

Texts = npt.NDArray[np.bytes_]


def decimal_texts(values: npt.ArrayLike, decimals: int) -> Texts:
    """Return numbers as text at a fixed number of decimals, empty for NaN.

    Parameters
    ----------
    values
        Any shape; for 0 decimals the text is that of an integer.

    Returns
    -------
    Array of bytes (dtype S) of the same shape, at least one-dimensional, padded with NUL.
    """
    numbers = np.atleast_1d(np.asarray(values, float))
    whole = np.rint(numbers * 10**decimals)
    missing = np.isnan(whole)
    if missing.all():
        return np.zeros(numbers.shape, "S1")
    negative_zero = (whole == 0) & np.signbit(whole) & (decimals > 0)
    whole += 0.0  # -0.0 becomes 0.0, so that both zeros are one kind
    low, high = int(np.nanmin(whole)), int(np.nanmax(whole))
    if high - low > max(_LARGE_TABLE, 4 * whole.size):
        kinds, place = np.unique(whole, return_inverse=True)  # NaNs become one kind
        table = np.array([_text(kind, decimals) for kind in kinds] + ["-0.0"], "S")
        index = place.reshape(numbers.shape)
    else:
        first = low // _STEP * _STEP
        table = _table(decimals, first, (high // _STEP + 1) * _STEP)
        index = np.where(missing, first - 2, whole).astype(np.int64) - first
    index[negative_zero] = -1  # the last two entries of a table are "" and "-0.0"
    texts: Texts = table[index]
    return texts


def csv_rows(columns: Sequence[Any]) -> bytes:
    """Join columns of text to CSV rows.

    Parameters
    ----------
    columns
        Arrays of bytes, each (rows,) or (rows, several).

    Returns
    -------
    bytes
        All rows, each ended by LF.
    """
    pieces = []
    for column in columns:
        table = np.ascontiguousarray(column).reshape(len(column), -1)
        cells = table.view(np.uint8).reshape(*table.shape, table.dtype.itemsize)
        comma = np.full((*table.shape, 1), ord(","), np.uint8)
        pieces.append(np.concatenate([cells, comma], axis=2).reshape(len(table), -1))
    rows = np.concatenate(pieces, axis=1)
    rows[:, -1] = ord("\n")
    return rows.tobytes().translate(None, b"\0")


@lru_cache(maxsize=64)
def _table(decimals: int, first: int, end: int) -> Texts:
    texts = [_text(float(number), decimals) for number in range(first, end)]
    return np.array([*texts, "", "-0.0"], "S")


def _text(whole: float, decimals: int) -> str:
    if np.isnan(whole):
        return ""
    text = f"{whole / 10**decimals:.{decimals}f}"
    if not decimals:
        return text
    text = text.rstrip("0")
    return text + "0" if text.endswith(".") else text
