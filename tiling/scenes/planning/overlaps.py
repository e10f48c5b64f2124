"""How much tiles share: anchors with their neighbours, and tiles of different triplets."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiling.scenes.planning.tiles import Tile, by_scene

__all__ = ["overlap", "overlap_statistic"]


def overlap(dx: ArrayLike, dy: ArrayLike, side: float) -> NDArray[np.float64]:
    """Return the share of a tile that another covers whose centre is dx, dy metres away."""
    shares = [np.clip(1 - np.abs(np.asarray(d)) / side, 0, None) for d in (dx, dy)]
    found: NDArray[np.float64] = shares[0] * shares[1]
    return found


def overlap_statistic(tiles: Iterable[Tile], side: float) -> dict[str, float]:
    """Return what a report says about overlaps.

    Parameters
    ----------
    side
        Of a tile, metres.

    Returns
    -------
    dict
        ``tiles``; ``neighbour_mean`` and ``neighbour_max``: share of an anchor that its neighbour
        covers; ``others``: share of the tiles that a tile of another triplet in the same scene
        touches, ``others_mean`` and ``others_max``: the largest share that a single one covers of
        each, over all tiles. 0 where there are none.
    """
    neighbours: list[float] = []
    others: list[float] = []
    for of_scene in by_scene(tiles).values():
        x, y = (np.array([getattr(tile, axis) for tile in of_scene]) for axis in "xy")
        collections = {tile.collection: number for number, tile in enumerate(of_scene)}
        triplet = np.array([(collections[tile.collection], tile.number) for tile in of_scene])
        kinds = np.array([tile.tile_type for tile in of_scene])
        for index in range(len(of_scene)):  # row by row: a scene may have thousands of tiles
            shares = overlap(x - x[index], y - y[index], side)
            same = (triplet == triplet[index]).all(axis=1)
            others.append(float(shares[~same].max(initial=0.0)))
            if kinds[index] == "anchor":
                neighbours += shares[same & (kinds == "neighbor")].tolist()
    return {
        "tiles": len(others),
        "neighbour_mean": float(np.mean(neighbours or 0.0)),
        "neighbour_max": max(neighbours, default=0.0),
        "others": float(np.mean(np.array(others) > 0)) if others else 0.0,
        "others_mean": float(np.mean(others or 0.0)),
        "others_max": max(others, default=0.0),
    }
