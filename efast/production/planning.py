"""What EFAST makes of a request: images, clouds, the coarse series, the lazy result."""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from efast.cells.calibration import Calibration
from efast.cells.cellblocks import BLOCK
from efast.cells.composites import reach_of
from efast.cubes.adjustment import calibrated, calibration_of, recorded
from efast.cubes.classing import classed
from efast.cubes.finecubes import read_fine
from efast.cubes.fusedseries import fuse_prepared, renamed
from efast.cubes.preparation import Prepared, prepare
from efast.errors import BadInput
from efast.production.cloudcells import count_clouds
from efast.production.request import Request, is_cube
from efast.sentinel3.coarsecubes import read_coarse
from efast.sentinel3.coarsegrids import coarse_grid
from workbench.rasters.cubes import grid_of
from workbench.sentinel2.imageseries.packing import packed
from workbench.sentinel2.imageseries.plans import SeriesPlan

if TYPE_CHECKING:
    from distributed import Client
    from odc.geo.geobox import GeoBox

__all__ = ["Opened"]

MARGIN = 2  # cells beyond the distance at which clouds no longer matter


@dataclass(frozen=True)
class Opened:
    """A request whose images are found: on their grid, no pixel read."""

    request: Request
    client: Client | None = field(default=None, compare=False)

    @property
    def reading(self) -> dict[str, Any]:
        """Options of the reader of fine images.

        Damage inside a file shows only when it is decoded: to leave out what is broken, all files
        are decoded once before anything is made of them.
        """
        asked = self.request
        found = {"time_range": asked.time_range, **asked.reading}
        found.setdefault("verify", found.get("on_error") == "skip")
        placed = {"aoi": asked.aoi, "resolution": asked.resolution}
        return found | {name: value for name, value in placed.items() if value is not None}

    @cached_property
    def fine(self) -> xr.Dataset:
        """The fine images of the area, lazy unless they are in memory."""
        asked = self.request
        if asked.labelled:
            within: xr.Dataset = _within(asked.fine, asked.time_range)
            return within
        return read_fine(asked.fine, bands=tuple(asked.pairs), chunks=BLOCK, **self.reading)

    @property
    def grid(self) -> GeoBox:
        """Of the images."""
        return grid_of(self.fine["reflectance"])

    @property
    def halo(self) -> int:
        """Cells around the area whose clouds matter in it."""
        asked, made = self.request, self.request.composite_options
        smoothed = reach_of(made.smoothing) if made.smoothing else 0
        return ceil(max(asked.saturation, made.saturation)) + max(MARGIN, smoothed)

    @property
    def cells(self) -> GeoBox:
        """Grid of the coarse series, with those around the area."""
        return coarse_grid(self.grid, self.request.cell, self.halo)

    @cached_property
    def coarse(self) -> Any:
        """The coarse series of the area and what lies around it, in memory."""
        asked = self.request
        if is_cube(asked.coarse):
            return _within(asked.coarse, asked.time_range)
        return read_coarse(
            asked.coarse, self.cells, bands=tuple(asked.pairs.values()),
            time_range=asked.time_range, client=self.client, **asked.reading_coarse,
        )  # fmt: skip

    @cached_property
    def prepared(self) -> Prepared:
        """Both sensors, ready to be fused."""
        asked, counted = self.request, None
        if not asked.labelled:
            counted = count_clouds(
                asked.fine, self.fine, self.grid, cell=asked.cell, halo=self.halo,
                reading=self.reading, client=self.client,
            )  # fmt: skip
        return prepare(
            self.fine, self.coarse, list(asked.days), asked.fusion, bands=asked.pairs,
            composites=asked.composite_options, counted=counted, saturation=asked.saturation,
            cloud_tolerance=asked.cloud_tolerance,
        )  # fmt: skip

    def plan(self) -> SeriesPlan:
        """Return what is going to be made."""
        counts = {
            "images": self.fine.sizes["time"],
            "pixels": self.fine.sizes["y"] * self.fine.sizes["x"],
            "dates": len(self.request.days),
        }
        return SeriesPlan(
            self.request.days.astype("M8[ns]"),
            tuple(self.request.names or self.request.pairs),
            counts,
            self.cube,
            compile_here=partial(_compile_here, len(self.request.pairs)),
        )

    def adjusted(self, decided: Mapping[str, Any]) -> tuple[Prepared, Calibration | None]:
        """Return both sensors, calibrated and classed, and the calibration.

        It is that of `decided`, if it is told of there; else it is made if it is asked for.
        """
        asked = self.request
        ready, found = calibrated(self.prepared, calibration_of(decided) or asked.calibration)
        return classed(ready, asked.classes), found

    def cube(self, decided: Mapping[str, Any]) -> xr.Dataset:
        """Return the lazy result; `decided` is what an earlier run has found."""
        asked, (ready, adjusted) = self.request, self.adjusted(decided)
        found = renamed(fuse_prepared(ready, asked.on_missing_coarse), asked.names)
        if asked.whole_numbers:
            found = found.assign(reflectance=packed(found["reflectance"]))
        found.attrs = {
            "images": len(ready.days),
            "observations": len(ready.observed_days),
            "bands": [f"{fine}: {coarse}" for fine, coarse in ready.pairs.items()],
            **recorded(adjusted),
        }
        return found


def _within(cube: Any, time_range: tuple[np.datetime64, np.datetime64]) -> Any:
    """Return the images of a cube in memory or on Dask that lie in a period."""
    times = cube["time"].values.astype("M8[ns]")
    inside = (times >= time_range[0]) & (times <= time_range[1])
    if not inside.any():
        first, last = (str(time)[:10] for time in time_range)
        raise BadInput(
            f"no image in {first} to {last}; there are {len(times)} from {times.min()} to "
            f"{times.max()}" if len(times) else "a cube holds no time"
        )  # fmt: skip
    return cube.isel(time=np.flatnonzero(inside))


def _compile_here(bands: int) -> None:
    """Compile the loops that workers need, on one cell; they find them in numba's cache."""
    from efast.cells.coarsestate import coarse_states
    from efast.fusion import fuse_block

    days = np.arange(8)
    (state,) = coarse_states(np.ones((8, 1, 1)), days, np.ones((8, bands, 1, 1)), days, days[:1])
    for dtype in (np.uint16, np.float32):
        fuse_block(np.ones((8, bands, 2, 2), dtype), np.ones((8, 2, 2)), state, 2)
