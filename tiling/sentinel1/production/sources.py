"""Where the pixels of a tile come from: images put on it, and what corrects them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.production.jobs import TileJobs
from tiling.sentinel1.production.settings import Settings
from tiling.sentinel1.products.safefolders import Image
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from workbench.rasters.planes import Plane

__all__ = ["CalibratedImage", "Corrected", "OnTile", "images_on_tile"]

Powers = npt.NDArray[np.float32]


class OnTile(NamedTuple):
    """An image on a tile.

    Attributes
    ----------
    product
        Its name.
    source
        Gives its pixels on the tile block by block.
    description
        What a report says of it.
    orbit_source
        The orbit file, or ``annotation``.
    """

    product: str
    source: Any
    description: dict[str, Any]
    orbit_source: str


def images_on_tile(job: TileJobs) -> list[OnTile]:
    """Return the images of a job, in the order of time."""
    from tiling.sentinel1.geocoding.tiles import TileJob
    from tiling.sentinel1.radiometry.margins import margins
    from workbench.rasters.tilegrid import tile_grid

    settings = job.settings
    grid = tile_grid(job.tile, settings.resolution)
    found = []
    for number, (folder, orbit) in enumerate(zip(job.folders, job.orbits, strict=True)):
        image = Image(folder, job.acquired.polarisation)
        prepared = job.calibrated[number] if job.calibrated else None
        one = TileJob(
            image,
            job.tile,
            grid,
            job.surface,
            kind=settings.quantity,  # type: ignore[arg-type,unused-ignore]
            remove_noise=settings.remove_noise,
            lower=settings.lower,
            method=settings.method,
            srgr=settings.srgr,
            grid_correction=settings.grid_correction,
            exact=settings.exact,
            orbit_file=orbit,
            margins=None if prepared else margins(image, settings.cut),
            step=settings.step,
        )
        source = one if prepared is None else CalibratedImage(one, prepared)
        name = "annotation" if orbit is None else orbit.name
        found.append(OnTile(folder.name.removesuffix(".SAFE"), source, _description(one), name))
    return found


def _description(job: Any) -> dict[str, Any]:
    """Return what a report says of an image, with what is left at the points of its own product."""
    from tiling.sentinel1.geometry.reports import residual_report

    told = {name: value for name, value in job.description().items() if name != "heights"}
    cut = job.margins
    if cut is not None:
        told["margins"] = {side: getattr(cut, side) for side in ("top", "bottom", "left", "right")}
    return {**told, **residual_report(job.image.annotation, job.model)}


@dataclass(frozen=True)
class CalibratedImage:
    """An image on a tile whose pixels have been calibrated and written before.

    Attributes
    ----------
    job
        Knows the places (`tiling.sentinel1.geocoding.tiles.TileJob`).
    path
        Linear power in the geometry of the image, 0 where there is none.
    """

    job: Any
    path: Path

    def block(self, window: Window) -> Powers:
        """Return the pixels (rows, cols) of a window of the tile, those of `job` to the bit."""
        from tiling.sentinel1.geocoding.blocks import image_window, resampled

        if not self.job.may_meet(window):
            return np.zeros(window.shape, np.float32)
        lines, pixels = self.job.places(window)
        shape = self.job.image.annotation.shape
        needed = image_window(lines, pixels, shape)
        if needed is None:
            return np.zeros(window.shape, np.float32)
        powers = self._plane.pixels(needed)
        return resampled(powers, needed, shape, lines, pixels, self.job.method)

    @cached_property
    def _plane(self) -> Plane:
        from workbench.rasters.rasterfiles import open_raster

        return open_raster(self.path, georeferenced=False, dtypes="f").plane()


@dataclass(frozen=True)
class Corrected:
    """Beta nought on a tile, corrected by a map of the terrain.

    Attributes
    ----------
    source
        Beta nought.
    path
        Sines of the local incidence angle, or areas, on the same pixels.
    settings
        Tell which.
    """

    source: Any
    path: Path
    settings: Settings

    def block(self, window: Window) -> Powers:
        """Return the pixels (rows, cols) of a window."""
        from tiling.sentinel1.incidence.normalisation import gamma_naught, normlim

        settings = self.settings
        beta, terrain = self.source.block(window), self._terrain.block(window)
        if settings.calibration == "normlim":
            return normlim(beta, terrain, settings.lower)
        return gamma_naught(beta, terrain, settings.lower, factor=settings.factor)

    @cached_property
    def _terrain(self) -> Any:
        from tiling.sentinel1.outputs.encodings import encoding
        from tiling.sentinel1.outputs.rasters import TileFile

        settings = self.settings
        if settings.calibration == "normlim":
            kind, nodata = "lia_sin", settings.nodata.get("LIA")
        else:
            kind, nodata = "gamma_area", None
        given = settings.creation_options.get(kind)
        return TileFile(self.path, encoding(kind, given, nodata=nodata, cog=settings.cog))
