"""Pixels of a cube, computed window by window: what is held at a time is bounded.

A window is as large as `MOST_BYTES` allow, so that a result of common size is computed whole, in
one graph, and a large one in few: what all windows rest on is computed once for each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.rasters.windows import BLOCK, Window

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["MOST_BYTES", "pixel_type", "streamed"]

MOST_BYTES = 1 << 27
"""Of the pixels of one window; up to four of them are held while one is computed and written."""


def streamed(
    array: xr.DataArray, most: int = MOST_BYTES
) -> Iterator[tuple[Window, npt.NDArray[Any]]]:
    """Yield windows of an array and what is in them, computed where Dask is told to compute.

    Parameters
    ----------
    array
        (..., y, x), of NumPy or Dask.
    most
        Bytes of a window; one of 256 x 256 pixels is the least that there is.

    Yields
    ------
    window, values
        Row by row; their sides are multiples of 256 pixels but at the lower and right edges, so
        that no tile of a file is written twice. Booleans are uint8, half floats float32.
    """
    height, width = array.shape[-2:]
    pixel = max(1, int(np.prod(array.shape[:-2])) * max(array.dtype.itemsize, 1))
    columns = _side(width, most // (BLOCK * pixel))
    rows = _side(height, most // (columns * pixel))
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            window = Window((top, min(top + rows, height)), (left, min(left + columns, width)))
            values = np.asarray(array[(..., *window.slices)].values)
            yield window, values.astype(pixel_type(values.dtype), copy=False)


def pixel_type(kind: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which pixels of a type are written: no booleans, no half floats."""
    if kind.kind == "b":
        return np.dtype(np.uint8)
    return np.dtype(np.float32) if kind == np.float16 else kind


def _side(size: int, most: int) -> int:
    """Return the pixels along a side: all of them, or a multiple of the side of a tile."""
    return size if most >= size else max(BLOCK, most // BLOCK * BLOCK)
