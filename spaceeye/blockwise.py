"""Blocks of a cube solved one by one: what each Dask task does, and how the blocks become a cube.

A block is (N, B, y, x) with all N times and B bands; a result has T output dates. Pixels do not
depend on each other, so results have the same bits for any chunking.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from spaceeye.series import Series
from spaceeye.solver.engines import engine_named
from workbench.rasters.stores import TIME_CHUNK

if TYPE_CHECKING:
    from spaceeye.solver.observations import Evidence

__all__ = ["EVIDENCE", "Problem", "evidence", "knots", "labelled", "solved"]

Array = npt.NDArray[Any]

EVIDENCE = np.dtype([("flag", np.uint8), ("age", np.int16), ("support", np.float32)])
"""What an output date of a pixel rests on; see `spaceeye.solver.observations.Evidence`."""

MOST_BYTES = 32 * 2**20
"""Most bytes of one block of output; longer ones are divided in time, each part solved anew."""


@dataclass(frozen=True)
class Problem:
    """What is asked of every block: from which days, to which, and how; all but its pixels.

    Attributes
    ----------
    days, out_days
        (N,) acquisitions, ascending, and (T,) output dates, in days since the first acquisition.
    alpha
        Damping, days.
    engine, extrapolate, max_gap, mask_gaps
        As for `spaceeye.interpolate`; `max_gap` in days.
    parallel
        Whether a block uses all cores; False where Dask runs several blocks at once.
    light
        ``gains`` (N, B) and ``out_gains`` (T, B), float32, relative to 1, where light is evened
        out; else empty.
    """

    days: tuple[float, ...]
    out_days: tuple[float, ...]
    alpha: float
    engine: str
    extrapolate: str
    max_gap: float | None
    mask_gaps: bool
    parallel: bool
    light: Mapping[str, Any] = field(default_factory=dict)

    def part(self, dates: slice) -> Problem:
        """Return the problem for some of the output dates."""
        light = dict(self.light)
        if light:
            light["out_gains"] = light["out_gains"][dates]
        return Problem(**{**vars(self), "out_days": self.out_days[dates], "light": light})


def solved(series: Series, problem: Problem) -> Any:
    """Return the values at the output dates.

    Parameters
    ----------
    series
        In memory or on Dask.
    problem
        For all of its blocks.

    Returns
    -------
    array
        (T, B, Y, X) in the type and unit of the series, 0 or NaN where never observed; on Dask if
        the series is.
    """
    if not series.lazy:
        return _solve(series.values.values, series.weights.values, problem=problem)
    import dask.array as da

    values, weights = series.values.data, series.weights.data
    bands, *space = values.chunks[1:]
    parts = [
        da.map_blocks(
            partial(_solve, problem=part),
            values,
            weights[:, None],
            chunks=((len(part.out_days),), (sum(bands),), *space),
            dtype=values.dtype,
            meta=np.empty((0,) * 4, values.dtype),
            name=_name("solve", part, series),
        )
        for part in _parts(series, problem)
    ]
    return da.concatenate(parts)


def evidence(series: Series, problem: Problem) -> dict[str, Any]:
    """Return what the output dates rest on; see `spaceeye.interpolate`.

    Parameters
    ----------
    series
        In memory or on Dask; only its weights are read.
    problem
        For all of its blocks.

    Returns
    -------
    dict
        By name ``flag`` (uint8), ``age`` (int16, days, -1 never observed) and ``support`` (float32,
        relative variance, NaN never observed), each (T, Y, X); on Dask if the series is.
    """
    if not series.lazy:
        shape = (len(problem.out_days), *series.weights.shape[1:])
        layers = _flags(_flat(series.weights.values), problem)._asdict()
        return {name: layer.reshape(shape) for name, layer in layers.items()}
    import dask.array as da

    weights = series.weights.data
    parts = [
        da.map_blocks(
            partial(_evidence, problem=part),
            weights,
            chunks=((len(part.out_days),), *weights.chunks[1:]),
            dtype=EVIDENCE,
            meta=np.empty((0,) * 3, EVIDENCE),
            name=_name("evidence", part, series),
        )
        for part in _parts(series, problem)
    ]
    found = da.concatenate(parts)
    return {name: found[name] for name in EVIDENCE.names or ()}


def _parts(series: Series, problem: Problem) -> list[Problem]:
    """Divide a problem in time, so that no block of its results has more than `MOST_BYTES`."""
    values = series.values.data
    size = int(np.prod([max(chunk) for chunk in values.chunks[1:]])) * values.dtype.itemsize
    length = max(1, MOST_BYTES // size // TIME_CHUNK) * TIME_CHUNK
    return [
        problem.part(slice(start, start + length))
        for start in range(0, len(problem.out_days), length)
    ]


def knots(series: Series, alpha: float, engine: str) -> Any:
    """Return the solution on the acquisition times.

    Parameters
    ----------
    series
        In memory or on Dask.
    alpha
        Damping, days.
    engine
        As for `spaceeye.interpolate`.

    Returns
    -------
    array
        (N, B, Y, X) float32 in the unit of the values, NaN where never observed; on Dask if the
        series is.
    """
    call = partial(_knots, days=tuple(series.days), alpha=alpha, engine=engine)
    if not series.lazy:
        return call(series.values.values, series.weights.values)
    import dask.array as da

    return da.map_blocks(
        call,
        series.values.data,
        series.weights.data[:, None],
        dtype=np.float32,
        meta=np.empty((0,) * 4, np.float32),
    )


def _solve(values: Array, weights: Array, *, problem: Problem) -> Array:
    engine = engine_named(problem.engine, values.dtype)
    rows, columns = values.shape[2:]
    flat = _flat(weights)
    out = engine.interpolate(
        np.ascontiguousarray(values).reshape(*values.shape[:2], -1),
        flat,
        problem.days,
        problem.out_days,
        problem.alpha,
        extrapolate=problem.extrapolate,
        parallel=problem.parallel,
        **problem.light,
    )
    if problem.mask_gaps:
        nothing = 0 if out.dtype == np.uint16 else np.nan
        far = _flags(flat, problem).flag[:, None] == 2
        out = np.where(far, out.dtype.type(nothing), out)
    return out.reshape(len(problem.out_days), values.shape[1], rows, columns)


def _evidence(weights: Array, *, problem: Problem) -> Array:
    found = _flags(_flat(weights), problem)
    out = np.empty(found.flag.shape, EVIDENCE)
    out["flag"], out["age"], out["support"] = found
    return out.reshape(len(problem.out_days), *weights.shape[-2:])


def _flags(weights: Array, problem: Problem) -> Evidence:
    from spaceeye.solver.observations import flags_age_support  # loads numba

    return flags_age_support(
        weights,
        problem.days,
        problem.out_days,
        problem.alpha,
        problem.max_gap,
        parallel=problem.parallel,
    )


def _knots(values: Array, weights: Array, *, days: Any, alpha: float, engine: str) -> Array:
    cube = np.ascontiguousarray(values).reshape(*values.shape[:2], -1)
    found = engine_named(engine, values.dtype).knots(cube, _flat(weights), days, alpha)
    return found.reshape(values.shape)


def _flat(weights: Array) -> Array:
    """Return the weights (N, y, x), or (N, 1, y, x) as blocks have them, as (N, P)."""
    return np.ascontiguousarray(weights).reshape(len(weights), -1)


def _name(verb: str, problem: Problem, series: Series) -> str:
    """Name the tasks by what they do, so that the dashboard can be read."""
    from dask.base import tokenize

    return f"{verb}-{tokenize(problem, series.values.data, series.weights.data)}"


def labelled(data: Any, like: Series, dims: tuple[str, ...], **coords: Any) -> xr.DataArray:
    """Return an array on the grid of a series, with its coordinates and its CRS.

    Parameters
    ----------
    data
        NumPy or Dask array.
    like
        The series whose coordinates are taken, all but those in time.
    dims
        Names of the dims of `data`.
    **coords
        Further coordinates, such as ``time``; they go before those of `like`.

    Returns
    -------
    xarray.DataArray
        Without attrs.
    """
    kept = {
        name: coord
        for name, coord in like.values.coords.items()
        if "time" not in coord.dims and set(coord.dims) <= set(dims)
    }
    return xr.DataArray(data, dims=dims, coords={**kept, **coords})
