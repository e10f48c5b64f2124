"""Daily interpolation: compiled chain and torch against the plain iteration, in one process.

All variants take turns, so that a busy machine slows them alike. First what a user calls,
`spaceeye.interpolate`, beside the kernel, with the defaults of the machine; then the kernels beside
the reference with an allocator that keeps its pages (the script starts itself again with that
setting). Prints the medians,
the ratios, the bytes that must move and their share of what a copy with two threads reaches; then
the error against a dense solution in float64, and a region of 2048 x 2048 pixels in blocks.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from machine import Seconds, in_turn, machine, print_facts, print_table

sys.path.insert(0, str(Path(__file__).resolve().parent / "reference"))

BANDS, DAYS, REVISIT, CLOUD, ALPHA = 10, 48, 5, 0.57, 0.1
SIDE, REGION = 256, 2048
KEEP_PAGES = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**36),
    "MALLOC_TOP_PAD_": str(2**28),
    "MALLOC_ARENA_MAX": "1",
}
CALLS = "SPACEEYE_CALLS"  # where the numbers of the first process are handed on
TARGETS = {
    "fused uint16, 1 core": ">= 80",
    "float32 daily, 1 core": ">= 40",
    "torch float32": ">= 25",
}


@dataclass
class Case:
    """Fields and clouds: DN (N, B, P) uint16, weights (N, P) uint8, days (N,), output days (T,)."""

    side: int
    dn: Any = field(init=False)
    weights: Any = field(init=False)

    def __post_init__(self) -> None:
        random = np.random.default_rng(20)
        self.days = np.arange(1.0, DAYS, REVISIT)
        self.out_days = np.arange(float(DAYS))
        shape = (len(self.days), self.side, self.side)
        cover = np.stack([_blobs(random, self.side) for _ in self.days])
        self.weights = (cover >= CLOUD).astype(np.uint8).reshape(len(self.days), -1)
        phase = 2 * np.pi * _blobs(random, self.side)
        season = np.sin(self.days[:, None, None, None] / 15 + phase)  # fields out of step
        level = 800 + 250 * np.arange(BANDS)[None, :, None, None]
        clean = level * (1 + 0.6 * season)
        noise = random.normal(0, 40, (shape[0], 1, *shape[1:]))
        dn = np.clip(clean + noise, 1, 65535).astype(np.uint16)
        self.dn = np.ascontiguousarray(dn.reshape(shape[0], BANDS, -1))

    @property
    def values(self) -> Any:
        """The same as float32 reflectance."""
        return self.dn.astype(np.float32) * np.float32(1e-4)


def _blobs(random: np.random.Generator, side: int) -> Any:
    """Give a smooth field of ranks, uniform in [0, 1)."""
    from scipy.ndimage import zoom

    coarse = random.normal(size=(side // 16 + 2, side // 16 + 2))
    smooth = zoom(coarse, 16, order=1)[:side, :side]
    ranks = np.empty(side * side)
    ranks[np.argsort(smooth, axis=None)] = np.arange(side * side) / (side * side)
    return ranks.reshape(side, side)


def main() -> None:
    """Read the command line, measure, print, and store the numbers if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--no-region", action="store_true", help="leave out the 2048 x 2048 region")
    parser.add_argument("--calls", action="store_true", help="only what a user calls")
    parser.add_argument("--json", type=Path, help="store the numbers here")
    arguments = parser.parse_args()
    if os.environ.get("MALLOC_MMAP_MAX_") != "0":
        calls = json.dumps(_calls(Case(SIDE), arguments.repeats), default=vars)
        if arguments.calls:
            return
        sys.stdout.flush()
        os.execve(
            sys.executable, [sys.executable, *sys.argv], os.environ | KEEP_PAGES | {CALLS: calls}
        )
    libraries = {name: version(name) for name in ("numba", "torch")}
    numbers: dict[str, Any] = {"machine": machine() | libraries}
    print_facts("Daily interpolation: machine", numbers["machine"])
    numbers["calls"] = json.loads(os.environ.get(CALLS, "null"))
    case = Case(SIDE)
    print_facts("Data", _facts(case))
    numbers["chip"] = _chip(case, arguments.repeats)
    numbers["error"] = _errors(case)
    if not arguments.no_region:
        numbers["region"] = _region(numbers["chip"], arguments.repeats)
    if arguments.json:
        arguments.json.write_text(json.dumps(numbers, indent=2, default=vars) + "\n")


def _facts(case: Case) -> dict[str, str]:
    return {
        "chip": f"{BANDS} bands, {DAYS} days, {case.side} x {case.side} pixels",
        "acquisitions": f"{len(case.days)}, every {REVISIT} days",
        "cloud": f"{1 - case.weights.mean():.0%} of the pixels of an acquisition",
        "alpha": f"{ALPHA} d",
        "allocator": "keeps its pages, for every variant",
    }


