"""Shapes: points, lines and polygons in a CRS, from GeoJSON or from a vector cube."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubes import Cube
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.space.regrids import known_crs, same_crs

if TYPE_CHECKING:
    from pyproj import CRS

__all__ = [
    "MOST_SHAPES",
    "MOST_VERTICES",
    "PROPERTIES",
    "Geometries",
    "Shapes",
    "read_geojson",
    "shapes_of",
]

MOST_SHAPES = 100_000
MOST_VERTICES = 5_000_000

PROPERTIES = "properties"
"""Attribute of the coordinate of a dimension of geometries: the properties of each, as a list."""

Geometries = npt.NDArray[np.object_]
"""Of shapely, some perhaps empty."""

_DEPTHS = {
    "Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2,
    "MultiPolygon": 3,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Shapes:
    """Points, lines and polygons in one CRS."""

    geometries: Geometries
    """(n,) of shapely, some perhaps empty."""
    crs: CRS
    dimension: str = "geometry"
    """Name of their dimension in a cube."""
    properties: list[dict[str, Any]] | None = None
    """Of each; None if they are not known."""


def read_geojson(document: Mapping[str, Any], process: str, parameter: str) -> Shapes:
    """Read GeoJSON: a geometry, a feature or a collection of features.

    Parameters
    ----------
    document
        As RFC 7946 has it, with longitude first. A member ``crs``, as older GeoJSON has it, names
        another CRS.
    process, parameter
        For messages.

    Raises
    ------
    OpenEOError
        ProcessParameterInvalid with what is wrong, or what is too large.
    """
    features = _features(document, process, parameter)
    if len(features) > MOST_SHAPES:
        reason = f"{len(features)} geometries are more than {MOST_SHAPES}: give them in parts."
        raise _invalid(process, parameter, reason)
    vertices = 0
    texts: list[str | None] = []
    for number, feature in enumerate(features):
        geometry = feature.get("geometry")
        if geometry is not None:
            try:
                vertices += _checked(geometry)
            except ValueError as fault:
                raise _invalid(process, parameter, f"geometry {number}: {fault}.") from fault
        if vertices > MOST_VERTICES:
            reason = f"more than {MOST_VERTICES} vertices: simplify the geometries."
            raise _invalid(process, parameter, reason)
        texts.append(_text(geometry))
    bare = not str(document.get("type", "")).startswith("Feature")
    properties = [dict(feature.get("properties") or {}) for feature in features]
    crs = _own_crs(document, process, parameter)
    shapes = _made(texts, process, parameter)
    _check_degrees(shapes, crs, process, parameter)
    return Shapes(shapes, crs, properties=None if bare else properties)


def shapes_of(given: Cube | Mapping[str, Any], process: str, parameter: str) -> Shapes:
    """Return the shapes of a vector cube or of GeoJSON.

    Raises
    ------
    OpenEOError
        ProcessParameterInvalid with what is wrong.
    """
    if not isinstance(given, Cube):
        return read_geojson(given, process, parameter)
    names = given.of_kind("geometry")
    if not names:
        raise _invalid(process, parameter, "it is no vector data cube: it has no geometries.")
    if given.crs is None:
        raise _invalid(process, parameter, "its geometries have no CRS.")
    coordinate = given.array[names[0]]
    return Shapes(
        np.asarray(coordinate.values, object),
        given.crs,
        names[0],
        coordinate.attrs.get(PROPERTIES),
    )


def _features(document: Any, process: str, parameter: str) -> list[Mapping[str, Any]]:
    """Return the features of GeoJSON; a bare geometry is one without properties."""
    kind = document.get("type") if isinstance(document, Mapping) else None
    if kind == "FeatureCollection":
        features = document.get("features")
        if not isinstance(features, list) or not all(_is_feature(each) for each in features):
            raise _invalid(process, parameter, 'its "features" are no list of features.')
        return features
    if kind == "Feature":
        if _is_feature(document):
            return [document]
        raise _invalid(process, parameter, 'its "properties" are no object.')
    if kind in _DEPTHS:
        return [{"geometry": document}]
    reason = f"{kind!s:.40} is not a type of GeoJSON that is supported: "
    raise _invalid(process, parameter, reason + f"give a feature or one of {', '.join(_DEPTHS)}.")


def _is_feature(document: Any) -> bool:
    return (
        isinstance(document, Mapping)
        and document.get("type") == "Feature"
        and isinstance(document.get("properties"), Mapping | None)
    )


def _checked(geometry: Any) -> int:
    """Count the vertices of a geometry; raise ValueError if it is none."""
    kind = geometry.get("type") if isinstance(geometry, Mapping) else None
    if kind not in _DEPTHS:
        raise ValueError(f"{kind!s:.40} is not one of {', '.join(_DEPTHS)}")
    level = [geometry.get("coordinates")]
    for _ in range(_DEPTHS[kind]):
        if not all(isinstance(part, list) for part in level):
            raise ValueError(f"its coordinates are not those of a {kind}")
        level = [part for parts in level for part in parts]
    if kind == "Point" and level == [[]]:
        return 0
    for position in level:
        if not (isinstance(position, list) and 2 <= len(position) <= 4) or not all(
            isinstance(number, int | float) and not isinstance(number, bool) and np.isfinite(number)
            for number in position
        ):
            raise ValueError(f"{position!s:.60} is no position: two numbers, longitude first")
    return len(level)


def _text(geometry: Any) -> str | None:
    """Return a geometry that was checked as text, without more than the standard says."""
    if geometry is None:
        return None
    return json.dumps({"type": geometry["type"], "coordinates": geometry["coordinates"]})


def _made(texts: list[str | None], process: str, parameter: str) -> Geometries:
    """Return geometries of their texts, an empty polygon for none."""
    import shapely

    found = np.full(len(texts), shapely.Polygon(), object)
    try:
        for place, text in enumerate(texts):
            if text is not None:
                found[place] = shapely.force_2d(shapely.from_geojson(text))
    except shapely.errors.ShapelyError as fault:
        raise _invalid(process, parameter, f"geometry {place}: {fault}.") from fault
    return found


def _own_crs(document: Mapping[str, Any], process: str, parameter: str) -> CRS:
    """Return the CRS of GeoJSON, longitude and latitude if it names none."""
    from pyproj import CRS

    degrees = CRS("EPSG:4326")
    member = document.get("crs")
    if member is None:
        return degrees
    properties = member.get("properties") if isinstance(member, Mapping) else None
    name = properties.get("name") if isinstance(properties, Mapping) else None
    if not isinstance(name, str):
        raise _invalid(process, parameter, 'its "crs" has no name, such as "EPSG:32632".')
    crs = known_crs(name, process, parameter)
    return degrees if same_crs(crs, degrees) else crs


def _check_degrees(shapes: Geometries, crs: CRS, process: str, parameter: str) -> None:
    import shapely

    if not crs.is_geographic or shapely.is_empty(shapes).all():
        return
    west, south, east, north = shapely.total_bounds(shapes)
    if not (-540 <= west <= east <= 540 and -90.001 <= south <= north <= 90.001):
        reason = f"its bounds {west:g}, {south:g}, {east:g}, {north:g} lie off the globe"
        raise _invalid(process, parameter, f"{reason}: longitude comes first, or name its CRS.")


def _invalid(process: str, parameter: str, reason: str) -> OpenEOError:
    return error("ProcessParameterInvalid", process=process, parameter=parameter, reason=reason)
