"""Read L2 bursts: what a file is (`open_burst`) and its points in batches (`read_points`).

A burst of a country-sized run has gigabytes of text, so points come in batches and only the columns
that are needed are converted. Everything that can be known from the header is checked before any
number is read; a bad row is reported with its line and column.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from egms_io.archive import Members, members, open_csv, read_xml
from egms_io.cells import CRS, LAEA_EUROPE
from egms_io.errors import BadBurst, EgmsError
from egms_io.metadata import BurstMetadata, read_burst_xml
from egms_io.names import BurstName
from egms_io.pids import decode

log = logging.getLogger(__name__)

ALIASES = {"height": "height_ortho", "height_wgs84": "height_ellipse", "rmse": "rmse_ts"}
BATCH_BYTES = 16 * 2**20
MAX_DISPLACEMENT = 1e6  # mm: a kilometre; a larger number is no displacement

_HEADER_BYTES = 2**20
_DATE = re.compile(r"\d{8}")
_MAX_OFFSET = 1000.0  # m between the two coordinate pairs of a point before they contradict

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
    near
        Easting and northing (m) of the first point, None where the table is empty.
    notes
        What a user should know about the file.
    """

    name: BurstName
    parts: tuple[Members, ...]
    metadata: BurstMetadata
    header: tuple[str, ...]
    dates: tuple[str, ...]
    near: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> dict[str, str]:
        """Column of the file that each known name is found under."""
        return {ALIASES.get(name, name): name for name in self.header}

    @property
    def days(self) -> npt.NDArray[np.datetime64]:
        """Acquisition dates, (acquisitions,) datetime64[D]."""
        return np.array([f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in self.dates], "datetime64[D]")


@dataclass
class Points:
    """A batch of points; NaN where a value is missing.

    Attributes
    ----------
    easting, northing
        (n,) m, EPSG:3035.
    los
        (3, n) east, north and up part of the unit vector from the ground to the satellite; the
        north part is NaN where the file has none.
    height
        (n,) m.
    gnss
        (n,) mm / yr along the line of sight, all NaN for L2a.
    track_angle
        (n,) degrees, all NaN where the file has none.
    pid
        (n,) int64, None where the file has none.
    series
        One (n,) array per acquisition, mm along the line of sight.
    """

    easting: Floats
    northing: Floats
    los: Floats
    height: Floats
    gnss: Floats
    track_angle: Floats
    pid: npt.NDArray[np.int64] | None
    series: list[Floats]

    def take(self, points: npt.NDArray[Any]) -> Points:
        """Give some of the points."""
        return Points(
            easting=self.easting[points],
            northing=self.northing[points],
            los=self.los[:, points],
            height=self.height[points],
            gnss=self.gnss[points],
            track_angle=self.track_angle[points],
            pid=None if self.pid is None else self.pid[points],
            series=[values[points] for values in self.series],
        )


