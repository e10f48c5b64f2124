"""Scene datasets on jobs of a real Slurm."""

from __future__ import annotations

from hashlib import sha256
from shutil import copytree

import pytest

import workbench
from tiling.scenes import tasks, write_sample

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(240)]


def contents(folder):
    """Return what each image and picture holds, but for when it was made."""
    import numpy as np
    import xarray as xr

    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".nc" and "source_data/netcdf" not in name:
            with xr.open_dataset(path) as file:
                values = [np.ascontiguousarray(each).tobytes() for each in file.values()]
                found[name] = sha256(b"".join(values)).hexdigest() + str(file.attrs["fingerprint"])
        elif path.suffix == ".png":
            found[name] = sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("scenes"), scenes=2, days=2, side=96e3, triplets=8)


def test_on_two_jobs_a_run_has_what_a_local_one_has(site, sample, tmp_path):
    """In jobs of one gigabyte; two of the documented ones: crops and tiles, then regridding."""
    here, there = (copytree(sample.goes, tmp_path / name) for name in ("here", "there"))
    for task in (tasks.tiles, tasks.regrid):
        task(here)
    with workbench.connect("slurm", jobs=2, wait_for=2) as client:
        for task in (tasks.tiles, tasks.regrid):
            outcomes = task(there, client=client)
            assert not any(outcome.failed for outcome in outcomes)
        told = client.scheduler_info(n_workers=-1)["workers"].values()
        assert all(worker["metrics"]["memory"] < 0.7 * worker["memory_limit"] for worker in told)
    expected = contents(here)
    assert len([name for name in expected if name.startswith("rect/")]) == 8
    assert len([name for name in expected if name.startswith("triplets/")]) == 2 * 3 * 12
    assert contents(there) == expected
