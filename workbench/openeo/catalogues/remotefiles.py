"""Rasters at an address, read by parts through `Remote`, so that nothing else is ever fetched."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadFile
from workbench.openeo.catalogues.remote import NotFetched, Remote
from workbench.rasters.grids import make_grid
from workbench.rasters.planes import masks_of
from workbench.rasters.rasterfiles import GEOTIFF, JPEG2000, RasterFile
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["RemoteFile", "RemotePlane", "remote_header"]

PIECE = 1 << 18
"""Bytes that are fetched at a time."""

_HELD = 64  # pieces of a file


class RemoteFile(io.RawIOBase):
    """A file at an address, open for reading."""

    def __init__(self, remote: Remote, url: str) -> None:
        super().__init__()
        self._remote, self._url, self._at = remote, url, 0
        self._pieces: OrderedDict[int, bytes] = OrderedDict()
        self.fault: NotFetched | None = None
        """Why reading failed; GDAL does not pass it on."""
        first, self.size = remote.read_range(url, 0, PIECE)
        self._pieces[0] = first

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, fewer at the end of the file."""
        end = self.size if size < 0 else min(self._at + size, self.size)
        parts = []
        while self._at < end:
            number, start = divmod(self._at, PIECE)
            part = self._piece(number)[start : start + end - self._at]
            if not part:
                break
            parts.append(part)
            self._at += len(part)
        return b"".join(parts)

    def _piece(self, number: int) -> bytes:
        if number not in self._pieces:
            try:
                found, _ = self._remote.read_range(self._url, number * PIECE, PIECE)
            except NotFetched as reason:
                self.fault = reason
                raise OSError(str(reason)) from reason
            self._pieces[number] = found
            if len(self._pieces) > _HELD:
                self._pieces.popitem(last=False)
        self._pieces.move_to_end(number)
        return self._pieces[number]


@dataclass(frozen=True)
class RemotePlane:
    """One band of a raster at an address; reads as a `workbench.rasters.planes.Plane`."""

    remote: Remote
    path: str
    """The address."""
    band: int
    grid: GeoBox | None
    dtype: str
    nodata: float | None = None
    blocks: tuple[int, int] | None = None

    def pixels(self, window: Window) -> npt.NDArray[Any]:
        """Read a window of the file's own pixels, (rows, cols); masked where the file says so.

        Raises
        ------
        BadFile, NotFetched
            If they cannot be read, or fetched.
        """
        with _opened(self.remote, self.path) as file:
            values: npt.NDArray[Any] = file.read(self.band, window=tuple(window))
            masks = masks_of(file, [self.band], window)
        return values if masks is None else np.ma.MaskedArray(values, masks[0])


def remote_header(remote: Remote, url: str) -> RasterFile:
    """Read the header of a raster at an address.

    Raises
    ------
    BadFile, NotFetched
        If it is no GeoTIFF or JPEG 2000 with a CRS, or cannot be fetched.
    """
    with _opened(remote, url) as file:
        grid = make_grid(file.shape, file.transform, file.crs, _shown(url))
        return RasterFile(
            url, (file.driver,), grid, file.shape, file.count, file.dtypes[0], file.nodata,
            tuple(file.descriptions), dict(file.tags()), tuple(file.scales), tuple(file.offsets),
            file.block_shapes[0],
        )  # fmt: skip


@contextmanager
def _opened(remote: Remote, url: str) -> Iterator[Any]:
    import rasterio

    held = RemoteFile(remote, url)
    try:
        driver = JPEG2000[0] if held.read(12)[4:8] == b"jP  " else GEOTIFF[0]
        held.seek(0)
        with rasterio.open(held, driver=driver) as file:
            yield file
    except (rasterio.errors.RasterioError, OSError) as reason:
        if held.fault is not None:
            raise held.fault from reason
        raise BadFile(f"{_shown(url)}: cannot be read: {reason.__cause__ or reason}") from reason


def _shown(url: str) -> str:
    return url.partition("?")[0]
