"""The grid an image comes on, as its coordinates and CF grid mapping tell, and coarser ones.

Which pixels of an image lie where: scan angles of a geostationary imager, degrees, any other
projection, or a plain plane in metres.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from tiling.scenes.domains.scanangles import View, view_of
from tiling.scenes.errors import SceneError, UnusableInput
from workbench.errors import BadInput
from workbench.rasters.gathering import block_mean

__all__ = ["NativeGrid", "coarser", "is_regular", "native_grid", "pixel_size"]

Floats = npt.NDArray[np.float64]

METRES_PER_DEGREE = 111_195.0  # of latitude, on a sphere of 6,371 km


class NativeGrid(NamedTuple):
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
        """Return what tells this grid from others."""
        return self.kind, self.x.tobytes(), self.y.tobytes(), self.frame, self.wrap


def native_grid(image: xr.DataArray, periodic: bool) -> NativeGrid:
    """Find out on what grid an image lies.

    Parameters
    ----------
    image
        (..., y, x) with coordinates along both, and its CF grid mapping among the coordinates.
    periodic
        A plane goes on at its other end; degrees do where they go around the Earth.

    Raises
    ------
    workbench.errors.BadInput
        If it is no DataArray.
    UnusableInput
        E061 if it has no coordinates, less than two pixels a side, or a grid mapping that is
        missing or unusable.
    """
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
            return NativeGrid("degrees", x, y, None, (False, _goes_around(x)), name)
        return NativeGrid("plane", x, y, None, (periodic, periodic), name)
    if mapping not in image.coords:
        raise UnusableInput(
            "E061",
            f"{name}: its grid mapping {mapping!r} is missing: open the file with "
            f"decode_coords='all', or take it along by dataset.set_coords({mapping!r})",
        )
    attrs = image.coords[mapping].attrs
    kind = attrs.get("grid_mapping_name")
    if kind == "geostationary":
        return NativeGrid("geostationary", x, y, view_of(attrs, name), (False, False), name)
    if kind == "latitude_longitude":
        return NativeGrid("degrees", x, y, None, (False, _goes_around(x)), name)
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        crs = CRS.from_cf(attrs).to_wkt()
    except (CRSError, KeyError, ValueError) as error:
        raise UnusableInput("E061", f"{name}: unusable grid mapping {kind!r} ({error})") from error
    return NativeGrid("projected", x, y, crs, (False, False), name)


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


def pixel_size(native: NativeGrid) -> tuple[float, float]:
    """Return the height and width of a pixel, metres: below the satellite, or at the middle."""
    y, x = (abs(axis[-1] - axis[0]) / (len(axis) - 1) for axis in (native.y, native.x))
    if native.kind == "geostationary" and isinstance(native.frame, View):
        return y * native.frame.height, x * native.frame.height
    if native.kind == "degrees":
        middle = np.radians((native.y.min() + native.y.max()) / 2)
        return y * METRES_PER_DEGREE, x * METRES_PER_DEGREE * float(np.cos(middle))
    return float(y), float(x)


def coarser(values: Any, native: NativeGrid, resolution: float) -> tuple[Any, NativeGrid]:
    """Return means of blocks of pixels where cells are at least twice as long as pixels.

    Blocks begin at multiples of their size from the origin of the coordinates, so that they do not
    depend on the window that was read; those of a plane that wraps must divide it. Pixels at an end
    that fill no block are a smaller one, but of a satellite: its image goes on beyond a domain.
    """
    places = native.y, native.x
    blocks = [
        _block(axis, resolution / step, wraps, native.name)
        for axis, step, wraps in zip(places, pixel_size(native), native.wrap, strict=True)
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
    if block < 2 or not is_regular(axis):
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


def is_regular(axis: Floats) -> bool:
    """Return whether coordinates are evenly spaced, to a thousandth of a pixel."""
    step = (axis[-1] - axis[0]) / (len(axis) - 1)
    return bool(np.abs(axis - (axis[0] + step * np.arange(len(axis)))).max() <= 1e-3 * abs(step))
