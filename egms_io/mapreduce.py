"""Many bursts to many blocks: the graph of a run.

One task per burst makes a partial on disk; one task per block folds the partials that meet it and
stores the finished block. A block starts as soon as no burst that could reach it is still to come.
Tasks get paths and small descriptions, results are records: nothing large passes through the
scheduler, and the memory of a worker is that of one task, however many bursts there are.

There is no shuffle and no tree of merges: a block meets 2 to 12 bursts, and folding them in the
order of their names inside one task fixes the order of the floating-point sums.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from egms_io.blocksolution import Block, Method, finish_block
from egms_io.cells import BLOCK, Area, Lattice
from egms_io.errors import BadBurst
from egms_io.formats.archive import file_md5, stated_md5
from egms_io.formats.bursts import Burst
from egms_io.formats.points import read_points
from egms_io.partials import FORMAT, Partial, Pass, save_partial, stored_partial
from egms_io.sums import sum_burst

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

REACH_M = 150_000  # no point of a burst (90 km by 20 km) is further from any other


@dataclass
class Outcome:
    """What a run gave: finished blocks, the partials they came from, and the inputs left out."""

    blocks: list[Block] = field(default_factory=list)
    partials: list[Partial] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class MapOptions:
    """How a burst is read and summed."""

    per_point: bool = False
    skip_rows: bool = False
    md5: str = "error"


def map_burst(burst: Burst, area: Area, folder: Path, options: MapOptions) -> Partial:
    """Read a burst, sum it by cell and store the sums; reuse a partial of the same content.

    Raises
    ------
    BadBurst
        Naming the file and what is wrong with it.
    """
    digests = [file_md5(part.path) for part in burst.parts]
    notes = [*burst.notes, *_check_md5(burst, digests, options.md5)]
    path = folder / f"partial_{burst.name}_{_key(digests, area, options)}.arrow"
    partial = stored_partial(path)
    if partial is None:
        partial = _sum_to(path, burst, area, options)
    # Notes on the file are of this run; only what was met in its rows is stored.
    return replace(partial, warnings=(*notes, *partial.warnings))


def _sum_to(path: Path, burst: Burst, area: Area, options: MapOptions) -> Partial:
    tally: Counter[str] = Counter()
    heading = Heading(burst)
    points = heading.watch(read_points(burst, tally, skip_rows=options.skip_rows))
    try:
        sums = sum_burst(points, area, per_point=options.per_point, tally=tally)
    except BadBurst as error:
        name = str(burst.parts[0].path)
        raise BadBurst(str(error) if name in str(error) else f"{name}: {error}") from error
    direction, conflict = heading.direction()
    warnings = (*conflict, *_told(burst, tally))
    partial = Partial(path, str(burst.name), burst.dates, direction, tally=tally, warnings=warnings)
    return save_partial(path, partial, sums, area.lattice)


def run(
    bursts: Sequence[Burst],
    area: Area,
    method: Method,
    folder: Path,
    blocks: Path,
    *,
    options: MapOptions,
    skip_bad: bool = False,
    keep_partials: bool = True,
    client: Client | None = None,
) -> Outcome:
    """Carry out the whole computation, here or on a client.

    Parameters
    ----------
    bursts
        In the order of their names.
    folder
        Holds the partials; every worker must see it.
    blocks
        Holds the finished blocks: a folder of this request alone.
    skip_bad
        Leave out bursts that turn out to be bad, instead of raising.
    keep_partials
        Leave partials in place for a later run; otherwise each goes when its blocks are done.
    """
    from workbench.progress import progress

    if client is not None:
        _check_shared(client, folder)
    area = area.outline_on_disk(blocks / "outline.wkb")
    outcome = Outcome()
    found: dict[int, Partial] = {}
    steps = _steps(
        bursts, area, method, (folder, blocks), options, keep_partials, client, outcome.blocks
    )
    for number, result in progress(steps, total=len(bursts), label="reading", unit="bursts"):
        if isinstance(result, Partial):
            found[number] = result
        elif skip_bad:
            log.warning("skipped: %s", result)
            outcome.skipped.append({"input": str(bursts[number].name), "reason": str(result)})
        else:
            raise result
    outcome.partials = [found[number] for number in sorted(found)]
    outcome.blocks.sort(key=lambda block: block.number)
    return outcome


def _steps(
    bursts: Sequence[Burst],
    area: Area,
    method: Method,
    folders: tuple[Path, Path],
    options: MapOptions,
    keep_partials: bool,
    client: Client | None,
    blocks: list[Block],
) -> Iterator[tuple[int, Partial | BadBurst]]:
    """Send out bursts and, as they arrive, blocks; give each burst's partial or what is wrong."""
    from workbench.tasks import Tasks

    tasks = Tasks(client)
    waiting = _Waiting(bursts, area.lattice)
    found: dict[int, Partial] = {}
    south_first = sorted(range(len(bursts)), key=lambda n: (bursts[n].near or (0.0, 0.0))[::-1])
    for rank, number in enumerate(south_first):
        tasks.submit(
            _read_burst, bursts[number], area, folders[0], options, tag=number, priority=-rank
        )
    for tag, result in tasks:
        if isinstance(result, Block):
            blocks.append(result)
            waiting.finished(result.number, keep_partials)
            continue
        number = int(tag)  # type: ignore[call-overload]
        if isinstance(result, Partial):
            found[number] = result
            waiting.arrived(number, result)
        for block in waiting.ready(number):
            partials = [found[member] for member in sorted(waiting.members(block))]
            tasks.submit(
                finish_block,
                block,
                partials,
                area.lattice,
                method,
                folders[1],
                tag="block",
                priority=1,
            )
        yield number, result


