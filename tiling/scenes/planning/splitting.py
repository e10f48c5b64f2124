"""Which collection each scene belongs to, so that nothing leaks from one into another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Triplets

__all__ = ["LEAST", "shares", "split"]

LEAST = 2
"""Scenes of a collection: anchor and distant tile of a triplet come from different ones."""


def split(
    times: Mapping[str, np.datetime64], triplets: Triplets, longitude: float | None = None
) -> dict[str, list[str]]:
    """Return the scenes of each collection, in order of time.

    The result depends on the IDs, the seed and the counts, on no order in which they are given.

    Parameters
    ----------
    times
        Start of each scene, by ID.
    triplets
        ``random_by_relative_sample_size`` deals the scenes out at random, in proportion to the
        triplets of each collection, ``by_time_blocks`` whole days; with ``shared`` all collections
        have all scenes. A collection without triplets has none in the first two.
    longitude
        Of the domain, degrees: days are those of the mean sun there, and do not end while it
        shines; None: of UTC.

    Raises
    ------
    SceneError
        E034b if there are too few scenes, or too few days.
    """
    ordered = sorted(times, key=lambda scene: (times[scene], scene))
    if triplets.splitting == "shared":
        _refuse_few(len(ordered), 1)
        return {name: list(ordered) for name in triplets.counts}
    counts = {name: triplets.counts[name] for name in sorted(triplets.counts)}
    counts = {name: count for name, count in counts.items() if count}
    _refuse_few(len(ordered), len(counts))
    rng = np.random.default_rng(triplets.seed % 2**64)
    if triplets.splitting == "by_time_blocks":
        owner = _by_days(times, counts, rng, longitude)
    else:
        dealt = (name for name, share in shares(len(ordered), counts).items() for _ in range(share))
        mixed = rng.permutation(np.array(sorted(times)))
        owner = {str(scene): name for scene, name in zip(mixed, dealt, strict=True)}
    return {name: [scene for scene in ordered if owner[scene] == name] for name in triplets.counts}


def _refuse_few(scenes: int, collections: int) -> None:
    if scenes < LEAST * collections:
        raise SceneError(
            "E034b",
            f"{scenes} scenes are too few for {collections} collection"
            f"{'s' if collections > 1 else ''} of at least {LEAST}: take a longer period, fewer"
            " filters or fewer collections",
        )


def shares(total: int, counts: Mapping[str, int], least: int = LEAST) -> dict[str, int]:
    """Return how many of `total` each gets, by largest remainder, none fewer than `least`.

    Parameters
    ----------
    total
        At least `least` for each.
    counts
        To which the shares are in proportion; all above 0. Of equal remainders the first wins.
    """
    free, fixed = dict(counts), dict[str, int]()
    while True:
        found = _largest_remainder(total - least * len(fixed), free)
        small = {name: least for name, share in found.items() if share < least}
        if not small:
            both = found | fixed
            return {name: both[name] for name in counts}
        fixed |= small
        free = {name: count for name, count in free.items() if name not in small}


def _largest_remainder(total: int, counts: Mapping[str, int]) -> dict[str, int]:
    whole = sum(counts.values())
    found = {name: total * count // whole for name, count in counts.items()}
    left = total - sum(found.values())
    for name in sorted(counts, key=lambda name: -(total * counts[name] % whole))[:left]:
        found[name] += 1
    return found


def _by_days(
    times: Mapping[str, np.datetime64],
    counts: Mapping[str, int],
    rng: np.random.Generator,
    longitude: float | None,
) -> dict[str, str]:
    """Return the collection of each scene: whole days, each to the one that lacks most scenes."""
    ahead = np.timedelta64(round(240_000 * (longitude or 0.0)), "ms")
    days: dict[str, list[str]] = {}
    for scene in sorted(times):
        days.setdefault(str((times[scene] + ahead).astype("datetime64[D]")), []).append(scene)
    mixed = [days[str(day)] for day in rng.permutation(np.array(sorted(days)))]
    mixed.sort(key=lambda scenes: len(scenes) < LEAST)  # a day of one scene needs a second day
    found: dict[str, list[str]] = {}
    for name in counts:
        found[name] = []
        while len(found[name]) < LEAST:
            if not mixed:
                raise _few_days(list(days.values()), len(counts))
            found[name] += mixed.pop(0)
    whole = sum(counts.values())
    for day in mixed:
        lacks = {
            name: len(times) * count / whole - len(found[name]) for name, count in counts.items()
        }
        found[max(lacks, key=lambda name: lacks[name])] += day
    return {scene: name for name, scenes in found.items() for scene in scenes}


def _few_days(days: Sequence[list[str]], collections: int) -> SceneError:
    return SceneError(
        "E034b",
        f"{len(days)} days with {sum(map(len, days))} scenes cannot be dealt out whole to"
        f" {collections} collections of at least {LEAST} scenes: take a longer period, or"
        " scene_collections_splitting: random_by_relative_sample_size",
    )
