"""What a system says of a series before it is written: dates, bands, how the images are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.rasters.windows import BLOCK

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["SeriesPlan"]


@dataclass(frozen=True)
class SeriesPlan:
    """What a system is going to make of its input; files have been opened, no pixel is computed.

    Attributes
    ----------
    times
        Of the images, (T,) datetime64, UTC, ascending.
    bands
        Names of the bands that they will have.
    counts
        What the record of the run says of them, such as ``{"acquisitions": 8, "dates": 6}``.
    cube
        Gives the series: a function of what an earlier run of the same inputs and parameters has
        decided, empty if none. It returns ``reflectance`` (time, band, y, x), uint16 with
        ``scale_factor`` (0 missing) or float32 (NaN missing), and the layers of the kind (time, y,
        x), with a CRS; lazy, in chunks along y and x of `block` pixels or a multiple, or in memory.
        Its attrs are what was decided: numbers, text, and lists of them. They are kept in the
        manifest before a pixel is computed, and written with the results.
    compile_here
        Called once before workers begin, where there are any: compiles the loops that they need
        into numba's cache. None if there is nothing to compile.
    block
        Pixels along a chunk of the store. The same for the same inputs and parameters.
    """

    times: Any
    bands: tuple[str, ...]
    counts: Mapping[str, int]
    cube: Callable[[Mapping[str, Any]], xr.Dataset]
    compile_here: Callable[[], None] | None = field(default=None, kw_only=True)
    block: int = field(default=BLOCK, kw_only=True)
