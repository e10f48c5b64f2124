"""Compiled loops: points on the ground, the moment at which they lie abeam, and their range.

Import this module only where it is used (it loads numba); `orbits` and `lattices` are the doors.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

__all__ = [
    "fill_between",
    "fill_places",
    "ground_ranges",
    "state",
    "zero_doppler",
    "zero_doppler_points",
]

SEMI_MAJOR = 6_378_137.0  # m, WGS 84
SQUARED_ECCENTRICITY = 6.694_379_990_141_316e-3
LIGHT = 299_792_458.0  # m/s

CLOSE = 1e-10  # s
MOST = 30  # steps of Newton; two are usual


@compiled
def state(coefficients, middle, half, axis, time):
    """Return position, velocity and acceleration along an axis."""
    u = (time - middle) / half
    position = velocity = acceleration = 0.0
    for k in range(coefficients.shape[1] - 1, -1, -1):
        acceleration = acceleration * u + 2 * velocity
        velocity = velocity * u + position
        position = position * u + coefficients[axis, k]
    return position, velocity / half, acceleration / (half * half)


@compiled
def zero_doppler(x, y, z, coefficients, middle, half, guess):
    """Return when the line of sight is at right angles to the velocity, and the range.

    Not a number where Newton does not arrive.
    """
    time = guess
    for _ in range(MOST):
        value = slope = 0.0
        for axis in range(3):
            position, velocity, acceleration = state(coefficients, middle, half, axis, time)
            away = position - (x if axis == 0 else y if axis == 1 else z)
            value += away * velocity
            slope += velocity * velocity + away * acceleration
        step = value / slope
        time -= step
        if abs(step) < CLOSE:
            break
    else:
        return np.nan, np.nan
    squared = 0.0
    for axis in range(3):
        position, _, _ = state(coefficients, middle, half, axis, time)
        away = position - (x if axis == 0 else y if axis == 1 else z)
        squared += away * away
    return time, np.sqrt(squared)


@compiled
def zero_doppler_points(points, coefficients, middle, half, times, ranges):
    """Fill (n,) times and ranges of (n, 3) points.

    Each starts anew from the middle of the orbit, so that it does not depend on the others.
    """
    for i in range(len(points)):
        times[i], ranges[i] = zero_doppler(
            points[i, 0], points[i, 1], points[i, 2], coefficients, middle, half, middle
        )


@compiled
def ground_ranges(slant, to_slant, guess, ground):
    """Fill the ground range whose polynomial gives a slant range; Newton, from a guess."""
    for i in range(len(slant)):
        found = guess[i]
        for _ in range(MOST):
            value = slope = 0.0
            for k in range(len(to_slant) - 1, -1, -1):
                slope = slope * found + value
                value = value * found + to_slant[k]
            step = (value - slant[i]) / slope
            found -= step
            if abs(step) < 1e-6:
                break
        else:
            found = np.nan
        ground[i] = found


@compiled
def fill_places(lattice, step, first_row, first_col, heights, timing, ranges, lines, pixels):
    """Fill (rows, cols) lines and pixels of a block of the grid of a lattice.

    `lattice` is (8, ny, nx): time and slant range as polynomials of degree 2 in the height, then
    what is taken from lines and pixels. `timing` is the line interval, the share and the reference
    of the travel time, the middle and half of heights; `ranges` the table of pixels.

    Between two nodes of a row all but the height is linear, so the loops are short and plain, and
    the compiler makes vector instructions of them. Every value follows from the place of its pixel
    in the grid alone.
    """
    interval, share, reference, middle, half = timing
    at, table, first, spacing, nearest = ranges
    rows, cols = heights.shape
    per_time, per_range = 1 / interval, 2 * share / LIGHT / interval
    constant = share * reference / interval
    across = _shares(first_col, cols, step, lattice.shape[2])
    here, change = np.empty((2, 8, lattice.shape[2]))
    times, columns = np.empty(cols), np.empty(cols)
    per_half, per_column = 1 / half, 1 / spacing
    k = 0
    for i in range(rows):
        row = np.uint64(i)
        _row_of_nodes(lattice, step, first_row + i, first_col, cols, here, change)
        start = 0
        while start < cols:
            left = max(min((first_col + start) // step, lattice.shape[2] - 2), 0)
            end = _end_of_cell(left, step, first_col, cols, lattice.shape[2])
            t0, t1, t2 = here[0, left], here[1, left], here[2, left]
            r0, r1, r2 = here[3, left], here[4, left], here[5, left]
            l0, p0 = here[6, left], here[7, left]
            dt0, dt1, dt2 = change[0, left], change[1, left], change[2, left]
            dr0, dr1, dr2 = change[3, left], change[4, left], change[5, left]
            dl0, dp0 = change[6, left], change[7, left]
            for col in range(start, end):
                j = np.uint64(col)
                s = across[j]
                h = (heights[row, j] - middle) * per_half
                time = ((t2 + s * dt2) * h + (t1 + s * dt1)) * h + (t0 + s * dt0)
                distance = ((r2 + s * dr2) * h + (r1 + s * dr1)) * h + (r0 + s * dr0)
                times[j] = time
                columns[j] = (distance - first) * per_column
                lines[row, j] = time * per_time - distance * per_range + constant - (l0 + s * dl0)
            k = _polynomial(at, k, times[start])
            if _all_between(at, k, times, start, end):
                _fill_pixels(table, at, k, nearest, times, columns, start, end, pixels, row)
            else:
                for col in range(start, end):
                    k = _polynomial(at, k, times[col])
                    _fill_pixels(table, at, k, nearest, times, columns, col, col + 1, pixels, row)
            for col in range(start, end):
                j = np.uint64(col)
                pixels[row, j] -= p0 + across[j] * dp0
            start = end


@compiled
def _shares(first_col, cols, step, width):
    """Return how far each column is from the node before it to the next, 0 to 1."""
    across = np.empty(cols)
    for j in range(cols):
        left = max(min((first_col + j) // step, width - 2), 0)
        across[j] = (first_col + j - left * step) / step
    return across


@compiled
def _end_of_cell(left, step, first_col, cols, width):
    """Return the column of a block behind the last one between a node and the next."""
    if left == width - 2:
        return cols
    return min((left + 1) * step - first_col, cols)


@compiled
def _row_of_nodes(lattice, step, north, first_col, cols, here, change):
    """Fill values at a row of the grid, on the columns of nodes, and how they go on to the next.

    Only those that a block needs.
    """
    node = max(min(north // step, lattice.shape[1] - 2), 0)
    down = (north - node * step) / step
    left = max(min(first_col // step, lattice.shape[2] - 2), 0)
    right = max(min((first_col + cols - 1) // step, lattice.shape[2] - 2), 0) + 1
    for c in range(lattice.shape[0]):
        for j in range(left, right + 1):
            above = lattice[c, node, j]
            here[c, j] = above + down * (lattice[c, node + 1, j] - above)
        for j in range(left, right):
            change[c, j] = here[c, j + 1] - here[c, j]


@compiled
def _polynomial(at, k, time):
    """Return the last polynomial but one whose time is not after a time, the search begins at k."""
    while k > 0 and time < at[k]:
        k -= 1
    while k < len(at) - 2 and time >= at[k + 1]:
        k += 1
    return k


@compiled
def _all_between(at, k, times, start, end):
    """Tell whether one polynomial and the next hold for all of some times."""
    low = at[k] if k > 0 else -np.inf
    high = at[k + 1] if k < len(at) - 2 else np.inf
    beyond = 0
    for col in range(start, end):
        j = np.uint64(col)
        beyond += (times[j] < low) | (times[j] >= high)
    return beyond == 0


@compiled
def _fill_pixels(table, at, k, nearest, times, columns, start, end, pixels, row):
    """Fill pixels of a row by the polynomials k and k + 1; not a number beyond the table."""
    following = min(k + 1, len(at) - 1)
    since, per_gap = at[k], 0.0
    if len(at) > 1:
        per_gap = 1 / (at[k + 1] - at[k])
    beyond_last = float(table.shape[1] - 1)
    one = np.uint32(1)
    for col in range(start, end):
        j = np.uint64(col)
        column = columns[j]
        inside = (column >= 0.0) & (column < beyond_last)
        column = column if inside else 0.0
        entry = np.uint32(np.int32(column))
        beyond = column - entry
        a = table[k, entry] + beyond * (table[k, entry + one] - table[k, entry])
        b = table[following, entry]
        b += beyond * (table[following, entry + one] - b)
        share = (times[j] - since) * per_gap
        share = share if share > 0.0 else 0.0
        share = share if share < 1.0 else 1.0
        if nearest:
            share = 1.0 if share > 0.5 else 0.0
        value = a + share * (b - a)
        pixels[row, j] = value if inside else np.nan


@compiled
def fill_between(nodes, step, first_row, first_col, out):
    """Fill (rows, cols) values of a block, bilinear between nodes."""
    rows, cols = out.shape
    width = nodes.shape[1]
    across = _shares(first_col, cols, step, width)
    here, change = np.empty((2, 1, width))
    lattice = nodes.reshape(1, *nodes.shape)
    for i in range(rows):
        _row_of_nodes(lattice, step, first_row + i, first_col, cols, here, change)
        start = 0
        while start < cols:
            left = max(min((first_col + start) // step, width - 2), 0)
            end = _end_of_cell(left, step, first_col, cols, width)
            value, slope = here[0, left], change[0, left]
            for col in range(start, end):
                j = np.uint64(col)
                out[i, j] = value + across[j] * slope
            start = end
