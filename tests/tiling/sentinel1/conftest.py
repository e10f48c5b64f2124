"""Real products without pixels: five annotations of processors 2.36 to 3.40; a configuration."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
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


Sections = dict[str, dict[str, str | None]]

GOOD: Sections = {
    "Paths": {
        "output": "{folder}/out",
        "s1_images": "{folder}/raw",
        "dem_dir": "{folder}/dem",
        "tmp": "{folder}/tmp",
        "geoid_file": "{folder}/egm96.gtx",
    },
    "DataSource": {
        "download": "False",
        "roi_by_tiles": "ALL",
        "polarisation": "VV-VH",
        "first_date": "2021-12-01",
        "last_date": "2021-12-31",
    },
    "Mask": {"generate_border_mask": "True"},
    "Processing": {
        "calibration": "sigma",
        "remove_thermal_noise": "True",
        "output_spatial_resolution": "10.",
        "orthorectification_gridspacing": "40",
        "orthorectification_interpolation_method": "linear",
        "tiles": "33TTG, 33TUG",
        "nb_parallel_processes": "2",
        "ram_per_process": "4096",
        "nb_otb_threads": "1",
    },
}


@pytest.fixture
def config_file(tmp_path: Path) -> Callable[..., Path]:
    """`config_file({"Paths.tmp": "…", "Mask.x": None})`: the good file with changes; None takes
    an option away."""

    def write(changes: dict[str, str | None] | None = None, *, head: str = "") -> Path:
        sections = {name: dict(options) for name, options in GOOD.items()}
        for title, value in (changes or {}).items():
            section, _, name = title.partition(".")
            sections.setdefault(section, {})[name] = value
        lines = [head]
        for section, options in sections.items():
            lines.append(f"[{section}]")
            for name, value in options.items():
                if value is not None:
                    lines.append(f"{name} : {value.replace('{folder}', str(tmp_path))}")
        path = tmp_path / "S1Processor.cfg"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def sentinel1_sample(tmp_path_factory) -> Path:
    """The folder of the simulated sample; to be read, not changed."""
    from tiling.sentinel1.sample import write_sample

    return write_sample(tmp_path_factory.mktemp("sentinel1") / "sample").parent
