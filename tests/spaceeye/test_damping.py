"""The choice of alpha, against leaving out by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaceeye.damping import ALPHAS, FALLBACK, LeaveOneOut, choose_alpha
from spaceeye.errors import BadInput
from spaceeye.solver.reference import solve_knots


def series(noise, seed=0, pixels=300):
    """A slow season with noise, 40 % hidden, as DN."""
    random = np.random.default_rng(seed)
    days = np.cumsum(random.uniform(2, 8, 30))
    season = 2000 + 800 * np.sin(days / 25)[:, None, None] * np.ones((1, 2, pixels))
    dn = np.round(season + random.normal(0, noise, season.shape)).astype(np.uint16)
    weights = (random.random((30, pixels)) > 0.4).astype(np.uint8)
    return dn, weights, days


def brute_force(dn, weights, days, alpha):
    """Solve again without each acquisition; the root mean square of what it then misses."""
    squares, count = 0.0, 0
    for k in range(len(days)):
        without = weights.copy()
        without[k] = 0
        missed = (dn[k] - solve_knots(dn, without, days, alpha)[k])[:, weights[k] > 0]
        squares += np.nansum(missed**2)
        count += np.isfinite(missed).sum()
    return (squares / count) ** 0.5


def test_scores_equal_brute_force_and_the_least_wins():
    dn, weights, days = series(60)
    choice = choose_alpha(LeaveOneOut.of(dn, weights, days))
    expected = [brute_force(dn, weights, days, alpha) for alpha in ALPHAS]
    assert [score.rmse for score in choice.scores] == pytest.approx(expected, rel=1e-4)
    assert [score.alpha for score in choice.scores] == list(ALPHAS)
    assert choice.alpha == ALPHAS[int(np.argmin(expected))]
    assert not choice.fallback


def test_noise_asks_for_more_damping():
    chosen = [choose_alpha(LeaveOneOut.of(*series(noise))).alpha for noise in (2, 60, 500)]
    assert chosen == sorted(chosen)
    assert chosen[0] == 0.1
    assert chosen[-1] == 10.0


@given(st.lists(st.integers(1, 299), max_size=6, unique=True), st.randoms())
@settings(max_examples=20)
def test_chunks_in_any_order_give_the_same_sums(cuts, shuffler):
    dn, weights, days = series(60)
    edges = [0, *sorted(cuts), 300]
    parts = [LeaveOneOut.of(dn[:, :, a:b], weights[:, a:b], days) for a, b in pairwise(edges)]
    shuffler.shuffle(parts)
    whole = LeaveOneOut.of(dn, weights, days)
    assert sum(parts, LeaveOneOut.nothing()) == whole
    assert choose_alpha(*parts) == choose_alpha(whole)


def test_reflectance_and_dn_agree():
    dn, weights, days = series(60)
    numbers = choose_alpha(LeaveOneOut.of(dn, weights, days))
    floats = choose_alpha(LeaveOneOut.of(dn * np.float32(1e-4), weights, days))
    for one, other in zip(numbers.scores, floats.scores, strict=True):
        assert one.rmse == pytest.approx(other.rmse, rel=1e-4)


def test_falls_back_where_nothing_is_seen_twice():
    weights = np.zeros((3, 4), np.uint8)
    weights[1] = 1
    dn = np.full((3, 2, 4), 700, np.uint16)
    choice = choose_alpha(LeaveOneOut.of(dn, weights, [0.0, 5.0, 10.0]))
    assert choice.fallback
    assert choice.alpha == FALLBACK
    assert {score.rmse for score in choice.scores} == {None}
    assert choose_alpha(LeaveOneOut.nothing(), fallback=3.0).alpha == 3.0


def test_of_equal_scores_the_smaller_alpha_wins():
    assert choose_alpha(LeaveOneOut((0.1, 1.0, 3.0), (9, 7, 7), 65536)).alpha == 1.0


def test_refuses_sums_that_do_not_add():
    with pytest.raises(BadInput, match="do not add"):
        LeaveOneOut.nothing((1.0,)) + LeaveOneOut.nothing((2.0,))
    with pytest.raises(BadInput, match="ascend"):
        choose_alpha(LeaveOneOut((3.0, 1.0), (1, 1), 1))
    with pytest.raises(BadInput, match="at least one"):
        choose_alpha()
    with pytest.raises(BadInput, match="alpha=-1"):
        LeaveOneOut.of(*series(60), alphas=(-1.0,))
    with pytest.raises(BadInput, match="empty"):
        LeaveOneOut.of(*series(60), alphas=())
