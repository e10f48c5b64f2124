"""Windows cover a grid, once, and know where they lie in each other."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.rasters.windows import BLOCK, Window, windows

sides = st.integers(1, 60)
spans = st.tuples(st.integers(-9, 30), st.integers(1, 20)).map(lambda at: (at[0], at[0] + at[1]))
any_window = st.builds(Window, spans, spans)


@given(shape=st.tuples(sides, sides), side=st.integers(1, 70))
def test_windows_cover_every_pixel_once(shape, side):
    seen = np.zeros(shape, int)
    for window in windows(shape, side):
        assert max(window.shape) <= side
        seen[window.slices] += 1
    assert (seen == 1).all()


@given(one=any_window, other=any_window)
def test_common_is_what_both_hold(one, other):
    def pixels(window):
        return {(row, col) for row in range(*window.rows) for col in range(*window.cols)}

    common = one.common(other)
    assert (pixels(common) if common else set()) == pixels(one) & pixels(other)


@given(one=any_window, more=st.integers(0, 5))
def test_a_grown_window_holds_the_first(one, more):
    around = one.grown(more)
    assert around.shape == (one.shape[0] + 2 * more, one.shape[1] + 2 * more)
    array = np.zeros(around.shape, int)
    array[one.within(around)] = 1
    inner = slice(more, array.shape[0] - more), slice(more, array.shape[1] - more)
    assert array.sum() == one.shape[0] * one.shape[1] == array[inner].sum()


def test_a_window_is_a_pair_of_pairs():
    assert Window.whole((3, 4)) == ((0, 3), (0, 4))
    assert next(windows((1000, 1000))).shape == (BLOCK, BLOCK)
