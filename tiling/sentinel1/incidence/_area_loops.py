"""Compiled loops: the area that facets of the ground show to the radar, by pixels of the image.

Import this module only where it is used (it loads numba); `gammaareas` is the door.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from tiling.sentinel1.incidence._incidence_loops import (
    AREA,
    CURVATURE,
    LEVEL,
    SLOPE,
    facing,
    interpolate_row,
    interpolate_within,
)
from workbench.machinecode import compiled

__all__ = ["add_areas", "fill_shares"]

REFERENCE, REFERENCE_UP = 20, 21  # columns of the table, after those of looks

FINE = 3  # samples for each pixel of the image that a facet is long


@compiled
def add_areas(
    table, step, first_row, first_col, heights, lines, pixels, top, left, wanted, bins
):  # fmt: skip
    """Add the areas of facets, square metres, to the pixels of an image from a line and pixel on.

    A facet lies between the centres of four pixels of the grid. Its area, seen from the radar, is
    spread over samples of it, and each of these over the four pixels of the image around it, by
    distance. Facets that face away have none. They come row by row, so that the sums are the same
    whatever other facets there are. Pixels of the image that are not `wanted` may lack some; where
    that has no rows all are.
    """
    rows, cols = heights.shape
    here = np.empty((table.shape[1], table.shape[2]))
    at = np.empty(table.shape[2])
    for i in range(rows - 1):
        interpolate_row(table, step, first_row + i + 0.5, here)
        for j in range(cols - 1):
            line_down, line_across, pixel_down, pixel_across = _extent(lines, pixels, i, j)
            line, pixel = lines[i, j] - top, pixels[i, j] - left
            reach = max(line_down + line_across, pixel_down + pixel_across) + 1
            if not (
                reach < np.inf
                and -reach <= line < bins.shape[0] + reach
                and -reach <= pixel < bins.shape[1] + reach
            ):
                continue
            if len(wanted) and not _touches(wanted, lines, pixels, i, j, top, left):
                continue
            a, b = np.float64(heights[i, j]), np.float64(heights[i, j + 1])
            c, d = np.float64(heights[i + 1, j]), np.float64(heights[i + 1, j + 1])
            height = (a + b + c + d) / 4
            interpolate_within(here, step, first_col + j + 0.5, at)
            towards, _ = facing(at, height, (b - a + d - c) / 2, (c - a + d - b) / 2, SLOPE)
            if not towards > 0:
                continue
            scale = 1 + height * at[CURVATURE]
            area = at[AREA] * scale * scale * towards
            down = _samples(max(line_down, pixel_down))
            across = _samples(max(line_across, pixel_across))
            _spread(lines, pixels, i, j, down, across, area / (down * across), top, left, bins)


@compiled
def _touches(wanted, lines, pixels, i, j, top, left):
    """Tell whether a facet may add to a pixel of the image that is wanted."""
    early = min(min(lines[i, j], lines[i, j + 1]), min(lines[i + 1, j], lines[i + 1, j + 1]))
    late = max(max(lines[i, j], lines[i, j + 1]), max(lines[i + 1, j], lines[i + 1, j + 1]))
    near = min(min(pixels[i, j], pixels[i, j + 1]), min(pixels[i + 1, j], pixels[i + 1, j + 1]))
    far = max(max(pixels[i, j], pixels[i, j + 1]), max(pixels[i + 1, j], pixels[i + 1, j + 1]))
    for row in range(
        max(int(np.floor(early - top)), 0), min(int(np.floor(late - top)) + 2, wanted.shape[0])
    ):
        for col in range(
            max(int(np.floor(near - left)), 0), min(int(np.floor(far - left)) + 2, wanted.shape[1])
        ):
            if wanted[row, col]:
                return True
    return False


@compiled
def _extent(lines, pixels, i, j):
    """Return how many lines and pixels the sides of a facet reach; NaN if that is unknown."""
    found = (
        abs(lines[i + 1, j] - lines[i, j]) + abs(lines[i + 1, j + 1] - lines[i, j + 1]),
        abs(lines[i, j + 1] - lines[i, j]) + abs(lines[i + 1, j + 1] - lines[i + 1, j]),
        abs(pixels[i + 1, j] - pixels[i, j]) + abs(pixels[i + 1, j + 1] - pixels[i, j + 1]),
        abs(pixels[i, j + 1] - pixels[i, j]) + abs(pixels[i + 1, j + 1] - pixels[i + 1, j]),
    )
    return found[0] / 2, found[1] / 2, found[2] / 2, found[3] / 2


@compiled
def _samples(length):
    """Return how many samples a side has that is so long in pixels of the image.

    Sums of samples a third of a pixel apart are even to 0.3 %, at 0.28 of a pixel to 2 %. There is
    no most: samples further apart than a pixel leave pixels between them without any area.
    """
    return int(max(np.ceil(FINE * length), 1.0))


@compiled
def _spread(lines, pixels, i, j, down, across, share, top, left, bins):
    """Add a share of area at each sample of a facet."""
    for r in range(down):
        v = (r + 0.5) / down
        line_west = lines[i, j] + v * (lines[i + 1, j] - lines[i, j])
        line_east = lines[i, j + 1] + v * (lines[i + 1, j + 1] - lines[i, j + 1])
        pixel_west = pixels[i, j] + v * (pixels[i + 1, j] - pixels[i, j])
        pixel_east = pixels[i, j + 1] + v * (pixels[i + 1, j + 1] - pixels[i, j + 1])
        for c in range(across):
            u = (c + 0.5) / across
            line = line_west + u * (line_east - line_west) - top
            pixel = pixel_west + u * (pixel_east - pixel_west) - left
            row, col = int(np.floor(line)), int(np.floor(pixel))
            beyond, aside = line - row, pixel - col
            upper, lower = share * (1 - beyond), share * beyond
            if 0 <= row < bins.shape[0] - 1 and 0 <= col < bins.shape[1] - 1:
                bins[row, col] += upper * (1 - aside)
                bins[row, col + 1] += upper * aside
                bins[row + 1, col] += lower * (1 - aside)
                bins[row + 1, col + 1] += lower * aside
                continue
            for k in range(2):
                for m in range(2):
                    if 0 <= row + k < bins.shape[0] and 0 <= col + m < bins.shape[1]:
                        # The same products as above, to the last bit.
                        bins[row + k, col + m] += (lower if k else upper) * (
                            aside if m else 1 - aside
                        )


@compiled
def fill_shares(
    table, step, first_row, first_col, every, heights, lines, pixels, bins, top, left, least,
    floor, out,
):  # fmt: skip
    """Fill areas at pixels of the grid over the reference area, bilinear between those of bins.

    The pixels lie `every` so many of the grid. At least a share of that of level ground, and so
    many square metres; NaN where there is no place or no height.
    """
    here = np.empty((table.shape[1], table.shape[2]))
    at = np.empty(table.shape[2])
    for i in range(heights.shape[0]):
        interpolate_row(table, step, first_row + i * every, here)
        for j in range(heights.shape[1]):
            out[i, j] = np.nan
            height = np.float64(heights[i, j])
            line, pixel = lines[i, j] - top, pixels[i, j] - left
            if not np.isfinite(height + line + pixel):
                continue
            interpolate_within(here, step, first_col + j * every, at)
            towards, away = facing(at, height, 0.0, 0.0, LEVEL)
            row, col = int(np.floor(line)), int(np.floor(pixel))
            beyond, aside = line - row, pixel - col
            upper = bins[row, col] * (1 - aside) + bins[row, col + 1] * aside
            lower = bins[row + 1, col] * (1 - aside) + bins[row + 1, col + 1] * aside
            area = upper * (1 - beyond) + lower * beyond
            reference = at[REFERENCE] + height * at[REFERENCE_UP]
            out[i, j] = max(max(area, floor) / reference, least * towards / away)
