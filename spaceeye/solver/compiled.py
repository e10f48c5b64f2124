"""The chain of `spaceeye.solver.reference` compiled for the processor: many pixels, float32, one pass.

Arrays are values (N, B, P), weights (N, P), days (N,) ascending, outputs (T, B, P). A block of a
raster stack ``(time, band, y, x)`` becomes such an array by reshaping, without a copy.

All functions release the GIL and give the same bits however the pixels are divided into calls,
blocks or threads. With ``parallel=True`` the pixels are shared out over the cores of the processor;
leave it off where a scheduler runs several calls side by side. The threads are Python's and not
those of ``prange``: the machine code is the same one, compiled once, and several callers at a time
are safe under every threading layer.

float32 against a dense solution in float64: below 1e-5 for reflectances; for DN at most 0.5 from
rounding to whole numbers, and 0.01. Import this module only where it is used: it loads numba.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spaceeye.errors import BadInput
from spaceeye.solver import _chain_loops, _observation_loops
from spaceeye.solver._inputs import (
    blanks,
    checked,
    checked_gains,
    checked_weights,
    float32,
    need,
    nothing,
    orders,
    places,
    reach_of,
    shares,
    shift_of,
    target,
)
from spaceeye.solver._pixels import block_size, share_out
from spaceeye.solver.reference import Extrapolate, check_axis, conductances, intervals

__all__ = [
    "Evidence",
    "evaluate_float32",
    "evaluate_uint16",
    "flags_age_support",
    "interpolate_float32",
    "interpolate_uint16",
    "knots_float32",
    "knots_uint16",
    "leave_one_out_residuals",
    "leave_one_out_sums",
]

Array = npt.NDArray[Any]


class Evidence(NamedTuple):
    """What stands behind each output date and pixel; all (T, P).

    flag
        uint8: 0 within the clear observations; 1 never observed; 2 farther than the largest gap
        from any clear observation; 3 before the first or after the last clear observation. Where
        both 2 and 3 hold it is 2.
    age
        int16, days to the nearest clear observation, rounded half up; -1 never observed.
    support
        float32, variance relative to one clear observation; NaN never observed.
    """

    flag: npt.NDArray[np.uint8]
    age: npt.NDArray[np.int16]
    support: npt.NDArray[np.float32]


def interpolate_uint16(
    dn: Array,
    weights: Array,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    alpha: float,
    *,
    scale: float | None = None,
    offset: float = 0.0,
    gains: npt.ArrayLike | None = None,
    out_gains: npt.ArrayLike | None = None,
    extrapolate: Extrapolate = "constant",
    parallel: bool = False,
    out: Array | None = None,
) -> npt.NDArray[np.uint16]:
    """Interpolate digital numbers in one pass, from acquisitions to output dates.

    Parameters
    ----------
    dn
        (N, B, P) uint16. A 0 is a number like any other here: give it the weight 0 where it means
        missing.
    weights
        (N, P) uint8, bool or float; 0 hides a value, 1 is clear, below 0.001 and NaN count as 0.
    days, out_days
        (N,) strictly ascending and (T,) in any order, in days, may be fractional.
    alpha
        Damping in days.
    scale, offset
        Reflectance is ``dn * scale + offset``. Without gains they change nothing (the solution of a
        scaled and shifted series is the scaled and shifted solution) and may be left out.
    gains, out_gains
        (N, B) and (T, B), above zero: the reflectance is divided by the one before and multiplied
        by the other after. An `offset` other than 0 needs the `scale` then.
    extrapolate
        ``"nan"`` writes 0 before the first and after the last clear observation of each pixel.
    out
        (T, B, P) uint16, C-contiguous, to be written to.

    Returns
    -------
    (T, B, P) uint16 in the scale of `dn`, rounded half up and clipped to [1, 65535]; 0 where a
    pixel was never observed.

    Raises
    ------
    BadInput
        Types or shapes that do not fit, days that do not ascend, alpha or gains not above zero.
    """
    need(dn, np.uint16, "dn")
    shift = shift_of(scale, offset, gains)
    return _interpolate(
        dn, weights, days, out_days, alpha, gains, out_gains, shift, extrapolate, parallel, out
    )


def interpolate_float32(
    values: Array,
    weights: Array,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    alpha: float,
    *,
    gains: npt.ArrayLike | None = None,
    out_gains: npt.ArrayLike | None = None,
    extrapolate: Extrapolate = "constant",
    parallel: bool = False,
    out: Array | None = None,
) -> npt.NDArray[np.float32]:
    """Interpolate float32 values; see `interpolate_uint16`.

    Anything, also NaN, may stand in `values` where the weight is 0; a NaN of weight above 0 spoils
    the series of its pixel and band. Where a pixel was never observed the result is NaN.
    """
    need(values, np.float32, "values")
    return _interpolate(
        values, weights, days, out_days, alpha, gains, out_gains, 0.0, extrapolate, parallel, out
    )


def knots_uint16(
    dn: Array, weights: Array, days: npt.ArrayLike, alpha: float, *, parallel: bool = False
) -> npt.NDArray[np.float32]:
    """Solve on the acquisition times: (N, B, P) float32 in DN, NaN where never observed."""
    need(dn, np.uint16, "dn")
    return _knots(dn, weights, days, alpha, parallel)


def knots_float32(
    values: Array, weights: Array, days: npt.ArrayLike, alpha: float, *, parallel: bool = False
) -> npt.NDArray[np.float32]:
    """Solve on the acquisition times: (N, B, P) float32, NaN where never observed."""
    need(values, np.float32, "values")
    return _knots(values, weights, days, alpha, parallel)


def evaluate_float32(
    knots: Array,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    *,
    extrapolate: Extrapolate = "constant",
    weights: Array | None = None,
    parallel: bool = False,
    out: Array | None = None,
) -> npt.NDArray[np.float32]:
    """Give the series at any dates from its knots (N, B, P) float32.

    Solving and evaluating give the bits of `interpolate_float32`. ``extrapolate="nan"`` needs the
    `weights` (N, P).

    Returns
    -------
    (T, B, P) float32, NaN where the knots are NaN.
    """
    return _evaluate(knots, days, out_days, extrapolate, weights, parallel, out, np.float32)


def evaluate_uint16(
    knots: Array,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    *,
    extrapolate: Extrapolate = "constant",
    weights: Array | None = None,
    parallel: bool = False,
    out: Array | None = None,
) -> npt.NDArray[np.uint16]:
    """Write the series at any dates as uint16 from its knots (N, B, P) float32 in DN.

    Rounded half up, clipped to [1, 65535], 0 for NaN: the bits of `interpolate_uint16`.
    """
    return _evaluate(knots, days, out_days, extrapolate, weights, parallel, out, np.uint16)


def flags_age_support(
    weights: Array,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    alpha: float,
    max_gap: float | None = None,
    *,
    parallel: bool = False,
) -> Evidence:
    """Say for every output date and pixel what it rests on; `spaceeye.solver.reference` has the formulas.

    Parameters
    ----------
    max_gap
        Days; a date farther than this from every clear observation of its pixel is flagged 2. None
        flags none.
    """
    axis, wanted = check_axis(days, alpha), np.asarray(out_days, np.float64)
    if max_gap is not None and not max_gap >= 0:
        raise BadInput(f"max_gap={max_gap}: give a number of days, 0 or more, or None")
    w, at = checked_weights(weights, len(axis)), intervals(axis, wanted)
    distance = np.abs(wanted[:, None] - axis)
    none = np.full((len(wanted), 1), np.inf)
    distance = np.concatenate([distance, none], axis=1)
    ages = np.minimum(np.floor(distance + 0.5), 32767).astype(np.int16)
    far = np.isfinite(distance) & (distance > (np.inf if max_gap is None else max_gap))
    far[:, -1] = True
    reach = (
        np.stack([reach_of(wanted, axis, at.before), reach_of(wanted, axis, at.before + 1)]) / alpha
    )
    shape = (len(wanted), w.shape[1])
    found = Evidence(np.empty(shape, np.uint8), np.empty(shape, np.int16), np.empty(shape, "f4"))
    if max_gap is None:
        far[:] = False
    share_out(
        shape[1], block_size(len(axis), 10), parallel,
        lambda start, stop, block: _observation_loops.flags_range(
            w, start, stop, block, float32(conductances(axis, alpha)), orders(len(axis)),
            (at.before, at.after), float32(reach), ages, far, *found,
        ),
    )  # fmt: skip
    return found


def leave_one_out_residuals(
    values: Array,
    weights: Array,
    days: npt.ArrayLike,
    alpha: float,
    *,
    base: Array | None = None,
    unit: float = 1.0,
    parallel: bool = False,
) -> npt.NDArray[np.float32]:
    """Give each value minus its prediction from all other acquisitions of the pixel.

    Parameters
    ----------
    values
        (N, B, P) uint16 or float32.
    base
        (N, P) weights that tell which values to compare, by default `weights`. A value shown by
        `base` whose weight is 0 is compared with the solution from all others.
    unit
        The residuals are counted in this; 1e-4 for reflectances gives DN.

    Returns
    -------
    (N, B, P) float32; NaN where `base` is 0 or no other acquisition shows the pixel.
    """
    w, g = checked(values, weights, days, alpha)
    shown = w if base is None else checked(values, base, days, alpha)[0]
    out = np.empty(values.shape, np.float32)
    values = np.ascontiguousarray(values)
    share_out(
        w.shape[1], block_size(len(w), 20), parallel,
        lambda start, stop, block: _observation_loops.residuals_range(
            values, w, shown, start, stop, block, g, orders(len(w)), np.float32(1 / unit), out
        ),
    )  # fmt: skip
    return out


def leave_one_out_sums(
    values: Array,
    weights: Array,
    days: npt.ArrayLike,
    alphas: npt.ArrayLike,
    *,
    unit: float | None = None,
    parallel: bool = False,
) -> tuple[tuple[int, ...], int]:
    """Add up the squared leave-one-out residuals for several alphas, in whole numbers.

    Parameters
    ----------
    unit
        The residuals are counted in this: by default 1 for uint16 and 1e-4 for float32. A residual
        above 65536 units counts as 65536.

    Returns
    -------
    squares, weights
        ``64 * sum(w r^2)`` per alpha over acquisitions, bands and pixels, and ``65536 * sum(w)``
        over the same residuals. Each pixel adds one whole number (rounded by at most 1/128 unit
        squared), and Python's integers do not overflow, so sums of any chunks add up exactly to
        that of the whole. Hand them to `spaceeye.damping.LeaveOneOut`.
    """
    given = np.atleast_1d(np.asarray(alphas, np.float64))
    if not given.size:
        raise BadInput("alphas is empty: give at least one alpha")
    for alpha in given:
        w, _ = checked(values, weights, days, float(alpha))
    g = np.stack([float32(conductances(days, float(alpha))) for alpha in given])
    unit = unit or (1.0 if values.dtype == np.uint16 else 1e-4)
    values = np.ascontiguousarray(values)
    block = block_size(len(w), 20)
    blocks = -(-w.shape[1] // block)
    squares, seen = np.zeros((blocks, len(given)), np.int64), np.zeros(blocks, np.int64)
    share_out(
        w.shape[1], block, parallel,
        lambda start, stop, block: _observation_loops.sums_range(
            values, w, start, stop, block, g, orders(len(w)), np.float32(1 / unit), squares, seen
        ),
    )  # fmt: skip
    return tuple(sum(column) for column in squares.T.tolist()), sum(seen.tolist())


def _interpolate(
    values: Array,
    weights: Array,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    alpha: float,
    gains: npt.ArrayLike | None,
    out_gains: npt.ArrayLike | None,
    shift: float,
    extrapolate: Extrapolate,
    parallel: bool,
    out: Array | None,
) -> Array:
    w, g = checked(values, weights, days, alpha)
    at = intervals(days, out_days)
    bands = values.shape[1]
    before, behind = checked_gains(gains, out_gains, (len(w), bands), (len(at.left), bands))
    out = target(out, (len(at.left), bands, w.shape[1]), values.dtype)
    share = shares(at, behind, values.dtype, shift)
    blank, values = blanks(extrapolate), np.ascontiguousarray(values)
    share_out(
        w.shape[1], block_size(len(w), 16), parallel,
        lambda start, stop, block: _chain_loops.interpolate_range(
            values, w, start, stop, block, g, orders(len(w))[1][1:], before, np.float32(shift),
            places(at), share, blank, nothing(out.dtype), out,
        ),
    )  # fmt: skip
    return out


def _knots(
    values: Array, weights: Array, days: npt.ArrayLike, alpha: float, parallel: bool
) -> npt.NDArray[np.float32]:
    w, g = checked(values, weights, days, alpha)
    out, gain = np.empty(values.shape, np.float32), np.ones(values.shape[:2], np.float32)
    values = np.ascontiguousarray(values)
    share_out(
        w.shape[1], block_size(len(w), 16), parallel,
        lambda start, stop, block: _chain_loops.knots_range(
            values, w, start, stop, block, g, orders(len(w))[1][1:], gain, np.float32(0), out
        ),
    )  # fmt: skip
    return out


def _evaluate(
    knots: Array,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    extrapolate: Extrapolate,
    weights: Array | None,
    parallel: bool,
    out: Array | None,
    dtype: npt.DTypeLike,
) -> Array:
    need(knots, np.float32, "knots")
    at, pixels = intervals(days, out_days), knots.shape[2]
    if len(knots) != len(check_axis(days)):
        raise BadInput(f"knots {knots.shape} do not fit {len(check_axis(days))} days")
    written = target(out, (len(at.left), *knots.shape[1:]), np.dtype(dtype))
    share = shares(at, np.ones((len(at.left), knots.shape[1])), written.dtype, 0.0)
    knots = np.ascontiguousarray(knots)
    share_out(
        pixels, block_size(len(knots), 4), parallel,
        lambda start, stop, block: _chain_loops.evaluate_range(
            knots, start, stop, block, places(at), share, written
        ),
    )  # fmt: skip
    if blanks(extrapolate):
        if weights is None:
            raise BadInput("extrapolate='nan' needs the weights: they tell where a pixel is seen")
        w = checked_weights(weights, len(knots))
        share_out(
            pixels, block_size(len(knots), 4), parallel,
            lambda start, stop, block: _chain_loops.blank_range(
                w, start, stop, block, places(at), nothing(written.dtype), written
            ),
        )  # fmt: skip
    return written
