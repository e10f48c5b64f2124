"""Compiled loops: points on the ground, the moment at which they lie abeam, and their range.

Import this module only where it is used (it loads numba); `orbits` and `lattices` are the doors.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

__all__ = [
    "earth_fixed",
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
def earth_fixed(longitude, latitude, height):
    """Return x, y, z in metres of a place in degrees and metres above the ellipsoid."""
    radians = np.pi / 180
    sine, cosine = np.sin(latitude * radians), np.cos(latitude * radians)
    normal = SEMI_MAJOR / np.sqrt(1 - SQUARED_ECCENTRICITY * sine * sine)
    around = (normal + height) * cosine
    return (
        around * np.cos(longitude * radians),
        around * np.sin(longitude * radians),
        (normal * (1 - SQUARED_ECCENTRICITY) + height) * sine,
    )


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
    """Fill (n,) times and ranges of (n, 3) points; each starts where the one before has ended."""
    guess = middle
    for i in range(len(points)):
        time, distance = zero_doppler(
            points[i, 0], points[i, 1], points[i, 2], coefficients, middle, half, guess
        )
        times[i], ranges[i] = time, distance
        if np.isfinite(time):
            guess = time


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
    """
    interval, share, reference, middle, half = timing
    at, table, first, spacing, nearest = ranges
    rows, cols = heights.shape
    width = lattice.shape[2]
    here = np.empty((8, width))
    k = 0
    for i in range(rows):
        north = first_row + i
        node = max(min(north // step, lattice.shape[1] - 2), 0)
        down = (north - node * step) / step
        for c in range(8):
            for j in range(width):
                above = lattice[c, node, j]
                here[c, j] = above + down * (lattice[c, node + 1, j] - above)
        for j in range(cols):
            east = first_col + j
            left = max(min(east // step, width - 2), 0)
            across = (east - left * step) / step
            h = (heights[i, j] - middle) / half
            time = 0.0
            distance = 0.0
            for c in range(2, -1, -1):
                a, b = here[c, left], here[c + 3, left]
                time = time * h + (a + across * (here[c, left + 1] - a))
                distance = distance * h + (b + across * (here[c + 3, left + 1] - b))
            a, b = here[6, left], here[7, left]
            of_lines = a + across * (here[6, left + 1] - a)
            of_pixels = b + across * (here[7, left + 1] - b)
            lines[i, j] = (time - share * (2 * distance / LIGHT - reference)) / interval - of_lines
            column = (distance - first) / spacing
            entry = int(column)
            if not 0 <= entry < table.shape[1] - 1:
                pixels[i, j] = np.nan
                continue
            beyond = column - entry
            while k > 0 and time < at[k]:
                k -= 1
            while k < len(at) - 2 and time >= at[k + 1]:
                k += 1
            pixels[i, j] = _pixel(table, at, k, time, entry, beyond, nearest) - of_pixels


@compiled
def _pixel(table, at, k, time, entry, beyond, nearest):
    """Return a pixel by the polynomials k and k + 1."""
    before = table[k, entry] + beyond * (table[k, entry + 1] - table[k, entry])
    if len(at) == 1:
        return before
    share = min(max((time - at[k]) / (at[k + 1] - at[k]), 0.0), 1.0)
    after = table[k + 1, entry] + beyond * (table[k + 1, entry + 1] - table[k + 1, entry])
    if nearest:
        return after if share > 0.5 else before
    return before + share * (after - before)


@compiled
def fill_between(nodes, step, first_row, first_col, out):
    """Fill (rows, cols) values of a block, bilinear between nodes."""
    for i in range(out.shape[0]):
        north = first_row + i
        node = max(min(north // step, nodes.shape[0] - 2), 0)
        down = (north - node * step) / step
        for j in range(out.shape[1]):
            east = first_col + j
            left = max(min(east // step, nodes.shape[1] - 2), 0)
            across = (east - left * step) / step
            a = nodes[node, left] + across * (nodes[node, left + 1] - nodes[node, left])
            b = nodes[node + 1, left]
            b += across * (nodes[node + 1, left + 1] - b)
            out[i, j] = a + down * (b - a)
