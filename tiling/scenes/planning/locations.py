"""Where the tiles of triplets lie: at random, the same for any number of workers."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Triplets
from tiling.scenes.planning.tiles import Tile

__all__ = ["MOST_DRAWS", "Placing", "placing", "redrawn", "settled", "triplet_locations"]

logger = logging.getLogger(__name__)

Point = NDArray[np.float64]
"""x and y, metres from the centre of the domain."""

MOST_DRAWS = 100
"""Places that are tried for a tile which lacks too many pixels."""
_ANCHORS = (1, 1_000, 100_000)  # tried at once, before E035
_SLACK = 1e-9  # of a tile's side: sums of floats that are equal on paper


@dataclass(frozen=True)
class Placing:
    """Where centres of tiles may lie, metres; made by `placing`."""

    centre: tuple[float, float]
    """Of the domain on its plane."""
    anchors: tuple[float, float]
    """How far from it, along x and y, anchors and distant tiles may lie."""
    neighbours: tuple[float, float]
    """How far neighbours may lie: their tiles reach the edge of the domain."""
    side: float
    """Of a tile."""
    distance: float
    """Between anchor and neighbour."""
    seed: int
    most_missing: float
    periodic: bool = False


def placing(
    triplets: Triplets,
    extent: Iterable[float],
    resolution: float,
    *,
    periodic: bool = False,
) -> Placing:
    """Return where tiles may lie in a domain.

    Parameters
    ----------
    extent
        Left, bottom, right and top of the domain on its plane, metres; such as
        ``grid.boundingbox``.
    resolution
        Metres a pixel.
    periodic
        The field goes on at the opposite edge: tiles may lie across edges.

    Raises
    ------
    SceneError
        E033 if a tile is larger than the domain; E035 if no neighbour can lie in it.
    """
    left, bottom, right, top = extent
    width, height, side = right - left, top - bottom, triplets.tile_size * resolution
    shorter, distance = min(width, height), triplets.neighbour_distance * side
    slack = _SLACK * side
    if side > shorter + slack:
        raise SceneError(
            "E033",
            f"a tile of {triplets.tile_size} pixels is {side / 1e3:g} km wide, the domain"
            f" {width / 1e3:g} by {height / 1e3:g} km: tile_N can be"
            f" {math.floor((shorter + slack) / resolution)} at most",
        )
    margin = triplets.edge_margin * side
    if not periodic and 2 * margin > shorter + slack:
        logger.warning(
            "W033: the domain, %g by %g km, is narrower than two edge margins of %g km: half a"
            " tile, %g km, is used",
            *(length / 1e3 for length in (width, height, margin, side / 2)),
        )
        margin = side / 2
    anchors, neighbours = (
        (width / 2, height / 2)
        if periodic
        else (max(width / 2 - edge, 0.0), max(height / 2 - edge, 0.0))
        for edge in (margin, side / 2)
    )
    found = Placing(
        ((left + right) / 2, (bottom + top) / 2),
        anchors,
        neighbours,
        side,
        distance,
        triplets.seed,
        triplets.most_missing,
        periodic,
    )
    if not _have_neighbours(np.array([anchors]), found).any():  # not even one in a corner
        raise _no_neighbour(found)
    return found


def _no_neighbour(place: Placing) -> SceneError:
    width, height = (2 * half + place.side for half in place.neighbours)
    return SceneError(
        "E035",
        f"no tile {place.distance / 1e3:g} km from an anchor lies in the domain of"
        f" {width / 1e3:g} by {height / 1e3:g} km, where a tile is {place.side / 1e3:g} km wide:"
        " choose a smaller neigh_dist_scaling, tile_N or edge_margin, or a larger domain",
    )


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
    anchor, neighbour = _pair(rng, place)
    return [
        Tile(collection, number, "anchor", first, *_on_plane(anchor, place)),
        Tile(collection, number, "neighbor", first, *_on_plane(neighbour, place)),
        Tile(collection, number, "distant", second, *_on_plane(_anywhere(rng, place), place)),
    ]


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
    points = [_anywhere(rng, place)] if apart else _pair(rng, place)
    return [
        replace(tile, x=x, y=y)
        for tile, (x, y) in zip(tiles, (_on_plane(point, place) for point in points), strict=True)
    ]


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
        In the order given.
    hopeless
        Reason for each tile, by name, for which no place was found; these are not in `tiles`.
    """
    groups: dict[tuple[str, int, bool], list[Tile]] = {}
    for tile in tiles:
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
            reason = (
                f"at {most} places more than {place.most_missing:.0%} of the pixels are missing"
            )
            hopeless |= {tile.name: reason for tile in group}
    return found, hopeless


