"""A function of fine pixels, applied to all of an area: at once in memory, block by block on Dask.

A block gets the cells that it needs and no more, so that it can be sent to a worker by itself.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from efast.cells.cellblocks import blocks_of
from efast.cells.coarsestate import CoarseState
from efast.cubes.preparation import Prepared
from efast.errors import BadInput
from workbench.errors import portable_errors

__all__ = ["Output", "everywhere"]

TOGETHER = 8  # targets of one call, where the area is treated in blocks: those of a store's chunk

Maker = Callable[
    [npt.NDArray[Any], npt.NDArray[Any], CoarseState, tuple[int, int]], Sequence[npt.NDArray[Any]]
]
"""From fine images (N, B, Y, X), their weights (N, Y, X), the cells and the origin of a block in
them (row and column, fine pixels) to arrays (T, ..., Y, X)."""


class Output(NamedTuple):
    """An array that a `Maker` returns.

    Attributes
    ----------
    dims
        Lengths between time and y.
    dtype
        Of its values.
    """

    dims: tuple[int, ...]
    dtype: Any


def everywhere(make: Maker, ready: Prepared, outputs: Sequence[Output]) -> list[Any]:
    """Apply a function to the fine images and all targets.

    Parameters
    ----------
    make
        Called once for an area in memory, for some targets of each block on Dask.
    ready
        Both sensors.
    outputs
        What `make` returns, in its order.

    Returns
    -------
    list of numpy.ndarray or dask.array.Array
        (T, ..., Y, X) each.

    Raises
    ------
    BadInput
        If the published program is asked for on Dask: its quirks need the whole area.
    """
    states = ready.states()
    if not ready.lazy:
        values, weight = ready.image.values, ready.weight.values
        found = [make(values, weight, state, (0, 0)) for state in states]
        if len(found) == 1:
            return list(found[0])
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]
    if ready.options.compat:
        raise BadInput("compat='dhi' needs the whole area in memory: pass fine.compute()")
    return _lazy(make, ready, states[0], outputs)


def _lazy(make: Maker, ready: Prepared, state: CoarseState, outputs: Sequence[Output]) -> list[Any]:
    import dask.array as da
    from dask.base import tokenize
    from dask.highlevelgraph import HighLevelGraph

    values, weight = blocks_of(ready.image).data, blocks_of(ready.weight).data
    name = f"efast-{tokenize(make, state, values.name, weight.name)}"
    every = range(len(state.targets))
    groups = [state.at(every[at : at + TOGETHER]) for at in every[::TOGETHER]]
    tasks: dict[Any, Any] = {}
    for place, origin, shape in _places(values.chunks[2:]):
        inputs = (values.name, 0, 0, *place), (weight.name, 0, *place)
        for at, group in enumerate(groups):
            cells, begin = group.around(origin, shape, ready.grids.ratio)
            tasks[name, at, *place] = (partial(_made, make, cells, begin), *inputs)
    graph = HighLevelGraph.from_collections(name, tasks, dependencies=[values, weight])
    times = tuple(len(group.targets) for group in groups)
    found = []
    for number, output in enumerate(outputs):
        one, middle = f"{name}-{number}", (0,) * len(output.dims)
        layer = {
            (one, at, *middle, *place): (itemgetter(number), (name, at, *place))
            for _, at, *place in tasks
        }
        layers: dict[str, Any] = {**graph.layers, one: layer}
        whole = HighLevelGraph(layers, {**graph.dependencies, one: {name}})
        chunks = (times, *((length,) for length in output.dims), *values.chunks[2:])
        found.append(da.Array(whole, one, chunks, dtype=output.dtype))
    return found


def _places(
    chunks: Sequence[Sequence[int]],
) -> Iterator[tuple[tuple[int, int], tuple[int, int], tuple[int, int]]]:
    """Yield number, first row and column, and shape of each block."""
    firsts = [np.cumsum([0, *sizes[:-1]]).tolist() for sizes in chunks]
    for i, (row, height) in enumerate(zip(firsts[0], chunks[0], strict=True)):
        for j, (column, width) in enumerate(zip(firsts[1], chunks[1], strict=True)):
            yield (i, j), (row, column), (height, width)


def _made(
    make: Maker,
    state: CoarseState,
    origin: tuple[int, int],
    values: npt.NDArray[Any],
    weight: npt.NDArray[Any],
) -> Sequence[npt.NDArray[Any]]:
    with portable_errors():
        return make(values, weight, state, origin)
