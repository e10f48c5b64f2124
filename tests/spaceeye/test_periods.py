"""Periods and chips: the tables of the rule, and what must hold for every length."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaceeye.errors import BadInput
from spaceeye.periods import chips, partition, periods

START = np.datetime64("2020-01-01", "D")


def offsets(length: int, duration: int = 48, overlap: float = 0.5) -> list[tuple[int, ...]]:
    """Read start, read stop, write start, write stop of each period in days from the start."""
    found = periods(START, START + np.timedelta64(length - 1, "D"), duration, overlap)
    return [
        tuple(int((day - START).astype(int)) for day in (*period.read, *period.write))
        for period in found
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
    assert [period[0] for period in found] == starts
    assert [period[1] - period[0] for period in found] == [48] * len(starts)
    assert [period[2:] for period in found] == writes


def test_a_year_has_fifteen_periods() -> None:
    assert len(offsets(365)) == 15


def test_overlap_is_a_step_fraction() -> None:
    starts = [period[0] for period in offsets(96, overlap=0.25)]
    assert starts == [0, 12, 24, 36, 48]
    assert [period[0] for period in offsets(96, overlap=1)] == [0, 48]


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
    starts = [period[0] for period in found]
    # the true step is at most the nominal one, but for the rounding to whole days
    assert all(0 < b - a <= step for a, b in pairwise(starts))


@given(st.integers(48, 500), st.integers(1, 48))
def test_a_day_comes_from_the_period_with_the_nearest_centre(length: int, step: int) -> None:
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
        periods(*arguments)  # type: ignore[arg-type]


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
    with pytest.raises(BadInput, match="0 x 10 pixels in chips of 448"):
        chips(0, 10)
    with pytest.raises(BadInput, match=r"in chips of 1: .* at least 2"):
        chips(10, 10, 1)


def test_text_of_a_period_never_changes() -> None:
    """Names of files are made from it: it is what NumPy wrote of an earlier tuple."""
    assert [period.key for period in periods("2022-01-10", "2022-03-20")] == [
        "Window(read=Span(first=np.datetime64('2022-01-10'), stop=np.datetime64('2022-02-27')), "
        "write=Span(first=np.datetime64('2022-01-10'), stop=np.datetime64('2022-02-14')))",
        "Window(read=Span(first=np.datetime64('2022-02-01'), stop=np.datetime64('2022-03-21')), "
        "write=Span(first=np.datetime64('2022-02-14'), stop=np.datetime64('2022-03-21')))",
    ]
