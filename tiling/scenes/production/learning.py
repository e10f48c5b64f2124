"""Encoders trained on tiles, scenes embedded by them, embeddings transformed."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tiling.scenes.errors import SceneError
from tiling.scenes.imagery.files import read_images
from tiling.scenes.production.dataset import Dataset
from tiling.scenes.production.fingerprints import fingerprint
from tiling.scenes.production.running import Made
from tiling.scenes.production.stagework import Stage
from tiling.scenes.production.standing import Record, sort_out
from tiling.scenes.production.tilestores import made_of, tiles_of

if TYPE_CHECKING:
    from tiling.scenes.embedding.training import Training

__all__ = ["EmbedJob", "combined", "embed_collections", "embedding", "train_encoder", "transformed"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmbedJob:
    """A regridded scene to be embedded."""

    scene: str
    image: Path
    path: Path
    fingerprint: str
    model: Path
    step: int
    edge: Literal["drop", "cover"]
    dense: bool
    batch_size: int
    overwrite: bool = True


def train_encoder(
    dataset: Dataset,
    name: str,
    *,
    collection: str = "train",
    validation: str | None = None,
    **options: Any,
) -> Training:
    """Train an encoder on the tiles of a collection, and keep the best of it.

    Parameters
    ----------
    name
        Of the model: ``models/{name}.pt``.
    validation
        Collection to validate on, instead of some scenes of `collection`.
    options
        Of `tiling.scenes.embedding.training.train`.

    Raises
    ------
    SceneError
        As `model_to_train`.
    """
    from tiling.scenes.embedding.training import train

    path = model_to_train(dataset, name)
    text = (dataset.folder / "meta.yaml").read_bytes()
    return train(
        tiles_of(dataset, collection),
        validation=None if validation is None else tiles_of(dataset, validation),
        save_to=path,
        meta_sha256=hashlib.sha256(text).hexdigest(),
        **options,
    )


def model_to_train(dataset: Dataset, name: str) -> Path:
    """Return where an encoder will lie.

    Raises
    ------
    SceneError
        E102 for a name that leads elsewhere, E104 if there is such a model already and it shall not
        be replaced.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise SceneError(
            "E102", f"{name!r} is no name of a model: letters, digits, _, . and -, such as small2"
        )
    path = dataset.layout().models(name)
    if path.exists() and dataset.options.overwrite != "all":
        raise SceneError(
            "E104", f"{path} is there: use it, name another (--name), or train it anew with"
            " --overwrite all",
        )  # fmt: skip
    return path


def embedding(
    dataset: Dataset,
    regridded: Mapping[str, Path],
    fingerprints: Mapping[str, str],
    model: Path,
    *,
    step: int,
    dense: bool,
    batch_size: int,
) -> Stage:
    """Lay out the embedding of regridded scenes."""
    from tiling.scenes.embedding.checkpoints import load_encoder, model_sha256
    from tiling.scenes.embedding.inference import check_dense

    encoder = load_encoder(model)
    edge = dataset.meta.sampling.sliding.edge
    if dense:
        check_dense(encoder.settings.tile_size, step, edge)
    sha = model_sha256(encoder)
    folder = folder_of(dataset, model, dense)
    jobs = {
        scene: EmbedJob(
            scene,
            image,
            folder / f"{scene}.embeddings.{step}_step.nc",
            fingerprint("embed", fingerprints[scene], sha, step, edge, dense),
            model,
            step,
            edge,
            dense,
            batch_size,
        )
        for scene, image in regridded.items()
    }
    name = f"embed.{step}"
    record = Record.load(folder, name)
    work = sort_out(
        "embed",
        record,
        {scene: job.fingerprint for scene, job in jobs.items()},
        {scene: (job.path,) for scene, job in jobs.items()},
        dataset.options.overwrite,
    )
    return Stage(name, embed_scene, jobs, record, work, threads=1)


def folder_of(dataset: Dataset, model: Path, dense: bool) -> Path:
    """Return where embeddings by a model lie; those of whole scenes are kept apart."""
    return dataset.layout().embeddings("rect", model.stem + ("-dense" if dense else ""))


def embed_scene(job: EmbedJob) -> Made:
    """Embed one scene; torch uses all threads of this process."""
    from tiling.scenes.embedding.embeddingfiles import write_embeddings
    from tiling.scenes.embedding.inference import embed

    begin = time.monotonic()
    found = embed(
        read_images(job.image),
        _encoder(job.model),
        step=job.step,
        edge=job.edge,
        dense=job.dense,
        batch_size=job.batch_size,
        name=job.scene,
    )
    found.attrs["fingerprint"] = job.fingerprint
    write_embeddings(found, job.path, overwrite=job.overwrite)
    return Made(job.fingerprint, time.monotonic() - begin)


