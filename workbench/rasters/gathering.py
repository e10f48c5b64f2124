"""Many images from one grid to another: where each pixel comes from is worked out once, then kept.

`Gather` is for images of one grid that come again and again, such as those of a geostationary
satellite. Positions are counted as in `workbench.rasters.resampling`, in source pixels from the
corner of the source grid: the centre of pixel ``i`` is ``i + 0.5``. Missing is NaN; other than
there, a missing neighbour makes a pixel missing, unless its weight is given to the others.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput
from workbench.machinecode import compiled

__all__ = ["Gather", "block_mean", "check_shape", "check_size"]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_MOST = 2**31 - 1  # pixels of a source: their numbers are kept as int32


class Gather:
    """Where the pixels of a target lie in a source grid.

    Parameters
    ----------
    rows, cols
        Positions of the centres of the target's pixels; of shapes that broadcast, NaN or infinite
        where a place is not in the source.
    shape
        Rows and columns of the source.
    wrap
        Whether the source goes on at its other end, along rows and along columns.
    """

    def __init__(
        self,
        rows: npt.ArrayLike,
        cols: npt.ArrayLike,
        shape: tuple[int, int],
        *,
        wrap: tuple[bool, bool] = (False, False),
    ) -> None:
        check_size(shape)
        self.source, self.wrap = shape, wrap
        down, across = np.broadcast_arrays(
            _unrolled(rows, shape[0], wrap[0]), _unrolled(cols, shape[1], wrap[1])
        )
        self.shape = down.shape
        # int32 and float32: 12 bytes a pixel, and a fraction of a pixel to 6e-8
        self._index = np.empty(down.size, np.int32)
        self._down, self._across = (np.empty(down.size, np.float32) for _ in range(2))
        height, width = (size + extra for size, extra in zip(shape, wrap, strict=True))
        _place(
            np.ravel(down), np.ravel(across), height, width,
            self._index, self._down, self._across,
        )  # fmt: skip

    def bilinear(self, values: Array, *, renormalise: bool = False) -> Array:
        """Interpolate between the four nearest pixels.

        Parameters
        ----------
        values
            (..., rows, cols), any number type.
        renormalise
            Give the weights of missing neighbours to the others.

        Returns
        -------
        numpy.ndarray
            (..., y, x) float32 from float32 and from integers of 16 bits or less, else float64. NaN
            beyond the centres of the outermost pixels, and where any pixel that has a weight is
            NaN (all of them, with `renormalise`).
        """
        found = self._checked(values)
        dtype = np.float32 if np.can_cast(found.dtype, np.float32) else np.float64
        planes = np.ascontiguousarray(found, dtype).reshape(-1, *found.shape[-2:])
        result = np.empty((len(planes), self._index.size), dtype)
        for plane, out in zip(planes, result, strict=True):
            whole = _wrapped(plane, self.wrap)
            _bilinear(
                whole.ravel(), whole.shape[1], self._index, self._down, self._across,
                renormalise, out,
            )  # fmt: skip
        return result.reshape(*found.shape[:-2], *self.shape)

    def nearest(self, values: Array, *, missing: float | None = None) -> Array:
        """Take the pixel that contains each position.

        Parameters
        ----------
        values
            (..., rows, cols), any type.
        missing
            For positions outside; None: NaN, which integers have not.

        Returns
        -------
        numpy.ndarray
            (..., y, x) in the type of `values`.

        Raises
        ------
        BadInput
            If positions lie outside, `values` are integers and `missing` is not given.
        """
        found = self._checked(values)
        index, outside = self._nearest
        if outside.any() and missing is None and found.dtype.kind != "f":
            raise BadInput(
                f"{int(outside.sum())} pixels lie outside the source, and {found.dtype} has no "
                "NaN: say what stands for missing"
            )
        result = found.reshape(*found.shape[:-2], -1)[..., index]
        result[..., outside] = np.nan if missing is None else missing
        return np.asarray(result.reshape(*found.shape[:-2], *self.shape))

    @cached_property
    def _nearest(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        height, width = self.source
        row, col = np.divmod(self._index, width + self.wrap[1])
        known = np.isfinite(self._down) & np.isfinite(self._across)
        for at, share in ((row, self._down), (col, self._across)):
            # an edge belongs to the pixel after it, also where rounding put it a little before
            at += np.floor(np.where(known, share, 0) + np.float32(0.5 + 1e-6)).astype(np.int32)
        row, col = (
            at % size if round_ else at
            for at, size, round_ in zip((row, col), self.source, self.wrap, strict=True)
        )
        inside = known & (row >= 0) & (row < height) & (col >= 0) & (col < width)
        return np.where(inside, row.astype(np.intp) * width + col, 0), ~inside

    def _checked(self, values: Array) -> Array:
        found = np.asarray(values)
        check_shape(found, self.source)
        return found


def block_mean(values: Array, factors: tuple[int, int]) -> Array:
    """Average blocks of pixels; missing ones take no part.

    Parameters
    ----------
    values
        (..., rows, cols) floats; rows and columns that do not fill a block are left out.
    factors
        Rows and columns of a block.

    Returns
    -------
    numpy.ndarray
        (..., rows / factor, cols / factor) in the type of `values`, NaN where a block is all NaN.
    """
    height, width = (size // by for size, by in zip(values.shape[-2:], factors, strict=True))
    planes = np.ascontiguousarray(values).reshape(-1, *values.shape[-2:])
    result = np.empty((len(planes), height, width), values.dtype)
    for plane, out in zip(planes, result, strict=True):
        _average(plane, factors[0], factors[1], out)
    return result.reshape(*values.shape[:-2], height, width)


def check_size(shape: tuple[int, int]) -> None:
    """Refuse a source without pixels, or with more than can be numbered."""
    if min(shape) < 1 or (shape[0] + 1) * (shape[1] + 1) > _MOST:
        raise BadInput(f"a source of {shape[0]} x {shape[1]} pixels: there must be 1 to {_MOST}")


def check_shape(values: Array, shape: tuple[int, int]) -> None:
    """Refuse values that do not lie on the grid of the source."""
    if values.shape[-2:] != shape:
        raise BadInput(f"values are {values.shape[-2:]} pixels, the grid they lie on {shape}")


def _unrolled(positions: npt.ArrayLike, size: int, wrap: bool) -> Floats:
    """Return positions from the centre of the first pixel, in one turn where the source wraps."""
    at = np.asarray(positions, np.float64) - 0.5
    if not wrap:
        return at
    with np.errstate(invalid="ignore"):
        return np.asarray(at % size)


def _wrapped(plane: Array, wrap: tuple[bool, bool]) -> Array:
    return np.pad(plane, ((0, wrap[0]), (0, wrap[1])), mode="wrap") if any(wrap) else plane


@compiled
def _place(
    down: Floats, across: Floats, height: int, width: int,
    index: Array, down_share: Array, across_share: Array,
) -> None:  # fmt: skip
    """Find the upper left of the four neighbours, and how far beyond it each position lies."""
    for place in range(down.size):
        row, col = down[place], across[place]
        if not (-1.0 < row < height and -1.0 < col < width):  # nor NaN
            index[place], down_share[place], across_share[place] = 0, np.nan, np.nan
            continue
        # a position on a centre is meant to be there: its neighbours have no weight then
        if abs(row - np.rint(row)) < 1e-6:
            row = np.rint(row)
        if abs(col - np.rint(col)) < 1e-6:
            col = np.rint(col)
        # beside a single row or column there is none: a negative share is beyond the outermost
        row = -abs(row) if height == 1 else row
        col = -abs(col) if width == 1 else col
        top = max(min(int(np.floor(row)), height - 2), 0)
        left = max(min(int(np.floor(col)), width - 2), 0)
        index[place] = top * width + left
        down_share[place], across_share[place] = row - top, col - left


@compiled
def _bilinear(
    values: Array, width: int, index: Array, down: Array, across: Array,
    renormalise: bool, out: Array,
) -> None:  # fmt: skip
    for place in range(index.size):
        low, right = down[place], across[place]
        if not (low >= 0 and low <= 1 and right >= 0 and right <= 1):
            out[place] = np.nan
            continue
        first = index[place]
        total, weight = 0.0, 0.0
        for corner in range(4):
            share = (low if corner >= 2 else 1 - low) * (right if corner % 2 else 1 - right)
            if share > 0:
                value = values[first + (width if corner >= 2 else 0) + corner % 2]
                if not (renormalise and np.isnan(value)):
                    total += share * value
                    weight += share
        out[place] = total / weight


@compiled
def _average(values: Array, down: int, across: int, out: Array) -> None:
    for row in range(out.shape[0]):
        for col in range(out.shape[1]):
            total, count = 0.0, 0
            for i in range(row * down, (row + 1) * down):
                for j in range(col * across, (col + 1) * across):
                    if not np.isnan(values[i, j]):
                        total += values[i, j]
                        count += 1
            out[row, col] = total / count  # NaN for none
