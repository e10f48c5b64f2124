"""The grid of a collection, and the part of it that is asked for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import BadInput
from workbench.openeo.catalogues.areas import Area
from workbench.openeo.errors import error
from workbench.rasters.grids import Bounds, footprint

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["area_part", "bounds_of", "check_target", "covering_grid", "cropped", "overlap"]

_CLOSE = 1e-3  # of a pixel


def check_target(crs: Any, resolution: float | None) -> tuple[str | None, float | None]:
    """Return CRS and resolution of a collection as a catalogue states them, checked.

    Raises
    ------
    BadInput
        If the CRS is not known, or the resolution is not above 0.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    if resolution is not None and not resolution > 0:
        raise BadInput(f"resolution: {resolution:g} is not above 0")
    if crs is None:
        return None, resolution
    try:
        known = CRS.from_user_input(crs)
    except CRSError as reason:
        raise BadInput(f"crs: {crs!r:.60} is not known") from reason
    if not (known.is_geographic or known.is_projected):
        raise BadInput(f"crs: {crs!r:.60} is not one of maps")
    return str(known), resolution


def covering_grid(
    grids: Sequence[GeoBox], crs: str | None = None, resolution: float | None = None
) -> GeoBox:
    """Return the grid over some grids: north up, in the CRS of most, with its finest pixels.

    Parameters
    ----------
    grids
        One for each image, of any CRS.
    crs, resolution
        In place of what follows from the grids.

    Raises
    ------
    BadInput
        If no grid is in `crs` and `resolution` is not given, or none can be expressed in it.
    """
    from affine import Affine
    from odc.geo.crs import CRS
    from odc.geo.geobox import GeoBox

    system = Counter(grid.crs for grid in grids).most_common(1)[0][0] if crs is None else CRS(crs)
    own = [grid for grid in grids if grid.crs == system]
    if not own and resolution is None:
        raise BadInput(f"no image is in {crs}: give a resolution in its unit")
    if resolution is not None:
        across = down = float(resolution)
    else:
        across, down = min(((g.affine.a, abs(g.affine.e)) for g in own), key=math.prod)
    fitting = [g for g in own if math.isclose(g.affine.a, across, rel_tol=1e-6)] or own
    anchor = _corner(fitting, across, down)
    boxes = np.array([footprint(grid, system) for grid in dict.fromkeys(grids)])
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    if not len(boxes):
        raise BadInput(f"the images cannot be expressed in {system}")
    left, top = (
        math.floor((boxes[:, 0].min() - anchor[0]) / across + _CLOSE),
        math.floor((anchor[1] - boxes[:, 3].max()) / down + _CLOSE),
    )
    right, bottom = (
        math.ceil((boxes[:, 2].max() - anchor[0]) / across - _CLOSE),
        math.ceil((anchor[1] - boxes[:, 1].min()) / down - _CLOSE),
    )
    affine = Affine(across, 0, anchor[0] + left * across, 0, -down, anchor[1] - top * down)
    return GeoBox((bottom - top, right - left), affine, system)


def _corner(grids: Sequence[GeoBox], across: float, down: float) -> tuple[float, float]:
    """Return a corner of pixels that most grids share; 0, 0 if there is no grid."""
    if not grids:
        return 0.0, 0.0
    corners = [(float(g.boundingbox.left), float(g.boundingbox.top)) for g in grids]
    places = [
        (round(x / across % 1 / _CLOSE) % 1000, round(y / down % 1 / _CLOSE) % 1000)
        for x, y in corners
    ]
    return corners[places.index(Counter(places).most_common(1)[0][0])]


def cropped(grid: GeoBox, bounds: Bounds) -> GeoBox | None:
    """Return the part of a grid whose pixel centres lie in bounds, edges included; None if none."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    rows, cols = _centres(grid, bounds)
    if rows.start >= rows.stop or cols.start >= cols.stop:
        return None
    across, _, left, _, down, top = grid.affine[:6]
    affine = Affine(across, 0, left + cols.start * across, 0, down, top + rows.start * down)
    return GeoBox((rows.stop - rows.start, cols.stop - cols.start), affine, grid.crs)


def _centres(grid: GeoBox, bounds: Bounds) -> tuple[slice, slice]:
    """Return the rows and columns of a north-up grid whose centres lie in bounds."""
    left, bottom, right, top = bounds
    spans = []
    for low, high, size in (
        ((grid.affine.f - top) / -grid.affine.e, (grid.affine.f - bottom) / -grid.affine.e, 0),
        ((left - grid.affine.c) / grid.affine.a, (right - grid.affine.c) / grid.affine.a, 1),
    ):
        most = grid.shape[size]
        low, high = (min(max(edge, -1.0), most + 1.0) for edge in (low, high))
        first, last = math.ceil(low - 0.5 - 1e-6), math.floor(high - 0.5 + 1e-6)
        spans.append(slice(max(first, 0), min(last + 1, most)))
    return spans[0], spans[1]


def area_part(grid: GeoBox, area: Area, process: str) -> GeoBox | None:
    """Return the part of a north-up grid in an area; None if no pixel centre lies there.

    Raises
    ------
    OpenEOError
        ProcessParameterInvalid if there are two parts, on both sides of the edge of the map.
    """
    parts = [part for box in area.boxes(grid) if (part := cropped(grid, box)) is not None]
    if len(parts) > 1:
        raise error(
            "ProcessParameterInvalid",
            process=process,
            parameter="spatial_extent",
            reason=(
                "it has two parts, at the left and at the right edge of the data, which end at a "
                "meridian: load them one by one."
            ),
        )
    return parts[0] if parts else None


def bounds_of(grid: GeoBox) -> Bounds:
    """Return left, bottom, right and top of a grid."""
    box = grid.boundingbox
    return float(box.left), float(box.bottom), float(box.right), float(box.top)


def overlap(one: Bounds, other: Bounds) -> bool:
    """Tell whether two bounds share more than an edge."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
