"""Functions of arrays, lifted to whatever flows through a graph.

What computes a process, its *kernel*, is a function of NumPy arrays in which NaN is null. The
functions here call it with plain numbers, with pixels in memory, or block by block, lazily, with
pixels on Dask, so that each process has one kernel and one meaning. Plain numbers are computed as
float64. Whole numbers give whole numbers where the result is one.
"""

# Some functions of dask.array have no types.
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.values import (
    PixelArray,
    as_pixel_array,
    elements,
    float_type,
    is_lazy,
    is_pixels,
    labels_of,
    made_array,
    plain_number,
)

__all__ = [
    "Floats",
    "along",
    "along_same",
    "along_truths",
    "each",
    "each_truth",
    "over_blocks",
    "reduced",
    "taken",
    "truth",
    "whole_type",
]

Floats = npt.NDArray[np.floating[Any]]
Kernel = Callable[..., Any]

TRUTH = np.dtype(np.float32)
"""Of booleans over pixels: 1, 0, and NaN for null."""


def each(kernel: Kernel, *given: Any, whole: bool = False) -> Any:
    """Apply a function of numbers to plain numbers or, by broadcasting, to pixels.

    Parameters
    ----------
    kernel
        Of as many arrays as numbers are given; gives NaN where one of them is NaN.
    given
        Plain numbers, None or pixels. One that is None makes the result null.
    whole
        Whether the result is a whole number also for a fraction.
    """
    if any(map(is_pixels, given)):
        pixels: list[Any] = [_floats(v) if is_pixels(v) else _or_nan(v) for v in given]
        kind = np.result_type(*(p.dtype for p in pixels if is_pixels(p)))
        return over_blocks(kernel, pixels, kind)
    if None in given:
        return None
    whole = whole or all(isinstance(v, int) for v in given)
    with np.errstate(all="ignore"):
        return plain_number(kernel(*map(np.float64, given)), whole)


def each_truth(kernel: Kernel, *given: Any) -> Any:
    """Apply a function of truth values, 1, 0 and NaN for null, to plain ones or to pixels."""
    if any(map(is_pixels, given)):
        pixels = [_floats(v) if is_pixels(v) else _or_nan(v) for v in given]
        return over_blocks(kernel, pixels, TRUTH)
    return truth(float(kernel(*(np.float64(_or_nan(v)) for v in given))))


def truth(value: float) -> bool | None:
    """Return 1, 0 or NaN as True, False or None."""
    return None if np.isnan(value) else bool(value)


def whole_type(most: int) -> np.dtype[Any]:
    """Return the type of whole numbers up to this one over pixels, which may be null."""
    return np.dtype(np.float64 if most > 2**24 else np.float32)


def along(
    kernel: Kernel, data: Any, *, ignore_nodata: bool = True, length: int | None = None
) -> Any:
    """Reduce an array of numbers to one number, or to an array of another length.

    Parameters
    ----------
    kernel
        Of one array (n, ...), float, NaN where null; it leaves nulls out and gives one number a
        pixel or (length, ...).
    data
        Plain numbers and None, or a `PixelArray`. Among plain numbers NaN is not null: it makes the
        result NaN.
    ignore_nodata
        If False, one null makes the result null.
    length
        Of the result, if it is an array.
    """
    if (pixels := as_pixel_array(data)) is not None:
        found = reduced(lambda v: _unless_null(kernel(v), v, ignore_nodata), pixels, length)
        return found if length is None else PixelArray(found)
    numbers = elements(data)
    valid = [number for number in numbers if number is not None]
    if not valid or (len(valid) < len(numbers) and not ignore_nodata):
        return None if length is None else [None] * length
    if any(number != number for number in valid):
        return np.nan if length is None else [np.nan] * length
    with np.errstate(all="ignore"):
        found = kernel(np.array(valid, np.float64))
    whole = all(isinstance(number, int) for number in valid)
    if length is None:
        return plain_number(found, whole)
    return [plain_number(number, whole) for number in found]


def along_truths(kernel: Kernel, data: Any) -> Any:
    """Reduce an array of truth values to one.

    Parameters
    ----------
    kernel
        Of one array (n, ...) of 1, 0 and NaN for null; gives one number a pixel of the same.
    data
        Plain booleans and None, or a `PixelArray`.
    """
    if (pixels := as_pixel_array(data)) is not None:
        return reduced(kernel, pixels, kind=TRUTH)
    return truth(float(kernel(np.array([_or_nan(v) for v in elements(data)], np.float64))))


