"""The front door against the slow, obvious way: loops over points, lstsq at every date."""

from __future__ import annotations

import json

import numpy as np
import pytest
import shapely

import egms_io
from egms_io.cells import area_of
from egms_io.errors import BadArgument
from egms_io.formats.bursts import open_burst
from egms_io.method.seriesmodels import STATISTICS, fit, years_since_first
from egms_io.production import carry_out


@pytest.fixture(scope="module")
def three(tmp_path_factory, burst_file, points, every):
    """Two ascending bursts and a descending one, with holes in values and in time."""
    folder = tmp_path_factory.mktemp("three")
    rng = np.random.default_rng(5)
    paths = []
    for number, (track, first) in enumerate([(22, "2020-01-02"), (44, "2020-01-06"), (117, None)]):
        dates = every(first or "2020-01-04", 45)
        frame = points(number, 40, dates)
        holes = rng.random((40, 45)) < 0.2
        frame[dates] = frame[dates].mask(holes)
        if track == 117:  # seven months without an acquisition
            frame = frame.drop(columns=dates[6:40])
        identity = {"track": track, "burst": 100 + number, "ascending": track != 22}
        paths.append(burst_file(folder, frame, **identity))
    return paths


def series_of(frame, product):
    return frame[list(product.method.dates)].to_numpy().T


@pytest.mark.parametrize("combine", ["burst", "pass"])
def test_equals_the_slow_way(three, bounds, slow_ortho, combine):
    product = egms_io.ortho(three, aoi=bounds, combine=combine, max_missing=1)
    slow = slow_ortho(three, bounds, product.method.days, combine=combine)
    slow = {cell: v for cell, v in slow.items() if not np.isnan(v.series).all()}
    assert len(slow) > 8
    assert list(zip(product.east["easting"], product.east["northing"], strict=True)) == list(slow)
    t = years_since_first(product.method.days)
    for row, (frame, name) in enumerate([(product.east, "E"), (product.up, "U")]):
        truth = np.array([cell.series[row] for cell in slow.values()]).T
        referred, statistics = fit(truth, t)
        np.testing.assert_allclose(series_of(frame, product), referred, atol=1e-9, err_msg=name)
        for field in STATISTICS:
            np.testing.assert_allclose(frame[field], statistics[field], atol=1e-8)
        np.testing.assert_allclose(frame["height_ortho"], [c.height for c in slow.values()])
        for column, field in enumerate(("gnss_velocity_e", "gnss_velocity_u")):
            expected = [cell.gnss[column] for cell in slow.values()]
            if combine == "burst":  # a pass has one line of sight per date, not per cell
                np.testing.assert_allclose(frame[field], expected, atol=1e-9)
        assert frame["gnss_velocity_n"].isna().all()


def test_point_weights_equal_least_squares_over_all_points(
    tmp_path, burst_file, points, every, bounds, slow_ortho
):
    paths = [
        burst_file(tmp_path, points(1, 40, every("2020-01-02", 30)), ascending=False),
        burst_file(tmp_path, points(2, 25, every("2020-01-05", 30)), ascending=True),
    ]
    product = egms_io.ortho(paths, aoi=bounds, combine="point")
    slow = slow_ortho(paths, bounds, product.method.days, combine="point")
    assert len(product.east) == len(slow) > 8
    t = years_since_first(product.method.days)
    for row, frame in enumerate((product.east, product.up)):
        truth, _ = fit(np.array([cell.series[row] for cell in slow.values()]).T, t)
        np.testing.assert_allclose(series_of(frame, product), truth, atol=1e-9)


@pytest.mark.parametrize("combine", ["pass", "point"])
def test_one_burst_per_pass_makes_burst_and_pass_the_same(
    tmp_path, burst_file, points, every, bounds, combine
):
    """With a single point per cell and pass all three ways are one."""
    frames = [points(seed, 1, every("2020-01-02", 60)) for seed in (1, 2)]
    for frame in frames:
        frame[["easting", "northing"]] = bounds[0] + 10.0, bounds[1] + 10.0
    frames[0] = frames[0].drop(columns=every("2020-01-02", 60)[10:45])  # 216 days: a real gap
    paths = [
        burst_file(tmp_path, frame, ascending=bool(number)) for number, frame in enumerate(frames)
    ]
    burst, other = (
        egms_io.ortho(paths, aoi=bounds, combine=way, max_missing=0.9) for way in ("burst", combine)
    )
    assert np.isnan(series_of(burst.east, burst)).any()
    for ours, theirs in ((burst.east, other.east), (burst.up, other.up)):
        numbers = ours.select_dtypes("number").columns
        np.testing.assert_allclose(ours[numbers], theirs[numbers], atol=1e-9)


def test_dates_in_a_long_gap_of_one_pass_are_empty(three, bounds):
    product = egms_io.ortho(three[:1] + three[2:], aoi=bounds, max_missing=1)
    acquired = open_burst(three[2]).days
    far = np.abs(acquired - product.method.days[:, None]).min(axis=1) > np.timedelta64(90, "D")
    empty = np.isnan(series_of(product.east, product))
    assert far.any()
    assert empty[far].all()
    assert not empty[~far].all()


