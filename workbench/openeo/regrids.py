"""Cubes on another grid: pixels resampled and warped as by gdalwarp, window by window.

What is missing in the cube takes no part, and what the cube does not cover is missing in the
result, so the result is of floats. Each window of the target reads only the source pixels that it
needs. A value does not depend on the window that it is computed in: positions are not approximated,
and the scale that sets the width of the kernels is one for the whole grid.
"""

# Some functions of dask.array have no types.
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil, isqrt, prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.values import float_type, is_lazy
from workbench.rasters.grids import transformer
from workbench.rasters.windows import Window, windows

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox
    from pyproj import CRS

__all__ = ["METHODS", "MOST_PIXELS", "MOST_SIDE", "known_crs", "on_grid_of", "resampled"]

METHODS = {
    "average": ("average", 0),
    "bilinear": ("bilinear", 1),
    "cubic": ("cubic", 2),
    "cubicspline": ("cubic_spline", 2),
    "lanczos": ("lanczos", 3),
    "max": ("max", 0),
    "med": ("med", 0),
    "min": ("min", 0),
    "mode": ("mode", 0),
    "near": ("nearest", 0),
    "q1": ("q1", 0),
    "q3": ("q3", 0),
    "rms": ("rms", 0),
    "sum": ("sum", 0),
}
"""For each method of openEO its name in rasterio, and the radius of its kernel in pixels."""

MOST_PIXELS = 4_000_000_000
"""Of a grid: an area of 600 km x 600 km at 10 m."""

MOST_SIDE = 1_000_000
"""Pixels along one side of a grid."""

MOST_IN_MEMORY = 2**29
"""Values of a result that is made in memory; 2 GiB of float32."""

_SIDE = 1024  # pixels along a side of a window of the target, at most
_PLANES = 256  # layers that are resampled together, at most
_VALUES = 2**24  # of a window of the source with all its layers, about
_SAMPLES = 16  # places along a side of a window at which its positions in the source are computed
_MORE_SAMPLES = 128  # where some of these do not exist in the other CRS
_SNAP = 6  # decimals of a source pixel that are kept of how far two grids are shifted

Floats = npt.NDArray[np.float64]


def on_grid_of(
    cube: Cube, target: Cube, method: str = "near", *, process: str = "resample_cube_spatial"
) -> Cube:
    """Put a cube on the grid of another.

    Parameters
    ----------
    cube
        A raster cube; integers and booleans become floats, unless the grids are the same.
    target
        A raster cube, whose values do not matter.
    method
        One of `METHODS`; on the same grid nothing changes with any of them.
    process
        The name of the process that is at work, for messages.

    Returns
    -------
    Cube
        The dimensions of `cube`, with the pixels and the CRS of `target`; NaN where `cube` has no
        data. Lazy if `cube` is.

    Raises
    ------
    OpenEOError
        ProcessParameterInvalid if one has no pixels that lie anywhere, or the result is too large.
    """
    for name, each in (("data", cube), ("target", target)):
        _check_raster(each, process, name)
    names = {axis: (str(cube.axis(axis)), str(target.axis(axis))) for axis in "yx"}
    centres = {axis: target.array[theirs].values for axis, (_, theirs) in names.items()}
    steps = {axis: target.dimensions[theirs].step for axis, (_, theirs) in names.items()}
    if 0 in (*cube.array.shape, *map(len, centres.values())):
        return _without_values(cube, centres, steps, target.crs)
    source, wanted = cube.geobox(), target.geobox()
    if _same(source, wanted):
        return cube
    _check_size(cube, (wanted.shape[0], wanted.shape[1]), process)
    return _placed(cube, _values(cube, source, wanted, method), centres, steps, target.crs)


