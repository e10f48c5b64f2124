"""Real ABI files, simulated ones by the shared writer, and domains to look at."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox


@pytest.fixture(scope="session")
def abi_files(shared_data: Path) -> dict[str, Path]:
    """The real files, by product and band."""
    return {
        path.name.split("-")[2] + "-" + path.name.split("_")[1][-3:]: path
        for path in sorted((shared_data / "scenes").glob("OR_ABI*.nc"))
    }


@pytest.fixture(scope="session")
def write_abi(shared_data: Path) -> Callable[..., Path]:
    """`write(folder, band, ...)` of the shared writer of simulated files."""
    spec: Any = importlib.util.spec_from_file_location(
        "synth_abi", shared_data / "scenes" / "synth_abi.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda folder, band, **options: Path(module.write(str(folder), band, **options))


@pytest.fixture(scope="session")
def domain() -> Callable[..., GeoBox]:
    """`domain(lat, lon, kilometres, resolution)`: the grid of a square domain, y ascending."""

    def make(lat: float, lon: float, side: float = 300, resolution: float = 2000) -> GeoBox:
        crs = CRS(f"+proj=laea +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m")
        count, half = round(side * 1000 / resolution), side * 500
        return GeoBox((count, count), Affine(resolution, 0, -half, 0, resolution, -half), crs)

    return make


SIZES = {1: (10848, 800), 2: (21696, 1600), 3: (10848, 800), 13: (5424, 400)}


@pytest.fixture(scope="session")
def bands(
    write_abi: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Path]:
    """One simulated scan of bands 1, 2, 3 and 13: 800 km north-west of the middle, by day."""
    folder = tmp_path_factory.mktemp("scan")
    files = {}
    for band, (_, count) in SIZES.items():
        first = count * 5  # 2000 pixels of 2 km from the left, 1600 from the top
        window = (first, count * 4, count, count)
        files[band] = write_abi(folder, band, win=window)
    return files
