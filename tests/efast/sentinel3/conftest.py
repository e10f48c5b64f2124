"""Small SYN products over a small landscape, and a real one made complete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

from efast.sentinel3.sampleproducts import write_syn
from efast.sentinel3.simulatedswaths import SimulatedSwath

FINE = GeoBox((180, 240), Affine(10, 0, 500_000, 0, -10, 1_600_000), "EPSG:32628")
SWATH = SimulatedSwath(rows=21, columns=23)
BANDS = ["B02", "B03", "B04", "B8A"]


def landscape(values: Any) -> xr.DataArray:
    """Label true reflectance on the fine grid, (band, y, x)."""
    whole = np.broadcast_to(np.asarray(values, np.float32), (4, *FINE.shape)).copy()
    coords = {**xr_coords(FINE, always_yx=True), "band": BANDS}
    return xr.DataArray(whole, coords, ("band", "y", "x"))


@pytest.fixture(scope="session")
def fine_grid() -> GeoBox:
    """The grid of the landscape: 6 by 8 cells of 300 m."""
    return FINE


@pytest.fixture(scope="session")
def swath() -> SimulatedSwath:
    return SWATH


@pytest.fixture(scope="session")
def smooth() -> xr.DataArray:
    """A landscape that varies smoothly, otherwise in each band."""
    y, x = np.mgrid[: FINE.shape[0], : FINE.shape[1]]
    wave = np.sin(x / 70) * np.cos(y / 50)
    return landscape(np.stack([0.1 + 0.05 * band + 0.03 * wave for band in range(4)]))


@pytest.fixture(scope="session")
def flat() -> xr.DataArray:
    """One reflectance in each band."""
    return landscape(np.array([0.05, 0.08, 0.1234, 0.4])[:, None, None])


@pytest.fixture
def write(tmp_path: Path, smooth: xr.DataArray) -> Callable[..., Path]:
    """`write(time, folder=, truth=, **of write_syn)`: the folder of a product, clear by default."""

    def make(
        time: str = "2023-06-01T10:00:00",
        folder: Path | None = None,
        truth: xr.DataArray | None = None,
        **options: Any,
    ) -> Path:
        chosen = {"swath": SWATH, "cover": 0.0, "noise": 0.0} | options
        paths = write_syn(
            folder or tmp_path / "S3", time, smooth if truth is None else truth, **chosen
        )
        return paths[0].parent

    return make


@pytest.fixture
def edit() -> Callable[[Path], Any]:
    """`with edit(path) as file:` opens a netCDF file to be changed, unscaled."""
    import netCDF4

    def opened(path: Path) -> Any:
        file = netCDF4.Dataset(path, "r+")
        file.set_auto_maskandscale(False)
        return file

    return opened
