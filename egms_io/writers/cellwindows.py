"""The cells of a product by squares of its raster: only squares that hold cells are visited.

What is read is the blocks that meet a square, so memory does not grow with the area, and time does
not grow with its empty part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.cells import BLOCK_CELLS, Lattice, block_place
from egms_io.finished import Block, FinishedProduct


@dataclass(frozen=True)
class CellWindow:
    """The cells in one square of the raster, of which some lie beyond its southern or eastern edge.

    Attributes
    ----------
    rows, columns
        Of the raster, counted from its north-western corner.
    place
        Row and column of each cell within the window, (n,) each.
    values
        By column of the tables, (n,).
    """

    rows: slice
    columns: slice
    place: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    values: dict[str, npt.NDArray[Any]]

    def grid(self, names: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return some columns as planes of the window, (names, rows, columns), NaN elsewhere."""
        shape = (self.rows.stop - self.rows.start, self.columns.stop - self.columns.start)
        planes = np.full((len(names), *shape), np.nan, np.float32)
        for plane, name in zip(planes, names, strict=True):
            plane[self.place] = self.values[name]
        return planes


def cell_windows(
    product: FinishedProduct, component: str, names: Sequence[str], side: int
) -> Iterator[CellWindow]:
    """Yield the squares of `side` cells that hold any, from north to south and west to east.

    Parameters
    ----------
    names
        Columns to read.
    side
        In cells; squares are counted from the north-western corner of the area.
    """
    lattice = product.area.lattice
    meeting: dict[tuple[int, int], list[Block]] = {}
    for block in product.blocks:
        for square in _squares(block, lattice, side) if block.cells else ():
            meeting.setdefault(square, []).append(block)
    for row, column in sorted(meeting):
        rows = slice(row * side, min((row + 1) * side, lattice.rows))
        columns = slice(column * side, min((column + 1) * side, lattice.columns))
        window = _window(meeting[row, column], component, names, lattice, rows, columns)
        if len(window.place[0]):
            yield window


def _squares(block: Block, lattice: Lattice, side: int) -> Iterator[tuple[int, int]]:
    """Yield row and column of the squares that a block meets."""
    north, east = block_place(block.number)
    bottom, left = north * BLOCK_CELLS - lattice.row0, east * BLOCK_CELLS - lattice.column0
    top = lattice.rows - bottom - BLOCK_CELLS
    for row in _met(top, lattice.rows, side):
        for column in _met(left, lattice.columns, side):
            yield row, column


def _met(start: int, size: int, side: int) -> range:
    """Return the squares that a block beginning at `start` meets along an axis of `size` cells."""
    return range(max(start, 0) // side, (min(start + BLOCK_CELLS, size) - 1) // side + 1)


def _window(
    blocks: Sequence[Block],
    component: str,
    names: Sequence[str],
    lattice: Lattice,
    rows: slice,
    columns: slice,
) -> CellWindow:
    import pyarrow as pa

    parts = []
    for block in blocks:
        table = block.table(component, ["cell", *names])
        row, column = np.divmod(table["cell"].to_numpy(), lattice.columns)
        row = lattice.rows - 1 - row
        inside = (row >= rows.start) & (row < rows.stop)
        inside &= (column >= columns.start) & (column < columns.stop)
        parts.append(table.filter(pa.array(inside)))
    table = pa.concat_tables(parts)
    row, column = np.divmod(table["cell"].to_numpy(), lattice.columns)
    return CellWindow(
        rows,
        columns,
        place=(lattice.rows - 1 - row - rows.start, column - columns.start),
        values={name: table[name].to_numpy() for name in names},
    )
