"""Compiled loops: the image at the places of pixels of a grid; 0 is no value.

Import this module only where it is used (it loads numba); `blocks` is the door.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

__all__ = ["bilinear", "nearest", "reach"]


@compiled
def reach(lines, pixels, height, width):
    """Return the first and last line and pixel of the image that places touch; empty if none."""
    top, bottom, left, right = height, -1, width, -1
    for i in range(lines.shape[0]):
        for j in range(lines.shape[1]):
            line, pixel = lines[i, j], pixels[i, j]
            if -0.5 <= line < height - 0.5 and -0.5 <= pixel < width - 0.5:
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
            if -0.5 <= line < height - 0.5 and -0.5 <= pixel < width - 0.5:
                row, col = int(np.floor(line + 0.5)), int(np.floor(pixel + 0.5))
                out[i, j] = image[row - first_line, col - first_pixel]


@compiled
def bilinear(image, first_line, first_pixel, lines, pixels, height, width, out):
    """Fill the mean of four pixels by their distance; of those that have a value.

    No value where the nearest of them has none.
    """
    rows, cols = image.shape
    for i in range(lines.shape[0]):
        for j in range(lines.shape[1]):
            line, pixel = lines[i, j], pixels[i, j]
            out[i, j] = 0
            if not (-0.5 <= line < height - 0.5 and -0.5 <= pixel < width - 0.5):
                continue
            row, col = int(np.floor(line)), int(np.floor(pixel))
            down, across = line - row, pixel - col
            row, col = row - first_line, col - first_pixel
            total = weight = 0.0
            closest = best = 0.0
            for r in range(2):
                for c in range(2):
                    if not (0 <= row + r < rows and 0 <= col + c < cols):
                        continue
                    share = (down if r else 1 - down) * (across if c else 1 - across)
                    value = image[row + r, col + c]
                    if share > best:
                        best, closest = share, value
                    if value != 0:
                        total += share * value
                        weight += share
            if closest != 0:
                out[i, j] = total / weight
