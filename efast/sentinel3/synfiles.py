"""One SYN product of level 2: reflectance over the grid, and where it can be used.

Bands come from ``Syn_OaNN_reflectance.nc`` (variable ``SDR_OaNN``), flags from ``flags.nc``, angles
from ``tiepoints_olci.nc``. Source: Product Data Format Specification, SYNERGY (S3IPF.PDS.006),
tables 19 (SYN_flags) and 23 (CLOUD_flags), for the bits that count where a file does not name its
own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from efast.cells.binning import Bounds, unwrapped
from efast.errors import BadFile
from efast.sentinel3.packedfiles import opened, packed, unpacked, variable
from efast.sentinel3.swathwindows import Swath, locate
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    import netCDF4
    from odc.geo.geobox import GeoBox

__all__ = ["CLOUD_BITS", "SYN_BITS", "Choice", "Pixels", "read_product"]

FLAGS, TIEPOINTS = "flags.nc", "tiepoints_olci.nc"

CLOUD_BITS = {"CLOUD": 1, "CLOUD_AMBIGUOUS": 2, "CLOUD_MARGIN": 4, "SNOW_ICE": 8}
SYN_BITS = {"SYN_land": 16}

FARTHEST_TIE_DEG = 0.1
"""Between pixels and tie points; relief moves pixels at the edge of a swath by up to 0.05."""

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class Choice(NamedTuple):
    """Which pixels are used.

    Attributes
    ----------
    land
        Only those flagged as land.
    snow
        Also those flagged as snow or ice.
    max_view_zenith
        Only those seen at this angle or less, degrees; None for all.
    """

    land: bool = True
    snow: bool = True
    max_view_zenith: float | None = None


class Pixels(NamedTuple):
    """The part of a product that is over the grid.

    Attributes
    ----------
    lat, lon
        (rows, columns) degrees, NaN where missing.
    values
        (band, rows, columns) float32 reflectance, NaN where it is fill or outside the valid range.
    usable
        (rows, columns) bool: neither cloud nor what `Choice` leaves out.
    """

    lat: Floats
    lon: Floats
    values: npt.NDArray[np.float32]
    usable: Bools


def read_product(
    folder: str | Path,
    grid: GeoBox,
    bands: Sequence[str],
    choice: Choice = Choice(),  # noqa: B008
) -> tuple[Pixels | None, Bounds]:
    """Read the part of a product that can touch a grid.

    Parameters
    ----------
    folder
        The product.
    grid
        In any CRS.
    bands
        Such as ``"Oa04"``.
    choice
        Which pixels are used; clouds, ambiguous ones and their margins never are.

    Returns
    -------
    pixels : Pixels or None
        None where no part of it is near the grid.
    bounds : Bounds
        Of the whole product, about.

    Raises
    ------
    BadFile
        If a file or a variable is missing, cannot be read, or has another shape than the
        geolocation; the path is named.
    """
    folder = Path(folder)
    swath, bounds = locate(folder, grid)
    if swath is None:
        return None, bounds
    usable = _usable(folder, swath, choice)
    if choice.max_view_zenith is not None:
        with np.errstate(invalid="ignore"):
            usable &= _view_zenith(folder, swath) <= choice.max_view_zenith
    values = np.empty((len(bands), *swath.window.shape), np.float32)
    for plane, band in zip(values, bands, strict=True):
        path = folder / f"Syn_{band}_reflectance.nc"
        with opened(path) as file:
            found = variable(path, file, f"SDR_{band}", swath.shape)
            plane[...] = unpacked(path, found, packed(found, swath.window))
    return Pixels(swath.lat, swath.lon, values, usable), bounds


def _usable(folder: Path, swath: Swath, choice: Choice) -> Bools:
    path = folder / FLAGS
    hiding = ["CLOUD", "CLOUD_AMBIGUOUS", "CLOUD_MARGIN"] + ([] if choice.snow else ["SNOW_ICE"])
    with opened(path) as file:
        cloud = variable(path, file, "CLOUD_flags", swath.shape)
        usable = ~_flagged(path, cloud, swath.window, hiding, CLOUD_BITS)
        if choice.land:
            syn = variable(path, file, "SYN_flags", swath.shape)
            usable &= _flagged(path, syn, swath.window, ["SYN_land"], SYN_BITS)
    return usable


def _flagged(
    path: Path,
    found: netCDF4.Variable[Any],
    window: Window,
    names: Sequence[str],
    fallback: Mapping[str, int],
) -> Bools:
    """Tell where any of these flags is set."""
    if found.dtype.kind == "f":
        raise BadFile(f"{path}: {found.name} is {found.dtype}, expected whole numbers")
    bits = _bits(path, found, fallback)
    if missing := [name for name in names if not bits.get(name)]:
        raise BadFile(
            f"{path}: {found.name} has no flag {', '.join(missing)}; there is: {', '.join(bits)}"
        )
    mask = np.bitwise_or.reduce([bits[name] for name in names])
    flagged: Bools = packed(found, window).astype(np.int64) & int(mask) != 0
    return flagged


def _bits(path: Path, found: netCDF4.Variable[Any], fallback: Mapping[str, int]) -> dict[str, int]:
    """Return the bits of a variable by name, as its attributes say, else those of the format."""
    there = set(found.ncattrs()) & {"flag_meanings", "flag_masks"}
    if not there:
        return dict(fallback)
    names = str(found.getncattr("flag_meanings")).split() if "flag_meanings" in there else []
    masks = np.atleast_1d(found.getncattr("flag_masks")) if "flag_masks" in there else np.array([])
    if len(names) != len(masks) or masks.dtype.kind not in "iu":
        raise BadFile(
            f"{path}: {found.name} has {len(names)} flag_meanings and {len(masks)} flag_masks "
            f"({masks.dtype}): they name no bits"
        )
    return {name: int(mask) for name, mask in zip(names, masks, strict=True)}


def _view_zenith(folder: Path, swath: Swath) -> Floats:
    """Return the view zenith of the camera over the window, (rows, columns) degrees.

    Tie points stand at some columns of every row, in one list: column after column in the products
    of today. Which order it is is told by their places.
    """
    path = folder / TIEPOINTS
    with opened(path) as file:
        first = variable(path, file, "OLC_TP_lat")
        _check_ties(path, tuple(first.shape), swath.shape)
        lat, lon, angle = (
            unpacked(path, found, packed(found))
            for found in (
                variable(path, file, name, tuple(first.shape))
                for name in ("OLC_TP_lat", "OLC_TP_lon", "OLC_VZA")
            )
        )
    lon = unwrapped(lon, _any_longitude(swath))
    found = []
    for order in ("F", "C"):
        ties = [points.reshape((swath.shape[0], -1), order=order) for points in (lat, lon, angle)]
        there = [_to_pixels(points, swath) for points in ties]
        found.append((_apart(there[0], there[1], swath), there[2]))
    apart, zenith = min(found, key=lambda one: one[0])
    if not apart <= FARTHEST_TIE_DEG:
        raise BadFile(
            f"{path}: tie points are {apart:.3g} degrees from the pixels they should lie over, at "
            f"most {FARTHEST_TIE_DEG}"
        )
    return zenith


def _check_ties(path: Path, shape: tuple[int, ...], product: tuple[int, int]) -> None:
    """Check the number of tie points before they are read."""
    across = shape[0] // product[0] if len(shape) == 1 else 0
    if not 2 <= across <= product[1] or (across * product[0],) != shape:
        raise BadFile(
            f"{path}: OLC_TP_lat has shape {shape}, expected one list of 2 to {product[1]} tie "
            f"points for each row of a product of shape {product}"
        )


def _any_longitude(swath: Swath) -> float:
    known = swath.lon[np.isfinite(swath.lon)]
    return float(known[0]) if len(known) else 0.0


def _to_pixels(points: Floats, swath: Swath) -> Floats:
    """Interpolate (rows, ties) between the columns of tie points, over the window."""
    ties = points.shape[1]
    step = -(-(swath.shape[1] - 1) // (ties - 1))
    at = np.arange(*swath.window.cols) / step
    left = np.minimum(at.astype(np.intp), ties - 2)
    rows = points[slice(*swath.window.rows)]
    found: Floats = rows[:, left] + (at - left) * (rows[:, left + 1] - rows[:, left])
    return found


def _apart(lat: Floats, lon: Floats, swath: Swath) -> float:
    """Return the median distance between these places and the pixels, degrees of a great circle."""
    known = np.isfinite(lat + lon + swath.lat + swath.lon)
    if not known.any():
        return float("inf")
    east = unwrapped(lon - swath.lon, 0.0) * np.cos(np.radians(swath.lat))
    return float(np.median(np.hypot(east, lat - swath.lat)[known]))
