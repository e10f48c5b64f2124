"""Simulated ground that moves in known ways, seen by Sentinel-1 from several tracks.

The motion has no north part, so east and up are exactly what the products should give. Everything
random comes from a seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.dates import Days, to_names
from egms_io.formats.metadata import BurstMetadata
from egms_io.formats.names import BurstName
from egms_io.formats.pids import burst_code, point_pids
from egms_io.method.seriesmodels import fit, years_since_first
from egms_io.tiles import CRS

Floats = npt.NDArray[np.float64]

GNSS = (-0.7, -1.5)  # mm / yr, east and up velocity of the reference frame
STEP_DAY = np.datetime64("2021-06-16")
EPOCH = np.datetime64("2020-01-01")  # the motion is zero on this day
FACILITY = 1
_YEAR = np.timedelta64(365, "D")


@dataclass(frozen=True)
class Track:
    """One burst's view of the ground: from where, on which days.

    Attributes
    ----------
    name
        The burst.
    track_angle
        Heading of the satellite, degrees from north.
    incidence
        Degrees at the near and far edge of the swath.
    days
        Acquisition dates.
    """

    name: BurstName
    track_angle: float
    incidence: tuple[float, float]
    days: Days

    @property
    def dates(self) -> list[str]:
        """Acquisition dates, ``YYYYMMDD``."""
        return to_names(self.days)

    @property
    def metadata(self) -> BurstMetadata:
        """The XML of the burst."""
        start = "0512" if np.cos(np.radians(self.track_angle)) < 0 else "1704"
        return BurstMetadata(
            product_level=self.name.level,
            track=self.name.track,
            burst=self.name.burst,
            swath=self.name.swath,
            facility=FACILITY,
            production_date="01/03/2025",
            dem_version="SIMULATED",
            gnss_version="2.0",
            images=tuple(
                f"S1A_IW_SLC__1SDV_{date}T{start}00_{date}T{start}27_{number:06d}_{number:06X}_SIMU"
                for number, date in enumerate(self.dates)
            ),
        )


@dataclass(frozen=True)
class Ground:
    """A rectangle of moving ground: west, south, east, north in m, EPSG:3035."""

    bounds: tuple[float, float, float, float]

    def motion(self, easting: Floats, northing: Floats, days: Days) -> tuple[Floats, Floats]:
        """Return the true east and up displacement, (days, n) mm each.

        Four places move: a subsiding bowl (linear, and inward), an aquifer (seasonal), a slope that
        slides faster every year, and a fault that steps once. All share the frame's velocity.
        """
        t = ((days - EPOCH) / _YEAR)[:, None]
        bowl, aquifer, slope, fault = (
            self._bump(easting, northing, *place)
            for place in ((0.25, 0.30), (0.75, 0.30), (0.25, 0.75), (0.75, 0.75))
        )
        inward = -(easting - self._at(0.25, 0.30)[0]) / self._radius * bowl
        stepped = (days >= STEP_DAY)[:, None]
        season = np.cos(2 * np.pi * (t - 0.2)) - np.cos(2 * np.pi * -0.2)
        slide = 3.0 * t + 2.0 * t**2
        east = GNSS[0] * t + 6.0 * t * inward + 0.8 * slide * slope + 14.0 * stepped * fault
        up = GNSS[1] * t - 15.0 * t * bowl + 7.0 * season * aquifer - 0.5 * slide * slope
        return east, up + 6.0 * stepped * fault

    def height(self, easting: Floats, northing: Floats) -> Floats:
        """Return the height above sea, (n,) m."""
        west, south, east, north = self.bounds
        x, y = (easting - west) / (east - west), (northing - south) / (north - south)
        return 120 + 80 * np.sin(3 * x) * np.cos(2 * y) + 40 * y

    def scatterers(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return easting and northing of `count` points: crowded in settlements, sparse between."""
        west, south, east, north = self.bounds
        towns = np.random.default_rng(12).uniform((west, south), (east, north), (12, 2))
        spread = 0.06 * (east - west)
        crowd = towns[rng.integers(12, size=count)] + rng.normal(0, spread, (count, 2))
        lone = rng.uniform((west, south), (east, north), (count, 2))
        x, y = np.where(rng.random((count, 1)) < 0.6, crowd, lone).T
        x = west + np.mod(x - west, east - west)
        y = south + np.mod(y - south, north - south)
        return np.round(x, 2), np.round(y, 2)

    @property
    def _radius(self) -> float:
        """Scale of the places that move, m."""
        return 0.13 * (self.bounds[2] - self.bounds[0])

    def _at(self, x: float, y: float) -> tuple[float, float]:
        west, south, east, north = self.bounds
        return west + x * (east - west), south + y * (north - south)

    def _bump(self, easting: Floats, northing: Floats, x: float, y: float) -> Floats:
        centre = self._at(x, y)
        away = np.hypot(easting - centre[0], northing - centre[1])
        return np.asarray(np.exp(-((away / self._radius) ** 2) / 2))


