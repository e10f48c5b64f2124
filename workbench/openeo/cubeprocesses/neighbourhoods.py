"""Processes of data cubes: apply_kernel, apply_neighborhood."""

# Some functions of dask.array have no types.
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubeprocesses.answers import Asking, placed
from workbench.openeo.cubeprocesses.windows import Neighbourhood, measures, padded_labels, windows
from workbench.openeo.cubes import Cube
from workbench.openeo.declarations import process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.lifting import over_blocks
from workbench.openeo.values import float_type, is_lazy

Callback = Callable[..., Any]

MODES = {"replicate": "edge", "reflect": "symmetric", "reflect_pixel": "reflect", "wrap": "wrap"}
"""What NumPy calls the ways to go on beyond a border."""

MOST_WEIGHTS = 65_536
"""Of a kernel: each is one multiplication for every pixel."""

MOST_WINDOWS = 100_000
"""Of a neighbourhood: each is one call of the callback."""

MOST_PADDED = 100_000_000
"""Values of a cube with the nulls beyond its ends, if it is not larger than `TIMES_PADDED` says."""

TIMES_PADDED = 16
"""How many times as large as the cube itself it may be in any case."""


@process("apply_kernel")
def apply_kernel(
    data: Cube,
    kernel: Sequence[Sequence[float]],
    factor: float,
    border: str | float,
    replace_invalid: float,
) -> Cube:
    """Weight the pixels around each pixel and add them up, in float64.

    The kernel is laid over the pixels as it is written, not mirrored: its rows go along y and its
    columns along x, in the order of their labels.
    """
    weights = _weights(kernel)
    y, x = _axes(data, "apply_kernel")
    rest = [name for name in data.dimensions if name not in (y, x)]
    array = data.array.transpose(*rest, y, x)
    kind = float_type(array.dtype)
    if not array.size:
        return data.with_array(data.array.astype(kind))
    values = over_blocks(lambda v: np.where(np.isfinite(v), v, replace_invalid), [array.data], kind)
    found = _weighted(values, weights, factor, border)
    return data.with_array(array.copy(data=found).transpose(*data.dimensions))


@process("apply_neighborhood", takes_run=True)
def apply_neighborhood(
    run: Any,
    data: Cube,
    callback: Callback,
    size: list[Mapping[str, Any]],
    overlap: list[Mapping[str, Any]] | None,
    context: Any,
) -> Cube:
    """Call back with every window of a cube and put their cores together.

    Windows of one label along all dimensions but one are given as arrays, all at once. An overlap
    in labels reaches beyond the ends of the cube, where it is null; one in time ends there.
    """
    _axes(data, "apply_neighborhood")
    sizes = measures(data, size, "size")
    around = measures(data, overlap or [], "overlap")
    places = {n: windows(data, n, sizes.get(n), around.get(n)) for n in data.dimensions}
    if not data.array.size:
        return data
    counts = {n: around[n].count or 0 for n in around}
    long = [n for n in places if max(w.end - w.first for w in places[n]) > 1]
    called = list(places) if len(long) > 1 else (long or list(places))[:1]
    _check_count({n: len(places[n]) for n in called})
    _check_padding(data, counts)
    asking = Asking(run, "apply_neighborhood", "process", callback, context)
    wide = _padded(data, counts)
    if len(long) > 1:
        return _through_all(asking, data, wide, places, counts)
    return _along_one(asking, data, wide, called[0], places[called[0]], counts.get(called[0], 0))


def _weights(kernel: Sequence[Sequence[float]]) -> npt.NDArray[np.float64]:
    """Return a kernel as an array (y, x)."""
    lengths = {len(row) for row in kernel}
    if len(kernel) % 2 == 0 or any(length % 2 == 0 for length in lengths):
        shown = f"It has {len(kernel)} rows of {', '.join(map(str, sorted(lengths)))} numbers."
        raise error("KernelDimensionsUneven", process="apply_kernel", detail=shown)
    if len(lengths) > 1:
        raise _invalid("apply_kernel", "kernel", f"its rows have {sorted(lengths)} numbers")
    count = len(kernel) * lengths.pop()
    if count > MOST_WEIGHTS:
        raise _invalid("apply_kernel", "kernel", f"it has {count} weights, {MOST_WEIGHTS} at most")
    return np.array(kernel, np.float64)


