"""Calls of callbacks with the values of a cube, and what they answer as pixels of that cube.

A callback may answer with a plain number, which then holds at each pixel, with pixels, with an
array of either, or, if it is a user's function, with a whole cube on the same grid.
"""

# Some functions of dask.array have no types.
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubes import Cube, Dimension, Surroundings
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.space.regrids import same_crs
from workbench.openeo.values import (
    PixelArray,
    elements,
    float_type,
    is_array,
    is_lazy,
    is_pixels,
    labels_of,
    length_of,
    made_array,
)

if TYPE_CHECKING:
    from workbench.openeo.graphs.executor import Evaluation

__all__ = ["Asking", "misfit", "others", "placed", "together"]


@dataclass(frozen=True)
class Asking:
    """A process that asks a callback, with the whole cube or with a part of it at a time."""

    run: Evaluation
    process: str
    parameter: str
    """Of the process, which the callback is the argument of."""
    callback: Callable[..., Any]
    context: Any

    def each(self, cube: Cube) -> Any:
        """Return what it answers for every element: pixels with the dimensions of the cube."""
        with self.run.inside(Surroundings(cube)):
            answer = self.callback(x=cube.array.data, context=self.context)
        return self._one(answer, cube, list(cube.dimensions))

    def one(self, cube: Cube, name: str) -> Any:
        """Return its one answer for the values along a dimension.

        Returns
        -------
        numpy.ndarray or dask.array.Array
            One number for each pixel, with the other dimensions of the cube in their order.
        """
        return self._one(self._along(cube, name), cube, others(cube, name))

    def one_of_all(self, cube: Cube, values: Any, rest: Sequence[str]) -> Any:
        """Return its one answer for values (n, ...) over several dimensions, which have no labels.

        Parameters
        ----------
        rest
            The names of the other dimensions of the cube, in the order of the values.
        """
        with self.run.inside(Surroundings(cube)):
            answer = self.callback(data=PixelArray(values), context=self.context)
        return self._one(answer, cube, rest)

    def several(self, cube: Cube, name: str) -> PixelArray:
        """Return its answers for the values along a dimension.

        Returns
        -------
        PixelArray
            (n, ...) with n of at least 1 and the other dimensions of the cube in their order; with
            labels if the answer has some of its own.
        """
        answer, rest = self._along(cube, name), others(cube, name)
        if isinstance(answer, Cube):
            found = self._same_grid(answer, cube, rest, name).along(name)
        elif isinstance(answer, PixelArray):
            self._check_shape(answer.values.shape[1:], cube, rest)
            found = answer
        elif is_array(answer):
            filled = [self._filled(value, cube, rest) for value in elements(answer)]
            self._check_length(len(filled))
            found = made_array(filled, labels_of(answer))
        else:
            found = PixelArray(self._filled(answer, cube, rest)[None])
        self._check_length(found.values.shape[0])
        return found

    def whole(self, cube: Cube) -> Cube:
        """Return the cube that it answers a cube with, which has the same dimensions and labels.

        Raises
        ------
        OpenEOError
            DataCubePropertiesImmutable if it has not.
        """
        with self.run.inside(Surroundings(cube)):
            answer = self.callback(data=cube, context=self.context)
        if not isinstance(answer, Cube):
            raise self.wrong(f"it gives {_shown(answer)} for a data cube")
        names = list(cube.dimensions)
        if set(answer.dimensions) != set(names):
            given = ", ".join(answer.dimensions) or "none"
            reason: str | None = f"dimensions {given}, not {', '.join(names)}"
        else:
            reason = misfit(answer, cube, names)
        if reason is not None:
            raise error(
                "DataCubePropertiesImmutable", process=self.process, detail=f"It has {reason}."
            )
        return answer.with_array(answer.array.transpose(*names))

    def wrong(self, reason: str) -> OpenEOError:
        """Make the error of an answer that is none."""
        return error(
            "ProcessParameterInvalid",
            process=self.process,
            parameter=self.parameter,
            reason=f"{reason}.",
        )

    def _along(self, cube: Cube, name: str) -> Any:
        with self.run.inside(Surroundings(cube, name)):
            return self.callback(data=cube.along(name), context=self.context)

    def _one(self, answer: Any, cube: Cube, names: Sequence[str]) -> Any:
        if isinstance(answer, Cube):
            gone = next((name for name in cube.dimensions if name not in names), None)
            return self._same_grid(answer, cube, names, gone, single=True).array.data
        if is_array(answer):
            count = length_of(answer)
            if count != 1:
                reason = f"it gives {count} values where one is asked for"
                raise self.wrong(f"{reason}; take one of them, for example by array_element")
            answer = elements(answer)[0]
        return self._filled(answer, cube, names)

    def _filled(self, answer: Any, cube: Cube, names: Sequence[str]) -> Any:
        """Return one value as pixels; a plain number holds at each of them."""
        if is_pixels(answer):
            self._check_shape(answer.shape, cube, names)
            return answer
        if not (answer is None or isinstance(answer, bool | int | float)):
            raise self.wrong(f"it gives {_shown(answer)}, and pixels hold numbers and booleans")
        data = cube.array.data
        shape = tuple(cube.array.sizes[name] for name in names)
        kind = np.dtype(bool) if isinstance(answer, bool) else float_type(data.dtype)
        value = np.nan if answer is None else answer
        if not is_lazy(data):
            return np.full(shape, value, kind)
        import dask.array as da

        chunks = tuple(cube.array.chunksizes[name] for name in names)
        return da.full(shape, value, dtype=kind, chunks=chunks)

    def _same_grid(
        self, answer: Cube, cube: Cube, names: Sequence[str], free: str | None, single: bool = False
    ) -> Cube:
        """Return a cube that was answered, `free` first, if it fits in all other dimensions.

        Parameters
        ----------
        free
            A dimension of any labels; it may be missing if it is to have a `single` one.
        """
        found = answer
        if single and free in found.dimensions and found.array.sizes[free] == 1:
            found = found.with_array(found.array.isel({free: 0}, drop=True))
        wanted = [*names] if single or free is None else [free, *names]
        if set(found.dimensions) != set(wanted):
            given = ", ".join(found.dimensions) or "none"
            raise self.wrong(f"it gives dimensions {given}, not {', '.join(wanted) or 'none'}")
        if reason := misfit(found, cube, names):
            raise self.wrong(f"the cube that it gives has {reason}")
        return found.with_array(found.array.transpose(*wanted))

    def _check_shape(self, shape: tuple[int, ...], cube: Cube, names: Sequence[str]) -> None:
        wanted = tuple(cube.array.sizes[name] for name in names)
        if shape != wanted:
            raise self.wrong(f"it gives pixels of shape {shape}, not {wanted}")

    def _check_length(self, length: int) -> None:
        if length < 1:
            raise self.wrong("it gives an empty array where at least one value is asked for")


