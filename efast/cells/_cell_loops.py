"""Compiled loops over fine pixels: sums over coarse cells, and which class a pixel changes like.

Import this module only where it is used (it loads numba); `efast.cells.cellmeans` and
`efast.cells.pixelclasses` are the doors. A pixel or cell goes through the same operations in the
same order whatever stands beside it, so results do not depend on how an area is divided, to the
last bit.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

__all__ = ["nearest_classes", "sum_cells"]

ZERO = np.float32(0)


@compiled
def sum_cells(fine, valid, group, nodata, ratio, sums, counts):
    """Add up the pixels of each cell, each group of pixels by itself.

    Parameters
    ----------
    fine
        (N, B, Y, X), of which NaN and `nodata` are missing.
    valid
        (N, Y, X) bool.
    group
        (Y, X) uint8.
    ratio
        Fine pixels along a cell, the first at the upper left corner.
    sums, counts
        (G, N, B, y, x) float64 and int32, added to.
    """
    images, bands, height, width = fine.shape
    for i in range(images):
        for b in range(bands):
            for y in range(height):
                for x in range(width):
                    value = fine[i, b, y, x]
                    if valid[i, y, x] and value != nodata and not np.isnan(value):
                        g = group[y, x]
                        sums[g, i, b, y // ratio, x // ratio] += value
                        counts[g, i, b, y // ratio, x // ratio] += 1


@compiled
def clear_values(fine, valid, factor, nodata, y, x, values, dates):
    """Take the values of a pixel on the dates on which all bands are known; return their number."""
    count = 0
    for i in range(fine.shape[0]):
        known = valid[i, y, x]
        for b in range(fine.shape[1]):
            value = fine[i, b, y, x]
            known = known and value != nodata and not np.isnan(value)
            values[count, b] = np.float32(value) * factor[b]
        if known:
            dates[count] = i
            count += 1
    return count


@compiled
def distance(values, dates, centre):
    """Return the squared distance of values from a course, but for a constant in each band."""
    apart = ZERO
    for b in range(values.shape[1]):
        total = squares = ZERO
        for n in range(dates.shape[0]):
            rest = values[n, b] - centre[dates[n], b]
            total += rest
            squares += rest * rest
        apart += squares - total * total / np.float32(dates.shape[0])
    return apart


@compiled
def nearest_classes(fine, valid, factor, centres, nodata, least, out):
    """Find the class whose course each pixel follows best.

    Parameters
    ----------
    fine, valid, nodata
        See `sum_cells`. Only dates count on which all bands are known.
    factor
        (B,) float32: what a number is worth in the unit of the centres.
    centres
        (K, N, B) float32.
    least
        Dates that a pixel needs.
    out
        (Y, X) uint8: the class, K without enough dates.
    """
    images, bands, height, width = fine.shape
    values, dates = np.empty((images + 1, bands), np.float32), np.empty(images, np.int64)
    for y in range(height):
        for x in range(width):
            count = clear_values(fine, valid, factor, nodata, y, x, values, dates)
            best, fewest = centres.shape[0], np.float32(np.inf)
            if count >= least:
                for k in range(centres.shape[0]):
                    apart = distance(values[:count], dates[:count], centres[k])
                    if apart < fewest:
                        best, fewest = k, apart
            out[y, x] = best
