"""Bands of raster files, read window by window.

A file is looked at once, at the door: driver, grid, bands, whether all of its bytes are there.
Pixels are read later, only the window that a block needs; every read opens the file and closes it.
"""

from __future__ import annotations

import struct
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadFile
from workbench.rasters.grids import make_grid
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = [
    "GEOTIFF",
    "JPEG2000",
    "Plane",
    "RasterFile",
    "decode",
    "masks_of",
    "open_raster",
    "read_bands",
    "read_masked",
]

GEOTIFF = ("GTiff",)
JPEG2000 = ("JP2OpenJPEG",)
"""GDAL drivers that a reader admits. Others, such as VRT, could open files elsewhere."""

Array = npt.NDArray[Any]

_MOVED = 0.01  # of a pixel, by which grids that are stated may be off
_ONE_AT_A_TIME = threading.Lock()


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


@dataclass(frozen=True)
class Plane:
    """One band of a raster file.

    Attributes
    ----------
    path
        Path, or the address that GDAL opens.
    band
        Number of the band, from 1.
    grid
        None for a raster without a transform, which is read by `pixels` only.
    drivers
        GDAL drivers that may open it.
    dtype
        Type of the pixels.
    nodata
        Value that is missing, None where the file states none.
    blocks
        Rows and columns of the tiles or strips that are decoded at once; None if not known.
    stamp
        Size, bytes, and time of change, ns, of the file when it was looked at; None if not known.
    """

    path: str
    band: int
    grid: GeoBox | None
    drivers: tuple[str, ...]
    dtype: str
    nodata: float | None = None
    blocks: tuple[int, int] | None = None
    stamp: tuple[int, int] | None = None

    @property
    def placed(self) -> GeoBox:
        """The grid, of a plane that must have one.

        Raises
        ------
        BadFile
            If the file is not georeferenced.
        """
        if self.grid is None:
            raise BadFile(f"{self.path}: not georeferenced, so it cannot be put on another grid")
        return self.grid

    def pixels(self, window: Window) -> Array:
        """Read a window of the file's own pixels.

        Parameters
        ----------
        window
            Inside the raster.

        Returns
        -------
        numpy.ndarray
            (rows, cols) in the type and unit of the file; missing pixels keep their `nodata` value.

        Raises
        ------
        BadFile
            If the pixels cannot be read.
        """
        return np.asarray(read_bands(self, [self.band], window)[0])


def read_bands(plane: Plane, bands: Sequence[int], window: Window) -> Array:
    """Read a window of some bands of the file of a plane.

    Parameters
    ----------
    plane
        Says which file; its own band counts in messages only.
    bands
        Numbers of the bands, from 1.
    window
        Inside the raster.

    Returns
    -------
    numpy.ndarray
        (band, rows, cols) in the type and unit of the file; missing pixels keep their nodata value.

    Raises
    ------
    BadFile
        If the pixels cannot be read.
    """
    with _reading(plane, window) as file:
        values: Array = file.read(list(bands), window=tuple(window))
    return values


def read_masked(plane: Plane, bands: Sequence[int], window: Window) -> Array:
    """Read a window of some bands, and where a mask of the file says that there is nothing.

    Parameters
    ----------
    plane, bands, window
        As for `read_bands`.

    Returns
    -------
    numpy.ndarray
        As of `read_bands`; of a file with a mask or a band of opacity a `numpy.ma.MaskedArray`.

    Raises
    ------
    BadFile
        If the pixels cannot be read.
    """
    with _reading(plane, window) as file:
        values: Array = file.read(list(bands), window=tuple(window))
        masks = masks_of(file, bands, window)
    return values if masks is None else np.ma.MaskedArray(values, masks)


def masks_of(file: Any, bands: Sequence[int], window: Window) -> npt.NDArray[np.bool_] | None:
    """Return where masks of an open file say that there is nothing; None if it has no mask.

    Parameters
    ----------
    file
        Of rasterio.
    bands, window
        As for `read_bands`.

    Returns
    -------
    numpy.ndarray
        (band, rows, cols); the value `nodata` is not looked at.
    """
    from rasterio.enums import MaskFlags

    has = [MaskFlags.per_dataset in file.mask_flag_enums[band - 1] for band in bands]
    if not any(has):
        return None
    found = file.read_masks(list(bands), window=tuple(window)) == 0
    found[~np.array(has)] = False
    return np.asarray(found)


