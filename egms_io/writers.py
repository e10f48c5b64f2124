"""Files of a product: official ZIP and GeoTIFF, GeoParquet; see `egms_io.zarrcubes` for Zarr.

Everything is written band by band (rows of blocks), so memory does not grow with the area, and
atomically, so a file is either whole or absent.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from egms_io.cells import BLOCK, CRS, Lattice
from egms_io.errors import BadArgument
from egms_io.formats.archive import file_md5, md5_line
from egms_io.formats.l3 import COMPONENTS, l3_header, l3_text
from egms_io.formats.metadata import generate_xml_content
from egms_io.formats.names import is_tile_name, product_stem
from egms_io.formats.zips import Piece, deflate, write_zip
from egms_io.orthoproduct import Band, OrthoProduct, Plan
from egms_io.zarrcubes import write_zarr

if TYPE_CHECKING:
    from workbench.files import Manifest
    from workbench.tasks import Tasks

log = logging.getLogger(__name__)

NODATA = -9999.0
_SUFFIXES = {
    "zip": ".zip",
    "tiff": ".tiff",
    "cog": "_cog.tiff",
    "parquet": ".parquet",
    "zarr": ".zarr.zip",
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
        See `OrthoProduct.write`.
    name, version
        Area name (None: that of the plan) and last number in the file names.
    """

    plan: Plan
    folder: Path
    formats: tuple[str, ...]
    name: str | None = None
    version: int = 1

    def __post_init__(self) -> None:
        for wanted in self.formats:
            if wanted not in _SUFFIXES:
                raise BadArgument(f"format {wanted!r}: choose from {', '.join(_SUFFIXES)}")
        if self.name and is_tile_name(self.name) and self.name != self.plan.area.name:
            raise BadArgument(
                f"area name {self.name!r} is that of an official tile, which this area is not"
            )

    def path(self, component: str, wanted: str) -> Path:
        """Give the path of one format of one component."""
        dates = self.plan.method.dates
        stem = product_stem(
            self.name or self.plan.area.name,
            component,
            int(dates[0][:4]),
            int(dates[-1][:4]),
            self.version,
        )
        return self.folder / (stem + _SUFFIXES[wanted])

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
        """The file that says what the others are made from."""
        stem = self.path("E", "zip").stem.replace("_E_", "_")
        return self.folder / f"{stem}_provenance.json"

    @cached_property
    def manifest(self) -> Manifest:
        """Inputs by content, and every parameter that counts."""
        from importlib.metadata import version as installed

        from workbench.files import Manifest

        lattice, outline = self.plan.area.lattice, self.plan.area.outline
        method = dict(vars(self.plan.method))
        dates = method.pop("dates")
        parameters = {
            "area": self.plan.area.name,
            "bounds": lattice.bounds,
            "outline": None if outline is None else outline.wkt,
            "cell_m": lattice.cell_m,
            "dates": f"{len(dates)} from {dates[0]} to {dates[-1]}",
            **method,
            "on_error": "skip" if self.plan.skip_bad else "raise",
            "version": self.version,
        }
        return Manifest(self.plan.inputs, parameters, installed("eo-workbench"))

    def needed(self, *, overwrite: bool) -> bool:
        """Say whether anything has to be written; see `workbench.files.check_outputs`."""
        from workbench.files import check_outputs, sweep

        if self.folder.is_dir():
            sweep(self.folder)
        return check_outputs(self.paths, self.provenance, self.manifest, overwrite=overwrite)


def write_product(
    product: OrthoProduct, output: Output, *, overwrite: bool, production_date: dt.date | None
) -> list[Path]:
    """Write a product; see `OrthoProduct.write`."""
    output.folder.mkdir(parents=True, exist_ok=True)
    if not output.needed(overwrite=overwrite):
        return output.paths
    # Files of every format, so that none of an earlier product stays under this provenance.
    every = replace(output, formats=tuple(_SUFFIXES))
    output.manifest.save(output.provenance, every.paths)
    day = production_date or dt.datetime.now(dt.UTC).date()
    # Workers deflate the text while this process writes the other formats.
    texts = {name: deflate_bands(product, name) for name in COMPONENTS if "zip" in output.formats}
    for wanted in sorted(output.formats, key=lambda wanted: wanted == "zip"):
        for component in COMPONENTS:
            path = output.path(component, wanted)
            if wanted == "zip":
                write_tile_zip(product, dict(texts[component]), path, day)
            else:
                _WRITERS[wanted](product, component, path)
            log.info("wrote %s", path)
    return output.paths


def deflate_bands(product: OrthoProduct, component: str) -> Tasks:
    """Send out the formatting and deflating of each band; give the tasks, tagged by their order."""
    from workbench.tasks import Tasks

    tasks = Tasks(product.client)
    for place, band in enumerate(product.bands):
        store = product.folder / f"text_{component}_{band.number}.deflate"
        tasks.submit(deflate_band, band, component, store, tag=place, priority=-place)
    return tasks


