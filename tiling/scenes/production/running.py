"""Scenes through a stage: on Dask or here, one failure stopping no other."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tiling.scenes.planning.plans import note_failures, read_failures
from tiling.scenes.production.standing import Record
from workbench.errors import DiskFull
from workbench.tasks import Tasks

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Made", "Outcome", "carry_out"]

logger = logging.getLogger(__name__)


class Made(NamedTuple):
    """What a worker says of one scene."""

    fingerprint: str
    seconds: float
    skipped: str = ""
    """Why there is nothing of it, such as ``night``."""


@dataclass(frozen=True)
class Outcome:
    """What a stage did."""

    stage: str
    made: int
    kept: int
    skipped: Mapping[str, str]
    """Reasons by scene, of this run and earlier ones."""
    failed: Mapping[str, str]
    seconds: float

    def __str__(self) -> str:
        parts = [f"{self.made} made", f"{self.kept} stood"]
        parts += [f"{len(self.skipped)} skipped"] if self.skipped else []
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        return f"{self.stage}: {', '.join(parts)} in {self.seconds:.1f} s"


def carry_out(
    stage: str,
    function: Callable[[Any], Made],
    jobs: Mapping[str, Any],
    record: Record,
    failures: Path,
    *,
    kept: int = 0,
    waiting: Collection[str] = (),
    client: Client | None = None,
    threads: int | None = None,
    fail_fast: bool = False,
) -> Outcome:
    """Run a function over the jobs of scenes, and note what came of each.

    Parameters
    ----------
    function
        Of an importable module; what it keeps between calls stays with its process.
    jobs
        By scene; small.
    failures
        Plan of what failed: the part of this stage is replaced.
    kept
        Scenes that stood.
    waiting
        Scenes that failed earlier stay listed there, where they are among these and not tried.
    threads
        As for `workbench.tasks.Tasks`; 1 for a stage that has threads of its own.
    fail_fast
        Raise the first error and drop what waits; a full disk always does so.

    Returns
    -------
    Outcome
        A scene with a bad file is tried anew by the next run, not by this one; after any other
        error `workbench.tasks.Tasks` tries it again.
    """
    start, made, failed = time.monotonic(), set[str](), dict[str, str]()
    record.forget(jobs)
    label, unit = (stage, "scenes") if jobs else ("", "")  # no bar for nothing
    tasks = Tasks(client, errors="return", threads=threads, label=label, unit=unit)
    try:
        with tasks:
            for scene, job in jobs.items():
                tasks.submit(function, job, tag=scene)
            for tag, result in tasks:
                scene = str(tag)
                if not isinstance(result, Exception):
                    made.add(scene)
                    record.add(scene, *result)
                    continue
                failed[scene] = _reason(result)
                logger.warning("%s: %s failed: %s", stage, scene, failed[scene])
                if fail_fast or isinstance(result, DiskFull):
                    raise result
    finally:
        record.save()
        earlier = read_failures(failures).get(stage, {})
        still = {scene: why for scene, why in earlier.items() if scene in waiting}
        still = {scene: why for scene, why in still.items() if scene not in made}
        note_failures(failures, stage, still | failed)
    seconds = time.monotonic() - start
    outcome = Outcome(stage, len(made), kept, dict(record.skipped), failed, seconds)
    logger.debug("%s", outcome)  # whoever asked for it says it
    return outcome


def _reason(error: Exception) -> str:
    """Return an error in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 500 else f"{text[:500]}..."
