"""The grids of ABI files: scan angles in steps of 14, 28 or 56 microradians, or degrees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tiling.scenes.domains.planes import lonlat_of, perimeter
from tiling.scenes.domains.scanangles import View, ground, scan_angles
from tiling.scenes.errors import UnusableInput
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Covering", "FixedGrid", "axis", "covering"]

Floats = npt.NDArray[np.float64]

COARSEST = 56e-6
"""Step of the pixels of 2 km at the point below the satellite, radians."""
_DECIMALS = 6  # of the radians that scale and offset are whole multiples of; float32 is off by 1 m
_EDGE_POINTS = 128  # along each side of a domain
_LATTICE = 65  # points along each side, where a part of a domain cannot be seen
_LEAST_PAD = 4  # pixels
_METRES = 2004.0  # a pixel of 56 microradians, straight below the satellite


@dataclass(frozen=True)
class FixedGrid:
    """Where the pixels of a file look: in radians, or in degrees where there is no view."""

    x_offset: float
    """Of the centres of the first column and row."""
    x_scale: float
    y_offset: float
    y_scale: float
    """Negative where rows go from north to south."""
    shape: tuple[int, int]
    """Rows, columns."""
    view: View | None
    """From where; None for a grid of longitudes and latitudes."""

    @property
    def x(self) -> Floats:
        """The centres of columns, radians or degrees."""
        return self.x_offset + self.x_scale * np.arange(self.shape[1], dtype=np.float64)

    @property
    def y(self) -> Floats:
        """The centres of rows, radians or degrees."""
        return self.y_offset + self.y_scale * np.arange(self.shape[0], dtype=np.float64)

    @property
    def unit(self) -> int:
        """Pixels in one of 2 km along each axis; 1 for pixels that are not finer."""
        if self.view is None:
            return 1
        return max(1, round(COARSEST / abs(self.x_scale)))

    def pixels(self, lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return where places lie, in rows and columns; 0 is the centre of the first pixel.

        Parameters
        ----------
        lon, lat
            Degrees, of one shape.

        Returns
        -------
        rows, cols : numpy.ndarray
            float64, also outside the file; NaN where the satellite cannot see the place.
        """
        if self.view is not None:
            x, y = scan_angles(lon, lat, self.view)
        else:
            middle = self.x_offset + self.x_scale * (self.shape[1] - 1) / 2
            x = middle + (np.asarray(lon, np.float64) - middle + 180) % 360 - 180
            y = np.asarray(lat, np.float64)
        return (y - self.y_offset) / self.y_scale, (x - self.x_offset) / self.x_scale

    def places(self) -> tuple[Floats, Floats]:
        """Return longitude and latitude (degrees) of all pixels; NaN off the Earth."""
        x, y = np.meshgrid(self.x, self.y)
        return ground(x, y, self.view) if self.view is not None else (x, y)

    def part(self, window: Window) -> FixedGrid:
        """Return the grid of a window of this one."""
        (top, _), (left, _) = window
        return replace(
            self,
            x_offset=self.x_offset + left * self.x_scale,
            y_offset=self.y_offset + top * self.y_scale,
            shape=window.shape,
        )


class Covering(NamedTuple):
    """The window of a file that covers a domain."""

    window: Window
    """Inside the file."""
    whole: bool
    """Whether all of the domain lies in the file."""


def axis(
    first: float, count: int, attrs: Mapping[str, Any], *, degrees: bool = False
) -> tuple[float, float]:
    """Return value and step of an axis of evenly spaced numbers that a file holds packed.

    Parameters
    ----------
    first
        The first number, as stored.
    count
        Numbers; for the message.
    attrs
        ``scale_factor`` and ``add_offset``, float32 in the files. Radians are whole microradians
        and rounded to them; of degrees the shortest decimal is taken.

    Raises
    ------
    UnusableInput
        E061, if they make no axis.
    """
    unpacked = []
    for name, default in (("scale_factor", 1.0), ("add_offset", 0.0)):
        stored = np.asarray(attrs.get(name, default)).reshape(-1)[0]
        unpacked.append(float(str(stored)) if degrees else round(float(stored), _DECIMALS))
    scale, offset = unpacked
    if not (np.isfinite(scale) and np.isfinite(offset) and scale != 0 and count > 0):
        raise UnusableInput("E061", f"its axis has {count} pixels in steps of {scale}")
    return offset + scale * float(first), scale


@lru_cache(maxsize=64)
def covering(source: FixedGrid, grid: GeoBox, pad: float) -> Covering | None:
    """Return the window of a file that covers a grid.

    Parameters
    ----------
    source
        Of the file.
    grid
        Of the domain, with a CRS. All of its edge is followed, since sides are bent in the image.
    pad
        Share of the sides that is added all around, at least 4 pixels and 1.5 cells of the grid:
        where cells are longer than pixels, means of blocks of pixels lie around each.

    Returns
    -------
    Covering or None
        Its edges are edges of pixels of 2 km, so that bands of one scan match; None where no pixel
        of the file lies in the domain.
    """
    rows, cols = source.pixels(*perimeter(grid, _EDGE_POINTS))
    margin = np.zeros(2)
    if not (np.isfinite(rows).all() and np.isfinite(cols).all()):  # a part lies behind the limb
        rows, cols = (places.reshape(_LATTICE, -1) for places in source.pixels(*_lattice(grid)))
        seen = np.isfinite(rows)
        if not seen.any():
            return None
        steps = [np.nanmax(np.abs(np.diff(rows, axis=way)), initial=0) for way in (0, 1)]
        steps += [np.nanmax(np.abs(np.diff(cols, axis=way)), initial=0) for way in (0, 1)]
        margin = np.array([max(steps[:2]), max(steps[2:])])
        whole = False
    else:
        whole = True
    spans = []
    for places, count, extra in zip((rows, cols), source.shape, margin, strict=True):
        # in pixels of 2 km from the outer edge, the same for all bands but for rounding
        low, high = (
            round((edge + 0.5) / source.unit, 6)
            for edge in (float(np.nanmin(places)) - extra, float(np.nanmax(places)) + extra)
        )
        units = count / source.unit
        if high <= 0 or low >= units:
            return None
        whole = whole and bool(low >= 0 and high <= units)
        more = max(pad * (high - low), _LEAST_PAD, 1.5 * abs(grid.affine.a) / _METRES)
        first, end = int(np.floor(low - more)), int(np.ceil(high + more))
        spans.append((max(first * source.unit, 0), min(end * source.unit, count)))
    return Covering(Window(spans[0], spans[1]), whole)


def _lattice(grid: GeoBox) -> tuple[Floats, Floats]:
    rows, cols = grid.shape
    u, v = np.meshgrid(np.linspace(0, cols, _LATTICE), np.linspace(0, rows, _LATTICE))
    affine: Any = grid.affine
    x, y = affine * (u.ravel(), v.ravel())
    return lonlat_of(grid, x, y)
