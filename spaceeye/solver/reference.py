"""The damped interpolation as a chain of conductances, in plain float64.

For one pixel and one band, with values ``s_k`` of weight ``w_k`` at the times ``t_k`` (days),
the series ``X`` minimises::

    sum_k w_k (X(t_k) - s_k)^2  +  alpha * integral of X'(t)^2 dt

On a daily grid that is ``sum_t w_t (X_t - S_t)^2 + alpha sum_t (X_{t+1} - X_t)^2``, the objective
of damped interpolation (Zhao, Olsen and Chandra 2021, Seeing Through Clouds in Satellite Images,
arXiv:2106.08408). It is the equilibrium of a chain of resistors: node
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

import numpy as np
import numpy.typing as npt

from spaceeye.solver.axis import (
    Extrapolate,
    check_axis,
    conductances,
    guarded,
    intervals,
    outside,
)
from workbench.errors import BadInput

__all__ = ["age", "evaluate", "leave_one_out", "merge_same_time", "solve_knots", "support"]

NEVER = -1  # age of a pixel that no acquisition shows clear
HOUR = 1 / 24  # days

Floats = npt.NDArray[np.float64]


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
    numpy.ndarray
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
    days, out_days
        (N,) strictly ascending and (T,) in any order.
    extrapolate
        ``"nan"`` blanks each pixel before its own first and after its own last clear observation.
    weights
        (N, P), needed for ``extrapolate="nan"`` only.

    Returns
    -------
    numpy.ndarray
        (T, B, P) float64 in the unit of the knots, NaN where they are NaN.

    Raises
    ------
    BadInput
        No weights where they are needed, an unknown `extrapolate`, and what `intervals` refuses.
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

    Parameters
    ----------
    values, weights
        (N, B, P) and (N, P), as for `solve_knots`.
    days
        (N,) ascending, equal ones allowed.
    tolerance_days
        Longest time from the first to the last acquisition of a group, days.

    Returns
    -------
    values, weights, days : numpy.ndarray
        (M, B, P), (M, P), (M,) float64 with M <= N; values without any weight are 0.

    Raises
    ------
    BadInput
        Days that descend, or shapes that do not fit.
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

    Parameters
    ----------
    values, weights, days, alpha
        As for `solve_knots`.

    Returns
    -------
    numpy.ndarray
        (N, B, P) float64 in the unit of `values`; NaN where no other acquisition shows the pixel.
        Where the own weight is zero it is the solution itself.

    Raises
    ------
    BadInput
        What `solve_knots` refuses.
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

    Parameters
    ----------
    weights
        (N, P); below 0.001 counts as 0.
    days, out_days
        (N,) strictly ascending and (T,) in any order.
    alpha
        Damping in days, above 0.

    Returns
    -------
    numpy.ndarray
        (T, P) float64, dimensionless; NaN for pixels that were never observed.

    Raises
    ------
    BadInput
        What `guarded` and `intervals` refuse.
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

    Parameters
    ----------
    weights
        (N, P); below 0.001 counts as 0.
    days, out_days
        (N,) strictly ascending and (T,) in any order.

    Returns
    -------
    numpy.ndarray
        (T, P) int16: the distance in days rounded half up, at most 32767; -1 for pixels that were
        never observed.

    Raises
    ------
    BadInput
        What `check_axis` and `guarded` refuse.
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
