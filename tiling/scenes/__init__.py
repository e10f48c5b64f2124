"""Scene datasets: from a `meta.yaml` to scenes, tiles, triplets, embeddings and trajectories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from tiling.scenes.errors import BadMeta, Problem, SceneError, UnusableInput
    from tiling.scenes.meta.model import Meta
    from tiling.scenes.sources.contract import Item, Source
    from tiling.scenes.sources.registry import aux_source_for, known_sources, source_for
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "BadMeta",
    "Item",
    "Meta",
    "Problem",
    "SceneError",
    "Source",
    "UnusableInput",
    "aux_source_for",
    "known_sources",
    "source_for",
]
