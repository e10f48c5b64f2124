"""One elevation model of a mosaic: its place on the globe, and which of its pixels places need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tiling.sentinel1.heights.demfiles import DemFile
from workbench.rasters.grids import Bounds
from workbench.rasters.windows import Window

__all__ = ["Part", "turned"]

_SHARED = 1e-6  # of a pixel, at the edge of two models; rounding must leave no gap between them

_APART = 1e-3  # of a pixel, between what is one model's alone and the next


@dataclass(frozen=True)
class Part:
    """A model with the turns of the Earth by which it is moved: 0, or 360 degrees either way."""

    file: DemFile
    turn: int = 0

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north of its pixels, degrees."""
        west, south, east, north = self.file.bounds
        return west + self.turn, south, east + self.turn, north

    @property
    def place(self) -> tuple[float, float, float, float, float, float]:
        """What the compiled loops take of a model."""
        (down, across), (height, width) = self.file.steps, self.file.shape
        return (
            self.file.north, 1 / down, self.file.west + self.turn, 1 / across,
            height - 0.5 + _SHARED, width - 0.5 + _SHARED,
        )  # fmt: skip

    def window(self, bounds: Bounds) -> Window | None:
        """Return the pixels that places within bounds need, one beyond its own at most."""
        west, south, east, north = bounds
        top, down, left, across = self.place[:4]
        first, last = (top - north) * down, (top - south) * down
        start, end = (west - left) * across, (east - left) * across
        height, width = self.file.shape
        if last < -1 or first >= height or end < -1 or start >= width:
            return None
        return Window(
            (max(int(np.floor(first)), -1), min(int(np.floor(last)) + 2, height + 1)),
            (max(int(np.floor(start)), -1), min(int(np.floor(end)) + 2, width + 1)),
        )

    def apart_from(self, others: Sequence[Bounds]) -> tuple[float, float, float, float]:
        """Return first and last row and column of a box of its pixels that no other model meets.

        Between the centres of its pixels, so that nothing beyond its edge is needed; not always the
        largest such box.
        """
        top, down, left, across = self.place[:4]
        height, width = self.file.shape
        low, high = [0.0, 0.0], [height - 1.0, width - 1.0]
        for west, south, east, north in others:
            first = ((top - north) * down - _APART, (west - left) * across - _APART)
            last = ((top - south) * down + _APART, (east - left) * across + _APART)
            shared = [
                max(min(last[n], high[n]) - max(first[n], low[n]), 0.0) / max(high[n] - low[n], 1.0)
                for n in (0, 1)
            ]
            if min(shared) <= 0:
                continue
            axis = int(shared[1] < shared[0])
            if first[axis] <= low[axis]:
                low[axis] = last[axis]
            elif last[axis] >= high[axis]:
                high[axis] = first[axis]
            else:
                high[axis] = low[axis]
        return low[0], high[0], low[1], high[1]


def turned(bounds: Bounds, region: Bounds) -> tuple[int, ...]:
    """Return the turns, degrees, by which bounds meet a region."""
    return tuple(
        turn
        for turn in (-360, 0, 360)
        if bounds[0] + turn <= region[2] and bounds[2] + turn >= region[0]
        and bounds[1] <= region[3] and bounds[3] >= region[1]
    )  # fmt: skip
