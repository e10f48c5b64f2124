"""Images on the grid of a domain or a tile, by one gather whose places are worked out once.

Which pixels of an image lie where follows from its CF grid mapping: scan angles of a geostationary
imager, degrees, any other projection, or a plain plane in metres.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr
from odc.geo.geobox import GeoBox

from tiling.scenes.domains.planes import MOST, axes, centred, corners, lonlat
from tiling.scenes.domains.scanangles import View, scan_angles, view_of
from tiling.scenes.errors import SceneError, UnusableInput
from workbench.errors import BadInput
from workbench.rasters.gathering import Gather, block_mean
from workbench.rasters.overlaps import Overlaps

__all__ = ["CRS_NAME", "Method", "all_on_grid", "grid_coordinates", "grid_of", "on_grid"]

Method = Literal["bilinear", "nearest", "area"]
Floats = npt.NDArray[np.float64]

CRS_NAME = "spatial_ref"
"""Coordinate that is the grid mapping of a regridded image."""

METRES_PER_DEGREE = 111_195.0  # of latitude, on a sphere of 6,371 km
_EDGE = 1e-6  # of a pixel: sums of floats that are equal on paper
_KEPT = 4  # gathers of whole domains in one process; one of 10^6 pixels is 12 MB
_kept: OrderedDict[Any, Gather | Overlaps] = OrderedDict()


class _Native(NamedTuple):
    """The grid an image comes on."""

    kind: Literal["geostationary", "degrees", "projected", "plane"]
    x: Floats
    """Coordinates of columns and rows: radians, degrees or metres."""
    y: Floats
    frame: View | str | None
    """The view of the imager, or the CRS of a projection."""
    wrap: tuple[bool, bool]
    """Whether rows and columns go on at the other end."""
    name: str

    def key(self) -> tuple[Any, ...]:
        return self.kind, self.x.tobytes(), self.y.tobytes(), self.frame, self.wrap


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
    native = _native(image, periodic)
    values = image.values
    if values.dtype != np.float32:
        values = values.astype(np.float32)
    if method == "bilinear":
        values, native = _coarser(values, native, float(grid.affine.a))
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
    native = _native(image, False)
    steps = _steps(native)
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


def _native(image: xr.DataArray, periodic: bool) -> _Native:
    """Find out on what grid an image lies."""
    if not isinstance(image, xr.DataArray):
        kind = type(image).__name__
        raise BadInput(f"an image is one xarray.DataArray, not a {kind}: name one, ds['bt_13']")
    name = str(image.name or image.attrs.get("long_name", "an image"))
    if image.ndim < 2 or not all(dim in image.coords for dim in image.dims[-2:]):
        raise UnusableInput(
            "E061", f"{name}: no coordinates along {', '.join(map(str, image.dims))}"
        )
    y, x = (np.asarray(image.coords[dim].values, np.float64) for dim in image.dims[-2:])
    if min(len(x), len(y)) < 2:
        raise UnusableInput("E061", f"{name}: {len(y)} x {len(x)} pixels have no pixel size")
    mapping = image.attrs.get("grid_mapping") or image.encoding.get("grid_mapping")
    if mapping is None:
        if _in_degrees(image):
            return _Native("degrees", x, y, None, (False, _goes_around(x)), name)
        return _Native("plane", x, y, None, (periodic, periodic), name)
    if mapping not in image.coords:
        raise UnusableInput(
            "E061",
            f"{name}: its grid mapping {mapping!r} is missing: open the file with "
            f"decode_coords='all', or take it along by dataset.set_coords({mapping!r})",
        )
    attrs = image.coords[mapping].attrs
    kind = attrs.get("grid_mapping_name")
    if kind == "geostationary":
        return _Native("geostationary", x, y, view_of(attrs, name), (False, False), name)
    if kind == "latitude_longitude":
        return _Native("degrees", x, y, None, (False, _goes_around(x)), name)
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        crs = CRS.from_cf(attrs).to_wkt()
    except (CRSError, KeyError, ValueError) as error:
        raise UnusableInput("E061", f"{name}: unusable grid mapping {kind!r} ({error})") from error
    return _Native("projected", x, y, crs, (False, False), name)


def _in_degrees(image: xr.DataArray) -> bool:
    """Return whether both axes are longitudes and latitudes by name or unit."""
    return all(
        str(dim).lower() in names or image.coords[dim].attrs.get("units") == unit
        for dim, names, unit in zip(
            image.dims[-2:],
            (("lat", "latitude"), ("lon", "longitude")),
            ("degrees_north", "degrees_east"),
            strict=True,
        )
    )


def _goes_around(x: Floats) -> bool:
    return bool((x.max() - x.min()) * len(x) / (len(x) - 1) > 360 - 1e-3)


def _steps(native: _Native) -> tuple[float, float]:
    """Return the height and width of a pixel, metres: below the satellite, or at the middle."""
    y, x = (abs(axis[-1] - axis[0]) / (len(axis) - 1) for axis in (native.y, native.x))
    if native.kind == "geostationary" and isinstance(native.frame, View):
        return y * native.frame.height, x * native.frame.height
    if native.kind == "degrees":
        middle = np.radians((native.y.min() + native.y.max()) / 2)
        return y * METRES_PER_DEGREE, x * METRES_PER_DEGREE * float(np.cos(middle))
    return float(y), float(x)


def _coarser(values: Any, native: _Native, resolution: float) -> tuple[Any, _Native]:
    """Return means of blocks of pixels where cells are at least twice as long as pixels.

    Blocks begin at multiples of their size from the origin of the coordinates, so that they do not
    depend on the window that was read; those of a plane that wraps must divide it. Pixels at an end
    that fill no block are a smaller one, but of a satellite: its image goes on beyond a domain.
    """
    places = native.y, native.x
    blocks = [
        _block(axis, resolution / step, wraps, native.name)
        for axis, step, wraps in zip(places, _steps(native), native.wrap, strict=True)
    ]
    sizes = [size for size, _ in blocks]
    if sizes == [1, 1]:
        return values, native
    if native.kind == "geostationary":
        firsts = [
            first if len(axis) - first >= 2 * size else 0
            for axis, (size, first) in zip(places, blocks, strict=True)
        ]
        values = values[..., firsts[0] :, firsts[1] :]
        cut = [
            axis[first : first + (len(axis) - first) // size * size]
            for axis, first, size in zip(places, firsts, sizes, strict=True)
        ]
    else:
        more = [
            (-first % size, (first - len(axis)) % size)
            for axis, (size, first) in zip(places, blocks, strict=True)
        ]
        widths = [(0, 0)] * (values.ndim - 2) + more
        values = np.pad(values, widths, constant_values=np.nan) if np.any(more) else values
        cut = [
            np.pad(axis, added, constant_values=np.nan)
            for axis, added in zip(places, more, strict=True)
        ]
    y, x = (np.nanmean(a.reshape(-1, size), axis=1) for a, size in zip(cut, sizes, strict=True))
    return block_mean(values, (sizes[0], sizes[1])), native._replace(y=y, x=x)


def _block(axis: Floats, wanted: float, wraps: bool, name: str) -> tuple[int, int]:
    """Return how many pixels of an axis a block has, and where the first whole one begins.

    Parameters
    ----------
    wanted
        Pixels of a cell.

    Raises
    ------
    SceneError
        E030 if the blocks that divide an axis that wraps are shorter than half a cell.
    """
    size = len(axis)
    block = min(int(wanted * (1 + 1e-9)), size // 2)
    if block < 2 or not _regular(axis):
        return 1, 0
    if not wraps:
        spacing = (axis[-1] - axis[0]) / (size - 1)
        return block, -int(np.floor(axis[0] / spacing + 1e-3)) % block
    fitting = max(by for by in range(1, block + 1) if size % by == 0)
    if 2 * fitting <= block:
        raise SceneError(
            "E030",
            f"{name}: {size} pixels that go around have no equal blocks of about {wanted:.3g}, a "
            "cell of sampling.resolution: choose another resolution, or sampling.method: area",
        )
    return fitting, 0


def _places(native: _Native, grid: GeoBox, method: Method, keep: bool) -> Gather | Overlaps:
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


def _held(native: _Native, rows: Floats, cols: Floats) -> tuple[Floats, Floats]:
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


def _positions(native: _Native, grid: GeoBox) -> tuple[Floats, Floats]:
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


def _coordinates(native: _Native, grid: GeoBox) -> tuple[Floats, Floats]:
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


def _regular(axis: Floats) -> bool:
    step = (axis[-1] - axis[0]) / (len(axis) - 1)
    return bool(np.abs(axis - (axis[0] + step * np.arange(len(axis)))).max() <= 1e-3 * abs(step))


def _along(values: Floats, axis: Floats) -> Floats:
    """Return positions along an axis whose coordinates need not be evenly spaced."""
    if _regular(axis):
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
