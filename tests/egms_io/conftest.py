"""Tiny bursts in the exact L2b format, ways to damage them, and the slow way to the product."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer

from egms_io.formats.l2 import L2B_FIELDS, write_burst
from egms_io.formats.metadata import BurstMetadata
from egms_io.formats.names import BurstName
from egms_io.formats.pids import DIGITS, POLARISATIONS, burst_code, point_pids
from egms_io.simulation import Ground, Track, observe

CORNER = (4_549_900, 2_049_900)  # a 10 km block ends 100 m further east and north
BOUNDS = (*CORNER, CORNER[0] + 400, CORNER[1] + 300)
ANGLES = {True: -9.0, False: 191.0}  # heading of the satellite by pass, degrees


def _is_date(name: object) -> bool:
    return len(str(name)) == 8 and str(name).isdigit()


def _every(first: str, count: int, step: int = 6) -> list[str]:
    days = np.datetime64(first) + step * np.arange(count)
    return [str(day).replace("-", "") for day in days]


def _points(seed: int, count: int, dates: list[str], *, amplitude: float = 10) -> pd.DataFrame:
    """Scatter points over `BOUNDS` with random series; heights and GNSS velocities vary too."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "easting": rng.uniform(BOUNDS[0], BOUNDS[2], count).round(2),
            "northing": rng.uniform(BOUNDS[1], BOUNDS[3], count).round(2),
            "height_ortho": rng.uniform(0, 500, count).round(1),
            "gnss_velocity": rng.uniform(-3, 3, count).round(1),
            "incidence_angle": rng.uniform(31, 45, count),
        }
    )
    series = pd.DataFrame(rng.normal(0, amplitude, (count, len(dates))).round(1), columns=dates)
    return pd.concat([frame, series], axis=1)


@cache
def _degrees() -> Transformer:
    return Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True)


