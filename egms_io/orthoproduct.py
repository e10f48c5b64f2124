"""The product as a user holds it: frames, a report, and files written on demand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from egms_io.cubes import cube_of
from egms_io.finished import FinishedProduct
from egms_io.writers.outputs import Format, Output, write_product

if TYPE_CHECKING:
    from distributed import Client


@dataclass
class OrthoProduct(FinishedProduct):
    """East and up displacement of an area; see `egms_io.ortho`.

    Attributes
    ----------
    plan
        The request it answers.
    blocks
        The finished blocks, south to north and west to east.
    folder
        Where the blocks are.
    report
        What was read, solved, left out and worth knowing; plain values, ready for JSON.
    client
        The Dask client that writes, None for this process.
    holder
        A temporary folder around `folder` that is removed with the product, or None.
    """

    report: dict[str, Any]
    client: Client | None = None
    holder: TemporaryDirectory[str] | None = None

    def to_xarray(self) -> Any:
        """Return the product as a Dataset on the rectangle of its cells, in memory.

        Returns
        -------
        xarray.Dataset
            ``displacement`` (component, time, y, x; mm), the statistics (component, y, x) and
            ``height_ortho``, ``condition`` and the points of each pass (y, x): float32, NaN
            where there is no cell or the value is not determined; ``component`` is east, up.
            Units stand in the attributes, the CRS in ``spatial_ref``.

        Raises
        ------
        BadProduct
            For a product without a cell, or a cube beyond 4 GiB.
        """
        return cube_of(self)

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
        The files, those with data first; beside them ``…_provenance.json`` holds what they are made
        from. An empty product has tables with a header only.

        Raises
        ------
        BadArgument
            For an unknown format, or a name that is no word or that of an official tile.
        workbench.errors.OutputExists
            When files of other inputs or parameters are in the way.
        workbench.errors.FolderInUse
            When another process writes there.
        """
        output = Output(self.plan, Path(folder), tuple(formats), name, version)
        return write_product(
            self, output, client=self.client, overwrite=overwrite, production_date=production_date
        )
