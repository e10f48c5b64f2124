"""A large region in bounded memory: GeoTIFFs of many acquisitions to daily images on workers.

``generate DIR`` writes simulated images and masks (a few patterns, so that they compress); ``run
DIR`` makes images of output dates from them on a local cluster and prints seconds and the resident
memory of every process.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from machine import machine, print_facts, print_table
from memory import Watch

import workbench
from workbench.progress import log_to_stderr

BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
TILE = "31UDS"


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("generate", "run"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=4096, help="pixels along a side")
    parser.add_argument("--acquisitions", type=int, default=120)
    parser.add_argument("--step-days", type=int, default=10, help="between output dates")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bands", type=int, default=10, help="of the ten that are read")
    parser.add_argument("--alpha", default="1", help="days, or auto")
    parser.add_argument("--noise", type=int, default=0, help="of the images, DN")
    parser.add_argument("--format", default="zarr", choices=("cog", "zarr", "netcdf"))
    parser.add_argument("--memory", default="4GB", help="of a worker")
    arguments = parser.parse_args()
    if arguments.action == "generate":
        generate(arguments.folder, arguments.size, arguments.acquisitions, arguments.noise)
    else:
        alpha = arguments.alpha if arguments.alpha == "auto" else float(arguments.alpha)
        run(arguments, BANDS[: arguments.bands], alpha)


def generate(folder: Path, size: int, acquisitions: int, noise: int) -> None:
    """Write the images and masks, two at a time."""
    folder.mkdir(parents=True)
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(partial(_image, folder, size, noise), range(acquisitions)))


def _image(folder: Path, size: int, noise: int, number: int) -> None:
    import rasterio
    from rasterio.transform import from_origin

    moment = np.datetime64("2022-03-01T10:50:21") + number * np.timedelta64(5, "D")
    stamp = np.datetime_as_string(moment, unit="s").replace("-", "").replace(":", "")
    rng = np.random.default_rng(number)
    profile = {
        "driver": "GTiff", "width": size, "height": size, "crs": "EPSG:32631", "tiled": True,
        "transform": from_origin(500000, 5400000, 10, 10), "compress": "zstd", "zstd_level": 1,
        "blockxsize": 256, "blockysize": 256,
    }  # fmt: skip
    fields = rng.integers(500, 4000, (size // 64, size // 64), np.uint16)
    field = np.kron(fields, np.ones((64, 64), np.uint16))
    named = folder / f"S2A_MSIL2A_{stamp}_N0510_R051_T{TILE}_{stamp}.tif"
    with rasterio.open(named, "w", count=10, dtype="uint16", nodata=0, **profile) as file:
        file.descriptions = BANDS
        file.update_tags(BOA_OFFSET_APPLIED="1")
        for band in range(10):
            grain = rng.integers(0, noise + 1, field.shape, np.uint16)
            file.write(field + np.uint16(100 * band) + grain, band + 1)
    cloud = np.kron(rng.random((size // 32, size // 32)) < 0.5, np.ones((32, 32), bool))
    mask = named.with_name(f"{named.stem}_mask.tif")
    with rasterio.open(mask, "w", count=1, dtype="uint8", **profile) as file:
        file.write(cloud.astype(np.uint8), 1)


def run(asked: argparse.Namespace, bands: tuple[str, ...], alpha: float | str) -> None:
    """Make images of output dates and print what it took."""
    import spaceeye

    log_to_stderr()
    print_facts("SpaceEye, a large region: machine", machine())
    output = asked.folder / "out"
    shutil.rmtree(output, ignore_errors=True)
    workers, memory = asked.workers, asked.memory
    with workbench.connect("local", jobs=workers, wait_for=workers, memory_limit=memory) as client:
        began = time.perf_counter()
        with Watch() as watch:
            spaceeye.run(
                asked.folder,
                output,
                formats=[asked.format],
                client=client,
                alpha=alpha,
                output_times=asked.step_days,
                reading={"bands": bands},
            )
        wall = time.perf_counter() - began
    told = json.loads((output / "summary.json").read_text())
    header = ("dates", "format", "wall s", "CPU s", "worker peaks, MiB", "all, MiB")
    peaks = " ".join(f"{peak:.0f}" for peak in watch.worker_peaks)
    print_table(
        f"{workers} workers of one thread, {memory} each",
        header,
        [
            (
                str(told["counts"]["dates"]), asked.format, wall, watch.cpu_seconds, peaks,
                round(watch.peak_total),
            )
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
