"""What the coarse series says of each class of fine pixels, where a cell holds several.

A coarse cell changes by the mean of its classes, weighed by their parts of it. Within a window of
cells, where a class is taken to change alike, this is a system of equations for the changes of the
classes (unmixing; Zhukov et al. 1999, IEEE Transactions on Geoscience and Remote Sensing 37). It is
solved by least squares, damped towards the change of the cell itself. How much of what is found is
to be believed is read from the clear fine images: `shares` of 0 give the plain coarse series.

The classes of a cell together change as the coarse series does: what they differ from it, weighed
by their parts of the cell (smoothed as the coarse series was), adds up to 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from efast.cells.cellpairs import Pairs, slope
from efast.errors import BadInput

__all__ = [
    "HALF",
    "ClassCells",
    "Part",
    "Shares",
    "class_contrasts",
    "class_shares",
    "cover_of",
    "level_of",
]

HALF = 4
"""Cells on each side of the one in the middle of a window: 2.7 km for cells of 300 m."""

DAMPING = 0.003
"""Against the mean square of the parts that classes have in the cells of a window."""

LEAST_PAIRS, LEAST_IMAGES = 30, 3
"""Clear cells of a class, and images of them, to tell how far it can be believed."""

Part = tuple[slice, slice]
WHOLE: Part = (slice(None), slice(None))

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class ClassCells(NamedTuple):
    """What a fusion needs of the cells to tell classes of pixels apart.

    Attributes
    ----------
    cover
        (K, y, x) float32, parts of the classes, see `cover_of`, smoothed as the series was.
    level
        (B, y, x) float32, see `level_of`.
    shares
        (K, B) float32, see `class_shares`.
    """

    cover: Floats
    level: Floats
    shares: Floats

    def part(self, cells: tuple[Any, ...]) -> ClassCells:
        """Return some cells, as an index of (..., y, x)."""
        cover, level = (np.ascontiguousarray(values[cells]) for values in self[:2])
        return self._replace(cover=cover, level=level)

    def apart(self, series: npt.ArrayLike) -> Floats:
        """Return what is to be added to a coarse series for each class.

        Parameters
        ----------
        series
            (T, B, y, x) at any days, NaN where missing.

        Returns
        -------
        numpy.ndarray
            (K, T, B, y, x) float32: as much of the contrasts as is believed. Weighed by `cover`
            they add up to 0. `HALF` cells along an edge that is none of the area are not right.

        Raises
        ------
        BadInput
            If shapes do not go together.
        """
        contrast = class_contrasts(series, self.level, self.cover).astype(np.float64)
        if self.shares.shape != (contrast.shape[0], contrast.shape[2]):
            raise BadInput(
                f"shares {self.shares.shape} do not go with {contrast.shape[0]} classes and "
                f"{contrast.shape[2]} bands"
            )
        contrast *= self.shares[:, None, :, None, None]
        contrast -= _mixed(contrast, np.nan_to_num(self.cover.astype(np.float64)))
        return contrast.astype(np.float32)


class Shares(NamedTuple):
    """How much of what sets a class apart in the coarse series is to be believed.

    Attributes
    ----------
    values
        (K, B) float32, 0..1; 0 where the fine images do not tell.
    pairs
        (K, B) cells and days that they rest on.
    reasons
        Why classes have a share of 0, with the numbers; empty where none is for lack of data.
    """

    values: Floats
    pairs: npt.NDArray[np.int64]
    reasons: tuple[str, ...]


def cover_of(counts: npt.ArrayLike) -> Floats:
    """Return the parts that classes have in cells.

    Parameters
    ----------
    counts
        (K + 1, y, x) pixels of each class and of none.

    Returns
    -------
    numpy.ndarray
        (K, y, x) float32, adding up to 1: parts of the pixels that have a class, so that pixels
        which are missing or beyond the edge are taken to be like the others. NaN without any.
    """
    classed = np.asarray(counts, np.float64)[:-1]
    total = classed.sum(axis=0)
    cover = np.full(classed.shape, np.nan, np.float32)
    np.divide(classed, total, out=cover, where=total > 0, casting="same_kind")
    return cover


def level_of(series: npt.ArrayLike) -> Floats:
    """Return (B, y, x) means of a series (T, B, y, x) over time; NaN where it has no value."""
    values = np.asarray(series, np.float64)
    known = np.isfinite(values)
    level = np.full(values.shape[1:], np.nan, np.float32)
    summed, count = np.where(known, values, 0).sum(axis=0), known.sum(axis=0)
    np.divide(summed, count, out=level, where=count > 0, casting="same_kind")
    return level


def class_contrasts(
    series: npt.ArrayLike, level: npt.ArrayLike, cover: npt.ArrayLike, part: Part = WHOLE
) -> Floats:
    """Return how the change of each class differs from that of its cell.

    Parameters
    ----------
    series
        (T, B, y, x) coarse series, NaN where missing: such a cell tells nothing to those around it.
    level
        (B, y, x) what changes are counted from, see `level_of`: the same for all series of a
        fusion.
    cover
        (K, y, x) parts of the classes in the cells, see `cover_of`, smoothed as the series was.
    part
        Rows and columns of cells wanted. Cells within `HALF` around them are looked at as well.

    Returns
    -------
    numpy.ndarray
        (K, T, B, y, x) float32 of these cells; weighed by `cover` they add up to 0. 0 where the
        series is missing or a cell has no pixel with a class.

    Raises
    ------
    BadInput
        If shapes do not go together.
    """
    given, parts = np.asarray(series, np.float32), np.asarray(cover, np.float32)
    start = np.asarray(level, np.float32)
    if given.ndim != 4 or start.shape != given.shape[1:] or parts.shape[1:] != given.shape[2:]:
        raise BadInput(
            f"series {given.shape}, level {start.shape} and parts of classes {parts.shape} do not "
            "go together: (date, band, y, x), (band, y, x) and (class, y, x)"
        )
    wide, inner = zip(*map(_window, part, given.shape[2:]), strict=True)
    given, start, parts = (values[(..., *wide)] for values in (given, start, parts))
    planes = (given - start).reshape(-1, *given.shape[2:]).astype(np.float64)
    found = np.zeros((len(parts), *planes.shape), np.float32)
    for known, group in _groups(np.isfinite(planes) & np.isfinite(parts).all(axis=0)):
        held = np.where(known, parts, 0.0)
        found[:, group] = _solved(np.where(known, planes[group], 0.0), held, known)
    return np.ascontiguousarray(found.reshape(len(parts), *given.shape)[(..., *inner)])


def _window(wanted: slice, length: int) -> tuple[slice, slice]:
    """Return the cells to be looked at along an axis, and those wanted among them."""
    first, end, _ = wanted.indices(length)
    begin = max(first - HALF, 0)
    return slice(begin, min(end + HALF, length)), slice(first - begin, end - begin)


def _groups(
    known: npt.NDArray[np.bool_],
) -> list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]]:
    """Group planes by the cells that they know; return each pattern and its planes."""
    packed = np.packbits(known.reshape(len(known), -1), axis=1)
    _, first, group = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return [(known[at], np.flatnonzero(group.ravel() == n)) for n, at in enumerate(first)]


def _solved(planes: Doubles, parts: Doubles, known: npt.NDArray[np.bool_]) -> Doubles:
    """Solve the damped equations of each window for (K, P, y, x)."""
    classes = len(parts)
    cells = np.maximum(_around(known.astype(np.float64)), 1)
    square = _around(parts[:, None] * parts[None]) / cells
    inverse = np.linalg.inv(square.transpose(2, 3, 0, 1) + DAMPING * np.eye(classes))
    mean = _around(parts) / cells
    given = [_around(part * planes) / cells - level * planes
             for part, level in zip(parts, mean, strict=True)]  # fmt: skip
    found = np.zeros((classes, *planes.shape))
    for k in range(classes):
        for j in range(classes):  # one after the other: the same sum for any part of the area
            found[k] += inverse[:, :, k, j] * given[j]
    found -= _mixed(found, parts)
    return np.where(known, found, 0.0)


def _mixed(values: Doubles, parts: Doubles) -> Doubles:
    """Return (..., y, x): (K, ..., y, x) weighed by the parts of classes."""
    mixed = np.zeros(values.shape[1:])
    for value, part in zip(values, parts, strict=True):
        mixed += part * value
    return mixed


def _around(planes: Doubles) -> Doubles:
    """Return sums over windows of cells, in a fixed order; beyond the edge there is nothing."""
    for axis in (-2, -1):
        length = planes.shape[axis]
        pads = [(0, 0)] * planes.ndim
        pads[axis] = (HALF, HALF)
        wide, summed = np.pad(planes, pads), np.zeros(planes.shape)
        for at in range(2 * HALF + 1):
            summed += wide.take(range(at, at + length), axis=axis)
        planes = summed
    return planes


def class_shares(observed: npt.ArrayLike, contrasts: npt.ArrayLike, score: npt.ArrayLike) -> Shares:
    """Compare what the coarse series says of classes with what clear fine images show.

    Parameters
    ----------
    observed
        (K, N, B, y, x): means of the fine images over the pixels of a class in a cell, less those
        over the cell; NaN where missing.
    contrasts
        (K, N, B, y, x): `class_contrasts` at the days of the images, of the same cells.
    score
        (N, y, x), 0..1, see `efast.cells.cloudscores.distance_score`. Cells with 0 are left out.

    Returns
    -------
    Shares
        The regressions of one on the other, within cells (`efast.cells.cellpairs`), not below 0 nor
        above 1.

    Raises
    ------
    BadInput
        If shapes do not go together.
    """
    seen, said = np.asarray(observed, np.float32), np.asarray(contrasts, np.float32)
    scores = np.asarray(score)
    if seen.ndim != 5 or seen.shape != said.shape or scores.shape != seen[0, :, 0].shape:
        raise BadInput(
            f"classes as observed {seen.shape}, as the coarse series has them {said.shape} and "
            f"scores {scores.shape} do not go together: (class, date, band, y, x) and (date, y, x)"
        )
    values = np.zeros((seen.shape[0], seen.shape[2]), np.float32)
    numbers, reasons = np.zeros(values.shape, np.int64), []
    for k, b in np.ndindex(values.shape):
        known = (scores > 0) & np.isfinite(seen[k, :, b]) & np.isfinite(said[k, :, b])
        pairs = Pairs.of(seen[k, :, b], said[k, :, b], known)
        numbers[k, b], images = len(pairs.fine), len(np.unique(pairs.image))
        if numbers[k, b] < LEAST_PAIRS or images < LEAST_IMAGES:
            reasons.append(
                f"class {k} in band {b}: {numbers[k, b]} clear cells from {images} images; at "
                f"least {LEAST_PAIRS} from {LEAST_IMAGES}"
            )
            continue
        values[k, b] = np.clip(np.nan_to_num(slope(pairs, None)[0]), 0, 1)
    return Shares(values, numbers, tuple(reasons))
