"""Processes of data cubes: aggregate_spatial."""

# Some functions of dask.array have no types.
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubes import Cube, Dimension, Surroundings
from workbench.openeo.declarations import process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.space.coverage import Pixels, covered, pixels_of, placed, window_around
from workbench.openeo.space.geometries import PROPERTIES, Geometries, Shapes, shapes_of
from workbench.openeo.values import PixelArray, float_type, is_lazy, is_pixels
from workbench.rasters.windows import Window, windows

if TYPE_CHECKING:
    from workbench.openeo.graphs.executor import Evaluation

NAME = "aggregate_spatial"

MOST_TOGETHER = 2**26
"""Pixels of all geometries; those in several count several times."""

_VALUES = 2**24  # that a reducer is called with at once, about
_MANY = 2**16  # pixels of one geometry that are taken from the blocks one by one
_SIDE = 4096  # pixels along a side of a window that is searched for those of a geometry

Places = npt.NDArray[np.int32]


@process(NAME, takes_run=True)
def aggregate_spatial(
    run: Evaluation,
    data: Cube,
    geometries: Any,
    reducer: Callable[..., Any],
    target_dimension: str | None,
    context: Any,
) -> Cube:
    pixels = pixels_of(data, NAME)
    shapes = shapes_of(geometries, NAME, "geometries")
    layers = _layers(data)
    if target_dimension is not None and target_dimension in (*data.dimensions, shapes.dimension):
        raise error("TargetDimensionExists", process=NAME, detail=f"It is {target_dimension!r}.")
    if shapes.dimension in layers:
        reason = f"the data have a dimension of the name {shapes.dimension!r} already."
        raise _invalid("geometries", reason)
    places = _places(placed(shapes, pixels), pixels)
    whole = data.array.transpose(*layers, str(data.axis("y")), str(data.axis("x")))
    whole = whole.astype(float_type(whole.dtype))

    def one_value(values: Any, members: Sequence[int]) -> Any:
        cube = _pixel_cube(data, values, layers, shapes, members)
        with run.inside(Surroundings(cube, str(cube.array.dims[0]))):
            found = reducer(data=PixelArray(values), context=context)
        return _checked(found, values, cube)

    answers, counts, order = [], [], []
    for members in _batches(places, layers_size=prod(whole.shape[:-2])):
        values = _gathered(whole.data, [places[member] for member in members])
        answers.append(one_value(values, members))
        counts.append(_valid(values))
        order += members
    rest = [place for place, (rows, _) in enumerate(places) if not len(rows)]
    values = _joined(answers, order, rest, whole)
    if target_dimension is None:
        return _vector_cube(data, values, layers, shapes)
    totals = np.array([len(rows) for rows, _ in places], values.dtype)
    valid = _joined(counts, order, rest, whole, empty=0)
    found = _stacked([values, totals, valid])
    return _vector_cube(data, found, layers, shapes, target_dimension)


def _layers(cube: Cube) -> list[str]:
    """Return the names of the dimensions that are not x and y."""
    return [name for name in cube.dimensions if name not in (cube.axis("y"), cube.axis("x"))]


def _places(geometries: Geometries, pixels: Pixels) -> list[tuple[Places, Places]]:
    """Return rows and columns of the pixels that belong to each geometry.

    Raises
    ------
    OpenEOError
        ProcessParameterInvalid if they are too many, before they are looked for if the areas of
        polygons say so.
    """
    around = [window_around(geometries[n : n + 1], pixels) for n in range(len(geometries))]
    if all(window is None for window in around):
        return [_no_places() for _ in around]
    _check_count(_expected(geometries, pixels))
    found, together = [], 0
    for number, window in enumerate(around):
        found.append(_own_places(geometries[number : number + 1], pixels, window))
        together += len(found[-1][0])
        _check_count(together)
    return found


def _no_places() -> tuple[Places, Places]:
    return np.zeros(0, np.int32), np.zeros(0, np.int32)


def _expected(geometries: Geometries, pixels: Pixels) -> float:
    """Return about how many pixels belong to the polygons among shapes."""
    import shapely

    areas = [shapely.area(shapely.clip_by_rect(g, *pixels.bounds())) for g in geometries]
    return float(np.sum(areas)) / abs(pixels.step[0] * pixels.step[1])


