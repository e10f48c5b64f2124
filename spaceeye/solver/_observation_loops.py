"""Compiled loops over observations: flags, age and support of dates; leave-one-out residuals.

Import this module only where it is used (it loads numba); `spaceeye.solver.observations` is the
door. Every sum over pixels is a sum of whole numbers, one rounded number per pixel, so it is the
same for any division of the pixels.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from spaceeye.solver._chain_loops import ONE, ZERO, compiled, first_and_last, fma, load_weights

__all__ = ["SQUARES", "WEIGHTS", "flags_range", "residuals_range", "sums_range"]

GOOD, NEVER, FAR, BEYOND = np.uint8(0), np.uint8(1), np.uint8(2), np.uint8(3)
SQUARES, WEIGHTS = 64.0, 65536.0  # whole units per unit of the sums
LARGEST = np.float32(65536.0)  # a larger residual counts as this


@compiled
def excess(w, g, size, steps, to_next, e):
    """Sweep in the order of `steps`: conductance from each knot to all knots before, own included.

    `to_next` is the distance in knots, 1 or -1: the row of `g` towards the next knot is k or k - 1.
    """
    carry = np.zeros(size, np.float32)
    for k in steps:
        own, here = w[k], e[k]
        edge = k if to_next > 0 else k - 1
        gk = g[edge] if 0 <= edge < g.size else ZERO
        for p in range(size):
            total = own[p] + carry[p]
            here[p] = total
            carry[p] = total * (gk / (total + gk)) if gk > ZERO else ZERO


@compiled
def code_of(never, far, beyond):
    """Give the flag: the first that holds, or 0."""
    if never:
        return NEVER
    if far:
        return FAR
    return BEYOND if beyond else GOOD


@compiled
def flags_range(weights, start, stop, block, g, knots, at, reach, ages, far, flag, age, support):
    """Write flag, age and support of the pixels from `start` up to `stop`.

    `knots` are the knots forward and backward; `at` is (before, after); `reach` (2, T) the
    distances to the knots on the left and on the right over alpha; `ages` and `far` (T, N + 1) say
    for each knot, the last column for none, how far it is from each date.
    """
    count = weights.shape[0]
    w = np.empty((count, block), np.float32)
    e, h = np.zeros((count + 1, block), np.float32), np.zeros((count + 1, block), np.float32)
    earlier = np.full((count + 1, block), count, np.int32)
    later = np.full((count + 1, block), count, np.int32)
    first, last = np.empty(block, np.int64), np.empty(block, np.int64)
    forward, backward = knots
    before, after = at
    for begin in range(start, stop, block):
        size = min(block, stop - begin)
        load_weights(weights, begin, size, w)
        excess(w, g, size, forward, 1, e[1:])  # row k + 1 is knot k; row 0 is no knot
        excess(w, g, size, backward, -1, h)  # row N is no knot
        first_and_last(w, size, first, last)
        for k in forward:
            for p in range(size):
                earlier[k + 1, p] = k if w[k, p] > ZERO else earlier[k, p]
        for k in backward:
            for p in range(size):
                later[k, p] = k if w[k, p] > ZERO else later[k + 1, p]
        for t in range(before.size):
            row = before[t] + 1
            spread(e[row], h[row], reach[0, t], reach[1, t], size, support[t, begin : begin + size])
            tell(
                earlier[row], later[row], first, last, before[t], after[t], ages[t], far[t], size,
                flag[t, begin : begin + size], age[t, begin : begin + size],
            )  # fmt: skip


@compiled
def spread(one, other, left, right, size, support):
    """Write the support of one date from the excess on both sides and the reach to it."""
    for p in range(size):
        to_left, to_right = fma(one[p], left, ONE), fma(other[p], right, ONE)
        total = one[p] * to_right + other[p] * to_left
        found = to_left * to_right / total
        support[p] = found if total > ZERO else np.float32(np.nan)


@compiled
def tell(was, comes, first, last, before, after, ages, far, size, flag, age):
    """Write the flag and the age of one date."""
    for p in range(size):
        a, b = was[p], comes[p]
        nearest = min(ages[a], ages[b])
        age[p] = nearest if last[p] >= 0 else -1
        beyond = before < first[p] or after > last[p]
        flag[p] = code_of(last[p] < 0, far[a] and far[b], beyond)


@compiled
def sweeps(w, g, size, forward, backward, ahead, behind, inverse):
    """Give the factors in both directions and 1 / (L + R), infinite where nothing else is seen."""
    coming = np.zeros(size, np.float32)
    for k in forward:
        own, to, around = w[k], ahead[k], inverse[k]
        gk = g[k] if k < g.size else ZERO
        for p in range(size):
            total = own[p] + coming[p]
            around[p] = coming[p]
            to[p] = gk / (total + gk) if gk > ZERO else ZERO
            coming[p] = to[p] * total
    coming[:] = ZERO
    for k in backward:
        own, to, around = w[k], behind[k], inverse[k]
        gk = g[k - 1] if k > 0 else ZERO
        for p in range(size):
            total = own[p] + coming[p]
            around[p] = ONE / (around[p] + coming[p])
            to[p] = gk / (total + gk) if gk > ZERO else ZERO
            coming[p] = to[p] * total


@compiled
def residuals_band(
    values, band, start, size, w, shown, units, forward, backward, ahead, behind, inverse, coming, x
):
    """Value minus leave-one-out prediction of one band in `x`; NaN where there is none.

    Values are predicted with the weights `w` and compared where `shown` is above zero; `units` are
    those in one of the values.
    """
    coming[:size] = ZERO
    for k in forward:
        row, own, to, here = values[k, band, start : start + size], w[k], ahead[k], x[k]
        for p in range(size):
            excited = own[p] * (np.float32(row[p]) * units)
            excited = excited if own[p] > ZERO else ZERO
            here[p] = coming[p]
            coming[p] = to[p] * (coming[p] + excited)
    coming[:size] = ZERO
    for k in backward:
        row, own, to, here = values[k, band, start : start + size], w[k], behind[k], x[k]
        around, seen = inverse[k], shown[k]
        for p in range(size):
            value = np.float32(row[p]) * units
            excited = own[p] * value
            excited = excited if own[p] > ZERO else ZERO
            residual = value - (here[p] + coming[p]) * around[p]
            here[p] = residual if seen[p] > ZERO else np.float32(np.nan)
            coming[p] = to[p] * (coming[p] + excited)


@compiled
def residuals_range(values, weights, compared, start, stop, block, g, knots, units, out):
    """Write the leave-one-out residuals of the pixels from `start` up to `stop`."""
    count = weights.shape[0]
    w, x = np.empty((count, block), np.float32), np.empty((count, block), np.float32)
    ahead, behind = np.empty((count, block), np.float32), np.empty((count, block), np.float32)
    inverse, coming = np.empty((count, block), np.float32), np.empty(block, np.float32)
    shown = np.empty((count, block), np.float32)
    forward, backward = knots
    for begin in range(start, stop, block):
        size = min(block, stop - begin)
        load_weights(weights, begin, size, w)
        load_weights(compared, begin, size, shown)
        sweeps(w, g, size, forward, backward, ahead, behind, inverse)
        for band in range(values.shape[1]):
            residuals_band(
                values, band, begin, size, w, shown, units,
                forward, backward, ahead, behind, inverse, coming, x,
            )  # fmt: skip
            out[:, band, begin : begin + size] = x[:, :size]


@compiled
def sums_range(values, weights, start, stop, block, g, knots, units, squares, seen, dated, shown):
    """Add up w r^2 (alphas,) and w (1,) block by block; `g` is (alphas, N - 1).

    Row i of `squares` and `seen` belongs to block i of all pixels; `start` is a whole block. So do
    those of `dated` (alphas, N) and `shown` (N,), the same sums date by date.
    """
    count = weights.shape[0]
    w, x = np.empty((count, block), np.float32), np.empty((count, block), np.float32)
    ahead, behind = np.empty((count, block), np.float32), np.empty((count, block), np.float32)
    inverse, coming = np.empty((count, block), np.float32), np.empty(block, np.float32)
    pixel, errors = np.empty(block, np.float64), np.empty((count, block), np.float64)
    forward, backward = knots
    for begin in range(start, stop, block):
        size, place = min(block, stop - begin), begin // block
        load_weights(weights, begin, size, w)
        for number in range(g.shape[0]):
            sweeps(w, g[number], size, forward, backward, ahead, behind, inverse)
            pixel[:], errors[:] = 0.0, 0.0
            for band in range(values.shape[1]):
                residuals_band(
                    values, band, begin, size, w, w, units,
                    forward, backward, ahead, behind, inverse, coming, x,
                )  # fmt: skip
                add_squares(w, x, size, forward, pixel, errors)
                if number == 0:
                    add_weights(w, x, size, forward, shown[place])
            for p in range(size):
                squares[place, number] += np.int64(np.rint(pixel[p] * SQUARES))
            add_whole(errors, size, dated[place, number])
        seen[place] = shown[place].sum()


@compiled
def add_squares(w, x, size, forward, pixel, errors):
    """Add w r^2 of one band to the sums of each pixel, and of each pixel and knot."""
    for k in forward:
        here, own, error = x[k], w[k], errors[k]
        for p in range(size):
            size_of = min(abs(here[p]), LARGEST)
            square = np.float64(own[p]) * np.float64(size_of) * np.float64(size_of)
            added = square if here[p] == here[p] else np.float64(0.0)
            pixel[p] += added
            error[p] += added


@compiled
def add_weights(w, x, size, forward, shown):
    """Add the weights of what one band was compared by, in whole numbers, to those of the knots."""
    for k in forward:
        here, own = x[k], w[k]
        for p in range(size):
            if here[p] == here[p]:
                shown[k] += np.int64(np.rint(own[p] * WEIGHTS))


@compiled
def add_whole(errors, size, dated):
    """Add what the pixels of each knot have, each rounded to a whole number."""
    for k in range(errors.shape[0]):
        error = errors[k]
        for p in range(size):
            dated[k] += np.int64(np.rint(error[p] * SQUARES))
