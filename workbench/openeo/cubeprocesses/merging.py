"""Processes of data cubes: merge_cubes, mask: one cube of two.

Pixels of two cubes that lie on each other stay as they are: the grid of the merged cube spans both,
and is null where neither has a value. If they do not, the second cube is resampled onto the grid of
the first.
"""

# Some functions of Dask and xarray have no types.
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubeprocesses.joins import Joined, identical, joined, pixels_joined
from workbench.openeo.cubeprocesses.labels import picked
from workbench.openeo.cubes import Cube, Dimension, Surroundings
from workbench.openeo.declarations import process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.space.regrids import same_crs
from workbench.openeo.values import float_type, is_lazy, is_pixels, type_with

MOST_TIMES = 8
"""As large as the cubes that it is made of, a merged cube may always be."""
MOST_VALUES, MOST_LAZY = 2**27, 2**40
"""Of a merged cube that is larger than that, in memory and on Dask."""

Places = npt.NDArray[np.intp]
Resolver = Callable[..., Any]


@process("merge_cubes", takes_run=True)
def merge_cubes(
    run: Any, cube1: Cube, cube2: Cube, overlap_resolver: Resolver | None, context: Any
) -> Cube:
    """Join the labels of two cubes along every dimension.

    A cube holds at each label of a dimension that only the other one has. Where both cubes have
    labels both values go to the resolver, also those that are null.
    """
    _check_kinds(cube1, cube2)
    cube2, joins = pixels_joined(
        cube1, cube2, "merge_cubes", lambda reason: _invalid("cube2", reason)
    )
    for name, dimension in cube1.dimensions.items():
        if name in cube2.dimensions and name not in joins:
            joins[name] = joined(cube1.array[name].values, cube2.array[name].values, dimension)
    for cube in (cube1, cube2):
        alone = (name for name in cube.dimensions if name not in joins)
        joins |= {name: identical(cube.array[name].values) for name in alone}
    larger = cube2 if set(cube1.dimensions) < set(cube2.dimensions) else cube1
    joins = {name: joins[name] for name in dict.fromkeys([*larger.dimensions, *joins])}
    _check_size(cube1, cube2, joins)
    overlap = all(np.any((join.first >= 0) & (join.second >= 0)) for join in joins.values())
    if overlap and overlap_resolver is None:
        shared = [name for name in cube1.dimensions if name in cube2.dimensions]
        detail = f"They have labels in common along {', '.join(shared) or 'no dimension'}."
        raise error("OverlapResolverMissing", process="merge_cubes", detail=detail)
    merge = _Merge(run, *_both_lazy(cube1, cube2), joins, overlap_resolver, context)
    return merge.cube({}, merge.values({}))


@process("mask")
def mask(data: Cube, mask: Cube, replacement: Any) -> Cube:
    """Replace pixels of a cube, null ones too, where a mask is neither 0, false nor null."""
    if not data.is_raster or not mask.is_raster:
        parameter = "mask" if data.is_raster else "data"
        raise _invalid(parameter, "it has no x and y", "mask")
    if isinstance(replacement, str):
        reason = f"a cube of numbers cannot hold {replacement!r:.80}"
        raise _invalid("replacement", reason, "mask")
    found = _fitted(data, mask).array
    hit = ((found != 0) & found.notnull()).drop_vars(list(found.coords))
    kind = type_with(data.array.dtype, replacement)
    value = kind.type(np.nan if replacement is None else replacement)
    array = data.array.astype(kind).where(~hit, value)
    return data.with_array(array.transpose(*data.dimensions))


