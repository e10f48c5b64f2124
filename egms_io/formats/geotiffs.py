"""The GeoTIFF of a component: one band of mean velocity, float32, uncompressed strips."""

from __future__ import annotations

from typing import Any

from egms_io.tiles import CRS

NODATA = -9999.0


def geotiff_profile(west: float, north: float, columns: int, rows: int, cell_m: float) -> Any:
    """Return the rasterio profile of a raster of cells.

    Parameters
    ----------
    west, north
        Corner of the raster, m, EPSG:3035.
    columns, rows
        Its size in cells.
    cell_m
        Side of a cell, m.

    Returns
    -------
    dict
        With nodata `NODATA`, north up, in the layout of the official files.
    """
    from rasterio.transform import from_origin

    return {
        "driver": "GTiff",
        "dtype": "float32",
        "count": 1,
        "nodata": NODATA,
        "crs": CRS,
        "width": columns,
        "height": rows,
        "transform": from_origin(west, north, cell_m, cell_m),
        "BIGTIFF": "IF_SAFER",
    }
