"""Batch jobs of the openEO back-end on workers that are jobs of a real Slurm, also through PBS."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import workbench

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(240)]


@pytest.fixture
def catalog(tmp_path, write_tif):
    for date in ("20240501", "20240511"):
        pixels = np.full((16, 16), 1000 + int(date[-2:]), np.uint16)
        write_tif(tmp_path / "images" / f"S2_{date}_B04.tif", pixels, nodata=0)
    path = tmp_path / "catalog.yml"
    path.write_text(
        "collections:\n  FIELDS:\n    kind: folder\n    path: images\n"
        '    files: "*{time}*_{band}.tif"\n'
    )
    return path


@pytest.mark.parametrize("kind", ["slurm", "pbs"])
def test_a_job_of_the_back_end_runs_on_jobs_of_a_queue(
    request, site, kind, catalog, tmp_path, patiently
):
    from workbench.openeo.jobs import Jobs

    if kind == "pbs":
        request.getfixturevalue("pbs")
    process = {
        "process_graph": {
            "load": {
                "process_id": "load_collection",
                "arguments": {"id": "FIELDS", "spatial_extent": None, "temporal_extent": None},
                "result": True,
            }
        }
    }
    with workbench.connect(kind, jobs=1, wait_for=1) as client:
        jobs = Jobs(tmp_path / "state", cluster=client, catalog=catalog)
        try:
            number = jobs.create("ada", {"process": process, "log_level": "debug"}).id
            jobs.start("ada", number)
            patiently(
                lambda: jobs.read("ada", number).status not in ("queued", "running"), 90, "the end"
            )
            assert jobs.read("ada", number).status == "finished", jobs.last_error("ada", number)
            (asset,) = jobs.results("ada", number).assets
            with xr.open_dataset(asset.path) as file:
                assert (file["B04"].isel(t=1).values == 1011).all()
            done = client.run(lambda dask_worker: dask_worker.state.executed_count)
            assert sum(done.values()) >= 2  # a task for each date: the pixels were read there
        finally:
            jobs.close()
