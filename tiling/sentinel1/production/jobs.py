"""What a step works on: paths, numbers and names, light enough to be sent to a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tiling.sentinel1.production.settings import Settings

__all__ = ["ImageJob", "IncidenceJob", "ItemJob", "MadeFrom", "TileJobs"]


@dataclass(frozen=True)
class ImageJob:
    """An image to be calibrated and cut in its own geometry.

    Attributes
    ----------
    folder, polarisation
        The image.
    target
        The file.
    """

    folder: Path
    polarisation: str
    settings: Settings
    target: Path

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the products."""
        return (self.folder.name.removesuffix(".SAFE"),)


@dataclass(frozen=True)
class TileJobs:
    """Images of one pass and polarisation that are to be put on a tile.

    Attributes
    ----------
    tile
        Its name.
    folders
        SAFE folders, in the order of time.
    acquired
        What they are together (`tiling.sentinel1.outputs.acquisitions.Acquisition`).
    surface
        Heights of the tile (`tiling.sentinel1.heights.surfaces.Surface`).
    orbits
        Orbit file of each image; None for the vectors of its annotation.
    target, report
        The file, and what is said of its geometry.
    calibrated
        Files of calibrated images to start from; empty to start from the products.
    corrector
        Map of the terrain that corrects the tile; None for none.
    """

    tile: str
    folders: tuple[Path, ...]
    acquired: Any
    settings: Settings
    surface: Any
    orbits: tuple[Path | None, ...]
    target: Path
    report: Path
    calibrated: tuple[Path, ...] = ()
    corrector: Path | None = None

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the products."""
        return tuple(folder.name.removesuffix(".SAFE") for folder in self.folders)


@dataclass(frozen=True)
class IncidenceJob:
    """A map of the terrain of a tile, as seen from a relative orbit.

    Attributes
    ----------
    candidates
        SAFE folders of that orbit, one of which is chosen, with their orbit files.
    targets
        The files by what they show, such as ``sin_LIA``, ``GAMMA_AREA``, ``LAYOVER_SHADOW``.
    beside
        The tile that a mask belongs to, whose tags it has; None for maps.
    """

    tile: str
    candidates: tuple[tuple[Path, Path | None], ...]
    acquired: Any
    settings: Settings
    surface: Any
    targets: Mapping[str, Path] = field(hash=False)
    beside: Path | None = None

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the products."""
        return tuple(folder.name.removesuffix(".SAFE") for folder, _ in self.candidates)


@dataclass(frozen=True)
class MadeFrom:
    """A file that is made from a finished tile: its mask, without speckle, its quicklook."""

    source: Path
    settings: Settings
    target: Path


@dataclass(frozen=True)
class ItemJob:
    """The description of a tile and the files that belong to it, as a STAC item.

    Attributes
    ----------
    measured, stop
        Outline of its images in degrees, and when the last ends.
    """

    tile: str
    acquired: Any
    files: Mapping[str, Path] = field(hash=False)
    settings: Settings
    target: Path
    measured: Any
    stop: Any
