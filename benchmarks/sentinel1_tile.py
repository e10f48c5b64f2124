"""A whole Sentinel-2 tile from a full-size Sentinel-1 image: ours, OTB and sarsen side by side.

    python benchmarks/sentinel1_tile.py FOLDER [--otb otbApplicationLauncherCommandLine]
        [--sarsen-python PYTHON] [--repeats 3] [--sarsen-side 1000]

FOLDER holds the simulated sample of full size (``tiling.sentinel1.sample.write_sample(FOLDER,
full_size=True)``, 877 MB), which is written there if it is missing. Peers that are not given are
left out. All CPU seconds count children too; those of peers include their start.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from machine import machine, print_facts, print_table

from tiling.sentinel1 import Configuration, s1_process
from tiling.sentinel1.geocoding.kept import forget
from tiling.sentinel1.production.ground import surfaces
from tiling.sentinel1.production.settings import Settings
from tiling.sentinel1.sample import write_sample
from workbench.rasters.tilegrid import tile_grid
from workbench.rasters.windows import windows

SARSEN = """\
import sys, xarray as xr, rioxarray
from sarsen import Sentinel1SarProduct, terrain_correction
folder, group, dem, out = sys.argv[1:]
terrain_correction(
    Sentinel1SarProduct(folder, group), dem, output_urlpath=out,
    correct_radiometry=None, interp_method="linear", grouping_area_factor=(1, 1),
)
"""


def spent() -> float:
    """Return the CPU seconds of this process and of children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def cpu_of(work: Callable[[], Any]) -> float:
    """Return the CPU seconds of a call."""
    start = spent()
    work()
    return spent() - start


def kernel(cfg: Any, folder: Path) -> float:
    """Geocode all blocks of the tile from the product, and write nothing."""
    from tiling.sentinel1.geocoding.tiles import TileJob
    from tiling.sentinel1.products.safefolders import Image

    settings, (tile,) = Settings.of(cfg), cfg.tile_list
    forget()
    (ground,) = surfaces([tile], cfg).values()
    grid = tile_grid(tile)
    job = TileJob(Image(folder, "vv"), tile, grid, ground, method=settings.method)
    return cpu_of(lambda: [job.block(window) for window in windows(grid.shape, settings.side)])


def in_process(cfg_file: Path) -> float:
    """Make the tile, its mask and report as `s1_process` does, in a process that has started."""
    remove_outputs(cfg_file.parent)
    forget()
    return cpu_of(lambda: s1_process(cfg_file, debug_otb=True))


def as_a_user(cfg_file: Path, *place: str) -> float:
    """Run a program that makes the tile; on a worker of its own if `place` says so."""
    remove_outputs(cfg_file.parent)
    command = [sys.executable, "-c", CALL, str(cfg_file), *place]
    return cpu_of(lambda: subprocess.run(command, check=True, capture_output=True))


CALL = """\
import sys
from tiling.sentinel1 import s1_process
if __name__ == "__main__":
    if sys.argv[2:]:
        from workbench import connect
        with connect(sys.argv[2], jobs=1) as client:
            sys.exit(s1_process(sys.argv[1], client=client).code)
    sys.exit(s1_process(sys.argv[1]).code)
"""


def remove_outputs(folder: Path) -> None:
    """Remove what a run has written."""
    for name in ("out", "tmp"):
        shutil.rmtree(folder / name, ignore_errors=True)


