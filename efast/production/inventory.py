"""What a run would read and write, and what memory it needs; headers are read, no pixel is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from efast.cells.cellblocks import BLOCK
from efast.cubes.blockwise import TOGETHER
from efast.production.planning import Opened
from efast.production.request import Request, is_cube
from efast.sentinel3.coarsecubes import passes_in

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Inventory", "take_inventory"]

LAYERS_BYTES = 4 + 1 + 4 + 4 + 1  # weight, images, age, nearest, flag


@dataclass(frozen=True)
class Inventory:
    """What a run would do; as text, a few lines for a person.

    Attributes
    ----------
    grid
        Fine grid of the results.
    cells
        Rows and columns of the coarse grid, with those around the area.
    images
        (N,) times of the fine images.
    observations
        Days of the coarse observations and how many passes each has.
    days
        (T,) days of the results.
    bands
        Number of bands.
    memory
        Bytes that a worker needs for one block, beside its libraries (0.3 GB).
    results
        Bytes of the results, not compressed.
    """

    grid: GeoBox
    cells: tuple[int, int]
    images: npt.NDArray[np.datetime64]
    observations: Counter[str]
    days: npt.NDArray[np.datetime64]
    bands: int
    memory: int
    results: int

    def __str__(self) -> str:
        rows, columns = self.grid.shape
        epsg = None if self.grid.crs is None else self.grid.crs.epsg
        seen = self.observations
        gaps = _longest_gap(list(seen))
        lines = [
            f"grid          {columns} x {rows} pixels of {abs(self.grid.resolution.x):g} m, "
            f"EPSG:{epsg}; {self.cells[1]} x {self.cells[0]} cells with those around",
            f"Sentinel-2    {len(self.images)} images, {_span(self.images)}",
            f"Sentinel-3    {sum(seen.values())} passes on {len(seen)} days, longest gap {gaps} d",
            f"results       {len(self.days)} days, {_span(self.days)}; {self.bands} bands and 5 "
            f"layers, {_size(self.results)} before compression",
            f"memory        {_size(self.memory)} for a block of {BLOCK} x {BLOCK} pixels, "
            "beside 0.3 GB of libraries in each worker",
        ]
        return "\n".join(lines)


def take_inventory(request: Request) -> Inventory:
    """Return what a run would do.

    Raises
    ------
    BadInput, BadFile
        As `efast.run`.
    """
    opened = Opened(request)
    grid, count = opened.grid, opened.fine.sizes["time"]
    bands, pixels = len(request.pairs), grid.shape[0] * grid.shape[1]
    block = min(BLOCK, grid.shape[0]) * min(BLOCK, grid.shape[1])
    together = min(TOGETHER, len(request.days))
    fused = together * (4 * bands + LAYERS_BYTES + 12)  # quality is float32 on its way
    kept = 2 if request.whole_numbers else 4
    return Inventory(
        grid,
        _cells(opened.cells),
        opened.fine["time"].values,
        _observations(request, opened),
        request.days,
        bands,
        block * (count * (2 * bands + 2) + 2 * fused),
        len(request.days) * pixels * (kept * bands + LAYERS_BYTES),
    )


def _cells(grid: GeoBox) -> tuple[int, int]:
    return int(grid.shape[0]), int(grid.shape[1])


def _observations(request: Request, opened: Opened) -> Counter[str]:
    if is_cube(request.coarse):
        times = opened.coarse["time"].values
    else:
        groups = passes_in(
            request.coarse, opened.cells, time_range=request.time_range,
            on_error=request.reading_coarse.get("on_error", "raise"),
        )  # fmt: skip
        times = [frames[0].start for frames in groups]
    return Counter(str(np.datetime64(time, "D")) for time in times)


def _longest_gap(days: list[str]) -> int:
    stamps = np.sort(np.array(days, "datetime64[D]"))
    return int(np.diff(stamps).max() / np.timedelta64(1, "D")) if len(stamps) > 1 else 0


def _span(times: Any) -> str:
    return f"{str(times[0])[:10]} to {str(times[-1])[:10]}"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 0.1):.1f} MB"
