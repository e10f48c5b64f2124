"""The product of a run: finished blocks on disk, as frames or as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from egms_io.blocksolution import Block, Method
from egms_io.cells import CRS, Area, band_of
from egms_io.formats.bursts import Burst
from egms_io.mapreduce import MapOptions

if TYPE_CHECKING:
    import datetime as dt

    from distributed import Client

Format = Literal["zip", "tiff", "cog", "parquet", "zarr"]


@dataclass(frozen=True)
class Band:
    """The blocks of one row of blocks, west to east: what is written together."""

    number: int
    blocks: tuple[Block, ...]

    def table(self, component: str, columns: Sequence[str] | None = None) -> Any:
        """Read the rows of the band, by northing and then easting, as a pyarrow.Table."""
        import pyarrow as pa

        tables = []
        for block in self.blocks:
            with pa.memory_map(str(block.files[component])) as file:
                table = pa.ipc.open_file(file).read_all()
                tables.append(table.select(columns) if columns else table)
        table = pa.concat_tables(tables)
        return table.take(np.argsort(table["cell"].to_numpy(), kind="stable"))


@dataclass(frozen=True)
class Plan:
    """A request that was checked: what will be computed, from which bursts.

    Attributes
    ----------
    area, method
        The cells and the parameters.
    bursts
        Opened, in the order of their names.
    options
        How bursts are read.
    skip_bad
        Leave out bursts that turn out to be bad.
    skipped, warnings
        Inputs already left out, with the reason, and what a user should know.
    """

    area: Area
    method: Method
    bursts: tuple[Burst, ...]
    options: MapOptions
    skip_bad: bool = False
    skipped: tuple[dict[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    @cached_property
    def inputs(self) -> tuple[dict[str, Any], ...]:
        """Path, size and MD5 of every file that is read."""
        from workbench.files import file_record

        return tuple(file_record(path) for path in self._files())

    @property
    def key(self) -> str:
        """Name for what will be computed; from the state of the files, without reading them."""
        import hashlib

        found = ((str(path), path.stat()) for path in self._files())
        states = [(path, state.st_mtime_ns, state.st_size) for path, state in found]
        outline = None if self.area.outline is None else self.area.outline.wkb_hex
        facts = repr((states, self.area.lattice, outline, self.method, self.options, self.skip_bad))
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    def _files(self) -> list[Path]:
        paths = [part.path for burst in self.bursts for part in burst.parts]
        if isinstance(self.method.gnss_model, str):
            paths.append(Path(self.method.gnss_model))
        return paths

    def version(self, name: str) -> str | None:
        """Give the ``dem`` or ``gnss`` version that most bursts state."""
        stated = [getattr(burst.metadata, f"{name}_version") for burst in self.bursts]
        known = sorted(value for value in stated if value)
        return max(known, key=known.count) if known else None


@dataclass
class OrthoProduct:
    """East and up displacement of an area; see `egms_io.ortho`.

    Attributes
    ----------
    plan
        The request it answers.
    blocks
        The finished blocks, south to north and west to east.
    report
        What was read, solved, left out and worth knowing; plain values, ready for JSON.
    """

    plan: Plan
    blocks: list[Block]
    report: dict[str, Any]
    folder: Path
    client: Client | None = None
    holder: TemporaryDirectory[str] | None = None  # removes the folder when the product goes

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

    @property
    def bands(self) -> list[Band]:
        """Rows of blocks, south to north."""
        rows: dict[int, list[Block]] = {}
        for block in self.blocks:
            if block.cells:
                rows.setdefault(band_of(block.number), []).append(block)
        return [Band(number, tuple(rows[number])) for number in sorted(rows)]

    @cached_property
    def east(self) -> Any:
        """East component: one row per cell, in the columns of the product, unrounded.

        A GeoDataFrame with the cell centre as geometry; displacement in mm, positive east. Behind
        the dates stand ``cell`` (key), ``condition`` and the points of each pass.
        """
        return self._frame("E")

    @cached_property
    def up(self) -> Any:
        """Up component: as `east`, displacement in mm, positive up."""
        return self._frame("U")

    def write(
        self,
        folder: str | Path,
        formats: Sequence[Format] = ("zip", "tiff", "parquet"),
        overwrite: bool = False,
        *,
        name: str | None = None,
        version: int = 1,
        production_date: dt.date | None = None,
    ) -> list[Path]:
        """Write the product files of both components.

        Parameters
        ----------
        folder
            Where to; made if need be.
        formats
            ``zip`` (official CSV and XML, with its ``.md5``), ``tiff`` (mean velocity), ``cog``
            (the same as a compressed cloud-optimised GeoTIFF), ``parquet`` (GeoParquet), ``zarr``
            (cube of time, y, x).
        overwrite
            Replace files that are there. Otherwise files of the same inputs and parameters are left
            as they are, and others make the call fail before anything is written.
        name
            Name of the area in the file names; by default the tile or ``custom``.
        version
            Last number of the file names.
        production_date
            Date in the XML; today (UTC) by default.

        Returns
        -------
        The files, those with data first; beside them ``…_provenance.json`` says what they are made
        from. An empty product gives tables with a header only.

        Raises
        ------
        workbench.errors.OutputExists
            When files of other inputs or parameters are in the way.
        """
        from egms_io.writers import Output, write_product

        output = Output(self.plan, Path(folder), tuple(formats), name, version)
        return write_product(self, output, overwrite=overwrite, production_date=production_date)

    def _frame(self, component: str) -> Any:
        import geopandas as gpd
        import pyarrow as pa

        from egms_io.formats.l3 import l3_table

        tables = [band.table(component) for band in self.bands]
        if tables:
            frame = pa.concat_tables(tables).to_pandas()
        else:
            none = np.empty(0)
            statistics = _no_statistics()
            series = np.empty((len(self.method.dates), 0))
            gnss = np.empty((3, 0))
            table = l3_table(none, none, none, statistics, gnss, series, self.method.dates)
            frame = table.to_pandas()
        points = gpd.points_from_xy(frame["easting"], frame["northing"])
        return gpd.GeoDataFrame(frame, geometry=points, crs=CRS)


def _no_statistics() -> dict[str, Any]:
    from egms_io.seriesmodels import STATISTICS

    return {name: np.empty(0) for name in STATISTICS}
