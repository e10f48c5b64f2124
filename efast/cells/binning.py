"""Swath to grid: the mean of the samples whose centre falls into each cell.

Sentinel-3 SYN pixels lie where their own latitude and longitude say. Each is divided into
``supersampling`` by ``supersampling`` parts, which keeps cells of about the size of a pixel from
staying empty; a part carries the value of its pixel. What is masked is left out before anything
else. Sums and counts of several products add up, so a mosaic of a day is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from efast.errors import BadInput
from workbench.rasters.grids import transformer

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["REACH_DEG", "Bins", "Bounds", "bin_swath", "bounds_of", "nearest_swath", "unwrapped"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

REACH_DEG = 0.05  # around the grid, within which samples are projected; a pixel is 0.003 wide
EDGE = 65  # points along an edge of a grid, which is no straight line in degrees


class Bounds(NamedTuple):
    """West, south, east and north, degrees; longitudes go on beyond 180."""

    west: float
    south: float
    east: float
    north: float

    @property
    def middle(self) -> float:
        """Longitude in the middle."""
        return (self.west + self.east) / 2


class Bins:
    """Sums and counts of samples by cell.

    Parameters
    ----------
    grid
        Cells: north up or not, in any CRS.
    bands
        Number of bands.

    Attributes
    ----------
    sums, counts
        (band, y, x) float64 and int64.
    """

    def __init__(self, grid: GeoBox, bands: int) -> None:
        self.grid = grid
        self._near = bounds_of(grid, REACH_DEG)
        self.sums = np.zeros((bands, *grid.shape))
        self.counts = np.zeros((bands, *grid.shape), np.int64)

    def add(
        self,
        lat: npt.ArrayLike,
        lon: npt.ArrayLike,
        data: npt.ArrayLike,
        valid: npt.ArrayLike,
        *,
        supersampling: int = 2,
    ) -> None:
        """Add the samples of a product.

        Parameters
        ----------
        lat, lon
            (rows, columns) centres of pixels, degrees, WGS 84.
        data
            (band, rows, columns); what is not finite does not count.
        valid
            (rows, columns) or (band, rows, columns) bool: what counts.
        supersampling
            Parts along a pixel.

        Raises
        ------
        BadInput
            If shapes do not go together, a swath is smaller than two by two pixels, or
            `supersampling` is below 1.
        """
        values, known = np.asarray(data), np.asarray(valid, bool)
        lats, lons = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
        _check(lats, lons, values, known, len(self.sums))
        if supersampling < 1:
            raise BadInput(f"supersampling={supersampling}: at least 1")
        known = np.broadcast_to(known, values.shape) & np.isfinite(values)
        lons = unwrapped(lons, self._near.middle)
        rows, columns = np.nonzero(known.any(axis=0) & self._around(lats, lons))
        given, known = values[:, rows, columns].astype(np.float64), known[:, rows, columns]
        cells = int(np.prod(self.grid.shape))
        offsets = (np.arange(supersampling) + 0.5) / supersampling - 0.5
        for down in offsets:
            for along in offsets:
                cell = self._cells(
                    *(_between(points, rows + down, columns + along) for points in (lons, lats))
                )
                inside = cell >= 0
                for band in range(len(given)):
                    used = inside & known[band]
                    self.sums[band] += np.bincount(
                        cell[used], given[band, used], minlength=cells
                    ).reshape(self.grid.shape)
                    self.counts[band] += np.bincount(cell[used], minlength=cells).reshape(
                        self.grid.shape
                    )

    def mean(self, min_count: int = 1) -> npt.NDArray[np.float32]:
        """Return the mean of each cell: (band, y, x) float32, NaN below `min_count` samples."""
        enough = self.counts >= max(min_count, 1)
        mean = np.full(self.sums.shape, np.nan)
        np.divide(self.sums, self.counts, out=mean, where=enough)
        return mean.astype(np.float32)

    def _cells(self, lons: Floats, lats: Floats) -> npt.NDArray[np.int64]:
        """Return the number of the cell that each place lies in, -1 outside."""
        to_grid = transformer("EPSG:4326", str(self.grid.crs))
        across, along = ~self.grid.affine @ to_grid.transform(lons, lats)
        height, width = self.grid.shape
        with np.errstate(invalid="ignore"):
            column, row = np.floor(across), np.floor(along)
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        found = np.full(len(lons), -1, np.int64)
        found[inside] = (row[inside] * width + column[inside]).astype(np.int64)
        return found

    def _around(self, lats: Floats, lons: Floats) -> Bools:
        """Tell which places are near the grid, so that the others need not be projected."""
        west, south, east, north = self._near
        near: Bools = (lons >= west) & (lons <= east) & (lats >= south) & (lats <= north)
        return near


def bin_swath(
    lat: npt.ArrayLike,
    lon: npt.ArrayLike,
    data: npt.ArrayLike,
    valid: npt.ArrayLike,
    grid: GeoBox,
    supersampling: int = 2,
    *,
    min_count: int = 1,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Bin one product; see `Bins` for several.

    Parameters
    ----------
    lat, lon, data, valid, supersampling
        See `Bins.add`.
    grid
        Cells.
    min_count
        Fewest samples that make a mean.

    Returns
    -------
    mean : numpy.ndarray
        (band, y, x) float32, NaN where too few samples are.
    count : numpy.ndarray
        (band, y, x) int64, samples; a pixel has `supersampling` squared of them.

    Raises
    ------
    BadInput
        See `Bins.add`.
    """
    values = np.asarray(data)
    bins = Bins(grid, len(values))
    bins.add(lat, lon, values, valid, supersampling=supersampling)
    return bins.mean(min_count), bins.counts


