"""Many bursts to many blocks: the graph of a run.

One task per burst makes a partial on disk; one task per block folds the partials that meet it and
stores the finished block. A block starts as soon as no burst that could reach it is still to come.
Tasks take paths and small descriptions, results are records: nothing large passes through the
scheduler, and the memory of a worker is that of one task, however many bursts there are.

There is no shuffle and no tree of merges: a block meets 2 to 12 bursts, and folding them in the
order of their names inside one task fixes the order of the floating-point sums.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from egms_io.burstgeometry import REACH_M
from egms_io.cells import BLOCK_CELLS, Area, Lattice, block_place
from egms_io.errors import BadBurst
from egms_io.finished import Block
from egms_io.formats.bursts import Burst
from egms_io.mapreduce.blocksolution import finish_block
from egms_io.mapreduce.burstsums import map_burst
from egms_io.mapreduce.partials import Partial
from egms_io.plan import BurstOptions, Plan
from workbench.progress import progress
from workbench.tasks import Tasks
from workbench.tasks.places import cores

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

AT_ONCE = 4  # bursts or blocks in this process; a large burst takes 300 MB


@dataclass
class Outcome:
    """What was computed.

    Attributes
    ----------
    blocks
        South to north and west to east.
    partials
        Those they came from, in the order of the bursts.
    skipped
        Bursts left out: ``input`` and ``reason``.
    """

    blocks: list[Block] = field(default_factory=list)
    partials: list[Partial] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)


def compute_blocks(
    plan: Plan,
    folder: Path,
    blocks: Path,
    *,
    keep_partials: bool = True,
    client: Client | None = None,
) -> Outcome:
    """Carry out the whole computation, in threads of this process or on a client.

    Parameters
    ----------
    folder
        Holds the partials; every worker must see it.
    blocks
        Holds the finished blocks: a folder of this plan alone.
    keep_partials
        Leave partials in place for a later run; otherwise each is removed when its blocks are done.

    Raises
    ------
    BadBurst
        For a burst that turns out to be bad, unless the plan leaves it out; or when a worker cannot
        see `folder`.
    """
    if client is not None:
        _check_shared(client, folder)
    area = plan.area.outline_on_disk(blocks / "outline.wkb")
    outcome = Outcome()
    found: dict[int, Partial] = {}
    with closing(
        _steps(plan, area, folder, blocks, outcome.blocks, keep_partials, client)
    ) as steps:
        for number, result in progress(
            steps, total=len(plan.bursts), label="reading", unit="bursts"
        ):
            if isinstance(result, Partial):
                found[number] = result
                continue
            if not plan.skip_bad:
                raise result
            log.warning("skipped: %s", result)
            name = str(plan.bursts[number].name)
            outcome.skipped.append({"input": name, "reason": str(result)})
    outcome.partials = [found[number] for number in sorted(found)]
    outcome.blocks.sort(key=lambda block: block.number)
    return outcome


def _steps(
    plan: Plan,
    area: Area,
    folder: Path,
    blocks: Path,
    finished: list[Block],
    keep_partials: bool,
    client: Client | None,
) -> Generator[tuple[int, Partial | BadBurst], None, None]:
    """Submit bursts and, as they arrive, blocks; yield each burst's partial or error."""
    waiting = _Waiting(plan.bursts, area.lattice)
    found: dict[int, Partial] = {}
    with Tasks(client, threads=min(cores(), AT_ONCE)) as tasks:
        for rank, number in enumerate(_south_first(plan.bursts)):
            burst = plan.bursts[number]
            arguments = (burst, area, folder, plan.options, plan.known(burst))
            tasks.submit(_read_burst, *arguments, tag=number, priority=-rank)
        for tag, result in tasks:
            if isinstance(result, Block):
                finished.append(result)
                waiting.finished(result.number, keep_partials)
                continue
            number = int(tag)  # type: ignore[call-overload]
            if isinstance(result, Partial):
                found[number] = result
                plan.know(result.records)
                waiting.arrived(number, result)
            for block in waiting.ready(number):
                partials = [found[member] for member in sorted(waiting.members(block))]
                needed = (block, partials, area.lattice, plan.method, blocks)
                tasks.submit(finish_block, *needed, tag="block", priority=1)
            yield number, result


def _south_first(bursts: Sequence[Burst]) -> list[int]:
    """Return the places of the bursts from south to north, so that blocks are done early."""
    return sorted(range(len(bursts)), key=lambda n: (bursts[n].first_point or (0.0, 0.0))[::-1])


def _read_burst(
    burst: Burst,
    area: Area,
    folder: Path,
    options: BurstOptions,
    records: Sequence[dict[str, Any]],
) -> Partial | BadBurst:
    """Map a burst; a bad file is a result, so that it stops no other."""
    try:
        return map_burst(burst, area, folder, options, records)
    except BadBurst as error:
        return error


class _Waiting:
    """Which blocks still wait for which bursts."""

    def __init__(self, bursts: Sequence[Burst], lattice: Lattice) -> None:
        self._side = BLOCK_CELLS * lattice.cell_m
        self._rows, self._columns = lattice.block_rows, lattice.block_columns
        self._pending = np.zeros((len(self._rows), len(self._columns)), int)
        self._reach = [self._reachable(burst) for burst in bursts]
        self._members: dict[int, set[int]] = {}
        self._users: dict[Path, set[int]] = {}
        self._submitted: set[int] = set()
        for rows, columns in self._reach:
            self._pending[rows, columns] += 1

    def _reachable(self, burst: Burst) -> tuple[slice, slice]:
        """Return the rows and columns of blocks that a burst may reach."""
        if burst.first_point is None:
            return slice(None), slice(None)
        east, north = burst.first_point
        return self._within(north, self._rows.start), self._within(east, self._columns.start)

    def _within(self, coordinate: float, first: int) -> slice:
        """Return the blocks along one axis within reach of a coordinate (m)."""
        low, high = (int((coordinate + way * REACH_M) // self._side) - first for way in (-1, 1))
        return slice(max(low, 0), max(high + 1, 0))

    def arrived(self, burst: int, partial: Partial) -> None:
        """Note which blocks a mapped burst meets."""
        for block in partial.blocks:
            self._members.setdefault(block, set()).add(burst)
        if partial.path is not None:
            self._users.setdefault(partial.path, set()).update(partial.blocks)

    def ready(self, burst: int) -> list[int]:
        """Return the blocks that need nothing more, now that this burst is done or left out."""
        self._pending[self._reach[burst]] -= 1
        blocks = []
        for block in sorted(set(self._members) - self._submitted):
            row, column = block_place(block)
            if not self._pending[row - self._rows.start, column - self._columns.start]:
                blocks.append(block)
        self._submitted.update(blocks)
        return blocks

    def members(self, block: int) -> set[int]:
        """Return the bursts that meet a block."""
        return self._members[block]

    def finished(self, block: int, keep: bool) -> None:
        """Remove the partials whose last block this was, unless they are to be kept."""
        if keep:
            return
        for path, blocks in list(self._users.items()):
            blocks.discard(block)
            if not blocks:
                path.unlink(missing_ok=True)
                del self._users[path]


def _check_shared(client: Client, folder: Path) -> None:
    """Refuse a work folder that some worker cannot see, before work is lost to it."""
    seen = client.run(os.path.isdir, str(folder))
    blind = sorted(address for address, there in seen.items() if not there)
    if blind:
        raise BadBurst(
            f"workers {', '.join(blind[:3])} cannot see the work folder {folder}; "
            "pass work= a folder on a disk that all of them share"
        )
