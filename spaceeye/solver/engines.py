"""The engines that solve blocks: numba on the processor, torch on the processor or a GPU.

Which one works is chosen by name, logged and recorded; one that is not there is an error and never
replaced by another. Both take values (N, B, P), weights (N, P) and give (T, B, P).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spaceeye.errors import BadInput

__all__ = ["ENGINES", "Engine", "engine_named"]

ENGINES = ("numba", "torch", "torch:cuda")

Array = npt.NDArray[Any]


class Engine(NamedTuple):
    """Two functions on arrays, for the type of the values that it was asked for.

    interpolate
        ``(values, weights, days, out_days, alpha, **options) -> (T, B, P)`` with the options of
        `spaceeye.solver.compiled.interpolate_uint16`.
    knots
        ``(values, weights, days, alpha) -> (N, B, P)`` float32.
    """

    name: str
    interpolate: Callable[..., Array]
    knots: Callable[..., Array]


def engine_named(name: str, dtype: Any) -> Engine:
    """Return the engine of this name for values of this type.

    Raises
    ------
    BadInput
        If it is not known, or torch or its device is not there.
    """
    whole = np.dtype(dtype) == np.uint16
    if name == "numba":
        from spaceeye.solver import compiled

        if whole:
            return Engine(name, compiled.interpolate_uint16, compiled.knots_uint16)
        return Engine(name, compiled.interpolate_float32, compiled.knots_float32)
    if name not in ENGINES:
        raise BadInput(f"engine={name!r} is not known; there are: {', '.join(ENGINES)}")
    if importlib.util.find_spec("torch") is None:
        raise BadInput(f"engine={name!r} needs torch: pip install 'eo-workbench[spaceeye]'")
    import torch

    device = "cuda" if name == "torch:cuda" else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput("engine='torch:cuda' needs a GPU that torch can use: there is none here")
    return Engine(name, partial(_torch_interpolate, device, whole), partial(_torch_knots, device))


def _torch_interpolate(
    device: str,
    whole: bool,
    values: Array,
    weights: Array,
    days: npt.ArrayLike,
    out_days: npt.ArrayLike,
    alpha: float,
    *,
    scale: float | None = None,
    offset: float = 0.0,
    gains: npt.ArrayLike | None = None,
    out_gains: npt.ArrayLike | None = None,
    extrapolate: str = "constant",
    parallel: bool = False,
) -> Array:
    """Interpolate by torch; gains, rounding and blanks as the compiled kernels have them."""
    from spaceeye.solver import torch as solver
    from spaceeye.solver.reference import outside

    del parallel  # torch shares its work out by itself
    shift = np.float32(offset / scale if scale and gains is not None else 0.0)
    if gains is not None:
        values = (values.astype(np.float32) + shift) / np.asarray(gains, np.float32)[:, :, None]
    found: Any = solver.interpolate(values, weights, days, out_days, alpha, device=device)
    out: Array = found.cpu().numpy()
    if out_gains is not None:
        out *= np.asarray(out_gains, np.float32)[:, :, None]
        out -= shift
    if extrapolate == "nan":
        beyond = outside(weights, days, out_days)
        out[np.broadcast_to(beyond[:, None], out.shape)] = np.nan
    if not whole:
        return out
    never = np.isnan(out)
    rounded = np.clip(np.floor(out + np.float32(0.5)), 1, 65535)
    return np.where(never, 0, rounded).astype(np.uint16)


def _torch_knots(
    device: str, values: Array, weights: Array, days: npt.ArrayLike, alpha: float, **_: Any
) -> Array:
    from spaceeye.solver import torch as solver

    found = solver.solve_knots(values, weights, days, alpha, device=device)
    out: Array = found.cpu().numpy()
    return out
