"""Small simulated series, the sample on disk, and an independent writer of rasters."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from spaceeye.sample import write_sample
from spaceeye.simulation import Simulated, simulate

TIMES = ("2022-01-12T10:52:11", "2022-01-20T10:52:11", "2022-01-30T10:52:11", "2022-02-09T10:52:11")


@pytest.fixture(scope="session", autouse=True)
def torch_where_all_is_required() -> None:
    """Tests of the torch engine skip without torch, but not where nothing may be skipped."""
    if os.environ.get("WORKBENCH_REQUIRE") == "all" and not importlib.util.find_spec("torch"):
        pytest.fail(
            "torch is required (WORKBENCH_REQUIRE=all): pip install 'eo-workbench[spaceeye]'"
        )


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped sample; copy before changing anything."""
    folder = tmp_path_factory.mktemp("spaceeye") / "sample"
    write_sample(folder)
    return folder


@pytest.fixture(scope="session")
def series() -> Simulated:
    """Four small images, two before and two after the change of baseline."""
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
