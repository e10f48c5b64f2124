"""How a field lies in a netCDF file: its times, its two axes, and what had to be assumed.

Simulations name things as they like. What cannot be known is refused with the way out; what is
assumed is said (W060) and goes with the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tiling.scenes.errors import UnusableInput
from tiling.scenes.localfiles.fieldtimes import is_time, times_of
from tiling.scenes.sources.faults import StorageFault, fault_of
from tiling.scenes.sources.hdf5files import damage

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Layout", "layout_of", "opened"]

Floats = npt.NDArray[np.float64]

_NAMES = {
    "x": ("x", "xt", "xm", "lon", "longitude"),
    "y": ("y", "yt", "ym", "lat", "latitude"),
}
_DEGREES = {
    "x": ("degrees_east", "degree_east", "degreese", "degrees_e", "degreee"),
    "y": ("degrees_north", "degree_north", "degreesn", "degrees_n", "degreen"),
}
_METRES = {
    **dict.fromkeys(("m", "metre", "meter", "metres", "meters"), 1.0),
    **dict.fromkeys(("km", "kilometre", "kilometer", "kilometres", "kilometers"), 1000.0),
}


@dataclass(frozen=True)
class Layout:
    """Where a field is, in time and space."""

    variable: str
    time: str | None
    """Its dimension of time; None where the file holds a single moment."""
    y: str
    x: str
    """Its dimensions in space; any other has one element."""
    times: npt.NDArray[np.datetime64]
    """Of each step, UTC, to the millisecond."""
    rows: Floats
    columns: Floats
    """Metres, or latitudes and longitudes in degrees, in the order of the file."""
    is_geographic: bool
    notes: tuple[str, ...]
    """What was assumed, each with its code."""


@contextmanager
def opened(path: Path) -> Iterator[xr.Dataset]:
    """Open a netCDF file of any version; nothing but its head is read yet.

    Raises
    ------
    StorageFault
        If it is missing or may not be read.
    UnusableInput
        If it is not netCDF, is cut short or is damaged.
    """
    import xarray as xr

    from workbench.rasters.stores import NETCDF

    with NETCDF:  # threads that open files at once bring the library down
        try:
            _whole_classic(path)
            dataset = xr.open_dataset(path, engine="netcdf4", decode_times=False, cache=False)
        except Exception as error:  # the libraries below raise what they like
            raise _said(error, path) from error
        with dataset:
            try:
                yield dataset
            except (OSError, RuntimeError) as error:
                raise _said(error, path) from error


def _whole_classic(path: Path) -> None:
    """Refuse a netCDF 3 file that is cut short: its library reads zeros beyond the end."""
    from scipy.io import netcdf_file

    with path.open("rb") as file:
        if file.read(4) not in (b"CDF\x01", b"CDF\x02"):
            return
        file.seek(0)
        try:
            netcdf_file(file, mmap=True)
        except Exception as error:  # not made to say it
            reason = str(error) or type(error).__name__
            raise UnusableInput("E072", f"{path}: the file is cut short ({reason})") from error


def _said(error: Exception, path: Path) -> UnusableInput:
    """Return the error for a file that netCDF cannot read."""
    if isinstance(error, UnusableInput):
        return error
    if isinstance(error, FileNotFoundError | PermissionError):
        return StorageFault(fault_of(error), str(path), str(path.parent), "")
    import h5py

    with path.open("rb") as file:
        start = file.read(8)
    if start[:4] == b"\x89HDF" and isinstance(error, OSError | RuntimeError):
        try:
            with h5py.File(path, "r"):
                return damage(error, str(path))
        except OSError as reason:  # says more than the library of netCDF
            return damage(reason, str(path))
    known = start[:3] == b"CDF" or start[:4] == b"\x89HDF"
    if known:
        said = " ".join(str(error).split())[:200]
    else:
        said = f"it begins with {start!r}" if start else "it is empty"
    kind = "cannot be understood as netCDF" if known else "not a netCDF file"
    return UnusableInput("E073", f"{path}: {kind} ({said})")


def layout_of(dataset: xr.Dataset, variable: str, name: str, dx: float | None = None) -> Layout:
    """Return how a variable lies in an open file.

    Parameters
    ----------
    dataset
        As `opened` gives it: times not decoded.
    name
        Of the file, for messages.
    dx
        Metres between cells where the file has no coordinates and does not say it.

    Raises
    ------
    UnusableInput
        E062 if there is no such field of two axes, E061 if a coordinate is missing or of no use.
    """
    if variable not in dataset.variables or dataset[variable].ndim < 2:
        fields = (
            ", ".join(sorted(str(n) for n, v in dataset.variables.items() if v.ndim >= 2)) or "none"
        )
        raise UnusableInput("E062", f"{name}: no field {variable}; its fields are {fields}")
    field = dataset.variables[variable]
    found = {axis: _axis(dataset, field.dims, axis) for axis in ("y", "x")}
    missing = [axis for axis, at in found.items() if at is None]
    if missing:
        raise UnusableInput(
            "E061",
            f"{name}: {variable} has the dimensions {', '.join(map(str, field.dims))}, and which "
            f"of them is {' and '.join(missing)} is not clear: name them x and y, xt and yt, xm "
            "and ym or lon and lat, or give their coordinates the attribute axis",
        )
    (y, rows_of), (x, columns_of) = (found[axis] or ("", None) for axis in ("y", "x"))
    time, times, notes = _times(dataset, field.dims, name)
    more = [f"{d} ({n})" for d, n in field.sizes.items() if d not in (time, y, x) and n != 1]
    if more:
        raise UnusableInput(
            "E062", f"{name}: {variable} also varies along {', '.join(more)}: write one level of it"
        )
    rows, north, said_y = _places(dataset, y, rows_of, "y", name, dx)
    columns, east, said_x = _places(dataset, x, columns_of, "x", name, dx)
    if north != east:
        raise UnusableInput("E061", f"{name}: one of {y} and {x} is in degrees, the other not")
    return Layout(
        variable, time, y, x, times, rows, columns, north, (*notes, *said_y, *said_x)
    )  # fmt: skip


def _axis(dataset: xr.Dataset, dims: tuple[Any, ...], axis: str) -> tuple[str, str | None] | None:
    """Return the dimension that is an axis, and the name of its coordinate."""
    for dim in dims:
        named = [str(n) for n, v in dataset.variables.items() if v.dims == (dim,)]
        named.sort(key=lambda n: (n != dim, n.lower() not in _NAMES[axis]))
        for coordinate in named:
            attrs = dataset.variables[coordinate].attrs
            if _is_axis(coordinate, attrs, axis):
                return str(dim), coordinate
        if dim not in dataset.variables and str(dim).lower() in _NAMES[axis]:
            return str(dim), None
    return None


def _is_axis(name: str, attrs: dict[str, Any], axis: str) -> bool:
    if "axis" in attrs:
        return str(attrs["axis"]).lower() == axis
    standard = str(attrs.get("standard_name", ""))
    return (
        name.lower() in _NAMES[axis]
        or standard in (f"projection_{axis}_coordinate", {"x": "longitude", "y": "latitude"}[axis])
        or _unit(attrs) in _DEGREES[axis]
    )


def _unit(attrs: dict[str, Any]) -> str:
    return str(attrs.get("units", "")).strip().lower()


def _places(
    dataset: xr.Dataset, dim: str, coordinate: str | None, axis: str, name: str, dx: float | None
) -> tuple[Floats, bool, tuple[str, ...]]:
    """Return the coordinates along a dimension, whether they are degrees, and what was assumed."""
    if coordinate is None:
        step = dx or _said_step(dataset, axis)
        if step is None:
            raise UnusableInput(
                "E061", f"{name}: {dim} has no coordinates, and no dx says how wide cells are: "
                "write les: {dx: 100} (metres) in meta.yaml",
            )  # fmt: skip
        return np.arange(dataset.sizes[dim], dtype=np.float64) * step, False, ()
    variable = dataset.variables[coordinate]
    unit = _unit(variable.attrs)
    values = np.asarray(variable.values, np.float64)
    steps = np.diff(values)
    if not (np.isfinite(values).all() and ((steps > 0).all() or (steps < 0).all())):
        raise UnusableInput("E061", f"{name}: {coordinate} neither rises nor falls throughout")
    standard = variable.attrs.get("standard_name", coordinate)
    named = str(standard).lower() in ("lon", "longitude", "lat", "latitude")
    if unit in _DEGREES[axis] or (named and unit in ("", "degrees", "degree")):
        return values, True, ()
    if unit in _METRES:
        return values * _METRES[unit], False, ()
    if not unit:
        return values, False, (f"W060: {coordinate} has no units and is taken for metres",)
    raise UnusableInput(
        "E061", f"{name}: {coordinate} is in {unit!r}: metres, km or degrees are understood"
    )


def _said_step(dataset: xr.Dataset, axis: str) -> float | None:
    for key in (f"d{axis}", f"D{axis.upper()}", "dx", "DX"):
        try:
            step = float(dataset.attrs[key])
        except (KeyError, TypeError, ValueError):
            continue
        if np.isfinite(step) and step > 0:
            return step
    return None


def _times(
    dataset: xr.Dataset, dims: tuple[Any, ...], name: str
) -> tuple[str | None, npt.NDArray[np.datetime64], tuple[str, ...]]:
    """Return the dimension of time (None for a single moment), the times and what was assumed."""
    known = [str(n) for n, v in dataset.variables.items() if v.ndim <= 1 and is_time(str(n), v)]
    used = [n for n in known if set(dataset.variables[n].dims) <= set(dims)]
    single = [n for n in known if dataset.variables[n].size == 1]
    wanted = used or single
    if "time" in wanted:
        wanted = ["time"]
    if len(wanted) != 1:
        said = f"{', '.join(wanted)} could each be it" if wanted else "there is none"
        raise UnusableInput(
            "E061",
            f"{name}: which coordinate is the time is not clear, {said}: call it time, with units "
            "such as 'seconds since 2020-02-02 00:00'",
        )
    variable = dataset.variables[wanted[0]]
    times, notes = times_of(variable, wanted[0], name)
    dim = variable.dims[0] if variable.dims and variable.dims[0] in dims else None
    return (None if dim is None else str(dim)), times, notes