def _calls(case: Case, repeats: int) -> dict[str, Seconds]:
    """Time `spaceeye.interpolate` beside its kernel, both on all cores."""
    import xarray as xr

    from spaceeye.interpolation import interpolate
    from spaceeye.solver import compiled

    first = np.datetime64("2022-01-01T10:30", "ns")
    times = first + (case.days * 86_400e9).astype("timedelta64[ns]")
    coords = {
        "time": times,
        "band": [f"B{number:02d}" for number in range(BANDS)],
        "y": -10.0 * np.arange(case.side),
        "x": 10.0 * np.arange(case.side),
    }
    shape = (len(times), case.side, case.side)
    dn = case.dn.reshape(shape[0], BANDS, *shape[1:])
    cube = xr.DataArray(dn, coords, ("time", "band", "y", "x"), attrs={"scale_factor": 1e-4})
    clear = xr.DataArray(case.weights.reshape(shape), dims=("time", "y", "x"))
    wanted = first.astype("datetime64[D]") + np.arange(DAYS)
    axes = (case.dn, case.weights, case.days, case.out_days)
    alike = {"alpha": 10.0, "date_weights": "none"}
    calls: dict[str, Callable[[], Any]] = {
        "kernel, uint16": lambda: compiled.interpolate_uint16(*axes, 10.0, parallel=True),
        "interpolate(cube, clear, alpha=10, date_weights='none')": lambda: interpolate(
            cube, clear, output_times=wanted, **alike
        ),
        "interpolate(cube, clear)": lambda: interpolate(cube, clear, output_times=wanted),
    }
    found = in_turn(calls, repeats)
    base = found["kernel, uint16"]
    print_table(
        f"What a user calls, the defaults of the machine, medians of {repeats} in turn",
        ("", "wall s", "CPU s", "of kernel, wall", "of kernel, CPU"),
        [
            [name, one.wall, one.cpu, one.wall / base.wall, one.cpu / base.cpu]
            for name, one in found.items()
        ],
    )
    return found


def _reference(case: Case) -> Callable[[], Any]:
    """Prepare the dense daily cube and give the iteration over it."""
    import torch
    from spaceeye_plain import iterate

    pixels = case.dn.shape[2]
    observed = torch.zeros(BANDS, DAYS, pixels)
    mask = torch.zeros(DAYS, pixels)
    places = case.days.astype(int)
    observed[:, places] = torch.from_numpy(case.values.transpose(1, 0, 2).copy())
    mask[places] = torch.from_numpy(case.weights.astype(np.float32))
    return lambda: iterate(observed, mask, ALPHA)


def _chip(case: Case, repeats: int) -> dict[str, Any]:
    from spaceeye.solver import compiled
    from spaceeye.solver import torch as torch_chain

    dn, values, weights = case.dn, case.values, case.weights
    axes = (case.days, case.out_days, ALPHA)
    reference = _reference(case)
    cube, mask = np.ones((DAYS, BANDS, dn.shape[2]), np.uint16), weights.nbytes
    other = np.ones_like(cube)
    fused = dn.nbytes + mask + cube.nbytes
    floats = values.nbytes + mask + 2 * cube.nbytes
    calls: dict[str, tuple[int | None, Callable[[], Any]]] = {
        "reference iteration": (None, reference),
        "fused uint16, 1 core": (
            fused, lambda: compiled.interpolate_uint16(dn, weights, *axes),
        ),
        "fused uint16, all cores": (
            fused, lambda: compiled.interpolate_uint16(dn, weights, *axes, parallel=True),
        ),
        "float32 daily, 1 core": (
            floats, lambda: compiled.interpolate_float32(values, weights, *axes),
        ),
        "float32 daily, all cores": (
            floats, lambda: compiled.interpolate_float32(values, weights, *axes, parallel=True),
        ),
        "torch float32": (floats, lambda: torch_chain.interpolate(values, weights, *axes)),
        "copy, 1 thread": (2 * cube.nbytes, lambda: np.copyto(other, cube)),
        "copy, 2 threads": (2 * cube.nbytes, lambda: _copy_by_two(other, cube)),
    }  # fmt: skip
    found = in_turn({name: call for name, (_, call) in calls.items()}, repeats)
    base, copied = found["reference iteration"], found["copy, 2 threads"]
    speed = 2 * cube.nbytes / copied.wall
    rows = []
    for name, (moved, _) in calls.items():
        one = found[name]
        known = [None, None] if moved is None else [moved / 1e6, moved / one.wall / speed]
        ratio = [base.wall / one.wall, base.cpu / one.cpu]
        if name.startswith("copy"):
            ratio = [None, None]
        rows.append([name, one.wall, one.cpu, *ratio, TARGETS.get(name), *known])
    iterations = reference()[1]
    print_table(
        f"One chip, medians of {repeats} in turn; the reference stopped after {iterations} steps",
        ("variant", "wall s", "CPU s", "ratio wall", "ratio CPU", "target", "MB", "of copy"),
        rows,
    )
    print(f"one step of the reference: {base.wall / iterations:.3f} s wall, whatever the data")
    print(f"copy with two threads: {speed / 1e9:.1f} GB/s (read and written)")
    return {"seconds": found, "iterations": iterations, "copy_bytes_per_s": speed}


