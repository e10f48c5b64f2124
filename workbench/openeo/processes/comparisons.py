"""Truths about one value or two.

Plain values are compared by type first: the text "1" is not the number 1, nor false 0. Pixels are
numbers. A comparison with null is null, one with NaN is false.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.openeo.declarations import process
from workbench.openeo.lifting import Floats, each_truth, over_blocks
from workbench.openeo.processes.logic import both
from workbench.openeo.values import is_number, is_pixels

__all__ = ["equal"]


@process("eq")
def eq(x: Any, y: Any, delta: float | None, case_sensitive: bool) -> Any:
    return equal(x, y, delta, case_sensitive)


@process("neq")
def neq(x: Any, y: Any, delta: float | None, case_sensitive: bool) -> Any:
    found = equal(x, y, delta, case_sensitive)
    return each_truth(lambda same: 1 - same, found)


@process("gt")
def gt(x: Any, y: Any) -> Any:
    return _ordered(np.greater, x, y)


@process("gte")
def gte(x: Any, y: Any) -> Any:
    return _ordered(np.greater_equal, x, y)


@process("lt")
def lt(x: Any, y: Any) -> Any:
    return _ordered(np.less, x, y)


@process("lte")
def lte(x: Any, y: Any) -> Any:
    return _ordered(np.less_equal, x, y)


@process("between")
def between(x: Any, low: Any, high: Any, exclude_max: bool) -> Any:
    below = _ordered(np.less if exclude_max else np.less_equal, x, high)
    return both(_ordered(np.greater_equal, x, low), below)


@process("is_nan")
def is_nan(x: Any) -> Any:
    return _is(np.isnan, x, plain=is_number(x) and x != x)


@process("is_nodata")
def is_nodata(x: Any) -> Any:
    return _is(np.isnan, x, plain=x is None)


@process("is_valid")
def is_valid(x: Any) -> Any:
    return _is(np.isfinite, x, plain=x is not None and not (is_number(x) and not np.isfinite(x)))


@process("is_infinite")
def is_infinite(x: Any) -> Any:
    return _is(np.isinf, x, plain=is_number(x) and bool(np.isinf(float(x))))


def equal(x: Any, y: Any, delta: float | None = None, case_sensitive: bool = True) -> Any:
    """Tell whether two values are equal, as `eq` does.

    Parameters
    ----------
    x, y
        Plain values or pixels. Arrays and objects are equal to nothing.
    delta
        Numbers that differ by no more are equal.
    case_sensitive
        Whether capital letters differ from small ones.

    Returns
    -------
    bool, None or pixels
        None if one of them is null; pixels if one of them is.
    """
    if is_pixels(x) or is_pixels(y):
        return _compare(lambda a, b: _near(a, b, delta), x, y)
    if x is None or y is None:
        return None
    if is_number(x) and is_number(y):
        return bool(_near(np.float64(x), np.float64(y), delta))
    if isinstance(x, str) and isinstance(y, str):
        return x == y if case_sensitive else x.casefold() == y.casefold()
    return isinstance(x, bool) and isinstance(y, bool) and x == y


def _near(x: Any, y: Any, delta: float | None) -> Any:
    if not delta:
        return x == y
    with np.errstate(invalid="ignore"):  # one infinity less another
        return (x == y) | (np.abs(x - y) <= delta)


def _ordered(kernel: Callable[..., Any], x: Any, y: Any) -> Any:
    """Compare numbers; what is no number is neither before nor after anything, but may be equal."""
    if is_pixels(x) or is_pixels(y):
        return _compare(kernel, x, y)
    if x is None or y is None:
        return None
    if is_number(x) and is_number(y):
        return bool(kernel(np.float64(x), np.float64(y)))
    return bool(kernel(0, 0)) and equal(x, y)  # of two that are equal, as 0 and 0 are


def _compare(kernel: Callable[..., Any], x: Any, y: Any) -> Any:
    """Compare pixels with pixels or a plain value; text is equal to none of them."""

    def compared(a: Floats, b: Floats) -> Any:
        return np.where(np.isnan(a) | np.isnan(b), np.nan, kernel(a, b))

    def unlike(a: Floats) -> Any:
        return np.where(np.isnan(a), np.nan, 0)

    if is_pixels(x) and is_pixels(y):
        return each_truth(compared, x, y)
    pixels, plain = (x, y) if is_pixels(x) else (y, x)
    if not (plain is None or isinstance(plain, bool | int | float)):
        return each_truth(unlike, pixels)
    if is_number(plain) and plain != plain:
        return each_truth(unlike, pixels)
    return each_truth(compared, x, y)


def _is(kernel: Callable[..., Any], x: Any, *, plain: bool) -> Any:
    """Answer for pixels by a kernel, for all else what is known already."""
    return over_blocks(kernel, [x], np.bool_) if is_pixels(x) else plain
