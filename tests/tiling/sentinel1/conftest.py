"""Real products without pixels: five annotations of processors 2.36 to 3.40."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

FULL = "S1B_IW_GRDH_1SDV_20211223T051122_20211223T051147_030148_039993_5371.SAFE"
RELIEF = "S1B_IW_GRDH_1SDV_20210401T052623_20210401T052648_026269_032297_ECC8.SAFE"


@pytest.fixture(scope="session")
def sentinel1_data(shared_data) -> Path:
    """The folder of real Sentinel-1 files."""
    return shared_data / "sentinel1"


@pytest.fixture(scope="session")
def full_product(sentinel1_data) -> Path:
    """A product of processor 3.40 with all its metadata; every pixel is 0."""
    return sentinel1_data / FULL


@pytest.fixture(scope="session")
def relief_product(sentinel1_data) -> Path:
    """A product of processor 3.31 over the Alps, without calibration; every pixel is 1."""
    return sentinel1_data / RELIEF


@pytest.fixture(scope="session")
def older_products(sentinel1_data, tmp_path_factory) -> dict[str, Path]:
    """Products of processors 2.36 and 2.70 without measurement, by the end of their names."""
    folder = tmp_path_factory.mktemp("older")
    for path in sorted((sentinel1_data / "older").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
    return {path.stem[-4:]: path for path in folder.glob("*.SAFE")}


@pytest.fixture(scope="session")
def sentinel1_sample(tmp_path_factory) -> Path:
    """The folder of the simulated sample; to be read, not changed."""
    from tiling.sentinel1.sample import write_sample

    return write_sample(tmp_path_factory.mktemp("sentinel1") / "sample").parent
