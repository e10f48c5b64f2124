"""Processes for tests, as a system brings them: slow ones, and those that end badly."""

from __future__ import annotations

import os
import signal
import time
from types import SimpleNamespace

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.declarations import Process


def doze(number, seconds):
    time.sleep(seconds)
    return number


def slow(seconds, parts):
    """Sleep in tasks of Dask, and return how many there were."""
    import dask

    sleeping = dask.delayed(doze, pure=False)
    return len(dask.compute(*(sleeping(number, seconds) for number in range(parts or 1))))


def save_and_wait(run, seconds):
    """Save two things, the second of which takes its time when it is written."""
    first = SimpleNamespace(data=[1, 2, 3], format="JSON", options={})
    second = SimpleNamespace(data=lazy(64, seconds), format="netCDF", options={})
    run.saved += [first, second]
    return True


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def perish(where):
    with open(where, "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)


def kill_workers(where):
    """Compute what ends each worker that takes it."""
    import dask

    return dask.compute(dask.delayed(perish)(where))


def fail(message):
    raise RuntimeError(message)


def full():
    """Let no file of this process grow beyond a few bytes: a full disk, to whoever writes."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, most))
    return list(range(1000))


def lazy(side, seconds=None):
    """Return a lazy cube of two dates, each block of which takes its time."""
    import dask.array as da
    import numpy as np
    import xarray as xr
    from pyproj import CRS

    def block(values):
        time.sleep(seconds or 0)
        return values + 1

    x, y = 448_005.0 + 10 * np.arange(side), 5_411_995.0 - 10 * np.arange(side)
    times = np.array(["2024-05-01", "2024-05-11"], "datetime64[ns]")
    zeros = da.zeros((2, side, side), chunks=(1, 64, 64), dtype="float32")
    values = zeros.map_blocks(block, meta=np.empty((0, 0, 0), np.float32))
    array = xr.DataArray(values, {"t": times, "y": y, "x": x}, ("t", "y", "x"))
    across, down = Dimension("spatial", "x", 10.0), Dimension("spatial", "y", -10.0)
    return Cube(array, {"t": Dimension("temporal"), "y": down, "x": across}, CRS("EPSG:32631"))


def processes():
    """Return them; the entry point of the group ``workbench.openeo.processes``."""
    offered = {
        slow: ("seconds", "parts"),
        save_and_wait: ("seconds",),
        die: (),
        kill_workers: ("where",),
        fail: ("message",),
        full: (),
        lazy: ("side", "seconds"),
    }
    return [
        Process(definition(function.__name__, *names), function, function is save_and_wait)
        for function, names in offered.items()
    ]


def definition(name, *parameters):
    return {
        "id": name,
        "description": "For tests.",
        "parameters": [
            {"name": each, "description": "", "schema": {}, "optional": True, "default": None}
            for each in parameters
        ],
        "returns": {"description": "", "schema": {}},
    }
