"""The published grid: EPSG:3035, its extent, and its square tiles of 100 km.

A tile is named after its south-western corner: ``E45N17`` begins at easting 4,500 km and northing
1,700 km. Grid and names are those of the EEA reference grid, which the L3 products use.
"""

from __future__ import annotations

import re

CRS = "EPSG:3035"
LAEA_EUROPE = (900_000, 900_000, 7_400_000, 5_500_000)  # west, south, east, north, m
TILE_M = 100_000  # side of a tile

_NAME = re.compile(r"E(?P<east>\d{2})N(?P<north>\d{2})")


def is_tile_name(name: str) -> bool:
    """Return whether a name is that of an official tile, exactly as in file names."""
    return _NAME.fullmatch(name) is not None


def tile_bounds(name: str) -> tuple[int, int, int, int] | None:
    """Return west, south, east, north (m, EPSG:3035) of a tile, or None for any other text.

    Small letters and blanks around the name are accepted.
    """
    match = _NAME.fullmatch(name.strip().upper())
    if match is None:
        return None
    west, south = int(match["east"]) * TILE_M, int(match["north"]) * TILE_M
    return west, south, west + TILE_M, south + TILE_M


def tile_name(bounds: tuple[float, float, float, float]) -> str | None:
    """Return the name of the tile with exactly these bounds (m), or None."""
    west, south, east, north = bounds
    whole = west % TILE_M == 0 and south % TILE_M == 0
    if not whole or (east - west, north - south) != (TILE_M, TILE_M):
        return None
    return f"E{int(west) // TILE_M:02d}N{int(south) // TILE_M:02d}"
