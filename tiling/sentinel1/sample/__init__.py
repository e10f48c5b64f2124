"""A simulated sample in the real file formats, with the true answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from tiling.sentinel1.sample.wholesamples import write_sample
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = ["write_sample"]
