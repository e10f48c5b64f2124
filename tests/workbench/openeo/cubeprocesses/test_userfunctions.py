"""run_udf: labels, callbacks, blocks, plain values, errors."""

from __future__ import annotations

import dask
import numpy as np
import pytest
import shapely
import xarray as xr
from pyproj import CRS

from workbench.openeo.cubeprocesses.userfunctions import run_udf
from workbench.openeo.cubes import Cube, Dimension, Surroundings
from workbench.openeo.errors import OpenEOError
from workbench.openeo.formats import write
from workbench.openeo.graphs.executor import Evaluation
from workbench.openeo.udfs import Limits, Runtimes
from workbench.openeo.values import LabelledArray, PixelArray

DIMENSIONS = {
    "t": Dimension("temporal"),
    "bands": Dimension("bands"),
    "y": Dimension("spatial", "y", -10.0),
    "x": Dimension("spatial", "x", 10.0),
}
SIZES = (3, 2, 20, 30)

# One code for all tests, as each code has a process of its own; the context says what it does.
CODE = """
import xarray
import numpy as np

def apply_datacube(cube: xarray.DataArray, context: dict) -> xarray.DataArray:
    print("saw", cube.dims, cube.shape)
    step = context.get("step")
    if step == "mean":
        return cube.mean("t") + cube.x + 2 * cube.y
    if step == "new":
        found = xarray.concat([cube.min("t"), cube.max("t")], "kind").astype("float32")
        return found.assign_coords(kind=["low", "high"]).transpose("x", "kind", "y", "bands")
    if step == "bare":
        return xarray.DataArray(cube.values * 2, dims=cube.dims)
    if step == "finer":
        return cube.isel(x=slice(None, None, 2))
    if step == "days":
        days = (cube["t"] - np.datetime64("2024-01-01")) / np.timedelta64(1, "D")
        return cube * 0 + days
    if step == "sum":
        return cube.sum(("y", "x"))
    if step == "shape":
        return cube.isel(t=slice(0, cube.sizes["x"] % 2 + 1))
    if step == "fail":
        raise ValueError("no such thing")
    return cube
"""


@pytest.fixture(scope="module")
def runtimes():
    found = Runtimes(Limits(seconds=30, memory=1 << 30))
    yield found
    found.close()


@pytest.fixture
def run(runtimes):
    return Evaluation(context={"udfs": runtimes})


@pytest.fixture
def cube():
    values = np.arange(np.prod(SIZES), dtype=np.float32).reshape(SIZES)
    values[0, 0, 5, 5] = np.nan
    coords = {
        "t": np.array(["2024-01-01", "2024-01-05", "2024-02-01"], "datetime64[ns]"),
        "bands": ["B04", "B08"],
        "y": 100 - 10.0 * np.arange(20),
        "x": 10.0 * np.arange(30),
    }
    return Cube(xr.DataArray(values, coords, tuple(DIMENSIONS)), DIMENSIONS, CRS("EPSG:32632"))


def lazy(cube):
    return cube.with_array(cube.array.chunk({"t": 1, "bands": 1, "y": 7, "x": 11}))


def called(run, data, step="", code=CODE, version=None):
    return run_udf(run, data, code, "Python", version, {"step": step})


@pytest.mark.parametrize("step", ["", "mean", "new", "bare", "days"])
def test_blocks_give_what_the_whole_gives(run, cube, step):
    whole, blocks = called(run, cube, step), called(run, lazy(cube), step)
    assert dask.is_dask_collection(blocks.array)
    assert blocks.dimensions == whole.dimensions
    assert blocks.array.dtype == whole.array.dtype
    xr.testing.assert_identical(blocks.array.compute(), whole.array)
    values = cube.array
    if step == "mean":
        expected = values.mean("t") + values.x + 2 * values.y
        xr.testing.assert_allclose(whole.array, expected)
        assert list(whole.dimensions) == ["bands", "y", "x"]
    elif step == "new":
        assert whole.dimensions["kind"] == Dimension("other")
        assert whole.labels("kind") == ["low", "high"]
        assert np.array_equal(
            whole.array.sel(kind="high").T,
            values.max("t").transpose("bands", "y", "x"),
            equal_nan=True,
        )
    elif step == "bare":
        xr.testing.assert_identical(whole.array, values * 2)
        assert whole.dimensions == cube.dimensions
    elif step == "days":
        assert whole.array.isel(x=1, y=1, bands=0).values.tolist() == [0, 4, 31]
    assert whole.crs == cube.crs


