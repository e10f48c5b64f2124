"""Auxiliary files and scenes, matched by time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiling.scenes.errors import SceneError
from tiling.scenes.planning.matching import match, nearest

SINGLE, ALL = "single_scene_per_aux_time", "all_scenes_within_dt_aux"


def times(prefix, minutes):
    first = np.datetime64("2020-02-02T14:00", "ns")
    return {f"{prefix}{m}": first + np.timedelta64(round(60e9 * m), "ns") for m in minutes}


SCENES = times("s", [0, 10, 20, 30, 40])


@pytest.mark.parametrize(
    ("aux", "strategy", "minutes", "expected"),
    [
        # a file every half hour; the step is the span
        ([1, 31], SINGLE, None, {"s0": ("a1", 60), "s30": ("a31", 60)}),
        (
            [1, 31],
            ALL,
            None,
            {s: ("a1", d) for s, d in (("s0", 60), ("s10", -540))}
            | {s: ("a31", d) for s, d in (("s20", 660), ("s30", 60), ("s40", -540))},
        ),
        # the span that is given counts, not the smallest step
        ([1, 31], ALL, 10, {"s0": ("a1", 60), "s30": ("a31", 60)}),
        ([4, 31], SINGLE, 4, {"s30": ("a31", 60)}),
        # half the span itself is near enough
        ([5, 35], SINGLE, 10, {"s0": ("a5", 300), "s30": ("a35", 300)}),
        # two want one scene: the nearer; as near: the earlier
        ([8, 11], SINGLE, 60, {"s10": ("a11", 60)}),
        ([8, 12], SINGLE, 60, {"s10": ("a8", -120)}),
        ([12, 8], SINGLE, 60, {"s10": ("a8", -120)}),
        ([5, 15], ALL, 10, {"s0": ("a5", 300), "s10": ("a5", -300), "s20": ("a15", -300)}),
        # one file
        ([19], ALL, 30, {"s10": ("a19", 540), "s20": ("a19", -60), "s30": ("a19", -660)}),
        ([19], SINGLE, 30, {"s20": ("a19", -60)}),
        # far outside
        ([9, 1000], SINGLE, 30, {"s10": ("a9", -60)}),
    ],
)
def test_by_hand(aux, strategy, minutes, expected):
    seconds = None if minutes is None else 60.0 * minutes
    assert match(SCENES, times("a", aux), strategy, seconds) == expected


def test_what_cannot_be_matched_is_said():
    with pytest.raises(SceneError, match=r"E053: .*dt_aux"):
        match(SCENES, times("a", [3]))
    with pytest.raises(SceneError, match=r"E054: .*within 30 s .* 120 s away"):
        match(SCENES, times("a", [2, 17]), SINGLE, 60)
    for scenes, aux in (({}, SCENES), (SCENES, {})):
        with pytest.raises(SceneError, match=r"E054: there is no"):
            match(scenes, aux)
    with pytest.raises(SceneError, match=r"E051"):
        match(SCENES, SCENES, "nearest")


some = st.lists(st.integers(0, 200), min_size=1, max_size=15, unique=True)


@given(scenes=some, aux=some, half=st.integers(1, 40), strategy=st.sampled_from([SINGLE, ALL]))
def test_against_all_pairs(scenes, aux, half, strategy):
    expected = {}
    for a in sorted(aux):
        for s in sorted(scenes):
            if strategy == SINGLE:  # the scene must be the nearest of this file
                chosen = s == min(sorted(scenes), key=lambda other: abs(other - a))
            else:
                chosen = a == min(sorted(aux), key=lambda other: abs(other - s))
            nearer = s not in expected or abs(a - s) < abs(expected[s] - s)
            if chosen and abs(a - s) <= half and nearer:
                expected[s] = a
    pairs = {f"s{s}": (f"a{a}", 60.0 * (a - s)) for s, a in expected.items()}
    if pairs:
        assert match(times("s", scenes), times("a", aux), strategy, 120.0 * half) == pairs
    else:
        with pytest.raises(SceneError, match=r"E054"):
            match(times("s", scenes), times("a", aux), strategy, 120.0 * half)


@given(known=st.lists(st.integers(-50, 50), min_size=1), wanted=st.lists(st.integers(-60, 60)))
def test_nearest_against_argmin(known, wanted):
    found = nearest(known, wanted)
    for one, index in zip(wanted, found, strict=True):
        best = min(known, key=lambda k: (abs(k - one), k))
        assert index == known.index(best)
