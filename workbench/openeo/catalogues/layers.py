"""What an image is to a catalogue: an instant, and layers that are read by windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Image", "Layer"]

Array = npt.NDArray[Any]


class Layer(Protocol):
    """One band of an image: a `workbench.rasters.planes.Plane`, or what reads as one."""

    @property
    def path(self) -> str:
        """Of the file; layers of one path are read together."""

    @property
    def grid(self) -> GeoBox | None:
        """Where its pixels are."""

    @property
    def dtype(self) -> str:
        """NumPy type of its pixels."""

    @property
    def nodata(self) -> float | None:
        """Value that is missing; NaN always is."""

    @property
    def blocks(self) -> tuple[int, int] | None:
        """Rows and columns of what is decoded at once; None if it is not known."""

    def pixels(self, window: Window) -> Array:
        """Read a window of its grid, (rows, cols); a masked array where the file has a mask."""


@dataclass(frozen=True)
class Image:
    """An image of one instant.

    Attributes
    ----------
    name
        As it is shown to users: no path of the disk.
    time
        datetime64[ns], UTC.
    layers
        By the names of bands.
    properties
        That conditions are asked of, as in STAC.
    """

    name: str
    time: np.datetime64
    layers: Mapping[str, Layer]
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def grids(self) -> list[GeoBox]:
        """The grids of its layers, each once."""
        return list(dict.fromkeys(g for layer in self.layers.values() if (g := layer.grid)))
