"""Which rows and columns of a file cover a domain, also where longitudes come around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tiling.scenes.domains.planes import lonlat_of, perimeter

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Cells", "cells_between", "cells_of_longitudes", "geographic_box"]

Floats = npt.NDArray[np.float64]

_LEAST_PAD = 4  # cells
_SIDE = 64  # points on each side of a domain


@dataclass(frozen=True)
class Cells:
    """Cells along an axis that cover a span, as few runs of the file's own order."""

    runs: tuple[slice, ...]
    places: Floats
    """Of the cells, in the order of the runs; longitudes go on beyond 180."""
    is_whole: bool
    """Whether the file has all of the span."""


def cells_between(axis: Floats, low: float, high: float, pad: float) -> Cells | None:
    """Return the cells that cover a span and some more on both sides; None where there are none.

    Parameters
    ----------
    axis
        Centres, rising or falling.
    pad
        In the unit of the axis; at least four cells are added.
    """
    step = _step(axis)
    first, last = axis.min() - step / 2, axis.max() + step / 2
    if high < first or low > last:
        return None
    more = max(pad, _LEAST_PAD * step)
    inside = np.flatnonzero((axis >= low - more) & (axis <= high + more))
    run = slice(int(inside[0]), int(inside[-1]) + 1)
    close = 1e-6 * step
    return Cells((run,), axis[run], bool(first <= low + close and last >= high - close))


def cells_of_longitudes(axis: Floats, west: float, east: float, pad: float) -> Cells | None:
    """Return the columns that cover a span of longitudes, from west to east.

    The file may count from 0 to 360 or from -180 to 180, and the span may cross the date line or
    the seam of the file.

    Parameters
    ----------
    west, east
        West below east; they may lie beyond 180.
    """
    step = _step(axis)
    more = max(pad, _LEAST_PAD * step)
    start = west - more
    turned = start + (axis - start) % 360
    order = np.argsort(turned, kind="stable")
    goes_around = bool((np.diff(turned[order], append=turned.min() + 360) < 1.5 * step).all())
    order = order[turned[order] <= east + more]
    places = turned[order]
    parts = np.split(np.arange(len(order)), np.flatnonzero(np.diff(places) > 1.5 * step) + 1)
    inside = [int(((places[p] > west - step) & (places[p] < east + step)).sum()) for p in parts]
    if not any(inside):
        return None
    best = parts[int(np.argmax(inside))]  # of a file with a hole: what has more of the span
    order, places = order[best], places[best]
    edge = step / 2 + 1e-6 * step
    whole = goes_around or bool(places[0] - edge <= west and places[-1] + edge >= east)
    return Cells(_runs(order), places, whole)


def _step(axis: Floats) -> float:
    return float(np.abs(np.diff(axis)).max()) if len(axis) > 1 else 1.0


def _runs(order: npt.NDArray[np.intp]) -> tuple[slice, ...]:
    """Return slices that give indices in this order, which rises or falls but for a few jumps."""
    jumps = np.flatnonzero(np.abs(np.diff(order)) != 1) + 1
    found = []
    for run in np.split(order, jumps):
        first, last = int(run[0]), int(run[-1])
        way = -1 if last < first else 1
        found.append(slice(first, last + way if last + way >= 0 else None, way))
    return tuple(found)


def geographic_box(grid: GeoBox) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a grid, in degrees, rounded outwards to 0.01.

    Its edges are followed, not only its corners. East is above west and may lie beyond 180; a grid
    with a pole in it spans all longitudes.

    Raises
    ------
    SceneError
        E061, if the grid has no CRS.
    """
    lon, lat = perimeter(grid, _SIDE)
    box = grid.boundingbox
    centre = lonlat_of(grid, (box.left + box.right) / 2, (box.bottom + box.top) / 2)
    middle = float(centre[0]), float(centre[1])
    turn = np.diff(np.unwrap(np.append(lon, lon[0]), period=360)).sum()
    south, north = float(np.min(lat)), float(np.max(lat))
    if abs(turn) > 180:  # once around a pole
        west, east = -180.0, 180.0
        south, north = (south, 90.0) if middle[1] > 0 else (-90.0, north)
    else:
        offsets = (lon - middle[0] + 180) % 360 - 180
        west, east = middle[0] + float(offsets.min()), middle[0] + float(offsets.max())
    low, high = np.floor([west * 100, south * 100]), np.ceil([east * 100, north * 100])
    return low[0] / 100, max(low[1] / 100, -90.0), high[0] / 100, min(high[1] / 100, 90.0)
