"""Coarse cells on fine pixels: bilinear between centres, at the edge the edge repeated.

The plain form of what `efast.fusion` does on the way, for steps that are looked at by themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["upsampled"]

Floats = npt.NDArray[np.float32]


def upsampled(
    cells: npt.ArrayLike, ratio: int, origin: tuple[int, int], shape: tuple[int, int]
) -> Floats:
    """Return cells on a part of the fine grid.

    Parameters
    ----------
    cells
        (..., y, x) float, NaN where missing: weights are those of the cells that have a value.
    ratio
        Fine pixels along a cell.
    origin, shape
        First row and column of the part, fine pixels from the corner of the cells; rows and
        columns of it.

    Returns
    -------
    numpy.ndarray
        (..., Y, X) float32, NaN where no cell around has a value.
    """
    planes: Any = np.asarray(cells, np.float32)
    there = np.isfinite(planes)
    values: Any = np.where(there, planes, np.float32(0))
    known: Any = there.astype(np.float32)
    for axis, (first, length) in enumerate(zip(origin, shape, strict=True), start=planes.ndim - 2):
        before, share = _place(np.arange(first, first + length), ratio, planes.shape[axis])
        after = np.minimum(before + 1, planes.shape[axis] - 1)
        along = share.reshape(-1, 1) if axis == planes.ndim - 2 else share
        values, known = (
            (1 - along) * part.take(before, axis) + along * part.take(after, axis)
            for part in (values, known)
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(known == 1, values, values / known)
    return np.where(known > 0, found, np.nan).astype(np.float32)


def _place(fine: npt.NDArray[np.int64], ratio: int, length: int) -> tuple[Any, Floats]:
    """Return the cell before each pixel, and how far beyond its centre the pixel lies."""
    twice = 2 * fine + 1 - ratio
    before = np.floor_divide(twice, 2 * ratio)
    share = ((twice - before * 2 * ratio) / np.float32(2 * ratio)).astype(np.float32)
    inside = (before >= 0) & (before < length - 1)
    return np.clip(before, 0, length - 1), np.where(inside, share, np.float32(0))
