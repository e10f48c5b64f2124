"""The memory of a run is that of one block, not that of all its dates."""

from __future__ import annotations

import pytest

import spaceeye
import workbench

pytestmark = pytest.mark.cluster

LIMIT_MB = 1000  # of the jobs in docs/clusters.md


def most_memory_mb() -> float:
    """Return the largest memory that this process ever had."""
    import re
    from pathlib import Path

    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1e3


def test_daily_images_of_the_sample_in_small_workers(sample, tmp_path):
    with workbench.connect("local", jobs=1, memory_limit=f"{LIMIT_MB}MB") as client:
        result = spaceeye.run(
            sample / "images", tmp_path, alpha=3.0, date_weights="none", client=client,
            formats=["zarr"],
        )  # fmt: skip
        (most,) = client.run(most_memory_mb).values()
    assert result.open().sizes == {"time": 176, "band": 10, "y": 224, "x": 224}
    # where Dask begins to spill at 0.7; how much of the libraries counts differs between disks
    assert most < 0.65 * LIMIT_MB
