"""Compiled loops: heights between the pixels of elevation models, and the geoid below them.

Import this module only where it is used (it loads numba); `mosaics` and `geoids` are the doors.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

__all__ = ["fill_heights", "fill_heights_on_lattice", "fill_undulations"]

FIRST = -0.5 - 1e-6  # of a pixel: the edge of a model, as `mosaics` counts it

GROUND, SEA, MISSING, BEYOND = 0, 1, 2, 3

MANY, FEW = 128, 16  # places that are filled at once where they lie inside one model


@compiled
def fill_heights(longitudes, latitudes, turn, ground, geoid, out):
    """Fill (r, c) heights at places.

    `turn` is added to longitudes. `ground` has pixels, models, windows, boxes of sea, bounds (west,
    south, east, north) and the height where no model has one. Of each model there are: latitude of
    its first row, rows in a degree, longitude of its first column, columns in a degree; number of
    rows and of columns less one half; and first and last row and column of pixels that no model
    before it has. Of each window: where its pixels begin, their number in a row, their first row
    and column. `geoid` has undulations, and latitude, rows in a degree, longitude, columns in a
    degree.

    Returns how many have a height, are sea, have none, and lie beyond the bounds that pixels were
    read for; the last are not filled.
    """
    counts = np.zeros(4, np.int64)
    for i in range(longitudes.shape[0]):
        _fill_row(longitudes[i], latitudes[i], turn, ground, geoid, out[i], counts)
    return counts


@compiled
def fill_heights_on_lattice(
    longitudes, latitudes, step, first_row, first_col, turn, ground, geoid, out
):
    """Fill (r, c) heights of a window of a grid whose places are bilinear between nodes."""
    counts = np.zeros(4, np.int64)
    first_cell, last_cell = first_col // step, (first_col + out.shape[1] - 1) // step
    cells = last_cell - first_cell + 1
    x, y = np.empty((cells, step)), np.empty((cells, step))
    start = first_col - first_cell * step
    xs = x.reshape(-1)[start : start + out.shape[1]]
    ys = y.reshape(-1)[start : start + out.shape[1]]
    shares = np.empty((3, step))  # in the cell before the first, in a cell, after the last
    for c in range(step):
        shares[0, c], shares[1, c], shares[2, c] = (c - step) / step, c / step, (c + step) / step
    for i in range(out.shape[0]):
        north = first_row + i
        node = max(min(north // step, longitudes.shape[0] - 2), 0)
        down = (north - node * step) / step
        _fill_cells(longitudes, node, down, shares, first_cell, x)
        _fill_cells(latitudes, node, down, shares, first_cell, y)
        _fill_row(xs, ys, turn, ground, geoid, out[i], counts)
    return counts


@compiled
def _fill_cells(nodes, node, down, shares, first_cell, out):
    """Fill a row of (cells, step) values between two rows of nodes.

    First down, then across, as `GroundLattice.places` does: so they are the same to the last bit.
    """
    for q in range(out.shape[0]):
        cell = first_cell + q
        left = max(min(cell, nodes.shape[1] - 2), 0)
        k = cell - left + 1
        here = nodes[node, left] + down * (nodes[node + 1, left] - nodes[node, left])
        right = left + 1
        there = nodes[node, right] + down * (nodes[node + 1, right] - nodes[node, right])
        change = there - here
        for c in range(out.shape[1]):
            out[q, c] = here + shares[k, c] * change


@compiled
def _fill_row(xs, ys, turn, ground, geoid, out, counts):
    """Fill a row of heights: quickly where many places lie inside one model, else with care.

    Both ways do the same operations on a place in the same order, so they give the same height.
    """
    pixels, models, windows, sea, bounds, empty = ground
    undulations, place = geoid
    shares = np.empty((4, MANY))
    corners = np.empty((4, MANY), np.float32)
    starts = np.empty(MANY, np.int64)
    j, k, careful, few = 0, -1, 0, 0
    while j < len(out):
        count = min(FEW if j < few else MANY, len(out) - j)
        if k >= 0 and j >= careful:
            some = slice(j, j + count)
            if _fill_inside(
                xs[some], ys[some], turn, bounds, pixels, models[k], windows[k], undulations, place,
                shares, corners, starts, out[some],
            ):  # fmt: skip
                counts[GROUND] += count
                j += count
                continue
            if j >= few:
                few = j + MANY
                continue
            careful = j + count
        x, y = xs[j] + turn, ys[j]
        if not (bounds[0] <= x <= bounds[2] and bounds[1] <= y <= bounds[3]):
            counts[BEYOND] += 1
            j += 1
            continue
        height, kind, k = _height(pixels, models, windows, sea, empty, x, y)
        out[j] = height + _undulation(undulations, place, x, y)
        counts[kind] += 1
        j += 1
        if kind == SEA and len(models) == 0 and len(sea) == 1:
            j = _sea_after(xs, ys, turn, sea, bounds, geoid, out, counts, j)


@compiled
def _fill_inside(
    xs, ys, turn, bounds, pixels, model, window, undulations, geoid, shares, corners, starts, out
):
    """Fill heights of places that all lie well inside a model and in one cell of the geoid.

    Returns whether they do and all have a height. In steps, so that each becomes vector code.
    """
    top, down, left, across = model[0], model[1], model[2], model[3]
    first, last, start, end = model[6], model[7], model[8], model[9]
    width = window[1]
    begin = window[0] - window[2] * width - window[3]
    north, rows, west, columns = geoid
    g_row, g_col = int((north - ys[0]) * rows), int((xs[0] + turn - west) * columns)
    if not (0 <= g_row < undulations.shape[0] - 1 and 0 <= g_col < undulations.shape[1] - 1):
        return False
    inside = 0
    for c in range(len(out)):
        x, y = xs[c] + turn, ys[c]
        row, col = (top - y) * down, (x - left) * across
        g_down, g_across = (north - y) * rows - g_row, (x - west) * columns - g_col
        inside += (
            (x >= bounds[0]) & (y >= bounds[1]) & (x <= bounds[2]) & (y <= bounds[3])
            & (row >= first) & (row < last) & (col >= start) & (col < end)
            & (g_down >= 0) & (g_down < 1) & (g_across >= 0) & (g_across < 1)
        )  # fmt: skip
        r, n = np.int32(row), np.int32(col)
        shares[0, c], shares[1, c] = row - r, col - n
        shares[2, c], shares[3, c] = g_down, g_across
        starts[c] = begin + r * width + n
    if inside < len(out):
        return False
    for c in range(len(out)):
        at = starts[c]
        corners[0, c], corners[1, c] = pixels[at], pixels[at + 1]
        corners[2, c], corners[3, c] = pixels[at + width], pixels[at + width + 1]
    a, b = undulations[g_row, g_col], undulations[g_row + 1, g_col]
    over, under = undulations[g_row, g_col + 1] - a, undulations[g_row + 1, g_col + 1] - b
    without = 0
    for c in range(len(out)):
        p, q = float(corners[0, c]), float(corners[1, c])
        s, t = float(corners[2, c]), float(corners[3, c])
        above = p + shares[1, c] * (q - p)
        below = s + shares[1, c] * (t - s)
        height = above + shares[0, c] * (below - above)
        without += height != height
        above, below = a + shares[3, c] * over, b + shares[3, c] * under
        out[c] = height + (above + shares[2, c] * (below - above))
    return without == 0


@compiled
def _sea_after(xs, ys, turn, sea, bounds, geoid, out, counts, j):
    """Fill places from j on that lie in the one box of sea; return the first that does not."""
    undulations, place = geoid
    before = j
    while j < len(out):
        x, y = xs[j] + turn, ys[j]
        if not (sea[0, 0] <= x <= sea[0, 2] and sea[0, 1] <= y <= sea[0, 3]):
            break
        if not (bounds[0] <= x <= bounds[2] and bounds[1] <= y <= bounds[3]):
            break
        out[j] = 0.0 + _undulation(undulations, place, x, y)
        j += 1
    counts[SEA] += j - before
    return j


@compiled
def _height(pixels, models, windows, sea, empty, x, y):
    """Return the height of a place, what it is, and the model that gave it."""
    void = False
    for k in range(len(models)):
        row = (models[k, 0] - y) * models[k, 1]
        col = (x - models[k, 2]) * models[k, 3]
        if row < FIRST or col < FIRST or row >= models[k, 4] or col >= models[k, 5]:
            continue
        height = _between(pixels, windows, k, row, col)
        if height == height:
            return height, GROUND, k
        void = True
    if not void:
        # In a gap between models of different spacing: up to one pixel beyond one of them.
        for k in range(len(models)):
            row = (models[k, 0] - y) * models[k, 1]
            col = (x - models[k, 2]) * models[k, 3]
            if -1 <= row < models[k, 4] + 0.5 - 1e-6 and -1 <= col < models[k, 5] + 0.5 - 1e-6:
                height = _between(pixels, windows, k, row, col)
                if height == height:
                    return height, GROUND, k
        for k in range(len(sea)):
            if sea[k, 0] <= x <= sea[k, 2] and sea[k, 1] <= y <= sea[k, 3]:
                return 0.0, SEA, -1
    return empty, MISSING, -1


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
    height = _bilinear(pixels, at, width, down, across)
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
def _bilinear(pixels, at, width, down, across):
    """Return the value between four pixels; not a number where one of them is none."""
    a, b = float(pixels[at]), float(pixels[at + 1])
    c, d = float(pixels[at + width]), float(pixels[at + width + 1])
    above = a + across * (b - a)
    below = c + across * (d - c)
    return above + down * (below - above)


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
