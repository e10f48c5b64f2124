"""What a dataset has so far, what it lacks, and what a stage would cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tiling.scenes.errors import SceneError
from tiling.scenes.planning.plans import read_failures
from tiling.scenes.production.dataset import Dataset
from tiling.scenes.production.pipeline import Pipeline
from tiling.scenes.production.scenejobs import CropJob, GridJob, TileJob
from tiling.scenes.production.stages import Kind
from tiling.scenes.production.stagework import Stage, files_of, surplus

__all__ = ["Forecast", "Row", "forecast", "forecasts", "stale_files", "status"]

# Seconds a scene and a million pixels of it, and bytes a pixel on disk, where nothing was measured.
_SECONDS = {"crop": 0.15, "regrid": 0.25}
_BYTES = {"crop": 2.0, "regrid": 3.0}
_TILE_SECONDS = 0.05


@dataclass(frozen=True)
class Row:
    """One stage of a dataset."""

    stage: str
    scenes: int
    done: int
    missing: int
    stale: int
    skipped: int
    failed: int
    note: str = ""


@dataclass(frozen=True)
class Forecast:
    """What a stage would do."""

    stage: str
    scenes: int
    bytes_read: int | None
    """Upper limit: the size of the files; None where nothing is fetched."""
    seconds: float
    measured: bool
    """Whether earlier scenes of this dataset say how long one takes."""
    note: str = ""
    """Why nothing more can be said."""

    def __str__(self) -> str:
        if self.note:
            return f"{self.stage}: cannot be foretold: {self.note}"
        if not self.scenes:
            return f"{self.stage}: nothing to do"
        read = ""
        if self.bytes_read is not None:
            read = f", of files with {self.bytes_read / 1e6:,.0f} MB"
        how = "as before" if self.measured else "a guess: none was made yet"
        minutes = f"{self.seconds / 60:.1f} min" if self.seconds >= 6 else "seconds"
        return f"{self.stage}: {self.scenes} scenes{read}, {minutes} ({how})"


def status(dataset: Dataset) -> list[Row]:
    """Return a row for each stage; nothing is made, and a source is asked only for new lists."""
    if not dataset.layout().scene_ids.exists():
        return [Row("scene-ids", 0, 0, 1, 0, 0, 0, "which scenes there are is not decided yet")]
    looking = _looking(dataset)
    failures = read_failures(dataset.layout().failures)
    rows = []
    for aux in (None, *dataset.meta.aux_products):
        pipeline = Pipeline(looking, aux)
        try:
            crops = pipeline.stages.crops()
        except SceneError as error:
            rows.append(Row(f"crop.{aux}" if aux else "crop", 0, 0, 0, 0, 0, 0, str(error)))
            continue
        rows.append(_row(crops, failures))
        rows += [_row(stage, failures) for stage in _later(pipeline, crops)]
    return rows


def _later(pipeline: Pipeline, crops: Stage) -> Iterable[Stage]:
    """Yield the stages after crops that the meta.yaml asks for, as far as they can be laid out."""
    meta = pipeline.dataset.meta
    if meta.sampling.resolution is None:
        return
    known = _limits(pipeline, crops)
    yield pipeline.stages.regridded(crops, known)
    if meta.sampling.triplets is not None:
        try:
            yield pipeline.stages.tiles("triplets", crops, known)
        except SceneError:  # tiles of an auxiliary product before those of the scenes
            return


def _limits(pipeline: Pipeline, crops: Stage) -> dict[str, tuple[float, float]]:
    from tiling.scenes.production.valuelimits import limits

    layout = pipeline.dataset.layout()
    if pipeline.aux is not None or not layout.statistics.exists():
        return {}
    return limits(pipeline.dataset, [job.path for job in crops.jobs.values()])


def _row(stage: Stage, failures: dict[str, dict[str, str]]) -> Row:
    work, skipped = stage.work, [scene for scene in stage.jobs if scene in stage.record.skipped]
    return Row(
        stage.name,
        len(stage.jobs),
        len(work.kept) - len([scene for scene in skipped if scene in work.kept]),
        len(work.missing),
        len(work.stale),
        len(skipped),
        len(failures.get(stage.name, {})),
    )


def forecast(stage: Stage) -> Forecast:
    """Return what a stage would do."""
    jobs = [stage.jobs[scene] for scene in stage.work.todo]
    measured = stage.record.scenes > 0
    each = stage.record.seconds / stage.record.scenes if measured else None
    seconds = sum(each if each is not None else _guess(job) for job in jobs)
    read = None
    if jobs and isinstance(jobs[0], CropJob):
        read = sum(item.size for job in jobs for item in job.items.values())
    return Forecast(stage.name, len(jobs), read, seconds, measured)


def forecasts(pipeline: Pipeline, task: str, kind: str = "triplets") -> list[Forecast]:
    """Return what a task and those before it would do; what hangs on crops waits for them."""
    crops = pipeline.stages.crops()
    found = [forecast(crops)]
    known = _limits(pipeline, crops)
    try:
        found += [forecast(stage) for stage in _next(pipeline, crops, known, task, kind)]
    except SceneError as error:
        if error.code != "E103":
            raise
        found.append(Forecast(kind, 0, None, 0.0, False, error.message))
    return found


def _next(
    pipeline: Pipeline, crops: Stage, known: dict[str, tuple[float, float]], task: str, kind: str
) -> Iterable[Stage]:
    if task == "train" or (task == "tiles" and kind != "rect-slidingwindow"):
        tiles: Kind = "trajectories" if kind == "trajectories" else "triplets"
        yield pipeline.stages.tiles(tiles, crops, known)
    elif task not in ("scene-ids", "crop", "stats"):
        yield pipeline.stages.regridded(crops, known)


def _guess(job: CropJob | GridJob) -> float:
    if isinstance(job, TileJob):
        return _TILE_SECONDS * len(job.tiles)
    pixels = job.grid.shape[0] * job.grid.shape[1] if job.grid is not None else 1_000_000
    name = "crop" if isinstance(job, CropJob) else "regrid"
    return _SECONDS[name] * (0.2 + pixels / 1e6)


def stale_files(dataset: Dataset) -> list[Path]:
    """Return files of scenes that `meta.yaml` no longer asks for, or that were made otherwise."""
    looking, found = _looking(dataset), set[Path]()
    for aux in (None, *dataset.meta.aux_products):
        pipeline = Pipeline(looking, aux)
        crops = pipeline.stages.crops()
        for stage in (crops, *_later(pipeline, crops)):
            files = {path for scene in stage.work.stale for path in files_of(stage.jobs[scene])}
            files |= {path.with_suffix(".png") for path in files}
            found |= {path for path in files if path.exists()} | set(surplus(stage))
    return sorted(found)


def _looking(dataset: Dataset) -> Dataset:
    return replace(dataset, options=replace(dataset.options, overwrite="stale", looking=True))
