"""The Sentinel-2 tile grid: names, pixel grids, footprints, and which tiles a region touches.

A tile is named after a 100 km square of the military grid (MGRS), such as ``33NWB``: UTM zone,
latitude band, column letter, row letter. It is 109.8 km wide and high, so neighbours in a zone
share 9.8 km, and its corners lie on multiples of 60 m. The extent follows from the name by rule.
Which squares are tiles does not: ESA's grid leaves out slivers at the edges of zones. The 56,686
published names lie in ``tilegrid.npy``, made from a list of them (``names.txt``) by::

    numpy.save("tilegrid.npy", pack_names(Path("names.txt").read_text().split()))

All zones are one grid moved by 6 degrees of longitude, so one projection serves all of them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput
from workbench.rasters.grids import transformer
from workbench.rasters.regions import STEP_DEGREES, folded, parts_in_degrees

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox
    from shapely import MultiPolygon, Polygon, STRtree

__all__ = [
    "SIDE",
    "Tile",
    "all_tiles",
    "is_tile",
    "pack_names",
    "parse_tile",
    "tile_footprint",
    "tile_grid",
    "tiles_touching",
    "unpack_names",
]

SIDE = 109_800
"""Width and height of a tile, m."""

BANDS = "CDEFGHJKLMNPQRSTUVWX"
COLUMNS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
ROWS = "ABCDEFGHJKLMNPQRSTUV"

BAND_ROWS = (
    -93, -80, -71, -62, -53, -44, -35, -27, -18, -9, 0, 9, 18, 27, 35, 44, 53, 62, 71, 80, 94,
)  # fmt: skip
"""The first row of each latitude band, and the end of the last. A row belongs to the band that its
middle lies in, on the central meridian; the outermost bands also take the rows beyond them."""

_SQUARE = 100_000  # m
_SNAP = 60  # m: pixels of 10, 20 and 60 m all fit
_PIECES = 30  # of one side of an outline
_MARGIN = 1e-3  # degrees; an outline in pieces misses less

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tile:
    """A square of the grid by its numbers. `parse_tile` makes one and checks that it exists."""

    zone: int
    """UTM zone, 1 to 60."""
    column: int
    """Easting of the west side of the square, in 100 km: 1 to 8."""
    row: int
    """Northing of its south side from the equator, in 100 km: -93 to 93."""

    def __post_init__(self) -> None:
        if not (1 <= self.zone <= 60 and 1 <= self.column <= 8 and -93 <= self.row <= 93):
            raise BadInput(f"{self}: zones are 1 to 60, columns 1 to 8, rows -93 to 93")

    @property
    def name(self) -> str:
        """The name without the leading T, such as 33NWB."""
        band = BANDS[bisect_right(BAND_ROWS, self.row) - 1]
        column = COLUMNS[_first_column(self.zone) + self.column - 1]
        return f"{self.zone:02d}{band}{column}{ROWS[(self.row + _first_row(self.zone)) % 20]}"

    @property
    def epsg(self) -> int:
        """EPSG code of the CRS: 326zz in the north, 327zz in the south."""
        return (32600 if self.row >= 0 else 32700) + self.zone

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """The extent (left, bottom, right, top) in its CRS, m."""
        left, top = _corner(self.column, self.row)
        top += 0 if self.row >= 0 else 10_000_000
        return left, top - SIDE, left + SIDE, top


def parse_tile(name: str) -> Tile:
    """Read the name of a tile, with or without the leading T of file names.

    Raises
    ------
    BadInput
        If it is not a name, or not the name of a published tile; the message says which part.
    """
    tile = _square(name)
    if not _published(tile):
        raise BadInput(
            f"tile {name!r}: well formed, but not in the published grid, which leaves out most "
            "squares that barely touch their zone; tiles_touching(region) gives the tiles of a "
            "region"
        )
    return tile


def is_tile(name: str) -> bool:
    """Tell whether `name` is the name of a published tile."""
    try:
        return _published(_square(name))
    except BadInput:
        return False


@cache
def all_tiles() -> tuple[str, ...]:
    """Give the 56,686 published names, sorted."""
    return unpack_names(_table())


def tile_grid(name: str, resolution: float = 10) -> GeoBox:
    """Give the pixels of a tile.

    Parameters
    ----------
    resolution
        Pixel size, m: 10 gives 10,980 x 10,980 pixels.

    Raises
    ------
    BadInput
        If there is no such tile, or a side of 109,800 m is not a whole number of pixels.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    tile = parse_tile(name)
    pixels = round(SIDE / resolution) if np.isfinite(resolution) and resolution > 0 else 0
    if pixels < 1 or abs(pixels * resolution - SIDE) > 1e-6:
        raise BadInput(
            f"resolution={resolution}: the {SIDE:,} m of a tile must be a whole number of pixels, "
            "as with 10, 20, 30, 60 or 100 m"
        )
    left, _, _, top = tile.bounds
    affine = Affine(resolution, 0, left, 0, -resolution, top)
    return GeoBox((pixels, pixels), affine, f"EPSG:{tile.epsg}")


