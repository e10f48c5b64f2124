"""Gaps in an array of numbers, filled from both sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.declarations import process
from workbench.openeo.errors import error
from workbench.openeo.instants import read_instant
from workbench.openeo.lifting import Floats, along_same
from workbench.openeo.values import Label, is_number, labels_of, length_of


@process("array_interpolate_linear")
def array_interpolate_linear(data: Any) -> Any:
    """Fill gaps on straight lines over the labels, if they are numbers or dates, or the indices."""
    at = _positions(labels_of(data), length_of(data))

    def over_list(values: list[Any]) -> list[Any]:
        numbers = np.array([np.nan if value is None else value for value in values], np.float64)
        with np.errstate(all="ignore"):
            filled = _filled(numbers, at).tolist()
        # What is no gap stays as it is, and so do gaps at the ends, whether null or NaN.
        gaps = np.isnan(numbers) & ~np.isnan(filled)
        return [new if gap else old for old, new, gap in zip(values, filled, gaps, strict=True)]

    return along_same(lambda values: _filled(values, at), data, over_list)


def _positions(labels: list[Label] | None, length: int) -> npt.NDArray[np.float64]:
    """Return where elements lie on the x axis."""
    found = _numbers(labels) if labels else None
    if found is None:
        return np.arange(length, dtype=np.float64)
    steps = np.diff(found)
    if not ((steps > 0).all() or (steps < 0).all()):
        raise error(
            "ProcessParameterInvalid",
            process="array_interpolate_linear",
            parameter="data",
            reason="its labels neither ascend nor descend; sort the array by its labels first",
        )
    return found


def _numbers(labels: list[Label]) -> npt.NDArray[np.float64] | None:
    """Return labels as numbers, dates as seconds; None if they have no inherent order."""
    if all(map(is_number, labels)):
        return np.array(labels, np.float64)
    instants = [read_instant(label) if isinstance(label, str) else None for label in labels]
    moments = [instant.utc.timestamp() for instant in instants if instant is not None]
    return np.array(moments) if len(moments) == len(labels) else None


def _filled(values: Floats, at: npt.NDArray[np.float64]) -> Any:
    """Fill NaN of (n, *pixels) that have numbers before and after them.

    Parameters
    ----------
    at
        (n,) where the elements lie.
    """
    count = len(values)
    if not count:
        return values
    place = np.arange(count).reshape(-1, *(1 for _ in values.shape[1:]))
    gap = np.isnan(values)
    before = np.maximum.accumulate(np.where(gap, -1, place), axis=0)
    after = np.minimum.accumulate(np.where(gap, count, place)[::-1], axis=0)[::-1]
    inside = gap & (before >= 0) & (after < count)
    before, after = np.clip(before, 0, None), np.clip(after, None, count - 1)
    below, above = (np.take_along_axis(values, i, axis=0) for i in (before, after))
    share = (at.reshape(place.shape) - at[before]) / np.where(inside, at[after] - at[before], 1)
    between = np.where(below == above, below, below * (1 - share) + above * share)
    return np.where(inside, between, values)
