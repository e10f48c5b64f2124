"""The ground in files: a height model in cells of one degree, its index, and a geoid."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.sample.landscape import AROUND, CENTRE, heights, undulation
from workbench.files import atomic, atomic_path
from workbench.rasters.wholerasters import written_raster

__all__ = ["DEM_FORMAT", "cell_name", "write_cell", "write_geoid", "write_index"]

DEM_FORMAT = "{id}.tif"
"""How files of the height model are named after the field ``id`` of the index."""

CELLS = 3_600  # rows and columns of a degree, to 50 degrees of latitude
CRS = "EPSG:9518"  # WGS 84, and heights above EGM2008


def cell_name(longitude: int, latitude: int) -> str:
    """Return the name of a cell by its south-west corner, as Copernicus GLO-30 has it."""
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"Copernicus_DSM_COG_10_{north}{abs(latitude):02d}_00_{east}{abs(longitude):03d}_00_DEM"


def write_cell(folder: Path, longitude: int, latitude: int, *, overwrite: bool = False) -> Path:
    """Write a cell of the height model: float32, its pixel centres on whole seconds."""
    import rasterio
    from affine import Affine

    path = folder / f"{cell_name(longitude, latitude)}.tif"
    step = 1 / CELLS
    origin = Affine(step, 0, longitude - step / 2, 0, -step, latitude + 1 + step / 2)
    with (
        atomic_path(path, overwrite=overwrite, check=written_raster) as temporary,
        rasterio.open(
            temporary, "w", driver="GTiff", width=CELLS, height=CELLS, count=1, dtype=np.float32,
            crs=CRS, transform=origin, tiled=True, blockxsize=512, blockysize=512,
            compress="deflate", predictor=3, zlevel=1,
        ) as file,
    ):  # fmt: skip
        file.update_tags(AREA_OR_POINT="Point")
        file.write(_cell(longitude, latitude), 1)
    return path


def write_index(path: Path, cells: list[tuple[int, int]], *, overwrite: bool = False) -> Path:
    """Write the index of the height model: the outline of each cell, its field ``id`` the name."""
    import geopandas
    import shapely

    table = geopandas.GeoDataFrame(
        {"id": [cell_name(*cell) for cell in cells]},
        geometry=[shapely.box(lon, lat, lon + 1, lat + 1) for lon, lat in cells],
        crs="EPSG:4326",
    )
    with atomic_path(path, overwrite=overwrite) as temporary:
        table.to_file(temporary, driver="GPKG", layer="dem")
    return path


def write_geoid(path: Path, *, overwrite: bool = False) -> Path:
    """Write the undulation of the whole Earth, a degree apart, as NOAA's format GTX has it."""
    latitudes, longitudes = np.meshgrid(np.arange(-90.0, 91), np.arange(-180.0, 180), indexing="ij")
    values = undulation(longitudes, latitudes)
    with atomic(path, overwrite=overwrite) as file:
        file.write(struct.pack(">4d2i", -90.0, -180.0, 1.0, 1.0, *values.shape))
        file.write(values.astype(">f4").tobytes())
    return path


def _cell(longitude: int, latitude: int) -> npt.NDArray[np.float32]:
    lon = longitude + np.arange(CELLS) / CELLS
    lat = latitude + 1 - np.arange(CELLS) / CELLS
    found = np.zeros((CELLS, CELLS), np.float32)
    rows, cols = (
        np.flatnonzero(np.abs(at - centre) < AROUND)
        for at, centre in ((lat, CENTRE[1]), (lon, CENTRE[0]))
    )
    if rows.size and cols.size:
        there = np.meshgrid(lon[cols], lat[rows])
        found[np.ix_(rows, cols)] = heights(*there)
    return found
