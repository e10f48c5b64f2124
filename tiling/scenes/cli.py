"""The command ``workbench scenes``: each task of `tiling.scenes.tasks`, also by its earlier name.

Exit codes: 0 all done, 1 failed, 2 wrong arguments or a wrong meta.yaml, 3 some scenes failed: they
are listed in ``failed_scenes.yml`` and tried anew by the next run.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from workbench.options import cluster_options, example, overwrite_option
from workbench.progress import quieter

if TYPE_CHECKING:
    from tiling.scenes.production.running import Outcome

_PATH = click.Path(path_type=Path)
_EARLIER = {
    "GenerateSceneIDs": "scene-ids",
    "GenerateCroppedScenes": "crop",
    "GenerateTiles": "tiles",
    "GenerateRegriddedScenes": "regrid",
    "trainer": "train",
    "AggregateFullDatasetImagePredictionMapData": "embed",
    "CreateAllPredictionMapsDataTransformed": "transform",
    "PlotAllScenesWithScenePrefixTrajectories": "trajectories",
}
SOME_FAILED = 3

Command = TypeVar("Command", bound=Callable[..., Any])


class _Tasks(click.Group):
    """Commands that are found by their earlier names too."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, _EARLIER.get(cmd_name, cmd_name))


@click.group(cls=_Tasks)
def scenes() -> None:
    """From a meta.yaml to scenes, tiles, embeddings and trajectories.

    Each command makes what it needs first, keeps what stands, and can be run again at any time.
    """


def _common(command: Command) -> Command:
    """Add what all tasks take; the command gets `data_path` and `options`."""

    @functools.wraps(command)
    def called(data_path: Path, cluster: dict[str, Any], quiet: bool, **values: Any) -> None:
        from workbench.clusters import client_or_none

        names = ("overwrite", "scene_filter", "fail_fast", "allow_user_code", "dry_run")
        options = {name: values.pop(name) for name in names}
        if options.pop("dry_run"):
            _foretell(command.__name__, data_path, options, values)
            return
        outcomes: list[Outcome] = []
        silent = ("workbench.progress",) if quiet else ()
        with client_or_none(**cluster) as client, quieter(*silent):
            options |= {"client": client, "tell": outcomes.append}
            try:
                command(data_path=data_path, options=options, **values)
            finally:
                for outcome in outcomes:
                    click.echo(str(outcome))
        _leave(outcomes)

    made = cluster_options(called)
    for option in reversed(
        [
            click.option("--data-path", type=_PATH, default=".", show_default=True,
                         help="Folder of the dataset."),
            click.option("--scene-filter", default="", metavar="REGEX",
                         help="Only scenes in whose IDs this is found."),
            click.option("--overwrite", type=click.Choice(["never", "stale", "all"]),
                         default="never", show_default=True,
                         help="Make anew what other settings made, or everything."),
            click.option("--fail-fast", is_flag=True, help="Stop at the first scene that fails."),
            click.option("--allow-user-code", is_flag=True,
                         help="Run functions of user_functions.py in the folder."),
            click.option("--dry-run", is_flag=True, help="Say what would be made and read."),
            click.option("--quiet", is_flag=True, help="No progress bar."),
        ]
    ):  # fmt: skip
        made = option(made)
    return made  # type: ignore[return-value]


_AUX = click.option("--aux-name", metavar="NAME", help="An auxiliary product of meta.yaml.")
_STEP = click.option(
    "--step-size", type=click.IntRange(min=1),
    help="Pixels between windows.  [default: that of meta.yaml, else 30]",
)  # fmt: skip
_PACK = click.option("--pack", is_flag=True, help="Write int16 where values fit: half as large.")


@scenes.command(epilog=example("workbench scenes init mydata/"))
@click.argument("folder", type=_PATH, default=Path())
@overwrite_option
def init(folder: Path, overwrite: bool) -> None:
    """Write a meta.yaml to begin with into FOLDER."""
    from tiling.scenes.meta.writing import starter

    click.echo(starter(folder / "meta.yaml", overwrite=overwrite))


@scenes.command(epilog=example("workbench scenes validate mydata/"))
@click.argument("folder", type=_PATH, default=Path())
def validate(folder: Path) -> None:
    """Say all that is wrong or doubtful in the meta.yaml of FOLDER."""
    from tiling.scenes.meta.reading import checked_meta
    from tiling.scenes.sources.registry import known_sources

    found, problems = checked_meta(folder, known_sources())
    for problem in problems:
        click.echo(str(problem))
    if found is None:
        sys.exit(2)
    click.echo(f"{folder}: nothing wrong" if not problems else f"{folder}: can be used")


