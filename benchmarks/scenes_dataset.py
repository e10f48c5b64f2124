"""A dataset of scenes as a user makes it: crops and grids, a restart, and embeddings.

    python benchmarks/scenes_dataset.py FOLDER series [--scenes 12] [--type truecolor_rgb]
    python benchmarks/scenes_dataset.py FOLDER restart [--scenes 10000]
    python benchmarks/scenes_dataset.py FOLDER embeddings [--size 1000]

FOLDER holds the full disks of `scenes_windows.py` (written where they are missing). ``series``
makes a dataset of 1000 x 1000 km at 1 km from them, each scan under the names of many, and compares
the stages as tasks with the same functions called one after the other, and with a plain loop; and
on two workers with the same functions in two processes at once, half of the scenes in each: two
busy processes may be slower than one where they share a core.
``restart`` asks for `regrid` where all of it stands. ``embeddings`` sends a scene through an
encoder as it begins, tile by tile and at once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from machine import Seconds, machine, print_facts, print_table, timed
from reference.scenes_plain import plain_band
from scenes_windows import CENTRE, full_disks

import workbench
from tiling.scenes import tasks
from tiling.scenes.abi.objectnames import parse_name
from tiling.scenes.production.dataset import open_dataset
from tiling.scenes.production.pipeline import Pipeline
from tiling.scenes.production.stagework import Stage

META = """\
source: goes16
type: {type}
storage: {{protocol: file, bucket: "{bucket}"}}
time: {{t_start: "{start}", t_end: "{end}"}}
domain: {{central_latitude: {centre[0]}, central_longitude: {centre[1]},
         l_zonal: 1000.0e+3, l_meridional: 1000.0e+3}}
