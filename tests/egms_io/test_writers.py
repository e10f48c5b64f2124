from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from xml.etree.ElementTree import fromstring

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import xarray as xr
from zarr.storage import ZipStore

import egms_io
from egms_io.errors import BadArgument
from egms_io.formats.cellfields import CELL_FIELDS
from egms_io.writers import outputs
from workbench.errors import FolderInUse, OutputExists
from workbench.locks import LOCK
from workbench.runs import Run

DAY = dt.date(2025, 3, 9)
ALL = ("zip", "tiff", "cog", "statistics", "parquet", "gpkg", "zarr")
STEM = "EGMS_L3_custom_{}_2020_2020_1"


@pytest.fixture(scope="module")
def bursts(tmp_path_factory, pair):
    return pair(tmp_path_factory.mktemp("bursts"), dates=40)


@pytest.fixture(scope="module")
def product(bursts, bounds):
    return egms_io.ortho(bursts, aoi=bounds)


@pytest.fixture(scope="module")
def folder(product, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    product.write(folder, formats=ALL, production_date=DAY)
    return folder


@pytest.fixture(params=["E", "U"])
def component(request):
    return request.param


@pytest.fixture
def frame(product, component):
    return product.east if component == "E" else product.up


def test_paths_given_are_the_files_there(product, folder):
    paths = product.write(folder, formats=ALL)
    assert {path.name for path in paths} | {"EGMS_L3_custom_2020_2020_1_provenance.json"} == {
        path.name for path in folder.iterdir()
    }
    suffixes = [
        ".zip",
        ".md5",
        ".tiff",
        "_cog.tiff",
        "_statistics.tiff",
        ".parquet",
        ".gpkg",
        ".zarr.zip",
    ]
    expected = [STEM.format(c) + suffix for c in "EU" for suffix in suffixes]
    assert sorted(path.name for path in paths) == sorted(expected)


def test_archive(frame, component, folder):
    stem = STEM.format(component)
    path = folder / f"{stem}.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"{stem}.xml", f"{stem}.csv"]
        root = fromstring(archive.read(f"{stem}.xml"))
        text = archive.read(f"{stem}.csv").decode()
    assert root.tag == "TILE"
    assert root.findtext("production_date") == "09/03/2025"
    assert (root.findtext("dem/version"), root.findtext("gnss/version")) == ("DEM", "2.0")
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    assert path.with_suffix(".md5").read_bytes() == f"{digest}  {path.name}\n".encode()
    plain = egms_io.format_dataframe(pd.DataFrame(frame.drop(columns="geometry")))
    assert text == plain.to_csv(index=False)
    order = list(zip(plain["northing"], plain["easting"], strict=True))
    assert order == sorted(order)


@pytest.mark.parametrize("suffix", [".tiff", "_cog.tiff"])
def test_geotiff(frame, component, folder, bounds, suffix):
    with rasterio.open(folder / (STEM.format(component) + suffix)) as raster:
        values = raster.read(1)
        assert raster.dtypes == ("float32",)
        assert (raster.nodata, raster.crs.to_epsg(), raster.res) == (-9999, 3035, (100, 100))
        assert tuple(raster.bounds) == bounds
        assert raster.tags()["AREA_OR_POINT"] == "Area"
        pixels = list(raster.sample(zip(frame["easting"], frame["northing"], strict=True)))
        layout = raster.tags(ns="IMAGE_STRUCTURE")
    assert np.count_nonzero(values != -9999) == len(frame)
    printed = np.round(frame["mean_velocity"].to_numpy(), 1).astype(np.float32)
    assert np.ravel(pixels).tolist() == printed.tolist()
    if suffix == "_cog.tiff":
        assert layout["LAYOUT"] == "COG"
        assert layout["COMPRESSION"] == "DEFLATE"
    else:
        assert "COMPRESSION" not in layout


def test_parquet(frame, component, folder):
    read = gpd.read_parquet(folder / f"{STEM.format(component)}.parquet")
    assert read.crs == "EPSG:3035"
    assert read.columns.tolist() == frame.columns.tolist()
    assert read["pid"].tolist() == frame["pid"].tolist()
    assert read.geometry.geom_equals(frame.geometry).all()
    numbers = frame.columns.drop(["pid", "geometry"])
    np.testing.assert_allclose(read[numbers], frame[numbers], rtol=1e-6, atol=1e-6)
    assert read["20200109"].dtype == np.float32


def test_zarr(frame, component, folder, product, bounds):
    store = folder / f"{STEM.format(component)}.zarr.zip"
    with ZipStore(store, mode="r") as opened:
        cube = xr.open_zarr(opened, consolidated=False).load()
    assert cube["displacement"].dims == ("time", "y", "x")
    assert cube["time"].to_numpy().astype("datetime64[D]").tolist() == product.method.days.tolist()
    assert cube.sizes == {"time": len(product.method.dates), "y": 3, "x": 4}
    assert cube["displacement"].attrs["units"] == "mm"
    dates = list(product.method.dates)
    for _, row in frame.iterrows():
        pixel = cube.sel(x=row["easting"], y=row["northing"])
        np.testing.assert_allclose(pixel["displacement"], row[dates].to_numpy(float), rtol=1e-6)
        assert float(pixel["mean_velocity"]) == pytest.approx(row["mean_velocity"], rel=1e-6)
        for field in CELL_FIELDS:
            expected = np.float32(row[field.name])
            assert np.array_equal(pixel[field.name], expected, equal_nan=True)
    assert {field.name: cube[field.name].attrs["units"] for field in CELL_FIELDS} == {
        field.name: field.unit for field in CELL_FIELDS
    }
    assert np.isfinite(cube["mean_velocity"]).sum() == len(frame)
    assert float(cube["y"][0]) == bounds[3] - 50


def test_provenance_says_what_a_product_is_made_from(folder, bursts):
    known = json.loads((folder / "EGMS_L3_custom_2020_2020_1_provenance.json").read_text())
    digests = {
        path.name: hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        for path in bursts
    }
    assert digests.items() <= {r["path"].rsplit("/")[-1]: r["md5"] for r in known["inputs"]}.items()
    assert known["parameters"]["kernel"] == "exponential"
    assert known["parameters"]["cell_m"] == 100


@pytest.mark.parametrize(
    ("aoi", "stem", "shape"),
    [
        ("E45N20", "EGMS_L3_E45N20_100km_E_2020_2020_1", (1000, 1000)),
        ((4.5e6, 2e6, 4.6e6, 2.1e6), "EGMS_L3_E45N20_100km_E_2020_2020_1", (1000, 1000)),
        ((4_549_950, 2_049_951, 4_550_130, 2_050_000), "EGMS_L3_custom_E_2020_2020_1", (1, 3)),
        (
            shapely.box(4_549_950, 2_049_951, 4_550_130, 2_050_210),
            "EGMS_L3_custom_E_2020_2020_1",
            (4, 3),
        ),
    ],
    ids=["tile", "bounds of a tile", "snapped bounds", "polygon"],
)  # fmt: skip
def test_names_and_extents(tmp_path, bursts, aoi, stem, shape):
    product = egms_io.ortho(bursts, aoi=aoi)
    (path, _) = product.write(tmp_path, formats=("tiff",))
    assert path.name == f"{stem}.tiff"
    with rasterio.open(path) as raster:
        assert raster.shape == shape
        values = raster.read(1)
        for x, y in zip(product.east["easting"], product.east["northing"], strict=True):
            assert values[raster.index(x, y)] != -9999
    assert np.count_nonzero(values != -9999) == product.cells > 0


def test_areas_may_be_named_but_not_like_a_tile(tmp_path, product):
    paths = product.write(tmp_path, formats=("tiff",), name="stromboli", version=3)
    assert paths[0].name == "EGMS_L3_stromboli_E_2020_2020_3.tiff"
    with pytest.raises(BadArgument, match="area name"):
        product.write(tmp_path, formats=("tiff",), name="../../up")
    with pytest.raises(BadArgument, match="E45N20"):
        product.write(tmp_path, formats=("tiff",), name="E45N20")


@pytest.mark.parametrize("cell_m", [50, 200])
def test_pids_are_unique_whatever_the_cell_size(bursts, bounds, cell_m):
    product = egms_io.ortho(bursts, aoi=bounds, cell_m=cell_m)
    assert product.cells > 4
    assert product.east["pid"].is_unique


def test_unknown_formats_are_refused_and_nothing_is_written(tmp_path, product):
    with pytest.raises(BadArgument, match="'shp'"):
        product.write(tmp_path / "out", formats=("zip", "shp"))
    assert not (tmp_path / "out").exists()


def test_a_format_named_twice_is_written_once(tmp_path, product, read_table, frame, component):
    paths = product.write(tmp_path, formats=("zip", "tiff", "zip"))
    assert len(paths) == len(set(paths)) == 6
    table = read_table(tmp_path / f"{STEM.format(component)}.zip")
    assert len(table) == len(frame)


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_rerun_leaves_finished_files_alone(tmp_path, bursts, bounds):
    egms_io.ortho(bursts, aoi=bounds).write(tmp_path)
    before = stamps(tmp_path)
    egms_io.ortho(bursts[::-1], aoi=bounds).write(tmp_path, production_date=DAY)
    assert stamps(tmp_path) == before


@pytest.mark.parametrize(
    "change",
    [{"kernel": "linear"}, {"combine": "pass"}, {"max_missing": 0.5}, {"gnss_model": 2.0}],
    ids=lambda change: next(iter(change)),
)
def test_files_of_other_parameters_are_not_replaced_unasked(
    tmp_path, bursts, bounds, change, contents
):
    first = egms_io.ortho(bursts, aoi=bounds)
    paths = first.write(tmp_path)
    before = contents(tmp_path.iterdir())
    other = egms_io.ortho(bursts, aoi=bounds, **change)
    (key,) = change
    with pytest.raises(OutputExists, match=key):
        other.write(tmp_path)
    assert contents(tmp_path.iterdir()) == before
    other.write(tmp_path, overwrite=True)
    assert contents(paths) == contents(other.write(tmp_path / "fresh"))


@pytest.mark.parametrize("component", ["E"], indirect=True)
@pytest.mark.parametrize(
    "suffix",
    [".zip", ".md5", ".tiff", "_cog.tiff", "_statistics.tiff", ".parquet", ".gpkg", ".zarr.zip"],
)
def test_a_file_that_is_torn_is_written_again(
    tmp_path, bursts, bounds, component, suffix, caplog, contents
):
    kind = suffix.removesuffix(".tiff").removesuffix(".zip").strip("._") or suffix[1:]
    kind = "zip" if kind == "md5" else kind
    product = egms_io.ortho(bursts, aoi=bounds)
    whole = contents(product.write(tmp_path, formats=(kind,), production_date=DAY))
    path = tmp_path / (STEM.format(component) + suffix)
    os.truncate(path, 0 if suffix == ".md5" else path.stat().st_size - 30)
    written = product.write(tmp_path, formats=(kind,), production_date=DAY)
    assert contents(written) == whole
    assert f"{path.name} is not whole and is written again: " in caplog.text


def test_only_one_at_a_time_writes_into_a_folder(
    tmp_path, product, bursts, bounds, monkeypatch, contents
):
    other = egms_io.ortho(bursts, aoi=bounds, kernel="linear")
    begun, go_on = threading.Event(), threading.Event()
    write = outputs._WRITERS["tiff"]

    def slowly(*arguments):
        begun.set()
        assert go_on.wait(60)
        write(*arguments)

    monkeypatch.setitem(outputs._WRITERS, "tiff", slowly)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(product.write, tmp_path, ("tiff",))
        try:
            assert begun.wait(60)
            with pytest.raises(FolderInUse, match=f"{tmp_path} is in use by a product being wr"):
                other.write(tmp_path, ("tiff",), overwrite=True)
        finally:
            go_on.set()
        paths = first.result()
    assert contents(paths) == contents(product.write(tmp_path / "fresh", ("tiff",)))
    with Run(tmp_path, system="test"):  # which holds the folder for what is done inside
        other.write(tmp_path, ("tiff",), overwrite=True)
    assert not (tmp_path / LOCK).exists()


def test_files_of_strangers_are_not_replaced_unasked(tmp_path, product):
    stranger = tmp_path / f"{STEM.format('U')}.tiff"
    stranger.write_text("mine")
    with pytest.raises(OutputExists, match=r"_U_2020_2020_1\.tiff exists"):
        product.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [stranger.name]
    assert stranger.read_text() == "mine"


def test_formats_written_later_belong_to_the_same_product(tmp_path, bursts, bounds, contents):
    """A file left from other parameters is not taken for one of this product."""
    old, new = (egms_io.ortho(bursts, aoi=bounds, kernel=k) for k in ("linear", "exponential"))
    old.write(tmp_path, formats=("zip", "tiff"), production_date=DAY)
    new.write(tmp_path, formats=("zip",), overwrite=True, production_date=DAY)
    paths = new.write(tmp_path, formats=("zip", "tiff"), production_date=DAY)
    fresh = new.write(tmp_path / "fresh", formats=("zip", "tiff"), production_date=DAY)
    assert contents(paths) == contents(fresh)


def test_an_empty_product_gives_headers_and_empty_rasters(tmp_path, bursts, bounds):
    product = egms_io.ortho(bursts[:1], aoi=bounds)
    paths = product.write(tmp_path, formats=ALL)
    assert product.cells == 0
    assert len(product.east) == 0
    by_suffix = {path.name.removeprefix(STEM.format("E")): path for path in paths}
    with zipfile.ZipFile(by_suffix[".zip"]) as archive:
        (header,) = archive.read(f"{STEM.format('E')}.csv").decode().splitlines()
    assert header.startswith("pid,easting,northing,height_ortho,rmse_ts,")
    with rasterio.open(by_suffix[".tiff"]) as raster:
        assert (raster.read(1) == -9999).all()
    assert len(gpd.read_parquet(by_suffix[".parquet"])) == 0
    with ZipStore(by_suffix[".zarr.zip"], mode="r") as opened:
        cube = xr.open_zarr(opened, consolidated=False).load()
    assert np.isnan(cube["displacement"]).all()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"step_days": 12}, "12d"),
        ({"kernel": "linear"}, "linear"),
        ({"kernel_rate": 0.5}, "rate0-5"),
        ({"max_gap_days": 30}, "gap30d"),
        ({"combine": "pass"}, "by-pass"),
        ({"max_missing": 0.5}, "missing50"),
        ({"gnss_model": 2.1}, "gnss"),
        ({"min_points": 2}, "points2"),
        ({"start": "2020-02-02"}, "20200202-20200818"),
        ({"step_days": 12, "kernel": "linear"}, "12d-linear"),
    ],
)
def test_a_product_that_departs_from_the_official_one_has_a_name_that_says_so(
    tmp_path, bursts, options, word
):
    product = egms_io.ortho(bursts, aoi="E45N20", **options)
    path = product.write(tmp_path, formats=("parquet",))[0]
    assert path.name == f"EGMS_L3_E45N20-{word}_E_2020_2020_1.parquet"
    with pytest.raises(BadArgument, match="departs from"):
        product.write(tmp_path, formats=("parquet",), name="E45N20")


