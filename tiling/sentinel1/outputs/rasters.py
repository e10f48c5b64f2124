"""Files of a tile, written block by block, and read back in blocks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.outputs.encodings import ENCODINGS, Encoding
from tiling.sentinel1.outputs.fasttiffs import Write, fast_tiff, fits
from workbench.disks import make_folder, writing
from workbench.errors import BadInput, OutputExists
from workbench.files import atomic_path, scratch
from workbench.rasters.geotiff import cog_of, described, geotiff, new_raster
from workbench.rasters.rasterfiles import RasterFile, open_raster
from workbench.rasters.wholerasters import written_raster
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odc.geo.geobox import GeoBox

__all__ = ["Blocks", "Source", "TileFile", "strips", "write_tile"]

Array = npt.NDArray[Any]

Blocks = Iterable[tuple[Window, Array]]
"""Windows of a grid, none of whose pixels is in two, and their pixels."""

ROWS = 1024
"""Rows of the blocks of a tile, unless memory asks for fewer: whole tiles of a file."""


class Source(Protocol):
    """What gives the pixels of a tile block by block."""

    def block(self, window: Window) -> Array:
        """Return the pixels (rows, cols) of a window within the tile."""


@dataclass(frozen=True)
class TileFile:
    """A finished tile.

    Attributes
    ----------
    path
        Of the file.
    encoding
        How it is stored; that of tiles if it is not said.
    """

    path: Path
    encoding: Encoding = ENCODINGS["tiled"]

    def block(self, window: Window) -> Array:
        """Return the pixels (rows, cols) of a window."""
        return self.encoding.decoded(self.file.plane().pixels(window))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.file.shape

    @property
    def tags(self) -> dict[str, str]:
        """Metadata items."""
        return self.file.tags

    @cached_property
    def file(self) -> RasterFile:
        """What its header says.

        Raises
        ------
        BadFile
            If it is missing, no GeoTIFF, or cut short.
        """
        return open_raster(self.path, dtypes="uif")


def strips(shape: Sequence[int], rows: int = ROWS) -> Iterator[Window]:
    """Yield windows that cover a grid from top to bottom, each over its whole width."""
    for top in range(0, shape[0], rows):
        yield Window((top, min(top + rows, shape[0])), (0, shape[1]))


def write_tile(
    path: str | os.PathLike[str],
    blocks: Blocks,
    grid: GeoBox,
    encoding: Encoding,
    tags: Mapping[str, Any],
    *,
    description: str = "",
    overwrite: bool = False,
) -> Path:
    """Write a file of a tile, of one band.

    It is written under a hidden name in its folder and takes its own when all blocks are there and
    the file has been opened again. Blocks are written as they come; it takes least memory where
    they come from top to bottom in multiples of 512 pixels.

    Parameters
    ----------
    path
        Where; folders are made.
    blocks
        Windows and their pixels, in any order; together they cover the grid.
    grid
        Of the tile.
    encoding
        How pixels are stored.
    tags
        Metadata items.
    description
        Name of the band.
    overwrite
        Replace an existing file.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OutputExists
        If there is one and `overwrite` is false.
    BadInput
        If blocks leave pixels out, share some, or have another shape than their windows.
    DiskFull, NotWritten
        If it could not be written, or what was written cannot be read back.
    """
    path, shape = Path(path), (int(grid.shape[0]), int(grid.shape[1]))
    with _opened(
        path, grid, encoding, overwrite, description=description or path.stem, tags=tags
    ) as write:
        done = []
        for window, values in blocks:
            if values.shape != window.shape:
                raise BadInput(f"{path}: a block {values.shape} for a window {window.shape}")
            _check_inside(path, window, shape)
            write(encoding.encoded(values), window)
            done.append(window)
        _check_cover(path, done, shape)
    return path


@contextmanager
def _opened(
    path: Path,
    grid: GeoBox,
    encoding: Encoding,
    overwrite: bool,
    *,
    description: str,
    tags: Mapping[str, Any],
) -> Iterator[Write]:
    """Open a file for writing that appears under its name, as a COG if it is to be one."""
    form: dict[str, Any] = {"count": 1, "dtype": encoding.dtype, "nodata": encoding.nodata}
    side = encoding.fast_side
    kind = np.dtype(encoding.dtype)
    if side is not None and fits((int(grid.shape[0]), int(grid.shape[1])), kind):
        with (
            atomic_path(path, overwrite=overwrite, check=written_raster) as plain,
            fast_tiff(
                plain,
                grid,
                kind,
                side,
                predictor=encoding.predictor,
                nodata=encoding.nodata,
                description=description,
                tags=tags,
            ) as write,
        ):
            yield write
        return
    if not encoding.cog:
        with geotiff(path, grid, overwrite=overwrite, **form, **encoding.profile()) as file:
            yield _writer(described(file, [description], tags))
        return
    if path.exists() and not overwrite:
        raise OutputExists(f"{path} exists: pass overwrite=True to replace it")
    make_folder(path.parent)
    with scratch(path) as plain:
        with writing(path), new_raster(plain, grid, **form, compress="zstd", zstd_level=1) as file:
            yield _writer(described(file, [description], tags))
        cog_of(plain, path, overwrite=overwrite, resampling=encoding.resampling)


def _writer(file: Any) -> Write:
    return lambda values, window: file.write(values, 1, window=window)


def _check_inside(path: Path, window: Window, shape: tuple[int, int]) -> None:
    for (first, end), size in zip(window, shape, strict=True):
        if not 0 <= first < end <= size:
            raise BadInput(f"{path}: {window} is not within {shape} pixels")


def _check_cover(path: Path, done: Sequence[Window], shape: tuple[int, int]) -> None:
    """See that each pixel is in one window: counted in the cells that their edges make."""
    rows, cols = (
        np.unique([0, size, *(edge for window in done for edge in window[axis])])
        for axis, size in enumerate(shape)
    )
    count = np.zeros((len(rows) - 1, len(cols) - 1), np.int64)
    for window in done:
        top, bottom = np.searchsorted(rows, window.rows)
        left, right = np.searchsorted(cols, window.cols)
        count[top:bottom, left:right] += 1
    if (count != 1).any():
        row, col = np.argwhere(count != 1)[0]
        raise BadInput(
            f"{path}: {count[row, col]} blocks hold the pixel in row {rows[row]}, column "
            f"{cols[col]}, where one is needed"
        )
