"""COGs from a store: of each date the image, its layers of quality, and indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from workbench.rasters.geotiff import sweep_images, write_cogs
from workbench.rasters.stores import TIME_CHUNK, open_store
from workbench.rasters.windows import BLOCK, Window
from workbench.sentinel2.imageseries.kinds import SeriesKind
from workbench.sentinel2.imageseries.results import IMAGES, INDICES, QUALITY, Result
from workbench.tasks import Tasks

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["write_dates", "write_images"]

Numbers = Callable[[xr.Dataset], Any]  # of a window of a store, (time, band, y, x)


def write_images(
    kind: SeriesKind,
    store: Path,
    result: Result,
    attrs: Mapping[str, Any],
    client: Client | None = None,
    *,
    block: int = BLOCK,
) -> None:
    """Write the COGs that are missing, those of one chunk in time in one call.

    Parameters
    ----------
    kind
        Of the series.
    store
        Holds all dates.
    result
        Names the COGs, in the order of the dates.
    attrs
        Metadata items of each.
    client
        Where to work; None for the threads of this process.
    block
        Pixels along a chunk of the store.
    """
    folder = result.folder
    for name in (IMAGES, QUALITY, INDICES):
        sweep_images(folder / name)
    every = [result.images, result.quality, *result.indices.values()]
    tags = {key: str(value) for key, value in attrs.items()}
    indices = tuple(result.indices)
    tasks = Tasks(client, label="images", unit="groups of dates")
    for start in range(0, len(result.images), TIME_CHUNK):
        part = slice(start, start + TIME_CHUNK)
        if not all(path.exists() for paths in every for path in paths[part]):
            dates = (start, start + len(result.images[part]))
            tasks.submit(
                write_dates, kind, str(store), dates, str(folder), tags, indices, block, tag=start
            )
    for _ in tasks:
        pass


def write_dates(
    kind: SeriesKind,
    store: str,
    dates: tuple[int, int],
    folder: str,
    tags: Mapping[str, str],
    indices: tuple[str, ...] = (),
    block: int = BLOCK,
) -> None:
    """Write the COGs of some dates of a store, from a first to before a last.

    Those of one chunk in time are read together.

    Parameters
    ----------
    kind
        Of the series.
    store
        Path of the Zarr store.
    dates
        Places in time of the first date, and of the one after the last.
    folder
        Of the results.
    tags
        Metadata items of each file.
    indices
        Names of variables (time, y, x) that get files of their own.
    block
        Pixels along a chunk of the store.
    """
    cube, near = (open_store(store, dask=lazy).isel(time=slice(*dates)) for lazy in (True, False))

    def write(
        image: xr.DataArray,
        numbers: Numbers,
        within: str,
        name: str,
        about: Mapping[str, Any],
        predictor: bool = True,
    ) -> None:
        def pixels(window: Window) -> Any:
            rows, cols = window.slices
            return numbers(near.isel(y=rows, x=cols))

        write_cogs(
            image, Path(folder) / within, prefix=name, tags=about, block=block, pixels=pixels,
            predictor=predictor,
        )  # fmt: skip

    write(cube["reflectance"], _reflectance, IMAGES, kind.name, tags)
    about = {**tags, **kind.quality_tags}
    write(_quality(kind, cube), partial(_layers, kind), QUALITY, "quality", about, predictor=False)
    for name in indices:
        image = cube[name].expand_dims(band=[name], axis=1)
        write(image, partial(_index, name), INDICES, name, {**tags, **cube[name].attrs})


def _reflectance(part: xr.Dataset) -> Any:
    return part["reflectance"].values


def _index(name: str, part: xr.Dataset) -> Any:
    return part[name].values[:, None]


def _layers(kind: SeriesKind, part: xr.Dataset) -> Any:
    """Return the numbers of `_quality`; to concatenate with labels takes longer than to read."""
    shown = kind.shown(part[list(kind.layers)].load())  # each is read once, however often shown
    return np.stack([shown[name].values.astype(np.float32) for name in kind.layers], axis=1)


def _quality(kind: SeriesKind, cube: xr.Dataset) -> xr.DataArray:
    """Return the layers as bands, (time, band, y, x) float32."""
    shown = kind.shown(cube)
    names = xr.DataArray(list(kind.layers), dims="band", name="band")
    found = xr.concat([shown[name].astype(np.float32) for name in kind.layers], names)
    return found.transpose("time", "band", "y", "x").assign_attrs(scale_factor=1.0, add_offset=0.0)