sampling: {{resolution: 1000.0}}
"""
BANDS = {"truecolor_rgb": (1, 2, 3), "singlechannel__bt_13": (13,)}
AT_ONCE, ON_WORKERS = "bare functions in two processes at once", "on two workers"
STEP = np.timedelta64(10, "m")
FIRST = np.datetime64("2020-02-02T14:00:21", "ms")


def dataset(folder: Path, kind: str, scenes: int, disks: Mapping[int, str]) -> Path:
    """Write a `meta.yaml` and a bucket of so many scans, links to full disks."""
    bucket = folder / "bucket"
    for number in range(scenes):
        start = FIRST + number * STEP
        day = (start - start.astype("M8[Y]")) // np.timedelta64(1, "D") + 1
        year, hour = str(start.astype("M8[Y]")), str(start)[11:13]
        place = bucket / "ABI-L1b-RadF" / year / f"{day:03d}" / hour
        place.mkdir(parents=True, exist_ok=True)
        stamps = [
            f"{year}{day:03d}{str(start + np.timedelta64(s, 's'))[11:19].replace(':', '')}0"
            for s in (0, 570, 600)
        ]
        for band in BANDS[kind]:
            name = f"OR_ABI-L1b-RadF-M6C{band:02d}_G16_s{stamps[0]}_e{stamps[1]}_c{stamps[2]}.nc"
            if parse_name(name) is None:
                raise AssertionError(name)
            (place / name).symlink_to(disks[band])
    home = folder / "dataset"
    home.mkdir(parents=True)
    text = META.format(
        type=kind, bucket=bucket, centre=CENTRE,
        start=FIRST - STEP, end=FIRST + scenes * STEP,
    )  # fmt: skip
    (home / "meta.yaml").write_text(text)
    return home


def emptied(home: Path) -> Path:
    """Remove all that was made of a dataset but its list of scenes."""
    for name in ("rect", "failed_scenes.yml"):
        path = home / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for path in home.glob("source_data/*/*/cropped"):
        shutil.rmtree(path)
    return home


def one_by_one(home: Path) -> None:
    """Call the functions of both stages for each scene, without tasks."""
    pipeline = Pipeline(open_dataset(emptied(home)))
    crops = pipeline.stages.crops()
    for job in crops.jobs.values():
        crops.function(job)
    grids = pipeline.stages.regridded(crops, {})
    for job in grids.jobs.values():
        grids.function(job)


def as_tasks(home: Path, **options: Any) -> None:
    """Make crops and regridded scenes as a user does."""
    outcomes = tasks.crop(emptied(home), **options) + tasks.regrid(home, **options)
    if any(outcome.failed for outcome in outcomes):
        raise SystemExit(f"failed: {outcomes}")


def plainly(disk: str, folder: Path, scenes: int) -> None:
    """Make the same of band 13 by the plain reference, written by xarray."""
    import xarray as xr

    from tiling.scenes.domains.planes import domain_grid
    from tiling.scenes.meta.model import Domain

    grid = domain_grid(Domain("rect", *CENTRE, 1e6, 1e6), 1000.0)
    for number in range(scenes):
        values = plain_band(disk, "bt", grid).astype(np.float32)
        found = xr.Dataset({"bt_13": (("y", "x"), values)})
        packed = {"bt_13": {"zlib": True, "complevel": 1}}
        found.to_netcdf(folder / f"{number}.nc", encoding=packed)


def half(home: Path, part: int, begin: Any, found: Any) -> None:
    """Call the bare functions for every other scene, once another process is ready too."""
    pipeline = Pipeline(open_dataset(home))
    crops = pipeline.stages.crops()
    grids = pipeline.stages.regridded(crops, {})
    pairs = list(zip(crops.jobs.values(), grids.jobs.values(), strict=True))[part::2]

    def work(some: Iterable[tuple[Any, Any]]) -> None:
        for crop, grid in some:
            crops.function(crop)
            grids.function(grid)

    work(pairs[:1])  # compiled loops are loaded, places of pixels known
    begin.wait()
    found.put(timed(lambda: work(pairs), 1)[0])


def two_processes(home: Path) -> Seconds:
    """Call the bare functions in two processes at once: CPU seconds of both."""
    context = get_context("spawn")
    begin, found = context.Barrier(2, timeout=600), context.Queue()
    emptied(home)
    both = [context.Process(target=half, args=(home, part, begin, found)) for part in (0, 1)]
    for process in both:
        process.start()
    spent = [found.get(timeout=3600) for _ in both]
    for process in both:
        process.join()
    return Seconds(max(s.wall for s in spent), sum(s.cpu for s in spent))


def two_workers(home: Path, client: Any) -> tuple[Seconds, Seconds]:
    """Make all on Dask workers; also return what this process took of it, with the scheduler."""
    before = client.run(time.process_time)
    driver, _ = timed(lambda: as_tasks(home, client=client), 1)
    after = client.run(time.process_time)
    workers = sum(after[name] - before[name] for name in before)
    return Seconds(driver.wall, driver.cpu + workers), driver


def peak_mib() -> float:
    """Return the largest resident memory that this process had, libraries included."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def series(given: argparse.Namespace, folder: Path) -> None:
    """Measure crops and regridded scenes."""
    scenes = given.scenes or 12
    disks = full_disks(given.folder.resolve())
    home, few = (
        dataset(folder / n, given.type, k, disks) for n, k in (("all", scenes), ("few", 4))
    )
    for each in (home, few):
        tasks.scene_ids(each)
    calls: dict[str, Callable[[Path], Any]] = {
        "bare functions, one after the other": one_by_one,
        "as tasks, in threads": as_tasks,
    }
    if given.type == "singlechannel__bt_13":
        calls["plain loop: no crop, picture, coordinates"] = lambda _: plainly(
            disks[13], folder, scenes
        )
    for call in calls.values():
        call(few)  # compiled loops are loaded
    taken: dict[str, list[Seconds]] = defaultdict(list)
    for _ in range(given.repeats):
        for name, call in calls.items():
            taken[name].append(timed(lambda: call(home), 1)[0])  # noqa: B023
            print(f"{name}: {taken[name][-1].cpu / scenes:.2f} CPU s a scene", flush=True)
    drivers = []
    with workbench.connect("local", jobs=2, wait_for=2, threads_per_worker=1) as client:
        as_tasks(few, client=client)
        for _ in range(given.repeats):
            taken[AT_ONCE].append(two_processes(home))
            spent, driver = two_workers(home, client)
            taken[ON_WORKERS].append(spent)
            drivers.append(driver)
            for name in (AT_ONCE, ON_WORKERS):
                print(f"{name}: {taken[name][-1].cpu / scenes:.2f} CPU s a scene", flush=True)
        peaks = client.run(peak_mib)
    wall, cpu = (
        {name: median(getattr(s, what) for s in of) for name, of in taken.items()}
        for what in ("wall", "cpu")
    )
    print_table(
        f"crop and regrid of {scenes} scenes, {given.type}",
        ("", "wall s", "CPU s", "CPU s a scene"),
        [(name, wall[name], cpu[name], cpu[name] / scenes) for name in taken],
    )
    serial, threads, *_ = cpu.values()
    driver_cpu = median(driver.cpu for driver in drivers)

    def over(one: float, other: float) -> str:
        return f"{100 * (one / other - 1):.0f} % (goal 20)"

    print_facts(
        "overhead and memory",
        {
            "tasks in threads, over the bare functions": over(threads, serial),
            "two workers, over them in two processes at once": over(cpu[ON_WORKERS], cpu[AT_ONCE]),
            "two workers, over them one after the other": over(cpu[ON_WORKERS], serial),
            "of it this process, with the scheduler": f"{100 * driver_cpu / cpu[AT_ONCE]:.0f} %",
            "peaks of workers": f"{', '.join(f'{p:.0f}' for p in peaks.values())} MiB (goal 477)",
            "peak of this process": f"{peak_mib():.0f} MiB",
        },
    )
    if given.type == "singlechannel__bt_13":
        pair = [sorted(folder.glob("0.nc"))[0], sorted(home.glob("rect/*.nc"))[0]]
        plain, ours = (_values(path) for path in pair)
        print(f"largest difference from the plain loop: {np.nanmax(np.abs(plain - ours)):.1e} K")


