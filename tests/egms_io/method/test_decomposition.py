from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egms_io.errors import BadArgument
from egms_io.method.decomposition import Means, solve
from egms_io.method.timekernel import interpolate

CELLS, DATES = 5, 4


def look(rng, *, ascending, missing=0.0, cells=None):
    """Make the means of one burst over some of the cells."""
    chosen = np.arange(CELLS) if cells is None else np.asarray(cells)
    theta = np.radians(rng.uniform(30, 45, len(chosen)))
    east = -np.sin(theta) if ascending else np.sin(theta)
    series = rng.normal(0, 10, (DATES, len(chosen)))
    series[rng.random(series.shape) < missing] = np.nan
    return Means(
        cells=chosen,
        ascending=ascending,
        points=rng.integers(1, 9, len(chosen)).astype(float),
        los=np.array([east, np.cos(theta)])[:, None],
        series=series,
        gnss=rng.normal(0, 2, len(chosen)),
        gnss_los=np.array([east, np.cos(theta)]),
    )


def slow(parts, combine):
    """Solve cell by cell and date by date with lstsq."""
    east_up = np.full((2, DATES, CELLS), np.nan)
    for cell in range(CELLS):
        for date in range(DATES):
            rows = []
            for part in parts:
                for place in np.flatnonzero(part.cells == cell):
                    z = part.series[date, place]
                    if not np.isnan(z):
                        a = part.los[:, 0, place]
                        rows.append((part.ascending, part.points[place], a, z))
            if combine == "pass":
                merged = []
                for way in {row[0] for row in rows}:
                    same = [row for row in rows if row[0] == way]
                    n = sum(row[1] for row in same)
                    a = sum(row[1] * row[2] for row in same) / n
                    merged.append((way, n, a, sum(row[1] * row[3] for row in same) / n))
                rows = merged
            if len({row[0] for row in rows}) == 2:
                a, z = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])
                east_up[:, date, cell] = np.linalg.lstsq(a, z, rcond=None)[0]
    return east_up


@given(st.integers(0, 10_000), st.sampled_from(["burst", "pass"]), st.sampled_from([0.0, 0.4]))
@settings(deadline=None)
def test_solution_equals_lstsq_cell_by_cell(seed, combine, missing):
    rng = np.random.default_rng(seed)
    subset = np.flatnonzero(rng.random(CELLS) < 0.7)
    parts = [
        look(rng, ascending=True, missing=missing),
        look(rng, ascending=False, missing=missing),
        look(rng, ascending=True, missing=missing, cells=subset),
        look(rng, ascending=False, missing=missing, cells=subset[::-1]),
    ]
    solution = solve(iter(parts), CELLS, DATES, combine=combine)
    expected = slow(parts, combine)
    np.testing.assert_allclose([solution.east, solution.up], expected, atol=1e-9)


@given(st.integers(0, 10_000))
@settings(deadline=None)
def test_point_weights_equal_lstsq_over_points(seed):
    rng = np.random.default_rng(seed)
    parts, rows = [], [[] for _ in range(CELLS)]
    for ascending in (True, False):
        squares, products = np.zeros((3, CELLS)), np.zeros((2, DATES, CELLS))
        for _ in range(int(rng.integers(1, 4))):
            point = look(rng, ascending=ascending)
            east, up = point.los[:, 0]
            squares += [east * east, east * up, up * up]
            products += point.los * point.series
            for cell in range(CELLS):
                rows[cell].append((point.los[:, 0, cell], point.series[:, cell]))
        part = look(rng, ascending=ascending)
        part.squares, part.products = squares, products
        parts.append(part)
    solution = solve(parts, CELLS, DATES, combine="point")
    for cell in range(CELLS):
        a, z = (np.array([row[k] for row in rows[cell]]) for k in (0, 1))
        east, up = np.linalg.lstsq(a, z, rcond=None)[0]
        np.testing.assert_allclose(solution.east[:, cell], east, atol=1e-8)
        np.testing.assert_allclose(solution.up[:, cell], up, atol=1e-8)


@given(
    st.floats(-50, 50),
    st.floats(-50, 50),
    st.integers(0, 10_000),
    st.sampled_from(["burst", "pass"]),
)
@settings(deadline=None)
def test_a_constant_field_is_recovered_for_any_gaps(east, up, seed, combine):
    rng = np.random.default_rng(seed)
    parts = [look(rng, ascending=bool(number % 2), missing=0.5) for number in range(4)]
    for part in parts:
        truth = part.los[0] * east + part.los[1] * up
        part.series = np.where(np.isnan(part.series), np.nan, truth)
        part.gnss = truth[0]
    solution = solve(parts, CELLS, DATES, combine=combine)
    solved = ~np.isnan(slow(parts, combine)[0])
    assert np.array_equal(solved, ~np.isnan(solution.east))
    assert np.abs(solution.east[solved] - east).max(initial=0) < 1e-9
    assert np.abs(solution.up[solved] - up).max(initial=0) < 1e-9


