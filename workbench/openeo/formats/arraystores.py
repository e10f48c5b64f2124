"""Cubes as netCDF 4 and as Zarr in a ZIP file, written window by window."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from workbench.disks import unreadable, writing
from workbench.errors import BadFile
from workbench.files import atomic_path, scratch
from workbench.openeo.cubes import Cube
from workbench.openeo.formats.assets import Asset, described, free_path
from workbench.openeo.formats.datasets import Layout, layout_of
from workbench.rasters.stores import check_store, letters, whole_netcdf
from workbench.wholefiles import whole_zip

__all__ = ["write_netcdf", "write_zarr"]


def write_netcdf(cube: Cube, options: Mapping[str, Any], folder: Path) -> list[Asset]:
    """Write a cube as one netCDF 4 file, deflated.

    Parameters
    ----------
    cube
        Of NumPy or Dask; NaN is the fill value of floats, whole numbers have none.
    options
        ``filename_prefix``.
    folder
        Where it is written; a name that is taken gets a number.
    """
    path = free_path(folder, f"{options['filename_prefix']}.nc")
    layout = layout_of(cube)
    with atomic_path(path, check=whole_netcdf) as hidden:
        try:
            layout.frame.to_netcdf(hidden, engine="netcdf4", encoding=letters(layout.frame))
            _add_to_netcdf(layout, hidden)
        except BaseException:
            # HDF5 keeps a file open that it could not finish, and with it all of its room on disk
            with suppress(OSError):
                os.truncate(hidden, 0)
            raise
    return [described(path, "netCDF", cube)]


def _add_to_netcdf(layout: Layout, path: Path) -> None:
    """Add the variables to a file that holds their coordinates.

    The lock is that of xarray: HDF5 bears one thread at a time, and the pixels may come from it.
    """
    import netCDF4
    from xarray.backends.locks import HDF5_LOCK

    fill = np.nan if layout.kind.kind == "f" else False
    chunks = {"chunksizes": layout.chunks} if layout.chunks else {}
    settings: dict[str, Any] = {"zlib": True, "complevel": 1, "shuffle": True, **chunks}
    with HDF5_LOCK:
        file = netCDF4.Dataset(path, "a")
        try:
            for name, attrs in layout.variables.items():
                added = file.createVariable(
                    name, layout.kind, layout.dims, fill_value=fill, **(settings if chunks else {})
                )
                added.setncatts(attrs)
                added.set_auto_maskandscale(False)
        except BaseException:
            file.close()
            raise
    try:
        for index, values in layout.parts():
            with HDF5_LOCK:
                for name, band in zip(layout.variables, values, strict=True):
                    file[name][index] = band
    finally:
        with HDF5_LOCK:
            file.close()


def write_zarr(cube: Cube, options: Mapping[str, Any], folder: Path) -> list[Asset]:
    """Write a cube as a Zarr store, format 2, in one ZIP file; see `write_netcdf`.

    A folder could not be downloaded as one file. The members are not compressed again.
    """
    path = free_path(folder, f"{options['filename_prefix']}.zarr.zip")
    layout = layout_of(cube)
    with scratch(path) as store:
        with writing(path):
            layout.frame.to_zarr(store, zarr_format=2, consolidated=False)
            _add_to_store(layout, store)
        try:
            check_store(store)
        except BadFile as error:
            raise unreadable(path, str(error).replace(str(store), path.name)) from error
        with atomic_path(path, check=whole_zip) as hidden:
            _zip(store, hidden)
    return [described(path, "Zarr", cube)]


def _add_to_store(layout: Layout, store: Path) -> None:
    import zarr

    group: Any = zarr.open_group(store, mode="r+", zarr_format=2)
    fill = np.nan if layout.kind.kind == "f" else None
    arrays = [
        group.create_array(
            name,
            shape=layout.shape,
            dtype=layout.kind,
            chunks=layout.chunks or "auto",
            fill_value=fill,
            attributes={"_ARRAY_DIMENSIONS": list(layout.dims), **attrs},
        )
        for name, attrs in layout.variables.items()
    ]
    for index, values in layout.parts():
        for array, band in zip(arrays, values, strict=True):
            array[index] = band
    zarr.consolidate_metadata(store, zarr_format=2)


def _zip(store: Path, path: Path) -> None:
    """Put the files of a store into a ZIP, and remove each once it is there."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(store.rglob("*")):
            if file.is_file():
                # Without the time of writing: the same cube gives the same file.
                member = zipfile.ZipInfo(file.relative_to(store).as_posix())
                with file.open("rb") as source, archive.open(member, "w", force_zip64=True) as to:
                    shutil.copyfileobj(source, to)
                file.unlink()
