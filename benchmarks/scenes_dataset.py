"""A dataset of scenes as a user makes it: crops and grids, a restart, and embeddings.

    python benchmarks/scenes_dataset.py FOLDER series [--scenes 12] [--type truecolor_rgb]
    python benchmarks/scenes_dataset.py FOLDER restart [--scenes 10000]
    python benchmarks/scenes_dataset.py FOLDER embeddings [--size 1000]

FOLDER holds the full disks of `scenes_windows.py` (written where they are missing). ``series``
makes a dataset of 1000 x 1000 km at 1 km from them, each scan under the names of many, and compares
the stages as tasks with the same functions called one after the other, and with a plain loop.
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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from machine import in_turn, machine, print_facts, print_table, timed
from memory import Watch
from reference.scenes_plain import plain_band
from scenes_windows import CENTRE, full_disks

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
    home.mkdir()
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


def series(given: argparse.Namespace, folder: Path) -> None:
    """Measure crops and regridded scenes."""
    from distributed import Client, LocalCluster

    scenes = given.scenes or 12
    disks = full_disks(given.folder.resolve())
    home = dataset(folder, given.type, scenes, disks)
    tasks.scene_ids(home)
    calls: dict[str, Callable[[], Any]] = {
        "functions one after the other": lambda: one_by_one(home),
        "as tasks, in threads": lambda: as_tasks(home),
    }
    if given.type == "singlechannel__bt_13":
        calls["plain loop: no crop, picture, coordinates"] = lambda: plainly(
            disks[13], folder, scenes
        )
    spent = in_turn(calls, given.repeats)
    rows: list[tuple[Any, ...]] = [
        (name, s.wall, s.cpu, s.cpu / scenes) for name, s in spent.items()
    ]
    for row in rows:
        print(f"{row[0]}: {row[3]:.2f} CPU s a scene", flush=True)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, memory_limit="2GB") as cluster,
        Client(cluster) as client,
    ):
        as_tasks(home, client=client)  # compiled loops are loaded
        with Watch() as watch:
            start = time.perf_counter()
            as_tasks(home, client=client)
            wall = time.perf_counter() - start
    driver = watch.cpu_seconds - sum(
        watch._cpu[pid] - watch._before.get(pid, 0.0) for pid in watch._cpu if pid != os.getpid()
    )
    rows.append(("on two workers", wall, watch.cpu_seconds, watch.cpu_seconds / scenes))
    print_table(
        f"crop and regrid of {scenes} scenes, {given.type}",
        ("", "wall s", "CPU s", "CPU s a scene"),
        rows,
    )
    serial = spent["functions one after the other"].cpu
    threads = spent["as tasks, in threads"].cpu
    peaks = ", ".join(f"{peak:.0f}" for peak in watch.worker_peaks)
    print_facts(
        "overhead and memory",
        {
            "tasks in threads": f"{100 * (threads / serial - 1):.0f} % of the functions (goal 20)",
            "on two workers": f"{100 * (watch.cpu_seconds / serial - 1):.0f} % (goal 20)",
            "of it this process, with the scheduler": f"{100 * driver / serial:.0f} %",
            "peaks of workers": f"{peaks} MiB (goal 0.5 GB)",
            "peak of this process": f"{watch.driver_peak:.0f} MiB",
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
