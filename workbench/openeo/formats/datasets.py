"""A cube as netCDF and Zarr hold it: a variable a band, what lies on a map last.

Names of dimensions stay as they are. Times come first, then other dimensions, then y and x.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from workbench.openeo.cubes import Cube
from workbench.openeo.formats.streaming import pixel_type, streamed
from workbench.rasters.windows import BLOCK

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["CRS_VARIABLE", "Layout", "layout_of"]

CRS_VARIABLE = "spatial_ref"
UNNAMED = "var"
"""The variable where there is no dimension of bands."""

TIMES = 8  # along a chunk

_STRANGE = re.compile(r"[/\x00-\x1f\x7f]")
_AXES = {
    "x": ("longitude", "projection_x_coordinate"),
    "y": ("latitude", "projection_y_coordinate"),
}


@dataclass(frozen=True, eq=False)
class Layout:
    """What is written of a cube."""

    array: xr.DataArray
    """(band, ...), the dimension of bands first."""
    variables: dict[str, dict[str, Any]]
    """By name, in the order of the bands, the attributes of each."""
    frame: xr.Dataset
    """Coordinates, and the CRS as a variable."""
    chunks: tuple[int, ...]
    """Of each variable."""

    @property
    def dims(self) -> tuple[str, ...]:
        """The dimensions of each variable."""
        return tuple(map(str, self.array.dims[1:]))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of each variable."""
        return tuple(self.array.shape[1:])

    @property
    def kind(self) -> np.dtype[Any]:
        """The type of each variable."""
        return pixel_type(self.array.dtype)

    def parts(self) -> Iterator[tuple[Any, npt.NDArray[Any]]]:
        """Yield the index of a part of each variable, and the part (band, ...)."""
        if self.array.ndim < 3:
            yield ..., np.asarray(self.array.values).astype(self.kind)
            return
        for window, values in streamed(self.array):
            yield (..., *window.slices), values


def layout_of(cube: Cube) -> Layout:
    """Return how a cube is laid out; nothing is computed.

    Parameters
    ----------
    cube
        Of any dimensions. Geometries become their text (WKT).
    """
    bands, times = cube.of_kind("bands")[:1], cube.of_kind("temporal")
    places = [name for name in (cube.axis("y"), cube.axis("x")) if name is not None]
    rest = [name for name in cube.dimensions if name not in (*bands, *times, *places)]
    order = [*times, *rest, *places]
    array = cube.array.transpose(*bands, *order)
    if not bands:
        array = array.expand_dims("band ", axis=0)
    labels = [str(label) for label in cube.labels(bands[0])] if bands else [UNNAMED]
    mapped = cube.crs is not None and cube.is_raster
    attrs = {"grid_mapping": CRS_VARIABLE} if mapped else {}
    variables = {
        name: attrs | ({} if name == label else {"long_name": label})
        for name, label in zip(_names(labels, {*order, CRS_VARIABLE}), labels, strict=True)
    }
    most = {**dict.fromkeys(times, TIMES), **dict.fromkeys(places, BLOCK)}
    sizes = cube.array.sizes
    chunks = tuple(min(sizes[name], most.get(name, sizes[name])) for name in order)
    return Layout(array, variables, _frame(cube, order), chunks)


def _names(labels: list[str], taken: set[str]) -> list[str]:
    """Return names of variables for bands, each once, that are free of what separates paths."""
    found: list[str] = []
    for label in labels:
        name = _STRANGE.sub("_", label).strip() or "_"
        name = name if name[0].isalnum() or name[0] == "_" else f"_{name}"
        free, number = name, 1
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        taken.add(free)
        found.append(free)
    return found


def _frame(cube: Cube, names: list[str]) -> xr.Dataset:
    """Return coordinates with the names of their axes (CF conventions, 4 and 5.6), and the CRS."""
    coords = {name: _coordinate(cube, name) for name in names}
    frame = xr.Dataset(coords=coords, attrs={"Conventions": "CF-1.8"})
    if cube.crs is not None and cube.is_raster:
        from odc.geo.xr import xr_coords

        frame[CRS_VARIABLE] = xr_coords(cube.geobox())["spatial_ref"].variable
    return frame


def _coordinate(cube: Cube, name: str) -> xr.Variable:
    dimension, values = cube.dimensions[name], cube.array[name].values
    if dimension.kind == "geometry":
        import shapely

        crs = {"crs": cube.crs.to_string()} if cube.crs is not None else {}
        return xr.Variable((name,), shapely.to_wkt(values).astype(str), crs)
    if values.dtype.kind == "O":
        values = values.astype(str)
    attrs: dict[str, Any] = {}
    if dimension.kind == "temporal" and values.dtype.kind == "M":
        attrs = {"standard_name": "time", "axis": "T"}
    elif dimension.axis in _AXES:
        geographic = cube.crs is not None and cube.crs.is_geographic
        if cube.crs is not None:
            attrs["standard_name"] = _AXES[dimension.axis][0 if geographic else 1]
            attrs["units"] = _unit(cube, dimension.axis, geographic)
        attrs["axis"] = dimension.axis.upper()
    variable = xr.Variable((name,), values, attrs)
    if values.dtype.kind == "f":
        variable.encoding["_FillValue"] = None  # a place is never missing (2.5.1)
    return variable


def _unit(cube: Cube, axis: str, geographic: bool) -> str:
    if geographic:
        return {"x": "degrees_east", "y": "degrees_north"}[axis]
    assert cube.crs is not None
    return str(cube.crs.axis_info[0].unit_name) if cube.crs.axis_info else "metre"
