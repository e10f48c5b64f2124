"""The index of sliding windows over the regridded scenes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tiling.scenes.domains.planes import lonlat_of
from tiling.scenes.planning.slidingwindows import centres, windows
from tiling.scenes.production.dataset import Dataset
from workbench.files import write_json

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["write_index"]


def write_index(dataset: Dataset, grid: GeoBox, scenes: Iterable[str], step: int) -> Path:
    """Write which windows each scene has: they are the same for all scenes of a grid.

    ``windows`` has a row for each: n, i0, j0, x, y and, on a grid with a place on the Earth, lat
    and lon of its centre; the ID of a tile is ``{scene_id}__{n:05d}``.
    """
    sliding = dataset.meta.sampling.sliding
    shape: Sequence[int] = (int(grid.shape[0]), int(grid.shape[1]))
    tiles = windows(shape, sliding.tile_size, step, sliding.edge)
    x, y = centres(tiles, grid, sliding.tile_size)
    columns = ["n", "i0", "j0", "x", "y"]
    values = [[tile.number for tile in tiles], [tile.i0 for tile in tiles]]
    values += [[tile.j0 for tile in tiles], x.tolist(), y.tolist()]
    if grid.crs is not None:
        columns += ["lat", "lon"]
        lon, lat = lonlat_of(grid, x, y)
        values += [lat.tolist(), lon.tolist()]
    path = dataset.layout().sliding(step)
    write_json(
        path,
        {
            "tile_N": sliding.tile_size,
            "step": step,
            "edge": sliding.edge,
            "shape": list(shape),
            "columns": columns,
            "windows": [list(row) for row in zip(*values, strict=True)],
            "scenes": sorted(scenes),
        },
    )
    return path
