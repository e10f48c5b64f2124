"""Compiled loops of the chain: solve the knots, evaluate the dates, pixel block by pixel block.

Import this module only where it is used (it loads numba); `spaceeye.solver.compiled` is the door.
The symbols are those of `spaceeye.solver.reference`.

Each pixel goes through the same float32 operations in the same order whatever stands beside it:
numba contracts and reorders nothing without ``fastmath``, which stays off, so results do not
depend on how pixels are divided into calls, blocks or threads, to the last bit.

One pass over the memory: a block of pixels is read, solved band by band in buffers that stay in the
cache, and its output dates are written. The only division is the one per pixel and knot, shared by
all bands.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic, overload

from spaceeye.solver.axis import MIN_WEIGHT
from workbench.machinecode import compiled

__all__ = [
    "blank_range",
    "compiled",
    "evaluate_range",
    "first_and_last",
    "fma",
    "interpolate_range",
    "knots_range",
    "load_weights",
]

LEAST = np.float32(MIN_WEIGHT)
ZERO, ONE, TOP = np.float32(0.0), np.float32(1.0), np.float32(65535.0)


def _fma(_context, a, b, c):
    """Give a * b + c, rounded once: said explicitly, so that it is the same in every loop."""

    def build(_context, builder, _signature, arguments):
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), build


fma: Any = intrinsic(_fma)


@compiled
def load_weights(weights, start, size, w):
    """Copy a block of weights, too small ones (and NaN) as zero."""
    for k in range(weights.shape[0]):
        row, to = weights[k, start : start + size], w[k]
        for p in range(size):
            given = np.float32(row[p])
            to[p] = given if given >= LEAST else ZERO


@compiled
def factorise(w, g, size, carry, r, f):
    """Eliminate the weights: `r` and `f`; the last `r` is 1 / e, infinite if never observed.

    `carry` (pixels,) takes the excess along. No row of an array is worked out from another row of
    the same array, and backward sweeps take their rows from a list: otherwise the compiler cannot
    tell the rows apart and leaves out the vector instructions.
    """
    last = w.shape[0] - 1
    carry[:size] = w[0, :size]
    for k in range(last):
        own, rk, fk, gk = w[k + 1], r[k], f[k], g[k]
        for p in range(size):
            inverse = ONE / (carry[p] + gk)
            forward = gk * inverse
            rk[p], fk[p] = inverse, forward
            carry[p] = fma(forward, carry[p], own[p])
    rk, fk = r[last], f[last]
    for p in range(size):
        rk[p], fk[p] = ONE / carry[p], ZERO


@compiled
def solve_band(values, band, start, size, w, r, f, gain, backward, carry, x):
    """Solve one band of a block; `x` holds y on the way up and the solution on the way down.

    A pixel that was never observed ends as 0 x inf = NaN.
    """
    last = w.shape[0] - 1
    carry[:size] = ZERO
    for k in range(last + 1):
        row, factor, own, here = values[k, band, start : start + size], gain[k, band], w[k], x[k]
        fk = f[max(k - 1, 0)]
        for p in range(size):
            excited = own[p] * (np.float32(row[p]) * factor)
            excited = excited if own[p] > ZERO else ZERO
            carry[p] = fma(fk[p], carry[p], excited)
            here[p] = carry[p]
    here, rk = x[last], r[last]
    for p in range(size):
        carry[p] = rk[p] * here[p]
        here[p] = carry[p]
    for k in backward:
        here, rk, fk = x[k], r[k], f[k]
        for p in range(size):
            carry[p] = fma(fk[p], carry[p], rk[p] * here[p])
            here[p] = carry[p]


def store(x, band, start, size, left, right, share, low, out):
    """Write all dates of one band from its knots `x`: ``a x_left + b x_right + c``.

    `share` (3, T, B) holds a, b and c. Integers are clipped to [1, 65535], c holds the half that
    rounds them; NaN becomes 0.
    """


@overload(store, jit_options={"error_model": "numpy"})
def _store(x, band, start, size, left, right, share, low, out):
    """Choose by the type of `out`."""

    def integers(x, band, start, size, left, right, share, low, out):
        seen = x[0]
        for p in range(size):
            low[p] = ONE if seen[p] == seen[p] else ZERO
        for t in range(left.size):
            row, one, other = out[t, band, start : start + size], x[left[t]], x[right[t]]
            a, b, c = share[0, t, band], share[1, t, band], share[2, t, band]
            for p in range(size):
                value = fma(a, one[p], fma(b, other[p], c))
                value = value if value > low[p] else low[p]
                value = value if value < TOP else TOP
                row[p] = np.uint16(np.int32(value))

    def floats(x, band, start, size, left, right, share, low, out):
        for t in range(left.size):
            row, one, other = out[t, band, start : start + size], x[left[t]], x[right[t]]
            a, b, c = share[0, t, band], share[1, t, band], share[2, t, band]
            for p in range(size):
                row[p] = fma(a, one[p], fma(b, other[p], c))

    return integers if isinstance(out.dtype, types.Integer) else floats


@compiled
def first_and_last(w, size, first, last):
    """Find the first and the last knot that shows each pixel; N and -1 where none does."""
    first[:size], last[:size] = w.shape[0], -1
    for k in range(w.shape[0]):
        own = w[k]
        for p in range(size):
            if own[p] > ZERO:
                last[p] = k
                if first[p] > k:
                    first[p] = k


@compiled
def blank_outside(first, last, before, after, start, size, nodata, out):
    """Blank the dates before the first and after the last clear observation of each pixel."""
    latest, earliest = first[:size].max(), last[:size].min()
    for t in range(before.size):
        if before[t] >= latest and after[t] <= earliest:
            continue
        for band in range(out.shape[1]):
            row = out[t, band, start : start + size]
            for p in range(size):
                if before[t] < first[p] or after[t] > last[p]:
                    row[p] = nodata


@compiled
def interpolate_range(
    values, weights, start, stop, block, g, backward, gain, at, share, blank, nodata, out
):
    """Solve and evaluate the pixels from `start` up to `stop`.

    `at` is (left, right, before, after), each (T,); `backward` the knots N - 2 .. 0; `gain` (N, B)
    multiplies the values.
    """
    knots = weights.shape[0]
    w, r = np.empty((knots, block), np.float32), np.empty((knots, block), np.float32)
    f, x = np.empty((knots, block), np.float32), np.empty((knots, block), np.float32)
    carry, low = np.empty(block, np.float32), np.empty(block, np.float32)
    first, last = np.empty(block, np.int64), np.empty(block, np.int64)
    left, right, before, after = at
    for begin in range(start, stop, block):
        size = min(block, stop - begin)
        load_weights(weights, begin, size, w)
        factorise(w, g, size, carry, r, f)
        for band in range(values.shape[1]):
            solve_band(values, band, begin, size, w, r, f, gain, backward, carry, x)
            store(x, band, begin, size, left, right, share, low, out)
        if blank:
            first_and_last(w, size, first, last)
            blank_outside(first, last, before, after, begin, size, nodata, out)


@compiled
def knots_range(values, weights, start, stop, block, g, backward, gain, out):
    """Solve the pixels from `start` up to `stop` and write their knots."""
    knots = weights.shape[0]
    w, r = np.empty((knots, block), np.float32), np.empty((knots, block), np.float32)
    f, x = np.empty((knots, block), np.float32), np.empty((knots, block), np.float32)
    carry = np.empty(block, np.float32)
    for begin in range(start, stop, block):
        size = min(block, stop - begin)
        load_weights(weights, begin, size, w)
        factorise(w, g, size, carry, r, f)
        for band in range(values.shape[1]):
            solve_band(values, band, begin, size, w, r, f, gain, backward, carry, x)
            out[:, band, begin : begin + size] = x[:, :size]


@compiled
def evaluate_range(knots, start, stop, block, at, share, out):
    """Evaluate the pixels from `start` up to `stop` from their knots."""
    x, low = np.empty((knots.shape[0], block), np.float32), np.empty(block, np.float32)
    left, right, _, _ = at
    for begin in range(start, stop, block):
        size = min(block, stop - begin)
        for band in range(knots.shape[1]):
            x[:, :size] = knots[:, band, begin : begin + size]
            store(x, band, begin, size, left, right, share, low, out)


@compiled
def blank_range(weights, start, stop, block, at, nodata, out):
    """Blank what lies outside the clear observations of the pixels from `start` up to `stop`."""
    w = np.empty((weights.shape[0], block), np.float32)
    first, last = np.empty(block, np.int64), np.empty(block, np.int64)
    _, _, before, after = at
    for begin in range(start, stop, block):
        size = min(block, stop - begin)
        load_weights(weights, begin, size, w)
        first_and_last(w, size, first, last)
        blank_outside(first, last, before, after, begin, size, nodata, out)
