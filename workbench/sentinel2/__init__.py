"""Sentinel-2 images: read as labelled stacks from whatever they lie in, and simulated.

`read` is the door: it looks at a source and calls the reader for it. A stack holds ``reflectance``
(time, band, y, x) and ``weight`` (time, y, x), the radiometric offset removed, the images of one
pass put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from workbench.sentinel2.cubes import read_cube
    from workbench.sentinel2.geotiffs import read_folder
    from workbench.sentinel2.safe import read_safe
    from workbench.sentinel2.simulatedseries import simulate
    from workbench.sentinel2.sources import read
    from workbench.sentinel2.stac import read_stac
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = ["read", "read_cube", "read_folder", "read_safe", "read_stac", "simulate"]
