"""The simulated strip: which time and range a pixel has, and so which place it sees.

One strip of the orbit is cut into images that overlap. As in real products the time of a line is
left half of the travel time short of zero Doppler, except at a reference range, and pixels lie on
ground ranges that one polynomial for each second turns into slant ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.geometry.orbits import LIGHT, earth_fixed_points
from tiling.sentinel1.geometry.slantranges import RangeMode
from tiling.sentinel1.sample.directplaces import places_at_heights, places_on_ground
from tiling.sentinel1.sample.landscape import CENTRE, ellipsoidal_heights
from tiling.sentinel1.sample.simulatedorbits import SimulatedOrbit, orbit_abeam

__all__ = [
    "CYCLE",
    "FULL",
    "INTERVAL",
    "SMALL",
    "SPACING",
    "START",
    "Frame",
    "Strip",
    "StripPolynomials",
]

Floats = npt.NDArray[np.float64]

INTERVAL = 0.001_496_5
"""Seconds between lines; an even number of lines is a whole number of microseconds."""

SPACING = 10.0
"""Metres of a pixel, across and along."""

MIDDLE_RANGE = 880_000.0
"""Slant range of the island, m; its incidence is 39 degrees."""

START = np.datetime64("2023-06-12T05:20:13.250000", "us")
"""Of the first pass."""

CYCLE = np.timedelta64(12, "D")
"""After which a pass is repeated exactly."""

DEGREE = 8  # of the polynomials of ground range
EVERY = 400  # lines between two of them: 0.6 s
_NODES = 400  # at which they are fitted


@dataclass(frozen=True)
class Frame:
    """One image of a strip.

    Attributes
    ----------
    first
        Its first line in the strip.
    lines, samples
        Its shape.
    number
        Of the slice, from 1.
    """

    first: int
    lines: int
    samples: int
    number: int


@dataclass(frozen=True, eq=False)
class StripPolynomials:
    """Slant range from ground range and back.

    Attributes
    ----------
    times
        (k,) seconds from the first line of the strip.
    to_slant, to_ground
        (k, 9), the constant first; the second of the range beyond that of the first pixel.
    heights
        (k,) mean height of the ground that each was made for, m.
    """

    times: Floats
    to_slant: Floats
    to_ground: Floats
    heights: Floats


@dataclass(frozen=True)
class Strip:
    """What one pass sees.

    Attributes
    ----------
    lines, samples, overlap, images
        Of each image; lines that two of them share; how many there are. Lines and shared lines are
        multiples of `EVERY`, and one more.
    near_range
        Slant range of the first pixel, m.
    start
        Zero-Doppler time of the first line, UTC, to the microsecond.
    mode
        Which polynomial of ground range holds between the times of two.
    """

    lines: int
    samples: int
    overlap: int
    images: int
    near_range: float
    start: np.datetime64 = START
    mode: RangeMode = "linear"

    @property
    def length(self) -> int:
        """Lines of the strip."""
        return self.images * self.lines - (self.images - 1) * self.overlap

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The images, in time order."""
        step = self.lines - self.overlap
        return tuple(Frame(n * step, self.lines, self.samples, n + 1) for n in range(self.images))

    @cached_property
    def orbit(self) -> SimulatedOrbit:
        """Has the island abeam in the middle of the strip."""
        return orbit_abeam(*CENTRE, MIDDLE_RANGE)

    @property
    def reference(self) -> float:
        """Two-way travel time at which a line has the time of zero Doppler, s."""
        return 2 * (MIDDLE_RANGE - 2_000.0) / LIGHT

    def time(self, line: float) -> np.datetime64:
        """Return the time that is annotated of a line, UTC, to the microsecond."""
        return self.start + np.timedelta64(round(line * INTERVAL * 1e6), "us")

    def platform(self, seconds: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return positions and velocities at seconds from the first line."""
        return self.orbit.at(np.asarray(seconds) - self.length * INTERVAL / 2)

    @property
    def grid_step(self) -> int:
        """Lines between two rows of the geolocation grid, at most fifteen to an image.

        As in real products each row lies where a polynomial of ground range holds, so the grid does
        not tell what holds between them.
        """
        parts = (self.lines - 1) // EVERY
        return next(n for n in range(1, parts + 1) if parts % n == 0 and parts // n < 15) * EVERY

    @cached_property
    def polynomials(self) -> StripPolynomials:
        """Those of ground range, from before the strip until after it."""
        nodes = np.arange(-3, -(-self.length // EVERY) + 4) * EVERY
        times = np.asarray(nodes * INTERVAL, np.float64)
        return StripPolynomials(
            times, *(np.array(each) for each in zip(*map(self._fitted, times), strict=True))
        )

    def seen(self, lines: Floats, pixels: Floats) -> tuple[Floats, Floats]:
        """Return zero-Doppler times, s from the first line, and slant ranges, m, of (n,) pixels."""
        times = lines * INTERVAL
        ranges = self._ranges(times, pixels)
        for _ in range(4):
            times = lines * INTERVAL + (2 * ranges / LIGHT - self.reference) / 2
            ranges = self._ranges(times, pixels)
        return times, ranges

    def places(self, lines: Floats, pixels: Floats) -> tuple[Floats, Floats, Floats]:
        """Return longitudes, latitudes and heights above the ellipsoid of the ground in pixels."""
        times, ranges = self.seen(lines, pixels)
        return places_on_ground(*self.platform(times), ranges, CENTRE, ellipsoidal_heights)

    def incidences(self, lines: Floats, pixels: Floats, heights: npt.ArrayLike = 0.0) -> Floats:
        """Return incidence angles on the ellipsoid raised to heights, degrees."""
        times, ranges = self.seen(lines, pixels)
        positions, velocities = self.platform(times)
        lon, lat = places_at_heights(positions, velocities, ranges, CENTRE, heights)
        up = _upwards(lon, lat)
        sight = (positions - earth_fixed_points(lon, lat, heights)) / ranges[:, None]
        return np.asarray(np.degrees(np.arccos(np.einsum("ij,ij->i", up, sight))))

    def elevations(self, lines: Floats, pixels: Floats, incidences: Floats) -> Floats:
        """Return angles from the nadir at the platform, degrees, by those at the ground.

        The sines are as the distances from the centre of the Earth, by which the normal at the
        ground is a little wrong: up to 0.1 degrees.
        """
        times, ranges = self.seen(lines, pixels)
        platform = np.linalg.norm(self.platform(times)[0], axis=1)
        angle = np.radians(incidences)
        inner = np.sqrt(platform**2 - (ranges * np.sin(angle)) ** 2) - ranges * np.cos(angle)
        return np.asarray(np.degrees(np.arcsin(np.sin(angle) * inner / platform)))

    def _fitted(self, time: float) -> tuple[Floats, Floats, float]:
        """Fit both polynomials at a time, along the mean height of the ground."""
        reach = 0.76 * (self.samples + 80) * SPACING
        slant = np.linspace(self.near_range - 600, self.near_range + reach, _NODES)
        positions, velocities = (np.tile(each, (_NODES, 1)) for each in self.platform(time))
        level = places_at_heights(positions, velocities, slant, CENTRE, 0.0)
        height = float(ellipsoidal_heights(*level).mean())
        lon, lat = places_at_heights(positions, velocities, slant, CENTRE, height)
        steps = np.linalg.norm(np.diff(earth_fixed_points(lon, lat, height), axis=0), axis=1)
        ground = np.append(0, np.cumsum(steps))
        ground -= np.interp(self.near_range, slant, ground)
        back = _polynomial(slant - self.near_range, ground)
        ground -= back[0]
        back[0] = 0.0
        return _polynomial(ground, slant), back, height

    def _ranges(self, times: Floats, pixels: Floats) -> Floats:
        """Return slant ranges by the polynomials at (n,) times."""
        known = self.polynomials
        after = np.clip(np.searchsorted(known.times, times), 1, len(known.times) - 1)
        share = (times - known.times[after - 1]) / (EVERY * INTERVAL)
        if self.mode == "nearest":
            share = np.where(share > 0.5, 1.0, 0.0)
        before = _values(known.to_slant[after - 1], pixels * SPACING)
        return before + share * (_values(known.to_slant[after], pixels * SPACING) - before)


def _polynomial(at: Floats, values: Floats) -> Floats:
    fitted = np.polynomial.Polynomial.fit(at, values, DEGREE)
    return np.asarray(fitted.convert().coef, np.float64)


def _values(coefficients: Floats, at: Floats) -> Floats:
    """Evaluate the polynomial of each row at its place."""
    total = np.zeros(len(at))
    for k in range(coefficients.shape[1] - 1, -1, -1):
        total = total * at + coefficients[:, k]
    return total


def _upwards(longitudes: Floats, latitudes: Floats) -> Floats:
    lon, lat = np.radians(longitudes), np.radians(latitudes)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


SMALL = Strip(1_601, 2_400, 401, 2, MIDDLE_RANGE - 7_600)
"""Two images of 16 by 24 km."""

FULL = Strip(16_801, 26_100, 0, 1, 799_340.0)
"""One image of the size of a real one."""