def test_cells_with_too_many_missing_dates_are_left_out_and_counted(
    tmp_path, burst_file, points, every, bounds
):
    dates = every("2020-01-02", 100)
    gappy = points(2, 40, dates).drop(columns=dates[20:70])
    paths = [
        burst_file(tmp_path, points(1, 40, dates), ascending=False),
        burst_file(tmp_path, gappy, ascending=True),
    ]
    strict = egms_io.ortho(paths, aoi=bounds)
    loose = egms_io.ortho(paths, aoi=bounds, max_missing=0.5)
    assert strict.cells == 0
    assert strict.report["cells"]["too many dates missing"] == loose.cells > 5
    assert loose.report["cells"]["too many dates missing"] == 0
    assert strict.report["warnings"]


def test_report_is_plain_json_and_counts_points(tmp_path, pair, bounds):
    paths = pair(tmp_path, count=60)
    half = (bounds[0], bounds[1], bounds[0] + 200, bounds[3])
    report = egms_io.ortho(paths, aoi=half).report
    assert json.loads(json.dumps(report))["area"] == "custom"
    assert [burst["pass"] for burst in report["bursts"]] == ["descending", "ascending"]
    for burst in report["bursts"]:
        assert burst["points"] == burst["rows"] == 60
        assert 0 < burst["outside"] < 60
        assert burst["no line of sight"] == 0
    assert report["dates"] == {"first": "20200109", "last": "20200619", "count": 28}


def test_columns_behind_the_series(tmp_path, pair, bounds, read_table):
    paths = pair(tmp_path)
    product = egms_io.ortho(paths, aoi=bounds)
    total = product.east[["points_descending", "points_ascending"]].sum()
    assert total.tolist() == [60, 60]
    assert (product.east["condition"] > 1).all()
    assert (product.east["condition"] < 3).all()
    assert product.east.crs == "EPSG:3035"
    assert (product.east.geometry.x == product.east["easting"]).all()
    assert product.cells == len(product.east) == len(product.up)


def test_polygon_keeps_cells_whose_centre_is_inside(tmp_path, pair, bounds):
    paths = pair(tmp_path, count=200)
    west, south, _, _ = bounds
    triangle = shapely.Polygon([(west, south), (west + 330, south), (west, south + 330)])
    product = egms_io.ortho(paths, aoi=triangle)
    whole = egms_io.ortho(paths, aoi=bounds)
    centres = list(zip(whole.east["easting"], whole.east["northing"], strict=True))
    wanted = [c for c in centres if triangle.contains(shapely.Point(c))]
    assert 0 < len(wanted) < len(centres)
    assert list(zip(product.east["easting"], product.east["northing"], strict=True)) == wanted
    assert product.area.name == "custom"


def test_cells_do_not_depend_on_the_area(tmp_path, pair, bounds):
    paths = pair(tmp_path, count=200)
    whole = egms_io.ortho(paths, aoi=bounds).east.set_index("pid").drop(columns="cell")
    part = egms_io.ortho(paths, aoi=(bounds[0] + 100, bounds[1], *bounds[2:])).east
    part = part.set_index("pid").drop(columns="cell")
    assert 0 < len(part) < len(whole)
    assert part.equals(whole.loc[part.index])


def test_a_folder_stands_for_its_bursts(tmp_path, pair, bounds):
    paths = pair(tmp_path)
    by_folder, by_path = (egms_io.ortho(s, aoi=bounds).east for s in (tmp_path, paths))
    assert by_folder.equals(by_path)


def test_plan_and_carry_out_are_ortho(tmp_path, pair, bounds):
    paths = pair(tmp_path)
    product = carry_out(egms_io.ortho(paths, aoi=area_of(bounds)).plan)
    assert product.up.equals(egms_io.ortho(paths, aoi=bounds).up)


def test_two_products_of_one_work_folder_stay_apart(tmp_path, pair, bounds):
    paths = pair(tmp_path)
    alone = egms_io.ortho(paths, aoi=bounds)
    shared = egms_io.ortho(paths, aoi=bounds, work=tmp_path / "work")
    other = egms_io.ortho(paths, aoi=bounds, kernel="linear", work=tmp_path / "work")
    assert not alone.east.equals(other.east)
    assert shared.east.equals(alone.east)


@pytest.mark.parametrize(
    "options",
    [
        {"on_error": "ignore"},
        {"md5": "maybe"},
        {"duplicates": "first"},
        {"combine": "cell"},
        {"kernel": "cubic"},
        {"kernel_rate": -1},
        {"kernel_rate": float("nan")},
        {"max_gap_days": 0},
        {"max_missing": 1.5},
        {"step_days": 0},
        {"start": "last spring"},
        {"start": "2021-01-01", "end": "2020-01-01"},
        {"cell_m": 0},
        {"cell_m": 0.125},
        {"gnss_model": "nowhere.csv"},
    ],
)
def test_bad_options_are_refused_before_any_work(tmp_path, pair, bounds, options):
    (name,) = list(options)[:1]
    with pytest.raises(BadArgument) as caught:
        egms_io.ortho(pair(tmp_path), aoi=bounds, work=tmp_path / "work", **options)
    assert name in str(caught.value) or str(options[name]) in str(caught.value)
    assert not (tmp_path / "work").exists()


def test_fewer_dates_than_the_model_has_unknowns_is_not_silent(tmp_path, pair, bounds):
    """The cubic and seasonal model has six unknowns; five dates cannot be referred by it."""
    try:
        product = egms_io.ortho(pair(tmp_path), aoi=bounds, start="20200109", end="20200202")
    except BadArgument as error:
        assert "dates" in str(error)  # noqa: PT017
    else:
        assert product.report["warnings"]
        assert not series_of(product.east, product).size
