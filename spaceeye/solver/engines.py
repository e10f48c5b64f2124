"""The engines that solve blocks: numba on the processor, torch on the processor or a GPU.

Which one works is chosen by name, logged and recorded; one that is not there is an error and never
replaced by another. A further engine is one entry of `ENGINES`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spaceeye.solver import torch as torch_chain
from workbench.errors import BadInput

__all__ = ["ENGINES", "Engine", "engine_named"]

Array = npt.NDArray[Any]


class Engine(NamedTuple):
    """Two functions on arrays: values (N, B, P), weights (N, P), days (N,), out_days (T,).

    Attributes
    ----------
    interpolate
        ``(values, weights, days, out_days, alpha, *, gains, out_gains, extrapolate, parallel)`` to
        (T, B, P) in the type of the values; see `spaceeye.solver.compiled.interpolate_uint16`.
    knots
        ``(values, weights, days, alpha)`` to (N, B, P) float32; see
        `spaceeye.solver.compiled.knots_uint16`.
    """

    interpolate: Callable[..., Array]
    knots: Callable[..., Array]


def engine_named(name: str, dtype: npt.DTypeLike) -> Engine:
    """Give the engine of this name for values of this type.

    Parameters
    ----------
    name
        One of `ENGINES`.
    dtype
        uint16 (DN) or float32.

    Returns
    -------
    Engine
        Loaded: what it needs is imported and its device is there.

    Raises
    ------
    BadInput
        If it is not known, or torch or its device is not there.
    """
    if name not in ENGINES:
        raise BadInput(f"engine={name!r} is not known; there are: {', '.join(ENGINES)}")
    return ENGINES[name](np.dtype(dtype))


def _numba(dtype: np.dtype[Any]) -> Engine:
    from spaceeye.solver import compiled

    if dtype == np.uint16:
        return Engine(compiled.interpolate_uint16, compiled.knots_uint16)
    return Engine(compiled.interpolate_float32, compiled.knots_float32)


def _torch(device: str, dtype: np.dtype[Any]) -> Engine:
    del dtype  # the same functions for both
    if importlib.util.find_spec("torch") is None:
        raise BadInput("engine='torch' needs torch: pip install 'eo-workbench[spaceeye]'")
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput("engine='torch:cuda' needs a GPU that torch can use: there is none here")
    return Engine(
        partial(torch_chain.interpolate_array, device=device),
        partial(torch_chain.knots_array, device=device),
    )


ENGINES: dict[str, Callable[[np.dtype[Any]], Engine]] = {
    "numba": _numba,
    "torch": partial(_torch, "cpu"),
    "torch:cuda": partial(_torch, "cuda"),
}
"""What makes each engine, by the type of the values."""
