"""Figures of tiles of Sentinel-1, of how they are made, and of how good they are.

Each function that is named after what it shows returns a matplotlib figure; the caller shows or
saves it. Images of a tile come from `view`, thinned to what a figure can show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from tiling.sentinel1.figures.maps import tile_map
    from tiling.sentinel1.figures.pointtargets import point_targets, target_offsets
    from tiling.sentinel1.figures.quicklookmap import overview, quicklook_map
    from tiling.sentinel1.figures.radiometry import calibration_look, filters
    from tiling.sentinel1.figures.residuals import residual_figure
    from tiling.sentinel1.figures.tileviews import border_mask, incidence, tile_image
    from tiling.sentinel1.figures.views import around, seen, view
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "around",
    "border_mask",
    "calibration_look",
    "filters",
    "incidence",
    "overview",
    "point_targets",
    "quicklook_map",
    "residual_figure",
    "seen",
    "target_offsets",
    "tile_image",
    "tile_map",
    "view",
]
