"""Compiled loops: heights between the pixels of elevation models, and the geoid below them.

Import this module only where it is used (it loads numba); `mosaics` and `surfaces` are the doors.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

__all__ = ["fill_heights", "fill_undulations", "limits"]


FIRST = -0.5 - 1e-6  # of a pixel: the edge of a model, as `mosaics` counts it


@compiled
def limits(longitudes, latitudes):
    """Return least and largest longitude and latitude; what is not a number takes no part."""
    west = south = np.inf
    east = north = -np.inf
    for i in range(longitudes.shape[0]):
        for j in range(longitudes.shape[1]):
            x, y = longitudes[i, j], latitudes[i, j]
            if x < west:
                west = x
            if x > east:
                east = x
            if y < south:
                south = y
            if y > north:
                north = y
    return west, south, east, north


@compiled
def fill_heights(
    longitudes, latitudes, turn, region, pixels, models, windows, sea, empty,
    undulations, geoid, out,
):  # fmt: skip
    """Fill heights; the first model that has a value at a place gives it.

    `models` has for each: latitude of its first row, rows in a degree, longitude of its first
    column, columns in a degree, number of rows and of columns less one half. `windows` has for
    each: where its pixels begin in `pixels`, their number in a row, their first row and column.
    `sea` has west, south, east, north. `geoid` is the latitude, rows in a degree, longitude and
    columns in a degree of `undulations`. `empty` is the height where no model has one.

    Returns how many places are sea, have no value, and lie outside the region.
    """
    at_sea = without = outside = 0
    for i in range(longitudes.shape[0]):
        for j in range(longitudes.shape[1]):
            x, y = longitudes[i, j] + turn, latitudes[i, j]
            if not (region[0] <= x <= region[2] and region[1] <= y <= region[3]):
                out[i, j] = np.nan
                outside += 1
                continue
            height = np.nan
            void = False
            for k in range(len(models)):
                row = (models[k, 0] - y) * models[k, 1]
                col = (x - models[k, 2]) * models[k, 3]
                if row < FIRST or col < FIRST or row >= models[k, 4] or col >= models[k, 5]:
                    continue
                height = _between(pixels, windows, k, row, col)
                if height == height:
                    break
                void = True
            if height != height and not void:
                height = _beside(pixels, models, windows, x, y)
            if height != height:
                if not void and _inside(sea, x, y):
                    height = 0.0
                    at_sea += 1
                else:
                    height = empty
                    without += 1
            out[i, j] = height + _undulation(undulations, geoid, x, y)
    return at_sea, without, outside


@compiled
def _beside(pixels, models, windows, x, y):
    """Return the height in a gap between models of different spacing: one pixel beyond one."""
    for k in range(len(models)):
        row = (models[k, 0] - y) * models[k, 1]
        col = (x - models[k, 2]) * models[k, 3]
        if -1 <= row < models[k, 4] + 0.5 - 1e-6 and -1 <= col < models[k, 5] + 0.5 - 1e-6:
            height = _between(pixels, windows, k, row, col)
            if height == height:
                return height
    return np.nan


@compiled
def _inside(boxes, x, y):
    """Return whether a place lies in one of some boxes."""
    for k in range(len(boxes)):
        if boxes[k, 0] <= x <= boxes[k, 2] and boxes[k, 1] <= y <= boxes[k, 3]:
            return True
    return False


@compiled
def _between(pixels, windows, k, row, col):
    """Return the bilinear height of a model at a place; not a number where its pixel has none."""
    top, left = int(row), int(col)
    if row < top:
        top -= 1
    if col < left:
        left -= 1
    down, across = row - top, col - left
    width = windows[k, 1]
    at = windows[k, 0] + (top - windows[k, 2]) * width + (left - windows[k, 3])
    a, b = float(pixels[at]), float(pixels[at + 1])
    c, d = float(pixels[at + width]), float(pixels[at + width + 1])
    above = a + across * (b - a)
    below = c + across * (d - c)
    height = above + down * (below - above)
    if height == height:
        return height
    own = pixels[at + (width if down >= 0.5 else 0) + (1 if across >= 0.5 else 0)]
    if own != own:
        return np.nan
    total = weight = 0.0
    for n in range(4):
        value = float(pixels[at + (width if n > 1 else 0) + n % 2])
        if value == value:
            share = (down if n > 1 else 1 - down) * (across if n % 2 else 1 - across)
            total += share * value
            weight += share
    return total / weight


@compiled
def _undulation(undulations, geoid, x, y):
    """Return the bilinear height of the geoid at a place inside its grid."""
    row = (geoid[0] - y) * geoid[1]
    col = (x - geoid[2]) * geoid[3]
    top = min(max(int(row), 0), undulations.shape[0] - 2)
    left = min(max(int(col), 0), undulations.shape[1] - 2)
    down, across = row - top, col - left
    a = undulations[top, left]
    a += across * (undulations[top, left + 1] - a)
    b = undulations[top + 1, left]
    b += across * (undulations[top + 1, left + 1] - b)
    return a + down * (b - a)


@compiled
def fill_undulations(longitudes, latitudes, undulations, geoid, out):
    """Fill heights of the geoid at places inside its grid."""
    for i in range(longitudes.shape[0]):
        for j in range(longitudes.shape[1]):
            out[i, j] = _undulation(undulations, geoid, longitudes[i, j], latitudes[i, j])
