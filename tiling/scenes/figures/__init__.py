"""Figures of domains, scenes, tiles, trainings, embeddings and paths of clouds.

Each function that is named after what it shows returns a matplotlib figure; the caller shows or
saves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from tiling.scenes.figures.images import crops, embedding_maps, regridded, scene
    from tiling.scenes.figures.maps import domain_map, grid_of, read_tile_grids
    from tiling.scenes.figures.tracks import paths
    from tiling.scenes.figures.trainings import training_curves
    from tiling.scenes.figures.triplets import read_triplets, triplet_sheet
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "crops",
    "domain_map",
    "embedding_maps",
    "grid_of",
    "paths",
    "read_tile_grids",
    "read_triplets",
    "regridded",
    "scene",
    "training_curves",
    "triplet_sheet",
]
