"""Sums over cells, and what is solved from them, in compiled loops.

Each loop does the additions and products that the same lines of numpy would, one by one and in the
same order, so results have the same bits. What it saves are the passes over memory in between.

Import this module only where it is used: it loads numba.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

STRETCH = 256  # columns of a product taken together


@compiled
def add_values(values, cells, per_mm, coarse_per_mm, total, squared, present):
    """Add the values of points to their cells in whole numbers of small units.

    Parameters
    ----------
    values
        (points,) float64, NaN where missing.
    cells
        (points,) place of the cell of each point; negative for a point that does not count.
    per_mm, coarse_per_mm
        Units per 1, of sums and of sums of squares.
    total, squared, present
        (cells,) int64: gain the sum, the sum of squares and the number of values.

    Returns
    -------
    Largest size of a value that counts, 0 where there is none. Beyond what the caller allows, the
    sums are of no use.
    """
    largest = 0.0
    for point in range(len(values)):
        cell, value = cells[point], values[point]
        if cell < 0 or np.isnan(value):
            continue
        largest = max(largest, abs(value))
        total[cell] += np.int64(np.rint(value * per_mm))
        coarse = np.rint(value * coarse_per_mm)
        squared[cell] += np.int64(coarse * coarse)
        present[cell] += 1
    return largest


@compiled
def add_rows(total, cells, added):
    """Add (rows, m) whole numbers to columns `cells` of (rows, n) ones."""
    for row in range(len(added)):
        for place in range(len(cells)):
            total[row, cells[place]] += added[row, place]


@compiled
def add_products(starts, terms, weights, columns, out):
    """Add a sparse matrix times columns, a few hundred columns at a time: they stay in the cache.

    Parameters
    ----------
    starts
        (rows + 1,) where the entries of each row of the matrix begin, and the end.
    terms, weights
        (entries,) column of the matrix and value, row by row, added in this order.
    columns
        (terms, n) float64.
    out
        (rows, n), changed.
    """
    for first in range(0, out.shape[1], STRETCH):
        for row in range(len(out)):
            total = out[row, first : first + STRETCH]
            for entry in range(starts[row], starts[row + 1]):
                values, weight = columns[terms[entry], first : first + STRETCH], weights[entry]
                for column in range(len(total)):
                    total[column] += weight * values[column]


@compiled
def add_spread(sums, counts, per_one, squares, freedom):
    """Add what the sums of each acquisition say of a cell: (Σ y)² / n, and n - 1.

    Parameters
    ----------
    sums
        (acquisitions, cells) int64, Σ y in units.
    counts
        (1 or acquisitions, cells), n; an acquisition without a value counts as one of 0.
    per_one
        Units per 1.
    squares, freedom
        (cells,) float64 and int64, changed.
    """
    fixed = len(counts) == 1
    for acquisition in range(len(sums)):
        total, count = sums[acquisition], counts[0 if fixed else acquisition]
        for cell in range(len(squares)):
            known = max(count[cell], 1)
            whole = total[cell] / per_one
            squares[cell] += whole * whole / known
            freedom[cell] += known - 1


@compiled
def add_projected(right, cells, los, series):
    """Add the products of a line of sight and the series seen along it, where there is a value.

    Parameters
    ----------
    right
        (2, dates, n), changed.
    cells
        (m,) places among the n.
    los
        (2, 1 or dates, m).
    series
        (dates, m), NaN where unknown.
    """
    fixed = los.shape[1] == 1
    for part in range(2):
        for date in range(len(series)):
            look = los[part, 0 if fixed else date]
            for place in range(len(cells)):
                value = series[date, place]
                if not np.isnan(value):
                    right[part, date, cells[place]] += look[place] * value


@compiled
def solve_pairs(normal, right, solvable):
    """Solve 2×2 equations in place of their right side, NaN where they are not to be solved.

    Parameters
    ----------
    normal
        (3, 1 or dates, n): ee, eu, uu.
    right
        (2, dates, n), becomes the solution.
    solvable
        (1 or dates, n).
    """
    fixed = normal.shape[1] == 1
    for date in range(right.shape[1]):
        at = 0 if fixed else date
        ee, eu, uu = normal[0, at], normal[1, at], normal[2, at]
        first, second = right[0, date], right[1, date]
        for cell in range(right.shape[2]):
            if solvable[at, cell]:
                determinant = ee[cell] * uu[cell] - eu[cell] * eu[cell]
                east = (uu[cell] * first[cell] - eu[cell] * second[cell]) / determinant
                up = (ee[cell] * second[cell] - eu[cell] * first[cell]) / determinant
                first[cell], second[cell] = east, up
            else:
                first[cell], second[cell] = np.nan, np.nan