_kept: dict[tuple[Path, float], Any] = {}


def _encoder(path: Path) -> Any:
    """Return an encoder; the last one is kept."""
    from tiling.scenes.embedding.checkpoints import load_encoder

    key = path, path.stat().st_mtime
    if key not in _kept:
        _kept.clear()
        _kept[key] = load_encoder(path)
    return _kept[key]


def combined(folder: Path, jobs: Mapping[str, EmbedJob], step: int) -> Path:
    """Return the file of the embeddings of all scenes, written anew if it holds others."""
    from tiling.scenes.embedding.embeddingfiles import combine_embeddings

    path = folder / f"all_embeddings.{step}_step.nc"
    record = Record.load(folder, f"combined.{step}")
    shall = fingerprint("combined", {scene: job.fingerprint for scene, job in jobs.items()})
    if record.done.get("all") != shall or not path.exists():
        combine_embeddings([jobs[scene].path for scene in sorted(jobs)], path, overwrite=True)
        record.found("all", shall)
        record.save()
    return path


def embed_collections(dataset: Dataset, model: Path, batch_size: int) -> list[Path]:
    """Embed the triplets of all collections that have tiles; those that stand are kept."""
    from tiling.scenes.embedding.checkpoints import load_encoder, model_sha256
    from tiling.scenes.embedding.embeddingfiles import open_embeddings, write_embeddings
    from tiling.scenes.embedding.inference import embed_triplets
    from tiling.scenes.embedding.tiledata import TripletTiles

    triplets = dataset.meta.sampling.triplets
    paths = []
    for collection, count in (triplets.counts if triplets else {}).items():
        source = tiles_of(dataset, collection)
        if not count or not source.is_dir():
            continue
        path = dataset.layout().embeddings("triplets", model.stem) / f"{collection}.nc"
        made_as = made_of(dataset.layout().tiles("triplets"))
        shall = fingerprint("embed", collection, made_as, model_sha256(load_encoder(model)))
        if path.exists() and dataset.options.overwrite != "all":
            with open_embeddings(path) as standing:
                if standing.attrs.get("fingerprint") == shall:
                    paths.append(path)
                    continue
            if dataset.options.overwrite == "never":
                raise SceneError(
                    "E100", f"{path} is of other tiles or of another model: --overwrite stale"
                    " makes it anew",
                )  # fmt: skip
        found = embed_triplets(TripletTiles(source), load_encoder(model), batch_size=batch_size)
        found.attrs["fingerprint"] = shall
        paths.append(write_embeddings(found, path, overwrite=True))
    return paths


def transformed(
    embeddings: Path,
    type: str,  # noqa: A002  the word of the command
    args: Mapping[str, Any],
    *,
    pretrained: str | None = None,
    samples: int | None = None,
    seed: int = 0,
    trust: bool = False,
) -> Path:
    """Transform the embeddings of all scenes, with pictures of the first three components.

    Parameters
    ----------
    embeddings
        As `combined` writes them; results go beside them.
    pretrained
        A transform that was fitted before is applied instead.
    """
    from tiling.scenes.embedding.embeddingfiles import open_embeddings, write_embeddings
    from tiling.scenes.transforms.models import load_model, save_model
    from tiling.scenes.transforms.transforms import apply_transform, fit_transform

    with open_embeddings(embeddings) as file:
        if pretrained is not None:
            found = apply_transform(file, load_model(embeddings.parent, pretrained, trust=trust))
        else:
            found, model = fit_transform(file, type, args, samples=samples, seed=seed)
            if model is not None:
                save_model(model, embeddings.parent, overwrite=True)
        found = found.load()
    name = found.attrs["transform_id"]
    path = embeddings.with_name(f"{embeddings.stem}.{name}.nc")
    write_embeddings(found, path, overwrite=True)
    if found.sizes.get("emb_dim", 0) >= 3:
        _write_colours(found, path)
    return path


def _write_colours(found: Any, path: Path) -> None:
    from tiling.scenes.transforms.pictures import component_colours, write_component_picture

    colours = component_colours(found)
    for scene, picture in zip(found["scene_id"].values, colours, strict=True):
        target = path.parent / path.stem / f"{scene}.png"
        write_component_picture(picture, target, overwrite=True)
