"""What the published notebook got wrong, one test per item of the specification's section 6."""

from __future__ import annotations

import zipfile

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio

import egms_io
from egms_io.cells import Lattice
from egms_io.errors import BadBurst
from egms_io.formats.pids import cell_pids
from egms_io.method.seriesmodels import fit, years_since_first


@pytest.fixture
def at_one_place(burst_file, points, bounds):
    """`at_one_place(folder, ascending, dates, count=1)`: all points in the first cell."""

    def write(folder, ascending, dates, count=1, *, seed=0, **columns):
        frame = points(seed + ascending, count, dates)
        frame["easting"] = bounds[0] + 1.0 + np.arange(count)
        frame["northing"] = bounds[1] + 99.99
        frame["incidence_angle"] = 38.0
        return burst_file(folder, frame.assign(**columns), ascending=ascending)

    return write


def test_01_no_half_cell_shift(tmp_path, at_one_place, every, bounds):
    dates = every("2020-01-02", 30)
    paths = [at_one_place(tmp_path, way, dates) for way in (False, True)]
    east = egms_io.ortho(paths, aoi=bounds).east
    assert east[["easting", "northing"]].to_numpy().tolist() == [[bounds[0] + 50, bounds[1] + 50]]


@pytest.mark.parametrize("shift", [1, 2, 3, 4, 5])
def test_02_acquisitions_off_the_output_dates_count(tmp_path, at_one_place, every, bounds, shift):
    first = str(np.datetime64("2020-01-03") + shift)
    paths = [
        at_one_place(tmp_path, False, every("2020-01-03", 40)),
        at_one_place(tmp_path, True, every(first, 40)),
    ]
    product = egms_io.ortho(paths, aoi=bounds, start="2020-01-03", end="2020-08-01")
    series = product.east[list(product.method.dates)].to_numpy()
    assert np.isfinite(series).all()


def test_02_an_acquisition_after_the_last_output_date_counts(tmp_path, at_one_place, every, bounds):
    dates = every("2020-01-03", 40)
    paths = [at_one_place(tmp_path, way, dates) for way in (False, True)]
    period = {
        "start": "2020-01-03",
        "end": "2020-08-19",
    }  # the last acquisition is on 08-24, the grid ends 08-18
    fewer = at_one_place(tmp_path / "fewer", True, dates[:-1])
    assert dates[-1] == "20200824"
    last = []
    for ascending in (paths[1], fewer):
        product = egms_io.ortho([paths[0], ascending], aoi=bounds, **period)
        last.append(product.east["20200818"].iloc[0])
    assert last[0] != last[1]


def test_03_the_kernel_is_exponential(tmp_path, at_one_place, every, bounds):
    """In a gap of 18 days the nearest date takes nearly all; linear would give it two thirds."""
    dates = every("2020-01-03", 30)
    kept = dates[:10] + dates[12:]  # two dates missing
    paths = [at_one_place(tmp_path, way, kept) for way in (False, True)]
    day = dates[10]
    near, far = dates[9], dates[12]
    for kernel, share in (
        ("exponential", np.exp(-6) / (np.exp(-6) + np.exp(-12))),
        ("linear", 2 / 3),
    ):
        product = egms_io.ortho(paths, aoi=bounds, kernel=kernel)
        row = product.east.iloc[0]
        found = (row[day] - row[far]) / (row[near] - row[far])
        assert found == pytest.approx(share, abs=0.02), kernel


@pytest.mark.parametrize("kernel", ["exponential", "linear"])
def test_04_the_gap_limit_has_effect(tmp_path, at_one_place, every, bounds, kernel):
    """A year without acquisitions stays empty but for 90 days at its ends."""
    dates = every("2020-01-03", 200)
    paths = [
        at_one_place(tmp_path, False, dates),
        at_one_place(tmp_path, True, dates[:60] + dates[121:]),
    ]
    product = egms_io.ortho(paths, aoi=bounds, kernel=kernel, max_missing=1)
    empty = product.east[list(product.method.dates)].isna().to_numpy()[0]
    # The gap is 62 * 6 days: the 15 dates (90 days) at each end are near enough.
    assert np.flatnonzero(empty).tolist() == list(range(75, 106))


