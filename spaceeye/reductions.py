"""What must be known of the whole region before any block is solved: alpha, gains, robust weights.

Each is a reduction over blocks whose parts are whole numbers, so it has the same bits for every
chunking, order and number of workers. They are computed when they are asked for, in one pass over
the data each; robust weights take three.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np
from dask import delayed, is_dask_collection  # type: ignore[attr-defined]

from spaceeye.damping import ALPHAS, Choice, LeaveOneOut, choose_alpha
from spaceeye.series import Series

__all__ = ["block_pairs", "choose", "reduced", "robustly"]

logger = logging.getLogger(__name__)

WIDTH = 8  # parts that one task of a tree of sums adds


def block_pairs(series: Series) -> list[tuple[Any, Any]]:
    """Return (values (N, B, y, x), weights (N, y, x)) of every block; delayed where on Dask."""
    if not series.lazy:
        return [(series.values.values, series.weights.values)]
    values = series.values.data.to_delayed().ravel()
    weights = series.weights.data.to_delayed().ravel()
    return list(zip(values, weights, strict=True))


def reduced(parts: Iterable[Any]) -> Any:
    """Return the sum of parts that may be delayed, by a tree."""
    parts = list(parts)
    if not any(is_dask_collection(part) for part in parts):
        return reduce(add, parts)
    while len(parts) > 1:
        parts = [
            delayed(_total)(parts[start : start + WIDTH]) for start in range(0, len(parts), WIDTH)
        ]
    return parts[0].compute()


def per_block(series: Series, function: Callable[..., Any], **options: Any) -> list[Any]:
    """Call ``function(values (N, B, P), weights (N, P), days, **options)`` on every block."""
    call: Any = partial(_flat, function, days=series.days, **options)
    call = delayed(call, pure=True) if series.lazy else call
    return [call(values, weights) for values, weights in block_pairs(series)]


def choose(series: Series) -> Choice:
    """Return the alpha with the least leave-one-out error over the region, and the scores."""
    alphas = [float(alpha) for alpha in ALPHAS]
    parallel = not series.lazy
    choice = choose_alpha(
        reduced(per_block(series, LeaveOneOut.of, alphas=alphas, parallel=parallel))
    )
    told = ", ".join(
        f"{score.alpha:g}: {score.rmse:.1f}" for score in choice.scores if score.rmse is not None
    )
    logger.info(
        "alpha=%g days by leave-one-out (rmse in 1e-4 of reflectance: %s)", choice.alpha, told
    )
    return choice


def robustly(series: Series, alpha: float) -> Series:
    """Return the series with robust weights; see `spaceeye.robust`."""
    import xarray as xr

    from spaceeye.robust import PASSES, residual_histogram, residuals, scale_of

    weights = series.weights.astype(np.float32)
    for _ in range(PASSES):
        current = series.with_weights(weights)
        pairs = zip(block_pairs(current), block_pairs(series), strict=True)
        call: Any = partial(_histogram, residuals, residual_histogram, series.days, alpha)
        call = delayed(call, pure=True) if series.lazy else call
        scale = scale_of(reduced(call(v, w, base) for (v, w), (_, base) in pairs))
        weights = xr.apply_ufunc(
            partial(_biweights, days=series.days, alpha=alpha, scale=scale),
            series.values,
            weights,
            series.weights,
            input_core_dims=[["time", "band"], ["time"], ["time"]],
            output_core_dims=[["time"]],
            dask="parallelized",
            output_dtypes=[np.float32],
        ).transpose("time", "y", "x")
    return series.with_weights(weights)


def _histogram(
    residuals: Any, count: Any, days: Any, alpha: float, values: Any, weights: Any, base: Any
) -> Any:
    flat = [np.ascontiguousarray(part).reshape(len(part), -1) for part in (weights, base)]
    cube = np.ascontiguousarray(values).reshape(*values.shape[:2], -1)
    return count(residuals(cube, *flat, days, alpha))


def _biweights(values: Any, weights: Any, base: Any, *, days: Any, alpha: float, scale: Any) -> Any:
    """Take values (y, x, N, B) and weights (y, x, N); give weights (y, x, N)."""
    from spaceeye.robust import biweights, residuals

    shape = weights.shape
    cube = np.ascontiguousarray(np.moveaxis(values, (2, 3), (0, 1))).reshape(
        values.shape[2], values.shape[3], -1
    )
    now, before = (
        np.ascontiguousarray(np.moveaxis(part, 2, 0)).reshape(shape[2], -1)
        for part in (weights, base)
    )
    new = biweights(residuals(cube, now, before, days, alpha), before, scale)
    return np.moveaxis(new.reshape(shape[2], *shape[:2]), 0, 2)


def _flat(function: Callable[..., Any], values: Any, weights: Any, **options: Any) -> Any:
    cube = np.ascontiguousarray(values).reshape(*values.shape[:2], -1)
    flat = np.ascontiguousarray(weights).reshape(len(weights), -1)
    return function(cube, flat, **options)


def _total(parts: list[Any]) -> Any:
    return reduce(add, parts)
