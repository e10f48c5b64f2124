"""The damped interpolation as a chain of conductances, in plain float64.

For one pixel and one band, with values ``s_k`` of weight ``w_k`` at the times ``t_k`` (days),
the series ``X`` minimises::

    sum_k w_k (X(t_k) - s_k)^2  +  alpha * integral of X'(t)^2 dt

On a daily grid that is ``sum_t w_t (X_t - S_t)^2 + alpha sum_t (X_{t+1} - X_t)^2``, the objective
of damped interpolation (arXiv 2106.08408). It is the equilibrium of a chain of resistors: node
``k`` is tied to its value by the conductance ``w_k`` and to the next node by
``g_k = alpha / (t_{k+1} - t_k)``. Nodes without a value carry no current, so ``X`` is linear in
time between acquisitions and constant before the first and after the last one: the acquisitions
alone (the *knots*) are solved, any date follows by linear interpolation. Nothing couples pixels,
and bands share the weights.

The elimination carries the conductance ``e_k`` from node ``k`` to all values on its left, never a
difference, so that no digit cancels::

    e_0 = w_0                      y_0 = w_0 s_0
    r_k = 1 / (e_k + g_k)          f_k = g_k r_k
    e_{k+1} = w_{k+1} + f_k e_k    y_{k+1} = w_{k+1} s_{k+1} + f_k y_k
    x_{N-1} = y_{N-1} / e_{N-1}    x_k = r_k y_k + f_k x_{k+1}

A pixel was never observed exactly when ``e_{N-1} == 0``.

Arrays are laid out as values (N, B, P), weights (N, P), days (N,) ascending, outputs (T, B, P): N
acquisitions, B bands, P pixels, T output dates. This module is the readable statement of the
method and the oracle of the compiled one; use it for small things.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from spaceeye.errors import BadInput

__all__ = [
    "MIN_WEIGHT",
    "Extrapolate",
    "Intervals",
    "age",
    "check_axis",
    "conductances",
    "evaluate",
    "guarded",
    "intervals",
    "leave_one_out",
    "merge_same_time",
    "outside",
    "solve_knots",
    "support",
]

MIN_WEIGHT = 1e-3  # a smaller weight counts as zero
NEVER = -1  # age of a pixel that no acquisition shows clear
HOUR = 1 / 24

Extrapolate = Literal["constant", "nan"]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Intervals(NamedTuple):
    """Where each output date lies between the knots; all (T,).

    The value is ``(1 - fraction) x[left] + fraction x[right]``. `before` is the last knot not
    after the date (-1: none) and `after` the first one not before it (N: none).
    """

    left: Ints
    right: Ints
    fraction: Floats
    before: Ints
    after: Ints


def check_axis(days: npt.ArrayLike, alpha: float | None = None) -> Floats:
    """Give `days` as float64 (N,), or refuse them.

    Raises
    ------
    BadInput
        No days, not finite, not strictly ascending; `alpha` not finite or not above zero.
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
            "sort the acquisitions and combine those of the same time (merge_same_time)"
        )
    if alpha is not None and not (np.isfinite(alpha) and alpha > 0):
        raise BadInput(f"alpha={alpha}: give a finite number above 0 (days), for example 1")
    return axis


def guarded(weights: npt.ArrayLike) -> Floats:
    """Give weights as float64, those below 0.001 (and NaN) as zero.

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
    """Give ``g_k = alpha / (t_{k+1} - t_k)``, (N - 1,), for `days` (N,) and `alpha` in days."""
    return np.asarray(alpha / np.diff(check_axis(days, alpha)))


def solve_knots(
    values: npt.ArrayLike, weights: npt.ArrayLike, days: npt.ArrayLike, alpha: float
) -> Floats:
    """Solve the chain on the acquisition times.

    Parameters
    ----------
    values
        (N, B, P), any unit; anything, also NaN, where the weight is zero.
    weights
        (N, P), 0 hides a value, 1 is clear; below 0.001 counts as 0.
    days
        (N,) strictly ascending, may be fractional.
    alpha
        Damping in days, above 0.

    Returns
    -------
    (N, B, P) float64 in the unit of `values`; NaN for pixels that were never observed.

    Raises
    ------
    BadInput
        Shapes that do not fit, and what `check_axis` refuses.
    """
    g = conductances(days, alpha)
    w, excited = _weighted(values, weights, len(g) + 1)
    e, y, f = _sweep(w, excited, g)
    with np.errstate(invalid="ignore"):
        x = np.empty_like(y)
        x[-1] = y[-1] / np.where(e[-1] > 0, e[-1], np.nan)
        for k in range(len(g) - 1, -1, -1):
            x[k] = y[k] * (f[k] / g[k]) + f[k] * x[k + 1]
    return x


def intervals(days: npt.ArrayLike, out_days: npt.ArrayLike) -> Intervals:
    """Find the knots around each output date; see `Intervals`.

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


