"""Compiled loops over the pixels of an ABI window.

Import this module only where it is used (it loads numba); `images`, `rayleigh` and `truecolor` are
the doors.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

__all__ = ["divide_by_sun", "look_up", "look_up_flagged", "mixed", "sharpened", "take_away"]

_STEEPEST = np.cos(np.radians(88.0))
_NIGHT = np.cos(np.radians(95.0))


@compiled
def look_up(counts, table, out):
    """Fill (rows, cols) with the values of counts."""
    rows, cols = counts.shape
    for i in range(rows):
        for j in range(cols):
            out[i, j] = table[counts[i, j]]


@compiled
def look_up_flagged(counts, quality, table, dropped, out):
    """Fill (rows, cols) with the values of counts, NaN where the flag is dropped.

    Return the number of pixels with flag 1 or 2.
    """
    rows, cols = counts.shape
    flagged = 0
    for i in range(rows):
        worst = 0
        for j in range(cols):
            worst |= quality[i, j]
            out[i, j] = table[counts[i, j]]
        if worst:
            for j in range(cols):
                flag = quality[i, j]
                if dropped[flag]:
                    out[i, j] = np.nan
                flagged += flag == 1 or flag == 2
    return flagged


@compiled
def _row(y, sines, cosines, view, out):
    """Fill (4, cols) with where a row looks: towards the satellite, east, north, and their scale.

    Divided by the scale these are metres from the centre of the Earth; NaN off the Earth.
    """
    distance, major, stretch, sweep_x = view
    up, level = np.sin(y), np.cos(y)
    rest = distance * distance - major * major
    for j in range(len(sines)):
        forth = cosines[j] * level
        east = sines[j] if sweep_x else sines[j] * level
        north = cosines[j] * up if sweep_x else up
        scale = forth * forth + east * east + stretch * north * north
        linear = distance * forth
        reach = linear - np.sqrt(linear * linear - scale * rest)
        out[0, j] = distance * scale - reach * forth
        out[1, j] = reach * east
        out[2, j] = reach * north
        out[3, j] = scale


@compiled
def divide_by_sun(values, y, sines, cosines, view, sun):
    """Multiply (rows, cols) by the factor for the sun's height, at each pixel; see `sun.factor`."""
    rows, cols = values.shape
    stretch = view[2]
    seen, along, normal = np.empty((4, cols)), np.empty(cols), np.empty(cols)
    for i in range(rows):
        _row(y[i], sines, cosines, view, seen)
        low = False
        for j in range(cols):
            a, b, c = seen[0, j], seen[1, j], seen[2, j] * stretch
            along[j] = a * sun[0] + b * sun[1] + c * sun[2]
            normal[j] = np.sqrt(a * a + b * b + c * c)
            low |= not along[j] >= _STEEPEST * normal[j]
        if not low:
            for j in range(cols):
                values[i, j] *= normal[j] / along[j]
            continue
        for j in range(cols):
            mu = along[j] / normal[j]
            if mu >= _STEEPEST:
                values[i, j] /= mu
            elif mu >= _NIGHT:
                left = 1 - np.log2(1 + (np.degrees(np.arccos(mu)) - 88.0) / 7.0)
                values[i, j] *= max(left, 0.0) / _STEEPEST
            else:
                values[i, j] = np.nan


@compiled
def take_away(values, y, sines, cosines, view, sun, depth):
    """Take from sun-corrected reflectance (rows, cols) what clear air of an optical depth scatters.

    Once scattered: P / (4 (m + n)) (1 - exp(-depth (1 / m + 1 / n))) with the cosines m and n of
    both zenith angles. It fades from 70 to 95 degrees of the sun's.
    """
    rows, cols = values.shape
    distance, stretch = view[0], view[2]
    seen = np.empty((4, cols))
    for i in range(rows):
        _row(y[i], sines, cosines, view, seen)
        for j in range(cols):
            a, b, c = seen[0, j], seen[1, j], seen[2, j]
            a, b, c = a / seen[3, j], b / seen[3, j], c / seen[3, j]
            d = c * stretch
            normal = np.sqrt(a * a + b * b + d * d)
            mu = (a * sun[0] + b * sun[1] + d * sun[2]) / normal
            up = distance - a  # from the ground to the satellite: up, -b, -c
            length = np.sqrt(up * up + b * b + c * c)
            nu = (a * up - b * b - d * c) / (normal * length)
            angle = (up * sun[0] - b * sun[1] - c * sun[2]) / length  # between sun and satellite
            zenith = np.degrees(np.arccos(min(max(mu, -1.0), 1.0)))
            share = min(max((95.0 - zenith) / 25.0, 0.0), 1.0)
            m, n = max(mu, _STEEPEST), max(nu, 1e-3)
            phase = 0.75 * (1 + angle * angle)
            air = phase / (4 * (m + n)) * (1 - np.exp(-depth * (1 / m + 1 / n)))
            left = values[i, j] - share * air
            values[i, j] = 0.0 if left < 0 else left  # NaN stays


@compiled
def mixed(blue, fine_red, veggie, shares, out):
    """Fill (3, rows, cols) with red, green and blue; red is the mean of 2 x 2 fine pixels."""
    rows, cols = blue.shape
    for i in range(rows):
        for j in range(cols):
            above = fine_red[2 * i, 2 * j] + fine_red[2 * i, 2 * j + 1]
            under = fine_red[2 * i + 1, 2 * j] + fine_red[2 * i + 1, 2 * j + 1]
            red = (above + under) * np.float32(0.25)
            out[0, i, j] = red
            out[1, i, j] = shares[0] * blue[i, j] + shares[1] * red + shares[2] * veggie[i, j]
            out[2, i, j] = blue[i, j]


@compiled
def sharpened(blue, fine_red, veggie, shares, out):
    """Fill (3, 2 rows, 2 cols) with red, green and blue; the last two vary with red."""
    rows, cols = blue.shape
    for i in range(rows):
        for j in range(cols):
            above = fine_red[2 * i, 2 * j] + fine_red[2 * i, 2 * j + 1]
            under = fine_red[2 * i + 1, 2 * j] + fine_red[2 * i + 1, 2 * j + 1]
            mean = (above + under) * np.float32(0.25)
            for k in range(4):
                p, q = 2 * i + k // 2, 2 * j + k % 2
                red = fine_red[p, q]
                ratio = red / mean
                if not np.isfinite(ratio) or ratio < 0:
                    ratio = np.float32(1.0)
                ratio = min(ratio, np.float32(1.5))
                green = shares[0] * blue[i, j] + shares[1] * red + shares[2] * veggie[i, j]
                out[0, p, q], out[1, p, q], out[2, p, q] = red, green * ratio, blue[i, j] * ratio
