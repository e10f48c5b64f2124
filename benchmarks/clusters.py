"""What the cluster layer costs: seconds to start per kind, milliseconds a task, seconds to replace.

A task is measured twice: by `client.map` and `as_completed`, and sent out by `workbench.tasks`.

Slurm and PBS run on the one-machine Slurm of the tests (root, Debian's slurm-wlm, munge and
slurm-wlm-torque); a kind that cannot run here is left out with a word.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import dask
import dask_jobqueue  # noqa: F401  its defaults, below ours
from machine import machine, print_facts, print_table

import workbench
from workbench.tasks import Tasks

JOB = {"queue": "debug", "cores": 1, "memory": "700MB", "interface": "lo"}
TASKS = 2000


def main() -> None:
    """Read the command line, measure, print, and store the numbers if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="store the numbers here")
    arguments = parser.parse_args()
    numbers: dict[str, Any] = {"machine": machine()}
    print_facts("Cluster layer: machine", numbers["machine"])
    site = {
        f"jobqueue.{kind}.{key}": value for kind in ("slurm", "pbs") for key, value in JOB.items()
    }
    with TemporaryDirectory(prefix="cluster-bench-") as folder, dask.config.set(site):
        os.chdir(folder)
        with one_machine_slurm(Path(folder, "slurm")) as kinds:
            numbers["kinds"] = {kind: measure(kind, arguments.repeats) for kind in kinds}
    header = ("kind, 2 workers", "start s", "close s", "ms a task, bare", "by Tasks", "replace s")
    print_table(
        f"Medians of {arguments.repeats}; {TASKS} tasks that do nothing; workers lost once each",
        header,
        [(kind, *found.values()) for kind, found in numbers["kinds"].items()],
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(numbers, indent=2) + "\n")


@contextmanager
def one_machine_slurm(folder: Path) -> Iterator[list[str]]:
    """Start the Slurm of the tests if it can run here, and give the kinds there are then."""
    path = Path(__file__).resolve().parents[1] / "tests" / "cluster" / "onemachine.py"
    spec = importlib.util.spec_from_file_location("onemachine", path)
    onemachine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(onemachine)
    if onemachine.missing():
        print(f"no slurm and pbs here, missing: {', '.join(onemachine.missing())}")
        yield ["local"]
        return
    slurm = onemachine.OneMachineSlurm(folder)
    slurm.start()
    os.environ.update(slurm.environment)
    try:
        yield ["local", "slurm", *(["pbs"] if shutil.which("qsub") else [])]
    finally:
        slurm.stop()


def measure(kind: str, repeats: int) -> dict[str, float | None]:
    """Return seconds to two workers and to close, milliseconds a task, seconds to replace."""
    starts, closes, bare, ours, replaced = [], [], [], [], []
    for _ in range(repeats):
        began = time.perf_counter()
        client = workbench.connect(kind, jobs=2, wait_for=2)
        starts.append(time.perf_counter() - began)
        client.gather(client.map(abs, range(10)))
        bare.append(milliseconds_a_task(bare_results(client)))
        ours.append(milliseconds_a_task(results(client)))
        replaced.append(replacement(client))
        began = time.perf_counter()
        client.close()
        closes.append(time.perf_counter() - began)
    return {
        "start_s": median(starts),
        "close_s": median(closes),
        "bare_task_ms": median(bare),
        "task_ms": median(ours),
        "replace_s": median(replaced),
    }


def milliseconds_a_task(results: Iterable[Any]) -> float:
    """Take all results, and return the time for one."""
    began = time.perf_counter()
    taken = sum(1 for _ in results)
    return (time.perf_counter() - began) / taken * 1000


def bare_results(client: Any) -> Iterator[Any]:
    """Give the results of calls that do nothing, by Dask's own means."""
    from distributed import as_completed

    yield from as_completed(client.map(abs, range(TASKS), pure=False), with_results=True)


def results(client: Any) -> Iterator[Any]:
    """Give the same results, sent out as all systems do it."""
    tasks = Tasks(client)
    for n in range(TASKS):
        tasks.submit(abs, n, tag=n)
    yield from tasks


def replacement(client: Any) -> float:
    """Kill a worker, or cancel its job, and return the seconds until there are two again."""
    before = set(client.scheduler_info()["workers"])
    began = time.perf_counter()
    if hasattr(client.cluster, "job_ids"):
        from workbench.clusters.queues import queue_named

        queue_named(client.cluster.kind).cancel(client.cluster.job_ids()[:1])
    else:
        victim = sorted(before)[0]
        (pid,) = client.run(os.getpid, workers=[victim]).values()
        os.kill(pid, 9)
    while True:
        now = set(client.scheduler_info()["workers"])
        if len(now) == 2 and now != before:
            return time.perf_counter() - began
        time.sleep(0.02)


if __name__ == "__main__":
    main()