def test_what_does_not_keep_pixels_is_run_whole(run, cube):
    finer = called(run, lazy(cube), "finer")
    assert finer.array.sizes["x"] == 15
    assert finer.dimensions["x"] == Dimension("spatial", "x", 20.0)
    total = called(run, lazy(cube), "sum")
    xr.testing.assert_allclose(total.array, cube.array.sum(("y", "x")))
    assert total.crs is None


def test_a_block_of_another_shape_is_an_error(run, cube):
    found = called(run, lazy(cube), "shape")  # 8 columns on the small block, 11 later
    with pytest.raises(OpenEOError, match="another shape") as caught:
        found.array.compute()
    assert caught.value.code == "ProcessParameterInvalid"


@pytest.mark.parametrize("make", [lambda cube: cube, lazy])
def test_callbacks_know_the_labels(run, cube, make):
    given = make(cube)
    with run.inside(Surroundings(given, "t")):
        found = called(run, given.along("t"), "days")
    assert isinstance(found, Cube)
    assert list(found.dimensions) == list(DIMENSIONS)
    assert found.array.isel(x=1, y=1, bands=0).values.tolist() == [0, 4, 31]
    with run.inside(Surroundings(given, "t")):
        found = called(run, given.along("t"), "mean")
    assert list(found.dimensions) == ["bands", "y", "x"]
    with run.inside(Surroundings(given, None)):
        found = called(run, given.array.data, "bare")
    xr.testing.assert_identical(found.array.compute(), cube.array * 2)
    with run.inside(Surroundings(given, "t")):  # two elements of the array: no longer the times
        found = called(run, PixelArray(given.array.data[:2]), "")
    assert found.dimensions["t"] == Dimension("other")
    assert found.labels("t") == [0, 1]
    with run.inside(Surroundings(given, "t")):
        first = called(run, given.array.data[0], "")
    assert list(first.dimensions) == ["bands", "y", "x"]


def test_pixels_of_another_cube_are_refused(run, cube):
    with pytest.raises(OpenEOError, match="without the cube"):
        called(run, cube.along("t"))
    with run.inside(Surroundings(cube, "t")):
        with pytest.raises(OpenEOError, match="not those of the cube"):
            called(run, np.zeros((2, 3)))


def test_the_code_prints_into_the_log(run, cube):
    called(run, cube)
    (entry,) = run.log.entries
    assert entry.level == "info"
    assert entry.message == "saw ('t', 'bands', 'y', 'x') (3, 2, 20, 30)"


def test_errors_name_the_line(run, cube):
    with pytest.raises(OpenEOError) as caught:
        called(run, cube, "fail")
    assert caught.value.code == "ProcessParameterInvalid"
    words = str(caught.value)
    assert "ValueError: no such thing" in words
    assert 'in apply_datacube: raise ValueError("no such thing")' in words
    assert "It printed: saw ('t'" in words
    assert "run_code.py" not in words, "nothing of the server's own files"


GENERIC = """
from openeo.udf import UdfData, StructuredData
def f(data: UdfData):
    if data.get_structured_data_list():
        given = data.get_structured_data_list()[0].data
        data.set_structured_data_list([StructuredData({"got": given, "more": data.user_context})])
    elif data.get_feature_collection_list():
        frame = data.get_feature_collection_list()[0].data
        cube = data.get_datacube_list()[0].get_array()
        data.set_structured_data_list([StructuredData(
            [frame.geometry.x.tolist(), str(frame.crs.to_epsg()), cube.values.tolist()])])
    else:
        cube = data.get_datacube_list()[0].get_array()
        data.set_structured_data_list([StructuredData([float(cube.max()), data.proj])])
"""


