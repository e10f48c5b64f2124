"""Calls of code with cubes: whole, or block by block in x and y."""

# Some functions of dask.array have no types.
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.openeo.cubes import Cube
from workbench.openeo.errors import error
from workbench.openeo.udfs.exchange import Labelled, Outcome
from workbench.openeo.udfs.labelling import (
    described_dimensions,
    geometries_of,
    labels_of,
    made_cube,
)
from workbench.openeo.udfs.runtimes import Failed, Runtimes

__all__ = ["Call", "as_outcome", "called_by_blocks"]

PROBE = 8
"""Pixels along a side of the block on which the shape is found."""

SHARE = 8
"""A block has at most this part of the memory that the code may use: it needs room to compute."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call:
    """Code to be run."""

    runtimes: Runtimes
    code: str
    context: Any

    def run(self, data: Any, **more: Any) -> Outcome:
        """Run it.

        Raises
        ------
        OpenEOError
            ProcessParameterInvalid with what the code raised and printed.
        """
        try:
            return self.runtimes.run(self.code, data, self.context, **more)
        except Failed as failed:
            reason = str(failed.args[0])
            if printed := failed.printed.strip():
                reason += f"\nIt printed: {printed[-1000:]}"
            raise error(
                "ProcessParameterInvalid", process="run_udf", parameter="udf", reason=reason
            ) from None


def as_outcome(call: Call, data: Any) -> Outcome:
    """Call code with a cube in memory or with a value of JSON.

    Returns
    -------
    Outcome
        With a `Cube`, or a value of JSON.
    """
    if not isinstance(data, Cube):
        outcome = call.run(data)
        return _with_cube(outcome, None)
    _check_size(call, data)
    labelled = Labelled(_numbers(data.array.values), tuple(data.dimensions), labels_of(data))
    epsg = None if data.crs is None else data.crs.to_epsg()
    outcome = call.run(labelled, epsg=epsg, geometries=geometries_of(data))
    return _with_cube(outcome, data)


def called_by_blocks(call: Call, cube: Cube) -> Outcome:
    """Call code with a lazy cube.

    Returns
    -------
    Outcome
        With a lazy `Cube` where the code keeps x and y; it has printed what it did for the small
        block. Otherwise as `as_outcome` gives it for the computed cube.
    """
    x, y = cube.axis("x"), cube.axis("y")
    if x is None or y is None or cube.array.size == 0:
        return as_outcome(call, _computed(call, cube))
    middle = {name: _middle(cube.array.sizes[name]) for name in (y, x)}
    small = cube.with_array(cube.array.isel(middle).compute())
    outcome = as_outcome(call, small)
    found = outcome.value
    if not isinstance(found, Cube) or not all(_kept(found, small, name) for name in (y, x)):
        return as_outcome(call, _computed(call, cube))
    return Outcome(_lazy(call, cube, found, (y, x)), outcome.printed, outcome.warnings)


def _with_cube(outcome: Outcome, cube: Cube | None) -> Outcome:
    if not isinstance(outcome.value, Labelled):
        return outcome
    return Outcome(made_cube(outcome.value, cube), outcome.printed, outcome.warnings)


def _check_size(call: Call, cube: Cube) -> None:
    most = call.runtimes.limits.memory // 2
    if cube.array.nbytes > most:
        raise error(
            "ProcessParameterInvalid",
            process="run_udf",
            parameter="data",
            reason=(
                f"the cube has {cube.array.nbytes >> 20:,} MiB, at most {most >> 20:,} are given "
                "to code at once: filter it, or keep x and y in the code, for it to run in blocks."
            ),
        )


def _computed(call: Call, cube: Cube) -> Cube:
    _check_size(call, cube)
    return cube.with_array(cube.array.compute())


def _middle(size: int) -> slice:
    """Return a few pixels amid all: at edges there is often nothing."""
    first = max(0, (size - PROBE) // 2)
    return slice(first, min(first + PROBE, size))


def _kept(found: Cube, given: Cube, name: str) -> bool:
    """Tell whether a dimension came back with the labels that it had."""
    return name in found.dimensions and np.array_equal(
        found.array[name].values, given.array[name].values
    )


@dataclass(frozen=True, eq=False)
class _Block:
    """What each block is computed with."""

    call: Call
    dims: tuple[str, ...]
    labels: Mapping[str, npt.NDArray[Any]]
    """Of all dimensions, x and y whole."""
    places: tuple[str, str]
    """y and x."""
    epsg: int | None
    given: tuple[str, ...]
    """The dimensions of the result."""
    shape: Mapping[str, int]
    """Of the dimensions of the result, without x and y."""
    kind: np.dtype[Any]

    def __call__(self, values: Any, rows: Any, columns: Any) -> npt.NDArray[Any]:
        y, x = self.places
        labels = {**self.labels, y: self.labels[y][rows], x: self.labels[x][columns]}
        outcome = self.call.run(Labelled(_numbers(values), self.dims, labels), epsg=self.epsg)
        if outcome.printed.strip():
            logger.info("run_udf: %s", outcome.printed.strip())
        found, shape = outcome.value, {**self.shape, y: len(rows), x: len(columns)}
        if not isinstance(found, Labelled) or dict(
            zip(found.dims, found.values.shape, strict=True)
        ) != {name: shape[name] for name in self.given}:
            raise self._another("shape")
        if not np.can_cast(found.values.dtype, self.kind, "same_kind"):
            raise self._another(f"type, {found.values.dtype} after {self.kind}")
        order = [found.dims.index(name) for name in self.given]
        return found.values.transpose(order).astype(self.kind)

    def _another(self, what: str) -> Exception:
        return error(
            "ProcessParameterInvalid",
            process="run_udf",
            parameter="udf",
            reason=f"a block of the data cube came back with another {what} than the first.",
        )


def _lazy(call: Call, cube: Cube, small: Cube, places: tuple[str, str]) -> Cube:
    """Return the cube whose blocks are computed by the code, of the shape of a small one."""
    import dask.array as da

    blocks = _in_blocks(call, cube, places)
    dims, given = tuple(cube.dimensions), tuple(small.dimensions)
    sizes = {name: small.array.sizes[name] for name in given if name not in places}
    block = _Block(
        call,
        dims,
        labels_of(cube),
        places,
        None if cube.crs is None else cube.crs.to_epsg(),
        given,
        sizes,
        small.array.dtype,
    )
    chunks = dict(zip(dims, blocks.chunks, strict=True))
    rows, columns = (da.arange(cube.array.sizes[name], chunks=(chunks[name],)) for name in places)
    # Other dimensions of the input are not those of the result, also where they have their name.
    inside = [name if name in places else f"given {name}" for name in dims]
    data = da.blockwise(
        block,
        given,
        blocks,
        inside,
        rows,
        places[:1],
        columns,
        places[1:],
        new_axes=sizes,
        concatenate=True,
        dtype=small.array.dtype,
        meta=np.empty((0,) * len(given), small.array.dtype),
    )
    coords = {name: (cube if name in places else small).array[name].values for name in given}
    described = Labelled(small.array.values, given, {n: small.array[n].values for n in given})
    dimensions, _ = described_dimensions(described, cube)
    dimensions |= {name: cube.dimensions[name] for name in places}
    array = xr.DataArray(data, coords, given).rename(None)  # it took the name of the Dask array
    return Cube(array, dimensions, cube.crs)


def _in_blocks(call: Call, cube: Cube, places: tuple[str, str]) -> Any:
    """Return the array in blocks that hold all but x and y whole, and are not too large."""
    array = cube.array.data
    names = list(cube.dimensions)
    whole = {n: -1 for n, name in enumerate(names) if name not in places}
    array = array.rechunk(whole)
    pixel = math.prod(array.shape[n] for n in whole) * array.dtype.itemsize
    most = max(1, call.runtimes.limits.memory // SHARE // max(1, pixel))
    largest = math.prod(max(array.chunks[names.index(name)]) for name in places)
    if largest > most:
        side = max(1, math.isqrt(most))
        array = array.rechunk({names.index(name): side for name in places})
    return array


def _numbers(values: Any) -> npt.NDArray[Any]:
    return np.asarray(values)
