"""Areas that are asked for: boxes, polygons of GeoJSON, geometries of a vector cube.

A pixel lies in an area if its centre does, edges included. A box is taken into the CRS of the
pixels first and is a box there; of polygons the box around them is read, and pixels outside of all
of them are null.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput
from workbench.openeo.cubes import Cube
from workbench.openeo.errors import OpenEOError, error
from workbench.rasters.grids import Bounds, envelope, footprint, transformer

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Area", "read_area"]

MOST_POINTS = 1_000_000
"""Of the outlines of an area."""

_AROUND = 0.05  # of its extent, around an image whose outline bends in another CRS


@dataclass(frozen=True, eq=False)
class Area:
    """Where pixels are asked for."""

    shape: Any
    """A shapely polygon or several, valid; a box may reach beyond 180 degrees east."""
    crs: str
    """Of `shape`."""
    is_box: bool

    def boxes(self, grid: GeoBox) -> list[Bounds]:
        """Return the boxes around the area in the CRS of a grid that the grid may meet.

        Parameters
        ----------
        grid
            Of an image.

        Returns
        -------
        list of Bounds
            One, or in degrees one for each turn around the globe.
        """
        bounds = self._bounds(grid)
        if bounds is None or grid.crs is None or not grid.crs.geographic:
            return [] if bounds is None else [bounds]
        left, bottom, right, top = bounds
        return [(left + turn, bottom, right + turn, top) for turn in (-360.0, 0.0, 360.0)]

    def degrees(self) -> Bounds | None:
        """Return the box around the area in degrees; its east may lie beyond 180. None if not."""
        try:
            return envelope(_Placed(self.shape, self.crs), "EPSG:4326")
        except BadInput:
            return None

    def outline(self, crs: str, left: float, right: float) -> Any:
        """Return the polygons in another CRS, in whose longitudes left and right lie; a box: None.

        Parameters
        ----------
        crs
            Of pixels.
        left, right
            Of these pixels.
        """
        import shapely

        if self.is_box:
            return None
        moved = _moved(self.shape, self.crs, crs)
        parts = [moved]
        if _is_geographic(crs):
            parts += [shapely.affinity.translate(moved, turn) for turn in (-360, 360)]
        met = [part for part in parts if part.bounds[0] <= right and part.bounds[2] >= left]
        return shapely.union_all(met) if met else shapely.Polygon()

    def _bounds(self, grid: GeoBox) -> Bounds | None:
        """Return the box around the area in the CRS of a grid; None if the two cannot meet."""
        import shapely

        crs = str(grid.crs)
        try:
            return envelope(_Placed(self.shape, self.crs), crs)
        except BadInput:  # parts of it do not exist there: what lies around the grid does
            west, south, east, north = footprint(grid, self.crs)
            if not all(map(math.isfinite, (west, south, east, north))) or west > east:
                return None
            wide = _AROUND * max(east - west, north - south)
            near = shapely.box(west - wide, south - wide, east + wide, north + wide)
            part = shapely.intersection(self.shape, near)
            return None if part.is_empty else envelope(_Placed(part, self.crs), crs)


@dataclass(frozen=True, eq=False)
class _Placed:
    """A geometry with its CRS, as `workbench.rasters.grids.Aoi` takes it."""

    geom: Any
    crs: str


def read_area(given: Any, process: str) -> Area | None:
    """Read the argument ``spatial_extent``.

    Parameters
    ----------
    given
        A bounding box, GeoJSON with polygons, a vector cube, or None for everywhere.
    process
        That was given it.

    Raises
    ------
    OpenEOError
        ProcessParameterInvalid.
    """
    if given is None:
        return None
    try:
        if isinstance(given, Cube):
            return _of_cube(given)
        if not isinstance(given, Mapping):
            raise ValueError("it is no bounding box, GeoJSON or vector data cube")
        return _of_box(given) if "west" in given else _of_geojson(given)
    except ValueError as reason:
        raise _invalid(process, str(reason)) from reason


def _invalid(process: str, reason: str) -> OpenEOError:
    return error(
        "ProcessParameterInvalid", process=process, parameter="spatial_extent", reason=f"{reason}."
    )


def _of_box(given: Mapping[str, Any]) -> Area:
    import shapely

    crs = _known_crs(given.get("crs") or 4326)
    west, south, east, north = (_number(given, name) for name in ("west", "south", "east", "north"))
    if _is_geographic(crs):
        if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
            raise ValueError(
                f"west {west:g}, south {south:g}, east {east:g}, north {north:g} are not "
                "longitudes and latitudes with south below north"
            )
        east += 360 if west > east else 0  # across the antimeridian
    if west > east or south > north:
        raise ValueError(
            f"west {west:g} lies east of {east:g}, or south {south:g} north of {north:g}"
        )
    return Area(shapely.box(west, south, east, north), crs, True)


def _number(given: Mapping[str, Any], name: str) -> float:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"its {name} is {value!r:.40}, not a number")
    return float(value)


def _of_geojson(given: Mapping[str, Any]) -> Area:
    import shapely

    shapes = []
    for geometry in _geometries(given):
        if not isinstance(geometry, Mapping) or geometry.get("type") not in (
            "Polygon",
            "MultiPolygon",
        ):
            kind = geometry.get("type") if isinstance(geometry, Mapping) else geometry
            raise ValueError(f"a geometry is of type {kind!r:.40}, not Polygon or MultiPolygon")
        try:
            shapes.append(shapely.geometry.shape(geometry))
        except Exception as reason:  # whatever the wrong coordinates happen to trigger
            raise ValueError(f"a {geometry['type']} has no valid coordinates") from reason
    member = given.get("crs")
    name = member.get("properties", {}).get("name") if isinstance(member, Mapping) else None
    return _of_shapes(shapes, _known_crs(name or 4326))


def _geometries(given: Mapping[str, Any]) -> Iterator[Any]:
    kind = given.get("type")
    if kind == "FeatureCollection":
        features = given.get("features")
        if not isinstance(features, Sequence) or isinstance(features, str):
            raise ValueError("the FeatureCollection has no list of features")
        for feature in features:
            if not isinstance(feature, Mapping) or feature.get("type") != "Feature":
                raise ValueError("the FeatureCollection holds something that is no Feature")
            if feature.get("geometry") is not None:
                yield feature["geometry"]
    elif kind == "Feature":
        if given.get("geometry") is not None:
            yield given["geometry"]
    else:
        yield given


def _of_cube(cube: Cube) -> Area:
    names = cube.of_kind("geometry")
    if not names:
        raise ValueError("the data cube has no geometries")
    return _of_shapes(cube.array[names[0]].values.tolist(), str(cube.crs or "EPSG:4326"))


def _of_shapes(shapes: Sequence[Any], crs: str) -> Area:
    import shapely

    kept = [shape for shape in shapes if shape is not None and not shape.is_empty]
    if not kept:
        raise ValueError("it holds no geometry, or only empty ones")
    if any(shape.geom_type not in ("Polygon", "MultiPolygon") for shape in kept):
        raise ValueError("it holds geometries that are not polygons")
    count = int(shapely.get_num_coordinates(kept).sum())
    if count > MOST_POINTS:
        raise ValueError(f"its outlines have {count:,} points, the limit is {MOST_POINTS:,}")
    if not np.isfinite(shapely.get_coordinates(kept)).all():
        raise ValueError("it has coordinates that are not finite")
    return Area(shapely.union_all(shapely.make_valid(kept)), crs, False)


def _known_crs(given: Any) -> str:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        if isinstance(given, float) and given.is_integer():
            given = int(given)
        crs = CRS.from_user_input(given)
    except (CRSError, TypeError) as reason:
        raise ValueError(f"its crs {given!r:.60} is not known") from reason
    if not (crs.is_geographic or crs.is_projected):
        raise ValueError(f"its crs {given!r:.60} is not one of maps")
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt())


def _is_geographic(crs: str) -> bool:
    from pyproj import CRS

    return bool(CRS.from_user_input(crs).is_geographic)


def _moved(shape: Any, source: str, target: str) -> Any:
    """Return polygons in another CRS, their straight sides followed in short pieces."""
    import shapely

    if source == target:
        return shape
    there = transformer(source, target)
    left, bottom, right, top = shape.bounds
    fine = shapely.segmentize(shape, max((right - left + top - bottom) / 1000, 1e-9))

    def move(at: npt.NDArray[np.float64]) -> Any:
        return np.transpose(there.transform(*at.T))

    moved = shapely.transform(fine, move)
    return shapely.make_valid(moved)
