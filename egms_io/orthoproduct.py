"""The product as a user holds it: frames, a report, and files written on demand."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from egms_io.cubes import cube_of
from egms_io.errors import BadArgument
from egms_io.finished import FinishedProduct
from egms_io.mosaics import mosaic_blocks, mosaic_plan
from egms_io.plan import Plan
from egms_io.productviews import html_view, text_view
from egms_io.writers.outputs import PER_AREA, Format, Output, write_product
from workbench.locks import held

if TYPE_CHECKING:
    from distributed import Client


@dataclass(repr=False)
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
    written
        The files that `write` gave.
    """

    report: dict[str, Any]
    client: Client | None = None
    holder: TemporaryDirectory[str] | None = None
    written: list[Path] = field(default_factory=list)

    def __repr__(self) -> str:
        return text_view(self, self.report, self.written)

    def _repr_html_(self) -> str:
        return html_view(self, self.report, self.written)

    def to_xarray(self) -> Any:
        """Return the product as a Dataset on the rectangle of its cells, in memory.

        Returns
        -------
        xarray.Dataset
            ``displacement`` (component, time, y, x; mm) and all
            `egms_io.formats.cellfields.CELL_FIELDS`: (component, y, x), or (y, x) what both
            components share; float32, NaN where there is no cell or the value is not determined;
            ``component`` is east, up.
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

        Of several areas ``zip``, ``tiff`` and ``cog`` are written for each, under its official name
        where it has one, and the other formats once for all; `name` is then that of the mosaic.

        Parameters
        ----------
        folder
            Where to; made if need be.
        formats
            ``zip`` (official CSV and XML, with its ``.md5``), ``tiff`` (mean velocity), ``cog``
            (the same as a compressed cloud-optimised GeoTIFF), ``statistics`` (every value of
            `egms_io.formats.cellfields.CELL_FIELDS` as a band of a sparse GeoTIFF), ``parquet``
            (GeoParquet), ``gpkg`` (GeoPackage with a style for QGIS), ``zarr`` (cube of time, y,
            x).
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
        outputs = self._outputs(Path(folder), formats, name, version)
        with held(folder, "a product being written"):
            for _, output in outputs if len(outputs) > 1 else ():
                output.needed(overwrite=overwrite)  # so that nothing is written if one is refused
            written = [
                path
                for product, output in outputs
                for path in write_product(
                    product,
                    output,
                    client=self.client,
                    overwrite=overwrite,
                    production_date=production_date,
                )
            ]
        self.written = list(dict.fromkeys([*self.written, *written]))
        return written

    def _outputs(
        self, folder: Path, formats: Sequence[Format], name: str | None, version: int
    ) -> list[tuple[OrthoProduct, Output]]:
        """Return which product is written to which files."""
        return [(self, Output(self.plan, folder, tuple(formats), name, version))]


def outputs_of(
    plans: Sequence[Plan],
    folder: Path,
    formats: Sequence[Format],
    name: str | None = None,
    version: int = 1,
) -> list[Output]:
    """Return where the products of one or several areas are written to.

    Returns
    -------
    One `Output` for a single area. Of several, each has the official formats under its own name
    (ZIP and velocity GeoTIFFs), and one mosaic, the last, has the formats that hold any extent;
    `name` is that of the mosaic.

    Raises
    ------
    BadArgument
        As for `Output` and `egms_io.mosaics.mosaic_plan`; for areas whose files would have the same
        names.
    """
    if len(plans) == 1:
        return [Output(plans[0], folder, tuple(formats), name, version)]
    own = tuple(wanted for wanted in formats if wanted in PER_AREA)
    shared = tuple(wanted for wanted in formats if wanted not in PER_AREA)
    if name and not shared:
        raise BadArgument(f"name={name!r}: several areas keep their names; only a mosaic gets one")
    outputs = [Output(plan, folder, own, None, version) for plan in plans if own]
    stems = [output.provenance for output in outputs]
    for number, stem in enumerate(stems):
        if stem in stems[:number]:
            raise BadArgument(
                f"two of the areas would be written to {stem.name.removesuffix('_provenance.json')}"
                "*: several areas must be different tiles"
            )
    if shared:
        outputs.append(Output(mosaic_plan(plans), folder, shared, name, version))
    return outputs


@dataclass(repr=False)
class OrthoMosaic(OrthoProduct):
    """The products of several areas, and all of them side by side as one; see `egms_io.ortho`.

    Attributes
    ----------
    areas
        The product of each area, by name.
    """

    areas: list[OrthoProduct] = field(default_factory=list)

    @classmethod
    def of(cls, products: Sequence[OrthoProduct]) -> OrthoMosaic:
        """Put products side by side.

        Raises
        ------
        BadArgument
            For areas that overlap or whose cells are of different sizes.
        """
        plan = mosaic_plan([product.plan for product in products])
        areas = sorted(products, key=lambda product: product.area.name)
        counts: Counter[str] = Counter()
        warnings = list(plan.warnings)
        for product in areas:
            counts.update(product.report["cells"])
            warnings += [f"{product.area.name}: {text}" for text in product.report["warnings"]]
        report = {
            "area": plan.area.name,
            "bounds": plan.area.lattice.bounds,
            "cell_m": plan.area.lattice.cell_m,
            "bursts": [
                {"area": product.area.name, **entry}
                for product in areas
                for entry in product.report["bursts"]
            ],
            "cells": dict(counts),
            "skipped": [entry for product in areas for entry in product.report["skipped"]],
            "warnings": warnings,
            "areas": {product.area.name: product.report for product in areas},
        }
        blocks = mosaic_blocks(plan, areas)
        return cls(plan, blocks, areas[0].folder, report, areas[0].client, areas=areas)

    def _outputs(
        self, folder: Path, formats: Sequence[Format], name: str | None, version: int
    ) -> list[tuple[OrthoProduct, Output]]:
        """Return the areas with the official formats, and the mosaic with the others."""
        outputs = outputs_of([area.plan for area in self.areas], folder, formats, name, version)
        by_plan = {id(area.plan): area for area in self.areas}
        return [(by_plan.get(id(output.plan), self), output) for output in outputs]
