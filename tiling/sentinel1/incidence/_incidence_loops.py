"""Compiled loops: how each pixel of a block of a grid faces the radar.

Import this module only where it is used (it loads numba); `angles` is the door. The columns of a
table of looks are named in `looks`.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

__all__ = ["facing", "fill_incidence", "interpolate_row", "interpolate_within"]

SLOPE, LEVEL, CENTRE = 0, 1, 2  # what the ground is taken as

POINT, UP, LOOK, LOOK_UP, ALONG_COLS, ALONG_ROWS, AREA, CURVATURE = 0, 3, 6, 9, 12, 15, 18, 19


@compiled
def interpolate_row(table, step, row, here):
    """Fill (nx, c) values of the nodes' columns at a row; beyond the lattice they go on."""
    node = max(min(int(np.floor(row / step)), table.shape[0] - 2), 0)
    down = (row - node * step) / step
    for j in range(table.shape[1]):
        for c in range(table.shape[2]):
            above = table[node, j, c]
            here[j, c] = above + down * (table[node + 1, j, c] - above)


@compiled
def interpolate_within(here, step, col, at):
    """Fill (c,) values at a column."""
    left = max(min(int(np.floor(col / step)), here.shape[0] - 2), 0)
    across = (col - left * step) / step
    for c in range(here.shape[1]):
        before = here[left, c]
        at[c] = before + across * (here[left + 1, c] - before)


@compiled
def facing(at, height, east, south, kind):
    """Return the parts of the normal of the ground along the line of sight and across it.

    The second lies in the range plane and points up and away from the radar; it is positive for
    level ground. `east` and `south` are metres that the ground rises from column to column and
    from row to row.
    """
    share = 1 / (1 + height * at[CURVATURE])
    normal_point = normal_look = point_look = point_point = look_look = 0.0
    for axis in range(3):
        up = at[UP + axis]
        normal = up - share * (east * at[ALONG_COLS + axis] + south * at[ALONG_ROWS + axis])
        point = at[POINT + axis] + height * up
        look = at[LOOK + axis] + height * at[LOOK_UP + axis]
        if kind == CENTRE:
            normal = point
        normal_point += normal * point
        normal_look += normal * look
        point_look += point * look
        point_point += point * point
        look_look += look * look
    away = normal_point - point_look * normal_look / look_look
    return (
        normal_look / np.sqrt(look_look),
        away / np.sqrt(point_point - point_look * point_look / look_look),
    )


@compiled
def fill_incidence(table, step, first_row, first_col, heights, kind, sines, angles, hundredths):
    """Fill (rows, cols) sines, signed angles in degrees, and hundredths of a degree.

    What has no rows is not wanted. `heights` has one pixel more on every side.
    """
    rows, cols = heights.shape[0] - 2, heights.shape[1] - 2
    here = np.empty((table.shape[1], table.shape[2]))
    at = np.empty(table.shape[2])
    for i in range(rows):
        interpolate_row(table, step, first_row + i, here)
        for j in range(cols):
            interpolate_within(here, step, first_col + j, at)
            east = south = 0.0
            if kind == SLOPE:
                east = (np.float64(heights[i + 1, j + 2]) - heights[i + 1, j]) / 2
                south = (np.float64(heights[i + 2, j + 1]) - heights[i, j + 1]) / 2
            towards, away = facing(at, np.float64(heights[i + 1, j + 1]), east, south, kind)
            if len(sines):
                sines[i, j] = abs(away) / np.sqrt(towards * towards + away * away)
            if not len(angles) and not len(hundredths):
                continue
            angle = np.arctan2(away, towards) * (180 / np.pi)
            if len(angles):
                angles[i, j] = angle
            if len(hundredths):
                hundredths[i, j] = (
                    max(np.floor(abs(angle) * 100 + 0.5), 1.0) if np.isfinite(angle) else 0.0
                )
