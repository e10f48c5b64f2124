"""Files of a product: official ZIP and GeoTIFF, GeoParquet, Zarr.

Everything is written band by band (rows of blocks), so memory does not grow with the area, and
atomically, so a file is either whole or absent.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egms_io.archive import file_md5, md5_line
from egms_io.cells import BLOCK, CRS, Lattice
from egms_io.errors import BadArgument
from egms_io.metadata import generate_xml_content
from egms_io.names import product_stem
from egms_io.orthoproduct import Band, OrthoProduct
from egms_io.product import l3_header, l3_text
from egms_io.zips import Piece, deflate, write_zip

log = logging.getLogger(__name__)

NODATA = -9999.0
COMPONENTS = {"E": "east", "U": "up"}
_SUFFIXES = {
    "zip": ".zip",
    "tiff": ".tiff",
    "cog": "_cog.tiff",
    "parquet": ".parquet",
    "zarr": ".zarr.zip",
}


def write_product(
    product: OrthoProduct,
    folder: Path,
    formats: Sequence[str],
    overwrite: bool,
    name: str | None,
    version: int,
    production_date: dt.date | None,
) -> list[Path]:
    """Write a product; see `OrthoProduct.write`."""
    from workbench.files import check_outputs, sweep

    for wanted in formats:
        if wanted not in _SUFFIXES:
            raise BadArgument(f"format {wanted!r}: choose from {', '.join(_SUFFIXES)}")
    day = production_date or dt.datetime.now(dt.UTC).date()
    area = name or product.area.name
    years = int(product.method.dates[0][:4]), int(product.method.dates[-1][:4])
    stems = {component: product_stem(area, component, *years, version) for component in COMPONENTS}
    outputs = [
        folder / (stem + suffix)
        for wanted in formats
        for stem in stems.values()
        for suffix in ([".zip", ".md5"] if wanted == "zip" else [_SUFFIXES[wanted]])
    ]
    manifest = product_manifest(product, version)
    provenance = folder / f"{stems['E'].replace('_E_', '_')}_provenance.json"
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    if not check_outputs(outputs, provenance, manifest, overwrite=overwrite):
        return outputs
    manifest.save(provenance, outputs)
    for component, stem in stems.items():
        for wanted in formats:
            path = folder / (stem + _SUFFIXES[wanted])
            _WRITERS[wanted](product, component, path, day)
            log.info("wrote %s", path)
    return outputs


def product_manifest(product: OrthoProduct, version: int) -> Any:
    """Say what a product is made from: inputs by content, and every parameter that counts."""
    from importlib.metadata import version as installed

    from workbench.files import Manifest, file_record

    files = [Path(path) for burst in product.report["bursts"] for path in burst["files"]]
    parameters = {
        "area": product.area.name,
        "bounds": product.area.lattice.bounds,
        "outline": _outline_text(product.area.outline),
        "cell_m": product.area.lattice.cell_m,
        **vars(product.method),
        "version": version,
    }
    records = tuple(file_record(path) for path in files)
    return Manifest(records, parameters, installed("eo-workbench"))


def _outline_text(outline: Any) -> str | None:
    return None if outline is None else str(outline.wkt)


def write_tile_zip(product: OrthoProduct, component: str, path: Path, day: dt.date) -> None:
    """Write the official archive (XML, then CSV) and its ``.md5`` file."""
    from workbench.files import atomic
    from workbench.tasks import Tasks

    tasks = Tasks(product.client)
    for place, band in enumerate(product.bands):
        store = product.folder / f"text_{component}_{band.number}.deflate"
        tasks.submit(deflate_band, band, component, store, tag=place, priority=-place)
    pieces: dict[Any, Piece] = dict(tasks)
    header = deflate(l3_header(product.method.dates))
    versions = product.report["versions"]
    xml = generate_xml_content(
        facility=product.method.facility,
        production_date=day,
        **{f"{key}_version": found[0] for key, found in versions.items() if found},
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
    from dataclasses import replace

    from workbench.files import atomic

    text, _ = l3_text(band.table(component))
    piece = deflate(text)
    with atomic(store, overwrite=True) as file:
        file.write(piece.read())
    return replace(piece, data=store)


def write_velocity_tiff(
    product: OrthoProduct, component: str, path: Path, day: dt.date, *, cog: bool = False
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


def write_geoparquet(product: OrthoProduct, component: str, path: Path, day: dt.date) -> None:
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
            writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
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


def write_zarr(product: OrthoProduct, component: str, path: Path, day: dt.date) -> None:
    """Write a cube as a zipped Zarr store, for ``xarray.open_zarr``.

    Displacement (time, y, x; mm) and mean velocity (y, x; mm / yr), float32, NaN where no cell.
    """
    import shutil
    import zipfile
    from tempfile import TemporaryDirectory

    from workbench.files import atomic

    with TemporaryDirectory(dir=product.folder) as scratch:
        store = Path(scratch) / "cube"
        _empty_cube(product, component).to_zarr(store, compute=False, consolidated=False)
        _fill_zarr(product, component, store)
        files = sorted(entry for entry in store.rglob("*") if entry.is_file())
        with atomic(path, overwrite=True) as file, zipfile.ZipFile(file, "w") as archive:
            for entry in files:
                info = zipfile.ZipInfo(str(entry.relative_to(store)), (1980, 1, 1, 0, 0, 0))
                with entry.open("rb") as chunk, archive.open(info, "w") as member:
                    shutil.copyfileobj(chunk, member)


def _empty_cube(product: OrthoProduct, component: str) -> Any:
    import dask.array as da
    import xarray as xr

    lattice = product.area.lattice
    days = product.method.days.astype("datetime64[ns]")
    west, _, _, north = lattice.bounds
    x = west + (np.arange(lattice.columns) + 0.5) * lattice.cell_m
    y = north - (np.arange(lattice.rows) + 0.5) * lattice.cell_m
    shape = (len(days), lattice.rows, lattice.columns)
    empty = da.full(shape, np.nan, dtype="float32", chunks=(len(days), BLOCK, BLOCK))
    return xr.Dataset(
        {
            "displacement": (("time", "y", "x"), empty, {"units": "mm"}),
            "mean_velocity": (("y", "x"), empty[0], {"units": "mm / yr"}),
        },
        coords={
            "time": days,
            "y": ("y", y, {"units": "m", "standard_name": "projection_y_coordinate"}),
            "x": ("x", x, {"units": "m", "standard_name": "projection_x_coordinate"}),
        },
        attrs={"crs": CRS, "component": COMPONENTS[component]},
    )


def _fill_zarr(product: OrthoProduct, component: str, path: Path) -> None:
    import zarr

    lattice = product.area.lattice
    store = zarr.open_group(path, mode="r+")
    for band in product.bands:
        table = band.table(component)
        row, column = np.divmod(table["cell"].to_numpy(), lattice.columns)
        south, north = row.min(), row.max()
        window = slice(lattice.rows - 1 - north, lattice.rows - south)
        line = north - row
        series = np.full(
            (len(product.method.dates), north - south + 1, lattice.columns), np.nan, "f4"
        )
        series[:, line, column] = [table[date].to_numpy() for date in product.method.dates]
        velocity = np.full(series.shape[1:], np.nan, "f4")
        velocity[line, column] = table["mean_velocity"].to_numpy()
        store["displacement"][:, window] = series
        store["mean_velocity"][window] = velocity


_WRITERS: dict[str, Callable[[OrthoProduct, str, Path, dt.date], None]] = {
    "zip": write_tile_zip,
    "tiff": write_velocity_tiff,
    "cog": lambda *args: write_velocity_tiff(*args, cog=True),
    "parquet": write_geoparquet,
    "zarr": write_zarr,
}