@dataclass(frozen=True)
class _Merge:
    """Two cubes whose labels are joined.

    A *box* is a part of the merged cube that lies wholly inside or wholly outside of each of them:
    places along its dimensions, by name. Dimensions that it lacks are not divided yet.
    """

    run: Any
    cube1: Cube
    cube2: Cube
    joins: Mapping[str, Joined]
    resolver: Resolver | None
    context: Any

    def values(self, box: Mapping[str, Places]) -> Any:
        """Return values (...), the dimensions in the order of `joins`."""
        name = next((name for name in self.joins if name not in box), None)
        if name is None:
            return self._undivided(box)
        whose = 2 * (self.joins[name].first >= 0) + (self.joins[name].second >= 0)
        parts = [np.flatnonzero(whose == cubes) for cubes in np.unique(whose)] or [whose]
        values = [self.values({**box, name: part}) for part in parts]
        if len(values) == 1:
            return values[0]
        axis, places = len(box), np.concatenate(parts)
        whole = np.concatenate(values, axis)
        sorted_already = np.all(np.diff(places) == 1)
        return whole if sorted_already else np.take(whole, np.argsort(places), axis)

    def cube(self, box: Mapping[str, Places], values: Any) -> Cube:
        """Return values of a box as a cube."""
        import xarray as xr

        one, two = self.cube1, self.cube2
        labels = {
            name: join.values[box[name]] if name in box else join.values
            for name, join in self.joins.items()
        }
        located = one if one.is_raster or one.is_vector or two.crs is None else two
        dimensions = {name: self._dimension(name) for name in self.joins}
        array = xr.DataArray(values, labels, tuple(labels), attrs=one.array.attrs)
        return Cube(array, dimensions, located.crs)

    def _undivided(self, box: Mapping[str, Places]) -> Any:
        firsts = {name: self.joins[name].first[places] for name, places in box.items()}
        seconds = {name: self.joins[name].second[places] for name, places in box.items()}
        inside = [all(np.all(p >= 0) for p in each.values()) for each in (firsts, seconds)]
        if inside == [True, True]:
            x, y = _values(self.cube1, firsts), _values(self.cube2, seconds)
            return self._resolved(box, *_same_blocks(x, y))
        if inside == [False, False]:
            return _constant(np.float32(np.nan), [len(p) for p in box.values()], self.cube1)
        return _values(self.cube1, firsts) if inside[0] else _values(self.cube2, seconds)

    def _resolved(self, box: Mapping[str, Places], x: Any, y: Any) -> Any:
        """Return what the resolver makes of the values of both cubes."""
        kind = np.result_type(x.dtype, y.dtype)
        if self.resolver is None or 0 in x.shape:
            return x.astype(kind)
        surroundings = Surroundings(self.cube(box, x))
        with self.run.inside(surroundings):
            found = self.resolver(x=x, y=y, context=self.context)
        if isinstance(found, Cube) and set(found.dimensions) == set(box):
            found = found.array.transpose(*box).data
        if found is None or isinstance(found, bool | int | float):
            value = np.nan if found is None else found
            truths = isinstance(found, bool) and kind.kind == "b"
            wanted = kind if truths else float_type(kind)
            return _constant(wanted.type(value), x.shape, self.cube1)
        if not is_pixels(found) or found.shape != x.shape:
            raise _invalid("overlap_resolver", "it does not give one value for two")
        return found

    def _dimension(self, name: str) -> Dimension:
        """Return a dimension of both cubes, or of one."""
        every = [c.dimensions[name] for c in (self.cube1, self.cube2) if name in c.dimensions]
        if len(every) == 1:
            return every[0]
        one, two = every
        step = self.cube1.step(name) if one.axis in ("x", "y") else one.step
        return replace(
            one, step=two.step if step is None else step, bands={**two.bands, **one.bands}
        )


def _values(cube: Cube, places: Mapping[str, Places]) -> Any:
    """Return values of a cube at places of its dimensions, at all of those of others."""
    own = {name: each for name, each in places.items() if name in cube.dimensions}
    variable = picked(cube, own).array.variable
    return variable.set_dims({name: len(each) for name, each in places.items()}).data


def _constant(value: Any, shape: Sequence[int], like: Cube) -> Any:
    """Return one value for each pixel, lazy as those of a cube."""
    if not is_lazy(like.array.data):
        return np.broadcast_to(value, shape)
    import dask.array as da

    return da.full(shape, value, dtype=value.dtype)


def _same_blocks(x: Any, y: Any) -> tuple[Any, Any]:
    """Return arrays of one shape, on Dask in the same blocks."""
    if not is_lazy(x):
        return x, y
    from dask.array.core import unify_chunks

    axes = tuple(range(x.ndim))
    _, (x, y) = unify_chunks(x, axes, y, axes)
    return x, y


