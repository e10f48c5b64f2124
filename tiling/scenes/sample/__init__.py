"""A simulated day of drifting clouds in the files of GOES, and a small simulation, truth known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from tiling.scenes.sample.fulldisks import write_full_disks
    from tiling.scenes.sample.wholesamples import Sample, read_sample, write_sample
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = ["Sample", "read_sample", "write_full_disks", "write_sample"]
