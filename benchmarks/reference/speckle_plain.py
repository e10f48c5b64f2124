"""Speckle filters of one image, written plainly with numpy and scipy from their definitions.

0 is a measurement like any other, and edges are repeated. What the benchmark compares with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import correlate, uniform_filter

LEAST = 1e-10


def statistics(power: Any, radius: int) -> tuple[Any, Any]:
    """Return mean and squared variation of windows; NaN variation where it does not count."""
    side = 2 * radius + 1
    image = power.astype(np.float64)
    mean = uniform_filter(image, side, mode="nearest")
    square = uniform_filter(image * image, side, mode="nearest")
    variance = (square - mean * mean) * (side * side / (side * side - 1))
    mean[np.abs(mean) < LEAST] = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return mean, np.where((variance < LEAST) | (mean == 0), np.nan, variance / mean**2)


def lee(power: Any, radius: int, looks: float, scale: float = 1.0) -> Any:
    """Lee 1980."""
    mean, variation = statistics(power, radius)
    share = (1 - 1 / (looks * variation)) / scale
    return np.where(variation >= 1 / looks, power * share + mean * (1 - share), mean)


def kuan(power: Any, radius: int, looks: float) -> Any:
    """Kuan et al. 1987."""
    return lee(power, radius, looks, 1 + 1 / looks)


def gamma_map(power: Any, radius: int, looks: float) -> Any:
    """Lopes et al. 1993."""
    mean, variation = statistics(power, radius)
    unit = 1 / looks
    with np.errstate(divide="ignore", invalid="ignore"):
        a = (1 + unit) / (variation - unit)
        b = a - looks - 1
        found = (b * mean + np.sqrt(mean**2 * b**2 + 4 * a * looks * mean * power)) / (2 * a)
    found = np.where(variation >= 2 * unit, power, found)
    return np.where(variation > unit, found, mean)


def frost(power: Any, radius: int, deramp: float) -> Any:
    """Frost et al. 1982, ring by ring."""
    mean, variation = statistics(power, radius)
    axis = np.arange(-radius, radius + 1)
    squares = axis[:, None] ** 2 + axis**2
    total, weight = np.zeros_like(mean), np.zeros_like(mean)
    for square in np.unique(squares):
        ring = (squares == square).astype(np.float64)
        factor = np.exp(-deramp * variation * np.sqrt(square))
        total += factor * correlate(power.astype(np.float64), ring, mode="nearest")
        weight += factor * ring.sum()
    return np.where(np.isnan(variation), mean, total / weight)
