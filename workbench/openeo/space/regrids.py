"""Cubes on another grid: that of another cube, or one of other pixels in another CRS.

What is missing in a cube takes no part, and what it does not cover is missing in the result, so the
result is of floats.
"""

# Some functions of dask.array have no types.
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from dataclasses import replace
from math import ceil, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.space.warps import warped
from workbench.openeo.values import float_type, is_lazy
from workbench.rasters.grids import transformer

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox
    from pyproj import CRS

__all__ = [
    "MOST_PIXELS",
    "MOST_SIDE",
    "bounds_in",
    "known_crs",
    "on_grid_of",
    "resampled",
    "same_crs",
]

MOST_PIXELS = 4_000_000_000
"""Of a grid: an area of 600 km x 600 km at 10 m."""

MOST_SIDE = 1_000_000
"""Pixels along one side of a grid."""

MOST_IN_MEMORY = 2**29
"""Values of a result that is made in memory; 2 GiB of float32."""


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
        One of `workbench.openeo.space.warps.METHODS`; on the same grid nothing changes with any.
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
    from odc.geo.geobox import GeoBox

    for name, each in (("data", cube), ("target", target)):
        _check_raster(each, process, name)
    names = {axis: (str(cube.axis(axis)), str(target.axis(axis))) for axis in "yx"}
    centres = {axis: target.array[theirs].values for axis, (_, theirs) in names.items()}
    steps = {axis: target.dimensions[theirs].step for axis, (_, theirs) in names.items()}
    shape = (len(centres["y"]), len(centres["x"]))
    _check_size(cube, shape, process)
    if 0 in (*shape, *_shape(cube)):
        return _without_values(cube, centres, steps, target.crs)
    source, wanted = cube.geobox(), target.geobox()
    if same_crs(cube.crs, target.crs):
        wanted = GeoBox(wanted.shape, wanted.affine, source.crs)
    if _same(source, wanted):
        return cube
    values = warped(_ordered(cube).data, source, wanted, method)
    return _placed(cube, values, centres, steps, target.crs)


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
        One of `workbench.openeo.space.warps.METHODS`.
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
    if 0 in _shape(cube):
        return _of_no_pixels(cube, sizes, crs)
    source = cube.geobox()
    moved = not same_crs(crs, cube.crs)
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
    wanted = _grid(edges, counts, steps, crs if moved else source.crs, align)
    if _same(source, wanted):
        return cube
    centres = {
        "x": wanted.affine.c + wanted.affine.a * (np.arange(counts["x"]) + 0.5),
        "y": wanted.affine.f + wanted.affine.e * (np.arange(counts["y"]) + 0.5),
    }
    return _placed(cube, warped(_ordered(cube).data, source, wanted, method), centres, steps, crs)


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


def bounds_in(
    bounds: tuple[float, float, float, float], crs: CRS, target: CRS
) -> tuple[float, float, float, float]:
    """Return the bounds, in another CRS, of a box.

    Parameters
    ----------
    bounds
        West, south, east and north; west may be more than east across the antimeridian.

    Returns
    -------
    tuple
        The same; where the other CRS does not reach all of the box, of what it reaches, and not
        finite if that is nothing.
    """
    if same_crs(crs, target):
        return bounds
    west, south, east, north = bounds
    if crs.is_geographic and west > east:
        east += 360
    there = transformer(crs.to_wkt(), target.to_wkt())
    found = there.transform_bounds(west, south, east, north, densify_pts=101)
    if not target.is_geographic or not np.isfinite(found).all():
        # what bounds a large box on one map need not do so on another
        lattice = np.meshgrid(np.linspace(west, east, 101), np.linspace(south, north, 101))
        points = np.reshape(there.transform(*lattice), (2, -1))
        points = np.concatenate([points, np.reshape(found, (2, 2)).T], axis=1)
        points = points[:, np.isfinite(points).all(axis=0)]
        if points.size:
            found = (*points.min(axis=1), *points.max(axis=1))
    left, bottom, right, top = (float(edge) for edge in found)
    return left, bottom, right, top


def same_crs(one: CRS | None, other: CRS | None) -> bool:
    """Tell whether two CRS are the same; x or longitude comes first here in any case."""
    if one is None or other is None:
        return one is other
    return one == other or one.equals(other, ignore_axis_order=True)


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
    layers = prod(_ordered(cube).shape[:-2])
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

    left, bottom, right, top = bounds_in(_edges(grid), CRS(str(grid.crs)), crs)
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


def _shape(cube: Cube) -> tuple[int, int]:
    """Return rows and columns."""
    return cube.array.sizes[str(cube.axis("y"))], cube.array.sizes[str(cube.axis("x"))]


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
