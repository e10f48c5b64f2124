"""Incidence, hidden ground and areas of a tile: ours against the definition, in one process.

The orbit is that of a real product, the ground a made-up relief of 2 km, level at the second row of
each. The definition solves every pixel of a smaller block by itself: point, neighbours, moment,
normal, angle. All take turns. One thread. A block is computed with all of its halo, heights in
memory; the lattices of the tile, which are solved once, have a row of their own.

Prints megapixels of the block per CPU second, ratios, and the largest difference in degrees.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from machine import in_turn, machine, print_facts, print_table
from pyproj import Transformer

from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.geometry.orbits import earth_fixed_points
from tiling.sentinel1.incidence.angles import signed_incidence
from tiling.sentinel1.incidence.tiles import TileIncidence
from tiling.sentinel1.products.annotations import read_annotation
from workbench.rasters.tilegrid import tile_grid
from workbench.rasters.windows import Window

SMALL = Window((4000, 4200), (6000, 6250))


class InMemory(TileIncidence):
    """Heights by rows and columns, made before the clock runs."""

    @cached_property
    def made(self) -> dict[tuple[Window, int], npt.NDArray[np.float32]]:
        """Heights by window and halo."""
        return {}

    def heights(self, window: Window, halo: int) -> npt.NDArray[np.float32]:
        """Return what was made, or make it."""
        if (window, halo) not in self.made:
            rows, cols = (np.arange(*span) for span in window.grown(halo))
            self.made[window, halo] = relief(rows[:, None], cols[None], self.surface.most)
        return self.made[window, halo]


class Span:
    """Least and largest height."""

    least = 0.0

    def __init__(self, most: float) -> None:
        self.most = most

    def at(self, longitudes: Any, latitudes: Any) -> Any:
        """Not asked for."""
        raise NotImplementedError


def relief(rows: Any, cols: Any, most: float) -> npt.NDArray[np.float32]:
    """Return heights of hills of 10 km with ridges of 1.5 km on them."""
    hills = 1 + np.sin(rows / 160) * np.cos(cols / 130 + 1) + 0.06 * np.sin(rows / 23 + cols / 31)
    return np.asarray(most * hills / 2.2, np.float32)


def plain(tile: InMemory, window: Window) -> npt.NDArray[np.float64]:
    """Return signed angles of a window by the definition."""
    rows, cols = np.mgrid[slice(*window.rows), slice(*window.cols)].astype(float)
    to_degrees = Transformer.from_crs(tile.grid.crs.epsg, 4326, always_xy=True)
    affine = tile.grid.affine

    def points(down: int, across: int) -> npt.NDArray[np.float64]:
        places = to_degrees.transform(
            affine.c + affine.a * (cols + across + 0.5), affine.f + affine.e * (rows + down + 0.5)
        )
        return earth_fixed_points(*places, relief(rows + down, cols + across, tile.surface.most))

    here = points(0, 0)
    normal = np.cross(points(0, 1) - points(0, -1), points(-1, 0) - points(1, 0))
    times, _ = tile.model.orbit.zero_doppler(here.reshape(-1, 3))
    look = tile.model.orbit.at(times)[0].reshape(here.shape) - here
    look /= np.linalg.norm(look, axis=-1)[..., None]
    across = np.cross(here, look)
    across /= np.linalg.norm(across, axis=-1)[..., None]
    normal -= np.sum(normal * across, axis=-1)[..., None] * across
    away = -np.sum(np.cross(look, normal) * across, axis=-1)
    return np.asarray(np.degrees(np.arctan2(away, np.sum(normal * look, axis=-1))))


def main() -> None:
    """Read the command line, measure, print, and store the numbers if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotation", type=Path, help="XML of an image, such as …/annotation/*.xml")
    parser.add_argument("--tile", default="33TUG", help="that the image covers")
    parser.add_argument("--rows", type=int, default=1024, help="of a block; all columns")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="store the numbers here")
    asked = parser.parse_args()
    facts = machine() | {"numba": version("numba")}
    print_facts("Incidence: machine", facts)
    model, grid = image_model(read_annotation(asked.annotation)), tile_grid(asked.tile)
    window = Window((4000, 4000 + asked.rows), (0, grid.shape[1]))
    rows = []
    for name, most in (("relief of 2 km", 2000.0), ("level", 0.0)):
        tile = InMemory(grid, model, Span(most))  # type: ignore[arg-type]
        calls: dict[str, Callable[[], Any]] = {
            "lattices": lambda: lattices(grid, model, most),  # noqa: B023
            "incidence": lambda: tile.incidence(window),  # noqa: B023
            "hidden ground": lambda: tile.hidden(window),  # noqa: B023
            "gamma area": lambda: tile.gamma_area(window),  # noqa: B023
            "definition": lambda: plain(tile, SMALL),  # noqa: B023
        }
        taken = in_turn(calls, asked.repeats)
        size = {"lattices": grid.shape, "definition": SMALL.shape}
        speeds = {
            call: np.prod(size.get(call, window.shape)) / 1e6 / seconds.cpu
            for call, seconds in taken.items()
        }
        found = signed_incidence(tile.looks, tile.heights(SMALL, 1), SMALL)
        difference = float(np.abs(found - plain(tile, SMALL)).max())
        rows += [
            (name, call, float(speed), float(speed / speeds["definition"]), f"{difference:.1e}")
            for call, speed in speeds.items()
        ]
    header = ("ground", "what", "Mpx per CPU s", "to the definition", "difference")
    print_table(f"Tile {asked.tile}, blocks of {asked.rows} rows", header, rows)
    if asked.json:
        numbers = {"machine": facts, "rows": [dict(zip(header, row, strict=True)) for row in rows]}
        asked.json.write_text(json.dumps(numbers, indent=2) + "\n")


def lattices(grid: Any, model: Any, most: float) -> None:
    """Solve all lattices of a tile."""
    tile = TileIncidence(grid, model, Span(most))
    assert tile.areas.table.shape[:2] == tile.image.table.shape[1:]


if __name__ == "__main__":
    main()
