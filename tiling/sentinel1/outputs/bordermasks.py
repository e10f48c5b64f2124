"""Border masks: where a tile has values, without specks and thin parts.

A binary opening of `value != 0` with a ball. Which pixels a ball of a radius has differs between
libraries; this is that of ITK, and so of OTB: those whose squared distance from the middle is at
most radius * (radius + 1). Beyond the tile nothing is known, so its edge is no edge of the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isqrt

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.outputs.rasters import Source
from workbench.rasters.windows import Window

__all__ = ["RADIUS", "BorderMask", "opened"]

Flags = npt.NDArray[np.bool_]

RADIUS = 5
"""Of the ball, pixels."""

_PIECE = 512  # columns that are opened at once


@dataclass(frozen=True)
class BorderMask:
    """The mask of a tile, block by block; the blocks it is asked for change nothing.

    Attributes
    ----------
    source
        The tile.
    shape
        Rows and columns of the tile.
    radius
        Of the ball, pixels; 0 for none.
    """

    source: Source
    shape: tuple[int, int]
    radius: int = RADIUS

    def block(self, window: Window) -> npt.NDArray[np.uint8]:
        """Return the pixels (rows, cols) of a window: 1 where the tile has values."""
        whole = Window.whole(self.shape)
        held = window.grown(2 * self.radius).common(whole) or window
        flags = self.source.block(held) != 0
        out = np.empty(window.shape, np.uint8)
        for left in range(window.cols[0], window.cols[1], _PIECE):
            piece = Window(window.rows, (left, min(left + _PIECE, window.cols[1])))
            out[piece.within(window)] = self._piece(flags, held, piece)
        return out

    def _piece(self, flags: Flags, held: Window, piece: Window) -> Flags:
        """Return a part of a block; in one that is full or empty nothing is to be done."""
        reach = piece.grown(2 * self.radius)
        there = reach.common(held) or piece
        seen = flags[there.within(held)]
        if not seen.any() or seen.all():
            return np.full(piece.shape, seen.flat[0])
        known = np.zeros(reach.shape, bool)
        known[there.within(reach)] = True
        values = ~known
        values[there.within(reach)] = seen
        return opened(values, known, self.radius)

    def blocks(self, windows: Iterable[Window]) -> Iterator[tuple[Window, npt.NDArray[np.uint8]]]:
        """Yield windows with their pixels, as `write_tile` takes them."""
        for window in windows:
            yield window, self.block(window)


def opened(flags: Flags, known: Flags, radius: int) -> Flags:
    """Return the opening of flags with a ball, without a frame of twice its radius.

    Parameters
    ----------
    flags
        (rows, cols), True beyond the tile.
    known
        (rows, cols), False beyond the tile: no ball has its middle there.
    radius
        Of the ball.

    Returns
    -------
    ndarray
        (rows - 4 radius, cols - 4 radius)
    """
    inner = slice(radius, -radius or None)
    kept = ~_widened(~flags, radius) & known[inner, inner]
    return _widened(kept, radius)


def _widened(flags: Flags, radius: int) -> Flags:
    """Return whether any pixel of the ball around each is True, without a frame of `radius`."""
    rows, cols = (size - 2 * radius for size in flags.shape)
    across = {0: flags[:, radius : radius + cols]}
    for width in range(1, radius + 1):
        left, right = (flags[:, start : start + cols] for start in (radius - width, radius + width))
        across[width] = across[width - 1] | left | right
    out = np.zeros((rows, cols), bool)
    for down in range(-radius, radius + 1):
        width = isqrt(radius * (radius + 1) - down * down)
        out |= across[min(width, radius)][radius + down : radius + down + rows]
    return out
