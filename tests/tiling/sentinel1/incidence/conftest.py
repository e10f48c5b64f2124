"""Real orbits over real tiles; makes what the tests here share importable."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.geometry.lattices import ground_lattice
from tiling.sentinel1.incidence.looks import look_lattice
from workbench.rasters.tilegrid import tile_grid

spec = importlib.util.spec_from_file_location(
    "radarground", Path(__file__).with_name("radarground.py")
)
sys.modules["radarground"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["radarground"])


@pytest.fixture(scope="session")
def annotations(full_product, relief_product, older_products):
    """Annotations by the end of the products' names."""
    folders = {"5371": full_product, "ECC8": relief_product, **older_products}
    return {
        name: sys.modules["radarground"].annotation_of(folder) for name, folder in folders.items()
    }


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
