"""Databases of the footprints of an elevation model, as S1Tiling takes them (GeoPackage).

Each row is one file: its outline, and fields that the format of file names uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiling.sentinel1.errors import ConfigurationError
from workbench.rasters.regions import parts_in_degrees

__all__ = ["DatabaseRow", "rows_touching"]


@dataclass(frozen=True, eq=False)
class DatabaseRow:
    """One file of an elevation model.

    Attributes
    ----------
    name
        Its identifier: the first field whose name contains ``id`` or ``ID``, else the first.
    file
        Its path, below the folder of the model.
    parts
        Its outline in degrees, on longitudes -180 to 180.
    """

    name: str
    file: Path
    parts: tuple[Any, ...]


def rows_touching(path: str | Path, form: str, parts: Iterable[Any]) -> list[DatabaseRow]:
    """Return the rows of a database that meet a region, sorted by name.

    Parameters
    ----------
    path
        Whatever GDAL's vector drivers read; in any CRS.
    form
        The format of file names; its keys are fields of the database. A row in which one of them is
        empty has no file, and counts as not there.
    parts
        Of the region, degrees on longitudes -180 to 180.

    Raises
    ------
    ConfigurationError
        If the database cannot be read, has no CRS, or has not the fields of the format.
    """
    import pyogrio
    import shapely

    region = shapely.union_all(list(parts))
    if not Path(path).is_file():
        raise ConfigurationError(f"Paths.dem_database = {path}: no such file")
    try:
        crs = pyogrio.read_info(path)["crs"]
        if crs is None:
            raise ConfigurationError(f"Paths.dem_database = {path}: it has no CRS")
        boxes = [_bounds_in(part, crs) for part in parts]
        tables = [pyogrio.read_dataframe(path, bbox=box) for box in boxes]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as reason:
        raise ConfigurationError(
            f"Paths.dem_database = {path}: it cannot be read: {reason}"
        ) from reason
    found: dict[Path, DatabaseRow] = {}
    for table in tables:
        fields = [name for name in table.columns if name != table.geometry.name]
        identifier = next((name for name in fields if "id" in name or "ID" in name), fields[0])
        for record, outline in zip(table[fields].to_dict("records"), table.geometry, strict=True):
            file = _file(str(path), form, record)
            if file is None or outline is None or outline.is_empty:
                continue
            areas = tuple(parts_in_degrees(outline, crs))
            if shapely.intersects(shapely.union_all(areas), region):
                found[file] = DatabaseRow(str(record[identifier]), file, areas)
    return sorted(found.values(), key=lambda row: (row.name, str(row.file)))


def _bounds_in(part: Any, crs: Any) -> tuple[float, float, float, float]:
    """Return the bounds of a part of a region in another CRS."""
    from workbench.rasters.grids import transformer

    west, south, east, north = part.bounds
    found = transformer("EPSG:4326", str(crs)).transform_bounds(west, south, east, north)
    return found[0], found[1], found[2], found[3]


def _file(database: str, form: str, record: dict[Any, Any]) -> Path | None:
    """Return the name of the file of a row; None where a field that it needs is empty."""
    from string import Formatter

    try:
        used = [key.split(".")[0].split("[")[0] for _, key, _, _ in Formatter().parse(form) if key]
        if any(record[key] is None or record[key] != record[key] for key in used):
            return None
        file = Path(form.format(**record))
    except (KeyError, IndexError, ValueError, AttributeError) as reason:
        raise ConfigurationError(
            f"Paths.dem_format = {form}: {reason!r}; the fields of {database} are "
            f"{', '.join(map(str, record))}"
        ) from reason
    if file.is_absolute() or ".." in file.parts:
        raise ConfigurationError(
            f"Paths.dem_format = {form}: {file} is not below the folder of the elevation model"
        )
    return file