def resampled(
    cube: Cube,
    resolution: float | list[float] = 0,
    projection: int | str | None = None,
    method: str = "near",
    align: str = "upper-left",
    *,
    process: str = "resample_spatial",
) -> Cube:
    """Give a cube another size of pixels, another CRS, or both.

    Parameters
    ----------
    cube
        A raster cube; integers and booleans become floats, unless nothing changes.
    resolution
        Size of pixels in units of the new CRS, or those in x and y; 0 leaves it. Where it is left
        and the unit changes, pixels become squares with about as many along the diagonal.
    projection
        EPSG code or WKT2; None leaves it.
    method
        One of `METHODS`.
    align
        Corner of the extent of the cube from which pixels are counted, such as ``upper-left``. At
        the other sides the last pixel may reach beyond the extent.
    process
        The name of the process that is at work, for messages.

    Returns
    -------
    Cube
        The same dimensions with other labels in x and y, which ascend or descend as before; NaN
        where there are no data. Lazy if `cube` is.

    Raises
    ------
    OpenEOError
        ProcessParameterInvalid if the cube has no pixels that lie anywhere, the CRS is none or
        does not reach there, or the result is too large.
    """
    _check_raster(cube, process, "data")
    crs = cube.crs if projection is None else known_crs(projection, process, "projection")
    sizes = resolution if isinstance(resolution, list) else [resolution, resolution]
    if 0 in cube.array.shape:
        return _of_no_pixels(cube, sizes, crs)
    source = cube.geobox()
    moved = crs != cube.crs
    edges, own = _extent(source, crs, process) if moved else _own_extent(source)
    steps = {
        axis: float(np.copysign(size or unchanged, sign))
        for axis, size, unchanged, sign in zip(
            "xy", sizes, own, (source.affine.a, source.affine.e), strict=True
        )
    }
    counts = {
        axis: _count((edges[k + 2] - edges[k]) / abs(steps[axis])) for k, axis in enumerate("xy")
    }
    _check_size(cube, (counts["y"], counts["x"]), process)
    wanted = _grid(edges, counts, steps, crs, align)
    if _same(source, wanted):
        return cube
    centres = {
        "x": wanted.affine.c + wanted.affine.a * (np.arange(counts["x"]) + 0.5),
        "y": wanted.affine.f + wanted.affine.e * (np.arange(counts["y"]) + 0.5),
    }
    return _placed(cube, _values(cube, source, wanted, method), centres, steps, crs)


def known_crs(given: int | str | CRS, process: str, parameter: str) -> CRS:
    """Return the CRS of an EPSG code or of WKT2.

    Raises
    ------
    OpenEOError
        ProcessParameterInvalid if it names none that maps can have.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    reason = "it is neither an EPSG code nor WKT2 of a CRS"
    try:
        crs = CRS.from_user_input(given)
        if crs.is_geographic or crs.is_projected:
            return crs
        reason = f"the CRS {crs.name!r:.80} is not one of maps"
    except CRSError:
        pass
    shown = str(given) if len(str(given)) <= 60 else f"{str(given)[:57]}..."
    raise _invalid(process, parameter, f"{shown}: {reason}; give for instance 32632 or 4326.")


def _check_raster(cube: Cube, process: str, parameter: str) -> None:
    """Refuse what has no pixels, or none that lie anywhere."""
    if not cube.is_raster:
        raise _invalid(
            process, parameter, "it is no raster data cube: it lacks dimensions of x and y."
        )
    if cube.crs is None:
        raise _invalid(process, parameter, "its pixels have no CRS.")


def _check_size(cube: Cube, shape: tuple[int, int], process: str) -> None:
    """Refuse a grid that is too large, before anything of it is built."""
    height, width = shape
    layers = cube.array.size // prod(cube.array.sizes[str(cube.axis(axis))] for axis in "yx")
    size = f"the result would have {height} x {width} pixels"
    reason = ""
    if max(shape) > MOST_SIDE:
        reason = f"{size}; at most {MOST_SIDE} along a side are possible"
    elif height * width > MOST_PIXELS:
        reason = f"{size}; at most {MOST_PIXELS} are possible"
    elif not is_lazy(cube.array.data) and height * width * layers > MOST_IN_MEMORY:
        reason = f"{size} in {layers} layers; at most {MOST_IN_MEMORY} values fit into memory"
    if reason:
        way = "take a coarser resolution, or a smaller area with filter_bbox"
        parameter = "resolution" if process == "resample_spatial" else "target"
        raise _invalid(process, parameter, f"{reason}: {way}.")


def _invalid(process: str, parameter: str, reason: str) -> OpenEOError:
    return error("ProcessParameterInvalid", process=process, parameter=parameter, reason=reason)


def _own_extent(grid: GeoBox) -> tuple[tuple[float, ...], tuple[float, float]]:
    """Return left, bottom, right and top of a grid, and the size of its pixels."""
    return _edges(grid), (abs(grid.affine.a), abs(grid.affine.e))


def _edges(grid: GeoBox) -> tuple[float, float, float, float]:
    box = grid.boundingbox
    return float(box.left), float(box.bottom), float(box.right), float(box.top)


def _extent(grid: GeoBox, crs: Any, process: str) -> tuple[tuple[float, ...], tuple[float, float]]:
    """Return the same in another CRS; the size of pixels stays if the unit does."""
    from pyproj import CRS

    there = transformer(str(grid.crs), crs.to_wkt())
    left, bottom, right, top = there.transform_bounds(*_edges(grid), densify_pts=101)
    if right < left:  # across the antimeridian
        right += 360
    edges = (left, bottom, right, top)
    if not np.isfinite(edges).all() or left == right or bottom == top:
        reason = f"the CRS {crs.name!r:.80} does not reach where the data lie."
        raise _invalid(process, "projection", reason)
    units = [each.axis_info[0].unit_name for each in (CRS(str(grid.crs)), crs)]
    if units[0] == units[1]:
        return edges, (abs(grid.affine.a), abs(grid.affine.e))
    size = float(np.hypot(right - left, top - bottom) / np.hypot(*grid.shape))
    return edges, (size, size)


def _count(pixels: float) -> int:
    """Return how many whole pixels cover so many; a thousandth of one is nothing."""
    return max(1, ceil(min(pixels, 1e15) - 1e-3))


def _grid(
    edges: tuple[float, ...],
    counts: dict[str, int],
    steps: dict[str, float],
    crs: Any,
    align: str,
) -> GeoBox:
    """Return the grid of pixels counted from one corner of an extent."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    left, bottom, right, top = edges
    width, height = (counts[axis] * abs(steps[axis]) for axis in "xy")
    west = left if align.endswith("left") else right - width
    north = top if align.startswith("upper") else bottom + height
    first_x = west if steps["x"] > 0 else west + width
    first_y = north if steps["y"] < 0 else north - height
    transform = Affine(steps["x"], 0, first_x, 0, steps["y"], first_y)
    return GeoBox((counts["y"], counts["x"]), transform, crs)


