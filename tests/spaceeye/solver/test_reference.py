"""The plain float64 chain against dense matrices on the daily grid, and its properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from spaceeye.solver.axis import conductances
from spaceeye.solver.reference import (
    age,
    evaluate,
    leave_one_out,
    merge_same_time,
    solve_knots,
    support,
)
from workbench.errors import BadInput

ALPHAS = st.sampled_from([1e-3, 0.1, 0.5, 1.0, 10.0, 100.0])
SEEDS = st.integers(0, 2**32 - 1)


def case(seed, bands=2, pixels=5, most_days=60):
    """Acquisitions on whole days of a grid of at most 60, soft weights, many of them zero."""
    random = np.random.default_rng(seed)
    total = int(random.integers(2, most_days + 1))
    count = int(random.integers(1, min(total, 15) + 1))
    days = np.sort(random.choice(total, count, replace=False)).astype(float)
    values = random.random((count, bands, pixels))
    weights = random.uniform(0.01, 1, (count, pixels)) * (random.random((count, pixels)) > 0.4)
    return values, weights, days, total


def normal_matrix(weights, days, total, alpha):
    """A = W + alpha D'D of one pixel on the daily grid."""
    steps = np.diff(np.eye(total), axis=0)
    matrix = alpha * steps.T @ steps
    matrix[days.astype(int), days.astype(int)] += weights
    return matrix


def dense(values, weights, days, total, alpha):
    out = np.full((total, *values.shape[1:]), np.nan)
    for p in np.flatnonzero(weights.any(axis=0)):
        right = np.zeros((total, values.shape[1]))
        right[days.astype(int)] = weights[:, p, None] * values[:, :, p]
        out[:, :, p] = np.linalg.solve(normal_matrix(weights[:, p], days, total, alpha), right)
    return out


def interpolated(values, weights, days, out_days, alpha):
    return evaluate(solve_knots(values, weights, days, alpha), days, out_days)


@given(SEEDS, ALPHAS)
def test_equals_the_dense_solution_on_the_daily_grid(seed, alpha):
    values, weights, days, total = case(seed)
    found = interpolated(values, weights, days, np.arange(total), alpha)
    assert_allclose(found, dense(values, weights, days, total, alpha), atol=1e-8)


@given(SEEDS, ALPHAS)
def test_irregular_times_are_a_finer_grid(seed, alpha):
    """Times in tenths of a day: a grid of tenths with ten times the alpha is the same chain."""
    values, weights, tenths, total = case(seed)
    found = interpolated(values, weights, tenths / 10, np.arange(total) / 10, alpha)
    assert_allclose(found, dense(values, weights, tenths, total, alpha * 10), atol=1e-8)


@given(SEEDS, ALPHAS)
def test_never_observed_is_nan_exactly_there(seed, alpha):
    values, weights, days, _ = case(seed)
    knots = solve_knots(values, weights, days, alpha)
    never = ~weights.any(axis=0)
    assert_array_equal(np.isnan(knots), np.broadcast_to(never, knots.shape))


@given(SEEDS, ALPHAS)
def test_leave_one_out_equals_solving_without_it(seed, alpha):
    values, weights, days, _ = case(seed, pixels=3)
    found = leave_one_out(values, weights, days, alpha)
    for k in range(len(days)):
        without = weights.copy()
        without[k] = 0
        assert_allclose(found[k], solve_knots(values, without, days, alpha)[k], atol=1e-9)


@given(SEEDS, ALPHAS)
def test_support_is_the_diagonal_of_the_dense_inverse(seed, alpha):
    """Every day of the grid is a node of the dense matrix, of weight zero if not acquired."""
    _, weights, days, total = case(seed)
    found = support(weights, days, np.arange(total), alpha)
    for p in range(weights.shape[1]):
        if weights[:, p].any():
            inverse = np.linalg.inv(normal_matrix(weights[:, p], days, total, alpha))
            assert_allclose(found[:, p], np.diagonal(inverse), rtol=1e-6)
        else:
            assert np.isnan(found[:, p]).all()


@given(SEEDS, ALPHAS, st.floats(-20, 80))
def test_a_day_without_weight_changes_nothing(seed, alpha, day):
    """Inserted between, before or after the acquisitions."""
    values, weights, days, total = case(seed)
    if np.abs(days - day).min() < 1e-6:
        return
    place = int(np.searchsorted(days, day))
    longer = np.insert(days, place, day)
    more = np.insert(weights, place, 0.0, axis=0)
    poisoned = np.insert(values, place, np.inf, axis=0)
    out = np.arange(-5.0, total + 5)
    expected = interpolated(values, weights, days, out, alpha)
    assert_allclose(interpolated(poisoned, more, longer, out, alpha), expected, atol=1e-9)
    assert_allclose(
        support(more, longer, out, alpha), support(weights, days, out, alpha), rtol=1e-9
    )
    assert_array_equal(age(more, longer, out), age(weights, days, out))