def misfit(cube: Cube, other: Cube, names: Sequence[str]) -> str | None:
    """Say what a cube has that another has not, along these dimensions; None if nothing."""
    for name in names:
        one, two = cube.dimensions[name], other.dimensions[name]
        if (one.kind, one.axis) != (two.kind, two.axis):
            return f"a dimension {name} that is {one.kind}, not {two.kind}"
        if one.lies_in_crs and not same_crs(cube.crs, other.crs):
            return f"the CRS {cube.crs}, not {other.crs}"
        if not np.array_equal(cube.array[name].values, other.array[name].values):
            return f"other labels along {name}"
    return None


def others(cube: Cube, name: str) -> list[str]:
    """Return the names of the dimensions but one, in order."""
    return [other for other in cube.dimensions if other != name]


def placed(
    cube: Cube, name: str, values: Any, labels: npt.NDArray[Any], dimension: Dimension
) -> Cube:
    """Return a cube with other values along a dimension, in the order of dimensions that it had.

    Parameters
    ----------
    values
        (n, ...), the other dimensions in their order.
    labels
        (n,), the coordinate.
    """
    import xarray as xr

    rest = others(cube, name)
    coords = {name: ((name,), labels)} | {other: cube.array[other].variable for other in rest}
    array = xr.DataArray(values, coords, (name, *rest))
    return cube.with_array(array.transpose(*cube.dimensions), **{name: dimension})


def together(pixels: Sequence[Any], cube: Cube, name: str) -> Any:
    """Return values for each label of a dimension as one array (n, ...), n from 0.

    Parameters
    ----------
    pixels
        n times the other dimensions of the cube in their order.
    """
    if pixels:
        return made_array(list(pixels)).values
    none = cube.with_array(cube.array.isel({name: slice(0)})).along(name).values
    return none.astype(float_type(none.dtype))


def _shown(answer: Any) -> str:
    return f"{answer!r:.80}" if isinstance(answer, str) else f"a {type(answer).__name__}"
