"""A sample of a region: enough pixels to decide by, the same ones however the region is chunked.

A few numbers are decided for a whole region, such as the damping. They are averages, which some ten
thousand pixels from all over the region tell as well as all of them. The region is divided into
squares from its upper left corner; of a large one some squares are drawn, with a fixed seed, and of
each every so many rows and columns are taken. So a draw depends on the shape of the region alone,
and a lazy series is read where the squares lie and nowhere else.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spaceeye.series import Series

__all__ = ["PIXELS", "SQUARES", "places", "sample"]

SIDE = 256
"""Pixels along a square: a block of the stacks that the readers make."""

SQUARES = 16
"""Most squares that are read."""

PIXELS = 2**14
"""Most pixels that are looked at."""


def places(shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Return what is looked at in a region.

    Parameters
    ----------
    shape
        Rows and columns of the region.

    Returns
    -------
    list of (slice, slice)
        Rows and columns, apart from each other; everything where the region has no more than
        `PIXELS`.
    """
    if shape[0] * shape[1] <= PIXELS:
        return [(slice(0, shape[0]), slice(0, shape[1]))]
    rows, columns = (-(-length // SIDE) for length in shape)
    drawn = np.arange(rows * columns)
    if drawn.size > SQUARES:
        random = np.random.default_rng(0)
        drawn = np.sort(random.permutation(drawn.size)[:SQUARES])
    corners = [(SIDE * (place // columns), SIDE * (place % columns)) for place in drawn.tolist()]
    step = 1
    while sum(_count(corner, shape, step) for corner in corners) > PIXELS:
        step += 1
    return [
        (
            slice(top, min(top + SIDE, shape[0]), step),
            slice(left, min(left + SIDE, shape[1]), step),
        )
        for top, left in corners
    ]


def sample(series: Series) -> list[Series]:
    """Return the parts of a series that are looked at.

    Parameters
    ----------
    series
        In memory or on Dask.

    Returns
    -------
    list of Series
        On Dask if it is.
    """
    return [
        replace(
            series,
            values=series.values.isel(y=rows, x=columns),
            weights=series.weights.isel(y=rows, x=columns),
        )
        for rows, columns in places((series.values.sizes["y"], series.values.sizes["x"]))
    ]


def _count(corner: tuple[int, int], shape: tuple[int, int], step: int) -> int:
    """Return the pixels of a square of which every `step`-th row and column is taken."""
    rows, columns = (min(SIDE, length - at) for at, length in zip(corner, shape, strict=True))
    return -(-rows // step) * -(-columns // step)
