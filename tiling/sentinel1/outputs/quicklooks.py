"""Quicklooks: a tile as a small grey picture, to look at.

A pixel is the mean of the values of a square; its grey goes with the amplitude (the square root of
power), white at `scale`. Where nothing was measured the picture is transparent.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.outputs.rasters import Array, Source, strips
from workbench.errors import BadInput
from workbench.files import atomic_path
from workbench.wholefiles import whole_picture

__all__ = ["RATIO", "SCALES", "quicklook", "white_of", "write_quicklook"]

RATIO = 5.0
"""Size of the picture if it is not said, per cent of the size of the tile."""

SCALES: Mapping[str, float] = MappingProxyType({"hh": 0.5, "hv": 0.5, "vh": 0.05, "vv": 0.5})
"""Linear power that is white, for each polarisation, if it is not said."""

_ROWS = 1024


def white_of(polarisation: str, scales: Mapping[str, float] | None = None) -> float:
    """Return the power that is white for a polarisation.

    Parameters
    ----------
    scales
        In place of the usual ones.
    """
    return {**SCALES, **(scales or {})}[polarisation.lower()]


def quicklook(
    source: Source, shape: tuple[int, int], *, ratio: float = RATIO, scale: float = 0.5
) -> npt.NDArray[np.uint8]:
    """Return a tile as a picture.

    Parameters
    ----------
    source
        Linear power, 0 or NaN where there is none.
    shape
        Rows and columns of the tile.
    ratio
        Size of the picture, per cent of the size of the tile. What a pixel shows is a square of
        100 / `ratio` pixels along a side, rounded.
    scale
        Power that is white.

    Returns
    -------
    ndarray
        (rows, cols, 2): grey from 1 to 255 (0 where transparent), and opacity 0 or 255.

    Raises
    ------
    BadInput
        If `ratio` is not above 0 and up to 100, or `scale` not above 0.
    """
    if not (0 < ratio <= 100 and scale > 0):
        raise BadInput(
            f"ratio={ratio}, scale={scale}: give a ratio up to 100 per cent and a scale above 0"
        )
    side = round(100 / ratio)
    rows, cols = (-(-size // side) for size in shape)
    out = np.zeros((rows, cols, 2), np.uint8)
    for window in strips(shape, max(1, _ROWS // side) * side):
        power, known = _means(source.block(window), side)
        top = window.rows[0] // side
        grey = 255 * np.sqrt(np.clip(power / scale, 0, 1))
        out[top : top + len(power), :, 0] = np.where(known, np.clip(np.rint(grey), 1, 255), 0)
        out[top : top + len(power), :, 1] = np.where(known, 255, 0)
    return out


def write_quicklook(
    path: str | Path,
    source: Source,
    shape: tuple[int, int],
    *,
    ratio: float = RATIO,
    scale: float = 0.5,
    overwrite: bool = False,
) -> Path:
    """Write a tile as a PNG; parameters and errors as for `quicklook`.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is false.
    DiskFull, NotWritten
        If it could not be written.
    """
    from PIL import Image

    path = Path(path)
    picture = quicklook(source, shape, ratio=ratio, scale=scale)
    with atomic_path(path, overwrite=overwrite, check=whole_picture) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
    return path


def _means(values: Array, side: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the mean of the values in each square, and whether there is any."""
    known = (values != 0) & np.isfinite(values)
    total = _sums(values if known.all() else np.where(known, values, 0), side, np.float64)
    count = _sums(known, side, np.int64)
    return total / np.maximum(count, 1), count > 0


def _sums(values: Array, side: int, dtype: Any) -> npt.NDArray[Any]:
    """Return the sums over squares, those at the lower and right edge of what is there."""
    rows, cols = values.shape
    whole = rows // side * side
    found = [values[:whole].reshape(-1, side, cols).sum(1, dtype=dtype)]
    if whole < rows:
        found.append(values[whole:].sum(0, dtype=dtype)[None])
    return np.add.reduceat(np.concatenate(found), np.arange(0, cols, side), 1)
