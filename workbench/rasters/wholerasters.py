"""Whether a raster file is whole: each block has a place in it, and the last can be read.

GDAL does not raise when a disk is full as it closes a file, so what it wrote is opened again.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import BadFile
from workbench.rasters.rasterfiles import GEOTIFF, JPEG2000, open_raster
from workbench.rasters.windows import Window

__all__ = ["whole_raster", "written_raster"]

_TIGHT = 1 << 28  # bytes; a disk with more room is unlikely to have been full a moment ago


def written_raster(path: str | os.PathLike[str], *, blocks: int | None = None) -> None:
    """See that a raster that was just written is whole: `whole_raster`, before it gets its name.

    Where the disk may have been full for a moment while others made room again, a block amid whole
    ones can be lost: with little room left every block is read.

    Parameters
    ----------
    blocks
        How many blocks of a band were written to a sparse file; None for one with all of them.

    Raises
    ------
    BadFile
        As for `whole_raster`; for a sparse file with another number of blocks.
    """
    size, room = Path(path).stat().st_size, shutil.disk_usage(Path(path).parent).free
    tight = room < _TIGHT + 4 * size
    found = _placed_blocks(Path(path), tight, sparse=blocks is not None)
    if blocks is not None and found != blocks:
        raise BadFile(f"{path}: {found} of {blocks} blocks are in the file")


def whole_raster(
    path: str | os.PathLike[str], *, every_block: bool = False, sparse: bool = False
) -> None:
    """See that a GeoTIFF, COG or JPEG 2000 file is whole.

    Every block of a TIFF, of overviews as well, must have a place within the file, and the last
    block of each band is read.

    Parameters
    ----------
    path
        A closed file.
    every_block
        Read all blocks, not the last only.
    sparse
        Blocks of a TIFF may be absent; those that have a place must be within the file.

    Raises
    ------
    BadFile
        If it cannot be opened, a block is missing or lies beyond the end, or the last cannot be
        decoded.
    """
    _placed_blocks(Path(path), every_block, sparse)


def _placed_blocks(path: Path, every_block: bool, sparse: bool) -> int:
    """Check the blocks of a file, and return how many of a band have a place."""
    import rasterio

    found = open_raster(path, (*GEOTIFF, *JPEG2000), dtypes="uifc", georeferenced=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path, driver=found.drivers[0]) as file:
                levels = file.overviews(1) if found.drivers == GEOTIFF else []
                placed = _read_blocks(file, every_block, sparse)
            for level in range(len(levels)):
                with rasterio.open(path, driver=found.drivers[0], overview_level=level) as file:
                    _read_blocks(file, every_block, sparse)
    except (rasterio.errors.RasterioError, OSError) as error:
        raise BadFile(f"{path}: {error.__cause__ or error}") from error
    return placed


def _read_blocks(file: Any, every_block: bool, sparse: bool) -> int:
    """Look up the place of every block of an open raster, and read the last or all of them.

    Returns how many blocks of a band have a place. Where pixels hold all bands, so do blocks.
    """
    size = Path(file.name).stat().st_size
    together = file.count > 1 and file.profile.get("interleave") == "pixel"
    placed: list[Window] = []
    for band, shape in zip(file.indexes, file.block_shapes, strict=True):
        if band > 1 and together:
            break
        placed = list(_placed(file, band, shape, size, sparse))
        for window in placed if every_block else placed[-1:]:
            file.read(band, window=window)
    return len(placed)


def _placed(
    file: Any, band: int, shape: tuple[int, int], size: int, sparse: bool
) -> Iterator[Window]:
    """Yield the blocks of a band that have a place, which must be within the file."""
    for row, col in np.ndindex(-(-file.height // shape[0]), -(-file.width // shape[1])):
        if file.driver == "GTiff":
            place, length = (
                file.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=band)
                for what in ("OFFSET", "SIZE")
            )
            if sparse and not place:
                continue
            if not (place and length) or int(place) + int(length) > size:
                raise BadFile(f"{file.name}: band {band} lacks its block in row {row}, {col}")
        rows, cols = row * shape[0], col * shape[1]
        yield Window(
            (rows, min(rows + shape[0], file.height)), (cols, min(cols + shape[1], file.width))
        )
