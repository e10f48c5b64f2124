"""Values of one grid on another, resampled and warped as by gdalwarp, window by window.

What is missing takes no part. Each window of the target reads only the part of the source that it
needs. A value does not depend on the window that it is computed in: positions are not approximated,
and the scale that sets the width of the kernels is one for the whole grid.
"""

# Some functions of dask.array have no types.
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Iterator
from math import ceil, isqrt, prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.openeo.values import float_type, is_lazy
from workbench.rasters.grids import transformer
from workbench.rasters.windows import Window, windows

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["METHODS", "warped"]

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

_WITH_KERNEL = {name for name, radius in METHODS.values() if radius}
_SIDE = 1024  # pixels along a side of a window of the target, at most
_PLANES = 256  # layers that are resampled together, at most
_VALUES = 2**24  # of a window of the source with all its layers, about
_SAMPLES = 16  # places along a side of a window at which its positions in the source are computed
_MORE_SAMPLES = 128  # where some of these do not exist in the other CRS
_TOLERANCE = 1e-9  # of a source pixel: positions are as good as computed one by one
_SNAP = 6  # decimals of a source pixel that are kept of how far two grids are shifted

Floats = npt.NDArray[np.float64]


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
    turns: tuple[float, ...] = (0.0,)
    """By how many turns of the globe the longitudes of the source are to be moved; each serves a
    part of the pixels."""


def warped(values: Any, source: GeoBox, target: GeoBox, method: str) -> Any:
    """Put values on another grid.

    Parameters
    ----------
    values
        (..., y, x) numbers or booleans, of NumPy or Dask; NaN is missing.
    source, target
        Their grid, and the one that is wanted.
    method
        One of `METHODS`.

    Returns
    -------
    numpy.ndarray or dask.array.Array
        (..., y, x) floats, NaN where nothing is known; lazy if the values are.
    """
    values = values.astype(float_type(values.dtype))
    if 0 in values.shape:
        return values[..., :0, :0].reshape(*values.shape[:-2], *target.shape)
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
        x = x - 360 * _turns(source, x)
    return (x - source.affine.c) / source.affine.a, (y - source.affine.f) / source.affine.e


def _turns(source: GeoBox, longitude: Floats) -> Floats:
    """Return by how many turns of the globe longitudes lie from where the source has them."""
    if not source.crs.geographic:  # type: ignore[union-attr]
        return np.zeros_like(longitude)
    middle = source.affine.c + source.affine.a * source.shape[1] / 2
    known = np.where(np.isfinite(longitude), longitude, middle)
    return np.asarray(np.round((known - middle) / 360))


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
        elif one_map:
            pair = _in_source_pixels(source, target, window, reach)
            yield window, reach, _Warp(*pair, (crs[0], crs[0]), window.shape, *how)
        else:
            part = source[reach.slices].affine
            pair = (tuple(part)[:6], tuple(block.affine)[:6])
            turns = tuple(_turns_of(source, block))
            yield window, reach, _Warp(*pair, (crs[0], crs[1]), window.shape, *how, turns)


def _turns_of(source: GeoBox, target: GeoBox) -> list[float]:
    """Return the turns of the globe between the longitudes that PROJ gives and the source has."""
    if not source.crs.geographic:  # type: ignore[union-attr]
        return [0.0]
    rows, cols = (np.linspace(0, size, _SAMPLES + 1) for size in target.shape)
    x, y = np.meshgrid(
        target.affine.c + target.affine.a * cols, target.affine.f + target.affine.e * rows
    )
    x, _ = transformer(str(target.crs), str(source.crs)).transform(x, y)
    return np.unique(_turns(source, x)).tolist()  # type: ignore[no-any-return]


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
                made[some, *window.slices] = _on_window(planes[some, *reach.slices], warp)
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
            block = part.map_blocks(_on_window, warp, chunks=chunks, dtype=kind, meta=meta)
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


def _on_window(values: Any, warp: _Warp) -> Any:
    """Return values (..., y, x) of a window of the source on a window of the target.

    A pixel is missing where the source pixel at its centre is, so that data do not grow into what
    is missing; methods without a kernel look at all pixels that one of the target covers.
    """
    planes = np.ascontiguousarray(values).reshape(-1, *values.shape[-2:])
    found = None
    for turn in warp.turns:
        a, b, c, d, e, f = warp.source
        moved = warp._replace(source=(a, b, c + 360 * turn, d, e, f))
        some = _masked(planes, moved)
        found = some if found is None else np.where(np.isnan(found), some, found)
    return np.asarray(found).reshape(*values.shape[:-2], *warp.shape)


def _masked(planes: Any, warp: _Warp) -> Any:
    """Return planes (n, y, x) as gdalwarp gives them, without what only grows into them."""
    if warp.method in _WITH_KERNEL:
        found = _as_gdal(planes, warp, warp.method)
        found[np.isnan(_as_gdal(planes, warp, "nearest"))] = np.nan
        return found
    if warp.method == "nearest":
        return _as_gdal(planes, warp, "nearest")
    # a frame of missing pixels, since GDAL weighs otherwise at the edge of an array
    across, down = (ceil(1 / scale) + 2 for scale in warp.scale)
    planes = np.pad(planes, ((0, 0), (down, down), (across, across)), constant_values=np.nan)
    a, b, c, d, e, f = warp.source
    warp = warp._replace(source=(a, b, c - across * a, d, e, f - down * e))
    found = _as_gdal(planes, warp, warp.method)
    if warp.method == "sum":  # pixels that only touch an edge would be 0
        found[np.isnan(_as_gdal(planes, warp, "average"))] = np.nan
    return found


def _as_gdal(planes: Any, warp: _Warp, method: str) -> Any:
    """Return planes (n, y, x) as gdalwarp gives them, each on its own."""
    from affine import Affine
    from rasterio.crs import CRS
    from rasterio.io import MemoryFile
    from rasterio.vrt import WarpedVRT
    from rasterio.warp import Resampling

    source, target = (CRS.from_wkt(text) for text in warp.crs)
    count, height, width = planes.shape
    with MemoryFile() as file:
        with file.open(
            driver="GTiff",
            count=count,
            height=height,
            width=width,
            dtype=planes.dtype,
            crs=source,
            transform=Affine(*warp.source),
            nodata=np.nan,
        ) as raster:
            raster.write(planes)
        with (
            file.open() as raster,
            WarpedVRT(
                raster,
                crs=target,
                transform=Affine(*warp.target),
                height=warp.shape[0],
                width=warp.shape[1],
                nodata=np.nan,
                src_nodata=np.nan,
                resampling=Resampling[method],
                tolerance=_TOLERANCE,
                UNIFIED_SRC_NODATA="NO",
                XSCALE=repr(warp.scale[0]),
                YSCALE=repr(warp.scale[1]),
            ) as there,
        ):
            return there.read()
