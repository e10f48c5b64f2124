"""How the points of a burst are seen: the pass, their lines of sight, how far they reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

from egms_io.errors import BadBurst
from egms_io.formats.bursts import Burst
from egms_io.formats.points import Points
from egms_io.method.sums import Bools, Floats

Pass = Literal["ascending", "descending"]

NORM_TOLERANCE = 5e-3  # of a unit vector with three decimals
REACH_M = 150_000  # no point of a burst (90 km by 20 km) is further from any other


def are_unit_vectors(los: Floats) -> Bools:
    """Return which lines of sight, (3, n), are unit vectors; the north part may be missing."""
    length = np.sqrt(np.nansum(los**2, axis=0))
    whole = ~np.isnan(los[1])
    unit = np.where(whole, np.abs(length - 1) <= NORM_TOLERANCE, length <= 1 + NORM_TOLERANCE)
    known: Bools = ~np.isnan(los[[0, 2]]).any(axis=0) & unit
    return known


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
