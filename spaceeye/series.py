"""A cube and its weights, checked and brought into one form: the series to be interpolated."""
# mypy: allow-untyped-calls

# mypy: allow-untyped-calls

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from spaceeye.errors import BadFile, BadInput
from spaceeye.solver.axis import MIN_WEIGHT
from workbench.rasters.times import Floats, Times, check_times, days_since

__all__ = ["DIMS", "LARGEST", "NAMING", "Series", "as_series"]

PACKED = ("scale_factor", "add_offset", "_FillValue", "missing_value")
"""Attributes that speak of the integers that floats were made from."""

NAMING = ("long_name", "standard_name", "units")
"""Attributes that say what the numbers are."""

LARGEST = 1e30
"""A float farther than this from 0 is no measurement but an undeclared fill value, such as the
least float32; sums of such numbers leave float32."""

DIMS = ("time", "band", "y", "x")
"""Dims of a cube, in the order of the kernels."""


@dataclass(frozen=True)
class Series:
    """Values and weights on one grid, time whole.

    Attributes
    ----------
    values
        (time, band, y, x), uint16 DN (0 missing) or float32 (NaN missing); on Dask chunked in space
        only.
    weights
        (time, y, x), uint8 0/1 or float32 0..1; 1 is clear, 0 hidden or missing.
    times
        (time,) datetime64[ns], UTC, strictly ascending.
    scale, offset
        Reflectance is ``values * scale + offset``; 1 and 0 for float.
    """

    values: xr.DataArray
    weights: xr.DataArray
    times: Times
    scale: float
    offset: float

    @property
    def days(self) -> Floats:
        """Acquisition times in days since the first, (time,) float64."""
        return days_since(self.times, self.times[0])

    @property
    def lazy(self) -> bool:
        """Whether the values are on Dask."""
        return self.values.chunks is not None

    @property
    def nodata(self) -> float:
        """The value that is missing: 0 in uint16, NaN in float32."""
        return 0 if self.values.dtype == np.uint16 else float("nan")

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of a result: those of the cube; DN that say nothing are reflectance."""
        named = dict(self.values.attrs)
        if self.values.dtype == np.uint16:
            if not {"long_name", "standard_name"} & set(named):
                named["long_name"] = "surface reflectance"
            named.setdefault("units", "1")
        return named

    def with_weights(self, weights: xr.DataArray) -> Series:
        """Return the series with other weights, (time, y, x) as `weights`."""
        return replace(self, weights=weights)

    def with_dates(self, dates: Sequence[float]) -> Series:
        """Return the series with the weights of each date multiplied by a number, 0 to 1.

        What counts without it counts with it, be it as little as the least weight.
        """
        call = partial(_dated, dates=np.asarray(dates, np.float32))
        if self.weights.chunks is None:
            return self.with_weights(self.weights.copy(data=call(self.weights.values)))
        data = self.weights.data.map_blocks(call, dtype=np.float32)
        return self.with_weights(self.weights.copy(data=data))


def _dated(weights: Any, dates: Any) -> Any:
    """Multiply weights (time, y, x) with those of the dates; what counted still does."""
    whole = weights.astype(np.float32)
    moved = np.maximum(whole * dates[:, None, None], np.float32(MIN_WEIGHT))
    return np.where(whole >= MIN_WEIGHT, moved, np.float32(0))


def as_series(cube: Any, weights: Any) -> Series:
    """Check a cube and its weights, and bring them into one form.

    Parameters
    ----------
    cube
        DataArray with dims time, band, y, x in any order, or a Dataset with `reflectance` and, if
        `weights` is None, `weight`, or one that `spaceeye.read` understands. uint16 with
        ``scale_factor`` and ``add_offset`` in its attrs or encoding (0 is missing), or floating
        point (NaN is missing, and what its attrs call ``_FillValue`` or ``missing_value``).
    weights
        DataArray with dims time, y, x: bool, uint8 or floating point 0..1; 1 is clear.

    Returns
    -------
    Series
        Lazy if cube or weights are; weights are 0 where any band is missing.

    Raises
    ------
    BadInput
        Naming the dimension, shape, type, time or value at fault. Weights on Dask are checked when
        they are computed.
    """
    values, weights = _arrays(cube, weights)
    values = _ordered(values, DIMS, "cube")
    weights = _ordered(weights, ("time", "y", "x"), "weights")
    if "time" not in values.coords:
        raise BadInput("the cube has no time coordinate: assign the times of acquisition")
    if values["time"].dtype.kind not in "MO":
        raise BadInput(f"the time coordinate is {values['time'].dtype}: give datetime64, UTC")
    times = check_times(values["time"].values)
    for dim in ("time", "y", "x"):
        if weights.sizes[dim] != values.sizes[dim]:
            raise BadInput(
                f"weights have {weights.sizes[dim]} along {dim}, the cube {values.sizes[dim]}: "
                "bring both onto one grid and one list of times first"
            )
        if dim in weights.coords and not _equal(weights[dim].values, values[dim].values):
            raise BadInput(
                f"weights and cube differ in their coordinate {dim}, at its number "
                f"{_first_difference(weights[dim].values, values[dim].values)}: match them by "
                "time and tile, not by position"
            )
    if 0 in values.shape:
        raise BadInput(f"the cube is empty: {dict(values.sizes)}")
    values, scale, offset = _typed(values)
    values, weights = _chunked(values, weights)
    return Series(values, _weights(weights, values), times, scale, offset)


def _arrays(cube: Any, weights: Any) -> tuple[xr.DataArray, xr.DataArray]:
    if isinstance(cube, xr.Dataset) and "reflectance" not in cube:
        cube = _read(cube, masked=weights is None)
    if isinstance(cube, xr.Dataset):
        weights = cube.get("weight") if weights is None else weights
        cube = cube["reflectance"]
    if not isinstance(cube, xr.DataArray):
        raise BadInput(f"cube is a {type(cube).__name__}, not an xarray DataArray or Dataset")
    if weights is None:
        raise BadInput("no weights: pass weights (time, y, x), or a Dataset that holds `weight`")
    if isinstance(weights, xr.Dataset):
        raise BadInput("weights is a Dataset: pass its variable, such as weights=masks['weight']")
    if not isinstance(weights, xr.DataArray):
        raise BadInput(f"weights is a {type(weights).__name__}, not an xarray DataArray")
    return cube, weights


def _read(cube: xr.Dataset, *, masked: bool) -> xr.Dataset:
    """Return a Dataset of bands, such as odc.stac gives, as a stack; in memory if it is."""
    from workbench.sentinel2.datasets import read_dataset

    lazy = any(variable.chunks is not None for variable in cube.data_vars.values())
    options: dict[str, Any] = {} if lazy else {"chunks": None}
    if not masked:
        options["missing_mask"] = "clear"
    try:
        return read_dataset(cube, **options)
    except BadFile as error:
        held = ", ".join(map(str, cube)) or "nothing"
        raise BadInput(
            f"the dataset holds {held} and no `reflectance`, nor bands that can be read: {error}"
        ) from error


def _ordered(array: xr.DataArray, dims: tuple[str, ...], name: str) -> xr.DataArray:
    if set(array.dims) != set(dims):
        raise BadInput(f"{name} has the dims {tuple(array.dims)}, not {dims} in some order")
    return array.transpose(*dims)


def _typed(values: xr.DataArray) -> tuple[xr.DataArray, float, float]:
    if values.dtype == np.uint16:
        scale = values.attrs.get("scale_factor", values.encoding.get("scale_factor"))
        offset = values.attrs.get("add_offset", values.encoding.get("add_offset", 0.0))
        if scale is None:
            raise BadInput(
                "the cube is uint16 without scale_factor in its attrs: say what a DN is, such as "
                "cube.attrs['scale_factor'] = 1e-4"
            )
        stated = {"scale_factor": float(scale), "add_offset": float(offset)}
        return values.assign_attrs(stated), float(scale), float(offset)
    if np.issubdtype(values.dtype, np.floating):
        fills = {values.attrs.get(key) for key in ("_FillValue", "missing_value")} - {None, 0}
        for fill in fills:  # 0 is one of integers that the floats were made from
            values = values.where(values != fill)
        values = values.astype(np.float32)
        values.attrs = {key: of for key, of in values.attrs.items() if key not in PACKED}
        if "nodata" in values.attrs:
            values.attrs["nodata"] = float("nan")
        return values, 1.0, 0.0
    raise BadInput(f"the cube is {values.dtype}: give uint16 with its scale, or floating point")


def _weights(weights: xr.DataArray, values: xr.DataArray) -> xr.DataArray:
    """Return weights of a type that kernels know, 0 where the values are missing."""
    kind = weights.dtype.kind
    if kind == "b" or weights.dtype == np.uint8:
        weights = weights.astype(np.uint8)
    elif kind == "f":
        weights = weights.astype(np.float32)
    else:
        raise BadInput(f"weights are {weights.dtype}: give bool, uint8 0/1, or float 0..1")
    if values.chunks is None:
        return weights.copy(data=_visible(weights.values[:, None], values.values))
    import dask.array as da

    data = da.map_blocks(
        _visible,
        weights.data[:, None],
        values.data,
        dtype=weights.dtype,
        drop_axis=1,
        meta=np.empty((0,) * 3, weights.dtype),
    )
    return weights.copy(data=data)


def _visible(weights: Any, values: Any) -> Any:
    """Return weights (time, 1, y, x), 0 where a band of the values (time, band, y, x) is missing.

    Raises
    ------
    BadInput
        If a weight is above 1 or below 0, or a value that is not hidden beyond `LARGEST`.
    """
    weights = weights[:, 0]
    if weights.dtype.kind == "f":
        low, high = np.nanmin(weights, initial=0), np.nanmax(weights, initial=0)
    else:
        low, high = 0, weights.max(initial=0)
    if low < 0 or high > 1:
        raise BadInput(
            f"weights go from {low} to {high}; 1 is clear and 0 hides: scale them to 0..1"
        )
    if values.dtype == np.uint16:
        return np.where(values.min(axis=1) == 0, weights.dtype.type(0), weights)
    least, most = values.min(axis=1), values.max(axis=1)  # NaN where one is NaN
    hidden = ~(np.isfinite(least) & np.isfinite(most))
    if weights.dtype.kind == "f":
        hidden |= np.isnan(weights)
    seen = np.where(hidden, weights.dtype.type(0), weights)
    far = (seen > 0) & ((most > LARGEST) | (least < -LARGEST))
    if far.any():
        worst = max(most[far].max(), -least[far].min())
        raise BadInput(
            f"the cube holds numbers of size {worst:g} where the weight is above 0; beyond "
            f"{LARGEST:g} float32 cannot follow: a fill value? Put NaN in its place, such as "
            "cube.where(abs(cube) < 1e30)"
        )
    return seen


def _chunked(values: xr.DataArray, weights: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return both with time and band whole, chunked alike in space."""
    if values.chunks is None and weights.chunks is None:
        return values, weights
    if values.chunks is None:
        values = values.chunk({"y": weights.chunksizes["y"], "x": weights.chunksizes["x"]})
    chunks = values.chunksizes
    if len(chunks["time"]) > 1:
        warnings.warn(
            f"the cube has {len(chunks['time'])} chunks in time and is rechunked: read it with "
            "time whole, chunks={'time': -1, 'y': 256, 'x': 256}",
            stacklevel=4,
        )
    whole: dict[str, Any] = {"time": -1, "y": chunks["y"], "x": chunks["x"]}
    return values.chunk({**whole, "band": -1}), weights.chunk(whole)


def _equal(one: Any, other: Any) -> bool:
    if one.dtype.kind == "f":
        return bool(np.allclose(one, other, rtol=0, atol=1e-6))
    return bool((one == other).all())


def _first_difference(one: Any, other: Any) -> int:
    return int((one != other).argmax())