def reduced(
    kernel: Kernel, data: PixelArray, length: int | None = None, kind: npt.DTypeLike | None = None
) -> Any:
    """Call a kernel with the whole first axis of an array over pixels.

    Parameters
    ----------
    kernel
        Of one array (n, ...); gives one number a pixel, or (length, ...).
    kind
        The type of the result; that of the data if it is not given.

    Returns
    -------
    numpy.ndarray or dask.array.Array
        One number a pixel, or (length, ...).
    """
    values = _floats(data.values)
    kind = values.dtype if kind is None else np.dtype(kind)

    def block(part: Floats) -> Any:
        with np.errstate(all="ignore"):
            return np.asarray(kernel(part)).astype(kind, copy=False)

    if not is_lazy(values):
        return block(values)
    values = values.rechunk({0: -1})
    if length is None:
        return values.map_blocks(block, drop_axis=0, dtype=kind, meta=_meta(values.ndim - 1, kind))
    chunks = ((length,), *values.chunks[1:])
    return values.map_blocks(block, chunks=chunks, dtype=kind, meta=_meta(values.ndim, kind))


def over_blocks(kernel: Kernel, given: Sequence[Any], kind: npt.DTypeLike) -> Any:
    """Call a kernel with pixels and plain numbers, element by element.

    Parameters
    ----------
    kernel
        Of as many arrays or numbers as are given; works element by element, with broadcasting.
    kind
        The type of the result.
    """
    kind = np.dtype(kind)

    def block(*parts: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.asarray(kernel(*parts)).astype(kind, copy=False)

    if not any(map(is_lazy, given)):
        return block(*given)
    import dask.array as da

    aligned = iter(da.broadcast_arrays(*(da.asarray(v) for v in given if is_pixels(v))))
    arrays = [next(aligned) if is_pixels(v) else v for v in given]
    dimensions = max(v.ndim for v in arrays if is_pixels(v))
    return da.map_blocks(block, *arrays, dtype=kind, meta=_meta(dimensions, kind))


def along_same(
    kernel: Kernel, data: Any, plain: Callable[[list[Any]], list[Any]], labels: bool = True
) -> Any:
    """Turn an array into one of the same length, whose labels may stay.

    Parameters
    ----------
    kernel
        Of one array (n, ...), NaN where null, for arrays over pixels; gives the same shape.
    plain
        The same for a list of plain values.
    labels
        Whether the labels of the elements stay.
    """
    kept = labels_of(data) if labels else None
    if (pixels := as_pixel_array(data)) is not None:
        return PixelArray(reduced(kernel, pixels, length=pixels.values.shape[0]), kept)
    return made_array(plain(elements(data)), kept)


def taken(data: Any, places: PixelArray, missing: Exception) -> PixelArray:
    """Take elements of an array by positions that differ by pixel.

    Parameters
    ----------
    data
        Plain numbers, or a `PixelArray`: n elements.
    places
        (k, ...) positions from 0 to n - 1; NaN where the result is to be null.
    missing
        Raised, when it is computed, if a position is none of these.

    Returns
    -------
    PixelArray
        (k, ...).
    """
    values = _beside(data, places.values)
    kind = values.dtype

    def block(values: Floats, places: Floats) -> Any:
        null = np.isnan(places)
        wanted = np.where(null, 0, places).astype(np.intp)
        if np.any(~null & ((wanted < 0) | (wanted >= len(values)))):
            raise missing
        if not len(values):
            return np.full(places.shape, np.nan, kind)
        return np.where(null, np.nan, np.take_along_axis(values, wanted, axis=0)).astype(kind)

    if not (is_lazy(values) or is_lazy(places.values)):
        return PixelArray(block(values, places.values))
    import dask.array as da

    axes = tuple(range(1, places.values.ndim))
    first, second = (da.asarray(v).rechunk({0: -1}) for v in (values, places.values))
    found = da.blockwise(
        block,
        (0, *axes),
        first,
        (-1, *axes),
        second,
        (0, *axes),
        concatenate=True,
        dtype=kind,
        meta=_meta(places.values.ndim, kind),
    )
    return PixelArray(found)


def _beside(data: Any, places: Any) -> Any:
    """Return an array as numbers (n, ...), for the pixels of `places`."""
    pixels = as_pixel_array(data)
    if pixels is not None:
        return _floats(pixels.values)
    numbers = np.array([_or_nan(value) for value in elements(data)], np.float64)
    shape = (len(numbers), *places.shape[1:])
    return np.broadcast_to(numbers.reshape(-1, *(1 for _ in shape[1:])), shape)


def _unless_null(found: Any, values: Floats, ignore_nodata: bool) -> Any:
    """Return what was found, NaN where nulls count and there is one."""
    return found if ignore_nodata else np.where(np.isnan(values).any(0), np.nan, found)


def _floats(pixels: Any) -> Any:
    """Return pixels in the type in which they are computed with."""
    kind = float_type(pixels.dtype)
    return pixels if pixels.dtype == kind else pixels.astype(kind)


def _or_nan(value: Any) -> float:
    """Return a plain number or boolean as a number, None as NaN."""
    return np.nan if value is None else float(value)


def _meta(dimensions: int, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return an empty array like the blocks, so that Dask does not call the kernel to see one."""
    return np.empty((0,) * dimensions, kind)