def _both_lazy(one: Cube, other: Cube) -> tuple[Cube, Cube]:
    """Return two cubes, both on Dask if one of them is, in the same blocks where they can be."""
    lazy = [is_lazy(cube.array.data) for cube in (one, other)]
    if all(lazy) or not any(lazy):
        return one, other
    if lazy[1]:
        return _chunked(one, other), other
    return one, _chunked(other, one)


def _chunked(cube: Cube, like: Cube) -> Cube:
    """Return a cube in memory in the blocks of another, along dimensions of equal length."""
    chunks = {
        name: like.array.chunksizes[name]
        for name in cube.dimensions
        if name in like.dimensions and like.array.sizes[name] == cube.array.sizes[name]
    }
    return cube.with_array(cube.array.chunk(chunks))


def _fitted(data: Cube, mask: Cube) -> Cube:
    """Return a mask at the labels of a cube; null where it has no pixel."""

    def refuse(reason: str) -> OpenEOError:
        return error("IncompatibleDataCubes", process="mask", detail=f"Of the mask: {reason}.")

    alone = [name for name in mask.dimensions if name not in data.dimensions]
    if alone:
        raise refuse(f"the data has no dimension {alone[0]!r:.80}")
    fitted, joins = pixels_joined(data, mask, "mask", refuse)
    for name, join in joins.items():
        fitted = _placed(fitted, name, join.second[join.first >= 0])
    for name in mask.dimensions:
        if name in joins:
            continue
        labels = mask.array[name].values
        join = joined(data.array[name].values, labels, mask.dimensions[name])
        if np.any(join.first < 0) or np.any(join.second < 0):
            raise refuse(f"it has other labels along {name!r:.80}")
        fitted = picked(fitted, {name: join.second[np.argsort(join.first)]})
    return fitted


def _placed(cube: Cube, name: str, places: Places) -> Cube:
    """Return pixels of a cube along x or y at these places, null at -1."""
    if np.all(places >= 0):
        return picked(cube, {name: places})
    array = cube.array.astype(float_type(cube.array.dtype))
    array = array.pad({name: (0, 1)}, constant_values=np.nan)
    return cube.with_array(array.isel({name: places}))


def _check_kinds(one: Cube, other: Cube) -> None:
    """Refuse cubes of pixels beside those of geometries, and geometries of other types."""
    if (one.is_raster and other.is_vector) or (one.is_vector and other.is_raster):
        raise _invalid("cube2", "pixels and geometries cannot be merged")
    if not (one.is_vector and other.is_vector):
        return
    if one.crs is not None and other.crs is not None and not same_crs(one.crs, other.crs):
        raise _invalid("cube2", "its geometries have another reference system")
    types = [_geometry_types(cube) for cube in (one, other)]
    if all(types) and types[0] != types[1]:
        detail = f"They are {' and '.join(', '.join(sorted(each)) for each in types)}."
        raise error("IncompatibleGeometryTypes", process="merge_cubes", detail=detail)


def _geometry_types(cube: Cube) -> set[str]:
    """Return the types of geometries, those of several points the same as those of one."""
    shapes = (shape for name in cube.of_kind("geometry") for shape in cube.array[name].values)
    return {
        shape.geom_type.removeprefix("Multi").replace("LinearRing", "LineString")
        for shape in shapes
    }


def _check_size(one: Cube, other: Cube, joins: Mapping[str, Joined]) -> None:
    """Refuse a merged cube that is far larger than what it is made of."""
    size = prod(len(join.values) for join in joins.values())
    lazy = is_lazy(one.array.data) or is_lazy(other.array.data)
    most = max(MOST_LAZY if lazy else MOST_VALUES, MOST_TIMES * (one.array.size + other.array.size))
    if size > most:
        raise _invalid("cube2", f"the merged cube would have {size} values, more than {most}")


def _invalid(parameter: str, reason: str, process_name: str = "merge_cubes") -> OpenEOError:
    return error(
        "ProcessParameterInvalid", process=process_name, parameter=parameter, reason=f"{reason}."
    )