def _check_count(pixels: float) -> None:
    if pixels > MOST_TOGETHER:
        reason = (
            f"about {pixels:.3g} pixels belong to them, and at most {MOST_TOGETHER} are possible"
        )
        way = "use resample_spatial for a coarser resolution, reduce_spatial, or fewer geometries"
        raise _invalid("geometries", f"{reason}: {way}.")


def _own_places(
    geometry: Geometries, pixels: Pixels, window: Window | None
) -> tuple[Places, Places]:
    """Return rows and columns of the pixels of one geometry, searched window by window."""
    if window is None:
        return _no_places()
    found = []
    for part in windows(window.shape, _SIDE):
        rows, cols = (
            (start + first, start + end)
            for (start, _), (first, end) in zip(window, part, strict=True)
        )
        row, col = np.nonzero(covered(geometry, pixels, Window(rows, cols)))
        found.append((row + rows[0], col + cols[0]))
    rows_found, cols_found = zip(*found, strict=True)
    return np.concatenate(rows_found).astype(np.int32), np.concatenate(cols_found).astype(np.int32)


def _batches(places: list[tuple[Places, Places]], layers_size: int) -> Iterator[list[int]]:
    """Yield geometries that have as many pixels as each other, not too many together."""
    groups: dict[int, list[int]] = {}
    for number, (rows, _) in enumerate(places):
        groups.setdefault(len(rows), []).append(number)
    groups.pop(0, None)
    for size, members in sorted(groups.items()):
        most = max(1, _VALUES // (size * max(layers_size, 1)))
        for first in range(0, len(members), most):
            yield members[first : first + most]


def _gathered(values: Any, places: list[tuple[Places, Places]]) -> Any:
    """Return the values (n, layers..., geometries) at places of values (layers..., y, x)."""
    size = len(places[0][0])
    rows, cols = (np.concatenate(each) for each in zip(*places, strict=True))
    shape = (*values.shape[:-2], len(places), size)
    if not is_lazy(values):
        return np.moveaxis(values[..., rows, cols].reshape(shape), -1, 0)
    if size * len(places) * prod(max(c) for c in values.chunks[:-2]) > 4 * _VALUES:
        values = values.rechunk(dict.fromkeys(range(values.ndim - 2), 1))
    if len(places) == 1 and size > _MANY:
        points = _from_blocks(values, rows, cols).rechunk({values.ndim - 2: -1})
        return points.reshape(shape).transpose(points.ndim, *range(points.ndim))
    everywhere = (slice(None),) * (values.ndim - 2)
    points = values.vindex[(*everywhere, rows, cols)]
    points = points.rechunk({0: -1}).reshape(len(places), size, *values.shape[:-2])
    return points.transpose(1, *range(2, points.ndim), 0)


def _from_blocks(values: Any, rows: Places, cols: Places) -> Any:
    """Return values (layers..., n) of a Dask array at places, block after block in any order.

    It costs less memory than one index of all places.
    """
    import dask.array as da

    layers = values.ndim - 2
    ends = [np.cumsum(chunks) for chunks in values.chunks[layers:]]
    row, col = (
        np.searchsorted(end, at, "right") for end, at in zip(ends, (rows, cols), strict=True)
    )
    block = (row * len(ends[1]) + col).astype(np.int32)
    order = np.argsort(block, kind="stable")
    numbers, firsts = np.unique(block[order], return_index=True)
    parts = []
    for number, members in zip(numbers, np.split(order, firsts[1:]), strict=True):
        down, across = divmod(int(number), len(ends[1]))
        start = ends[0][down] - values.chunks[-2][down], ends[1][across] - values.chunks[-1][across]
        part = values.blocks[(*(slice(None),) * layers, down, across)]
        parts.append(
            part.map_blocks(
                _picked,
                rows=(rows[members] - start[0]).astype(np.int32),
                cols=(cols[members] - start[1]).astype(np.int32),
                drop_axis=layers + 1,
                chunks=(*values.chunks[:layers], (len(members),)),
                dtype=values.dtype,
                meta=np.empty((0,) * (layers + 1), values.dtype),
            )
        )
    return da.concatenate(parts, axis=layers)


def _picked(values: Any, rows: Places, cols: Places) -> Any:
    return values[..., rows, cols]


def _pixel_cube(
    cube: Cube, values: Any, layers: list[str], shapes: Shapes, members: Sequence[int]
) -> Cube:
    """Return the pixels of geometries as a cube: pixels, other dimensions, geometries."""
    import xarray as xr

    first = "pixels"
    while first in (*layers, shapes.dimension):
        first += "_"
    coords = {first: np.arange(values.shape[0])}
    coords |= {name: cube.array[name].values for name in layers}
    coords |= {shapes.dimension: shapes.geometries[list(members)]}
    dimensions = {
        first: Dimension("other"),
        **{name: cube.dimensions[name] for name in layers},
        shapes.dimension: Dimension("geometry"),
    }
    return Cube(xr.DataArray(values, coords, tuple(dimensions)), dimensions, shapes.crs)


def _checked(found: Any, values: Any, cube: Cube) -> Any:
    """Return what a reducer gave as a value for each of the other dimensions and geometries."""
    shape = values.shape[1:]
    if isinstance(found, Cube):
        wanted = list(cube.dimensions)[1:]
        if set(found.array.dims) != set(wanted):
            reason = f"it gives {', '.join(found.dimensions)} and not {', '.join(wanted)}."
            raise _invalid("reducer", reason)
        found = found.array.transpose(*wanted).data
    if found is None or isinstance(found, bool | int | float):  # it holds for all of them
        return np.full(shape, np.nan if found is None else found, values.dtype)
    if not is_pixels(found) or found.shape != shape:
        raise _invalid("reducer", "it gives no single value for an array.")
    return found


def _valid(values: Any) -> Any:
    """Count the valid among values (n, ...): finite ones."""
    return np.isfinite(values).sum(axis=0).astype(values.dtype)


def _joined(
    parts: list[Any], order: list[int], rest: list[int], whole: Any, empty: float = np.nan
) -> Any:
    """Return values (layers..., geometries) of parts in the order of the geometries.

    Parameters
    ----------
    parts
        (layers..., some geometries).
    order
        Their numbers, one after the other.
    rest
        Numbers of geometries without pixels, whose value is `empty`.
    """
    shape = (*whole.shape[:-2], len(rest))
    place = np.argsort([*order, *rest])
    kinds = [part.dtype for part in parts if part.dtype.kind != "b"]
    kind = np.result_type(whole.dtype, *kinds) if rest or kinds else np.dtype(bool)
    if not is_lazy(whole.data):
        parts = [*(part.astype(kind) for part in parts), np.full(shape, empty, kind)]
        return np.concatenate(parts, axis=-1)[..., place]
    import dask.array as da

    parts = [*(da.asarray(part).astype(kind) for part in parts), da.full(shape, empty, dtype=kind)]
    return da.concatenate(parts, axis=-1)[..., place]


def _stacked(parts: list[Any]) -> Any:
    """Return values, some perhaps lazy, side by side along a new last axis."""
    if not any(map(is_lazy, parts)):
        return np.stack(np.broadcast_arrays(*parts), axis=-1)
    import dask.array as da

    return da.stack(da.broadcast_arrays(*map(da.asarray, parts)), axis=-1)


def _vector_cube(
    cube: Cube, values: Any, layers: list[str], shapes: Shapes, target: str | None = None
) -> Cube:
    """Return values (layers..., geometries, and perhaps a target) with the geometries first."""
    import xarray as xr

    name = shapes.dimension
    names = [*layers, name, *([] if target is None else [target])]
    coords: dict[str, Any] = {layer: cube.array[layer].values for layer in layers}
    coords[name] = shapes.geometries
    dimensions = {name: Dimension("geometry")} | {layer: cube.dimensions[layer] for layer in layers}
    if target is not None:
        coords[target] = ["value", "total_count", "valid_count"]
        dimensions[target] = Dimension("other")
    array = xr.DataArray(values, coords, names).transpose(*dimensions)
    if shapes.properties is not None:
        array[name].attrs[PROPERTIES] = shapes.properties
    return replace(cube, array=array, dimensions=dimensions, crs=shapes.crs)


def _invalid(parameter: str, reason: str) -> OpenEOError:
    return error("ProcessParameterInvalid", process=NAME, parameter=parameter, reason=reason)
