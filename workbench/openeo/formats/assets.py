"""A file of a result, and where and when its data lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.openeo.cubes import Cube
from workbench.openeo.instants import read_instant

if TYPE_CHECKING:
    from pyproj import CRS

__all__ = ["MEDIA_TYPES", "Asset", "described", "free_path"]

MEDIA_TYPES = {
    "netCDF": "application/x-netcdf",
    "GTiff": "image/tiff; application=geotiff",
    "COG": "image/tiff; application=geotiff; profile=cloud-optimized",
    "Zarr": "application/zip",
    "JSON": "application/json",
    "GeoJSON": "application/geo+json",
    "PNG": "image/png",
}
"""By the names of the formats; JSON of vector cubes is ``application/geo+json``."""

WGS84 = "OGC:CRS84"
EDGE_POINTS = 21  # along each side of a grid, for its extent in longitude and latitude


@dataclass(frozen=True)
class Asset:
    """A file that was written."""

    path: Path
    """Its name is that of the asset."""
    media_type: str
    title: str = ""
    bbox: tuple[float, float, float, float] | None = None
    """West, south, east, north, degrees; None where the data lie nowhere. West is greater than east
    across the antimeridian."""
    start: str | None = None
    """The first time, RFC 3339; None where the data have no time."""
    end: str | None = None
    """The last time."""
    fields: dict[str, Any] = field(default_factory=dict)
    """More of STAC: ``eo:bands``, ``proj:epsg``, ``proj:shape``, ``proj:transform``."""


def described(path: Path, format: str, cube: Cube, title: str = "") -> Asset:  # noqa: A002
    """Return the asset of a file that holds a cube.

    Parameters
    ----------
    path
        The file.
    format
        The name of its format.
    cube
        What is in it.
    title
        For people.
    """
    times = [_as_time(label) for name in cube.of_kind("temporal") for label in cube.labels(name)]
    known = sorted(time for time in times if time is not None)
    fields: dict[str, Any] = {}
    if bands := [str(label) for name in cube.of_kind("bands") for label in cube.labels(name)]:
        fields["eo:bands"] = [{"name": band} for band in bands]
    if cube.is_raster and cube.crs is not None and _has_pixels(cube):
        grid = cube.geobox()
        fields["proj:epsg"] = cube.crs.to_epsg()
        fields["proj:shape"] = [int(size) for size in grid.shape]
        fields["proj:transform"] = [float(value) for value in tuple(grid.affine)[:6]]
        if fields["proj:epsg"] is None:
            fields["proj:wkt2"] = cube.crs.to_wkt()
    return Asset(
        path,
        MEDIA_TYPES[format],
        title,
        bbox=_extent(cube),
        start=known[0] if known else None,
        end=known[-1] if known else None,
        fields=fields,
    )


def free_path(folder: Path, name: str) -> Path:
    """Return a path in a folder that is not taken: with ``_2``, ``_3``, ... before the suffixes."""
    stem, dot, suffix = name.partition(".")
    found, number = folder / name, 1
    while found.exists():
        number += 1
        found = folder / f"{stem}_{number}{dot}{suffix}"
    return found


def _as_time(label: Any) -> str | None:
    """Return a label of time as a moment of RFC 3339; None for a name of a period."""
    instant = read_instant(label) if isinstance(label, str) else None
    if instant is None:
        return None
    return instant.utc.isoformat(timespec="seconds").replace("+00:00", "Z")


def _has_pixels(cube: Cube) -> bool:
    return 0 not in (cube.array.sizes[cube.axis("x")], cube.array.sizes[cube.axis("y")])


def _extent(cube: Cube) -> tuple[float, float, float, float] | None:
    """Return west, south, east, north of a cube in degrees; None if it lies nowhere."""
    if cube.is_raster and cube.crs is not None and _has_pixels(cube):
        bounds = cube.geobox().boundingbox
        return _in_degrees((bounds.left, bounds.bottom, bounds.right, bounds.top), cube.crs)
    if cube.is_vector:
        import shapely

        shapes = cube.array[cube.of_kind("geometry")[0]].values
        bounds = shapely.total_bounds(shapes)
        if np.isfinite(bounds).all():
            return _in_degrees(tuple(bounds), cube.crs)
    return None


def _in_degrees(
    bounds: tuple[float, ...], crs: CRS | None
) -> tuple[float, float, float, float] | None:
    """Return bounds in a CRS (of longitude and latitude if it is None) in degrees."""
    from pyproj import Transformer

    left, bottom, right, top = bounds
    if crs is None:
        found = bounds
    else:
        move = Transformer.from_crs(crs, WGS84, always_xy=True)
        found = move.transform_bounds(left, bottom, right, top, densify_pts=EDGE_POINTS)
    if not np.isfinite(np.asarray(found, float)).all():
        return None
    west, south, east, north = (round(float(value), 9) for value in found)
    return west, south, east, north
