"""GeoTIFFs and COGs of a cube: one file a date, north up, all bands in each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from workbench.disks import writing
from workbench.files import scratch
from workbench.openeo.cubes import Cube
from workbench.openeo.formats.assets import Asset, described, free_path
from workbench.openeo.formats.images import Images, images_of
from workbench.openeo.formats.streaming import pixel_type, streamed
from workbench.rasters.geotiff import cog_of, geotiff, new_raster
from workbench.rasters.geotiff import described as with_names

__all__ = ["AT_ONCE", "write_cog", "write_gtiff"]

AT_ONCE = 128
"""Files that are open at a time; more dates are computed in turns of so many."""


def write_gtiff(cube: Cube, options: Mapping[str, Any], folder: Path) -> list[Asset]:
    """Write each date of a raster cube as a GeoTIFF.

    Parameters
    ----------
    cube
        Numbers or booleans, of NumPy or Dask; NaN is nodata, booleans are 0 and 1.
    options
        ``filename_prefix`` and ``compress``.
    folder
        Where they are written; names that are taken get a number.

    Returns
    -------
    list of Asset
        In the order of the dates.
    """
    images = images_of(cube, "GTiff")
    paths = _paths(images, options, folder)
    for turn in _turns(paths):
        with ExitStack() as stack:
            files = [
                stack.enter_context(
                    geotiff(path, images.cube.geobox(), compress=options["compress"], **_kind(cube))
                )
                for path in paths[turn]
            ]
            _fill(images, turn, files)
    return _assets(images, paths, "GTiff")


def write_cog(cube: Cube, options: Mapping[str, Any], folder: Path) -> list[Asset]:
    """Write each date of a raster cube as a COG; see `write_gtiff`."""
    images = images_of(cube, "COG")
    paths = _paths(images, options, folder)
    resampling = "average" if cube.array.dtype.kind == "f" else "nearest"
    for turn in _turns(paths):
        with ExitStack() as stack:
            plain = [stack.enter_context(scratch(path)) for path in paths[turn]]
            with writing(paths[turn][0]), ExitStack() as opened:
                files = [
                    opened.enter_context(
                        new_raster(
                            path, images.cube.geobox(), compress="zstd", zstd_level=1, **_kind(cube)
                        )
                    )
                    for path in plain
                ]
                _fill(images, turn, files)
            for source, path in zip(plain, paths[turn], strict=True):
                cog_of(source, path, resampling=resampling)
    return _assets(images, paths, "COG")


def _kind(cube: Cube) -> dict[str, Any]:
    """Return bands, type and nodata of the files."""
    kind, bands = pixel_type(cube.array.dtype), cube.of_kind("bands")
    count = cube.array.sizes[bands[0]] if bands else 1
    return {"count": count, "dtype": kind, "nodata": np.nan if kind.kind == "f" else None}


def _paths(images: Images, options: Mapping[str, Any], folder: Path) -> list[Path]:
    prefix = options["filename_prefix"]
    return [free_path(folder, f"{prefix}{name}.tif") for name in images.names]


def _turns(paths: Sequence[Path]) -> Iterator[slice]:
    for first in range(0, len(paths), AT_ONCE):
        yield slice(first, first + AT_ONCE)


def _fill(images: Images, turn: slice, files: Sequence[Any]) -> None:
    """Write the pixels of some of the images, window by window, and what the bands are called."""
    times = images.cube.of_kind("temporal")
    labels = images.cube.labels(times[0])[turn] if times else []
    for number, file in enumerate(files):
        # TIFF 6.0, DateTime: "YYYY:MM:DD HH:MM:SS"
        moment = str(labels[number])[:19].replace("-", ":").replace("T", " ") if labels else ""
        dated = times and images.cube.array[times[0]].dtype.kind == "M"
        with_names(
            file, filter(None, images.bands), {"TIFFTAG_DATETIME": moment} if dated else None
        )
    for window, values in streamed(images.array[turn]):
        for file, image in zip(files, values, strict=True):
            file.write(image, window=window)


def _assets(images: Images, paths: Sequence[Path], format: str) -> list[Asset]:  # noqa: A002
    return [described(path, format, images.one(n)) for n, path in enumerate(paths)]
