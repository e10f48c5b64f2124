"""The simulated land: an island with hills, fields, a forest and a town, in an open sea.

Everything is a function of longitude and latitude. Backscatter is what a terrain-normalised image
(NORMLIM) shows: it depends on what grows there, not on the slope.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "AROUND",
    "BACKSCATTER",
    "CENTRE",
    "CLASSES",
    "FOREST",
    "backscatter",
    "ellipsoidal_heights",
    "heights",
    "kinds",
    "local_metres",
    "undulation",
]

Floats = npt.NDArray[np.float64]

CENTRE = (10.985, 41.01)
"""Longitude and latitude of the island; four cells of a height model meet on it."""

AROUND = 0.25
"""Degrees about the centre, beyond which there is only sea."""

CLASSES = ("sea", "forest", "grass", "wheat", "bare", "town", "rock")

BACKSCATTER = {
    "vv": (-17.0, -8.0, -12.0, -10.0, -13.5, -3.0, -9.5),
    "vh": (-27.0, -13.5, -18.5, -16.5, -23.0, -10.0, -17.0),
}
"""Normalised by the local incidence, dB, of each class."""

FOREST = (-6500.0, -4800.0, 2200.0, 2200.0)
"""A homogeneous forest in the plain: left, bottom, width and height in local metres."""

TOWN = (-4800.0, 3300.0, 600.0)  # east, north and radius
PARCEL = (420.0, 310.0)  # m
TILT = np.radians(17.0)  # of the parcels
TREE_LINE = 450.0  # m; above it is rock

# East, north, height and the two half widths (standard deviations) of hills, m.
_HILLS = (
    (2_600.0, 900.0, 1_050.0, 3_000.0, 3_600.0),
    (4_300.0, -4_200.0, 520.0, 2_300.0, 2_000.0),
    (1_100.0, 5_000.0, 430.0, 1_900.0, 2_300.0),
    (-2_500.0, -200.0, 130.0, 5_200.0, 6_000.0),
)
_DROWNED, _BEACH = 45.0, 30.0  # m taken from the hills, and how gently the land rises from the sea


def local_metres(longitudes: npt.ArrayLike, latitudes: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return metres east and north of the centre, on a plain cylinder."""
    east = (
        (np.asarray(longitudes, np.float64) - CENTRE[0]) * 111_320 * np.cos(np.radians(CENTRE[1]))
    )
    north = (np.asarray(latitudes, np.float64) - CENTRE[1]) * 111_050
    return east, north


def heights(longitudes: npt.ArrayLike, latitudes: npt.ArrayLike) -> Floats:
    """Return metres above the sea; 0 in the sea."""
    east, north = local_metres(longitudes, latitudes)
    land = np.full(np.shape(east), -_DROWNED)
    for x, y, height, wide, high in _HILLS:
        land += height * np.exp(-(((east - x) / wide) ** 2 + ((north - y) / high) ** 2) / 2)
    land = np.maximum(land, 0)
    return np.asarray(land**2 / (land + _BEACH))


def ellipsoidal_heights(longitudes: npt.ArrayLike, latitudes: npt.ArrayLike) -> Floats:
    """Return metres above the ellipsoid, of the land and of the sea."""
    return heights(longitudes, latitudes) + undulation(longitudes, latitudes)


def kinds(longitudes: npt.ArrayLike, latitudes: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return what covers the ground, as positions in `CLASSES`."""
    longitudes, latitudes = np.broadcast_arrays(longitudes, latitudes)
    found = np.zeros(longitudes.shape, np.uint8)
    near = np.abs(longitudes - CENTRE[0]) < AROUND
    near &= np.abs(latitudes - CENTRE[1]) < AROUND
    found[near] = _kinds(longitudes[near], latitudes[near])
    return found


def backscatter(covers: npt.NDArray[np.uint8], polarisation: str) -> npt.NDArray[np.float32]:
    """Return the linear backscatter of classes, normalised by the local incidence."""
    table = 10 ** (np.array(BACKSCATTER[polarisation]) / 10)
    return np.asarray(table.astype(np.float32)[covers])


def _kinds(longitudes: Floats, latitudes: Floats) -> npt.NDArray[np.uint8]:
    east, north = local_metres(longitudes, latitudes)
    above = heights(longitudes, latitudes)
    column = np.floor((east * np.cos(TILT) + north * np.sin(TILT)) / PARCEL[0]).astype(np.int64)
    row = np.floor((north * np.cos(TILT) - east * np.sin(TILT)) / PARCEL[1]).astype(np.int64)
    mixed = (column * 73_856_093) ^ (row * 19_349_663)
    found = (1 + (mixed ^ (mixed >> 7)) % 4).astype(np.uint8)  # forest, grass, wheat or bare
    found[_in_forest(east, north)] = CLASSES.index("forest")
    found[np.hypot(east - TOWN[0], north - TOWN[1]) < TOWN[2]] = CLASSES.index("town")
    found[above > TREE_LINE] = CLASSES.index("rock")
    found[above <= 0] = CLASSES.index("sea")
    return np.asarray(found)


def _in_forest(east: Floats, north: Floats) -> npt.NDArray[np.bool_]:
    left, bottom, width, height = FOREST
    across = (east >= left) & (east < left + width)
    return np.asarray(across & (north >= bottom) & (north < bottom + height))


# Fully normalised coefficients of the Earth's field to degree 4, C and S, less those of the normal
# field, in 1e-6. They give the broad shape of the real geoid, to about 20 m.
_FIELD = {
    (2, 2): (2.439, -1.400),
    (3, 0): (0.957, 0.0),
    (3, 1): (2.030, 0.249),
    (3, 2): (0.905, -0.619),
    (3, 3): (0.721, 1.414),
    (4, 0): (-0.250, 0.0),
    (4, 1): (-0.536, -0.473),
    (4, 2): (0.351, 0.663),
    (4, 3): (0.991, -0.201),
    (4, 4): (-0.188, 0.309),
}


def undulation(longitudes: npt.ArrayLike, latitudes: npt.ArrayLike) -> Floats:
    """Return how far the sea lies above the ellipsoid, metres: a smooth geoid of degree 4."""
    from scipy.special import lpmv

    around, sine = np.radians(longitudes), np.sin(np.radians(latitudes))
    total = np.zeros(np.broadcast(around, sine).shape)
    for (degree, order), (cosine_part, sine_part) in _FIELD.items():
        legendre = _norm(degree, order) * lpmv(order, degree, sine)
        wave = cosine_part * np.cos(order * around) + sine_part * np.sin(order * around)
        total += legendre * wave
    return np.asarray(6.3781 * total)


def _norm(degree: int, order: int) -> float:
    """Return the factor of full normalisation; it undoes the sign that lpmv gives to odd orders."""
    from math import factorial

    twice = 1 if order == 0 else 2
    ratio = factorial(degree - order) / factorial(degree + order)
    return float((-1) ** order * np.sqrt(twice * (2 * degree + 1) * ratio))
