"""Fusion: ours against the plain reference, in one process.

1200 x 1200 pixels, 4 bands, 20 images with clouds, 60 composites, cells of 30 pixels. All variants
take turns. The kernel is `efast.fusion.fuse_block` on a prepared coarse side, with its layers of
quality; what a user calls is `efast.fuse` on cubes in memory and on Dask, from observations every
day to the labelled result, default allocator. The reference gets the coarse side ready too, and
does one target of the twenty a round; for more targets its median is multiplied. One thread.

Prints medians, ratios, the bytes that must move and what of the time a copy of as many bytes takes;
the largest difference to the reference; the memory of calls, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from efast_scene import BEGIN, COARSE_DAYS, DAY, RATIO, Scene, target_days
from machine import Seconds, in_turn, machine, print_facts, print_table
from memory import MIB, Watch

import efast
from efast.cells.coarsestate import CoarseState, FusionOptions, coarse_states
from efast.fusion import fuse_block

sys.path.insert(0, str(Path(__file__).resolve().parent / "reference"))

NUMBERS = (1, 20, 40)  # of targets
GOALS = {1: 12.0, 20: 50.0}
MOST_DAYS = 100.0
BLOCK = 600


class Prepared:
    """The coarse side of a scene: scores, distances from clouds, composites."""

    def __init__(self, scene: Scene, *, published: bool = False) -> None:
        compat = "dhi" if published else None
        hidden = scene.fine["weight"].values == 0
        self.days = scene.days
        self.distance = efast.cloud_distance(efast.cloudy_cells(hidden, RATIO), compat=compat)
        self.composites, self.axis = efast.composite_series(
            scene.coarse.values, np.arange(COARSE_DAYS)
        )

    def states(self, targets: Any, compat: str | None = None) -> list[CoarseState]:
        """Return what a fusion to some days needs."""
        options = FusionOptions(max_days=MOST_DAYS, compat=compat)
        score = efast.distance_score(self.distance, 15)
        return coarse_states(score, self.days, self.composites, self.axis, targets, options)


def main() -> None:
    """Read the command line, measure, print, and store the numbers if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--side", type=int, default=1200, help="pixels")
    parser.add_argument("--json", type=Path, help="store the numbers here")
    parser.add_argument("--memory", nargs=2, metavar=("CALL", "TARGETS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        call, number = arguments.memory
        print(json.dumps(_memory(Scene(arguments.side), call, int(number))))
        return
    numbers: dict[str, Any] = {"machine": machine() | {"numba": version("numba")}}
    print_facts("Fusion: machine", numbers["machine"])
    scene = Scene(arguments.side)
    print_facts("Data", _facts(scene))
    numbers["seconds"] = _compare(scene, arguments.repeats)
    numbers["difference"] = _differences(scene)
    numbers["memory"] = _memories(arguments.side)
    if arguments.json:
        arguments.json.write_text(json.dumps(numbers, indent=2, default=vars) + "\n")


def _facts(scene: Scene) -> dict[str, str]:
    image, weight = scene.fine["reflectance"], scene.fine["weight"]
    series = scene.coarse
    return {
        "fine": f"{image.shape} {image.dtype}, {1 - weight.values.mean():.0%} hidden",
        "coarse": f"{series.shape}, {np.isnan(series.values).mean():.0%} hidden; 60 composites",
        "images used": f"less than {MOST_DAYS:g} days away, whatever their importance",
    }


def _dates(number: int) -> list[np.datetime64]:
    return list(BEGIN + target_days(number) * DAY)


def _compare(scene: Scene, repeats: int) -> dict[str, Seconds]:
    """Time all variants in turn and print them."""
    image, weight = (scene.fine[name].values for name in ("reflectance", "weight"))
    prepared, lazy = Prepared(scene), scene.fine.chunk({"y": BLOCK, "x": BLOCK})
    published = Prepared(scene, published=True)
    single = iter(np.resize(target_days(20)[::3], repeats + 1))
    floats = np.where(weight[:, None] != 0, image * np.float32(1e-4), np.float32(0))
    calls: dict[str, Callable[[], Any]] = {
        "reference": lambda: _reference(published, floats, next(single))
    }
    for number in NUMBERS:
        (state,) = prepared.states(target_days(number))
        calls[f"kernel, {number}"] = lambda state=state: fuse_block(
            image, weight, state, RATIO, scale=1e-4
        )
        calls[f"efast.fuse, {number}"] = lambda n=number: efast.fuse(
            scene.fine, scene.coarse, _dates(n)
        )
    calls["efast.fuse on Dask, 20"] = lambda: efast.fuse(lazy, scene.coarse, _dates(20)).compute(
        scheduler="sync"
    )
    source, held = np.ones((2, 2**28), np.uint8)
    calls["copy of 256 MiB"] = lambda: np.copyto(held, source)
    found = in_turn(calls, repeats)
    _print(found, image.nbytes + weight.nbytes, scene.side, repeats)
    return found


def _reference(prepared: Prepared, floats: Any, target: int) -> Any:
    import efast_plain

    return efast_plain.fuse(
        floats, prepared.distance, prepared.days, prepared.composites, prepared.axis, target,
        RATIO, max_days=MOST_DAYS, minimum_importance=0,
    )  # fmt: skip


def _written(number: int, side: int) -> int:
    """Return the bytes of results: 4 bands, 3 layers of floats, 2 of bytes."""
    return number * side**2 * (4 * 4 + 3 * 4 + 2)


def _print(found: dict[str, Seconds], read: int, side: int, repeats: int) -> None:
    base = found["reference"]
    copied = found.pop("copy of 256 MiB")
    speed = 2**29 / copied.cpu
    rows = [["reference, 1 target", base.wall, base.cpu, base.cpu, 1.0, 1.0, None, None, None]]
    for name, one in found.items():
        if name == "reference":
            continue
        number = int(name.rpartition(" ")[2])
        moved = read + _written(number, side)
        rows.append(
            [
                f"{name} target{'s' * (number > 1)}", one.wall, one.cpu, one.cpu / number,
                base.wall * number / one.wall, base.cpu * number / one.cpu, GOALS.get(number),
                moved / 1e6, moved / speed / one.cpu,
            ]
        )  # fmt: skip
    header = (
        "variant", "wall s", "CPU s", "CPU s a date", "ratio wall", "ratio CPU", "goal", "MB",
        "of copy",
    )  # fmt: skip
    print_table(f"Medians of {repeats} in turn, the reference's of one target each", header, rows)
    print(f"copy with one thread: {speed / 1e9:.1f} GB/s of CPU time (read and written)")


def _differences(scene: Scene) -> dict[str, float]:
    """Compare with the reference at three days: the published way, and as it is by default."""
    image, weight = (scene.fine[name].values for name in ("reflectance", "weight"))
    prepared = Prepared(scene, published=True)
    floats = np.where(weight[:, None] != 0, image * np.float32(1e-4), np.float32(0))
    targets = target_days(3)
    expected = np.stack([_reference(prepared, floats, target) for target in targets])
    states = prepared.states(targets, "dhi")
    ours = [fuse_block(floats, weight, one, RATIO, compat="dhi").values[0] for one in states]
    (state,) = prepared.states(targets)
    default = fuse_block(image, weight, state, RATIO, scale=1e-4).values
    found = {}
    for name, values in (('compat="dhi"', np.stack(ours)), ("default, uint16", default)):
        if not np.array_equal(np.isnan(values), np.isnan(expected)):
            print(f"note: {name} and the reference are missing at different pixels")
        found[name] = float(np.nanmax(np.abs(values - expected)))
    print_table(
        "Largest difference from the reference, 3 days, reflectance (target: 1e-6)",
        ("", "difference"),
        [[name, f"{value:.1e}"] for name, value in found.items()],
    )
    return found


def _memories(side: int) -> list[dict[str, float]]:
    """Measure calls in processes of their own."""
    found = []
    for call, number in (("memory", 1), ("memory", 20), ("dask", 1), ("dask", 20)):
        told = subprocess.run(
            [sys.executable, __file__, "--side", str(side), "--memory", call, str(number)],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        found.append(json.loads(told.splitlines()[-1]))
    rows = [
        [f"efast.fuse in {one['call']}, {one['targets']}", one["set"], one["peak"],
         one["peak"] / one["set"]] for one in found
    ]  # fmt: skip
    header = ("call, targets", "working set, MiB", "peak, MiB", "ratio (goal <= 1.5)")
    print_table("Memory beyond that of the libraries: images, weights and results", header, rows)
    return found


def _memory(scene: Scene, call: str, number: int) -> dict[str, Any]:
    """Return the working set, and the peak of resident memory beyond libraries, in MiB."""
    small = Scene(120, 3)  # loads and compiles what is needed
    efast.fuse(small.fine, small.coarse, _dates(1)).compute()
    given = scene.fine.nbytes + scene.coarse.nbytes
    fine = scene.fine if call == "memory" else scene.fine.chunk({"y": BLOCK, "x": BLOCK})
    with Watch(0.005) as watch:
        before = watch.driver_peak
        found = efast.fuse(fine, scene.coarse, _dates(number)).compute(scheduler="sync")
    return {
        "call": call, "targets": number, "set": (given + found.nbytes) / MIB,
        "peak": watch.driver_peak - before + given / MIB,
    }  # fmt: skip


if __name__ == "__main__":
    main()
