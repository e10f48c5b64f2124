"""What the imager sees: places of its pixels, the height of the sun, and radiances of clouds.

Places are found from the pixels by PROJ, the way back from what the reader of such files solves.
Clouds lie on the ellipsoid, where a reader puts them; nothing is shifted by its height.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tiling.scenes.sample.bands import Band
from workbench.errors import BadInput

__all__ = ["DISK", "HEIGHT", "STEP", "View", "plane", "radiances", "sun", "view"]

Floats = npt.NDArray[np.float64]

STEP = 56e-6  # rad, of the pixels of 2 km
DISK = 5_424  # such pixels along a side of the full disk
HEIGHT = 35_786_023.0  # m, of the satellite
SEA = {1: 0.115, 2: 0.055, 3: 0.03}  # reflectance at the top of a clear air
CLOUD = {1: 0.84, 2: 0.86, 3: 0.85}
WARM, LAPSE = 297.5, 6.5e-3  # K of the sea, K a metre


def plane(latitude: float, longitude: float) -> str:
    """Return the projection of the plane that touches the Earth at a place, for PROJ."""
    return f"+proj=laea +lat_0={latitude!r} +lon_0={longitude!r} +datum=WGS84 +units=m +no_defs"


@dataclass(frozen=True)
class View:
    """A part of a full disk, in whole pixels."""

    top: int
    left: int
    rows: int
    cols: int
    subpoint: float
    """Longitude below the satellite, degrees."""
    step: float = STEP
    """Radians from pixel to pixel."""
    disk: int = DISK
    """Pixels along a side of the full disk."""

    def axis(self, name: str, sharp: int = 1) -> tuple[float, float, int]:
        """Return angle of the first pixel along ``y`` or ``x``, step and number of pixels.

        `sharp` is how many pixels there are along a side of one.
        """
        first, count = (self.top, self.rows) if name == "y" else (self.left, self.cols)
        step = (-1 if name == "y" else 1) * self.step / sharp
        return step * (first * sharp - (self.disk * sharp - 1) / 2), step, count * sharp

    def places(self, sharp: int = 1) -> tuple[Floats, Floats]:
        """Return longitudes and latitudes of pixels, NaN beyond the limb."""
        (y0, dy, rows), (x0, dx, cols) = self.axis("y", sharp), self.axis("x", sharp)
        x, y = np.meshgrid(x0 + dx * np.arange(cols), y0 + dy * np.arange(rows))
        lon, lat = _imager(self.subpoint)(x * HEIGHT, y * HEIGHT, inverse=True)
        seen = np.isfinite(lon)  # PROJ has infinity there, of which no sine can be taken
        return np.where(seen, lon, np.nan), np.where(seen, lat, np.nan)


def _imager(subpoint: float) -> Any:
    from pyproj import Proj

    return Proj(proj="geos", h=HEIGHT, lon_0=subpoint, sweep="x", a=6_378_137.0, b=6_356_752.31414)


def view(
    latitude: float,
    longitude: float,
    side: float,
    subpoint: float,
    step: float = STEP,
    disk: int = DISK,
) -> View:
    """Return the part of a full disk that shows a square of the plane and 12 % of it around.

    Raises
    ------
    BadInput
        Where the satellite does not see all of it.
    """
    from pyproj import Proj

    edge = np.linspace(-0.62, 0.62, 65) * side
    low, high = np.full(65, edge[0]), np.full(65, edge[-1])
    x, y = np.concatenate([edge, edge, low, high]), np.concatenate([low, high, edge, edge])
    places = Proj(plane(latitude, longitude))(x, y, inverse=True)
    across, up = np.array(_imager(subpoint)(*places)) / (HEIGHT * step)
    if not (np.isfinite(across).all() and np.isfinite(up).all()):
        raise BadInput(
            f"a square of {side / 1000:g} km at {latitude:g}, {longitude:g} is not wholly seen "
            f"from above {subpoint:g} degrees: move it closer to that, or make it smaller"
        )
    spans = ((disk - 1) / 2 - up, (disk - 1) / 2 + across)
    top, left = (int(np.floor(each.min())) - 6 for each in spans)
    down, right = (int(np.ceil(each.max())) + 7 for each in spans)
    return View(top, left, down - top, right - left, subpoint, step, disk)


def sun(time: np.datetime64, lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[Floats, float]:
    """Return the cosine of the angle of the sun from overhead, and its distance.

    Low-precision formulas of the Astronomical Almanac, 0.01 degrees.

    Parameters
    ----------
    time
        UTC.
    lon, lat
        Degrees.

    Returns
    -------
    cosines, distance
        Of the shape of `lon`, and in astronomical units.
    """
    days = float((time - np.datetime64("2000-01-01T12:00")) / np.timedelta64(1, "s")) / 86_400
    mean, anomaly = 280.460 + 0.9856474 * days, np.radians(357.528 + 0.9856003 * days)
    ecliptic = np.radians(mean + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    tilt = np.radians(23.439 - 4e-7 * days)
    right = np.arctan2(np.cos(tilt) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(tilt) * np.sin(ecliptic))
    hour = np.radians((18.697374558 + 24.06570982441908 * days) * 15 + np.asarray(lon)) - right
    phi = np.radians(np.asarray(lat, np.float64))
    cosines = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour)
    return cosines, float(1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly))


def radiances(
    band: Band,
    cover: npt.NDArray[np.float32],
    tops: npt.NDArray[np.float32],
    cosines: Floats,
    distance: float,
) -> npt.NDArray[np.float32]:
    """Return what a band measures of clouds, in units of its files.

    Clear and cloudy parts of a pixel add up as radiances. Sunlight comes back as from a white,
    rough surface of that reflectance; heat as from a black body of the temperature of the tops.
    """
    if band.planck is None:
        bright = SEA[band.number] + (CLOUD[band.number] - SEA[band.number]) * cover
        return np.asarray(bright * np.maximum(cosines, 0) / band.kappa(distance), np.float32)
    warm, cold = band.emitted(np.array(WARM)), band.emitted(WARM - LAPSE * tops)
    return np.asarray(warm + (cold - warm) * cover, np.float32)
