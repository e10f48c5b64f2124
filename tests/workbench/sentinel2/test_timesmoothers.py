"""Smoothed series against dense matrices, and errors of leaving out against leaving out."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.sentinel2.timesmoothers import (
    Observed,
    _left_out,
    chain,
    least_left_out,
    second_differences,
    smoothed,
)

DAYS = np.array([0.0, 0.4, 5, 6, 13, 20, 21.5, 40])
AT = np.array([0, 1, 2, 3, 3, 5, 7])  # two acquisitions at node 3, none at 4 and 6


def whittaker(value):
    return second_differences(len(DAYS), value)


def damping(value):
    return chain(DAYS, value)


KINDS = pytest.mark.parametrize("kind", [whittaker, damping])


def dense(penalty):
    upper = np.diag(penalty.first, 1) + np.diag(penalty.second, 2)
    return np.diag(penalty.diagonal) + upper + upper.T


def observed(seed=0, pixels=12):
    rng = np.random.default_rng(seed)
    weights = rng.choice([0, 0.3, 1], (len(AT), pixels), p=[0.3, 0.2, 0.5])
    return Observed(AT, rng.uniform(0, 1, (len(AT), 3, pixels)), weights)


def plainly(matrix, seen, pixel, without=None):
    """Solve for one pixel, one acquisition left out."""
    weights = seen.weights[:, pixel].copy()
    if without is not None:
        weights[without] = 0
    place = np.eye(len(matrix))[seen.at]
    right = place.T @ (weights[:, None] * seen.values[:, :, pixel])
    return np.linalg.solve(matrix + place.T @ (weights[:, None] * place), right)


def test_penalties_are_those_of_their_definitions():
    second = np.diff(np.eye(6), n=2, axis=0)
    np.testing.assert_allclose(dense(second_differences(6, 3.0)), 3 * second.T @ second)
    change = np.diff(np.eye(len(DAYS)), axis=0) / np.sqrt(np.diff(DAYS))[:, None]
    np.testing.assert_allclose(dense(chain(DAYS, 0.7)), 0.7 * change.T @ change)
    for nodes in (1, 2):
        assert not dense(second_differences(nodes, 3.0)).any()
    assert chain([4.0], 1).diagonal.tolist() == [0]


@KINDS
@pytest.mark.parametrize("value", [0.1, 7.0, 1e4])
def test_it_is_the_dense_solution(kind, value):
    penalty, seen = kind(value), observed()
    found = smoothed(penalty, seen)
    for pixel in range(seen.weights.shape[1]):
        nodes = np.unique(AT[seen.weights[:, pixel] > 0]).size
        if nodes < penalty.straight:
            assert np.isnan(found[:, :, pixel]).all()
            continue
        expected = plainly(dense(penalty), seen, pixel)
        np.testing.assert_allclose(found[:, :, pixel], expected, rtol=1e-6, atol=1e-8)


def test_too_little_seen_is_nan():
    weights = np.zeros((len(AT), 3))
    weights[3:5, 1] = 1  # one node, twice
    weights[[0, 6], 2] = 1
    seen = Observed(AT, np.ones((len(AT), 1, 3)), weights)
    assert np.isfinite(smoothed(whittaker(10), seen)).all(axis=(0, 1)).tolist() == [0, 0, 1]
    assert np.isfinite(smoothed(damping(10), seen)).all(axis=(0, 1)).tolist() == [0, 1, 1]


@KINDS
def test_the_best_is_that_of_leaving_out_one_by_one(kind):
    rng = np.random.default_rng(4)
    wave = np.sin(DAYS[AT] / 9)[:, None, None] + rng.normal(0, 0.3, (len(AT), 2, 20))
    seen = observed(1, 20)._replace(values=wave)
    tried = (0.01, 0.1, 1.0, 10.0, 100.0)
    squares = {}
    for value in tried:
        penalty, total = kind(value), 0.0
        for pixel in range(20):
            used = np.flatnonzero(seen.weights[:, pixel])
            if np.unique(AT[used]).size <= penalty.straight:
                continue
            for one in used:
                around = plainly(dense(penalty), seen, pixel, one)[AT[one]]
                errors = seen.values[one, :, pixel] - around
                total += seen.weights[one, pixel] * np.square(errors).sum()
        squares[value] = total
        assert _left_out(penalty, seen) == pytest.approx(total, rel=1e-8)
    penalties = {value: kind(value) for value in tried}
    assert least_left_out(penalties, seen) == min(squares, key=squares.get)


@KINDS
def test_nothing_to_leave_out(kind):
    weights = np.zeros((len(AT), 2))
    weights[0] = 1
    seen = Observed(AT, np.ones((len(AT), 1, 2)), weights)
    assert least_left_out({value: kind(value) for value in (1.0, 2.0)}, seen) is None
