"""The points of a burst, in batches.

A burst may have gigabytes of text, so it is read as a stream, in pieces of whole lines, and only
the columns that are needed are converted. A bad row is reported with its line and column.
"""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

from egms_io.errors import BadBurst, EgmsError
from egms_io.formats.archive import open_csv
from egms_io.formats.badrows import Fault, faults
from egms_io.formats.bursts import HEADER_BYTES, Burst, to_laea
from egms_io.formats.pids import decode
from egms_io.formats.plausible import (
    HEIGHT_MARKS,
    MARKS,
    MAX_NUMBER,
    Remarks,
    are_ordinary,
    impossible,
    span,
    without_marks,
)
from egms_io.tiles import CRS, LAEA_EUROPE

log = logging.getLogger(__name__)

BATCH_BYTES = 8 * 2**20

Floats = npt.NDArray[np.float64]
Text = bytes | bytearray


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
        One (n,) array per acquisition, mm along the line of sight, positive towards the satellite.
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
        """Return some of the points, chosen by index."""
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


def read_points(
    burst: Burst,
    tally: Counter[str],
    *,
    skip_rows: bool = False,
    batch_bytes: int = BATCH_BYTES,
    series: bool = True,
    remarks: Remarks | None = None,
) -> Iterator[Points]:
    """Read the points of a burst in batches of about `batch_bytes` of text.

    Parameters
    ----------
    tally
        Gains the counts ``rows`` and, with `skip_rows`, ``bad rows``.
    skip_rows
        Drop and count rows that are ragged or hold something that is no number, instead of raising.
    batch_bytes
        Of text per batch.
    series
        Convert the displacements, heights and PIDs too; else only places and lines of sight, which
        takes a fraction of the time.
    remarks
        Gains what `egms_io.formats.plausible` found: marks of missing values, which become NaN, and
        points that are left out because no radar can follow them.

    Yields
    ------
    Points
        Never empty.

    Raises
    ------
    BadBurst
        Naming file, line and column of the first bad row, or the damage of the archive.
    """
    table = _Table.of(burst, series=series)
    remarks = Remarks() if remarks is None else remarks
    for part in burst.parts:
        with open_csv(part) as stream:
            stream.readline(HEADER_BYTES)
            line = 2
            for text in _whole_lines(stream, batch_bytes):
                try:
                    rows = table.parse(text, part.path, line, tally, skip_rows=skip_rows)
                except EgmsError as error:
                    raise BadBurst(f"{part.path}: {error}") from error
                line += rows.lines
                batch = table.plausible(rows, remarks)
                if len(batch.easting):
                    tally["rows"] += len(batch.easting)
                    _check_coordinates(part.path, batch)
                    yield batch