@scenes.command("scene-ids", epilog=example("workbench scenes scene-ids --data-path mydata/"))
@_common
@_AUX
def scene_ids(data_path: Path, options: dict[str, Any], aux_name: str | None) -> None:
    """Decide which scenes there are, or with --aux-name which files go with them."""
    from tiling.scenes import tasks

    found = tasks.scene_ids(data_path, aux_name=aux_name, **options)
    click.echo(f"{len(found)} scenes: {min(found)} to {max(found)}" if found else "no scenes")


@scenes.command(epilog=example("workbench scenes crop --data-path mydata/ --cluster local"))
@_common
@_AUX
def crop(data_path: Path, options: dict[str, Any], aux_name: str | None) -> None:
    """Read the part of each scene that covers the domain."""
    from tiling.scenes import tasks

    tasks.crop(data_path, aux_name=aux_name, **options)


@scenes.command(
    epilog=example("workbench scenes tiles --data-path mydata/",
                   "workbench scenes tiles --data-path mydata/ --aux-name cloud_top_height")
)  # fmt: skip
@_common
@click.option(
    "--kind", type=click.Choice(["triplets", "trajectories", "rect-slidingwindow"]),
    default="triplets", show_default=True, help="What tiles are cut.",
)  # fmt: skip
@_AUX
@_STEP
@click.option(
    "--store", type=click.Choice(["netcdf", "zarr"]), default="netcdf", show_default=True,
    help="zarr: gather each collection in one store as well.",
)  # fmt: skip
@_PACK
def tiles(data_path: Path, options: dict[str, Any], **values: Any) -> None:
    """Cut triplets, tiles along a trajectory, or list sliding windows."""
    from tiling.scenes import tasks

    tasks.tiles(data_path, **values, **options)


@scenes.command(epilog=example("workbench scenes regrid --data-path mydata/"))
@_common
@_AUX
@_PACK
def regrid(data_path: Path, options: dict[str, Any], **values: Any) -> None:
    """Bring all scenes onto the grid of the domain."""
    from tiling.scenes import tasks

    tasks.regrid(data_path, **values, **options)


@scenes.command(epilog=example("workbench scenes stats --data-path mydata/"))
@_common
def stats(data_path: Path, options: dict[str, Any]) -> None:
    """Find percentiles of all scenes, which limit their pictures."""
    from tiling.scenes import tasks

    for name, of in tasks.stats(data_path, **options).items():
        low, high = (f"{limit:.6g}" for limit in of.get("limits", (math.nan, math.nan)))
        counted = f"{of['values']:,} values, {of['missing']:,} missing"
        click.echo(f"{name}: 1 % {low}, 99 % {high}, {counted}")


@scenes.command(epilog=example("workbench scenes train --data-path mydata/ --max-epochs 20"))
@_common
@click.option("--name", help="Of the model.  [default: its architecture]")
@click.option("--collection", default="train", show_default=True, help="To be trained on.")
@click.option("--validation", metavar="NAME",
              help="Collection to validate on.  [default: a tenth of the scenes]")  # fmt: skip
@click.option("--max-epochs", type=click.IntRange(min=1), default=10, show_default=True,
              help="Passes over the triplets.")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(min=2), default=24, show_default=True,
              help="Triplets in a step.")  # fmt: skip
@click.option("--arch", type=click.Choice(["small", "resnet18"]), default="small",
              show_default=True, help="Of the network.")  # fmt: skip
@click.option("--loss", type=click.Choice(["triplet", "vicreg"]), default="triplet",
              show_default=True, help="What is made small.")  # fmt: skip
@click.option("--learning-rate", type=float, default=1e-3, show_default=True, help="Of AdamW.")
@click.option("--dims", type=click.IntRange(min=1), default=100, show_default=True,
              help="Of the embedding.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of random numbers.")
@click.option("--threads", type=click.IntRange(min=1), help="Of torch.  [default: all cores]")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
def train(data_path: Path, options: dict[str, Any], **values: Any) -> None:
    """Train an encoder on triplets, and say how much better it is than an untrained one."""
    from tiling.scenes import tasks

    names = ("loss", "learning_rate", "dims", "seed", "threads", "device")
    more = {name: values.pop(name) for name in names}
    click.echo(str(tasks.train(data_path, training=more, **values, **options)))


@scenes.command(
    epilog=example("workbench scenes embed --data-path mydata/ --model-path models/small.pt")
)
@_common
@click.option("--model-path", default="models/small.pt", show_default=True,
              help="Checkpoint, relative to the dataset.")  # fmt: skip
@_STEP
@click.option("--dense", is_flag=True, help="Each scene at once: faster, not the same vectors.")
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True,
              help="Windows at a time.")  # fmt: skip
@click.option("--triplets", is_flag=True, help="Embed the tiles of all collections as well.")
def embed(data_path: Path, options: dict[str, Any], **values: Any) -> None:
    """Embed all windows of all regridded scenes."""
    from tiling.scenes import tasks

    click.echo(tasks.embed(data_path, **values, **options))


