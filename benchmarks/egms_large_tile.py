"""A large tile: 10 million points, 300 dates, 60 bursts, in bounded memory.

``generate`` writes simulated bursts; ``run`` makes the product of them and measures it.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import machine, print_facts, print_table
from memory import Watch
from simulated_tile import AREA, SPREAD, generate, layout

TARGET_S, TARGET_MIB = 300, 4000
HEADER = (
    "bursts", "workers", "seconds", "CPU s", "M points", "points/s", "cells",
    "worker peak MiB", "driver MiB", "all MiB", "out MB",
)  # fmt: skip


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("generate", help="write the simulated bursts")
    make.add_argument("folder", type=Path)
    make.add_argument("--points", type=int, default=10_000_000)
    make.add_argument("--dates", type=int, default=300)
    make.add_argument("--bursts", type=int, default=60)
    make.add_argument("--spread", type=float, default=SPREAD, help="share of points outside towns")
    make.add_argument("--workers", type=int, default=2)
    run = commands.add_parser("run", help="make the product of the bursts and measure it")
    run.add_argument("folder", type=Path)
    run.add_argument("--workers", type=int, nargs="+", default=[2], help="several: one run each")
    run.add_argument("--serial", action="store_true", help="in this process, without a cluster")
    run.add_argument("--bursts-subset", type=int, nargs="+", help="several: one run each")
    arguments = parser.parse_args()
    if arguments.command == "generate":
        write_tile(arguments)
    else:
        measure(arguments)


def write_tile(arguments: argparse.Namespace) -> None:
    """Write the bursts that are missing and say how long it took."""
    begin = time.perf_counter()
    with Watch() as watch:
        pieces = layout(arguments.points, arguments.dates, arguments.bursts, arguments.spread)
        paths = generate(arguments.folder, pieces, arguments.workers)
    size = sum(path.stat().st_size for path in paths)
    print(
        f"{len(paths)} bursts, {size / 1e9:.2f} GB in {arguments.folder}: "
        f"{time.perf_counter() - begin:.0f} s, {watch.cpu_seconds:.0f} CPU s, "
        f"{watch.peak_total:,.0f} MiB"
    )


def measure(arguments: argparse.Namespace) -> None:
    """Run every combination asked for and print one line each."""
    bursts = sorted(arguments.folder.glob("EGMS_L2b_*.zip"), key=_southward)
    if not bursts:
        raise SystemExit(f"{arguments.folder}: no bursts here; call generate first")
    size = sum(path.stat().st_size for path in bursts)
    facts = machine() | {
        "data": f"simulated tile {AREA}, {len(bursts)} bursts, {size / 1e9:.2f} GB zipped",
        "targets": f"all bursts on 2 workers: <= {TARGET_S} s and <= {TARGET_MIB:,} MiB in all",
    }
    print_facts("EGMS L3 Ortho of a large tile (zip, tiff, parquet written)", facts)
    counts = arguments.bursts_subset or [len(bursts)]
    workers = [0] if arguments.serial else arguments.workers
    rows = []
    for count in counts:
        for number in workers:
            rows.append(run_once(bursts[:count], number, arguments.folder))
            print(dict(zip(HEADER, rows[-1], strict=True)), flush=True)
    print_table("Runs", HEADER, rows)


def run_once(bursts: Sequence[Path], workers: int, folder: Path) -> list[Any]:
    """Make and write the product; return a row of `HEADER`. 0 workers: without a cluster."""
    import egms_io

    out = folder / f"out_{len(bursts)}_{workers}"
    shutil.rmtree(out, ignore_errors=True)
    with _client(workers) as client, Watch() as watch:
        begin = time.perf_counter()
        product = egms_io.ortho(bursts, aoi=AREA, client=client)
        computed = time.perf_counter() - begin
        product.write(out, ("zip", "tiff", "parquet"))
        seconds = time.perf_counter() - begin
    points = sum(burst["points"] for burst in product.report["bursts"])
    print(f"computed in {computed:.1f} s, written in {seconds - computed:.1f} s; cells:", end=" ")
    print(product.report["cells"], "warnings:", product.report["warnings"][:3])
    written = sum(path.stat().st_size for path in out.iterdir())
    return [
        len(bursts),
        workers or "serial",
        round(seconds, 1),
        round(watch.cpu_seconds, 1),
        round(points / 1e6, 2),
        round(points / seconds),
        product.cells,
        " ".join(f"{peak:.0f}" for peak in watch.worker_peaks) or None,
        round(watch.driver_peak),
        round(watch.peak_total),
        round(written / 1e6),
    ]


@contextmanager
def _client(workers: int) -> Iterator[Any]:
    if not workers:
        yield None
        return
    import workbench

    with workbench.connect("local", jobs=workers, wait_for=workers) as client:
        yield client


def _southward(path: Path) -> tuple[int, int]:
    """Sort bursts by row, then track, so that the first of them lie together."""
    from egms_io.formats.names import BurstName

    name = BurstName.parse(path)
    return name.burst, name.track


if __name__ == "__main__":
    main()
