"""Elevation models that the tests write, and a plain surface to compare with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from affine import Affine

PER_DEGREE = 60  # pixels in a degree of the small models of tests; real ones have 3600


@pytest.fixture(scope="session")
def egm96(sentinel1_data) -> Path:
    """The EGM96 grid."""
    return sentinel1_data / "egm96.gtx"


def relief(longitudes, latitudes):
    """Return heights that any two models agree on: hills of some hundred metres."""
    return 500 + 300 * np.sin(7 * longitudes) * np.cos(5 * latitudes) + 40 * latitudes


def name(south, west, kind="Copernicus_DSM_COG_10"):
    north, east = "NS"[south < 0], "EW"[west < 0]
    return f"{kind}_{north}{abs(south):02d}_00_{east}{abs(west):03d}_00_DEM.tif"


def write_cell(folder, south, west, *, steps=(1, 1), heights=relief, path=None, **options):
    """Write a cell as Copernicus does: the first pixel centres lie on the north-west corner.

    `steps` are minutes between rows and columns.
    """
    down, across = (step / PER_DEGREE for step in steps)
    shape = (round(1 / down), round(1 / across))
    x = west + np.arange(shape[1]) * across
    y = south + 1 - np.arange(shape[0]) * down
    values = heights(*np.meshgrid(x, y))
    transform = Affine(across, 0, west - across / 2, 0, -down, south + 1 + down / 2)
    path = folder / name(south, west) if path is None else path
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", width=shape[1], height=shape[0], count=1,
        dtype=options.pop("dtype", "float32"), crs=options.pop("crs", "EPSG:4326"),
        transform=transform, tiled=True, blockxsize=32, blockysize=32, **options,
    ) as file:  # fmt: skip
        file.write(values.astype(file.dtypes[0]), 1)
    return path


def write_hgt(folder, south, west, *, side=1201, heights=relief):
    """Write a cell as SRTM does: pixel centres on both edges, big-endian."""
    x, y = west + np.linspace(0, 1, side), south + 1 - np.linspace(0, 1, side)
    north, east = "NS"[south < 0], "EW"[west < 0]
    path = folder / f"{north}{abs(south):02d}{east}{abs(west):03d}.hgt"
    np.round(heights(*np.meshgrid(x, y))).astype(">i2").tofile(path)
    return path


def write_gtx(path, undulation, *, step=1.0, south=-90.0, west=-180.0, shape=(181, 360)):
    """Write a geoid grid from a function of longitude and latitude."""
    x, y = west + np.arange(shape[1]) * step, south + np.arange(shape[0]) * step
    head = np.array([south, west, step, step], ">f8").tobytes()
    values = np.broadcast_to(undulation(*np.meshgrid(x, y)), shape)
    path.write_bytes(head + np.array(shape, ">i4").tobytes() + values.astype(">f4").tobytes())
    return path


class PlainGrid:
    """Bilinear heights of one continuous grid, in the slow and obvious way."""

    def __init__(self, west, north, steps, values):
        self.west, self.north, self.steps, self.values = west, north, steps, values

    def at(self, x, y):
        row, col = (self.north - y) / self.steps[0], (x - self.west) / self.steps[1]
        i, j = int(np.floor(row)), int(np.floor(col))
        a, b = row - i, col - j
        v = self.values
        return (
            (1 - a) * (1 - b) * v[i, j] + (1 - a) * b * v[i, j + 1]
            + a * (1 - b) * v[i + 1, j] + a * b * v[i + 1, j + 1]
        )  # fmt: skip


@pytest.fixture(scope="session")
def models():
    """What writes models and geoids, and the plain grid to compare with."""
    return SimpleNamespace(
        relief=relief, name=name, cell=write_cell, hgt=write_hgt, gtx=write_gtx, PlainGrid=PlainGrid
    )