def _of_no_pixels(cube: Cube, sizes: list[float], crs: CRS | None) -> Cube:
    """Return a cube without values with another size of pixels, as far as it is given."""
    names = {axis: str(cube.axis(axis)) for axis in "xy"}
    centres = {axis: cube.array[name].values for axis, name in names.items()}
    steps = {
        axis: size or cube.dimensions[names[axis]].step
        for axis, size in zip("xy", sizes, strict=True)
    }
    if crs != cube.crs:
        centres = {axis: labels[:0] for axis, labels in centres.items()}
    return _without_values(cube, centres, steps, crs)


def _without_values(
    cube: Cube,
    centres: dict[str, Any],
    steps: dict[str, float | None],
    crs: CRS | None,
) -> Cube:
    """Return a cube on a grid of which nothing is known."""
    *layers, _, _ = _ordered(cube).shape
    shape = (*layers, len(centres["y"]), len(centres["x"]))
    kind = float_type(cube.array.dtype)
    if not is_lazy(cube.array.data):
        return _placed(cube, np.full(shape, np.nan, kind), centres, steps, crs)
    import dask.array as da

    return _placed(cube, da.full(shape, np.nan, dtype=kind), centres, steps, crs)


def _placed(
    cube: Cube,
    values: Any,
    centres: dict[str, Any],
    steps: dict[str, float] | dict[str, float | None],
    crs: CRS | None,
) -> Cube:
    """Return values (..., y, x) as a cube with the other dimensions of this one."""
    import xarray as xr

    ordered = _ordered(cube)
    y, x = (str(name) for name in ordered.dims[-2:])
    coords = {name: ordered[name].values for name in ordered.dims[:-2]}
    coords |= {y: centres["y"], x: centres["x"]}
    array = xr.DataArray(values, coords, ordered.dims).transpose(*cube.array.dims)
    changed = {
        x: Dimension("spatial", "x", steps["x"]),
        y: Dimension("spatial", "y", steps["y"]),
    }
    return replace(cube.with_array(array, **changed), crs=crs)


def _ordered(cube: Cube) -> Any:
    """Return the array of a raster cube with y and x last."""
    y, x = str(cube.axis("y")), str(cube.axis("x"))
    return cube.array.transpose(*(name for name in cube.array.dims if name not in (y, x)), y, x)


def _same(source: GeoBox, target: GeoBox) -> bool:
    """Tell whether two grids have the same pixels, to a millionth of one."""
    if source.shape != target.shape or source.crs != target.crs:
        return False
    one, other = source.affine, target.affine
    height, width = source.shape
    shifts = [(other.c - one.c) / one.a, (other.f - one.f) / one.e]
    grown = [(other.a / one.a - 1) * width, (other.e / one.e - 1) * height]
    return bool(np.all(np.abs(shifts + grown) < 1e-6))


class _Warp(NamedTuple):
    """How pixels of a window of the target come from a window of the source."""

    source: tuple[float, ...]
    """Six numbers of the transform of the window, as Affine takes them."""
    target: tuple[float, ...]
    crs: tuple[str, str]
    """Of source and target, as WKT."""
    shape: tuple[int, int]
    """Of the window of the target."""
    method: str
    scale: tuple[float, float]
    """Pixels of the target per pixel of the source, in x and y."""


