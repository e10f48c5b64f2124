"""Scene datasets: from a `meta.yaml` to scenes, tiles, triplets, embeddings and trajectories.

The tasks on a dataset folder are the functions of `tiling.scenes.tasks`; what they stand on can be
used by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from tiling.scenes.domains.planes import domain_grid
    from tiling.scenes.embedding.checkpoints import load_encoder
    from tiling.scenes.embedding.inference import embed
    from tiling.scenes.embedding.nearest import nearest
    from tiling.scenes.embedding.tiledata import TripletTiles
    from tiling.scenes.embedding.training import train
    from tiling.scenes.errors import BadMeta, Problem, SceneError, UnusableInput
    from tiling.scenes.imagery.files import read_images
    from tiling.scenes.imagery.regridding import on_grid
    from tiling.scenes.meta.codes import CODES
    from tiling.scenes.meta.model import Meta
    from tiling.scenes.meta.reading import checked_meta, read_meta
    from tiling.scenes.meta.writing import starter
    from tiling.scenes.production.dataset import Options, open_dataset
    from tiling.scenes.sample.wholesamples import read_sample, write_sample
    from tiling.scenes.sources.contract import Item, Source
    from tiling.scenes.sources.registry import aux_source_for, known_sources, source_for
    from tiling.scenes.trajectories.tracks import follow
    from tiling.scenes.transforms.transforms import fit_transform
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "CODES",
    "BadMeta",
    "Item",
    "Meta",
    "Options",
    "Problem",
    "SceneError",
    "Source",
    "TripletTiles",
    "UnusableInput",
    "aux_source_for",
    "checked_meta",
    "domain_grid",
    "embed",
    "fit_transform",
    "follow",
    "known_sources",
    "load_encoder",
    "nearest",
    "on_grid",
    "open_dataset",
    "read_images",
    "read_meta",
    "read_sample",
    "source_for",
    "starter",
    "train",
    "write_sample",
]
