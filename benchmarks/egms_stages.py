"""The stages of both ways to the product, each timed on the output of the one before."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from machine import Seconds, timed
from reference import egms_plain as plain

import egms_io
from egms_io.cells import Area, area_of
from egms_io.dates import to_names
from egms_io.formats.bursts import Burst, open_burst
from egms_io.formats.l3 import l3_header, l3_table, l3_text
from egms_io.formats.points import read_points
from egms_io.formats.zips import deflate, write_zip
from egms_io.mapreduce.binning import sum_burst
from egms_io.mapreduce.blocksolution import burst_means
from egms_io.method.decomposition import Solution, solve
from egms_io.method.seriesmodels import fit, years_since_first
from egms_io.method.sums import MM, CellSums
from egms_io.method.timekernel import output_dates
from egms_io.plan import Method

OUR_STAGES = (
    "open",
    "read and parse",
    "cell sums",
    "interpolate",
    "solve",
    "fit",
    "format text",
    "deflate and write",
)
STEP_DAYS = 6
TOLERANCE_MM = 0.01


@dataclass(frozen=True)
class Case:
    """What is measured: bursts, the tile, and the part of the dates the reference takes."""

    what: str
    paths: tuple[Path, ...]
    tile: str
    fraction: int
    scratch: Path

    @property
    def area(self) -> Area:
        """The tile as cells."""
        return area_of(self.tile)

    def bursts(self) -> list[Burst]:
        """Open the bursts."""
        return [open_burst(path) for path in self.paths]

    def method(self, step_days: int = STEP_DAYS) -> Method:
        """Return the method with the default output dates at a step."""
        days = output_dates([burst.days for burst in self.bursts()], step_days=STEP_DAYS)
        kept = days[:: step_days // STEP_DAYS]
        return Method(dates=tuple(to_names(kept)))

    def whole(self) -> Any:
        """Make and write the product, all formats of the default, and return it."""
        product = egms_io.ortho(self.paths, aoi=self.tile)
        with TemporaryDirectory(dir=self.scratch) as folder:
            product.write(folder)
        return product

    @property
    def facts(self) -> dict[str, str]:
        """Say what the data are."""
        method = self.method()
        return {
            "bursts": f"{len(self.paths)}, {self.what}, tile {self.tile}",
            "zipped": f"{sum(path.stat().st_size for path in self.paths) / 1e6:.1f} MB",
            "dates": f"{len(method.dates)}, {method.dates[0]} to {method.dates[-1]}",
        }


def our_stages(case: Case, repeats: int) -> dict[str, Seconds]:
    """Time our stages over the whole area at once."""
    found: dict[str, Seconds] = {}
    method, area = case.method(), case.area
    found["open"], bursts = timed(case.bursts, repeats)
    found["read and parse"], points = timed(
        lambda: [list(read_points(burst, Counter())) for burst in bursts], repeats
    )
    found["cell sums"], sums = timed(lambda: [_sums(batches, area) for batches in points], repeats)
    kept = [pair for pair in zip(bursts, points, sums, strict=True) if pair[2] is not None]
    key = np.unique(np.concatenate([cells.key for _, _, cells in kept]))

    def means() -> list[Any]:
        return [
            burst_means(
                cells, np.searchsorted(key, cells.key), _ascending(batches), burst.days, method
            )
            for burst, batches, cells in kept
        ]

    found["interpolate"], parts = timed(means, repeats)
    found["solve"], solution = timed(
        lambda: solve(parts, len(key), len(method.dates), combine=method.combine), repeats
    )
    found["fit"], fitted = timed(lambda: _fit(solution, method), repeats)
    tables = _tables(fitted, key, sums, area, method)
    found["format text"], texts = timed(lambda: [l3_text(table) for table in tables], repeats)
    found["deflate and write"], _ = timed(lambda: _write(case.scratch, texts, method), repeats)
    return found


def _sums(batches: Sequence[Any], area: Area) -> CellSums | None:
    return sum_burst(iter(batches), area, per_point=False, tally=Counter())


def _ascending(batches: Sequence[Any]) -> bool:
    return bool(np.cos(np.radians(batches[0].track_angle[0])) > 0)


def _fit(solution: Solution, method: Method) -> list[tuple[Any, Any]]:
    solved = ~np.isnan(solution.east).any(axis=0)
    t = years_since_first(method.days)
    return [
        (solved, fit(np.ascontiguousarray(series[:, solved]), t))
        for series in (solution.east, solution.up)
    ]


def _tables(
    fitted: list[tuple[Any, Any]], key: Any, sums: Sequence[CellSums | None], area: Area,
    method: Method,
) -> list[Any]:  # fmt: skip
    """Return the tables of both components; heights are means over points."""
    height = np.zeros((2, len(key)))
    for cells in sums:
        if cells is not None:
            height[:, np.searchsorted(key, cells.key)] += [cells.height / MM, cells.heights]
    tables = []
    for solved, (series, statistics) in fitted:
        easting, northing = area.lattice.centres(key[solved])
        mean = height[0, solved] / height[1, solved]
        gnss = np.full((3, len(easting)), np.nan)
        tables.append(l3_table(easting, northing, mean, statistics, gnss, series, method.dates))
    return tables


def _write(folder: Path, texts: Sequence[bytes], method: Method) -> None:
    for number, text in enumerate(texts):
        pieces = [deflate(l3_header(method.dates)), deflate(text)]
        with (folder / f"ours_{number}.zip").open("wb") as file:
            write_zip(file, [("ours.csv", pieces)], dt.date(2025, 1, 1))


def reference_stages(
    case: Case, repeats: int
) -> tuple[dict[str, Seconds], dict[str, float], float]:
    """Time the reference on part of the dates.

    Returns
    -------
    Seconds by stage, the factor that scales each to all dates (1 where the cost does not follow the
    number of output dates), and the largest difference from our result, mm.
    """
    bounds = case.area.lattice.bounds
    every, some = case.method().dates, case.method(STEP_DAYS * case.fraction).dates
    found: dict[str, Seconds] = {}
    found["read"], raw = timed(lambda: [plain.read(path) for path in case.paths], repeats)
    found["interpolate"], frames = timed(
        lambda: [plain.interpolate(frame, every) for frame in raw], repeats
    )
    found["long table"], table = timed(lambda: plain.long_table(frames, some, bounds), repeats)
    found["solve"], solved = timed(lambda: plain.solve(table), repeats)
    found["pivot"], cubes = timed(lambda: plain.pivot(solved, some, bounds), repeats)
    found["model"], models = timed(lambda: [plain.model(cells) for cells in cubes], repeats)
    found["write"], _ = timed(
        lambda: [
            plain.write(case.scratch / f"plain_{number}.zip", cells)
            for number, cells in enumerate(models)
        ],
        repeats,
    )
    grows = len(every) / len(some)
    scale = dict.fromkeys(found, 1.0) | dict.fromkeys(
        ("long table", "solve", "pivot", "write"), grows
    )
    return found, scale, _difference(case, models, some)


def _difference(case: Case, models: Sequence[pd.DataFrame], dates: Sequence[str]) -> float:
    """Compare with our product of the same dates, kernel and weights; fail if they differ."""
    product = egms_io.ortho(
        case.paths,
        aoi=case.tile,
        start=dates[0],
        end=dates[-1],
        step_days=STEP_DAYS * case.fraction,
        kernel="linear",
        combine="point",
    )
    worst = 0.0
    for ours, theirs in zip((product.east, product.up), models, strict=True):
        ours = ours.set_index(["northing", "easting"])
        if not ours.index.sort_values().equals(theirs.index.sort_values()):
            raise AssertionError(f"{len(ours)} cells here, {len(theirs)} in the reference")
        names = [*dates, "rmse_ts", "mean_velocity", "mean_velocity_std"]
        gap = ours.loc[theirs.index, names].to_numpy() - theirs[names].to_numpy()
        worst = max(worst, float(np.abs(gap).max()))
    if not worst < TOLERANCE_MM:
        raise AssertionError(f"the reference differs by {worst} mm, limit {TOLERANCE_MM} mm")
    return worst
