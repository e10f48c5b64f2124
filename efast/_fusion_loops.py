"""Compiled loops of the fusion: rows of fine pixels, one after the other, for all target days.

Import this module only where it is used (it loads numba); `efast.fusion` is the door. A fine pixel
goes through the same float32 operations in the same order whatever stands beside it, so results do
not depend on how an area is divided, to the last bit.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

__all__ = ["fuse_rows"]

SPAN = 240  # fine pixels along a row that are treated together, so that they stay in the cache
ZERO, ONE, INFINITE = np.float32(0), np.float32(1), np.float32(np.inf)


@compiled
def place(fine, ratio, length):
    """Return the coarse cell before a fine pixel, and how far beyond its centre the pixel lies.

    In whole numbers up to the division, so that a part of an area gives what the whole gives.
    """
    twice = 2 * fine + 1 - ratio
    before = twice // (2 * ratio)
    if before < 0:
        return 0, ZERO
    if before >= length - 1:
        return length - 1, ZERO
    return before, np.float32(twice - before * 2 * ratio) / np.float32(2 * ratio)


@compiled
def blend_rows(plane, top, share, values, known):
    """Blend two rows of a plane: sums of what is there, and the share of it; tell if all is."""
    below = min(top + 1, plane.shape[0] - 1)
    whole = True
    for x in range(plane.shape[1]):
        above, under = plane[top, x], plane[below, x]
        value, weight = (ONE - share) * above + share * under, ONE
        if np.isnan(above) or np.isnan(under):
            whole = False
            value, weight = ZERO, ZERO
            if not np.isnan(above):
                value, weight = (ONE - share) * above, ONE - share
            elif not np.isnan(under):
                value, weight = share * under, share
        values[x], known[x] = value, weight
    return whole


@compiled
def spread(values, known, whole, left, share, start, size, out):
    """Blend a row of cells at fine pixels; NaN where no cell around has a value."""
    last = values.shape[0] - 1
    for p in range(size):
        a = left[start + p]
        b = min(a + 1, last)
        s = share[start + p]
        value = (ONE - s) * values[a] + s * values[b]
        if not whole and (known[a] < ONE or known[b] < ONE):
            weight = (ONE - s) * known[a] + s * known[b]
            value = value / weight if weight > ZERO else np.float32(np.nan)
        out[p] = value


@compiled
def multiply(values, slope, b, y, start, size):
    """Multiply a span by the slope of its pixels; by nothing where there is no slope."""
    if slope.shape[0] > 0:
        for p in range(size):
            values[p] *= slope[b, y, start + p]


@compiled
def place_row(cells, start, ratio, left, across):
    """Place all fine pixels of a row."""
    for x in range(left.shape[0]):
        left[x], across[x] = place(start + x, ratio, cells)


@compiled
def changes_of(
    fine,
    seen,
    y,
    start,
    size,
    nodata,
    scale,
    slope,
    then,
    known,
    whole,
    left,
    across,
    change,
    counts,
    every,
):
    """Take the coarse series from one image; what does not count is 0 in `change` and `counts`.

    `every` is 1 where all bands count. Tells whether all bands count at the same pixels.
    """
    bands = fine.shape[0]
    coarse = np.empty(SPAN, np.float32)
    for p in range(size):
        every[p] = ONE
    for b in range(bands):
        spread(then[b], known[b], whole[b], left, across, start, size, coarse)
        multiply(coarse, slope, b, y, start, size)
        for p in range(size):
            raw = fine[b, y, start + p]
            value = np.float32(raw) * scale - coarse[p]
            counted = seen[y, start + p] != 0 and raw != nodata and not np.isnan(value)
            change[b, p] = value if counted else ZERO
            counts[b, p] = ONE if counted else ZERO
            if not counted:
                every[p] = ZERO
    alike = True
    for b in range(bands):
        for p in range(size):
            alike = alike and counts[b, p] == every[p]
    return alike


@compiled
def weights_of(plane, top, down, left, across, start, size, row, weight):
    """Bring the weights of one image to fine pixels; tell whether one is above 0."""
    last = plane.shape[1] - 1
    below = min(top + 1, plane.shape[0] - 1)
    found = False
    for c in range(left[start], min(left[start + size - 1] + 1, last) + 1):
        row[c] = (ONE - down) * plane[top, c] + down * plane[below, c]
        found = found or row[c] > ZERO
    if found:
        for p in range(size):
            a, s = left[start + p], across[start + p]
            weight[p] = (ONE - s) * row[a] + s * row[min(a + 1, last)]
    return found


@compiled
def add_image(weight, change, counts, every, apart, size, bands, summed, total, said):
    """Add one image to the sums; `bands` is 1 where all bands count at the same pixels."""
    for b in range(change.shape[0]):
        for p in range(size):
            summed[b, p] += weight[p] * change[b, p]
    for b in range(bands):
        for p in range(size):
            total[b, p] += weight[p] * counts[b, p]
    for p in range(size):
        counted = weight[p] * every[p]
        here = ONE if counted > ZERO else ZERO
        said[0, p] += counted
        said[1, p] += here
        said[2, p] += counted * apart
        said[3, p] = min(said[3, p], apart if counted > ZERO else INFINITE)


@compiled
def write_values(coarse, summed, total, out):
    """Write the coarse series plus the mean of what images differ from it, for a span."""
    for p in range(out.shape[0]):
        counted = total[p] > ZERO
        out[p] = coarse[p] + summed[p] / total[p] if counted else np.float32(np.nan)


@compiled
def write_quality(said, size, quality):
    """Write sum of weights, images, mean days and fewest days of a span."""
    for p in range(size):
        quality[0, p], quality[1, p] = said[0, p], said[1, p]
        some = said[0, p] > ZERO
        quality[2, p] = said[2, p] / said[0, p] if some else np.float32(np.nan)
        quality[3, p] = said[3, p] if some else np.float32(np.nan)


@compiled
def fuse_rows(
    fine, valid, nodata, scale, slope, weights, coarse_then, coarse_now, apart, ratio, origin, out,
    quality,
):  # fmt: skip
    """Fuse a block of fine rows.

    Parameters
    ----------
    fine
        (N, B, Y, X), of which NaN and `nodata` are missing; times `scale` it is reflectance.
    valid
        (N, Y, X) uint8, 0 where a pixel of all bands does not count.
    slope
        (B, Y, X) float32 that the coarse series is multiplied by, or (0, 0, 0): by nothing.
    weights
        (T, N, y, x) float32.
    coarse_then, coarse_now
        (N, B, y, x) and (T, B, y, x) float32, NaN where missing.
    apart
        (T, N) float32, days between.
    ratio, origin
        Fine pixels along a cell; fine row and column of the block in the plane of cells.
    out
        (T, B, Y, X) float32.
    quality
        (4, T, Y, X) float32: sum of weights, images, mean days, fewest days; of pixels that count
        in all bands.
    """
    images, bands, height, width = fine.shape
    rows, columns = weights.shape[2:]
    left, across = np.empty(width, np.int64), np.empty(width, np.float32)
    place_row(columns, origin[1], ratio, left, across)
    then = np.empty((images, bands, columns), np.float32)
    known = np.empty((images, bands, columns), np.float32)
    whole = np.empty((images, bands), np.bool_)
    row, row_known = np.empty(columns, np.float32), np.empty(columns, np.float32)
    change = np.empty((images, bands, SPAN), np.float32)
    counts = np.empty((images, bands, SPAN), np.float32)
    every = np.empty((images, SPAN), np.float32)
    weight, coarse = np.empty(SPAN, np.float32), np.empty(SPAN, np.float32)
    summed, total = np.empty((bands, SPAN), np.float32), np.empty((bands, SPAN), np.float32)
    said = np.empty((4, SPAN), np.float32)
    for y in range(height):
        top, down = place(origin[0] + y, ratio, rows)
        for i in range(images):
            for b in range(bands):
                whole[i, b] = blend_rows(coarse_then[i, b], top, down, then[i, b], known[i, b])
        for start in range(0, width, SPAN):
            size = min(SPAN, width - start)
            alike = True
            for i in range(images):
                alike &= changes_of(fine[i], valid[i], y, start, size, nodata, scale, slope,
                                    then[i], known[i], whole[i], left, across, change[i],
                                    counts[i], every[i])  # fmt: skip
            sums = 1 if alike else bands
            for t in range(weights.shape[0]):
                summed[:], total[:], said[:3] = ZERO, ZERO, ZERO
                said[3] = INFINITE
                for i in range(images):
                    if weights_of(weights[t, i], top, down, left, across, start, size, row, weight):
                        add_image(weight, change[i], counts[i], every[i], apart[t, i], size, sums,
                                  summed, total, said)  # fmt: skip
                for b in range(bands):
                    complete = blend_rows(coarse_now[t, b], top, down, row, row_known)
                    spread(row, row_known, complete, left, across, start, size, coarse)
                    multiply(coarse, slope, b, y, start, size)
                    write_values(
                        coarse, summed[b], total[min(b, sums - 1)], out[t, b, y, start:][:size]
                    )
                write_quality(said, size, quality[:, t, y, start : start + size])
