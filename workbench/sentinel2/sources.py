"""One door for all inputs: look at what a path holds and call its reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from workbench.errors import BadFile

__all__ = ["read", "recognise"]

_UNDERSTOOD = (
    "a SAFE folder or a folder of them, a folder of GeoTIFFs with masks, a netCDF (.nc) or Zarr "
    "(.zarr) cube, a JSON file of STAC items, or STAC items themselves"
)


def read(source: Any, **arguments: Any) -> xr.Dataset:
    """Read whatever `source` is as a stack.

    Parameters
    ----------
    source
        A path, several SAFE folders or GeoTIFFs, or STAC items.
    **arguments
        Of the reader: `read_safe`, `read_folder`, `read_cube` or `read_stac`.

    Raises
    ------
    BadFile
        If it is none of these; the message lists what is understood.
    """
    kind = recognise(source)
    if kind == "safe":
        from workbench.sentinel2.safe import read_safe

        return read_safe(source, **arguments)
    if kind in ("folder", "image"):
        from workbench.sentinel2.geotiffs import read_folder

        paths = [source] if kind == "image" else source
        return read_folder(paths, **arguments)
    if kind == "cube":
        from workbench.sentinel2.cubes import read_cube

        return read_cube(source, **arguments)
    from workbench.sentinel2.stac import read_stac

    return read_stac(source, **arguments)


def recognise(source: Any) -> str:
    """Say what a source is: ``"safe"``, ``"folder"``, ``"image"``, ``"cube"`` or ``"stac"``.

    Raises
    ------
    BadFile
        If it is none of them.
    """
    if isinstance(source, str | Path):
        return _recognise_path(Path(source))
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
    if path.name == "MTD_MSIL2A.xml":
        return "safe"
    if suffix not in kinds:
        raise BadFile(f"{path}: not understood; give {_UNDERSTOOD}")
    return kinds[suffix]


def _recognise_folder(path: Path) -> str:
    if path.suffix == ".SAFE" or (path / "MTD_MSIL2A.xml").is_file():
        return "safe"
    if any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zmetadata")):
        return "cube"
    if any(part.suffix == ".SAFE" for part in path.iterdir()):
        return "safe"
    if any(part.suffix.lower() in (".tif", ".tiff") for part in path.iterdir()):
        return "folder"
    raise BadFile(f"{path}: not understood; give {_UNDERSTOOD}")