def _values(path: Path) -> Any:
    import xarray as xr

    with xr.open_dataset(path) as file:
        return file["bt_13"].values


def restart(given: argparse.Namespace, folder: Path) -> None:
    """Measure a run where everything stands."""
    scenes = given.scenes or 10_000
    home = dataset(folder, given.type, scenes, full_disks(given.folder.resolve()))
    first, found = timed(lambda: tasks.scene_ids(home), 1)
    pipeline = Pipeline(open_dataset(home))
    crops = pipeline.stages.crops()
    stand(crops)
    stand(pipeline.stages.regridded(crops, {}))
    rows = [("scene-ids, the first time", first.wall, first.cpu)]
    for name, call in (
        ("scene-ids", lambda: tasks.scene_ids(home)),
        ("crop", lambda: tasks.crop(home)),
        ("regrid (and what it needs)", lambda: tasks.regrid(home)),
        ("status", lambda: tasks.status(home)),
    ):
        taken, outcome = timed(call, given.repeats)
        rows.append((name, taken.wall, taken.cpu))
        if name.startswith(("crop", "regrid")) and any(o.made or o.failed for o in outcome):
            raise SystemExit(f"{name} has made something: {outcome}")
    code = "import sys; from tiling.scenes.cli import scenes; scenes(sys.argv[1:])"
    words = [sys.executable, "-c", code, "regrid", "--data-path", str(home), "--quiet"]
    before = time.perf_counter(), sum(os.times()[2:4])
    subprocess.run(words, check=True)
    rows.append(
        (
            "the command, with its start",
            time.perf_counter() - before[0],
            sum(os.times()[2:4]) - before[1],
        )
    )
    print_table(
        f"a dataset of {len(found):,} scenes that is finished, {given.type}; goal 2 s",
        ("", "wall s", "CPU s"),
        rows,
    )


def stand(stage: Stage) -> None:
    """Make the first scene of a stage, and put empty files in the place of the others."""
    stage.function(next(iter(stage.jobs.values())))
    for scene, job in stage.jobs.items():
        job.path.touch()
        stage.record.add(scene, job.fingerprint, 0.5)
    stage.record.save()


def embeddings(given: argparse.Namespace, folder: Path) -> None:
    """Measure both ways of embedding a scene."""
    import torch
    import xarray as xr

    from tiling.scenes.embedding.inference import embed
    from tiling.scenes.embedding.networks import Settings, new_encoder

    del folder
    names = ("truecolor_rgb_R", "truecolor_rgb_G", "truecolor_rgb_B")
    rng, n = np.random.default_rng(0), given.size
    values = rng.random((3, n, n), dtype=np.float32)
    at = np.arange(n) * 1000.0
    scene = xr.Dataset(
        {"truecolor_rgb": (("channel", "y", "x"), values, {"resolution": 1000.0})},
        {"channel": ["R", "G", "B"], "y": at, "x": at},
        {"resolution": 1000.0},
    )
    rows = []
    for arch in given.arch:
        settings = Settings(names, 256, (0.5,) * 3, (0.3,) * 3, arch=arch, resolution=1000.0)
        encoder = new_encoder(settings)
        calls = {
            "tile by tile": lambda: embed(scene, encoder, step=32),  # noqa: B023
            "dense": lambda: embed(scene, encoder, step=32, dense=True),  # noqa: B023
        }
        tiles = ((n - 256) // 32 + 1) ** 2
        taken = {name: timed(call, given.repeats)[0] for name, call in calls.items()}
        ratio = taken["tile by tile"].cpu / taken["dense"].cpu
        rows += [
            (f"{arch}, {name}", s.wall, s.cpu, tiles / s.cpu, ratio if name == "dense" else None)
            for name, s in taken.items()
        ]
    print_table(
        f"{tiles} windows of 256 pixels, {n} x {n} scene, {torch.get_num_threads()} threads",
        ("", "wall s", "CPU s", "windows per CPU s", "ratio"),
        rows,
    )


def main() -> None:
    """Measure one of the three."""
    parser = argparse.ArgumentParser(description="A dataset of scenes.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", choices=("series", "restart", "embeddings"))
    parser.add_argument("--scenes", type=int, default=0)
    parser.add_argument("--size", type=int, default=1000, help="pixels of an embedded scene")
    parser.add_argument("--arch", nargs="+", default=["small"], choices=("small", "resnet18"))
    parser.add_argument("--type", choices=tuple(BANDS), default="truecolor_rgb")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print_facts("Datasets of scenes: machine", machine())
    with tempfile.TemporaryDirectory(prefix="scenes-") as name:
        {"series": series, "restart": restart, "embeddings": embeddings}[given.what](
            given, Path(name)
        )


if __name__ == "__main__":
    main()
