"""Processes of data cubes: load_geojson."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import WorkbenchError
from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.declarations import Process
from workbench.openeo.definitions import process_definition
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.space.geometries import PROPERTIES, Shapes, read_geojson
from workbench.openeo.values import Label

if TYPE_CHECKING:
    from workbench.openeo.graphs.executor import Evaluation

NAME = "load_geojson"

MOST_VALUES = 10_000_000
"""Of properties."""


MOST_BYTES = 50_000_000
"""Of GeoJSON at an address."""


class _FromAddress(Process):
    """It takes the address of GeoJSON too, although the definition knows objects only."""

    @property
    def parameters(self) -> list[Mapping[str, Any]]:
        data, *others = super().parameters
        return [{**data, "schema": [data["schema"], {"type": "string"}]}, *others]


def _load_geojson(run: Evaluation, data: Mapping[str, Any] | str, properties: list[str]) -> Cube:
    import xarray as xr

    document = _fetched(data, run.context.get("remote")) if isinstance(data, str) else data
    shapes = read_geojson(document, NAME, "data")
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


load_geojson = _FromAddress(process_definition(NAME), _load_geojson, takes_run=True)


def _fetched(url: str, remote: Any) -> Any:
    """Return the document at an address, if the catalogue allows it."""
    if remote is None:
        raise _invalid("no addresses are allowed here: give the GeoJSON itself.", "data")
    try:
        return json.loads(remote.read(url, MOST_BYTES))
    except WorkbenchError as fault:
        raise _invalid(f"{fault}.", "data") from fault
    except (ValueError, RecursionError) as fault:
        raise _invalid(f"{url:.200}: it is no JSON ({fault}).", "data") from fault


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


def _invalid(reason: str, parameter: str = "properties") -> OpenEOError:
    return error("ProcessParameterInvalid", process=NAME, parameter=parameter, reason=reason)
