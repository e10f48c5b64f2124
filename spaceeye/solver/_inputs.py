"""What the compiled loops take: checked at the door, in the types they are compiled for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spaceeye.solver.axis import Intervals, check_axis, conductances
from workbench.errors import BadInput

__all__ = [
    "blanks",
    "check_values",
    "checked",
    "checked_gains",
    "checked_weights",
    "float32",
    "nodata",
    "orders",
    "places",
    "shares",
    "target",
]

Array = npt.NDArray[Any]


def check_values(values: Array, dtype: npt.DTypeLike, name: str) -> None:
    """Refuse what is not (N, B, P) of this type."""
    if values.dtype != np.dtype(dtype) or values.ndim != 3:
        raise BadInput(
            f"{name} is {values.dtype} {values.shape}: give {np.dtype(dtype)} of (N, B, P)"
        )


def checked(
    values: Array, weights: Array, days: npt.ArrayLike, alpha: float
) -> tuple[Array, npt.NDArray[np.float32]]:
    """Give weights (N, P) as the loops take them and conductances (N - 1,), or refuse."""
    axis = check_axis(days, alpha)
    w = checked_weights(weights, len(axis))
    if values.dtype not in (np.uint16, np.float32):
        raise BadInput(f"values are {values.dtype}: give uint16 or float32")
    if values.ndim != 3 or (values.shape[0], values.shape[2]) != w.shape:
        raise BadInput(f"values {values.shape} and weights {w.shape}: give (N, B, P) and (N, P)")
    return w, float32(conductances(axis, alpha))


def checked_weights(weights: Array, acquisitions: int) -> Array:
    """Give weights (N, P) as contiguous uint8 or float32."""
    if weights.ndim != 2 or len(weights) != acquisitions:
        raise BadInput(f"weights {weights.shape} and {acquisitions} days: give (N, P) and (N,)")
    if weights.dtype == np.bool_:
        weights = weights.view(np.uint8)
    return np.ascontiguousarray(weights, np.uint8 if weights.dtype == np.uint8 else np.float32)


def checked_gains(
    gains: npt.ArrayLike | None, out_gains: npt.ArrayLike | None, shape: Any, out_shape: Any
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Give what values are multiplied by before the solution (N, B) and results after it (T, B)."""
    if (gains is None) != (out_gains is None):
        raise BadInput("give both gains (N, B) and out_gains (T, B), or neither")
    before = np.ones(shape) if gains is None else np.asarray(gains, np.float64)
    behind = np.ones(out_shape) if out_gains is None else np.asarray(out_gains, np.float64)
    for name, given, needed in (("gains", before, shape), ("out_gains", behind, out_shape)):
        if given.shape != needed:
            raise BadInput(f"{name} {given.shape}: give {needed}")
        if not (np.isfinite(given) & (given > 0)).all():
            raise BadInput(f"{name} hold {given.min()}: every gain must be finite and above 0")
    return float32(1 / before), behind


def shares(at: Intervals, gain: Array, dtype: Any) -> npt.NDArray[np.float32]:
    """Give (3, T, B): the parts of the left and right knot, and the half that rounds integers."""
    half = 0.5 if dtype == np.uint16 else 0.0
    left, right = (1 - at.fraction)[:, None] * gain, at.fraction[:, None] * gain
    return float32(np.stack([left, right, np.full_like(left, half)]))


def target(out: Array | None, shape: tuple[int, ...], dtype: Any) -> Array:
    """Give the array to write to: `out` if it fits, a new one if it is None."""
    if out is None:
        return np.empty(shape, dtype)
    if out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous:
        raise BadInput(f"out is {out.dtype} {out.shape}: give C-contiguous {dtype} of {shape}")
    return out


def blanks(extrapolate: str) -> bool:
    """Tell whether dates outside the clear observations are blanked."""
    if extrapolate not in ("constant", "nan"):
        raise BadInput(f"extrapolate={extrapolate!r}: choose 'constant' or 'nan'")
    return extrapolate == "nan"


def places(at: Intervals) -> tuple[Array, Array, Array, Array]:
    """Give the knots around each output date: left, right, before, after; each (T,)."""
    return at.left, at.right, at.before, at.after


def orders(knots: int) -> tuple[Array, Array]:
    """Give the knots forward and backward."""
    forward = np.arange(knots)
    return forward, forward[::-1].copy()


def nodata(dtype: Any) -> Any:
    """Give what stands where nothing is known: 0 or NaN."""
    return np.uint16(0) if dtype == np.uint16 else np.float32(np.nan)


def float32(given: Array) -> npt.NDArray[np.float32]:
    """Give contiguous float32."""
    return np.ascontiguousarray(given, np.float32)
