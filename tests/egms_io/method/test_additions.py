"""Compiled loops give the bits of the lines of numpy that they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from egms_io.method.additions import (
    STRETCH,
    add_products,
    add_projected,
    add_rows,
    add_spread,
    add_values,
    solve_pairs,
)


def test_values_are_added_to_their_cells():
    values = np.array([1.5, np.nan, -2.26, 3.0, 100.0])
    cells = np.array([1, 1, 1, 0, -1])
    total, squared, present = (np.zeros(3, np.int64) for _ in range(3))
    assert add_values(values, cells, 10.0, 1.0, total, squared, present) == 3.0
    assert total.tolist() == [30, 15 - 23, 0]
    assert squared.tolist() == [9, 4 + 4, 0]
    assert present.tolist() == [1, 2, 0]


def test_rows_are_added_to_columns():
    rng = np.random.default_rng(1)
    added, cells = rng.integers(-(2**40), 2**40, (7, 4)), np.array([5, 0, 2, 3])
    total = rng.integers(-(2**40), 2**40, (7, 6))
    expected = total.copy()
    expected[:, cells] += added
    add_rows(total, cells, added)
    np.testing.assert_array_equal(total, expected)


@pytest.mark.parametrize("count", [0, 1, STRETCH, 2 * STRETCH + 5])
def test_products_are_added_term_by_term(count):
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(4, 7))
    matrix[rng.random(matrix.shape) < 0.4], matrix[2] = 0.0, 0.0
    columns = rng.normal(0, 10, (7, count))
    columns[:, ::9] = np.nan
    expected = np.zeros((4, count))
    for row, term in np.argwhere(matrix):
        expected[row] += matrix[row, term] * columns[term]
    rows, terms = np.nonzero(matrix)
    starts, found = np.searchsorted(rows, np.arange(5)), np.zeros((4, count))
    add_products(starts, terms, matrix[rows, terms], columns, found)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("fixed", [True, False])
def test_spread_of_sums(fixed):
    rng = np.random.default_rng(4)
    sums = rng.integers(-(2**40), 2**40, (6, 5))
    counts = rng.integers(0, 4, (1 if fixed else 6, 5))
    squares, freedom, known = np.zeros(5), np.zeros(5, np.int64), np.maximum(counts, 1)
    add_spread(sums, counts, 1e4, squares, freedom)
    expected = np.zeros(5)
    for total, number in zip(sums / 1e4, np.broadcast_to(known, sums.shape), strict=True):
        expected += total**2 / number
    assert squares.tobytes() == expected.tobytes()
    assert freedom.tolist() == np.broadcast_to(known - 1, sums.shape).sum(axis=0).tolist()


@pytest.mark.parametrize("fixed", [True, False])
def test_projections_and_solutions(fixed):
    rng = np.random.default_rng(2)
    dates, cells = 11, 9
    right = rng.normal(size=(2, dates, cells))
    places = np.array([8, 1, 4, 0])
    los = rng.normal(size=(2, 1 if fixed else dates, 4))
    series = rng.normal(0, 10, (dates, 4))
    series[rng.random(series.shape) < 0.2] = np.nan
    expected = right.copy()
    expected[:, :, places] += np.where(np.isnan(series), 0.0, los * series)
    add_projected(right, places, los, series)
    np.testing.assert_array_equal(right, expected)

    normal = rng.normal(size=(3, 1 if fixed else dates, cells))
    solvable = rng.random(normal.shape[1:]) < 0.8
    ee, eu, uu = normal
    determinant = ee * uu - eu**2
    solved = [uu * right[0] - eu * right[1], ee * right[1] - eu * right[0]] / determinant
    solve_pairs(normal, right, solvable)
    np.testing.assert_array_equal(right, np.where(solvable, solved, np.nan))
