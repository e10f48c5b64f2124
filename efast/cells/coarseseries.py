"""The coarse series at any day: linear between composites, pixel by pixel and band by band."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from efast.errors import BadInput

__all__ = ["LEAST_COMPOSITES", "Extrapolate", "check_extrapolate", "interp_time"]

Extrapolate = Literal["linear", "nearest", "none"]

LEAST_COMPOSITES = 4
"""Composites with a value that a pixel needs; with fewer it has none at any day."""


def interp_time(
    composites: npt.ArrayLike,
    days: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    extrapolate: Extrapolate = "nearest",
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Interpolate a series in time.

    Parameters
    ----------
    composites
        (K, B, y, x) float, NaN where missing.
    days
        (K,) their days, strictly ascending.
    at
        (T,) days wanted.
    extrapolate
        Before the first value of a pixel and after its last: along the line through the two
        nearest, the nearest one, or nothing.

    Returns
    -------
    values : numpy.ndarray
        (T, B, y, x) float32, NaN where fewer than `LEAST_COMPOSITES` composites have a value.
    outside : numpy.ndarray
        (T, B, y, x) bool: the day lies before the first or after the last value of the pixel, or
        the pixel has too few.

    Raises
    ------
    BadInput
        If days do not ascend or do not go with the composites, or `extrapolate` is unknown.
    """
    check_extrapolate(extrapolate)
    series = np.asarray(composites, np.float32)
    axis, wanted = np.asarray(days, np.float64), np.asarray(at, np.float64)
    if axis.shape != series.shape[:1] or not (np.diff(axis) > 0).all():
        raise BadInput(
            f"{len(axis)} days for {len(series)} composites; one for each, strictly ascending"
        )
    pixels = series.reshape(len(series), -1)
    values = np.full((len(wanted), pixels.shape[1]), np.nan, np.float32)
    outside = np.ones(values.shape, bool)
    for seen, columns in _patterns(np.isfinite(pixels)):
        if np.count_nonzero(seen) < LEAST_COMPOSITES:
            continue
        share, beyond = _shares(axis[seen], wanted, extrapolate)
        with_value = pixels[np.ix_(seen, columns)].astype(np.float64)
        values[:, columns] = share @ with_value
        outside[:, columns] = beyond[:, None]
        if extrapolate == "none":
            values[np.ix_(beyond, columns)] = np.nan
    shape = (len(wanted), *series.shape[1:])
    return values.reshape(shape), outside.reshape(shape)


def check_extrapolate(extrapolate: str) -> None:
    """Refuse an unknown way to extrapolate."""
    if extrapolate not in get_args(Extrapolate):
        raise BadInput(f"extrapolate={extrapolate!r}: one of {', '.join(get_args(Extrapolate))}")


def _patterns(seen: npt.NDArray[np.bool_]) -> list[tuple[npt.NDArray[np.bool_], Any]]:
    """Group pixels, (K, P), by when they have a value; return each pattern and its pixels."""
    packed = np.packbits(seen, axis=0)
    _, first, group = np.unique(packed, axis=1, return_index=True, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(group.ravel(), minlength=len(first)))
    return [
        (seen[:, at], pixels) for at, pixels in zip(first, np.split(order, ends[:-1]), strict=True)
    ]


def _shares(
    axis: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64], extrapolate: Extrapolate
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return (T, K) what each value counts at each day, and (T,) which days lie outside."""
    before = np.clip(np.searchsorted(axis, wanted, side="right") - 1, 0, len(axis) - 2)
    along = (wanted - axis[before]) / (axis[before + 1] - axis[before])
    if extrapolate != "linear":
        along = np.clip(along, 0, 1)
    share = np.zeros((len(wanted), len(axis)))
    rows = np.arange(len(wanted))
    share[rows, before] = 1 - along
    share[rows, before + 1] += along
    return share, (wanted < axis[0]) | (wanted > axis[-1])
