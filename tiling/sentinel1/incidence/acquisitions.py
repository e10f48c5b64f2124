"""Which of several images of one orbit gives the incidence map of a tile."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import numpy as np

from tiling.sentinel1.errors import NoS1ImageError
from tiling.sentinel1.products.safefolders import Image
from workbench.rasters.tilegrid import tile_footprint

__all__ = ["best_acquisition", "spans_three_times", "tile_coverage"]

logger = logging.getLogger(__name__)

SAME = 1e-6
"""Shares of a tile that differ by less are equal."""


def best_acquisition(images: Iterable[Image], tile: str) -> Image:
    """Choose the image whose orbit an incidence map of a tile is made with.

    It is the one that covers most of the tile among those whose state vectors reach one duration of
    the image beyond both of its ends; of equal cover, the oldest. If the vectors of none reach so
    far, it is the one that covers most, and a warning says so.

    Parameters
    ----------
    images
        Of one direction and relative orbit. The order does not matter.
    tile
        Such as ``33TUM``.

    Raises
    ------
    NoS1ImageError
        If there is no image, or none touches the tile.
    """
    found = [(tile_coverage(image, tile), image) for image in images]
    found = [(covered, image) for covered, image in found if covered > 0]
    if not found:
        raise NoS1ImageError()
    found.sort(key=lambda each: (-round(each[0] / SAME), each[1].manifest.start, each[1].folder))
    for _, image in found:
        if spans_three_times(image):
            return image
    covered, image = found[0]
    logger.warning(
        "%s: the state vectors of none of %d images reach one duration beyond both ends; the "
        "incidence is from %s, which covers %.0f %% of the tile",
        tile, len(found), image.folder.name, 100 * covered,
    )  # fmt: skip
    return image


def tile_coverage(image: Image, tile: str) -> float:
    """Return the share of a tile, 0 to 1, that the footprint in a manifest covers.

    Areas are taken in degrees, within one tile the same share of any part of it.
    """
    import shapely

    place = tile_footprint(tile)
    footprint = image.manifest.footprint
    # A footprint across the antimeridian goes on beyond 180; the tile is in -180 to 180.
    copies = [shapely.affinity.translate(footprint, turn) for turn in (-360, 0, 360)]
    covered = shapely.union_all([place.intersection(copy) for copy in copies])
    return float(covered.area / place.area)


def spans_three_times(image: Image) -> bool:
    """Tell whether the annotated state vectors reach one duration beyond both ends of an image."""
    annotation = image.annotation
    duration = float((annotation.last_line - annotation.first_line) / np.timedelta64(1, "s"))
    times = annotation.vectors.times
    return bool(times[0] <= -duration and times[-1] >= 2 * duration)