def test_the_usual_dates_written_out_are_no_departure(tmp_path, bursts):
    usual = egms_io.ortho(bursts, aoi="E45N20").method.dates
    product = egms_io.ortho(bursts, aoi="E45N20", start=usual[0], end=usual[-1])
    assert "_E45N20_100km_" in product.write(tmp_path, formats=("parquet",))[0].name


def test_l2a_bursts_make_no_official_product(tmp_path, burst_file, points, every):
    paths = [
        burst_file(tmp_path, points(way, 9, every("2020-01-02", 30)), ascending=way, level="L2a")
        for way in (False, True)
    ]
    product = egms_io.ortho(paths, aoi="E45N20")
    name = product.write(tmp_path / "out", formats=("parquet",))[0].name
    assert name == "EGMS_L3_E45N20-L2a_E_2020_2020_1.parquet"


@pytest.mark.parametrize("rows", [1, 7, 10**6])
def test_strips_hold_the_rows_of_a_band_in_order(product, monkeypatch, rows):
    monkeypatch.setattr("egms_io.finished.STRIP_ROWS", rows)
    for band in product.bands:
        strips = list(band.strips("E"))
        assert all(strip.num_rows <= rows for strip in strips)
        keys = [key for strip in strips for key in strip["cell"].to_pylist()]
        assert keys == band.table("E")["cell"].to_pylist()


def test_files_are_hashed_once(bursts, bounds, monkeypatch):
    from egms_io import plan
    from egms_io.formats.archive import file_record

    product = egms_io.ortho(bursts, aoi=bounds)
    monkeypatch.setattr(plan, "file_record", None)  # whoever hashes again fails
    found = {record["path"]: record for record in product.plan.inputs}
    assert found == {str(path): file_record(path) for path in bursts}
