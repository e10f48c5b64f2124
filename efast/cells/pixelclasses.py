"""Classes of fine pixels that change alike.

A class is a course in time: one value for each image and band. A pixel belongs to the class whose
course it follows best on the days on which it is clear, but for a constant in each band: what
matters to a fusion is how a pixel changes, not how bright it is. Gaps need no filling for that.

Courses are found by k-means on some pixels of the whole area (Lloyd 1982, IEEE Transactions on
Information Theory 28; first ones drawn far apart after Arthur and Vassilvitskii 2007, SODA), with a
fixed seed. Then every pixel is classed by itself, so classes do not depend on how an area is
divided.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from efast.cells.cellmeans import missing_value, read_only
from efast.errors import BadInput

__all__ = ["LEAST_DATES", "MOST_CLASSES", "Courses", "find_courses", "pixel_classes"]

LEAST_DATES = 4
"""Clear dates that a pixel needs; with fewer it belongs to no class."""

LEAST_PIXELS = 20  # of the sample, for each class
MOST_CLASSES = 32
"""More cannot be told apart in a coarse series."""

PASSES = 20
SEED = 0

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


class Courses(NamedTuple):
    """How the pixels of each class change.

    Attributes
    ----------
    centres
        (K, N, B) float32: for each image and band, in units of `spread`, but for a constant.
    spread
        (B,) float32: what pixels change by in a band, so that all bands count alike.
    """

    centres: Floats
    spread: Floats


def find_courses(sample: npt.ArrayLike, days: npt.ArrayLike, classes: int) -> Courses:
    """Find classes among some pixels.

    Parameters
    ----------
    sample
        (N, B, P) reflectance, NaN where hidden or missing.
    days
        (N,) of the images.
    classes
        How many, 2 to `MOST_CLASSES`.

    Returns
    -------
    Courses
        Fewer classes where there are not as many different pixels; none where fewer than 20 pixels
        for each have `LEAST_DATES` clear dates, or where a band does not change.

    Raises
    ------
    BadInput
        If shapes do not go together or `classes` is out of its range.
    """
    values, when = np.array(sample, np.float32), np.asarray(days, np.float64)
    if values.ndim != 3 or when.shape != values.shape[:1]:
        raise BadInput(
            f"a sample of shape {values.shape} for {when.size} days: (date, band, pixel)"
        )
    if not 2 <= classes <= MOST_CLASSES:
        raise BadInput(f"classes={classes}: 2 to {MOST_CLASSES}")
    known = np.asarray(np.isfinite(values).all(axis=1))
    enough = np.count_nonzero(known, axis=0) >= LEAST_DATES
    values, known = values[:, :, enough], known[:, enough]
    values.transpose(1, 0, 2)[:, ~known] = np.nan
    none = Courses(np.zeros((0, *values.shape[:2]), np.float32), np.ones(values.shape[1], "f4"))
    if values.shape[2] < LEAST_PIXELS * classes:
        return none
    whole = _filled(values, known, when)
    spread = np.sqrt(np.mean(np.square(whole), axis=(0, 2), dtype=np.float64)).astype(np.float32)
    if not (spread > 0).all():
        return none
    centres = _first(whole / spread[:, None], classes)
    scaled = values / spread[:, None]
    for _ in range(PASSES):
        labels = pixel_classes(
            scaled[:, :, None], known[:, None], Courses(centres, spread / spread)
        )
        centres = _moved(scaled, known, labels[0], centres)
    return Courses(centres, spread)


def pixel_classes(
    fine: npt.NDArray[Any], valid: npt.ArrayLike, courses: Courses, *, scale: float = 1.0
) -> npt.NDArray[np.uint8]:
    """Return the class of each pixel.

    Parameters
    ----------
    fine
        (N, B, Y, X) uint16, 0 where missing, or float, NaN where missing.
    valid
        (N, Y, X), 0 where a pixel of all bands does not count.
    courses
        Of K classes, from the same images.
    scale
        What a number of `fine` is worth in reflectance.

    Returns
    -------
    numpy.ndarray
        (Y, X) uint8; K for pixels with fewer than `LEAST_DATES` clear dates.

    Raises
    ------
    BadInput
        If images, what is valid and courses do not go together.
    """
    from efast.cells._cell_loops import nearest_classes

    known = np.asarray(valid) != 0
    if fine.shape[:2] != courses.centres.shape[1:] or known.shape != (
        fine.shape[0],
        *fine.shape[2:],
    ):
        raise BadInput(
            f"images {fine.shape}, what is valid {known.shape} and courses of "
            f"{courses.centres.shape[1]} images and {courses.centres.shape[2]} bands do not go "
            "together: (date, band, y, x) and (date, y, x)"
        )
    out = np.empty(known.shape[1:], np.uint8)
    factor = np.float32(scale) / courses.spread
    given = (read_only(array) for array in (fine, known, factor, courses.centres))
    nearest_classes(*given, missing_value(fine), LEAST_DATES, out)
    return out


def _filled(values: Floats, known: Bools, days: npt.NDArray[np.float64]) -> Floats:
    """Return series less their mean, linear over gaps; days may be in any order."""
    whole, order = np.empty(values.shape, np.float32), np.argsort(days, kind="stable")
    for pixel in range(values.shape[2]):
        seen = order[known[order, pixel]]
        for band in range(values.shape[1]):
            whole[:, band, pixel] = np.interp(days, days[seen], values[seen, band, pixel])
    whole -= whole.mean(axis=0, keepdims=True)
    return whole


def _first(whole: Floats, classes: int) -> Floats:
    """Draw the first courses among series (N, B, P), each likely far from those before it."""
    random = np.random.default_rng(SEED)
    chosen = [int(random.integers(whole.shape[2]))]
    apart = np.full(whole.shape[2], np.inf)
    while len(chosen) < classes:
        last = whole[:, :, chosen[-1], None]
        apart = np.minimum(apart, np.square(whole - last).sum(axis=(0, 1), dtype=np.float64))
        if not apart.any():
            break
        chosen.append(int(random.choice(apart.size, p=apart / apart.sum())))
    return np.ascontiguousarray(whole[:, :, chosen].transpose(2, 0, 1))


def _moved(values: Floats, known: Bools, labels: npt.NDArray[np.uint8], centres: Floats) -> Floats:
    """Move courses to the mean of their pixels, each less what sets it apart for good."""
    moved = centres.copy()
    for place, centre in enumerate(centres):
        mine = labels == place
        if not mine.any():
            continue
        seen = known[:, None, mine]
        apart = np.where(seen, values[:, :, mine] - centre[:, :, None], 0).astype(np.float64)
        apart -= apart.sum(axis=0) / seen.sum(axis=0)
        count = seen.sum(axis=2)
        step = np.where(seen, apart, 0).sum(axis=2) / np.maximum(count, 1)
        moved[place] += step.astype(np.float32)
    return moved
