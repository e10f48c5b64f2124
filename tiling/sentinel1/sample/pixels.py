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
Powers = npt.NDArray[np.float32]

BLANK_LINES, BLANK_PIXELS = 12, 60
"""Lines at both ends of an image, and pixels at both sides, that hold no data."""

BLOCK = 256
"""Lines that are made at a time; their random numbers begin with them."""

KEPT = 50_000_000
"""Pixels of a strip of which it is kept what covers them."""

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
    seed
        Of the speckle.
    """

    strip: Strip
    targets: tuple[Target, ...]
    step: int = 16
    seed: int = 1

    def numbers(self, frame: Frame, polarisation: str) -> Iterator[npt.NDArray[np.uint16]]:
        """Yield the lines of an image, some at a time, uint16, 0 where there is no data."""
        last = frame.first + frame.lines
        for block in range(frame.first // BLOCK, -(-last // BLOCK)):
            found = self._block(block, polarisation)
            top = block * BLOCK
            at = np.arange(top, top + len(found)) - frame.first
            found[(at < BLANK_LINES) | (at >= frame.lines - BLANK_LINES)] = 0
            yield found[max(frame.first - top, 0) : last - top]

    def expected(self, first: int, last: int, polarisation: str) -> Powers:
        """Return the mean power of lines, squared digital numbers, without targets.

        Parameters
        ----------
        first, last
            Lines of the strip, the last exclusive.
        polarisation
            ``vv`` or ``vh``.
        """
        power = backscatter(self._kinds(first, last), polarisation)
        power *= np.float32(BETA**2)
        power /= self._between(2, first, last).astype(np.float32)
        noise = range_noise(self.strip.samples, polarisation).astype(np.float32)
        lines = np.arange(first, last)
        for number, (_, left, right) in enumerate(swaths(self.strip.samples)):
            factor = azimuth_noise(lines, number).astype(np.float32)
            power[:, left : right + 1] += factor[:, None] * noise[left : right + 1]
        return power

    def _block(self, block: int, polarisation: str) -> npt.NDArray[np.uint16]:
        first, last = block * BLOCK, min((block + 1) * BLOCK, self.strip.length)
        power = self.expected(first, last, polarisation)
        rng = np.random.default_rng([self.seed, _CHANNELS.index(polarisation), block])
        power *= rng.standard_gamma(LOOKS, power.shape, np.float32)
        power /= np.float32(LOOKS)
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

    @cached_property
    def _known_kinds(self) -> dict[tuple[int, int], npt.NDArray[np.uint8]]:
        """What covered the ground in lines that were made, kept for the next polarisation."""
        return {}

    def _kinds(self, first: int, last: int) -> npt.NDArray[np.uint8]:
        """Return what covers the ground in the pixels of lines."""
        found = self._known_kinds.get((first, last))
        if found is None:
            found = self._looked_up(first, last)
            if self.strip.length * self.strip.samples < KEPT:
                self._known_kinds[first, last] = found
        return found

    def _looked_up(self, first: int, last: int) -> npt.NDArray[np.uint8]:
        longitudes, latitudes, _ = self._lattice[:, first // self.step : last // self.step + 3]
        if not kinds(longitudes, latitudes).any():  # only sea; the island is wider than a step
            return np.zeros((last - first, self.strip.samples), np.uint8)
        return kinds(*(self._between(which, first, last) for which in range(2)))

    def _between(self, which: int, first: int, last: int) -> Floats:
        """Return one of the three of the lattice at all pixels of lines, bilinear."""
        rows, down = np.divmod(np.arange(first, last), self.step)
        table = self._lattice[which]  # begins one node before the strip
        share = (down / self.step)[:, None]
        lines = table[rows + 1] * (1 - share) + table[rows + 2] * share
        before, after = lines[:, 1:-1, None], lines[:, 2:, None]
        spread = before + (after - before) * (np.arange(self.step) / self.step)
        return np.asarray(spread.reshape(len(rows), -1)[:, : self.strip.samples])


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