def outside(weights: npt.ArrayLike, days: npt.ArrayLike, out_days: npt.ArrayLike) -> Any:
    """Tell where an output date is before the first or after the last clear observation.

    Returns
    -------
    (T, P) bool; true for pixels that were never observed.
    """
    clear = guarded(weights) > 0
    at = intervals(days, out_days)
    first = np.where(clear.any(axis=0), clear.argmax(axis=0), len(clear))
    last = np.where(clear.any(axis=0), len(clear) - 1 - clear[::-1].argmax(axis=0), -1)
    return (first > at.before[:, None]) | (last < at.after[:, None])


def evaluate(
    knots: npt.ArrayLike,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    extrapolate: Extrapolate = "constant",
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Give the series at any dates: linear between knots, constant outside.

    Parameters
    ----------
    knots
        (N, B, P) from `solve_knots`.
    out_days
        (T,) in any order.
    extrapolate
        ``"nan"`` blanks each pixel before its own first and after its own last clear observation,
        for which `weights` (N, P) are needed.

    Returns
    -------
    (T, B, P) float64, NaN where the knots are NaN.
    """
    x, at = np.asarray(knots, np.float64), intervals(days, out_days)
    share = at.fraction[:, None, None]
    out: Floats = (1 - share) * x[at.left] + share * x[at.right]
    if extrapolate == "nan":
        if weights is None:
            raise BadInput("extrapolate='nan' needs the weights: they tell where a pixel is seen")
        beyond = outside(weights, days, out_days)
        out[np.broadcast_to(beyond[:, None], out.shape)] = np.nan
    elif extrapolate != "constant":
        raise BadInput(f"extrapolate={extrapolate!r}: choose 'constant' or 'nan'")
    return out


def merge_same_time(
    values: npt.ArrayLike,
    weights: npt.ArrayLike,
    days: npt.ArrayLike,
    tolerance_days: float = HOUR,
) -> tuple[Floats, Floats, Floats]:
    """Combine acquisitions that are at most an hour apart.

    Their weights add and their values are averaged by weight, which is exactly what two values at
    one node of the chain amount to. A group starts at its first acquisition and takes in all that
    follow within `tolerance_days`; its time is the mean of theirs.

    Returns
    -------
    values, weights, days
        (M, B, P), (M, P), (M,) float64 with M <= N; values without any weight are 0.
    """
    axis = np.asarray(days, np.float64)
    if (np.diff(axis) < 0).any():
        raise BadInput("days must ascend: sort the acquisitions by time first")
    starts: list[int] = []
    for place, day in enumerate(axis):
        if not starts or day - axis[starts[-1]] > tolerance_days:
            starts.append(place)
    w, excited = _weighted(values, weights, len(axis))
    total = np.add.reduceat(w, starts, axis=0)
    summed = np.add.reduceat(excited, starts, axis=0)
    mean = summed / np.where(total > 0, total, 1.0)[:, None]
    sizes = np.diff([*starts, len(axis)])
    return mean, total, np.add.reduceat(axis, starts) / sizes


def leave_one_out(
    values: npt.ArrayLike, weights: npt.ArrayLike, days: npt.ArrayLike, alpha: float
) -> Floats:
    """Predict every acquisition from all others, without solving again for each.

    With the conductance to the values on the left ``L_k`` and on the right ``R_k``, both without
    the own weight, and the weighted values ``Y`` that belong to them, the prediction is ``(YL_k +
    YR_k) / (L_k + R_k)``.

    Returns
    -------
    (N, B, P) float64; NaN where no other acquisition shows the pixel. Where the own weight is zero
    it is the solution itself.
    """
    g = conductances(days, alpha)
    w, excited = _weighted(values, weights, len(g) + 1)
    e, y, f = _sweep(w, excited, g)
    e_back, y_back, f_back = _sweep(w[::-1], excited[::-1], g[::-1])
    around, summed = np.zeros_like(e), np.zeros_like(y)
    around[1:] += f[:, 0] * e[:-1]
    summed[1:] += f * y[:-1]
    around[:-1] += (f_back[:, 0] * e_back[:-1])[::-1]
    summed[:-1] += (f_back * y_back[:-1])[::-1]
    with np.errstate(invalid="ignore"):
        return np.asarray(summed / np.where(around > 0, around, np.nan)[:, None])


def support(
    weights: npt.ArrayLike, days: npt.ArrayLike, out_days: npt.ArrayLike, alpha: float
) -> Floats:
    """Give the variance of each output date relative to that of one clear observation.

    At a knot it is ``(A^-1)_kk``, ``A`` the matrix of the normal equations. A date ``t`` between
    the knots ``k`` and ``k + 1`` is a node of zero weight inserted there. With ``e_k`` the
    conductance from ``k`` to all values up to ``k`` (own weight included), ``h_{k+1}`` that from
    ``k + 1`` to all values from there on, and resistances in series adding up::

        support(t) = 1 / (1 / (1 / e_k + (t - t_k) / alpha)
                          + 1 / (1 / h_{k+1} + (t_{k+1} - t) / alpha))

    which equals the variance of the straight line between both knots plus that of the bridge,
    ``(t - t_k) (t_{k+1} - t) / (alpha (t_{k+1} - t_k))``. The same rule outside the knots leaves
    one side only: ``1 / h_0 + (t_0 - t) / alpha``, growing with the distance although the value
    stays constant. An acquisition that shows nothing therefore changes no number.

    Returns
    -------
    (T, P) float64, dimensionless; NaN for pixels that were never observed.
    """
    axis, g = check_axis(days, alpha), conductances(days, alpha)
    w = guarded(weights)
    nothing = np.zeros((len(axis), 1, w.shape[1]))
    wanted, at = np.asarray(out_days, np.float64), intervals(days, out_days)
    zero = np.zeros_like(w[:1])
    left = np.concatenate([zero, _sweep(w, nothing, g)[0]])  # row 0: no knot on that side
    right = np.concatenate([_sweep(w[::-1], nothing, g[::-1])[0][::-1], zero])
    to_left = (wanted - axis[np.clip(at.before, 0, None)])[:, None] / alpha
    to_right = (axis[np.clip(at.before + 1, None, len(axis) - 1)] - wanted)[:, None] / alpha
    e, h = left[at.before + 1], right[at.before + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        total = e / (1 + e * np.abs(to_left)) + h / (1 + h * np.abs(to_right))
        return np.asarray(np.where(total > 0, 1 / total, np.nan))


def age(
    weights: npt.ArrayLike, days: npt.ArrayLike, out_days: npt.ArrayLike
) -> npt.NDArray[np.int16]:
    """Give the whole days from each output date to the nearest clear observation, before or after.

    Returns
    -------
    (T, P) int16: the distance in days rounded half up, at most 32767; -1 for pixels that were
    never observed.
    """
    axis, wanted = check_axis(days), np.asarray(out_days, np.float64)
    clear = guarded(weights) > 0
    out = np.full((len(wanted), clear.shape[1]), NEVER, np.int16)
    seen = clear.any(axis=0)
    for row, day in zip(out, wanted, strict=True):
        distance = np.where(clear, np.abs(axis - day)[:, None], np.inf).min(axis=0)
        row[seen] = np.minimum(np.floor(distance[seen] + 0.5), 32767)
    return out


def _weighted(
    values: npt.ArrayLike, weights: npt.ArrayLike, acquisitions: int
) -> tuple[Floats, Floats]:
    """Give the guarded weights (N, P) and weights x values (N, B, P), zero under zero weight."""
    s, w = np.asarray(values), guarded(weights)
    if s.ndim != 3 or w.shape != (s.shape[0], s.shape[2]) or s.shape[0] != acquisitions:
        raise BadInput(
            f"values {s.shape}, weights {w.shape} and {acquisitions} days do not fit: they must "
            "be (N, B, P), (N, P) and (N,)"
        )
    shown = w[:, None]
    return w, shown * np.where(shown > 0, s, 0)


def _sweep(w: Floats, excited: Floats, g: Floats) -> tuple[Floats, Floats, Floats]:
    """Eliminate from the first node on: excess (N, P), y (N, B, P), f (N - 1, 1, P)."""
    e, y = w.copy(), excited.copy()
    f = np.empty((len(g), 1, w.shape[1]))
    for k, conductance in enumerate(g):
        f[k] = conductance / (e[k] + conductance)
        e[k + 1] += f[k, 0] * e[k]
        y[k + 1] += f[k] * y[k]
    return e, y, f
