from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egms_io.cells import area_of
from egms_io.errors import BadBurst
from egms_io.formats.points import Points
from egms_io.mapreduce.binning import sum_burst, sum_points
from egms_io.method.sums import COSINE, MM, SQUARED_MM, CellSums, merge

AREA = area_of((4_500_000, 1_700_000, 4_500_300, 1_700_200))
DATES = 3
TENTHS = st.integers(-9_999, 9_999).map(lambda n: n / 10)
MAYBE = st.one_of(TENTHS, st.just(float("nan")))

POINT = st.tuples(
    st.integers(-5_000, 35_000),  # cm east of the area's west edge: some points are outside
    st.integers(-5_000, 25_000),
    st.sampled_from([(0.6, 0.8), (-0.601, 0.799), (0.0, 1.0), (0.5, 0.5), (float("nan"), 1.0)]),
    MAYBE,  # height
    MAYBE,  # velocity
    st.lists(MAYBE, min_size=DATES, max_size=DATES),
)


def as_points(rows, first=0):
    number = len(rows)
    los = np.array([[row[2][0], 0.0, row[2][1]] for row in rows]).reshape(number, 3).T
    return Points(
        easting=np.array([4_500_000 + row[0] / 100 for row in rows]),
        northing=np.array([1_700_000 + row[1] / 100 for row in rows]),
        los=los,
        height=np.array([row[3] for row in rows], float),
        gnss=np.array([row[4] for row in rows], float),
        track_angle=np.full(number, -9.0),
        pid=np.arange(first, first + number),
        series=[np.array([row[5][k] for row in rows], float) for k in range(DATES)],
    )


