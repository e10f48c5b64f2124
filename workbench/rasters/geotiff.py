"""GeoTIFFs and Cloud Optimized GeoTIFFs (COGs): the one writer of rasters.

Every file is written under a hidden name and takes its own when it is complete: GDAL does not raise
when a disk is full as it closes a file, so each is opened again and its last blocks are read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.disks import make_folder, unreadable, writing
from workbench.errors import BadFile
from workbench.files import atomic_path, is_running, scratch, sweep
from workbench.rasters.cubes import grid_of
from workbench.rasters.wholerasters import written_raster
from workbench.rasters.windows import BLOCK, Window, windows

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

__all__ = [
    "cog_of",
    "dated_name",
    "described",
    "geotiff",
    "new_raster",
    "sweep_images",
    "write_cogs",
]

DEFLATE = "2"
"""Level of deflate in COGs: 2.5 times as fast as 6, GDAL's own, and noisy images are no larger."""

_PLAIN = re.compile(r"\.plain-(\d+)-")  # earlier versions named so what a COG is made from


@contextmanager
def geotiff(
    path: str | os.PathLike[str], grid: GeoBox, *, overwrite: bool = False, **options: Any
) -> Iterator[Any]:
    """Open a raster for writing that appears under its name when the block ends well.

    Parameters
    ----------
    path, grid
        Where it is written, and its shape, transform and CRS.
    overwrite
        Replace an existing file; it stays whole until the new one is finished.
    **options
        Of `new_raster`: ``count``, ``dtype``, ``nodata`` and creation options.

    Yields
    ------
    rasterio.io.DatasetWriter
        Open for writing under a hidden name in the same folder.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is false.
    DiskFull, NotWritten
        If it could not be written, or what was written cannot be read back.
    """
    with (
        atomic_path(path, overwrite=overwrite, check=written_raster) as temporary,
        new_raster(temporary, grid, **options) as file,
    ):
        yield file


def new_raster(
    path: str | os.PathLike[str],
    grid: GeoBox,
    *,
    count: int,
    dtype: Any,
    nodata: float | None,
    **profile: Any,
) -> Any:
    """Open a raster for writing under this very name; see `geotiff` for one that appears complete.

    Parameters
    ----------
    path
        Where it is written; an existing file is replaced.
    grid
        Its shape, transform and CRS.
    count
        Bands.
    dtype
        NumPy type of the pixels.
    nodata
        Value that is missing, or None.
    **profile
        Creation options of GDAL in place of the usual ones: a GeoTIFF in tiles of 256 pixels, band
        by band, deflated, BigTIFF where it may pass 4 GiB. With another ``driver`` only those given
        here apply.

    Returns
    -------
    rasterio.io.DatasetWriter
        Open; the caller closes it.
    """
    import rasterio

    height, width = grid.shape
    usual: dict[str, Any] = {
        "driver": "GTiff",
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "interleave": "band",
        "BIGTIFF": "IF_SAFER",
    }
    return rasterio.open(
        path,
        "w",
        height=height,
        width=width,
        count=count,
        dtype=str(np.dtype(dtype)),
        crs=str(grid.crs),
        transform=grid.affine,
        nodata=nodata,
        **({**usual, **profile} if profile.get("driver", "GTiff") == "GTiff" else profile),
    )


def described(file: Any, bands: Iterable[Any] = (), tags: Mapping[str, Any] | None = None) -> Any:
    """Name the bands of an open raster, tag it, and return it.

    Parameters
    ----------
    file
        A `rasterio.io.DatasetWriter`.
    bands
        Names of its bands, in order.
    tags
        Metadata items, written as text.

    Returns
    -------
    rasterio.io.DatasetWriter
        `file` itself.
    """
    for number, band in enumerate(bands, 1):
        file.set_band_description(number, str(band))
    if tags:
        file.update_tags(**{key: str(value) for key, value in tags.items()})
    return file


def dated_name(prefix: str, time: np.datetime64) -> str:
    """Return the name of the image of a date, or of a time that is not midnight.

    Parameters
    ----------
    prefix
        What the name begins with.
    time
        UTC; cut to whole seconds.

    Returns
    -------
    str
        ``<prefix>_YYYYMMDD.tif``, or ``<prefix>_YYYYMMDDTHHMMSS.tif`` (ISO 8601, basic format).
    """
    text = np.datetime_as_string(time, unit="s")
    date, clock = text[:10].replace("-", ""), text[11:].replace(":", "")
    return f"{prefix}_{date}{'' if clock == '000000' else f'T{clock}'}.tif"


