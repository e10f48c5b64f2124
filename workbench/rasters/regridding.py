"""Pixels of one grid on a window of another, read no farther than the window needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.rasters import resampling
from workbench.rasters.grids import aligned, positions
from workbench.rasters.planes import Plane, read_bands
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Source", "nearest_on", "plane_nearest_on", "planes_on", "resampled_on"]

Array = npt.NDArray[Any]


class Source(NamedTuple):
    """Pixels on a grid, and how to read some of them.

    Attributes
    ----------
    grid
        Their grid.
    read
        A function of a window of `grid` that returns its pixels, (rows, cols).
    dtype
        Type of the pixels.
    """

    grid: GeoBox
    read: Callable[[Window], Array]
    dtype: Any


def planes_on(
    planes: Sequence[Plane], target: GeoBox, window: Window, *, nodata: float | None = None
) -> Array:
    """Return several planes of one type on a window of the target.

    Planes of one file are read in one go, since its blocks may hold all bands. How they are
    resampled: see `resampled_on`.

    Parameters
    ----------
    planes
        Georeferenced ones, each on any grid.
    target
        North-up.
    window
        Of the target; it may reach outside.
    nodata
        Value that is missing in all planes; None for NaN only.

    Returns
    -------
    numpy.ndarray
        (plane, y, x) in the type and unit of the planes; see `resampled_on` for what is missing.

    Raises
    ------
    BadFile
        If pixels cannot be read, or a plane is not georeferenced.
    """
    first = planes[0]
    if all((plane.path, plane.grid) == (first.path, first.grid) for plane in planes):
        shared = _shared(first.placed, target, window)
        if shared is not None:
            return read_bands(first, [plane.band for plane in planes], shared)
    together: dict[str, list[Plane]] = {}
    for plane in planes:
        together.setdefault(plane.path, []).append(plane)
    held: dict[Any, Array] = {}

    def read(plane: Plane, window: Window) -> Array:
        mates = together[plane.path]
        key = (plane.path, window)
        if key not in held:
            held[key] = read_bands(plane, [mate.band for mate in mates], window)
        return np.asarray(held[key][mates.index(plane)])

    return np.stack(
        [
            resampled_on(
                Source(plane.placed, partial(read, plane), plane.dtype), target, window, nodata
            )
            for plane in planes
        ]
    )


def resampled_on(
    source: Source, target: GeoBox, window: Window, nodata: float | None = None
) -> Array:
    """Return values of one grid on a window of another.

    Bilinear from coarser and shifted grids, the mean from finer ones that fit, unchanged from the
    same grid; see `workbench.rasters.resampling`.

    Parameters
    ----------
    source
        Pixels to read.
    target
        North-up.
    window
        Of the target; it may reach outside.
    nodata
        Value that is missing, also in the result; NaN always is.

    Returns
    -------
    numpy.ndarray
        (y, x) in the type and unit of the source; outside it is missing: `nodata` or 0, NaN in
        floats.
    """
    ratio = target.affine.a / source.grid.affine.a
    if ratio > 1.5 and aligned(source.grid, target):
        return _mean(source, target, window, round(ratio), nodata)
    rows, cols = positions(target, window, source.grid)
    if aligned(source.grid, target) and abs(ratio - 1) < 1e-9:
        pixels, start = _around(source, rows, cols)
        values, inside = resampling.nearest(pixels, rows, cols, start)
        return _blanked(values, inside, nodata)
    pixels, start = _around(source, rows, cols, more=1)
    return resampling.bilinear(pixels, rows, cols, start, nodata=nodata)


def plane_nearest_on(
    plane: Plane, target: GeoBox, window: Window
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return nearest values of a plane on a window of the target, and where there are any.

    Parameters
    ----------
    plane
        Georeferenced; its `nodata` is missing.
    target
        North-up.
    window
        Of the target; it may reach outside.

    Returns
    -------
    values, known : numpy.ndarray
        As for `nearest_on`.

    Raises
    ------
    BadFile
        If pixels cannot be read, or the plane is not georeferenced.
    """
    source = Source(plane.placed, plane.pixels, plane.dtype)
    return nearest_on(source, target, window, plane.nodata)


def nearest_on(
    source: Source, target: GeoBox, window: Window, nodata: float | None = None
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return nearest values of one grid on a window of another, and where there are any.

    Parameters
    ----------
    source
        Pixels to read.
    target
        North-up.
    window
        Of the target; it may reach outside.
    nodata
        Value that is missing; in floats NaN and infinity always are.

    Returns
    -------
    values, known : numpy.ndarray
        (y, x) in the type and unit of the source, and bool. Outside the source values are 0 and
        `known` is False; it is False where a value is missing, too.
    """
    rows, cols = positions(target, window, source.grid)
    pixels, start = _around(source, rows, cols)
    values, known = resampling.nearest(pixels, rows, cols, start)
    if nodata is not None and not np.isnan(nodata):
        known &= values != nodata
    if np.issubdtype(values.dtype, np.floating):
        known &= np.isfinite(values)
    return values, known


def _shared(grid: GeoBox, target: GeoBox, window: Window) -> Window | None:
    """Return a window of the target on a grid that has the same pixels and holds all of them."""
    if abs(target.affine.a / grid.affine.a - 1) >= 1e-9 or not aligned(grid, target):
        return None
    spans = []
    for at, size in zip(positions(target, window, grid), grid.shape, strict=True):
        cells = resampling.cells(at)
        first, end = int(cells[0]), int(cells[-1]) + 1
        if first < 0 or end > size or (np.diff(cells) != 1).any():
            return None
        spans.append((first, end))
    return Window(spans[0], spans[1])


def _mean(
    source: Source, target: GeoBox, window: Window, factor: int, nodata: float | None
) -> Array:
    grid = source.grid
    column = round((target.affine.c - grid.affine.c) / grid.affine.a)
    row = round((target.affine.f - grid.affine.f) / grid.affine.e)
    first = (row + window.rows[0] * factor, column + window.cols[0] * factor)
    end = (row + window.rows[1] * factor, column + window.cols[1] * factor)
    rows = np.arange(first[0], end[0], dtype=np.float64) + 0.5
    cols = np.arange(first[1], end[1], dtype=np.float64) + 0.5
    pixels, start = _around(source, rows, cols)
    fine, inside = resampling.nearest(pixels, rows, cols, start)
    return resampling.mean(fine, factor, nodata=nodata, inside=inside)


def _blanked(values: Array, inside: npt.NDArray[np.bool_], nodata: float | None) -> Array:
    """Return values with what lies outside the source missing."""
    if inside.all():
        return values
    nothing = np.nan if values.dtype.kind == "f" and nodata is None else nodata or 0
    return np.where(inside, values, values.dtype.type(nothing))


def _around(
    source: Source, rows: npt.NDArray[np.float64], cols: npt.NDArray[np.float64], more: int = 0
) -> tuple[Array, tuple[int, int]]:
    """Read the pixels at the positions and `more` around them; return also where they start.

    Not one more than is needed: a block of a tiled file would cost nine of its tiles.
    """
    spans = []
    for at, size in zip((rows, cols), source.grid.shape, strict=True):
        touched = resampling.cells(at[np.isfinite(at)])
        first = max(int(touched.min()) - more, 0) if touched.size else 0
        last = min(int(touched.max()) + 1 + more, size) if touched.size else 0
        if first >= last:
            return np.zeros((0, 0), source.dtype), (0, 0)
        spans.append((first, last))
    return source.read(Window(spans[0], spans[1])), (spans[0][0], spans[1][0])
