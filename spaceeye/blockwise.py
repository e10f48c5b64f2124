"""Blocks of a cube solved one by one: what each Dask task does, and how the blocks become a cube.

A block is (N, B, y, x) with all times and bands. Its pixels know nothing of each other, so results
have the same bits for any chunking.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from spaceeye.series import Series
from spaceeye.solver.engines import engine_named
from workbench.rasters.writers import TIME_CHUNK

__all__ = ["EVIDENCE", "TIME_CHUNK", "Plan", "evidence", "knots", "labelled", "solved"]

Array = npt.NDArray[Any]

# One number per pixel and date that says what stands behind it; see `spaceeye.solver.compiled`.
EVIDENCE = np.dtype([("flag", np.uint8), ("age", np.int16), ("support", np.float32)])

MOST_BYTES = 128_000_000
"""Of one block of output; longer series are divided in time and solved once for each part."""


@dataclass(frozen=True)
class Plan:
    """Everything a block needs beside its pixels."""

    days: tuple[float, ...]
    out_days: tuple[float, ...]
    alpha: float
    engine: str
    extrapolate: str
    max_gap: float | None
    mask_gaps: bool
    parallel: bool
    light: Mapping[str, Any] = field(default_factory=dict)
    """``scale, offset, gains (N, B), out_gains (T, B)`` where light is evened out; else empty."""

    def part(self, dates: slice) -> Plan:
        """Return the plan for some of the output dates."""
        light = dict(self.light)
        if light:
            light["out_gains"] = light["out_gains"][dates]
        return Plan(**{**vars(self), "out_days": self.out_days[dates], "light": light})


def solved(series: Series, plan: Plan) -> Any:
    """Return the values at the output dates, (T, B, Y, X), in the type of the series."""
    if not series.lazy:
        return _solve(series.values.values, series.weights.values, plan=plan)
    import dask.array as da

    values, weights = series.values.data, series.weights.data
    bands, *space = values.chunks[1:]
    size = max(space[0]) * max(space[1]) * sum(bands) * values.dtype.itemsize
    length = max(1, MOST_BYTES // size // TIME_CHUNK) * TIME_CHUNK
    parts = []
    for start in range(0, len(plan.out_days), length):
        part = plan.part(slice(start, start + length))
        chunks = ((len(part.out_days),), (sum(bands),), *space)
        call = partial(_solve, plan=part)
        parts.append(
            da.map_blocks(
                call,
                values,
                weights[:, None],
                chunks=chunks,
                dtype=values.dtype,
                meta=np.empty((0,) * 4, values.dtype),
                name=_name("solve", part, series),
            )
        )
    return da.concatenate(parts)


def evidence(series: Series, plan: Plan) -> dict[str, Any]:
    """Return flag, age and support, each (T, Y, X)."""
    if not series.lazy:
        found = _evidence(series.weights.values, plan=plan)
    else:
        import dask.array as da

        weights = series.weights.data
        found = da.map_blocks(
            partial(_evidence, plan=plan),
            weights,
            chunks=((len(plan.out_days),), *weights.chunks[1:]),
            dtype=EVIDENCE,
            meta=np.empty((0,) * 3, EVIDENCE),
            name=_name("evidence", plan, series),
        )
    return {name: found[name] for name in EVIDENCE.names or ()}


def knots(series: Series, alpha: float, engine: str) -> Any:
    """Return the solution on the acquisition times, (N, B, Y, X) float32 in the unit of values."""
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


def _solve(values: Array, weights: Array, *, plan: Plan) -> Array:
    engine = engine_named(plan.engine, values.dtype)
    rows, columns = values.shape[2:]
    flat = _flat(weights)
    out = engine.interpolate(
        np.ascontiguousarray(values).reshape(*values.shape[:2], -1),
        flat,
        plan.days,
        plan.out_days,
        plan.alpha,
        extrapolate=plan.extrapolate,
        parallel=plan.parallel,
        **plan.light,
    )
    if plan.mask_gaps:
        from spaceeye.solver.compiled import flags_age_support

        found = flags_age_support(
            flat, plan.days, plan.out_days, plan.alpha, plan.max_gap, parallel=plan.parallel
        )
        nothing = 0 if out.dtype == np.uint16 else np.nan
        out = np.where(found.flag[:, None] == 2, out.dtype.type(nothing), out)
    return out.reshape(len(plan.out_days), values.shape[1], rows, columns)


def _evidence(weights: Array, *, plan: Plan) -> Array:
    from spaceeye.solver.compiled import flags_age_support

    found = flags_age_support(
        _flat(weights), plan.days, plan.out_days, plan.alpha, plan.max_gap, parallel=plan.parallel
    )
    out = np.empty(found.flag.shape, EVIDENCE)
    out["flag"], out["age"], out["support"] = found
    return out.reshape(len(plan.out_days), *weights.shape[-2:])


def _knots(values: Array, weights: Array, *, days: Any, alpha: float, engine: str) -> Array:
    cube = np.ascontiguousarray(values).reshape(*values.shape[:2], -1)
    found = engine_named(engine, values.dtype).knots(cube, _flat(weights), days, alpha)
    return found.reshape(values.shape)


def _flat(weights: Array) -> Array:
    """Return the weights (N, y, x), or (N, 1, y, x) as blocks have them, as (N, P)."""
    return np.ascontiguousarray(weights).reshape(len(weights), -1)


def _name(verb: str, plan: Plan, series: Series) -> str:
    """Name the tasks by what they do, so that the dashboard can be read."""
    from dask.base import tokenize

    return f"{verb}-{tokenize(plan, series.values.data, series.weights.data)}"


def labelled(data: Any, like: Series, dims: tuple[str, ...], **coords: Any) -> xr.DataArray:
    """Return an array on the grid of a series, with its coordinates and its CRS."""
    kept = {
        name: coord
        for name, coord in like.values.coords.items()
        if "time" not in coord.dims and set(coord.dims) <= set(dims)
    }
    return xr.DataArray(data, dims=dims, coords={**kept, **coords})
