from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from egms_io.dates import date_columns
from egms_io.errors import BadArgument
from egms_io.formats.l3 import (
    L3_ORTHO,
    FieldSpec,
    OutputNamingConvention,
    format_dataframe,
    l3_header,
    l3_table,
    l3_text,
)
from egms_io.formats.pids import cell_pids
from egms_io.method.seriesmodels import STATISTICS

DATES = ("20200103", "20200109")
HEADER = (
    "pid,easting,northing,height_ortho,rmse_ts,mean_velocity,mean_velocity_std,acceleration,"
    "acceleration_std,seasonality,seasonality_std,gnss_velocity_n,gnss_velocity_e,gnss_velocity_u,"
    "20200103,20200109\n"
)


@pytest.fixture
def table():
    statistics = {name: np.array([0.25, -0.04]) + k for k, name in enumerate(STATISTICS)}
    return l3_table(
        np.array([4_500_050.0, 4_500_150.0]),
        np.array([1_700_050.0, 1_700_050.0]),
        np.array([12.345, -3.0]),
        statistics,
        np.array([[0.7, -0.7], [np.nan, np.nan], [1.5, 1.549]]),
        np.array([[-0.02, 1.25], [np.nan, -10.0]]),
        DATES,
        extra={"cell": np.array([0, 1])},
    )


def test_header_is_the_official_one():
    assert l3_header(DATES).decode() == HEADER


def test_columns_stand_in_the_order_of_the_product(table):
    assert table.column_names == [*HEADER.strip().split(","), "cell"]
    assert (
        table["pid"].to_pylist()
        == cell_pids([4_500_050, 4_500_150], [1_700_050] * 2).astype(str).tolist()
    )


def test_text_of_rows(table):
    rows = l3_text(table).decode().splitlines(keepends=True)
    first, second = (row.rstrip("\n").split(",")[1:] for row in rows)
    # height, rmse, velocity ± std, acceleration ± std, seasonality ± std, n, e, u, two dates
    assert first == [
        "4500050", "1700050", "12.3", "0.2", "1.2", "2.2", "3.25", "4.25", "5.2", "6.2",
        "", "0.7", "1.5", "-0.0", "",
    ]  # fmt: skip
    assert second == [
        "4500150", "1700050", "-3.0", "-0.0", "1.0", "2.0", "2.96", "3.96", "5.0", "6.0",
        "", "-0.7", "1.5", "1.2", "-10.0",
    ]  # fmt: skip


def test_formatted_frame_reads_like_the_text(table, tmp_path):
    frame = table.to_pandas()
    before = frame.copy()
    rounded = format_dataframe(frame)
    path = tmp_path / "t.csv"
    path.write_bytes(l3_header(DATES) + l3_text(table))
    pd.testing.assert_frame_equal(rounded, pd.read_csv(path), check_dtype=False)
    assert frame.equals(before)
    assert rounded["easting"].dtype == np.int64


def test_integers_are_rounded_not_cut(table):
    frame = table.to_pandas().assign(easting=[4_597_549.9999, 4_597_650.0001])
    assert format_dataframe(frame)["easting"].tolist() == [4_597_550, 4_597_650]


def test_geometry_stays(table):
    frame = table.to_pandas()
    points = gpd.points_from_xy(frame["easting"], frame["northing"])
    frame = gpd.GeoDataFrame(frame, geometry=points, crs="EPSG:3035")
    out = format_dataframe(frame)
    assert out.crs == "EPSG:3035"
    assert out.geometry.x.tolist() == [4_500_050, 4_500_150]


def test_missing_fields_are_named(table):
    with pytest.raises(BadArgument, match="lacks rmse_ts, gnss_velocity_n"):
        format_dataframe(table.to_pandas().drop(columns=["rmse_ts", "gnss_velocity_n"]))


def test_conventions_of_ones_own():
    own = OutputNamingConvention(
        [FieldSpec("id", previous_name="pid"), FieldSpec("v", "mean_velocity", 2)],
        date_format="D%d_%m_%Y",
        date_precision=2,
    )
    frame = pd.DataFrame({"pid": ["a"], "mean_velocity": [1.2345], "20200103": [0.126]})
    assert format_dataframe(frame, own).to_dict("list") == {
        "id": ["a"], "v": [1.23], "D03_01_2020": [0.13],
    }  # fmt: skip
    assert l3_header(["20200103"], own) == b"id,v,D03_01_2020\n"
    assert isinstance(own.field_list, tuple)


def test_date_columns():
    names = ["pid", "20200109", "20200103", "2020010", "geometry", 20191231]
    assert date_columns(names) == ["20191231", "20200103", "20200109"]


def test_decimals_of_every_field():
    digits = {field.name: field.precision for field in L3_ORTHO.field_list}
    assert {name for name, number in digits.items() if number == 2} == {
        "acceleration",
        "acceleration_std",
    }
    assert digits["pid"] is None
    assert digits["easting"] == digits["northing"] == 0
