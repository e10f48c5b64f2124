"""Images on several grids as one cube: which grid, which pixels, which dates."""

from __future__ import annotations

import dask
import numpy as np
import pytest
from pyproj import Transformer

from workbench.openeo.catalogues import images
from workbench.openeo.errors import OpenEOError


def box(left, bottom, right, top, crs=32631):
    return {"west": left, "south": bottom, "east": right, "north": top, "crs": crs}


@pytest.fixture
def put(tmp_path, small):
    """Return a function that writes an image of one band into the folder."""

    def write(name, values, **options):
        return small.write(tmp_path / "images" / f"{name}_B04.tif", values, **options)

    return write


def test_bands_of_different_pixels_go_onto_the_finest(tmp_path, catalogue_of, small):
    x, y = small.centres(40)
    small.write(tmp_path / "images" / "20220601_B04.tif", small.values(x, y))
    coarse = np.arange(1, 401, dtype=np.uint16).reshape(20, 20)
    small.write(tmp_path / "images" / "20220601_B11.tif", coarse, step=20.0)
    cube = catalogue_of().load("C")
    assert cube.array.shape == (1, 2, 40, 40)
    assert np.array_equal(cube.array.values[0, 1], coarse.repeat(2, 0).repeat(2, 1))
    assert np.array_equal(cube.array.values[0, 0], small.values(x, y))
    smooth = catalogue_of("bands: {B04: {}, B11: {resampling: smooth}}").load("C").array.values
    inner = smooth[0, 1, 2:-2, 2:-2]
    assert np.allclose(np.diff(inner, axis=1), 0.5)  # a plane stays one
    assert np.array_equal(smooth[0, 0], cube.array.values[0, 0])


def test_tiles_of_one_instant_are_put_together_and_others_stay_apart(catalogue_of, put, small):
    values = np.full((10, 10), 7, np.uint16)
    values[:, 8:] = 0
    put("20220601T100000_a", values)
    put("20220601T100000_b", values + 1, corner=(small.corner[0] + 60, small.corner[1]))
    put("20220601T101500_a", values + 2)
    cube = catalogue_of().load("C")
    assert cube.labels("t") == ["2022-06-01T10:00:00Z", "2022-06-01T10:15:00Z"]
    first, second = cube.array.values[:, 0]
    assert first[0].tolist() == [7] * 8 + [8] * 6 + [1, 1]  # 0 + 1 = 1 in the last columns
    assert second[0, :8].tolist() == [9] * 8
    assert np.isnan(second[0, 10:]).all()


def test_an_image_elsewhere_changes_nothing(catalogue_of, put, small):
    x, y = small.centres()
    put("20220601", small.values(x, y))
    left, top = small.corner
    area = box(left + 50, top - 150, left + 150, top - 50)
    before = catalogue_of().load("C", area)
    for at in range(3):  # finer, shifted, in another zone, and more of them
        far = np.ones((9, 9), np.uint16)
        put(f"20220601_far{at}", far, crs="EPSG:32632", step=3.0, corner=(300_000.0 + at, 1e6))
    put("20230601", np.ones((9, 9), np.uint16), step=1.0)  # here, outside of the period
    after = catalogue_of().load("C", area, ["2022-01-01", "2023-01-01"])
    assert before.array.identical(after.array)
    assert before.crs == after.crs


def test_a_neighbour_that_only_touches_gives_no_date(catalogue_of, put, small):
    left, top = small.corner
    put("20220601", np.ones((10, 10), np.uint16))
    put("20220602", np.ones((10, 10), np.uint16), corner=(left + 100, top))
    cube = catalogue_of().load("C", box(left, top - 100, left + 100, top))
    assert cube.labels("t") == ["2022-06-01T00:00:00Z"]
    assert cube.array.sizes["x"] == 10


