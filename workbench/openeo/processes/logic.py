"""The logic of three values: true, false, and null for what is not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.openeo.declarations import process
from workbench.openeo.errors import error
from workbench.openeo.lifting import Floats, along_truths, each_truth, over_blocks
from workbench.openeo.values import (
    elements,
    float_type,
    is_array,
    is_pixels,
    labels_of,
    length_of,
    made_array,
)


@process("and")
def both(x: Any, y: Any) -> Any:
    return each_truth(_and, x, y)


@process("or")
def either(x: Any, y: Any) -> Any:
    return each_truth(_or, x, y)


@process("xor")
def one_of(x: Any, y: Any) -> Any:
    return each_truth(lambda x, y: _known(x, y, (x != 0) != (y != 0)), x, y)


@process("not")
def inverse(x: Any) -> Any:
    return each_truth(lambda x: np.where(np.isnan(x), np.nan, x == 0), x)


@process("any")
def any_of(data: Any, ignore_nodata: bool) -> Any:
    def kernel(values: Floats) -> Any:
        null = np.isnan(values)
        unknown = null.any(0) & (not ignore_nodata)
        return np.where(((values != 0) & ~null).any(0), 1, np.where(unknown, np.nan, 0))

    return along_truths(kernel, data)


@process("all")
def all_of(data: Any, ignore_nodata: bool) -> Any:
    def kernel(values: Floats) -> Any:
        unknown = np.isnan(values).any(0) & (not ignore_nodata)
        return np.where((values == 0).any(0), 0, np.where(unknown, np.nan, 1))

    return along_truths(kernel, data)


@process("if")
def choice(value: Any, accept: Any, reject: Any) -> Any:
    """Return `accept` where `value` is true, else `reject`; both may be arrays."""
    if not is_pixels(value):
        return accept if value is True else reject
    if is_array(accept) or is_array(reject):
        pairs = zip(*_alike(accept, reject), strict=True)
        first, *more = [labels_of(array) for array in (accept, reject) if array is not None]
        kept = first if all(labels == first for labels in more) else None
        return made_array([choice(value, *pair) for pair in pairs], kept)
    chosen = [_numbers(accept), _numbers(reject)]
    kinds = [float_type(v.dtype) for v in chosen if is_pixels(v)]
    return over_blocks(
        lambda v, a, r: np.where((v != 0) & (v == v), a, r),
        [value, *chosen],
        np.result_type(*kinds) if kinds else np.float32,
    )


def _and(x: Floats, y: Floats) -> Any:
    return np.where((x == 0) | (y == 0), 0, _known(x, y, True))


def _or(x: Floats, y: Floats) -> Any:
    true = ((x != 0) & ~np.isnan(x)) | ((y != 0) & ~np.isnan(y))
    return np.where(true, 1, _known(x, y, False))


def _known(x: Floats, y: Floats, outcome: Any) -> Any:
    """Return an outcome where both values are known."""
    return np.where(np.isnan(x) | np.isnan(y), np.nan, outcome)


def _alike(accept: Any, reject: Any) -> tuple[list[Any], list[Any]]:
    """Return the elements of both arrays; null stands for an array of nulls."""
    arrays = [accept, reject]
    lengths = {length_of(array) for array in arrays if is_array(array)}
    if len(lengths) > 1 or any(not is_array(array) for array in arrays if array is not None):
        raise _unfit("two arrays of one length, or two numbers")
    (length,) = lengths
    first, second = ([None] * length if array is None else elements(array) for array in arrays)
    return first, second


def _numbers(value: Any) -> Any:
    """Return a number, boolean, null or pixels as what stands in pixels."""
    if value is None:
        return np.nan
    if is_pixels(value):
        return value
    if isinstance(value, bool | int | float):
        return float(value)
    raise _unfit(f"a number, a boolean or null for a pixel, not {value!r:.80}")


def _unfit(reason: str) -> Exception:
    return error(
        "ProcessParameterInvalid",
        process="if",
        parameter="accept",
        reason=f"a condition that differs by pixel needs {reason}",
    )
