"""What is said of formats and results, against the API document and against STAC."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pystac
import pytest
import yaml
from openapi_schema_validator import OAS30Validator
from pystac.validation import validate_dict

from workbench.openeo.formats import file_formats, results_document, write
from workbench.openeo.formats.assets import Asset

CREATED = "2026-01-02T03:04:05Z"


@cache
def read(path):
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)


@pytest.fixture
def valid(shared_data):
    """`valid(schema, value)`: check a value by a schema of the API."""
    document = read(shared_data / "openeo" / "openapi.yaml")

    def check(schema, value):
        whole = {**schema, "components": document["components"]}
        OAS30Validator(whole).validate(value)

    check.document = document
    return check


def test_formats_are_those_of_the_api(valid):
    answer = valid.document["paths"]["/file_formats"]["get"]["responses"]["200"]
    formats = json.loads(json.dumps(file_formats()))
    valid(answer["content"]["application/json"]["schema"], formats)
    assert list(formats["output"]) == ["netCDF", "GTiff", "COG", "Zarr", "JSON", "GeoJSON", "PNG"]
    assert all(
        "description" in p for f in formats["output"].values() for p in f["parameters"].values()
    )
    file_formats()["output"].clear()
    assert file_formats()["output"], "what is returned is a copy"


def checked(valid, document):
    """Return a document as it arrives, valid by the API and by STAC."""
    document = json.loads(json.dumps(document, allow_nan=False))
    answers = valid.document["paths"]["/jobs/{job_id}/results"]["get"]["responses"]["200"]
    valid(answers["content"]["application/json"]["schema"], document)
    # The schemas of extensions and of other versions are on the web; pystac brings its own.
    core = {**document, "stac_extensions": [], "stac_version": pystac.get_stac_version()}
    validate_dict(core)
    return document


@pytest.mark.parametrize("format_", ["GTiff", "netCDF", "PNG"])
def test_results_are_an_item_of_stac(tmp_path, make, valid, format_):
    cube = make(bands=3)
    assets = write(cube, format_, {}, tmp_path)
    found = checked(
        valid,
        results_document(
            "job-1",
            assets,
            created=CREATED,
            href=lambda asset: f"https://example.org/{asset.path.name}",
            status="finished",
            title="A title",
            links=[{"rel": "canonical", "href": "https://example.org/job-1"}],
        ),
    )
    assert found["properties"]["start_datetime"] == "2024-05-01T00:00:00Z"
    assert found["properties"]["end_datetime"] == "2024-05-03T11:00:00Z"
    assert found["properties"]["datetime"] == "2024-05-01T00:00:00Z"
    assert found["bbox"] == pytest.approx([9.0, 45.15, 9.005, 45.153], abs=2e-3)
    assert found["geometry"]["type"] == "Polygon"
    for asset in assets:
        said = found["assets"][asset.path.name]
        assert said["href"] == f"https://example.org/{asset.path.name}"
        assert said["file:size"] == asset.path.stat().st_size
        assert [band["name"] for band in said["eo:bands"]] == ["B02", "B03", "B04"]
        assert (said["proj:epsg"], said["proj:shape"]) == (32632, [30, 40])
        assert said["roles"] == ["data"]
    assert len(found["stac_extensions"]) == 3


def test_results_that_lie_nowhere(tmp_path, valid):
    found = checked(valid, results_document("j", write(3, "JSON", {}, tmp_path), created=CREATED))
    assert (found["type"], found["created"]) == ("Collection", CREATED)
    assert found["extent"]["temporal"]["interval"] == [[None, None]]
    assert found["assets"]["openEO.json"]["href"] == "./openEO.json"
    none = results_document("j", [], created=CREATED, title="None", status="error")
    assert checked(valid, none)["assets"] == {}
    assert (none["title"], none["openeo:status"]) == ("None", "error")


def test_vectors_and_periods(tmp_path, make, points, valid):
    cube = make(times=["2024-01-01"])
    named = cube.with_array(cube.array.assign_coords(t=["djf 2024"]))
    assets = [*write(points, "JSON", {}, tmp_path), *write(named, "GTiff", {}, tmp_path)]
    assert assets[1].path.name == "openEO_djf-2024.tif"
    assert (assets[1].start, assets[1].end) == (None, None)
    found = checked(valid, results_document("j", assets, created=CREATED))
    assert found["properties"]["end_datetime"] == "2024-02-01T00:00:00Z"
    assert found["bbox"][2] == pytest.approx(9.0127, abs=1e-3)


def test_across_the_antimeridian(valid):
    east = Asset(Path("a.tif"), "image/tiff", bbox=(179.0, -10.0, -179.0, 10.0))
    west = Asset(Path("b.tif"), "image/tiff", bbox=(-170.0, -10.0, -160.0, 10.0))
    found = checked(valid, results_document("j", [east], created=CREATED))
    assert found["bbox"] == [179, -10, -179, 10]
    assert found["geometry"]["type"] == "MultiPolygon"
    assert results_document("j", [east, west], created=CREATED)["bbox"] == [-180, -10, 180, 10]