def _copy_by_two(to: Any, source: Any) -> None:
    half = len(source) // 2
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(np.copyto, (to[:half], to[half:]), (source[:half], source[half:])))


def _errors(case: Case) -> dict[str, float]:
    """Compare 400 pixels with a dense daily solution in float64."""
    from spaceeye.solver import compiled
    from spaceeye.solver import torch as torch_chain

    chosen = np.random.default_rng(1).choice(case.dn.shape[2], 400, replace=False)
    dn, values = (np.ascontiguousarray(a[:, :, chosen]) for a in (case.dn, case.values))
    weights = np.ascontiguousarray(case.weights[:, chosen])
    exact = _dense(values, weights, case.days)
    axes = (weights, case.days, case.out_days, ALPHA)
    results = {
        "float32": compiled.interpolate_float32(values, *axes),
        "fused uint16": compiled.interpolate_uint16(dn, *axes) * 1e-4,
        "torch": torch_chain.interpolate(values, *axes).numpy(),
    }
    iterated = _reference(case)()[0][:, :, chosen].permute(1, 0, 2).numpy()
    seen = weights.any(axis=0)
    found = {
        name: float(np.abs(result - exact)[:, :, seen].max())
        for name, result in (results | {"reference iteration": iterated}).items()
    }
    print_table(
        "Largest difference from the dense float64 solution, reflectance (target: 1e-5)",
        ("", "difference"),
        [[name, f"{value:.1e}"] for name, value in found.items()],
    )
    return found


def _dense(values: Any, weights: Any, days: Any) -> Any:
    steps = np.diff(np.eye(DAYS), axis=0)
    normal = np.repeat((ALPHA * steps.T @ steps)[None], weights.shape[1], axis=0)
    right = np.zeros((weights.shape[1], DAYS, BANDS))
    places = days.astype(int)
    normal[:, places, places] += weights.T
    right[:, places] = (weights[:, None] * values.astype(float)).transpose(2, 0, 1)
    normal[weights.sum(axis=0) == 0] += np.eye(DAYS)
    return np.linalg.solve(normal, right).transpose(1, 2, 0)


def _region(chip: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Process a large region block by block; the reference is scaled from its one chip."""
    from spaceeye.solver import compiled

    case = Case(REGION)
    acquisitions = len(case.days)
    dn = case.dn.reshape(acquisitions, BANDS, REGION, REGION)
    weights = case.weights.reshape(acquisitions, REGION, REGION)
    out = np.empty((DAYS, BANDS, SIDE * SIDE), np.uint16)
    corners = [(y, x) for y in range(0, REGION, SIDE) for x in range(0, REGION, SIDE)]

    def block(corner: tuple[int, int], parallel: bool) -> None:
        rows, columns = (slice(place, place + SIDE) for place in corner)
        compiled.interpolate_uint16(
            dn[:, :, rows, columns].reshape(acquisitions, BANDS, -1),
            weights[:, rows, columns].reshape(acquisitions, -1),
            case.days, case.out_days, ALPHA, parallel=parallel, out=out,
        )  # fmt: skip

    def all_blocks(parallel: bool) -> None:
        for corner in corners:
            block(corner, parallel)

    found = in_turn(
        {"1 core": lambda: all_blocks(False), "all cores": lambda: all_blocks(True)}, repeats
    )
    reference = chip["seconds"]["reference iteration"] * len(corners)
    moved = dn.nbytes + weights.nbytes + out.nbytes * len(corners)
    speed = chip["copy_bytes_per_s"]
    print_table(
        f"Region of {REGION} x {REGION} in {len(corners)} blocks, uint16 to uint16, medians of "
        f"{repeats}; the reference is the chip's x {len(corners)}",
        ("variant", "wall s", "CPU s", "ratio wall", "ratio CPU", "MB", "of copy"),
        [
            ["reference iteration, scaled", reference.wall, reference.cpu, 1.0, 1.0, None, None],
            *(
                [
                    f"fused uint16, {name}", one.wall, one.cpu, reference.wall / one.wall,
                    reference.cpu / one.cpu, moved / 1e6, moved / one.wall / speed,
                ]
                for name, one in found.items()
            ),
        ],
    )  # fmt: skip
    return {"seconds": found}


if __name__ == "__main__":
    main()
