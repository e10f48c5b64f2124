"""aggregate_spatial, beside a loop over geometries and pixels."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import shapely
import xarray as xr
from pyproj import CRS

from workbench.openeo.cubeprocesses import zonal
from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.declarations import Process
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import Evaluation, execute
from workbench.openeo.registry import Offer, predefined

UTM = CRS("EPSG:32632")


def raster(rows=12, cols=15, missing=0.1, kind=np.float32):
    values = np.random.default_rng(2).normal(10, 3, (3, 2, rows, cols)).astype(kind)
    if missing:
        values[np.random.default_rng(4).random(values.shape) < missing] = np.nan
    coords = {
        "t": np.array(["2024-01-01", "2024-01-02", "2024-01-05"], "datetime64[ns]"),
        "bands": ["B04", "B08"],
        "y": rows - np.arange(rows) - 0.5,
        "x": np.arange(cols) + 0.5,
    }
    dimensions = {
        "t": Dimension("temporal"),
        "bands": Dimension("bands"),
        "y": Dimension("spatial", "y", -1.0),
        "x": Dimension("spatial", "x", 1.0),
    }
    return Cube(xr.DataArray(values, coords, tuple(coords)), dimensions, UTM)


def lazy(cube):
    return cube.with_array(cube.array.chunk(t=1, y=5, x=4))


def vector(shapes, name="geometry"):
    found = np.empty(len(shapes), object)
    found[:] = shapes
    array = xr.DataArray(np.zeros(len(shapes)), {name: found}, (name,))
    return Cube(array, {name: Dimension("geometry")}, UTM)


SHAPES = [
    shapely.box(1.5, 1.5, 6.2, 8),
    shapely.Point(3.3, 3.8),
    shapely.Polygon(),
    shapely.box(200, 200, 210, 210),
    shapely.Point(12.1, 10.9).buffer(2.6),
    shapely.box(3, 3, 3.3, 3.3),
    shapely.Point(0.5, 0.5),
    shapely.MultiPolygon([shapely.box(0, 0, 2, 2), shapely.box(9, 9, 20, 20)]),
    shapely.box(-5, -5, 50, 50),
    shapely.LineString([(0.2, 0.4), (14.6, 11.2)]),
]


def reducer(name, **arguments):
    node = {"process_id": name, "arguments": {"data": {"from_parameter": "data"}, **arguments}}
    return {"process_graph": {"one": node | {"result": True}}}


def run(data, geometries, process="mean", evaluation=None, graph=None, offer=None, **arguments):
    given = {"data": data}
    if isinstance(geometries, Cube):
        given["geometries"] = geometries
        geometries = {"from_parameter": "geometries"}
    arguments |= {"data": {"from_parameter": "data"}, "geometries": geometries}
    arguments["reducer"] = graph or reducer(process)
    node = {"process_id": "aggregate_spatial", "arguments": arguments, "result": True}
    return execute({"one": node}, offer, given=given, run=evaluation)


def pixels_of(cube, shape):
    """The pixels of one geometry, (t, bands, n)."""
    found = []
    for row, y in enumerate(cube.array.y.values):
        for col, x in enumerate(cube.array.x.values):
            area = shapely.get_dimensions(shape) == 2
            place = shapely.Point(x, y) if area else shapely.box(x - 0.5, y - 0.5, x + 0.5, y + 0.5)
            if not shape.is_empty and shape.intersects(place):
                found.append(cube.array.values[..., row, col])
    return np.moveaxis(np.array(found).reshape(-1, 3, 2), 0, -1)


NUMPY = {
    "mean": np.nanmean, "sum": np.nansum, "max": np.nanmax, "median": np.nanmedian,
    "sd": lambda values, axis: np.nanstd(values, axis, ddof=1),
}  # fmt: skip


@pytest.mark.parametrize("make", [lambda cube: cube, lazy])
@pytest.mark.parametrize("name", NUMPY)
@pytest.mark.filterwarnings("ignore::RuntimeWarning:numpy", "ignore::RuntimeWarning:test_zonal")
def test_every_geometry_has_the_value_of_its_pixels(make, name):
    cube = make(raster())
    found = run(cube, vector(SHAPES), name)
    assert found.array.dims == ("geometry", "t", "bands")
    assert list(found.array.geometry.values) == SHAPES
    assert found.crs == UTM
    assert found.array.bands.values.tolist() == ["B04", "B08"]
    assert found.dimensions["t"].kind == "temporal"
    assert isinstance(found.array.data, da.Array) == isinstance(cube.array.data, da.Array)
    values = found.array.values
    for place, shape in enumerate(SHAPES):
        pixels = pixels_of(raster(), shape)
        if pixels.shape[-1] == 0:
            assert np.isnan(values[place]).all()
            continue
        known = np.isfinite(pixels).sum(-1) > (1 if name == "sd" else 0)
        with np.errstate(all="ignore"):
            wanted = NUMPY[name](pixels, axis=-1)
        np.testing.assert_allclose(values[place][known], wanted[known], rtol=1e-5)
        assert np.isnan(values[place][~known]).all()


@pytest.mark.parametrize("make", [lambda cube: cube, lazy])
def test_counts_beside_the_values(make):
    found = run(make(raster()), vector(SHAPES), "mean", target_dimension="result")
    assert found.array.dims == ("geometry", "t", "bands", "result")
    assert found.dimensions["result"] == Dimension("other")
    assert found.array.result.values.tolist() == ["value", "total_count", "valid_count"]
    plain = run(make(raster()), vector(SHAPES), "mean").array
    xr.testing.assert_equal(found.array.sel(result="value", drop=True).compute(), plain.compute())
    for place, shape in enumerate(SHAPES):
        pixels = pixels_of(raster(), shape)
        counts = found.array[place].values
        assert (counts[..., 1] == pixels.shape[-1]).all()
        np.testing.assert_array_equal(counts[..., 2], np.isfinite(pixels).sum(-1))


def test_nulls_reach_the_reducer():
    cube = raster()
    shape = [shapely.box(-5, -5, 50, 50)]
    found = run(cube, vector(shape), graph=reducer("mean", ignore_nodata=False))
    assert found.array.isnull().all()
    found = run(cube, vector(shape), graph=reducer("count"))
    assert found.array[0].values.tolist() == np.isfinite(cube.array.values).sum((2, 3)).tolist()
    found = run(cube, vector(shape), graph=reducer("count", condition=True))
    assert (found.array == 180).all()


def test_whole_numbers_and_booleans():
    cube = raster(missing=0, kind=np.int16)
    found = run(cube, vector(SHAPES[:3]))
    np.testing.assert_allclose(found.array[0], pixels_of(cube, SHAPES[0]).mean(-1), rtol=1e-6)
    assert found.array[2].isnull().all()


@pytest.mark.parametrize("make", [lambda cube: cube, lazy])
def test_many_geometries(make, monkeypatch):
    """Thousands of points and squares are reduced a few hundred at a time."""
    monkeypatch.setattr(zonal, "_VALUES", 5_000)
    random = np.random.default_rng(8)
    corners = random.uniform([0, 0], [13, 10], (1500, 2))
    shapes = [shapely.Point(at) for at in corners]
    shapes += [shapely.box(*at, *(at + size)) for at, size in zip(
        corners[:300], random.uniform(0.2, 4, (300, 2)), strict=True)]  # fmt: skip
    calls = []
    original = zonal._checked
    monkeypatch.setattr(zonal, "_checked", lambda *a: calls.append(1) or original(*a))
    cube = raster(missing=0)
    found = run(make(cube), vector(shapes), "max").array.compute()
    assert found.shape == (1800, 3, 2)
    assert len(calls) < 60
    cols, rows = corners[:, 0].astype(int), 11 - corners[:, 1].astype(int)
    wanted = np.moveaxis(cube.array.values[..., rows, cols], -1, 0)
    np.testing.assert_array_equal(found[:1500], wanted)
    for place in range(1500, 1560):
        pixels = pixels_of(cube, shapes[place])
        if pixels.size:
            np.testing.assert_array_equal(found[place], pixels.max(-1))
        else:
            assert found[place].isnull().all()


def test_pixels_of_large_geometries_are_taken_from_each_block(monkeypatch):
    wanted = run(raster(), vector(SHAPES), "median").array
    monkeypatch.setattr(zonal, "_MANY", 3)
    monkeypatch.setattr(zonal, "_VALUES", 1)
    for chunks in ({"t": 1, "y": 5, "x": 4}, {"t": 2, "y": 12, "x": 15}, {"x": 1}):
        cube = raster()
        cube = cube.with_array(cube.array.chunk(chunks))
        xr.testing.assert_equal(run(cube, vector(SHAPES), "median").array.compute(), wanted)


def test_geojson_with_properties():
    member = {"type": "name", "properties": {"name": "EPSG:32632"}}
    ring = [[1, 1], [4, 1], [4, 4], [1, 4], [1, 1]]
    features = [
        {"type": "Feature", "properties": {"name": "field", "id": 3},
         "geometry": {"type": "Polygon", "coordinates": [ring]}},
        {"type": "Feature", "properties": None, "geometry": None},
    ]  # fmt: skip
    document = {"type": "FeatureCollection", "features": features, "crs": member}
    found = run(raster(missing=0), document)
    assert found.array.geometry.attrs["properties"] == [{"name": "field", "id": 3}, {}]
    assert found.array.shape == (2, 3, 2)
    wanted = raster(missing=0).array.values[..., 8:11, 1:4].mean((2, 3))
    np.testing.assert_allclose(found.array[0], wanted, rtol=1e-6)
    assert found.array[1].isnull().all()
    one = run(raster(), {"type": "Polygon", "coordinates": [ring], "crs": member})
    assert one.array.shape == (1, 3, 2)


def test_reducers_of_more_than_one_process_and_the_context():
    graph = {"process_graph": {
        "top": {"process_id": "max", "arguments": {"data": {"from_parameter": "data"}}},
        "plus": {"process_id": "add", "result": True, "arguments": {
            "x": {"from_node": "top"}, "y": {"from_parameter": "context"}}},
    }}  # fmt: skip
    found = run(raster(), vector(SHAPES[:1]), graph=graph, context=100)
    plain = run(raster(), vector(SHAPES[:1]), "max")
    np.testing.assert_allclose(found.array, plain.array + 100)


def test_a_reducer_that_gives_a_plain_number():
    graph = {"process_graph": {"pi": {"process_id": "pi", "arguments": {}, "result": True}}}
    for cube in (raster(), lazy(raster())):
        found = run(cube, vector(SHAPES[:3]), graph=graph).array.values
        np.testing.assert_allclose(found[:2], np.pi, rtol=1e-6)
        assert np.isnan(found[2]).all()


def test_a_reducer_knows_its_pixels():
    evaluation = Evaluation()
    seen = []

    class Spy(list):
        def append(self, thing):
            seen.append(thing)
            super().append(thing)

    evaluation.surroundings = Spy()
    run(raster(), vector(SHAPES[:1]), evaluation=evaluation)
    (around,) = seen
    assert around.dimension == "pixels"
    assert around.cube.array.dims == ("pixels", "t", "bands", "geometry")
    assert around.cube.array.bands.values.tolist() == ["B04", "B08"]
    assert not evaluation.surroundings


def test_a_reducer_that_gives_a_whole_cube():
    """As users' functions do."""

    def first_pixel(run, data):
        cube = run.surroundings[-1].cube
        return cube.with_array(cube.array.max("pixels").transpose("geometry", "bands", "t"))

    definition = {"id": "mine", "parameters": [{"name": "data", "schema": {}}],
                  "returns": {"schema": {}}}  # fmt: skip
    offer = Offer({**predefined(), "mine": Process(definition, first_pixel, takes_run=True)})
    for make in (lambda cube: cube, lazy):
        found = run(make(raster(missing=0)), vector(SHAPES), "mine", offer=offer)
        wanted = run(raster(missing=0), vector(SHAPES), "max")
        xr.testing.assert_equal(found.array.compute(), wanted.array)


