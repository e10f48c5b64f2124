"""The digital numbers of the simulated strip, some lines at a time.

Power is what the land scatters back through its slope, plus the thermal noise; both carry the same
speckle, and targets come on top. Numbers follow from the line in the strip alone, so two images
agree where they overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.geometry.orbits import earth_fixed_points
from tiling.sentinel1.sample.instrument import BETA, LOOKS, azimuth_noise, range_noise, swaths
from tiling.sentinel1.sample.landscape import backscatter, kinds
from tiling.sentinel1.sample.strips import Frame, Strip
from tiling.sentinel1.sample.targets import Target, add_targets

__all__ = ["BLANK_LINES", "BLANK_PIXELS", "Scene"]

Floats = npt.NDArray[np.float64]

BLANK_LINES, BLANK_PIXELS = 12, 60
"""Lines at both ends of an image, and pixels at both sides, that hold no data."""

BLOCK = 256
"""Lines that are made at a time; their random numbers begin with them."""

SEED = 1
_CHANNELS = ("vv", "vh")


@dataclass(frozen=True)
class Scene:
    """What a strip sees.

    Attributes
    ----------
    strip, targets
        The geometry and the spots.
    step
        Pixels between nodes of the lattice on which the ground is solved.
    """

    strip: Strip
    targets: tuple[Target, ...]
    step: int = 16

    def numbers(self, frame: Frame, polarisation: str) -> Iterator[npt.NDArray[np.uint16]]:
        """Yield the lines of an image, some at a time, uint16, 0 where there is no data."""
        last = frame.first + frame.lines
        for block in range(frame.first // BLOCK, -(-last // BLOCK)):
            found = self._block(block, polarisation)
            top = block * BLOCK
            at = np.arange(top, top + len(found)) - frame.first
            found[(at < BLANK_LINES) | (at >= frame.lines - BLANK_LINES)] = 0
            yield found[max(frame.first - top, 0) : last - top]

    def expected(self, first: int, last: int, polarisation: str) -> Floats:
        """Return the mean power of lines, squared digital numbers, without targets."""
        longitudes, latitudes, slope = self._ground(first, last)
        kind = kinds(longitudes, latitudes)
        power = backscatter(kind, polarisation) * BETA**2 / slope
        noise = range_noise(self.strip.samples, polarisation)
        lines = np.arange(first, last)
        for number, (_, left, right) in enumerate(swaths(self.strip.samples)):
            factor = azimuth_noise(lines, number)
            power[:, left : right + 1] += factor[:, None] * noise[left : right + 1]
        return np.asarray(power)

    def _block(self, block: int, polarisation: str) -> npt.NDArray[np.uint16]:
        first, last = block * BLOCK, min((block + 1) * BLOCK, self.strip.length)
        power = self.expected(first, last, polarisation)
        rng = np.random.default_rng([SEED, _CHANNELS.index(polarisation), block])
        power *= rng.standard_gamma(LOOKS, power.shape) / LOOKS
        add_targets(power, first, self.targets, polarisation)
        found = np.clip(np.rint(np.sqrt(power)), 1, 65_535).astype(np.uint16)
        found[:, :BLANK_PIXELS] = found[:, -BLANK_PIXELS:] = 0
        return found

    @cached_property
    def _lattice(self) -> npt.NDArray[np.float64]:
        """Longitude, latitude and sine of the local incidence, (3, rows, cols), every `step`."""
        rows = np.arange(-1, -(-self.strip.length // self.step) + 2) * self.step
        cols = np.arange(-1, -(-self.strip.samples // self.step) + 2) * self.step
        lines, pixels = (
            each.ravel().astype(float) for each in np.meshgrid(rows, cols, indexing="ij")
        )
        lon, lat, height = self.strip.places(lines, pixels)
        shape = len(rows), len(cols)
        ground = earth_fixed_points(lon, lat, height).reshape(*shape, 3)
        position = self.strip.platform(self.strip.seen(lines, pixels)[0])[0].reshape(*shape, 3)
        sine = local_incidence(ground, position)
        return np.stack([lon.reshape(shape), lat.reshape(shape), sine])

    def _ground(self, first: int, last: int) -> Floats:
        """Return the three of the lattice at all pixels of lines, bilinear."""
        rows, down = np.divmod(np.arange(first, last), self.step)
        cols, across = np.divmod(np.arange(self.strip.samples), self.step)
        down, across = (down / self.step)[:, None], across / self.step
        table = self._lattice  # begins one node before the strip
        lines = table[:, rows + 1] * (1 - down) + table[:, rows + 2] * down
        return np.asarray(lines[:, :, cols + 1] * (1 - across) + lines[:, :, cols + 2] * across)


def local_incidence(ground: Floats, platform: Floats) -> Floats:
    """Return the sine of the local incidence, projected on the plane of range.

    Parameters
    ----------
    ground, platform
        (rows, cols, 3) Earth-fixed points on a lattice of the image, metres.

    Returns
    -------
    ndarray
        (rows, cols) of the angle between the line of sight and what the normal of the ground has in
        the plane through the place, the platform and the centre of the Earth.
    """
    normal = np.cross(np.gradient(ground, axis=0), np.gradient(ground, axis=1))
    normal *= np.sign(np.sum(normal * ground, axis=-1, keepdims=True))
    sight = platform - ground
    sight /= np.linalg.norm(sight, axis=-1, keepdims=True)
    aside = np.cross(ground, sight)
    aside /= np.linalg.norm(aside, axis=-1, keepdims=True)
    normal -= np.sum(normal * aside, axis=-1, keepdims=True) * aside
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.asarray(np.linalg.norm(np.cross(normal, sight), axis=-1))