def test_05_bursts_count_by_their_means(tmp_path, at_one_place, every, bounds, slow_ortho):
    dates = every("2020-01-03", 30)
    paths = [at_one_place(tmp_path, False, dates, 22), at_one_place(tmp_path, True, dates, 1)]
    product = egms_io.ortho(paths, aoi=bounds)
    (cell,) = slow_ortho(paths, bounds, product.method.days).values()
    series = product.east[list(product.method.dates)].to_numpy()[0]
    assert np.ptp(series - cell.series[0]) < 1e-9


def test_06_gnss_north_is_not_fitted(tmp_path, at_one_place, every, bounds):
    """East -0.7 and up -1.5 mm / yr seen along both lines of sight, without north."""
    theta = np.radians(38.0)
    dates = every("2020-01-03", 30)
    paths = []
    for way in (False, True):
        heading = np.radians({True: -9.0, False: 191.0}[way])
        seen = -0.7 * -np.sin(theta) * np.cos(heading) - 1.5 * np.cos(theta)
        paths.append(at_one_place(tmp_path, way, dates, 20, gnss_velocity=seen))
    row = egms_io.ortho(paths, aoi=bounds).east.iloc[0]
    assert np.isnan(row["gnss_velocity_n"])
    assert row["gnss_velocity_e"] == pytest.approx(-0.7, abs=0.09)
    assert row["gnss_velocity_u"] == pytest.approx(-1.5, abs=0.07)


def test_07_the_last_cell_has_a_pid(tmp_path, pair, bounds):
    east = egms_io.ortho(pair(tmp_path, count=200), aoi=bounds).east
    assert len(east) == 12
    expected = cell_pids(east["easting"], east["northing"]).astype(str)
    assert east["pid"].tolist() == expected.tolist()


def test_08_names_say_e_and_u(tmp_path, pair, bounds):
    paths = egms_io.ortho(pair(tmp_path), aoi=bounds).write(tmp_path / "out", formats=("zip",))
    assert [path.name for path in paths if path.suffix == ".zip"] == [
        "EGMS_L3_custom_E_2020_2020_1.zip",
        "EGMS_L3_custom_U_2020_2020_1.zip",
    ]
    frame = pd.DataFrame(columns=["20200103"])
    assert egms_io.generate_output_name(frame, "east", "E45N17").endswith("_E_2020_2020_1")


def test_09_one_point_of_each_pass_is_enough(tmp_path, at_one_place, every, bounds):
    dates = every("2020-01-03", 30)
    paths = [at_one_place(tmp_path, way, dates) for way in (False, True)]
    assert egms_io.ortho(paths, aoi=bounds).cells == 1


def test_10_points_outside_do_not_borrow_a_cell():
    lattice = Lattice.covering((4_500_000, 1_700_000, 4_501_000, 1_700_600), 100)
    inside = np.array([[4_500_050.0, 1_700_050.0]])
    around = inside + np.array([[-100, 500], [500, -100], [1000, 0], [0, 600], [-1e6, 0]])
    assert (lattice.keys(*around.T) == -1).all()
    assert lattice.keys(*inside.T).tolist() == [0]


def test_10_only_cells_of_the_area_are_solved(tmp_path, pair, bounds):
    paths = pair(tmp_path, count=100)
    west, south, _, _ = bounds
    product = egms_io.ortho(paths, aoi=(west + 100, south + 100, west + 200, south + 200))
    assert product.cells == 1
    lost = ("one pass only", "look directions too alike", "too many dates missing")
    assert [product.report["cells"][reason] for reason in ("cells", *lost)] == [1, 0, 0, 0]


def test_11_an_offset_does_not_enter_the_statistics():
    t = years_since_first(np.datetime64("2020-01-03") + 6 * np.arange(100))
    noise = np.random.default_rng(1).normal(0, 1, (100, 1))
    plain, shifted = (fit(noise + offset, t)[1] for offset in (0, 50))
    assert shifted["rmse_ts"][0] == pytest.approx(plain["rmse_ts"][0])
    assert shifted["rmse_ts"][0] < 1.2
    dates = [f"2020{month:02d}{day:02d}" for month in range(1, 11) for day in range(3, 24, 3)]
    frame = pd.DataFrame((noise[:70] + 50).T, columns=dates)
    assert egms_io.model_estimation(frame)["rmse"].iloc[0] < 1.2


