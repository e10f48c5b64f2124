"""load_collection and load_stac in graphs: what is loaded, and the codes of what is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workbench.openeo.catalogues import sample
from workbench.openeo.catalogues.catalogue import read_catalogue
from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import Evaluation, execute
from workbench.openeo.graphs.parsing import faults

NAME = "SENTINEL2_L2A_DEMO"
BOX = {"west": 640_100, "south": 5_629_800, "east": 640_300, "north": 5_629_900, "crs": 32631}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    sample.write_sample(folder)
    return read_catalogue(folder / "catalog.yml")


def graph(process="load_collection", **arguments):
    return {"load": {"process_id": process, "arguments": arguments, "result": True}}


@pytest.fixture
def load(catalogue):
    """Return a function that loads by a graph."""

    def make(run=None, **arguments):
        given = {"id": NAME, "spatial_extent": None, "temporal_extent": None, **arguments}
        run = run or Evaluation({"catalogue": catalogue, "remote": catalogue.remote})
        return execute(graph(**given), run=run)

    return make


def condition(process, **arguments):
    node = {"process_id": process, "arguments": arguments, "result": True}
    return {"process_graph": {"c": node}}


VALUE = {"from_parameter": "value"}


def test_all_that_can_be_asked_for(load, catalogue):
    cube = load(
        spatial_extent=BOX,
        temporal_extent=["2022-06-06", "2022-06-30"],
        bands=["SCL", "nir"],
        properties={
            "eo:cloud_cover": condition("lte", x=VALUE, y=10),
            "platform": condition("eq", x=VALUE, y="Sentinel-2A", case_sensitive=False),
        },
    )
    assert cube.labels("bands") == ["SCL", "B08"]
    assert cube.array.shape[2:] == (10, 20)
    assert cube.array.chunks is not None
    whole = catalogue.load(NAME).array
    assert 0 < cube.array.sizes["t"] < 13
    assert cube.array["t"].values.min() >= np.datetime64("2022-06-06")
    assert cube.array["t"].values.max() < np.datetime64("2022-06-30")
    same = whole.sel(t=cube.array["t"], bands=["SCL", "B08"], y=cube.array["y"], x=cube.array["x"])
    assert np.array_equal(cube.array.values, same.values, equal_nan=True)


def test_conditions_see_parameters_of_the_graph_around(catalogue):
    run = Evaluation({"catalogue": catalogue})
    arguments = {"id": NAME, "spatial_extent": BOX, "temporal_extent": None, "properties": {
        "eo:cloud_cover": condition("lt", x=VALUE, y={"from_parameter": "most"})}}  # fmt: skip
    all_of_them = execute(graph(**arguments), given={"most": 101}, run=run)
    assert all_of_them.array.sizes["t"] == 13
    with pytest.raises(OpenEOError) as caught:
        execute(graph(**arguments), given={"most": -1}, run=run)
    assert caught.value.code == "NoDataAvailable"
    assert "eo:cloud_cover" in caught.value.message


def test_polygons_leave_what_is_around_them_null(load):
    shape = {"type": "Polygon", "coordinates": [
        [[4.99, 50.79], [5.0, 50.79], [5.0, 50.8], [4.99, 50.79]]]}  # fmt: skip
    found = load(spatial_extent=shape, temporal_extent=["2022-06-01", "2022-06-02"], bands=["B04"])
    missing = np.isnan(found.array.values[0, 0])
    assert 0.4 < missing.mean() < 0.6
    inside = load(temporal_extent=["2022-06-01", "2022-06-02"], bands=["B04"]).array
    same = inside.sel(x=found.array["x"], y=found.array["y"]).values[0, 0]
    assert np.array_equal(found.array.values[0, 0][~missing], same[~missing])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ({"id": "S2"}, "CollectionNotFound", "S2"),
        ({"id": "../x y"}, "ProcessParameterInvalid", "id"),
        ({"temporal_extent": ["2022-06-02", "2022-06-01"]}, "TemporalExtentEmpty", "2022-06-02"),
        ({"temporal_extent": ["2022-06-02"]}, "ProcessParameterInvalid", "temporal_extent"),
        ({"temporal_extent": [None, None]}, "ProcessParameterInvalid", "temporal_extent"),
        ({"temporal_extent": ["2030-01-01", None]}, "NoDataAvailable", "2022-06-01 to 2022-06-30"),
        ({"spatial_extent": {**BOX, "crs": 4326}}, "ProcessParameterInvalid", "not longitudes"),
        ({"spatial_extent": {"west": 1, "south": 2, "east": 3, "north": 4}}, "NoDataAvailable", ""),
        ({"spatial_extent": {"type": "Point", "coordinates": [5, 50]}},
         "ProcessParameterInvalid", "Point"),
        ({"bands": ["B99"]}, "ProcessParameterInvalid", "only B02, B03, B04, B08, SCL"),
        ({"bands": []}, "ProcessParameterInvalid", "bands"),
        ({"featureflags": 3}, "ProcessParameterInvalid", "featureflags"),
        ({"properties": {"platform": 3}}, "ProcessParameterInvalid", "not of type object"),
    ],
)  # fmt: skip
def test_what_cannot_be_loaded_has_a_code(load, arguments, code, words):
    with pytest.raises(OpenEOError) as caught:
        load(**arguments)
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.path == "load"


def test_without_a_catalogue_nothing_is_found(load):
    with pytest.raises(OpenEOError) as caught:
        load(run=Evaluation())
    assert caught.value.code == "CollectionNotFound"


def test_flags_are_taken_by_this_process_alone(load, catalogue):
    run = Evaluation({"catalogue": catalogue})
    cube = load(run=run, spatial_extent=BOX, featureflags={"tilesize": 128})
    assert cube.is_raster
    warnings = [entry.message for entry in run.log.entries if entry.level == "warning"]
    assert warnings == [f"featureflags that {NAME} does not know: tilesize"]
    arguments = {"id": NAME, "spatial_extent": None, "temporal_extent": None}
    assert not faults(graph(**arguments, featureflags={}))
    assert [f.code for f in faults(graph(**arguments, flags={}))] == ["ProcessParameterUnsupported"]
    found = faults(graph("load_stac", url="https://example.org/", featureflags={}))
    assert [fault.code for fault in found] == ["ProcessParameterUnsupported"]


def test_flags_reach_the_source(load, catalogue, monkeypatch):
    asked = []
    source = catalogue.collections[NAME].source
    original = type(source).load

    def spy(self, request):
        asked.append(request.extra)
        return original(self, request)

    monkeypatch.setattr(type(source), "load", spy)
    monkeypatch.setattr(type(source), "featureflags", ("binning",), raising=False)
    run = Evaluation({"catalogue": catalogue})
    load(run=run, featureflags={"binning": True})
    load(run=run)
    assert asked == [{"featureflags": {"binning": True}}, {}]
    assert not [entry for entry in run.log.entries if entry.level == "warning"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://example.org/collection.json", "not among those"),
        ("http://127.0.0.1/collection.json", "not among those"),
        ("http://localhost/collection.json", "not among those"),
        ("file:///etc/passwd", "match"),
    ],
)
def test_stac_is_loaded_from_listed_places_only(catalogue, url, words):
    for context in ({}, {"remote": Remote(["example.com"])}):
        with pytest.raises(OpenEOError, match=words) as caught:
            execute(graph("load_stac", url=url), run=Evaluation(context))
        assert caught.value.code == "ProcessParameterInvalid"
        assert "'url'" in caught.value.message


def test_stac_is_loaded(catalogue, monkeypatch):
    """From an address whose answers come from the demonstration's files."""
    folder = catalogue.collections[NAME].source._start.removesuffix("collection.json")

    def content(url):
        with open(folder + url.removeprefix("https://example.org/"), "rb") as file:  # noqa: PTH123
            return file.read()

    def part(self, url, start, size):
        whole = content(url)
        return whole[start : start + size], len(whole)

    monkeypatch.setattr(Remote, "read", lambda self, url, most_bytes: content(url))
    monkeypatch.setattr(Remote, "read_range", part)
    run = Evaluation({"remote": Remote(["example.org"])})
    found = execute(
        graph("load_stac", url="https://example.org/collection.json", bands=["red", "SCL"],
              spatial_extent=BOX, temporal_extent=["2022-06-01", "2022-06-04"],
              properties={"platform": condition("eq", x=VALUE, y="sentinel-2a")}),
        run=run,
    )  # fmt: skip
    same = catalogue.load(NAME, BOX, ["2022-06-01", "2022-06-04"], ["B04", "SCL"])
    assert found.array.load().identical(same.array.load())
    assert found.crs == same.crs
    with pytest.raises(OpenEOError) as caught:
        execute(
            graph("load_stac", url="https://example.org/collection.json", bands=["B99"]), run=run
        )
    assert "no band 'B99', only B02" in caught.value.message
    assert caught.value.code == "ProcessParameterInvalid"
    monkeypatch.setattr(Remote, "read", lambda self, url, most: json.dumps([]).encode())
    with pytest.raises(OpenEOError, match="is no STAC"):
        execute(graph("load_stac", url="https://example.org/x"), run=run)
