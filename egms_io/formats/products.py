"""Products as data frames: read and write whole EGMS files at once.

For looking at files, for one burst or one tile in memory, and for notebooks that used these names
before. `egms_io.ortho` does not go through frames.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np

from egms_io.cells import CRS, Lattice, area_of
from egms_io.dates import date_columns
from egms_io.errors import BadArgument, BadProduct
from egms_io.formats import archive
from egms_io.formats.archive import file_md5, md5_line, members, open_csv
from egms_io.formats.l3 import L3_ORTHO, OutputNamingConvention, format_dataframe
from egms_io.formats.metadata import generate_xml_content
from egms_io.formats.names import TILE_M, tile_name
from egms_io.formats.text import csv_rows, decimal_texts
from egms_io.formats.zips import deflate, write_zip
from egms_io.writers import NODATA, tiff_profile


def read_csv_or_zip(path: str | Path, *, read_xml: bool = True, **options: Any) -> Any:
    """Read a burst or tile as a GeoDataFrame.

    Parameters
    ----------
    path
        A ``.zip`` with one CSV in it, or a ``.csv``.
    read_xml
        Also give the text of the XML, None where there is none.
    options
        For `pandas.read_csv`; ``columns`` is understood as ``usecols``.

    Returns
    -------
    frame, or (frame, xml) with `read_xml`. The geometry is from easting and northing (EPSG:3035),
    or else from longitude and latitude (EPSG:4326).
    """
    import geopandas as gpd
    import pandas as pd

    found = members(Path(path))
    if "columns" in options:
        options["usecols"] = options.pop("columns")
    with open_csv(found) as stream:
        frame = pd.read_csv(stream, **options)
    for x, y, crs in (("easting", "northing", CRS), ("longitude", "latitude", "EPSG:4326")):
        if x in frame and y in frame:
            points = gpd.points_from_xy(frame[x], frame[y])
            frame = gpd.GeoDataFrame(frame, geometry=points, crs=crs)
            break
    else:
        raise BadProduct(f"{path}: neither easting and northing nor longitude and latitude")
    if not read_xml:
        return frame
    content = archive.read_xml(found)
    return frame, None if content is None else content.decode()


def write_csv_or_zip(
    path: str | Path,
    frame: Any,
    xml_content: str | bytes | None = None,
    *,
    overwrite: bool = False,
    csv_name: str | None = None,
    xml_name: str | None = None,
) -> Path:
    """Write a frame as CSV, alone or in a ZIP, with its XML.

    Numbers of the fields and dates of the L3 product are written with its digits, other columns in
    their shortest form; the geometry is left out.

    Raises
    ------
    workbench.errors.OutputExists
        When a file is in the way and `overwrite` is false.
    """
    from workbench.files import atomic

    path = Path(path)
    text = _csv_text(frame)
    xml = xml_content.encode() if isinstance(xml_content, str) else xml_content
    if path.suffix == ".csv":
        with atomic(path, overwrite=overwrite) as file:
            file.write(text)
        if xml is not None:
            with atomic(path.with_suffix(".xml"), overwrite=overwrite) as file:
                file.write(xml)
        return path
    if path.suffix != ".zip":
        raise BadArgument(f"{path}: write to a .zip or a .csv")
    parts = [] if xml is None else [(xml_name or f"{path.stem}.xml", [deflate(xml)])]
    parts.append((csv_name or f"{path.stem}.csv", [deflate(text)]))
    with atomic(path, overwrite=overwrite) as file:
        write_zip(file, parts, _today())
    return path


def ortho_writer(
    frame: Any,
    output_path: str | Path,
    *,
    convention: OutputNamingConvention = L3_ORTHO,
    xml_content: str | bytes | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write one component given as a frame: ``.zip`` (CSV and XML), ``.tiff`` and ``.md5``.

    Parameters
    ----------
    frame
        With the fields of the product, rounded or not.
    output_path
        Path of the ZIP; the others stand beside it.
    """
    from workbench.files import atomic

    path = Path(output_path).with_suffix(".zip")
    table = format_dataframe(frame, convention)
    xml = generate_xml_content() if xml_content is None else xml_content
    raster = create_ortho_geotiff(table, "mean_velocity")
    write_csv_or_zip(path, table, xml, overwrite=overwrite)
    with atomic(path.with_suffix(".tiff"), overwrite=overwrite) as file:
        file.write(raster)
    with atomic(path.with_suffix(".md5"), overwrite=overwrite) as file:
        file.write(md5_line(file_md5(path), path.name).encode())
    return [path, path.with_suffix(".tiff"), path.with_suffix(".md5")]