def test_12_rmse_is_the_plain_root_mean_square():
    t = years_since_first(np.datetime64("2020-01-03") + 6 * np.arange(100))
    series = np.random.default_rng(2).normal(0, 1, 100)
    matrix = np.column_stack(
        [t, t**2, t**3, np.cos(2 * np.pi * t), np.sin(2 * np.pi * t), t * 0 + 1]
    )
    residual = series - matrix @ np.linalg.lstsq(matrix, series, rcond=None)[0]
    _, found = fit(series[:, None], t)
    assert found["rmse_ts"][0] == pytest.approx(np.sqrt(np.mean(residual**2)), rel=1e-12)


def test_13_an_area_across_a_tile_border_has_its_own_raster(tmp_path, burst_file, points, every):
    """Cells on both sides of easting 4,600,000 in one raster of the area's extent."""
    paths = []
    for way in (False, True):
        frame = points(way, 60, every("2020-01-03", 40))
        frame["easting"] = 4_599_850.0 + 100 * np.repeat(np.arange(3), 20)
        frame["northing"] = 2_050_010.0
        paths.append(burst_file(tmp_path, frame, ascending=way))
    aoi = (4_599_800, 2_050_000, 4_600_100, 2_050_100)
    product = egms_io.ortho(paths, aoi=aoi)
    (path, _) = product.write(tmp_path / "out", formats=("tiff",))
    with rasterio.open(path) as raster:
        assert tuple(raster.bounds) == aoi
        assert np.count_nonzero(raster.read(1) != -9999) == product.cells == 3


def test_14_integers_are_rounded_not_cut():
    frame = gpd.GeoDataFrame(
        {field.name: [4_597_549.9999] for field in egms_io.L3_ORTHO.field_list}
    )
    assert egms_io.format_dataframe(frame)["easting"].tolist() == [4_597_550]


def test_15_a_missing_date_leaves_the_statistics_of_the_rest():
    t = years_since_first(np.datetime64("2020-01-03") + 6 * np.arange(100))
    series = np.random.default_rng(3).normal(0, 1, (100, 1))
    holed = series.copy()
    holed[40] = np.nan
    known = np.arange(100) != 40
    _, found = fit(holed, t)
    _, expected = fit(series[known], t[known])
    for name, values in found.items():
        assert values[0] == pytest.approx(expected[name][0])


def test_15_l2a_input_works(tmp_path, burst_file, points, every, bounds):
    frames = [points(way, 30, every("2020-01-03", 30)) for way in (0, 1)]
    paths = [burst_file(tmp_path, f, ascending=bool(w), level="L2a") for w, f in enumerate(frames)]
    product = egms_io.ortho(paths, aoi=bounds)
    assert product.cells > 5
    assert any("relative, not absolute" in text for text in product.report["warnings"])


def test_16_archives_are_checked(tmp_path, pair, bounds):
    paths = pair(tmp_path)
    with zipfile.ZipFile(paths[0], "a") as archive:
        archive.writestr("second.csv", "pid\n")
    with pytest.raises(BadBurst, match="exactly one CSV"):
        egms_io.ortho(paths, aoi=bounds)
    paths = pair(tmp_path / "md5")
    paths[0].with_suffix(".md5").write_text("0" * 32)
    with pytest.raises(BadBurst, match="the MD5 is"):
        egms_io.ortho(paths, aoi=bounds)


def test_16_all_bursts_are_put_on_one_grid_of_dates(tmp_path, at_one_place, every, bounds):
    paths = [
        at_one_place(tmp_path, False, every("2020-01-01", 40)),
        at_one_place(tmp_path, True, every("2020-03-05", 40)),
    ]
    dates = egms_io.ortho(paths, aoi=bounds).report["dates"]
    assert (dates["first"], dates["last"]) == ("20200309", "20200818")
