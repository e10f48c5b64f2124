"""Of several processings of one acquisition, the one that counts.

An image is processed again with a better processor, at times cut from the pass a second earlier or
later; an archive, and a folder, then hold both. Put on a tile together they would count as two
images of the pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import numpy as np

__all__ = ["Processing", "newest"]

T = TypeVar("T")

SHARED = 0.9
"""Share of the time of the shorter that two products of one acquisition have in common at least;
neighbours of a pass overlap by a few seconds of 25."""


class Processing(NamedTuple):
    """What tells products of one acquisition from others, and from each other.

    Attributes
    ----------
    images
        What products of one acquisition have alike: platform, mode, kind, absolute orbit.
    start, stop
        Of the acquisition, UTC.
    age
        Compared; that of a newer processing is greater.
    """

    images: tuple[Any, ...]
    start: np.datetime64
    stop: np.datetime64
    age: tuple[Any, ...]


def newest(
    products: Iterable[T], told: Callable[[T], Processing]
) -> tuple[list[T], list[tuple[T, T]]]:
    """Return the products that count, and those that are left out, each with one that replaces it.

    Of products that last about as long the newest counts. One that is but a part of another gives
    way to it, however new it is.

    Parameters
    ----------
    products
        In any order.
    told
        Returns what is known of one.
    """
    groups: dict[tuple[Any, ...], list[tuple[Processing, T]]] = {}
    for each in products:
        groups.setdefault(told(each).images, []).append((told(each), each))
    kept: list[T] = []
    left: list[tuple[T, T]] = []
    for group in groups.values():
        group.sort(key=lambda one: _length(one[0]), reverse=True)
        whole = _without(group, _is_part, left)
        whole.sort(key=lambda one: (one[0].age, _length(one[0])), reverse=True)
        kept += [each for _, each in _without(whole, _is_same, left)]
    return kept, left


def _without(
    ordered: list[tuple[Processing, T]],
    gives_way: Callable[[Processing, Processing], bool],
    left: list[tuple[T, T]],
) -> list[tuple[Processing, T]]:
    """Return those that do not give way to one that is kept before them."""
    kept: list[tuple[Processing, T]] = []
    for one, product in ordered:
        better = next((other for before, other in kept if gives_way(one, before)), None)
        if better is None:
            kept.append((one, product))
        else:
            left.append((product, better))
    return kept


def _is_part(one: Processing, other: Processing) -> bool:
    return _length(one) < SHARED * _length(other) and _is_same(one, other)


def _is_same(one: Processing, other: Processing) -> bool:
    shared = float((min(one.stop, other.stop) - max(one.start, other.start)) / _SECOND)
    return shared > 0 and shared >= SHARED * min(_length(one), _length(other))


_SECOND = np.timedelta64(1, "s")


def _length(one: Processing) -> float:
    return float((one.stop - one.start) / _SECOND)
