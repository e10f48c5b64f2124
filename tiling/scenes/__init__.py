"""Scene datasets: from a `meta.yaml` to scenes, tiles, triplets, embeddings and trajectories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from tiling.scenes.embedding.checkpoints import load_encoder
    from tiling.scenes.embedding.inference import embed
    from tiling.scenes.embedding.nearest import nearest
    from tiling.scenes.embedding.tiledata import TripletTiles
    from tiling.scenes.embedding.training import train
    from tiling.scenes.errors import BadMeta, Problem, SceneError, UnusableInput
    from tiling.scenes.meta.model import Meta
    from tiling.scenes.sources.contract import Item, Source
    from tiling.scenes.transforms.transforms import fit_transform
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "BadMeta",
    "Item",
    "Meta",
    "Problem",
    "SceneError",
    "Source",
    "TripletTiles",
    "UnusableInput",
    "embed",
    "fit_transform",
    "load_encoder",
    "nearest",
    "train",
]
