"""How much of a tile products cover, and which of them are put on it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tiling.sentinel1.selection.inputs import Product
from workbench.rasters.grids import transformer
from workbench.rasters.tilegrid import parse_tile

if TYPE_CHECKING:
    from shapely import Geometry, Polygon

__all__ = ["Pass", "coverage", "passes", "passes_over"]

logger = logging.getLogger(__name__)

_MARGIN = 2.0  # degrees around a tile within which a footprint is followed
_STEP = 0.02  # degrees; a straight side as long bends by centimetres on the map


@dataclass(frozen=True)
class Pass:
    """The products of one day, platform, relative orbit and direction that lie on a tile.

    As S1Tiling has it: a pass over midnight UTC is two, and so is one that turns near the pole.

    Attributes
    ----------
    tile
        Name of the tile.
    products
        In the order of time.
    coverages
        Of each, per cent of the tile.
    """

    tile: str
    products: tuple[Product, ...]
    coverages: tuple[float, ...]

    @property
    def coverage(self) -> float:
        """Their sum, per cent, to two decimals; products overlap, so it may pass 100."""
        return round(sum(self.coverages), 2)

    @property
    def day(self) -> str:
        """Such as ``2021-12-23``."""
        return str(self.products[0].name.start)[:10]

    @property
    def relative_orbit(self) -> int:
        """1 to 175."""
        return self.products[0].manifest.relative_orbit


def coverage(footprint: Polygon, tile: str) -> float:
    """Return how much of a tile a footprint covers, per cent of its area in its own projection.

    Parameters
    ----------
    footprint
        In degrees, longitude first; across the antimeridian its longitudes pass 180.
    tile
        Name of the tile.
    """
    square, near, crs = _place(parse_tile(tile).name)
    import shapely.affinity

    there = transformer("EPSG:4326", crs)
    outline = shapely.make_valid(footprint)
    covered = 0.0
    for turn in range(-720, 721, 360):
        part = shapely.intersection(shapely.affinity.translate(outline, turn), near)
        if not part.area:
            continue
        fine = shapely.segmentize(part, _STEP)
        moved = shapely.transform(fine, lambda at: _columns(there.transform(*at.T)))
        covered += float(shapely.intersection(shapely.make_valid(moved), square).area)
    return 100 * covered / float(square.area)


def passes(
    products: Iterable[Product], tile: str, ratio: float = 0
) -> tuple[list[Pass], list[Pass]]:
    """Return the passes over a tile that cover enough of it, and those that do not.

    Parameters
    ----------
    products
        Candidates, on the tile or not, each acquisition once
        (`tiling.sentinel1.selection.reprocessed.latest`).
    tile
        Name of the tile.
    ratio
        Per cent of the tile that the products of a pass must cover together; with 0 all that
        touch it will do.

    Returns
    -------
    kept, dropped : list of Pass
        In the order of time; each that is dropped is named in a warning.
    """
    found = passes_over(products, tile)
    dropped = [one for one in found if one.coverage < ratio]
    for one in dropped:
        logger.warning(
            "tile %s, %s, relative orbit %d: %s per cent are covered, less than %s; left out: %s",
            tile, one.day, one.relative_orbit, one.coverage, ratio,
            ", ".join(each.identifier for each in one.products),
        )  # fmt: skip
    return [one for one in found if one.coverage >= ratio], dropped


def passes_over(products: Iterable[Product], tile: str) -> list[Pass]:
    """Return all passes over a tile, in the order of time, however little they cover."""
    groups: dict[tuple[str, str, int, str], list[tuple[Product, float]]] = {}
    for product in sorted(products, key=lambda each: (each.manifest.start, each.identifier)):
        share = coverage(product.manifest.footprint, tile)
        if share > 0:
            key = (
                str(product.name.start)[:10],
                product.name.platform,
                product.manifest.relative_orbit,
                product.manifest.direction,
            )
            groups.setdefault(key, []).append((product, share))
    return [
        Pass(tile, tuple(each for each, _ in group), tuple(share for _, share in group))
        for group in groups.values()
    ]


@lru_cache(maxsize=256)
def _place(tile: str) -> tuple[Geometry, Geometry, str]:
    """Return a tile in its projection, a box around it in degrees, and the projection.

    Longitudes of the box go on beyond 180 or -180 where it crosses the antimeridian.
    """
    import shapely

    place = parse_tile(tile)
    crs, square = f"EPSG:{place.epsg}", shapely.box(*place.bounds)
    meridian = 6 * place.zone - 183
    fine = shapely.segmentize(square.exterior, 3660.0)
    longitude, latitude = transformer(crs, "EPSG:4326").transform(*shapely.get_coordinates(fine).T)
    longitude = (longitude - meridian + 180) % 360 - 180 + meridian
    near = shapely.box(
        longitude.min() - _MARGIN,
        max(latitude.min() - _MARGIN, -90),
        longitude.max() + _MARGIN,
        min(latitude.max() + _MARGIN, 90),
    )
    return square, near, crs


def _columns(places: tuple[Any, Any]) -> Any:
    import numpy as np

    return np.stack(places, axis=1)
