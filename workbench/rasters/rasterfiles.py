"""Raster files, looked at once, at the door: driver, grid, bands, whether all bytes are there.

Pixels are read later, by `workbench.rasters.planes`, only the window that a block needs.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import BadFile
from workbench.rasters.grids import make_grid
from workbench.rasters.planes import Plane, is_address, opened, patient, stamp_of

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["GEOTIFF", "JPEG2000", "RasterFile", "open_raster"]

GEOTIFF = ("GTiff",)
JPEG2000 = ("JP2OpenJPEG",)
"""GDAL drivers that a reader admits. Others, such as VRT, could open files elsewhere."""


@dataclass(frozen=True)
class RasterFile:
    """What the header of a raster file says.

    Attributes
    ----------
    path
        Path, or the address that GDAL opens.
    drivers
        The one GDAL driver that opens it.
    grid
        None where the file is not georeferenced and that was allowed.
    shape
        Rows, columns.
    count
        Number of bands.
    dtype
        Type of the pixels of the first band.
    nodata
        Value that is missing, None where the file states none.
    descriptions
        Names of the bands, None for one without a name.
    tags
        Metadata items of the file.
    scales, offsets
        Of each band: physical value = pixel x scale + offset.
    blocks
        Rows and columns of the tiles or strips that are decoded at once; None if not known.
    stamp
        Size, bytes, and time of change, ns, of a local file when it was looked at.
    """

    path: str
    drivers: tuple[str, ...]
    grid: GeoBox | None
    shape: tuple[int, int]
    count: int
    dtype: str
    nodata: float | None = None
    descriptions: tuple[str | None, ...] = ()
    tags: dict[str, str] = field(default_factory=dict, hash=False)
    scales: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    blocks: tuple[int, int] | None = None
    stamp: tuple[int, int] | None = None

    def plane(self, index: int = 0) -> Plane:
        """Return one band; `index` counts from 0."""
        return Plane(
            self.path, index + 1, self.grid, self.drivers, self.dtype, self.nodata, self.blocks,
            self.stamp,
        )  # fmt: skip


def open_raster(
    path: str | Path,
    drivers: Sequence[str] = GEOTIFF,
    *,
    dtypes: str = "ui",
    local: bool = True,
    georeferenced: bool = True,
) -> RasterFile:
    """Read the header of a raster file and check it.

    A local file is also checked for being cut short: a TIFF must reach the end of its last strip or
    tile, a JP2 the end of its last box.

    Parameters
    ----------
    path
        Path, or an address where `local` is false.
    drivers
        GDAL drivers admitted.
    dtypes
        Kinds of numbers admitted, as in `numpy.dtype.kind`.
    local
        False for an address that GDAL opens over the network; its size is not checked.
    georeferenced
        Whether the file must have a CRS and a transform. Where it need not and has none, its
        `grid` is None.

    Returns
    -------
    RasterFile
        What the header says; no pixel has been read.

    Raises
    ------
    BadFile
        If it is missing, empty, cut short, of another format, not georeferenced, or its pixels are
        of a wrong type.
    """
    import rasterio

    name = str(path)
    if local:
        if not Path(path).is_file():
            raise BadFile(f"{name}: no such file")
        if Path(path).stat().st_size == 0:
            raise BadFile(f"{name}: the file is empty")
    try:
        with patient(name), opened(name, drivers) as file:
            if local:
                _check_complete(Path(path), file)
            placed = file.crs is not None and not file.transform.is_identity
            raster = RasterFile(
                name,
                (file.driver,),
                make_grid(file.shape, file.transform, file.crs, name)
                if georeferenced or placed
                else None,
                file.shape,
                file.count,
                file.dtypes[0],
                file.nodata,
                tuple(file.descriptions),
                dict(file.tags()),
                tuple(file.scales),
                tuple(file.offsets),
                file.block_shapes[0],
                stamp_of(name) if local else None,
            )
    except (rasterio.errors.RasterioError, OSError) as error:
        unsent = ", or its server did not send it" if is_address(name) else ""
        raise BadFile(
            f"{name}: not a readable {' or '.join(drivers)} file{unsent}: {error}"
        ) from error
    if np.dtype(raster.dtype).kind not in dtypes:
        raise BadFile(f"{name}: pixels are {raster.dtype}, expected {_kinds(dtypes)}")
    return raster


def _kinds(dtypes: str) -> str:
    words = {"u": "unsigned integers", "i": "integers", "f": "floats", "c": "complex numbers"}
    return " or ".join(words[kind] for kind in dtypes)


def _check_complete(path: Path, file: Any) -> None:
    size = path.stat().st_size
    needed = _tiff_size(file) if file.driver == "GTiff" else _jp2_size(path, size)
    if needed > size:
        raise BadFile(f"{path}: cut short: {size} bytes of at least {needed}")


def _tiff_size(file: Any) -> int:
    """Return how many bytes a TIFF needs: the end of its last strip or tile.

    Offsets and lengths are those of the tags StripOffsets and StripByteCounts, or TileOffsets and
    TileByteCounts (TIFF 6.0), as GDAL gives them. Of each row of blocks the first and the last are
    looked at.
    """
    from rasterio.enums import Interleaving

    needed = 0
    for band in file.indexes:
        rows, cols = file.block_shapes[band - 1]
        last_row, last_col = -(-file.height // rows) - 1, -(-file.width // cols) - 1
        for row in range(last_row + 1):
            for col in {0, last_col}:
                offset = file.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band)
                count = file.get_tag_item(f"BLOCK_SIZE_{col}_{row}", "TIFF", bidx=band)
                if offset is not None and count is not None:
                    needed = max(needed, int(offset) + int(count))
        if file.interleaving == Interleaving.pixel:  # all bands are in the blocks of the first
            break
    return needed


def _jp2_size(path: Path, size: int) -> int:
    """Return how many bytes a JP2 needs: the end of its last box (ISO/IEC 15444-1, annex I).

    One more than `size` where a box is malformed, or the codestream lacks its end marker (EOC).
    """
    at = 0
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length, kind = struct.unpack(">I4s", head[:8])
            if length == 1 and len(head) == 16:
                length = struct.unpack(">Q", head[8:])[0]
            if length == 0:  # to the end of the file, which must be the end of the codestream
                file.seek(-2, 2)
                return size if kind != b"jp2c" or file.read() == b"\xff\xd9" else size + 1
            if length < 8:
                return size + 1
            at += length
    return at