def observe(
    ground: Ground,
    track: Track,
    points: int,
    *,
    seed: int,
    noise_mm: float = 1.2,
    batch: int = 20_000,
) -> Iterator[tuple[dict[str, Any], Floats]]:
    """Simulate the points of one burst, in the columns of an L2b file.

    Parameters
    ----------
    points
        Number of points; they are sorted by line and pixel, as in real bursts.
    seed
        All that is random comes from it and the burst's name.
    noise_mm
        Standard deviation of a single value; a third of it is common to all points of a day.
    batch
        Points at a time.

    Yields
    ------
    Columns, (n,) each, and series, (n, acquisitions) mm along the line of sight, of at most `batch`
    points.
    """
    rng = np.random.default_rng([seed, track.name.track, track.name.burst, track.name.swath])
    easting, northing = ground.scatterers(points, rng)
    west, south, _, _ = ground.bounds
    line = 1000 + np.floor((northing - south) / 14).astype(np.int64)
    pixel = 4000 + np.floor((easting - west) / 2.3).astype(np.int64)
    # Two points never share a resolution cell: the second one is the one not seen.
    _, first = np.unique(line * 65536 + pixel, return_index=True)
    daily = rng.normal(0, noise_mm / 3, len(track.days))
    for begin in range(0, len(first), batch):
        chosen = first[begin : begin + batch]
        place = (easting[chosen], northing[chosen])
        yield _columns(ground, track, place, line[chosen], pixel[chosen], daily, noise_mm, rng)


def _columns(
    ground: Ground,
    track: Track,
    place: tuple[Floats, Floats],
    line: npt.NDArray[np.int64],
    pixel: npt.NDArray[np.int64],
    daily: Floats,
    noise_mm: float,
    rng: np.random.Generator,
) -> tuple[dict[str, Any], Floats]:
    from pyproj import Transformer

    easting, northing = place
    count = len(easting)
    los, incidence = _line_of_sight(ground, track, easting)
    east, up = ground.motion(easting, northing, track.days)
    roughness = rng.uniform(0.5, 1.5, count)
    noise = rng.normal(0, noise_mm, (len(track.days), count)) * roughness + daily[:, None]
    series = los[0] * east + los[2] * up + noise
    referred, statistics = fit(series, years_since_first(track.days))
    to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform(easting, northing)
    height = ground.height(easting, northing)
    code = burst_code(*track.name.identity)
    columns = {
        "pid": point_pids(FACILITY, code, line, pixel),
        "mp_type": np.where(rng.random(count) < 0.7, 0, rng.integers(200, 2000, count)),
        "latitude": latitude,
        "longitude": longitude,
        "easting": easting,
        "northing": northing,
        "height_ortho": height,
        "height_ellipse": height + 45.0,
        "line": line,
        "pixel": pixel,
        "temporal_coherence": np.exp(-((4 * np.pi * noise.std(axis=0) / 55.465760) ** 2) / 2),
        "amplitude_dispersion": 0.15 + 0.2 * roughness,
        "incidence_angle": incidence,
        "track_angle": np.full(count, track.track_angle),
        "los_east": los[0],
        "los_north": los[1],
        "los_up": los[2],
        "gnss_velocity": los[0] * GNSS[0] + los[2] * GNSS[1],
        **statistics,
    }
    return columns, np.ascontiguousarray(referred.T)


def _line_of_sight(ground: Ground, track: Track, easting: Floats) -> tuple[Floats, Floats]:
    """Return the unit vector from ground to satellite, (3, n) to three decimals, and incidence."""
    west, _, east, _ = ground.bounds
    near, far = track.incidence
    across = (easting - west) / (east - west)
    heading = np.radians(track.track_angle)
    if np.cos(heading) < 0:  # descending: the satellite looks west, so the east is near
        across = 1 - across
    incidence = near + (far - near) * across
    theta = np.radians(incidence)
    los = np.array(
        [-np.sin(theta) * np.cos(heading), np.sin(theta) * np.sin(heading), np.cos(theta)]
    )
    return np.round(los, 3), incidence
