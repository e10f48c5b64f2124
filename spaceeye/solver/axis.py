"""The axis of time of a series: acquisitions, the dates wanted, and how they lie to each other.

The symbols are those of `spaceeye.solver.reference`: days (N,) of the acquisitions, which are the
knots of the solution, weights (N, P) of P pixels, out_days (T,) of the dates wanted.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput

__all__ = [
    "LARGEST_CONDUCTANCE",
    "MIN_WEIGHT",
    "Extrapolate",
    "Intervals",
    "check_axis",
    "conductances",
    "guarded",
    "intervals",
    "outside",
]

MIN_WEIGHT = 1e-3
"""A smaller weight counts as zero."""

LARGEST_CONDUCTANCE = 1e15
"""Alpha over the days between two acquisitions is at most this, and at least one over it: float32
follows both ends with room for products of two. Far within, the result is the mean of the clear
observations or the line through them already."""

Extrapolate = Literal["constant", "nan"]
"""What stands before the first and after the last clear observation of a pixel."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Intervals(NamedTuple):
    """Where each output date lies between the knots; all (T,).

    Attributes
    ----------
    left, right, fraction
        The value is ``(1 - fraction) x[left] + fraction x[right]``.
    before
        The last knot not after the date, -1 for none.
    after
        The first knot not before the date, N for none.
    """

    left: Ints
    right: Ints
    fraction: Floats
    before: Ints
    after: Ints


def check_axis(days: npt.ArrayLike, alpha: float | None = None) -> Floats:
    """Check the times of acquisition, and alpha if it is given.

    Parameters
    ----------
    days
        (N,), may be fractional.
    alpha
        Damping in days.

    Returns
    -------
    numpy.ndarray
        `days` as (N,) float64.

    Raises
    ------
    BadInput
        No days, not finite, not strictly ascending; `alpha` not finite or not above zero, or so
        large or small, alone or over the days between acquisitions, that float32 cannot follow.
    """
    axis = np.asarray(days, np.float64)
    if axis.ndim != 1 or not axis.size:
        raise BadInput(f"days of shape {axis.shape}: at least one acquisition is needed")
    if not np.isfinite(axis).all():
        place = int(np.flatnonzero(~np.isfinite(axis))[0])
        raise BadInput(f"days[{place}] = {axis[place]}: every day must be a finite number")
    steps = np.diff(axis)
    if (steps <= 0).any():
        place = int(np.flatnonzero(steps <= 0)[0])
        raise BadInput(
            f"days[{place}] = {axis[place]} is not before days[{place + 1}] = {axis[place + 1]}: "
            "sort the acquisitions by time, and keep or average one of several of the same time"
        )
    if alpha is not None and not (np.isfinite(alpha) and alpha > 0):
        raise BadInput(f"alpha={alpha}: give a finite number above 0 (days), for example 1")
    if alpha is not None:
        _check_range(alpha, steps)
    return axis


def _check_range(alpha: float, steps: Floats) -> None:
    """Refuse an alpha that float32 cannot follow over these days between acquisitions."""
    least, most = 1 / LARGEST_CONDUCTANCE, LARGEST_CONDUCTANCE
    if not least <= alpha <= most:
        raise BadInput(
            f"alpha={alpha:g} days is beyond what float32 can follow, {least:g} to {most:g}: 0.1 "
            "is nearly linear interpolation, 1000 nearly the mean"
        )
    if steps.size and not (least <= alpha / steps.max() and alpha / steps.min() <= most):
        raise BadInput(
            f"alpha={alpha:g} days over {steps.min():g} to {steps.max():g} days between "
            f"acquisitions is beyond what float32 can follow, {least:g} to {most:g}: give an alpha "
            "between 0.1 and 1000 days, and join acquisitions that are less than a second apart"
        )


def guarded(weights: npt.ArrayLike) -> Floats:
    """Give weights as float64, those below 0.001 (and NaN) as zero.

    Parameters
    ----------
    weights
        Any shape; 0 hides a value, 1 is clear.

    Returns
    -------
    numpy.ndarray
        float64 of the same shape.

    Raises
    ------
    BadInput
        A weight above zero is infinite.
    """
    given = np.asarray(weights, np.float64)
    if np.isposinf(given).any():
        raise BadInput("weights hold an infinite value: give confidences from 0 to 1")
    return np.where(given >= MIN_WEIGHT, given, 0.0)


def conductances(days: npt.ArrayLike, alpha: float) -> Floats:
    """Give the conductances between neighbouring knots, ``g_k = alpha / (t_{k+1} - t_k)``.

    Parameters
    ----------
    days
        (N,) strictly ascending.
    alpha
        Damping in days, above 0.

    Returns
    -------
    numpy.ndarray
        (N - 1,) float64, dimensionless like weights.

    Raises
    ------
    BadInput
        What `check_axis` refuses.
    """
    return np.asarray(alpha / np.diff(check_axis(days, alpha)))


def intervals(days: npt.ArrayLike, out_days: npt.ArrayLike) -> Intervals:
    """Find the knots around each output date.

    Parameters
    ----------
    days
        (N,) strictly ascending.
    out_days
        (T,) in any order.

    Returns
    -------
    Intervals
        (T,) each.

    Raises
    ------
    BadInput
        An output day that is not finite, and what `check_axis` refuses.
    """
    axis, wanted = check_axis(days), np.asarray(out_days, np.float64)
    if wanted.ndim != 1 or not np.isfinite(wanted).all():
        raise BadInput(f"out_days of shape {wanted.shape}: give one axis of finite days")
    before = np.searchsorted(axis, wanted, side="right") - 1
    after = np.searchsorted(axis, wanted, side="left")
    left = np.clip(before, 0, None)
    right = np.clip(before + 1, 0, len(axis) - 1)
    right = np.where((before < 0) | (before == after), left, right)
    gap = axis[right] - axis[left]
    share = np.where(gap > 0, (wanted - axis[left]) / np.where(gap > 0, gap, 1.0), 0.0)
    return Intervals(left, right, share, before, after)


def outside(
    weights: npt.ArrayLike, days: npt.ArrayLike, out_days: npt.ArrayLike
) -> npt.NDArray[np.bool_]:
    """Tell where an output date is before the first or after the last clear observation.

    Parameters
    ----------
    weights
        (N, P); below 0.001 counts as 0.
    days, out_days
        (N,) strictly ascending and (T,) in any order.

    Returns
    -------
    numpy.ndarray
        (T, P) bool; true for pixels that were never observed.

    Raises
    ------
    BadInput
        What `guarded` and `intervals` refuse.
    """
    clear = guarded(weights) > 0
    at = intervals(days, out_days)
    first = np.where(clear.any(axis=0), clear.argmax(axis=0), len(clear))
    last = np.where(clear.any(axis=0), len(clear) - 1 - clear[::-1].argmax(axis=0), -1)
    return np.asarray((first > at.before[:, None]) | (last < at.after[:, None]))
