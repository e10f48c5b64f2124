"""Compiled loops: ground that lies at the same range as other ground, or behind it.

Import this module only where it is used (it loads numba); `hiddenground` is the door.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from tiling.sentinel1.incidence._incidence_loops import (
    ALONG_COLS,
    ALONG_ROWS,
    LOOK,
    LOOK_UP,
    POINT,
    UP,
    interpolate_row,
    interpolate_within,
)
from workbench.machinecode import compiled

__all__ = ["fill_views", "mark_behind"]


@compiled
def fill_views(table, step, first_row, first_col, heights, reference, ranges, turns, ways):
    """Fill what changes along the line of sight: slant ranges, angles at the radar, directions.

    `ranges` are metres from a reference, `turns` radians from the direction to the centre of the
    Earth, `ways` (2, rows, cols) pixels down and across of a step away from the radar, the larger
    of them 1 or -1.
    """
    here = np.empty((table.shape[1], table.shape[2]))
    at = np.empty(table.shape[2])
    for i in range(heights.shape[0]):
        interpolate_row(table, step, first_row + i, here)
        for j in range(heights.shape[1]):
            interpolate_within(here, step, first_col + j, at)
            height = np.float64(heights[i, j])
            look_look = look_radar = radar_radar = down = across = 0.0
            for axis in range(3):
                look = at[LOOK + axis] + height * at[LOOK_UP + axis]
                radar = look + at[POINT + axis] + height * at[UP + axis]
                look_look += look * look
                look_radar += look * radar
                radar_radar += radar * radar
                across -= at[LOOK + axis] * at[ALONG_COLS + axis]
                down -= at[LOOK + axis] * at[ALONG_ROWS + axis]
            distance = np.sqrt(look_look)
            ranges[i, j] = distance - reference
            # The tangent, as a cosine near 1 has lost its digits in 32 bits.
            share = look_radar / look_look
            turns[i, j] = np.sqrt(max(radar_radar / look_look / (share * share) - 1, 0.0))
            longest = max(abs(down), abs(across))
            ways[0, i, j], ways[1, i, j] = down / longest, across / longest


@compiled
def value_at(values, row, col):
    """Return a value between two pixels; one of the coordinates is whole. NaN outside."""
    top, left = int(np.floor(row)), int(np.floor(col))
    if top < 0 or left < 0 or top >= values.shape[0] or left >= values.shape[1]:
        return np.nan
    down, across = row - top, col - left
    found = np.float64(values[top, left])
    if down > 0:
        if top + 1 >= values.shape[0]:
            return np.nan
        return found + down * (values[top + 1, left] - found)
    if across > 0:
        if left + 1 >= values.shape[1]:
            return np.nan
        return found + across * (values[top, left + 1] - found)
    return found


@compiled
def mark_behind(values, sign, ways, turn, reach, itself, bit, marks):
    """Mark what comes after a crest of `sign * values` and is lower than it, up to its height.

    From every crest one goes along `turn * ways` for as many steps as `reach`. Marks are only
    added, so that their order does not matter.
    """
    rows, cols = values.shape
    for i in range(rows):
        for j in range(cols):
            crest = sign * values[i, j]
            down, across = turn * ways[0, i, j], turn * ways[1, i, j]
            if not sign * value_at(values, i + down, j + across) < crest:
                continue
            if not sign * value_at(values, i - down, j - across) <= crest:
                continue
            if itself:
                marks[i, j] |= bit
            for k in range(1, reach + 1):
                row, col = i + k * down, j + k * across
                if not sign * value_at(values, row, col) < crest:
                    break
                marks[int(np.floor(row + 0.5)), int(np.floor(col + 0.5))] |= bit
