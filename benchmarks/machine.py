"""What the numbers were measured on, how long a call takes, and aligned tables of the results."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

LIBRARIES = ("numpy", "pandas", "pyarrow", "scipy", "dask", "distributed")


@dataclass(frozen=True)
class Seconds:
    """Wall and CPU seconds (of this process, all threads): medians over repeated calls."""

    wall: float
    cpu: float

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall + other.wall, self.cpu + other.cpu)

    def __mul__(self, factor: float) -> Seconds:
        return Seconds(self.wall * factor, self.cpu * factor)


def timed(call: Callable[[], Any], repeats: int) -> tuple[Seconds, Any]:
    """Call `repeats` times; give the medians and the last result."""
    walls, cpus, result = [], [], None
    for _ in range(repeats):
        result = None  # the memory of the last call is free before the next one
        wall, cpu = time.perf_counter(), time.process_time()
        result = call()
        cpus.append(time.process_time() - cpu)
        walls.append(time.perf_counter() - wall)
    return Seconds(median(walls), median(cpus)), result


def in_turn(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, Seconds]:
    """Call all once to warm up, then in turn; give the medians of wall and CPU seconds."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(repeats):
        for name, call in calls.items():
            cpu, wall = time.process_time(), time.perf_counter()
            result = call()
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
            del result
    return {
        name: Seconds(median(wall for wall, _ in pairs), median(cpu for _, cpu in pairs))
        for name, pairs in taken.items()
    }


def machine() -> dict[str, str]:
    """Describe the machine without naming it."""
    import psutil

    memory = psutil.virtual_memory().total / 2**30
    return {
        "processor": f"{os.cpu_count()} cores, {_processor()}",
        "memory": f"{memory:.0f} GiB",
        "load before": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def print_facts(title: str, facts: dict[str, str]) -> None:
    """Print a heading and aligned pairs."""
    print(f"\n{title}\n{'-' * len(title)}")
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name:<{width}}  {value}")


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table: the first column to the left, the others to the right."""
    cells = [list(header), *([_shown(value) for value in row] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(header))]
    print(f"\n{title}\n{'-' * len(title)}")
    for row in cells:
        first = f"{row[0]:<{widths[0]}}"
        others = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        print("  ".join([first, *others]).rstrip())


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.4f}"
