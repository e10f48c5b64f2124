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
        reach = window.grown(2 * self.radius)
        held = reach.common(whole) or window
        flags = self.source.block(held) != 0
        if not flags.any() or flags.all():
            return np.full(window.shape, flags.flat[0], np.uint8)
        rows, cols = held.within(reach)
        known = np.zeros(reach.shape, bool)
        known[rows, cols] = True
        values = ~known
        values[rows, cols] = flags
        return opened(values, known, self.radius).astype(np.uint8)

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
