"""Products of both sensors over a small simulated landscape."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from efast.sentinel3.sampleproducts import write_syn
from workbench.sentinel2.landscape import Scene
from workbench.sentinel2.sampleproducts import write_safe

BANDS = ("B02", "B03", "B04", "B8A")
PERIOD = ("2022-03-01", "2022-04-01")


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
