"""One function for all inputs: it looks at what a path holds and calls its reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from workbench.errors import BadFile
from workbench.sentinel2.cubes import read_cube
from workbench.sentinel2.datasets import read_dataset
from workbench.sentinel2.geotiffs import read_folder
from workbench.sentinel2.safe import METADATA, read_safe
from workbench.sentinel2.stac import read_stac

__all__ = ["listed", "read", "recognise"]

_UNDERSTOOD = (
    "a SAFE folder or a folder of them, a folder of GeoTIFFs with masks, a netCDF (.nc) or Zarr "
    "(.zarr) cube, a JSON file of STAC items, STAC items themselves (also a FeatureCollection, an "
    "iterator or a search), or a Dataset as odc.stac or stackstac give it"
)


def read(source: Any, **arguments: Any) -> xr.Dataset:
    """Read whatever `source` is as a stack.

    Parameters
    ----------
    source
        A path, several SAFE folders or GeoTIFFs, STAC items (also a FeatureCollection, an
        ItemCollection, an iterator or a search of `pystac_client`), or a Dataset or DataArray in
        memory or on Dask.
    **arguments
        Of the reader: `read_safe`, `read_folder`, `read_cube`, `read_stac` or
        `workbench.sentinel2.datasets.read_dataset`.

    Returns
    -------
    xarray.Dataset
        ``reflectance`` (time, band, y, x) uint16, 0 missing, and ``weight`` (time, y, x), 1 clear;
        see `workbench.sentinel2.stacks.stack_of`.

    Raises
    ------
    BadFile
        If it is none of these, where the message lists what is understood; else as the reader.
    BadInput
        If an argument is wrong, or no image is left.
    """
    source = listed(source)
    kind = recognise(source)
    if kind == "dataset":
        return read_dataset(source, **arguments)
    if kind == "safe":
        return read_safe(source, **arguments)
    if kind == "cube":
        return read_cube(source, **arguments)
    if kind == "stac":
        return read_stac(source, **arguments)
    return read_folder([source] if kind == "image" else source, **arguments)


def listed(source: Any) -> Any:
    """Return a source as it can be looked at more than once.

    Parameters
    ----------
    source
        As for `read`.

    Returns
    -------
    object
        A list for an iterator, a search, an ItemCollection or a FeatureCollection; else `source`.
    """
    if isinstance(source, str | Path | xr.Dataset | xr.DataArray) or hasattr(source, "assets"):
        return source
    if isinstance(source, Mapping):
        features = source.get("features")
        return features if isinstance(features, list) else source
    if callable(getattr(source, "items", None)):
        return list(source.items())  # a search
    return list(source) if isinstance(source, Iterable) else source


def recognise(source: Any) -> str:
    """Return what a source is.

    Parameters
    ----------
    source
        A path, several paths, or STAC items.

    Returns
    -------
    str
        ``"safe"``, ``"folder"`` (of GeoTIFFs), ``"image"``, ``"cube"``, ``"stac"``
        or ``"dataset"``.

    Raises
    ------
    BadFile
        If it is none of them.
    """
    if isinstance(source, str | Path):
        return _recognise_path(Path(source))
    if isinstance(source, xr.Dataset | xr.DataArray):
        return "dataset"
    if isinstance(source, Mapping) or hasattr(source, "assets"):
        return "stac"
    if isinstance(source, Iterable):
        parts = list(source)
        if parts and all(isinstance(part, str | Path) for part in parts):
            kinds = {_recognise_path(Path(part)) for part in parts}
            if kinds <= {"safe"} or kinds <= {"image"}:
                return "safe" if kinds == {"safe"} else "folder"
        elif parts and all(isinstance(part, Mapping) or hasattr(part, "assets") for part in parts):
            return "stac"
    raise BadFile(f"{str(source)[:120]}: not understood; give {_UNDERSTOOD}")


def _recognise_path(path: Path) -> str:
    if not path.exists():
        raise BadFile(f"{path}: no such file or folder")
    suffix = path.suffix.lower()
    if path.is_dir():
        return _recognise_folder(path)
    kinds = {
        ".nc": "cube",
        ".nc4": "cube",
        ".json": "stac",
        ".geojson": "stac",
        ".tif": "image",
        ".tiff": "image",
    }
    if path.name == METADATA:
        return "safe"
    if suffix not in kinds:
        raise BadFile(f"{path}: not understood; give {_UNDERSTOOD}")
    return kinds[suffix]


def _recognise_folder(path: Path) -> str:
    if path.suffix == ".SAFE" or (path / METADATA).is_file():
        return "safe"
    if any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zmetadata")):
        return "cube"
    if any(part.suffix == ".SAFE" for part in path.iterdir()):
        return "safe"
    if any(part.suffix.lower() in (".tif", ".tiff") for part in path.iterdir()):
        return "folder"
    raise BadFile(f"{path}: not understood; give {_UNDERSTOOD}")
