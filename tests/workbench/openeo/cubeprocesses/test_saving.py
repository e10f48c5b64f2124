"""save_result: what is put on the list of the run, and what is refused."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import rasterio
import xarray as xr
from pyproj import CRS

from workbench.openeo.cubeprocesses.saving import save_result
from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.declarations import Process
from workbench.openeo.errors import OpenEOError
from workbench.openeo.formats import write
from workbench.openeo.graphs.executor import Evaluation, execute
from workbench.openeo.registry import Offer

DIMENSIONS = {
    "t": Dimension("temporal"),
    "y": Dimension("spatial", "y", -10.0),
    "x": Dimension("spatial", "x", 10.0),
}


@pytest.fixture
def cube():
    values = da.from_array(
        np.arange(2 * 4 * 5, dtype=np.float32).reshape(2, 4, 5), chunks=(1, 2, 5)
    )
    coords = {
        "t": np.array(["2024-01-01", "2024-01-09"], "datetime64[ns]"),
        "y": 5_000_000 - 10.0 * np.arange(4),
        "x": 500_000 + 10.0 * np.arange(5),
    }
    return Cube(xr.DataArray(values, coords, tuple(DIMENSIONS)), DIMENSIONS, CRS("EPSG:32632"))


def offer(cube):
    source = {"id": "source", "parameters": [], "returns": {"schema": {}}}
    return Offer(backend={"source": Process(source, lambda: cube), "save_result": save_result})


def graph(**arguments):
    return {
        "a": {"process_id": "source", "arguments": {}},
        "b": {
            "process_id": "save_result",
            "arguments": {"data": {"from_node": "a"}, **arguments},
            "result": True,
        },
    }


def test_it_is_put_on_the_list_and_stays_lazy(cube, tmp_path):
    run = Evaluation()
    found = execute(graph(format="gtiff"), offer(cube), run=run)
    (saved,) = run.saved
    assert saved.data is cube
    assert (saved.format, saved.options["filename_prefix"]) == ("GTiff", "openEO")
    assert found["type"] == "Feature"
    assert found["properties"]["start_datetime"] == "2024-01-01T00:00:00Z"
    assert found["bbox"] == pytest.approx([9.0, 45.15, 9.0, 45.15], abs=0.01)
    assert found["assets"] == {}
    assert list(tmp_path.iterdir()) == []
    assets = write(saved.data, saved.format, saved.options, tmp_path)
    assert [asset.path.name for asset in assets] == [
        "openEO_2024-01-01Z.tif",
        "openEO_2024-01-09Z.tif",
    ]
    with rasterio.open(assets[1].path) as file:
        assert np.array_equal(file.read(1), cube.array[1].values)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ({"format": "Shapefile"}, "FormatUnsuitable", "only netCDF"),
        ({"format": "PNG", "options": {"scale": 2}}, "ProcessParameterInvalid", "no 'scale'"),
        ({}, "ProcessParameterRequired", "format"),
    ],
)
def test_what_is_refused(cube, arguments, code, words):
    run = Evaluation()
    with pytest.raises(OpenEOError, match=words) as caught:
        execute(graph(**arguments), offer(cube), run=run)
    assert caught.value.code == code
    assert run.saved == []


def test_what_a_format_cannot_hold(cube):
    run = Evaluation()
    empty = cube.with_array(cube.array[:0])
    with pytest.raises(OpenEOError) as caught:
        save_result(run, empty, "netCDF", {})
    assert caught.value.code == "DataCubeEmpty"
    series = cube.with_array(cube.array.mean(("y", "x")))
    with pytest.raises(OpenEOError) as caught:
        save_result(run, series, "COG", {})
    assert caught.value.code == "FormatUnsuitable"
    found = save_result(run, series, "JSON", None)
    assert (found["type"], len(run.saved)) == ("Collection", 1)
