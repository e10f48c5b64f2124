"""Sentinel-1 on jobs of a real Slurm, and by the commands of PBS."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import workbench

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(240)]

_SPEC = importlib.util.spec_from_file_location(
    "small_s1_run", Path(__file__).parents[1] / "faults" / "small_s1_run.py"
)
small = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(small)

POLARISATIONS = "VV VH"  # two dates of both: four tiles with their masks, for two workers


@pytest.fixture(scope="module")
def passes(tmp_path_factory):
    """The sample; to be read, not changed."""
    return small.sample(tmp_path_factory.mktemp("passes"))


@pytest.fixture(scope="module")
def here(passes, tmp_path_factory):
    """What a run in this process makes."""
    folder = tmp_path_factory.mktemp("here")
    assert small.run(passes, folder, last_date="2023-06-30", polarisation=POLARISATIONS).code == 0
    found = small.digests(folder)
    assert len([name for name in found if name.endswith(".tif")]) == 8
    return found


@pytest.mark.parametrize("kind", ["slurm", "pbs"])
def test_on_two_jobs_a_run_has_the_bytes_of_a_local_one(
    kind, request, site, passes, here, tmp_path
):
    """In jobs of one gigabyte."""
    if kind == "pbs":
        request.getfixturevalue("pbs")
    with workbench.connect(kind, jobs=2, wait_for=2) as client:
        there = tmp_path / "there"
        options = {"last_date": "2023-06-30", "polarisation": POLARISATIONS}
        assert small.run(passes, there, client=client, **options).code == 0
        told = client.scheduler_info(n_workers=-1)["workers"].values()
        assert all(worker["metrics"]["memory"] < 0.7 * worker["memory_limit"] for worker in told)
    assert small.digests(there) == here
