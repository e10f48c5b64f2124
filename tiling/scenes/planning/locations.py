"""The tiles of triplets: drawn at random, the same for any number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from zlib import crc32

import numpy as np

from tiling.scenes.errors import SceneError
from tiling.scenes.planning.placing import Placing, Point, anywhere, pair
from tiling.scenes.planning.tiles import Tile

__all__ = ["MOST_DRAWS", "redrawn", "settled", "triplet_locations"]

MOST_DRAWS = 100
"""Places that are tried for a tile which lacks too many pixels."""


def triplet_locations(
    splits: Mapping[str, Sequence[str]], counts: Mapping[str, int], place: Placing
) -> list[Tile]:
    """Return anchor, neighbour and distant tile of all triplets.

    Each triplet has random numbers of its own, from seed, name of the collection and its number:
    more triplets or other collections do not change it.

    Parameters
    ----------
    splits
        Scenes of each collection, as `planning.splitting.split` returns them.
    counts
        Triplets of each collection.

    Raises
    ------
    SceneError
        E034b if a collection with triplets has fewer than two scenes; E035 if a neighbour fits in
        principle and is too unlikely to be found.
    """
    tiles: list[Tile] = []
    for collection, count in counts.items():
        scenes = splits.get(collection, ())
        if count and len(scenes) < 2:
            raise SceneError(
                "E034b",
                f"{collection} has {len(scenes)} scenes; a triplet needs two: take a longer period",
            )
        for number in range(count):
            tiles += _triplet(collection, number, scenes, place)
    return tiles


def _triplet(collection: str, number: int, scenes: Sequence[str], place: Placing) -> list[Tile]:
    rng = _random(place, collection, number)
    first, second = (scenes[index] for index in rng.choice(len(scenes), 2, replace=False))
    tiles = [
        Tile(collection, number, "anchor", first, 0, 0),
        Tile(collection, number, "neighbor", first, 0, 0),
        Tile(collection, number, "distant", second, 0, 0),
    ]
    return _at(tiles, [*pair(rng, place), anywhere(rng, place)], place)


def redrawn(tiles: Sequence[Tile], attempt: int, place: Placing) -> list[Tile]:
    """Return other places for the anchor and neighbour of a triplet, or for its distant tile.

    Parameters
    ----------
    tiles
        Anchor and neighbour in this order, or the distant tile; they stay in their scene.
    attempt
        From 1: says which random numbers.
    """
    apart = tiles[0].tile_type == "distant"
    rng = _random(place, tiles[0].collection, tiles[0].number, 1 + apart, attempt)
    return _at(tiles, [anywhere(rng, place)] if apart else pair(rng, place), place)


def settled(
    tiles: Iterable[Tile],
    missing: Callable[[Tile], float],
    place: Placing,
    most: int = MOST_DRAWS,
) -> tuple[list[Tile], dict[str, str]]:
    """Move the tiles of a scene until none lacks more pixels than is allowed.

    Anchor and neighbour move together. What is drawn depends on the tile alone, so scenes can be
    settled in any order, by any worker.

    Parameters
    ----------
    missing
        Returns the share of missing pixels of a tile, 0 to 1.

    Returns
    -------
    tiles
        Triplet by triplet.
    hopeless
        Reason for each tile, by name, for which no place was found; these are not in `tiles`.
    """
    groups: dict[tuple[str, int, bool], list[Tile]] = {}
    for tile in sorted(tiles, key=lambda tile: tile.tile_type):  # anchors before neighbours
        groups.setdefault((tile.collection, tile.number, tile.tile_type == "distant"), []).append(
            tile
        )
    found: list[Tile] = []
    hopeless: dict[str, str] = {}
    for group in groups.values():
        for attempt in range(most):
            moved = redrawn(group, attempt, place) if attempt else group
            if all(missing(tile) <= place.most_missing for tile in moved):
                found += moved
                break
        else:
            reason = f"over {place.most_missing:.0%} of the pixels are missing at {most} places"
            hopeless |= {tile.name: reason for tile in group}
    return found, hopeless


def _random(place: Placing, collection: str, *numbers: int) -> np.random.Generator:
    return np.random.default_rng([place.seed % 2**64, crc32(collection.encode()), *numbers])


def _at(tiles: Iterable[Tile], points: Iterable[Point], place: Placing) -> list[Tile]:
    """Return tiles at points, which are counted from the centre of the domain."""
    places = (np.add(place.centre, point).tolist() for point in points)
    return [replace(tile, x=x, y=y) for tile, (x, y) in zip(tiles, places, strict=True)]
