"""Processes of data cubes: load_geojson."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.declarations import process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.geometries import PROPERTIES, Shapes, read_geojson
from workbench.openeo.values import Label

NAME = "load_geojson"

MOST_VALUES = 10_000_000
"""Of properties."""


@process(NAME)
def load_geojson(data: Mapping[str, Any], properties: list[str]) -> Cube:
    import xarray as xr

    shapes = read_geojson(data, NAME, "data")
    coords: dict[str, Any] = {shapes.dimension: shapes.geometries}
    dimensions = {shapes.dimension: Dimension("geometry")}
    if properties and shapes.properties is not None:
        rows, labels = _table(shapes.properties, properties)
        values: Any = np.array(rows).reshape(len(rows), len(labels))
        coords["properties"], dimensions["properties"] = labels, Dimension("other")
    else:
        values = np.full(len(shapes.geometries), np.nan)
    array = xr.DataArray(values, coords, tuple(dimensions))
    return Cube(_with_properties(array, shapes), dimensions, shapes.crs)


def _with_properties(array: Any, shapes: Shapes) -> Any:
    """Return an array that keeps all properties of its geometries."""
    if shapes.properties is not None:
        array[shapes.dimension].attrs[PROPERTIES] = shapes.properties
    return array


def _table(known: list[dict[str, Any]], wanted: list[str]) -> tuple[list[list[Any]], list[Label]]:
    """Return the values of some properties, a row for each geometry, and the labels of columns."""
    found = [[each.get(name) for name in wanted] for each in known]
    labels: list[Label] = list(wanted)
    if len(wanted) == 1 and any(isinstance(row[0], list) for row in found):
        found = [row[0] if isinstance(row[0], list) else row for row in found]
        longest = max(map(len, found))
        labels = list(range(longest))
        if len(found) * longest > MOST_VALUES:
            reason = f"{len(found)} x {longest} values are more than {MOST_VALUES}."
            raise _invalid(reason)
        found = [[*row, *[None] * (longest - len(row))] for row in found]
    for row in found:
        for value in row:
            if not (value is None or isinstance(value, bool | int | float)):
                reason = f"their values are to be numbers or booleans, not {value!r:.60}"
                raise _invalid(f"{reason}; leave this property out, it is kept anyway.")
    if not all(isinstance(value, bool) for row in found for value in row):
        found = [[np.nan if value is None else float(value) for value in row] for row in found]
    return found, labels


def _invalid(reason: str) -> OpenEOError:
    return error("ProcessParameterInvalid", process=NAME, parameter="properties", reason=reason)
