"""A burst file without its points: name, XML, columns, dates, place of the first point.

Everything that can be known from the name, the XML and the header is checked here, before any work
is sent out.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.dates import Days, date_columns, to_days
from egms_io.errors import BadArgument, BadBurst
from egms_io.formats.archive import Members, members, open_csv, read_xml
from egms_io.formats.metadata import BurstMetadata, read_burst_xml
from egms_io.formats.names import BurstName
from egms_io.tiles import CRS

HEADER_BYTES = 2**20  # of the header line at most
_ALIASES = {"height": "height_ortho", "height_wgs84": "height_ellipse", "rmse": "rmse_ts"}
_MAX_OFFSET_M = 1000.0  # between the two coordinate pairs of a point before they contradict

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Burst:
    """One burst: where it is, who made it, when it was seen.

    Attributes
    ----------
    name
        Identity and release, from the file name.
    parts
        The file of the burst, or several files that hold disjoint points of it.
    metadata
        The XML, empty where there is none.
    header
        Column names as in the file.
    dates
        Acquisition dates, ``YYYYMMDD``, ascending.
    first_point
        Easting and northing (m, EPSG:3035) of the first point, None where the table is empty or its
        first row cannot be read.
    notes
        What a user should know about the file.
    """

    name: BurstName
    parts: tuple[Members, ...]
    metadata: BurstMetadata
    header: tuple[str, ...]
    dates: tuple[str, ...]
    first_point: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> dict[str, str]:
        """Column of the file by the name of the field; names of older releases are understood."""
        return {_ALIASES.get(name, name): name for name in self.header}

    @property
    def days(self) -> Days:
        """Acquisition dates, (acquisitions,) datetime64[D]."""
        return to_days(self.dates)


def open_burst(source: str | Path | Sequence[str | Path]) -> Burst:
    """Open a burst: read and check its name, XML and header, but no points.

    Parameters
    ----------
    source
        A ZIP or CSV with an EGMS name, or a sequence of them: parts of one burst.

    Raises
    ------
    BadBurst
        Naming the file and what is wrong with it.
    """
    paths = [source] if isinstance(source, str | Path) else list(source)
    if not paths:
        raise BadBurst("a burst of no files: give at least one path")
    bursts = [_open_part(Path(path)) for path in paths]
    first = bursts[0]
    for other in bursts[1:]:
        if (other.name, other.header) != (first.name, first.header):
            raise BadBurst(
                f"{other.parts[0].path}: not a part of {first.parts[0].path}: "
                "the names or columns differ"
            )
    parts = tuple(part for burst in bursts for part in burst.parts)
    return replace(first, parts=parts, notes=tuple(n for burst in bursts for n in burst.notes))


def _open_part(path: Path) -> Burst:
    found = members(path)
    notes = [found.note] if found.note else []
    name = BurstName.parse(path)
    content = read_xml(found)
    metadata = BurstMetadata() if content is None else read_burst_xml(content, str(path))
    _check_identity(path, name, metadata)
    if content is None:
        notes.append(f"{path}: no XML, so facility and versions are unknown")
    with open_csv(found) as stream:
        head = stream.read(HEADER_BYTES)
    _check_text(path, head)
    lines = head.split(b"\n", 2)
    header = tuple(
        column.strip() for column in lines[0].decode("utf-8-sig", errors="replace").split(",")
    )
    dates = _check_header(path, header)
    burst = Burst(name, (found,), metadata, header, dates)
    place = None
    if "gnss_velocity" not in burst.columns:
        notes.append(
            f"{path}: no gnss_velocity, so the product has no GNSS velocity from this burst"
        )
    if len(lines) < 2 or not lines[1].strip():
        notes.append(f"{path}: the table is empty")
    else:
        place, remarks = _first_point(path, burst, lines[1].decode("ascii", errors="replace"))
        notes += remarks
    return replace(burst, first_point=place, notes=tuple(notes))


def find_bursts(folder: Path) -> tuple[list[Path], list[str]]:
    """List the bursts in a folder, and the names of the other files there.

    Archives are taken, or else plain tables. Checksums and documents beside a table, and hidden
    files, are not counted as others.

    Raises
    ------
    BadArgument
        When the folder does not exist or holds no burst.
    """
    if not folder.is_dir():
        raise BadArgument(f"{folder}: there is no such folder")
    found: list[Path] = []
    for suffix in (".zip", ".csv"):
        found = found or sorted(folder.glob(f"EGMS_L2[ab]_*{suffix}"))
    beside = {path.with_suffix(suffix).name for path in found for suffix in (".md5", ".xml")}
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    taken = {path.name for path in found} | beside
    others = [name for name in names if name not in taken and not name.startswith(".")]
    if not found:
        held = f"; it holds {', '.join(others[:3])}" if others else ""
        raise BadArgument(f"{folder}: no EGMS_L2a_*.zip or EGMS_L2b_*.zip in this folder{held}")
    return found, others


def _check_text(path: Path, head: bytes) -> None:
    """Refuse text that is no plain comma-separated table, by its beginning."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head[:100]:
        raise BadBurst(f"{path}: the table is UTF-16 text; save it as UTF-8 or ASCII")
    line = head.split(b"\n", 1)[0]
    if b'"' in line:
        raise BadBurst(f"{path}: the table is quoted; EGMS tables have no quotation marks")
    for sign, name in ((b";", "semicolons"), (b"\t", "tabs"), (b"|", "bars")):
        if line.count(sign) > line.count(b","):
            raise BadBurst(f"{path}: the table is not comma-separated, but by {name}")


