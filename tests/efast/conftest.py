"""Small cubes of both sensors with a known truth, and the shipped sample, written once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

from efast.sentinel3.sampleproducts import write_syn
from workbench.sentinel2.landscape import Scene
from workbench.sentinel2.sampleproducts import write_safe

RATIO = 10
SHAPE = (65, 84)  # no whole number of cells
DAY = np.timedelta64(1, "D")
BEGIN = np.datetime64("2023-06-01T10:30", "ns")

BANDS = ("B02", "B03", "B04", "B8A")
PERIOD = ("2022-03-01", "2022-04-01")


def grid(ratio=1, shape=SHAPE, corner=(500_000, 1_600_000), crs="EPSG:32628"):
    cells = tuple(-(-size // ratio) for size in shape)
    return GeoBox(cells, Affine(10 * ratio, 0, corner[0], 0, -10 * ratio, corner[1]), crs)


def labelled(values, days, bands, box):
    coords = {**xr_coords(box, always_yx=True), "time": BEGIN + np.array(days) * DAY, "band": bands}
    return xr.DataArray(values, coords, ("time", "band", "y", "x"))


def truth(day, rows, columns):
    """Reflectance that grows and wanes, a little otherwise at each place."""
    return 0.2 + 0.1 * np.sin(day / 15) + 0.05 * np.sin(rows / 40) * np.cos(columns / 30)


@pytest.fixture(scope="session")
def made():
    """What makes labelled cubes: `grid`, `labelled`, `truth`."""
    return SimpleNamespace(grid=grid, labelled=labelled, truth=truth)


@pytest.fixture(scope="session")
def cubes():
    rng = np.random.default_rng(3)
    fine_days, coarse_days = [0, 5, 11, 20, 25, 33], list(range(-6, 42, 2))
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    bands = ["B04", "B8A"]
    fine = np.stack([[truth(d + 3 * b, rows, columns) for b in range(2)] for d in fine_days])
    dn = np.round(fine * 10_000).astype(np.uint16)
    weight = np.ones((len(fine_days), *SHAPE), np.uint8)
    for image in range(1, 6):
        top, left = rng.integers(0, 50, 2)
        weight[image, top : top + 12, left : left + 15] = 0
        dn[image, :, top : top + 12, left : left + 15] = 9000
    dn[0, 1, 30:33] = 0
    image = labelled(dn, fine_days, bands, grid()).assign_attrs(scale_factor=1e-4)
    down, along = np.mgrid[:7, :9] * RATIO + RATIO / 2
    coarse = np.stack([[truth(d + 3 * b, down, along) for b in range(2)] for d in coarse_days])
    coarse[rng.random(coarse.shape) < 0.1] = np.nan
    series = labelled(coarse.astype(np.float32), coarse_days, ["Oa08", "Oa17"], grid(RATIO))
    return xr.Dataset({"reflectance": image, "weight": image[:, 0].copy(data=weight)}), series


@pytest.fixture(scope="session")
def efast_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped sample; copy before changing anything."""
    from efast.sample import write_sample

    folder = tmp_path_factory.mktemp("efast") / "sample"
    write_sample(folder)
    return folder


@pytest.fixture(scope="session")
def landscape():
    """8 by 8 cells of 300 m."""
    return Scene((240, 240), seed=3, noise=0.001, jitter=0.0)


@pytest.fixture(scope="session")
def products(tmp_path_factory, landscape):
    """Folders `fine` (six images, two of them cloudy) and `coarse` (a pass every other day)."""
    folder = tmp_path_factory.mktemp("products")
    first = np.datetime64("2022-03-01T10:52:11", "ns")
    for at, cover in zip((1, 6, 11, 16, 21, 26), (0, 0.4, 0, 0.6, 0, 0), strict=True):
        frame = landscape.observe(first + np.timedelta64(at, "D"), cover=cover)
        write_safe(folder / "S2", frame, bands=BANDS)
    for at in range(0, 31, 2):
        time = first + np.timedelta64(at * 24 - 1, "h")
        truth = landscape.truth(time)[0].sel(band=list(BANDS))
        write_syn(folder / "S3", time, truth, cover=0.2 * (at % 3), orbit=1 + at, seed=3)
    return SimpleNamespace(fine=folder / "S2", coarse=folder / "S3", period=PERIOD)


@pytest.fixture
def asked(products):
    """What every run is asked for."""
    return {"period": products.period, "interval": 10, "resolution": 20.0}
