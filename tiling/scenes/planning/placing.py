"""Where tiles may lie in a domain, and places drawn at random among those."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Triplets

__all__ = ["Placing", "Point", "anywhere", "pair", "placing"]

logger = logging.getLogger(__name__)

Point = NDArray[np.float64]
"""x and y, metres from the centre of the domain."""

_TRIES = (1, 1_000, 100_000)  # anchors drawn at once, before E035
_SLACK = 1e-7  # of a tile's side: sums of floats that are equal on paper


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
    triplets: Triplets, extent: Iterable[float], resolution: float, *, periodic: bool = False
) -> Placing:
    """Return where tiles may lie in a domain.

    Parameters
    ----------
    extent
        Left, bottom, right and top of the domain on its plane, metres: ``grid.boundingbox``.
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
    lengths, side = np.array([right - left, top - bottom]), triplets.tile_size * resolution
    slack, shorter = _SLACK * side, float(lengths.min())
    if side > shorter + slack:
        raise SceneError(
            "E033",
            f"a tile of {triplets.tile_size} pixels is {side / 1e3:g} km wide, the domain"
            f" {_by(lengths)}: tile_N can be {math.floor((shorter + slack) / resolution)} at most",
        )
    margin = triplets.edge_margin * side
    if not periodic and 2 * margin > shorter + slack:
        logger.warning(
            "W033: the domain, %s, is narrower than two edge margins of %g km: half a tile is used",
            _by(lengths),
            margin / 1e3,
        )
        margin = side / 2
    anchors, neighbours = (
        lengths / 2 if periodic else np.maximum(lengths / 2 - edge, 0.0)
        for edge in (margin, side / 2)
    )
    found = Placing(
        ((left + right) / 2, (bottom + top) / 2),
        (float(anchors[0]), float(anchors[1])),
        (float(neighbours[0]), float(neighbours[1])),
        side,
        triplets.neighbour_distance * side,
        triplets.seed,
        triplets.most_missing,
        periodic,
    )
    if not _have_neighbours(anchors[None], found).any():  # not even one in a corner
        raise _no_neighbour(found)
    return found


def _by(lengths: NDArray[np.float64]) -> str:
    return "{:g} by {:g} km".format(*lengths / 1e3)


def _no_neighbour(place: Placing) -> SceneError:
    return SceneError(
        "E035",
        f"no tile {place.distance / 1e3:g} km from an anchor lies in the domain of"
        f" {_by(2 * np.array(place.neighbours) + place.side)}, where a tile is"
        f" {place.side / 1e3:g} km wide: choose a smaller neigh_dist_scaling, tile_N or"
        " edge_margin, or a larger domain",
    )


def anywhere(rng: np.random.Generator, place: Placing) -> Point:
    """Return a place for an anchor or a distant tile."""
    return rng.uniform(-1, 1, 2) * place.anchors


def pair(rng: np.random.Generator, place: Placing) -> tuple[Point, Point]:
    """Return an anchor that has a neighbour, and one of its neighbours.

    Raises
    ------
    SceneError
        E035 if hardly any anchor has one.
    """
    for tries in _TRIES:
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

    def beyond(angle: float) -> float:
        offset = place.distance * np.array([math.cos(angle), math.sin(angle)])
        return float(np.max(np.abs(anchor + offset) - place.neighbours))

    cuts = [] if place.periodic else sorted(_crossings(anchor, place))
    if not cuts:
        return float(rng.uniform(0, 2 * math.pi))
    all_arcs = pairwise([*cuts, cuts[0] + 2 * math.pi])
    arcs = [arc for arc in all_arcs if beyond(sum(arc) / 2) <= _SLACK * place.side]
    left = rng.uniform() * sum(end - start for start, end in arcs)
    for start, end in arcs:
        if left <= end - start:
            return start + left
        left -= end - start
    return min(cuts, key=beyond)  # a single point, or the last one but for rounding


def _crossings(anchor: Point, place: Placing) -> Iterator[float]:
    """Yield the angles, 0 to 2π, at which the circle of neighbours crosses a line of an edge."""
    for sign in (1, -1):
        cosine, sine = (sign * np.array(place.neighbours) - anchor) / place.distance
        if abs(cosine) <= 1:
            yield from (math.acos(cosine), 2 * math.pi - math.acos(cosine))
        if abs(sine) <= 1:
            yield from (math.asin(sine) % (2 * math.pi), math.pi - math.asin(sine))
