"""Steps carried out, here or on a cluster, each as soon as those it needs are done."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tiling.sentinel1.errors import Error, ExitCode
from tiling.sentinel1.production.memory import MemoryWatch
from tiling.sentinel1.production.steps import Step, in_order
from workbench.errors import DiskFull, is_user_error
from workbench.tasks import Tasks

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["ATTEMPTS", "Carried", "LostWorkers", "Made", "carry_out"]

logger = logging.getLogger(__name__)

ATTEMPTS = 2
"""How often a step is begun whose worker is killed, by the system for its memory or by somebody."""

_MB = 1 << 20


class LostWorkers(Error):
    """A step was given up because its workers were killed."""

    exit_code = ExitCode.TASK_FAILED


@dataclass(frozen=True)
class Made:
    """What a step says when it has ended well.

    Attributes
    ----------
    told
        What its function returned.
    seconds
        That it took.
    process
        Number of the process that did it.
    memory
        Bytes of that process, before and at most.
    """

    told: Mapping[str, Any]
    seconds: float
    process: int
    memory: tuple[int, int]


@dataclass
class Carried:
    """What became of steps, by their names."""

    made: dict[str, Made] = field(default_factory=dict)
    failed: dict[str, Exception] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    """Not begun, because the step named here, which they need, failed."""


def carry_out(
    steps: Sequence[Step],
    *,
    client: Client | None = None,
    watch_ram: bool = False,
    retries: int = 1,
    ended: Callable[[str], None] = lambda name: None,
) -> Carried:
    """Carry steps out.

    A step that fails takes along those that need it; all others are done. What needs a step is not
    sent out before that has ended, so no place is taken by what only waits. Steps whose worker was
    killed are begun again, each alone: one that brings its workers down is told from those that
    were on their lists.

    Parameters
    ----------
    steps
        In any order. What they need and is not among them is there already.
    client
        Cluster; None to do one after another in this thread, where a debugger can follow.
    watch_ram
        Log the memory of each step and process.
    retries
        How often a step that raised is tried again, as for `workbench.tasks.Tasks`: never after an
        error that would be the same again.
    ended
        Called with the name of each step that is made or has failed.

    Raises
    ------
    DiskFull
        If a disk is full: the other steps could not write either.
    """
    going = _Going(in_order(steps), client, watch_ram, retries, ended)
    going.go([name for name, needs in going.waits.items() if not needs])
    while going.lost:
        going.go([going.lost.pop(0)])
    return going.carried


class _Going:
    """Steps that are being carried out."""

    def __init__(
        self,
        steps: Sequence[Step],
        client: Client | None,
        watch_ram: bool,
        retries: int,
        ended: Callable[[str], None],
    ) -> None:
        self.steps = {step.name: step for step in steps}
        self.waits = {step.name: set(step.needs) & set(self.steps) for step in steps}
        self.carried = Carried()
        self.lost: list[str] = []  # with their workers, to be begun again
        self._begun: dict[str, int] = {}
        self._urgency = {step.name: -number for number, step in enumerate(steps)}
        self._client, self._watch_ram, self._retries = client, watch_ram, retries
        self._ended = ended

    def go(self, names: Sequence[str]) -> None:
        """Do some steps, and what can be done when they are."""
        with Tasks(
            self._client,
            threads=1,
            retries=self._retries,
            errors="return",
            label="processing",
            unit="files",
            total=len(self.steps) - len(self.carried.made),
        ) as tasks:
            for name in names:
                self._send(tasks, name)
            for tag, result in tasks:
                for name in self._take(self.steps[str(tag)], result):
                    self._send(tasks, name)

    def _send(self, tasks: Tasks, name: str) -> None:
        self._begun[name] = self._begun.get(name, 0) + 1
        tasks.submit(_carry, self.steps[name], tag=name, priority=self._urgency[name])

    def _take(self, step: Step, result: Any) -> list[str]:
        """Note what became of a step; return what can be done now."""
        if isinstance(result, DiskFull):
            raise result
        if isinstance(result, Exception) and _is_lost(result):
            if self._begun[step.name] < ATTEMPTS:
                logger.warning("%s lost its worker and is begun again", step.name)
                self.lost.append(step.name)
                return []
            result = LostWorkers(f"{step.name}: {ATTEMPTS} workers were lost with it: {result}")
        if isinstance(result, Exception):
            _drop(step, result, self.waits, self.carried)
            self._ended(step.name)
            return []
        self.carried.made[step.name] = result
        self._ended(step.name)
        _tell(step, result, self._watch_ram)
        ready = []
        for name, needs in self.waits.items():
            if step.name in needs:
                needs.discard(step.name)
                if not needs and name not in self.carried.dropped:
                    ready.append(name)
        return ready


def _is_lost(error: BaseException) -> bool:
    """Tell whether an error says that a call was given up with its worker."""
    from distributed.scheduler import KilledWorker

    return isinstance(error, KilledWorker) or isinstance(error.__cause__, KilledWorker)


def _carry(step: Step) -> Made:
    """Carry one step out; this is what runs on a worker."""
    started = time.perf_counter()
    with MemoryWatch() as memory:
        decided = _decided(step)
        stored = step.manifest.decided(step.record)
        if not step.manifest.vouches(step.record) or stored != (decided or {}):
            # First: were the run killed between, nothing would vouch for what an older one left.
            replace(step.manifest, decisions=decided or {}).save(step.record, step.outputs)
        given = () if decided is None else (decided,)
        told = dict(step.function(step.work, *given))
    missing = [path for path in step.outputs if not path.exists()]
    if missing:
        raise FileNotFoundError(f"{missing[0]} was to be written by {step.name} and is not there")
    seconds = time.perf_counter() - started
    return Made(told, seconds, os.getpid(), (memory.before, memory.most))


def _decided(step: Step) -> Mapping[str, Any] | None:
    """Return what a step chooses; files that were made by another choice give way."""
    if step.decide is None:
        return None
    before = step.manifest.decided(step.record)
    decided = step.decide(step.work, before)
    if decided != before:
        for path in step.outputs:
            path.unlink(missing_ok=True)
    return decided


def _drop(step: Step, error: Exception, waits: Mapping[str, set[str]], carried: Carried) -> None:
    """Note that a step failed, and that what needs it cannot be done."""
    carried.failed[step.name] = error
    unforeseen = None if is_user_error(error) else error
    logger.error("%s of %s failed: %s", step.kind, step.name, error, exc_info=unforeseen)
    lost = {step.name}
    while True:
        more = {
            name for name, needs in waits.items() if needs & lost and name not in carried.dropped
        }
        if not more:
            return
        carried.dropped |= dict.fromkeys(sorted(more), step.name)
        lost |= more


def _tell(step: Step, made: Made, watch_ram: bool) -> None:
    logger.debug("%s: %s in %.1f s", step.kind, step.name, made.seconds)
    if watch_ram:
        before, most = (size / _MB for size in made.memory)
        logger.info(
            "memory of process %d: %.0f MB before, %.0f MB at most: %s %s",
            made.process, before, most, step.kind, step.name,
        )  # fmt: skip