def _values(cube: Cube, source: GeoBox, target: GeoBox, method: str) -> Any:
    """Return the values of a cube (..., y, x) on another grid; lazy if the cube is."""
    values = _ordered(cube).data
    values = values.astype(float_type(values.dtype))
    name, radius = METHODS[method]
    shape = (target.shape[0], target.shape[1])
    spans = _spans(source, target)
    lazy = is_lazy(values)
    layers = values.shape[:-2]
    if lazy:
        values = _fewer_layers(values)
        layers = tuple(max(chunks) for chunks in values.chunks[:-2])
    planes = min(prod(layers), _PLANES)
    side = max(1, min(_SIDE, int(isqrt(_VALUES // planes) / max(1.0, *spans))))
    halo = [ceil(radius * max(1.0, span)) + 2 for span in spans]
    jobs = _jobs(source, target, side, halo, (name, (1 / spans[0], 1 / spans[1])))
    if not lazy:
        return _in_memory(values, shape, jobs)
    return _on_dask(values, shape, side, jobs)


def _spans(source: GeoBox, target: GeoBox) -> tuple[float, float]:
    """Return how many source pixels, in x and y, one pixel in the middle of the target spans."""
    if source.crs == target.crs:
        return abs(target.affine.a / source.affine.a), abs(target.affine.e / source.affine.e)
    row, col = (min(size // 2, size - 1) for size in target.shape)
    cols, rows = _positions(source, target[row : row + 1, col : col + 1], 1)
    spans = [float(np.hypot(p[0, 1] - p[0, 0], p[1, 0] - p[0, 0])) for p in (cols, rows)]
    if np.isfinite(spans).all() and min(spans) > 0:
        return spans[0], spans[1]
    return source.shape[1] / target.shape[1], source.shape[0] / target.shape[0]


def _positions(source: GeoBox, target: GeoBox, samples: int) -> tuple[Floats, Floats]:
    """Return where points of the target lie in the source, in pixels from its first corner.

    Returns
    -------
    cols, rows : numpy.ndarray
        (n, n) for a lattice over the target from edge to edge; not finite where a point does not
        exist.
    """
    across = np.linspace(0, target.shape[1], samples + 1)
    down = np.linspace(0, target.shape[0], samples + 1)
    x, y = np.meshgrid(
        target.affine.c + target.affine.a * across, target.affine.f + target.affine.e * down
    )
    if source.crs != target.crs:
        x, y = transformer(str(target.crs), str(source.crs)).transform(x, y)
        if source.crs is not None and source.crs.geographic:  # on the turn of the globe it has
            middle = source.affine.c + source.affine.a * source.shape[1] / 2
            with np.errstate(invalid="ignore"):
                x = x - 360 * np.round((x - middle) / 360)
    return (x - source.affine.c) / source.affine.a, (y - source.affine.f) / source.affine.e


def _reach(source: GeoBox, target: GeoBox, halo: list[int]) -> Window | None:
    """Return the window of the source that a window of the target needs; None if it needs none."""
    places = _positions(source, target, _SAMPLES)
    if not np.isfinite(places).all():
        places = _positions(source, target, _MORE_SAMPLES)
    spans = []
    for at, size, more in zip(places, source.shape[::-1], halo, strict=True):
        known = at[np.isfinite(at)]
        if not known.size:
            return None
        margin = more + _bend(np.where(np.isfinite(at), at, np.nan))
        first = max(0, int(np.floor(max(known.min() - margin, -1))))
        end = min(size, int(np.ceil(min(known.max() + margin, size + 1))))
        if first >= end:
            return None
        spans.append((first, end))
    return Window(rows=spans[1], cols=spans[0])


def _bend(at: Floats) -> float:
    """Return the largest second difference (n, n), by less than which a course bends between."""
    bends = [np.diff(at, 2, axis) for axis in (0, 1)]
    return max(float(np.nanmax(np.abs(b), initial=0)) for b in bends)


def _jobs(
    source: GeoBox,
    target: GeoBox,
    side: int,
    halo: list[int],
    how: tuple[str, tuple[float, float]],
) -> Iterator[tuple[Window, Window | None, _Warp | None]]:
    """Yield windows of the target, those of the source that they need, and how they come of it."""
    one_map = source.crs == target.crs
    crs = tuple(grid.crs.to_wkt() if grid.crs is not None else "" for grid in (source, target))
    for window in windows(target.shape, side):
        block = target[window.slices]
        reach = _reach(source, block, halo)
        if reach is None:
            yield window, None, None
            continue
        if one_map:
            pair = _in_source_pixels(source, target, window, reach)
            yield window, reach, _Warp(*pair, (crs[0], crs[0]), window.shape, *how)
            continue
        part = source[reach.slices]
        pair = (tuple(part.affine)[:6], tuple(block.affine)[:6])
        yield window, reach, _Warp(*pair, (crs[0], crs[1]), window.shape, *how)


def _in_source_pixels(
    source: GeoBox, target: GeoBox, window: Window, reach: Window
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return transforms of two windows on one map, in units of half a source pixel.

    Small numbers are exact, so a centre on the edge of two pixels falls to the same one in every
    window. Pixels of size 1 would be taken for no georeference at all.
    """
    one, other = source.affine, target.affine
    numbers = []
    for size, theirs, shift, start, first in (
        (one.a, other.a, other.c - one.c, window.cols[0], reach.cols[0]),
        (one.e, other.e, other.f - one.f, window.rows[0], reach.rows[0]),
    ):
        ratio = theirs / size
        numbers.append((2 * ratio, 2 * (round(shift / size, _SNAP) + ratio * start - first)))
    (across, left), (down, top) = numbers
    return (2.0, 0.0, 0.0, 0.0, 2.0, 0.0), (across, 0.0, left, 0.0, down, top)


def _in_memory(values: Any, shape: tuple[int, int], jobs: Any) -> Any:
    """Resample an array (..., y, x) window by window."""
    found = np.full((*values.shape[:-2], *shape), np.nan, values.dtype)
    planes, made = (a.reshape(-1, *a.shape[-2:]) for a in (values, found))
    for window, reach, warp in jobs:
        if warp is not None:
            for first in range(0, len(planes), _PLANES):
                some = slice(first, first + _PLANES)
                made[some, *window.slices] = _warped(planes[some, *reach.slices], warp)
    return found


def _on_dask(values: Any, shape: tuple[int, int], side: int, jobs: Any) -> Any:
    """Resample a Dask array (..., y, x), a task for each window and chunk of the layers."""
    import dask.array as da

    kind, layers = values.dtype, values.chunks[:-2]
    last = values.ndim - 2
    meta = np.empty((0,) * values.ndim, kind)
    rows: dict[int, list[Any]] = {}
    for window, reach, warp in jobs:
        chunks = (*layers, (window.shape[0],), (window.shape[1],))
        if warp is None:
            size = (*values.shape[:-2], *window.shape)
            block = da.full(size, np.nan, dtype=kind, chunks=chunks)
        else:
            part = values[..., *reach.slices].rechunk({last: -1, last + 1: -1})
            block = part.map_blocks(_warped, warp, chunks=chunks, dtype=kind, meta=meta)
        rows.setdefault(window.rows[0], []).append(block)
    lines = [da.concatenate(blocks, axis=last + 1) for blocks in rows.values()]
    found = da.concatenate(lines, axis=last)
    usual = max(side, 256)  # tiny blocks are for reading only
    return found if side >= usual else found.rechunk({last: usual, last + 1: usual})


def _fewer_layers(values: Any) -> Any:
    """Return a Dask array with at most so many layers in a chunk as are resampled together."""
    left, chunks = _PLANES, {}
    for axis in range(values.ndim - 3, -1, -1):
        chunks[axis] = min(max(values.chunks[axis]), left)
        left = max(1, left // chunks[axis])
    return values.rechunk(chunks) if chunks else values


def _warped(values: Any, warp: _Warp) -> Any:
    """Return values (..., y, x) of a window of the source on a window of the target."""
    from affine import Affine
    from rasterio.crs import CRS
    from rasterio.warp import Resampling, reproject

    planes = np.ascontiguousarray(values).reshape(-1, *values.shape[-2:])
    found = np.full((len(planes), *warp.shape), np.nan, values.dtype)
    source, target = (CRS.from_wkt(text) for text in warp.crs)
    reproject(
        planes,
        found,
        src_transform=Affine(*warp.source),
        dst_transform=Affine(*warp.target),
        src_crs=source,
        dst_crs=target,
        src_nodata=np.nan,
        dst_nodata=np.nan,
        resampling=Resampling[warp.method],
        tolerance=0,
        warp_mem_limit=512,
        UNIFIED_SRC_NODATA="NO",
        XSCALE=repr(warp.scale[0]),
        YSCALE=repr(warp.scale[1]),
    )
    return found.reshape(*values.shape[:-2], *warp.shape)
