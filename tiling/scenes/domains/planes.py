"""The plane of a domain, the grids on it, and where their pixels are on the Earth.

The plane is the Lambert azimuthal equal-area projection on WGS 84 that touches the Earth at the
centre of the domain, where its origin is. Rows of a grid go from south to north: y ascends.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from odc.geo.geobox import GeoBox

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Domain

__all__ = [
    "MOST",
    "axes",
    "centred",
    "corners",
    "domain_grid",
    "lonlat",
    "lonlat_of",
    "perimeter",
    "spanning",
    "tile_grid",
]

Floats = npt.NDArray[np.float64]

_SMALL = 1 << 18  # pixels of a tile
MOST = 400_000_000
"""Pixels that a domain may have: 1.6 GB an image."""


def domain_grid(domain: Domain, resolution: float) -> GeoBox:
    """Return the grid of a domain with a centre.

    Parameters
    ----------
    domain
        With centre and sides: `spanning` makes one for trajectories; one as its source has no grid
        before the source is read (`tiling.scenes.imagery.regridding.grid_of`).
    resolution
        Metres a pixel.

    Returns
    -------
    odc.geo.geobox.GeoBox
        Its western and southern edges are those of the domain; sides that are no multiple of the
        resolution are rounded to the nearest one, at least one pixel.

    Raises
    ------
    SceneError
        E021, if centre or sides are missing; E030, if it would have more than 400 million pixels.
    """
    place, sides = (domain.latitude, domain.longitude), (domain.meridional, domain.zonal)
    if None in (*place, *sides):
        raise SceneError("E021", f"a domain of kind {domain.kind} has no centre and sides: no grid")
    latitude, longitude, meridional, zonal = map(float, (*place, *sides))  # type: ignore[arg-type]
    # rounded twice: 0.1 is not a binary number, and must not decide what 10.5 pixels become
    cells = [max(round(round(side / resolution, 6)), 1) for side in (meridional, zonal)]
    if cells[0] * cells[1] > MOST:
        raise SceneError(
            "E030",
            f"{zonal:g} m by {meridional:g} m at {resolution:g} m are {cells[1]} x {cells[0]} "
            f"pixels, more than {MOST}: choose a smaller domain or a coarser resolution",
        )
    start = Affine(resolution, 0, -zonal / 2, 0, resolution, -meridional / 2)
    return GeoBox((cells[0], cells[1]), start, _plane(latitude, longitude))


def centred(latitude: float, longitude: float, shape: tuple[int, int], resolution: float) -> GeoBox:
    """Return the grid on the plane of a place that has it in its middle."""
    return GeoBox(shape, _around(0.0, 0.0, shape, resolution), _plane(latitude, longitude))


def tile_grid(grid: GeoBox, x: float, y: float, size: int) -> GeoBox:
    """Return the grid of a square tile.

    Parameters
    ----------
    grid
        Of the domain; it gives the resolution.
    x, y
        Centre of the tile on the plane of the domain, metres.
    size
        Pixels along a side.

    Returns
    -------
    odc.geo.geobox.GeoBox
        On a plane of its own, which touches the Earth at the centre of the tile; shifted on the
        same plane where the domain has no CRS.
    """
    resolution = float(grid.affine.a)
    if grid.crs is None:
        return GeoBox((size, size), _around(x, y, (size, size), resolution), None)
    lon, lat = lonlat_of(grid, x, y)
    return centred(float(lat), float(lon), (size, size), resolution)


def lonlat(grid: GeoBox) -> tuple[Floats, Floats]:
    """Return where the centres of pixels are; kept for the last grids of this process.

    Returns
    -------
    lon, lat : numpy.ndarray
        (y, x) degrees, float64, not to be written to; longitudes from -180 to 180.
    """
    large = grid.shape[0] * grid.shape[1] > _SMALL
    return (_of_domains if large else _of_tiles)(grid)


def _lonlat(grid: GeoBox) -> tuple[Floats, Floats]:
    found = lonlat_of(grid, *np.meshgrid(*axes(grid)))
    for array in found:
        array.flags.writeable = False
    return found


# tiles come and go, and must not push out the domain, which takes longer
_of_domains, _of_tiles = lru_cache(maxsize=2)(_lonlat), lru_cache(maxsize=8)(_lonlat)


def lonlat_of(grid: GeoBox, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return longitude and latitude (degrees) of places on the plane of a grid (metres).

    Raises
    ------
    SceneError
        E061, if the grid has no CRS.
    """
    if grid.crs is None:
        raise SceneError("E061", "the plane of this grid has no place on the Earth: give a domain")
    lon, lat = _projection(str(grid.crs))(np.asarray(x), np.asarray(y), inverse=True)
    return np.asarray(lon, np.float64), np.asarray(lat, np.float64)


