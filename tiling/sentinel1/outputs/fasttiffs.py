"""GeoTIFFs of one band, deflated by ISA-L and not by GDAL, which takes six times as long.

GDAL writes the head: everything but the pixels. Tiles are appended to it, and then the two lists
that say where each is (tags 324 and 325 of TIFF 6.0) take the place of the empty ones.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from workbench.rasters.geotiff import described, new_raster
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Write", "deflated", "fast_tiff", "fits"]

Predictor = Literal[1, 3]

Write = Callable[[npt.NDArray[Any], Window], object]
"""Takes pixels (rows, cols) and the window that they fill."""

_MOST = 3_500_000_000  # bytes; a TIFF that is no BigTIFF ends at 4 GiB
_OFFSETS, _COUNTS = 324, 325
_LONG = 4  # type of four bytes without sign
_LEVEL = 1  # of ISA-L: as fast as 0, and a sixth smaller


def deflated(block: npt.NDArray[Any], predictor: Predictor) -> bytes:
    """Return a block (rows, cols) as the bytes of a tile of a TIFF; compression 8, as of zlib.

    Predictor 3 takes float32 (Adobe Photoshop TIFF Technical Note 3): of each row first the highest
    byte of all values, then the next, as differences. Predictor 1 leaves values as they are.
    """
    block = np.ascontiguousarray(block, block.dtype.newbyteorder("<"))
    if predictor == 1:
        return isal_zlib.compress(block.data, _LEVEL)
    rows, cols = block.shape
    lowest_first = block.view(np.uint8).reshape(rows, cols, 4)
    planes = np.empty((rows, 4, cols), np.uint8)
    for place in range(4):
        planes[:, place] = lowest_first[..., 3 - place]
    in_rows = planes.reshape(rows, 4 * cols)
    stored = in_rows.copy()
    stored[:, 1:] -= in_rows[:, :-1]
    return isal_zlib.compress(stored.data, _LEVEL)


def fits(shape: tuple[int, int], dtype: np.dtype[Any]) -> bool:
    """Tell whether a file of this shape can be written so, on this machine."""
    return dtype.itemsize * shape[0] * shape[1] < _MOST and sys.byteorder == "little"


@contextmanager
def fast_tiff(
    path: Path,
    grid: GeoBox,
    dtype: np.dtype[Any],
    side: tuple[int, int],
    *,
    predictor: Predictor,
    nodata: float | None,
    description: str,
    tags: Mapping[str, Any],
) -> Iterator[Write]:
    """Open a new GeoTIFF, deflated.

    Parameters
    ----------
    path
        Where it is written, under this very name.
    grid
        Its shape, transform and CRS.
    dtype
        Of its pixels.
    side
        Rows and columns of a tile of the file, multiples of 16.
    predictor
        See `deflated`.
    nodata, description, tags
        As for `workbench.rasters.geotiff`.

    Yields
    ------
    callable
        Takes blocks of that type and their windows, in any order; none may share a pixel with
        another one. Tiles that are only partly there are held in memory.
    """
    with new_raster(
        path, grid, count=1, dtype=dtype.name, nodata=nodata, predictor=predictor, bigtiff="NO",
        sparse_ok=True, blockysize=side[0], blockxsize=side[1],
    ) as head:  # fmt: skip
        described(head, [description], tags)
    shape = (int(grid.shape[0]), int(grid.shape[1]))
    with path.open("r+b") as file:
        tiles = _Tiles(file, shape, side, dtype, predictor)
        yield tiles.write
        _place(file, tiles.offsets.ravel(), tiles.sizes.ravel())


class _Tiles:
    """The tiles of a file, appended when all their pixels are there."""

    def __init__(
        self, file: IO[bytes], shape: tuple[int, int], side: tuple[int, int],
        dtype: np.dtype[Any], predictor: Predictor,
    ) -> None:  # fmt: skip
        self.file, self.shape, self.side = file, shape, side
        self.dtype, self.predictor = dtype, predictor
        count = tuple(-(-size // step) for size, step in zip(shape, side, strict=True))
        self.offsets = np.zeros(count, np.uint32)
        self.sizes = np.zeros(count, np.uint32)
        self.partly: dict[tuple[int, int], tuple[npt.NDArray[Any], int]] = {}
        file.seek(0, os.SEEK_END)

    def write(self, values: npt.NDArray[Any], window: Window) -> None:
        """Take the pixels of a window."""
        rows, cols = (
            range(first // step, -(-end // step))
            for (first, end), step in zip(window, self.side, strict=True)
        )
        for row in rows:
            for col in cols:
                self._fill(row, col, values, window)

    def _fill(self, row: int, col: int, values: npt.NDArray[Any], window: Window) -> None:
        high, wide = self.side
        whole = Window((row * high, (row + 1) * high), (col * wide, (col + 1) * wide))
        there = whole.common(Window.whole(self.shape))
        part = whole.common(window)
        if there is None or part is None:
            return
        pixels, left = self.partly.pop((row, col), (None, there.shape[0] * there.shape[1]))
        if pixels is None:
            pixels = np.zeros(self.side, self.dtype)
        pixels[part.within(whole)] = values[part.within(window)]
        left -= part.shape[0] * part.shape[1]
        if left > 0:
            self.partly[row, col] = pixels, left
            return
        stream = deflated(pixels, self.predictor)
        self.offsets[row, col], self.sizes[row, col] = self.file.tell(), len(stream)
        self.file.write(stream)


def _place(file: IO[bytes], offsets: npt.NDArray[np.uint32], sizes: npt.NDArray[np.uint32]) -> None:
    """Write where the tiles are, and have the head of the file say where that is written."""
    file.write(bytes(file.tell() % 2))
    entries = {}
    for tag, numbers in ((_OFFSETS, offsets), (_COUNTS, sizes)):
        entries[tag] = int(numbers[0]) if len(numbers) == 1 else file.tell()
        if len(numbers) > 1:
            file.write(numbers.astype("<u4").tobytes())
    file.seek(0)
    mark, version, directory = struct.unpack("<2sHI", file.read(8))
    if (mark, version) != (b"II", 42):
        raise RuntimeError(f"the head of {file.name} is {mark!r} {version}, not that of a TIFF")
    file.seek(directory)
    (count,) = struct.unpack("<H", file.read(2))
    for number in range(count):
        at = directory + 2 + 12 * number
        file.seek(at)
        (tag,) = struct.unpack("<H", file.read(2))
        if tag in entries:
            file.seek(at + 2)
            file.write(struct.pack("<HII", _LONG, len(offsets), entries.pop(tag)))
    if entries:
        raise RuntimeError(f"the head of {file.name} lacks the tags {sorted(entries)}")
