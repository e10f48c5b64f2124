"""Grids of rasters: where they lie, whether they fit, and where pixels of one lie in another.

The grid type is `odc.geo.geobox.GeoBox` with rows and columns along the axes of its CRS, in metres
or degrees. Which grids a sensor allows is that sensor's matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadFile, BadInput
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = [
    "Aoi",
    "Bounds",
    "aligned",
    "envelope",
    "footprint",
    "longitude",
    "make_grid",
    "positions",
    "target_grid",
    "transformer",
    "window_of",
]

Aoi = Any
"""Bounds (west, south, east, north) in degrees, a shapely geometry in degrees (EPSG:4326), or an
`odc.geo.geom.Geometry` with its own CRS."""

Bounds = tuple[float, float, float, float]
"""Left, bottom, right and top in the unit of a CRS."""

Floats = npt.NDArray[np.float64]

_CLOSE = 1e-3  # of a pixel: edges closer than this count as one


def make_grid(shape: tuple[int, int], transform: Any, crs: Any, name: str) -> GeoBox:
    """Make the grid of a file.

    Parameters
    ----------
    shape
        Rows, columns.
    transform
        Affine from pixels (column, row) to the CRS.
    crs
        Anything that names a CRS.
    name
        Of the file, for messages.

    Returns
    -------
    odc.geo.geobox.GeoBox
        Its CRS is the EPSG code where there is one.

    Raises
    ------
    BadFile
        If there is no CRS or no transform, or the CRS is not usable.
    """
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
    return GeoBox(shape, transform, known)


def target_grid(
    grids: Sequence[GeoBox],
    *,
    aoi: Aoi | None = None,
    resolution: float = 10.0,
) -> GeoBox:
    """Return the grid that images on `grids` are read onto: north-up, with square pixels.

    Parameters
    ----------
    grids
        Grids of the images.
    aoi
        Only the envelope of this region, with every pixel that it touches, as far as there are
        images. Without it, the envelope of all images.
    resolution
        Pixel size in the unit of the CRS. Pixel edges fall on the corner of the first image in the
        CRS that most images have.

    Returns
    -------
    odc.geo.geobox.GeoBox
        In the CRS that most images have.

    Raises
    ------
    BadInput
        If there is no image, `resolution` is not above 0, or the region meets no image.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

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
    affine = Affine(resolution, 0, origin[0], 0, -resolution, origin[1])
    return GeoBox((int(bottom - top), int(right - left)), affine, crs)


def envelope(aoi: Aoi, crs: Any) -> Bounds:
    """Return the bounds of a region in a CRS.

    Parameters
    ----------
    aoi
        Bounds or a geometry, in degrees unless it has its own CRS; see `Aoi`.
    crs
        Of the result; anything that names a CRS.

    Returns
    -------
    Bounds
        In the unit of `crs`. Sides are followed in pieces of a twentieth of the larger extent,
        because straight lines bend from one CRS to another.

    Raises
    ------
    BadInput
        If `aoi` is not a region, or cannot be expressed in `crs`.
    """
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
        if shape.is_empty:
            raise ValueError("it is empty")
        there = transformer(own, str(crs))
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


def footprint(grid: GeoBox, crs: Any) -> Bounds:
    """Return the bounds of a grid in a CRS.

    Parameters
    ----------
    grid
        In any CRS.
    crs
        Of the result.

    Returns
    -------
    Bounds
        In the unit of `crs`; edges in another CRS are followed at the 21 points of PROJ's
        ``transform_bounds``.
    """
    box = grid.boundingbox
    edges = (float(box.left), float(box.bottom), float(box.right), float(box.top))
    if grid.crs == crs:
        return edges
    left, bottom, right, top = transformer(str(grid.crs), str(crs)).transform_bounds(*edges)
    return left, bottom, right, top


def longitude(grid: GeoBox) -> float:
    """Return the longitude of the middle of a grid, degrees east (WGS 84)."""
    box = grid.boundingbox
    middle = ((box.left + box.right) / 2, (box.bottom + box.top) / 2)
    return float(transformer(str(grid.crs), "EPSG:4326").transform(*middle)[0])


@lru_cache(maxsize=32)
def transformer(source: str, target: str) -> Any:
    """Return what transforms x, y (or longitude, latitude) from one CRS to another, cached."""
    from pyproj import Transformer

    return Transformer.from_crs(source, target, always_xy=True)


def window_of(grid: GeoBox, target: GeoBox) -> Window | None:
    """Return the window of the target that pixels of a grid can touch.

    Parameters
    ----------
    grid
        Of an image, in any CRS.
    target
        North-up; the window counts its pixels.

    Returns
    -------
    Window or None
        Two pixels wider on every side than the bounds of `grid`, cut at the edges of the target.
        None where the two do not meet.
    """
    left, bottom, right, top = footprint(grid, target.crs)
    box = target.boundingbox
    if right <= box.left or left >= box.right or top <= box.bottom or bottom >= box.top:
        return None
    height, width = target.shape
    north, west, down, across = target.affine.f, target.affine.c, -target.affine.e, target.affine.a
    rows = (int((north - top) // down) - 2, int((north - bottom) // down) + 3)
    cols = (int((left - west) // across) - 2, int((right - west) // across) + 3)
    return Window((max(rows[0], 0), min(rows[1], height)), (max(cols[0], 0), min(cols[1], width)))


def positions(target: GeoBox, window: Window, source: GeoBox) -> tuple[Floats, Floats]:
    """Return where pixel centres of the target lie in a source grid.

    Parameters
    ----------
    target
        Grid whose pixel centres are asked for.
    window
        Of the target; it may reach outside.
    source
        Grid in whose pixels they are counted.

    Returns
    -------
    rows, cols : numpy.ndarray
        float64, in pixels of `source` from its upper left corner, so that the centre of its first
        pixel is 0.5. 1-D for each row and column where both grids have one CRS, else 2-D for each
        pixel, infinite where a point does not exist in the other CRS.
    """
    rows, cols = window
    x: Floats = target.affine.c + target.affine.a * (np.arange(*cols, dtype=np.float64) + 0.5)
    y: Floats = target.affine.f + target.affine.e * (np.arange(*rows, dtype=np.float64) + 0.5)
    if source.crs != target.crs:
        there = transformer(str(target.crs), str(source.crs))
        x, y = there.transform(*np.meshgrid(x, y))
    return (y - source.affine.f) / source.affine.e, (x - source.affine.c) / source.affine.a


def aligned(source: GeoBox, target: GeoBox) -> bool:
    """Return whether the pixel edges of the coarser grid all fall on edges of the finer one.

    Parameters
    ----------
    source, target
        The grids, in either order; False where their CRS differ. They fit to a thousandth of the
        finer pixel.
    """
    if source.crs != target.crs:
        return False
    one, other = source.affine, target.affine
    numbers = []
    for size, target_size, shift in (
        (one.a, other.a, one.c - other.c),
        (one.e, other.e, one.f - other.f),
    ):
        fine, coarse = sorted((abs(size), abs(target_size)))
        numbers += [shift / fine, coarse / fine]
    return bool(np.all(np.abs(numbers - np.round(numbers)) < _CLOSE))


def _words(aoi: Aoi) -> str:
    text = str(getattr(aoi, "wkt", aoi))
    return text if len(text) <= 120 else f"{text[:117]}..."
