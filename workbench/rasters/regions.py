"""Regions in any CRS as shapes in degrees, across the antimeridian and around the poles too."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput
from workbench.rasters.grids import transformer

__all__ = ["STEP_DEGREES", "folded", "parts_in_degrees"]

Floats = npt.NDArray[np.float64]

STEP_DEGREES = 0.01
"""A straight line as long bends by centimetres on another map."""

_SAME = 1e-7  # degrees; 1 cm
_STEP_M = 1000.0  # m; likewise, by 0.2 m at 84 degrees


def parts_in_degrees(region: Any, crs: Any = "EPSG:4326") -> npt.NDArray[np.object_]:
    """Return a region as points, lines and polygons on longitudes -180 to 180.

    Lines that are straight in another CRS keep their course within half a metre; an area around a
    pole covers it.

    Parameters
    ----------
    region
        Bounds (west, south, east, north), where west > east in degrees means across the
        antimeridian; a shapely geometry; or an `odc.geo` geometry or box with its own CRS.
    crs
        Of bounds and shapely geometries; any CRS of a map.

    Returns
    -------
    numpy.ndarray
        Valid shapely geometries.

    Raises
    ------
    BadInput
        If it is empty, not finite, off the globe, or the CRS is not one of maps.
    """
    import shapely
    from pyproj import CRS
    from pyproj.exceptions import ProjError

    try:
        own = CRS.from_user_input(getattr(region, "crs", None) or crs)
        if not (own.is_geographic or own.is_projected):
            raise ValueError("the CRS is not one of maps")
        shape = _shape(region, own.is_geographic)
        parts = _parts(shape)
        if not own.equals(CRS("EPSG:4326"), ignore_axis_order=True):
            parts = [piece for part in parts for piece in _unrolled(part, own)]
        west, south, east, north = shapely.total_bounds(parts)
        if not (-540 <= west <= east <= 540 and -90.001 <= south <= north <= 90.001):
            raise ValueError("it lies off the globe: longitude comes first, then latitude")
    except (ProjError, TypeError, ValueError) as error:
        text = str(getattr(region, "wkt", region))
        raise BadInput(
            f"region {text if len(text) <= 120 else text[:117] + '...'} in {str(crs)[:40]}: give "
            f"(west, south, east, north) or a geometry, and its CRS ({error})"
        ) from error
    return np.array([piece for part in parts for piece in folded(part)], dtype=np.object_)


def _shape(region: Any, geographic: bool) -> Any:
    """Give bounds or a geometry as a shapely geometry."""
    import shapely

    shape = getattr(region, "geom", region)
    if not isinstance(shape, shapely.Geometry):
        west, south, east, north = (float(edge) for edge in region)
        east += 360 if geographic and west > east else 0
        if not (west <= east and south <= north):
            raise ValueError("not west <= east and south <= north")
        shape = shapely.box(west, south, east, north)
    if shape.is_empty or not np.isfinite(shapely.get_coordinates(shape)).all():
        raise ValueError("it is empty or not finite")
    return shapely.force_2d(shape)


def _parts(shape: Any) -> list[Any]:
    """Give the points, lines and polygons of a geometry, valid ones."""
    import shapely

    parts = shapely.get_parts(shapely.make_valid(shape))
    while (shapely.get_type_id(parts) > 3).any():  # collections in collections
        parts = shapely.get_parts(parts)
    return list(parts)


def _unrolled(part: Any, own: Any) -> Iterator[Any]:
    """Yield the shapes in degrees of a point, line or polygon in another CRS."""
    import shapely

    there = transformer(own.to_wkt(), "EPSG:4326")
    west, south, east, north = part.bounds
    step = STEP_DEGREES if own.is_geographic else _STEP_M / own.axis_info[0].unit_conversion_factor
    fine = shapely.segmentize(part, max(step, (east - west + north - south) / 50_000))

    def walk(points: Floats) -> Floats:
        longitude, latitude = there.transform(*points.T)
        if not np.isfinite([longitude, latitude]).all():
            raise ValueError("parts of it have no longitude and latitude")
        return np.stack([np.unwrap(longitude, period=360), latitude], axis=1)

    def filled(ring: Any) -> Any:
        left = shapely.geometry.polygon.orient(shapely.Polygon(ring))  # the inside lies to the left
        points = walk(shapely.get_coordinates(left))
        turn = points[-1, 0] - points[0, 0]
        if abs(turn) > 180:  # eastwards around the north pole, or westwards around the south pole
            pole = [[points[end, 0], np.copysign(90, turn)] for end in (-1, 0)]
            points = np.concatenate([points, pole])
        lean = shapely.simplify(shapely.Polygon(points), _SAME)  # straight sides need no points
        areas = [piece for piece in _parts(lean) if piece.area]
        return shapely.union_all([side for area in areas for side in folded(area)])

    if part.geom_type == "Polygon":
        area = filled(fine.exterior)
        for hole in fine.interiors:
            area = shapely.difference(area, filled(hole))
        yield from shapely.get_parts(area)
    else:
        yield shapely.transform(fine, walk)


def folded(part: Any) -> Iterator[Any]:
    """Yield what a point, line or polygon in degrees covers on longitudes -180 to 180."""
    import shapely

    west, _, east, _ = part.bounds
    if west > -180 and east < 180:
        yield part
        return
    inside = 1e-9 if part.area else 0.0  # an area that ends at 180 degrees has no part beyond
    for turn in range(ceil((west + inside - 180) / 360), floor((east - inside + 180) / 360) + 1):
        strip = shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90)
        for piece in shapely.get_parts(shapely.intersection(part, strip)):
            if shapely.get_dimensions(piece) == shapely.get_dimensions(part):
                yield shapely.transform(piece, lambda at, turn=turn: at - [360 * turn, 0])
