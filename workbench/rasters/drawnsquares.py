"""Some pixels of a region: enough to decide or to judge by, the same ones however it is chunked.

A few numbers are decided for a whole region, such as a damping, or tell how good a result is. They
are averages, which some ten thousand pixels from all over the region tell as well as all of them.
The region is divided into squares from its upper left corner; of a large one some squares are
drawn, with a fixed seed, and of each every so many rows and columns are taken. So a draw depends on
the shape of the region alone, and a lazy cube is read where the squares lie and nowhere else.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import numpy as np
import xarray as xr

__all__ = ["PIXELS", "SQUARES", "places", "thinned"]

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


def thinned(cube: xr.Dataset, most: int) -> xr.Dataset:
    """Return some pixels of a cube, in memory and in one row.

    Parameters
    ----------
    cube
        Variables (..., y, x), lazy or in memory.
    most
        Pixels, at most.

    Returns
    -------
    xarray.Dataset
        The same variables with y of length 1, without coordinates in space: those of `places`, and
        of these every so many; the same pixels for any chunking.
    """
    from dask.base import compute

    drawn = places((int(cube.sizes["y"]), int(cube.sizes["x"])))
    parts = compute(*(cube.isel(y=rows, x=columns) for rows, columns in drawn))
    step = -(-sum(part.sizes["y"] * part.sizes["x"] for part in parts) // most)
    found = {}
    for name, variable in cube.data_vars.items():
        ordered = [part[name].transpose(..., "y", "x") for part in parts]
        rows = [one.values.reshape(*one.shape[:-2], 1, -1) for one in ordered]
        values = np.concatenate(rows, axis=-1)[..., ::step]
        found[name] = (ordered[0].dims, values, variable.attrs)
    kept = {name: held for name, held in cube.coords.items() if not {"y", "x"} & set(held.dims)}
    return xr.Dataset(found, kept)


def _count(corner: tuple[int, int], shape: tuple[int, int], step: int) -> int:
    """Return the pixels of a square of which every `step`-th row and column is taken."""
    rows, columns = (min(SIDE, length - at) for at, length in zip(corner, shape, strict=True))
    return -(-rows // step) * -(-columns // step)
