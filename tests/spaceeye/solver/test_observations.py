"""What observations say: compiled against the plain chain, sums exact over any division."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from spaceeye.solver import _pixels, observations, reference
from spaceeye.solver.observations import LeaveOneOut
from workbench.errors import BadInput

ALPHAS = st.sampled_from([1e-3, 0.1, 1.0, 10.0, 100.0])
SEEDS = st.integers(0, 2**32 - 1)
SEVERAL = (0.1, 1.0, 10.0)


def case(seed, pixels=7, count=None):
    """Values with NaN and DN with 65535 where the soft weights are 0; days, and dates around."""
    random = np.random.default_rng(seed)
    count = count or int(random.integers(1, 20))
    days = np.cumsum(random.uniform(0.3, 12, count))
    values = random.uniform(0.02, 0.65, (count, 2, pixels)).astype(np.float32)
    weights = random.uniform(0.002, 1, (count, pixels)) * (random.random((count, pixels)) > 0.5)
    hidden = np.broadcast_to((weights == 0)[:, None], values.shape)
    dn = np.where(hidden, 65535, np.round(values * 10_000)).astype(np.uint16)
    out_days = np.r_[random.uniform(days[0] - 9, days[-1] + 9, 20), days]
    return np.where(hidden, np.float32(np.nan), values), dn, weights.astype("f4"), days, out_days


@given(SEEDS, ALPHAS, st.sampled_from([None, 0.0, 2.5, 8.0, np.inf]))
def test_flags_age_and_support(seed, alpha, max_gap):
    _, _, weights, days, out_days = case(seed)
    found = observations.flags_age_support(weights, days, out_days, alpha, max_gap)
    assert_array_equal(found.age, reference.age(weights, days, out_days))
    expected = reference.support(weights, days, out_days, alpha)
    assert_array_equal(np.isnan(found.support), np.isnan(expected))
    assert_allclose(found.support, expected, rtol=1e-5)
    for t, day in enumerate(out_days):
        for p in range(weights.shape[1]):
            clear = days[weights[:, p] > 0]
            if not clear.size:
                flag = 1
            elif max_gap is not None and np.abs(clear - day).min() > max_gap:
                flag = 2
            else:
                flag = 3 if day < clear[0] or day > clear[-1] else 0
            assert found.flag[t, p] == flag


@given(SEEDS, ALPHAS)
def test_residuals_are_those_of_leaving_out(seed, alpha):
    values, dn, weights, days, _ = case(seed)
    for given_, units, close in ((values, 10_000, 0.05), (dn, 1, 0.05)):
        found = observations.leave_one_out_residuals(given_, weights, days, alpha)
        expected = given_ - reference.leave_one_out(given_, weights, days, alpha)
        shown = np.broadcast_to((weights > 0)[:, None], expected.shape)
        assert_array_equal(np.isnan(found), np.isnan(expected) | ~shown)
        seen = ~np.isnan(found)
        assert_allclose(found[seen], units * expected[seen], atol=close)


def test_residuals_compare_also_what_has_no_weight():
    values, _, weights, days, _ = case(8, count=10)
    shown = np.ones_like(weights)
    filled = np.nan_to_num(values, nan=0.5)
    found = observations.leave_one_out_residuals(filled, weights, days, 1.0, compared=shown)
    hidden = np.broadcast_to((weights == 0)[:, None], values.shape)
    solution = reference.solve_knots(filled, weights, days, 1.0)
    assert_allclose(found[hidden], 1e4 * (filled - solution)[hidden], atol=0.05)


@given(SEEDS)
def test_sums_are_exact_over_any_division(seed):
    values, dn, weights, days, _ = case(seed, pixels=200)
    random = np.random.default_rng(seed)
    cuts = [0, *np.sort(random.choice(np.arange(1, 200), 4, replace=False)), 200]
    for given_ in (values, dn):
        parts = [
            observations.leave_one_out_sums(given_[:, :, a:b], weights[:, a:b], days, SEVERAL)
            for a, b in pairwise(cuts)
        ]
        random.shuffle(parts)
        whole = observations.leave_one_out_sums(given_, weights, days, SEVERAL)
        assert reduce(add, parts) == whole


@given(SEEDS)
def test_sums_are_those_of_the_plain_chain(seed):
    _, dn, weights, days, _ = case(seed, pixels=30)
    sums = observations.leave_one_out_sums(dn, weights, days, SEVERAL)
    for place, alpha in enumerate(SEVERAL):
        residual = dn - reference.leave_one_out(dn, weights, days, alpha)
        valid = (weights[:, None] > 0) & ~np.isnan(residual)
        trust = np.broadcast_to(weights[:, None], residual.shape)[valid]
        total = (trust * residual[valid] ** 2).sum()
        assert_allclose(sums.squares[place] / 64, total, rtol=1e-4, atol=30 / 64)
        assert_allclose(sums.weights / 65536, trust.sum(dtype=float), atol=valid.sum() / 65536)
        if sums.weights:
            mean = total / trust.sum(dtype=float)
            assert_allclose(sums.rmse[place], mean**0.5, rtol=1e-3, atol=1)


def test_root_mean_square_by_hand():
    assert LeaveOneOut((1.0, 3.0), (64 * 9 * 2, 64 * 25 * 2), 65536 * 2).rmse == (3.0, 5.0)
    assert LeaveOneOut((1.0,), (0,), 0).rmse == ()


def test_bits_do_not_depend_on_the_size_of_blocks_or_on_threads(monkeypatch):
    _, dn, weights, days, out_days = case(5, pixels=1500, count=12)
    results = []
    for cache, parallel in ((1, False), (100_000, True), (10_000_000, False)):
        monkeypatch.setattr(_pixels, "CACHE", cache)
        options = {"parallel": parallel}
        results.append(
            [
                observations.leave_one_out_residuals(dn, weights, days, 1.0, **options),
                *observations.flags_age_support(weights, days, out_days, 1.0, 10.0, **options),
                observations.leave_one_out_sums(dn, weights, days, SEVERAL, **options),
            ]
        )
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            assert_array_equal(one, two)


def test_refuses_what_does_not_fit():
    dn, weights, days = np.ones((2, 1, 3), np.uint16), np.ones((2, 3), np.uint8), [0.0, 1.0]
    with pytest.raises(BadInput, match="max_gap=-1"):
        observations.flags_age_support(weights, days, [0.0], 1.0, -1)
    with pytest.raises(BadInput, match="int32"):
        observations.leave_one_out_residuals(dn.astype(np.int32), weights, days, 1.0)
    with pytest.raises(BadInput, match="alpha=-1"):
        observations.leave_one_out_sums(dn, weights, days, (1.0, -1.0))
    with pytest.raises(BadInput, match="empty"):
        observations.leave_one_out_sums(dn, weights, days, ())
    with pytest.raises(BadInput, match="do not add"):
        LeaveOneOut((1.0,), (1,), 1) + LeaveOneOut((2.0,), (1,), 1)
