"""Square cells in EPSG:3035, blocks of them, and the area of interest they cover.

A cell holds the points with ``west <= easting < west + cell_m`` (and likewise north), so a point on
the east or north edge belongs to the next cell and to the next tile. Coordinates are compared in
whole centimetres, the resolution of the files, which makes edges exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from egms_io.errors import BadArgument
from egms_io.tiles import CRS, LAEA_EUROPE, tile_bounds, tile_name
from workbench.files import atomic

BLOCK_CELLS = 100  # cells along one side of a block: 10 km at 100 m

_COLUMN_BITS = 20  # of a block's number; its row is in those above
_ANCHORS = {"start": -0.5, "center": 0.0, "end": 0.5}

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lattice:
    """A rectangle of square cells, aligned to multiples of the cell size from (0, 0).

    Attributes
    ----------
    cell_m
        Side of a cell, m (a multiple of 0.01).
    column0, row0
        Index of the south-western cell, counted from the origin of EPSG:3035.
    columns, rows
        Number of cells.
    """

    cell_m: float
    column0: int
    row0: int
    columns: int
    rows: int

    @classmethod
    def covering(cls, bounds: tuple[float, float, float, float], cell_m: float) -> Lattice:
        """Snap west, south, east, north (m) outwards to whole cells.

        Raises
        ------
        BadArgument
            For bounds without an inside, or a cell size that the files cannot hold.
        """
        cell_cm = _centimetres(cell_m)
        west, south = (round(value * 100) // cell_cm for value in bounds[:2])
        east, north = (-(-round(value * 100) // cell_cm) for value in bounds[2:])
        if east <= west or north <= south:
            raise BadArgument(f"the area {bounds} is empty: give west, south, east, north in m")
        return cls(cell_m, west, south, east - west, north - south)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north, m."""
        west, south = self.column0 * self.cell_m, self.row0 * self.cell_m
        return west, south, west + self.columns * self.cell_m, south + self.rows * self.cell_m

    def overlaps(self, other: Lattice) -> bool:
        """Return whether two lattices with cells of one size share a cell."""
        return (
            max(self.column0, other.column0)
            < min(self.column0 + self.columns, other.column0 + other.columns)
        ) and (max(self.row0, other.row0) < min(self.row0 + self.rows, other.row0 + other.rows))

    def keys(self, easting: npt.ArrayLike, northing: npt.ArrayLike) -> Ints:
        """Return the key of each point's cell, ``row * columns + column``, -1 outside.

        Parameters
        ----------
        easting, northing
            (n,) m, EPSG:3035; rounded to the centimetre.

        Returns
        -------
        (n,) int64.
        """
        cell_cm = _centimetres(self.cell_m)
        column = np.rint(np.asarray(easting, float) * 100).astype(np.int64) // cell_cm
        row = np.rint(np.asarray(northing, float) * 100).astype(np.int64) // cell_cm
        column -= self.column0
        row -= self.row0
        inside = (column >= 0) & (column < self.columns) & (row >= 0) & (row < self.rows)
        return np.asarray(np.where(inside, row * self.columns + column, -1))

    def centres(self, keys: npt.ArrayLike) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return easting and northing of the cell centres, (n,) float64 each, m."""
        row, column = np.divmod(np.asarray(keys, np.int64), self.columns)
        return (
            (column + self.column0 + 0.5) * self.cell_m,
            (row + self.row0 + 0.5) * self.cell_m,
        )

    def blocks(self, keys: npt.ArrayLike) -> Ints:
        """Return the number of each cell's block, (n,) int64; see `block_place`.

        Blocks are `BLOCK_CELLS` cells on a side and lie at the same places for every area, so a
        cell is computed together with the same neighbours whatever was asked for.
        """
        row, column = np.divmod(np.asarray(keys, np.int64), self.columns)
        block_row = (row + self.row0) // BLOCK_CELLS
        block_column = (column + self.column0) // BLOCK_CELLS
        return np.asarray((block_row << _COLUMN_BITS) + block_column)

    @property
    def block_rows(self) -> range:
        """Rows of blocks that the cells lie in, counted north from the origin of EPSG:3035."""
        return range(self.row0 // BLOCK_CELLS, (self.row0 + self.rows - 1) // BLOCK_CELLS + 1)

    @property
    def block_columns(self) -> range:
        """Columns of blocks that the cells lie in, counted east from the origin of EPSG:3035."""
        last = self.column0 + self.columns - 1
        return range(self.column0 // BLOCK_CELLS, last // BLOCK_CELLS + 1)


def block_place(block: int) -> tuple[int, int]:
    """Return row and column of a block, counted north and east from the origin of EPSG:3035."""
    return block >> _COLUMN_BITS, block & (1 << _COLUMN_BITS) - 1


@dataclass(frozen=True)
class Area:
    """An area of interest.

    Attributes
    ----------
    lattice
        The cells of its bounds.
    name
        The official tile, or ``custom``.
    outline
        Where it is no rectangle: a shapely (multi)polygon in EPSG:3035, or the path of a WKB file
        that holds it (a country's outline is too large to travel with every task).
    """

    lattice: Lattice
    name: str
    outline: Any = None

    def contains(self, keys: Ints) -> npt.NDArray[np.bool_]:
        """Return which cells have their centre in the area, (n,) bool."""
        wkb = self.outline_wkb()
        if wkb is None:
            return np.ones(len(keys), bool)
        import shapely

        outline = shapely.from_wkb(wkb)
        shapely.prepare(outline)
        inside: npt.NDArray[np.bool_] = shapely.intersects_xy(outline, *self.lattice.centres(keys))
        return inside

    def outline_wkb(self) -> bytes | None:
        """Return the outline as WKB, None where the area is a rectangle."""
        if self.outline is None:
            return None
        if isinstance(self.outline, Path):
            return self.outline.read_bytes()
        import shapely

        return bytes(shapely.to_wkb(self.outline))

    def outline_on_disk(self, path: Path) -> Area:
        """Return the same area with its outline written to a WKB file."""
        wkb = self.outline_wkb()
        if wkb is None or isinstance(self.outline, Path):
            return self
        with atomic(path, overwrite=True) as file:
            file.write(wkb)
        return replace(self, outline=path)


def area_of(aoi: Any, cell_m: float = 100) -> Area:
    """Make an `Area` from a name, bounds, a polygon or a frame.

    Parameters
    ----------
    aoi
        The name of an official tile (``"E45N17"``), bounds (west, south, east, north; m,
        EPSG:3035), a shapely polygon in EPSG:3035, or a GeoSeries or GeoDataFrame with any CRS.
    cell_m
        Side of a cell, m.

    Raises
    ------
    BadArgument
        For an unknown tile name, bounds in degrees, a frame without CRS, an invalid polygon, or an
        area outside LAEA Europe.
    """
    if isinstance(aoi, Area):
        return aoi
    if isinstance(aoi, str):
        return _tile_area(aoi, cell_m)
    if hasattr(aoi, "to_crs"):
        if aoi.crs is None:
            raise BadArgument("the area has no CRS: set one, for example aoi.set_crs('EPSG:4326')")
        aoi = aoi.to_crs(CRS).geometry.union_all()
    if hasattr(aoi, "geom_type"):
        return _polygon_area(aoi, cell_m)
    try:
        bounds = tuple(float(value) for value in aoi)
    except (TypeError, ValueError):
        bounds = ()
    if len(bounds) != 4 or np.isnan(bounds).any():
        raise BadArgument(
            f"aoi={aoi!r}: give a tile name, four bounds, a polygon or a GeoDataFrame"
        )
    _check_extent(bounds)
    lattice = Lattice.covering(bounds, cell_m)
    return Area(lattice, _name(lattice))


def areas_in(aoi: Any) -> list[Any]:
    """Return the areas of a list of them, or the one that is given, in what `area_of` takes."""
    if not isinstance(aoi, list | tuple) or not aoi or all(map(_is_number, aoi)):
        return [aoi]
    return list(aoi)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def compute_cell_id(easting: npt.ArrayLike, northing: npt.ArrayLike, lattice: Lattice) -> Ints:
    """Return the cell of each point as ``row * columns + column``, -1 outside the lattice.

    Coordinates are in m, EPSG:3035; see `Lattice.keys`.
    """
    return lattice.keys(easting, northing)


def cell_id_to_coords(
    cell_id: npt.ArrayLike,
    lattice: Lattice,
    anchor: Literal["start", "center", "end"] = "center",
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return easting and northing of cells, (n,) m; the inverse of `compute_cell_id`.

    Parameters
    ----------
    anchor
        Which place of the cell: its south-western corner, its centre (as in the products), or its
        north-eastern corner. It moves the label, never the points.
    """
    if anchor not in _ANCHORS:
        raise BadArgument(f"anchor={anchor!r}: choose 'start', 'center' or 'end'")
    easting, northing = lattice.centres(cell_id)
    shift = _ANCHORS[anchor] * lattice.cell_m
    return easting + shift, northing + shift


def _name(lattice: Lattice) -> str:
    """Return the name of the tile; one of other cells is no official tile, which its name shows."""
    name = tile_name(lattice.bounds)
    if name is None:
        return "custom"
    return name if lattice.cell_m == 100 else f"{name}-{lattice.cell_m:g}m".replace(".", "-")


def _tile_area(name: str, cell_m: float) -> Area:
    bounds = tile_bounds(name)
    if bounds is None:
        raise BadArgument(
            f"{name!r} is not a tile name; expected one like 'E45N17' (SW corner / 100 km)"
        )
    lattice = Lattice.covering(bounds, cell_m)
    return Area(lattice, _name(lattice))


def _polygon_area(outline: Any, cell_m: float) -> Area:
    if outline.geom_type not in ("Polygon", "MultiPolygon") or outline.is_empty:
        raise BadArgument(f"the area is a {outline.geom_type}, not a polygon with an inside")
    if not outline.is_valid:
        from shapely.validation import explain_validity

        raise BadArgument(f"the area's polygon is invalid: {explain_validity(outline)}")
    _check_extent(outline.bounds)
    return Area(Lattice.covering(outline.bounds, cell_m), "custom", outline)


def _check_extent(bounds: tuple[float, ...]) -> None:
    west, south, east, north = bounds
    if all(abs(value) <= 360 for value in bounds):
        raise BadArgument(
            f"the area {bounds} looks like degrees; give metres in {CRS}, "
            "or a GeoDataFrame that carries its CRS"
        )
    limits = LAEA_EUROPE
    if west < limits[0] or south < limits[1] or east > limits[2] or north > limits[3]:
        raise BadArgument(f"the area {bounds} reaches outside LAEA Europe {limits} (m, {CRS})")


def _centimetres(cell_m: float) -> int:
    cell_cm = round(cell_m * 100) if np.isfinite(cell_m) else 0
    if cell_m < 2 or abs(cell_cm - cell_m * 100) > 1e-6:
        raise BadArgument(
            f"cell_m={cell_m}: cells are multiples of 0.01 m, and at least 2 m to have PIDs"
        )
    return cell_cm