def _whole_lines(stream: IO[bytes], size: int) -> Iterator[Text]:
    """Cut a stream into pieces of about `size` bytes that end with a line."""
    reader = cast(io.BufferedIOBase, stream)
    rest = b""
    while True:
        piece = bytearray(len(rest) + size)
        piece[: len(rest)] = rest
        with memoryview(piece) as view:  # filled in place: text is not copied once more
            filled = len(rest) + reader.readinto(view[len(rest) :])
            end = piece.rfind(b"\n", 0, filled) + 1
            if filled == len(rest):
                break
            rest = bytes(view[end:filled])
        if end:
            del piece[end:]
            yield piece
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
    def of(cls, burst: Burst, *, series: bool) -> _Table:
        known = burst.columns
        wanted = ["los_east", "los_north", "los_up", "track_angle"]
        wanted += ["easting", "northing"] if "easting" in known else ["longitude", "latitude"]
        if not series:
            numbers = {name: known[name] for name in wanted if name in known}
            return cls(burst.header, (), numbers, pid=False)
        wanted += ["height_ortho", "gnss_velocity"]
        dates = tuple(known[date] for date in burst.dates)
        numbers = {name: known[name] for name in [*wanted, *dates] if name in known}
        return cls(burst.header, dates, numbers, "pid" in known)

    def parse(
        self, text: Text, path: Path, line: int, tally: Counter[str], *, skip_rows: bool
    ) -> _Rows:
        """Convert whole lines, the first of which is line number `line` of the file."""
        import pyarrow as pa

        try:
            plain = self._plain(text)
            points = plain or self._arrow(text)
            lines = len(points.easting) if plain else text.count(b"\n")
            rows = _Rows(points, text, line, lines)
            rows.check_sizes()
            return rows
        except (pa.ArrowInvalid, EgmsError) as error:
            if not skip_rows:
                raise BadBurst(next(self._faults(text, line), str(error))) from error
        faulty = set()
        for fault in self._faults(text, line):
            log.warning("%s: dropped: %s", path, fault)
            faulty.add(fault.number)
        tally["bad rows"] += len(faulty)
        every = enumerate(bytes(text).split(b"\n"), line)
        kept = [row for number, row in every if number not in faulty]
        try:
            points = self._arrow(b"\n".join(kept))
        except pa.ArrowInvalid as error:
            raise BadBurst(str(error)) from error
        return _Rows(points, text, line, text.count(b"\n"), frozenset(faulty))

    def plausible(self, rows: _Rows, remarks: Remarks) -> Points:
        """Return the points with marks of missing values as NaN, without impossible ones."""
        points = rows.points
        names = [self.numbers.get(name, name) for name in ("height_ortho", "gnss_velocity")]
        points.height = _unmarked(points.height, HEIGHT_MARKS, names[0], rows, remarks)
        points.gnss = _unmarked(points.gnss, MARKS, names[1], rows, remarks)
        if are_ordinary(*rows.span):
            return points
        points.series = [
            _unmarked(values, MARKS, date, rows, remarks)
            for values, date in zip(points.series, self.dates, strict=True)
        ]
        wild, (number, value, before) = impossible(points.series)
        if not wild.any():
            return points
        place = f"line {rows.line_of(int(np.argmax(wild)))}, column {self.dates[number]}"
        jump = "" if np.isnan(before) else f", {before:g} mm at the acquisition before"
        remarks.add("impossible", int(wild.sum()), f"{place}: {value:g} mm{jump}")
        return points.take(np.flatnonzero(~wild))

    def _faults(self, text: Text, line: int) -> Iterator[Fault]:
        return faults(text, line, self.header, self.numbers.values(), pid=self.pid)

    def _plain(self, text: Text) -> Points | None:
        """Read rows of plain numbers; None where one is not plain, which `_arrow` looks into."""
        from egms_io.formats.plainrows import plain_rows  # loads numba

        found = plain_rows(
            text, self.header, frozenset(self.numbers.values()), "pid" if self.pid else None
        )
        return None if found is None else self._points(*found)

    def _arrow(self, text: Text) -> Points:
        import pyarrow as pa
        from pyarrow import csv

        types = dict.fromkeys(self.numbers.values(), pa.float64())
        if self.pid:
            types["pid"] = pa.string()
        if text.isspace() or not text:
            table = pa.schema(types.items()).empty_table()
        else:
            table = csv.read_csv(
                pa.py_buffer(text),
                read_options=csv.ReadOptions(column_names=self.header, block_size=4 * 2**20),
                parse_options=csv.ParseOptions(quote_char=False),
                convert_options=csv.ConvertOptions(
                    include_columns=list(types), column_types=types, null_values=["", "nan", "NaN"]
                ),
            )
        columns = {name: table[name].to_numpy() for name in self.numbers.values()}
        pids = _pid_numbers(table["pid"]) if self.pid else None
        return self._points(columns, pids)

    def _points(self, columns: dict[str, Floats], pids: npt.NDArray[np.int64] | None) -> Points:
        missing = np.full(len(columns[self.numbers["los_up"]]), np.nan)

        def column(name: str) -> Floats:
            return columns[self.numbers[name]] if name in self.numbers else missing

        easting, northing = column("easting"), column("northing")
        if "easting" not in self.numbers:
            easting, northing = to_laea(column("longitude"), column("latitude"))
        return Points(
            easting=easting,
            northing=northing,
            los=np.array([column("los_east"), column("los_north"), column("los_up")]),
            height=column("height_ortho"),
            gnss=column("gnss_velocity"),
            track_angle=column("track_angle"),
            pid=pids,
            series=[column(date) for date in self.dates],
        )


@dataclass(frozen=True)
class _Rows:
    """Points with the text they come from, to tell the line of any of them."""

    points: Points
    text: Text
    first_line: int
    lines: int
    faulty: frozenset[int] = frozenset()  # lines that gave no point

    @cached_property
    def span(self) -> tuple[float, float]:
        """Least and greatest displacement, mm."""
        return span(self.points.series)

    def check_sizes(self) -> None:
        """Refuse numbers that are infinite or absurd; the marks of missing values are neither."""
        low, high = span([self.points.height, self.points.gnss])
        if max(high, -low, self.span[1], -self.span[0]) > MAX_NUMBER:
            raise EgmsError("a number that is no displacement, height or velocity")

    def line_of(self, row: int) -> int:
        """Return the line of the file that a point stands in."""
        lines = enumerate(bytes(self.text).split(b"\n"), self.first_line)
        kept = (number for number, row in lines if row.strip() and number not in self.faulty)
        return next(number for place, number in enumerate(kept) if place == row)


def _unmarked(values: Floats, marks: Floats, name: str, rows: _Rows, remarks: Remarks) -> Floats:
    """Return values with NaN for marks of missing ones, which are counted."""
    clean, marked = without_marks(values, marks)
    if len(marked):
        first = int(marked[0])
        place = f"line {rows.line_of(first)}, column {name}: {values[first]:g}"
        remarks.add("marks", len(marked), place)
    return clean


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
            f"outside LAEA Europe {LAEA_EUROPE} (m, {CRS}): swapped columns, or another CRS?"
        )


def _pid_numbers(column: Any) -> npt.NDArray[np.int64]:
    """Return PIDs as integers: equal exactly where the PIDs are."""
    if column.null_count:
        raise EgmsError(f"{column.null_count} rows have no pid")
    texts = column.cast("binary").to_numpy()
    return decode(texts.astype("S")) if len(texts) else np.empty(0, np.int64)
