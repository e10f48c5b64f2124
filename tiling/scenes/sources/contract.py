"""What a source of scenes must be; plug-ins are entry points ``tiling.scenes.sources``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from tiling.scenes.meta.model import Interval, ProductType

__all__ = ["Item", "Source"]


@dataclass(frozen=True)
class Item:
    """One input of one time step: a file, or a time step of a file."""

    input: str
    """Such as ``bt_13`` or the name of a variable."""
    key: str
    """Where it lies: a path below the bucket, a path, or a path with ``#`` and the number of a time
    step; enough for `Source.open_window`, and what `scene_ids.yml` holds. Where it changes, what
    was made of it is stale."""
    start: np.datetime64
    end: np.datetime64
    size: int
    """Bytes of the file."""


@runtime_checkable
class Source(Protocol):
    """A source of scenes. Instances are small and can be pickled; they open files when asked."""

    tolerance: np.timedelta64
    """By how much the starts of the inputs of one scene may differ."""

    def inputs(self, type: ProductType) -> tuple[str, ...]:  # noqa: A002  the word of meta.yaml
        """Return the names of the inputs that a type needs; refuse what this source has not."""
        ...

    def query(self, inputs: Sequence[str], intervals: Iterable[Interval]) -> list[Item]:
        """Return all items of these inputs that start in the intervals, in order of time.

        Of several with one start the newest is returned. No interval at all means all times.
        """
        ...

    def open_window(self, item: Item, grid: GeoBox | None, pad: float = 0.1) -> xr.DataArray:
        """Return the pixels that cover a grid, and `pad` of its side around it.

        Parameters
        ----------
        grid
            Of the domain, with a CRS, y ascending; None for all pixels.

        Returns
        -------
        xarray.DataArray
            (y, x) float32 in the units of its attributes, NaN where missing, on the native grid:
            coordinates y and x in order of the file, and a coordinate that is its CF grid mapping
            (``geostationary`` with x and y in radians, ``latitude_longitude``), named by the
            attribute ``grid_mapping``; none for a plain plane in metres. Attributes: ``units``,
            ``long_name``, ``dqf_fraction`` where there are flags, ``time_coverage_start`` and
            ``time_coverage_end``.
        """
        ...

    def compose(
        self,
        type: ProductType,  # noqa: A002
        windows: Mapping[str, xr.DataArray],
        resolution: float | None,
    ) -> xr.Dataset:
        """Return what a type makes of its inputs, on native grids.

        Returns
        -------
        xarray.Dataset
            One variable an output (``bt_13``, ``truecolor_rgb`` with dims channel, y, x); several
            have dims of their own, ``y_<name>`` and ``x_<name>``, where their grids differ.
        """
        ...

    def native_resolution(self, input: str) -> float | None:  # noqa: A002
        """Return the side of a pixel at its sharpest, metres; None where files say it."""
        ...