def _check_identity(path: Path, name: BurstName, metadata: BurstMetadata) -> None:
    """Refuse an archive whose XML is that of another burst than its name."""
    stated = (metadata.product_level or None, metadata.track, metadata.burst, metadata.swath)
    named = (name.level, name.track, name.burst, name.swath)
    for what, xml, file in zip(("level", "track", "burst", "swath"), stated, named, strict=True):
        if xml is not None and xml != file:
            raise BadBurst(f"{path}: the name says {what} {file}, the XML inside says {xml}")


def _check_header(path: Path, header: tuple[str, ...]) -> tuple[str, ...]:
    names = [_ALIASES.get(name, name) for name in header]
    dates = date_columns(names)
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise BadBurst(f"{path}: columns given twice: {', '.join(twice[:5])}")
    for date in dates:
        try:
            dt.date(int(date[:4]), int(date[4:6]), int(date[6:]))
        except ValueError as error:
            raise BadBurst(f"{path}: column {date!r} is not a date: {error}") from error
    needed = ["los_east", "los_up", "height_ortho"]
    if not {"latitude", "longitude"} <= set(names):
        needed = ["easting", "northing", *needed]
    missing = [name for name in needed if name not in names]
    if not dates:
        missing.append("at least one YYYYMMDD column")
    if missing:
        raise BadBurst(f"{path}: missing {', '.join(missing)}")
    return tuple(dates)


def _first_point(
    path: Path, burst: Burst, line: str
) -> tuple[tuple[float, float] | None, list[str]]:
    """Return the place of the first point and notes; refuse coordinate pairs that disagree."""
    fields = line.split(",")
    if len(fields) != len(burst.header):
        return None, []  # reported with its line when the points are read
    values = dict(zip(burst.columns, fields, strict=True))
    try:
        lon, lat, easting, northing = (
            float(values.get(name, "nan"))
            for name in ("longitude", "latitude", "easting", "northing")
        )
    except ValueError:
        return None, []  # reported with line and column when the points are read
    if not np.isfinite(lon + lat):
        return ((easting, northing) if np.isfinite(easting + northing) else None), []
    x, y = (float(axis[0]) for axis in to_laea(np.array([lon]), np.array([lat])))
    if np.isnan(easting + northing):
        return (x, y), [f"{path}: no easting and northing; computed from longitude and latitude"]
    if np.hypot(x - easting, y - northing) <= _MAX_OFFSET_M:
        return (easting, northing), []
    if np.hypot(x - northing, y - easting) <= _MAX_OFFSET_M:
        raise BadBurst(
            f"{path}: easting and northing are swapped ({easting}, {northing} in line 2)"
        )
    raise BadBurst(
        f"{path}: line 2 says easting {easting}, northing {northing}, but its longitude {lon} and "
        f"latitude {lat} are at {x:.0f}, {y:.0f} in {CRS}"
    )


def to_laea(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Return easting and northing of points, (n,) float64 each, m, EPSG:3035.

    Parameters
    ----------
    lon, lat
        (n,) degrees, WGS84.
    """
    x, y = _transformer().transform(lon, lat)
    return np.asarray(x), np.asarray(y)


@lru_cache(maxsize=1)
def _transformer() -> Any:
    from pyproj import Transformer

    return Transformer.from_crs("EPSG:4326", CRS, always_xy=True)
