"""What a process keeps from one block to the next: images, their geometry, lattices, calibrations.

Blocks of a tile are tasks of their own. Reading a product and solving a lattice takes longer than
a block, so both are done once in each process. What is kept is found again by its content (the
geometry of both polarisations is one), and the oldest gives way.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from tiling.sentinel1.geometry.imagemodels import ImageModel, image_model
from tiling.sentinel1.geometry.lattices import (
    GroundLattice,
    ImageLattice,
    ground_lattice,
    image_lattice,
)
from tiling.sentinel1.geometry.slantranges import RangeMode
from tiling.sentinel1.products.annotations import Annotation
from tiling.sentinel1.products.manifests import MANIFEST
from tiling.sentinel1.products.orbitfiles import orbit_vectors
from tiling.sentinel1.products.safefolders import Image
from tiling.sentinel1.radiometry.calibration import Calibration, Kind, calibration

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = [
    "Kept",
    "forget",
    "kept_calibration",
    "kept_ground",
    "kept_image",
    "kept_lattice",
    "kept_model",
]

T = TypeVar("T")


class Kept(Generic[T]):
    """A few values by their keys; each is made once, also where threads ask at the same time.

    Parameters
    ----------
    most
        Values that are kept; the one not asked for longest gives way.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = RLock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of a key, made if there is none; what raises is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            value = self._values[key] = make()
            while len(self._values) > self._most:
                self._values.popitem(last=False)
            return value

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._values.clear()


# Megabytes of one on a tile of 10 m: image 0.1, model 1, ground 2, lattice 8, calibration 11.
_images: Kept[Image] = Kept(16)
_models: Kept[ImageModel] = Kept(16)
_grounds: Kept[GroundLattice] = Kept(4)
_lattices: Kept[ImageLattice] = Kept(4)
_calibrations: Kept[Calibration] = Kept(4)


def forget() -> None:
    """Keep nothing any more."""
    for kept in (_images, _models, _grounds, _lattices, _calibrations):
        kept.clear()


def kept_image(image: Image) -> Image:
    """Return the image with whatever this process has read of it; anew if its manifest is new."""
    return _images.get(_image_key(image), lambda: Image(image.folder, image.polarisation))


def kept_calibration(image: Image, kind: Kind, remove_noise: bool, lower: float) -> Calibration:
    """Return the calibration of an image; see `calibration`."""
    return _calibrations.get(
        (_image_key(image), kind, remove_noise, lower),
        lambda: calibration(image, kind, remove_noise=remove_noise, lower=lower),
    )


def kept_model(
    annotation: Annotation, orbit_file: Path | None, mode: RangeMode, correct: bool
) -> ImageModel:
    """Return the geometry of an image; see `image_model`, and `orbit_vectors` for the file."""

    def make() -> ImageModel:
        vectors = None if orbit_file is None else orbit_vectors(orbit_file, annotation)
        return image_model(annotation, vectors=vectors, mode=mode, correct=correct)

    return _models.get(_model_key(annotation, orbit_file, mode, correct), make)


def kept_ground(grid: GeoBox, step: int | None) -> GroundLattice:
    """Return the lattice of a grid; see `ground_lattice`."""
    return _grounds.get((grid, step), lambda: ground_lattice(grid, step))


def kept_lattice(
    annotation: Annotation,
    orbit_file: Path | None,
    mode: RangeMode,
    correct: bool,
    grid: GeoBox,
    step: int | None,
    heights: tuple[float, float],
) -> ImageLattice:
    """Return the places of an image on the lattice of a grid; see `image_lattice`."""

    def make() -> ImageLattice:
        model = kept_model(annotation, orbit_file, mode, correct)
        return image_lattice(model, kept_ground(grid, step), heights)

    key = _model_key(annotation, orbit_file, mode, correct)
    return _lattices.get((key, grid, step, heights), make)


def _image_key(image: Image) -> Hashable:
    return image.folder, image.polarisation, _stamp(image.folder / MANIFEST)


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file is written anew; None of one that is missing."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _model_key(
    annotation: Annotation, orbit_file: Path | None, mode: RangeMode, correct: bool
) -> Hashable:
    orbit = None if orbit_file is None else (orbit_file, _stamp(orbit_file))
    return _digest(annotation), orbit, mode, correct


def _digest(annotation: Annotation) -> str:
    """Return a name for the geometry that an annotation says, whatever the polarisation."""
    digest = hashlib.blake2b(digest_size=16)
    single = (
        annotation.platform, annotation.first_line, annotation.last_line,
        annotation.line_interval, annotation.pixel_spacing, annotation.shape,
        annotation.vectors.source,
    )  # fmt: skip
    digest.update(repr(single).encode())
    for part in (annotation.vectors, annotation.ranges, annotation.grid):
        for value in vars(part).values():
            if isinstance(value, np.ndarray):
                digest.update(repr(value.shape).encode())
                digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
