"""Processes of data cubes: filter_bbox, filter_spatial, mask_polygon."""

# Some functions of dask.array have no types.
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.declarations import process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.space.coverage import Pixels, covered, pixels_of, placed, window_around
from workbench.openeo.space.geometries import PROPERTIES, shapes_of
from workbench.openeo.space.regrids import bounds_in, known_crs
from workbench.openeo.values import is_lazy, type_with
from workbench.rasters.windows import Span, Window

Bools = npt.NDArray[np.bool_]

_SAME = 1e-6  # of a pixel: centres this close to an edge of a box are on it


@process("filter_bbox")
def filter_bbox(data: Cube, extent: Mapping[str, Any]) -> Cube:
    crs = extent.get("crs")
    crs = known_crs(4326 if crs is None else crs, "filter_bbox", "extent")
    box = (extent["west"], extent["south"], extent["east"], extent["north"])
    if box[1] > box[3] or (box[0] > box[2] and not crs.is_geographic):
        raise _invalid("filter_bbox", "extent", f"{box} is not west <= east and south <= north.")
    data = _between(data, extent.get("base"), extent.get("height"))
    if data.is_raster and data.crs is not None:
        return _centres_in(data, bounds_in(box, crs, data.crs))
    if data.is_vector and data.crs is not None:
        return _shapes_in(data, bounds_in(box, crs, data.crs))
    raise _invalid("filter_bbox", "data", "it has neither pixels nor geometries with a CRS.")


@process("filter_spatial")
def filter_spatial(data: Cube, geometries: Any) -> Cube:
    pixels = pixels_of(data, "filter_spatial")
    shapes = placed(shapes_of(geometries, "filter_spatial", "geometries"), pixels)
    window = window_around(shapes, pixels)
    if window is None:
        return _cut(data, slice(0), slice(0))
    cut = _cut(data, *window.slices)
    return _where(cut, _covered(cut, shapes, pixels, window), None)


@process("mask_polygon")
def mask_polygon(data: Cube, mask: Any, replacement: Any, inside: bool) -> Cube:
    import shapely

    if isinstance(replacement, str):
        reason = f"{replacement!r:.60} is a text, and the cube holds numbers."
        raise _invalid("mask_polygon", "replacement", reason)
    pixels = pixels_of(data, "mask_polygon")
    given = shapes_of(mask, "mask_polygon", "mask")
    full = given.geometries[~shapely.is_empty(given.geometries)]
    others = set(shapely.get_type_id(full).tolist()) - {3, 6}
    if others or not len(full):
        reason = "it has no polygon" if not others else "it has geometries that are no polygons"
        raise _invalid("mask_polygon", "mask", f"{reason}: give Polygon or MultiPolygon.")
    if 0 in pixels.shape:
        return data
    found = _covered(data, placed(given, pixels), pixels, Window.whole(pixels.shape))
    return _where(data, ~found if inside else found, replacement)


def _centres_in(cube: Cube, bounds: tuple[float, float, float, float]) -> Cube:
    """Return the pixels whose centres lie in a box or on its edge."""
    west, south, east, north = bounds
    pixels = pixels_of(cube, "filter_bbox")
    if pixels.crs.is_geographic and west > east:
        east += 360
    turns = (-360, 0, 360) if pixels.crs.is_geographic else (0,)
    near_x, near_y = (_SAME * abs(step) for step in pixels.step)
    across = np.zeros(len(pixels.x), bool)
    for turn in turns:
        at = pixels.x + turn
        across |= (at >= west - near_x) & (at <= east + near_x)
    down = (pixels.y >= south - near_y) & (pixels.y <= north + near_y)
    cols, rows = np.flatnonzero(across), np.flatnonzero(down)
    if len(cols) and cols[-1] - cols[0] >= len(cols):
        reason = "it holds the first and the last columns of the data, and not those between"
        raise _invalid("filter_bbox", "extent", f"{reason}: filter the two parts one by one.")
    if not (len(cols) and len(rows)):
        return _cut(cube, slice(0), slice(0))
    return _cut(cube, slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1))


def _shapes_in(cube: Cube, bounds: tuple[float, float, float, float]) -> Cube:
    """Return the geometries that lie within a box."""
    import shapely

    west, south, east, north = bounds
    if west > east:
        box = shapely.union_all(
            [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
        )
    else:
        box = shapely.box(west, south, east, north)
    name = cube.of_kind("geometry")[0]
    inside = np.flatnonzero(shapely.within(cube.array[name].values, box))
    found = cube.array.isel({name: inside})
    if PROPERTIES in found[name].attrs:
        kept = [found[name].attrs[PROPERTIES][place] for place in inside]
        found[name].attrs = {**found[name].attrs, PROPERTIES: kept}
    return cube.with_array(found)


def _between(cube: Cube, base: float | None, height: float | None) -> Cube:
    """Return what lies between two heights, where the cube has a vertical axis."""
    name = cube.axis("z")
    if name is None or (base is None and height is None):
        return cube
    labels = cube.array[name].values
    kept = np.ones(len(labels), bool)
    if base is not None:
        kept &= labels >= base
    if height is not None:
        kept &= labels <= height
    return cube.with_array(cube.array.isel({name: np.flatnonzero(kept)}))


def _cut(cube: Cube, rows: slice, cols: slice) -> Cube:
    """Return some rows and columns of a cube, whose pixels keep their size."""
    pixels = pixels_of(cube, "")
    x, y = str(cube.axis("x")), str(cube.axis("y"))
    steps = {
        x: Dimension("spatial", "x", pixels.step[0]),
        y: Dimension("spatial", "y", pixels.step[1]),
    }
    return cube.with_array(cube.array.isel({y: rows, x: cols}), **steps)


def _covered(cube: Cube, shapes: Any, pixels: Pixels, window: Window) -> Any:
    """Tell which pixels of a window belong to shapes; block by block, lazily, if the cube is lazy.

    Parameters
    ----------
    cube
        The window of the cube that `pixels` are of.

    Returns
    -------
    xarray.DataArray
        (y, x) bool.
    """
    import xarray as xr

    names = (str(cube.axis("y")), str(cube.axis("x")))
    if not is_lazy(cube.array.data):
        return xr.DataArray(covered(shapes, pixels, window), dims=names)
    import dask.array as da
    from dask.delayed import delayed

    shared, whole = (delayed(each, traverse=False) for each in (shapes, pixels))
    block = delayed(covered)
    spans = [
        _spans(cube.array.chunksizes[name], first)
        for name, (first, _) in zip(names, window, strict=True)
    ]
    lines = []
    for rows in spans[0]:
        parts = [Window(rows, cols) for cols in spans[1]]
        blocks = [da.from_delayed(block(shared, whole, p), p.shape, dtype=bool) for p in parts]
        lines.append(da.concatenate(blocks, axis=1))
    return xr.DataArray(da.concatenate(lines, axis=0), dims=names)


def _spans(chunks: Sequence[int], first: int) -> list[Span]:
    """Return the first pixel and the end of each chunk."""
    ends = np.cumsum([first, *chunks]).tolist()
    return list(pairwise(ends))


def _where(cube: Cube, kept: Any, replacement: float | None) -> Cube:
    """Return a cube with another value, or null, where it is not to be kept; null stays null."""
    array, kind = cube.array, type_with(cube.array.dtype, replacement)
    value = kind.type(np.nan if replacement is None else replacement)
    return cube.with_array(array.astype(kind).where(kept | array.isnull(), value))


def _invalid(name: str, parameter: str, reason: str) -> OpenEOError:
    return error("ProcessParameterInvalid", process=name, parameter=parameter, reason=reason)
