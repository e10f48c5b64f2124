"""Dimensions and their labels: what is added, dropped, renamed, flattened and trimmed."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from workbench.openeo.cubeprocesses import dimensions
from workbench.openeo.cubes import BandTraits, Cube, Dimension
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import execute
from workbench.openeo.values import is_lazy

BANDS = {"B04": BandTraits("red", 0.665), "B08": BandTraits("nir", 0.842)}
DIMENSIONS = {
    "t": Dimension("temporal"),
    "bands": Dimension("bands", bands=BANDS),
    "y": Dimension("spatial", "y", -10.0),
    "x": Dimension("spatial", "x", 10.0),
}
COORDS = {
    "t": np.array(["2024-01-01T10:00", "2024-01-03", "2024-01-04"], "datetime64[ns]"),
    "bands": ["B04", "B08"],
    "y": [25.0, 15.0, 5.0],
    "x": [105.0, 115.0],
}


def made(values=None, chunks=None):
    if values is None:
        values = np.arange(36, dtype=np.float32).reshape(3, 2, 3, 2)
    data = values if chunks is None else da.from_array(values, chunks=chunks)
    return Cube(xr.DataArray(data, COORDS, tuple(DIMENSIONS)), DIMENSIONS, CRS("EPSG:32632"))


def of_one(labels, kind="other", **more):
    """Return a cube of one dimension, `d`."""
    array = xr.DataArray(np.arange(len(labels), dtype=np.float32), {"d": labels}, ("d",))
    return Cube(array, {"d": Dimension(kind, **more)})


@pytest.fixture(params=["in memory", "on Dask"])
def cube(request):
    return made(chunks=None if request.param == "in memory" else 1)


def run(process, **arguments):
    """Execute a graph of one node, whose arguments are parameters."""
    node = {
        "process_id": process,
        "arguments": {name: {"from_parameter": name} for name in arguments},
        "result": True,
    }
    return execute({"node": node}, given=arguments)


def fails(code, process, /, match=None, **arguments):
    with pytest.raises(OpenEOError, match=match) as caught:
        run(process, **arguments)
    assert caught.value.code == code
    assert caught.value.path == "node"


def same_laziness(found, cube):
    assert is_lazy(found.array.data) == is_lazy(cube.array.data)


def test_a_cube_from_nothing():
    cube = run("create_data_cube")
    assert cube.dimensions == {}
    assert cube.array.shape == ()
    assert np.isnan(cube.array.values)
    cube = run("add_dimension", data=cube, name="b", label="B1", type="bands")
    assert (cube.labels("b"), cube.dimensions) == (["B1"], {"b": Dimension("bands")})


@pytest.mark.parametrize(
    ("label", "kind", "expected", "dtype"),
    [
        ("B1", "bands", "B1", "U"),
        (1, "other", 1, "i"),
        (2.5, "other", 2.5, "f"),
        ("2020-01-01", "temporal", "2020-01-01T00:00:00Z", "M"),
        ("2020-01-01T02:00:00.250+02:00", "temporal", "2020-01-01T00:00:00.250Z", "M"),
        ("2020-spring", "temporal", "2020-spring", "U"),
        ("0001-01-01", "temporal", "0001-01-01", "U"),
        ("POINT (1 2)", "geometry", "POINT (1 2)", "O"),
        (7, "spatial", 7, "i"),
        ("low", "spatial", "low", "U"),
    ],
)
def test_add_a_dimension(cube, label, kind, expected, dtype):
    found = run("add_dimension", data=cube, name="new", label=label, type=kind)
    assert found.labels("new") == [expected]
    assert found.array["new"].dtype.kind == dtype
    axis = "z" if kind == "spatial" else None
    assert found.dimensions == {"new": Dimension(kind, axis), **cube.dimensions}
    np.testing.assert_array_equal(found.array.isel(new=0).values, cube.array.values)
    assert found.crs == cube.crs
    same_laziness(found, cube)


def test_added_dimensions_take_the_first_free_axis():
    cube = run("create_data_cube")
    for axis in "xyz":
        cube = run("add_dimension", data=cube, name=f"d{axis}", label=1, type="spatial")
        assert cube.axis(axis) == f"d{axis}"
    assert cube.array["dx"].dtype == float
    fails("DimensionExists", "add_dimension", data=cube, name="w", label=1, type="spatial")


def test_what_cannot_be_added(cube):
    fails("DimensionExists", "add_dimension", data=cube, name="t", label=1, match="'t'")
    empty = run("create_data_cube")
    given = {"data": empty, "name": "x", "label": "here", "type": "spatial"}
    fails("ProcessParameterInvalid", "add_dimension", match="numbers", **given)
    for label in ("nowhere", 1):
        given = {"data": empty, "name": "g", "label": label, "type": "geometry"}
        fails("ProcessParameterInvalid", "add_dimension", match="no geometry", **given)


@pytest.mark.parametrize("name", ["array", "self", "data", "", "indexers", "a b"])
def test_names_are_free(name):
    cube = run("add_dimension", data=made(), name=name, label="l")
    cube = run("rename_labels", data=cube, dimension=name, source=["l"], target=["m"])
    assert run("dimension_labels", data=cube, dimension=name) == ["m"]
    assert run("trim_cube", data=cube).array.dims == cube.array.dims
    cube = run("rename_dimension", data=cube, source=name, target="other")
    assert list(run("drop_dimension", data=cube, name="other").dimensions) == list(DIMENSIONS)


def test_a_crs_goes_with_the_last_dimension_that_lies_in_it(cube):
    one = cube.with_array(cube.array.isel(x=[0], y=[0]))
    assert one.crs is not None
    without_x = run("drop_dimension", data=one, name="x")
    assert without_x.crs == one.crs
    assert run("drop_dimension", data=without_x, name="y").crs is None


def test_drop_a_dimension(cube):
    one = cube.with_array(cube.array.isel(bands=[1]))
    found = run("drop_dimension", data=one, name="bands")
    assert list(found.dimensions) == ["t", "y", "x"]
    np.testing.assert_array_equal(found.array.values, cube.array.isel(bands=1).values)
    same_laziness(found, cube)
    fails("DimensionLabelCountMismatch", "drop_dimension", data=cube, name="bands", match="2 lab")
    fails("DimensionNotAvailable", "drop_dimension", data=cube, name="b", match="only t, bands")
    none = cube.with_array(cube.array.isel(bands=slice(0)))
    fails("DimensionLabelCountMismatch", "drop_dimension", data=none, name="bands", match="0 lab")


def test_labels(cube):
    times = ["2024-01-01T10:00:00Z", "2024-01-03T00:00:00Z", "2024-01-04T00:00:00Z"]
    assert run("dimension_labels", data=cube, dimension="t") == times
    assert run("dimension_labels", data=cube, dimension="bands") == ["B04", "B08"]
    assert run("dimension_labels", data=cube, dimension="x") == [105.0, 115.0]
    fails("DimensionNotAvailable", "dimension_labels", data=cube, dimension="z")


def test_rename_a_dimension(cube):
    found = run("rename_dimension", data=cube, source="x", target="lon")
    assert list(found.dimensions) == ["t", "bands", "y", "lon"]
    assert found.dimensions["lon"] == cube.dimensions["x"]
    assert found.geobox() == cube.geobox()
    found = run("rename_dimension", data=cube, source="bands", target="b")
    assert found.dimensions["b"].bands == BANDS
    same_laziness(found, cube)
    fails("DimensionNotAvailable", "rename_dimension", data=cube, source="b", target="c")
    for target in ("t", "x"):
        fails("DimensionExists", "rename_dimension", data=cube, source="t", target=target)


def test_rename_labels(cube):
    names = {"source": ["B08", "B04"], "target": ["near", "red"]}
    found = run("rename_labels", data=cube, dimension="bands", **names)
    assert found.labels("bands") == ["red", "near"]
    assert found.dimensions["bands"].bands == {"red": BANDS["B04"], "near": BANDS["B08"]}
    np.testing.assert_array_equal(found.array.values, cube.array.values)
    same_laziness(found, cube)
    part = run("rename_labels", data=cube, dimension="bands", source=["B08"], target=[8])
    assert part.labels("bands") == ["B04", 8]
    assert part.array.sel(bands=8).equals(part.array.isel(bands=1))


def test_rename_enumerated_labels():
    enumerated = of_one([0, 1, 2])
    found = run("rename_labels", data=enumerated, dimension="d", target=["a", "b", "c"])
    assert found.labels("d") == ["a", "b", "c"]
    found = run("rename_labels", data=enumerated, dimension="d", target=["a"])
    assert found.labels("d") == ["a", 1, 2]
    target = {"dimension": "d", "target": ["a", "b", "c", "d"]}
    fails("LabelMismatch", "rename_labels", data=enumerated, **target)
    for labels in (["0", "1", "2"], [1, 2, 3], [0, 2, 1], [0, 1, 2.5]):
        fails("LabelsNotEnumerated", "rename_labels", data=of_one(labels), **target)


def test_rename_times():
    days = np.array(["2024-01-01", "2024-01-02"], "datetime64[ns]")
    cube = of_one(days, "temporal")
    one = {"dimension": "d", "source": ["2024-01-02"], "target": ["2025-01-01"]}
    found = run("rename_labels", data=cube, **one)
    assert found.array["d"].dtype.kind == "M"
    assert found.labels("d") == ["2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"]
    one["target"] = ["later"]
    found = run("rename_labels", data=cube, **one)
    assert found.labels("d") == ["2024-01-01T00:00:00Z", "later"]
    one["target"] = ["2024-01-01"]
    fails("LabelExists", "rename_labels", data=cube, **one)


@pytest.mark.parametrize(
    ("source", "target", "code"),
    [
        (["B04"], ["a", "b"], "LabelMismatch"),
        (["B04", "B08"], ["a"], "LabelMismatch"),
        (["B01"], ["a"], "LabelNotAvailable"),
        ([4], ["a"], "LabelNotAvailable"),
        (["B04"], ["B08"], "LabelExists"),
        (["B04"], ["B04"], "LabelExists"),
        (["B04", "B08"], ["B08", "B04"], "LabelExists"),
        (["B04", "B08"], [1, 1.0], "LabelExists"),
        (["B04", "B08"], ["a", "a"], "ProcessParameterInvalid"),
        ([], ["a", "b"], "LabelsNotEnumerated"),
    ],
)
def test_labels_that_cannot_be_renamed(source, target, code):
    fails(code, "rename_labels", data=made(), dimension="bands", source=source, target=target)


def test_pixels_stay_on_a_grid():
    cube = made()
    found = run("rename_labels", data=cube, dimension="x", source=[105, 115], target=[1005, 1015])
    assert found.geobox().boundingbox.left == 1000
    for target in (["a", "b"], [1005, 1025], [1015, 1005]):
        names = {"dimension": "x", "source": [105, 115], "target": target}
        fails("ProcessParameterInvalid", "rename_labels", data=cube, match="steps", **names)
    missing = {"dimension": "z", "source": [1], "target": [2]}
    fails("DimensionNotAvailable", "rename_labels", data=cube, match="'z'", **missing)


def test_the_example_of_the_definitions():
    coords = {"A": [2020, 2021], "B": ["B1", "B2"]}
    array = xr.DataArray(np.array([[1.0, 2.0], [3.0, 4.0]]), coords, ("A", "B"))
    cube = Cube(array, {"A": Dimension("other"), "B": Dimension("bands")})
    flat = run("flatten_dimensions", data=cube, dimensions=["A", "B"], target_dimension="X")
    assert flat.labels("X") == ["2020~B1", "2020~B2", "2021~B1", "2021~B2"]
    assert flat.array.values.tolist() == [1, 2, 3, 4]
    again = run("unflatten_dimension", data=flat, dimension="X", target_dimensions=["A", "B"])
    assert (again.labels("A"), again.labels("B")) == (["2020", "2021"], ["B1", "B2"])
    assert again.array.values.tolist() == [[1, 2], [3, 4]]
    assert again.dimensions == {"A": Dimension("other"), "B": Dimension("other")}


def test_flatten_and_back(cube):
    names = ["bands", "t"]
    flat = run(
        "flatten_dimensions",
        data=cube,
        dimensions=names,
        target_dimension="X",
        label_separator=" at ",
    )
    assert list(flat.dimensions) == ["X", "y", "x"]
    assert flat.labels("X")[1] == "B04 at 2024-01-03T00:00:00Z"
    for place, (band, day) in enumerate(np.ndindex(2, 3)):
        one = cube.array.isel(bands=band, t=day)
        np.testing.assert_array_equal(flat.array.isel(X=place).values, one.values)
    assert flat.geobox() == cube.geobox()
    same_laziness(flat, cube)
    again = run(
        "unflatten_dimension",
        data=flat.with_array(flat.array.isel(X=[5, 0, 3, 1, 4, 2])),
        dimension="X",
        target_dimensions=["b", "d"],
        label_separator=" at ",
    )
    assert again.labels("b") == ["B08", "B04"]
    assert again.labels("d")[0] == "2024-01-04T00:00:00Z"
    expected = cube.array.isel(bands=[1, 0], t=[2, 0, 1]).transpose("bands", "t", "y", "x")
    np.testing.assert_array_equal(again.array.values, expected.values)
    same_laziness(again, cube)


def test_flatten_pixels_and_one_dimension(cube):
    flat = run("flatten_dimensions", data=cube, dimensions=["y", "x"], target_dimension="p")
    assert flat.labels("p")[:2] == ["25~105", "25~115"]
    assert not flat.is_raster
    flat = run("flatten_dimensions", data=cube, dimensions=["x"], target_dimension="p")
    assert flat.labels("p") == ["105", "115"]
    none = cube.with_array(cube.array.isel(t=slice(0)))
    flat = run("flatten_dimensions", data=none, dimensions=["t", "x"], target_dimension="p")
    assert flat.array.shape == (0, 2, 3)
    again = run("unflatten_dimension", data=flat, dimension="p", target_dimensions=["a", "b"])
    assert again.array.shape == (0, 0, 2, 3)


def test_what_cannot_be_flattened(monkeypatch):
    cube = made()
    to = {"data": cube, "target_dimension": "X"}
    fails("DimensionNotAvailable", "flatten_dimensions", dimensions=["t", "z"], **to)
    fails("ProcessParameterInvalid", "flatten_dimensions", dimensions=[], match="none", **to)
    for target in ("x", "t"):
        fails(
            "TargetDimensionExists",
            "flatten_dimensions",
            data=cube,
            dimensions=["t"],
            target_dimension=target,
        )
    coords = {"a": ["1", "1~2"], "b": ["2~3", "3"]}
    alike = Cube(
        xr.DataArray(np.zeros((2, 2)), coords, ("a", "b")), dict.fromkeys("ab", Dimension("other"))
    )
    given = {"data": alike, "dimensions": ["a", "b"], "target_dimension": "X"}
    fails("ProcessParameterInvalid", "flatten_dimensions", match="equal", **given)
    monkeypatch.setattr(dimensions, "MOST_LABELS", 5)
    fails(
        "ProcessParameterInvalid", "flatten_dimensions", dimensions=["y", "x"], match="6 lab", **to
    )


@pytest.mark.parametrize(
    ("labels", "code", "match"),
    [
        (["a~b", "c"], "ProcessParameterInvalid", "'c' has 1 parts"),
        (["a~b", "c~d~e"], "ProcessParameterInvalid", "has 3 parts"),
        (["a~b", "a~c", "b~b"], "ProcessParameterInvalid", "all combinations"),
        (["a~b", "a~b"], "ProcessParameterInvalid", "all combinations"),
        ([1.0], "ProcessParameterInvalid", "has 1 parts"),
    ],
)
def test_what_cannot_be_unflattened(labels, code, match):
    given = {"data": of_one(labels), "dimension": "d", "target_dimensions": ["a", "b"]}
    fails(code, "unflatten_dimension", match=match, **given)


def test_names_when_unflattening():
    cube = of_one(["a~b"])
    fails("DimensionNotAvailable", "unflatten_dimension", data=cube, dimension="e",
          target_dimensions=["a", "b"])  # fmt: skip
    fails("TargetDimensionExists", "unflatten_dimension", data=cube, dimension="d",
          target_dimensions=["a", "d"])  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 3), min_size=2, max_size=4),
    seed=st.randoms(use_true_random=False),
    lazy=st.booleans(),
)
def test_unflatten_undoes_flatten(sizes, seed, lazy):
    names = [f"d{i}" for i in range(len(sizes))]
    values = np.arange(np.prod(sizes), dtype=float).reshape(sizes)
    coords = {n: [f"{n}{j}" for j in range(size)] for n, size in zip(names, sizes, strict=True)}
    array = xr.DataArray(da.from_array(values, chunks=2) if lazy else values, coords, names)
    cube = Cube(array, dict.fromkeys(names, Dimension("other")))
    some = seed.sample(names, seed.randint(2, len(names)))
    flat = run("flatten_dimensions", data=cube, dimensions=some, target_dimension="X")
    again = run("unflatten_dimension", data=flat, dimension="X", target_dimensions=some)
    assert list(again.dimensions) == some + [name for name in names if name not in some]
    xr.testing.assert_equal(again.array.transpose(*names).compute(), array.compute())


def test_trim(cube):
    values = made().array.values.copy()
    values[1], values[:, 0], values[:, :, 1], values[..., 0] = np.nan, np.nan, np.nan, np.nan
    small = run("trim_cube", data=made(values, 1 if is_lazy(cube.array.data) else None))
    assert small.labels("t") == [cube.labels("t")[0], cube.labels("t")[2]]
    assert small.labels("bands") == ["B08"]
    assert small.labels("y") == [25.0, 15.0, 5.0]
    assert small.labels("x") == [115.0]
    np.testing.assert_array_equal(small.array.values, values[[0, 2]][:, 1:, :, 1:])
    assert small.dimensions == cube.dimensions
    assert small.geobox().boundingbox.left == 110
    same_laziness(small, cube)


def test_trim_leaves_equal_steps_of_time():
    days = np.array(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"], "datetime64[ns]")
    for labels, kept in ((days, [1, 2, 3]), (days + np.array([0, 0, 5, 9], "m8[h]"), [1, 3])):
        array = xr.DataArray([np.nan, 1, np.nan, 2], {"d": labels}, ("d",))
        found = run("trim_cube", data=Cube(array, {"d": Dimension("temporal")}))
        np.testing.assert_array_equal(found.array["d"].values, labels[kept])


def test_trim_without_nulls_or_with_nothing_else():
    cube = made(np.zeros((3, 2, 3, 2), np.int16))
    assert run("trim_cube", data=cube) is cube
    empty = run("trim_cube", data=made(np.full((3, 2, 3, 2), np.nan)))
    assert empty.array.shape == (0, 0, 0, 0)
    assert run("trim_cube", data=empty).array.shape == (0, 0, 0, 0)
    nothing = run("create_data_cube")
    assert run("trim_cube", data=nothing) is nothing


def test_trim_keeps_the_size_of_a_single_pixel():
    kinds = {"y": Dimension("spatial", "y"), "x": Dimension("spatial", "x")}
    coords = {"y": [25.0, 15.0], "x": [5.0, 15.0]}
    array = xr.DataArray([[np.nan, 1], [np.nan, np.nan]], coords, ("y", "x"))
    found = run("trim_cube", data=Cube(array, kinds, CRS("EPSG:32632")))
    assert found.array.shape == (1, 1)
    assert tuple(found.geobox().boundingbox) == (10, 20, 20, 30)


def test_geometries_as_labels():
    shapes = np.empty(2, object)
    shapes[:] = [shapely.Point(1, 2), shapely.Point(3, 4)]
    cube = of_one(shapes, "geometry")
    assert run("dimension_labels", data=cube, dimension="d") == ["POINT (1 2)", "POINT (3 4)"]
    found = run("rename_labels", data=cube, dimension="d", source=["POINT (3 4)"],
                target=["POINT (5 6)"])  # fmt: skip
    assert found.array["d"].values[1] == shapely.Point(5, 6)
    assert found.array["d"].values[0] == shapely.Point(1, 2)
