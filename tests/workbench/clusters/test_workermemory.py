"""A worker with little memory, whose allocator keeps what its tasks have freed."""

from __future__ import annotations

import os

import dask
import numpy as np
import pytest

import workbench

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("importable_tasks")]

LIMIT_MB = 1000


def litter(number: int) -> int:
    """Fill much of a worker with arrays that an allocator keeps when they are freed, all but one.

    A few bytes at the end keep it from giving back the end of the heap, as it would by itself.
    """
    arrays = [np.ones(100_000, "u1") for _ in range(7_500)]
    litter.kept = np.ones(100, "u1")
    return sum(int(array[0]) for array in arrays) + number - 7_500


def process_mb(dask_worker) -> float:
    return dask_worker.monitor.get_process_memory() / 1e6


def status(dask_worker) -> str:
    return dask_worker.status.name


def is_watched(dask_worker) -> bool:
    return "freed-memory" in dask_worker.periodic_callbacks


@pytest.fixture
def small(no_address):
    with workbench.connect("local", jobs=1, memory_limit=f"{LIMIT_MB}MB") as client:
        yield client


def test_a_worker_gives_back_what_is_freed_and_is_not_stuck(small, patiently):

    futures = small.map(litter, range(10), pure=False)
    assert small.gather(futures) == list(range(10))
    patiently(lambda: max(small.run(process_mb).values()) < 0.65 * LIMIT_MB, 20)
    patiently(lambda: set(small.run(status).values()) == {"running"}, 5)


def test_what_a_worker_preloads_by_configuration_is_kept(no_address, tmp_path):
    own = tmp_path / "own.py"
    own.write_text("import os\ndef dask_setup(worker): os.environ['OWN'] = 'loaded'\n")
    with dask.config.set({"distributed.worker.preload": [str(own)]}):
        with workbench.connect("local", jobs=1) as client:
            assert client.submit(os.getenv, "OWN").result() == "loaded"
            (watched,) = client.run(is_watched).values()
            assert watched


def test_the_cache_of_gdal_is_a_share_of_the_worker_not_of_the_machine(small):
    assert small.submit(os.getenv, "GDAL_CACHEMAX").result() == "100"