def otb(launcher: Path, cfg: Any, measurement: Path, folder: Path) -> dict[str, float]:
    """Calibrate with noise removal, then put on the tile with model and geoid, as S1Tiling does."""
    root = launcher.resolve().parents[2]
    libraries = root / "usr/lib/x86_64-linux-gnu"
    own = {
        **os.environ,
        "LD_LIBRARY_PATH": f"{libraries}:{libraries}/blas:{libraries}/lapack:{root}/usr/lib",
        "OTB_APPLICATION_PATH": str(next(root.rglob("otbapp_SARCalibration.so")).parent),
        "GDAL_DATA": f"{root}/usr/share/gdal",
        "PROJ_LIB": f"{root}/usr/share/proj",
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    (tile,) = cfg.tile_list
    grid, dems, target = tile_grid(tile), folder / "dem", folder / "tile.tif"
    dems.mkdir()
    for cell in Path(cfg.dem).glob("*.tif"):
        (dems / cell.name).symlink_to(cell.resolve())
    calibrated = folder / "calibrated.tif"
    apps = {
        "OTB SARCalibration, whole image": [
            "SARCalibration", "-in", measurement, "-out", calibrated, "float",
            "-lut", "sigma", "-removenoise", "true", "-ram", "2048",
        ],
        "OTB OrthoRectification, tile": [
            "OrthoRectification", "-io.in", f"{calibrated}?&skipcarto=true",
            "-io.out", f"{target}?&gdal:co:COMPRESS=DEFLATE&gdal:co:PREDICTOR=3"
            "&gdal:co:TILED=YES&gdal:co:ZLEVEL=1", "float",
            "-map", "utm", "-map.utm.zone", tile[:2], "-map.utm.northhem", str(tile[2] >= "N"),
            "-outputs.ulx", grid.affine.c, "-outputs.uly", grid.affine.f,
            "-outputs.sizex", grid.shape[1], "-outputs.sizey", grid.shape[0],
            "-outputs.spacingx", grid.affine.a, "-outputs.spacingy", grid.affine.e,
            "-interpolator", "linear", "-opt.gridspacing", 40,
            "-elev.dem", dems, "-elev.geoid", cfg.GeoidFile, "-opt.ram", "2048",
        ],
    }  # fmt: skip
    return {name: called([launcher, *words], own) for name, words in apps.items()}


def sarsen(python: Path, product: Path, cfg: Any, folder: Path, side: int) -> float:
    """Correct the terrain of a smaller tile in its middle with sarsen, linear."""
    import numpy as np
    import rasterio

    from tiling.sentinel1.geometry.lattices import ground_lattice
    from workbench.rasters.windows import Window

    (tile,) = cfg.tile_list
    grid = tile_grid(tile)
    first = (grid.shape[0] - side) // 2
    window = Window((first, first + side), (first, first + side))
    (ground,) = surfaces([tile], cfg).values()
    heights, _ = ground.over(ground_lattice(grid), window)
    part = grid[window.slices]
    dem = folder / "dem.tif"
    with rasterio.open(
        dem, "w", driver="GTiff", height=side, width=side, count=1, dtype="float32",
        crs=str(part.crs), transform=part.affine,
    ) as file:  # fmt: skip
        file.write(np.asarray(heights), 1)
    return called([python, "-c", SARSEN, product, "IW/VV", dem, folder / "sarsen.tif"], os.environ)


def called(words: list[Any], environment: Mapping[str, str]) -> float:
    """Return the CPU seconds of a command."""
    plain = {name: text for name, text in environment.items() if name != "PYTHONPATH"}
    command = [str(word) for word in words]

    def work() -> None:
        done = subprocess.run(command, env=plain, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(
                f"{' '.join(command[:3])} ended with {done.returncode}:"
                f" {done.stdout[-800:]}{done.stderr[-1500:]}"
            )

    return cpu_of(work)


def repeated(work: Callable[[], float], repeats: int) -> float:
    """Return the median of some runs."""
    found = median(work() for _ in range(repeats))
    print(f"measured: {found:.2f} CPU s", flush=True)
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="A whole tile: ours, OTB and sarsen.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--otb", type=Path, help="otbApplicationLauncherCommandLine")
    parser.add_argument("--sarsen-python", type=Path, help="a Python that has sarsen")
    parser.add_argument("--sarsen-side", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    file = given.folder.resolve() / "S1Processor.cfg"
    if not file.exists():
        write_sample(given.folder, full_size=True)
    cfg = Configuration(file, do_show_configuration=False)
    product = next((file.parent / "S1").glob("*.SAFE"))
    shape = tile_grid(cfg.tile_list[0]).shape
    tile = shape[0] * shape[1] / 1e6
    rows: dict[str, tuple[float, float]] = {}  # megapixels, CPU seconds
    facts = machine()
    started = time.perf_counter()
    kernel(cfg, product)  # compiles
    rows["kernel: places, heights, read, denoise, calibrate, resample"] = (
        tile, repeated(lambda: kernel(cfg, product), given.repeats),
    )  # fmt: skip
    rows["s1_process in a started process: all files"] = (
        tile, repeated(lambda: in_process(file), given.repeats),
    )  # fmt: skip
    facts["peak memory of this process"] = (
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
        f" (ram_per_process {cfg.ram_per_process} MB)"
    )
    rows["s1_process as a program, with start and imports"] = ours = (
        tile, repeated(lambda: as_a_user(file), given.repeats),
    )  # fmt: skip
    rows["the same on a worker, with the cluster that it is of"] = (
        tile, repeated(lambda: as_a_user(file, "local"), given.repeats),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(dir=file.parent) as name:
        if given.otb is None:
            print("OTB is left out: no --otb")
        else:
            measurement = next((product / "measurement").glob("*vv*.tiff"))
            found = otb(given.otb, cfg, measurement, Path(name))
            rows |= {step: (tile, seconds) for step, seconds in found.items()}
            rows["OTB, both"] = tile, sum(found.values())
        if given.sarsen_python is None:
            print("sarsen is left out: no --sarsen-python")
        else:
            side = given.sarsen_side
            seconds = sarsen(given.sarsen_python, product, cfg, Path(name), side)
            rows[f"sarsen terrain_correction, linear, {side}² pixels"] = side**2 / 1e6, seconds
    facts["wall seconds of it all"] = f"{time.perf_counter() - started:.0f}"
    print_facts("machine", facts)
    print_table(
        "CPU seconds; ratios are of s1_process as a program",
        ("", "Mpx", "CPU s", "Mpx per CPU s", "ratio"),
        [
            (name, size, seconds, size / seconds, (ours[0] / ours[1]) / (size / seconds))
            for name, (size, seconds) in rows.items()
        ],
    )


if __name__ == "__main__":
    main()
