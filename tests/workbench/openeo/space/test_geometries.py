"""Shapes from GeoJSON and vector cubes."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import xarray as xr
from pyproj import CRS

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.errors import OpenEOError
from workbench.openeo.space import geometries
from workbench.openeo.space.geometries import read_geojson, shapes_of
from workbench.openeo.space.regrids import bounds_in

POINT = {"type": "Point", "coordinates": [8, 47]}
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}


def feature(geometry, **properties):
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def read(document):
    return read_geojson(document, "load_geojson", "data")


def test_geometries_features_and_collections():
    assert read(POINT).geometries[0] == shapely.Point(8, 47)
    assert read(POINT).properties is None
    assert read(POINT).crs == CRS("EPSG:4326")
    one = read(feature(SQUARE, a=1))
    assert one.geometries[0].equals(shapely.box(0, 0, 2, 2))
    assert one.properties == [{"a": 1}]
    features = [feature(SQUARE, a=1), feature(None), feature(POINT)]
    many = read({"type": "FeatureCollection", "features": features})
    assert [shape.is_empty for shape in many.geometries] == [False, True, False]
    assert many.properties == [{"a": 1}, {}, {}]
    assert len(read({"type": "FeatureCollection", "features": []}).geometries) == 0


def test_heights_are_left_out_and_parts_stay_together():
    line = {
        "type": "MultiLineString",
        "coordinates": [[[0, 0, 5], [1, 1, 5]], [[2, 2, 0], [3, 3, 0]]],
    }
    (found,) = read(line).geometries
    assert not found.has_z
    assert len(found.geoms) == 2
    assert read({"type": "MultiPolygon", "coordinates": []}).geometries[0].is_empty


def test_a_crs_that_it_names():
    square = {"type": "Polygon", "coordinates": [[[5e5, 5e6], [6e5, 5e6], [6e5, 6e6], [5e5, 5e6]]]}
    named = square | {"crs": {"type": "name", "properties": {"name": "EPSG:32632"}}}
    assert read(named).crs == CRS("EPSG:32632")
    urn = POINT | {"crs": {"properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}}
    assert read(urn).crs == CRS("EPSG:4326")
    with pytest.raises(OpenEOError, match="off the globe: longitude comes first"):
        read(square)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"type": "GeometryCollection", "geometries": []}, "GeometryCollection is not a type"),
        ({}, "None is not a type"),
        ({"type": "FeatureCollection"}, "no list of features"),
        ({"type": "FeatureCollection", "features": [POINT]}, "no list of features"),
        (feature(POINT) | {"properties": [1]}, "no object"),
        (feature({"type": "GeometryCollection"}), "geometry 0: GeometryCollection is not"),
        (feature([1]), "geometry 0: None is not"),
        ({"type": "Point"}, "None is no position"),
        ({"type": "Point", "coordinates": [1]}, "is no position"),
        ({"type": "Point", "coordinates": [1, None]}, "is no position"),
        ({"type": "Point", "coordinates": [1, float("nan")]}, "is no position"),
        ({"type": "Point", "coordinates": [1, True]}, "is no position"),
        ({"type": "Polygon", "coordinates": [[1, 2], [3, 4]]}, "is no position"),
        ({"type": "Polygon", "coordinates": [[[[1, 2]]]]}, "is no position"),
        ({"type": "LineString", "coordinates": {"a": 1}}, "not those of a LineString"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}, "geometry 0"),
        (POINT | {"crs": "EPSG:4326"}, "has no name"),
        (POINT | {"crs": {"properties": {"name": "EPSG:1"}}}, "neither an EPSG code"),
        ({"type": "Point", "coordinates": [8, 91]}, "off the globe"),
    ],
)
def test_what_is_no_geojson(document, words):
    with pytest.raises(OpenEOError, match=words) as caught:
        read(document)
    assert caught.value.code == "ProcessParameterInvalid"
    assert "'data'" in caught.value.message


def test_what_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(geometries, "MOST_SHAPES", 2)
    monkeypatch.setattr(geometries, "MOST_VERTICES", 9)
    with pytest.raises(OpenEOError, match="3 geometries are more than 2"):
        read({"type": "FeatureCollection", "features": [feature(POINT)] * 3})
    with pytest.raises(OpenEOError, match="more than 9 vertices"):
        read({"type": "FeatureCollection", "features": [feature(SQUARE)] * 2})


def test_shapes_of_vector_cubes():
    shapes = np.array([shapely.Point(1, 2), shapely.box(0, 0, 1, 1)], object)
    array = xr.DataArray(np.zeros(2), {"field": shapes}, ("field",))
    cube = Cube(array, {"field": Dimension("geometry")}, CRS("EPSG:32632"))
    found = shapes_of(cube, "filter_spatial", "geometries")
    assert list(found.geometries) == list(shapes)
    assert (found.dimension, found.crs.to_epsg(), found.properties) == ("field", 32632, None)
    with pytest.raises(OpenEOError, match="no CRS"):
        shapes_of(Cube(array, cube.dimensions), "filter_spatial", "geometries")
    other = Cube(xr.DataArray([1], {"a": ["x"]}, ("a",)), {"a": Dimension("other")})
    with pytest.raises(OpenEOError, match="no vector data cube"):
        shapes_of(other, "filter_spatial", "geometries")


def test_bounds_in_another_crs():
    degrees, utm = CRS("EPSG:4326"), CRS("EPSG:32601")
    assert bounds_in((1, 2, 3, 4), degrees, degrees) == (1, 2, 3, 4)
    left, bottom, right, top = bounds_in((179.9, 10, -179.9, 10.1), degrees, utm)
    assert 20_000 < right - left < 23_000
    assert 10_000 < top - bottom < 13_000
