"""Scene datasets: from a `meta.yaml` to scenes, tiles, triplets, embeddings and trajectories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from tiling.scenes.errors import BadMeta, Problem, SceneError, UnusableInput
    from tiling.scenes.meta.codes import CODES
    from tiling.scenes.meta.model import Meta
    from tiling.scenes.meta.reading import checked_meta, read_meta
    from tiling.scenes.meta.writing import starter
    from tiling.scenes.sources.contract import Item, Source
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "CODES",
    "BadMeta",
    "Item",
    "Meta",
    "Problem",
    "SceneError",
    "Source",
    "UnusableInput",
    "checked_meta",
    "read_meta",
    "starter",
]
