"""Point targets: bright spots at known places of an image, and so of the ground."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.sample.strips import Strip

__all__ = ["AMPLITUDE", "SPREAD", "Target", "add_targets", "targets"]

Floats = npt.NDArray[np.float64]

AMPLITUDE = {"vv": 20_000.0, "vh": 4_000.0}
"""Digital numbers at the peak."""

SPREAD = 0.9
"""Standard deviation of the spot, in pixels, of the amplitude."""

REACH = 5  # pixels
SEED = 20_230_612


class Target(NamedTuple):
    """A target.

    Attributes
    ----------
    name
        Such as ``T07``.
    line, pixel
        In the strip; not whole numbers.
    longitude, latitude, height
        Degrees, and metres above the ellipsoid: of the ground.
    """

    name: str
    line: float
    pixel: float
    longitude: float
    latitude: float
    height: float


def targets(strip: Strip, rows: int = 5, cols: int = 5) -> tuple[Target, ...]:
    """Return the targets of a strip: on a loose grid, at any fraction of a pixel, on the ground.

    Their places on the ground follow from those in the image by the way that shares nothing with
    the geometry which is to find them.
    """
    rng = np.random.default_rng(SEED)
    down, across = np.meshgrid(
        (np.arange(rows) + 0.5) / rows, (np.arange(cols) + 0.5) / cols, indexing="ij"
    )
    size = min(1.0, 2_000 / min(strip.length, strip.samples))
    lines = strip.length * (0.5 + size * (down.ravel() - 0.5)) + rng.uniform(-40, 40, down.size)
    pixels = strip.samples * (0.5 + size * (across.ravel() - 0.5)) + rng.uniform(-40, 40, down.size)
    where = strip.places(lines, pixels)
    return tuple(
        Target(f"T{n + 1:02d}", *map(float, values))
        for n, values in enumerate(zip(lines, pixels, *where, strict=True))
    )


def add_targets(
    power: npt.NDArray[np.float32], first_line: int, known: tuple[Target, ...], polarisation: str
) -> None:
    """Add the power of targets to (rows, samples) lines of the strip from `first_line` on."""
    for target in known:
        row, col = round(target.line) - first_line, round(target.pixel)
        top, bottom = max(row - REACH, 0), min(row + REACH + 1, len(power))
        left, right = max(col - REACH, 0), min(col + REACH + 1, power.shape[1])
        if top >= bottom:
            continue
        down = np.arange(top, bottom)[:, None] + first_line - target.line
        across = np.arange(left, right)[None] - target.pixel
        spot = AMPLITUDE[polarisation] * np.exp(-(down**2 + across**2) / (2 * SPREAD**2))
        power[top:bottom, left:right] += spot**2
