"""Fusion of a whole tile in bounded memory: made up block by block on Dask, never stored whole.

10980 x 10980 pixels, 4 bands; fields, seasons and clouds of each block come from its place, so that
workers make what they fuse. Results are thrown away, or stored as Zarr with ``--store``. Prints
seconds and the resident memory of every process.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from efast_scene import BANDS, BEGIN, DAY, PARTNERS, RATIO, REVISIT, grid, labelled
from machine import machine, print_facts, print_table
from memory import Watch

import efast
import workbench
from workbench.progress import log_to_stderr

FIELD = 60  # pixels along a field, all of one season
COARSE_STEP = 2  # days between coarse observations


class Nowhere:
    """What results are written to that nobody wants to keep."""

    def __setitem__(self, place: Any, values: Any) -> None:
        pass


def main() -> None:
    """Read the command line, fuse, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=10980, help="pixels")
    parser.add_argument("--dates", type=int, default=10)
    parser.add_argument("--targets", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", default="4GB", help="of a worker")
    parser.add_argument("--store", type=Path, help="folder of the Zarr store, made anew")
    asked = parser.parse_args()
    log_to_stderr()
    print_facts("Fusion of a whole tile: machine", machine())
    fine, coarse = _cubes(asked.side, asked.dates)
    last = REVISIT * asked.dates
    targets = list(BEGIN + np.linspace(4, last - 4, asked.targets).astype(int) * DAY)
    jobs, memory = asked.workers, asked.memory
    with workbench.connect("local", jobs=jobs, wait_for=jobs, memory_limit=memory):
        began = time.perf_counter()
        with Watch() as watch:
            fused = efast.fuse(fine, coarse, targets, composites={"step": 4})
            prepared = time.perf_counter() - began
            _keep(fused, asked.store)
        wall = time.perf_counter() - began
    peaks = " ".join(f"{peak:.0f}" for peak in watch.worker_peaks)
    header = (
        "size", "images", "targets", "prepared, s", "wall s", "CPU s", "worker peaks, MiB",
        "driver, MiB",
    )  # fmt: skip
    row = (
        str(asked.side), str(asked.dates), str(asked.targets), prepared, wall, watch.cpu_seconds,
        peaks, round(watch.driver_peak),
    )  # fmt: skip
    title = f"{jobs} workers of one thread, {memory} each"
    print_table(
        f"{title}; {fine.nbytes / 1e9:.1f} GB in, {fused.nbytes / 1e9:.1f} out", header, [row]
    )


def _keep(fused: xr.Dataset, store: Path | None) -> None:
    import dask.array as da

    if store is None:
        arrays = [variable.data for variable in fused.data_vars.values()]
        da.store(arrays, [Nowhere()] * len(arrays), lock=False)
        return
    shutil.rmtree(store, ignore_errors=True)
    fused.to_zarr(store)


def _cubes(side: int, dates: int) -> tuple[xr.Dataset, xr.DataArray]:
    """Return lazy images and their weights, and a coarse series in memory."""
    import dask.array as da

    days = 2 + REVISIT * np.arange(dates)
    sizes = da.core.normalize_chunks(600, (side, side))
    chunks = ((dates,), (len(BANDS),), *sizes)
    image = da.map_blocks(
        _images, days, chunks=chunks, dtype=np.uint16, meta=np.empty((0,) * 4, "u2")
    )
    weight = da.map_blocks(_weights, dates, chunks=(chunks[0], *sizes), dtype=np.uint8,
                           meta=np.empty((0,) * 3, "u1"))  # fmt: skip
    box = grid(side)
    cube = labelled(image, days, BANDS, box).assign_attrs(scale_factor=1e-4)
    fine = xr.Dataset({"reflectance": cube, "weight": cube[:, 0].copy(data=weight)})
    cells = -(-side // RATIO)
    axis = np.arange(0, REVISIT * dates, COARSE_STEP)
    coarse = np.empty((len(axis), len(BANDS), cells, cells), np.float32)
    phase = np.random.default_rng(1).random((cells, cells), np.float32)
    for number, day in enumerate(axis):
        coarse[number] = 0.2 + 0.1 * np.sin(day / 20 + phase)
        coarse[number, :, (phase * 7 + number * 0.37) % 1 < 0.3] = np.nan
    return fine, labelled(coarse, axis, PARTNERS, grid(side, RATIO))


def _images(days: Any, block_info: Any = None) -> Any:
    """Return the images of a block, (N, B, Y, X) uint16: fields, and a grain that is everywhere."""
    height, width = block_info[None]["chunk-shape"][2:]
    random = np.random.default_rng(block_info[None]["chunk-location"][2:])
    fields = 3 * random.random((-(-height // FIELD), -(-width // FIELD)), np.float32)
    grain = random.integers(0, 100, (height, width), np.uint16)
    found = np.empty((len(days), len(BANDS), height, width), np.uint16)
    for i, day in enumerate(days):
        season = (2000 + 1000 * np.sin(day / 20 + fields)).astype(np.uint16)
        whole = np.repeat(np.repeat(season, FIELD, 0), FIELD, 1)[:height, :width]
        for b in range(len(BANDS)):
            np.add(whole, grain + np.uint16(100 * b), out=found[i, b])
    return found


def _weights(dates: int, block_info: Any = None) -> Any:
    """Return what is not hidden in a block, (N, Y, X) uint8; clouds are 150 pixels wide."""
    height, width = block_info[None]["chunk-shape"][1:]
    random = np.random.default_rng((*block_info[None]["chunk-location"][1:], 7))
    cells = (dates, -(-height // 150), -(-width // 150))
    clear = (random.random(cells) > 0.3).astype(np.uint8)
    return clear.repeat(150, axis=1).repeat(150, axis=2)[:, :height, :width].copy()


if __name__ == "__main__":
    main()
