"""One stage that is laid out: its jobs, the files they leave, and how it is run.

What reads and writes images is loaded where a job is done: where all stands, nothing needs it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiling.scenes.production.dataset import Dataset
from tiling.scenes.production.running import Made, Outcome, carry_out
from tiling.scenes.production.scenejobs import CropJob, GridJob, TileJob
from tiling.scenes.production.standing import Record, Work, fingerprint_in
from workbench.files import sweep

__all__ = ["Stage", "crop_one", "files_of", "reasons", "regrid_one", "surplus", "tile_one"]


@dataclass(frozen=True)
class Stage:
    """What one stage is about to do."""

    name: str
    function: Callable[[Any], Made]
    jobs: Mapping[str, Any]
    """Of all scenes, by ID."""
    record: Record
    work: Work
    threads: int | None = None

    def run(self, dataset: Dataset) -> Outcome:
        """Make what is missing or stale; what a killed run left half-written goes first."""
        todo = [path for scene in self.work.todo for path in files_of(self.jobs[scene])]
        for folder in {path.parent for path in todo}:
            sweep(folder)
        return carry_out(
            self.name,
            self.function,
            {scene: self.jobs[scene] for scene in self.work.todo},
            self.record,
            dataset.layout().failures,
            kept=len(self.work.kept),
            waiting=self.jobs.keys() - self.work.kept,
            client=None if self.threads else dataset.options.client,
            threads=self.threads,
            fail_fast=dataset.options.fail_fast,
        )


def crop_one(job: CropJob) -> Made:
    """Do the job of a crop."""
    from tiling.scenes.production.scenework import crop_scene

    return crop_scene(job)


def regrid_one(job: GridJob) -> Made:
    """Do the job of a regridded scene."""
    from tiling.scenes.production.scenework import regrid_scene

    return regrid_scene(job)


def tile_one(job: TileJob) -> Made:
    """Do the job of the tiles of a scene."""
    from tiling.scenes.production.scenework import tile_scene

    return tile_scene(job)


def reasons(skipped: Mapping[str, str]) -> str:
    """Return why scenes were skipped, and how many for each reason."""
    counts = Counter(skipped.values()).most_common()
    return ", ".join(f"{count} for {why!r}" for why, count in counts)


def files_of(job: CropJob | GridJob) -> tuple[Path, ...]:
    """Return the files of a scene in a stage; those that end in ``.nc`` bear its fingerprint."""
    if not isinstance(job, TileJob):
        return (job.path,)
    stems = [f"{job.path / tile.name}" for tile in job.tiles]
    files = [Path(stem + suffix) for suffix in (".nc", ".yml") for stem in stems]
    return (*files, job.plan) if job.plan else tuple(files)


def surplus(stage: Stage) -> list[Path]:
    """Return what a stage has made and nobody asks for any more: of scenes or tiles that are gone.

    Files that bear no fingerprint are not its own, whatever their names, and hidden ones are what
    a killed run left: they are swept.
    """
    wanted = {path for job in stage.jobs.values() for path in files_of(job)}
    folders, plans = {path.parent for path in wanted}, set[Path]()
    if stage.name.startswith("triplets"):
        home = stage.record.path.parent
        folders = {path for path in home.glob("[!.]*") if path.is_dir()}
        if "." not in stage.name:
            plans = set(home.glob("tile_locations.*"))
    images = {path for folder in folders for path in folder.glob("[!.]*.nc")} - wanted
    beside = [path.with_suffix(suffix) for path in images if fingerprint_in(path) is not None
              for suffix in (".nc", ".png", ".yml")]  # fmt: skip
    return sorted({path for path in beside if path.exists()} | (plans - wanted))
