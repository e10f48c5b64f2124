"""Several areas at once: each as it is alone, and all of them side by side."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from zarr.storage import ZipStore

import egms_io
from egms_io.errors import BadArgument

DAY = dt.date(2025, 3, 9)
TILES = ["E45N20", "E46N20"]


@pytest.fixture(scope="module")
def bursts(tmp_path_factory, burst_file, points, every):
    """Bursts on both sides of easting 4,600,000, and one of the east alone that ends earlier."""
    folder = tmp_path_factory.mktemp("bursts")
    paths = []
    for way in (False, True):
        frame = points(way, 80, every("2020-01-03", 40))
        frame["easting"] += 50_000 - 200
        paths.append(burst_file(folder, frame, ascending=way))
    frame = points(5, 40, every("2020-01-03", 37))
    frame["easting"] += 50_200
    return [*paths, burst_file(folder, frame, ascending=True, burst=228)]


@pytest.fixture(scope="module")
def alone(bursts):
    return {tile: egms_io.ortho(bursts, aoi=tile) for tile in TILES}


@pytest.fixture(scope="module")
def mosaic(bursts):
    return egms_io.ortho(bursts, aoi=TILES)


def test_each_area_is_as_if_alone(alone, mosaic, tmp_path, contents):
    formats = ("zip", "tiff", "cog")
    paths = mosaic.write(tmp_path / "all", formats=formats, production_date=DAY)
    expected = {}
    for product in alone.values():
        expected |= contents(product.write(tmp_path, formats=formats, production_date=DAY))
    assert contents(paths) == expected
    assert len(expected) == 16


@pytest.mark.parametrize("component", ["east", "up"])
def test_values_are_those_of_the_areas_with_empty_dates_where_one_has_none(
    alone, mosaic, component
):
    frames = [getattr(product, component) for product in alone.values()]
    lengths = [len(product.method.dates) for product in alone.values()]
    assert lengths[0] > lengths[1]
    slow = pd.concat(frames).sort_values(["northing", "easting"], ignore_index=True)
    ours = getattr(mosaic, component)
    assert len(ours) == sum(map(len, frames))
    names = [name for name in slow if name not in ("cell", "geometry")]
    assert set(slow.columns) == set(ours.columns)
    pd.testing.assert_frame_equal(ours[names], slow[names])
    assert ours.geometry.geom_equals(slow.geometry).all()
    late = mosaic.method.dates[-1]
    east_of = ours["easting"] > 4_600_000
    assert ours.loc[east_of, late].isna().all()
    assert ours.loc[~east_of, late].notna().all()
    (said,) = [text for text in mosaic.report["warnings"] if "different periods" in text]
    assert alone["E46N20"].method.dates[-1] in said


def test_one_file_holds_all_areas(mosaic, tmp_path):
    paths = {
        path.name: path
        for path in mosaic.write(tmp_path, formats=("parquet", "gpkg", "zarr"), name="west")
    }
    assert sorted(paths) == sorted(
        f"EGMS_L3_west_{c}_2020_2020_1{suffix}"
        for c in "EU"
        for suffix in (".parquet", ".gpkg", ".zarr.zip")
    )
    table = gpd.read_parquet(paths["EGMS_L3_west_E_2020_2020_1.parquet"])
    dates = list(mosaic.method.dates)
    np.testing.assert_allclose(table[dates], mosaic.east[dates], rtol=1e-6, atol=1e-6)
    layer = "EGMS_L3_west_E_2020_2020_1"
    assert gpd.read_file(paths[f"{layer}.gpkg"], layer=layer)["pid"].tolist() == list(table["pid"])
    with ZipStore(paths["EGMS_L3_west_E_2020_2020_1.zarr.zip"], mode="r") as opened:
        cube = xr.open_zarr(opened, consolidated=False)
        assert dict(cube.sizes) == {"time": len(dates), "y": 1000, "x": 2000}
        for row in mosaic.east.iloc[::5].itertuples():
            pixel = cube["mean_velocity"].sel(x=row.easting, y=row.northing)
            assert float(pixel) == pytest.approx(row.mean_velocity, rel=1e-6)
        assert int(np.isfinite(cube["mean_velocity"]).sum()) == mosaic.cells


def test_a_rerun_leaves_all_files_alone(bursts, mosaic, tmp_path):
    paths = mosaic.write(tmp_path)
    stamps = [path.stat().st_mtime_ns for path in paths]
    assert egms_io.ortho(bursts, aoi=TILES[::-1]).write(tmp_path) == paths
    assert [path.stat().st_mtime_ns for path in paths] == stamps


def test_areas_apart_and_many_of_them(bursts):
    """The mosaic of corners has an outline, and of many areas not all names."""
    tiles = ["E45N20", "E46N20", "E47N21", "E48N21"]
    product = egms_io.ortho(bursts, aoi=tiles)
    assert product.area.name == "E45N20-to-E48N21-4-areas"
    assert product.area.outline.area == 4e10
    assert product.area.lattice.bounds == (4_500_000, 2_000_000, 4_900_000, 2_200_000)
    assert product.cells == sum(area.cells for area in product.areas) > 0


def test_a_list_of_one_area_is_that_area(bursts, alone):
    product = egms_io.ortho(bursts, aoi=["E45N20"])
    assert type(product) is egms_io.OrthoProduct
    assert product.cells == alone["E45N20"].cells


def test_areas_that_overlap_are_refused(bursts):
    with pytest.raises(BadArgument, match="overlap"):
        egms_io.ortho(bursts, aoi=["E45N20", (4_590_000, 2_000_000, 4_610_000, 2_100_000)])
