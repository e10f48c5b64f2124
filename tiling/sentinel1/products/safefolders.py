"""Products in their original folders (SAFE): what is in them, and the images that they hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.products.annotations import Annotation, read_annotation
from tiling.sentinel1.products.manifests import Manifest, Role, read_manifest
from tiling.sentinel1.products.radiometrictables import (
    NoiseTables,
    Quantity,
    TableRow,
    read_calibration,
    read_noise,
)
from workbench.errors import BadFile
from workbench.rasters.planes import Plane
from workbench.rasters.rasterfiles import open_raster

__all__ = ["Image", "open_image", "processor_version"]

_SOFTWARE = re.compile(r"Sentinel-1 IPF\s+(\d+(?:\.\d+)*)")


@dataclass(frozen=True)
class Image:
    """One polarisation of a product; its parts are read when they are asked for.

    Cheap to send to a worker: it carries a path.

    Attributes
    ----------
    folder
        The SAFE folder.
    polarisation
        Such as ``vv``.
    """

    folder: Path
    polarisation: str

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what was read of it."""
        return {"folder": self.folder, "polarisation": self.polarisation}

    @cached_property
    def manifest(self) -> Manifest:
        """What the manifest says."""
        return read_manifest(self.folder)

    @cached_property
    def annotation(self) -> Annotation:
        """Timing, orbit, ranges, geolocation grid."""
        return read_annotation(self.path("annotation"))

    @cached_property
    def noise(self) -> NoiseTables:
        """The tables of thermal noise."""
        return read_noise(self.path("noise"))

    @cached_property
    def measurement(self) -> Plane:
        """The pixels, uint16, 0 where nothing was measured.

        Raises
        ------
        CorruptedDataSAFEError
            If the file is missing or damaged, or has not the shape that is annotated.
        """
        path = self.path("measurement")
        try:
            file = open_raster(path, georeferenced=False, dtypes="u")
        except BadFile as reason:
            raise CorruptedDataSAFEError(path, str(reason).removeprefix(f"{path}: ")) from reason
        if file.shape != self.annotation.shape:
            raise CorruptedDataSAFEError(
                path, f"{file.shape} lines and samples, not {self.annotation.shape} as annotated"
            )
        return file.plane()

    @cached_property
    def processor(self) -> tuple[int, ...]:
        """Version of the processor, such as ``(3, 40)``; empty if nothing says it."""
        path = self.path("measurement")
        try:
            tags = open_raster(path, georeferenced=False, dtypes="u").tags
        except BadFile:
            tags = {}
        found = _SOFTWARE.search(tags.get("TIFFTAG_SOFTWARE", ""))
        return processor_version(found[1] if found else self.manifest.processor)

    def calibration(self, quantity: Quantity) -> tuple[TableRow, ...]:
        """Return the table of a calibration."""
        return read_calibration(self.path("calibration"), quantity)

    def path(self, role: Role) -> Path:
        """Return the file that has a role.

        Raises
        ------
        CorruptedDataSAFEError
            If the product has none of this polarisation.
        """
        found = self.manifest.files.get((role, self.polarisation))
        if found is None:
            raise CorruptedDataSAFEError(
                self.folder, f"its manifest lists no {role} of {self.polarisation}"
            )
        return found[0]


def open_image(folder: str | Path, polarisation: str) -> Image:
    """Return the image of a polarisation, having looked that its files are there.

    Raises
    ------
    CorruptedDataSAFEError
        If manifest, annotation, calibration or measurement is missing.
    """
    image = Image(Path(folder), polarisation.lower())
    for role in ("annotation", "calibration", "measurement"):
        if not image.path(role).is_file():
            raise CorruptedDataSAFEError(image.path(role), "no such file")
    return image


def processor_version(text: str) -> tuple[int, ...]:
    """Return a version such as ``003.40`` as numbers, ``(3, 40)``; empty for no version."""
    parts = text.strip().split(".")
    return tuple(map(int, parts)) if text and all(part.isdigit() for part in parts) else ()
