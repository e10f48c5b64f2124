"""How the ground of one tile faces one orbit, block by block.

The heights that a block needs around it are asked for here. Lattices are solved once; a process
keeps one of these for all blocks of a tile.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.geometry.imagemodels import ImageModel
from tiling.sentinel1.geometry.lattices import (
    GroundLattice,
    ImageLattice,
    ground_lattice,
    image_lattice,
)
from tiling.sentinel1.incidence.angles import Vertical, level_incidence, local_incidence
from tiling.sentinel1.incidence.gammaareas import (
    LEAST,
    AreaLattice,
    area_lattice,
    area_reach,
    gamma_area,
)
from tiling.sentinel1.incidence.hiddenground import hidden_ground, hidden_reach
from tiling.sentinel1.incidence.looks import LookLattice, look_lattice
from workbench.rasters.windows import Window, windows

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["BEYOND", "FACET", "Ground", "TileIncidence"]

Floats = npt.NDArray[np.float64]
Heights = npt.NDArray[np.float32]

BEYOND = 4500.0
"""Metres; a surface reaches a little further beyond the tile that it is made for."""

FACET = 35.0
"""Metres that a facet is long at most: about the step of elevation models. Longer ones would miss
slopes that the radar sees."""

AT_ONCE = 20_000.0
"""Metres along the side of a window that is worked on at once where pixels are divided."""


class Ground(Protocol):
    """Heights of a tile above the ellipsoid, as `heights.surfaces.Surface` has them."""

    @property
    def least(self) -> float:
        """No height is below this, metres."""

    @property
    def most(self) -> float:
        """No height is above this, metres."""

    def at(self, longitudes: Floats, latitudes: Floats) -> Heights:
        """Return heights at (rows, cols) places in degrees, metres; NaN for unknown."""


@dataclass(frozen=True, eq=False)
class TileIncidence:
    """Incidence, hidden ground and areas of a tile, as one orbit sees it.

    Attributes
    ----------
    grid
        Pixels of the tile.
    model
        The geometry of the image, with its own or a precise orbit.
    surface
        Heights of the tile and so far around it.
    step
        Pixels between the nodes of lattices; None for 320 m.
    beyond
        Metres around the tile in which heights are asked for. Ground further away is taken as
        unknown: it neither hides nor adds anything.
    """

    grid: GeoBox
    model: ImageModel
    surface: Ground
    step: int | None = None
    beyond: float = BEYOND

    def __getstate__(self) -> dict[str, Any]:
        """Leave the lattices behind when it is sent to another process."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def incidence(self, window: Window) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint16]]:
        """Return sines and hundredths of degrees of a window, see `local_incidence`."""
        return local_incidence(self.looks, self.heights(window, 1), window)

    def level(
        self, window: Window, vertical: Vertical = "ellipsoid"
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint16]]:
        """Return the same as of level ground, see `level_incidence`."""
        return level_incidence(self.looks, self.heights(window, 1), window, vertical)

    def hidden(self, window: Window) -> npt.NDArray[np.uint8]:
        """Return layover and shadow of a window, see `hidden_ground`."""
        halo = hidden_reach(self.looks, self._span)
        return hidden_ground(self.looks, self.heights(window, halo), window, halo)

    def gamma_area(
        self, window: Window, least: float = LEAST, floor: float = 0.0
    ) -> npt.NDArray[np.float32]:
        """Return the areas of a window, see `gamma_area`.

        They belong to the pixels of this very image, not to another of the same orbit. Facets are
        no longer than `FACET`, however large the pixels of the tile are.
        """
        parts, fine = self._parts, self._fine
        halo = area_reach(fine.looks, self._span)
        out = np.full(window.shape, np.nan, np.float32)
        # A window of large pixels is much ground, and all of it has small facets.
        side = max(int(AT_ONCE / abs(self.grid.affine.a)), 1) if parts > 1 else max(window.shape)
        for part in windows(window.shape, side):
            finer = Window(*(
                ((first + start) * parts, (first + end) * parts)
                for (first, _), (start, end) in zip(window, part, strict=True)
            ))  # fmt: skip
            heights = fine.heights(finer, halo)
            out[part.slices] = gamma_area(
                fine.areas, fine.image, heights, finer, halo, least=least, floor=floor, every=parts
            )
        return out

    def heights(self, window: Window, halo: int) -> Heights:
        """Return heights of a window and so many pixels around it; NaN further beyond the tile."""
        around = window.grown(halo)
        found = np.full(around.shape, np.nan, np.float32)
        reach = int(self.beyond / abs(self.grid.affine.a))
        known = around.common(Window.whole(self.grid.shape).grown(max(reach, 1)))
        if known is not None:
            found[known.within(around)] = self.surface.at(*self.ground.places(known))
        return found

    @cached_property
    def ground(self) -> GroundLattice:
        """The lattice of the tile."""
        step = self.step or max(round(320 / abs(self.grid.affine.a)), 1)
        return ground_lattice(self.grid, step)

    @cached_property
    def looks(self) -> LookLattice:
        """From where the radar looks at it."""
        return look_lattice(self.ground, self.model.orbit)

    @cached_property
    def image(self) -> ImageLattice:
        """Where it lies in the image."""
        return image_lattice(self.model, self.ground, self._span)

    @cached_property
    def areas(self) -> AreaLattice:
        """Reference areas of the image."""
        return area_lattice(self.looks, self.model)

    @property
    def _parts(self) -> int:
        """Into how many parts the side of a pixel is divided, so that facets are short enough.

        An odd number: the middle of a pixel is that of one of its parts.
        """
        parts = int(np.ceil(abs(self.grid.affine.a) / FACET))
        return parts + (parts + 1) % 2

    @cached_property
    def _fine(self) -> TileIncidence:
        """The same ground on a grid that is fine enough for facets."""
        if self._parts == 1:
            return self
        from affine import Affine
        from odc.geo.geobox import GeoBox

        parts, (rows, cols) = self._parts, self.grid.shape
        finer = self.grid.affine @ Affine.scale(1 / parts)
        return replace(
            self, grid=GeoBox((rows * parts, cols * parts), finer, self.grid.crs), step=None
        )

    @property
    def _span(self) -> tuple[float, float]:
        return float(self.surface.least), float(self.surface.most)
