"""`write`: a value as files of a format."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from workbench.disks import make_folder
from workbench.openeo.cubes import Cube
from workbench.openeo.errors import error
from workbench.openeo.formats.arraystores import write_netcdf, write_zarr
from workbench.openeo.formats.assets import Asset
from workbench.openeo.formats.geotiffs import write_cog, write_gtiff
from workbench.openeo.formats.images import images_of
from workbench.openeo.formats.offered import checked_options, format_name, unsuitable
from workbench.openeo.formats.pictures import check_picture, write_png
from workbench.openeo.formats.plainvalues import check_size, write_json

__all__ = ["check_suitable", "write"]

_WRITERS: Mapping[str, Callable[[Any, Mapping[str, Any], Path], list[Asset]]] = {
    "netCDF": write_netcdf,
    "GTiff": write_gtiff,
    "COG": write_cog,
    "Zarr": write_zarr,
    "JSON": write_json,
    "GeoJSON": partial(write_json, suffix=".geojson"),
    "PNG": write_png,
}


def write(
    data: Any,
    format: str,  # noqa: A002
    options: Mapping[str, Any] | None,
    folder: str | os.PathLike[str],
) -> list[Asset]:
    """Write a result as one file or several.

    What is lazy is computed window by window, where Dask is told to compute. A file appears under
    its name when it is whole. Names that are taken in the folder are left alone: a second result of
    the same format is ``openEO_2.nc``.

    Parameters
    ----------
    data
        A `Cube`, or any other value that flows through a graph.
    format
        One of `file_formats`; upper and lower case are the same.
    options
        Of the format, by name.
    folder
        Made where it is missing.

    Returns
    -------
    list of Asset
        In the order of the dates.

    Raises
    ------
    OpenEOError
        FormatUnsuitable, DataCubeEmpty or ProcessParameterInvalid, before anything is computed.
    DiskFull, NotWritten
        If there is no room; files that were whole by then stay.
    """
    name, checked = check_suitable(data, format, options)
    return _WRITERS[name](data, checked, make_folder(folder))


def check_suitable(
    data: Any,
    format: str,  # noqa: A002
    options: Mapping[str, Any] | None = None,
) -> tuple[str, dict[str, Any]]:
    """Check that a format can hold a value; nothing is computed.

    Returns
    -------
    name, options
        The format as it is offered, and the options with their defaults.

    Raises
    ------
    OpenEOError
        As for `write`.
    """
    name = format_name(format)
    checked = checked_options(name, options)
    if not isinstance(data, Cube):
        if name != "JSON":
            raise unsuitable(f"{name} holds data cubes; write a {type(data).__name__} as JSON.")
        return name, checked
    if name == "GeoJSON" and not data.is_vector:
        has = ", ".join(data.dimensions) or "none"
        raise unsuitable(
            f"{name} holds vector cubes, and of the dimensions {has} none holds geometries."
        )
    if name in ("JSON", "GeoJSON"):
        check_size(data)
        return name, checked
    if data.array.size == 0:
        sizes = ", ".join(f"{size} {key}" for key, size in data.array.sizes.items())
        raise error("DataCubeEmpty", process="save_result", detail=f"It has {sizes}.")
    if name == "PNG":
        check_picture(data)
    elif name in ("GTiff", "COG"):
        images_of(data, name)
    return name, checked
