"""Inputs that start together are a scene; its name says when it starts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Interval
from tiling.scenes.sources.contract import Item

__all__ = ["Scenes", "group", "name", "names", "start", "widened"]

Scenes = dict[str, dict[str, Item]]
"""The inputs of each scene, by its ID, in order of time."""


def group(
    items: Iterable[Item],
    tolerance: np.timedelta64,
    *,
    source: str,
    inputs: Sequence[str],
    intervals: Sequence[Interval] = (),
) -> tuple[Scenes, dict[str, tuple[str, ...]]]:
    """Return the scenes that items make, and those that lack an input.

    An item joins the latest scene that began no more than `tolerance` before it and has no such
    input yet; otherwise a scene begins with it. Items of other inputs change nothing.

    Parameters
    ----------
    tolerance
        By how much the starts of the inputs of one scene may differ.
    source
        Its name begins the IDs.
    inputs
        What a scene needs, in the order wanted.
    intervals
        A scene counts if its earliest start lies in one of them; none means all times. Query the
        source with `widened` intervals: an input may start just outside.

    Returns
    -------
    scenes
        Complete ones.
    incomplete
        Missing inputs of the others, by scene ID; they have no say in how scenes are named.

    Raises
    ------
    SceneError
        E090 if two complete scenes start in the same second.
    """
    found: list[dict[str, Item]] = []
    recent: list[dict[str, Item]] = []
    wanted = (item for item in items if item.input in inputs)
    for item in sorted(wanted, key=lambda item: (item.start, item.input, item.key)):
        recent = [scene for scene in recent if item.start - start(scene) <= tolerance]
        scene = next((scene for scene in reversed(recent) if item.input not in scene), None)
        if scene is None:
            scene = {}
            recent.append(scene)
            found.append(scene)
        scene[item.input] = item
    if intervals:
        found = [scene for scene in found if _within(start(scene), intervals)]
    complete = [scene for scene in found if len(scene) == len(set(inputs))]
    identities = names(source, [start(scene) for scene in complete], complete)
    scenes = {
        identity: {name: scene[name] for name in inputs}
        for identity, scene in zip(identities, complete, strict=True)
    }
    seconds = identities != [name(source, start(scene)) for scene in complete]
    incomplete: dict[str, tuple[str, ...]] = {}
    for scene in found:
        missing = {name for name in inputs if name not in scene}
        if missing:
            identity = name(source, start(scene), seconds=seconds)
            missing |= set(incomplete.get(identity, ()))
            incomplete[identity] = tuple(name for name in inputs if name in missing)
    return scenes, incomplete


def start(scene: Mapping[str, Item]) -> np.datetime64:
    """Return the time of a scene: the earliest start among its inputs."""
    return min(item.start for item in scene.values())


def _within(time: np.datetime64, intervals: Iterable[Interval]) -> bool:
    return any(interval.start <= time <= interval.end for interval in intervals)


def widened(intervals: Iterable[Interval], tolerance: np.timedelta64) -> tuple[Interval, ...]:
    """Return intervals with `tolerance` more at both ends, those that then touch made one."""
    merged: list[Interval] = []
    for interval in sorted(intervals, key=lambda interval: interval.start):
        wider = Interval(interval.start - tolerance, interval.end + tolerance)
        if merged and wider.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, wider.end))
        else:
            merged.append(wider)
    return tuple(merged)


def name(source: str, time: np.datetime64, *, seconds: bool = False) -> str:
    """Return the ID of a scene: ``{source}__{YYYYMMDDHHMM}``, the minute in which it starts.

    Parameters
    ----------
    seconds
        Append them, for data whose scenes share minutes.
    """
    digits = re.sub(r"\D", "", str(time.astype("datetime64[s]")))
    return f"{source}__{digits if seconds else digits[:12]}"


def names(
    source: str, times: Sequence[np.datetime64], scenes: Sequence[Mapping[str, Item]] = ()
) -> list[str]:
    """Return an ID for each scene; all have seconds where two share a minute.

    Parameters
    ----------
    scenes
        Their items, for the error.

    Raises
    ------
    SceneError
        E090 if two scenes start in the same second.
    """
    for seconds in (False, True):
        found = [name(source, time, seconds=seconds) for time in times]
        if len(set(found)) == len(found):
            return found
    twin = max(found, key=found.count)
    twins = [scene for scene, identity in zip(scenes, found, strict=False) if identity == twin]
    keys = [next(iter(scene.values())).key for scene in twins]
    raise SceneError(
        "E090",
        f"scenes that start in the same second would all be called {twin} ({', '.join(keys)}):"
        " keep one, or give `files` a pattern that leaves the others out",
    )
