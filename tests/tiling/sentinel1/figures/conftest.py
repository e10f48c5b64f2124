"""A small tile with known pixels, and figures that are closed again."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
import rasterio

from workbench.rasters.tilegrid import tile_grid

mpl.use("Agg")

TILE = "32TPL"
SHAPE = (300, 400)  # rows and columns of a file that begins at the corner of the tile


@pytest.fixture(autouse=True)
def closed():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture
def write(tmp_path):
    """Write values on the pixels at the corner of the tile."""

    def made(name, values, nodata=0):
        path = tmp_path / name
        grid = tile_grid(TILE)
        with rasterio.open(
            path, "w", "GTiff", *values.shape[::-1], 1, str(grid.crs), grid.affine, values.dtype,
            nodata,
        ) as file:  # fmt: skip
            file.write(values, 1)
        return path

    return made


@pytest.fixture
def speckled():
    """Power of two even halves with speckle of 8 looks, 0 along the right edge."""
    rng = np.random.default_rng(5)
    power = rng.gamma(8, 1 / 8, SHAPE)
    power[:, 200:] *= 0.1
    power[:, 200:] *= rng.gamma(3, 1 / 3, (SHAPE[0], 200))  # much less even
    power[:, -40:] = 0
    return power.astype(np.float32)
