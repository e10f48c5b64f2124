"""Tiles of a run: those that are named, or all that products lie on."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from tiling.sentinel1.errors import NoS2TileError
from tiling.sentinel1.selection.coverage import passes_over
from tiling.sentinel1.selection.inputs import Product
from workbench.errors import BadInput
from workbench.rasters.tilegrid import parse_tile, tiles_touching

__all__ = ["covered_tiles", "existing_tiles"]

logger = logging.getLogger(__name__)


def existing_tiles(names: Iterable[str]) -> list[str]:
    """Return those of some names that are tiles, without a leading T, each once, in their order.

    Others are named in a warning, with what is wrong with them.

    Raises
    ------
    NoS2TileError
        If none is.
    """
    names = list(names)
    found: dict[str, None] = {}
    wrong = []
    for name in names:
        try:
            found[parse_tile(name.strip()).name] = None
        except BadInput as error:
            wrong.append(str(error))
            logger.warning("%s; it is left out", error)
    if not found:
        raise NoS2TileError("; ".join(wrong) or "no tile is named: see Processing.tiles")
    return list(found)


def covered_tiles(products: Iterable[Product], ratio: float = 0) -> list[str]:
    """Return the tiles of which products of one pass cover enough, sorted.

    Parameters
    ----------
    products
        Each acquisition once.
    ratio
        Per cent, as for `tiling.sentinel1.selection.coverage.passes`.
    """
    lying: dict[str, list[Product]] = {}
    for product in products:
        for tile in tiles_touching(product.manifest.footprint):
            lying.setdefault(tile, []).append(product)
    return sorted(
        tile
        for tile, there in lying.items()
        if any(one.coverage >= ratio for one in passes_over(there, tile))
    )
