"""Fixtures for all tests: one cluster, the shared data, small simulated images."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import numpy as np
    from distributed import Client, LocalCluster

    from workbench.sentinel2.simulatedseries import Simulated

# A disk that is busy is not a defect: no test asserts on a time. CI tries the same examples each
# time, so that what fails there is the change, and fewer; runs of people try others.
in_ci = os.environ.get("WORKBENCH_REQUIRE") == "all"
settings.register_profile(
    "workbench", deadline=None, derandomize=in_ci, max_examples=30 if in_ci else 100
)
settings.load_profile("workbench")

ROOT = Path(__file__).resolve().parents[1]
TIMES = ("2022-01-12T10:52:11", "2022-01-20T10:52:11", "2022-01-30T10:52:11", "2022-02-09T10:52:11")
"""Acquisitions of `series`, two before and two after the change of baseline."""


# Looked for seldom: most objects here are modules and tests, which stay. Never switched off: what
# dask decorates while it is imported would then leave it off.
gc.set_threshold(10_000, 20, 20)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Spare the collector of garbage what imports make."""
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()


def _require(name: str, condition: object, reason: str) -> None:
    if condition:
        return
    if os.environ.get("WORKBENCH_REQUIRE") == "all":
        pytest.fail(f"{name} is required (WORKBENCH_REQUIRE=all): {reason}", pytrace=False)
    pytest.skip(f"{name}: {reason}")


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """Put the root logger back: commands called in this process set its level and a handler."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def no_client_stays_open() -> Iterator[None]:
    """Fail a test that leaves a client behind: what the next one computes would go there."""
    yield
    if distributed := sys.modules.get("distributed"):
        with suppress(ValueError):  # there is none
            left = distributed.Client.current()
            left.close()
            pytest.fail(f"left open: {left}")


@pytest.fixture
def importable_tasks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let workers, which cannot import the file of the test, get its functions by value."""
    import cloudpickle

    cloudpickle.register_pickle_by_value(request.module)
    yield
    cloudpickle.unregister_pickle_by_value(request.module)


@pytest.fixture(scope="session")
def require() -> Callable[[str, object, str], None]:
    """`require(name, condition, reason)`: skip where it is missing, fail if all is required."""
    return _require


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data(require: Callable[[str, object, str], None]) -> Path:
    """The folder of real data that is shared between checkouts (WORKBENCH_DATA says where else)."""
    folder = Path(os.environ.get("WORKBENCH_DATA") or ROOT.parent / "shared" / "data")
    require("shared data", folder.is_dir(), f"there is no folder {folder}; set WORKBENCH_DATA")
    return folder


@pytest.fixture(scope="session")
def two_workers() -> Iterator[LocalCluster]:
    """A cluster of two single-threaded worker processes, shared by the whole session.

    Most of the time it waits: its processes look at themselves less often than others do.
    """
    import dask
    import distributed  # noqa: F401  # else its configuration is taken back with what is set here

    from workbench.clusters.kinds import make_cluster

    seldom = {
        "distributed.admin.tick.interval": "1s",
        "distributed.admin.system-monitor.interval": "10s",
        "distributed.worker.profile.enabled": False,
    }
    with dask.config.set(seldom):
        cluster = make_cluster(
            "local", jobs=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        )
    with cluster:
        yield cluster


@pytest.fixture
def client(two_workers: LocalCluster) -> Iterator[Client]:
    """A client of two worker processes.

    Dask computes on the client that is open, so this one is closed again: were it open for the
    session, what a later test computes would depend on the tests before it.
    """
    from distributed import Client

    with Client(two_workers) as client:  # type: ignore[no-untyped-call]
        yield client


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped sample; copy before changing anything."""
    from spaceeye.sample import write_sample

    folder = tmp_path_factory.mktemp("spaceeye") / "sample"
    write_sample(folder)
    return folder


@pytest.fixture(scope="session")
def egms_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped bursts; copy before changing anything."""
    from egms_io.sample import write_sample

    folder = tmp_path_factory.mktemp("egms") / "sample"
    write_sample(folder)
    return folder


@pytest.fixture(scope="session")
def series() -> Simulated:
    """Four small images, two before and two after the change of baseline."""
    from workbench.sentinel2.simulatedseries import simulate

    return simulate(32, TIMES, seed=3)


@pytest.fixture(scope="session")
def write_tif() -> Callable[..., Path]:
    """`write_tif(path, values, resolution=10, corner=, crs=, tags=, labels=, **profile)`."""
    return _write_tif


def _write_tif(
    path: Path,
    values: np.ndarray,
    *,
    resolution: float = 10,
    corner: tuple[float, float] = (448_000.0, 5_412_000.0),
    crs: str | None = "EPSG:32631",
    tags: dict[str, str] | None = None,
    labels: tuple[str, ...] = (),
    **profile: Any,
) -> Path:
    import rasterio
    from affine import Affine

    bands = values if values.ndim == 3 else values[None]
    path.parent.mkdir(parents=True, exist_ok=True)
    if crs is not None:
        profile |= {
            "crs": crs,
            "transform": Affine(resolution, 0, corner[0], 0, -resolution, corner[1]),
        }
    shape = dict(zip(("count", "height", "width"), bands.shape, strict=True))
    with rasterio.open(path, "w", driver="GTiff", dtype=bands.dtype, **shape, **profile) as file:
        file.write(bands)
        for at, label in enumerate(labels, 1):
            file.set_band_description(at, label)
        file.update_tags(**(tags or {}))
    return path


@pytest.fixture
def folder(tmp_path: Path, series: Simulated) -> Path:
    """The four images of `series` as GeoTIFFs with masks, as FarmVibes.AI lays them out."""
    for frame in series.frames:
        name = f"S2_31UDS_{str(frame.time)[:19].replace('-', '').replace(':', '')}"
        tags = {"PROCESSING_BASELINE": frame.baseline}
        _write_tif(tmp_path / "in" / f"{name}.tif", frame.stacked(), tags=tags)
        _write_tif(tmp_path / "in" / f"{name}_mask.tif", frame.cloudy())
    return tmp_path / "in"
