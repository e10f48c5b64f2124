"""The chain of `spaceeye.solver.reference` in torch, on any device.

The same recurrences as in the compiled kernels over a contiguous axis of pixels. The factor (N, P)
is worked out once and shared by all bands; each step is one operation over (B, P), results are
written into place, and no loop runs over pixels. It pays where the data live on the device already.
Measured on a CPU only; no GPU was at hand.

float32 throughout. Values agree with `spaceeye.solver.compiled` within 1e-6 of the largest value, not
bit for bit: torch decides by device where a product and a sum are rounded once. Never observed is
exact in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spaceeye.errors import BadInput, SpaceEyeError
from spaceeye.solver.reference import MIN_WEIGHT, conductances, intervals

if TYPE_CHECKING:
    import torch

__all__ = ["NoTorch", "evaluate", "interpolate", "solve_knots"]


class NoTorch(SpaceEyeError, ImportError):
    """Torch was asked for and is not installed."""


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
    days, alpha
        As in `spaceeye.solver.reference.solve_knots`.
    device
        Where to work; by default where `values` are.

    Returns
    -------
    (N, B, P) float32 tensor; NaN for pixels that were never observed.

    Raises
    ------
    NoTorch
        torch is not installed.
    BadInput
        Shapes that do not fit, days that do not ascend, alpha not above zero.
    """
    torch = _torch()
    g = conductances(days, alpha).astype(np.float32).tolist()
    s = _tensor(torch, values, device)
    w = _tensor(torch, weights, s.device)
    if s.ndim != 3 or tuple(w.shape) != (s.shape[0], s.shape[2]) or len(g) + 1 != len(s):
        raise BadInput(
            f"values {tuple(s.shape)}, weights {tuple(w.shape)} and {len(g) + 1} days do not fit: "
            "they must be (N, B, P), (N, P) and (N,)"
        )
    with torch.no_grad():
        w = _guarded(torch, w)
        r, f = _factorise(torch, w, g)
        x = _new(torch, s.shape, s.device)
        spoilt = s.is_floating_point() and not bool(torch.isfinite(s.sum()))
        for k in range(len(s)):
            own = _floats(torch, s[k], values)
            torch.mul(own, w[k], out=x[k])
            if spoilt:  # NaN x 0 is not 0
                x[k].masked_fill_(w[k] == 0, 0.0)
            if k:
                x[k].addcmul_(f[k - 1], x[k - 1])
        x *= r[:, None]
        for k in range(len(s) - 2, -1, -1):
            x[k].addcmul_(f[k], x[k + 1])
    return x


def evaluate(
    knots: torch.Tensor,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    *,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Give the series at any dates: linear between knots, constant outside.

    Parameters
    ----------
    knots
        (N, B, P) from `solve_knots`.
    out
        (T, B, P) float32 on the device of `knots`, to be written to.

    Returns
    -------
    (T, B, P) float32, NaN where the knots are NaN.
    """
    torch = _torch()
    at = intervals(days, out_days)
    shape = (len(at.left), *knots.shape[1:])
    if out is None:
        out = _new(torch, shape, knots.device)
    if tuple(out.shape) != shape or out.dtype != torch.float32:
        raise BadInput(f"out is {out.dtype} {tuple(out.shape)}: give float32 of {shape}")
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
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Interpolate from acquisitions to output dates; see `solve_knots` and `evaluate`.

    Returns
    -------
    (T, B, P) float32 tensor in the unit of `values`, NaN where a pixel was never observed.
    """
    return evaluate(
        solve_knots(values, weights, days, alpha, device=device), days, out_days, out=out
    )


def _factorise(torch: Any, w: Any, g: list[float]) -> tuple[Any, Any]:
    """Give r (N, P), the last one 1 / e (infinite: never observed), and f (N - 1, P)."""
    r, f = torch.empty_like(w), torch.empty_like(w[1:])
    e = w[0].clone()
    for k, conductance in enumerate(g):
        torch.reciprocal(e + conductance, out=r[k])
        torch.mul(r[k], conductance, out=f[k])
        e = torch.addcmul(w[k + 1], f[k], e)
    torch.reciprocal(e, out=r[-1])
    return r, f


def _guarded(torch: Any, w: Any) -> Any:
    """Give float32 weights, those below 0.001 (and NaN) as zero."""
    w = w.to(torch.float32, copy=True).contiguous()
    return w.masked_fill_(~(w >= MIN_WEIGHT), 0.0)


def _tensor(torch: Any, given: Any, device: Any) -> Any:
    """Bring tensors and arrays to the device in their own type; uint16 arrays travel as int16."""
    if isinstance(given, torch.Tensor):
        return given.to(device) if device is not None else given
    array = np.ascontiguousarray(given)
    if array.dtype == np.uint16:
        array = array.view(np.int16)
    if not array.flags.writeable:
        array = array.copy()
    return torch.from_numpy(array).to(device if device is not None else "cpu")


def _floats(torch: Any, row: Any, given: Any) -> Any:
    """Give one acquisition (B, P) as float32, int16 that stands for uint16 as unsigned."""
    if isinstance(given, np.ndarray) and given.dtype == np.uint16:
        return row.to(torch.int32).bitwise_and_(0xFFFF).to(torch.float32)
    return row.to(torch.float32)


def _new(library: Any, shape: Any, device: Any) -> torch.Tensor:
    new: torch.Tensor = library.empty(shape, dtype=library.float32, device=device)
    return new


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise NoTorch(
            "torch is not installed, and this path needs it: pip install 'eo-workbench[spaceeye]', "
            "or leave the engine at its default"
        ) from error
    return torch
