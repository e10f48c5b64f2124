"""Compiled loops of the fusion: rows of fine pixels, one after the other, for all target days.

Import this module only where it is used (it loads numba); `efast.fusion` is the door. A fine pixel
goes through the same float32 operations in the same order whatever stands beside it, so results do
not depend on how an area is divided, to the last bit. What is left out for speed (images without
weight or without a pixel, masks of whole spans) would add 0 or multiply by 1.

Innermost loops run over slices of a span and write one array: of those the compiler makes vector
instructions.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from workbench.machinecode import compiled

__all__ = ["fuse_rows"]

CACHE = 2**19  # bytes that the images may take in a span, so that they stay near the processor
LEAST = 240  # pixels of a span, where a row has as many
ZERO, ONE = np.float32(0), np.float32(1)
INFINITE, EMPTY = np.float32(np.inf), np.float32(np.nan)
MOST = 255  # images and bands that a byte counts
CERTAIN = np.float32(1e-30)  # between weights of cells that are above it, no weight is 0


class Places(NamedTuple):
    """Fine columns: the cell before each, how far beyond its centre, where its like end."""

    left: Any
    across: Any
    until: Any


class Rows(NamedTuple):
    """The planes of cells at one fine row: blended values and weights, what is known of them.

    What is added for classes, `then_apart` and `now_apart`, is (N or T, B, K, x).
    """

    then: Any
    then_known: Any
    then_whole: Any
    now: Any
    now_known: Any
    now_whole: Any
    weights: Any
    then_apart: Any
    now_apart: Any


class Seen(NamedTuple):
    """How images differ from the coarse series in a span, and where they count.

    Attributes
    ----------
    change, counts
        (B, N, P) float32 and uint8.
    found
        (N, P) uint8: in how many bands a pixel counts.
    full, used
        (N,) whether an image counts in all pixels and bands; whether it has a pixel that is not
        hidden, and a weight for some target.
    alike
        (1,) whether all bands count at the same pixels.
    """

    change: Any
    counts: Any
    found: Any
    full: Any
    used: Any
    alike: Any


class Sums(NamedTuple):
    """Images chosen for a target in a span, and sums over them.

    Attributes
    ----------
    image, apart, certain
        (N,): which, days between, whether all pixels count and have a weight.
    weight
        (N, P) float32.
    change, total
        (B, P) and (B + 1, P) float32: weights times changes; weights, by bands and of all together.
    days, images, nearest
        (P,): weights times days; number of images; fewest days.
    """

    image: Any
    apart: Any
    certain: Any
    weight: Any
    change: Any
    total: Any
    days: Any
    images: Any
    nearest: Any


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
def place_columns(width, begin, ratio, cells):
    """Place all columns of a block."""
    places = Places(
        np.empty(width, np.int64), np.empty(width, np.float32), np.empty(width, np.int64)
    )
    for x in range(width):
        places.left[x], places.across[x] = place(begin + x, ratio, cells)
    until = width
    for x in range(width - 1, -1, -1):
        if x + 1 < width and places.left[x] != places.left[x + 1]:
            until = x + 1
        places.until[x] = until
    return places


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
def blend_planes(weights, then, now, top, share, rows):
    """Blend two rows of all planes."""
    known = np.empty(weights.shape[3], np.float32)
    for b in range(then.shape[1]):
        for i in range(then.shape[0]):
            rows.then_whole[i, b] = blend_rows(
                then[i, b], top, share, rows.then[i, b], rows.then_known[i, b]
            )
        for t in range(now.shape[0]):
            rows.now_whole[t, b] = blend_rows(
                now[t, b], top, share, rows.now[t, b], rows.now_known[t, b]
            )
    for t in range(weights.shape[0]):
        for i in range(weights.shape[1]):
            blend_rows(weights[t, i], top, share, rows.weights[t, i], known)


@compiled
def blend_classes(planes, top, share, rows):
    """Blend two rows of what is added for each class."""
    below = min(top + 1, planes.shape[3] - 1)
    for k in range(planes.shape[0]):
        for n in range(planes.shape[1]):
            for b in range(planes.shape[2]):
                above, under, row = planes[k, n, b, top], planes[k, n, b, below], rows[n, b, k]
                for x in range(row.shape[0]):
                    row[x] = (ONE - share) * above[x] + share * under[x]


@compiled
def spread(values, places, start, out):
    """Blend a row of cells at the fine pixels of a span, between two cells at a time."""
    last, at = values.shape[0] - 1, 0
    while at < out.shape[0]:
        cell, until = places.left[start + at], min(places.until[start + at] - start, out.shape[0])
        one, other = values[cell], values[min(cell + 1, last)]
        part, share = out[at:until], places.across[start + at : start + until]
        for p in range(part.shape[0]):
            part[p] = (ONE - share[p]) * one + share[p] * other
        at = until


@compiled
def spread_known(values, known, places, start, out):
    """Blend a row of cells of which some are missing; NaN where no cell around has a value."""
    last = values.shape[0] - 1
    for p in range(out.shape[0]):
        a, s = places.left[start + p], places.across[start + p]
        b = min(a + 1, last)
        value = (ONE - s) * values[a] + s * values[b]
        if known[a] < ONE or known[b] < ONE:
            weight = (ONE - s) * known[a] + s * known[b]
            value = value / weight if weight > ZERO else EMPTY
        out[p] = value


@compiled
def coarse_row(values, known, whole, places, start, out):
    """Bring a row of the coarse series to the pixels of a span."""
    if whole:
        spread(values, places, start, out)
    else:
        spread_known(values, known, places, start, out)


@compiled
def add_class(values, group, places, start, out):
    """Add what belongs to the class of each pixel, between two cells at a time, if any."""
    classes, last, at = values.shape[0], values.shape[1] - 1, 0
    if classes == 0:
        return
    while at < out.shape[0]:
        cell, until = places.left[start + at], min(places.until[start + at] - start, out.shape[0])
        one, other = values[:, cell], values[:, min(cell + 1, last)]
        part, share = out[at:until], places.across[start + at : start + until]
        mine = group[at:until]
        for p in range(part.shape[0]):
            g = mine[p]
            if g < classes:
                part[p] += (ONE - share[p]) * one[g] + share[p] * other[g]
        at = until


@compiled
def change_of(fine, valid, nodata, scale, coarse, change, counts):
    """Take the coarse series from a band of an image; what does not count is 0 in both."""
    for p in range(change.shape[0]):
        value = np.float32(fine[p]) * scale - coarse[p]
        counted = (valid[p] != 0) & (fine[p] != nodata) & (value == value)  # NaN is not itself
        change[p] = value if counted else ZERO
        counts[p] = counted


@compiled
def some(values):
    """Tell whether one value is above 0."""
    for value in values:  # noqa: SIM110  numba has no any()
        if value > 0:
            return True
    return False


@compiled
def look(fine, valid, nodata, scale, group, y, start, end, places, rows, seen):
    """See how images differ from the coarse series in a span of a row."""
    first, last = places.left[start], min(places.left[end - 1] + 2, rows.weights.shape[2])
    bands, size = fine.shape[1], end - start
    coarse = np.empty(size, np.float32)
    seen.alike[0] = True
    for i in range(fine.shape[0]):
        seen.used[i] = some(valid[i, y, start:end])
        weighed = False
        for t in range(rows.weights.shape[0]):
            weighed = weighed or some(rows.weights[t, i, first:last])
        seen.used[i] &= weighed
        if not seen.used[i]:
            continue
        found = seen.found[i, :size]
        found[:] = 0
        for b in range(bands):
            coarse_row(
                rows.then[i, b], rows.then_known[i, b], rows.then_whole[i, b], places, start,
                coarse,
            )  # fmt: skip
            add_class(rows.then_apart[i, b], group[y, start:end], places, start, coarse)
            change, counts = seen.change[b, i, :size], seen.counts[b, i, :size]
            change_of(
                fine[i, b, y, start:end], valid[i, y, start:end], nodata, scale, coarse,
                change, counts,
            )  # fmt: skip
            for p in range(size):
                found[p] += counts[p]
        one, every = 0, 0
        for p in range(size):
            one += int(found[p] > 0)
        for p in range(size):
            every += int(found[p] == bands)
        seen.full[i] = every == size
        seen.alike[0] &= one == every


@compiled
def choose(weights, apart, places, start, end, seen, sums):
    """Choose the images that count for a target in a span, and bring their weights there."""
    first, last = places.left[start], min(places.left[end - 1] + 2, weights.shape[1])
    number = 0
    for i in range(weights.shape[0]):
        if seen.used[i] and some(weights[i, first:last]):
            spread(weights[i], places, start, sums.weight[number, : end - start])
            sums.image[number], sums.apart[number] = i, apart[i]
            certain = seen.full[i]
            for c in range(first, last):
                certain &= weights[i, c] > CERTAIN
            sums.certain[number] = certain
            number += 1
    return number


@compiled
def add_changes(weight, change, image, summed):
    """Add weights times changes of a band, one image after the other, four in a pass."""
    summed[:] = ZERO
    done = image.shape[0] // 4 * 4
    for n in range(0, done, 4):
        w0, w1, w2, w3 = weight[n], weight[n + 1], weight[n + 2], weight[n + 3]
        c0, c1 = change[image[n]], change[image[n + 1]]
        c2, c3 = change[image[n + 2]], change[image[n + 3]]
        for p in range(summed.shape[0]):
            two = summed[p] + w0[p] * c0[p] + w1[p] * c1[p]
            summed[p] = two + w2[p] * c2[p] + w3[p] * c3[p]
    for n in range(done, image.shape[0]):
        w0, c0 = weight[n], change[image[n]]
        for p in range(summed.shape[0]):
            summed[p] += w0[p] * c0[p]


@compiled
def add_weights(weight, factor, summed):
    """Add weights times a number of each image, one after the other, four in a pass."""
    summed[:] = ZERO
    done = factor.shape[0] // 4 * 4
    for n in range(0, done, 4):
        w0, w1, w2, w3 = weight[n], weight[n + 1], weight[n + 2], weight[n + 3]
        f0, f1, f2, f3 = factor[n], factor[n + 1], factor[n + 2], factor[n + 3]
        for p in range(summed.shape[0]):
            two = summed[p] + w0[p] * f0 + w1[p] * f1
            summed[p] = two + w2[p] * f2 + w3[p] * f3
    for n in range(done, factor.shape[0]):
        w0, f0 = weight[n], factor[n]
        for p in range(summed.shape[0]):
            summed[p] += w0[p] * f0


@compiled
def add_counted(weight, counts, image, summed):
    """Add weights of images where they count in a band."""
    summed[:] = ZERO
    for n in range(image.shape[0]):
        w, counted = weight[n], counts[image[n]]
        for p in range(summed.shape[0]):
            summed[p] += w[p] if counted[p] != 0 else ZERO


@compiled
def count_images(sums, number, size):
    """Count images that have a weight, and find the fewest days; certain ones count everywhere."""
    images, nearest = sums.images[:size], sums.nearest[:size]
    everywhere, days = 0, INFINITE
    for n in range(number):
        if sums.certain[n]:
            everywhere, days = everywhere + 1, min(days, sums.apart[n])
    images[:], nearest[:] = min(everywhere, MOST), days
    for n in range(number):
        if not sums.certain[n]:
            weight, days = sums.weight[n, :size], sums.apart[n]
            for p in range(size):
                images[p] += np.uint8((weight[p] > ZERO) & (images[p] < MOST))
            for p in range(size):
                nearer = (weight[p] > ZERO) & (days < nearest[p])
                nearest[p] = days if nearer else nearest[p]


@compiled
def add_images(seen, sums, number, size):
    """Add the chosen images: changes of each band, weights, days and their number."""
    image, weight, bands = sums.image[:number], sums.weight, sums.change.shape[0]
    for b in range(bands):
        add_changes(weight, seen.change[b], image, sums.change[b, :size])
        if not seen.alike[0]:
            add_counted(weight, seen.counts[b], image, sums.total[b, :size])
    for n in range(number):
        if not seen.full[image[n]]:
            part, found = weight[n, :size], seen.found[image[n]]
            for p in range(size):
                part[p] = part[p] if found[p] == bands else ZERO
    add_weights(weight, np.ones(number, np.float32), sums.total[bands, :size])
    add_weights(weight, sums.apart[:number], sums.days[:size])
    count_images(sums, number, size)


@compiled
def write_values(coarse, change, total, out):
    """Write the coarse series plus the mean of what images differ from it."""
    for p in range(out.shape[0]):
        value = coarse[p] + change[p] / total[p]
        out[p] = value if total[p] > ZERO else EMPTY


@compiled
def write_quality(sums, weight, images, age, nearest):
    """Write sum of weights, number, mean and fewest days of a span."""
    total, days, fewest = sums.total[sums.change.shape[0]], sums.days, sums.nearest
    for p in range(weight.shape[0]):
        weight[p] = total[p]
    for p in range(images.shape[0]):
        images[p] = sums.images[p]
    for p in range(age.shape[0]):
        age[p] = days[p] / total[p] if total[p] > ZERO else EMPTY
    for p in range(nearest.shape[0]):
        nearest[p] = fewest[p] if total[p] > ZERO else EMPTY


@compiled
def fuse_rows(
    fine, valid, nodata, scale, group, weights, coarse_then, coarse_now, apart_then, apart_now,
    apart, ratio, origin, values, weight, images, age, nearest,
):  # fmt: skip
    """Fuse a block of fine rows.

    Parameters
    ----------
    fine
        (N, B, Y, X), of which NaN and `nodata` are missing; times `scale` it is reflectance.
    valid
        (N, Y, X) uint8, 0 where a pixel of all bands does not count.
    weights
        (T, N, y, x) float32.
    coarse_then, coarse_now
        (N, B, y, x) and (T, B, y, x) float32, NaN where missing.
    group
        (Y, X) uint8, the class of each pixel, K and more for none; or (Y, 0).
    apart_then, apart_now
        (K, N, B, y, x) and (K, T, B, y, x) float32: what is added to the coarse series for a class;
        K may be 0.
    apart
        (T, N) float32, days between.
    ratio, origin
        Fine pixels along a cell; fine row and column of the block in the plane of cells.
    values
        (T, B, Y, X) float32, written.
    weight, images, age, nearest
        (T, Y, X), written: sum of weights, number of images (uint8, 255 for more), mean and fewest
        days; of pixels that count in all bands.
    """
    number, bands, height, width = fine.shape
    targets, _, down, cells = weights.shape
    places = place_columns(width, origin[1], ratio, cells)
    span = max(CACHE // (5 * number * bands), LEAST)  # 5 bytes: `change` and `counts`
    span = min(span, width)
    rows = Rows(
        np.empty((number, bands, cells), np.float32), np.empty((number, bands, cells), np.float32),
        np.empty((number, bands), np.bool_), np.empty((targets, bands, cells), np.float32),
        np.empty((targets, bands, cells), np.float32), np.empty((targets, bands), np.bool_),
        np.empty((targets, number, cells), np.float32),
        np.empty((number, bands, apart_then.shape[0], cells), np.float32),
        np.empty((targets, bands, apart_now.shape[0], cells), np.float32),
    )  # fmt: skip
    seen = Seen(
        np.empty((bands, number, span), np.float32), np.empty((bands, number, span), np.uint8),
        np.empty((number, span), np.uint8), np.empty(number, np.bool_),
        np.empty(number, np.bool_), np.empty(1, np.bool_),
    )  # fmt: skip
    sums = Sums(
        np.empty(number, np.int64), np.empty(number, np.float32), np.empty(number, np.bool_),
        np.empty((number, span), np.float32), np.empty((bands, span), np.float32),
        np.empty((bands + 1, span), np.float32), np.empty(span, np.float32),
        np.empty(span, np.uint8), np.empty(span, np.float32),
    )  # fmt: skip
    coarse = np.empty(span, np.float32)
    for y in range(height):
        top, share = place(origin[0] + y, ratio, down)
        blend_planes(weights, coarse_then, coarse_now, top, share, rows)
        blend_classes(apart_then, top, share, rows.then_apart)
        blend_classes(apart_now, top, share, rows.now_apart)
        for start in range(0, width, span):
            end = min(start + span, width)
            look(fine, valid, nodata, scale, group, y, start, end, places, rows, seen)
            for t in range(targets):
                chosen = choose(rows.weights[t], apart[t], places, start, end, seen, sums)
                add_images(seen, sums, chosen, end - start)
                for b in range(bands):
                    coarse_row(
                        rows.now[t, b], rows.now_known[t, b], rows.now_whole[t, b], places,
                        start, coarse[: end - start],
                    )  # fmt: skip
                    add_class(
                        rows.now_apart[t, b], group[y, start:end], places, start,
                        coarse[: end - start],
                    )  # fmt: skip
                    total = sums.total[bands if seen.alike[0] else b]
                    write_values(coarse, sums.change[b], total, values[t, b, y, start:end])
                write_quality(
                    sums, weight[t, y, start:end], images[t, y, start:end],
                    age[t, y, start:end], nearest[t, y, start:end],
                )  # fmt: skip
