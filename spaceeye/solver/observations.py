"""What observations say: of each output date (flag, age, support), and of each other.

The formulas are those of `spaceeye.solver.reference`, compiled; arrays, threads and bits are as in
`spaceeye.solver.compiled`. Import this module only where it is used: it loads numba.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from operator import add
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spaceeye.solver import _observation_loops
from spaceeye.solver._inputs import checked, checked_weights, float32, orders
from spaceeye.solver._observation_loops import SQUARES, WEIGHTS
from spaceeye.solver._pixels import block_size, share_out
from spaceeye.solver.axis import MIN_WEIGHT, check_axis, conductances, intervals
from workbench.errors import BadInput

__all__ = [
    "Evidence",
    "LeaveOneOut",
    "flags_age_support",
    "leave_one_out_residuals",
    "leave_one_out_sums",
]

Array = npt.NDArray[Any]


class Evidence(NamedTuple):
    """What stands behind each output date and pixel; all (T, P).

    Attributes
    ----------
    flag
        uint8: 0 within the clear observations; 1 never observed; 2 farther than the largest gap
        from any clear observation; 3 before the first or after the last clear observation. Where
        both 2 and 3 hold it is 2.
    age
        int16, days to the nearest clear observation, rounded half up; -1 never observed.
    support
        float32, variance relative to one clear observation, dimensionless; NaN never observed.
    """

    flag: npt.NDArray[np.uint8]
    age: npt.NDArray[np.int16]
    support: npt.NDArray[np.float32]


def flags_age_support(
    weights: Array,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    alpha: float,
    max_gap: float | None = None,
    *,
    parallel: bool = False,
) -> Evidence:
    """Say for every output date and pixel what it rests on.

    Parameters
    ----------
    weights
        (N, P) uint8, bool or float; below 0.001 and NaN count as 0.
    days, out_days
        (N,) strictly ascending and (T,) in any order, in days.
    alpha
        Damping in days, above 0.
    max_gap
        Days; a date farther than this from every clear observation of its pixel is flagged 2. None
        flags none.
    parallel
        Use all cores.

    Returns
    -------
    Evidence
        flag, age and support, each (T, P).

    Raises
    ------
    BadInput
        Shapes that do not fit, days that do not ascend, alpha not above zero, a negative gap.
    """
    axis, wanted = check_axis(days, alpha), np.asarray(out_days, np.float64)
    if max_gap is not None and not max_gap >= 0:
        raise BadInput(f"max_gap={max_gap}: give a number of days, 0 or more, or None")
    w, at = checked_weights(weights, len(axis)), intervals(axis, wanted)
    distance = np.abs(wanted[:, None] - axis)
    endless = np.full((len(wanted), 1), np.inf)  # the last column: no knot
    distance = np.concatenate([distance, endless], axis=1)
    ages = np.minimum(np.floor(distance + 0.5), 32767).astype(np.int16)
    far = distance > (np.inf if max_gap is None else max_gap)
    left, right = (
        np.abs(wanted - axis[np.clip(knot, 0, len(axis) - 1)])
        for knot in (at.before, at.before + 1)
    )
    reach = float32(np.stack([left, right]) / alpha)
    g = float32(conductances(axis, alpha))
    shape = (len(wanted), w.shape[1])
    found = Evidence(np.empty(shape, np.uint8), np.empty(shape, np.int16), np.empty(shape, "f4"))
    share_out(
        shape[1], block_size(len(axis), 10), parallel,
        lambda start, stop, block: _observation_loops.flags_range(
            w, start, stop, block, g, orders(len(axis)), (at.before, at.after), reach,
            ages, far, *found,
        ),
    )  # fmt: skip
    return found


def leave_one_out_residuals(
    values: Array,
    weights: Array,
    days: npt.ArrayLike,
    alpha: float,
    *,
    compared: Array | None = None,
    parallel: bool = False,
) -> npt.NDArray[np.float32]:
    """Give each value minus its prediction from all other acquisitions of the pixel.

    Parameters
    ----------
    values
        (N, B, P) uint16 DN or float32 reflectance.
    weights
        (N, P) uint8, bool or float; they make the predictions.
    days
        (N,) strictly ascending.
    alpha
        Damping in days, above 0.
    compared
        (N, P) weights that tell which values to compare, by default `weights`. A value that they
        show and whose own weight is 0 is compared with the solution from all others.
    parallel
        Use all cores.

    Returns
    -------
    numpy.ndarray
        (N, B, P) float32 in units (1 DN, or 1e-4 of reflectance); NaN where `compared` is 0 or no
        other acquisition shows the pixel.

    Raises
    ------
    BadInput
        Types or shapes that do not fit, days that do not ascend, alpha not above zero.
    """
    w, g = checked(values, weights, days, alpha)
    shown = w if compared is None else checked(values, compared, days, alpha)[0]
    out = np.empty(values.shape, np.float32)
    values = np.ascontiguousarray(values)
    share_out(
        w.shape[1], block_size(len(w), 20), parallel,
        lambda start, stop, block: _observation_loops.residuals_range(
            values, w, shown, start, stop, block, g, orders(len(w)), _units(values), out
        ),
    )  # fmt: skip
    return out


@dataclass(frozen=True)
class LeaveOneOut:
    """Sums over the leave-one-out residuals of some pixels, for several alphas.

    They add with ``+``, in any order and any tree to the same whole numbers.

    Attributes
    ----------
    alphas
        Days.
    squares
        ``64 * sum(w r^2)`` for each of `alphas`, r in units (1 DN, or 1e-4 of reflectance).
    weights
        ``65536 * sum(w)`` over the same residuals, one per band, pixel and acquisition.
    dated_squares, dated_weights
        `squares` and `weights` of each acquisition, (alphas, N) and (N,).
    clear, present
        (N,): ``65536 * sum(w)`` over all pixels of each acquisition, and its pixels with data.
    """

    alphas: tuple[float, ...]
    squares: tuple[int, ...]
    weights: int
    dated_squares: tuple[tuple[int, ...], ...] = ()
    dated_weights: tuple[int, ...] = ()
    clear: tuple[int, ...] = ()
    present: tuple[int, ...] = ()

    def __add__(self, other: LeaveOneOut) -> LeaveOneOut:
        if other.alphas != self.alphas:
            raise BadInput(f"sums for the alphas {self.alphas} and {other.alphas} do not add")
        pairs = zip(self.dated_squares, other.dated_squares, strict=True)
        return LeaveOneOut(
            self.alphas,
            _added(self.squares, other.squares),
            self.weights + other.weights,
            tuple(_added(*pair) for pair in pairs),
            _added(self.dated_weights, other.dated_weights),
            _added(self.clear, other.clear),
            _added(self.present, other.present),
        )

    @property
    def rmse(self) -> tuple[float, ...]:
        """Weighted root mean square for each of `alphas`, in units; empty without residuals."""
        if not self.weights:
            return ()
        return tuple(
            sqrt(square * int(WEIGHTS) / (int(SQUARES) * self.weights)) for square in self.squares
        )


def _added(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(add, one, other))


def leave_one_out_sums(
    values: Array,
    weights: Array,
    days: npt.ArrayLike,
    alphas: tuple[float, ...],
    *,
    parallel: bool = False,
) -> LeaveOneOut:
    """Add up the squared leave-one-out residuals for several alphas, in whole numbers.

    Each pixel adds one whole number (rounded by at most 1/128 unit squared), and Python's integers
    do not overflow, so the sums of any chunks add up exactly to that of the whole. A residual above
    65536 units counts as 65536.

    Parameters
    ----------
    values
        (N, B, P) uint16 DN or float32 reflectance.
    weights
        (N, P) uint8, bool or float.
    days
        (N,) strictly ascending.
    alphas
        Dampings in days, at least one, each above 0.
    parallel
        Use all cores.

    Returns
    -------
    LeaveOneOut
        Over all acquisitions, bands and pixels.

    Raises
    ------
    BadInput
        As for `leave_one_out_residuals`, or no alpha.
    """
    if not alphas:
        raise BadInput("alphas is empty: give at least one alpha")
    for alpha in alphas:
        w, _ = checked(values, weights, days, alpha)
    g = np.stack([float32(conductances(days, alpha)) for alpha in alphas])
    values = np.ascontiguousarray(values)
    block = block_size(len(w), 20)
    blocks = -(-w.shape[1] // block)
    squares, seen = np.zeros((blocks, len(alphas)), np.int64), np.zeros(blocks, np.int64)
    dated = np.zeros((blocks, len(alphas), len(w)), np.int64)
    shown = np.zeros((blocks, len(w)), np.int64)
    share_out(
        w.shape[1], block, parallel,
        lambda start, stop, block: _observation_loops.sums_range(
            values, w, start, stop, block, g, orders(len(w)), _units(values),
            squares, seen, dated, shown,
        ),
    )  # fmt: skip
    return LeaveOneOut(
        tuple(alphas),
        _totals(squares),
        sum(seen.tolist()),
        tuple(_totals(dated[:, number]) for number in range(len(alphas))),
        _totals(shown),
        tuple(np.rint(np.where(w >= MIN_WEIGHT, w, 0) * WEIGHTS).sum(axis=1, dtype=int).tolist()),
        tuple(_present(values).sum(axis=1, dtype=int).tolist()),
    )


def _totals(counted: Array) -> tuple[int, ...]:
    """Add up the blocks (blocks, n) in integers that do not overflow."""
    return tuple(sum(column) for column in counted.T.tolist())


def _present(values: Array) -> Array:
    """Tell where an acquisition has data, clear or not: (N, P)."""
    if values.dtype == np.uint16:
        return np.asarray(values.min(axis=1) > 0)
    return np.asarray(np.isfinite(values.max(axis=1)))


def _units(values: Array) -> np.float32:
    """Give the units in one of `values`: residuals of DN and of reflectance are alike."""
    return np.float32(1 if values.dtype == np.uint16 else 10_000)
