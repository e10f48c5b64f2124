"""Where the sun stands, and what its height makes of a reflectance.

Position: low-precision formulas of the Astronomical Almanac, good to 0.01 degrees.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["NIGHT", "STEEPEST", "cosine_of_zenith", "direction", "factor"]

Floats = npt.NDArray[np.float64]

STEEPEST = 88.0
"""Zenith angle (degrees) to which reflectances are divided by its cosine."""
NIGHT = 95.0
"""Zenith angle (degrees) from which on there is no reflectance."""

_J2000 = np.datetime64("2000-01-01T12:00", "ns")


def direction(time: np.datetime64, longitude: float = 0.0) -> Floats:
    """Return the unit vector from the centre of the Earth to the sun.

    Parameters
    ----------
    time
        UTC.
    longitude
        Degrees east: of the meridian in which the first axis lies.

    Returns
    -------
    numpy.ndarray
        (3,): on the equator at `longitude`, 90 degrees east of it, and north.
    """
    days = float((time.astype("datetime64[ns]") - _J2000) / np.timedelta64(1, "ns")) / 86400e9
    anomaly = np.radians(357.528 + 0.9856003 * days)
    mean = 280.460 + 0.9856474 * days
    ecliptic = np.radians(mean + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    tilt = np.radians(23.439 - 4e-7 * days)
    ascension = np.arctan2(np.cos(tilt) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(tilt) * np.sin(ecliptic))
    sidereal = 15 * (18.697374558 + 24.06570982441908 * days)
    east = ascension - np.radians((sidereal + longitude) % 360)
    across = np.cos(declination)
    return np.array([across * np.cos(east), across * np.sin(east), np.sin(declination)])


def cosine_of_zenith(time: np.datetime64, lon: npt.ArrayLike, lat: npt.ArrayLike) -> Floats:
    """Return the cosine of the sun's zenith angle at places (degrees); negative at night."""
    sun = direction(time)
    east, north = np.radians(np.asarray(lon, float)), np.radians(np.asarray(lat, float))
    flat = sun[0] * np.cos(east) + sun[1] * np.sin(east)
    return np.asarray(flat * np.cos(north) + sun[2] * np.sin(north))


def factor(cosine: npt.ArrayLike) -> Floats:
    """Return what a reflectance factor is multiplied by.

    Parameters
    ----------
    cosine
        Of the sun's zenith angle.

    Returns
    -------
    numpy.ndarray
        1 / cosine up to `STEEPEST`, then less and less, 0 at `NIGHT`; NaN beyond.
    """
    mu = np.asarray(cosine, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        zenith = np.degrees(np.arccos(np.clip(mu, -1, 1)))
        low = 1 - np.log2(1 + (zenith - STEEPEST) / (NIGHT - STEEPEST))
        faded = np.maximum(low, 0) / np.cos(np.radians(STEEPEST))
        by_sun = np.where(zenith <= STEEPEST, 1 / mu, faded)
    return np.where(zenith <= NIGHT, by_sun, np.nan)
