"""Results on a disk that is full: nothing half-written has a name, and no room stays taken."""

from __future__ import annotations

import resource
import signal
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio

from workbench.disks import DiskFull
from workbench.openeo.formats import write


@pytest.fixture
def full_after():
    """`with full_after(bytes):` no file of this process grows beyond, as on a full disk."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextmanager
    def full(most):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    yield full
    signal.signal(signal.SIGXFSZ, before)


def taken_below(folder):
    """Return the blocks of files below a folder that are removed, and open in this process."""
    found = 0
    for place in Path("/proc/self/fd").iterdir():
        if place.is_symlink() and str(folder) in str(place.readlink()):
            found += place.stat().st_blocks
    return found


@pytest.mark.parametrize("most", [1, 5_000, 24_000])
@pytest.mark.parametrize("format_", ["netCDF", "GTiff", "COG", "Zarr", "JSON", "PNG"])
def test_nothing_half_written_is_left(tmp_path, make, full_after, require, format_, most):
    require("Linux", Path("/proc/self/fd").is_dir(), "only Linux lists the files that are open")
    cube = make(bands=3, times=["2024-05-01", "2024-05-02"], height=120, width=130)
    noise = np.random.default_rng(1).random(cube.array.shape, np.float32)
    noise[0] = 0  # the first date is small and may be whole
    cube = cube.with_array(cube.array.copy(data=noise))
    with pytest.raises(DiskFull), full_after(most):
        write(cube, format_, {}, tmp_path / "out")
    left = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in left if "2024-05-01" not in path.name] == []
    for path in left:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)  # of a PNG
            with rasterio.open(path) as file:
                assert np.ptp(file.read([1, 2, 3])) == 0
    until = time.monotonic() + 10
    while taken_below(tmp_path) and time.monotonic() < until:
        time.sleep(0.01)  # zarr writes chunks in threads; the others end milliseconds later
    assert taken_below(tmp_path) == 0
    assert write(cube, format_, {}, tmp_path / "out")