def test_plain_values_and_structured_data(run, cube):
    for given, seen in [
        ([1, None, "a"], [1, None, "a"]),
        (3.5, 3.5),
        ({"a": [1]}, {"a": [1]}),
        (LabelledArray([1, 2], ["a", "b"]), {"a": 1, "b": 2}),
        (None, None),
    ]:
        found = run_udf(run, given, GENERIC, "python", "3", {"k": 1})
        assert found == {"got": seen, "more": {"k": 1}}
    expected = [float(cube.array.max()), {"EPSG": 32632}]
    for given in (cube, lazy(cube)):
        assert run_udf(run, given, GENERIC, "Python", None, {}) == expected


def test_vector_cubes_come_with_their_geometries(run):
    shapes = np.empty(2, object)
    shapes[:] = shapely.points([[1, 2], [3, 4]])
    array = xr.DataArray([1.5, 2.5], {"geometry": shapes}, ("geometry",))
    vector = Cube(array, {"geometry": Dimension("geometry")}, CRS("EPSG:4326"))
    found = run_udf(run, vector, GENERIC, "Python", None, {})
    assert found == [[1.0, 3.0], "4326", [1.5, 2.5]]
    back = called(run, vector)
    assert back.dimensions == vector.dimensions
    assert back.array["geometry"].values.tolist() == shapes.tolist()


class Remote:
    def read(self, url, most):
        assert most >= 1 << 20
        if url.endswith("bad.py"):
            return b"\xff\xfe"
        return CODE.encode()


def test_code_from_the_web(runtimes, cube):
    run = Evaluation(context={"udfs": runtimes, "remote": Remote()})
    found = called(run, cube, "bare", code="https://example.org/code.py")
    assert float(found.array[0, 0, 0, 1]) == 2
    with pytest.raises(OpenEOError, match="no text in UTF-8"):
        called(run, cube, code="https://example.org/bad.py")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((CODE, "R", None, {}), "InvalidRuntime", "no 'R', only Python"),
        ((CODE, "Python", "2.7", {}), "InvalidVersion", "no '2.7'"),
        (("code.py", "Python", None, {}), "FileNotFound", "no workspaces"),
        (("my folder/code.py", "Python", None, {}), "FileNotFound", "no workspaces"),
        (
            ("def run(x: return x", "Python", None, {}),
            "ProcessParameterInvalid",
            "SyntaxError: .*\nline 1: def run",
        ),
        (("x = = 3", "Python", None, {}), "ProcessParameterInvalid", "SyntaxError.*\nline 1: x ="),
        (
            ("x = 3\ny = = 3\n", "Python", None, {}),
            "ProcessParameterInvalid",
            "SyntaxError.*\nline 2: y =",
        ),
        (("import os", "Python", None, {}), "ProcessParameterInvalid", "No UDF found"),
        (("https://e.org/a.py", "Python", None, {}), "ProcessParameterInvalid", "fetched"),
        (("#\n" + "x" * (1 << 20), "Python", None, {}), "ProcessParameterInvalid", "characters"),
        ((CODE, "Python", None, {"a": object()}), "ProcessParameterInvalid", "cannot be given"),
    ],
)
def test_what_is_refused(run, cube, arguments, code, words):
    with pytest.raises(OpenEOError, match=words) as caught:
        run_udf(run, cube, *arguments)
    assert caught.value.code == code


def test_it_is_off_unless_asked_for(cube):
    with pytest.raises(OpenEOError, match="Code of users is not run here") as caught:
        called(Evaluation(), cube)
    assert caught.value.code == "FeatureUnsupported"


def test_a_cube_that_is_too_large_for_one_call(cube):
    small = Evaluation(context={"udfs": Runtimes(Limits(memory=1000))})
    with pytest.raises(OpenEOError, match="filter it"):
        called(small, cube)


@pytest.mark.cluster
def test_blocks_on_workers_and_files_of_them(runtimes, run, cube, client, tmp_path):
    """Workers start processes of their own; what they compute is written here."""
    found = called(run, lazy(cube), "days")
    (asset, *_) = write(found, "netCDF", {}, tmp_path)
    with xr.open_dataset(asset.path) as file:
        expected = (cube.array * 0 + np.array([0, 4, 31])[:, None, None, None]).sel(bands="B04")
        assert np.array_equal(file["B04"], expected, equal_nan=True)
    failing = called(run, lazy(cube), "shape")
    with pytest.raises(OpenEOError, match="another shape"):
        failing.array.compute()
