"""Cubes to be written."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from pyproj import CRS

from workbench.openeo.cubes import Cube, Dimension

DIMENSIONS = {
    "t": Dimension("temporal"),
    "bands": Dimension("bands"),
    "y": Dimension("spatial", "y", -10.0),
    "x": Dimension("spatial", "x", 10.0),
}
TIMES = ["2024-05-01", "2024-05-03T10:30", "2024-05-03T11:00"]


@pytest.fixture
def make():
    """`make(bands=, times=, height=, width=, chunks=)`: a cube with one NaN in each image."""

    def made(bands=2, times=TIMES, height=30, width=40, chunks=None, kind="float32"):
        shape = (len(times), bands, height, width)
        values = np.arange(np.prod(shape)).reshape(shape).astype(kind)
        if values.dtype.kind == "f":
            values[..., 2, 3] = np.nan
        coords = {
            "t": np.array(times, "datetime64[ns]"),
            "bands": [f"B{n:02d}" for n in range(2, 2 + bands)],
            "y": 5_000_000 - 5 - 10.0 * np.arange(height),
            "x": 500_005 + 10.0 * np.arange(width),
        }
        array = xr.DataArray(values, coords, tuple(DIMENSIONS))
        if chunks is not None:
            array = array.chunk(chunks)
        return Cube(array, DIMENSIONS, CRS("EPSG:32632"))

    return made


@pytest.fixture
def points():
    """A vector cube: two points, two dates."""
    import shapely

    shapes = np.empty(2, object)
    shapes[:] = shapely.points([[500_000, 5_000_000], [501_000, 5_001_000]])
    coords = {"geometry": shapes, "t": np.array(["2024-01-01", "2024-02-01"], "datetime64[ns]")}
    array = xr.DataArray(np.array([[1.5, np.nan], [3.0, 4.0]]), coords, ("geometry", "t"))
    dimensions = {"geometry": Dimension("geometry"), "t": Dimension("temporal")}
    return Cube(array, dimensions, CRS("EPSG:32632"))
