"""Processes of data cubes: apply, apply_dimension, reduce_dimension, reduce_spatial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubeprocesses.answers import Asking, others, placed
from workbench.openeo.cubeprocesses.labels import coordinate
from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.declarations import process
from workbench.openeo.errors import error
from workbench.openeo.values import PixelArray, is_lazy

Callback = Callable[..., Any]


@process("apply", takes_run=True)
def apply(run: Any, data: Cube, callback: Callback, context: Any) -> Cube:
    import xarray as xr

    found = Asking(run, "apply", "process", callback, context).each(data)
    return data.with_array(xr.DataArray(found, data.array.coords, data.array.dims))


@process("apply_dimension", takes_run=True)
def apply_dimension(
    run: Any,
    data: Cube,
    callback: Callback,
    dimension: str,
    target_dimension: str | None,
    context: Any,
) -> Cube:
    """Put what the callback gives in the place of the values along a dimension.

    Labels along the target stay if it is the source and the number of values does. If not, they are
    those of the array that the callback gives, where these are not just the labels that it was
    given, or else 0, 1, 2, ... Of a target that has several labels, see `_joined`.
    """
    source = data.named(dimension, "apply_dimension")
    target = dimension if target_dimension is None else target_dimension
    if target != dimension and data.array.sizes.get(target, 1) > 1:
        return _joined(run, data, callback, dimension, target, context)
    found = Asking(run, "apply_dimension", "process", callback, context).several(data, dimension)
    if target == dimension:
        return _in_place(data, dimension, source, found)
    return _moved(data, dimension, target, found)


@process("reduce_dimension", takes_run=True)
def reduce_dimension(run: Any, data: Cube, reducer: Callback, dimension: str, context: Any) -> Cube:
    data.named(dimension, "reduce_dimension")
    found = Asking(run, "reduce_dimension", "reducer", reducer, context).one(data, dimension)
    return _without(data, others(data, dimension), found)


@process("reduce_spatial", takes_run=True)
def reduce_spatial(run: Any, data: Cube, reducer: Callback, context: Any) -> Cube:
    """Reduce all pixels to one value; of a lazy cube, whole planes of x and y are in memory."""
    x, y = data.axis("x"), data.axis("y")
    if x is None or y is None:
        raise error(
            "ProcessParameterInvalid",
            process="reduce_spatial",
            parameter="data",
            reason=f"it has no dimensions along x and y, only {', '.join(data.dimensions)}.",
        )
    rest = [name for name in data.dimensions if name not in (x, y)]
    values = data.array.transpose(y, x, *rest).data
    asking = Asking(run, "reduce_spatial", "reducer", reducer, context)
    return _without(data, rest, asking.one_of_all(data, _flattened(values), rest))


def _flattened(values: Any) -> Any:
    """Return values (y, x, ...) as (n, ...)."""
    shape = (values.shape[0] * values.shape[1], *values.shape[2:])
    if not is_lazy(values):
        return values.reshape(shape)
    if not values.size:  # which Dask cannot reshape
        import dask.array as da

        return da.empty(shape, dtype=values.dtype)
    # As few planes at a time as blocks of the usual size hold.
    chunks = {0: -1, 1: -1} | dict.fromkeys(range(2, values.ndim), "auto")
    return values.rechunk(chunks).reshape(shape)


def _joined(run: Any, cube: Cube, callback: Callback, name: str, target: str, context: Any) -> Cube:
    """Return a cube whose values along two dimensions together were put along the second one.

    The definition speaks of a target with one label. Of more, all values of both dimensions are
    one array: with one label this is the same, and no value is left out.
    """
    import xarray as xr

    size, rest = cube.array.sizes[target], [n for n in cube.dimensions if n not in (name, target)]
    run.log.write(
        "warning",
        f"apply_dimension: {target!r:.80} has {size} labels; the process was given the values of "
        f"all of them together. Name a new dimension to have it work on each",
    )
    ordered = cube.array.transpose(name, target, *rest)
    values = ordered.data.reshape(ordered.shape[0] * size, *ordered.shape[2:])
    coords: dict[str, Any] = {n: cube.array[n].variable for n in rest}
    array = xr.DataArray(values, coords | {name: np.arange(len(values))}, (name, *rest))
    flat = cube.with_array(array, **{name: Dimension("other")})
    found = Asking(run, "apply_dimension", "process", callback, context).several(flat, name)
    known = replace(cube.dimensions[target], step=None)
    labels = _labels(_own_labels(found, flat, name), found, known)
    filled = xr.DataArray(found.values, coords | {target: labels}, (target, *rest))
    order = [n for n in cube.dimensions if n != name]
    moved = cube.with_array(filled.transpose(*order), **{target: known})
    return moved if known.axis not in ("x", "y") else replace(moved, crs=None)


def _in_place(cube: Cube, name: str, source: Dimension, found: PixelArray) -> Cube:
    """Return a cube whose values along a dimension were replaced."""
    labels = cube.array[name].values
    own = _own_labels(found, cube, name)
    if len(labels) == found.values.shape[0]:
        return placed(cube, name, found.values, labels, source)
    changed = placed(
        cube, name, found.values, _labels(own, found, source), replace(source, step=None)
    )
    # What lay in a reference system along x or y has left it.
    return changed if source.axis not in ("x", "y") else replace(changed, crs=None)


def _moved(cube: Cube, name: str, target: str, found: PixelArray) -> Cube:
    """Return a cube whose values along a dimension were put along another one."""
    import xarray as xr

    rest = others(cube, name)
    own = _own_labels(found, cube, name)
    if target in cube.dimensions:  # with a single label, which the new ones replace
        known = replace(cube.dimensions[target], step=None)
        values = found.values[(slice(None), *(0 if n == target else slice(None) for n in rest))]
        order = rest
    else:
        known = Dimension("other")
        values = found.values
        order = [target if n == name else n for n in cube.dimensions]
    kept = [n for n in rest if n != target]
    coords = {target: ((target,), _labels(own, found, known))}
    array = xr.DataArray(
        values, coords | {n: cube.array[n].variable for n in kept}, (target, *kept)
    )
    moved = cube.with_array(array.transpose(*order), **{target: known})
    return moved if known.axis not in ("x", "y") else replace(moved, crs=None)


def _own_labels(found: PixelArray, cube: Cube, name: str) -> list[Any] | None:
    """Return the labels that a callback gave; None if it only handed on those of the dimension."""
    return None if found.labels == cube.labels(name) else found.labels


def _labels(own: list[Any] | None, found: PixelArray, known: Dimension) -> npt.NDArray[Any]:
    if own is None:
        return np.arange(found.values.shape[0])
    return coordinate(own, temporal=known.kind == "temporal")


def _without(cube: Cube, rest: list[str], values: Any) -> Cube:
    """Return a cube of some dimensions only, with one value for each pixel of these."""
    import xarray as xr

    array = xr.DataArray(values, {n: cube.array[n].variable for n in rest}, rest)
    return cube.with_array(array)