def tile_footprint(name: str) -> Polygon | MultiPolygon:
    """Give the extent of a tile in degrees (EPSG:4326, longitude first).

    The sides are bent every 3,660 m, which keeps them within 1 m of the true ones up to 70 degrees
    of latitude and within 3 m everywhere. A tile across the antimeridian comes in two polygons.
    """
    import shapely

    tile = parse_tile(name)
    outline = _outline(np.array([tile.column]), np.array([tile.row]))[0]
    outline[:, 0] += _meridian(tile.zone)
    parts = [shapely.geometry.polygon.orient(part) for part in folded(shapely.Polygon(outline))]
    return shapely.MultiPolygon(parts) if len(parts) > 1 else parts[0]


def tiles_touching(region: Any, crs: Any = "EPSG:4326") -> list[str]:
    """Find the tiles whose extent meets a region, its sides followed to within half a metre.

    Parameters
    ----------
    region
        Bounds (west, south, east, north) or a shapely geometry in `crs`, or an object of odc.geo
        with its own CRS. Bounds in degrees with west > east cross the antimeridian. A geometry in
        degrees is taken as it is drawn, on longitudes from -540 to 540; one in a projection may
        hold a pole or cross the antimeridian.
    crs
        Anything that pyproj reads. Sides of the region are straight lines there.

    Returns
    -------
    list of str
        Names, sorted; none where there are no tiles, beyond 84 degrees north or south.

    Raises
    ------
    BadInput
        If the region is empty, has no place on Earth, or is not a region.
    """
    import shapely

    parts = parts_in_degrees(region, crs)
    index = _index()
    # A box that lies in the region has its tile there; else its part of the region goes to UTM.
    part, at = index.tree.query(parts, predicate="intersects")
    sure = index.tree.query(parts, predicate="covers")[1]
    unsure = ~np.isin(at, sure)
    part, at = part[unsure], at[unsure]
    pieces = shapely.segmentize(
        shapely.intersection(parts[part], index.tree.geometries[at]), STEP_DEGREES
    )
    points, owner = shapely.get_coordinates(pieces, return_index=True)
    points[:, 0] -= index.meridian[at][owner]
    pieces = shapely.set_coordinates(pieces, _utm(points))
    _, column, row = index.squares[at].T
    left, top = _corner(column, row)
    meets = shapely.intersects(pieces, shapely.box(left, top - SIDE, left + SIDE, top))
    found = np.concatenate([sure, at[meets]])
    return sorted({Tile(*square).name for square in index.squares[found].tolist()})


def pack_names(names: Iterable[str]) -> Bytes:
    """Pack well-formed names as one byte for each zone and row, its bits the columns.

    Returns
    -------
    numpy.ndarray
        (60, 187) uint8; bit n of [zone - 1, row + 93] is column n + 1.
    """
    table = np.zeros((60, BAND_ROWS[-1] - BAND_ROWS[0]), np.uint8)
    for tile in map(_square, names):
        table[tile.zone - 1, tile.row - BAND_ROWS[0]] |= 1 << (tile.column - 1)
    return table


def unpack_names(table: Bytes) -> tuple[str, ...]:
    """Give the names that `pack_names` has packed, sorted."""
    return tuple(sorted(Tile(*square).name for square in _squares(table).tolist()))


