"""Classes of the fine pixels of an area and what the coarse series is worth for each of them.

Fine images are read twice for it: some pixels of them, which tell what classes there are, and all,
block by block, for the parts that classes have in the coarse cells. What comes out is small and
lies on the coarse grid; with it every block of the area is fused by itself.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from efast.cells.cellblocks import whole_cells
from efast.cells.cellmeans import cell_sums
from efast.cells.classseries import (
    ClassCells,
    Part,
    Shares,
    class_contrasts,
    class_shares,
    cover_of,
    level_of,
)
from efast.cells.coarseseries import interp_time
from efast.cells.composites import smooth
from efast.cells.pixelclasses import MOST_CLASSES, Courses, find_courses, pixel_classes
from efast.cubes.preparation import Prepared
from efast.errors import BadInput
from workbench.rasters.drawnsquares import thinned

__all__ = ["Classing", "check_classes", "classed", "find_classes"]

log = logging.getLogger(__name__)

SAMPLE = 4096  # pixels that classes are found among
MOST_CELLS = 10_000  # in which classes are compared with the coarse series
NEARLY_ALL = 0.95  # of the pixels of a cell must be known for that
ENOUGH = 0.02  # of the pixels of a cell must have the class for that
CELLS = 32  # along a window that is solved at once

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Classing:
    """Classes of fine pixels, and what a fusion needs to tell them apart.

    Attributes
    ----------
    courses
        Of K classes; K is 0 if none were found.
    cells
        What the coarse grid needs of them.
    shares
        What `cells.shares` rest on.
    reason
        Why there are no classes; empty if there are.
    """

    courses: Courses
    cells: ClassCells
    shares: Shares
    reason: str = ""

    def __bool__(self) -> bool:
        """Tell whether the classes change a fusion."""
        return bool(self.shares.values.any())

    def pixels(
        self, fine: npt.NDArray[Any], valid: npt.ArrayLike, scale: float
    ) -> npt.NDArray[np.uint8]:
        """Return the class of each pixel, see `efast.cells.pixelclasses.pixel_classes`."""
        return pixel_classes(fine, valid, self.courses, scale=scale)


def find_classes(ready: Prepared, classes: int = 5) -> Classing:
    """Find the classes of an area.

    Parameters
    ----------
    ready
        Both sensors.
    classes
        How many.

    Returns
    -------
    Classing
        The same however the area is divided into blocks, to the last bit.

    Raises
    ------
    BadInput
        If `classes` is out of its range.
    """
    some = thinned(xr.Dataset({"reflectance": ready.image, "weight": ready.weight}), SAMPLE)
    courses = find_courses(_reflectance(some, ready.scale), ready.days, classes)
    then, _ = interp_time(
        ready.composites, ready.composite_days, ready.days, extrapolate=ready.options.extrapolate
    )
    level, found = level_of(then), len(courses.centres)
    if found < 2:
        reason = (
            f"no classes: of {some.sizes['x']} pixels looked at too few have enough clear dates, "
            "or none changes"
        )
        log.warning("classes: %s", reason)
        none = Shares(np.zeros((0, level.shape[0]), np.float32), np.zeros((0, 0), np.int64), ())
        empty = courses._replace(centres=courses.centres[:0])
        cells = ClassCells(np.zeros((0, *ready.grids.cells), np.float32), level, none.values)
        return Classing(empty, cells, none, reason)
    counts, seen, places = _looked_at(ready, courses)
    cover, made = cover_of(counts), ready.composite_options
    if made is not None and made.smoothing:
        cover = smooth(cover, made.smoothing)
    said = _contrasts(then, level, cover, places)
    shares = class_shares(seen, said, ready.score[(..., *places)])
    for reason in shares.reasons:
        log.warning("classes: nothing is known of %s", reason)
    return Classing(courses, ClassCells(cover, level, shares.values), shares)


def check_classes(classes: int, compat: str | None = None) -> None:
    """Refuse numbers of classes that cannot be; 0 is no classes.

    Raises
    ------
    BadInput
        If `classes` is neither 0 nor 2 to `MOST_CLASSES`, or the published program is asked for.
    """
    if classes not in (0, *range(2, MOST_CLASSES + 1)):
        raise BadInput(f"classes={classes}: 2 to {MOST_CLASSES}, or 0 for none")
    if classes and compat:
        raise BadInput(f"classes={classes}: the published program (compat={compat!r}) has none")


def classed(ready: Prepared, classes: int) -> Prepared:
    """Return both sensors with classes of fine pixels, if such are asked for and found."""
    found = find_classes(ready, classes) if classes else None
    if not found:
        return ready
    return replace(ready, courses=found.courses, class_cells=found.cells)


def _reflectance(some: xr.Dataset, scale: float) -> Floats:
    """Return (N, B, P), NaN where hidden or missing."""
    image = some["reflectance"].values[:, :, 0]
    hidden = (some["weight"].values[:, :1] == 0) | ((image == 0) & (image.dtype.kind == "u"))
    return np.where(hidden, np.nan, image * np.float32(scale)).astype(np.float32)


def _looked_at(ready: Prepared, courses: Courses) -> tuple[Any, Floats, Part]:
    """Return pixels of classes in all cells, how classes differ in some cells, and in which."""
    step = max(int(np.ceil(np.sqrt(np.prod(ready.grids.cells) / MOST_CELLS))), 1)
    counts = np.zeros((len(courses.centres) + 1, *ready.grids.cells), np.int64)
    cells = slice(0, ready.grids.cells[0], step), slice(0, ready.grids.cells[1], step)
    images, bands = courses.centres.shape[1:]
    places = [len(range(*cell.indices(cell.stop))) for cell in cells]
    seen = np.empty((len(courses.centres), images, bands, *places), np.float32)
    for first, (number, apart) in _blocks(ready, courses, step):
        rows, columns = (
            slice(at, at + size) for at, size in zip(first, number.shape[1:], strict=True)
        )
        counts[:, rows, columns] = number
        starts = [-(-at // step) for at in first]
        down, along = (
            slice(at, at + size) for at, size in zip(starts, apart.shape[3:], strict=True)
        )
        seen[..., down, along] = apart
    return counts, seen, cells


def _blocks(ready: Prepared, courses: Courses, step: int) -> Iterator[tuple[Any, Any]]:
    """Yield the first cell of each block and what is seen there."""
    ratio = ready.grids.ratio
    cubes = [cube.chunk() if cube.chunks is None else cube for cube in (ready.image, ready.weight)]
    image, weight = (whole_cells(cube, ratio).data for cube in cubes)
    firsts = [np.cumsum([0, *sizes[:-1]]) // ratio for sizes in image.chunks[2:]]
    from dask.base import compute
    from dask.delayed import delayed

    look = delayed(_seen, pure=True)
    jobs, places = [], []
    values, weights = image.to_delayed()[0, 0], weight.to_delayed()[0]
    for at in np.ndindex(values.shape):
        first = int(firsts[0][at[0]]), int(firsts[1][at[1]])
        places.append(first)
        jobs.append(look(values[at], weights[at], courses, ratio, ready.scale, first, step))
    yield from zip(places, compute(*jobs), strict=True)


def _seen(
    values: npt.NDArray[Any],
    weight: npt.NDArray[Any],
    courses: Courses,
    ratio: int,
    scale: float,
    first: tuple[int, int],
    step: int,
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return (K + 1, y, x) pixels of classes, and (K, N, B, y, x) of every so many cells.

    The latter are means over the pixels of a class less those over the cell.
    """
    classes = len(courses.centres)
    known = weight != 0
    group = pixel_classes(values, known, courses, scale=scale)
    cells = [-(-length // ratio) for length in group.shape]
    rows, columns = (np.arange(length) // ratio for length in group.shape)
    places = (group.astype(np.int64) * cells[0] + rows[:, None]) * cells[1] + columns
    numbers = np.bincount(places.ravel(), minlength=(classes + 1) * cells[0] * cells[1])
    sums, counts = cell_sums(values, known, group, classes + 1, ratio)
    down, along = (slice(-at % step, None, step) for at in first)
    sums, counts = sums[..., down, along] * scale, counts[..., down, along]
    total, number = sums.sum(axis=0), counts.sum(axis=0)
    enough = (counts[:-1] >= ENOUGH * ratio**2) & (number >= NEARLY_ALL * ratio**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = sums[:-1] / counts[:-1] - total / number
    return numbers.reshape(-1, *cells), np.where(enough, apart, np.nan).astype(np.float32)


def _contrasts(then: Floats, level: Floats, cover: Floats, cells: Part) -> Floats:
    """Return what the coarse series says of classes in some cells, window by window."""
    found = [
        np.concatenate([_window(then, level, cover, cells, row, column)
                        for column in range(0, cover.shape[2], CELLS)], axis=-1)
        for row in range(0, cover.shape[1], CELLS)
    ]  # fmt: skip
    return np.concatenate(found, axis=-2)


def _window(
    then: Floats, level: Floats, cover: Floats, cells: Part, row: int, column: int
) -> Floats:
    contrasts = class_contrasts(
        then, level, cover, (slice(row, row + CELLS), slice(column, column + CELLS))
    )
    return contrasts[
        ..., -row % cells[0].step :: cells[0].step, -column % cells[1].step :: cells[1].step
    ]
