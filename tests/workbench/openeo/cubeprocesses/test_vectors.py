"""load_geojson."""

from __future__ import annotations

import json

import numpy as np
import pytest
import shapely

from workbench.errors import WorkbenchError
from workbench.openeo import definitions
from workbench.openeo.cubes import Dimension
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import Evaluation, execute
from workbench.openeo.registry import predefined

POINT = {"type": "Point", "coordinates": [8, 47]}


def feature(geometry=POINT, **properties):
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features):
    return {"type": "FeatureCollection", "features": list(features)}


def run(data, *properties, remote=None):
    arguments = {"data": data} | ({"properties": list(properties)} if properties else {})
    evaluation = Evaluation({"remote": remote} if remote else {})
    node = {"process_id": "load_geojson", "arguments": arguments, "result": True}
    return execute({"one": node}, run=evaluation)


def test_geometries_alone():
    found = run(collection(feature(a=1), feature(None), feature(b="text")))
    assert found.dimensions == {"geometry": Dimension("geometry")}
    assert found.array.geometry.values[0] == shapely.Point(8, 47)
    assert found.array.geometry.values[1].is_empty
    assert found.array.isnull().all()
    assert found.crs.to_epsg() == 4326
    assert found.array.geometry.attrs["properties"] == [{"a": 1}, {}, {"b": "text"}]
    assert found.is_vector
    assert run(POINT).array.shape == (1,)
    assert run(POINT, "a").array.shape == (1,)


def test_one_property_and_several():
    data = collection(feature(a=1, b=2.5), feature(a=None, b=True), feature(b=4))
    one = run(data, "a")
    assert one.dimensions["properties"] == Dimension("other")
    assert one.array.properties.values.tolist() == ["a"]
    np.testing.assert_array_equal(one.array, [[1], [np.nan], [np.nan]])
    two = run(data, "b", "a")
    assert two.array.properties.values.tolist() == ["b", "a"]
    np.testing.assert_array_equal(two.array, [[2.5, 1], [1, np.nan], [4, np.nan]])
    np.testing.assert_array_equal(run(data, "nowhere").array, [[np.nan]] * 3)


def test_a_property_of_arrays():
    data = collection(feature(a=[1, 2, 3]), feature(a=[4]), feature())
    found = run(data, "a")
    assert found.array.properties.values.tolist() == [0, 1, 2]
    nan = np.nan
    np.testing.assert_array_equal(found.array, [[1, 2, 3], [4, nan, nan], [nan, nan, nan]])


def test_booleans_stay_so():
    assert run(collection(feature(a=True), feature(a=False)), "a").array.dtype == bool


@pytest.mark.parametrize(
    ("data", "properties", "words"),
    [
        (collection(feature(a="text")), ["a"], "not 'text'"),
        (collection(feature(a=[1], b=2)), ["a", "b"], r"not \[1\]"),
        (collection(feature(a=[[1]])), ["a"], r"not \[1\]"),
        (collection(feature(a={"k": 1})), ["a"], "not {'k': 1}"),
        (collection(feature(a=1)), ["a", "a"], "twice"),
        ({"type": "GeometryCollection", "geometries": []}, [], "GeometryCollection"),
        ({"type": "Polygon", "coordinates": [1]}, [], "coordinates are not those"),
        ("https://example.org/a.geojson", [], "no addresses are allowed here"),
        (7, [], "not of type object"),
    ],
)
def test_what_is_wrong(data, properties, words):
    with pytest.raises(OpenEOError, match=words) as caught:
        run(data, *properties)
    assert caught.value.code == "ProcessParameterInvalid"


def test_no_geometries():
    assert run(collection()).array.shape == (0,)
    assert run(collection(), "a").array.shape == (0, 1)


class Remote:
    """Knows one address."""

    def __init__(self, content):
        self.content = content

    def read(self, url, most_bytes):
        assert most_bytes == 50_000_000
        if url != "https://example.org/a.geojson":
            raise WorkbenchError(f"{url}: it is not listed")
        return self.content


def test_an_address():
    remote = Remote(json.dumps(collection(feature(a=1), feature(a=2))).encode())
    found = run("https://example.org/a.geojson", "a", remote=remote)
    assert found.array.values.tolist() == [[1], [2]]
    served = predefined()["load_geojson"].definition
    assert served == definitions.process_definition("load_geojson")


@pytest.mark.parametrize(
    ("url", "content", "words"),
    [
        ("file:///etc/passwd", b"", "file:///etc/passwd: it is not listed"),
        ("https://example.org/a.geojson", b"<html>", "it is no JSON"),
        ("https://example.org/a.geojson", b"[" * 100_000, "it is no JSON"),
        ("https://example.org/a.geojson", b"\xff\xfe\xfa", "it is no JSON"),
        ("https://example.org/a.geojson", b"[1]", "None is not a type"),
    ],
)
def test_addresses_that_give_nothing(url, content, words):
    with pytest.raises(OpenEOError, match=words) as caught:
        run(url, remote=Remote(content))
    assert caught.value.code == "ProcessParameterInvalid"
