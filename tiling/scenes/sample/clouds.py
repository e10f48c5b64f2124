"""Clouds that drift over the plane of a domain: what a sample shows, known everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tiling.scenes.sample.textures import cells, noise, sheets, streets

__all__ = ["KINDS", "Clouds"]

KINDS = ("streets", "cells", "sheets")
"""Of texture; their numbers are 0, 1, 2."""

FAVOUR = 1.2  # standard deviations of what decides between kinds
TOPS = (1_500.0, 2_800.0, 9_000.0)  # m, of each kind where its cover is whole

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Clouds:
    """A pattern of clouds that repeats itself and is carried along as it is.

    Each kind of texture has places of its own, which drift with it.
    """

    seed: int | tuple[int, ...]
    period: float
    """Metres after which the pattern comes again, along x and y; a multiple of `step`."""
    step: float
    """Metres between its values; bilinear between them."""
    velocity: tuple[float, float]
    """Metres a second along x (east) and y (north)."""
    scale: float = 1.0
    """Of the lengths: 1 for rows 8 km and cells 24 km apart."""
    favoured: int | None = None
    """Number of the kind that covers most."""

    @property
    def size(self) -> int:
        """Values along a side."""
        return round(self.period / self.step)

    @property
    def pattern(self) -> tuple[Floats, Floats, npt.NDArray[np.uint8]]:
        """Cover (0 to 1), height of the tops (m) and kind, at time 0; (y, x) from 0, 0."""
        return _pattern(self)

    def at(
        self, x: npt.ArrayLike, y: npt.ArrayLike, seconds: float
    ) -> tuple[Floats, Floats, npt.NDArray[np.uint8]]:
        """Return cover, height of the tops and kind at places of the plane.

        Parameters
        ----------
        x, y
            Metres on the plane, of one shape.
        seconds
            Since the pattern lay at its origin.
        """
        row, col = (np.rint(each).astype(np.int64) for each in self._there(x, y, seconds))
        kinds = self.pattern[2][row % self.size, col % self.size]
        return *self.covers(x, y, seconds), kinds

    def covers(self, x: npt.ArrayLike, y: npt.ArrayLike, seconds: float) -> tuple[Floats, Floats]:
        """Return cover and height of the tops; as `at`, NaN where a place is not finite."""
        from scipy import ndimage

        there = self._there(x, y, seconds)
        known = np.isfinite(there).all(axis=0)
        there = np.where(known, there, 0)
        cover, tops = (
            ndimage.map_coordinates(each, there, order=1, mode="grid-wrap")
            for each in self.pattern[:2]
        )
        nothing = np.float32(np.nan)
        return np.where(known, cover, nothing), np.where(known, tops, nothing)

    def _there(self, x: npt.ArrayLike, y: npt.ArrayLike, seconds: float) -> npt.NDArray[np.float64]:
        """Return rows and columns of the pattern."""
        u, v = self.velocity
        moved = (np.asarray(y) - v * seconds, np.asarray(x) - u * seconds)
        return np.stack(np.broadcast_arrays(*moved)) / self.step


@lru_cache(maxsize=8)
def _pattern(clouds: Clouds) -> tuple[Floats, Floats, npt.NDArray[np.uint8]]:
    rng = np.random.default_rng(clouds.seed)
    size, step, scale = clouds.size, clouds.step, clouds.scale

    def wide(ky: npt.NDArray[np.float64], kx: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.exp(-((ky**2 + kx**2) * (110e3 * min(scale, 1)) ** 2))

    covers = np.stack(
        [
            streets(rng, size, step, 8e3 * scale, clouds.velocity),
            cells(rng, size, step, 24e3 * scale),
            sheets(rng, size, step, 50e3 * scale),
        ]
    )
    liked = np.stack([noise(rng, size, step, wide) for _ in KINDS])
    if clouds.favoured is not None:
        liked[clouds.favoured] += FAVOUR
    places = np.exp(6 * liked)
    places /= places.sum(axis=0)
    cover = np.asarray((places * covers).sum(axis=0), np.float32)
    parts = places * covers + np.float32(1e-6)
    tops = (parts * np.array(TOPS, np.float32)[:, None, None]).sum(axis=0) / parts.sum(axis=0)
    return cover, np.asarray(tops, np.float32), places.argmax(axis=0).astype(np.uint8)
