"""What a run is asked for, and what EFAST makes of it: images, days, clouds, the lazy result."""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from efast.bandpairs import PAIRS
from efast.coarsestate import FusionOptions
from efast.compositeseries import CompositeOptions
from efast.errors import BadInput
from efast.finecubes import read_fine
from efast.fusedseries import fuse_prepared, renamed
from efast.preparation import BLOCK, Prepared, prepare
from efast.production.cloudcells import count_clouds
from efast.sentinel3.coarsecubes import read_coarse
from efast.sentinel3.coarsegrids import coarse_grid
from efast.targets import Period, input_period, target_days
from workbench.rasters.cubes import grid_of
from workbench.sentinel2.imageseries.packing import packed
from workbench.sentinel2.imageseries.running import SeriesPlan

if TYPE_CHECKING:
    from distributed import Client
    from odc.geo.geobox import GeoBox

__all__ = ["Opened", "Request"]

MARGIN = 2  # cells beyond the distance at which clouds no longer matter

_PREPARING = ("cloud_tolerance", "saturation")


@dataclass(frozen=True)
class Request:
    """What a run is asked for; see `efast.run`."""

    fine: Any
    coarse: Any
    period: Period
    targets: npt.NDArray[np.datetime64]
    cell: float
    bands: Mapping[str, str]
    names: Sequence[str] | None
    reading: Mapping[str, Any]
    reading_coarse: Mapping[str, Any]
    composites: CompositeOptions
    fusion: FusionOptions
    preparing: Mapping[str, Any]
    on_missing_coarse: Any
    whole_numbers: bool

    @property
    def time_range(self) -> tuple[np.datetime64, np.datetime64]:
        """First and last moment of the inputs."""
        first, end = input_period(*self.period)
        return first.astype("M8[ns]"), end.astype("M8[ns]") - np.timedelta64(1, "ns")


@dataclass(frozen=True)
class Opened:
    """Images of a request on their grid; no pixel has been read."""

    request: Request
    client: Client | None = field(default=None, compare=False)

    @cached_property
    def fine(self) -> xr.Dataset:
        """The fine images of the area, lazy."""
        asked = self.request
        source = asked.fine
        if isinstance(source, xr.Dataset) and {"reflectance", "weight"} <= set(source):
            return _within(source, asked.time_range)
        return read_fine(
            source, bands=tuple(asked.bands), time_range=asked.time_range, chunks=BLOCK,
            **asked.reading,
        )  # fmt: skip

    @property
    def grid(self) -> GeoBox:
        """Of the images."""
        return grid_of(self.fine["reflectance"])

    @property
    def halo(self) -> int:
        """Cells around the area whose clouds matter in it."""
        saturation = float(self.request.preparing["saturation"])
        return ceil(max(saturation, self.request.composites.saturation)) + MARGIN

    @cached_property
    def coarse(self) -> xr.Dataset:
        """The coarse series of the area and what lies around it, in memory."""
        asked = self.request
        if isinstance(asked.coarse, xr.Dataset | xr.DataArray):
            return _within(asked.coarse, asked.time_range)
        return read_coarse(
            asked.coarse, coarse_grid(self.grid, asked.cell, self.halo),
            bands=tuple(asked.bands.values()), time_range=asked.time_range, client=self.client,
            **asked.reading_coarse,
        )  # fmt: skip

    @cached_property
    def prepared(self) -> Prepared:
        """Both sensors, ready to be fused."""
        asked, counted = self.request, None
        if not isinstance(asked.fine, xr.Dataset):
            counted = count_clouds(
                asked.fine, self.fine, self.grid, cell=asked.cell, halo=self.halo,
                reading={**asked.reading, "time_range": asked.time_range}, client=self.client,
            )  # fmt: skip
        return prepare(
            self.fine, self.coarse, asked.targets, asked.fusion, bands=asked.bands,
            composites=asked.composites, counted=counted, **asked.preparing,
        )  # fmt: skip

    def plan(self) -> SeriesPlan:
        """Return what is going to be made."""
        counts = {
            "images": self.fine.sizes["time"],
            "pixels": self.fine.sizes["y"] * self.fine.sizes["x"],
            "dates": len(self.request.targets),
        }
        return SeriesPlan(
            self.request.targets.astype("M8[ns]"),
            tuple(self.request.names or self.request.bands),
            counts,
            self.cube,
            compile_here=partial(_compile_here, len(self.request.bands)),
        )

    def cube(self, decided: Mapping[str, Any]) -> xr.Dataset:
        """Return the lazy result; nothing is decided that could not be worked out again."""
        ready = self.prepared
        found = fuse_prepared(ready, self.request.on_missing_coarse)
        found = renamed(found, self.request.names)
        if self.request.whole_numbers:
            found = found.assign(reflectance=packed(found["reflectance"]))
        found.attrs = {
            "images": len(ready.days),
            "observations": len(ready.observed_days),
            "bands": [f"{fine}: {coarse}" for fine, coarse in ready.pairs.items()],
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
    from efast.coarsestate import coarse_states
    from efast.fusion import fuse_block

    days = np.arange(8)
    (state,) = coarse_states(
        np.ones((8, 1, 1)), days, np.ones((8, bands, 1, 1)), days, days[:1]
    )
    for dtype in (np.uint16, np.float32):
        fuse_block(np.ones((8, bands, 2, 2), dtype), np.ones((8, 2, 2)), state, 2)