@scenes.command(
    epilog=example("workbench scenes transform --transform-type pca --data-path mydata/",
                   "    --transform-extra-args n_components=3")
)  # fmt: skip
@_common
@click.option("--embedding-model-path", "--model-path", default="models/small.pt",
              show_default=True, help="Checkpoint, relative to the dataset.")  # fmt: skip
@_STEP
@click.option("--dense", is_flag=True, help="Of embeddings that were made so.")
@click.option("--transform-type", default="pca", show_default=True,
              help="pca, kmeans, standard_scaler, isomap, tsne, umap, hdbscan, ...")  # fmt: skip
@click.option("--transform-extra-args", default="", metavar="K=V,...", help="Of the method.")
@click.option("--pretrained-transform-model", metavar="NAME", help="Apply one fitted before.")
@click.option("--samples", type=click.IntRange(min=2), help="Fit to so many vectors at most.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of random numbers.")
@click.option("--trust", is_flag=True, help="Load a stored transform that can run anything.")
def transform(
    data_path: Path, options: dict[str, Any], transform_extra_args: str, **values: Any
) -> None:
    """Transform the embeddings of all scenes: fewer dimensions, or groups."""
    from tiling.scenes import tasks
    from tiling.scenes.transforms.methods import parsed_args

    args = parsed_args(transform_extra_args)
    click.echo(tasks.transform(data_path, transform_extra_args=args, **values, **options))


@scenes.command(epilog=example("workbench scenes trajectories --data-path mydata/ --animate"))
@_common
@click.option("--scene-prefix", metavar="TEXT", help="Of one series.  [default: each day]")
@click.option("--max-num-trajectories", type=click.IntRange(min=1), default=400,
              show_default=True, help="Points that are followed at once.")  # fmt: skip
@click.option("--dt-max", type=click.FloatRange(min=0), default=120.0, show_default=True,
              help="Minutes of path on each side of a frame.")  # fmt: skip
@click.option("--animate", is_flag=True, help="Write a GIF.")
def trajectories(data_path: Path, options: dict[str, Any], **values: Any) -> None:
    """Follow clouds through the scenes of each day."""
    from tiling.scenes import tasks

    for path in tasks.trajectories(data_path, **values, **options):
        click.echo(path)


@scenes.command(epilog=example("workbench scenes status mydata/"))
@click.argument("folder", type=_PATH, default=Path())
def status(folder: Path) -> None:
    """Show what each stage has, lacks, skipped and could not do."""
    from tiling.scenes import tasks

    rows = tasks.status(folder)
    names = ("scenes", "done", "missing", "stale", "skipped", "failed")
    width = max(len(row.stage) for row in rows)
    click.echo(" ".join([f"{'stage':{width}}", *(f"{name:>8}" for name in names)]))
    for row in rows:
        cells = " ".join(f"{getattr(row, name):>8,}" for name in names)
        click.echo(f"{row.stage:{width}} {cells}  {row.note}".rstrip())


@scenes.command(epilog=example("workbench scenes clean mydata/ --stale"))
@click.argument("folder", type=_PATH, default=Path())
@click.option("--stale", is_flag=True, help="Remove them; without it they are listed.")
def clean(folder: Path, stale: bool) -> None:
    """List or remove files that the meta.yaml does not ask for any more."""
    from tiling.scenes.production.dataset import open_dataset
    from tiling.scenes.production.status import stale_files
    from workbench.locks import held

    with held(folder, "workbench scenes"):
        paths = stale_files(open_dataset(folder))
        for path in paths:
            click.echo(path)
            if stale:
                path.unlink()
    done = "removed" if stale else "can be removed: add --stale"
    click.echo(f"{len(paths)} files {done}" if paths else "nothing to remove")


def _leave(outcomes: Iterable[Outcome]) -> None:
    """Exit with 3 where scenes failed."""
    failed = {scene: why for outcome in outcomes for scene, why in outcome.failed.items()}
    if failed:
        scene, why = next(iter(failed.items()))
        told = f"{len(failed)} scenes failed, see failed_scenes.yml; {scene}: {why}"
        click.echo(f"error: {told}", err=True)
        sys.exit(SOME_FAILED)


def _foretell(task: str, folder: Path, options: dict[str, Any], values: dict[str, Any]) -> None:
    """Print what a task would do."""
    from tiling.scenes.production.dataset import Options, open_dataset
    from tiling.scenes.production.pipeline import Pipeline
    from tiling.scenes.production.status import forecasts

    dataset = open_dataset(folder, Options(**options, looking=True))
    pipeline = Pipeline(dataset, values.get("aux_name"), values.get("pack", False))
    pipeline.stages.check_prefix(values.get("scene_prefix"))
    for line in forecasts(pipeline, task.replace("_", "-"), values.get("kind", "triplets")):
        click.echo(str(line))
