"""resample_spatial and resample_cube_spatial in graphs."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from pyproj import CRS

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import execute
from workbench.openeo.space.regrids import on_grid_of, resampled
from workbench.openeo.space.warps import METHODS


def raster(rows=12, cols=9, step=10.0, crs=32632):
    values = np.random.default_rng(1).normal(0, 1, (2, rows, cols)).astype(np.float32)
    values[0, 3, 4] = np.nan
    coords = {
        "bands": ["B04", "B08"],
        "y": 5_400_000 - step * (np.arange(rows) + 0.5),
        "x": 500_000 + step * (np.arange(cols) + 0.5),
    }
    dimensions = {
        "bands": Dimension("bands"),
        "y": Dimension("spatial", "y", -step),
        "x": Dimension("spatial", "x", step),
    }
    return Cube(xr.DataArray(values, coords, tuple(coords)), dimensions, CRS(crs))


def run(name, data, target=None, **arguments):
    given = {"data": data, "target": target}
    arguments["data"] = {"from_parameter": "data"}
    if target is not None:
        arguments["target"] = {"from_parameter": "target"}
    return execute(
        {"one": {"process_id": name, "arguments": arguments, "result": True}}, given=given
    )


@pytest.mark.parametrize("method", METHODS)
def test_resample_spatial(method):
    cube = raster()
    found = run("resample_spatial", cube, resolution=20, projection=32633, method=method)
    wanted = resampled(cube, 20, 32633, method)
    xr.testing.assert_identical(found.array, wanted.array)
    assert found.crs.to_epsg() == 32633
    assert found.array.bands.values.tolist() == ["B04", "B08"]
    assert found.dimensions["bands"] == cube.dimensions["bands"]


def test_arguments_are_those_of_the_definition():
    cube = raster()
    near = run("resample_spatial", cube, resolution=[30, 40], align="lower-right")
    xr.testing.assert_identical(
        near.array, resampled(cube, [30, 40], None, "near", "lower-right").array
    )
    degrees = run("resample_spatial", cube, projection=4326)
    assert degrees.crs.to_epsg() == 4326
    wkt = run("resample_spatial", cube, projection=CRS(3035).to_wkt(), resolution=0)
    assert wkt.crs == CRS(3035)


def test_lazy_stays_lazy():
    cube = raster()
    blocks = cube.with_array(cube.array.chunk(bands=1, y=5, x=4))
    found = run("resample_spatial", blocks, resolution=7, method="cubic")
    assert isinstance(found.array.data, da.Array)
    wanted = run("resample_spatial", cube, resolution=7, method="cubic").array
    np.testing.assert_array_equal(found.array.compute(), wanted)
    found = run("resample_cube_spatial", blocks, target=raster(6, 6, 25.0), method="average")
    assert isinstance(found.array.data, da.Array)
    wanted = on_grid_of(cube, raster(6, 6, 25.0), "average").array
    np.testing.assert_array_equal(found.array.compute(), wanted)


def test_resample_cube_spatial():
    cube, target = raster(), raster(7, 8, 20.0)
    found = run("resample_cube_spatial", cube, target=target)
    assert found.array.x.values.tolist() == target.array.x.values.tolist()
    assert found.array.y.values.tolist() == target.array.y.values.tolist()
    for row in range(7):
        for col in range(8):
            inside = 2 * row + 1 < 12 and 2 * col + 1 < 9
            value = found.array.values[1, row, col]
            wanted = cube.array.values[1, 2 * row + 1, 2 * col + 1] if inside else None
            assert np.isnan(value) if wanted is None else value == wanted
    same = run("resample_cube_spatial", cube, target=cube, method="lanczos")
    assert same.array is cube.array


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "neither a resolution nor a projection"),
        ({"resolution": [0, 0]}, "neither a resolution nor a projection"),
        ({"resolution": -1}, "at least 0"),
        ({"resolution": [1]}, "elements"),
        ({"resolution": 10, "projection": 99999}, "neither an EPSG code"),
        ({"resolution": 10, "projection": "EPSG"}, "neither an EPSG code"),
        ({"resolution": 10, "projection": 4979, "method": "nearest"}, "not one of"),
        ({"resolution": 10, "align": "left"}, "not one of"),
        ({"resolution": 1e-7}, "at most 1000000 along a side"),
    ],
)
def test_what_is_wrong(arguments, words):
    with pytest.raises(OpenEOError, match=words) as caught:
        run("resample_spatial", raster(), **arguments)
    assert caught.value.code == "ProcessParameterInvalid"


def test_cubes_without_pixels_are_refused():
    cube = raster()
    flat = Cube(cube.array[:, 0, 0].drop_vars(["x", "y"]), {"bands": Dimension("bands")})
    with pytest.raises(OpenEOError, match=r"'data'.* no raster data cube"):
        run("resample_spatial", flat, resolution=10)
    with pytest.raises(OpenEOError, match=r"'target'.* no raster data cube"):
        run("resample_cube_spatial", cube, target=flat)