def test_support_between_two_clear_days_is_line_plus_bridge():
    weights, days, alpha, day = np.ones((2, 1)), np.array([0.0, 8.0]), 0.5, 2.0
    g = alpha / 8
    inverse = np.linalg.inv(np.array([[1 + g, -g], [-g, 1 + g]]))
    share = np.array([0.75, 0.25])
    bridge = 2 * 6 / (alpha * 8)
    found = support(weights, days, np.array([day]), alpha)
    assert_allclose(found, share @ inverse @ share + bridge)


def test_support_grows_outside_while_the_value_stays():
    weights, days = np.ones((2, 1)), np.array([0.0, 8.0])
    found = support(weights, days, np.array([8.0, 9.0, 18.0, -4.0]), 2.0)[:, 0]
    assert_allclose(found[1:3] - found[0], [0.5, 5.0])
    assert_allclose(found[3], found[0] + 2.0)


@given(SEEDS, ALPHAS)
def test_gradient_of_the_objective_vanishes(seed, alpha):
    values, weights, days, _ = case(seed)
    x = solve_knots(values, weights, days, alpha)
    flow = conductances(days, alpha)[:, None, None] * np.diff(x, axis=0)
    gradient = 2 * weights[:, None] * (x - values)
    gradient[1:] += 2 * flow
    gradient[:-1] -= 2 * flow
    assert np.nanmax(np.abs(gradient), initial=0) < 1e-9


def objective(x, values, weights, alpha):
    """On the daily grid; weights (T, P), values (T, B, P)."""
    fit = (weights[:, None] * (x - values) ** 2).sum()
    return fit + alpha * (np.diff(x, axis=0) ** 2).sum()


def test_objective_is_below_that_of_the_iteration_which_approaches_the_solution():
    """``X <- W (M S + (1 - M) X)`` with hard masks, run for 200 and for 20,000 steps."""
    random, total, alpha = np.random.default_rng(4), 48, 0.1
    days = np.arange(1, total, 5)
    values = random.random((len(days), 1, 20))
    mask = (random.random((len(days), 20)) > 0.5).astype(float)
    mask[3, ~mask.any(axis=0)] = 1
    seen, cube = np.zeros((total, 20)), np.zeros((total, 1, 20))
    seen[days], cube[days] = mask, values * mask[:, None]
    exact = interpolated(values, mask, days, np.arange(total), alpha)
    least = objective(exact, cube, seen, alpha)
    steps = np.diff(np.eye(total), axis=0)
    smoother = np.linalg.inv(np.eye(total) + alpha * steps.T @ steps)
    mean = cube.sum(axis=0) / seen.sum(axis=0)
    x, distance = np.where(seen[:, None] > 0, cube, mean), []
    for step in range(1, 20_001):
        x = np.tensordot(smoother, cube + (1 - seen[:, None]) * x, axes=1)
        if step in (26, 200, 20_000):
            assert objective(x, cube, seen, alpha) >= least * (1 - 1e-12)
            distance.append(np.abs(x - exact).max())
    assert distance[0] > distance[1] > distance[2]
    assert distance[0] > 0.05
    assert distance[2] < 1e-3


@given(SEEDS, ALPHAS)
def test_stays_within_the_observed_range(seed, alpha):
    values, weights, days, total = case(seed)
    found = interpolated(values, weights, days, np.arange(-3, total + 3), alpha)
    shown = np.broadcast_to((weights > 0)[:, None], values.shape)
    low = np.where(shown, values, np.inf).min(axis=0)
    high = np.where(shown, values, -np.inf).max(axis=0)
    seen = weights.any(axis=0)
    assert (found[:, :, seen] >= low[:, seen] - 1e-9).all()
    assert (found[:, :, seen] <= high[:, seen] + 1e-9).all()


@given(SEEDS, ALPHAS)
def test_is_linear_reversible_and_blind_to_common_scale(seed, alpha):
    values, weights, days, _ = case(seed)
    x = solve_knots(values, weights, days, alpha)
    other = np.cos(values * 9)
    summed = solve_knots(2 * values - 3 * other, weights, days, alpha)
    assert_allclose(summed, 2 * x - 3 * solve_knots(other, weights, days, alpha), atol=1e-9)
    backward = solve_knots(values[::-1], weights[::-1], -days[::-1], alpha)
    assert_allclose(backward[::-1], x, atol=1e-9)
    assert_allclose(solve_knots(values, 7 * weights, days, 7 * alpha), x, atol=1e-9)
    assert_array_equal(solve_knots(values[:, ::-1], weights, days, alpha), x[:, ::-1])