def _random(place: Placing, collection: str, *numbers: int) -> np.random.Generator:
    return np.random.default_rng([place.seed % 2**64, crc32(collection.encode()), *numbers])


def _anywhere(rng: np.random.Generator, place: Placing) -> Point:
    return rng.uniform(-1, 1, 2) * place.anchors


def _pair(rng: np.random.Generator, place: Placing) -> tuple[Point, Point]:
    """Return an anchor that has a neighbour, and one of its neighbours."""
    for tries in _ANCHORS:
        anchors = rng.uniform(-1, 1, (tries, 2)) * place.anchors
        useful = _have_neighbours(anchors, place)
        if useful.any():
            anchor = anchors[useful.argmax()]
            angle = _direction(rng, anchor, place)
            neighbour = anchor + place.distance * np.array([math.cos(angle), math.sin(angle)])
            reach = np.array(place.neighbours)
            if place.periodic:
                return anchor, (neighbour + reach) % (2 * reach) - reach
            return anchor, np.clip(neighbour, -reach, reach)  # moves it by rounding errors
    raise _no_neighbour(place)


def _have_neighbours(anchors: Point, place: Placing) -> NDArray[np.bool_]:
    """Tell which anchors (n, 2) lie far enough from a corner where a neighbour may lie."""
    farthest = np.hypot(*(np.array(place.neighbours) + np.abs(anchors)).T)
    found: NDArray[np.bool_] = farthest >= place.distance - _SLACK * place.side
    return found | place.periodic


def _direction(rng: np.random.Generator, anchor: Point, place: Placing) -> float:
    """Return the angle at which a neighbour lies, uniform among those at which it may.

    The same as to draw angles until one fits, but exact where hardly any does, as in a domain that
    is just as wide as a tile: the circle of neighbours is cut where it crosses an edge, and of the
    arcs those count whose middle fits.
    """

    def fits(angle: float) -> bool:
        offset = place.distance * np.array([math.cos(angle), math.sin(angle)])
        return bool(np.all(np.abs(anchor + offset) <= reach + _SLACK * place.side))

    reach = np.array(place.neighbours)
    cuts = [] if place.periodic else sorted(_crossings(anchor, place))
    if not cuts:
        return float(rng.uniform(0, 2 * math.pi))
    arcs = list(pairwise([*cuts, cuts[0] + 2 * math.pi]))
    arcs = [arc for arc in arcs if fits(sum(arc) / 2)] or [(cut, cut) for cut in cuts if fits(cut)]
    left = rng.uniform() * sum(end - start for start, end in arcs)
    for start, end in arcs:
        if left <= end - start:
            return start + left
        left -= end - start
    return arcs[-1][1]


def _crossings(anchor: Point, place: Placing) -> Iterator[float]:
    """Yield the angles, 0 to 2π, at which the circle of neighbours crosses a line of an edge."""
    (x, y), (wide, high) = anchor, place.neighbours
    for edge in (wide, -wide):
        cosine = (edge - x) / place.distance
        if abs(cosine) <= 1:
            yield from (math.acos(cosine), 2 * math.pi - math.acos(cosine))
    for edge in (high, -high):
        sine = (edge - y) / place.distance
        if abs(sine) <= 1:
            yield from (math.asin(sine) % (2 * math.pi), math.pi - math.asin(sine))


def _on_plane(point: Point, place: Placing) -> tuple[float, float]:
    return float(place.centre[0] + point[0]), float(place.centre[1] + point[1])
