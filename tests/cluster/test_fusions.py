"""EFAST on jobs of a real Slurm."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import nbformat
import numpy as np
import pytest

import efast
import workbench
from efast.sentinel3.sampleproducts import write_syn
from workbench.sentinel2.landscape import Scene
from workbench.sentinel2.sampleproducts import write_safe

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]

_SPEC = importlib.util.spec_from_file_location(
    "small_fusion", Path(__file__).parents[1] / "faults" / "small_fusion.py"
)
small = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(small)


BANDS = ("B02", "B03", "B04", "B8A")


@pytest.fixture
def products(tmp_path):
    """Three images and six passes of four by four cells."""
    scene, first = Scene((120, 120), seed=3), np.datetime64("2022-03-01T10:52:11", "ns")
    for at in range(0, 11, 2):
        time = first + np.timedelta64(at * 24, "h")
        if at % 5 == 0 or at == 6:
            write_safe(tmp_path / "S2", scene.observe(time, cover=0.04 * at), bands=BANDS)
        truth = scene.truth(time)[0].sel(band=list(BANDS))
        write_syn(tmp_path / "S3", time - np.timedelta64(1, "h"), truth, orbit=1 + at, cover=0.0)
    return tmp_path / "S2", tmp_path / "S3"


def test_on_two_jobs_a_fusion_has_the_bytes_of_a_local_run(site, products, tmp_path):
    """Files, and nine blocks of a cube, in jobs of the memory that the guide tells to ask for."""

    def both(where, client=None):
        small.run(tmp_path / where / "cube", client=client)
        efast.run(
            *products, tmp_path / where / "files", period=("2022-03-01", "2022-03-12"),
            formats=small.FORMATS, client=client, keep=small.KEEP,
        )  # fmt: skip

    both("here")
    with workbench.connect("slurm", jobs=2, wait_for=2) as client:
        both("there", client)
        told = client.scheduler_info(n_workers=-1)["workers"].values()
        assert all(worker["metrics"]["memory"] < 0.7 * worker["memory_limit"] for worker in told)
    here = small.digests(tmp_path / "here")
    assert len(here) > 100
    assert small.digests(tmp_path / "there") == here


NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "efast.ipynb"


def test_the_notebook_on_two_jobs_as_the_guide_asks_for_them(site, start, tmp_path):
    """The whole sample, by the one option that a batch user adds."""
    log = tmp_path / "log"
    command = ["run", NOTEBOOK, "--cluster", "slurm", "--jobs", 2, "-o", "out.ipynb"]
    assert start(*command, log=log).wait(540) == 0, log.read_text()
    summary = json.loads(next(tmp_path.rglob("summary.json")).read_text())
    assert summary["status"] == "done"
    images = sorted((tmp_path / "runs" / "efast" / "images").glob("efast_*.tif"))
    assert len(images) == summary["counts"]["dates"] == 20
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    assert not any(out.output_type == "error" for cell in cells for out in cell.get("outputs", ()))