def test_two_zones_go_onto_the_grid_of_most(catalogue_of, put, small):
    x, y = small.centres()
    put("20220601", small.values(x, y))
    put("20220602", small.values(x, y))
    there = Transformer.from_crs(32631, 32632, always_xy=True)
    middle = there.transform(small.corner[0] + 150, small.corner[1] - 150)
    put("20220603", np.full((90, 90), 5, np.uint16), crs="EPSG:32632",
        corner=(round(middle[0]) - 450, round(middle[1]) + 450))  # fmt: skip
    cube = catalogue_of().load("C", bands=["B04"])
    assert cube.crs.to_epsg() == 32631
    assert cube.labels("t") == [f"2022-06-0{day}T00:00:00Z" for day in (1, 2, 3)]
    inner = cube.array.sel(x=x, y=y)
    assert np.array_equal(inner[0, 0], small.values(x, y))
    assert (inner[2, 0] == 5).all()
    stated = catalogue_of("crs: 32632\nresolution: 30").load("C")
    assert stated.crs.to_epsg() == 32632
    assert np.diff(stated.array["x"].values)[0] == 30


def test_pixels_belong_by_their_centres_edges_included(catalogue_of, put, small):
    left, top = small.corner
    put("20220601", np.ones((10, 10), np.uint16))
    catalogue = catalogue_of()
    cube = catalogue.load("C", box(left + 15, top - 25, left + 35, top - 5))
    assert cube.array["x"].values.tolist() == [left + 15, left + 25, left + 35]
    assert cube.array["y"].values.tolist() == [top - 5, top - 15, top - 25]
    with pytest.raises(OpenEOError, match="No centre of a pixel") as caught:
        catalogue.load("C", box(left + 16, top - 24, left + 24, top - 16))
    assert caught.value.code == "NoDataAvailable"
    with pytest.raises(OpenEOError, match="in the area") as caught:
        catalogue.load("C", box(left + 1000, top - 24, left + 2400, top - 16))
    assert caught.value.code == "NoDataAvailable"


def test_a_box_in_degrees_is_the_box_around_it_in_metres(catalogue_of, put, small):
    x, y = small.centres()
    put("20220601", small.values(x, y))
    to_degrees = Transformer.from_crs(32631, 4326, always_xy=True)
    west, south = to_degrees.transform(small.corner[0] + 100, small.corner[1] - 200)
    east, north = to_degrees.transform(small.corner[0] + 200, small.corner[1] - 100)
    cube = catalogue_of().load("C", {"west": west, "south": south, "east": east, "north": north})
    assert np.array_equal(cube.array.values[0, 0], small.values(
        cube.array["x"].values, cube.array["y"].values))  # fmt: skip
    assert 10 <= cube.array.sizes["x"] <= 11
    assert cube.array["x"].values.min() > small.corner[0] + 99
    assert catalogue_of().load("C", {"west": -180, "south": -90, "east": 180, "north": 90}
        ).array.shape[2:] == (30, 30)  # fmt: skip


def test_pixels_outside_of_polygons_are_null(catalogue_of, put, small, monkeypatch):
    left, top = small.corner
    put("20220601", np.ones((40, 40), np.uint16))
    corner = [[left, top], [left + 400, top], [left, top - 400], [left, top]]
    shape = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}},
        "features": [
            {"type": "Feature", "properties": {},
             "geometry": {"type": "Polygon", "coordinates": [corner]}},
            {"type": "Feature", "properties": {}, "geometry": None},
            {"type": "Feature", "properties": {},
             "geometry": {"type": "Polygon", "coordinates": []}},
        ],
    }  # fmt: skip
    monkeypatch.setattr(images, "side_of_blocks", lambda series: 16)
    found = catalogue_of().load("C", shape).array.values[0, 0]
    row, column = np.mgrid[:40, :40]
    assert np.array_equal(np.isnan(found), row + column + 1 > 40)