def write_cogs(
    reflectance: xr.DataArray,
    folder: str | os.PathLike[str],
    *,
    prefix: str = "spaceeye",
    tags: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    block: int = BLOCK,
    pixels: Callable[[Window], Any] | None = None,
    predictor: bool = True,
) -> list[Path]:
    """Write every date as a COG: tiles of 512, deflate, overviews, band names, nodata.

    Parameters
    ----------
    reflectance
        (time, band, y, x) with a CRS; uint16 (0 is nodata, scale and offset are stated for each
        band) or float32 (NaN is nodata). On Dask it is computed window by window, all given dates
        at once.
    folder
        Made where it is missing.
    prefix
        Files are named as `dated_name` does: ``<prefix>_YYYYMMDD.tif``.
    tags
        Metadata items added to each file.
    overwrite
        Replace files that are there already, which are kept otherwise.
    block
        Pixels along a window; best those along a chunk of the cube, for what is on Dask is computed
        once for each window that touches it. The files are the same.
    pixels
        Gives the numbers of all dates on a window, (time, band, y, x) in the type of `reflectance`,
        of which then only what is said about them counts; None takes them from it.
    predictor
        Whether pixels are deflated as differences from those beside them, which makes files of
        measured values smaller, and those of a few values that repeat larger.

    Returns
    -------
    list of Path
        In the order of the dates.

    Raises
    ------
    BadInput
        If the cube has no CRS or no regular grid.
    """
    grid, times = grid_of(reflectance), reflectance["time"].values
    paths = [Path(folder) / dated_name(prefix, time) for time in times]
    wanted = [n for n, path in enumerate(paths) if overwrite or not path.exists()]
    if not wanted:
        return paths
    make_folder(folder)
    with ExitStack() as stack:
        plain = [stack.enter_context(scratch(paths[n])) for n in wanted]
        with writing(paths[wanted[0]]):
            held = reflectance if len(wanted) == len(paths) else reflectance.isel(time=wanted)
            _write_plain(
                held, grid, plain, tags or {}, block,
                _read_from(held) if pixels is None else lambda window: pixels(window)[wanted],
            )  # fmt: skip
        for source, n in zip(plain, wanted, strict=True):
            cog_of(source, paths[n], overwrite=overwrite, predictor=predictor)
    return paths


def cog_of(
    source: Path,
    path: Path,
    *,
    overwrite: bool = False,
    resampling: str = "average",
    predictor: bool = True,
) -> None:
    """Make a COG of a plain GeoTIFF.

    Parameters
    ----------
    source
        A closed file. One that is torn is refused: its copy would be whole, with pixels missing.
    path
        Where the COG is written.
    overwrite
        Replace an existing file.
    resampling
        How overviews are made, in GDAL's words.
    predictor
        As for `write_cogs`.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is false.
    DiskFull, NotWritten
        If it could not be written, or what was written cannot be read back.
    """
    try:
        written_raster(source)
    except BadFile as error:
        raise unreadable(path, str(error).replace(str(source), path.name)) from error
    with atomic_path(path, overwrite=overwrite, check=written_raster) as target:
        _to_cog(source, target, resampling, predictor)


def _read_from(cube: xr.DataArray) -> Callable[[Window], Any]:
    """Return what computes the numbers of a cube on a window."""

    def pixels(window: Window) -> Any:
        rows, cols = window.slices
        return cube.isel(y=rows, x=cols).values

    return pixels


def _write_plain(
    cube: xr.DataArray,
    grid: GeoBox,
    paths: Sequence[Path],
    tags: Mapping[str, Any],
    block: int,
    pixels: Callable[[Window], Any],
) -> None:
    """Write each date of a cube as a plain GeoTIFF, window by window."""
    scale, offset = cube.attrs.get("scale_factor", 1.0), cube.attrs.get("add_offset", 0.0)
    with ExitStack() as stack:
        files = []
        for path, time in zip(paths, cube["time"].values, strict=True):
            file = stack.enter_context(
                new_raster(
                    path, grid, count=cube.sizes["band"], dtype=cube.dtype,
                    nodata=0 if cube.dtype == np.uint16 else np.nan, compress="zstd", zstd_level=1,
                )
            )  # fmt: skip
            described(file, cube["band"].values)
            file.scales, file.offsets = [scale] * file.count, [offset] * file.count
            stamp = str(np.datetime_as_string(time, unit="s")).replace("-", ":").replace("T", " ")
            files.append(described(file, tags={"TIFFTAG_DATETIME": stamp, **tags}))
        for window in windows(grid.shape, block):
            for file, image in zip(files, pixels(window), strict=True):
                file.write(image, window=window)


def _to_cog(source: Path, target: Path, resampling: str, predictor: bool) -> None:
    from rasterio.shutil import copy

    copy(
        str(source), str(target), driver="COG", compress="deflate", level=DEFLATE,
        predictor="yes" if predictor else "no", blocksize=512, overview_resampling=resampling,
        num_threads="1",
    )  # fmt: skip


def sweep_images(folder: Path) -> None:
    """Remove what runs that died on this host left under hidden names in a folder of images."""
    for path in folder.glob(".plain-*"):
        match = _PLAIN.match(path.name)
        if match and not is_running(int(match[1])):
            path.unlink(missing_ok=True)
    sweep(folder)
