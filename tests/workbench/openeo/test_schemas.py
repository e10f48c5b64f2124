"""Values against schemas: the words of JSON Schema, the subtypes, what is more than JSON."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
import xarray as xr

from workbench.openeo import schemas
from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.definitions import process_definition, process_names, subtype_schemas
from workbench.openeo.graphs.references import FromNode
from workbench.openeo.schemas import compatible, misfit, parameter_misfit
from workbench.openeo.values import Child, LabelledArray, PixelArray

PIXELS = np.zeros((2, 3), np.float32)
CUBE = Cube(xr.DataArray([0.5], {"x": [1.0]}, ("x",)), {"x": Dimension("spatial", "x")})
VECTORS = Cube(
    xr.DataArray([0.5], {"places": [shapely.Point(1, 2)]}, ("places",)),
    {"places": Dimension("geometry")},
)

FITS = [
    (1, {"type": "integer"}),
    (1.0, {"type": "integer"}),
    (1, {"type": "number"}),
    (math.nan, {"type": "number", "minimum": 0}),
    (None, {"type": ["number", "null"]}),
    ([], {"type": "array", "items": {"type": "number"}}),
    ([1, None, 2.5], {"type": "array", "items": {"type": ["number", "null"]}}),
    ([1, 2], {"type": "array", "minItems": 2, "maxItems": 2}),
    ([1, "1", True], {"type": "array", "uniqueItems": True}),
    ({"a": 1, "b": 2}, {"type": "object", "required": ["a"], "additionalProperties": False}),
    ("ab", {"type": "string", "pattern": "^a", "minLength": 2}),
    ("2020-02-29", {"type": "string", "format": "date"}),
    ("2020-02-29T12:00:00.25+05:30", {"type": "string", "format": "date-time"}),
    ("https://example.com/a", {"type": "string", "format": "uri"}),
    ("x", {"enum": ["x", "y"]}),
    (True, {"const": True}),
    (5, [{"type": "string"}, {"type": "integer"}]),
    (LabelledArray([1], ["a"]), {"type": "array", "subtype": "labeled-array"}),
    (PIXELS, {"type": "number"}),
    (PIXELS, {"type": ["boolean", "null"]}),
    (PixelArray(PIXELS), {"type": "array", "items": {"type": "number"}, "minItems": 2}),
    (Child(), {"type": "object", "subtype": "process-graph"}),
    (Child(), {}),
    (CUBE, {"type": "object", "subtype": "datacube"}),
    (CUBE, {"type": "object", "subtype": "raster-cube"}),
    (VECTORS, {"type": "object", "subtype": "datacube"}),
    (VECTORS, {"type": "object", "subtype": "vector-cube"}),
    (None, {"type": [[]]}),
    (FromNode("a"), {"type": "number"}),
    ([FromNode("a"), 1], {"type": "array", "items": {"type": "number"}, "uniqueItems": True}),
    ({"west": 1, "south": 2, "east": 3, "north": 4}, {"type": "object", "subtype": "bounding-box"}),
    (["2020-01-01", None], {"type": "array", "subtype": "temporal-interval"}),
    ([[1, 2], [3, 4]], {"type": "array", "subtype": "kernel"}),
    ("P1D", {"type": "string", "subtype": "duration"}),
    ({"type": "Feature"}, {"type": "object", "subtype": "geojson"}),
    (32633, {"type": "integer", "subtype": "epsg-code"}),
    (7, {"type": "number", "subtype": "unheard-of"}),
]

MISFITS = [
    (1.5, {"type": "integer"}, "1.5 is not of type integer"),
    (True, {"type": "number"}, "true is not of type number"),
    (None, {"type": "number"}, "null is not"),
    (math.inf, {"type": "integer"}, "not of type integer"),
    ([1, "a"], {"type": "array", "items": {"type": "number"}}, '"a" is not of type number'),
    ([1.5], {"type": "array", "items": {"type": "integer"}}, "1.5 is not of type integer"),
    ([1], {"type": "array", "minItems": 2, "maxItems": 3}, "2 to 3"),
    ([1, 1.0, 1], {"type": "array", "uniqueItems": True}, "twice"),
    (["2022", "2022"], {"type": "array", "subtype": "temporal-interval", "uniqueItems": True},
     "ends when it begins"),
    ([None, None], {"type": "array", "subtype": "temporal-interval", "uniqueItems": True},
     "one border may be null, not both"),
    ({"a": 1}, {"type": "object", "required": ["a", "b", "c"]}, "lacks b, c"),
    ({"a": 1}, {"properties": {"a": {"type": "string"}}}, "its a: 1 is not of type string"),
    ({"k": 1}, {"additionalProperties": {"type": "string"}}, "its k: 1"),
    ("ab", {"pattern": "^b"}, "does not match"),
    ("", {"minLength": 1}, "fewer than 1"),
    ("2021-02-29", {"format": "date"}, "is no date"),
    ("2020-02-29T12:00:00", {"format": "date-time"}, "is no date-time"),
    ("2020-02-29T12:00:00Z", {"format": "date"}, "is no date"),
    ("no-uri", {"format": "uri"}, "is no uri"),
    (1, {"enum": [True, "1"]}, "not one of true"),
    (1, {"const": True}, "is not true"),
    (0, {"minimumExclusive": 0}, "more than 0"),
    (-1, {"minimum": 0}, "at least 0"),
    (2, {"maximum": 1}, "at most 1"),
    (1, {"maximumExclusive": 1}, "less than 1"),
    (5, [{"type": "string"}, {"type": "null"}], "type string and 5 is not of type null"),
    ("x" * 500, {"type": "number"}, "..."),
    (PIXELS, {"type": "string"}, "a value for each pixel"),
    (PIXELS, {"type": "array"}, "a value for each pixel"),
    (PixelArray(PIXELS), {"type": "number"}, "an array for each pixel"),
    (PixelArray(PIXELS), {"type": "array", "items": {"type": "string"}}, "of pixels"),
    (PixelArray(PIXELS), {"type": "array", "maxItems": 1}, "2 elements"),
    (Child(), {"type": "object"}, "is a process graph"),
    ({"process_graph": {}}, {"type": "object", "subtype": "process-graph"}, "not a process graph"),
    ({"a": 1}, {"type": "object", "subtype": "datacube"}, "not a data cube"),
    (Child(), {"type": "object", "subtype": "datacube"}, "process graph"),
    (CUBE, {"type": "object", "subtype": "vector-cube"}, "raster data cube and not a vector"),
    (VECTORS, {"type": "object", "subtype": "raster-cube"}, "vector data cube and not a raster"),
    ([1], {"type": "object", "subtype": "datacube"}, "not of type object"),
    ({"west": 1}, {"type": "object", "subtype": "bounding-box"}, "lacks south, east, north"),
    (["2020-01-01"], {"type": "array", "subtype": "temporal-interval"}, "1 elements"),
    (["yesterday", None], {"type": "array", "subtype": "temporal-interval"}, "yesterday"),
    ([[1, "a"]], {"type": "array", "subtype": "kernel"}, '"a"'),
    ("1 day", {"type": "string", "subtype": "duration"}, "does not match"),
    ({"type": "Topology"}, {"type": "object", "subtype": "geojson"}, '"Topology"'),
    (5, {"type": "integer", "subtype": "epsg-code"}, "at least 1000"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "schema"), FITS)
def test_fits(value, schema):
    assert misfit(value, schema) is None


@pytest.mark.parametrize(("value", "schema", "words"), MISFITS)
def test_misfits(value, schema, words):
    reason = misfit(value, schema)
    assert reason is not None
    assert words in reason
    assert len(reason) < 250


def test_long_arrays_are_checked_as_short_ones_are():
    schema = {"type": "array", "items": {"type": ["number", "null"]}}
    assert misfit([1.5, None] * 100_000, schema) is None
    assert misfit([1.5, None] * 100_000 + [True], schema) == "true is not of type null or number"


def test_the_range_of_data_is_left_to_the_process():
    x = {"name": "x", "schema": {"type": ["number", "null"], "minimum": 0}}
    assert parameter_misfit(-1, x) is None
    assert parameter_misfit("a", x) is not None
    assert parameter_misfit(-1, x | {"optional": True, "default": None}) is not None
    assert (
        parameter_misfit(-1, {"name": "x", "schema": {"type": "number", "minimum": 0}}) is not None
    )


def test_null_for_what_may_be_left_out():
    index = {"name": "index", "schema": {"type": "integer"}, "optional": True}
    assert parameter_misfit(None, index) is None
    assert parameter_misfit(None, index | {"default": 5}) is not None
    assert parameter_misfit(None, {"name": "index", "schema": {"type": "integer"}}) is not None


def test_patterns_of_users_are_not_tried():
    """This one would take longer than the age of the Earth."""
    evil = {"name": "x", "schema": {"type": "string", "pattern": "^(a+)+$"}}
    assert parameter_misfit("a" * 60 + "b", evil, own=False) is None


@pytest.mark.parametrize(
    ("given", "wanted", "can"),
    [
        ({"type": "integer"}, {"type": "number"}, True),
        ({"type": "number"}, {"type": ["number", "null"]}, True),
        ({"type": "string"}, {"type": "number"}, False),
        ({}, {"type": "number"}, True),
        ({"type": "number"}, {"description": "any"}, True),
        ({"type": "array"}, {"type": "object", "subtype": "datacube"}, False),
        ({"subtype": "datacube"}, {"type": "object", "subtype": "raster-cube"}, True),
        ({"type": "object", "subtype": "datacube"}, {"type": "object"}, True),
        ({"type": "object"}, {"type": "object", "subtype": "datacube"}, True),
        ({"type": "object", "subtype": "geojson"}, {"subtype": "datacube"}, False),
        ([{"type": "null"}, {"type": "string"}], [{"type": "string"}, {"type": "number"}], True),
        ([{"type": "null"}, {}], {"type": "string"}, True),
        (None, {"type": "string"}, True),
    ],
)  # fmt: skip
def test_types_that_can_meet(given, wanted, can):
    assert compatible(given, wanted) is can


def test_defaults_of_the_standard_fit_their_own_schemas():
    for name in process_names():
        for parameter in process_definition(name)["parameters"]:
            if "default" in parameter:
                assert parameter_misfit(parameter["default"], parameter) is None, (name, parameter)


def test_examples_of_subtypes_fit():
    tried = 0
    for name, schema in subtype_schemas().items():
        for example in schema.get("examples", []):
            tried += 1
            assert misfit(example, schema) is None, (name, example)
    assert tried >= 5


def test_a_type_of_a_user_that_is_none_restricts_nothing():
    parameter = {"name": "x", "schema": {"type": [[], {}, "number"]}, "optional": None}
    assert parameter_misfit(1, parameter) is None
    assert "not of type number" in parameter_misfit("a", parameter)
    assert parameter_misfit(None, {"name": "x", "schema": {"type": [[]]}}) is None
    assert parameter_misfit({}, {"name": "x", "schema": {"required": [[], {}, 5]}}) is None


def test_elements_that_may_be_anything_are_not_looked_at_one_by_one(monkeypatch):
    seen = []
    checks = (*schemas._CHECKS, lambda value, *_: seen.append(value))
    monkeypatch.setattr(schemas, "_CHECKS", checks)
    values = [1.5, "a", None, [2]]
    anything = {"type": "array", "items": {"description": "Any data type is allowed."}}
    assert misfit(values, anything) is None
    assert seen == [values]
