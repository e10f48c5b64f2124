"""Stages one after the other, each after those that it needs, in a folder that is held."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tiling.scenes.errors import NoneLeft, SceneError
from tiling.scenes.production.dataset import Dataset
from tiling.scenes.production.running import Outcome
from tiling.scenes.production.stages import Kind, Stages
from tiling.scenes.production.stagework import Stage, reasons, surplus
from tiling.scenes.production.valuelimits import limits
from tiling.scenes.sources.userfunctions import user_function
from workbench.files import sweep
from workbench.locks import held

__all__ = ["Pipeline"]

logger = logging.getLogger(__name__)


@dataclass
class Pipeline:
    """A run over a dataset: what it made so far, stage by stage.

    Stages before the one that is asked for are brought up to date; only the one that is asked for
    is made anew by ``overwrite="all"``.
    """

    dataset: Dataset
    aux: str | None = None
    pack: bool = False
    outcomes: list[Outcome] = field(default_factory=list)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder: another run in it is refused until this one has ended.

        Raises
        ------
        NoneLeft
            In place of an error that follows from that all scenes of a stage have failed.
        """
        layout = self.dataset.layout(self.aux)
        with held(self.dataset.folder, "workbench scenes"):
            for folder in (layout.folder, layout.home, layout.sliding(1).parent):
                sweep(folder)  # stages see to their own
            try:
                yield
            except SceneError as error:
                if said := self._none_left():
                    raise NoneLeft(error.code, f"{said}; then: {error.message}") from error
                raise

    def _none_left(self) -> str:
        """Say of which stage every scene failed, and why the first did; empty where of none."""
        for outcome in self.outcomes:
            if outcome.failed and not outcome.made + outcome.kept:
                scene, why = min(outcome.failed.items())
                number = f"all {len(outcome.failed)} scenes failed"
                return f"{outcome.stage}: {number}, see failed_scenes.yml; {scene}: {why}"
        return ""

    @cached_property
    def stages(self) -> Stages:
        """Of the stage that is asked for."""
        return Stages(self.dataset, self.aux, pack=self.pack)

    @cached_property
    def before(self) -> Stages:
        """Of those before it: what stands as it shall be is kept."""
        options = self.dataset.options
        if options.overwrite != "all":
            return self.stages
        gentle = replace(self.dataset, options=replace(options, overwrite="stale"))
        return Stages(gentle, self.aux, pack=self.pack)

    def run(self, stage: Stage) -> Outcome:
        """Run a stage and note what came of it.

        A function for pictures that may not be run, or is not there, is refused before any scene.
        """
        image, options = self.dataset.meta.image, self.dataset.options
        if image.function and self.aux is None and stage.work.todo:
            user_function(self.dataset.folder, image.function, options.allow_user_code)
        outcome = stage.run(self.dataset)
        self.outcomes.append(outcome)
        if tell := options.tell:
            tell(outcome)
        return outcome

    def crop(self) -> Outcome:
        """Read all scenes."""
        return self.run(self.stages.crops())

    @cached_property
    def cropped(self) -> tuple[Stage, Outcome]:
        """Crops that stand, made where they do not."""
        stage = self.before.crops()
        outcome = self.run(stage)
        _check_anything_seen(stage)
        return stage, outcome

    @cached_property
    def limits(self) -> dict[str, tuple[float, float]]:
        """Limits of pictures, where kinds of images have none of their own."""
        if self.aux is not None:
            return {}
        stage, _ = self.cropped
        paths = [job.path for scene, job in stage.jobs.items() if scene not in stage.record.skipped]
        return limits(self.dataset, [path for path in paths if path.exists()])

    def regrid(self, *, last: bool = True) -> tuple[Stage, Outcome]:
        """Regrid all scenes; `last` where that is what was asked for."""
        self.stages.resolution()  # before hours are spent on crops
        crops, outcome = self.cropped
        stages = self.stages if last else self.before
        stage = stages.regridded(crops, self.limits, outcome.failed)
        return stage, self.run(stage)

    def tiles(self, kind: Kind) -> Outcome:
        """Cut the tiles of all scenes."""
        self.stages.tile_size(kind)
        self.stages.resolution()
        crops, outcome = self.cropped
        stage = self.stages.tiles(kind, crops, self.limits, outcome.failed)
        if kind == "triplets" and self.aux is None:
            self.stages.write_splits(crops)
        left = surplus(stage) if kind == "triplets" else []
        if left and self.dataset.options.overwrite == "never":
            raise SceneError(
                "E100",
                f"{stage.name}: {len(left)} files are of tiles that meta.yaml does not ask for any"
                f" more ({left[0].name}, ...): go back to the former one, or remove them by"
                " --overwrite stale",
            )
        for path in left:
            path.unlink()
        return self.run(stage)

    def regridded(self) -> tuple[dict[str, Path], dict[str, str]]:
        """Return files and fingerprints of the scenes that are asked for and could be regridded."""
        stage, outcome = self.regrid(last=False)
        asked = sorted((*stage.work.kept, *stage.work.todo))
        done = {scene: stage.jobs[scene] for scene in asked if scene not in outcome.failed}
        return (
            {scene: job.path for scene, job in done.items()},
            {scene: job.fingerprint for scene, job in done.items()},
        )


def _check_anything_seen(crops: Stage) -> None:
    """Refuse to go on where no scene has anything to show, and say why not."""
    skipped = {scene: why for scene, why in crops.record.skipped.items() if scene in crops.jobs}
    if not crops.jobs or len(skipped) < len(crops.jobs):
        return
    raise SceneError(
        "E103",
        f"all {len(skipped)} scenes were skipped, {reasons(skipped)}: there is nothing to go on"
        " with; look at the files, or choose other times",
    )