def slow_sums(rows, *, per_point=False):
    """Sum with exact fractions in a dictionary."""
    cells = {}
    tally = Counter()
    for x, y, (east, up), height, velocity, series in rows:
        if not (0 <= x < 30_000 and 0 <= y < 20_000):
            tally["outside"] += 1
            continue
        if np.isnan(east) or abs(np.hypot(east, up) - 1) > 5e-3:
            tally["no line of sight"] += 1
            continue
        if per_point and np.isnan(series).any():
            tally["incomplete"] += 1
            continue
        cell = cells.setdefault(y // 10_000 * 3 + x // 10_000, Counter())
        cell["points"] += 1
        tally["in the area"] += 1
        exact = [Fraction(round(v * 1000), 1000) for v in (east, up)]
        for name, value in zip(("los0", "los1"), exact, strict=True):
            cell[name] += value
        values = {"height": height, "gnss": velocity}
        values |= {f"series{k}": value for k, value in enumerate(series)}
        for name, value in values.items():
            if not np.isnan(value):
                tenths = Fraction(round(value * 10), 10)
                cell[name] += tenths
                cell[f"{name} count"] += 1
                if name.startswith("series"):
                    cell["squared"] += tenths**2
                cell[f"{name} east"] += exact[0] * tenths
                cell[f"{name} up"] += exact[1] * tenths
        for name, a, b in (("ee", 0, 0), ("eu", 0, 1), ("uu", 1, 1)):
            cell[name] += exact[a] * exact[b]
    return cells, tally


def check(sums, cells):
    assert sums.key.tolist() == sorted(cells)
    for place, key in enumerate(sums.key):
        cell = cells[int(key)]
        assert sums.points[place] == cell["points"]
        assert sums.heights[place] == cell["height count"]
        assert sums.velocities[place] == cell["gnss count"]
        for axis in (0, 1):
            assert Fraction(int(sums.los[axis, place]), int(COSINE)) == cell[f"los{axis}"]
        assert Fraction(int(sums.height[place]), int(MM)) == cell["height"]
        assert Fraction(int(sums.gnss[place]), int(MM)) == cell["gnss"]
        assert Fraction(int(sums.squared[place]), int(SQUARED_MM) ** 2) == cell["squared"]
        for k in range(DATES):
            present = sums.points[place] if sums.present is None else sums.present[k, place]
            assert present == cell[f"series{k} count"]
            assert Fraction(int(sums.series[-1, k, place]), int(MM)) == cell[f"series{k}"]
            if sums.squares is not None:
                for channel, name in enumerate(("east", "up")):
                    exact = Fraction(int(sums.series[channel, k, place]), int(MM * COSINE))
                    assert exact == cell[f"series{k} {name}"]
        if sums.squares is not None:
            for row, name in enumerate(("ee", "eu", "uu")):
                assert Fraction(int(sums.squares[row, place]), int(COSINE) ** 2) == cell[name]


def equal(one: CellSums, other: CellSums) -> bool:
    def same(name):
        a, b = getattr(one, name), getattr(other, name)
        if name == "present":  # None says that every point has a value
            a, b = (
                np.broadcast_to(sums.points, sums.series.shape[1:]) if p is None else p
                for sums, p in ((one, a), (other, b))
            )
        return (a is None and b is None) or (a.dtype == b.dtype and np.array_equal(a, b))

    return all(same(name) for name in vars(one))


@given(st.lists(POINT, max_size=40), st.booleans())
@settings(deadline=None)
def test_sums_equal_exact_fractions(rows, per_point):
    tally = Counter()
    sums = sum_points(as_points(rows), AREA, per_point=per_point, tally=tally)
    cells, slow_tally = slow_sums(rows, per_point=per_point)
    check(sums, cells)
    assert +tally == slow_tally


@given(st.lists(POINT, max_size=40), st.randoms(), st.lists(st.integers(0, 40), max_size=6))
@settings(deadline=None)
def test_any_order_and_any_batches_give_the_same_sums(rows, random, cuts):
    whole = sum_burst([as_points(rows)], AREA, per_point=False, tally=Counter())
    random.shuffle(rows)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    batches = [as_points(rows[a:b], a) for a, b in pairwise(edges)]
    tally = Counter()
    pieces = sum_burst(batches, AREA, per_point=False, tally=tally)
    cells, _ = slow_sums(rows)
    assert tally["points"] == len(rows)
    if whole is None:
        assert pieces is None
        assert not cells
    else:
        assert equal(whole, pieces)
        check(pieces, cells)


@given(st.lists(st.lists(POINT, max_size=12), min_size=3, max_size=3), st.booleans())
@settings(deadline=None)
def test_merging_is_associative_and_commutative(groups, per_point):
    def part(rows):
        return sum_points(as_points(rows), AREA, per_point=per_point, tally=Counter())

    def fresh():
        return [part(rows) for rows in groups]

    a, b, c = fresh()
    left = merge([merge([a, b]), c])
    a, b, c = fresh()
    right = merge([a, merge([b, c])])
    a, b, c = fresh()
    assert equal(left, right)
    assert equal(left, merge([c, a, b]))
    check(left, slow_sums([row for rows in groups for row in rows], per_point=per_point)[0])


def test_the_first_of_two_points_with_one_pid_stands():
    rows = [(x, 50, (0.6, 0.8), 1.0, 1.0, [float(x), 0.0, 0.0]) for x in (10, 20, 30, 40)]
    first, second = as_points(rows[:2]), as_points(rows[2:])
    first.pid, second.pid = np.array([7, 7]), np.array([8, 7])
    tally = Counter()
    sums = sum_burst([first, second], AREA, per_point=False, tally=tally)
    assert sums.points.tolist() == [2]
    assert sums.series[0, 0, 0] == (10 + 30) * MM
    assert tally["duplicate"] == 2


def test_outlines_leave_out_cells():
    import shapely

    triangle = shapely.Polygon(
        [(4_500_000, 1_700_000), (4_500_250, 1_700_000), (4_500_000, 1_700_200)]
    )
    rows = [
        (x, y, (0.6, 0.8), 1.0, 1.0, [0.0] * 3) for x in (50, 15_000, 25_000) for y in (50, 15_000)
    ]
    tally = Counter()
    area = area_of(triangle)
    sums = sum_points(as_points(rows), area, per_point=False, tally=tally)
    inside = [
        triangle.contains(shapely.Point(p))
        for p in zip(*area.lattice.centres(np.arange(6)), strict=True)
    ]
    assert sums.key.tolist() == np.flatnonzero(inside).tolist() == [0, 1, 3]
    assert tally["outside"] == 3


@pytest.mark.parametrize("value", [2e6, -1e7, float("inf"), float("-inf")])
def test_absurd_values_are_refused(value):
    rows = [(50, 50, (0.6, 0.8), 1.0, 1.0, [0.0, value, float("nan")])]
    with pytest.raises(BadBurst, match="is no displacement"):
        sum_points(as_points(rows), AREA, per_point=False, tally=Counter())


def test_lines_of_sight_without_north_are_taken():
    points = as_points([(50, 50, (0.6, 0.75), 1.0, 1.0, [0.0] * 3)])
    points.los[1] = np.nan
    sums = sum_points(points, AREA, per_point=False, tally=Counter())
    assert sums.points.tolist() == [1]
    points.los[0] = 0.9  # longer than a unit vector whatever north is
    assert not sum_points(points, AREA, per_point=False, tally=Counter()).points.size
