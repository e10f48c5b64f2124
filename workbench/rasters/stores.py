"""Cubes as Zarr stores and netCDF files, chunked for maps and for series.

A file, or the folder of a Zarr store, is written under a hidden name and renamed when it is
complete, and its end has been read, so nothing half-written stands under a real name.
"""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import BadFile
from workbench.files import atomic_folder, atomic_path
from workbench.rasters.windows import BLOCK

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "NETCDF",
    "TIME_CHUNK",
    "aligned",
    "check_store",
    "encoding",
    "letters",
    "netcdf_file",
    "open_store",
    "replace_folder",
    "whole_netcdf",
    "whole_store",
    "zarr_store",
]

CONVENTIONS = "CF-1.8"
CRS_VARIABLE = "spatial_ref"

NETCDF = threading.RLock()
"""Held by threads that open or write small netCDF files at once: the library is not made for it."""

TIME_CHUNK = 8
"""Dates in one chunk of a store; parts of a result are whole chunks long."""


def zarr_store(
    dataset: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write a dataset as a Zarr store (format 2).

    Parameters
    ----------
    dataset
        In memory or on Dask; its variables are chunked as `encoding` says. uint16 with
        ``scale_factor`` in its attrs gets 0 as its fill value.
    path
        Folder of the store.
    overwrite
        Replace an existing store, once the new one is complete.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is false.
    DiskFull, NotWritten
        If it could not be written, or what was written cannot be read back.
    """
    path = Path(path)
    with atomic_folder(path, overwrite=overwrite, check=whole_store) as hidden:
        aligned(dataset).to_zarr(hidden, encoding=encoding(dataset), zarr_format=2)
    return path


def open_store(path: str | os.PathLike[str], *, dask: bool = True) -> xr.Dataset:
    """Open a Zarr store, lazily.

    Parameters
    ----------
    path
        Folder of the store.
    dask
        False for variables that are read where they are indexed, without a graph of all chunks: for
        one who takes one window after the other.

    Returns
    -------
    xarray.Dataset
        On Dask in the chunks of the store, unless `dask` is false. Numbers as they are stored: DN
        are not scaled and nodata is not replaced by NaN; ``spatial_ref`` is a coordinate.
    """
    import xarray as xr

    chunks: dict[str, Any] = {} if dask else {"chunks": None}
    found: xr.Dataset = xr.open_zarr(path, mask_and_scale=False, decode_coords="all", **chunks)
    return found


def netcdf_file(
    dataset: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write a dataset as netCDF 4, deflated (level 1, shuffled).

    Parameters
    ----------
    dataset
        In memory or on Dask. ``scale_factor`` and ``add_offset`` in the attrs of uint16 variables
        are written as packing by the CF conventions (8.1), with 0 as the fill value; the CRS stands
        in the variable ``spatial_ref``.
    path
        Name of the file.
    overwrite
        Replace an existing file, once the new one is complete.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is false.
    DiskFull, NotWritten
        If it could not be written, or what was written cannot be read back.
    """
    path = Path(path)
    settings = letters(dataset) | {
        str(name): {"zlib": True, "complevel": 1, "shuffle": True, "dtype": variable.dtype}
        for name, variable in dataset.data_vars.items()
        if variable.ndim
    }
    with atomic_path(path, overwrite=overwrite, check=whole_netcdf) as temporary:
        _cf(dataset).to_netcdf(temporary, engine="netcdf4", encoding=settings)
    return path


def letters(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Return the encoding of texts along dimensions of a netCDF file: characters.

    A string of any length ends the process in netCDF-C where a file is opened while it is open.
    """
    return {
        str(name): {"dtype": "S1"}
        for name, values in dataset.variables.items()
        if values.ndim and values.dtype.kind in "UOT"
    }


def whole_store(path: str | os.PathLike[str]) -> None:
    """See that a Zarr store is whole as far as its files say.

    What `check_store` finds, and the last chunk of each array can be decoded. (A chunk of nothing
    but fill values has no file, so none can be missed.)

    Parameters
    ----------
    path
        Folder of the store.

    Raises
    ------
    BadFile
        If it is damaged.
    """
    import zarr

    check_store(path)
    try:
        for _, array in zarr.open_group(str(path), mode="r").arrays():
            if array.size:
                _ = array[tuple(slice(size - 1, size) for size in array.shape)]
    except Exception as error:  # whatever zarr and its codecs raise
        raise BadFile(f"{path}: not a whole Zarr store ({error})") from error


def check_store(path: str | os.PathLike[str]) -> None:
    """See that no file of a Zarr store is empty, and that chunks of Blosc are not cut off.

    Blosc decodes what lies behind a short chunk in memory, which gives numbers that nobody wrote.
    How long a chunk is say its bytes 12 to 15 (C-Blosc, README_CHUNK_FORMAT). Nothing is decoded.

    Parameters
    ----------
    path
        Folder of the store.

    Raises
    ------
    BadFile
        If a file is shorter than it must be.
    """
    import zarr

    store = Path(path)
    for file in store.rglob("*"):
        if file.is_file() and not file.stat().st_size:
            raise BadFile(f"{path}: {file.relative_to(path)} is empty")
    try:
        arrays = [array for _, array in zarr.open_group(str(path), mode="r").arrays()]
    except Exception as error:  # whatever zarr raises
        raise BadFile(f"{path}: not a whole Zarr store ({error})") from error
    for array in filter(_by_blosc, arrays):
        for chunk in (store / array.path).rglob("*"):
            if chunk.is_file() and chunk.name not in ("zarr.json", ".zarray", ".zattrs"):
                _check_length(chunk, store)


def _by_blosc(array: Any) -> bool:
    from numcodecs import Blosc  # type: ignore[import-untyped]
    from zarr.codecs import BloscCodec

    return any(isinstance(codec, Blosc | BloscCodec) for codec in array.compressors)


def _check_length(chunk: Path, store: Path) -> None:
    with chunk.open("rb") as file:
        length = int.from_bytes(file.read(16)[12:], "little")
    size = chunk.stat().st_size
    if size != length:
        raise BadFile(f"{store}: {chunk.relative_to(store)} has {size} bytes of {length}")


def whole_netcdf(path: str | os.PathLike[str]) -> None:
    """See that a netCDF file is whole: HDF5 knows its length, and each variable is read at its end.

    Parameters
    ----------
    path
        A closed file.

    Raises
    ------
    BadFile
        If it is damaged.
    """
    import xarray as xr

    try:
        with (
            NETCDF,
            xr.open_dataset(path, engine="netcdf4", decode_cf=False, cache=False) as found,
        ):  # by xarray, whose lock keeps other threads out of HDF5
            for variable in found.variables.values():
                if variable.size:
                    variable[(slice(-1, None),) * variable.ndim].load()
    except Exception as error:  # whatever HDF5 makes of the file
        raise BadFile(f"{path}: not a whole netCDF file ({error})") from error


def encoding(dataset: xr.Dataset, block: int = BLOCK) -> dict[str, dict[str, Any]]:
    """Return how the variables of a dataset are laid out in a Zarr store.

    Parameters
    ----------
    dataset
        Variables without dims, such as ``spatial_ref``, are left out.
    block
        Pixels along a chunk.

    Returns
    -------
    dict
        For `xarray.Dataset.to_zarr`: by variable its ``dtype`` and its ``chunks``, at most
        `TIME_CHUNK` dates and `block` pixels along y and x, whole along other dims.
    """
    return {
        str(name): {"chunks": tuple(_chunk(variable, block).values()), "dtype": variable.dtype}
        for name, variable in dataset.data_vars.items()
        if variable.ndim
    }


def aligned(dataset: xr.Dataset, block: int = BLOCK) -> xr.Dataset:
    """Return a dataset whose Dask chunks are those of the store, ready to be written."""
    found = _cf(dataset)
    for name, variable in found.data_vars.items():
        if variable.chunks is not None:
            found[name] = variable.chunk(_chunk(variable, block))
    return found


def replace_folder(hidden: Path, path: Path) -> None:
    """Rename a finished folder to its real name, in place of an older one.

    Parameters
    ----------
    hidden
        The finished folder, beside `path`.
    path
        The real name. A folder of that name is removed when the new one has taken its place.
    """
    if path.exists():
        old = path.with_name(f".old-{path.name}")
        shutil.rmtree(old, ignore_errors=True)
        path.rename(old)
        hidden.rename(path)
        shutil.rmtree(old)
    else:
        hidden.rename(path)


def _cf(dataset: xr.Dataset) -> xr.Dataset:
    """Return a copy that follows the CF conventions.

    Packing and fill value are stated once (8.1): they are kept as attrs of uint16 variables with a
    scale, whose fill value is 0, and dropped from the attrs of all others; the encoding that
    variables were read with is dropped. Variables on a map name their CRS (5.6); flags have the
    type of their variable (3.5).
    """
    found = dataset.copy()
    found.attrs = {**dataset.attrs, "Conventions": CONVENTIONS}
    mapped = CRS_VARIABLE in dataset.coords
    for name in found.data_vars:
        attrs = dict(found[name].attrs)
        for key in ("scale_factor", "add_offset", "_FillValue", "grid_mapping"):
            attrs.pop(key, None)
        variable = found[name].copy(deep=False)
        if "flag_values" in attrs:
            attrs["flag_values"] = np.asarray(attrs["flag_values"], variable.dtype)
        variable.attrs = attrs
        variable.encoding = {}
        found[name] = variable
        if mapped and {"y", "x"} <= set(variable.dims):
            # named among the coordinates too: xarray then keeps it where nothing else is asked
            found[name].attrs |= {"grid_mapping": CRS_VARIABLE, "coordinates": CRS_VARIABLE}
        if dataset[name].dtype == np.uint16 and "scale_factor" in dataset[name].attrs:
            for key in ("scale_factor", "add_offset"):
                found[name].attrs[f"{key}"] = dataset[name].attrs.get(key, 0.0)
            found[name].attrs["_FillValue"] = np.uint16(0)
    return found.assign_coords(_axes(dataset)) if mapped else found


def _axes(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return the coordinates with the standard names of their axes (CF conventions, 4 and 5.6)."""
    kind = dataset[CRS_VARIABLE].attrs.get("grid_mapping_name")
    names = ("longitude", "latitude") if kind == "latitude_longitude" else (
        "projection_x_coordinate", "projection_y_coordinate"
    )  # fmt: skip
    axes = {"x": (names[0], "X"), "y": (names[1], "Y"), "time": ("time", "T")}
    found = {}
    for dim, (name, axis) in axes.items():
        if dim in dataset.coords:
            found[dim] = dataset[dim].copy(deep=False)
            found[dim].attrs = {"standard_name": name, "axis": axis, **dataset[dim].attrs}
            if dim != "time":
                found[dim].encoding = {"_FillValue": None}  # a place is never missing (2.5.1)
    return found


def _chunk(variable: xr.DataArray, block: int) -> dict[str, int]:
    most = {"time": TIME_CHUNK, "y": block, "x": block}
    return {str(dim): min(most.get(str(dim), size), size) for dim, size in variable.sizes.items()}
