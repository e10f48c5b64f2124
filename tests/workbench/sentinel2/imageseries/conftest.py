"""A second, tiny user of the floor: waves over a grid, with two layers, in blocks of 64 pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_zeros

from workbench.sentinel2.imageseries.kinds import SeriesKind
from workbench.sentinel2.imageseries.plans import SeriesPlan
from workbench.sentinel2.imageseries.results import Result
from workbench.sentinel2.imageseries.running import input_records, run_series
from workbench.sentinel2.indices import NARROW_NIR

BANDS = ("B02", "B03", "B04", "B8A")
TIMES = np.datetime64("2023-04-01", "ns") + np.arange(9) * np.timedelta64(5, "D")
SHAPE = (100, 140)
BLOCK = 64


def shown(cube: xr.Dataset) -> xr.Dataset:
    return cube.assign(count=cube["count"].where(cube["count"] != 255))


WAVES = SeriesKind(
    "waves",
    image_title="waves",
    quality_title="how high the sea is",
    layers={"height": "metres above the mean", "count": "waves seen"},
    quality_tags={"gauge": "none"},
    properties={"constellation": "sea"},
    shown=shown,
    instead=NARROW_NIR,
)


def waves(shape: tuple[int, int] = SHAPE) -> xr.Dataset:
    """Return the whole truth, in memory, float32 with gaps."""
    grid = GeoBox.from_bbox((500000, 5300000, 500000 + 10 * shape[1], 5300000 + 10 * shape[0]),
                            "EPSG:32633", resolution=10)  # fmt: skip
    flat = xr_zeros(grid, dtype="float32")
    rows, cols = np.indices(shape)
    phase = np.arange(len(TIMES))[:, None, None] + rows / 17 + cols / 23
    values = np.stack([0.3 + 0.2 * np.sin(phase * (n + 1)) for n in range(len(BANDS))], 1)
    values[:, :, (rows * cols) % 13 == 5] = np.nan
    count = np.where(np.isnan(values[:, 0]), 255, (phase * 3) % 200).astype(np.uint8)
    dims, coords = ("time", "y", "x"), {"time": TIMES, "band": list(BANDS), **flat.coords}
    return xr.Dataset(
        {
            "reflectance": (("time", "band", "y", "x"), values.astype(np.float32)),
            "height": (dims, np.cos(phase).astype(np.float32), {"units": "m"}),
            "count": (dims, count),
        },
        coords,
    )


def planned(
    decided: list[dict[str, Any]], change: Callable[[xr.Dataset], xr.Dataset], block: int
) -> SeriesPlan:
    def cube(earlier: Mapping[str, Any]) -> xr.Dataset:
        decided.append(dict(earlier))
        tide = earlier["tide"] if earlier else 100 + len(decided)
        return change(waves()).assign_attrs(tide=tide, moons=[1.0, 0.5])

    return SeriesPlan(TIMES, BANDS, {"dates": len(TIMES)}, cube, block=block)


@pytest.fixture
def run_waves(tmp_path: Path) -> Callable[..., Result]:
    """`run_waves(output, change=, block=, **options)`; `run_waves.decided` is what cubes got."""
    source = tmp_path / "buoy.txt"
    source.write_text("high")

    def run(
        output: Path,
        change: Callable[[xr.Dataset], xr.Dataset] | None = None,
        block: int = BLOCK,
        **options: Any,
    ) -> Result:
        lazy = change or (lambda cube: cube.chunk({"y": block, "x": block}))
        parameters = options.pop("parameters", {"wind": 3})
        return run_series(
            WAVES, output, partial(planned, run.decided, lazy, block),
            inputs=input_records(source), parameters=parameters, **options,
        )  # fmt: skip

    run.decided = []  # type: ignore[attr-defined]
    return run


@pytest.fixture(scope="session")
def truth() -> xr.Dataset:
    """Return what the waves are, in memory."""
    return waves()
