"""Compiled loop: from digital numbers to backscatter, row by row.

Import this module only where it is used (it loads numba); `calibration` is the door.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

__all__ = ["calibrate"]


@compiled
def _row(lines, table, line, first, out):
    """Fill a row of a table that is linear between its lines, constant beyond them."""
    k = min(max(np.searchsorted(lines, line, side="right") - 1, 0), max(len(lines) - 2, 0))
    if len(lines) == 1:
        out[:] = table[0, first : first + len(out)]
        return
    share = min(max((line - lines[k]) / (lines[k + 1] - lines[k]), 0.0), 1.0)
    before, after = table[k, first : first + len(out)], table[k + 1, first : first + len(out)]
    for j in range(len(out)):
        out[j] = before[j] + share * (after[j] - before[j])


@compiled
def calibrate(numbers, first_line, first_pixel, lines, table, noise, lower, out):
    """Fill (rows, cols) backscatter; 0 where the number is 0.

    `noise` is its lines, table, and the parts of the image with the factors along each of their
    lines; without any lines there is nothing to take away.
    """
    noise_lines, noise_table, parts, factors = noise
    rows, cols = numbers.shape
    amplitude, power = np.empty(cols), np.zeros(cols)
    denoised = len(noise_lines) > 0
    for i in range(rows):
        line = first_line + i
        _row(lines, table, line, first_pixel, amplitude)
        if denoised:
            _row(noise_lines, noise_table, line, first_pixel, power)
            for b in range(len(parts)):
                if parts[b, 0] <= line <= parts[b, 1]:
                    left = max(parts[b, 2] - first_pixel, 0)
                    right = min(parts[b, 3] + 1 - first_pixel, cols)
                    factor = factors[b, line]
                    for j in range(left, right):
                        power[j] *= factor
        for j in range(cols):
            number = float(numbers[i, j])
            value = max(number * number - power[j], 0.0) / (amplitude[j] * amplitude[j])
            if denoised and value == 0.0:
                value = lower
            out[i, j] = value if number > 0 else 0.0
