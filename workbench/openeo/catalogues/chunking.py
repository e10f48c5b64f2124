"""How a cube of images is cut into chunks, so that no pixel of a file is decoded more than needed.

A chunk holds one date. Bands of files of their own have chunks of their own: who selects a band
reads that band. Bands of one file stay together, since its blocks may hold all of them. Rows and
columns are cut where the tiles of the files end, for what lies in a tile is decoded all at once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from workbench.openeo.catalogues.layers import Image
from workbench.rasters.grids import aligned

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Chunks", "Tiles", "band_chunks", "common_tiles", "pieces", "side_of_blocks"]

_SERIES = 2**25  # values of all dates and bands over one block
_LEAST, _MOST = 256, 1024  # pixels along a block
_STRETCH = 1.5  # of a side, where a whole tile is then one block


class Chunks(NamedTuple):
    """Lengths of chunks along three dimensions; along the first, of dates, they are 1."""

    bands: tuple[int, ...]
    rows: tuple[int, ...]
    cols: tuple[int, ...]


class Tiles(NamedTuple):
    """Tiles of files along one axis, in pixels of a cube.

    Attributes
    ----------
    length
        Pixels along one; 0 if nothing is known of them.
    first
        Where one begins, counted from the first pixel of the cube; may lie before it.
    """

    length: int = 0
    first: int = 0


NO_TILES = Tiles()


def side_of_blocks(series: int) -> int:
    """Return pixels along a block, so that all dates and bands of one fit into memory.

    Parameters
    ----------
    series
        Dates times bands.
    """
    return min(max(math.isqrt(_SERIES // max(series, 1)), _LEAST), _MOST)


def pieces(size: int, side: int, tiles: Tiles = NO_TILES) -> tuple[int, ...]:
    """Return lengths of blocks along an axis.

    Parameters
    ----------
    size
        Pixels along the axis; not more than `side` are one block.
    side
        Pixels along a block, at most; half as many again where a block is then a whole tile.
    tiles
        Where blocks should end: large tiles are cut into equal parts, of small ones several are
        one block.
    """
    if size <= side:
        return (size,)
    period = step = side
    if 0 < tiles.length <= side:
        period = step = side // tiles.length * tiles.length
    elif 0 < tiles.length <= 2 * _MOST:
        period = tiles.length
        step = math.ceil(period / math.ceil(period / (_STRETCH * side)))
    begins = range(tiles.first % period - period, size, period)
    edges = (begin + at for begin in begins for at in range(0, period, step))
    inner = [edge for edge in edges if 0 < edge < size]
    return tuple(b - a for a, b in zip([0, *inner], [*inner, size], strict=True))


def band_chunks(names: Sequence[str], images: Iterable[Image]) -> tuple[int, ...]:
    """Return how many bands lie in each chunk: those of one file, and what stands between them.

    Parameters
    ----------
    names
        Bands of a cube, in order.
    images
        All that it is read from.
    """
    together = [False] * (len(names) - 1)  # a band and the next
    for image in images:
        places: dict[str, list[int]] = {}
        for at, name in enumerate(names):
            if name in image.layers:
                places.setdefault(image.layers[name].path, []).append(at)
        for first, *more in places.values():
            if more:
                together[first : more[-1]] = [True] * (more[-1] - first)
    lengths = [1]
    for joined in together:
        if joined:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return tuple(lengths)


def common_tiles(
    images: Iterable[Image], names: Sequence[str], target: GeoBox
) -> tuple[Tiles, Tiles]:
    """Return the tiles along y and x that most layers have, of those that are on the target's grid.

    Parameters
    ----------
    images
        Whose layers may say what their tiles are.
    names
        Bands that count.
    target
        Grid of the cube, north up.
    """
    known: dict[tuple[GeoBox, tuple[int, int]], tuple[Tiles, Tiles] | None] = {}
    found: Counter[tuple[Tiles, Tiles]] = Counter()
    for image in images:
        for name in names:
            layer = image.layers.get(name)
            if layer is None or layer.grid is None or layer.blocks is None:
                continue
            key = (layer.grid, layer.blocks)
            if key not in known:
                known[key] = _tiles(*key, target)
            if (tiles := known[key]) is not None:
                found[tiles] += 1
    return found.most_common(1)[0][0] if found else (NO_TILES, NO_TILES)


def _tiles(grid: GeoBox, blocks: tuple[int, int], target: GeoBox) -> tuple[Tiles, Tiles] | None:
    """Return tiles of a file in pixels of the target; None if its pixels are others."""
    same = math.isclose(grid.affine.a, target.affine.a, rel_tol=1e-6)
    if not same or grid.affine.e > 0 or not aligned(grid, target):
        return None  # south up is read as it is: rare
    row = round((grid.affine.f - target.affine.f) / target.affine.e)
    column = round((grid.affine.c - target.affine.c) / target.affine.a)
    return Tiles(blocks[0], row), Tiles(blocks[1], column)
