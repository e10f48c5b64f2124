"""Speckle filters: ours against plain numpy and scipy, in one process.

Simulated speckle of 4.4 looks on fields. The kernel is a call on an image in memory, without gaps
and with 1 % of them. What a user calls is a filter on a whole tile, block by block with halos, read
from an array that stands for the file. All variants of a filter take turns. One thread.

Prints megapixels per CPU second, ratios, the share of the time that a copy of as many bytes takes,
and the largest difference to the plain version.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from machine import in_turn, machine, print_facts, print_table

from tiling.sentinel1.speckle.filters import SpeckleFilter
from workbench.rasters.windows import windows

sys.path.insert(0, str(Path(__file__).resolve().parent / "reference"))

LOOKS, DERAMP = 4.4, 0.1
GOALS = {"lee": 100, "kuan": 100, "gammamap": 100, "frost": 20}


def main() -> None:
    """Read the command line, measure, print, and store the numbers if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048, help="pixels of the image")
    parser.add_argument("--tile", type=int, default=10980, help="pixels of the tile; 0 leaves it")
    parser.add_argument("--block", type=int, default=2048, help="rows of a block of the tile")
    parser.add_argument("--radius", type=int, nargs="+", default=[1, 2, 3, 5])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="store the numbers here")
    asked = parser.parse_args()
    numbers: dict[str, Any] = {"machine": machine() | {"numba": version("numba")}}
    print_facts("Speckle filters: machine", numbers["machine"])
    image = scene(asked.side)
    rows = [kernel(image, name, radius, asked.repeats) for radius in asked.radius for name in GOALS]
    header = (
        "filter", "radius", "Mpx per CPU s", "1 % gaps", "goal", "plain", "ratio", "copy, share",
        "difference",
    )  # fmt: skip
    print_table(f"Kernel, {asked.side} x {asked.side} pixels", header, rows)
    numbers["kernel"] = [dict(zip(header, row, strict=True)) for row in rows]
    if asked.tile:
        rows = whole_tile(scene(asked.tile), asked.radius[:2][-1], asked.block, asked.repeats)
        header = ("filter", "Mpx per CPU s", "CPU s", "wall s")
        print_table(f"A tile of {asked.tile} pixels in blocks of {asked.block} rows", header, rows)
        numbers["tile"] = [dict(zip(header, row, strict=True)) for row in rows]
    if asked.json:
        asked.json.write_text(json.dumps(numbers, indent=2) + "\n")


def scene(side: int) -> Any:
    """Return power of fields under speckle, (side, side) float32."""
    random = np.random.default_rng(1)
    cells = -(-side // 60)
    ground = 10 ** random.uniform(-2.5, -0.3, (cells, cells)).astype(np.float32)
    speckle = random.standard_gamma(LOOKS, (side, side), np.float32) / np.float32(LOOKS)
    return speckle * ground.repeat(60, axis=0).repeat(60, axis=1)[:side, :side]


def kernel(image: Any, name: str, radius: int, repeats: int) -> tuple[Any, ...]:
    """Measure one filter; return a row of the table."""
    import speckle_plain

    gaps = np.where(np.random.default_rng(2).random(image.shape, np.float32) < 0.01, 0, image)
    one = SpeckleFilter(name, radius, looks=LOOKS, deramp=DERAMP)
    strength = DERAMP if name == "frost" else LOOKS
    plain = getattr(speckle_plain, "gamma_map" if name == "gammamap" else name)
    taken = in_turn(
        {
            "ours": partial(one.apply, image),
            "gaps": partial(one.apply, gaps),
            "plain": partial(plain, image, radius, strength),
            "copy": image.copy,
        },
        repeats,
    )
    speed = {key: image.size / 1e6 / seconds.cpu for key, seconds in taken.items()}
    difference = np.abs(one.apply(image) / plain(image, radius, strength) - 1).max()
    return (
        name, radius, speed["ours"], speed["gaps"], GOALS[name], speed["plain"],
        speed["ours"] / speed["plain"], taken["copy"].cpu / taken["ours"].cpu, f"{difference:.1e}",
    )  # fmt: skip


def whole_tile(image: Any, radius: int, rows: int, repeats: int) -> list[tuple[Any, ...]]:
    """Measure a tile in blocks; return the rows of the table."""
    shape = image.shape

    def call(name: str) -> None:
        one = SpeckleFilter(name, radius, looks=LOOKS, deramp=DERAMP)
        for window in windows((shape[0], 1), rows):
            whole = window._replace(cols=(0, shape[1]))
            one.block(lambda needed: image[needed.slices], whole, shape)

    taken = in_turn({name: partial(call, name) for name in GOALS}, repeats)
    return [
        (f"{name}, radius {radius}", image.size / 1e6 / seconds.cpu, seconds.cpu, seconds.wall)
        for name, seconds in taken.items()
    ]


if __name__ == "__main__":
    main()