def create_ortho_geotiff(frame: Any, mean_velocity_field: str, *, aoi: Any = None) -> bytes:
    """Give a frame's velocity as the bytes of a GeoTIFF, float32, 100 m, nodata -9999.

    Parameters
    ----------
    aoi
        What the raster covers (see `egms_io.ortho`). By default the official tile when all cells
        are in one, else the extent of the cells.

    Raises
    ------
    BadArgument
        When the field is missing, or a cell lies outside `aoi`.
    """
    from rasterio.io import MemoryFile

    if mean_velocity_field not in frame:
        raise BadArgument(f"the frame has no column {mean_velocity_field!r}")
    if aoi is None and not len(frame):
        raise BadArgument("the frame is empty and no aoi was given: nothing says what to cover")
    lattice = _extent(frame) if aoi is None else area_of(aoi).lattice
    keys = lattice.keys(frame["easting"], frame["northing"])
    if (keys < 0).any():
        raise BadArgument(f"{int((keys < 0).sum())} cells lie outside the raster {lattice.bounds}")
    row, column = np.divmod(keys, lattice.columns)
    values = np.full((lattice.rows, lattice.columns), NODATA, np.float32)
    velocity = np.asarray(frame[mean_velocity_field], float)
    values[lattice.rows - 1 - row, column] = np.where(np.isnan(velocity), NODATA, velocity)
    with MemoryFile() as memory:
        with memory.open(**tiff_profile(lattice)) as raster:
            raster.write(values, 1)
        content: bytes = memory.read()
    return content


def _extent(frame: Any) -> Lattice:
    """Give the official tile that holds all cells, or their extent."""
    west, east = float(frame["easting"].min()), float(frame["easting"].max())
    south, north = float(frame["northing"].min()), float(frame["northing"].max())
    corner = west // TILE_M * TILE_M, south // TILE_M * TILE_M
    tile = (*corner, corner[0] + TILE_M, corner[1] + TILE_M)
    if tile_name(tile) and east < tile[2] and north < tile[3]:
        return Lattice.covering(tile, 100)
    return Lattice.covering((west - 50, south - 50, east + 50, north + 50), 100)


def _csv_text(frame: Any) -> bytes:
    """Give the CSV of a frame, header first."""
    frame = frame.drop(columns="geometry", errors="ignore")
    decimals = {field.name: field.precision for field in L3_ORTHO.field_list}
    decimals |= dict.fromkeys(date_columns(frame.columns), L3_ORTHO.date_precision)
    columns = []
    for name in frame.columns:
        digits = decimals.get(str(name))
        if digits is not None:
            columns.append(decimal_texts(frame[name].to_numpy(), digits))
        else:
            columns.append(np.array([_field(value) for value in frame[name]], "S"))
    text, _ = csv_rows(columns) if len(frame) else (b"", None)
    return ",".join(map(str, frame.columns)).encode() + b"\n" + text


def _field(value: Any) -> bytes:
    text = "" if value is None or value != value else str(value)
    if any(sign in text for sign in ',"\n\r'):
        raise BadArgument(f"cannot write {value!r}: EGMS tables have no quoting")
    return text.encode()


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()