def axes(grid: GeoBox) -> tuple[Floats, Floats]:
    """Return x and y of the centres of columns and rows, metres."""
    height, width = grid.shape
    affine = grid.affine
    columns, rows = (np.arange(size, dtype=np.float64) + 0.5 for size in (width, height))
    return affine.c + affine.a * columns, affine.f + affine.e * rows


def corners(grid: GeoBox) -> GeoBox:
    """Return the grid whose pixel centres are the corners of the pixels of a grid."""
    height, width = grid.shape
    a, _, c, _, e, f = grid.affine[:6]
    shifted = Affine(a, 0, c - a / 2, 0, e, f - e / 2)
    return GeoBox((height + 1, width + 1), shifted, grid.crs)


def perimeter(grid: GeoBox, points: int = 64) -> tuple[Floats, Floats]:
    """Return places on the outer edge of a grid, once around.

    Parameters
    ----------
    points
        On each side.

    Returns
    -------
    lon, lat : numpy.ndarray
        (4 * points,) degrees.
    """
    height, width = grid.shape
    along: Any = np.arange(points) / points
    zero, one = np.zeros(points), np.ones(points)
    across = np.concatenate([along, one, 1 - along, zero]) * width
    up = np.concatenate([zero, along, one, 1 - along]) * height
    affine = grid.affine
    return lonlat_of(grid, affine.c + affine.a * across, affine.f + affine.e * up)


def spanning(lon: npt.ArrayLike, lat: npt.ArrayLike, domain: Domain, least: float = 0.0) -> Domain:
    """Return the rectangle that holds a trajectory.

    Parameters
    ----------
    lon, lat
        Degrees, across the date line too; NaN does not count.
    domain
        Its `padding` is the sides of the rectangle over those of the trajectory.
    least
        Room that the sides have beyond those of the trajectory at least, metres: a tile around each
        of its ends fits where that is the side of a tile.

    Raises
    ------
    SceneError
        E024, if there is no place, or a side would be 0.
    """
    places = np.stack(np.broadcast_arrays(*(np.asarray(v, float).ravel() for v in (lon, lat))))
    places = places[:, np.isfinite(places).all(axis=0)]
    if not places.size:
        raise SceneError("E024", "the trajectory has no place to span a domain with")
    east, north = np.radians(places)
    vector = [(np.cos(north) * np.cos(east)), (np.cos(north) * np.sin(east)), np.sin(north)]
    forth, right, up = (float(part.mean()) for part in vector)
    centre = (
        float(np.degrees(np.arctan2(up, np.hypot(forth, right)))),
        float(np.degrees(np.arctan2(right, forth))),
    )
    sides = np.zeros(2)
    for _ in range(3):  # the middle of the box moves as the plane does, by less each time
        plane = centred(*centre, (1, 1), 1.0)
        x, y = _projection(str(plane.crs))(*places)
        box = np.array([[x.min(), x.max()], [y.min(), y.max()]])
        found = lonlat_of(plane, *box.mean(axis=1))
        centre = float(found[1]), float(found[0])
        sides = box[:, 1] - box[:, 0]
    zonal, meridional = (max(float(s) * domain.padding, float(s) + least) for s in sides)
    if min(zonal, meridional) <= 0:
        raise SceneError("E024", "the trajectory stands still along one axis: it spans no domain")
    return replace(
        domain,
        kind="rect",
        latitude=centre[0],
        longitude=centre[1],
        zonal=zonal,
        meridional=meridional,
    )


def _around(x: float, y: float, shape: tuple[int, int], resolution: float) -> Affine:
    left, bottom = x - shape[1] / 2 * resolution, y - shape[0] / 2 * resolution
    return Affine(resolution, 0, left, 0, resolution, bottom)


def _plane(latitude: float, longitude: float) -> str:
    return (
        f"+proj=laea +lat_0={latitude!r} +lon_0={longitude!r} +x_0=0 +y_0=0 "
        "+datum=WGS84 +units=m +no_defs"
    )


@lru_cache(maxsize=64)
def _projection(crs: str) -> Any:
    from pyproj import Proj

    return Proj(crs)
