"""A job on a collection: read, computed and written in its own process."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from workbench.openeo import execute, run


@pytest.fixture
def catalog(tmp_path, write_tif):
    """A catalogue of one collection: two dates, two bands."""
    for date in ("20240501", "20240511"):
        for band, value in (("B04", 1000), ("B08", 3000)):
            pixels = np.full((16, 16), value + int(date[-2:]), np.uint16)
            write_tif(tmp_path / "images" / f"S2_{date}_{band}.tif", pixels, nodata=0)
    path = tmp_path / "catalog.yml"
    path.write_text(
        "collections:\n  FIELDS:\n    kind: folder\n    path: images\n"
        '    files: "*{time}*_{band}.tif"\n'
    )
    return path


LOAD = {
    "process_id": "load_collection",
    "arguments": {"id": "FIELDS", "spatial_extent": None, "temporal_extent": None},
}


def test_a_job_is_given_the_catalogue(catalog, open_jobs, ended):
    jobs = open_jobs(catalog=catalog)
    process = {"process_graph": {"load": {**LOAD, "result": True}}}
    number = jobs.create("ada", {"process": process}).id
    jobs.start("ada", number)
    assert ended(jobs, number).status == "finished", jobs.last_error("ada", number)
    (asset,) = jobs.results("ada", number).assets
    with xr.open_dataset(asset.path) as file:
        assert (file["B08"].isel(t=1).values == 3011).all()
    assert asset.bbox is not None
    missing = {"process_graph": {"load": {**LOAD, "result": True}}}
    missing["process_graph"]["load"]["arguments"] = {**LOAD["arguments"], "id": "NONE"}
    number = jobs.create("ada", {"process": missing}).id
    jobs.start("ada", number)
    ended(jobs, number)
    found = jobs.last_error("ada", number)
    assert (found["code"], found["path"][0]["node_id"]) == ("CollectionNotFound", "load")
    assert str(catalog.parent) not in json.dumps(found)


def test_the_face_gives_the_same(catalog, tmp_path):
    process = {"process_graph": {"load": {**LOAD, "result": True}}}
    cube = execute(process, catalog=catalog)
    assert cube.array.chunks is not None
    assert cube.labels("bands") == ["B04", "B08"]
    data, document = run(process, tmp_path / "out", catalog=catalog)
    with xr.open_dataset(data) as file:
        np.testing.assert_array_equal(file["B04"].values, cube.array.sel(bands="B04").values)
    assert json.loads(document.read_text())["type"] == "Feature"


UDF = """
from openeo.udf import UdfData, StructuredData

def apply_udf_data(data: UdfData):
    (given,) = data.get_structured_data_list()
    data.set_structured_data_list([StructuredData([2 * x for x in given.data])])
"""


@pytest.mark.parametrize("udfs", [False, True])
def test_code_of_users_runs_where_it_was_asked_for(open_jobs, started, ended, udfs):
    jobs = open_jobs(udfs=udfs)
    number = started(jobs, "run_udf", data=[1, 2], udf=UDF, runtime="Python")
    job = ended(jobs, number)
    if not udfs:
        assert (job.status, jobs.last_error("ada", number)["code"]) == (
            "error",
            "FeatureUnsupported",
        )
        return
    assert job.status == "finished", jobs.last_error("ada", number)
    (asset,) = jobs.results("ada", number).assets
    assert json.loads(asset.path.read_text()) == [2, 4]
