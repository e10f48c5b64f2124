"""The shipped sample: three simulated bursts over ground that moves in known ways."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from egms_io.dates import Days
from egms_io.formats.l2 import write_burst
from egms_io.formats.names import BurstName
from egms_io.simulation import STEP_DAY, Ground, Track, observe
from egms_io.tiles import CRS
from workbench.files import atomic

AREA = "E45N20"
GROUND = Ground((4_540_000.0, 2_050_000.0, 4_546_000.0, 2_055_000.0))
POINTS = 5000  # per burst


def sample_tracks() -> list[Track]:
    """Return the three tracks of the sample.

    Two ascending and one descending, on different days: six days apart while two satellites flew,
    twelve after that, one with three months missing.
    """
    first, change, last = (np.datetime64(day) for day in ("2020-01-02", "2021-12-20", "2022-12-31"))

    def days(offset: int, gap: tuple[str, str] | None = None) -> Days:
        start = first + offset
        often = np.arange(start, change, np.timedelta64(6, "D"))
        seldom = np.arange(often[-1] + 12, last, np.timedelta64(12, "D"))
        every = np.concatenate([often, seldom])
        if gap is not None:
            every = every[(every < np.datetime64(gap[0])) | (every >= np.datetime64(gap[1]))]
        return every

    def name(track: int, burst: int, swath: int) -> BurstName:
        return BurstName(track, burst, swath, "VV", "L2b", 2020, 2022, 1)

    return [
        Track(name(22, 845, 2), 191.42, (36.5, 38.2), days(1)),
        Track(name(44, 231, 1), -9.82, (31.4, 33.3), days(4, ("2021-02-01", "2021-05-02"))),
        Track(name(117, 227, 2), -8.94, (38.1, 39.8), days(3)),
    ]


def write_sample(folder: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write the sample: three L2b bursts (ZIP and MD5) and ``truth.json``.

    The bursts are simulated. ``truth.json`` holds what moves and how; the true displacement of any
    place is `GROUND.motion`.

    Returns
    -------
    The paths, ``truth.json`` last.

    Raises
    ------
    workbench.errors.OutputExists
        When a file is in the way and `overwrite` is false.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for track in sample_tracks():
        batches = observe(GROUND, track, POINTS, seed=20)
        path = write_burst(
            folder, track.name, track.dates, batches, track.metadata, overwrite=overwrite
        )
        paths += [path, path.with_suffix(".md5")]
    truth = folder / "truth.json"
    with atomic(truth, overwrite=overwrite) as file:
        file.write((json.dumps(_truth(), indent=2) + "\n").encode())
    return [*paths, truth]


def _truth() -> dict[str, Any]:
    return {
        "simulated": True,
        "area": AREA,
        "bounds": GROUND.bounds,
        "crs": CRS,
        "motion": {
            "south-west": "bowl, linear: up to -15 mm/yr up and 3.6 mm/yr inward",
            "south-east": "aquifer, seasonal: up to 7 mm amplitude up",
            "north-west": "slope, accelerating: up to 2.4 mm/yr + 3.2 mm/yr2 east, and down",
            "north-east": f"fault, one step on {STEP_DAY}: up to 14 mm east and 6 mm up",
        },
    }
