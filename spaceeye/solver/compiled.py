"""The chain of `spaceeye.solver.reference` compiled for the processor: many pixels, one pass.

Arrays are values (N, B, P), weights (N, P), days (N,) ascending, outputs (T, B, P): N acquisitions,
B bands, P pixels, T output dates. A block of a raster stack ``(time, band, y, x)`` becomes such an
array by reshaping, without a copy.

All functions release the GIL and give the same bits however the pixels are divided into calls,
blocks or threads. With ``parallel=True`` the pixels are shared out over the cores of the processor;
leave it off where a scheduler runs several calls side by side. The threads are Python's and not
those of ``prange``: the machine code is the same one, compiled once, and several callers at a time
are safe under every threading layer.

float32 against a dense solution in float64: below 1e-5 for reflectances; for DN at most 0.5 from
rounding to whole numbers, and 0.01. Import this module only where it is used: it loads numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spaceeye.solver import _chain_loops
from spaceeye.solver._inputs import (
    blanks,
    check_values,
    checked,
    checked_gains,
    checked_weights,
    nodata,
    orders,
    places,
    shares,
    target,
)
from spaceeye.solver._pixels import block_size, share_out
from spaceeye.solver.axis import Extrapolate, check_axis, intervals
from workbench.errors import BadInput

__all__ = [
    "evaluate_float32",
    "evaluate_uint16",
    "interpolate_float32",
    "interpolate_uint16",
    "knots_float32",
    "knots_uint16",
]

Array = npt.NDArray[Any]


def interpolate_uint16(
    dn: Array,
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
) -> npt.NDArray[np.uint16]:
    """Interpolate digital numbers in one pass, from acquisitions to output dates.

    The solution of a scaled and shifted series is the scaled and shifted solution, so DN are
    solved as they are.

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
        Damping in days, above 0.
    gains, out_gains
        (N, B) and (T, B), dimensionless, above 0: DN are divided by the one before and multiplied
        by the other after. DN must then be proportional to reflectance, without an offset.
    extrapolate
        ``"constant"``, or ``"nan"`` to write 0 before the first and after the last clear
        observation of each pixel.
    parallel
        Use all cores.
    out
        (T, B, P) uint16, C-contiguous, to be written to.

    Returns
    -------
    numpy.ndarray
        (T, B, P) uint16 in the scale of `dn`, rounded half up and clipped to [1, 65535]; 0 where a
        pixel was never observed.

    Raises
    ------
    BadInput
        Types or shapes that do not fit, days that do not ascend, alpha or gains not above zero.

    References
    ----------
    Zhao, Olsen and Chandra (2021), Seeing Through Clouds in Satellite Images, arXiv:2106.08408; the
    equations solved are those of `spaceeye.solver.reference`.
    """
    check_values(dn, np.uint16, "dn")
    return _interpolate(
        dn, weights, days, out_days, alpha, gains, out_gains, extrapolate, parallel, out
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
    """Interpolate float32 values in one pass, from acquisitions to output dates.

    Parameters
    ----------
    values
        (N, B, P) float32, any unit. Anything, also NaN, may stand where the weight is 0; a NaN of
        weight above 0 spoils the series of its pixel and band.
    weights, days, out_days, alpha, gains, out_gains, extrapolate, parallel
        As for `interpolate_uint16`; ``extrapolate="nan"`` writes NaN.
    out
        (T, B, P) float32, C-contiguous, to be written to.

    Returns
    -------
    numpy.ndarray
        (T, B, P) float32 in the unit of `values`; NaN where a pixel was never observed.

    Raises
    ------
    BadInput
        As for `interpolate_uint16`.
    """
    check_values(values, np.float32, "values")
    return _interpolate(
        values, weights, days, out_days, alpha, gains, out_gains, extrapolate, parallel, out
    )


def knots_uint16(
    dn: Array, weights: Array, days: npt.ArrayLike, alpha: float, *, parallel: bool = False
) -> npt.NDArray[np.float32]:
    """Solve digital numbers on the acquisition times.

    Parameters
    ----------
    dn, weights, days, alpha, parallel
        As for `interpolate_uint16`.

    Returns
    -------
    numpy.ndarray
        (N, B, P) float32 in DN, not rounded; NaN where a pixel was never observed.

    Raises
    ------
    BadInput
        As for `interpolate_uint16`.
    """
    check_values(dn, np.uint16, "dn")
    return _knots(dn, weights, days, alpha, parallel)


def knots_float32(
    values: Array, weights: Array, days: npt.ArrayLike, alpha: float, *, parallel: bool = False
) -> npt.NDArray[np.float32]:
    """Solve float32 values on the acquisition times.

    Parameters
    ----------
    values, weights, days, alpha, parallel
        As for `interpolate_float32`.

    Returns
    -------
    numpy.ndarray
        (N, B, P) float32 in the unit of `values`; NaN where a pixel was never observed.

    Raises
    ------
    BadInput
        As for `interpolate_uint16`.
    """
    check_values(values, np.float32, "values")
    return _knots(values, weights, days, alpha, parallel)


def evaluate_float32(
    knots: Array,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    *,
    extrapolate: Extrapolate = "constant",
    weights: Array | None = None,
    parallel: bool = False,
) -> npt.NDArray[np.float32]:
    """Give the series at any dates from its knots: the bits of `interpolate_float32`.

    Parameters
    ----------
    knots
        (N, B, P) float32 from `knots_float32`.
    days, out_days, extrapolate, parallel
        As for `interpolate_float32`.
    weights
        (N, P), needed for ``extrapolate="nan"`` only.

    Returns
    -------
    numpy.ndarray
        (T, B, P) float32 in the unit of the knots; NaN where they are NaN.

    Raises
    ------
    BadInput
        Knots that do not fit the days, or no weights where they are needed.
    """
    return _evaluate(knots, days, out_days, extrapolate, weights, parallel, np.float32)


def evaluate_uint16(
    knots: Array,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    *,
    extrapolate: Extrapolate = "constant",
    weights: Array | None = None,
    parallel: bool = False,
) -> npt.NDArray[np.uint16]:
    """Give digital numbers at any dates from their knots: the bits of `interpolate_uint16`.

    Parameters
    ----------
    knots
        (N, B, P) float32 in DN from `knots_uint16`.
    days, out_days, extrapolate, weights, parallel
        As for `evaluate_float32`.

    Returns
    -------
    numpy.ndarray
        (T, B, P) uint16 in DN, rounded half up and clipped to [1, 65535]; 0 where the knots are
        NaN.

    Raises
    ------
    BadInput
        As for `evaluate_float32`.
    """
    return _evaluate(knots, days, out_days, extrapolate, weights, parallel, np.uint16)


def _interpolate(
    values: Array,
    weights: Array,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    alpha: float,
    gains: npt.ArrayLike | None,
    out_gains: npt.ArrayLike | None,
    extrapolate: Extrapolate,
    parallel: bool,
    out: Array | None,
) -> Array:
    w, g = checked(values, weights, days, alpha)
    at = intervals(days, out_days)
    bands = values.shape[1]
    before, behind = checked_gains(gains, out_gains, (len(w), bands), (len(at.left), bands))
    out = target(out, (len(at.left), bands, w.shape[1]), values.dtype)
    share = shares(at, behind, values.dtype)
    blank, values = blanks(extrapolate), np.ascontiguousarray(values)
    share_out(
        w.shape[1], block_size(len(w), 16), parallel,
        lambda start, stop, block: _chain_loops.interpolate_range(
            values, w, start, stop, block, g, orders(len(w))[1][1:], before,
            places(at), share, blank, nodata(out.dtype), out,
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
            values, w, start, stop, block, g, orders(len(w))[1][1:], gain, out
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
    dtype: npt.DTypeLike,
) -> Array:
    check_values(knots, np.float32, "knots")
    axis, at, pixels = check_axis(days), intervals(days, out_days), knots.shape[2]
    if len(knots) != len(axis):
        raise BadInput(f"knots {knots.shape} do not fit {len(axis)} days")
    blank = blanks(extrapolate)
    if blank and weights is None:
        raise BadInput("extrapolate='nan' needs the weights: they tell where a pixel is seen")
    out = np.empty((len(at.left), *knots.shape[1:]), dtype)
    share = shares(at, np.ones((len(at.left), knots.shape[1])), out.dtype)
    knots = np.ascontiguousarray(knots)
    block = block_size(len(knots), 4)
    share_out(
        pixels, block, parallel,
        lambda start, stop, block: _chain_loops.evaluate_range(
            knots, start, stop, block, places(at), share, out
        ),
    )  # fmt: skip
    if blank and weights is not None:
        w = checked_weights(weights, len(knots))
        share_out(
            pixels, block, parallel,
            lambda start, stop, block: _chain_loops.blank_range(
                w, start, stop, block, places(at), nodata(out.dtype), out
            ),
        )  # fmt: skip
    return out