@contextmanager
def _reading(plane: Plane, window: Window) -> Iterator[Any]:
    """Open the file of a plane, on whose grid it still is; all faults are a BadFile."""
    import rasterio

    rows = window.rows
    try:
        with _opened_for_pixels(plane) as file:
            yield file
    except (rasterio.errors.RasterioError, OSError) as error:
        raise BadFile(
            f"{plane.path}: cannot read band {plane.band}, rows {rows[0]} to {rows[1]}: "
            f"{error.__cause__ or error}. Replace or remove the file, or read with on_error='skip',"
            " verify=True"
        ) from error


def _opened_for_pixels(plane: Plane) -> Any:
    """Open the file of a plane, which must be on the grid that was found, or stated, before.

    One whose size and time are what they were is opened without its CRS, three quarters of what
    opening a GeoTIFF costs. Of others the grid is compared: a file at an address, one that was
    replaced, the copy that another machine has under the same path.
    """
    if plane.stamp is not None and _stamp(plane.path) == plane.stamp:
        with _ONE_AT_A_TIME:  # filters of warnings are those of the process, not of a thread
            return _open(plane.path, plane.drivers, GEOREF_SOURCES="NONE")
    with ExitStack() as stack:
        file = stack.enter_context(_open(plane.path, plane.drivers))
        _check_grid(plane, file)
        stack.pop_all()
        return file


def _check_grid(plane: Plane, file: Any) -> None:
    """Check that a file is on the grid of its plane."""
    if plane.grid is None:
        return
    known, pixel = plane.grid.affine, max(abs(plane.grid.affine.a), abs(plane.grid.affine.e))
    moved = np.abs(np.subtract(tuple(file.transform)[:6], tuple(known)[:6]))
    # the far corner lies as many steps away as there are pixels
    off = max(moved[2], moved[5], *(max(file.shape) * moved[[0, 1, 3, 4]])) / pixel
    if file.shape != tuple(plane.grid.shape) or off > _MOVED:
        raise BadFile(
            f"{plane.path}: {file.shape[0]} x {file.shape[1]} pixels from {file.transform.c:g}, "
            f"{file.transform.f:g}, not {plane.grid.shape[0]} x {plane.grid.shape[1]} from "
            f"{known.c:g}, {known.f:g} as stated; it has changed, or what describes it is wrong"
        )


def _stamp(path: str) -> tuple[int, int]:
    """Return size and time of a local file."""
    found = Path(path).stat()
    return found.st_size, found.st_mtime_ns


def _open(path: str, drivers: Sequence[str], **options: str) -> Any:
    """Open a raster with the first of `drivers` that knows its format, and with no other."""
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        for driver in drivers[:-1]:
            try:
                return rasterio.open(path, driver=driver, **options)
            except rasterio.errors.RasterioIOError:
                continue
        return rasterio.open(path, driver=drivers[-1], **options)


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
        with _open(name, drivers) as file:
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
                _stamp(name) if local else None,
            )
    except (rasterio.errors.RasterioError, OSError) as error:
        raise BadFile(f"{name}: not a readable {' or '.join(drivers)} file: {error}") from error
    if np.dtype(raster.dtype).kind not in dtypes:
        raise BadFile(f"{name}: pixels are {raster.dtype}, expected {_kinds(dtypes)}")
    return raster


def decode(planes: Sequence[Plane]) -> None:
    """Read every pixel of some planes once, in strips, to find damage inside the files.

    Parameters
    ----------
    planes
        Georeferenced ones.

    Raises
    ------
    BadFile
        If one cannot be decoded.
    """
    for plane in planes:
        height, width = plane.placed.shape
        for row in range(0, height, 1024):
            plane.pixels(Window((row, min(row + 1024, height)), (0, width)))


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
