"""The real bursts against the official product made from them (specification, section 10)."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
import rasterio

import egms_io
from egms_io.method.seriesmodels import STATISTICS, fit, years_since_first

STEM = "EGMS_L3_E45N17_100km_{}_2020_2024_1"
GNSS = ["gnss_velocity_n", "gnss_velocity_e", "gnss_velocity_u"]


def csv_of(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return archive.read(f"{path.stem}.csv").decode()


@pytest.fixture(scope="module")
def official(shared_data):
    return csv_of(shared_data / "egms" / f"{STEM.format('E')}.zip")


@pytest.fixture(scope="module")
def product(shared_data):
    return egms_io.ortho(shared_data / "egms", aoi="E45N17")


@pytest.fixture(scope="module")
def folder(product, tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    product.write(folder, formats=("zip", "tiff"))
    return folder


def texts(content):
    return pd.read_csv(io.StringIO(content), dtype=str, keep_default_na=False)


def numbers(content):
    return pd.read_csv(io.StringIO(content))


@pytest.fixture(scope="module")
def ours(folder):
    return csv_of(folder / f"{STEM.format('E')}.zip")


def test_period_is_the_official_one(product):
    dates = product.method.dates
    assert (dates[0], dates[-1], len(dates)) == ("20200103", "20241225", 304)


def test_cells_pids_and_order(official, ours):
    theirs, mine = texts(official), texts(ours)
    assert len(mine) == 522
    assert mine.columns.tolist() == theirs.columns.tolist()
    for name in ("pid", "easting", "northing"):
        assert mine[name].tolist() == theirs[name].tolist()


def test_text_fields(official, ours):
    theirs, mine = (texts(t).drop(columns=GNSS) for t in (official, ours))
    assert theirs.size == 164_430
    row, column = np.nonzero((theirs != mine).to_numpy())
    assert len(row) <= 8
    for place in zip(row, column, strict=True):
        one, other = theirs.iloc[place], mine.iloc[place]
        decimals = len(one.partition(".")[2])
        assert abs(float(one) - float(other)) < 1.01 * 10**-decimals


def test_negative_zeros_are_printed(official, ours):
    count = [(texts(text).drop(columns=GNSS) == "-0.0").sum().sum() for text in (official, ours)]
    assert count[0] > 900
    assert abs(count[0] - count[1]) <= 8


@pytest.mark.parametrize("name", STATISTICS)
def test_statistics_are_exact(official, ours, name):
    assert texts(official)[name].tolist() == texts(ours)[name].tolist()


def test_heights(official, ours):
    theirs, mine = (numbers(text)["height_ortho"] for text in (official, ours))
    assert (theirs == mine).sum() >= 519
    assert (theirs - mine).abs().max() < 0.101


def test_series_before_rounding(official, product):
    theirs = numbers(official)[list(product.method.dates)].to_numpy()
    mine = product.east[list(product.method.dates)].to_numpy()
    assert np.abs(theirs - mine).max() <= 0.0501
    printed = np.round(mine, 1)
    assert (printed == theirs).mean() >= 0.9999


def test_gnss_velocities(official, ours):
    theirs, mine = numbers(official), numbers(ours)
    assert (theirs["gnss_velocity_u"] == mine["gnss_velocity_u"]).all()
    assert (theirs["gnss_velocity_e"] - mine["gnss_velocity_e"]).abs().max() < 0.1001
    assert set(texts(ours)["gnss_velocity_n"]) == {""}


@pytest.mark.parametrize("component", ["E", "U"])
def test_geotiff_equals_the_table(folder, component):
    table = numbers(csv_of(folder / f"{STEM.format(component)}.zip"))
    with rasterio.open(folder / f"{STEM.format(component)}.tiff") as raster:
        values = raster.read(1)
        assert raster.shape == (1000, 1000)
        assert tuple(raster.bounds) == (4_500_000, 1_700_000, 4_600_000, 1_800_000)
        assert raster.dtypes == ("float32",)
        assert (raster.nodata, raster.crs.to_epsg(), raster.count) == (-9999, 3035, 1)
    expected = np.full((1000, 1000), -9999, np.float32)
    column = (table["easting"].to_numpy() - 4_500_000) // 100
    row = (1_800_000 - table["northing"].to_numpy()) // 100
    expected[row, column] = table["mean_velocity"].to_numpy(np.float32)
    assert np.count_nonzero(values != -9999) == 522
    assert np.array_equal(values, expected)


def test_up_has_the_same_cells_and_agrees_with_itself(folder, product, ours):
    up = numbers(csv_of(folder / f"{STEM.format('U')}.zip"))
    for name in ("pid", "easting", "northing", "height_ortho", *GNSS):
        assert up[name].equals(numbers(ours)[name])
    dates = list(product.method.dates)
    series = product.up[dates].to_numpy()
    assert np.isfinite(series).all()
    referred, statistics = fit(series.T.copy(), years_since_first(product.method.days))
    np.testing.assert_allclose(referred.T, series, atol=1e-9)
    for name in STATISTICS:
        np.testing.assert_allclose(product.up[name], statistics[name], atol=1e-8)
    assert np.array_equal(np.round(series, 1), up[dates].to_numpy())


def test_cells_equal_the_slow_way(product, shared_data, slow_ortho):
    """A corner of the tile by loops over points and lstsq: east and up at every 20th date."""
    west, south = product.east[["easting", "northing"]].iloc[100].astype(int) // 100 * 100
    bounds = (west - 200, south - 200, west + 300, south + 300)
    days = product.method.days[::20]
    slow = slow_ortho(sorted((shared_data / "egms").glob("EGMS_L2b*.zip")), bounds, days)
    assert len(slow) > 2
    dates = list(product.method.dates[::20])
    for number, frame in enumerate((product.east, product.up)):
        rows = frame.set_index(["easting", "northing"])[dates]
        for cell, truth in slow.items():
            offset = truth.series[number] - rows.loc[cell].to_numpy(float)
            assert np.ptp(offset) < 1e-9  # they differ by the constant of the model alone
