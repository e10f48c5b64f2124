"""Windows and chips: the tables of the rule, and what must hold for every length."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaceeye.errors import BadInput
from spaceeye.periods import chips, partition, windows

START = np.datetime64("2020-01-01", "D")


def offsets(length: int, duration: int = 48, overlap: float = 0.5) -> list[tuple[int, ...]]:
    """Read start, read stop, write start, write stop of each window in days from the start."""
    found = windows(START, START + np.timedelta64(length - 1, "D"), duration, overlap)
    return [
        tuple(int((day - START).astype(int)) for day in (*window.read, *window.write))
        for window in found
    ]


@pytest.mark.parametrize(
    ("length", "starts", "writes"),
    [
        (48, [0], [(0, 48)]),
        (49, [0, 1], [(0, 24), (24, 49)]),
        (60, [0, 12], [(0, 30), (30, 60)]),
        (96, [0, 24, 48], [(0, 36), (36, 60), (60, 96)]),
        (100, [0, 17, 35, 52], [(0, 32), (32, 50), (50, 67), (67, 100)]),
    ],
)
def test_table(length: int, starts: list[int], writes: list[tuple[int, int]]) -> None:
    found = offsets(length)
    assert [window[0] for window in found] == starts
    assert [window[1] - window[0] for window in found] == [48] * len(starts)
    assert [window[2:] for window in found] == writes


def test_a_year_has_fifteen_windows() -> None:
    assert len(offsets(365)) == 15


def test_overlap_is_a_step_fraction() -> None:
    starts = [window[0] for window in offsets(96, overlap=0.25)]
    assert starts == [0, 12, 24, 36, 48]
    assert [window[0] for window in offsets(96, overlap=1)] == [0, 48]


@pytest.mark.parametrize(
    ("length", "read"), [(1, (-24, 24)), (10, (-19, 29)), (31, (-9, 39)), (47, (-1, 47))]
)
def test_padding_is_read_but_never_written(length: int, read: tuple[int, int]) -> None:
    assert offsets(length) == [(*read, 0, length)]


@given(
    length=st.integers(1, 800),
    duration=st.integers(1, 90),
    overlap=st.floats(0.02, 1, exclude_min=True),
)
def test_every_day_is_written_once(length: int, duration: int, overlap: float) -> None:
    step = int(duration * overlap)
    if step < 1:
        with pytest.raises(BadInput, match="less than a day"):
            offsets(length, duration, overlap)
        return
    found = offsets(length, duration, overlap)
    written = [day for *_, first, stop in found for day in range(first, stop)]
    assert written == list(range(length))
    assert all(read[0] <= read[2] < read[3] <= read[1] for read in found)
    starts = [window[0] for window in found]
    # the true step is at most the nominal one, but for the rounding to whole days
    assert all(0 < b - a <= step for a, b in pairwise(starts))


@given(st.integers(48, 500), st.integers(1, 48))
def test_a_day_comes_from_the_window_with_the_nearest_centre(length: int, step: int) -> None:
    found = partition(length, 48, step)
    centres = np.array([(first + stop) / 2 for (first, stop), _ in found])
    for (first, stop), (low, high) in found:
        for day in range(low, high):
            own = abs((first + stop) / 2 - (day + 0.5))
            assert own <= np.abs(centres - (day + 0.5)).min() + 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("2020-02-01", "2020-01-01"), "before it starts"),
        (("2020-01-01", "2020-02-01", 0), "duration=0"),
        (("2020-01-01", "2020-02-01", 4.5), "duration=4.5"),
        (("2020-01-01", "2020-02-01", True), "duration=True"),
        (("2020-01-01", "2020-02-01", 48, 0), "overlap=0: the step"),
        (("2020-01-01", "2020-02-01", 48, 1.01), "0 < overlap <= 1"),
        (("2020-01-01", "2020-02-01", 48, float("nan")), "overlap=nan"),
        (("2020-01-01", "2020-02-01", 48, 0.01), "at least 0.0208"),
        (("yesterday, perhaps", "2020-02-01"), "is not a time"),
    ],
)
def test_refused(arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        windows(*arguments)  # type: ignore[arg-type]


def test_chips_of_a_full_tile() -> None:
    assert len(chips(10980, 10980)) == 49 * 49


@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 20))
def test_every_pixel_is_kept_once(height: int, width: int, size: int) -> None:
    seen = np.zeros((height, width), int)
    for chip in chips(height, width, size):
        assert all(s.stop - s.start <= size for s in chip.read)
        block = np.zeros([s.stop - s.start for s in chip.read], int)
        block[chip.kept] = 1
        seen[chip.read] += block
    assert (seen == 1).all()


def test_chips_cut_in_the_middle() -> None:
    found = chips(448, 672)
    assert [chip.read[1] for chip in found] == [slice(0, 448), slice(224, 672)]
    assert [chip.write[1] for chip in found] == [slice(0, 336), slice(336, 672)]
    with pytest.raises(BadInput, match="step=500"):
        chips(1000, 1000, 448, 500)
