"""Catalogues: what is wrong in them is said in one line; collections are valid STAC."""

from __future__ import annotations

import json
from importlib import metadata

import jsonschema
import numpy as np
import pytest
import yaml
from pystac import Collection
from pystac.validation.local_validator import LocalValidator

from workbench.errors import BadFile, BadInput
from workbench.openeo.catalogues.catalogue import read_catalogue
from workbench.openeo.catalogues.fields import check_fields
from workbench.openeo.errors import OpenEOError

FOLDER = {"kind": "folder", "path": "images"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the catalogue: it is empty, and may have collections"),
        ("[1, 2]", "is no mapping"),
        ("collections: [", "line 1"),
        ("collections: {}", "collections: there is none"),
        ({"collections": [FOLDER]}, "the catalogue.collections: .* is not a mapping"),
        ({"colections": {}}, "no key 'colections', only .*; did you mean 'collections'"),
        ({"collections": {"a b": FOLDER}}, "collections.a b: a name has letters"),
        ({"collections": {"C": None}}, "collections.C: the key 'kind' is missing"),
        ({"collections": {"C": {"path": "images"}}}, "the key 'kind' is missing"),
        ({"collections": {"C": {**FOLDER, "kind": "ftp"}}}, "'ftp' is none of folder, .*stac"),
        ({"collections": {"C": {"kind": "folder"}}}, "the key 'path' is missing"),
        ({"collections": {"C": {**FOLDER, "path": "nowhere"}}}, "path: nowhere: no such folder"),
        ({"collections": {"C": {**FOLDER, "path": 3}}}, "path: 3 is not a text"),
        ({"collections": {"C": {**FOLDER, "pathh": "x"}}}, "no key 'pathh', .* mean 'path'"),
        ({"collections": {"C": {**FOLDER, "files": "{band}.tif"}}}, "{time} once"),
        ({"collections": {"C": {**FOLDER, "files": "{time}_{tile}.tif"}}}, "{tile} is none of"),
        ({"collections": {"C": {**FOLDER, "bands": [2, 3]}}}, "bands: names of bands, as texts"),
        ({"collections": {"C": {**FOLDER, "bands": []}}}, "bands: names of bands"),
        ({"collections": {"C": {**FOLDER, "bands": ["a", "a"]}}}, "a name stands twice"),
        ({"collections": {"C": {**FOLDER, "bands": {"a": {"nodat": 0}}}}}, "mean 'nodata'"),
        ({"collections": {"C": {**FOLDER, "bands": {"a": {"scale": "x"}}}}}, "scale: 'x' is not a"),
        ({"collections": {"C": {**FOLDER, "bands": {"a": {"common_name": "infra"}}}}},
         "'infra' is none of blue"),
        ({"collections": {"C": {**FOLDER, "bands": {"a": {"resampling": "cubic"}}}}},
         "one of nearest, smooth"),
        ({"collections": {"C": {**FOLDER, "crs": 1}}}, "crs: 1 is not known"),
        ({"collections": {"C": {**FOLDER, "resolution": 0}}}, "resolution: 0 is not above 0"),
        ({"collections": {"C": {**FOLDER, "on_error": "hide"}}}, "neither raise nor skip"),
        ({"collections": {"C": {**FOLDER, "license": "do what you like"}}}, "no SPDX identifier"),
        ({"collections": {"C": {**FOLDER, "keywords": "a"}}}, "keywords: 'a' is not a list"),
        ({"collections": {"C": {**FOLDER, "providers": [{"nme": "a"}]}}}, "mean 'name'"),
        ({"collections": {"C": {**FOLDER, "providers": [{"name": "a", "roles": ["boss"]}]}}},
         "some of licensor"),
        ({"collections": {"C": {**FOLDER, "links": [{"rel": "about", "href": "/etc/passwd"}]}}},
         "no address of the web"),
        ({"collections": {"C": {"kind": "stored", "path": "x.nc"}}}, "x.nc: no such file"),
        ({"collections": {"C": {"kind": "stac"}}}, "give either path or url"),
        ({"collections": {"C": {"kind": "stac", "path": "images"}}}, "neither collection.json nor"),
        ({"collections": {"C": {"kind": "stac", "url": "https://example.org/x"}}},
         "not among those that this back-end may fetch"),
        ({"remote": ["file:///etc"], "collections": {"C": FOLDER}}, "remote: 'file:///etc'"),
        ({"remote": ["*"], "collections": {"C": FOLDER}}, "a star stands for"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_catalogue_is_said(tmp_path, folder, content, words):
    path = tmp_path / "catalog.yml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    with pytest.raises(BadFile, match=words) as caught:
        read_catalogue(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value).partition("not YAML")[0]


def test_a_catalogue_that_is_not_there(tmp_path):
    with pytest.raises(BadFile, match="no such file"):
        read_catalogue(tmp_path / "catalog.yml")


def test_fields_of_each_type():
    fields = {"a": "number", "b": "list of texts", "c": "whole number or text"}
    assert check_fields({"a": 1.5, "b": ["x"], "c": 4}, fields, "here") == {
        "a": 1.5, "b": ["x"], "c": 4}  # fmt: skip
    for wrong in ({"a": True}, {"a": float("inf")}, {"b": [1]}, {"b": "x"}, {"c": True}, {"c": ""}):
        with pytest.raises(BadInput, match=r"here\."):
            check_fields(wrong, fields, "here")


ENTRY = """
title: Our fields
description: Reflectance.
license: CC-BY-4.0
keywords: [fields]
providers: [{name: We, roles: [producer, host], url: "https://example.org"}]
links: [{rel: about, href: "https://example.org/about"}]
bands:
  B08: {common_name: nir, center_wavelength: 0.842, scale: 0.0001, offset: -0.1, unit: "1"}
  B04: {common_name: red, nodata: 0}
"""


def test_a_collection_is_valid_stac(folder, catalogue_of, tmp_path):
    document = catalogue_of(ENTRY).document("C")
    assert Collection.from_dict(document).to_dict(include_self_link=False)["license"] == "CC-BY-4.0"
    newer = {**document, "stac_version": "1.1.0"}  # the schema that is at hand without a network
    LocalValidator().collection_validator().validate(newer)
    assert document["stac_version"] == "1.0.0"
    assert document["cube:dimensions"]["bands"]["values"] == ["B08", "B04"]
    assert [b["name"] for b in document["summaries"]["eo:bands"]] == ["B08", "B04"]
    assert document["summaries"]["raster:bands"][0] == {
        "name": "B08", "data_type": "uint16", "nodata": 0, "unit": "1", "scale": 0.0001,
        "offset": -0.1,
    }  # fmt: skip
    x = document["cube:dimensions"]["x"]
    assert x == {"type": "spatial", "axis": "x", "extent": [500000.0, 500300.0], "step": 10.0,
                 "reference_system": 32631}  # fmt: skip
    text = json.dumps(document, allow_nan=False)  # NaN would be no JSON
    assert str(tmp_path) not in text
    assert "null" not in text


def test_a_collection_is_as_the_api_says(folder, catalogue_of, shared_data):
    api = yaml.safe_load((shared_data / "openeo" / "openapi.yaml").read_text())
    schema = {
        "$ref": "#/components/schemas/collection",
        "components": json.loads(json.dumps(api["components"], default=str)),
    }
    document = catalogue_of(ENTRY).document("C")
    jsonschema.Draft4Validator(schema).validate(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema).validate({**document, "license": 3})


def test_the_cube_is_as_the_collection_says(folder, catalogue_of):
    catalogue = catalogue_of(ENTRY)
    dimensions, cube = catalogue.document("C")["cube:dimensions"], catalogue.load("C")
    assert set(dimensions) == set(cube.dimensions)
    for name, dimension in cube.dimensions.items():
        assert dimensions[name]["type"] == dimension.kind
    assert dimensions["bands"]["values"] == cube.labels("bands")
    assert dimensions["t"]["extent"] == [cube.labels("t")[0], cube.labels("t")[-1]]
    bounds = cube.geobox().boundingbox
    assert dimensions["x"]["extent"] == [bounds.left, bounds.right]
    assert dimensions["y"]["extent"] == [bounds.bottom, bounds.top]


def test_a_collection_that_is_not_there(folder, catalogue_of):
    for ask in (catalogue_of().document, catalogue_of().load, catalogue_of().flags):
        with pytest.raises(OpenEOError) as caught:
            ask("D")
        assert caught.value.code == "CollectionNotFound"
        assert caught.value.status == 404
        assert caught.value.message.endswith("There is C.")


def test_systems_bring_kinds(monkeypatch, tmp_path, folder, catalogue_of):
    asked = []

    class Mine:
        featureflags = ("tilesize",)

        def __init__(self, options, folder, remote):
            if options.get("path") != "images":
                raise BadInput("path: what is this?")
            self.folder = folder

        def document(self):
            return {"summaries": {"eo:bands": [{"name": "a", "common_name": "red"}]}}

        def load(self, request):
            asked.append(request)
            return "a cube"

    class Entry:
        name, value = "mine", "mine.openeo:Mine"

        def load(self):
            return Mine

    class Broken(Entry):
        name = "broken"

        def load(self):
            raise ImportError("no such thing")

    monkeypatch.setattr(metadata, "entry_points", lambda group: [Entry(), Broken()])
    catalogue = catalogue_of(kind="mine")
    assert catalogue.load("C", None, ["2022-01-01", None], ["red"], None, {"featureflags": 1})
    assert asked[0].bands == ("a",)
    assert asked[0].extra == {"featureflags": 1}
    assert asked[0].period.holds(np.datetime64("2022-01-01"))
    assert list(catalogue.flags("C")) == ["tilesize"]
    assert catalogue.collections["C"].source.folder == tmp_path
    with pytest.raises(BadFile, match=r"collections.C: path: what is this"):
        catalogue_of(kind="mine", path="other")
    with pytest.raises(BadFile, match=r"'broken' cannot be loaded .* no such thing"):
        catalogue_of(kind="broken")
    with pytest.raises(BadFile, match="none of broken, folder, mine, stac, stored"):
        catalogue_of(kind="theirs")
