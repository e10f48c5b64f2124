"""What STAC says of the images of a run: an item beside each COG, and all of them in one file.

STAC 1.1 with the extensions proj 2.0, eo 2.0 and raster 2.0. Addresses are relative to the file, so
a folder of results can be moved; nothing tells when it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from workbench.files import write_json
from workbench.rasters.cubes import grid_of
from workbench.rasters.regions import parts_in_degrees
from workbench.sentinel2.imageseries.kinds import SeriesKind
from workbench.sentinel2.imageseries.results import Result
from workbench.sentinel2.indices import INDICES

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["write_items"]

_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_EXTENSIONS = [
    f"https://stac-extensions.github.io/{name}/v2.0.0/schema.json"
    for name in ("projection", "eo", "raster")
]

COMMON_NAMES = {
    "B02": "blue", "B03": "green", "B04": "red", "B05": "rededge071", "B06": "rededge075",
    "B07": "rededge078", "B08": "nir", "B8A": "nir08", "B11": "swir16", "B12": "swir22",
}  # fmt: skip
"""Names of the eo extension."""


def write_items(kind: SeriesKind, result: Result, cube: xr.Dataset) -> None:
    """Write the items that are missing, and the file that holds them all.

    Parameters
    ----------
    kind
        Says what images and layers are.
    result
        With images; each of them is there.
    cube
        Its ``reflectance`` (time, band, y, x): dates in the order of the images, bands, grid; and
        the indices of the result.
    """
    values = cube["reflectance"]
    grid = grid_of(values)
    placed = {**_outline(grid), **_projection(grid)}
    found = [
        _item(kind, image, quality, time, placed, values)
        for image, quality, time in zip(
            result.images, result.quality, values["time"].values, strict=True
        )
    ]
    for name, paths in result.indices.items():
        for item, path in zip(found, paths, strict=True):
            item["assets"][name] = _index(name, path, cube[name].attrs if kind.instead else {})
    for path, item in zip(result.items, found, strict=True):
        if not path.exists():
            write_json(path, _seen_from(item, path.parent))
    if result.catalog and not result.catalog.exists():
        features = [_seen_from(item, result.catalog.parent) for item in found]
        write_json(result.catalog, {"type": "FeatureCollection", "features": features})


def _item(
    kind: SeriesKind,
    image: Path,
    quality: Path,
    time: np.datetime64,
    placed: Mapping[str, Any],
    values: xr.DataArray,
) -> dict[str, Any]:
    """Return an item; the addresses of its assets are paths."""
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": _EXTENSIONS,
        "id": image.stem,
        "geometry": placed["geometry"],
        "bbox": placed["bbox"],
        "properties": {
            "datetime": f"{np.datetime_as_string(time, unit='s')}Z",
            **kind.properties,
            **placed["properties"],
        },
        "links": [],
        "assets": {
            "image": {
                "href": image,
                "type": _COG,
                "title": kind.image_title,
                "roles": ["data", "reflectance"],
                "bands": _bands(values),
            },
            "quality": {
                "href": quality,
                "type": _COG,
                "title": kind.quality_title,
                "roles": ["metadata"],
                "bands": [
                    {"name": name, "description": said, "data_type": "float32", "nodata": "nan"}
                    for name, said in kind.layers.items()
                ],
            },
        },
    }


def _index(name: str, path: Path, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the asset of an index; where a band may stand for another, it says which were used."""
    said = {"description": attrs["source"]} if "source" in attrs else {}
    return {
        "href": path,
        "type": _COG,
        "title": INDICES[name].long_name,
        **said,
        "roles": ["data"],
        "bands": [{"name": name, "data_type": "float32", "nodata": "nan"}],
    }


def _bands(values: xr.DataArray) -> list[dict[str, Any]]:
    said = {
        "data_type": str(values.dtype),
        "nodata": 0 if values.dtype == np.uint16 else "nan",
        "raster:scale": float(values.attrs.get("scale_factor", 1.0)),
        "raster:offset": float(values.attrs.get("add_offset", 0.0)),
    }
    return [
        {
            "name": name,
            **({"eo:common_name": COMMON_NAMES[name]} if name in COMMON_NAMES else {}),
            **said,
        }
        for name in map(str, values["band"].values)
    ]


def _seen_from(item: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return an item whose addresses count from a folder."""
    assets = {
        name: {**asset, "href": _relative(asset["href"], folder)}
        for name, asset in item["assets"].items()
    }
    return {**item, "assets": assets}


def _relative(path: Path, folder: Path) -> str:
    """Return the address of a file in this folder, in one below it, or in one beside it."""
    if path.parent == folder:
        return f"./{path.name}"
    return f"{'.' if path.parent.parent == folder else '..'}/{path.parent.name}/{path.name}"


def _projection(grid: GeoBox) -> dict[str, Any]:
    epsg = None if grid.crs is None else grid.crs.epsg
    known = {"proj:code": f"EPSG:{epsg}"} if epsg else {"proj:wkt2": str(grid.crs)}
    return {
        "properties": {
            **known,
            "proj:shape": [int(size) for size in grid.shape],
            "proj:transform": [float(number) for number in grid.affine[:6]],
        }
    }


def _outline(grid: GeoBox) -> dict[str, Any]:
    """Return geometry and bbox in degrees; its west is east of its east across the antimeridian."""
    import shapely

    parts = list(shapely.set_precision(parts_in_degrees(grid.extent), 1e-7))
    west, south, east, north = shapely.total_bounds(parts).tolist()
    if len(parts) > 1 and (west, east) == (-180, 180):
        west = min(part.bounds[0] for part in parts if part.bounds[2] == 180)
        east = max(part.bounds[2] for part in parts if part.bounds[0] == -180)
    whole = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return {"geometry": shapely.geometry.mapping(whole), "bbox": [west, south, east, north]}
