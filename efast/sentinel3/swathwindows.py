"""Which part of a product lies over the grid, by its geolocation.

Latitudes and longitudes stand in ``geolocation.nc``, one for each pixel. They are looked through in
blocks of rows of which every sixteenth pixel is kept; only the window whose meshes touch the grid
is then read as a whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from efast.cells.binning import REACH_DEG, Bounds, bounds_of, unwrapped
from efast.errors import BadFile
from efast.sentinel3.packedfiles import opened, packed, unpacked, variable
from workbench.rasters.windows import Span, Window

if TYPE_CHECKING:
    import netCDF4
    from odc.geo.geobox import GeoBox

__all__ = ["Swath", "locate"]

GEOLOCATION = "geolocation.nc"

Floats = npt.NDArray[np.float64]

STEP = 16  # pixels along a mesh
BLOCK = 1024  # rows that are looked through at a time
MOST = (120_000, 10_000)  # rows and columns; an orbit has about 60,000 by 4865


class Swath(NamedTuple):
    """The part of a product that is over the grid.

    Attributes
    ----------
    shape
        Rows and columns of the whole product.
    window
        The part of it.
    lat, lon
        (rows, columns) of the window, degrees, NaN where missing.
    """

    shape: tuple[int, int]
    window: Window
    lat: Floats
    lon: Floats


def locate(folder: Path, grid: GeoBox) -> tuple[Swath | None, Bounds]:
    """Find the part of a product that can touch a grid.

    Parameters
    ----------
    folder
        The product.
    grid
        In any CRS.

    Returns
    -------
    swath : Swath or None
        None where no part of it is near the grid.
    bounds : Bounds
        Of the whole product, about, for messages.

    Raises
    ------
    BadFile
        If ``geolocation.nc`` is missing, cannot be read, or latitudes and longitudes are no swath.
    """
    path = folder / GEOLOCATION
    wanted = bounds_of(grid, REACH_DEG)
    with opened(path) as file:
        lats, lons = _coordinates(path, file)
        shape = (lats.shape[0], lats.shape[1])
        rows, columns = (_thinned(length) for length in shape)
        lat = _mesh(path, lats, rows, columns)
        lon = unwrapped(_mesh(path, lons, rows, columns), wanted.middle)
        window = _window(lat, lon, rows, columns, wanted)
        bounds = _limits(lat, lon)
        if window is None:
            return None, bounds
        part = [unpacked(path, found, packed(found, window)) for found in (lats, lons)]
    return Swath(shape, window, part[0], part[1]), bounds


def _coordinates(
    path: Path, file: netCDF4.Dataset
) -> tuple[netCDF4.Variable[Any], netCDF4.Variable[Any]]:
    lats = variable(path, file, "lat")
    shape = tuple(lats.shape)
    if len(shape) != 2 or min(shape) < 2 or shape[0] > MOST[0] or shape[1] > MOST[1]:
        raise BadFile(
            f"{path}: lat has shape {shape}, expected rows and columns of a swath, from 2 by 2 to "
            f"{MOST[0]} by {MOST[1]}"
        )
    return lats, variable(path, file, "lon", shape)


def _thinned(length: int) -> npt.NDArray[np.intp]:
    """Return every sixteenth place of an axis, and the last."""
    return np.unique(np.append(np.arange(0, length, STEP), length - 1))


def _mesh(
    path: Path,
    found: netCDF4.Variable[Any],
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
) -> Floats:
    """Read the pixels at these rows and columns, in blocks of rows as the file holds them."""
    chunks = found.chunking()
    height = BLOCK if isinstance(chunks, str) or not chunks else min(chunks[0], BLOCK)
    raw = np.empty((len(rows), len(columns)), found.dtype)
    for top in range(0, found.shape[0], height):
        here = (rows >= top) & (rows < top + height)
        if here.any():
            span = slice(int(rows[here][0]), int(rows[here][-1]) + 1)
            raw[here] = packed(found, Window((span.start, span.stop), (0, found.shape[1])))[
                np.ix_(rows[here] - span.start, columns)
            ]
    return unpacked(path, found, raw)


def _window(
    lat: Floats,
    lon: Floats,
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    wanted: Bounds,
) -> Window | None:
    """Return the pixels of the meshes that touch an area, and a mesh more on each side."""
    south, north = _corners(lat)
    west, east = _corners(lon)
    with np.errstate(invalid="ignore"):  # a mesh without any coordinates touches nothing
        touching = (south <= wanted.north) & (north >= wanted.south)
        touching &= (west <= wanted.east) & (east >= wanted.west)
    if not touching.any():
        return None
    down, along = (np.flatnonzero(touching.any(axis=axis)) for axis in (1, 0))
    return Window(_span(rows, down), _span(columns, along))


def _corners(points: Floats) -> tuple[Floats, Floats]:
    """Return the least and the greatest of the four corners of each mesh, missing ones left out."""
    corners = points[:-1, :-1], points[:-1, 1:], points[1:, :-1], points[1:, 1:]
    return np.fmin.reduce(corners), np.fmax.reduce(corners)


def _span(places: npt.NDArray[np.intp], meshes: npt.NDArray[np.intp]) -> Span:
    first, last = max(int(meshes[0]) - 1, 0), min(int(meshes[-1]) + 2, len(places) - 1)
    return int(places[first]), int(places[last]) + 1


def _limits(lat: Floats, lon: Floats) -> Bounds:
    low, high = ([float(part.reduce(at, axis=None)) for at in (lon, lat)]
                 for part in (np.fmin, np.fmax))  # fmt: skip
    return Bounds(low[0], low[1], high[0], high[1])