def _complete(frame: pd.DataFrame, name: BurstName, *, ascending: bool) -> pd.DataFrame:
    """Fill in the columns of an L2b burst that a frame leaves out."""
    frame = frame.reset_index(drop=True)
    count = len(frame)
    number = np.arange(count)
    lon, lat = _degrees().transform(frame["easting"].to_numpy(), frame["northing"].to_numpy())
    angle = np.full(count, ANGLES[ascending])
    theta = np.radians(frame.get("incidence_angle", pd.Series(np.full(count, 38.0))).to_numpy())
    heading = np.radians(angle)
    height = frame.get("height_ortho", pd.Series(np.full(count, 100.0)))
    filled = {field.name: np.zeros(count) for field in L2B_FIELDS}
    filled |= {
        "pid": point_pids(1, burst_code(*name.identity), 1000 + number // 50, 4000 + number % 50),
        "latitude": lat,
        "longitude": lon,
        "height_ortho": height,
        "height_ellipse": height + 45,
        "line": 1000 + number // 50,
        "pixel": 4000 + number % 50,
        "incidence_angle": np.degrees(theta),
        "track_angle": angle,
        "los_east": (-np.sin(theta) * np.cos(heading)).round(3),
        "los_north": (np.sin(theta) * np.sin(heading)).round(3),
        "los_up": np.cos(theta).round(3),
    }
    return pd.DataFrame(filled | {name: frame[name] for name in frame})


def _burst_file(
    folder: Path, frame: pd.DataFrame, *, ascending: bool = True, **identity: Any
) -> Path:
    """Write a frame as a burst; `identity` overrides fields of its `BurstName`."""
    usual = {"track": 117, "burst": 227, "swath": 2} if ascending else {"track": 22, "burst": 845}
    release = {"first_year": 2020, "last_year": 2022, "version": 1}
    known = {"swath": 2, "polarisation": "VV", "level": "L2b"}
    name = BurstName(**(usual | known | release | identity))
    dates = sorted(column for column in frame if _is_date(column))
    metadata = BurstMetadata(
        name.level, name.track, name.burst, name.swath, 1, "01/03/2025", "DEM", "2.0"
    )
    table = _complete(frame, name, ascending=ascending)
    columns = {field.name: table[field.name].to_numpy() for field in L2B_FIELDS}
    batches = [(columns, table[dates].to_numpy(float))] if len(table) else []
    return write_burst(folder, name, dates, batches, metadata, overwrite=True)


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _rewrite(path: Path, contents: dict[str, bytes]) -> Path:
    """Replace the members of an archive, and its MD5 file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    path.with_suffix(".md5").write_text(f"{digest}  {path.name}\n")
    return path


def _read_table(path: Path) -> pd.DataFrame:
    (text,) = (content for name, content in _members(path).items() if name.endswith(".csv"))
    return pd.read_csv(io.BytesIO(text))


@pytest.fixture(scope="session")
def every() -> Callable[..., list[str]]:
    """`every(first, count, step=6)`: dates ``YYYYMMDD``."""
    return _every


@pytest.fixture(scope="session")
def bounds() -> tuple[int, int, int, int]:
    """Four by three cells around a corner where four blocks meet."""
    return BOUNDS


@pytest.fixture(scope="session")
def points() -> Callable[..., pd.DataFrame]:
    """`points(seed, count, dates)`: random points within `bounds`."""
    return _points


@pytest.fixture(scope="session")
def burst_file() -> Callable[..., Path]:
    """`burst_file(folder, frame, ascending=True, track=…)`: the frame as an L2b archive."""
    return _burst_file


@pytest.fixture(scope="session")
def pair() -> Callable[..., list[Path]]:
    """`pair(folder, count=60, dates=30)`: a descending and an ascending burst of random points."""

    def write(folder: Path, count: int = 60, dates: int = 30) -> list[Path]:
        return [
            _burst_file(folder, _points(1, count, _every("2020-01-02", dates)), ascending=False),
            _burst_file(folder, _points(2, count, _every("2020-01-05", dates)), ascending=True),
        ]

    return write


def _read_pid(pid: str) -> tuple[int, int, int, int, str, int, int]:
    """Read an L2 PID digit by digit."""
    facility, code, point = (
        sum(DIGITS.index(digit) * 62**place for place, digit in enumerate(reversed(part)))
        for part in (pid[0], pid[1:5], pid[5:])
    )
    burst, swath, polarisation = (code >> 4) & 0xFFF, (code >> 2) & 3, POLARISATIONS[code & 3]
    return facility, code >> 16, burst, swath, polarisation, point >> 16, point & 0xFFFF


@pytest.fixture(scope="session")
def read_pid() -> Callable[[str], tuple[int, int, int, int, str, int, int]]:
    """`read_pid(pid)`: facility, track, burst, swath, polarisation, line and pixel of an L2 PID."""
    return _read_pid


@pytest.fixture(scope="session")
def read_table() -> Callable[[Path], pd.DataFrame]:
    """`read_table(path)`: the CSV of an archive as pandas reads it."""
    return _read_table


@pytest.fixture(scope="session")
def read_members() -> Callable[[Path], dict[str, bytes]]:
    """`read_members(path)`: the members of an archive by name, in their order."""
    return _members


@pytest.fixture(scope="session")
def rewrite() -> Callable[[Path, dict[str, bytes]], Path]:
    """`rewrite(path, members)`: an archive of these members, with the right MD5 file."""
    return _rewrite


@pytest.fixture(scope="session")
def edit_csv() -> Callable[[Path, Callable[[str], str]], Path]:
    """`edit_csv(path, change)`: pass the CSV text of an archive through a function."""

    def edit(path: Path, change: Callable[[str], str]) -> Path:
        contents = _members(path)
        name = f"{path.stem}.csv"
        contents[name] = change(contents[name].decode()).encode()
        return _rewrite(path, contents)

    return edit


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Three simulated bursts over four blocks: paths, ground and tracks."""
    folder = tmp_path_factory.mktemp("simulated")
    ground = Ground((4_548_900.0, 2_049_200.0, 4_551_100.0, 2_050_800.0))
    looks = [
        (BurstName(22, 845, 2, "VV", "L2b", 2020, 2020, 1), 191.42, (36.5, 38.2), "2020-01-02"),
        (BurstName(44, 231, 1, "VV", "L2b", 2020, 2020, 1), -9.82, (31.4, 33.3), "2020-01-04"),
        (BurstName(117, 227, 2, "VV", "L2b", 2020, 2020, 1), -8.94, (38.1, 39.8), "2020-01-05"),
    ]
    paths = []
    for name, angle, incidence, first in looks:
        days = np.datetime64(first) + 6 * np.arange(50)
        track = Track(name, angle, incidence, days)
        batches = observe(ground, track, 500, seed=1)
        paths.append(write_burst(folder, name, track.dates, batches, track.metadata))
    return SimpleNamespace(paths=paths, ground=ground, aoi=ground.bounds, folder=folder)


def _weights(acquired: list[int], day: int, rate: float, max_gap: float) -> list[float]:
    return [np.exp(-rate * abs(a - day)) if abs(a - day) <= max_gap else 0.0 for a in acquired]


def _lstsq(rows: list[Any], values: list[float], solvable: bool) -> Any:
    if not solvable:
        return np.full(2, np.nan)
    return np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]