def write_tile_zip(
    product: OrthoProduct, pieces: dict[Any, Piece], path: Path, day: dt.date
) -> None:
    """Write the official archive (XML, then CSV) and its ``.md5`` file.

    Parameters
    ----------
    pieces
        The deflated rows of each band, by the order of the bands.
    """
    from workbench.files import atomic

    header = deflate(l3_header(product.method.dates))
    stated = {name: product.plan.version(name) for name in ("dem", "gnss")}
    xml = generate_xml_content(
        facility=product.method.facility,
        production_date=day,
        **{f"{name}_version": value for name, value in stated.items() if value},
    )
    members = [
        (path.with_suffix(".xml").name, [deflate(xml)]),
        (path.with_suffix(".csv").name, [header, *(pieces[key] for key in sorted(pieces))]),
    ]
    with atomic(path, overwrite=True) as file:
        write_zip(file, members, day)
    _write_md5(path)
    for piece in pieces.values():
        if isinstance(piece.data, Path):
            piece.data.unlink(missing_ok=True)


def _write_md5(path: Path) -> None:
    from workbench.files import atomic

    with atomic(path.with_suffix(".md5"), overwrite=True) as file:
        file.write(md5_line(file_md5(path), path.name).encode())


def deflate_band(band: Band, component: str, store: Path) -> Piece:
    """Format and deflate the CSV rows of a band; the bytes go to a file, the facts come back."""
    from workbench.files import atomic

    text, _ = l3_text(band.table(component))
    piece = deflate(text)
    with atomic(store, overwrite=True) as file:
        file.write(piece.read())
    return replace(piece, data=store)


def write_velocity_tiff(
    product: OrthoProduct, component: str, path: Path, *, cog: bool = False
) -> None:
    """Write the mean velocity, as printed in the CSV, as a GeoTIFF over the area's cells."""
    import rasterio
    from rasterio.shutil import copy

    from workbench.files import atomic_path

    lattice = product.area.lattice
    with atomic_path(path, overwrite=True) as temporary:
        plain = temporary.with_suffix(".plain") if cog else temporary
        try:
            with rasterio.open(plain, "w", **tiff_profile(lattice)) as raster:
                for window, values in _velocity_rows(product, component):
                    raster.write(values, 1, window=window)
            if cog:
                copy(plain, temporary, driver="COG", compress="DEFLATE")
        finally:
            if cog:
                plain.unlink(missing_ok=True)


def _velocity_rows(product: OrthoProduct, component: str) -> Iterable[tuple[Any, Any]]:
    """Give windows of whole rows, from the north, and their velocities."""
    from rasterio.windows import Window

    lattice = product.area.lattice
    bands = {band.number: band for band in product.bands}
    first, last = lattice.row0 // BLOCK, (lattice.row0 + lattice.rows - 1) // BLOCK
    for number in range(last, first - 1, -1):
        south = max(number * BLOCK - lattice.row0, 0)
        north = min((number + 1) * BLOCK - lattice.row0, lattice.rows)
        values = np.full((north - south, lattice.columns), NODATA, np.float32)
        if number in bands:
            table = bands[number].table(component, ["cell", "mean_velocity"])
            row, column = np.divmod(table["cell"].to_numpy(), lattice.columns)
            velocity = np.round(table["mean_velocity"].to_numpy(), 1)
            values[north - 1 - row, column] = np.where(np.isnan(velocity), NODATA, velocity)
        yield Window(0, lattice.rows - north, lattice.columns, north - south), values


def tiff_profile(lattice: Lattice) -> dict[str, Any]:
    from rasterio.transform import from_origin

    west, _, _, north = lattice.bounds
    return {
        "driver": "GTiff",
        "dtype": "float32",
        "count": 1,
        "nodata": NODATA,
        "crs": CRS,
        "width": lattice.columns,
        "height": lattice.rows,
        "transform": from_origin(west, north, lattice.cell_m, lattice.cell_m),
        "BIGTIFF": "IF_SAFER",
    }


def write_geoparquet(product: OrthoProduct, component: str, path: Path) -> None:
    """Write the unrounded table as GeoParquet 1.1, numbers as float32, one row group per band."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from workbench.files import atomic

    frame = product.east.iloc[:0] if not product.bands else None
    tables = (
        [_geo_table(pa.Table.from_pandas(frame.drop(columns="geometry"), preserve_index=False))]
        if frame is not None
        else (_geo_table(band.table(component)) for band in product.bands)
    )
    with atomic(path, overwrite=True) as file:
        writer = None
        for table in tables:
            writer = writer or pq.ParquetWriter(
                file, table.schema, compression="zstd", use_dictionary=["pid"]
            )
            writer.write_table(table)
        if writer is not None:
            writer.close()


def _geo_table(table: Any) -> Any:
    import pyarrow as pa
    import pyproj
    import shapely

    exact = {"pid", "cell", "easting", "northing"}
    columns = {
        name: table[name] if name in exact else table[name].cast(pa.float32())
        for name in table.column_names
    }
    points = shapely.points(table["easting"].to_numpy(), table["northing"].to_numpy())
    columns["geometry"] = pa.array(shapely.to_wkb(points), pa.binary())
    column = {
        "encoding": "WKB",
        "geometry_types": ["Point"],
        "crs": json.loads(pyproj.CRS(CRS).to_json()),
    }
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    return pa.table(columns).replace_schema_metadata({"geo": json.dumps(geo)})


_WRITERS: dict[str, Callable[[OrthoProduct, str, Path], None]] = {
    "tiff": write_velocity_tiff,
    "cog": lambda *args: write_velocity_tiff(*args, cog=True),
    "parquet": write_geoparquet,
    "zarr": write_zarr,
}
