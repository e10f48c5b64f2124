"""The target grid of a stack, and where its pixels lie in other grids.

The grid type is `odc.geo.GeoBox`: north-up, square pixels, metres.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadFile, BadInput

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = [
    "Aoi",
    "aligned",
    "check_grid",
    "footprint",
    "longitude",
    "make_grid",
    "positions",
    "target_grid",
]

Aoi = Any
"""Bounds (west, south, east, north) in degrees, a shapely geometry in degrees (EPSG:4326), or an
`odc.geo.geom.Geometry` with its own CRS."""

Floats = npt.NDArray[np.float64]
_CLOSE = 1e-3  # of a pixel: grids closer than this are one grid


def make_grid(shape: tuple[int, int], transform: Any, crs: Any, name: str) -> GeoBox:
    """Make the grid of a file and check it as `check_grid` does."""
    from odc.geo.crs import CRS
    from odc.geo.geobox import GeoBox
    from pyproj.exceptions import CRSError

    if crs is None:
        raise BadFile(f"{name}: not georeferenced (no CRS)")
    if transform is None or transform.is_identity:
        raise BadFile(f"{name}: not georeferenced (no transform)")
    try:
        known = CRS(str(crs))
    except (ValueError, TypeError, CRSError) as error:
        raise BadFile(f"{name}: unusable CRS {str(crs)[:80]!r}: {error}") from error
    if known.epsg is not None:  # a short name instead of WKT
        known = CRS(f"EPSG:{known.epsg}")
    return check_grid(GeoBox(shape, transform, known), name)


def check_grid(grid: GeoBox, name: str) -> GeoBox:
    """Give `grid` back.

    Raises
    ------
    BadFile
        If it is not in metres, not north-up, or its pixels are not square.
    """
    crs = grid.crs
    if crs is None or not crs.projected or crs.units[0] not in ("metre", "meter"):
        raise BadFile(f"{name}: CRS {crs} is not a projection in metres, such as a UTM zone")
    a, b, _, d, e, _ = grid.affine[:6]
    if b or d or a <= 0 or e >= 0 or abs(a + e) > 1e-9 * a:
        raise BadFile(
            f"{name}: the grid must be north-up with square pixels, not {tuple(grid.affine)[:6]}"
        )
    return grid


def target_grid(
    grids: Sequence[GeoBox],
    *,
    aoi: Aoi | None = None,
    geobox: GeoBox | None = None,
    resolution: float = 10.0,
) -> GeoBox:
    """Give the grid that images on `grids` are read onto.

    Parameters
    ----------
    grids
        Grids of the images.
    aoi
        Only the envelope of this region, with every pixel that it touches. Without it, the envelope
        of all images.
    geobox
        The grid itself; nothing else counts then.
    resolution
        Pixel size, m. Pixel edges fall on the corner of the first image in the CRS that most images
        have.

    Raises
    ------
    BadInput
        If the region meets no image.
    """
    from odc.geo.geobox import GeoBox

    if geobox is not None:
        return check_grid(geobox, "geobox")
    if not grids:
        raise BadInput("no image to take the grid from: give geobox=")
    if not (np.isfinite(resolution) and resolution > 0):
        raise BadInput(f"resolution={resolution}: give a pixel size in metres, such as 10")
    crs = Counter(grid.crs for grid in grids).most_common(1)[0][0]
    first = next(grid for grid in grids if grid.crs == crs)
    boxes = np.array([footprint(grid, crs) for grid in dict.fromkeys(grids)])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    if aoi is not None:
        region = envelope(aoi, crs)
        low, high = np.maximum(low, region[:2]), np.minimum(high, region[2:])
        if (low >= high).any():
            raise BadInput(f"no acquisition meets the region {_words(aoi)}")
    corner = np.array([first.affine.c, first.affine.f])
    left, top = (
        np.floor((low[0] - corner[0]) / resolution + _CLOSE),
        np.floor((corner[1] - high[1]) / resolution + _CLOSE),
    )
    right, bottom = (
        np.ceil((high[0] - corner[0]) / resolution - _CLOSE),
        np.ceil((corner[1] - low[1]) / resolution - _CLOSE),
    )
    origin = (corner[0] + left * resolution, corner[1] - top * resolution)
    from affine import Affine

    affine = Affine(resolution, 0, origin[0], 0, -resolution, origin[1])
    return GeoBox((int(bottom - top), int(right - left)), affine, crs)


def envelope(aoi: Aoi, crs: Any) -> tuple[float, float, float, float]:
    """Give the bounds of a region in `crs`: left, bottom, right, top, m."""
    import shapely

    try:
        if hasattr(aoi, "geom") and hasattr(aoi, "crs"):
            shape, own = aoi.geom, str(aoi.crs)
        elif hasattr(aoi, "geom_type"):
            shape, own = aoi, "EPSG:4326"
        else:
            west, south, east, north = (float(value) for value in aoi)
            if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
                raise ValueError("not west < east and south < north in degrees")
            shape, own = shapely.box(west, south, east, north), "EPSG:4326"
        there = _transformer(own, str(crs))
        low, high = np.array(shape.bounds).reshape(2, 2)
        fine = shapely.segmentize(shape, max(float((high - low).max()) / 20, 1e-6))
        moved = shapely.transform(fine, lambda xy: np.transpose(there.transform(*xy.T)))
        bounds = tuple(float(edge) for edge in moved.bounds)
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"aoi={_words(aoi)}: give (west, south, east, north) in degrees or a geometry ({error})"
        ) from error
    if not np.isfinite(bounds).all():
        raise BadInput(f"aoi={_words(aoi)} cannot be expressed in {crs}")
    return bounds[0], bounds[1], bounds[2], bounds[3]


def footprint(grid: GeoBox, crs: Any) -> tuple[float, float, float, float]:
    """Give the bounds of a grid in `crs`: left, bottom, right, top, m."""
    box = grid.boundingbox
    edges = (float(box.left), float(box.bottom), float(box.right), float(box.top))
    if grid.crs == crs:
        return edges
    left, bottom, right, top = _transformer(str(grid.crs), str(crs)).transform_bounds(*edges)
    return left, bottom, right, top


def longitude(grid: GeoBox) -> float:
    """Give the longitude of the middle of a grid, degrees."""
    box = grid.boundingbox
    middle = ((box.left + box.right) / 2, (box.bottom + box.top) / 2)
    return float(_transformer(str(grid.crs), "EPSG:4326").transform(*middle)[0])


@lru_cache(maxsize=32)
def _transformer(source: str, target: str) -> Any:
    from pyproj import Transformer

    return Transformer.from_crs(source, target, always_xy=True)


def positions(
    target: GeoBox, rows: tuple[int, int], cols: tuple[int, int], source: GeoBox
) -> tuple[Floats, Floats]:
    """Give where pixel centres of the target lie in `source`, in its pixels from its corner.

    Parameters
    ----------
    rows, cols
        First and end of a window of the target; it may reach outside.

    Returns
    -------
    rows, cols : numpy.ndarray
        1-D for each row and column where both grids have one CRS, else 2-D for each pixel.
    """
    x: Floats = target.affine.c + target.affine.a * (np.arange(*cols, dtype=np.float64) + 0.5)
    y: Floats = target.affine.f + target.affine.e * (np.arange(*rows, dtype=np.float64) + 0.5)
    if source.crs != target.crs:
        there = _transformer(str(target.crs), str(source.crs))
        x, y = there.transform(*np.meshgrid(x, y))
    return (y - source.affine.f) / source.affine.e, (x - source.affine.c) / source.affine.a


def aligned(source: GeoBox, target: GeoBox) -> bool:
    """Tell whether the pixel edges of the coarser grid all fall on edges of the finer one."""
    if source.crs != target.crs:
        return False
    fine, coarse = sorted((abs(source.affine.a), abs(target.affine.a)))
    shifts = np.array([source.affine.c - target.affine.c, source.affine.f - target.affine.f]) / fine
    numbers = np.append(shifts, coarse / fine)
    return bool(np.all(np.abs(numbers - np.round(numbers)) < _CLOSE))


def _words(aoi: Aoi) -> str:
    text = str(getattr(aoi, "wkt", aoi))
    return text if len(text) <= 120 else f"{text[:117]}..."