class _SlowBurst:
    """The cells of one burst, worked out point by point."""

    def __init__(self, path: Path, bounds: tuple[int, ...], rate: float, max_gap: float) -> None:
        table = _read_table(path)
        names = sorted(name for name in table if _is_date(name))
        self.days = [int(np.datetime64(f"{n[:4]}-{n[4:6]}-{n[6:]}").astype(int)) for n in names]
        self.ascending = bool(np.cos(np.radians(table["track_angle"].iloc[0])) > 0)
        self.rate, self.max_gap = rate, max_gap
        self.cells: dict[tuple[int, int], list[Any]] = {}
        for _, row in table.iterrows():
            east, north = (round(row[axis] * 100) // 10_000 for axis in ("easting", "northing"))
            centre = (east * 100 + 50, north * 100 + 50)
            if bounds[0] < centre[0] < bounds[2] and bounds[1] < centre[1] < bounds[3]:
                los = np.array([row["los_east"], row["los_up"]])
                point = (los, row[names].to_numpy(float), row["height_ortho"], row["gnss_velocity"])
                self.cells.setdefault(centre, []).append(point)

    def at(self, series: Any, day: int) -> float:
        known = [(a, y) for a, y in zip(self.days, series, strict=True) if not np.isnan(y)]
        weights = _weights([a for a, _ in known], day, self.rate, self.max_gap)
        total = sum(w * y for w, (_, y) in zip(weights, known, strict=True))
        return total / sum(weights) if sum(weights) else np.nan


def _mean(points: list[Any]) -> tuple[Any, Any]:
    counts = np.sum([~np.isnan(p[1]) for p in points], axis=0)
    total = np.sum([np.nan_to_num(p[1]) for p in points], axis=0)
    series = np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
    return np.mean([p[0] for p in points], axis=0), series


def _looks(bursts: list[_SlowBurst], cell: Any, day: int, combine: str) -> Iterator[Any]:
    found = []
    for burst in bursts:
        points = burst.cells.get(cell, [])
        if combine == "point":
            found += [(burst.ascending, 1, p[0], burst.at(p[1], day)) for p in points]
        elif points:
            los, series = _mean(points)
            found.append((burst.ascending, len(points), los, burst.at(series, day)))
    found = [look for look in found if not np.isnan(look[3])]
    if combine != "pass":
        yield from ((way, los, z) for way, _, los, z in found)
        return
    for way in (True, False):
        same = [look for look in found if look[0] == way]
        if same:
            weights = [look[1] for look in same]
            los = np.average([look[2] for look in same], axis=0, weights=weights)
            yield way, los, np.average([look[3] for look in same], weights=weights)


def _slow_ortho(
    paths: list[Path],
    bounds: tuple[int, ...],
    days: Any,
    *,
    combine: str = "burst",
    rate: float = 1.0,
    max_gap: float = 90,
) -> dict[tuple[int, int], SimpleNamespace]:
    bursts = [_SlowBurst(path, bounds, rate, max_gap) for path in paths]
    out = {}
    for cell in sorted({c for b in bursts for c in b.cells}, key=lambda c: c[::-1]):
        inside = [burst for burst in bursts if cell in burst.cells]
        if len({burst.ascending for burst in inside}) < 2:
            continue
        east_up = []
        for day in np.asarray(days, "datetime64[D]").astype(int):
            seen = list(_looks(inside, cell, int(day), combine))
            both = len({way for way, _, _ in seen}) == 2
            east_up.append(_lstsq([s[1] for s in seen], [s[2] for s in seen], both))
        points = [p for burst in inside for p in burst.cells[cell]]
        gnss = [(_mean(b.cells[cell])[0], [p[3] for p in b.cells[cell]]) for b in inside]
        out[cell] = SimpleNamespace(
            series=np.array(east_up).T,
            height=np.mean([p[2] for p in points]),
            gnss=_lstsq([g[0] for g in gnss], [np.mean(g[1]) for g in gnss], True),
        )
    return out


@pytest.fixture(scope="session")
def slow_ortho() -> Callable[..., dict[tuple[int, int], SimpleNamespace]]:
    """`slow_ortho(paths, bounds, days, combine=…)`: east and up by loops and lstsq, by cell."""
    return _slow_ortho


@pytest.fixture(scope="session")
def contents() -> Callable[..., dict[str, bytes]]:
    """`contents(paths)`: bytes of files by name."""
    return lambda paths: {Path(path).name: Path(path).read_bytes() for path in paths}
