"""Elevation models side by side: pixels for a block, and what lies across their edges.

A place belongs to the model in whose pixels it lies, the first one of several. Between its outer
pixels and the neighbour's a model is continued by one row or column of the neighbour's heights, so
models of different spacing meet without a step and without a gap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.heights.demfiles import SIDE
from tiling.sentinel1.heights.mosaicparts import Part
from workbench.errors import BadInput
from workbench.rasters.grids import Bounds
from workbench.rasters.windows import Window, windows

__all__ = ["NO_GEOID", "Counts", "Grid", "Mosaic"]

Floats = npt.NDArray[np.float64]
Heights = npt.NDArray[np.float32]

_GROWN = 0.002  # degrees; cells of sea reach under the edges of their neighbours

_ROUNDING = 1e-9  # degrees

Grid = tuple[Floats, tuple[float, float, float, float]]
"""Values of a geoid and their place, as the loops take them."""

NO_GEOID: Grid = (np.zeros((2, 2)), (90.0, 1 / 180.0, -180.0, 1 / 360.0))


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

    def __hash__(self) -> int:
        return hash((self.region, *(part.file for part in self.parts)))

    def heights(
        self,
        longitudes: Floats,
        latitudes: Floats,
        undulations: Grid = NO_GEOID,
        *,
        empty: float = 0.0,
        frames: int = 2,
        without: Part | None = None,
    ) -> tuple[Heights, Counts]:
        """Return heights at places, and how many places had none.

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

        Raises
        ------
        BadInput
            If places lie outside the region, or are not finite.
        """
        # Places at the edges of a block nearly always bound those inside; the loops look.
        found = self._filled(_edges(longitudes), _edges(latitudes), longitudes, latitudes,
                             undulations, empty, frames, without)  # fmt: skip
        if found is None:
            if longitudes.max() - longitudes.min() > 180:
                longitudes = np.where(longitudes < 0, longitudes + 360, longitudes)
            found = self._filled(longitudes, latitudes, longitudes, latitudes,
                                 undulations, empty, frames, without)  # fmt: skip
        if found is None:
            raise self._refusal(longitudes, latitudes)
        return found

    def _filled(
        self, x: Floats, y: Floats, longitudes: Floats, latitudes: Floats, undulations: Grid,
        empty: float, frames: int, without: Part | None,
    ) -> tuple[Heights, Counts] | None:  # fmt: skip
        """Return heights at places that lie within the bounds of some; None where some do not."""
        from tiling.sentinel1.heights._height_loops import fill_heights

        bounds, turn = self._turned(_bounds(x, y))
        if not _holds(self.region, bounds):
            return None
        ground = self._packed(bounds, frames, without)
        out = np.empty(longitudes.shape, np.float32)
        counts = fill_heights(
            longitudes, latitudes, turn, (*ground, bounds, empty), undulations, out
        )
        return None if counts[3] else (out, Counts(int(counts[1]), int(counts[2])))

    def heights_on_lattice(
        self,
        longitudes: Floats,
        latitudes: Floats,
        step: int,
        window: Window,
        undulations: Grid = NO_GEOID,
    ) -> tuple[Heights, Counts]:
        """Return heights of a window of a grid, and how many of its pixels had none.

        Parameters
        ----------
        longitudes, latitudes
            (ny, nx) degrees at every `step` pixels of the grid, bilinear between.
        window
            Of the grid; up to `step` pixels beyond the nodes, where places go on as in the last of
            their cells.
        undulations
            As for `heights`.

        Raises
        ------
        BadInput
            If places lie outside the region, or are not finite.
        """
        from tiling.sentinel1.heights._height_loops import fill_heights_on_lattice

        x, y = _outline(longitudes, latitudes, step, window)
        bounds, turn = self._turned(_bounds(x, y))
        if not _holds(self.region, bounds):
            raise self._refusal(x, y)
        west, south, east, north = bounds
        bounds = (west - _ROUNDING, south - _ROUNDING, east + _ROUNDING, north + _ROUNDING)
        ground = self._packed(bounds, 2, None)
        out = np.empty(window.shape, np.float32)
        counts = fill_heights_on_lattice(
            longitudes, latitudes, step, window.rows[0], window.cols[0], turn,
            (*ground, bounds, 0.0), undulations, out,
        )  # fmt: skip
        return out, Counts(int(counts[1]), int(counts[2]))

    def _turned(self, bounds: Bounds) -> tuple[Bounds, float]:
        """Return bounds on this side of the region, and the turn that brings them there."""
        west, south, east, north = bounds
        if not np.isfinite(west + east):
            return bounds, 0.0
        middle = (self.region[0] + self.region[2]) / 2
        turn = 360.0 * round((middle - (west + east) / 2) / 360)
        return (west + turn, south, east + turn, north), turn

    def _refusal(self, longitudes: Floats, latitudes: Floats) -> BadInput:
        """Say how many places lie outside the region."""
        west, south, east, north = self.region
        finite = np.isfinite(longitudes)
        middle = float(np.mean(longitudes[finite])) if finite.any() else 0.0
        longitudes = longitudes + 360 * round(((west + east) / 2 - middle) / 360)
        inside = (longitudes >= west) & (longitudes <= east)
        inside &= (latitudes >= south) & (latitudes <= north)
        return BadInput(
            f"{inside.size - np.count_nonzero(inside)} of {inside.size} places lie outside "
            f"{west:.3f} to {east:.3f} degrees east, {south:.3f} to {north:.3f} north, for which "
            "the surface was made"
        )

    def extremes(self, bounds: Bounds) -> tuple[float, float, Counts]:
        """Return least and largest pixel within bounds, NaN where there is none, and the counts.

        Pixels of models that overlap count in each. Only voids are counted as missing.
        """
        least, most, missing = np.nan, np.nan, 0
        for part in self.parts:
            window = part.window(bounds)
            inside = None if window is None else window.common(Window.whole(part.file.shape))
            if inside is None:
                continue
            for block in _aligned(inside):
                heights = part.file.pixels(block).ravel()
                missing += int(np.count_nonzero(np.isnan(heights)))
                least = float(np.fmin(least, np.fmin.reduce(heights)))
                most = float(np.fmax(most, np.fmax.reduce(heights)))
        return least, most, Counts(missing=missing)

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
    ) -> tuple[Heights, Floats, npt.NDArray[np.int64], Floats]:
        """Return what the loops take of the models that places within bounds need, and of sea."""
        pixels: list[Heights] = []
        places, starts, begin = [], [], 0
        for part, own in zip(self.parts, self._own, strict=True):
            window = part.window(bounds)
            if window is None or part == without:
                continue
            found = self._window(part, window, frames)
            pixels.append(found.ravel())
            places.append((*part.place, *own))
            starts.append((begin, window.shape[1], window.rows[0], window.cols[0]))
            begin += found.size
        return (
            np.concatenate(pixels) if pixels else np.empty(0, np.float32),
            np.array(places, np.float64).reshape(-1, 10),
            np.array(starts, np.int64).reshape(-1, 4),
            self._boxes(bounds),
        )

    @cached_property
    def _own(self) -> tuple[tuple[float, float, float, float], ...]:
        """First and last row and column, for each model, of pixels that none before it has."""
        return tuple(
            part.apart_from([before.bounds for before in self.parts[:k]])
            for k, part in enumerate(self.parts)
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
        out = np.empty(window.shape, np.float32)
        out[inside.within(window)] = own
        if frames < 2:
            for strip in _strips(window, inside):
                out[strip.within(window)] = self.across(part, strip, frames - 1)
            return out
        for strip, heights in _frame(self, part):
            common = strip.common(window)
            if common is not None:
                out[common.within(window)] = heights[common.within(strip)]
        return out

    def across(self, part: Part, strip: Window, frames: int) -> Heights:
        """Return what lies at pixels beyond the edge of a model, NaN where nothing does."""
        (down, across), file = part.file.steps, part.file
        latitudes = file.north - np.arange(*strip.rows) * down
        longitudes = file.west + part.turn + np.arange(*strip.cols) * across
        x, y = np.meshgrid(longitudes, latitudes)
        middle = float(x.mean())  # of a region around it, so that nothing is turned
        everywhere = replace(self, region=(middle - 1e3, -1e3, middle + 1e3, 1e3))
        return everywhere.heights(x, y, empty=np.nan, frames=frames, without=part)[0]


@lru_cache(maxsize=64)
def _frame(mosaic: Mosaic, part: Part) -> tuple[tuple[Window, Heights], ...]:
    """Return what lies across the edges of a model as far as the region goes, in strips."""
    window = part.window(mosaic.region)
    inside = None if window is None else window.common(Window.whole(part.file.shape))
    if window is None or inside is None:
        return ()
    return tuple((strip, mosaic.across(part, strip, 1)) for strip in _strips(window, inside))


def _edges(places: Floats) -> Floats:
    """Return the places at the edges of a block."""
    return np.concatenate([places[0], places[-1], places[:, 0], places[:, -1]])


def _bounds(longitudes: Floats, latitudes: Floats) -> Bounds:
    """Return the bounds of places; not a number where one of them is."""
    return (
        float(longitudes.min()), float(latitudes.min()),
        float(longitudes.max()), float(latitudes.max()),
    )  # fmt: skip


def _outline(
    longitudes: Floats, latitudes: Floats, step: int, window: Window
) -> tuple[Floats, Floats]:
    """Return the places of a window at its edges and at the nodes inside; no other is beyond them.

    Raises
    ------
    BadInput
        If the window reaches farther than a cell beyond the nodes.
    """
    found = [longitudes, latitudes]
    for axis, ((first, end), size) in enumerate(zip(window, longitudes.shape, strict=True)):
        if not -step <= first < end <= size * step + 1:
            raise BadInput(
                f"{window}: farther than {step} pixels from a grid of which there are "
                f"{longitudes.shape} nodes"
            )
        inner = np.arange(first // step + 1, (end - 2) // step + 1) * step
        at = np.unique(np.concatenate([[first, end - 1], inner]))
        node = np.clip(at // step, 0, size - 2)
        share = np.expand_dims(at / step - node, 1 - axis)
        for k, nodes in enumerate(found):
            one, other = nodes.take(node, axis), nodes.take(node + 1, axis)
            found[k] = one + share * (other - one)
    return found[0], found[1]


def _holds(region: Bounds, bounds: Bounds) -> bool:
    return (
        region[0] <= bounds[0] and region[1] <= bounds[1]
        and bounds[2] <= region[2] and bounds[3] <= region[3]
    )  # fmt: skip


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
