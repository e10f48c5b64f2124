"""Elevation models side by side: pixels for a block, and what lies across their edges.

A place belongs to the model in whose pixels it lies, the first one of several. Between its outer
pixels and the neighbour's a model is continued by one row or column of the neighbour's heights, so
models of different spacing meet without a step and without a gap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.heights.demfiles import SIDE, DemFile
from workbench.rasters.grids import Bounds
from workbench.rasters.windows import Window, windows

__all__ = ["Counts", "Mosaic", "Part", "turned"]

Floats = npt.NDArray[np.float64]
Heights = npt.NDArray[np.float32]

_GROWN = 0.002  # degrees; cells of sea reach under the edges of their neighbours

_SHARED = 1e-6  # of a pixel, at the edge of two models; rounding must leave no gap between them

_NO_GEOID = (np.zeros((2, 2)), (90.0, 1 / 180.0, -180.0, 1 / 360.0))


@dataclass(frozen=True)
class Counts:
    """How many places had no height of their own, and why.

    Attributes
    ----------
    sea
        In cells that are sea.
    missing
        Where a model has no height, or there is no model.
    """

    sea: int = 0
    missing: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.sea + other.sea, self.missing + other.missing)


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


def turned(bounds: Bounds, region: Bounds) -> tuple[int, ...]:
    """Return the turns, degrees, by which bounds meet a region."""
    return tuple(
        turn
        for turn in (-360, 0, 360)
        if bounds[0] + turn <= region[2] and bounds[2] + turn >= region[0]
        and bounds[1] <= region[3] and bounds[3] >= region[1]
    )  # fmt: skip


@dataclass(frozen=True)
class Mosaic:
    """Models of a region.

    Attributes
    ----------
    parts
        In the order in which they give heights.
    sea
        Boxes of cells that are sea.
    region
        West, south, east, north, degrees, without a jump at the antimeridian.
    """

    parts: tuple[Part, ...]
    sea: tuple[Bounds, ...]
    region: Bounds

    def heights(
        self,
        longitudes: Floats,
        latitudes: Floats,
        undulations: tuple[Floats, tuple[float, ...]] | None = None,
        *,
        empty: float = 0.0,
        frames: int = 2,
        without: Part | None = None,
    ) -> tuple[Heights, Counts, int]:
        """Return heights at places, and how many places had none or lie outside the region.

        Parameters
        ----------
        longitudes, latitudes
            (r, c) degrees, contiguous float64.
        undulations
            Values and place of a geoid that is added.
        empty
            Height where no model has one.
        frames
            How often models are continued by their neighbours, which are continued by theirs: a
            row of a finer model needs what lies between the last columns of two coarser ones.
        without
            A model that is left out.
        """
        from tiling.sentinel1.heights._height_loops import fill_heights, limits

        bounds = limits(longitudes, latitudes)
        out = np.empty(longitudes.shape, np.float32)
        longitudes, bounds, turn = _continued(longitudes, bounds, self.region)
        pixels, models, windows_ = self._packed(bounds, frames, without)
        sea, missing, outside = fill_heights(
            longitudes, latitudes, turn, self.region, pixels, models, windows_, self._boxes(bounds),
            empty, *(undulations or _NO_GEOID), out,
        )  # fmt: skip
        return out, Counts(sea, missing), outside

    def extremes(self, bounds: Bounds) -> tuple[float, float, Counts]:
        """Return least and largest pixel within bounds, NaN where there is none, and the counts.

        Pixels of models that overlap count in each. Only voids are counted as missing.
        """
        least, most, missing = np.inf, -np.inf, 0
        for part in self.parts:
            window = part.window(bounds)
            inside = None if window is None else window.common(Window.whole(part.file.shape))
            if inside is None:
                continue
            for block in _aligned(inside):
                heights = part.file.pixels(block)
                valid = heights[~np.isnan(heights)]
                missing += heights.size - valid.size
                if valid.size:
                    least, most = min(least, float(valid.min())), max(most, float(valid.max()))
        return (
            (least, most, Counts(missing=missing)) if most >= least
            else (np.nan, np.nan, Counts(missing=missing))
        )  # fmt: skip

    def _boxes(self, bounds: Bounds) -> Floats:
        """Return the boxes of sea that may hold a place within bounds."""
        boxes = np.array(self.sea, np.float64).reshape(-1, 4)
        boxes += np.array([-_GROWN, -_GROWN, _GROWN, _GROWN])
        west, south, east, north = bounds
        meets = (boxes[:, 0] <= east) & (boxes[:, 2] >= west)
        kept: Floats = boxes[meets & (boxes[:, 1] <= north) & (boxes[:, 3] >= south)]
        return kept

    def _packed(
        self, bounds: Bounds, frames: int, without: Part | None
    ) -> tuple[Heights, Floats, Any]:
        """Return the pixels that places within bounds need, one model after the other."""
        pixels: list[Heights] = []
        places, starts, begin = [], [], 0
        for part in self.parts:
            window = part.window(bounds)
            if window is None or part == without:
                continue
            found = self._window(part, window, frames)
            pixels.append(found.ravel())
            places.append(part.place)
            starts.append((begin, window.shape[1], window.rows[0], window.cols[0]))
            begin += found.size
        return (
            np.concatenate(pixels) if pixels else np.empty(0, np.float32),
            np.array(places, np.float64).reshape(-1, 6),
            np.array(starts, np.int64).reshape(-1, 4),
        )

    def _window(self, part: Part, window: Window, frames: int) -> Heights:
        """Return a window of a model, continued by one pixel where it reaches beyond."""
        inside = window.common(Window.whole(part.file.shape))
        assert inside is not None
        own = part.file.pixels(inside)
        if inside == window:
            return own
        margins = [
            (inside[axis][0] - window[axis][0], window[axis][1] - inside[axis][1])
            for axis in (0, 1)
        ]
        if not frames:
            return np.pad(own, margins, mode="edge")
        out = np.full(window.shape, np.nan, np.float32)
        out[inside.within(window)] = own
        for strip in _strips(window, inside):
            out[strip.within(window)] = self._across(part, strip, frames - 1)
        return out

    def _across(self, part: Part, strip: Window, frames: int) -> Heights:
        """Return what lies at pixels beyond the edge of a model, NaN where nothing does."""
        (down, across), file = part.file.steps, part.file
        latitudes = file.north - np.arange(*strip.rows) * down
        longitudes = file.west + part.turn + np.arange(*strip.cols) * across
        x, y = np.meshgrid(longitudes, latitudes)
        middle = float(x.mean())  # of a region around it, so that nothing is turned
        everywhere = replace(self, region=(middle - 1e3, -1e3, middle + 1e3, 1e3))
        found, _, _ = everywhere.heights(x, y, empty=np.nan, frames=frames, without=part)
        return found


def _continued(longitudes: Floats, bounds: Bounds, region: Bounds) -> tuple[Floats, Bounds, float]:
    """Return longitudes without a jump, their bounds, and the turn that brings them to a region."""
    west, south, east, north = bounds
    if east - west > 180:
        longitudes = np.where(longitudes < 0, longitudes + 360, longitudes)
        west, east = float(np.nanmin(longitudes)), float(np.nanmax(longitudes))
    if not np.isfinite(west):
        return longitudes, (0.0, 0.0, -1.0, -1.0), 0.0
    turn = 360.0 * round(((region[0] + region[2]) / 2 - (west + east) / 2) / 360)
    return longitudes, (west + turn, south, east + turn, north), turn


def _aligned(window: Window) -> list[Window]:
    """Divide a window at the edges of the blocks that files are read in."""
    first = (window.rows[0] // SIDE * SIDE, window.cols[0] // SIDE * SIDE)
    shape = (window.rows[1] - first[0], window.cols[1] - first[1])
    found = []
    for block in windows(shape, SIDE):
        rows, cols = ((a + start, b + start) for (a, b), start in zip(block, first, strict=True))
        inside = Window(rows, cols).common(window)
        if inside is not None:
            found.append(inside)
    return found


def _strips(window: Window, inside: Window) -> list[Window]:
    """Return what of a window lies outside another, in up to four strips."""
    (top, bottom), (left, right) = window
    (first, last), (start, end) = inside
    strips = [
        Window((top, first), (left, right)),
        Window((last, bottom), (left, right)),
        Window((first, last), (left, start)),
        Window((first, last), (end, right)),
    ]
    return [strip for strip in strips if strip.shape[0] > 0 and strip.shape[1] > 0]
