"""Figures of a fusion: what went in, its steps, the images, what they rest on, their errors.

Each function returns a matplotlib figure; the caller shows or saves it. *Fine* is what
`efast.read_fine` returns, *result* what `efast.fuse` or a run gives, and *steps* hold the variables
`STEPS`, from ``efast.fuse(…, keep=figures.STEPS)`` or of a run with ``keep=figures.STEPS``, see
`efast.open_steps`. Images are true colour (B04, B03, B02) where those bands are there; masked
pixels are pale, missing ones grey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from efast.figures.downloads import cells, fused_images
    from efast.figures.results import (
        animation,
        comparison,
        fusion_strip,
        hidden_dates,
        ndvi_series,
        quality_maps,
    )
    from efast.figures.steps import STEPS, composites, inputs, masks_and_scores
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "STEPS",
    "animation",
    "cells",
    "comparison",
    "composites",
    "fused_images",
    "fusion_strip",
    "hidden_dates",
    "inputs",
    "masks_and_scores",
    "ndvi_series",
    "quality_maps",
]
