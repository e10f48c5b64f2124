"""What is asked for: areas, periods, bands; and what is said of what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import xarray as xr
from pyproj import CRS

from workbench.openeo.catalogues import areas
from workbench.openeo.catalogues.areas import read_area
from workbench.openeo.catalogues.requests import named_bands, read_period
from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.errors import OpenEOError

BOX = {"west": 3.0, "south": 50.0, "east": 4.0, "north": 51.0}
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}


def vector_cube(shapes, crs="EPSG:32631"):
    geometries = np.empty(len(shapes), object)
    geometries[:] = shapes
    array = xr.DataArray(np.zeros(len(shapes)), {"geometry": geometries}, ("geometry",))
    return Cube(array, {"geometry": Dimension("geometry")}, CRS(crs))


def test_boxes():
    area = read_area(BOX, "load_collection")
    assert area.shape.bounds == (3, 50, 4, 51)
    assert area.crs == "EPSG:4326"
    assert area.is_box
    assert read_area(None, "load_collection") is None
    assert read_area({**BOX, "crs": CRS(4326).to_wkt()}, "load_collection").crs == "EPSG:4326"
    across = read_area({**BOX, "west": 179.0, "east": -179.0}, "load_collection")
    assert across.shape.bounds == (179, 50, 181, 51)


def test_polygons():
    feature = {"type": "Feature", "properties": {}, "geometry": SQUARE}
    several = {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"]]}
    collection = {"type": "FeatureCollection", "features": [feature, feature]}
    cube = vector_cube([shapely.box(0, 0, 1, 1), shapely.Polygon()])
    for given in (SQUARE, feature, several, collection, cube):
        area = read_area(given, "load_collection")
        assert area.shape.equals(shapely.box(0, 0, 1, 1))
        assert not area.is_box
    assert area.crs == "EPSG:32631"
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    assert read_area(bow, "load_collection").shape.area == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({**BOX, "west": "3"}, "its west is '3'"),
        ({**BOX, "north": float("nan")}, "its north is nan"),
        ({**BOX, "south": 52.0}, "south below north"),
        ({**BOX, "east": 400.0}, "not longitudes"),
        ({**BOX, "crs": 99999}, "crs 99999 is not known"),
        ({**BOX, "crs": "nonsense"}, "crs 'nonsense' is not known"),
        ({**BOX, "crs": 5773}, "not one of maps"),
        ({**BOX, "crs": 32631, "west": 9.0}, "lies east of 4"),
        ({"type": "Point", "coordinates": [1, 2]}, "type 'Point'"),
        ({"type": "GeometryCollection", "geometries": []}, "type 'GeometryCollection'"),
        ({"type": "FeatureCollection", "features": []}, "no geometry"),
        ({"type": "FeatureCollection", "features": 3}, "no list of features"),
        ({"type": "FeatureCollection", "features": [SQUARE]}, "that is no Feature"),
        ({"type": "Feature", "geometry": None}, "no geometry"),
        ({"type": "Polygon", "coordinates": "x"}, "no valid coordinates"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0]]]}, "no valid coordinates"),
        ({**SQUARE, "crs": {"type": "name", "properties": {"name": "x"}}}, "'x' is not known"),
        ([1, 2, 3, 4], "no bounding box"),
        ({}, "type None"),
    ],
)
def test_areas_that_are_none(given, words):
    with pytest.raises(OpenEOError, match=words) as caught:
        read_area(given, "load_collection")
    assert caught.value.code == "ProcessParameterInvalid"
    assert "'spatial_extent'" in caught.value.message


def test_cubes_that_are_no_areas(monkeypatch):
    for cube, words in (
        (vector_cube([shapely.Point(1, 2)]), "not polygons"),
        (vector_cube([shapely.Polygon()]), "only empty"),
        (Cube(xr.DataArray(1.0), {}), "has no geometries"),
    ):
        with pytest.raises(OpenEOError, match=words):
            read_area(cube, "load_collection")
    monkeypatch.setattr(areas, "MOST_POINTS", 4)
    with pytest.raises(OpenEOError, match="the limit is 4"):
        read_area(SQUARE, "load_collection")


@pytest.mark.parametrize(
    ("given", "inside", "outside"),
    [
        (["2022-01-01", "2022-01-03"], ["2022-01-01", "2022-01-02T23:59:59"],
         ["2021-12-31T23:59:59", "2022-01-03"]),
        (["2022-01-01T10:00:00Z", None], ["2022-01-01T10:00", "2200-01-01"], ["2022-01-01T09:59"]),
        ([None, "2022-01-01T00:00:00+02:00"], ["2021-12-31T21:59:59"], ["2021-12-31T22:00:00"]),
        (["0001-01-01", "9999-12-31"], ["1900-01-01", "2100-01-01"], []),
        (None, ["1900-01-01", "2100-01-01"], []),
    ],
)  # fmt: skip
def test_periods_are_half_open(given, inside, outside):
    period = read_period(given, "load_collection")
    assert period.holds(np.array(inside, "datetime64[ns]")).all()
    assert not period.holds(np.array(outside, "datetime64[ns]")).any()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["2022-01-03", "2022-01-03"], "TemporalExtentEmpty"),
        (["2022-01-03", "2022-01-01"], "TemporalExtentEmpty"),
        ([None, None], "ProcessParameterInvalid"),
        (["2022-01-03"], "ProcessParameterInvalid"),
        (["2022-01-03", "later"], "ProcessParameterInvalid"),
        (["2022-02-30", None], "ProcessParameterInvalid"),
        ("2022-01-03", "ProcessParameterInvalid"),
        ([2022, 2023], "ProcessParameterInvalid"),
    ],
)
def test_periods_that_are_none(given, code):
    with pytest.raises(OpenEOError) as caught:
        read_period(given, "load_collection")
    assert caught.value.code == code


def test_bands_by_name_and_by_common_name():
    known = {"B05": "rededge", "B06": "rededge", "B04": "red", "red": None}
    assert named_bands(["B04", "rededge"], known, "load_collection") == ("B04", "B05", "B06")
    assert named_bands(["red"], known, "load_collection") == ("red",)  # names before common names
    assert named_bands(["B06", "rededge"], known, "load_collection") == ("B06", "B05")
    with pytest.raises(OpenEOError, match="no band 'B99', only B05, B06, B04, red") as caught:
        named_bands(["B99"], known, "load_collection")
    assert caught.value.code == "ProcessParameterInvalid"