def nearest_swath(
    lat: npt.ArrayLike,
    lon: npt.ArrayLike,
    data: npt.ArrayLike,
    valid: npt.ArrayLike,
    grid: GeoBox,
    *,
    reach: float = 2.0,
) -> npt.NDArray[np.float32]:
    """Give each cell the value of the nearest pixel.

    Parameters
    ----------
    lat, lon, data, valid
        See `Bins.add`.
    grid
        Cells.
    reach
        Farthest pixel, in cells.

    Returns
    -------
    numpy.ndarray
        (band, y, x) float32. NaN where no pixel is within reach, or the nearest one does not count:
        a masked pixel is not replaced by one behind it.

    Raises
    ------
    BadInput
        See `Bins.add`.
    """
    from scipy.spatial import KDTree

    values, known = np.asarray(data), np.asarray(valid, bool)
    lats, lons = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
    _check(lats, lons, values, known, len(values))
    bins = Bins(grid, len(values))
    lons = unwrapped(lons, bins._near.middle)
    near = bins._around(lats, lons)
    found = np.full((len(values), *grid.shape), np.nan, np.float32)
    if not near.any():
        return found
    to_grid = transformer("EPSG:4326", str(grid.crs))
    places = np.stack(~grid.affine @ to_grid.transform(lons[near], lats[near]), axis=1)
    rows, columns = (np.arange(length) + 0.5 for length in grid.shape)
    cells = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    _, at = KDTree(places).query(cells, distance_upper_bound=reach)
    met = at < len(places)
    known = np.broadcast_to(known, values.shape) & np.isfinite(values)
    for band, plane in enumerate(found):
        shown = np.where(known[band], values[band], np.nan)[near]
        plane.reshape(-1)[met] = shown[at[met]]
    return found


def _check(lats: Floats, lons: Floats, values: npt.NDArray[np.generic], known: Bools, bands: int):  # type: ignore[no-untyped-def]
    swath = lats.shape
    if lats.ndim != 2 or lons.shape != swath or min(swath) < 2:
        raise BadInput(
            f"latitudes {swath} and longitudes {lons.shape}: (rows, columns) of one swath, at "
            "least 2 by 2"
        )
    if values.shape != (bands, *swath) or known.shape not in (swath, values.shape):
        raise BadInput(
            f"data {values.shape} and what is valid {known.shape} do not go with {bands} bands of "
            f"a swath of {swath}"
        )


def bounds_of(grid: GeoBox, reach: float = 0.0) -> Bounds:
    """Return the envelope of a grid.

    Parameters
    ----------
    grid
        In any CRS, away from the poles.
    reach
        Degrees of latitude by which it is widened on every side.

    Returns
    -------
    Bounds
        A grid over the date line has its longitudes on both sides of 180 or -180.
    """
    height, width = grid.shape
    along, ends = np.linspace(0, 1, EDGE), np.repeat([0.0, 1.0], EDGE)
    columns = np.concatenate([np.tile(along, 2), ends, [0.5]]) * width
    rows = np.concatenate([ends, np.tile(along, 2), [0.5]]) * height
    to_degrees = transformer(str(grid.crs), "EPSG:4326")
    pixels: Any = (columns, rows)
    lons, lats = to_degrees.transform(*(grid.affine @ pixels))
    lons = unwrapped(lons, lons[-1])
    south, north = float(lats.min()), float(lats.max())
    wide = reach / max(np.cos(np.radians(max(abs(south), abs(north)))), 0.01)
    west, east = float(lons.min() - wide), float(lons.max() + wide)
    return Bounds(west, south - reach, east, north + reach)


def unwrapped(lons: Floats, middle: float) -> Floats:
    """Return longitudes within half a turn of one in the middle of a grid: no seam is near it."""
    found: Floats = (lons - middle + 180) % 360 - 180 + middle
    return found


def _between(points: Floats, rows: Floats, columns: Floats) -> Floats:
    """Return coordinates at fractional pixels: bilinear, at the edge along the last two."""
    top, left = (
        np.clip(np.floor(at).astype(np.int64), 0, length - 2)
        for at, length in zip((rows, columns), points.shape, strict=True)
    )
    down, along = rows - top, columns - left
    upper = (1 - along) * points[top, left] + along * points[top, left + 1]
    lower = (1 - along) * points[top + 1, left] + along * points[top + 1, left + 1]
    found: Floats = (1 - down) * upper + down * lower
    return found
