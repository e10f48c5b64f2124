from __future__ import annotations

import hashlib
import zipfile

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely

import egms_io
from egms_io.errors import BadArgument, BadProduct
from egms_io.frames import (
    create_ortho_geotiff,
    ortho_writer,
    read_csv_or_zip,
    write_csv_or_zip,
)
from workbench.errors import OutputExists


@pytest.fixture
def product(tmp_path, pair, bounds):
    return egms_io.ortho(pair(tmp_path / "in"), aoi=bounds)


def test_reads_a_burst_as_a_frame(tmp_path, pair, read_table, read_members):
    path = pair(tmp_path)[0]
    frame, xml = read_csv_or_zip(path)
    table = read_table(path)
    pd.testing.assert_frame_equal(pd.DataFrame(frame.drop(columns="geometry")), table)
    assert frame.crs == "EPSG:3035"
    assert frame.geometry.x.tolist() == table["easting"].tolist()
    assert xml.encode() == read_members(path)[f"{path.stem}.xml"]


def test_reads_some_columns(tmp_path, pair):
    frame = read_csv_or_zip(
        pair(tmp_path)[0], read_xml=False, columns=["longitude", "latitude", "pid"], nrows=3
    )
    assert sorted(frame.columns) == ["geometry", "latitude", "longitude", "pid"]
    assert frame.crs == "EPSG:4326"
    assert len(frame) == 3


def test_refuses_tables_without_a_place(tmp_path):
    (tmp_path / "a.csv").write_text("pid,height\nx,1\n")
    with pytest.raises(BadProduct, match=r"a\.csv: neither easting"):
        read_csv_or_zip(tmp_path / "a.csv")


@pytest.mark.parametrize("suffix", [".zip", ".csv"])
def test_frames_read_back_as_written(tmp_path, product, suffix):
    frame = egms_io.format_dataframe(product.east)
    path = write_csv_or_zip(tmp_path / f"out{suffix}", frame, "<TILE/>")
    again, xml = read_csv_or_zip(path)
    assert xml == "<TILE/>"
    assert again.columns.tolist() == frame.columns.tolist()
    for name in frame.columns.drop("geometry"):
        expected = pd.to_numeric(frame[name]) if name != "pid" else frame[name]
        assert again[name].tolist() == expected.tolist() or again[name].isna().all()
    with pytest.raises(OutputExists):
        write_csv_or_zip(path, frame)


def test_text_that_needs_quotes_is_refused(tmp_path):
    with pytest.raises(BadArgument, match="no quoting"):
        write_csv_or_zip(tmp_path / "a.csv", pd.DataFrame({"name": ['a "b", c']}))
    assert not list(tmp_path.iterdir())


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(BadArgument, match=r"\.zip or a \.csv"):
        write_csv_or_zip(tmp_path / "a.txt", pd.DataFrame({"a": [1]}))


def test_members_may_be_named(tmp_path):
    path = write_csv_or_zip(
        tmp_path / "a.zip", pd.DataFrame({"a": [1]}), b"<x/>", csv_name="t.csv", xml_name="m.xml"
    )
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["m.xml", "t.csv"]
        assert archive.read("t.csv") == b"a\n1\n"


def test_ortho_writer_writes_what_the_product_writes(tmp_path, product, read_members):
    paths = ortho_writer(product.east, tmp_path / "EGMS_L3_custom_E_2020_2020_1.zip")
    (official, *_) = product.write(tmp_path / "official", formats=("zip",))
    stem = "EGMS_L3_custom_E_2020_2020_1"
    assert [path.suffix for path in paths] == [".zip", ".tiff", ".md5"]
    assert read_members(paths[0])[f"{stem}.csv"] == read_members(official)[f"{stem}.csv"]
    digest = hashlib.md5(paths[0].read_bytes(), usedforsecurity=False).hexdigest()
    assert paths[2].read_text() == f"{digest}  {stem}.zip\n"
    with rasterio.open(paths[1]) as raster:
        assert raster.shape == (1000, 1000) or raster.bounds.left <= 4_549_900


def raster_of(content):
    with rasterio.MemoryFile(content) as memory, memory.open() as raster:
        return raster.read(1), raster.transform, raster.profile


def frame_of(places):
    easting, northing = np.array(places, float).T
    velocity = np.arange(1, len(places) + 1) / 10
    return pd.DataFrame({"easting": easting, "northing": northing, "v": velocity})


@pytest.mark.parametrize(
    ("places", "corner", "shape"),
    [
        ([(4_500_050, 1_700_050), (4_599_950, 1_799_950)], (4_500_000, 1_800_000), (1000, 1000)),
        ([(4_599_950, 1_700_050), (4_600_050, 1_700_250)], (4_599_900, 1_700_300), (3, 2)),
    ],
    ids=["one tile", "across a border"],
)
def test_geotiff_covers_all_cells(places, corner, shape):
    values, transform, profile = raster_of(create_ortho_geotiff(frame_of(places), "v"))
    assert (transform.c, transform.f) == corner
    assert values.shape == shape
    assert profile["nodata"] == -9999
    assert profile["crs"].to_epsg() == 3035
    assert np.count_nonzero(values != -9999) == 2
    for (easting, northing), velocity in zip(places, (0.1, 0.2), strict=True):
        column, row = (easting - transform.c) // 100, (transform.f - northing) // 100
        assert values[int(row), int(column)] == np.float32(velocity)


def test_geotiff_of_a_given_area():
    frame = frame_of([(4_500_050, 1_700_050)])
    values, transform, _ = raster_of(
        create_ortho_geotiff(frame, "v", aoi=shapely.box(4_499_950, 1_699_990, 4_500_120, 1.7002e6))
    )
    assert (transform.c, transform.f) == (4_499_900, 1_700_200)
    assert values.tolist() == [
        [-9999, -9999, -9999], [-9999, np.float32(0.1), -9999], [-9999, -9999, -9999],
    ]  # fmt: skip


def test_geotiff_errors():
    frame = frame_of([(4_500_050, 1_700_050)])
    with pytest.raises(BadArgument, match="no column 'w'"):
        create_ortho_geotiff(frame, "w")
    with pytest.raises(BadArgument, match="1 cells lie outside"):
        create_ortho_geotiff(frame, "v", aoi="E46N17")
    with pytest.raises(BadArgument, match="empty"):
        create_ortho_geotiff(frame.iloc[:0], "v")


def test_missing_velocity_is_nodata():
    frame = frame_of([(4_500_050, 1_700_050), (4_500_150, 1_700_050)])
    frame.loc[0, "v"] = np.nan
    values, _, _ = raster_of(create_ortho_geotiff(frame, "v"))
    assert np.count_nonzero(values != -9999) == 1
