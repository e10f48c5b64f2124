"""What cannot be reflectance of both sensors, or cannot be fused, is said before it is computed."""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from efast.bandpairs import FINE_NM, coarse_name
from efast.cells.coarseseries import LEAST_COMPOSITES
from efast.errors import BadInput

__all__ = ["check_range", "check_series", "check_units"]

logger = logging.getLogger(__name__)

LARGEST_RATIO = 20.0  # of the medians of both sensors; beyond, one of them has another unit
DARK = 0.003  # a median below that, of deep water, tells nothing of the unit
LOWEST, HIGHEST = -0.5, 10.0  # reflectance; beyond are fill values and other units
FAR = 5  # days between an image and the coarse series, from which on it is said

Floats = npt.NDArray[np.float32]
Days = npt.NDArray[np.int64]


def check_units(
    image: xr.DataArray, scores: Floats, coarse: Floats, scale: float, ratio: int
) -> None:
    """Refuse cubes of different units, by the clearest cells that both sensors show.

    Parameters
    ----------
    image
        (time, band, y, x) of the fine images.
    scores
        (N, y, x), 0..1.
    coarse
        (M, B, y, x) on the same cells, NaN where missing.
    scale
        What a number of `image` is worth.
    ratio
        Fine pixels along a cell.

    Raises
    ------
    BadInput
        If medians differ by more than a factor of `LARGEST_RATIO`.
    """
    shown = np.isfinite(coarse).any(axis=(0, 1))
    if not shown.any():
        return
    clear = np.where(shown, scores, -1)
    best, row, column = (int(at) for at in np.unravel_index(int(clear.argmax()), clear.shape))
    rows, columns = (slice(at * ratio, (at + 2) * ratio) for at in (row, column))
    values = image.isel(time=best, y=rows, x=columns).values.astype(np.float64) * scale
    one = _median(values[values != 0])
    other = _median(coarse[..., row : row + 2, column : column + 2])
    if max(one, other) > LARGEST_RATIO * max(min(one, other), DARK):
        raise BadInput(
            f"where both sensors are clearest the median of the fine images is {one:g}, that of "
            f"the coarse series {other:g}: they have different units; bring both to reflectance, "
            "0..1"
        )


def _median(values: npt.NDArray[Any]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(np.abs(known))) if known.size else float("nan")


def check_range(what: str, cube: xr.DataArray, bands: Sequence[str]) -> None:
    """Refuse fill values that were left in floats in memory: they would be fused.

    Parameters
    ----------
    what
        Names the cube.
    cube
        (time, band, y, x); what is on Dask, or whole numbers, is not looked at.
    bands
        Its bands; those that are not known to be reflectance are not looked at.

    Raises
    ------
    BadInput
        If reflectance lies outside `LOWEST` to `HIGHEST`.
    """
    if cube.chunks is not None or cube.dtype.kind != "f":
        return
    for place, band in enumerate(bands):
        if band not in FINE_NM and coarse_name(band) is None:
            continue
        values = cube.values[:, place]
        low, high = (float(part.reduce(values, axis=None)) for part in (np.fmin, np.fmax))
        if low < LOWEST or HIGHEST < high < np.inf:
            raise BadInput(
                f"{band} of the {what} series holds {low if low < LOWEST else high:g}, which is no "
                "reflectance: set what is missing to NaN, such as .where(cube > -0.5)"
            )


def check_series(composites: Floats, axis: Days, days: Days, *, needed: bool) -> None:
    """Say where the coarse series does not determine a result.

    Parameters
    ----------
    composites, axis
        (K, B, y, x), NaN where missing, and their (K,) days.
    days
        (N,) of the fine images.
    needed
        Whether there is no result without the coarse series.

    Raises
    ------
    BadInput
        If it is needed, and no cell has `LEAST_COMPOSITES` composites with a value.
    """
    enough = np.isfinite(composites).sum(axis=0) >= LEAST_COMPOSITES
    first, last = (str(np.datetime64(int(day), "D")) for day in axis[[0, -1]])
    words = (
        f"fewer than {LEAST_COMPOSITES} composites with a value, of {len(axis)} from {first} to "
        f"{last}"
    )
    if needed and not enough.any():
        raise BadInput(
            f"all cells have {words}: nothing can be said of any day; widen the period, make "
            "composites more often (step), or let on_missing_coarse='s2' take the images alone"
        )
    if not enough.all():
        share = 1 - float(enough.all(axis=0).mean())
        logger.warning("%.1f %% of the cells have %s in some band", 100 * share, words)
    apart = np.maximum(axis[0] - days, days - axis[-1])
    if (apart > FAR).any():
        logger.warning(
            "%d of %d images lie up to %d days outside the coarse series, %s to %s: its change in "
            "between is not known", np.count_nonzero(apart > FAR), len(apart), apart.max(), first,
            last,
        )  # fmt: skip
