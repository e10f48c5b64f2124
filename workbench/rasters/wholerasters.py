"""Whether a raster file is whole: each block has a place in it, and the last can be read.

GDAL does not raise when a disk is full as it closes a file, so what it wrote is opened again.
"""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import BadFile
from workbench.rasters.rasterfiles import GEOTIFF, JPEG2000, open_raster

__all__ = ["whole_raster", "written_raster"]

_TIGHT = 1 << 28  # bytes; a disk with more room is unlikely to have been full a moment ago


def written_raster(path: str | os.PathLike[str]) -> None:
    """See that a raster that was just written is whole: `whole_raster`, before it gets its name.

    Where the disk may have been full for a moment while others made room again, a block amid whole
    ones can be lost: with little room left every block is read.
    """
    size, room = Path(path).stat().st_size, shutil.disk_usage(Path(path).parent).free
    whole_raster(path, every_block=room < _TIGHT + 4 * size)


def whole_raster(path: str | os.PathLike[str], *, every_block: bool = False) -> None:
    """See that a GeoTIFF, COG or JPEG 2000 file is whole.

    Every block of a TIFF, of overviews as well, must have a place within the file, and the last
    block of each band is read.

    Parameters
    ----------
    path
        A closed file.
    every_block
        Read all blocks, not the last only.

    Raises
    ------
    BadFile
        If it cannot be opened, a block is missing or lies beyond the end, or the last cannot be
        decoded.
    """
    import rasterio

    found = open_raster(Path(path), (*GEOTIFF, *JPEG2000), dtypes="uifc", georeferenced=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path, driver=found.drivers[0]) as file:
                levels = file.overviews(1) if found.drivers == GEOTIFF else []
                _read_blocks(file, every_block)
            for level in range(len(levels)):
                with rasterio.open(path, driver=found.drivers[0], overview_level=level) as file:
                    _read_blocks(file, every_block)
    except (rasterio.errors.RasterioError, OSError) as error:
        raise BadFile(f"{path}: {error.__cause__ or error}") from error


def _read_blocks(file: Any, every_block: bool) -> None:
    """Look up the place of every block of an open raster, and read the last or all of them."""
    size = Path(file.name).stat().st_size
    for band, (rows, cols) in zip(file.indexes, file.block_shapes, strict=True):
        last = -(-file.height // rows) - 1, -(-file.width // cols) - 1
        for row, col in np.ndindex(last[0] + 1, last[1] + 1):
            if file.driver == "GTiff" and not _has_place(file, band, row, col, size):
                raise BadFile(f"{file.name}: band {band} lacks its block in row {row}, {col}")
            if every_block or (row, col) == last:
                ends = min((row + 1) * rows, file.height), min((col + 1) * cols, file.width)
                file.read(band, window=((row * rows, ends[0]), (col * cols, ends[1])))


def _has_place(file: Any, band: int, row: int, col: int, size: int) -> bool:
    """Tell whether a block of a TIFF lies within its bytes."""
    place, length = (
        file.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=band)
        for what in ("OFFSET", "SIZE")
    )
    return bool(place and length) and int(place) + int(length) <= size
