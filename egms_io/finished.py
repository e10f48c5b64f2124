"""Finished blocks on disk, and the product that they make up: tables, frames.

A block has one Arrow file of unrounded values per component. Blocks of one row form a band, which
is read and written together: memory does not grow with the area.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.cells import Area, block_place
from egms_io.formats.l3 import l3_table
from egms_io.method.seriesmodels import STATISTICS
from egms_io.plan import Method, Plan
from egms_io.tiles import CRS
from workbench.files import atomic

STRIP_ROWS = 4000  # 10 MB with 300 dates


@dataclass(frozen=True)
class Block:
    """A finished block.

    Attributes
    ----------
    number
        See `egms_io.cells.block_place`.
    files
        Arrow file by component (``E``, ``U``), rows in the order of the cell keys.
    cells
        Number of rows.
    counts
        Cells solved and left out, by reason.
    steps
        By date: the number of cells in which other bursts contribute than the date before, and the
        largest step of their series, mm.
    """

    number: int
    files: dict[str, Path]
    cells: int
    counts: dict[str, int]
    steps: dict[str, tuple[int, float]] = field(default_factory=dict)

    def table(self, component: str, columns: Sequence[str] | None = None) -> Any:
        """Read its rows, or some columns of them, as a pyarrow.Table."""
        import pyarrow as pa

        with pa.memory_map(str(self.files[component])) as file:
            table = pa.ipc.open_file(file).read_all()
            return table.select(list(columns)) if columns else table


def store_block(
    number: int,
    tables: Mapping[str, Any],
    counts: dict[str, int],
    folder: Path,
    steps: dict[str, tuple[int, float]],
) -> Block:
    """Write the tables of a block (pyarrow, by component), each atomically."""
    import pyarrow as pa

    files = {}
    for component, table in tables.items():
        files[component] = folder / f"block_{number}_{component}.arrow"
        with (
            atomic(files[component], overwrite=True) as file,
            pa.ipc.new_file(file, table.schema) as writer,
        ):
            writer.write_table(table)
    return Block(number, files, tables["E"].num_rows, counts, steps)


@dataclass(frozen=True)
class Band:
    """The blocks of one row, west to east.

    Attributes
    ----------
    number
        Row of blocks, counted north from the origin of EPSG:3035.
    blocks
        Those with cells.
    """

    number: int
    blocks: tuple[Block, ...]

    def table(self, component: str, columns: Sequence[str] | None = None) -> Any:
        """Read the rows of the band, by northing and then easting, as a pyarrow.Table."""
        import pyarrow as pa

        table = pa.concat_tables([block.table(component, columns) for block in self.blocks])
        return _by_key(table)

    def strips(self, component: str) -> Iterator[Any]:
        """Yield the rows of `table` a few thousand at a time, in the memory of these."""
        import pyarrow as pa

        tables = [block.table(component) for block in self.blocks]
        keys = [table["cell"].to_numpy() for table in tables]
        bounds = np.sort(np.concatenate(keys))[::STRIP_ROWS]  # the first key of each strip
        cuts = [[*np.searchsorted(key, bounds), len(key)] for key in keys]
        for strip in range(len(bounds)):
            parts = (
                table.slice(cut[strip], cut[strip + 1] - cut[strip])
                for table, cut in zip(tables, cuts, strict=True)
            )
            yield _by_key(pa.concat_tables(parts))


def _by_key(table: Any) -> Any:
    return table.take(np.argsort(table["cell"].to_numpy(), kind="stable"))


@dataclass
class FinishedProduct:
    """The finished blocks of a plan.

    Attributes
    ----------
    plan
        The request they answer.
    blocks
        South to north and west to east.
    folder
        Where they are; writers keep their scratch files there.
    """

    plan: Plan
    blocks: list[Block]
    folder: Path

    @property
    def area(self) -> Area:
        """Cells, name and outline."""
        return self.plan.area

    @property
    def method(self) -> Method:
        """The parameters it was made with."""
        return self.plan.method

    @property
    def cells(self) -> int:
        """Number of cells with a solution."""
        return sum(block.cells for block in self.blocks)

    @cached_property
    def velocity_limit(self) -> float:
        """End of a colour scale for the velocities of both components, whole mm / yr.

        The 99th percentile of their size; 1 where no velocity is known.
        """
        speeds = np.abs(np.concatenate([self.velocities("E"), self.velocities("U")]))
        known = speeds[~np.isnan(speeds)]
        return max(float(np.ceil(np.percentile(known, 99))), 1.0) if len(known) else 1.0

    def velocities(self, component: str) -> npt.NDArray[np.float64]:
        """Return the mean velocity of each cell, (cells,) mm / yr, in the order of the blocks."""
        tables = [block.table(component, ["mean_velocity"]) for block in self.blocks]
        return np.concatenate([*(table["mean_velocity"].to_numpy() for table in tables), []])

    @property
    def bands(self) -> list[Band]:
        """Rows of blocks that have cells, south to north."""
        rows: dict[int, list[Block]] = {}
        for block in self.blocks:
            if block.cells:
                rows.setdefault(block_place(block.number)[0], []).append(block)
        return [Band(number, tuple(rows[number])) for number in sorted(rows)]

    @cached_property
    def east(self) -> Any:
        """East component: one row per cell, in the columns of the product, unrounded.

        A GeoDataFrame with the cell centre as geometry; displacement in mm, positive east. After
        the dates come ``cell`` (key), ``condition``, the points and the scatter of each pass, and
        the formal error; see `egms_io.formats.cellfields`.
        """
        return self._frame("E")

    @cached_property
    def up(self) -> Any:
        """Up component: as `east`, displacement in mm, positive up."""
        return self._frame("U")

    def _frame(self, component: str) -> Any:
        import geopandas as gpd
        import pyarrow as pa

        tables = [band.table(component) for band in self.bands] or [no_cells(self.method)]
        frame = pa.concat_tables(tables).to_pandas()
        points = gpd.points_from_xy(frame["easting"], frame["northing"])
        frame = gpd.GeoDataFrame(frame, geometry=points, crs=CRS)
        frame.attrs["component"] = component
        return frame


def no_cells(method: Method) -> Any:
    """Return a table of the product without a row."""
    none = np.empty(0)
    statistics = dict.fromkeys(STATISTICS, none)
    series = np.empty((len(method.dates), 0))
    return l3_table(none, none, none, statistics, np.empty((3, 0)), series, method.dates)
