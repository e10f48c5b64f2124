"""Heights of a whole Sentinel-2 tile: made-up 1-second cells in Copernicus form, real EGM96.

    python benchmarks/sentinel1_heights.py GEOID.gtx [TILE]

Prints million pixels per CPU second: places given, and places made on the way from a lattice.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from tiling.sentinel1.geometry.lattices import ground_lattice
from tiling.sentinel1.heights.surfaces import surface
from workbench.rasters.tilegrid import tile_footprint, tile_grid
from workbench.rasters.windows import Window

ROWS = 1024  # of a block
REPEATS = 5


def write_cells(folder: Path, bounds: tuple[float, float, float, float]) -> None:
    """Write cells of hills and noise, compressed as those of Copernicus."""
    random = np.random.default_rng(12)
    west, south, east, north = (int(np.floor(edge)) for edge in bounds)
    for s in range(south, north + 1):
        for w in range(west, east + 1):
            x, y = w + np.arange(3600) / 3600, s + 1 - np.arange(3600)[:, None] / 3600
            hills = 900 + 700 * np.sin(40 * x) * np.cos(33 * y) + random.normal(0, 1, (3600, 3600))
            name = f"Copernicus_DSM_COG_10_N{s:02d}_00_E{w:03d}_00_DEM.tif"
            place = Affine(1 / 3600, 0, w - 0.5 / 3600, 0, -1 / 3600, s + 1 + 0.5 / 3600)
            with rasterio.open(
                folder / name, "w", driver="GTiff", width=3600, height=3600, count=1,
                dtype="float32", crs="EPSG:4326", transform=place, tiled=True, blockxsize=1024,
                blockysize=1024, compress="deflate", predictor=3,
            ) as file:  # fmt: skip
                file.write(hills.astype(np.float32), 1)


def cpu_seconds(work: Any) -> float:
    """Return the median CPU seconds of some runs, after one that compiles and reads."""
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return float(np.median(seconds))


def main(geoid: str, tile: str = "33TVG") -> None:
    """Time one tile; north and east of the origin only."""
    with tempfile.TemporaryDirectory() as folder:
        write_cells(Path(folder), tile_footprint(tile).bounds)
        start = time.process_time()
        ground = surface(folder, geoid, tile_footprint(tile))
        print(f"surface made in {time.process_time() - start:.2f} CPU s")
        start = time.process_time()
        print(f"heights {ground.least:.0f} to {ground.most:.0f} m: ", end="")
        print(f"all pixels looked at in {time.process_time() - start:.2f} CPU s")
        grid = tile_grid(tile)
        lattice = ground_lattice(grid)
        window = Window((4096, 4096 + ROWS), (0, grid.shape[1]))
        x, y = lattice.places(window)
        millions = x.size / 1e6
        for name, work in {
            "places alone": lambda: lattice.places(window),
            "heights at places": lambda: ground.at(x, y),
            "heights over the lattice": lambda: ground.over(lattice, window),
        }.items():
            print(f"{name}: {millions / cpu_seconds(work):.0f} Mpx per CPU s")


if __name__ == "__main__":
    main(*sys.argv[1:])
