"""Sums, products and extremes of all elements up to each one.

Nulls are skipped and stay nulls, or if they count, end the array: all that follows is null.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.openeo.declarations import process
from workbench.openeo.lifting import Floats, along_same
from workbench.openeo.values import plain_number

Kernel = Callable[[Floats], Any]


@process("cumsum")
def cumulative_sum(data: Any, ignore_nodata: bool) -> Any:
    return _cumulated(lambda v: np.nancumsum(v, axis=0, dtype=np.float64), data, ignore_nodata)


@process("cumproduct")
def cumulative_product(data: Any, ignore_nodata: bool) -> Any:
    return _cumulated(lambda v: np.nancumprod(v, axis=0, dtype=np.float64), data, ignore_nodata)


@process("cummin")
def cumulative_min(data: Any, ignore_nodata: bool) -> Any:
    return _cumulated(lambda v: np.fmin.accumulate(v, axis=0), data, ignore_nodata)


@process("cummax")
def cumulative_max(data: Any, ignore_nodata: bool) -> Any:
    return _cumulated(lambda v: np.fmax.accumulate(v, axis=0), data, ignore_nodata)


def _cumulated(kernel: Kernel, data: Any, ignore_nodata: bool) -> Any:
    """Apply a kernel that skips NaN to an array, plain or over pixels."""

    def over_pixels(values: Floats) -> Any:
        null = np.isnan(values)
        if not ignore_nodata:
            null = np.logical_or.accumulate(null, axis=0)
        return np.where(null, np.nan, kernel(values))

    def over_list(values: list[Any]) -> list[Any]:
        numbers = np.array([np.nan if v is None else v for v in values], np.float64)
        whole = all(v is None or isinstance(v, int) for v in values)
        with np.errstate(all="ignore"):
            found = [plain_number(number, whole) for number in kernel(numbers)]
        return _with_marks(values, found, ignore_nodata)

    return along_same(over_pixels, data, over_list)


def _with_marks(values: list[Any], found: list[Any], ignore_nodata: bool) -> list[Any]:
    """Put nulls where they belong; NaN is a number, and all that follows it is NaN."""
    ended, nan = False, False
    marked: list[Any] = []
    for value, number in zip(values, found, strict=True):
        ended |= value is None and not ignore_nodata
        nan |= value is not None and value != value
        marked.append(None if value is None or ended else math.nan if nan else number)
    return marked
