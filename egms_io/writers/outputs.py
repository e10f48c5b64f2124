"""Which files a product is written to, and all of them written.

Everything is written band by band (rows of blocks), so memory does not grow with the area, and
atomically, so a file is either whole or absent.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from egms_io.errors import BadArgument
from egms_io.finished import FinishedProduct
from egms_io.formats.l3 import COMPONENTS
from egms_io.formats.names import product_stem
from egms_io.plan import Plan
from egms_io.tiles import is_tile_name
from egms_io.writers.archives import deflate_bands, write_archive
from egms_io.writers.geopackages import write_geopackage
from egms_io.writers.geoparquets import write_geoparquet
from egms_io.writers.geotiffs import write_velocity_cog, write_velocity_tiff
from egms_io.writers.statistics import write_statistics_tiff
from egms_io.writers.zarrcubes import write_zarr
from workbench.disks import make_folder
from workbench.files import Check, sweep
from workbench.locks import held
from workbench.manifests import Manifest, check_outputs
from workbench.rasters.wholerasters import whole_raster
from workbench.wholefiles import whole_geopackage, whole_parquet, whole_text, whole_zip

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

Format = Literal["zip", "tiff", "cog", "statistics", "parquet", "gpkg", "zarr"]
FORMATS: tuple[Format, ...] = get_args(Format)
PER_AREA: tuple[Format, ...] = ("zip", "tiff", "cog")  # of several areas each has its own

_SUFFIXES: dict[Format, str] = {
    "zip": ".zip",
    "tiff": ".tiff",
    "cog": "_cog.tiff",
    "statistics": "_statistics.tiff",
    "parquet": ".parquet",
    "gpkg": ".gpkg",
    "zarr": ".zarr.zip",
}
_WRITERS: dict[Format, Callable[[FinishedProduct, str, Path], None]] = {
    "tiff": write_velocity_tiff,
    "cog": write_velocity_cog,
    "statistics": write_statistics_tiff,
    "parquet": write_geoparquet,
    "gpkg": write_geopackage,
    "zarr": write_zarr,
}
_CHECKS: dict[str, Check] = {  # by how names end; the first that fits counts
    ".zip": whole_zip,
    ".md5": whole_text,
    _SUFFIXES["statistics"]: partial(whole_raster, sparse=True),
    ".tiff": whole_raster,
    ".parquet": whole_parquet,
    ".gpkg": whole_geopackage,
}


@dataclass(frozen=True)
class Output:
    """Which files a product is written to.

    Attributes
    ----------
    plan
        The request.
    folder
        Where to.
    formats
        See `egms_io.OrthoProduct.write`.
    name, version
        Area name (None: that of the plan) and last number in the file names.

    Raises
    ------
    BadArgument
        For an unknown format, or the name of an official tile that the area is not.
    """

    plan: Plan
    folder: Path
    formats: tuple[Format, ...]
    name: str | None = None
    version: int = 1

    def __post_init__(self) -> None:
        for wanted in self.formats:
            if wanted not in FORMATS:
                raise BadArgument(f"format {wanted!r}: choose from {', '.join(FORMATS)}")
        if self.name and is_tile_name(self.name) and self.name != self.plan.area.name:
            raise BadArgument(
                f"area name {self.name!r} is that of an official tile, which this area is not"
            )
        if self.name and is_tile_name(self.name) and self.plan.departures:
            raise BadArgument(
                f"area name {self.name!r} is that of the official product; this one departs from "
                f"it ({', '.join(self.plan.departures)}): leave the name out, or give another"
            )
        object.__setattr__(self, "formats", tuple(dict.fromkeys(self.formats)))

    def path(self, component: str, wanted: Format) -> Path:
        """Return the path of one format of one component."""
        dates = self.plan.method.dates
        stem = product_stem(
            self.name or self._usual_name(),
            component,
            int(dates[0][:4]),
            int(dates[-1][:4]),
            self.version,
        )
        return self.folder / (stem + _SUFFIXES[wanted])

    def _usual_name(self) -> str:
        """Return the name of the tile, with what departs from the official product; or custom."""
        name = self.plan.area.name
        if name == "custom":
            return name
        return "-".join([name, *self.plan.departures])

    @property
    def paths(self) -> list[Path]:
        """All files with data."""
        paths = []
        for wanted in self.formats:
            for component in COMPONENTS:
                paths.append(self.path(component, wanted))
                if wanted == "zip":
                    paths.append(paths[-1].with_suffix(".md5"))
        return paths

    @property
    def provenance(self) -> Path:
        """The file that holds what the others are made from."""
        stem = self.path("E", "zip").stem.replace("_E_", "_")
        return self.folder / f"{stem}_provenance.json"

    @cached_property
    def manifest(self) -> Manifest:
        """Inputs by content, and every parameter that counts."""
        return self.plan.manifest(version=self.version)

    def needed(self, *, overwrite: bool) -> bool:
        """Return whether anything has to be written; see `workbench.manifests.check_outputs`.

        The folder is made; what killed runs left in it is removed, and so is a file that is not
        whole.

        Raises
        ------
        BadArgument
            When the folder cannot be made or written to.
        workbench.errors.OutputExists
            When files of other inputs or parameters are in the way.
        """
        make_folder(self.folder)
        sweep(self.folder)
        return check_outputs(
            self.paths, self.provenance, self.manifest, overwrite=overwrite, check=_check
        )


def _check(path: Path) -> None:
    next(check for end, check in _CHECKS.items() if path.name.endswith(end))(path)


def write_product(
    product: FinishedProduct,
    output: Output,
    *,
    client: Client | None,
    overwrite: bool,
    production_date: dt.date | None = None,
) -> list[Path]:
    """Write a product, unless it is there; see `egms_io.OrthoProduct.write`.

    The folder is held, by the run around this call or else by the call: of two that write files of
    the same names, one would describe what the other has written.
    """
    with held(output.folder, "a product being written"):
        return _write_product(product, output, client, overwrite, production_date)


def _write_product(
    product: FinishedProduct,
    output: Output,
    client: Client | None,
    overwrite: bool,
    production_date: dt.date | None,
) -> list[Path]:
    if not output.needed(overwrite=overwrite):
        return output.paths
    # Files of every format, so that none of an earlier product stays under this provenance.
    every = replace(output, formats=FORMATS)
    output.manifest.save(output.provenance, every.paths)
    day = production_date or dt.datetime.now(dt.UTC).date()
    with ExitStack() as stack:
        # Workers deflate the text while this process writes the other formats.
        texts = {
            component: stack.enter_context(deflate_bands(product, component, client))
            for component in (COMPONENTS if "zip" in output.formats else ())
        }
        for wanted in output.formats:
            for component in COMPONENTS if wanted in _WRITERS else ():
                _WRITERS[wanted](product, component, output.path(component, wanted))
        for component, tasks in texts.items():
            write_archive(product, dict(tasks), output.path(component, "zip"), day)
    log.info("wrote %d files to %s", len(output.paths), output.folder)
    return output.paths
