"""Values of one grid at the pixels of another: nearest, bilinear and mean, aware of missing data.

Arrays have any number type. Missing is NaN in floats, and the value `nodata` in any type where one
is given. Positions are given in source pixels from the corner of the source grid, so the centre of
pixel ``i`` is ``i + 0.5``. They come from the coordinates of the whole target grid, and arrays that
are windows say where they start, hence a value does not depend on the block it is computed in.
Arithmetic is float64; between grids whose pixel sizes differ by a power of two it is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["bilinear", "cells", "mean", "nearest"]

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_EDGE = 1e-6  # of a source pixel: positions this close to an edge belong to the pixel after it


def nearest(
    source: Array, rows: Floats, cols: Floats, start: tuple[int, int] = (0, 0)
) -> tuple[Array, Bools]:
    """Return the value of the source pixel that contains each position.

    Parameters
    ----------
    source
        (rows, cols), any type.
    rows, cols
        Positions; 1-D, one for each row and column of the target, or 2-D, one for each pixel.
    start
        Row and column of the source grid at which the array begins.

    Returns
    -------
    values, inside : numpy.ndarray
        (y, x) in the type of `source`, and bool; outside the source values are 0 and `inside` is
        False.
    """
    row, col = cells(rows) - start[0], cells(cols) - start[1]
    inside_row = (row >= 0) & (row < source.shape[0])
    inside_col = (col >= 0) & (col < source.shape[1])
    if rows.ndim == 1:
        row, col = row[:, None], col[None, :]
        inside = inside_row[:, None] & inside_col[None, :]
    else:
        inside = inside_row & inside_col
    if source.size == 0:
        return np.zeros(inside.shape, source.dtype), np.zeros_like(inside)
    if rows.ndim == 1 and inside.all() and _consecutive(row) and _consecutive(col):
        top, left = int(row[0, 0]), int(col[0, 0])
        return source[top : top + row.size, left : left + col.size].copy(), inside
    values = source[np.clip(row, 0, source.shape[0] - 1), np.clip(col, 0, source.shape[1] - 1)]
    return np.where(inside, values, source.dtype.type(0)), inside


def bilinear(
    source: Array,
    rows: Floats,
    cols: Floats,
    start: tuple[int, int] = (0, 0),
    *,
    nodata: float | None = None,
) -> Array:
    """Interpolate bilinearly at positions.

    The weights of missing neighbours go to the others. A pixel is missing exactly where the source
    pixel that contains it is missing, so data neither grow nor shrink.

    Parameters
    ----------
    source
        (rows, cols), any type.
    rows, cols, start
        As for `nearest`. A window must hold one pixel more on each side than the positions touch.
    nodata
        Value that is missing; NaN always is.

    Returns
    -------
    numpy.ndarray
        (y, x) in the type of `source`, integers rounded half up; where missing `nodata` (0 if none
        is given), NaN in floats.
    """
    own, inside = nearest(source, rows, cols, start)
    valid = inside & _present(own, nodata)
    if not valid.any():
        return _filled(np.zeros(valid.shape), valid, source.dtype, nodata)
    present = _present(source, nodata)
    total: Floats = np.zeros(valid.shape)
    weight: Floats = np.zeros(valid.shape)
    # a frame of missing pixels, so that every index exists
    padded = np.pad(np.where(present, source, 0).astype(np.float64), 1)
    counted = np.pad(present, 1)
    for row, row_weight in _neighbours(rows, start[0], source.shape[0]):
        for col, col_weight in _neighbours(cols, start[1], source.shape[1]):
            if rows.ndim == 1:
                place: Any = (row[:, None], col[None, :])
                share = row_weight[:, None] * col_weight[None, :]
            else:
                place, share = (row, col), row_weight * col_weight
            total += share * padded[place]
            weight += share * counted[place]
    values = np.divide(total, weight, out=total, where=valid)
    return _filled(values, valid, source.dtype, nodata)


def mean(
    source: Array, factor: int, *, nodata: float | None = None, inside: Bools | None = None
) -> Array:
    """Average blocks of ``factor x factor`` pixels; what is missing takes no part.

    Parameters
    ----------
    source
        (rows, cols), any type; rows and columns that do not fill a block are left out.
    factor
        Pixels along a side of a block.
    nodata
        Value that is missing; NaN always is.
    inside
        (rows, cols) bool: where there is a pixel at all; None for everywhere.

    Returns
    -------
    numpy.ndarray
        (rows / factor, cols / factor) in the type of `source`, integers rounded half up; where a
        block has no data `nodata` (0 if none is given), NaN in floats.
    """
    height, width = (size // factor for size in source.shape)
    kept = source[: height * factor, : width * factor]
    present = _present(kept, nodata)
    if inside is not None:
        present &= inside[: height * factor, : width * factor]
    count = present.reshape(height, factor, width, factor).sum(axis=(1, 3))
    kind = np.float64 if kept.dtype.kind == "f" else np.int64
    numbers = np.where(present, kept, 0).astype(kind).reshape(height, factor, width, factor)
    total, least = numbers.sum(axis=(1, 3)), np.maximum(count, 1)
    if kind is np.int64:  # exact: the sum plus half the count, divided by the count
        return _filled((2 * total + count) // (2 * least), count > 0, source.dtype, nodata)
    return _filled(total / least, count > 0, source.dtype, nodata)


def _present(values: Array, nodata: float | None) -> Bools:
    """Return where there is a value."""
    present = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(values.shape, bool)
    if nodata is not None and not np.isnan(nodata):
        present &= values != nodata
    return present


def _filled(values: Array, valid: Bools, dtype: np.dtype[Any], nodata: float | None) -> Array:
    """Return `values` in a type, rounded half up in integers, and `nodata` where not valid."""
    if dtype.kind == "f":
        return np.where(valid, values, np.nan if nodata is None else nodata).astype(dtype)
    whole = values if values.dtype.kind == "i" else np.floor(values + 0.5)
    return np.where(valid, whole, nodata or 0).astype(dtype)


def _consecutive(cells: Ints) -> bool:
    """Return whether the grids share their pixels, so that a window can be cut out."""
    return bool((np.diff(cells.ravel()) == 1).all())


def cells(positions: Floats) -> Ints:
    """Return the source pixels that contain some positions, along one axis.

    Parameters
    ----------
    positions
        Finite.
    """
    return np.floor(positions + _EDGE).astype(np.intp)


def _neighbours(
    positions: Floats, start: int, size: int
) -> tuple[tuple[Ints, Floats], tuple[Ints, Floats]]:
    """Return index (into the padded array) and weight of the two neighbours along one axis."""
    at = positions - 0.5
    first = np.floor(at)
    share = at - first
    index = first.astype(np.intp) - start
    low, high = np.clip(index + 1, 0, size + 1), np.clip(index + 2, 0, size + 1)
    return (low, 1.0 - share), (high, share)
