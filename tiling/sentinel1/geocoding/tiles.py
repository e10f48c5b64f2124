"""One image on the pixels of one tile, block by block.

A job says everything that decides the values; a block of it may be computed anywhere, alone, and in
any order. Places are anchored on the tile and calibration on the image, so the value of a pixel
does not depend on the block that it is computed in, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.geocoding.blocks import Method, calibrated, image_window, resampled
from tiling.sentinel1.geocoding.kept import (
    kept_calibration,
    kept_ground,
    kept_image,
    kept_lattice,
    kept_model,
)
from tiling.sentinel1.geometry.imagemodels import ImageModel
from tiling.sentinel1.geometry.lattices import GroundLattice, ImageLattice
from tiling.sentinel1.geometry.slantranges import RangeMode
from tiling.sentinel1.products.safefolders import Image
from tiling.sentinel1.radiometry.calibration import QUANTITIES, Kind
from workbench.errors import BadInput
from workbench.rasters.grids import transformer
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["BLOCK", "Cut", "Ground", "TileJob"]

Floats = npt.NDArray[np.float64]
Powers = npt.NDArray[np.float32]

BLOCK = 1024
"""Rows and columns of a block of 10 m pixels that is worth its reading; it needs about 50 MB."""


class Ground(Protocol):
    """Heights of a tile above the ellipsoid, as `heights.surfaces.Surface` has them."""

    @property
    def least(self) -> float:
        """No height of the tile is below this, metres."""

    @property
    def most(self) -> float:
        """No height of the tile is above this, metres."""

    def at(self, longitudes: Floats, latitudes: Floats) -> npt.NDArray[np.float32]:
        """Return heights at (rows, cols) places in degrees, metres."""

    def over(self, lattice: GroundLattice, window: Window) -> tuple[npt.NDArray[np.float32], Any]:
        """Return heights of a window of the grid of a lattice, metres, and what was counted."""

    def description(self) -> dict[str, Any]:
        """Return what a report says of the heights."""


class Cut(Protocol):
    """What removes borders from the numbers of an image, as `radiometry.margins.Margins` does."""

    def cut(self, numbers: npt.NDArray[np.uint16], window: Window) -> npt.NDArray[np.uint16]:
        """Return the numbers of a window of the image, 0 in its borders."""


@dataclass(frozen=True, eq=False)
class TileJob:
    """One polarisation of a product on a tile. Cheap to send to a worker.

    Attributes
    ----------
    image
        The image.
    tile
        Name of the tile, for reports.
    grid
        Its pixels, such as `workbench.rasters.tilegrid.tile_grid` gives them.
    surface
        Heights; they must span the whole grid, whatever block is asked for.
    kind, remove_noise, lower
        See `radiometry.calibration`.
    method
        ``bilinear``, between powers, or ``nearest``.
    srgr
        Which polynomial of ground range holds between two, ``linear`` or ``nearest``.
    grid_correction
        Whether what is left at the product's own geolocation grid is taken away; never with an
        orbit file.
    exact
        Solve every pixel by itself instead of on a lattice; fifteen times slower, the same to
        0.005 pixels.
    orbit_file
        Precise or restituted orbit; by default the orbit of the annotation.
    margins
        Borders of the image that are cut; by default none.
    step
        Pixels between the nodes of the lattice; by default 320 m.
    """

    image: Image
    tile: str
    grid: GeoBox
    surface: Ground
    kind: Kind = "sigma"
    remove_noise: bool = True
    lower: float = 1e-7
    method: Method = "bilinear"
    srgr: RangeMode = "linear"
    grid_correction: bool = True
    exact: bool = False
    orbit_file: Path | None = None
    margins: Cut | None = None
    step: int | None = None

    def __post_init__(self) -> None:
        for name, choices in (
            ("kind", tuple(QUANTITIES)),
            ("method", get_args(Method)),
            ("srgr", get_args(RangeMode)),
        ):
            if getattr(self, name) not in choices:
                raise BadInput(f"{name}={getattr(self, name)!r}: one of {', '.join(choices)}")
        if not (np.isfinite(self.lower) and self.lower > 0):
            raise BadInput(f"lower={self.lower}: a power above 0, such as 1e-7")
        if self.step is not None and self.step < 1:
            raise BadInput(f"step={self.step}: at least 1 pixel")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the tile."""
        height, width = self.grid.shape
        return height, width

    @property
    def model(self) -> ImageModel:
        """The geometry of the image; made once in a process."""
        annotation = kept_image(self.image).annotation
        return kept_model(annotation, self.orbit_file, self.srgr, self.grid_correction)

    @property
    def lattice(self) -> ImageLattice:
        """The places on the lattice of the tile; made once in a process, for all polarisations."""
        surface = self.surface
        return kept_lattice(
            kept_image(self.image).annotation, self.orbit_file, self.srgr, self.grid_correction,
            self.grid, self.step, (float(surface.least), float(surface.most)),
        )  # fmt: skip

    def places(self, window: Window) -> tuple[Floats, Floats]:
        """Return where the pixels of a window of the tile lie in the image.

        Returns
        -------
        lines, pixels
            (rows, cols) from 0; not limited to the image, NaN far beyond it.
        """
        self._check(window)
        if self.exact:
            return self._exact_places(window)
        heights, _ = self.surface.over(kept_ground(self.grid, self.step), window)
        return self.lattice.places(window, heights)

    def may_meet(self, window: Window) -> bool:
        """Tell whether pixels of a window of the tile may lie in the image; no height is needed."""
        self._check(window)
        return self.exact or self.lattice.may_meet(window)

    def block(self, window: Window) -> Powers:
        """Return the calibrated pixels of a window of the tile.

        Returns
        -------
        ndarray
            (rows, cols) float32, linear power, 0 where the image has nothing.

        Raises
        ------
        CorruptedDataSAFEError
            If something of the product is missing or damaged.
        BadOrbitFile
            If the orbit file cannot be used.
        BadInput
            If the window is not within the tile.
        """
        import rasterio

        if not self.may_meet(window):
            return np.zeros(window.shape, np.float32)
        lines, pixels = self.places(window)
        image = kept_image(self.image)
        shape = image.annotation.shape
        needed = image_window(lines, pixels, shape)
        if needed is None:
            return np.zeros(window.shape, np.float32)
        scale = kept_calibration(image, self.kind, self.remove_noise, self.lower)
        with rasterio.Env(GTIFF_DIRECT_IO="YES"):  # whole lines are not read for a part of them
            cut = None if self.margins is None else self.margins.cut
            powers = calibrated(image, scale, needed, cut)
        return resampled(powers, needed, shape, lines, pixels, self.method)

    def description(self) -> dict[str, Any]:
        """Return what a report says of the geometry and radiometry of the tile."""
        annotation = kept_image(self.image).annotation
        return {
            "product": self.image.folder.name,
            "polarisation": self.image.polarisation,
            "tile": self.tile,
            "calibration": self.kind,
            "noise_removed": self.remove_noise or annotation.thermal_noise_removed,
            "lower_signal_value": self.lower,
            "resampling": self.method,
            "exact": self.exact,
            "geometry": self.model.description(),
            "heights": self.surface.description(),
        }

    def _exact_places(self, window: Window) -> tuple[Floats, Floats]:
        affine = self.grid.affine
        rows, cols = (np.arange(*span) + 0.5 for span in window)
        longitudes, latitudes = transformer(str(self.grid.crs), "EPSG:4326").transform(
            *np.meshgrid(affine.c + affine.a * cols, affine.f + affine.e * rows)
        )
        around = kept_ground(self.grid, self.step).longitudes[0, 0]  # no jump within the tile
        longitudes = around + (np.asarray(longitudes) - around + 180) % 360 - 180
        heights = self.surface.at(longitudes, np.asarray(latitudes))
        lines, pixels = self.model.places(
            longitudes.ravel(), np.ravel(latitudes), np.ravel(heights).astype(np.float64)
        )
        return lines.reshape(window.shape), pixels.reshape(window.shape)

    def _check(self, window: Window) -> None:
        if window.common(Window.whole(self.shape)) != window:
            raise BadInput(f"{window} is not within the {self.shape} pixels of tile {self.tile}")
