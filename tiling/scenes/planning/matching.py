"""Which file of another product belongs to which scene, by their times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiling.scenes.errors import SceneError

__all__ = ["Match", "match", "nanoseconds", "nearest"]

STRATEGIES = ("single_scene_per_aux_time", "all_scenes_within_dt_aux")


class Match(NamedTuple):
    """The auxiliary scene that belongs to a scene."""

    aux: str
    """Its ID."""
    seconds: float
    """Its start less that of the scene."""


def match(
    scenes: Mapping[str, np.datetime64],
    aux: Mapping[str, np.datetime64],
    strategy: str = STRATEGIES[0],
    seconds: float | None = None,
) -> dict[str, Match]:
    """Return the auxiliary scene of each scene that has one, in the order of `scenes`.

    Parameters
    ----------
    scenes, aux
        Start of each scene, by ID.
    strategy
        ``single_scene_per_aux_time``: each auxiliary scene goes to the scene nearest in time; of
        two that go to one scene the nearer stays. ``all_scenes_within_dt_aux``: each scene takes
        the nearest auxiliary scene. Where two are as near, the earlier is taken.
    seconds
        Span that an auxiliary scene stands for (``dt_aux``): a pair may be half of it apart. None:
        the smallest difference between auxiliary times.

    Raises
    ------
    SceneError
        E051 for another strategy; E053 where the span cannot be found; E054 if nothing matches.
    """
    if strategy not in STRATEGIES:
        raise SceneError("E051", f"{strategy!r} is no strategy: use {' or '.join(STRATEGIES)}")
    if not scenes or not aux:
        lacking = "scene" if not scenes else "file of the auxiliary product"
        raise SceneError("E054", f"there is no {lacking}, so nothing can be matched: see `time`")
    span = _smallest_step(list(aux.values())) if seconds is None else seconds
    of_scenes, of_aux = (nanoseconds(list(found.values())) for found in (scenes, aux))
    if strategy == STRATEGIES[0]:
        to_scene, theirs = nearest(of_scenes, of_aux), np.arange(len(of_aux))
    else:
        to_scene, theirs = np.arange(len(of_scenes)), nearest(of_aux, of_scenes)
    apart = (of_aux[theirs] - of_scenes[to_scene]) / 1e9
    fits = np.abs(apart) <= span / 2
    if not fits.any():
        raise SceneError(
            "E054",
            f"no auxiliary time lies within {span / 2:g} s of a scene; the nearest is"
            f" {np.abs(apart).min():g} s away: give a longer `dt_aux` or another period",
        )
    best: dict[int, int] = {}  # of those that want a scene: the nearer, then the earlier
    for index in np.lexsort((of_aux[theirs], np.abs(apart))):
        if fits[index]:
            best.setdefault(int(to_scene[index]), int(index))
    names = list(aux)
    return {
        scene: Match(names[theirs[best[place]]], float(apart[best[place]]))
        for place, scene in enumerate(scenes)
        if place in best
    }


def _smallest_step(times: Sequence[np.datetime64]) -> float:
    steps = np.diff(np.unique(nanoseconds(times)))
    if not len(steps):
        raise SceneError(
            "E053",
            "the auxiliary product has one time only, so the span that it stands for cannot be"
            " found: give `dt_aux`, such as PT30M",
        )
    return float(steps.min() / 1e9)


def nearest(times: ArrayLike, wanted: ArrayLike) -> NDArray[np.intp]:
    """Return for each of `wanted` the index of the nearest of `times`; the earlier of two.

    Parameters
    ----------
    times
        At least one, in any order; of equal ones the first counts.
    wanted
        Times, or numbers as `times` are.
    """
    known, sought = np.asarray(times), np.asarray(wanted)
    order = np.argsort(known, kind="stable")
    ordered, first = np.unique(known[order], return_index=True)
    after = np.clip(np.searchsorted(ordered, sought), 1, max(len(ordered) - 1, 1))
    before, after = after - 1, np.minimum(after, len(ordered) - 1)
    later = np.abs(ordered[after] - sought) < np.abs(ordered[before] - sought)
    found: NDArray[np.intp] = order[first[np.where(later, after, before)]]
    return found


def nanoseconds(times: ArrayLike | Sequence[np.datetime64]) -> NDArray[np.int64]:
    """Return times as whole numbers, nanoseconds since 1970."""
    return np.asarray(times, "datetime64[ns]").astype(np.int64)
