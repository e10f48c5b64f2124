"""What is done with a dataset folder, one function a task; each brings what it needs.

Every function can be run again at any time: what stands is kept, what is missing is made, and what
was made by other settings is refused, or made anew with ``overwrite="stale"``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from tiling.scenes.errors import SceneError
from tiling.scenes.planning.scenes import Scenes
from tiling.scenes.production.dataset import Options, open_dataset
from tiling.scenes.production.pipeline import Pipeline
from tiling.scenes.production.running import Outcome
from tiling.scenes.production.scenelists import aux_scenes, scene_list
from tiling.scenes.production.status import Row
from tiling.scenes.production.status import status as _status
from tiling.scenes.production.valuelimits import statistics

if TYPE_CHECKING:
    from tiling.scenes.embedding.training import Training

__all__ = [
    "crop",
    "embed",
    "regrid",
    "scene_ids",
    "stats",
    "status",
    "tiles",
    "train",
    "trajectories",
    "transform",
]

StrPath = str | os.PathLike[str]
Kind = Literal["triplets", "trajectories", "rect-slidingwindow"]
Store = Literal["netcdf", "zarr"]

STEP = 30
"""Pixels between sliding windows, where neither the command nor `meta.yaml` says."""


def scene_ids(data_path: StrPath = ".", *, aux_name: str | None = None, **options: Any) -> Scenes:
    """Decide which scenes a dataset has, or which auxiliary files go with them.

    A list that was decided stands until it is asked for with ``overwrite="all"``: then the source
    is asked for scenes that came since.

    Parameters
    ----------
    data_path
        Folder of the dataset, with its `meta.yaml`.
    aux_name
        Name of an auxiliary product.
    options
        Of `tiling.scenes.production.dataset.Options`: `overwrite`, `scene_filter`, `fail_fast`,
        `allow_user_code`, `client`, `tell`. All tasks take them.

    Returns
    -------
    dict
        The inputs of each scene, by its ID.

    Raises
    ------
    BadMeta
        With all that is wrong in `meta.yaml`.
    SceneError
        See the codes in the guide. All tasks raise these two.
    """
    pipeline = _pipeline(data_path, None, options)
    anew = pipeline.dataset.options.overwrite == "all"
    with pipeline.held():
        if aux_name is None:
            return scene_list(pipeline.dataset, anew=anew)
        return aux_scenes(pipeline.dataset, aux_name, anew=anew)[1]


def crop(data_path: StrPath = ".", *, aux_name: str | None = None, **options: Any) -> list[Outcome]:
    """Read the part of each scene that covers the domain; parameters as for `scene_ids`.

    Returns
    -------
    list of Outcome
        What each stage made, kept, skipped and could not do.
    """
    pipeline = _pipeline(data_path, aux_name, options)
    with pipeline.held():
        pipeline.crop()
    return pipeline.outcomes


def tiles(
    data_path: StrPath = ".",
    *,
    kind: Kind = "triplets",
    aux_name: str | None = None,
    step_size: int | None = None,
    store: Store = "netcdf",
    pack: bool = False,
    **options: Any,
) -> list[Outcome]:
    """Cut tiles: triplets, tiles along a trajectory, or the index of sliding windows.

    Parameters
    ----------
    kind
        ``rect-slidingwindow`` regrids all scenes and lists the windows.
    aux_name
        Cut this product where the tiles of the scenes lie.
    step_size
        Pixels between sliding windows.
    store
        ``zarr`` gathers the tiles of each collection in one store as well, from which training
        reads faster.
    pack
        Write int16 where values fit.
    """
    _check_word("kind", kind, Kind)
    _check_word("store", store, Store)
    pipeline = _pipeline(data_path, aux_name, options, pack=pack)
    step = _step(pipeline, step_size)
    with pipeline.held():
        if kind == "rect-slidingwindow":
            _index(pipeline, step)
        else:
            pipeline.tiles(kind)
            if store == "zarr" and kind == "triplets":
                from tiling.scenes.production.tilestores import gather_tiles

                gather_tiles(pipeline.dataset, aux_name)
    return pipeline.outcomes


def regrid(
    data_path: StrPath = ".", *, aux_name: str | None = None, pack: bool = False, **options: Any
) -> list[Outcome]:
    """Bring all scenes onto the grid of the domain; parameters as for `tiles`."""
    pipeline = _pipeline(data_path, aux_name, options, pack=pack)
    with pipeline.held():
        pipeline.regrid()
    return pipeline.outcomes


def stats(data_path: StrPath = ".", **options: Any) -> dict[str, dict[str, Any]]:
    """Find percentiles of all scenes, which limit pictures of kinds without fixed limits.

    Returns
    -------
    dict
        By variable: ``limits`` (1st and 99th percentile), ``least``, ``most``, ``values``,
        ``missing``.
    """
    pipeline = _pipeline(data_path, None, options)
    with pipeline.held():
        stage, outcome = pipeline.cropped
        paths = [job.path for scene, job in stage.jobs.items() if scene not in outcome.failed]
        return statistics(pipeline.dataset, paths)


def train(
    data_path: StrPath = ".",
    *,
    name: str | None = None,
    collection: str = "train",
    validation: str | None = None,
    max_epochs: int = 10,
    batch_size: int = 24,
    arch: Literal["small", "resnet18"] = "small",
    training: Mapping[str, Any] | None = None,
    **options: Any,
) -> Training:
    """Train an encoder on triplets, and write it to ``models/{name}.pt``.

    Parameters
    ----------
    name
        Of the model; by default its architecture.
    validation
        Collection to validate on; by default a tenth of the scenes of `collection`, which are then
        not trained on.
    training
        More arguments of `tiling.scenes.embedding.training.train`.

    Returns
    -------
    Training
        With the accuracy of the untrained network beside that of the trained one.
    """
    from tiling.scenes.embedding.training import check_options
    from tiling.scenes.production.learning import model_to_train, train_encoder

    pipeline, training = _pipeline(data_path, None, options), training or {}
    checked = ("learning_rate", "threads", "loss")
    check_options(max_epochs, batch_size, **{n: training[n] for n in checked if n in training})
    model_to_train(pipeline.dataset, name or arch)
    with pipeline.held():
        pipeline.tiles("triplets")
        return train_encoder(
            pipeline.dataset, name or arch, collection=collection, validation=validation,
            max_epochs=max_epochs, batch_size=batch_size, arch=arch, **training,
        )  # fmt: skip


def embed(
    data_path: StrPath = ".",
    *,
    model_path: StrPath = "models/small.pt",
    step_size: int | None = None,
    dense: bool = False,
    batch_size: int = 32,
    triplets: bool = False,
    **options: Any,
) -> Path:
    """Embed all windows of all regridded scenes.

    Parameters
    ----------
    model_path
        Checkpoint of an encoder, relative to `data_path`.
    step_size
        Pixels between windows.
    dense
        Send each scene through the network once: many times faster, not the same vectors.
    triplets
        Embed the tiles of all collections as well.

    Returns
    -------
    Path
        Of the file with the embeddings of all scenes.
    """
    from tiling.scenes.embedding.checkpoints import load_encoder
    from tiling.scenes.embedding.inference import check_dense
    from tiling.scenes.production.learning import combined, embed_collections, embedding, folder_of

    pipeline = _pipeline(data_path, None, options)
    dataset = pipeline.dataset
    model = Path(dataset.folder, model_path)
    step = _step(pipeline, step_size)
    encoder = load_encoder(model)  # before hours are spent on scenes
    if dense:
        check_dense(encoder.settings.tile_size, step, dataset.meta.sampling.sliding.edge)
    with pipeline.held():
        images, made_as = pipeline.regridded()
        stage = embedding(
            dataset, images, made_as, model, step=step, dense=dense, batch_size=batch_size
        )
        outcome = pipeline.run(stage)
        done = {scene: job for scene, job in stage.jobs.items() if scene not in outcome.failed}
        if triplets:
            embed_collections(dataset, model, batch_size)
        return combined(folder_of(dataset, model, dense), done, step)


def transform(
    data_path: StrPath = ".",
    *,
    embedding_model_path: StrPath = "models/small.pt",
    step_size: int | None = None,
    dense: bool = False,
    transform_type: str = "pca",
    transform_extra_args: Mapping[str, Any] | None = None,
    pretrained_transform_model: str | None = None,
    samples: int | None = None,
    seed: int = 0,
    trust: bool = False,
    **options: Any,
) -> Path:
    """Transform the embeddings of all scenes: fewer dimensions, or groups.

    Parameters
    ----------
    embedding_model_path, step_size, dense
        As for `embed`, which is run where it has not been.
    transform_type, transform_extra_args
        As for `tiling.scenes.transforms.transforms.fit_transform`; ten principal
        components are kept if nothing is said.
    pretrained_transform_model
        Apply a transform that was fitted before, such as ``pca_transform``.
    trust
        Load a stored transform that is an object and can run anything.

    Returns
    -------
    Path
        Of the transformed embeddings.
    """
    from tiling.scenes.production.learning import transformed
    from tiling.scenes.transforms.methods import checked_args

    if pretrained_transform_model is None:
        checked_args(transform_type, transform_extra_args or {})
    with _pipeline(data_path, None, options).held():
        path = embed(
            data_path, model_path=embedding_model_path, step_size=step_size, dense=dense, **options
        )
        return transformed(
            path, transform_type, transform_extra_args or {},
            pretrained=pretrained_transform_model, samples=samples, seed=seed, trust=trust,
        )  # fmt: skip


def trajectories(
    data_path: StrPath = ".",
    *,
    scene_prefix: str | None = None,
    max_num_trajectories: int = 400,
    dt_max: float = 120.0,
    animate: bool = False,
    **options: Any,
) -> list[Path]:
    """Follow clouds through the regridded scenes of each day, and draw their paths.

    Parameters
    ----------
    scene_prefix
        Follow the scenes whose IDs begin so; by default each day is a series.
    dt_max
        Minutes of path before and after its time that a frame shows.
    animate
        Write a GIF of each series.

    Returns
    -------
    list of Path
        NetCDF files of the paths; one without any path is said by a warning.

    Raises
    ------
    BadInput
        If no scene begins with `scene_prefix`; nothing is made.
    """
    from tiling.scenes.production.flowpaths import flow_paths

    if not dt_max >= 0:
        raise SceneError("E102", f"dt_max is {dt_max}: minutes, 0 or more")
    pipeline = _pipeline(data_path, None, options)
    with pipeline.held():
        pipeline.stages.check_prefix(scene_prefix)
        images, made_as = pipeline.regridded()
        return flow_paths(
            pipeline.dataset, pipeline.stages.told, pipeline.stages.scenes, images, made_as,
            pipeline.stages.whole_grid(), pipeline.limits, prefix=scene_prefix,
            most=max_num_trajectories, minutes=dt_max, animate=animate,
        )  # fmt: skip


def status(data_path: StrPath = ".") -> list[Row]:
    """Return what each stage of a dataset has, lacks, skipped and could not do."""
    return _status(open_dataset(data_path))


def _pipeline(
    data_path: StrPath, aux: str | None, options: Mapping[str, Any], *, pack: bool = False
) -> Pipeline:
    return Pipeline(open_dataset(data_path, Options(**options)), aux, pack)


def _step(pipeline: Pipeline, given: int | None) -> int:
    if given is not None and given < 1:
        raise SceneError("E102", f"step_size is {given}: pixels between windows, 1 or more")
    return given or pipeline.dataset.meta.sampling.sliding.step or STEP


def _check_word(option: str, given: str, known: Any) -> None:
    if given not in get_args(known):
        raise SceneError("E102", f"{option}={given!r}: it is one of {', '.join(get_args(known))}")


def _index(pipeline: Pipeline, step: int) -> None:
    from tiling.scenes.production.slidingindex import write_index

    scenes, _ = pipeline.regridded()
    write_index(pipeline.dataset, pipeline.stages.whole_grid(), scenes, step)
