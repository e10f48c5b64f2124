"""Windows: blocks of pixels of a grid, and how a grid is divided into them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

__all__ = ["BLOCK", "Span", "Window", "windows"]

BLOCK = 256
"""Pixels along a side of a block, of a chunk of a store and of a tile of a GeoTIFF."""

Span = tuple[int, int]
"""First pixel along one axis, and the one after the last."""


class Window(NamedTuple):
    """A block of pixels; it may reach beyond the grid that it is counted on.

    It is a plain pair of pairs, as rasterio takes and gives windows.

    Attributes
    ----------
    rows, cols
        First pixel along each axis, and the one after the last.
    """

    rows: Span
    cols: Span

    @classmethod
    def whole(cls, shape: Sequence[int]) -> Window:
        """Return the window that holds a whole grid of this shape (rows, columns)."""
        return cls((0, shape[0]), (0, shape[1]))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, pixels."""
        return self.rows[1] - self.rows[0], self.cols[1] - self.cols[0]

    @property
    def slices(self) -> tuple[slice, slice]:
        """The window as an index (rows, cols) of an array on its grid."""
        return slice(*self.rows), slice(*self.cols)

    def grown(self, pixels: int) -> Window:
        """Return the window with this many pixels more on every side."""
        rows, cols = ((first - pixels, end + pixels) for first, end in self)
        return Window(rows, cols)

    def common(self, other: Window) -> Window | None:
        """Return the window that both share; None if they share no pixel."""
        rows, cols = ((max(a[0], b[0]), min(a[1], b[1])) for a, b in zip(self, other, strict=True))
        return Window(rows, cols) if rows[0] < rows[1] and cols[0] < cols[1] else None

    def within(self, other: Window) -> tuple[slice, slice]:
        """Return where this window lies in an array that holds `other`, as slices (rows, cols)."""
        rows, cols = (
            slice(first - start, end - start)
            for (first, end), (start, _) in zip(self, other, strict=True)
        )
        return rows, cols


def windows(shape: Sequence[int], side: int = BLOCK) -> Iterator[Window]:
    """Yield windows that cover a grid, row by row, no pixel twice.

    Parameters
    ----------
    shape
        Rows and columns of the grid.
    side
        Pixels along a side; less at the lower and right edges.

    Yields
    ------
    Window
        Inside the grid.
    """
    height, width = shape
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield Window((top, min(top + side, height)), (left, min(left + side, width)))
