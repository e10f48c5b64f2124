"""Which files of an elevation model a region needs, which of its cells are sea, which are missing.

What is not on the disk may be sea or forgotten. It is sea only where something says so: a database
of footprints (`Paths.dem_database`) or a list of the cells that the model has, without it; or the
user, for all that is not there.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tiling.sentinel1.errors import ConfigurationError, MissingDEMError
from tiling.sentinel1.heights.cells import Cell, cells_touching, file_candidates, named_cells
from tiling.sentinel1.heights.demdatabases import rows_touching
from tiling.sentinel1.heights.demfiles import DemFile, open_dem
from workbench.rasters.grids import Bounds

__all__ = ["CELL_LIST", "DEFAULT_FORMAT", "Absent", "DemSelection", "find_dem"]

logger = logging.getLogger(__name__)

CELL_LIST = "tileList.txt"
"""The list of its cells that the Copernicus buckets have; read where it lies in the folder."""

DEFAULT_FORMAT = "{id}.hgt"

Absent = Literal["error", "sea"]

_NEIGHBOURS = 3e-4  # degrees: a pixel; its cell is needed to interpolate up to the edge


@dataclass(frozen=True)
class DemSelection:
    """The files that a region needs.

    Attributes
    ----------
    files
        In the order in which they give heights.
    names
        What the database or the grid of cells calls those that meet the region.
    sea
        West, south, east, north of the cells that are sea, degrees on longitudes -180 to 180.
    coverage
        Share of the region that files or sea cover, 0 to 1.
    """

    files: tuple[DemFile, ...]
    names: tuple[str, ...]
    sea: tuple[Bounds, ...]
    coverage: float


def find_dem(
    folder: str | Path,
    parts: Sequence[Any],
    *,
    around: Sequence[Any] | None = None,
    dem_format: str = DEFAULT_FORMAT,
    dem_database: str | Path | None = None,
    dem_cells: str | Path | None = None,
    absent: Absent = "error",
) -> DemSelection:
    """Find the files of an elevation model that a region needs.

    Parameters
    ----------
    folder
        With the files, below it as the format says.
    parts
        Of the region, degrees on longitudes -180 to 180.
    around
        Likewise of a larger region, whose files are taken where they are there.
    dem_format
        Name of a file; keys are fields of the database, or ``id`` (N41E013), ``Product10`` and
        ``Product30`` of a cell. The known names of Copernicus and SRTM files are tried as well.
    dem_database
        Footprints of the files; None for cells of one degree.
    dem_cells
        List of the cells that the model has; ``tileList.txt`` in the folder where there is one.
    absent
        What a cell is that is neither on the disk nor known by a list: ``error`` or ``sea``.

    Raises
    ------
    MissingDEMError
        If a file is not there; all of them are logged.
    ConfigurationError
        If the folder, the database or the format is wrong.
    """
    import shapely

    folder = Path(folder)
    if not folder.is_dir():
        raise MissingDEMError(f"{folder}: no such folder of an elevation model; see Paths.dem_dir")
    if absent not in ("error", "sea"):
        raise ConfigurationError(f"[Workbench] dem_absent = {absent}: it is error or sea")
    around = parts if around is None else around
    if dem_database is not None:
        return _by_database(folder, parts, around, dem_format, dem_database)
    listed = dem_cells or (folder / CELL_LIST if (folder / CELL_LIST).is_file() else None)
    known = None if listed is None else named_cells(listed)
    needed = cells_touching(parts, _NEIGHBOURS)
    files: list[DemFile] = []
    sea, missing = [], []
    for cell in cells_touching(around, _NEIGHBOURS):
        path = _first(folder, dem_format, cell)
        if path is not None:
            files.append(open_dem(path))
        elif absent == "sea" if known is None else cell not in known:
            sea.append(cell)
        elif cell in needed:
            missing.append(cell)
    if missing:
        _refuse(folder, dem_format, missing, known is not None)
    boxes = tuple((float(w), float(s), w + 1.0, s + 1.0) for s, w in sea)
    covers = [_reach(file) for file in files] + [shapely.box(*box) for box in boxes]
    names = tuple(cell.srtm for cell in needed if cell not in sea)
    return DemSelection(tuple(files), names, boxes, _covered(parts, covers))


def _reach(file: DemFile) -> Any:
    """Return what a file covers; Copernicus files lie half a pixel off the cells of the sea."""
    import shapely

    west, south, east, north = file.bounds
    down, across = file.steps
    return shapely.box(west - across, south - down, east + across, north + down)


def _first(folder: Path, form: str, cell: Cell) -> Path | None:
    return next((path for path in file_candidates(folder, form, cell) if path.is_file()), None)


def _refuse(folder: Path, form: str, cells: Sequence[Cell], listed: bool) -> None:
    """Raise for cells without a file."""
    for cell in cells:
        logger.error("%s: no file for cell %s of the elevation model", folder, cell.srtm)
    names = ", ".join(cell.srtm for cell in cells[:8]) + (" ..." if len(cells) > 8 else "")
    way = (
        "the list of cells says that they have land"
        if listed
        else "if they are sea, say so: a list of the model's cells ([Workbench] dem_cells, or "
        f"{CELL_LIST} in that folder), Paths.dem_database, or [Workbench] dem_absent = sea"
    )
    raise MissingDEMError(
        f"{folder}: no file for {len(cells)} cells of the elevation model: {names} (looked for "
        f"{form.format(**cells[0].keys)} and the names of Copernicus and SRTM files); {way}"
    )


def _by_database(
    folder: Path, parts: Sequence[Any], around: Sequence[Any], form: str, database: str | Path
) -> DemSelection:
    """Find the files by a database; what no row covers is sea."""
    import shapely

    region = shapely.union_all(list(parts))
    files, names, missing, covers = [], [], [], []
    for row in rows_touching(database, form, around):
        outline = shapely.union_all(list(row.parts))
        needed = shapely.intersects(outline, region)
        path = folder / row.file
        if path.is_file():
            files.append(open_dem(path))
        elif needed:
            missing.append(path)
        if needed:
            names.append(row.name)
            covers.append(outline)
    for path in missing:
        logger.error("%s: a file of the elevation model is missing", path)
    if missing:
        raise MissingDEMError(
            f"{len(missing)} files of the elevation model are missing, such as {missing[0]}: they "
            f"are in {database} (Paths.dem_database); see Paths.dem_dir and Paths.dem_format"
        )
    coverage = _covered(parts, covers)
    if round(coverage, 3) < 1:
        logger.warning(
            "%s covers %.1f %% of the region; the rest is taken as sea", database, 100 * coverage
        )
    boxes = [box for part in around for box in _box(part)]
    return DemSelection(tuple(files), tuple(names), tuple(boxes), coverage)


def _box(part: Any) -> list[Bounds]:
    west, south, east, north = part.bounds
    return [(west, south, east, north)]


def _covered(parts: Sequence[Any], covers: Sequence[Any]) -> float:
    """Return the share of a region that areas cover, in degrees."""
    import shapely

    region = shapely.union_all(list(parts))
    if not region.area:
        return 1.0
    both = shapely.intersection(region, shapely.union_all(list(covers)))
    return float(both.area / region.area)
