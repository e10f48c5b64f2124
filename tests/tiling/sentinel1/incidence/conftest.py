"""Real orbits over real tiles, and the ground in heights that are made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.geometry.lattices import ground_lattice
from tiling.sentinel1.incidence.looks import look_lattice
from tiling.sentinel1.products.annotations import read_annotation
from workbench.rasters.tilegrid import tile_grid


def annotation_of(folder: Path):
    return read_annotation(sorted((folder / "annotation").glob("*.xml"))[-1])


@pytest.fixture(scope="session")
def annotations(full_product, relief_product, older_products):
    """Annotations by the end of the products' names."""
    folders = {"5371": full_product, "ECC8": relief_product, **older_products}
    return {name: annotation_of(folder) for name, folder in folders.items()}


@pytest.fixture(scope="session")
def model(annotations):
    return image_model(annotations["5371"])


@pytest.fixture(scope="session")
def grid():
    """A tile in the middle of the product of processor 3.40."""
    return tile_grid("33TUG")


@pytest.fixture(scope="session")
def ground(grid):
    return ground_lattice(grid)


@pytest.fixture(scope="session")
def looks(ground, model):
    return look_lattice(ground, model.orbit)


def rough(rows, cols):
    """Heights at any rows and columns of a tile, hills of 200 m to 5 km and up to 2.4 km high."""
    rows, cols = np.asarray(rows, float)[:, None], np.asarray(cols, float)[None]
    hills = 900 * (1 + np.sin(rows / 160) * np.cos(cols / 130 + 1))
    hills = hills + 60 * np.sin(rows / 23 + cols / 31) + 8 * np.sin(rows / 5.1) * np.cos(cols / 4)
    return (hills + 300).astype(np.float32)


def rough_window(window, halo=1):
    grown = window.grown(halo)
    return rough(np.arange(*grown.rows), np.arange(*grown.cols))