def test_degrees_and_the_antimeridian(catalogue_of, put):
    world = np.arange(1, 36 * 18 + 1, dtype=np.uint16).reshape(18, 36)
    put("20220601", world, step=10.0, corner=(-180.0, 90.0), crs="EPSG:4326")
    catalogue = catalogue_of()
    assert catalogue.document("C")["extent"]["spatial"]["bbox"] == [[-180, -90, 180, 90]]
    cube = catalogue.load("C", {"west": 160, "south": -10, "east": 180, "north": 10})
    assert cube.array["x"].values.tolist() == [165, 175]
    assert cube.array["y"].values.tolist() == [5, -5]
    assert np.array_equal(cube.array.values[0, 0], world[8:10, 34:36])
    with pytest.raises(OpenEOError, match="two parts") as caught:
        catalogue.load("C", {"west": 160, "south": -10, "east": -160, "north": 10})
    assert caught.value.code == "ProcessParameterInvalid"


def test_an_area_across_the_antimeridian_in_one_zone(catalogue_of, put):
    put("20220601", np.full((100, 130), 3, np.uint16), step=1000.0, crs="EPSG:32660",
        corner=(750_000.0, 50_000.0))  # fmt: skip
    catalogue = catalogue_of()
    west, _, east, _ = catalogue.document("C")["extent"]["spatial"]["bbox"][0]
    assert west > 179 > -179 > east
    area = {"west": 179.8, "south": -0.2, "east": -179.8, "north": 0.2}
    cube = catalogue.load("C", area)
    to_degrees = Transformer.from_crs(32660, 4326, always_xy=True)
    edges = to_degrees.transform(cube.array["x"].values[[0, -1]], [0, 0])[0]
    assert edges[0] == pytest.approx(179.8, abs=0.01)
    assert edges[1] == pytest.approx(-179.8, abs=0.01)


def test_floats_keep_infinity_and_lose_nan(catalogue_of, put):
    values = np.array([[1.5, np.nan], [np.inf, -9999]], np.float64)
    put("20220601", values, nodata=-9999.0)
    found = catalogue_of().load("C").array
    assert found.dtype == np.float64
    assert np.array_equal(found.values[0, 0], [[1.5, np.nan], [np.inf, np.nan]], equal_nan=True)


def test_nodata_of_the_catalogue_wins(catalogue_of, put):
    put("20220601", np.array([[0, 1], [2, 3]], np.uint8), nodata=0)
    catalogue = catalogue_of("bands: {B04: {nodata: 3}}")
    found = catalogue.load("C").array.values[0, 0]
    assert np.array_equal(found, [[0, 1], [2, np.nan]], equal_nan=True)
    assert catalogue.document("C")["summaries"]["raster:bands"][0]["nodata"] == 3


def test_south_up_files_come_north_up(catalogue_of, put, small):
    left, top = small.corner
    values = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
    put("20220601", values[::-1], corner=(left, top - 30), down=-10.0)
    cube = catalogue_of().load("C")
    assert np.array_equal(cube.array.values[0, 0], values)
    assert cube.dimensions["y"].step == -10


@pytest.mark.parametrize("side", [7, 16, 64])
def test_values_do_not_depend_on_blocks(folder, catalogue_of, monkeypatch, side):
    catalogue = catalogue_of()
    whole = catalogue.load("C").array.values
    monkeypatch.setattr(images, "side_of_blocks", lambda series: side)
    cube = catalogue.load("C")
    assert np.array_equal(cube.array.values, whole, equal_nan=True)
    assert cube.array.chunks[0] == (1, 1, 1)


def test_a_cube_is_read_by_workers(folder, catalogue_of):
    cube = catalogue_of().load("C").array
    with dask.config.set(scheduler="processes", num_workers=2):
        apart = cube.compute()
    assert np.array_equal(apart.values, cube.values, equal_nan=True)


def test_what_is_too_large_is_refused_before_it_is_built(folder, catalogue_of, monkeypatch):
    monkeypatch.setattr(images, "MOST_VALUES", 5000)
    with pytest.raises(OpenEOError, match="the limits are 5,000") as caught:
        catalogue_of().load("C")
    assert caught.value.code == "ProcessParameterInvalid"
    assert catalogue_of().load("C", bands=["B04"]).array.size == 2700
