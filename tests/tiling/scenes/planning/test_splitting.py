"""Collections own their scenes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Triplets
from tiling.scenes.planning.splitting import shares, split

RANDOM, DAYS, SHARED = "random_by_relative_sample_size", "by_time_blocks", "shared"


def scenes_at(minutes):
    first = np.datetime64("2020-02-02T14:00", "ns")
    return {f"s{m:09d}": first + np.timedelta64(60 * m, "s") for m in minutes}


counts_of = st.dictionaries(st.sampled_from(["train", "study", "test", "a"]), st.integers(0, 500))


@given(
    minutes=st.sets(st.integers(0, 20_000), max_size=60),
    counts=counts_of,
    seed=st.integers(-5, 2**70),
    way=st.sampled_from([RANDOM, DAYS]),
    mixed=st.randoms(use_true_random=False),
)
def test_scenes_of_collections_are_disjoint_and_enough(minutes, counts, seed, way, mixed):
    assume(any(counts.values()))
    times, drawn = scenes_at(minutes), [name for name in counts if counts[name]]
    triplets = Triplets(counts, splitting=way, seed=seed)
    days = Counter(str(time)[:10] for time in times.values())
    able = sum(count > 1 for count in days.values()) + sum(c == 1 for c in days.values()) // 2
    if len(times) < 2 * len(drawn) or (way == DAYS and able < len(drawn)):
        with pytest.raises(SceneError, match="E034b"):
            split(times, triplets)
        return
    found = split(times, triplets)
    assert sorted(scene for scenes in found.values() for scene in scenes) == sorted(
        times
    )  # each once
    for name, scenes in found.items():
        assert len(scenes) >= 2 if counts[name] else not scenes
        assert scenes == sorted(scenes)
    if way == DAYS:
        owners = {(str(times[s])[:10], name) for name, scenes in found.items() for s in scenes}
        assert len(owners) == len(days)
    else:
        assert {name: len(found[name]) for name in sorted(drawn)} == shares(
            len(times), {name: counts[name] for name in sorted(drawn)}
        )
    order = list(times)
    mixed.shuffle(order)
    turned = Triplets(dict(reversed(counts.items())), splitting=way, seed=seed)
    assert split({scene: times[scene] for scene in order}, turned) == found


@pytest.mark.parametrize(
    ("total", "counts", "expected"),
    [
        (12, {"train": 10, "study": 2}, [10, 2]),
        (10, {"train": 10, "study": 2}, [8, 2]),  # 8.33, 1.67
        (100, {"a": 1, "b": 1, "c": 1}, [34, 33, 33]),  # equal remainders: the first
        (7, {"a": 1000, "b": 1, "c": 1}, [3, 2, 2]),
        (13, {"a": 5, "b": 4, "c": 1}, [6, 5, 2]),  # 6.5, 5.2, 1.3: c gets 2, the others share 11
        (4, {"a": 1, "b": 99}, [2, 2]),
    ],
)
def test_largest_remainder(total, counts, expected):
    assert list(shares(total, counts).values()) == expected


def test_days_are_dealt_in_proportion_and_by_the_suns_day():
    times = scenes_at(range(0, 40 * 24 * 60, 30))
    counts = {"train": 10, "study": 2}
    found = split(times, Triplets(counts, splitting=DAYS))
    assert len(found["study"]) / len(times) == pytest.approx(2 / 12, abs=1 / 40)
    found = split(times, Triplets(counts, splitting=DAYS), longitude=-57.72)
    midnight = np.timedelta64(round(240e3 * 57.72), "ms")  # of the sun, after that of UTC
    days = [{str(times[s] - midnight)[:10] for s in scenes} for scenes in found.values()]
    assert not days[0] & days[1]


def test_days_of_one_scene_are_put_together():
    times = scenes_at([0, 1440, 2880, 2890])
    for seed in range(20):
        counts = {"train": 3, "study": 1}
        found = split(times, Triplets(counts, splitting=DAYS, seed=seed))
        assert min(map(len, found.values())) == 2


def test_seeds_differ_and_shared_is_all():
    times = scenes_at(range(0, 300, 10))
    splits = [split(times, Triplets({"train": 3, "study": 1}, seed=seed)) for seed in (0, 1)]
    assert splits[0] != splits[1]
    both = split(times, Triplets({"train": 3, "study": 0}, splitting=SHARED))
    assert both == {"train": sorted(times), "study": sorted(times)}


def test_too_few_scenes_are_refused():
    """Half an hour of scans every ten minutes, as in the example of the predecessor."""
    counts = {"train": 10, "study": 2}
    with pytest.raises(SceneError, match=r"E034b: 3 scenes .* 2 collections"):
        split(scenes_at([0, 10, 20]), Triplets(counts))
    with pytest.raises(SceneError, match="E034b: 1 days with 9 scenes"):
        split(scenes_at(range(9)), Triplets(counts, splitting=DAYS))
    with pytest.raises(SceneError, match="E034b"):
        split(scenes_at([0]), Triplets(counts, splitting=SHARED))
    assert split(scenes_at([0, 10]), Triplets({"train": 5, "study": 0})) == {
        "train": ["s000000000", "s000000010"],
        "study": [],
    }
