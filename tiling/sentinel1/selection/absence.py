"""Why there is nothing to be put on tiles: the first cause that a run comes upon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tiling.sentinel1.products.names import parse_name
from tiling.sentinel1.selection.coverage import passes_over
from tiling.sentinel1.selection.filters import Filters
from tiling.sentinel1.selection.inputs import Product, product_folders

__all__ = ["why_nothing"]


def why_nothing(
    folder: Path, filters: Filters, products: Iterable[Product], tiles: Sequence[str], ratio: float
) -> str:
    """Return why no product of a folder comes on any of some tiles.

    Parameters
    ----------
    folder
        Where products are looked for.
    filters
        What is asked for.
    products
        Those of the folder that are.
    tiles
        Names.
    ratio
        Per cent of a tile that a pass must cover.
    """
    products = list(products)
    if not folder.is_dir():
        return f"{folder}: no such folder; see Paths.s1_images"
    if not products:
        return _none_asked_for(folder, filters)
    named = ", ".join(tiles)
    over = [one for tile in tiles for one in passes_over(products, tile)]
    if not over:
        return f"none of {len(products)} products in {folder} that are asked for lies on {named}"
    most = max(one.coverage for one in over)
    return (
        f"no product in {folder} covers enough of {named}: {most:g} per cent at most, where "
        f"DataSource.tile_to_product_overlap_ratio is {ratio:g}"
    )


def _none_asked_for(folder: Path, filters: Filters) -> str:
    there = product_folders(folder)
    if not there:
        packed = len(list(folder.glob("S1*.zip")))
        unpack = f", but {packed} .zip archives, which are to be unpacked" if packed else ""
        return f"no product in {folder}{unpack}; Paths.s1_images is the folder of the SAFE folders"
    names = [parse_name(path.name) for path in there]
    reasons = Counter(filters.against_name(name) for name in names if name is not None)
    spoken = [f"{number} {reason or 'of other orbits'}" for reason, number in reasons.most_common()]
    return f"none of {len(there)} products in {folder} is asked for: {'; '.join(spoken)}"
