"""One band of one raster file on the target grid, window by window.

A file is looked at once, at the door: driver, grid, bands, whether all of its bytes are there.
Pixels are read later, only the window that a block needs; every read opens the file and closes it.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadFile
from workbench.rasters import resampling
from workbench.rasters.grids import aligned, make_grid, positions

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = [
    "GEOTIFF",
    "JPEG2000",
    "Plane",
    "Raster",
    "Window",
    "classes_on",
    "decode",
    "open_raster",
    "reflectance_of",
    "reflectance_on",
]

GEOTIFF = ("GTiff",)
JPEG2000 = ("JP2OpenJPEG",)
"""GDAL drivers that a reader admits; others, such as VRT, could lead to files elsewhere."""

Window = tuple[tuple[int, int], tuple[int, int]]
"""First and end row, first and end column of the target grid."""

Read = Callable[[tuple[int, int], tuple[int, int]], npt.NDArray[Any]]


@dataclass(frozen=True)
class Raster:
    """What the header of a raster file says."""

    path: str
    drivers: tuple[str, ...]
    grid: GeoBox
    count: int
    dtype: str
    nodata: float | None = None
    descriptions: tuple[str | None, ...] = ()
    tags: dict[str, str] = field(default_factory=dict, hash=False)

    def plane(self, index: int = 0) -> Plane:
        """Give one band, counted from 0."""
        return Plane(self.path, index + 1, self.grid, self.drivers, self.nodata)


@dataclass(frozen=True)
class Plane:
    """One band of a raster file.

    Attributes
    ----------
    band
        Number of the band, from 1.
    nodata
        Value that means nothing, beside 0 in reflectance.
    """

    path: str
    band: int
    grid: GeoBox
    drivers: tuple[str, ...]
    nodata: float | None = None

    def reflectance(self, target: GeoBox, window: Window) -> npt.NDArray[np.uint16]:
        """Give DN on a window of the target, 0 where there are none; see `reflectance_on`."""
        return np.asarray(reflectance_of([self], target, window)[0], np.uint16)

    def classes(
        self, target: GeoBox, window: Window
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """Give nearest values on a window of the target, and where there are any."""
        read = partial(_read, self)
        return classes_on(self.grid, read, target, window, self.nodata)


def reflectance_of(
    planes: Sequence[Plane], target: GeoBox, window: Window
) -> npt.NDArray[np.uint16]:
    """Give DN of several planes on a window of the target, (plane, y, x).

    Planes of one file are read in one go, since its blocks may hold all bands.
    """
    together: dict[str, list[Plane]] = {}
    for plane in planes:
        together.setdefault(plane.path, []).append(plane)
    held: dict[Any, npt.NDArray[Any]] = {}

    def read(plane: Plane, rows: tuple[int, int], cols: tuple[int, int]) -> npt.NDArray[Any]:
        mates = together[plane.path]
        key = (plane.path, rows, cols)
        if key not in held:
            held[key] = _read(plane, rows, cols, [mate.band for mate in mates])
        return np.asarray(held[key][mates.index(plane)])

    return np.stack(
        [reflectance_on(plane.grid, partial(read, plane), target, window) for plane in planes]
    )


def reflectance_on(
    grid: GeoBox, read: Read, target: GeoBox, window: Window
) -> npt.NDArray[np.uint16]:
    """Give DN of one grid on a window of another, 0 where there are none.

    Bilinear from coarser and shifted grids, the mean from finer ones that fit, unchanged from the
    same grid.

    Parameters
    ----------
    grid
        Grid of the source.
    read
        Gives the source between a first and end row, and a first and end column.
    """
    ratio = target.affine.a / grid.affine.a
    if ratio > 1.5 and aligned(grid, target):
        return _mean(grid, read, target, window, round(ratio))
    rows, cols = positions(target, *window, grid)
    source, start = _source(grid, read, rows, cols)
    if aligned(grid, target) and abs(ratio - 1) < 1e-9:
        return resampling.nearest(source, rows, cols, start)[0].astype(np.uint16)
    return resampling.bilinear(source, rows, cols, start)


def classes_on(
    grid: GeoBox, read: Read, target: GeoBox, window: Window, nodata: float | None = None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Give nearest values of one grid on a window of another, and where there are any."""
    rows, cols = positions(target, *window, grid)
    source, start = _source(grid, read, rows, cols)
    values, known = resampling.nearest(source, rows, cols, start)
    if nodata is not None and not np.isnan(nodata):
        known &= values != nodata
    if np.issubdtype(values.dtype, np.floating):
        known &= np.isfinite(values)
    return values, known


