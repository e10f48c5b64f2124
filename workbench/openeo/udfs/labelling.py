"""Cubes as the code of users sees them, and what it gives back as cubes again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.openeo.cubes import Cube, Dimension, Kind, Surroundings
from workbench.openeo.udfs.exchange import Labelled
from workbench.openeo.values import PixelArray

__all__ = ["cube_of", "described_dimensions", "geometries_of", "labels_of", "made_cube"]

UNNAMED = "array"
"""The dimension of an array that is made at each pixel."""

_NAMES: dict[str, Kind] = {"t": "temporal", "time": "temporal", "bands": "bands", "band": "bands"}


def cube_of(data: Any, around: Surroundings) -> Cube | None:
    """Return what a callback has at the pixels of a cube as a cube, in the order of that cube.

    Parameters
    ----------
    data
        An element at each pixel, or a `PixelArray`.
    around
        The cube, and the dimension that the callback goes along.

    Returns
    -------
    Cube
        None if the pixels are not those of the cube.
    """
    cube, dimension = around.cube, around.dimension
    rest = [name for name in cube.dimensions if name != dimension]
    sizes = tuple(cube.array.sizes[name] for name in rest)
    coords = {name: cube.array[name] for name in rest}
    if not isinstance(data, PixelArray):
        if tuple(data.shape) != sizes:
            return None
        return cube.with_array(xr.DataArray(data, coords, rest))
    if tuple(data.values.shape[1:]) != sizes:
        return None
    name = dimension or UNNAMED
    changed: dict[str, Dimension] = {}
    if dimension is not None and data.labels == cube.labels(dimension):
        labels = cube.array[dimension].values
    else:
        labels = np.asarray(np.arange(data.values.shape[0]) if data.labels is None else data.labels)
        changed[name] = Dimension("other")
    found = xr.DataArray(data.values, {**coords, name: labels}, (name, *rest))
    order = list(cube.dimensions) if dimension is not None else [name, *rest]
    return cube.with_array(found.transpose(*order), **changed)


def labels_of(cube: Cube) -> dict[str, npt.NDArray[Any]]:
    """Return the labels of a cube as code gets them; geometries are numbered."""
    found = {}
    for name, dimension in cube.dimensions.items():
        values = np.asarray(cube.array[name].values)
        if dimension.kind == "geometry":
            values = np.arange(len(values))
        found[name] = values.astype(str) if values.dtype.kind == "O" else values
    return found


def geometries_of(cube: Cube) -> dict[str, Any] | None:
    """Return the geometries of a vector cube as text; None if there are none."""
    names = cube.of_kind("geometry")
    if not names:
        return None
    import shapely

    crs = None if cube.crs is None else cube.crs.to_wkt()
    return {"wkt": shapely.to_wkt(cube.array[names[0]].values).tolist(), "crs": crs}


def made_cube(found: Labelled, cube: Cube | None) -> Cube:
    """Return what code gave back as a cube.

    Parameters
    ----------
    found
        With the dimensions of `cube` or others. A dimension without labels has those of `cube` if
        it is as long, and 0, 1, ... otherwise.
    cube
        What the code was given.
    """
    values = found.values if found.values.flags.writeable else found.values.copy()
    dimensions, coords = described_dimensions(found, cube)
    placed = any(each.lies_in_crs for each in dimensions.values())
    crs = cube.crs if cube is not None and placed else None
    return Cube(xr.DataArray(values, coords, found.dims), dimensions, crs)


def described_dimensions(
    found: Labelled, cube: Cube | None
) -> tuple[dict[str, Dimension], dict[str, npt.NDArray[Any]]]:
    """Return the dimensions of what code gave back, and their labels."""
    known: Mapping[str, Dimension] = {} if cube is None else cube.dimensions
    dimensions, coords = {}, {}
    for name, size in zip(found.dims, found.values.shape, strict=True):
        before = None if cube is None or name not in known else cube.array[name].values
        labels = found.labels.get(name)
        same = before is not None and len(before) == size
        if before is not None and same and (labels is None or known[name].kind == "geometry"):
            labels = before
        if labels is None:
            labels = np.arange(size)
        coords[name] = labels
        dimensions[name] = _dimension(name, labels, known.get(name))
    return dimensions, coords


def _dimension(name: str, labels: npt.NDArray[Any], before: Dimension | None) -> Dimension:
    if before is None:
        return Dimension(_NAMES.get(name, "other"))
    if before.kind == "geometry" and labels.dtype.kind != "O":
        return Dimension("other")
    if before.axis is None or labels.dtype.kind not in "iuf" or len(labels) < 2:
        return before
    return replace(before, step=float((labels[-1] - labels[0]) / (len(labels) - 1)))
