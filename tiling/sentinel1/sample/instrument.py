"""The simulated instrument: calibration, thermal noise, speckle; the tables say what was done."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "BETA",
    "DIGITAL",
    "LOOKS",
    "azimuth_noise",
    "nodes",
    "range_noise",
    "swaths",
]

Floats = npt.NDArray[np.float64]

BETA, DIGITAL = 473.9733, 401.5858
"""Factors of beta nought and of digital numbers, the same in the whole image."""

LOOKS = 4.4
"""Equivalent number of looks."""

EVERY = 40  # pixels between two entries of a table
BURSTS = 1840.0  # lines after which the noise repeats itself


def nodes(length: int, step: int = EVERY) -> npt.NDArray[np.int64]:
    """Return where a table has entries: every `step`, and the last."""
    return np.unique(np.append(np.arange(0, length, step), length - 1))


def swaths(samples: int) -> tuple[tuple[str, int, int], ...]:
    """Return name, first and last pixel of the three swaths that an image is merged of."""
    bounds = [0, round(samples * 0.34), round(samples * 0.68), samples]
    return tuple((f"IW{n + 1}", bounds[n], bounds[n + 1] - 1) for n in range(3))


def range_noise(samples: int, polarisation: str) -> Floats:
    """Return the noise power across the track at every pixel, in squared digital numbers.

    Linear between the entries of the table: it rises to the edges of each swath.
    """
    at = nodes(samples)
    level = 620.0 if polarisation == "vv" else 560.0
    power = np.empty(len(at))
    for number, (_, first, last) in enumerate(swaths(samples)):
        inside = (at >= first) & (at <= last)
        across = 2 * (at[inside] - first) / (last - first) - 1
        power[inside] = level * (1.25 - 0.2 * number) * (1 + 0.55 * across**2)
    return np.asarray(np.interp(np.arange(samples), at, power))


def azimuth_noise(lines: npt.ArrayLike, swath: int) -> Floats:
    """Return the factor along the track at lines of the strip, of a swath counted from 0."""
    phase = 2 * np.pi * (np.asarray(lines, np.float64) / BURSTS + 0.3 * swath)
    return np.asarray(1.03 + (0.05 - 0.012 * swath) * np.cos(phase))
