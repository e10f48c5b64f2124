"""Scene datasets: from a `meta.yaml` to scenes, tiles, triplets, embeddings and trajectories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from tiling.scenes.domains.planes import domain_grid
    from tiling.scenes.errors import BadMeta, Problem, SceneError, UnusableInput
    from tiling.scenes.imagery.files import read_images
    from tiling.scenes.imagery.regridding import on_grid
    from tiling.scenes.meta.model import Meta
    from tiling.scenes.sources.contract import Item, Source
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
    "domain_grid",
    "on_grid",
    "read_images",
]
