"""Images on the grid of a domain or a tile, by one gather whose places are worked out once."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from odc.geo.geobox import GeoBox

from tiling.scenes.domains.planes import MOST, axes, centred, corners, lonlat
from tiling.scenes.domains.scanangles import View, scan_angles
from tiling.scenes.errors import SceneError, UnusableInput
from tiling.scenes.imagery.nativegrids import (
    NativeGrid,
    coarser,
    is_regular,
    native_grid,
    pixel_size,
)
from workbench.rasters.gathering import Gather
from workbench.rasters.overlaps import Overlaps

__all__ = ["CRS_NAME", "Method", "all_on_grid", "grid_coordinates", "grid_of", "on_grid"]

Method = Literal["bilinear", "nearest", "area"]
Floats = npt.NDArray[np.float64]

CRS_NAME = "spatial_ref"
"""Coordinate that is the grid mapping of a regridded image."""

_EDGE = 1e-6  # of a pixel: sums of floats that are equal on paper
_KEPT = 4  # gathers of whole domains in one process; one of 10^6 pixels is 12 MB
_kept: OrderedDict[Any, Gather | Overlaps] = OrderedDict()


def on_grid(
    image: xr.DataArray,
    grid: GeoBox,
    method: Method = "bilinear",
    *,
    periodic: bool = False,
    renormalise: bool = False,
    keep: bool = True,
) -> xr.DataArray:
    """Bring an image onto a grid.

    Where cells are at least twice as long as pixels, `bilinear` takes means of blocks of pixels
    first.

    Parameters
    ----------
    image
        (..., y, x) on its native grid, NaN where missing; see
        `tiling.scenes.sources.contract.Source`.
    grid
        Of a domain or a tile.
    method
        ``bilinear``; ``nearest`` for categories; ``area``, the mean over the area of a cell.
    periodic
        A plane that goes on at its other end (simulations).
    renormalise
        Fill gaps from those of the four neighbours that there are (bilinear).
    keep
        Keep the places of pixels for the next image of this grid; False for tiles, whose grids do
        not come again.

    Returns
    -------
    xarray.DataArray
        (..., y, x) float32, NaN where missing, with the coordinates of `grid_coordinates` and the
        attributes of the image, and `regrid_method` and `resolution` (m).

    Raises
    ------
    SceneError
        E031 for another method; E061 if the image lies on no grid that can be found on this one.
    """
    if method not in ("bilinear", "nearest", "area"):
        raise SceneError("E031", f"no method {method!r}: bilinear, nearest or area")
    native = native_grid(image, periodic)
    values = image.values
    if values.dtype != np.float32:
        values = values.astype(np.float32)
    if method == "bilinear":
        values, native = coarser(values, native, float(grid.affine.a))
    places = _places(native, grid, method, keep)
    if isinstance(places, Overlaps):
        found = places.mean(values)
    elif method == "nearest":
        found = places.nearest(values)
    else:
        found = places.bilinear(values, renormalise=renormalise)
    return _labelled(found, image, grid, method)


def all_on_grid(
    dataset: xr.Dataset, grid: GeoBox, method: Method = "bilinear", **options: Any
) -> xr.Dataset:
    """Bring every image of a dataset onto one grid; parameters as for `on_grid`.

    What has no rows and columns, such as the numbers that ABI files hold beside their images, is
    left out; a grid mapping may be a variable of the dataset.
    """
    mappings = {dataset[name].attrs.get("grid_mapping") for name in dataset}
    dataset = dataset.set_coords([name for name in dataset if name in mappings])
    images = {
        str(name): on_grid(image, grid, method, **options)
        for name, image in dataset.items()
        if image.ndim >= 2
    }
    return xr.Dataset(images, attrs=dict(dataset.attrs))


def grid_of(image: xr.DataArray, resolution: float | None = None) -> GeoBox:
    """Return the grid of a domain that is the whole of its source.

    Parameters
    ----------
    image
        On a plane, or in degrees.
    resolution
        Metres a pixel; None for that of the image.

    Returns
    -------
    odc.geo.geobox.GeoBox
        Without CRS over the extent of a plane, as it stands in the file. In degrees: on the plane
        of the middle of the image, as long and wide as the meridian and the parallel through it.
        Its cells are whole and lie inside: what is left at the far edges, less than a cell, has no
        value of its own.

    Raises
    ------
    SceneError
        E021, for an image of a satellite; E030, if pixels are not square and no resolution is
        given, or one of which no cell fits into the image, or more than 400 million.
    """
    if resolution is not None and not resolution > 0:
        raise SceneError("E030", f"a resolution of {resolution} m: it is above 0")
    native = native_grid(image, False)
    steps = pixel_size(native)
    if resolution is None and abs(steps[0] / steps[1] - 1) > 1e-3:
        raise SceneError(
            "E030",
            f"{native.name}: its pixels are {steps[1]:g} m by {steps[0]:g} m: give a resolution",
        )
    size = float(resolution or steps[1])
    extent = [step * len(axis) for step, axis in zip(steps, (native.y, native.x), strict=True)]
    # 10 cells of 0.1 m are 0.9999... m long at times, and must stay 10
    shape = tuple(int(round(length / size, 6)) for length in extent)
    if not 1 <= min(shape) <= shape[0] * shape[1] <= MOST:
        raise SceneError(
            "E030",
            f"{native.name}: cells of {size:g} m on {extent[1]:g} by {extent[0]:g} m are "
            f"{shape[1]} x {shape[0]} pixels; 1 to {MOST:,} can be: change sampling.resolution",
        )
    if native.kind == "plane":
        from affine import Affine

        left, bottom = (axis.min() - step / 2 for axis, step in
                        zip((native.x, native.y), steps[::-1], strict=True))  # fmt: skip
        return GeoBox((shape[0], shape[1]), Affine(size, 0, left, 0, size, bottom), None)
    if native.kind == "degrees":
        middle = [float(axis.min() + axis.max()) / 2 for axis in (native.y, native.x)]
        return centred(middle[0], middle[1], (shape[0], shape[1]), size)
    raise SceneError("E021", f"{native.name}: give a domain with a centre and sides")


def grid_coordinates(grid: GeoBox) -> dict[str, Any]:
    """Return the coordinates of images on a grid.

    Returns
    -------
    dict
        ``y``, ``x`` (metres); with a CRS also ``lat``, ``lon`` (2-D float32, degrees) and the CF
        grid mapping `CRS_NAME`.
    """
    x, y = axes(grid)
    found: dict[str, Any] = {
        name: (name, values, {"units": "m", "axis": name.upper(), "long_name": words}
               | ({"standard_name": f"projection_{name}_coordinate"} if grid.crs else {}))
        for name, values, words in (("y", y, "distance to the north"),
                                    ("x", x, "distance to the east"))
    }  # fmt: skip
    if grid.crs is None:
        return found
    for name, places, unit in zip(
        ("lon", "lat"), lonlat(grid), ("degrees_east", "degrees_north"), strict=True
    ):
        words = {"units": unit, "standard_name": "longitude" if name == "lon" else "latitude"}
        found[name] = (("y", "x"), places.astype(np.float32), words)
    return found | {CRS_NAME: ((), np.int32(0), _cf(str(grid.crs)))}


@lru_cache(maxsize=64)
def _cf(crs: str) -> dict[str, Any]:
    from pyproj import CRS

    return dict(CRS(crs).to_cf())


def _labelled(values: Any, image: xr.DataArray, grid: GeoBox, method: str) -> xr.DataArray:
    attrs = {key: value for key, value in image.attrs.items() if key != "grid_mapping"}
    attrs |= {"regrid_method": method, "resolution": float(grid.affine.a)}
    if grid.crs is not None:
        attrs["grid_mapping"] = CRS_NAME
    coords = grid_coordinates(grid)
    for dim in image.dims[:-2]:
        if dim in image.coords:
            coords[str(dim)] = image.coords[dim]
    dims = (*image.dims[:-2], "y", "x")
    return xr.DataArray(values, coords, dims, name=image.name, attrs=attrs)


def _places(native: NativeGrid, grid: GeoBox, method: Method, keep: bool) -> Gather | Overlaps:
    """Return where the pixels of a grid lie in a native one."""
    key = (grid, native.key(), method == "area")
    found = _kept.get(key)
    if found is not None:
        with suppress(KeyError):  # another thread may have let it go
            _kept.move_to_end(key)
        return found
    shape = len(native.y), len(native.x)
    if method == "area":
        found = Overlaps(*_positions(native, corners(grid)), shape, wrap=native.wrap)
    else:
        found = Gather(*_held(native, *_positions(native, grid)), shape, wrap=native.wrap)
    if keep:
        _kept[key] = found
        with suppress(KeyError):
            while len(_kept) > _KEPT:
                _kept.popitem(last=False)
    return found


def _held(native: NativeGrid, rows: Floats, cols: Floats) -> tuple[Floats, Floats]:
    """Return positions with those in the outer half of an outermost pixel moved to its centre.

    A field ends where its pixels end, not at their centres. Beyond a satellite's image, and beyond
    one in degrees or of a projection, there is more than the file holds: there nothing is assumed.
    """
    if native.kind != "plane":
        return rows, cols
    held = []
    for at, axis, wraps in zip((rows, cols), (native.y, native.x), native.wrap, strict=True):
        outer = not wraps and (at > -_EDGE) & (at < len(axis) + _EDGE)
        held.append(np.where(outer, np.clip(at, 0.5, len(axis) - 0.5), at))
    return held[0], held[1]


def _positions(native: NativeGrid, grid: GeoBox) -> tuple[Floats, Floats]:
    """Return rows and columns of the centres of pixels in a native grid."""
    x, y = _coordinates(native, grid)
    period = 360.0 if native.kind == "degrees" else 0.0
    if period:
        middle = (native.x.min() + native.x.max()) / 2
        if native.wrap[1]:  # the seam must not run through a cell: count from the target
            middle = float(x.flat[x.size // 2])
        x = (x - middle + period / 2) % period - period / 2 + middle
    rows, cols = np.broadcast_arrays(_along(y, native.y), _along(x, native.x))
    return rows, cols


def _coordinates(native: NativeGrid, grid: GeoBox) -> tuple[Floats, Floats]:
    """Return x and y of the centres of pixels of a grid in the coordinates of a native one."""
    if native.kind == "plane":
        if grid.crs is not None:
            raise UnusableInput(
                "E061",
                f"{native.name} lies on a plane without a place on the Earth: leave out "
                "domain.central_latitude and central_longitude, or give it lat and lon",
            )
        x, y = axes(grid)
        return x[None, :], y[:, None]
    if native.kind == "geostationary" and isinstance(native.frame, View):
        return scan_angles(*lonlat(grid), native.frame)
    lon, lat = lonlat(grid)
    if native.kind == "degrees":
        return lon, lat
    from workbench.rasters.grids import transformer

    x, y = transformer("EPSG:4326", str(native.frame)).transform(lon, lat)
    return x, y


def _along(values: Floats, axis: Floats) -> Floats:
    """Return positions along an axis whose coordinates need not be evenly spaced."""
    if is_regular(axis):
        step = (axis[-1] - axis[0]) / (len(axis) - 1)
        return np.asarray((values - axis[0]) / step + 0.5)
    steps = np.diff(axis)
    if not ((steps > 0).all() or (steps < 0).all()):
        raise UnusableInput("E061", "coordinates of a grid must rise or fall throughout")
    # half a pixel beyond the outermost ones, as far as those reach
    known = np.concatenate([[axis[0] - steps[0] / 2], axis, [axis[-1] + steps[-1] / 2]])
    at = np.concatenate([[0.0], np.arange(len(axis)) + 0.5, [float(len(axis))]])
    if steps[0] < 0:
        known, at = known[::-1], at[::-1]
    return np.asarray(np.interp(values, known, at, left=np.nan, right=np.nan))
