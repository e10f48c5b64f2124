"""Scatter within cells and formal errors: against the estimator written out, and against chance."""

from __future__ import annotations

import numpy as np
import pytest

import egms_io
from egms_io.errors import BadArgument

COMBINE = ["burst", "pass", "point"]


@pytest.fixture(scope="module")
def bursts(tmp_path_factory, burst_file, points, every):
    """Two ascending bursts and a descending one over the same cells, with unequal noise."""
    folder = tmp_path_factory.mktemp("bursts")
    looks = [(True, 227, 1, 90, 4), (True, 228, 2, 40, 7), (False, 845, 3, 50, 12)]
    return [
        burst_file(
            folder, points(seed, count, every("2020-01-03", 30), amplitude=noise),
            ascending=way, burst=burst,
        )
        for way, burst, seed, count, noise in looks
    ]  # fmt: skip


def points_by_cell(paths, read_table):
    """Return by cell centre and burst: pass, lines of sight (n, 2) and series (n, acquisitions)."""
    found = {}
    for number, path in enumerate(paths):
        table = read_table(path)
        centres = (table[["easting", "northing"]] // 100 * 100 + 50).apply(tuple, axis=1)
        dates = [name for name in table if name.isdigit()]
        for centre, part in table.groupby(centres):
            found.setdefault(centre, {})[number] = (
                bool(part["los_east"].iloc[0] < 0),
                part[["los_east", "los_up"]].to_numpy(),
                part[dates].to_numpy(float),
            )
    return found


def estimate(cell, values, combine):
    """Return east and up from one value a point, by lstsq over what counts equally."""
    rows, right = [], []
    if combine == "point":
        rows = np.concatenate([los for _, los, _ in cell.values()])
        right = np.concatenate(list(values.values()))
    elif combine == "burst":
        rows = [los.mean(axis=0) for _, los, _ in cell.values()]
        right = [values[number].mean() for number in cell]
    else:
        for way in {way for way, _, _ in cell.values()}:
            same = [number for number in cell if cell[number][0] == way]
            rows.append(np.concatenate([cell[number][1] for number in same]).mean(axis=0))
            right.append(np.concatenate([values[number] for number in same]).mean())
    return np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]


def variance(cell, way):
    """Return the pooled variance of a pass by loops, NaN where nothing says it."""
    squares = freedom = 0.0
    for ascending, _, series in cell.values():
        for values in series.T if ascending == way else ():
            known = values[~np.isnan(values)]
            if len(known):
                squares += ((known - known.mean()) ** 2).sum()
                freedom += len(known) - 1
    return squares / freedom if freedom else np.nan


def slow_errors(cell, combine):
    """Propagate the variance of every point through the estimator, one point after the other."""
    total = np.zeros(2)
    for number, (way, los, _) in cell.items():
        for point in range(len(los)):
            values = {other: np.zeros(len(cell[other][1])) for other in cell}
            values[number][point] = 1
            total += estimate(cell, values, combine) ** 2 * variance(cell, way)
    return np.sqrt(total)


@pytest.mark.parametrize("combine", COMBINE)
def test_errors_equal_those_of_the_estimator_written_out(bursts, bounds, read_table, combine):
    product = egms_io.ortho(bursts, aoi=bounds, combine=combine)
    slow = points_by_cell(bursts, read_table)
    assert product.cells > 8
    for place in range(product.cells):
        east, up = product.east.iloc[place], product.up.iloc[place]
        cell = slow[east["easting"], east["northing"]]
        for name, way in (("scatter_ascending", True), ("scatter_descending", False)):
            assert (
                east[name] == up[name] == pytest.approx(np.sqrt(variance(cell, way)), nan_ok=True)
            )
        expected = slow_errors(cell, combine)
        assert east["formal_error"] == pytest.approx(expected[0], rel=1e-9, nan_ok=True)
        assert up["formal_error"] == pytest.approx(expected[1], rel=1e-9, nan_ok=True)


def test_missing_values_leave_the_scatter_of_the_others(
    tmp_path, burst_file, points, every, bounds, read_table
):
    rng = np.random.default_rng(4)
    paths = []
    for way in (False, True):
        frame = points(way, 60, every("2020-01-03", 30))
        dates = [name for name in frame if name.isdigit()]
        frame[dates] = frame[dates].mask(rng.random((60, 30)) < 0.2)
        paths.append(burst_file(tmp_path, frame, ascending=way))
    product = egms_io.ortho(paths, aoi=bounds)
    slow = points_by_cell(paths, read_table)
    for row in product.east.itertuples():
        cell = slow[row.easting, row.northing]
        assert row.scatter_ascending == pytest.approx(np.sqrt(variance(cell, True)), nan_ok=True)
        assert row.scatter_descending == pytest.approx(np.sqrt(variance(cell, False)), nan_ok=True)


@pytest.mark.parametrize("combine", COMBINE)
def test_errors_are_those_of_chance(bursts, bounds, combine):
    """Series of pure noise, acquired at the output dates: displacement over its formal error.

    An acquisition keeps 0.9951 of the weight in time, and six coefficients are fitted to series of
    about thirty dates, of which the constant is subtracted.
    """
    product = egms_io.ortho(bursts, aoi=bounds, combine=combine, kernel_rate=5)
    dates = list(product.method.dates)
    for frame in (product.east, product.up):
        known = frame[frame["formal_error"].notna()]
        series = known[dates].to_numpy()
        spread = np.sqrt(series.var(axis=1, ddof=1))
        ratio = np.sqrt(np.mean((spread / known["formal_error"].to_numpy()) ** 2))
        assert ratio == pytest.approx(1, abs=0.1)


def test_one_point_says_nothing_of_its_error(tmp_path, burst_file, points, every, bounds):
    paths = []
    for way in (False, True):
        frame = points(1, 2, every("2020-01-03", 30))
        frame[["easting", "northing"]] = bounds[0] + 20, bounds[1] + 20
        if way:
            frame = frame.iloc[:1]
        paths.append(burst_file(tmp_path, frame, ascending=way))
    row = egms_io.ortho(paths, aoi=bounds).east.iloc[0]
    assert (row["points_ascending"], row["points_descending"]) == (1, 2)
    assert np.isnan(row["scatter_ascending"])
    assert row["scatter_descending"] > 0
    assert np.isnan(row["formal_error"])


def test_cells_with_too_few_points_are_left_out_and_counted(bursts, bounds):
    every_cell = egms_io.ortho(bursts, aoi=bounds)
    few = egms_io.ortho(bursts, aoi=bounds, min_points=4)
    counted = every_cell.east[["points_ascending", "points_descending"]].min(axis=1)
    kept = every_cell.east[counted >= 4].reset_index(drop=True)
    assert 0 < len(kept) < every_cell.cells
    assert kept.equals(few.east)
    assert few.report["cells"]["too few points"] == every_cell.cells - len(kept)
    none = egms_io.ortho(bursts, aoi=bounds, min_points=1000)
    assert none.cells == 0
    assert "have fewer than 1000 points in a pass (min_points)" in none.report["warnings"][-1]
    for wrong in (0, 1.5, float("nan"), float("inf")):
        with pytest.raises(BadArgument, match="min_points"):
            egms_io.ortho(bursts, aoi=bounds, min_points=wrong)