def _read_burst(burst: Burst, area: Area, folder: Path, options: MapOptions) -> Partial | BadBurst:
    """Map a burst; a bad file is a result, not an error that is worth another try."""
    try:
        return map_burst(burst, area, folder, options)
    except BadBurst as error:
        return error


class _Waiting:
    """Which blocks still wait for which bursts."""

    def __init__(self, bursts: Sequence[Burst], lattice: Lattice) -> None:
        self._lattice = lattice
        self._row0, self._column0 = lattice.row0 // BLOCK, lattice.column0 // BLOCK
        rows = (lattice.row0 + lattice.rows - 1) // BLOCK - self._row0 + 1
        columns = (lattice.column0 + lattice.columns - 1) // BLOCK - self._column0 + 1
        self._pending = np.zeros((rows, columns), int)
        self._reach = [self._window(burst) for burst in bursts]
        self._members: dict[int, set[int]] = {}
        self._users: dict[Path, set[int]] = {}
        self._submitted: set[int] = set()
        for window in self._reach:
            self._pending[window] += 1

    def _window(self, burst: Burst) -> tuple[slice, slice]:
        """Give the rows and columns of blocks that a burst may reach."""
        if burst.near is None:
            return slice(None), slice(None)
        side = BLOCK * self._lattice.cell_m
        east, north = burst.near
        rows = [int((north + way * REACH_M) // side) - self._row0 for way in (-1, 1)]
        columns = [int((east + way * REACH_M) // side) - self._column0 for way in (-1, 1)]
        return (
            slice(max(rows[0], 0), max(rows[1] + 1, 0)),
            slice(max(columns[0], 0), max(columns[1] + 1, 0)),
        )

    def arrived(self, burst: int, partial: Partial) -> None:
        """Note which blocks a mapped burst meets."""
        for block in partial.blocks:
            self._members.setdefault(block, set()).add(burst)
        if partial.path is not None:
            self._users.setdefault(partial.path, set()).update(partial.blocks)

    def ready(self, burst: int) -> list[int]:
        """Give the blocks that need nothing more, now that this burst is done or left out."""
        self._pending[self._reach[burst]] -= 1
        blocks = []
        for block in sorted(set(self._members) - self._submitted):
            place = (block >> 20) - self._row0, (block & 0xFFFFF) - self._column0
            if not self._pending[place]:
                blocks.append(block)
        self._submitted.update(blocks)
        return blocks

    def members(self, block: int) -> set[int]:
        """Give the bursts that meet a block."""
        return self._members[block]

    def finished(self, block: int, keep: bool) -> None:
        """Release the partials whose last block this was."""
        if keep:
            return
        for path, blocks in list(self._users.items()):
            blocks.discard(block)
            if not blocks:
                path.unlink(missing_ok=True)
                del self._users[path]


class Heading:
    """The pass of a burst, read off its points as they stream by; also their reach."""

    def __init__(self, burst: Burst) -> None:
        self._burst = burst
        self._votes: Counter[str] = Counter()

    def watch(self, batches: Any) -> Any:
        for points in batches:
            self._check_reach(points)
            angle = points.track_angle[~np.isnan(points.track_angle)]
            north = np.cos(np.radians(angle)) > 0
            west = points.los[0] < 0
            self._votes["angle up"] += int(north.sum())
            self._votes["angle down"] += int((~north).sum())
            self._votes["los up"] += int(west.sum())
            self._votes["los down"] += int((points.los[0] > 0).sum())
            yield points

    def _check_reach(self, points: Any) -> None:
        if self._burst.near is None or not len(points.easting):
            return
        east, north = self._burst.near
        away = np.hypot(points.easting - east, points.northing - north).max()
        if away > REACH_M:
            raise BadBurst(
                f"a point lies {away / 1000:.0f} km from the first one; "
                f"a burst reaches at most {REACH_M / 1000:.0f} km"
            )

    def direction(self) -> tuple[Pass, list[str]]:
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


def _told(burst: Burst, tally: Counter[str]) -> list[str]:
    """Put what was left out in words."""
    reasons = {
        "no line of sight": "points without a unit line-of-sight vector left out",
        "duplicate": "points with a PID met before left out",
        "incomplete": "points with missing values left out (combine='point' needs whole series)",
        "bad rows": "unreadable rows left out",
    }
    return [
        f"{burst.parts[0].path}: {tally[reason]} {words}"
        for reason, words in reasons.items()
        if tally[reason]
    ]


def _check_md5(burst: Burst, digests: Sequence[str], policy: str) -> list[str]:
    notes: list[str] = []
    for part, real in zip(burst.parts, digests, strict=True):
        stated = None if policy == "ignore" else stated_md5(part.path)
        if stated is None or stated == real:
            continue
        message = f"{part.path}: the MD5 is {real}, its .md5 file states {stated}"
        if policy == "error":
            raise BadBurst(f"{message}; get the file again, or pass md5='warn'")
        notes.append(message)
    return notes


def _key(digests: Sequence[str], area: Area, options: MapOptions) -> str:
    """Give a name for what a partial depends on."""
    outline = area.outline.read_bytes() if isinstance(area.outline, Path) else b""
    facts = [
        FORMAT,
        list(digests),
        list(vars(area.lattice).values()),
        hashlib.md5(outline, usedforsecurity=False).hexdigest(),
        options.per_point,
        options.skip_rows,
    ]
    text = json.dumps(facts).encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()[:16]


def _check_shared(client: Client, folder: Path) -> None:
    """Refuse a work folder that some worker cannot see, before work is lost to it."""
    seen = client.run(os.path.isdir, str(folder))
    blind = sorted(address for address, there in seen.items() if not there)
    if blind:
        raise BadBurst(
            f"workers {', '.join(blind[:3])} cannot see the work folder {folder}; "
            "pass work= a folder on a disk that all of them share"
        )
