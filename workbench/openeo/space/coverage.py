"""Which pixels belong to which shapes.

A pixel belongs to a polygon if its centre lies in it or on its edge, to a line if the line touches
the pixel, and to a point if no other centre is closer. Lines that are straight in the CRS of the
shapes stay so: they are divided before they go to the CRS of the pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubes import Cube
from workbench.openeo.errors import error
from workbench.openeo.space.geometries import Geometries, Shapes
from workbench.openeo.space.regrids import bounds_in, same_crs
from workbench.rasters.grids import transformer
from workbench.rasters.regions import STEP_DEGREES
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from pyproj import CRS

__all__ = ["Pixels", "covered", "pixels_of", "placed", "window_around"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_STEP_M = 1000.0  # m; a straight line as long bends by centimetres on another map
_MOST_PIECES = 50_000  # of a line
_SAME = 1e-6  # of a pixel: bounds this close to a centre reach it


class Pixels(NamedTuple):
    """Centres and size of the pixels of a raster cube."""

    x: Floats
    y: Floats
    step: tuple[float, float]
    """From one centre to the next, in x and y; negative where they descend."""
    crs: Any

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.y), len(self.x)

    def bounds(self, window: Window | None = None) -> tuple[float, float, float, float]:
        """Return left, bottom, right and top of a window that has pixels; by default of all."""
        rows, cols = window or Window.whole(self.shape)
        edges = []
        for centres, step, (first, end) in zip(
            (self.x, self.y), self.step, (cols, rows), strict=True
        ):
            edges.append(sorted((centres[first] - step / 2, centres[end - 1] + step / 2)))
        return float(edges[0][0]), float(edges[1][0]), float(edges[0][1]), float(edges[1][1])


def pixels_of(cube: Cube, process: str, parameter: str = "data") -> Pixels:
    """Return where the pixels of a cube lie; there may be none.

    Raises
    ------
    OpenEOError
        ProcessParameterInvalid if the cube is no raster, or has no CRS.
    """
    x, y = cube.axis("x"), cube.axis("y")
    if x is None or y is None or cube.crs is None:
        reason = "it is no raster data cube with x, y and their CRS."
        raise error("ProcessParameterInvalid", process=process, parameter=parameter, reason=reason)
    steps = (cube.step(x) or 1.0, cube.step(y) or 1.0)
    centres = [np.asarray(cube.array[name].values, np.float64) for name in (x, y)]
    return Pixels(centres[0], centres[1], steps, cube.crs)


def placed(shapes: Shapes, pixels: Pixels) -> Geometries:
    """Return shapes in the CRS of some pixels, as far as they matter there.

    Returns
    -------
    numpy.ndarray
        (n,) of shapely, valid ones. In another CRS cut to a frame around the pixels; empty where
        nothing is inside it. Longitudes are those of the pixels, such as 350 for -10.
    """
    valid = _valid(shapes.geometries)
    if 0 in pixels.shape:
        return valid
    if not same_crs(shapes.crs, pixels.crs):
        valid = _in_crs_of(pixels, valid, shapes.crs)
    return _turned(valid, pixels) if pixels.crs.is_geographic else valid


def window_around(geometries: Geometries, pixels: Pixels) -> Window | None:
    """Return the pixels in the bounding box of shapes in their CRS, and those that they belong to.

    Pixels whose centres are in the box count for polygons, all that it touches for lines and
    points. None if there is no pixel.
    """
    import shapely

    if 0 in pixels.shape:
        return None
    parts = _parts(geometries)
    spans: list[tuple[int, int, int, int]] = []
    flat = shapely.get_dimensions(parts) == 2
    for some, reach in ((parts[flat], 0.0), (parts[~flat], 0.5)):
        if not len(some):
            continue
        west, south, east, north = shapely.total_bounds(some)
        cols = _within(west, east, pixels.x, pixels.step[0], reach)
        rows = _within(south, north, pixels.y, pixels.step[1], reach)
        if cols[0] < cols[1] and rows[0] < rows[1]:
            spans.append((*rows, *cols))
    if not spans:
        return None
    top, bottom, left, right = np.array(spans).T
    return Window((int(top.min()), int(bottom.max())), (int(left.min()), int(right.max())))


def covered(geometries: Geometries, pixels: Pixels, window: Window) -> Bools:
    """Tell which pixels of a window belong to at least one of some shapes.

    Parameters
    ----------
    geometries
        In the CRS of the pixels, from `placed`.
    pixels
        Of the whole cube, so that a point on the edge of two windows counts in one.
    window
        Inside the cube, with at least one pixel.

    Returns
    -------
    numpy.ndarray
        (y, x) bool.
    """
    import shapely

    found = np.zeros(window.shape, bool)
    parts = _parts(geometries)
    parts = parts[_near(parts, pixels.bounds(window))]
    sizes = shapely.get_dimensions(parts)
    if (sizes == 2).any():
        found |= _in_polygons(parts[sizes == 2], pixels, window)
    if (sizes == 1).any():
        found |= _on_lines(parts[sizes == 1], pixels, window)
    if (sizes == 0).any():
        found |= _at_points(parts[sizes == 0], pixels, window)
    return found


def _in_crs_of(pixels: Pixels, valid: Geometries, crs: CRS) -> Geometries:
    """Return valid shapes of a CRS in that of pixels, cut to a frame around these."""
    import shapely

    frame = _frame(pixels, crs)
    there = transformer(crs.to_wkt(), pixels.crs.to_wkt())
    found = np.empty(len(valid), object)
    step = STEP_DEGREES if crs.is_geographic else _STEP_M
    for place, shape in enumerate(valid):
        found[place] = shapely.Polygon()
        cut = _of_dimension(shapely.intersection(shape, frame), shapely.get_dimensions(shape))
        if not cut.is_empty:
            west, south, east, north = cut.bounds
            fine = shapely.segmentize(cut, max(step, (east - west + north - south) / _MOST_PIECES))
            moved = shapely.transform(fine, lambda xy: np.transpose(there.transform(*xy.T)))
            if np.isfinite(shapely.get_coordinates(moved)).all():
                found[place] = moved
    return _valid(found)


def _turned(geometries: Geometries, pixels: Pixels) -> Geometries:
    """Return shapes in degrees by as many turns of the globe as bring them to pixels."""
    from shapely import GeometryCollection
    from shapely.affinity import translate

    left, _, right, _ = pixels.bounds()
    near = _SAME * abs(pixels.step[0])  # what only touches an edge is there already
    found = geometries.copy()
    for place, shape in enumerate(geometries):
        west, _, east, _ = shape.bounds  # NaN of an empty one
        turns = [n for n in (-360, 0, 360) if west + n < right - near and east + n > left + near]
        if turns not in ([], [0]):
            found[place] = GeometryCollection([translate(shape, turn) for turn in turns])
    return found


def _valid(geometries: Geometries) -> Geometries:
    """Return shapes that are valid, polygons without what has no area."""
    import shapely

    found = np.array(geometries, object)
    wrong = ~shapely.is_valid(found)
    for place in np.flatnonzero(wrong):
        mended = shapely.make_valid(found[place])
        found[place] = _of_dimension(mended, shapely.get_dimensions(found[place]))
    return found


def _of_dimension(shape: Any, dimension: int) -> Any:
    """Return the parts of a shape that are points (0), lines (1) or polygons (2)."""
    import shapely

    parts = _parts(np.array([shape], object))
    return shapely.GeometryCollection(list(parts[shapely.get_dimensions(parts) == dimension]))


def _parts(geometries: Geometries) -> Geometries:
    """Return all points, lines and polygons in shapes that are not empty."""
    import shapely

    parts: Geometries = shapely.get_parts(geometries)
    while (shapely.get_type_id(parts) > 3).any():
        parts = shapely.get_parts(parts)
    found: Geometries = parts[~shapely.is_empty(parts)]
    return found


def _frame(pixels: Pixels, crs: CRS) -> Any:
    """Return a box, or two across the antimeridian, with room around all pixels in another CRS."""
    import shapely

    left, bottom, right, top = pixels.bounds()
    wide = (right - left) / 10 + abs(pixels.step[0])
    high = (top - bottom) / 10 + abs(pixels.step[1])
    around = (left - wide, bottom - high, right + wide, top + high)
    west, south, east, north = bounds_in(around, pixels.crs, crs)
    if not np.isfinite([west, south, east, north]).all():
        return shapely.box(-1e8, -1e8, 1e8, 1e8)
    if west > east:
        halves = [(west, south, 180, north), (-180, south, east, north)]
        return shapely.union_all([shapely.box(*half) for half in halves])
    return shapely.box(west, south, east, north)


def _near(parts: Geometries, bounds: tuple[float, float, float, float]) -> Bools:
    """Tell which shapes have bounds that meet others."""
    import shapely

    if not len(parts):
        return np.zeros(0, bool)
    west, south, east, north = shapely.bounds(parts).T
    left, bottom, right, top = bounds
    return np.asarray((west <= right) & (east >= left) & (south <= top) & (north >= bottom), bool)


def _within(low: float, high: float, centres: Floats, step: float, reach: float) -> tuple[int, int]:
    """Return the first and the end of the pixels in a range, grown by `reach` of a pixel."""
    more = (reach + _SAME) * abs(step)
    inside = np.flatnonzero((centres >= low - more) & (centres <= high + more))
    return (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0)


def _burnt(shapes: Any, pixels: Pixels, window: Window, touched: bool) -> Bools:
    """Return the pixels that GDAL finds in, or touched by, shapes."""
    from affine import Affine
    from rasterio.features import rasterize

    (across, down), (rows, cols) = pixels.step, window
    corner = pixels.x[0] + across * (cols[0] - 0.5), pixels.y[0] + down * (rows[0] - 0.5)
    transform = Affine(across, 0, corner[0], 0, down, corner[1])
    burnt = rasterize(
        [(shape, 1) for shape in shapes],
        out_shape=window.shape,
        transform=transform,
        all_touched=touched,
        dtype="uint8",
    )
    return np.asarray(burnt == 1)


def _in_polygons(polygons: Geometries, pixels: Pixels, window: Window) -> Bools:
    """Tell which centres lie in polygons; those near an edge are looked at one by one."""
    import shapely

    found = _burnt(polygons, pixels, window, touched=False)
    edges = _burnt(shapely.boundary(polygons), pixels, window, touched=True)
    row, col = np.nonzero(_grown(edges))
    x, y = pixels.x[window.cols[0] + col], pixels.y[window.rows[0] + row]
    hits = shapely.STRtree(polygons).query(shapely.points(x, y), predicate="intersects")[0]
    inside = np.zeros(len(row), bool)
    inside[hits] = True
    found[row, col] = inside
    return found


def _on_lines(lines: Geometries, pixels: Pixels, window: Window) -> Bools:
    """Tell which pixels lines touch."""
    import shapely

    found = np.zeros(window.shape, bool)
    # a line on an edge touches the pixels on both sides, also in the next window
    near = _grown(_burnt(lines, pixels, window.grown(1), touched=True))[1:-1, 1:-1]
    row, col = np.nonzero(near)
    x, y = pixels.x[window.cols[0] + col], pixels.y[window.rows[0] + row]
    wide, high = (abs(step) / 2 for step in pixels.step)
    boxes = shapely.box(x - wide, y - high, x + wide, y + high)
    hits = shapely.STRtree(lines).query(boxes, predicate="intersects")[0]
    found[row[hits], col[hits]] = True
    return found


def _at_points(points: Geometries, pixels: Pixels, window: Window) -> Bools:
    """Tell which pixels are those of points; of several that are as close, the last."""
    import shapely

    found = np.zeros(window.shape, bool)
    at = shapely.get_coordinates(points).T
    places, inside = [], np.ones(len(points), bool)
    for where, centres, step, (first, end) in zip(
        at, (pixels.x, pixels.y), pixels.step, window[::-1], strict=True
    ):
        position = (where - centres[0]) / step + 0.5
        cell = np.where(position == len(centres), len(centres) - 1, np.floor(position))
        inside &= (cell >= first) & (cell < end)
        places.append(cell - first)
    cols, rows = (cell[inside].astype(np.intp) for cell in places)
    found[rows, cols] = True
    return found


def _grown(mask: Bools) -> Bools:
    """Return a mask with the eight neighbours of its pixels."""
    found = mask.copy()
    for axis in (0, 1):
        one = found.copy()
        before, after = [slice(None)] * 2, [slice(None)] * 2
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        found[tuple(after)] |= one[tuple(before)]
        found[tuple(before)] |= one[tuple(after)]
    return found
