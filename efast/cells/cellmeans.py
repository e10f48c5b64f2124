"""Means of the fine images over coarse cells: what the coarse sensor should have seen.

A cell has a mean only where nearly all of its pixels are known, so that it stands for the same
ground as the coarse value. Sums are taken pixel after pixel in a fixed order: a part of the area
gives what the whole gives, to the last bit.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from efast.cells.cellblocks import whole_cells
from efast.errors import BadInput

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "cell_mean_series",
    "cell_means",
    "cell_sums",
    "missing_value",
    "read_only",
]

Floats = npt.NDArray[np.float32]


def cell_means(
    fine: npt.NDArray[Any],
    valid: npt.ArrayLike,
    ratio: int,
    *,
    scale: float = 1.0,
    least: float = 0.95,
) -> Floats:
    """Return means of fine images over coarse cells.

    Parameters
    ----------
    fine
        (N, B, Y, X) uint16, 0 where missing, or float, NaN where missing.
    valid
        (N, Y, X), 0 where a pixel of all bands does not count.
    ratio
        Fine pixels along a coarse cell. Cells begin at the upper left corner; pixels that a cell at
        the right or lower edge lacks count as missing.
    scale
        What a number of `fine` is worth.
    least
        Least share of its pixels that a cell needs, 0..1.

    Returns
    -------
    numpy.ndarray
        (N, B, y, x) float32, NaN where more pixels are missing.

    Raises
    ------
    BadInput
        If shapes do not go together or an option is out of its range.
    """
    known = np.asarray(valid) != 0
    if fine.ndim != 4 or known.shape != (fine.shape[0], *fine.shape[2:]):
        raise BadInput(
            f"images {fine.shape} and what is valid {known.shape} do not go together: (date, band, "
            "y, x) and (date, y, x)"
        )
    if ratio < 1 or not 0 < least <= 1:
        raise BadInput(f"ratio={ratio}: at least 1; least={least}: above 0 and at most 1")
    sums, counts = cell_sums(fine, known, np.zeros(known.shape[1:], np.uint8), 1, ratio)
    found = np.full(sums.shape[1:], np.nan, np.float32)
    enough = counts[0] >= ceil(least * ratio**2 - 1e-9)
    np.divide(sums[0] * scale, counts[0], out=found, where=enough, casting="same_kind")
    return found


def cell_sums(
    fine: npt.NDArray[Any],
    known: npt.NDArray[np.bool_],
    group: npt.NDArray[np.uint8],
    groups: int,
    ratio: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """Return sums and numbers of the known pixels of each group in each cell.

    Parameters
    ----------
    fine, known, ratio
        See `cell_means`.
    group, groups
        (Y, X) which group a pixel belongs to, and how many there are.

    Returns
    -------
    sums, counts : numpy.ndarray
        (G, N, B, y, x) float64 and int32.
    """
    from efast.cells._cell_loops import sum_cells

    cells = (-(-length // ratio) for length in fine.shape[2:])
    sums = np.zeros((groups, *fine.shape[:2], *cells))
    counts = np.zeros(sums.shape, np.int32)
    given = (read_only(array) for array in (fine, known, group))
    sum_cells(*given, missing_value(fine), ratio, sums, counts)
    return sums, counts


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view that cannot be written: loops are compiled for each kind of array."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def missing_value(fine: npt.NDArray[Any]) -> Any:
    """Return the number that stands for a missing pixel: 0 among whole numbers, else NaN."""
    return fine.dtype.type(0) if fine.dtype.kind == "u" else np.float32(np.nan)


def cell_mean_series(
    image: xr.DataArray,
    weight: xr.DataArray,
    ratio: int,
    *,
    scale: float = 1.0,
    least: float = 0.95,
) -> Floats:
    """Return the means of a labelled cube, block by block where it is on Dask.

    Parameters
    ----------
    image
        (time, band, y, x), see `cell_means`.
    weight
        (time, y, x), 0 where hidden or missing.
    ratio, scale, least
        See `cell_means`.

    Returns
    -------
    numpy.ndarray
        (N, B, y, x) float32, in memory. A block of whole cells with all times and bands is held by
        each worker at a time.

    Raises
    ------
    BadInput
        See `cell_means`.
    """
    if image.chunks is None and weight.chunks is None:
        return cell_means(image.values, weight.values, ratio, scale=scale, least=least)
    import dask.array as da

    values, weights = (whole_cells(cube, ratio).data for cube in (image, weight))
    cells = [tuple(-(-size // ratio) for size in sizes) for sizes in values.chunks[2:]]
    found = da.map_blocks(
        _block, values, weights[:, None], ratio, scale=scale, least=least,
        chunks=(*values.chunks[:2], *cells), dtype=np.float32, meta=np.empty((0,) * 4, np.float32),
    )  # fmt: skip
    return np.asarray(found.compute())


def _block(values: npt.NDArray[Any], weight: npt.NDArray[Any], ratio: int, **how: Any) -> Floats:
    return cell_means(values, weight[:, 0], ratio, **how)