@given(SEEDS, ALPHAS)
def test_constant_series_and_limits_of_alpha(seed, alpha):
    values, weights, days, total = case(seed)
    seen = weights.any(axis=0)
    same = solve_knots(np.full_like(values, 0.3), weights, days, alpha)
    assert_allclose(same[:, :, seen], 0.3, rtol=1e-12)
    stiff = solve_knots(values, weights, days, 1e9)[:, :, seen]
    mean = (weights[:, None] * values).sum(axis=0)[:, seen] / weights.sum(axis=0)[seen]
    assert_allclose(stiff, np.broadcast_to(mean, stiff.shape), atol=1e-4)
    loose = interpolated(values, weights, days, np.arange(total), 1e-9)
    for p in np.flatnonzero(seen):
        clear = weights[:, p] > 0
        line = np.interp(np.arange(total), days[clear], values[clear, 0, p])
        assert_allclose(loose[:, 0, p], line, atol=1e-4)


def test_single_observation_is_constant():
    weights = np.array([[0.0], [0.4], [0.0]])
    values = np.array([np.nan, 0.7, 65535.0])[:, None, None]
    found = interpolated(values, weights, [0, 5, 11], np.arange(-5, 20), 0.1)
    assert_allclose(found, 0.7)
    assert_allclose(interpolated(values[1:2], weights[1:2], [5], [0, 5, 9], 0.1), 0.7)


@given(SEEDS, ALPHAS)
def test_values_under_zero_weight_never_matter(seed, alpha):
    values, weights, days, _ = case(seed)
    weights[weights < 0.2] = 9e-4  # below the guard: zero
    clean = solve_knots(values, np.where(weights < 1e-3, 0, weights), days, alpha)
    for poison in (np.nan, np.inf, 65535):
        spoilt = np.where((weights < 1e-3)[:, None], poison, values)
        assert_array_equal(solve_knots(spoilt, weights, days, alpha), clean)


def test_merge_adds_weights_and_averages_values():
    days = np.array([0.0, 0.03, 1.0, 1.05, 4.0])
    values = np.array([1.0, 3.0, 5.0, 7.0, np.nan])[:, None, None] * np.ones((1, 2, 2))
    weights = np.array([[1.0, 0], [0.5, 0], [1, 1], [1, 1], [0, 0]])
    merged, total, times = merge_same_time(values, weights, days)
    assert_allclose(times, [0.015, 1.0, 1.05, 4.0])
    assert_allclose(total, [[1.5, 0], [1, 1], [1, 1], [0, 0]])
    assert_allclose(merged[:, 0], [[5 / 3, 0], [5, 5], [7, 7], [0, 0]])


@given(SEEDS, ALPHAS)
def test_merge_is_what_two_values_at_one_node_amount_to(seed, alpha):
    """The limit of two acquisitions a moment apart."""
    values, weights, days, _ = case(seed)
    twice = np.repeat(days, 2)
    twice[1::2] += 1e-9
    random = np.random.default_rng(seed)
    both = np.repeat(values, 2, axis=0) * random.uniform(0.5, 1, (len(twice), 1, 1))
    trust = np.repeat(weights, 2, axis=0) * random.uniform(0.2, 1, (len(twice), 1))
    trust[trust < 1e-3] = 0
    merged, total, times = merge_same_time(both, trust, twice)
    assert len(times) == len(days)
    out = days + 0.3
    expected = interpolated(both, trust, twice, out, alpha)
    assert_allclose(interpolated(merged, total, times, out, alpha), expected, atol=1e-6)


def test_age_by_hand():
    weights = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0]])
    days = [0.0, 4.0, 10.0]
    found = age(weights, days, [-2.5, 0, 5, 5.4, 9.6, 40_000])
    assert_array_equal(found[:, 0], [3, 0, 5, 5, 0, 32767])
    assert_array_equal(found[:, 1], [13, 10, 5, 5, 0, 32767])
    assert_array_equal(found[:, 2], -1)
    assert found.dtype == np.int16


def test_extrapolation_is_blanked_per_pixel_on_request():
    values, days = np.arange(3.0)[:, None, None] * np.ones((1, 1, 2)), [0, 5, 10]
    weights = np.array([[1, 0], [1, 1], [0, 1]])
    knots = solve_knots(values, weights, days, 0.1)
    out = [-1, 0, 3, 5, 7, 10, 11]
    found = evaluate(knots, days, out, "nan", weights)
    assert_array_equal(np.isnan(found[:, 0, 0]), [True, False, False, False, True, True, True])
    assert_array_equal(np.isnan(found[:, 0, 1]), [True, True, True, False, False, False, True])
    with pytest.raises(BadInput, match="weights"):
        evaluate(knots, days, out, "nan")
    with pytest.raises(BadInput, match="linear"):
        evaluate(knots, days, out, "linear")


def test_refuses_shapes_that_do_not_fit():
    with pytest.raises(BadInput, match="do not fit"):
        solve_knots(np.ones((2, 1, 3)), np.ones((2, 4)), [0, 1], 1.0)
    with pytest.raises(BadInput, match="do not fit"):
        solve_knots(np.ones((2, 1, 3)), np.ones((2, 3)), [0, 1, 2], 1.0)
