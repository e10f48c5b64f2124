"""Compiled loops of the speckle filters; 0 is no value where values are left out.

Import this module only where it is used (it loads numba); `filters` is the door.

A window is summed across its rows, and then down: each sum goes over the same 2r + 1 numbers in the
same order, whatever was summed before. So a value does not depend on the block that it is computed
in, to the last bit, and the inner loops run over neighbouring columns, which the processor does
several at a time. Chunks of columns keep what is summed in the cache.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

__all__ = ["FROST", "GAMMA_MAP", "KUAN", "LEE", "MEAN", "filtered"]

MEAN, LEE, KUAN, GAMMA_MAP, FROST = range(5)

COLUMNS = 512
"""Columns of a chunk."""

LEAST = 1e-10
"""Least mean and least variance; where it is relative, of the variance over the squared mean."""


@compiled
def filtered(power, radius, method, strength, weights, exclude, relative, out):
    """Fill (rows, cols) filtered power; `strength` is the looks, or the damping of Frost.

    `weights` is, for Frost, distance and number of members of every ring of a window, the centre
    first, and the places of the members without the centre, ring by ring.
    """
    height, width = power.shape
    side, room = 2 * radius + 1, COLUMNS + 2 * radius
    values, valid = np.zeros((side, room)), np.zeros((side, room))
    sums, full = np.zeros((3, side, COLUMNS)), np.zeros(side, np.bool_)
    line = np.empty((6, COLUMNS))
    for first in range(0, width, COLUMNS):
        count = min(COLUMNS, width - first)
        ready = -1  # last row of the image that was summed across
        for i in range(height):
            while ready < min(i + radius, height - 1):
                ready += 1
                _summed(
                    power[ready], first, count, exclude, ready % side, values, valid, sums, full
                )
            every = _down(sums, full, i, radius, height, count, line)
            _statistics(line, every, side, count, relative)
            if method == FROST:
                _damped(values, valid, every, i, height, weights, strength, count, line)
            else:
                _adapted(values[i % side, radius:], method, strength, count, line)
            _stored(line[5], power[i, first:], count, exclude, out[i, first:])


@compiled
def _summed(row, first, count, exclude, slot, values, valid, sums, full):
    """Load a row of a chunk into a slot, and sum values, squares and what is valid across."""
    side = values.shape[0]
    here = values[slot]
    full[slot] = _load(row, first, count, exclude, here, valid[slot])
    squares = here * here
    _across(here, count, side, sums[0, slot])
    _across(squares, count, side, sums[1, slot])
    if full[slot]:
        sums[2, slot, :count] = side
    else:
        _across(valid[slot], count, side, sums[2, slot])


@compiled
def _stored(found, given, count, exclude, out):
    """Store a row of a chunk; what is no value stays what it was."""
    for j in range(count):
        out[j] = found[j]
    if exclude:
        for j in range(count):
            out[j] = out[j] if given[j] != 0 and given[j] == given[j] else given[j]


@compiled
def _load(row, first, count, exclude, values, valid):
    """Fill a row of a chunk and its halo, edges repeated; tell whether all of it is valid."""
    width, radius = len(row), (values.shape[0] - COLUMNS) // 2
    begin, end = max(first - radius, 0), min(first + count + radius, width)
    shift = radius - first
    inside, to = row[begin:end], values[begin + shift : end + shift]
    for j in range(len(to)):
        to[j] = inside[j]
    values[: begin + shift] = row[0]
    values[end + shift : count + 2 * radius] = row[width - 1]
    if not exclude:
        return True
    missing = 0
    for j in range(count + 2 * radius):
        has = values[j] != 0 and values[j] == values[j]
        valid[j] = 1.0 if has else 0.0
        values[j] = values[j] if has else 0.0
        missing += 0 if has else 1
    return missing == 0


@compiled
def _across(values, count, side, out):
    """Fill sums over `side` neighbours to the right; `side` is odd, 3 at least."""
    second, third = values[1 : 1 + count], values[2 : 2 + count]
    for j in range(count):
        out[j] = values[j] + second[j] + third[j]
    for k in range(3, side, 2):
        second, third = values[k : k + count], values[k + 1 : k + 1 + count]
        for j in range(count):
            out[j] = out[j] + second[j] + third[j]


@compiled
def _down(sums, full, i, radius, height, count, line):
    """Fill the sums of values, squares and counts of windows; tell whether all is valid."""
    every = True
    for k in range(max(i - radius, 0), min(i + radius, height - 1) + 1):
        every = every and full[k % len(full)]
    for n in range(2 if every else 3):
        _down_one(sums[n], i, radius, height, count, line[n])
    return every


@compiled
def _down_one(sums, i, radius, height, count, out):
    """Fill sums over the rows of a window; a row beyond the edge is the one on the edge."""
    side = 2 * radius + 1
    first = sums[max(i - radius, 0) % side]
    for j in range(count):
        out[j] = first[j]
    for k in range(1 - radius, radius + 1, 2):
        second = sums[min(max(i + k, 0), height - 1) % side]
        third = sums[min(max(i + k + 1, 0), height - 1) % side]
        for j in range(count):
            out[j] = out[j] + second[j] + third[j]


@compiled
def _statistics(line, every, side, count, relative):
    """Turn sums of values (0), squares (1), counts (2) into means (3) and variances (4).

    A variance that is too small to count becomes 0, and a mean that is.
    """
    if every:
        # The same operations as below, with divisions that are the same for all columns.
        share, others = 1.0 / (side * side), 1.0 / (side * side - 1.0)
        for j in range(count):
            mean = line[0, j] * share
            variance = (line[1, j] - line[0, j] * mean) * others
            line[3, j], line[4, j] = _sound(mean, variance, relative)
    else:
        for j in range(count):
            share, others = 1.0 / max(line[2, j], 1.0), 1.0 / max(line[2, j] - 1.0, 1.0)
            mean = line[0, j] * share
            variance = (line[1, j] - line[0, j] * mean) * others
            line[3, j], line[4, j] = _sound(mean, variance, relative)


@compiled
def _sound(mean, variance, relative):
    """Return mean and variance, 0 for what is too small to count."""
    least = LEAST * (mean * mean) if relative else LEAST
    present = mean != 0.0 if relative else abs(mean) >= LEAST
    return mean if present else 0.0, variance if present and variance >= least else 0.0


@compiled
def _adapted(centre, method, looks, count, line):
    """Fill the filtered values (5) of all methods but Frost."""
    means, variances, out = line[3], line[4], line[5]
    unit = 1.0 / looks
    if method == MEAN:
        out[:count] = means[:count]
    elif method == GAMMA_MAP:
        # With all divided by a of the source: what is left of 1/a goes through 0 without harm.
        half = 0.5 / (1.0 + unit)
        for j in range(count):
            mean, value = means[j], centre[j]
            variation = variances[j] / (mean * mean)
            excess = max(variation - unit, 0.0)
            b = ((1.0 + unit) - (looks + 1.0) * excess) * mean
            root = np.sqrt(b * b + 4.0 * (1.0 + unit) * looks * excess * mean * value)
            found = value if variation >= 2.0 * unit else (b + root) * half
            out[j] = found if variances[j] > 0 and variation > unit else mean
    else:
        scale = 1.0 / (1.0 + unit) if method == KUAN else 1.0
        for j in range(count):
            mean = means[j]
            level = unit * (mean * mean)
            share = (1.0 - level / variances[j]) * scale
            found = centre[j] * share + mean * (1.0 - share)
            out[j] = found if variances[j] > 0 and variances[j] >= level else mean


@compiled
def _damped(values, valid, every, i, height, weights, damping, count, line):
    """Fill the filtered values of Frost (5): a mean with weights that fall with the distance."""
    means, variances, out = line[3], line[4], line[5]
    total, weight, ring, number = np.zeros(count), np.zeros(count), np.empty(count), np.empty(count)
    factor, bits, variation = np.empty(count), np.empty(count, np.int64), np.empty(count)
    rings, places = weights
    side = values.shape[0]
    radius, place = side // 2, 0
    for j in range(count):
        variation[j] = variances[j] / (means[j] * means[j])
        total[j] = values[i % side, radius + j]  # the centre, a ring by itself
        weight[j] = valid[i % side, radius + j] if not every else 1.0
    for k in range(1, len(rings)):
        distance, members = rings[k, 0], int(rings[k, 1])
        ring[:] = 0.0
        number[:] = members if every else 0.0
        for _ in range(members // 2):  # every ring has four, or eight, ...
            slot = min(max(i + places[place, 0], 0), height - 1) % side
            other = min(max(i + places[place + 1, 0], 0), height - 1) % side
            start, begin = radius + places[place, 1], radius + places[place + 1, 1]
            there, across = (
                values[slot, start : start + count],
                values[other, begin : begin + count],
            )
            for j in range(count):
                ring[j] = ring[j] + there[j] + across[j]
            if not every:
                present, also = (
                    valid[slot, start : start + count],
                    valid[other, begin : begin + count],
                )
                for j in range(count):
                    number[j] = number[j] + present[j] + also[j]
            place += 2
        _exponentials(variation, -damping * distance, count, bits, factor)
        for j in range(count):
            total[j] += factor[j] * ring[j]
            weight[j] += factor[j] * number[j]
    for j in range(count):
        out[j] = total[j] / weight[j] if variances[j] > 0 else means[j]


@compiled
def _exponentials(variation, rate, count, bits, out):
    """Fill exp(rate · variation) of arguments up to 0; several at a time, unlike np.exp.

    exp(x) = 2^k · exp(f), |f| <= ln 2 / 2, and exp(f) by its series to the 13th power.
    """
    for j in range(count):
        x = max(min(rate * variation[j], 0.0), -700.0)
        k = np.floor(x * 1.4426950408889634 + 0.5)
        f = (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10
        p = 1.0 / 6227020800.0
        p = p * f + 1.0 / 479001600.0
        p = p * f + 1.0 / 39916800.0
        p = p * f + 1.0 / 3628800.0
        p = p * f + 1.0 / 362880.0
        p = p * f + 1.0 / 40320.0
        p = p * f + 1.0 / 5040.0
        p = p * f + 1.0 / 720.0
        p = p * f + 1.0 / 120.0
        p = p * f + 1.0 / 24.0
        p = p * f + 1.0 / 6.0
        p = p * f + 0.5
        p = p * f + 1.0
        p = p * f + 1.0
        out[j] = p
        bits[j] = np.int64(k + 1023.0) << 52
    scale = bits.view(np.float64)
    for j in range(count):
        out[j] *= scale[j]
