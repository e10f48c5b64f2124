"""Compiled loops: the image at the places of pixels of a grid; 0 is no value.

Import this module only where it is used (it loads numba); `blocks` is the door.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

__all__ = ["bilinear", "nearest", "reach"]

END = 0.75
"""Lines beyond the first and the last that an image reaches, a half of which is theirs.

The next image of a pass begins one line after the last, and the geometries of two differ by up to a
tenth of a line: places between them must not fall through.
"""


@compiled
def reach(lines, pixels, height, width):
    """Return the first and last line and pixel of the image that places touch; empty if none."""
    top, bottom, left, right = height, -1, width, -1
    for i in range(lines.shape[0]):
        for j in range(lines.shape[1]):
            line, pixel = lines[i, j], pixels[i, j]
            if -END <= line < height - 1 + END and -0.5 <= pixel < width - 0.5:
                row, col = int(np.floor(line)), int(np.floor(pixel))
                top, bottom = min(top, row), max(bottom, row + 1)
                left, right = min(left, col), max(right, col + 1)
    return max(top, 0), min(bottom, height - 1), max(left, 0), min(right, width - 1)


@compiled
def nearest(image, first_line, first_pixel, lines, pixels, height, width, out):
    """Fill the value of the nearest pixel of the image."""
    for i in range(lines.shape[0]):
        for j in range(lines.shape[1]):
            line, pixel = lines[i, j], pixels[i, j]
            out[i, j] = 0
            if -END <= line < height - 1 + END and -0.5 <= pixel < width - 0.5:
                row, col = int(np.floor(line + 0.5)), int(np.floor(pixel + 0.5))
                row = min(max(row, 0), height - 1)
                out[i, j] = image[row - first_line, col - first_pixel]


@compiled
def bilinear(image, first_line, first_pixel, lines, pixels, height, width, out):
    """Fill the mean of four pixels by their distance; of those that have a value.

    No value where the nearest of them has none.
    """
    start_line, start_pixel = float(first_line), float(first_pixel)
    last_line, last_pixel = start_line + image.shape[0] - 1, start_pixel + image.shape[1] - 1
    one = np.uint32(1)
    for i in range(lines.shape[0]):
        row = np.uint64(i)
        for j in range(lines.shape[1]):
            col = np.uint64(j)
            line, pixel = lines[row, col], pixels[row, col]
            inside = (line >= start_line) & (line < last_line)
            inside &= (pixel >= start_pixel) & (pixel < last_pixel)
            a = b = c = d = np.float32(0)
            down = across = 0.0
            if inside:
                top = np.uint32(np.int32(line - start_line))
                left = np.uint32(np.int32(pixel - start_pixel))
                down, across = line - start_line - top, pixel - start_pixel - left
                a, b = image[top, left], image[top, left + one]
                c, d = image[top + one, left], image[top + one, left + one]
            if (a != 0) & (b != 0) & (c != 0) & (d != 0):
                upper = (1 - across) * a + across * b
                lower = (1 - across) * c + across * d
                out[row, col] = (1 - down) * upper + down * lower
            elif -END <= line < height - 1 + END and -0.5 <= pixel < width - 0.5:
                out[row, col] = _of_those_with_a_value(
                    image, line - start_line, pixel - start_pixel
                )
            else:
                out[row, col] = 0


@compiled
def _of_those_with_a_value(image, line, pixel):
    """Return the mean of those of four pixels that are in the image and have a value."""
    rows, cols = image.shape
    top, left = int(np.floor(line)), int(np.floor(pixel))
    down, across = line - top, pixel - left
    total = weight = closest = best = 0.0
    for r in range(2):
        for c in range(2):
            if 0 <= top + r < rows and 0 <= left + c < cols:
                share = (down if r else 1 - down) * (across if c else 1 - across)
                value = image[top + r, left + c]
                if share > best:
                    best, closest = share, value
                if value != 0:
                    total += share * value
                    weight += share
    return total / weight if closest != 0 else 0.0