def open_burst(source: str | Path | Sequence[str | Path]) -> Burst:
    """Look at a burst without reading its points.

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


def read_points(
    burst: Burst, tally: Counter[str], *, skip_rows: bool = False, batch_bytes: int = BATCH_BYTES
) -> Iterator[Points]:
    """Read the points of a burst in batches of about `batch_bytes` of text.

    Parameters
    ----------
    tally
        Counts of what was met: ``rows`` and, with `skip_rows`, ``bad rows``.
    skip_rows
        Drop and count rows that are ragged or hold something that is no number, instead of raising.

    Raises
    ------
    BadBurst
        Naming file, line and column of the first bad row, or the damage of the archive.
    """
    table = _Table.of(burst)
    for part in burst.parts:
        with open_csv(part) as stream:
            stream.readline(_HEADER_BYTES)
            line = 2
            for text in _whole_lines(stream, batch_bytes):
                try:
                    batch = table.parse(text, part.path, line, tally, skip_rows=skip_rows)
                except EgmsError as error:
                    raise BadBurst(f"{part.path}: {error}") from error
                line += text.count(b"\n")
                if len(batch.easting):
                    tally["rows"] += len(batch.easting)
                    _check_coordinates(part.path, batch)
                    yield batch


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
        head = stream.read(_HEADER_BYTES)
    lines = head.split(b"\n", 2)
    header = tuple(
        column.strip() for column in lines[0].decode("utf-8-sig", errors="replace").split(",")
    )
    dates = _check_header(path, header)
    burst = Burst(name, (found,), metadata, header, dates)
    near = None
    if len(lines) < 2 or not lines[1].strip():
        notes.append(f"{path}: the table is empty")
    else:
        near, told = _first_point(path, burst, lines[1].decode("ascii", errors="replace"))
        notes += told
    return replace(burst, near=near, notes=tuple(notes))


def _check_identity(path: Path, name: BurstName, metadata: BurstMetadata) -> None:
    """Refuse an archive whose XML speaks of another burst than its name."""
    stated = (metadata.product_level or None, metadata.track, metadata.burst, metadata.swath)
    named = (name.level, name.track, name.burst, name.swath)
    for what, xml, file in zip(("level", "track", "burst", "swath"), stated, named, strict=True):
        if xml is not None and xml != file:
            raise BadBurst(f"{path}: the name says {what} {file}, the XML inside says {xml}")


def _check_header(path: Path, header: tuple[str, ...]) -> tuple[str, ...]:
    names = [ALIASES.get(name, name) for name in header]
    dates = sorted(name for name in names if _DATE.fullmatch(name))
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
    """Give the place of the first point and notes; refuse two coordinate pairs that disagree."""
    values = dict(zip(burst.columns, line.split(","), strict=False))
    try:
        lon, lat, easting, northing = (
            float(values.get(name, "nan"))
            for name in ("longitude", "latitude", "easting", "northing")
        )
    except ValueError:
        return None, []  # reported with line and column when the points are read
    if np.isnan(lon + lat):
        return (easting, northing), []
    x, y = (float(axis[0]) for axis in _laea(np.array([lon]), np.array([lat])))
    if np.isnan(easting + northing):
        return (x, y), [f"{path}: no easting and northing; computed from longitude and latitude"]
    if np.hypot(x - easting, y - northing) <= _MAX_OFFSET:
        return (easting, northing), []
    if np.hypot(x - northing, y - easting) <= _MAX_OFFSET:
        raise BadBurst(
            f"{path}: easting and northing are swapped ({easting}, {northing} in line 2)"
        )
    raise BadBurst(
        f"{path}: line 2 says easting {easting}, northing {northing}, but its longitude {lon} and "
        f"latitude {lat} are at {x:.0f}, {y:.0f} in {CRS}"
    )


def _laea(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(lon, lat)
    return np.asarray(x), np.asarray(y)


def _whole_lines(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """Cut a stream into pieces of about `size` bytes that end with a line."""
    rest = b""
    while block := stream.read(size):
        end = block.rfind(b"\n") + 1
        if end:
            yield rest + block[:end]
            rest = block[end:]
        else:
            rest += block
    if rest.strip():
        yield rest


@dataclass(frozen=True)
class _Table:
    """The columns of a burst's CSV that are wanted, and how they become points."""

    header: tuple[str, ...]
    dates: tuple[str, ...]
    numbers: dict[str, str]  # our name -> name in the file
    pid: bool

    @classmethod
    def of(cls, burst: Burst) -> _Table:
        known = burst.columns
        wanted = ["los_east", "los_north", "los_up", "height_ortho", "gnss_velocity", "track_angle"]
        wanted += ["easting", "northing"] if "easting" in known else ["longitude", "latitude"]
        dates = tuple(known[date] for date in burst.dates)
        numbers = {name: known[name] for name in [*wanted, *dates] if name in known}
        return cls(burst.header, dates, numbers, "pid" in known)

    def parse(
        self, text: bytes, path: Path, line: int, tally: Counter[str], *, skip_rows: bool
    ) -> Points:
        """Convert whole lines, the first of which is line number `line` of the file."""
        import pyarrow as pa

        try:
            return self._points(self._arrow(text))
        except pa.ArrowInvalid as error:
            if not skip_rows:
                raise BadBurst(next(self._faults(text, line), str(error))) from error
        faulty = set()
        for fault in self._faults(text, line):
            log.warning("%s: dropped: %s", path, fault)
            faulty.add(fault.number)
        tally["bad rows"] += len(faulty)
        kept = [row for number, row in enumerate(text.split(b"\n"), line) if number not in faulty]
        return self._points(self._arrow(b"\n".join(kept)))

    def _arrow(self, text: bytes) -> Any:
        import pyarrow as pa
        from pyarrow import csv

        types = dict.fromkeys(self.numbers.values(), pa.float64())
        if self.pid:
            types["pid"] = pa.string()
        if not text.strip():
            return pa.schema(types.items()).empty_table()
        return csv.read_csv(
            pa.py_buffer(text),
            read_options=csv.ReadOptions(column_names=self.header, block_size=2**20),
            parse_options=csv.ParseOptions(quote_char=False),
            convert_options=csv.ConvertOptions(
                include_columns=list(types), column_types=types, null_values=["", "nan", "NaN"]
            ),
        )

    def _points(self, table: Any) -> Points:
        missing = np.full(table.num_rows, np.nan)

        def column(name: str) -> Floats:
            if name not in self.numbers:
                return missing
            values: Floats = table[self.numbers[name]].to_numpy()
            return values

        easting, northing = column("easting"), column("northing")
        if "easting" not in self.numbers:
            easting, northing = _laea(column("longitude"), column("latitude"))
        return Points(
            easting=easting,
            northing=northing,
            los=np.array([column("los_east"), column("los_north"), column("los_up")]),
            height=column("height_ortho"),
            gnss=column("gnss_velocity"),
            track_angle=column("track_angle"),
            pid=_pid_numbers(table["pid"]) if self.pid else None,
            series=[column(date) for date in self.dates],
        )

    def _faults(self, text: bytes, line: int) -> Iterator[_Fault]:
        """Find the bad rows of a text the slow way, with line and column."""
        places = [(self.header.index(name), name) for name in self.numbers.values()]
        for number, row in enumerate(text.rstrip(b"\n").split(b"\n"), line):
            values = row.decode("utf-8", errors="replace").rstrip("\r").split(",")
            if values == [""]:
                continue
            if len(values) != len(self.header):
                yield _Fault(number, f"has {len(values)} fields, the header {len(self.header)}")
                continue
            for place, name in places:
                if not _is_number(values[place]):
                    yield _Fault(number, f"column {name}: {values[place]!r} is not a number")
                    break


class _Fault(str):
    """What is wrong with one line of a table, and which line it is."""

    number: int

    def __new__(cls, number: int, what: str) -> _Fault:
        fault = super().__new__(cls, f"line {number}: {what}")
        fault.number = number
        return fault


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


def _check_coordinates(path: Path, points: Points) -> None:
    """Refuse points that cannot be in Europe's LAEA grid."""
    west, south, east, north = LAEA_EUROPE
    with np.errstate(invalid="ignore"):
        inside = (points.easting >= west) & (points.easting < east)
        inside &= (points.northing >= south) & (points.northing < north)
    if not inside.all():
        bad = int(np.flatnonzero(~inside)[0])
        raise BadBurst(
            f"{path}: point at easting {points.easting[bad]}, northing {points.northing[bad]} is "
            f"outside LAEA Europe {LAEA_EUROPE} (m, {CRS}); are the columns swapped or in another CRS?"
        )


def _pid_numbers(column: Any) -> npt.NDArray[np.int64]:
    """Give PIDs as integers: equal exactly where the PIDs are."""
    if column.null_count:
        raise EgmsError(f"{column.null_count} rows have no pid")
    return decode(column.to_numpy().astype("S")) if len(column) else np.empty(0, np.int64)
