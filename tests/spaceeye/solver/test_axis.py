"""The axis of time: what is refused, and where dates lie between acquisitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from spaceeye.solver.axis import check_axis, conductances, guarded, intervals, outside
from workbench.errors import BadInput


def test_intervals_at_between_and_outside_knots():
    at = intervals([0, 4, 10], [-1, 0, 1, 4, 10, 12])
    assert_array_equal(at.before, [-1, 0, 0, 1, 2, 2])
    assert_array_equal(at.after, [0, 0, 1, 1, 2, 3])
    assert_array_equal(at.fraction, [0, 0, 0.25, 0, 0, 0])


@given(st.integers(0, 2**32 - 1))
def test_intervals_interpolate_as_numpy_does(seed):
    random = np.random.default_rng(seed)
    days = np.cumsum(random.uniform(0.1, 9, int(random.integers(1, 12))))
    wanted = np.r_[random.uniform(days[0] - 5, days[-1] + 5, 20), days]
    x, at = random.normal(size=len(days)), intervals(days, wanted)
    found = (1 - at.fraction) * x[at.left] + at.fraction * x[at.right]
    assert_allclose(found, np.interp(wanted, days, x), atol=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_outside_is_before_the_first_and_after_the_last_clear_day(seed):
    random = np.random.default_rng(seed)
    days = np.cumsum(random.uniform(0.1, 9, int(random.integers(1, 12))))
    wanted = np.r_[random.uniform(days[0] - 5, days[-1] + 5, 20), days]
    weights = random.random((len(days), 6)) * (random.random((len(days), 6)) > 0.6)
    weights[:, 0], weights[:, 1] = 0, 9e-4
    found = outside(weights, days, wanted)
    for p in range(6):
        clear = days[weights[:, p] >= 1e-3]
        expected = (wanted < clear.min()) | (wanted > clear.max()) if clear.size else True
        assert_array_equal(found[:, p], expected)


def test_conductances_by_hand():
    assert_allclose(conductances([0, 2, 10], 4.0), [2.0, 0.5])
    assert conductances([3.5], 1.0).shape == (0,)


def test_guarded_weights():
    assert_array_equal(guarded([1.0, 1e-3, 9e-4, -1.0, np.nan]), [1.0, 1e-3, 0, 0, 0])
    with pytest.raises(BadInput, match="infinite"):
        guarded([1.0, np.inf])


@pytest.mark.parametrize(
    ("days", "alpha", "words"),
    [
        ([], 1.0, "at least one"),
        ([0.0, 3.0, 3.0], 1.0, "3.0"),
        ([0.0, 3.0, 2.0], 1.0, "sort"),
        ([0.0, np.nan], 1.0, "nan"),
        ([0.0, 1.0], 0.0, "alpha=0"),
        ([0.0, 1.0], -2.0, "alpha=-2"),
        ([0.0, 1.0], np.inf, "alpha=inf"),
        ([0.0, 1.0], np.nan, "alpha=nan"),
    ],
)
def test_refuses_axes_and_alphas(days, alpha, words):
    with pytest.raises(BadInput, match=words):
        check_axis(days, alpha)


def test_refuses_days_that_cannot_be_evaluated():
    with pytest.raises(BadInput, match="finite"):
        intervals([0, 1], [np.nan])
    with pytest.raises(BadInput, match=r"\(1, 2\)"):
        intervals([0, 1], [[0, 1]])
