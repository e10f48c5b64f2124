"""Values of one grid at the pixels of another: nearest, bilinear and mean, aware of missing data.

Source positions are given in source pixels from the corner of the source grid, so the centre of
pixel ``i`` is ``i + 0.5``. They come from the coordinates of the whole target grid, and arrays that
are windows say where they start, hence a value does not depend on the block it is computed in.
Arithmetic is float64; between grids whose pixel sizes differ by a power of two it is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["bilinear", "mean", "nearest"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
_EDGE = 1e-6  # of a source pixel: positions this close to an edge belong to the pixel after it


def nearest(
    source: npt.NDArray[Any], rows: Floats, cols: Floats, start: tuple[int, int] = (0, 0)
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Take the source pixel that contains each position.

    Parameters
    ----------
    source
        (rows, cols).
    rows, cols
        Positions; 1-D, one for each row and column of the target, or 2-D, one for each pixel.
    start
        Row and column of the source grid at which the array begins.

    Returns
    -------
    values, inside : numpy.ndarray
        (y, x); values outside the source are 0 and `inside` is False there.
    """
    row, col = _cells(rows) - start[0], _cells(cols) - start[1]
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
    source: npt.NDArray[Any], rows: Floats, cols: Floats, start: tuple[int, int] = (0, 0)
) -> npt.NDArray[np.uint16]:
    """Interpolate DN bilinearly; 0 is missing.

    The weights of missing neighbours go to the others. A pixel is missing exactly where the source
    pixel that contains it is missing, so data neither grow nor shrink.

    Parameters
    ----------
    source
        DN, (rows, cols).
    rows, cols, start
        As for `nearest`. A window must hold one pixel more on each side than the positions touch.

    Returns
    -------
    numpy.ndarray
        uint16, (y, x), rounded half up.
    """
    own, inside = nearest(source, rows, cols, start)
    valid = inside & (own != 0)
    if not valid.any():
        return np.zeros(valid.shape, np.uint16)
    total: Floats = np.zeros(valid.shape)
    weight: Floats = np.zeros(valid.shape)
    padded = np.pad(source.astype(np.float64), 1)  # a missing frame, so that every index exists
    for row, row_weight in _neighbours(rows, start[0], source.shape[0]):
        for col, col_weight in _neighbours(cols, start[1], source.shape[1]):
            if rows.ndim == 1:
                part = padded[row[:, None], col[None, :]]
                share = row_weight[:, None] * col_weight[None, :]
            else:
                part, share = padded[row, col], row_weight * col_weight
            total += share * part
            weight += share * (part != 0)
    values = np.divide(total, weight, out=total, where=valid)
    values[~valid] = 0
    return np.floor(values + 0.5).astype(np.uint16)


def mean(source: npt.NDArray[Any], factor: int) -> npt.NDArray[np.uint16]:
    """Average blocks of ``factor x factor`` DN; 0 is missing and takes no part.

    Returns
    -------
    numpy.ndarray
        uint16, (rows / factor, cols / factor), rounded half up; 0 where a block has no data.
    """
    height, width = (size // factor for size in source.shape)
    blocks = source.astype(np.uint64).reshape(height, factor, width, factor)
    total = blocks.sum(axis=(1, 3))
    count = (blocks != 0).sum(axis=(1, 3)).astype(np.uint64)
    rounded = (2 * total + count) // np.maximum(2 * count, 1)
    return np.asarray(rounded, np.uint16)


def _consecutive(cells: Ints) -> bool:
    """Tell whether the grids share their pixels, so that a window can be cut out."""
    return bool((np.diff(cells.ravel()) == 1).all())


def _cells(positions: Floats) -> Ints:
    return np.floor(positions + _EDGE).astype(np.intp)


def _neighbours(
    positions: Floats, start: int, size: int
) -> tuple[tuple[Ints, Floats], tuple[Ints, Floats]]:
    """Give index (into the padded array) and weight of the two neighbours along one axis."""
    at = positions - 0.5
    first = np.floor(at)
    share = at - first
    index = first.astype(np.intp) - start
    low, high = np.clip(index + 1, 0, size + 1), np.clip(index + 2, 0, size + 1)
    return (low, 1.0 - share), (high, share)