def _weighted(values: Any, weights: npt.NDArray[np.float64], factor: float, border: Any) -> Any:
    """Return the weighted sums around each pixel of finite values (..., y, x)."""
    from scipy.ndimage import correlate

    depths = [length // 2 for length in weights.shape]
    kernel = weights.reshape((1,) * (values.ndim - 2) + weights.shape)
    kind = values.dtype

    def block(part: Any) -> Any:
        sums = correlate(part, kernel, output=np.float64, mode="constant")
        with np.errstate(all="ignore"):
            return (sums * factor).astype(kind)

    wide = values
    for axis, depth in zip((-2, -1), depths, strict=True):
        wide = _extended(wide, axis % values.ndim, depth, border)
    inner = tuple(slice(d, -d or None) for d in depths)
    if not is_lazy(values):
        return block(wide)[(..., *inner)]
    import dask.array as da

    found = da.map_overlap(
        block,
        wide,
        depth={values.ndim - 2: depths[0], values.ndim - 1: depths[1]},
        boundary="none",
        dtype=kind,
        meta=np.empty((0,) * values.ndim, kind),
    )
    return found[(..., *inner)]


def _extended(values: Any, axis: int, depth: int, border: Any) -> Any:
    """Return values with what lies beyond the borders of an axis, a number or other pixels."""
    if not depth:
        return values
    mode = MODES[border] if isinstance(border, str) else "edge"
    around = np.pad(np.arange(values.shape[axis]), depth, mode)  # type: ignore[call-overload]
    sides = [_taken(values, places, axis) for places in (around[:depth], around[-depth:])]
    if not isinstance(border, str):
        sides = [
            over_blocks(lambda v: np.full_like(v, border), [side], side.dtype) for side in sides
        ]
    wide: Any = np.concatenate([sides[0], values, sides[1]], axis)
    if not is_lazy(wide):
        return wide
    first, *more = values.chunks[axis]
    chunks = [first + depth, *more]
    chunks[-1] += depth  # so that without the borders the blocks are those of the cube
    return wide.rechunk({axis: tuple(chunks)})


def _taken(values: Any, places: npt.NDArray[np.intp], axis: int) -> Any:
    return values[(*(slice(None) for _ in range(axis)), places)]


def _along_one(
    asking: Asking, cube: Cube, wide: Cube, name: str, places: list[Neighbourhood], pad: int
) -> Cube:
    """Call back with arrays along one dimension, for all other labels at once."""
    parts = []
    for window in places:
        part = _part(wide, {name: slice(window.first + pad, window.end + pad)})
        found = asking.several(part, name).values
        if found.shape[0] != window.end - window.first:
            seen = window.end - window.first
            raise asking.wrong(f"it gives {found.shape[0]} values for a neighbourhood of {seen}")
        parts.append(found[window.start - window.first : window.stop - window.first])
    values = np.concatenate(parts)
    return placed(cube, name, values, cube.array[name].values, cube.dimensions[name])


def _through_all(
    asking: Asking,
    cube: Cube,
    wide: Cube,
    places: Mapping[str, list[Neighbourhood]],
    counts: Mapping[str, int],
) -> Cube:
    """Call back with cubes, one for each combination of windows."""
    import xarray as xr

    names = list(cube.dimensions)
    parts = np.empty(tuple(len(places[n]) for n in names), object)
    for index in product(*(range(length) for length in parts.shape)):
        chosen = {n: places[n][at] for n, at in zip(names, index, strict=True)}
        seen = {
            n: slice(w.first + counts.get(n, 0), w.end + counts.get(n, 0))
            for n, w in chosen.items()
        }
        found = asking.whole(_part(wide, seen))
        core = {n: slice(w.start - w.first, w.stop - w.first) for n, w in chosen.items()}
        parts[index] = found.array.isel(core).data
    values = np.block(parts.tolist())
    return cube.with_array(xr.DataArray(values, cube.array.coords, names))


def _padded(cube: Cube, counts: Mapping[str, int]) -> Cube:
    """Return a cube with nulls beyond its ends, so many labels along each dimension."""
    import xarray as xr

    if not any(counts.values()):
        return cube
    widths = [(counts.get(n, 0),) * 2 for n in cube.dimensions]
    values = cube.array.data.astype(float_type(cube.array.dtype))
    values = np.pad(values, widths, constant_values=np.nan)
    coords = {
        n: ((n,), padded_labels(cube.array[n].values, each.step, counts.get(n, 0)))
        for n, each in cube.dimensions.items()
    }
    return cube.with_array(xr.DataArray(values, coords, list(cube.dimensions)))


def _part(cube: Cube, places: Mapping[str, slice]) -> Cube:
    return cube.with_array(cube.array.isel(places))


def _axes(cube: Cube, name: str) -> tuple[str, str]:
    """Return the names of y and x."""
    x, y = cube.axis("x"), cube.axis("y")
    if x is None or y is None:
        has = ", ".join(cube.dimensions) or "none"
        raise _invalid(name, "data", f"it has no dimensions along x and y, only {has}")
    return y, x


def _check_padding(cube: Cube, counts: Mapping[str, int]) -> None:
    padded = prod(length + 2 * counts.get(str(n), 0) for n, length in cube.array.sizes.items())
    most = max(MOST_PADDED, TIMES_PADDED * cube.array.size)
    if padded > most:
        reason = f"the cube would grow to {padded} values, {most} at most: make it smaller"
        raise _invalid("apply_neighborhood", "overlap", reason)


def _check_count(along: Mapping[str, int]) -> None:
    count = prod(along.values())
    if count > MOST_WINDOWS:
        shown = ", ".join(f"{number} along {name}" for name, number in along.items())
        raise _invalid(
            "apply_neighborhood",
            "size",
            f"these are {count} neighbourhoods ({shown}), {MOST_WINDOWS} at most: make them larger",
        )


def _invalid(name: str, parameter: str, reason: str) -> OpenEOError:
    return error("ProcessParameterInvalid", process=name, parameter=parameter, reason=f"{reason}.")
