"""What a run has to tell at its end: for its record, and as the situation it returns."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tiling.sentinel1.downloads.tiledownloads import TileDownloads
from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.production.carrying import Carried
from tiling.sentinel1.production.steps import Step
from tiling.sentinel1.situation import Situation
from workbench.runs import Run

__all__ = ["Tally"]

logger = logging.getLogger(__name__)

_LOST = {
    "failed": "steps failed",
    "dropped": "steps were not begun, which need those",
    "skipped": "passes were not made",
    "download_failures": "downloads failed",
    "search_failures": "searches failed",
}
"""Counts of what a run did not do, and what they are called."""


@dataclass
class Tally:
    """What came of a run so far."""

    downloads: list[TileDownloads] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)
    products: set[str] = field(default_factory=set)
    kept: int = 0
    found: int = 0
    outputs: list[Path] = field(default_factory=list)
    carried: Carried = field(default_factory=Carried)
    warnings: set[str] = field(default_factory=set)

    def replace(self, replaced: Mapping[str, str]) -> None:
        """Take in products of which there is a newer processing, by its name; say each once."""
        for name, newer in replaced.items():
            if name not in self.replaced:
                logger.warning("%s is left out: %s is of the same images", name, newer)
        self.replaced |= replaced

    def add(self, carried: Carried, steps: Sequence[Step]) -> None:
        """Take in what became of steps."""
        self.carried.made |= carried.made
        self.carried.failed |= carried.failed
        self.carried.dropped |= carried.dropped
        for error in carried.failed.values():
            if isinstance(error, CorruptedDataSAFEError):  # what a look from outside did not show
                self.broken[str(error.product)] = error.details
        for step in steps:
            if step.name not in carried.made:
                continue
            warning = carried.made[step.name].told.get("warning")
            self.warnings |= {str(warning)} if warning else set()
            self.outputs += step.outputs if step.wanted else ()

    @property
    def nothing(self) -> bool:
        """Whether there was no product, nor a search that failed to find one."""
        found = self.products or self.skipped or any(each.found for each in self.downloads)
        return not found and not any(each.search_error for each in self.downloads)

    def situation(self) -> Situation:
        """Return what went wrong, counted."""
        return Situation(
            nb_computation_errors=len(self.carried.failed),
            nb_search_failures=sum(each.search_error is not None for each in self.downloads),
            nb_download_failures=sum(len(each.failures) for each in self.downloads),
            nb_download_timeouts=sum(len(each.timeouts) for each in self.downloads),
        )

    def write_down(self, record: Run) -> None:
        """Put it all into the record of the run."""
        wrong = self.situation()
        counts = {
            "products": len(self.products),
            "made": len(self.carried.made),
            "kept": self.kept,
            "kept_unknown": self.found,
            "failed": wrong.nb_computation_errors,
            "dropped": len(self.carried.dropped),
            "skipped": len(self.skipped),
            "downloaded": sum(each.safe is not None for d in self.downloads for each in d.fetched),
            "download_failures": wrong.nb_download_failures,
            "download_timeouts": wrong.nb_download_timeouts,
            "search_failures": wrong.nb_search_failures,
        }
        for name, number in counts.items():
            record.count(name, number)
        lost = {name: counts[name] for name in _LOST if counts[name]}
        if lost:
            made = counts["made"] + counts["kept"] + counts["kept_unknown"]
            told = ", ".join(f"{number} {_LOST[name]}" for name, number in lost.items())
            record.fall_short(told, wholly=not made)
        record.inputs += [{"path": name} for name in sorted(self.products)]
        record.set("failed", {name: str(error) for name, error in self.carried.failed.items()})
        record.set("dropped", self.carried.dropped)
        record.set("skipped", self.skipped)
        record.set("broken", self.broken)
        record.set("replaced", self.replaced)
        steps = {
            name: {
                "seconds": round(made.seconds, 3),
                "process": made.process,
                "most_memory": made.memory[1],
            }
            for name, made in self.carried.made.items()
        }
        record.set("steps", steps)
        for warning in sorted(self.warnings):
            record.warn(warning)
        for path in self.outputs:
            if path.exists():
                record.output(path)
