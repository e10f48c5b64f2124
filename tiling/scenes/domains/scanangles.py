"""Where a geostationary imager sees a place: scan angles from longitude and latitude, and back.

Closed form on the ellipsoid of the file (GOES-R Product Definition and Users' Guide, volume 3,
5.1.2.8); nothing is assumed of the place of the satellite, which files say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tiling.scenes.errors import UnusableInput

__all__ = ["View", "ground", "scan_angles", "view_of"]

Floats = npt.NDArray[np.float64]

_BLOCK = 1 << 15  # points at a time: their intermediate values stay in the cache


@dataclass(frozen=True)
class View:
    """From where an imager looks, and how its mirrors turn."""

    longitude: float
    """Of the point below the satellite, degrees east."""
    height: float = 35786023.0
    """Above that point, metres."""
    semi_major: float = 6378137.0
    """Axes of the ellipsoid, metres (GRS 80)."""
    semi_minor: float = 6356752.31414
    sweep: Literal["x", "y"] = "x"
    """Axis of the outer mirror: x for ABI, y for SEVIRI (``sweep_angle_axis``)."""


def view_of(attrs: Mapping[str, Any], name: str) -> View:
    """Return the view that a CF grid mapping ``geostationary`` describes.

    Parameters
    ----------
    attrs
        Of the variable that is the grid mapping.
    name
        Of the file or field, for messages.

    Raises
    ------
    UnusableInput
        E061, if the longitude or the height is missing, or a number is not one.
    """
    try:
        sweep = str(attrs.get("sweep_angle_axis", "x"))
        if sweep not in ("x", "y"):
            raise ValueError(f"sweep_angle_axis is {sweep!r}")
        return View(
            longitude=_number(attrs["longitude_of_projection_origin"]),
            height=_number(attrs["perspective_point_height"]),
            semi_major=_number(attrs.get("semi_major_axis", View.semi_major)),
            semi_minor=_number(attrs.get("semi_minor_axis", View.semi_minor)),
            sweep="x" if sweep == "x" else "y",
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UnusableInput(
            "E061", f"{name}: its grid mapping says not from where it was seen ({reason})"
        ) from error


def scan_angles(lon: npt.ArrayLike, lat: npt.ArrayLike, view: View) -> tuple[Floats, Floats]:
    """Return the scan angles of places on the ellipsoid.

    Parameters
    ----------
    lon, lat
        Degrees, geodetic, of one shape; any number of full turns.

    Returns
    -------
    x, y : numpy.ndarray
        Radians, float64, x positive to the east and y to the north; NaN where a place lies
        behind the limb or is not finite.
    """
    lons, lats = np.broadcast_arrays(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
    x, y = np.empty(lons.shape), np.empty(lons.shape)
    flat = lons.reshape(-1), lats.reshape(-1), x.reshape(-1), y.reshape(-1)
    for first in range(0, lons.size, _BLOCK):
        part = slice(first, first + _BLOCK)
        flat[2][part], flat[3][part] = _angles(flat[0][part], flat[1][part], view)
    return x, y


def _angles(lon: Floats, lat: Floats, view: View) -> tuple[Floats, Floats]:
    a, b = view.semi_major, view.semi_minor
    distance = view.height + a  # from the centre of the Earth
    squared = (b / a) ** 2
    with np.errstate(invalid="ignore"):
        east = np.radians(lon - view.longitude)
        # tangent of the geocentric latitude; its cosine and sine follow without more trigonometry
        tangent = squared * np.tan(np.radians(lat))
        cosine = 1 / np.sqrt(1 + tangent * tangent)
        radius = b / np.sqrt(1 - (1 - squared) * cosine * cosine)
        across = radius * cosine
        s_x = distance - across * np.cos(east)
        s_y = -across * np.sin(east)
        s_z = across * tangent
        # the line of sight meets the surface from outside (the guide leaves out a small term here,
        # by which places up to 0.2 degrees behind the limb would count as visible)
        visible = distance * (distance - s_x) >= a * a
        length = np.sqrt(s_x * s_x + s_y * s_y + s_z * s_z)
        if view.sweep == "x":
            x, y = np.arcsin(-s_y / length), np.arctan(s_z / s_x)
        else:
            x, y = np.arctan(-s_y / s_x), np.arcsin(s_z / length)
    return np.where(visible, x, np.nan), np.where(visible, y, np.nan)


def ground(x: npt.ArrayLike, y: npt.ArrayLike, view: View) -> tuple[Floats, Floats]:
    """Return the places that scan angles look at.

    Parameters
    ----------
    x, y
        Radians, of shapes that broadcast.

    Returns
    -------
    lon, lat : numpy.ndarray
        Degrees, longitudes from -180 to 180; NaN where the view misses the Earth.
    """
    across, up = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
    a, b = view.semi_major, view.semi_minor
    distance = view.height + a
    # the unit vector of the view: towards the Earth, east, north
    if view.sweep == "x":
        east, north = np.sin(across), np.cos(across) * np.sin(up)
    else:
        east, north = np.sin(across) * np.cos(up), np.sin(up)
    forth = np.cos(across) * np.cos(up)
    stretch = (a / b) ** 2
    quadratic = forth * forth + east * east + stretch * north * north
    linear = distance * forth
    with np.errstate(invalid="ignore"):
        root = np.sqrt(linear * linear - quadratic * (distance * distance - a * a))
        reach = (linear - root) / quadratic  # metres to the nearer of the two points
        depth = distance - reach * forth
        lon = np.degrees(np.arctan2(reach * east, depth)) + view.longitude
        lat = np.degrees(np.arctan(stretch * reach * north / np.hypot(depth, reach * east)))
    return (lon + 180) % 360 - 180, lat


def _number(value: Any) -> float:
    number = float(np.asarray(value).reshape(-1)[0])
    if not np.isfinite(number):
        raise ValueError(f"{number} is not a number")
    return number
