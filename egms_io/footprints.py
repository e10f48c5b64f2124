"""Which bursts give points to an area: a burst is read no further than the first of them.

A folder of bursts holds neighbours of the area too. They are left out before anything is derived
from them: the period, the producer, the files that a product is made from.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from egms_io.burstgeometry import REACH_M, Heading, Pass, are_unit_vectors
from egms_io.cells import Area
from egms_io.errors import BadBurst
from egms_io.formats.bursts import Burst
from egms_io.formats.points import Points, read_points
from workbench.tasks.places import cores

log = logging.getLogger(__name__)

AT_ONCE = 4  # bursts looked at in this process
BATCH_BYTES = 2**20  # of text at a time: most bursts of an area are known after the first


@dataclass(frozen=True)
class Footprint:
    """What a burst has to do with an area.

    Attributes
    ----------
    burst
        As opened.
    inside
        Whether it gives a point to the area.
    unusable
        Where it gives none: how many points in the bounds of the area have no line of sight.
    direction
        Its pass, from the points read; None where none was.
    fault
        Why it cannot be read, None where it can.
    """

    burst: Burst
    inside: bool
    unusable: int = 0
    direction: Pass | None = None
    fault: BadBurst | None = None


def footprints(bursts: Sequence[Burst], area: Area, *, skip_rows: bool) -> list[Footprint]:
    """Look at bursts, a few at a time in threads; in the order given.

    Parameters
    ----------
    skip_rows
        As in `egms_io.formats.points.read_points`.
    """
    with ThreadPoolExecutor(min(cores(), AT_ONCE)) as threads:
        return list(threads.map(lambda burst: footprint(burst, area, skip_rows), bursts))


def footprint(burst: Burst, area: Area, skip_rows: bool) -> Footprint:
    """Look at one burst: its points up to the first one in the area."""
    if not _within_reach(burst, area):
        return Footprint(burst, inside=False)
    heading = Heading(burst)
    batches = read_points(
        burst, Counter(), skip_rows=skip_rows, batch_bytes=BATCH_BYTES, series=False
    )
    try:
        inside, unusable = False, 0
        for points in heading.watch(batches):
            if inside := _meets(points, area):
                break
            unusable += _count_blind(points, area)
    except BadBurst as error:
        name = str(burst.parts[0].path)
        named = error if name in str(error) else BadBurst(f"{name}: {error}")
        return Footprint(burst, inside=False, fault=named)
    return Footprint(burst, inside, 0 if inside else unusable, heading.direction()[0])


def points_inside(burst: Burst, area: Area, *, skip_rows: bool) -> int:
    """Count the usable points of a burst in the area; all of it is read, but no series."""
    count = 0
    for points in read_points(burst, Counter(), skip_rows=skip_rows, series=False):
        keys = _keys(points, area)
        cells, number = np.unique(keys, return_counts=True)
        count += int(number[area.contains(cells)].sum()) if len(cells) else 0
    return count


def _within_reach(burst: Burst, area: Area) -> bool:
    """Return whether a burst can reach the area, by its first point; True where that is unknown."""
    if burst.first_point is None:
        return True
    east, north = burst.first_point
    bounds = area.lattice.bounds
    away = np.hypot(
        max(bounds[0] - east, 0, east - bounds[2]), max(bounds[1] - north, 0, north - bounds[3])
    )
    return bool(away <= REACH_M)


def _meets(points: Points, area: Area) -> bool:
    """Return whether a usable point lies in a cell of the area."""
    keys = np.unique(_keys(points, area))
    return bool(len(keys)) and bool(area.contains(keys).any())


def _count_blind(points: Points, area: Area) -> int:
    """Return how many points in the bounds of the area have no line of sight."""
    keys = area.lattice.keys(points.easting, points.northing)
    return int(np.count_nonzero((keys >= 0) & ~are_unit_vectors(points.los)))


def _keys(points: Points, area: Area) -> npt.NDArray[np.int64]:
    """Return the cells of the usable points in the bounds of the area."""
    keys = area.lattice.keys(points.easting, points.northing)
    return keys[(keys >= 0) & are_unit_vectors(points.los)]
