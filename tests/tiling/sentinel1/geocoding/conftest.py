"""A real product with pixels: noise in some parts of the image, nothing elsewhere."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window as Part

from tiling.sentinel1.geocoding.kept import forget
from tiling.sentinel1.products.safefolders import Image


@dataclass(frozen=True)
class Hills:
    """A surface of waves, each some kilometres long."""

    least: float = 0.0
    most: float = 1500.0

    def at(self, longitudes, latitudes):
        middle, half = (self.least + self.most) / 2, (self.most - self.least) / 2
        return (middle + half * np.sin(60 * longitudes) * np.cos(90 * latitudes)).astype(np.float32)

    def over(self, lattice, window):
        return self.at(*lattice.places(window)), None

    def description(self) -> dict[str, Any]:
        return {"geoid_file": "hills.gtx"}


@pytest.fixture
def hills():
    """Hills of up to 1500 m."""
    return Hills()


@pytest.fixture
def flat():
    """`flat(height)`: a plain."""
    return lambda height: Hills(height, height)


@pytest.fixture(autouse=True)
def _nothing_kept():
    forget()
    yield
    forget()


@pytest.fixture(scope="session")
def with_pixels(full_product, tmp_path_factory):
    """`with_pixels({(line, pixel): numbers, …})`: the full product with these uint16 in it."""

    def make(parts, source=full_product, polarisation="vv") -> Image:
        folder = tmp_path_factory.mktemp("safe") / source.name
        copied = shutil.ignore_patterns("*.tiff")
        shutil.copytree(source, folder, copy_function=shutil.copyfile, ignore=copied)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)
        image = Image(folder, polarisation)
        path = Path(image.path("measurement"))
        path.parent.mkdir(exist_ok=True)
        height, width = image.annotation.shape
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(
                path, "w", driver="GTiff", height=height, width=width, count=1, dtype="uint16",
                SPARSE_OK="TRUE",
            ) as file:  # fmt: skip
                for (line, pixel), numbers in parts.items():
                    file.write(numbers, 1, window=Part(pixel, line, *numbers.shape[::-1]))
        return Image(folder, polarisation)

    return make