def _square(name: str) -> Tile:
    """Read a well-formed name, published or not."""
    found = re.fullmatch("T?([0-9]{2})([A-Z])([A-Z])([A-Z])", str(name))
    if not found:
        raise BadInput(f"tile {name!r}: a name is two digits and three capital letters, like 33NWB")
    zone, band = int(found[1]), BANDS.find(found[2])
    if not 1 <= zone <= 60:
        raise BadInput(f"tile {name!r}: zone {found[1]} is not one of 01 to 60")
    if band < 0:
        raise BadInput(f"tile {name!r}: latitude band {found[2]} is not one of {BANDS}")
    columns = COLUMNS[_first_column(zone) :][:8]
    if found[3] not in columns:
        raise BadInput(f"tile {name!r}: zone {zone} has columns {columns}, not {found[3]}")
    rows = {ROWS[(row + _first_row(zone)) % 20]: row for row in range(*BAND_ROWS[band : band + 2])}
    if found[4] not in rows:
        raise BadInput(
            f"tile {name!r}: band {found[2]} of zone {zone} has rows {''.join(rows)}, "
            f"not {found[4]}"
        )
    return Tile(zone, columns.index(found[3]) + 1, rows[found[4]])


def _first_column(zone: int) -> int:
    return (zone - 1) % 3 * 8


def _first_row(zone: int) -> int:
    return 0 if zone % 2 else 5


def _meridian(zone: Any) -> Any:
    return 6 * zone - 183


@cache
def _table() -> Bytes:
    table: Bytes = np.load(Path(__file__).with_name("tilegrid.npy"), allow_pickle=False)
    return table


def _squares(table: Bytes) -> Ints:
    """Give zone, column and row (n, 3) of all squares in a table."""
    bits = np.unpackbits(table[..., None], axis=-1, bitorder="little")
    zone, row, column = np.nonzero(bits)
    return np.stack([zone + 1, column + 1, row + BAND_ROWS[0]], axis=1)


def _published(tile: Tile) -> bool:
    return bool(_table()[tile.zone - 1, tile.row - BAND_ROWS[0]] >> (tile.column - 1) & 1)


def _corner(column: Any, row: Any) -> tuple[Any, Any]:
    """Give the upper left corner of extents: easting, and northing from the equator, m.

    Both are snapped to 60 m: west, and north. The false northing of the south comes after that.
    """
    return column * _SQUARE // _SNAP * _SNAP, -(-(row + 1) * _SQUARE // _SNAP) * _SNAP


def _outline(column: Ints, row: Ints) -> Floats:
    """Give the outlines (n, 120, 2) of extents, degrees from the central meridian and equator."""
    along = np.arange(_PIECES) / _PIECES
    x = np.concatenate([along, np.ones(_PIECES), 1 - along, np.zeros(_PIECES)])
    left, top = _corner(column, row)
    x, y = left[:, None] + SIDE * x, top[:, None] - SIDE + SIDE * np.roll(x, _PIECES)
    longitude, latitude = transformer("EPSG:32631", "EPSG:4326").transform(x, y)
    return np.stack([longitude - _meridian(31), latitude], axis=-1)


def _utm(points: Floats) -> Floats:
    """Project degrees (n, 2) from the central meridian: easting, northing from the equator, m."""
    there = transformer("EPSG:4326", "EPSG:32631")
    return np.stack(there.transform(points[:, 0] + _meridian(31), points[:, 1]), axis=1)


class _Index(NamedTuple):
    """A box in degrees around each tile, and a second one for tiles across the antimeridian."""

    tree: STRtree
    squares: Ints  # zone, column, row
    meridian: Floats  # degrees; a turn away for the second box


@cache
def _index() -> _Index:
    import shapely

    squares = _squares(_table())
    cells, cell = np.unique(squares[:, 1:], axis=0, return_inverse=True)
    outline = _outline(*cells.T)
    low, high = outline.min(axis=1) - _MARGIN, outline.max(axis=1) + _MARGIN
    cell, meridian = cell.ravel(), _meridian(squares[:, 0]).astype(np.float64)
    beyond = (meridian + high[cell, 0] > 180) * -360 + (meridian + low[cell, 0] < -180) * 360
    twice = np.concatenate([np.arange(cell.size), np.flatnonzero(beyond)])
    cell, meridian = cell[twice], np.append(meridian, (meridian + beyond)[beyond != 0])
    west, east = meridian + low[cell, 0], meridian + high[cell, 0]
    boxes = shapely.box(west, low[cell, 1], east, high[cell, 1])
    return _Index(shapely.STRtree(boxes), squares[twice], meridian)