def test_without_pixels_and_without_geometries():
    cube = raster()
    none = cube.with_array(cube.array[:, :, :0])
    assert run(none, vector(SHAPES)).array.isnull().all()
    for each in (cube, lazy(cube)):
        assert run(each, vector([])).array.shape == (0, 3, 2)
        found = run(each, vector([shapely.Polygon()]), target_dimension="n").array.values
        assert np.isnan(found[..., 0]).all()
        assert (found[..., 1:] == 0).all()


def test_only_x_and_y():
    cube = raster()
    flat = cube.with_array(cube.array[0, 0].drop_vars(["t", "bands"]))
    for each in (flat, flat.with_array(flat.array.chunk(x=4))):
        found = run(each, vector(SHAPES, "field"))
        assert found.array.dims == ("field",)
        wanted = np.nanmean(pixels_of(cube, SHAPES[0])[0, 0])
        assert float(found.array[0]) == pytest.approx(wanted, rel=1e-6)


def test_what_is_wrong(monkeypatch):
    cube = raster()
    for taken in ("t", "geometry"):
        with pytest.raises(OpenEOError, match="'") as caught:
            run(cube, vector(SHAPES), target_dimension=taken)
        assert caught.value.code == "TargetDimensionExists"
    for graph in (reducer("quantiles", probabilities=[0.1, 0.9]), reducer("sort")):
        with pytest.raises(OpenEOError, match="no single value") as caught:
            run(cube, vector(SHAPES), graph=graph)
        assert caught.value.code == "ProcessParameterInvalid"
    with pytest.raises(OpenEOError, match="no raster data cube"):
        run(vector(SHAPES), vector(SHAPES))
    with pytest.raises(OpenEOError, match="a dimension of the name 't' already"):
        run(cube, vector(SHAPES, "t"))
    monkeypatch.setattr(zonal, "MOST_TOGETHER", 100)
    with pytest.raises(OpenEOError, match=r"about 180 pixels .* at most 100 are possible"):
        run(cube, vector([shapely.box(-99, -99, 99, 99)]))
    with pytest.raises(OpenEOError, match="about 101 pixels"):
        run(cube, vector([shapely.Point(3, 3)] * 200))
