"""Textures of clouds on a square that repeats itself: streets, cells and smooth sheets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["cells", "noise", "sheets", "smoothstep", "streets"]

Floats = npt.NDArray[np.float32]
Waves = npt.NDArray[Any]


def noise(
    rng: np.random.Generator,
    size: int,
    step: float,
    strength: Callable[[Waves, Waves], Waves],
) -> Floats:
    """Return a random field (size, size) that repeats itself, with mean 0 and variance 1.

    Parameters
    ----------
    rng
        Where the numbers come from.
    size, step
        Cells along a side, and metres between them.
    strength
        Of a wave, from its wave numbers along y and x in cycles a metre.
    """
    from scipy import fft

    waves = fft.rfft2(rng.standard_normal((size, size), dtype=np.float32))
    ky, kx = np.fft.fftfreq(size, step)[:, None], np.fft.rfftfreq(size, step)[None]
    gains = strength(ky, kx)
    gains[0, 0] = 0
    field = fft.irfft2(waves * gains.astype(np.float32), s=(size, size))
    return np.asarray(field / field.std(), np.float32)


def smoothstep(values: Floats, low: float, high: float) -> Floats:
    """Return 0 below `low`, 1 above `high`, and a smooth rise between."""
    share = np.clip((values - low) / np.float32(high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def grains(rng: np.random.Generator, size: int, step: float, length: float) -> Floats:
    """Return noise of structures up to a length, weaker the smaller they are."""
    return noise(rng, size, step, lambda ky, kx: (1 / length**2 + ky**2 + kx**2) ** -0.8)


def sheets(rng: np.random.Generator, size: int, step: float, length: float) -> Floats:
    """Return the cover, 0 to 1, of a smooth sheet of structures larger than a length."""
    wide = noise(rng, size, step, lambda ky, kx: np.exp(-((ky**2 + kx**2) * (length / 2) ** 2) * 4))
    fine = grains(rng, size, step, length)
    return np.asarray(np.clip(0.72 + 0.16 * wide + 0.025 * fine, 0, 1), np.float32)


def streets(
    rng: np.random.Generator, size: int, step: float, spacing: float, along: tuple[float, float]
) -> Floats:
    """Return the cover of rows of small clouds.

    Parameters
    ----------
    rng, size, step
        As for `noise`.
    spacing
        Metres from row to row.
    along
        Direction x, y of the rows.
    """
    ux, uy = np.array(along) / np.hypot(*along)

    def rows(ky: Waves, kx: Waves) -> Waves:
        lengthwise, across = kx * ux + ky * uy, np.abs(kx * uy - ky * ux)
        near = ((across * spacing - 1) / 0.3) ** 2 + (lengthwise * spacing * 4) ** 2
        return np.asarray(np.exp(-near))

    lumps = grains(rng, size, step, spacing / 2)
    return smoothstep(noise(rng, size, step, rows) + 0.75 * lumps, 0.35, 1.5)


def cells(rng: np.random.Generator, size: int, step: float, spacing: float) -> Floats:
    """Return the cover of open cells: rings of cloud around clear middles, `spacing` metres wide.

    A cell is what is nearest to its middle; middles are shaken from a square lattice, and the
    plane is bent a little so that the rings are not straight.
    """
    count = max(round(size * step / spacing), 3)
    middles = rng.uniform(0.1, 0.9, (count, count, 2)).astype(np.float32)
    bend = np.stack([grains(rng, size, step, spacing / 2) for _ in range(2)]) * np.float32(0.06)
    lattice = np.arange(size, dtype=np.float32) * np.float32(count / size)
    y, x = lattice[:, None] + bend[0], lattice[None] + bend[1]
    row, col = np.floor(y).astype(np.int32), np.floor(x).astype(np.int32)
    around = np.pad(middles, ((3, 3), (3, 3), (0, 0)), mode="wrap")  # bends reach beyond the edge
    y, x, width = y - row, x - col, np.int32(count + 6)
    place = (np.clip(row, -2, count + 1) + 3) * width + np.clip(col, -2, count + 1) + 3
    nearest = np.full((size, size), np.inf, np.float32)  # squares of distances
    second = nearest.copy()
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            down, across = (around[..., axis].ravel()[place + dy * width + dx] for axis in (0, 1))
            away = (down + np.float32(dy) - y) ** 2 + (across + np.float32(dx) - x) ** 2
            second = np.minimum(second, np.maximum(nearest, away))
            nearest = np.minimum(nearest, away)
    walls = np.sqrt(second) - np.sqrt(nearest)
    lumps = grains(rng, size, step, spacing / 6)
    return 1 - smoothstep(walls - 0.07 * lumps, 0.05, 0.34)