def _mean(
    grid: GeoBox, read: Read, target: GeoBox, window: Window, factor: int
) -> npt.NDArray[np.uint16]:
    column = round((target.affine.c - grid.affine.c) / grid.affine.a)
    row = round((target.affine.f - grid.affine.f) / grid.affine.e)
    first = (row + window[0][0] * factor, column + window[1][0] * factor)
    end = (row + window[0][1] * factor, column + window[1][1] * factor)
    rows = np.arange(first[0], end[0], dtype=np.float64) + 0.5
    cols = np.arange(first[1], end[1], dtype=np.float64) + 0.5
    source, start = _source(grid, read, rows, cols)
    return resampling.mean(resampling.nearest(source, rows, cols, start)[0], factor)


def _source(
    grid: GeoBox, read: Read, rows: npt.NDArray[np.float64], cols: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[Any], tuple[int, int]]:
    """Read what the positions touch and one pixel around, and say where it starts."""
    spans = []
    for at, size in zip((rows, cols), grid.shape, strict=True):
        finite = at[np.isfinite(at)]
        first = max(int(np.floor(finite.min())) - 1, 0) if finite.size else 0
        last = min(int(np.floor(finite.max())) + 2, size) if finite.size else 0
        if first >= last:
            return np.zeros((0, 0), np.uint16), (0, 0)
        spans.append((first, last))
    return read(spans[0], spans[1]), (spans[0][0], spans[1][0])


def _read(
    plane: Plane, rows: tuple[int, int], cols: tuple[int, int], bands: list[int] | None = None
) -> npt.NDArray[Any]:
    import rasterio

    try:
        with _open(plane.path, plane.drivers) as file:
            values: npt.NDArray[Any] = file.read(bands or plane.band, window=(rows, cols))
    except (rasterio.errors.RasterioError, OSError) as error:
        raise BadFile(
            f"{plane.path}: cannot read band {plane.band}, rows {rows[0]} to {rows[1]}: {error}. "
            "Replace or remove the file, or read with on_error='skip', verify=True"
        ) from error
    return values


def _open(path: str, drivers: Sequence[str]) -> Any:
    """Open a raster with the first of `drivers` that knows its format, and with no other."""
    import rasterio

    for driver in drivers[:-1]:
        try:
            return rasterio.open(path, driver=driver)
        except rasterio.errors.RasterioIOError:
            continue
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        return rasterio.open(path, driver=drivers[-1])


def open_raster(
    path: str | Path,
    drivers: Sequence[str] = GEOTIFF,
    *,
    dtypes: str = "ui",
    local: bool = True,
) -> Raster:
    """Look at the header of a raster file.

    Parameters
    ----------
    drivers
        GDAL drivers admitted.
    dtypes
        Kinds of numbers admitted, as in `numpy.dtype.kind`.
    local
        False for an address that GDAL opens over the network; its size is not checked.

    Raises
    ------
    BadFile
        If it is missing, empty, cut short, of another format, not georeferenced in metres, or its
        pixels are of a wrong type.
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
            raster = Raster(
                name,
                (file.driver,),
                make_grid(file.shape, file.transform, file.crs, name),
                file.count,
                file.dtypes[0],
                file.nodata,
                tuple(file.descriptions),
                dict(file.tags()),
            )
    except (rasterio.errors.RasterioError, OSError) as error:
        raise BadFile(f"{name}: not a readable {' or '.join(drivers)} file: {error}") from error
    if np.dtype(raster.dtype).kind not in dtypes:
        raise BadFile(f"{name}: pixels are {raster.dtype}, expected {_kinds(dtypes)}")
    return raster


def decode(planes: Sequence[Plane]) -> None:
    """Read every pixel of some planes once, in strips, and raise `BadFile` where one is broken."""
    for plane in planes:
        height, width = plane.grid.shape
        for row in range(0, height, 1024):
            _read(plane, (row, min(row + 1024, height)), (0, width))


def _kinds(dtypes: str) -> str:
    words = {"u": "unsigned integers", "i": "integers", "f": "floats"}
    return " or ".join(words[kind] for kind in dtypes)


def _check_complete(path: Path, file: Any) -> None:
    size = path.stat().st_size
    needed = _tiff_size(file) if file.driver == "GTiff" else _jp2_size(path, size)
    if needed > size:
        raise BadFile(f"{path}: cut short: {size} bytes of at least {needed}")


def _tiff_size(file: Any) -> int:
    """Give the end of the last block of a TIFF."""
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
    """Give the end of the last box of a JP2 (ISO/IEC 15444-1, annex I)."""
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