@given(st.integers(0, 10_000), st.floats(-50, 50), st.floats(-50, 50))
@settings(deadline=None)
def test_a_constant_field_is_recovered_from_any_acquisitions(seed, east, up):
    """Through the kernel as well: any dates, any values missing, gaps beyond the limit."""
    rng = np.random.default_rng(seed)
    wanted = np.datetime64("2020-01-03") + 60 * np.arange(DATES)
    parts, near = [], np.zeros((2, DATES, CELLS), bool)
    for number in range(4):
        part = look(rng, ascending=bool(number % 2))
        days = np.sort(rng.choice(400, rng.integers(1, 9), replace=False))
        acquired = np.datetime64("2019-10-01") + days
        present = rng.random((len(days), CELLS)) < 0.7
        truth = part.los[0, 0] * east + part.los[1, 0] * up
        series = np.where(present, truth, 1e5)
        part.series = interpolate(series, present, acquired, wanted)
        gaps = np.abs((acquired - wanted[:, None]).astype(int))
        near[number % 2] |= ((gaps <= 90)[:, :, None] & present).any(axis=1)
        parts.append(part)
    solution = solve(parts, CELLS, DATES, combine="burst")
    solved = near.all(axis=0)
    assert np.array_equal(~np.isnan(solution.east), solved)
    assert np.abs(solution.east[solved] - east).max(initial=0) < 1e-9
    assert np.abs(solution.up[solved] - up).max(initial=0) < 1e-9


@pytest.mark.parametrize("combine", ["burst", "pass"])
@pytest.mark.parametrize("missing", [0.0, 0.5])
def test_gnss_velocity_is_the_solution_of_the_means(combine, missing):
    """Dates without displacement have nothing to do with the GNSS velocity."""
    rng = np.random.default_rng(8)
    parts = [look(rng, ascending=True, missing=missing), look(rng, ascending=False)]
    solution = solve(parts, CELLS, DATES, combine=combine)
    for cell in range(CELLS):
        a = np.array([part.los[:, 0, cell] for part in parts])
        expected = np.linalg.solve(a, [part.gnss[cell] for part in parts])
        np.testing.assert_allclose(solution.gnss[:, cell], expected, atol=1e-9)


def test_missing_gnss_velocity_leaves_the_rest():
    rng = np.random.default_rng(9)
    parts = [look(rng, ascending=True), look(rng, ascending=False)]
    parts[0].gnss[2] = np.nan
    solution = solve(parts, CELLS, DATES, combine="burst")
    assert np.isnan(solution.gnss).any(axis=0).tolist() == [False, False, True, False, False]
    assert not np.isnan(solution.east).any()


def test_one_pass_is_not_solved():
    rng = np.random.default_rng(3)
    parts = [look(rng, ascending=True), look(rng, ascending=True)]
    for combine in ("burst", "pass"):
        solution = solve(parts, CELLS, DATES, combine=combine)
        assert np.isnan(solution.east).all()
        assert np.isnan(solution.up).all()
        assert np.isnan(solution.condition).all()


@pytest.mark.parametrize(("degrees", "kept"), [(5.70, False), (5.75, True)])
def test_look_directions_too_alike_are_refused(degrees, kept):
    """Two unit vectors an angle d apart have the condition 1 / tan(d / 2): 20 at 5.725 degrees."""
    rng = np.random.default_rng(4)
    parts = [look(rng, ascending=True), look(rng, ascending=False)]
    half = np.radians(degrees) / 2
    for part, sign in zip(parts, (-1, 1), strict=True):
        part.los = np.broadcast_to(
            np.array([np.sin(sign * half), np.cos(half)])[:, None, None], (2, 1, CELLS)
        )
    solution = solve(parts, CELLS, DATES, combine="burst")
    np.testing.assert_allclose(solution.condition, 1 / np.tan(half), rtol=1e-9)
    assert np.isnan(solution.east).all() == (not kept)


def test_condition_is_that_of_the_design_matrix():
    rng = np.random.default_rng(6)
    parts = [look(rng, ascending=number > 0) for number in range(3)]
    solution = solve(parts, CELLS, DATES, combine="burst")
    for cell in range(CELLS):
        matrix = np.array([part.los[:, 0, cell] for part in parts])
        assert solution.condition[cell] == pytest.approx(np.linalg.cond(matrix))


def test_unknown_ways_to_combine_are_refused():
    with pytest.raises(BadArgument, match="combine='cell'"):
        solve([], 0, 0, combine="cell")
