"""Sums over all blocks of a series, which make what is known of the whole region.

The parts are whole numbers (`spaceeye.damping`, `spaceeye.robust`, `spaceeye.illumination`), so a
sum has the same bits for every chunking, order and number of workers. On Dask a block is reduced
where it is, the parts are added by a tree, and only the sum comes back.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np
import xarray as xr
from dask import delayed  # type: ignore[attr-defined]

from spaceeye.series import Series

__all__ = ["summed"]

WIDTH = 8  # parts that one task of the tree adds


def summed(
    series: Series | Sequence[Series],
    kernel: Callable[..., Any],
    *more: xr.DataArray,
    **options: Any,
) -> Any:
    """Call a kernel on every block of a series and add up what it gives.

    Computed when it is called, in one pass over the data.

    Parameters
    ----------
    series
        In memory it is one block; on Dask the blocks are its chunks. Of several, all from one
        place, every one is a part.
    kernel
        ``kernel(values (N, B, P), weights (N, P), *more (N, P), **options)``; its results add
        with ``+``.
    *more
        (time, y, x), chunked as the series, of which there is one then.
    **options
        For the kernel.

    Returns
    -------
    The sum over all blocks, of the type that the kernel gives.
    """
    several = [series] if isinstance(series, Series) else series
    call = partial(_on_block, kernel, **options)
    parts: list[Any] = []
    for one in several:
        arrays = (one.values, one.weights, *more)
        if one.lazy:
            # optimised apart, values and weights would read their source once each
            lists = (array.data.to_delayed(optimize_graph=False).ravel() for array in arrays)
            blocks = zip(*lists, strict=True)
            parts += [delayed(call, pure=True)(*block) for block in blocks]
        else:
            parts.append(call(*(array.values for array in arrays)))
    if not several[0].lazy:
        return _added(parts)
    while len(parts) > 1:
        parts = [
            delayed(_added)(parts[start : start + WIDTH]) for start in range(0, len(parts), WIDTH)
        ]
    return parts[0].compute()


def _on_block(kernel: Callable[..., Any], values: Any, *weights: Any, **options: Any) -> Any:
    cube = np.ascontiguousarray(values).reshape(*values.shape[:2], -1)
    flat = [np.ascontiguousarray(array).reshape(len(array), -1) for array in weights]
    return kernel(cube, *flat, **options)


def _added(parts: list[Any]) -> Any:
    return reduce(add, parts)
