"""Series smoothed in time, many pixels at once: least squares with a penalty on roughness.

Per pixel and band the series x minimises ``sum_i w_i (x_i - s_i)^2 + x' K x`` over nodes in time,
with a matrix K of five diagonals: squared second differences of days (Whittaker; Eilers 2003, A
perfect smoother, Analytical Chemistry 75, 3631) or squared changes over the days between
acquisitions (damped interpolation). ``W + K = L D L'`` is factored and solved along time, all
pixels in step. What each observation counts for its own value comes from the diagonal of the
inverse, which L and D give by a recursion backward (Hutchinson and de Hoog 1985, Smoothing noisy
data with spline functions, Numerische Mathematik 47, 99); with it the error of leaving each one out
costs no further solution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Observed", "Penalty", "chain", "least_left_out", "second_differences", "smoothed"]

Floats = npt.NDArray[np.float64]


class Penalty(NamedTuple):
    """A symmetric matrix of five diagonals over n nodes.

    Attributes
    ----------
    diagonal, first, second
        (n,), (n - 1,) and (n - 2,): the diagonal and the two above it.
    straight
        How many observations a series without roughness goes through, whatever they are: 1 if it
        is constant, 2 if it is a straight line. With fewer nothing is known.
    """

    diagonal: Floats
    first: Floats
    second: Floats
    straight: int


class Observed(NamedTuple):
    """What was seen, and at which node.

    Attributes
    ----------
    at
        (N,) node of each acquisition.
    values
        (N, B, P), finite.
    weights
        (N, P), 0 where nothing was seen.
    """

    at: npt.NDArray[np.intp]
    values: Floats
    weights: Floats


class _Factors(NamedTuple):
    """``L D L'``: D and the two diagonals below that of L, each (n, P); the ends are 0."""

    pivots: Floats
    near: Floats
    far: Floats


def second_differences(nodes: int, smoothness: float) -> Penalty:
    """Return the penalty on second differences of nodes one unit of time apart.

    Parameters
    ----------
    nodes
        Their number.
    smoothness
        Lambda, above 0.
    """
    diagonal, first, second = np.zeros(nodes), np.zeros(max(nodes - 1, 0)), max(nodes - 2, 0)
    for at, square in enumerate((1.0, 4.0, 1.0)):
        diagonal[at : at + second] += square * smoothness
    for at in range(2):
        first[at : at + second] -= 2 * smoothness
    return Penalty(diagonal, first, np.full(second, float(smoothness)), 2)


def chain(days: npt.ArrayLike, alpha: float) -> Penalty:
    """Return the penalty on squared changes between nodes, divided by the days between them.

    Parameters
    ----------
    days
        (n,) strictly ascending.
    alpha
        The damping, days, above 0.
    """
    axis = np.asarray(days, np.float64)
    ties = alpha / np.diff(axis)
    diagonal = np.zeros(len(axis))
    diagonal[:-1] += ties
    diagonal[1:] += ties
    return Penalty(diagonal, -ties, np.zeros(max(len(axis) - 2, 0)), 1)


def smoothed(penalty: Penalty, observed: Observed) -> Floats:
    """Return the smoothed series at all nodes.

    Parameters
    ----------
    penalty
        Of n nodes.
    observed
        N acquisitions of B bands and P pixels; several may lie at one node.

    Returns
    -------
    numpy.ndarray
        (n, B, P) float64 in the unit of the values; NaN where too few nodes were seen.
    """
    total, known = _totals(penalty, observed)
    _, bands, pixels = observed.values.shape
    found = np.full((len(total), bands, pixels), np.nan)
    some = observed._replace(values=observed.values[..., known], weights=observed.weights[:, known])
    found[..., known] = _solved(_factored(penalty, total[:, known]), some)
    return found


def least_left_out(penalties: Mapping[float, Penalty], observed: Observed) -> float | None:
    """Return under which penalty observations are predicted best from all others of their pixel.

    Parameters
    ----------
    penalties
        By what they are called, such as their lambdas; over the same nodes.
    observed
        See `smoothed`.

    Returns
    -------
    float or None
        That of the least mean square over all bands, weighted as the observations are; of equal
        ones the first. None where nothing can be left out.
    """
    squares = {name: _left_out(penalty, observed) for name, penalty in penalties.items()}
    if np.isnan(list(squares.values())).any():
        return None
    return min(squares, key=lambda name: squares[name])


def _left_out(penalty: Penalty, observed: Observed) -> float:
    """Return the sum of weighted squares of left-out errors; NaN where none can be left out."""
    total, _ = _totals(penalty, observed)
    enough = np.count_nonzero(total, axis=0) > penalty.straight
    if not enough.any():
        return float("nan")
    weights = observed.weights[:, enough]
    some = observed._replace(values=observed.values[..., enough], weights=weights)
    factors = _factored(penalty, total[:, enough])
    fitted = _solved(factors, some)[some.at]
    own = weights * _inverse_diagonal(factors)[some.at]  # what a value counts for its own fit
    errors = (some.values - fitted) / (1 - own)[:, None]
    return float((weights[:, None] * np.square(errors)).sum())


def _totals(penalty: Penalty, observed: Observed) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the sum of weights at each node (n, P), and in which pixels enough is known."""
    total = np.zeros((len(penalty.diagonal), observed.weights.shape[1]))
    np.add.at(total, observed.at, observed.weights)
    return total, np.count_nonzero(total, axis=0) >= penalty.straight


def _factored(penalty: Penalty, total: Floats) -> _Factors:
    pivots = penalty.diagonal[:, None] + total
    near, far = np.zeros_like(pivots), np.zeros_like(pivots)
    last = len(pivots) - 1
    for i in range(last + 1):
        coupled = penalty.first[i] if i < last else 0.0
        if i > 0:
            pivots[i] -= pivots[i - 1] * near[i - 1] ** 2
            coupled = coupled - pivots[i - 1] * near[i - 1] * far[i - 1]
        if i > 1:
            pivots[i] -= pivots[i - 2] * far[i - 2] ** 2
        if i < last:
            near[i] = coupled / pivots[i]
        if i < last - 1:
            far[i] = penalty.second[i] / pivots[i]
    return _Factors(pivots, near, far)


def _solved(factors: _Factors, observed: Observed) -> Floats:
    pivots, near, far = factors
    nodes, pixels = pivots.shape
    x = np.zeros((nodes, observed.values.shape[1], pixels))
    np.add.at(x, observed.at, observed.weights[:, None] * observed.values)
    for i in range(1, nodes):
        x[i] -= near[i - 1] * x[i - 1]
        if i > 1:
            x[i] -= far[i - 2] * x[i - 2]
    x /= pivots[:, None]
    for i in range(nodes - 2, -1, -1):
        x[i] -= near[i] * x[i + 1]
        if i + 2 < nodes:
            x[i] -= far[i] * x[i + 2]
    return x


def _inverse_diagonal(factors: _Factors) -> Floats:
    """Return the diagonal of the inverse, (n, P)."""
    pivots, near, far = factors
    nodes = len(pivots)
    found = 1 / pivots
    beside = np.zeros_like(found[0])  # the inverse at (i + 1, i + 2)
    for i in range(nodes - 2, -1, -1):
        second = found[i + 2] if i + 2 < nodes else np.zeros_like(beside)
        one = -near[i] * found[i + 1] - far[i] * beside
        two = -near[i] * beside - far[i] * second
        found[i] -= near[i] * one + far[i] * two
        beside = one
    return found
