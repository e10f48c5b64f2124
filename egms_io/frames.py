"""Whole EGMS files as data frames: read and written at once, in memory.

For looking into files, and for notebooks that work step by step on one burst or tile.
`egms_io.ortho` does not go through frames.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np

from egms_io.cells import Lattice, area_of
from egms_io.dates import date_columns
from egms_io.errors import BadArgument, BadProduct
from egms_io.formats import archive
from egms_io.formats.archive import members, open_csv, write_md5
from egms_io.formats.geotiffs import NODATA, geotiff_profile
from egms_io.formats.l3 import L3_ORTHO, OutputNamingConvention, format_dataframe
from egms_io.formats.metadata import generate_xml_content
from egms_io.formats.text import csv_rows, decimal_texts
from egms_io.formats.zips import deflate, write_zip
from egms_io.tiles import CRS, TILE_M, tile_name
from workbench.files import atomic


def read_csv_or_zip(path: str | Path, *, read_xml: bool = True, **options: Any) -> Any:
    """Read a burst or tile as a GeoDataFrame.

    Parameters
    ----------
    path
        A ``.zip`` with one CSV in it, or a ``.csv``.
    read_xml
        Also return the text of the XML, None where there is none.
    options
        For `pandas.read_csv`; ``columns`` is understood as ``usecols``.

    Returns
    -------
    frame, or (frame, xml) with `read_xml`. The geometry is from easting and northing (EPSG:3035),
    or else from longitude and latitude (EPSG:4326).

    Raises
    ------
    BadBurst
        When the file is missing, damaged or hostile.
    BadProduct
        When the table has no coordinates.
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

    Parameters
    ----------
    path
        A ``.zip``, or a ``.csv`` with the XML beside it.
    xml_content
        The XML, None for none.
    csv_name, xml_name
        Members of the ZIP; by default its own stem.

    Raises
    ------
    BadArgument
        For another suffix, or text that would need quotes.
    workbench.errors.OutputExists
        When a file is in the way and `overwrite` is false.
    """
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
        Path of the ZIP; the others are beside it.
    convention
        Columns and digits.
    xml_content
        By default that of `egms_io.generate_xml_content`.

    Returns
    -------
    The three paths.

    Raises
    ------
    BadArgument
        When the frame lacks a field.
    workbench.errors.OutputExists
        When a file is in the way and `overwrite` is false.
    """
    path = Path(output_path).with_suffix(".zip")
    table = format_dataframe(frame, convention)
    xml = generate_xml_content() if xml_content is None else xml_content
    raster = create_ortho_geotiff(table, "mean_velocity")
    write_csv_or_zip(path, table, xml, overwrite=overwrite)
    with atomic(path.with_suffix(".tiff"), overwrite=overwrite) as file:
        file.write(raster)
    return [path, path.with_suffix(".tiff"), write_md5(path, overwrite=overwrite)]


def create_ortho_geotiff(frame: Any, mean_velocity_field: str, *, aoi: Any = None) -> bytes:
    """Return a frame's velocity as the bytes of a GeoTIFF, float32, 100 m, nodata -9999.

    Parameters
    ----------
    frame
        With ``easting`` and ``northing`` of the cell centres, m, EPSG:3035.
    mean_velocity_field
        Column of the velocity, NaN where unknown.
    aoi
        What the raster covers (see `egms_io.ortho`). By default the official tile when all cells
        are in one, else the extent of the cells.

    Raises
    ------
    BadArgument
        When the field is missing, a cell lies outside `aoi`, or an empty frame has no `aoi`.
    """
    from rasterio.io import MemoryFile

    if mean_velocity_field not in frame:
        raise BadArgument(f"the frame has no column {mean_velocity_field!r}")
    if aoi is None and not len(frame):
        raise BadArgument("the frame is empty: pass aoi=, the area to cover")
    lattice = _extent(frame) if aoi is None else area_of(aoi).lattice
    keys = lattice.keys(frame["easting"], frame["northing"])
    if (keys < 0).any():
        raise BadArgument(f"{int((keys < 0).sum())} cells lie outside the raster {lattice.bounds}")
    row, column = np.divmod(keys, lattice.columns)
    values = np.full((lattice.rows, lattice.columns), NODATA, np.float32)
    velocity = np.asarray(frame[mean_velocity_field], float)
    values[lattice.rows - 1 - row, column] = np.where(np.isnan(velocity), NODATA, velocity)
    west, _, _, north = lattice.bounds
    profile = geotiff_profile(west, north, lattice.columns, lattice.rows, lattice.cell_m)
    with MemoryFile() as memory:
        with memory.open(**profile) as raster:
            raster.write(values, 1)
        content: bytes = memory.read()
    return content


def _extent(frame: Any) -> Lattice:
    """Return the official tile that holds all cells, or their extent."""
    west, east = float(frame["easting"].min()), float(frame["easting"].max())
    south, north = float(frame["northing"].min()), float(frame["northing"].max())
    corner = west // TILE_M * TILE_M, south // TILE_M * TILE_M
    tile = (*corner, corner[0] + TILE_M, corner[1] + TILE_M)
    if tile_name(tile) and east < tile[2] and north < tile[3]:
        return Lattice.covering(tile, 100)
    return Lattice.covering((west - 50, south - 50, east + 50, north + 50), 100)


def _csv_text(frame: Any) -> bytes:
    """Return the CSV of a frame, header first."""
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
    text = csv_rows(columns) if len(frame) else b""
    return ",".join(map(str, frame.columns)).encode() + b"\n" + text


def _field(value: Any) -> bytes:
    text = "" if value is None or value != value else str(value)
    if any(sign in text for sign in ',"\n\r'):
        raise BadArgument(f"cannot write {value!r}: EGMS tables have no quoting")
    return text.encode()


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()
