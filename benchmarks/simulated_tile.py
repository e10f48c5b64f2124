"""A large simulated tile: 60 bursts of two passes over 100 km by 100 km.

Each pass has five columns of bursts, 50 km wide and 25 km apart, so a place is seen from two tracks
of each pass; the rows are 18 km high and overlap by 1 km, those of the two passes at different
places. A cell therefore lies in 4 to 6 bursts, and has points of 2 to 6 of them where it is solved.
A fifth of the points lie outside the tile, as in real data.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from egms_io.cells import area_of
from egms_io.formats.l2 import write_burst
from egms_io.formats.names import BurstName
from egms_io.simulation import Ground, Track, observe

AREA = "E45N20"
TILE = Ground(area_of(AREA).lattice.bounds)
WIDTH, HEIGHT = 50_000.0, 18_000.0  # m, of a burst
COLUMN_STEP, ROW_STEP = 25_000.0, 17_000.0  # m, between bursts of a pass
COLUMNS, ROWS = 5, 6  # of a pass
TOWNS = 900  # in and around the tile
SPREAD = 0.04  # share of points anywhere; 0.4 occupies nearly all cells, the hardest case
TOWN_RADIUS = 800.0  # m, standard deviation
BATCH = 20_000  # points at a time
FIRST_DAY = np.datetime64("2020-01-02")
STEP_DAYS = 6

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Footprint(Ground):
    """The part of the tile that one burst sees; ``bounds`` are those of the burst.

    Motion and height are the tile's, so that all bursts see the same ground. ``spread`` is the
    share of points outside towns.
    """

    spread: float = SPREAD
    tile: Ground = TILE

    def motion(self, easting: Floats, northing: Floats, days: npt.NDArray[np.datetime64]) -> tuple:
        """Return the true east and up displacement, (days, n) mm."""
        return self.tile.motion(easting, northing, days)

    def height(self, easting: Floats, northing: Floats) -> Floats:
        """Return the height above sea, (n,) m."""
        return self.tile.height(easting, northing)

    def scatterers(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Scatter points, most of them in towns that all bursts share."""
        west, south, east, north = self.bounds
        towns = self._towns()
        crowd = towns[rng.integers(len(towns), size=count)]
        crowd = crowd + rng.normal(0, TOWN_RADIUS, (count, 2))
        lone = rng.uniform((west, south), (east, north), (count, 2))
        inside = ((crowd >= (west, south)) & (crowd < (east, north))).all(axis=1)
        x, y = np.where((inside & (rng.random(count) >= self.spread))[:, None], crowd, lone).T
        return np.round(x, 2), np.round(y, 2)

    def _towns(self) -> Floats:
        """Return the towns of the tile and its surroundings that lie in the burst, (towns, 2) m."""
        west, south, east, north = self.tile.bounds
        margin = WIDTH / 2
        low, high = (west - margin, south - margin), (east + margin, north + margin)
        towns = np.random.default_rng(2020).uniform(low, high, (TOWNS, 2))
        west, south, east, north = self.bounds
        seen = ((towns >= (west, south)) & (towns < (east, north))).all(axis=1)
        return np.asarray(towns[seen])


@dataclass(frozen=True)
class Piece:
    """One burst of the tile: what it sees and from where."""

    ground: Footprint
    track: Track
    points: int

    def write(self, folder: Path) -> Path:
        """Write the burst unless it is there."""
        path = folder / f"{self.track.name}.zip"
        if path.exists() and path.with_suffix(".md5").exists():
            return path
        batches = observe(self.ground, self.track, self.points, seed=60, batch=BATCH)
        return write_burst(
            folder,
            self.track.name,
            self.track.dates,
            batches,
            self.track.metadata,
            overwrite=True,
        )


def layout(points: int, dates: int, bursts: int, spread: float = SPREAD) -> list[Piece]:
    """Describe the tile: `bursts` of at most 60, taken evenly from both passes, row by row."""
    each = points // bursts
    pieces = [
        _piece(ascending, column, row, each, dates, spread)
        for row, column, ascending in product(range(ROWS), range(COLUMNS), (True, False))
    ]
    if not 1 <= bursts <= len(pieces):
        raise SystemExit(f"--bursts {bursts}: give 1 to {len(pieces)}")
    return pieces[:bursts]


def generate(folder: Path, pieces: Sequence[Piece], workers: int) -> list[Path]:
    """Write all bursts that are not there, one process a burst."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        written = []
        for path in pool.map(_write, pieces, [folder] * len(pieces)):
            written.append(path)
            print(f"{len(written):3d} of {len(pieces)}  {path.name}", flush=True)
    return written


def _write(piece: Piece, folder: Path) -> Path:
    return piece.write(folder)


def _piece(ascending: bool, column: int, row: int, points: int, dates: int, spread: float) -> Piece:
    west, south, _, _ = TILE.bounds
    x = west + (column - 1) * COLUMN_STEP
    y = south + row * ROW_STEP - (0.0 if ascending else ROW_STEP / 4)
    number = column + (0 if ascending else COLUMNS)  # of the track
    swath = column % 3 + 1
    name = BurstName(15 + 14 * number, 300 + row, swath, "VV", "L2b", 2020, 2024, 1)
    near = 29.0 + 5.0 * swath
    begin = FIRST_DAY + np.timedelta64(number % STEP_DAYS, "D")
    days = begin + np.arange(dates) * np.timedelta64(STEP_DAYS, "D")
    heading = -9.5 + 0.2 * column if ascending else 189.5 + 0.2 * column
    track = Track(name, heading, (near, near + 3.0), days)
    ground = Footprint((x, y, x + WIDTH, y + HEIGHT), spread=spread)
    return Piece(ground, track, points)
