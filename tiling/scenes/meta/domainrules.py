"""What can be told of a domain and its tiles before any file is read: whether they fit."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiling.scenes.meta.model import Domain, Interval

__all__ = [
    "all_have_neighbours",
    "cells",
    "largest_tile",
    "margin_in_force",
    "neighbours_fit",
    "satellite_longitudes",
    "unseen",
]

# Earth (GRS80) and height of the satellite as the files' projection has them, metres
_EQUATOR, _POLE, _DISTANCE = 6378137.0, 6356752.31414, 35786023.0 + 6378137.0
_PERIMETER = 65  # points along a side

_POSITIONS = {
    "goes16": ((-89.5, "", "2017-12-11"), (-75.0, "2017-12-11", "2025-04-07"),
               (-104.7, "2025-04-07", "")),
    "goes17": ((-89.5, "", "2018-11-13"), (-137.0, "2018-11-13", "2023-01-10"),
               (-104.7, "2023-01-10", ""), (-89.5, "2025-06-04", "")),
    "goes18": ((-89.5, "", "2022-06-06"), (-137.0, "2022-06-06", "")),
    "goes19": ((-89.5, "", "2025-04-01"), (-75.0, "2025-04-01", "")),
}  # fmt: skip
"""Longitude that each satellite is taken to look from, since when and until when.

Images are mapped to -75.0 (East), -137.0 (West) or -89.5 (checkout) wherever in its slot a
satellite is: 75.2 W, 137.2 W, for a while 75.5 W and 136.8 W. Files say which; this is for a first
look. Sources: GOES-R ground system, README of the fixed grids (East, Test, West); the moves:
NOAA OSPO message of 26 September 2018 (17: 24 October to 13 November 2018) and plan of October 2017
(16: 30 November to 11 December 2017), www.goes-r.gov/users/transitionToOperations18.html
(18: on 6 June 2022) and, as usradioguy.com reports NOAA's plans, the swaps of 17 (from 10 January
2023 to 104.7 W) and of 16 and 19 (April 2025). 17 was to go on to 89.5 W when 16 had come to
storage; whether it has is not known here, so both are possible.
"""
_MOVES = np.timedelta64(30, "D")  # dates of moves are not taken at their word


def cells(length: float, resolution: float) -> tuple[int, bool]:
    """Return how many cells a side has, and whether it is a multiple of them."""
    exact = length / resolution
    return round(exact), abs(exact - round(exact)) < 1e-6 * max(1, exact)


def margin_in_force(shape: Sequence[float], tile: float, margin: float) -> float:
    """Return the margin, or one half where the domain is too narrow for it (W033).

    Parameters
    ----------
    shape
        Sides of the domain, in the unit of `tile`.
    """
    return margin if min(shape) >= 2 * margin * tile * (1 - 1e-12) else 0.5


def neighbours_fit(shape: Sequence[float], tile: float, margin: float, scaling: float) -> bool:
    """Tell whether any anchor can have a neighbour: its tile anywhere inside the domain."""
    inner = margin_in_force(shape, tile, margin) + 0.5
    rooms = [max(0.0, side / tile - inner) for side in shape]
    return math.hypot(*rooms) >= scaling * (1 - 1e-12)


def all_have_neighbours(shape: Sequence[float], tile: float, scaling: float) -> bool:
    """Tell whether the anchor in the centre can have a neighbour, then all can."""
    return math.hypot(*((side / tile - 1) / 2 for side in shape)) >= scaling * (1 - 1e-12)


def largest_tile(shape: Sequence[int], margin: float, scaling: float) -> int:
    """Return the largest size of a tile that leaves room for a neighbour; 0 if none does."""

    def refused(size: int) -> bool:
        return not neighbours_fit(shape, size, margin, scaling)

    found = 0
    ends = (1, math.floor(min(shape) / (2 * margin)) + 1, min(shape) + 1)  # margin, then one half
    for first, last in pairwise(ends):
        sizes = range(first, last)
        fitting = bisect.bisect_left(sizes, True, key=refused)  # larger ones never fit better
        found = sizes[fitting - 1] if fitting else found
    return found


def satellite_longitudes(source: str, intervals: Sequence[Interval]) -> tuple[float, ...]:
    """Return where a satellite stood, or may have stood, in any of the intervals, or ever."""
    return tuple(
        longitude
        for longitude, since, until in _POSITIONS[source]
        if not intervals
        or any(
            each.end >= np.datetime64(since or "1678-01-01", "ns") - _MOVES
            and each.start <= np.datetime64(until or "2262-01-01", "ns") + _MOVES
            for each in intervals
        )
    )


def unseen(domain: Domain, satellite: float) -> float:
    """Return the share of a rectangle's perimeter that a satellite over a longitude cannot see."""
    import pyproj

    if domain.zonal is None or domain.meridional is None:
        return 0.0
    x, y = domain.zonal / 2, domain.meridional / 2
    along = np.linspace(-1, 1, _PERIMETER)
    xs = np.concatenate([along * x, along * x, np.full(_PERIMETER, -x), np.full(_PERIMETER, x)])
    ys = np.concatenate([np.full(_PERIMETER, -y), np.full(_PERIMETER, y), along * y, along * y])
    plane = pyproj.Proj(proj="laea", lat_0=domain.latitude, lon_0=domain.longitude, ellps="WGS84")
    longitudes, latitudes = plane(xs, ys, inverse=True)  # infinite beyond the antipodes
    return float(np.mean(~_visible(longitudes, latitudes, satellite)))


def _visible(longitude: ArrayLike, latitude: ArrayLike, satellite: float) -> NDArray[np.bool_]:
    """Tell from which points (degrees) a satellite above the equator is above the horizon."""
    with np.errstate(invalid="ignore"):
        east = np.radians(np.asarray(longitude, float) - satellite)
        flattening = (_POLE / _EQUATOR) ** 2
        geocentric = np.arctan(flattening * np.tan(np.radians(np.asarray(latitude, float))))
        radius = _POLE / np.sqrt(1 - (1 - flattening) * np.cos(geocentric) ** 2)
        sx = _DISTANCE - radius * np.cos(geocentric) * np.cos(east)
        sy = -radius * np.cos(geocentric) * np.sin(east)
        sz = radius * np.sin(geocentric)
        # the satellite is above the plane that touches the ellipsoid at the point
        seen: NDArray[np.bool_] = sx * (_DISTANCE - sx) >= sy**2 + sz**2 / flattening
        return seen & np.isfinite(east)
