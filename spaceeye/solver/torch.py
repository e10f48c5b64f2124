"""The chain of `spaceeye.solver.reference` in torch, on any device.

The same recurrences as in the compiled kernels over a contiguous axis of pixels. The factor (N, P)
is worked out once and shared by all bands; each step is one operation over (B, P), results are
written into place, and no loop runs over pixels. It pays where the data live on the device already.
Measured on a CPU only; no GPU was at hand.

float32 throughout. Values agree with `spaceeye.solver.compiled` within 1e-6 of the largest value,
not bit for bit: torch decides by device where a product and a sum are rounded once. Never observed
is exact in both. torch is loaded when a function is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spaceeye.solver.axis import MIN_WEIGHT, Extrapolate, conductances, intervals, outside
from workbench.errors import BadInput

if TYPE_CHECKING:
    import torch

__all__ = ["evaluate", "interpolate", "interpolate_array", "knots_array", "solve_knots"]

Array = npt.NDArray[Any]


def solve_knots(
    values: Any, weights: Any, days: npt.ArrayLike, alpha: float, *, device: Any = None
) -> torch.Tensor:
    """Solve the chain on the acquisition times.

    Parameters
    ----------
    values
        (N, B, P) tensor or array: uint16 (arrays and, where torch has it, tensors), another integer
        type or floats; anything, also NaN, where the weight is 0.
    weights
        (N, P) tensor or array; below 0.001 and NaN count as 0.
    days
        (N,) strictly ascending, may be fractional.
    alpha
        Damping in days, above 0.
    device
        Where to work; by default where `values` are.

    Returns
    -------
    torch.Tensor
        (N, B, P) float32 in the unit of `values`; NaN for pixels that were never observed.

    Raises
    ------
    BadInput
        Shapes that do not fit, days that do not ascend, alpha not above zero.
    ImportError
        torch is not installed.

    References
    ----------
    Zhao, Olsen and Chandra (2021), Seeing Through Clouds in Satellite Images, arXiv:2106.08408; the
    equations solved are those of `spaceeye.solver.reference`.
    """
    import torch

    g = conductances(days, alpha).astype(np.float32).tolist()
    s = _tensor(values, device)
    w = _tensor(weights, s.device)
    if s.ndim != 3 or tuple(w.shape) != (s.shape[0], s.shape[2]) or len(g) + 1 != len(s):
        raise BadInput(
            f"values {tuple(s.shape)}, weights {tuple(w.shape)} and {len(g) + 1} days do not fit: "
            "they must be (N, B, P), (N, P) and (N,)"
        )
    with torch.no_grad():
        w = _guarded(w)
        r, f = _factorise(w, g)
        x = torch.empty(s.shape, dtype=torch.float32, device=s.device)
        spoilt = s.is_floating_point() and not bool(torch.isfinite(s.sum()))
        for k in range(len(s)):
            own = _floats(s[k], values)
            torch.mul(own, w[k], out=x[k])
            if spoilt:  # NaN x 0 is not 0
                x[k].masked_fill_(w[k] == 0, 0.0)
            if k:
                x[k].addcmul_(f[k - 1], x[k - 1])
        x *= r[:, None]
        for k in range(len(s) - 2, -1, -1):
            x[k].addcmul_(f[k], x[k + 1])
    return x


def evaluate(knots: torch.Tensor, days: npt.ArrayLike, out_days: npt.ArrayLike) -> torch.Tensor:
    """Give the series at any dates: linear between knots, constant outside.

    Parameters
    ----------
    knots
        (N, B, P) float32 from `solve_knots`.
    days, out_days
        (N,) strictly ascending and (T,) in any order, in days.

    Returns
    -------
    torch.Tensor
        (T, B, P) float32 on the device of `knots` and in their unit; NaN where they are NaN.

    Raises
    ------
    BadInput
        Days that do not ascend or are not finite.
    ImportError
        torch is not installed.
    """
    import torch

    at = intervals(days, out_days)
    shape = (len(at.left), *knots.shape[1:])
    out = torch.empty(shape, dtype=torch.float32, device=knots.device)
    with torch.no_grad():
        for t, (left, right, share) in enumerate(zip(*(a.tolist() for a in at[:3]), strict=True)):
            if share:
                torch.lerp(knots[left], knots[right], share, out=out[t])
            else:
                out[t].copy_(knots[left])
    return out


def interpolate(
    values: Any,
    weights: Any,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    alpha: float,
    *,
    device: Any = None,
) -> torch.Tensor:
    """Interpolate from acquisitions to output dates.

    Parameters
    ----------
    values, weights, days, alpha, device
        As for `solve_knots`.
    out_days
        As for `evaluate`.

    Returns
    -------
    torch.Tensor
        (T, B, P) float32 in the unit of `values`; NaN where a pixel was never observed.

    Raises
    ------
    BadInput, ImportError
        As for `solve_knots` and `evaluate`.
    """
    return evaluate(solve_knots(values, weights, days, alpha, device=device), days, out_days)


def interpolate_array(
    values: Array,
    weights: Array,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    alpha: float,
    *,
    device: Any,
    gains: npt.ArrayLike | None = None,
    out_gains: npt.ArrayLike | None = None,
    extrapolate: Extrapolate = "constant",
    parallel: bool = False,
) -> Array:
    """Interpolate arrays; gains, rounding and blanks as in `spaceeye.solver.compiled`.

    Parameters
    ----------
    values
        (N, B, P) uint16 DN or float32.
    weights, days, out_days, alpha, device
        As for `solve_knots` and `evaluate`.
    gains, out_gains
        (N, B) and (T, B), above 0: values are divided by the one before and multiplied by the other
        after.
    extrapolate
        ``"constant"``, or ``"nan"`` for nodata before the first and after the last clear
        observation of each pixel.
    parallel
        Not used: torch shares its work out by itself.

    Returns
    -------
    numpy.ndarray
        (T, B, P) in the type and unit of `values`: uint16 rounded half up and clipped to
        [1, 65535], 0 where a pixel was never observed; or float32, NaN there.

    Raises
    ------
    BadInput, ImportError
        As for `solve_knots` and `evaluate`.
    """
    del parallel
    lit = values
    if gains is not None:
        lit = values.astype(np.float32) / np.asarray(gains, np.float32)[:, :, None]
    found: Any = interpolate(lit, weights, days, out_days, alpha, device=device)
    out: Array = found.cpu().numpy()
    if out_gains is not None:
        out *= np.asarray(out_gains, np.float32)[:, :, None]
    if extrapolate == "nan":
        beyond = outside(weights, days, out_days)
        out[np.broadcast_to(beyond[:, None], out.shape)] = np.nan
    if values.dtype != np.uint16:
        return out
    never = np.isnan(out)
    rounded = np.clip(np.floor(out + np.float32(0.5)), 1, 65535)
    return np.where(never, 0, rounded).astype(np.uint16)


def knots_array(
    values: Array, weights: Array, days: npt.ArrayLike, alpha: float, *, device: Any
) -> npt.NDArray[np.float32]:
    """Solve arrays on the acquisition times.

    Parameters
    ----------
    values, weights, days, alpha, device
        As for `solve_knots`.

    Returns
    -------
    numpy.ndarray
        (N, B, P) float32 in the unit of `values`; NaN where a pixel was never observed.

    Raises
    ------
    BadInput, ImportError
        As for `solve_knots`.
    """
    found: Any = solve_knots(values, weights, days, alpha, device=device)
    out: npt.NDArray[np.float32] = found.cpu().numpy()
    return out


def _factorise(w: Any, g: list[float]) -> tuple[Any, Any]:
    """Give r (N, P), the last one 1 / e (infinite: never observed), and f (N - 1, P)."""
    import torch

    r, f = torch.empty_like(w), torch.empty_like(w[1:])
    e = w[0].clone()
    for k, conductance in enumerate(g):
        torch.reciprocal(e + conductance, out=r[k])
        torch.mul(r[k], conductance, out=f[k])
        e = torch.addcmul(w[k + 1], f[k], e)
    torch.reciprocal(e, out=r[-1])
    return r, f


def _guarded(w: Any) -> Any:
    """Give float32 weights, those below 0.001 (and NaN) as zero."""
    import torch

    w = w.to(torch.float32, copy=True).contiguous()
    return w.masked_fill_(~(w >= MIN_WEIGHT), 0.0)


def _tensor(given: Any, device: Any) -> Any:
    """Bring tensors and arrays to the device in their own type; uint16 arrays travel as int16."""
    import torch

    if isinstance(given, torch.Tensor):
        return given.to(device) if device is not None else given
    array = np.ascontiguousarray(given)
    if array.dtype == np.uint16:
        array = array.view(np.int16)
    if not array.flags.writeable:
        array = array.copy()
    return torch.from_numpy(array).to(device if device is not None else "cpu")


def _floats(row: Any, given: Any) -> Any:
    """Give one acquisition (B, P) as float32, int16 that stands for uint16 as unsigned."""
    import torch

    if isinstance(given, np.ndarray) and given.dtype == np.uint16:
        return row.to(torch.int32).bitwise_and_(0xFFFF).to(torch.float32)
    return row.to(torch.float32)
