"""The store of knots: a series solved once, from which any date is evaluated when it is wanted.

Knots are the solution on the acquisition times, as large as the input. A year of daily images is
many times that, and most of them nobody looks at.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spaceeye.dates import output_dates
from spaceeye.errors import BadFile, BadInput
from spaceeye.series import NAMING
from workbench.rasters.stores import open_store, zarr_store
from workbench.rasters.times import check_times, days_since, evaluation_times

__all__ = ["evaluate", "open_knots", "save_knots"]


def evaluate(
    knots: xr.Dataset, output_times: Any = "daily", *, extrapolate: str = "constant"
) -> xr.DataArray:
    """Evaluate dates from knots: the bits that `spaceeye.interpolate` gives for them.

    Parameters
    ----------
    knots
        From `spaceeye.solve` or `open_knots`.
    output_times, extrapolate
        As for `spaceeye.interpolate`.

    Returns
    -------
    xarray.DataArray
        (time, band, y, x) in the type and scale of the cube that was solved, 0 or NaN where a pixel
        was never observed; lazy if the knots are.

    Raises
    ------
    BadInput
        If the dataset does not hold knots, or `output_times` or `extrapolate` is not understood.
    """
    if "knots" not in knots or "weight" not in knots:
        raise BadInput(
            f"a dataset of knots holds knots and weight, this one {', '.join(map(str, knots))}"
        )
    if extrapolate not in ("constant", "nan"):
        raise BadInput(f"extrapolate={extrapolate!r}: choose 'constant' or 'nan'")
    times = check_times(knots["time"].values)
    outputs = output_dates(output_times, times)
    call = partial(
        _evaluate,
        days=days_since(times, times[0]),
        out_days=days_since(evaluation_times(outputs, times), times[0]),
        extrapolate=extrapolate,
        whole=knots["knots"].attrs["dtype_of_values"] == "uint16",
    )
    dtype = np.dtype(knots["knots"].attrs["dtype_of_values"])
    solved, weights = knots["knots"], knots["weight"]
    if solved.chunks is None:
        data = call(solved.values, weights.values)
    else:
        import dask.array as da

        data = da.map_blocks(
            call,
            solved.chunk({"time": -1, "band": -1}).data,
            weights.chunk({"time": -1, **_space(solved)}).data[:, None],
            chunks=((len(outputs),), *solved.data.chunks[1:]),
            dtype=dtype,
            meta=np.empty((0,) * 4, dtype),
        )
    coords = {name: coord for name, coord in solved.coords.items() if "time" not in coord.dims}
    attrs = {
        **{key: solved.attrs[key] for key in NAMING if key in solved.attrs},
        "scale_factor": solved.attrs["scale_factor_of_values"],
        "add_offset": solved.attrs["add_offset_of_values"],
    }
    return xr.DataArray(
        data, dims=solved.dims, coords={**coords, "time": outputs}, name="reflectance", attrs=attrs
    )


def save_knots(knots: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write knots as a Zarr store that appears under its name when it is complete.

    Parameters
    ----------
    knots
        From `spaceeye.solve`.
    path
        Folder of the store.
    overwrite
        Replace an existing store.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    workbench.errors.OutputExists
        If `path` exists and `overwrite` is false.
    """
    return zarr_store(knots, path, overwrite=overwrite)


def open_knots(path: str | os.PathLike[str]) -> xr.Dataset:
    """Open a store of knots, lazily.

    Parameters
    ----------
    path
        Folder of the store.

    Returns
    -------
    xarray.Dataset
        ``knots`` (time, band, y, x) float32, NaN where never observed, and ``weight`` (time, y, x);
        see `spaceeye.solve`.

    Raises
    ------
    BadFile
        If it is not a store of knots.
    """
    try:
        knots = open_store(path)
    except (OSError, ValueError, KeyError) as error:
        raise BadFile(f"{path} cannot be opened as a store of knots: {error}") from error
    if "knots" not in knots or "weight" not in knots:
        raise BadFile(f"{path} holds {', '.join(map(str, knots)) or 'nothing'}, no knots")
    return knots


def _space(array: xr.DataArray) -> dict[str, Any]:
    return {dim: array.chunksizes[dim] for dim in ("y", "x")}


def _evaluate(
    knots: Any, weights: Any, *, days: Any, out_days: Any, extrapolate: str, whole: bool
) -> Any:
    from spaceeye.solver.compiled import evaluate_float32, evaluate_uint16

    function: Any = evaluate_uint16 if whole else evaluate_float32
    flat = np.ascontiguousarray(knots).reshape(*knots.shape[:2], -1)
    seen = np.ascontiguousarray(weights).reshape(len(weights), -1)
    found = function(flat, days, out_days, extrapolate=extrapolate, weights=seen)
    return found.reshape(len(out_days), *knots.shape[1:])
