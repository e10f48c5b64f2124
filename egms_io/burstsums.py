"""One burst: read, summed by cell and stored as a partial, in the memory of a few batches."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from egms_io.binning import sum_burst
from egms_io.cells import Area
from egms_io.errors import BadBurst
from egms_io.formats.archive import readable, stated_md5
from egms_io.formats.bursts import Burst
from egms_io.formats.plausible import LARGEST_JUMP_MM, LARGEST_MM, Remarks
from egms_io.formats.points import Points, read_points
from egms_io.partials import FORMAT, Partial, Pass, save_partial, stored_partial
from egms_io.plan import BurstOptions, Md5Policy
from workbench.files import file_record
from workbench.manifests import Manifest

REACH_M = 150_000  # no point of a burst (90 km by 20 km) is further from any other

_LEFT_OUT = {
    "no line of sight": "points without a unit line-of-sight vector left out",
    "duplicate": "points with a PID met before left out",
    "incomplete": "points with missing values left out (combine='point' needs whole series)",
    "bad rows": "unreadable rows left out",
}

_REMARKS = {
    "marks": (
        "marks of missing values",
        "values such as -9999 mark missing ones and are taken as missing",
    ),
    "impossible": (
        "impossible",
        f"points left out whose displacement is beyond {LARGEST_MM / 1000:g} m or changes between "
        f"acquisitions by more than {LARGEST_JUMP_MM:.0f} mm (ten half wavelengths)",
    ),
}


def map_burst(burst: Burst, area: Area, folder: Path, options: BurstOptions) -> Partial:
    """Read a burst, sum it by cell and store the sums; reuse a partial of the same content.

    Parameters
    ----------
    folder
        Holds the partials.

    Raises
    ------
    BadBurst
        Naming the file and what is wrong with it.
    """
    records = []
    for part in burst.parts:
        with readable(part.path):
            records.append(file_record(part.path))
    notes = [*burst.notes, *_check_md5(burst, records, options.md5)]
    path = folder / f"partial_{burst.name}_{_key(records, area, options)}.arrow"
    partial = stored_partial(path)
    if partial is None:
        partial = _sum_to(path, burst, area, options)
    # Notes on the file are of this run; only what was met in its rows is stored.
    return replace(partial, warnings=(*notes, *partial.warnings))


def _sum_to(path: Path, burst: Burst, area: Area, options: BurstOptions) -> Partial:
    tally: Counter[str] = Counter()
    heading, remarks = Heading(burst), Remarks()
    points = heading.watch(read_points(burst, tally, skip_rows=options.skip_rows, remarks=remarks))
    try:
        sums = sum_burst(points, area, per_point=options.per_point, tally=tally)
    except BadBurst as error:
        name = str(burst.parts[0].path)
        raise BadBurst(str(error) if name in str(error) else f"{name}: {error}") from error
    direction, conflict = heading.direction()
    left_out = [
        f"{burst.parts[0].path}: {tally[reason]} {words}"
        for reason, words in _LEFT_OUT.items()
        if tally[reason]
    ]
    tally.update({_REMARKS[kind][0]: count for kind, count in remarks.counts.items()})
    left_out += [
        f"{burst.parts[0].path}: {count} {_REMARKS[kind][1]}; the first: {remarks.first[kind]}"
        for kind, count in remarks.counts.items()
    ]
    warnings = (*conflict, *left_out)
    partial = Partial(path, str(burst.name), burst.dates, direction, tally=tally, warnings=warnings)
    return save_partial(path, partial, sums, area.lattice)


class Heading:
    """The pass of a burst, from the track angles and lines of sight of its points.

    A track angle with a positive cosine is an ascending pass; so is a satellite in the west
    (los_east < 0), as Sentinel-1 looks to the right.
    """

    def __init__(self, burst: Burst) -> None:
        self._burst = burst
        self._votes: Counter[str] = Counter()

    def watch(self, batches: Iterable[Points]) -> Iterator[Points]:
        """Yield the batches, counting the points of each pass.

        Raises
        ------
        BadBurst
            When a point is further than `REACH_M` from the first one.
        """
        for points in batches:
            self._check_reach(points)
            angle = points.track_angle[~np.isnan(points.track_angle)]
            north = np.cos(np.radians(angle)) > 0
            self._votes["angle up"] += int(north.sum())
            self._votes["angle down"] += int((~north).sum())
            self._votes["los up"] += int((points.los[0] < 0).sum())
            self._votes["los down"] += int((points.los[0] > 0).sum())
            yield points

    def direction(self) -> tuple[Pass, list[str]]:
        """Return the pass of most points watched, and a note when angles and sights disagree."""
        votes = self._votes
        by_los: Pass = "ascending" if votes["los up"] > votes["los down"] else "descending"
        if not votes["angle up"] + votes["angle down"]:
            return by_los, []
        up = votes["angle up"] > votes["angle down"]
        by_angle: Pass = "ascending" if up else "descending"
        if by_angle == by_los or not votes["los up"] + votes["los down"]:
            return by_angle, []
        return by_angle, [
            f"{self._burst.parts[0].path}: track_angle says {by_angle}, los_east says {by_los}; "
            "taken as the angle says"
        ]

    def _check_reach(self, points: Points) -> None:
        if self._burst.first_point is None or not len(points.easting):
            return
        east, north = self._burst.first_point
        away = np.hypot(points.easting - east, points.northing - north).max()
        if away > REACH_M:
            raise BadBurst(
                f"a point lies {away / 1000:.0f} km from the first one; "
                f"a burst reaches at most {REACH_M / 1000:.0f} km"
            )


def _check_md5(burst: Burst, records: Sequence[Mapping[str, Any]], policy: Md5Policy) -> list[str]:
    """Return notes on wrong checksums, or raise for the first one."""
    notes: list[str] = []
    for part, record in zip(burst.parts, records, strict=True):
        stated = None if policy == "ignore" else stated_md5(part.path)
        if stated is None or stated == record["md5"]:
            continue
        message = f"{part.path}: the MD5 is {record['md5']}, its .md5 file states {stated}"
        if policy == "error":
            raise BadBurst(f"{message}; get the file again, or pass md5='warn'")
        notes.append(message)
    return notes


def _key(records: Sequence[Mapping[str, Any]], area: Area, options: BurstOptions) -> str:
    """Return a name for what a partial depends on."""
    outline = area.outline_wkb()
    parameters = {
        "order": [record["md5"] for record in records],  # of points with one PID the first counts
        "lattice": area.lattice,
        "outline": None if outline is None else hashlib.sha256(outline).hexdigest(),
        "per_point": options.per_point,
        "skip_rows": options.skip_rows,
    }
    return Manifest(tuple(records), parameters, f"partial {FORMAT}").key[:16]
