"""apply, apply_dimension, reduce_dimension and reduce_spatial against NumPy, eager and lazy."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from pyproj import CRS
from shapely import Point

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.declarations import Process
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import Evaluation, execute
from workbench.openeo.registry import Offer, predefined
from workbench.openeo.values import is_lazy

pytestmark = pytest.mark.filterwarnings("ignore:All-NaN")

TIMES = np.array(["2024-01-01T10:00", "2024-01-11", "2024-02-01"], "datetime64[ns]")
DIMENSIONS = {
    "t": Dimension("temporal"),
    "bands": Dimension("bands"),
    "y": Dimension("spatial", "y", -10.0),
    "x": Dimension("spatial", "x", 10.0),
}
COORDS = {
    "t": TIMES,
    "bands": ["B04", "B08"],
    "y": [35.0, 25.0, 15.0, 5.0],
    "x": [105.0, 115.0, 125.0, 135.0, 145.0],
}
UTM = CRS("EPSG:32632")
KINDS = {"field": Dimension("geometry")}


@pytest.fixture(params=["memory", "lazy"])
def cube(request):
    values = np.random.default_rng(3).normal(size=(3, 2, 4, 5)).astype(np.float32)
    values[0, 0, 1, 1:3] = np.nan
    values[:, 1, 2, 2] = np.nan
    data = da.from_array(values, chunks=(1, 1, 2, 3)) if request.param == "lazy" else values
    return Cube(xr.DataArray(data, COORDS, tuple(DIMENSIONS)), DIMENSIONS, UTM)


def node(process, /, **arguments):
    return {"process_id": process, "arguments": arguments}


def graph(*nodes):
    """Return a graph of nodes n0, n1, ..., the last of which is the result."""
    named = {f"n{place}": dict(each) for place, each in enumerate(nodes)}
    named[f"n{len(nodes) - 1}"]["result"] = True
    return named


def child(*nodes):
    return {"process_graph": graph(*nodes)}


DATA, X = {"from_parameter": "data"}, {"from_parameter": "x"}


def run(cube, process, offer=None, /, **arguments):
    document = graph(node(process, data={"from_parameter": "cube"}, **arguments))
    found = execute(document, offer, given={"cube": cube}, run=Evaluation())
    assert is_lazy(found.array.data) == is_lazy(cube.array.data)
    assert tuple(found.dimensions) == found.array.dims
    lazily = found.array
    computed = lazily.compute(scheduler="synchronous")
    assert (computed.dtype, computed.shape) == (lazily.dtype, lazily.shape)
    return found, computed


def refused(code, words, cube, process, /, **arguments):
    with pytest.raises(OpenEOError, match=words) as caught:
        run(cube, process, **arguments)
    assert caught.value.code == code


def watching(function):
    """Return an offer with a process `watch` that a test writes, which takes data and the run."""
    definition = {
        "id": "watch",
        "parameters": [{"name": "data", "schema": {}}],
        "returns": {"schema": {}},
    }
    mine = Process(definition, lambda evaluation, data: function(evaluation, data), takes_run=True)
    return Offer(backend={**predefined(), "watch": mine})


def test_apply_works_on_each_value_and_keeps_the_rest(cube):
    process = child(
        node("multiply", x=X, y={"from_parameter": "context"}),
        node("absolute", x={"from_node": "n0"}),
    )
    found, values = run(cube, "apply", process=process, context=-2)
    assert np.array_equal(values, np.abs(-2 * cube.array.values), equal_nan=True)
    assert (values.dtype, found.crs, found.dimensions) == (np.float32, UTM, DIMENSIONS)
    for name in DIMENSIONS:
        assert np.array_equal(values[name], cube.array[name])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (node("is_nodata", x=X), np.isnan),
        (node("gt", x=X, y=0), lambda v: np.where(np.isnan(v), np.nan, v > 0)),
        (node("constant", x=7), lambda v: np.full_like(v, 7)),
        (node("constant", x=True), lambda v: np.ones(v.shape, bool)),
    ],
)
def test_apply_with_truths_and_constants(cube, answer, expected):
    _, values = run(cube, "apply", process=child(answer))
    assert np.array_equal(values, expected(cube.array.values), equal_nan=True)


def test_null_for_every_pixel_and_text_for_none(cube):
    process = child(node("constant", x=None))
    _, values = run(cube, "apply", process=process)
    assert values.isnull().all()
    assert values.dtype == np.float32
    refused(
        "ProcessParameterInvalid",
        "gives 'a'",
        cube,
        "apply",
        process=child(node("constant", x="a")),
    )


def test_whole_numbers_become_float(cube):
    whole = cube.with_array((cube.array.fillna(0) * 10).astype(np.int16))
    _, values = run(whole, "apply", process=child(node("add", x=X, y=1)))
    assert values.dtype == np.float32
    assert np.array_equal(values, whole.array.values + 1)


@pytest.mark.parametrize("name", list(DIMENSIONS))
@pytest.mark.parametrize(
    ("reducer", "oracle"),
    [("mean", np.nanmean), ("min", np.nanmin), ("median", np.nanmedian), ("count", None)],
)
@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_reduce_dimension(cube, name, reducer, oracle):
    found, values = run(
        cube, "reduce_dimension", dimension=name, reducer=child(node(reducer, data=DATA))
    )
    axis = list(DIMENSIONS).index(name)
    known = cube.array.values
    wanted = np.isfinite(known).sum(axis) if oracle is None else oracle(known, axis)
    np.testing.assert_allclose(values, wanted, rtol=1e-6)
    assert found.dimensions == {n: d for n, d in DIMENSIONS.items() if n != name}
    assert found.crs == UTM


def test_reducers_see_labels(cube):
    reducer = child(
        node("array_element", data=DATA, label="B08"),
        node("array_element", data=DATA, index=0),
        node("subtract", x={"from_node": "n0"}, y={"from_node": "n1"}),
    )
    _, values = run(cube, "reduce_dimension", dimension="bands", reducer=reducer)
    known = cube.array.values
    assert np.array_equal(values, known[:, 1] - known[:, 0], equal_nan=True)


def test_a_reducer_that_gives_several_values(cube):
    several = child(node("quantiles", data=DATA, probabilities=[0.1, 0.5, 0.9]))
    refused(
        "ProcessParameterInvalid",
        "gives 3 values where one",
        cube,
        "reduce_dimension",
        dimension="t",
        reducer=several,
    )
    refused(
        "ProcessParameterInvalid",
        "gives 3 values where one",
        cube,
        "reduce_spatial",
        reducer=several,
    )


def test_a_single_value_in_an_array_is_one(cube):
    one = child(node("quantiles", data=DATA, probabilities=[0.5]))
    _, values = run(cube, "reduce_dimension", dimension="bands", reducer=one)
    _, wanted = run(
        cube, "reduce_dimension", dimension="bands", reducer=child(node("median", data=DATA))
    )
    assert np.array_equal(values, wanted, equal_nan=True)


def test_a_constant_holds_at_each_pixel(cube):
    _, values = run(cube, "reduce_dimension", dimension="t", reducer=child(node("constant", x=3)))
    assert values.shape == (2, 4, 5)
    assert (values == 3).all()


def test_dimensions_that_are_not_there(cube):
    mean = child(node("mean", data=DATA))
    refused(
        "DimensionNotAvailable",
        "no 'time', only t, bands",
        cube,
        "reduce_dimension",
        dimension="time",
        reducer=mean,
    )
    refused(
        "DimensionNotAvailable",
        "no 'time'",
        cube,
        "apply_dimension",
        dimension="time",
        process=mean,
    )


def test_reducing_all_dimensions_leaves_one_number(cube):
    found, reducer = cube, child(node("max", data=DATA))
    for name in DIMENSIONS:
        found, values = run(found, "reduce_dimension", dimension=name, reducer=reducer)
    assert values.shape == ()
    assert float(values) == np.nanmax(cube.array.values)
    assert found.crs is None


def test_reducing_no_values_gives_null(cube):
    empty = cube.with_array(cube.array.isel(t=slice(0)))
    _, values = run(
        empty, "reduce_dimension", dimension="t", reducer=child(node("mean", data=DATA))
    )
    assert values.shape == (2, 4, 5)
    assert values.isnull().all()


def sample_deviation(values, axis):
    return np.nanstd(values, axis, ddof=1)


@pytest.mark.parametrize(
    ("reducer", "oracle"), [("mean", np.nanmean), ("sum", np.nansum), ("sd", sample_deviation)]
)
def test_reduce_spatial(cube, reducer, oracle):
    mixed = cube.with_array(cube.array.transpose("y", "t", "x", "bands"))
    for given in (cube, mixed):
        found, values = run(given, "reduce_spatial", reducer=child(node(reducer, data=DATA)))
        np.testing.assert_allclose(values, oracle(cube.array.values, axis=(2, 3)), rtol=1e-5)
        assert found.dimensions == {"t": DIMENSIONS["t"], "bands": DIMENSIONS["bands"]}
        assert found.crs is None
        assert np.array_equal(values.t, TIMES)


def test_reduce_spatial_without_pixels(cube):
    empty = cube.with_array(cube.array.isel(x=slice(0)))
    _, values = run(empty, "reduce_spatial", reducer=child(node("mean", data=DATA)))
    assert values.shape == (3, 2)
    assert values.isnull().all()
    flat = cube.with_array(cube.array.isel(x=0, drop=True))
    refused(
        "ProcessParameterInvalid",
        "no dimensions along x and y",
        flat,
        "reduce_spatial",
        reducer=child(node("mean", data=DATA)),
    )


def test_apply_dimension_in_place_keeps_labels_if_the_count_does(cube):
    found, values = run(
        cube, "apply_dimension", dimension="t", process=child(node("cumsum", data=DATA))
    )
    known = cube.array.values
    wanted = np.where(np.isnan(known), np.nan, np.nancumsum(known, axis=0))
    np.testing.assert_allclose(values, wanted, rtol=1e-6)
    assert np.array_equal(values.t, TIMES)
    assert (found.dimensions, found.crs) == (DIMENSIONS, UTM)


@pytest.mark.parametrize(("name", "crs"), [("t", UTM), ("bands", UTM), ("x", None)])
def test_apply_dimension_in_place_with_another_count(cube, name, crs):
    process = child(node("quantiles", data=DATA, probabilities=[0, 0.5, 0.75, 1]))
    found, values = run(cube, "apply_dimension", dimension=name, process=process)
    axis = list(DIMENSIONS).index(name)
    with np.errstate(all="ignore"):
        wanted = np.moveaxis(np.nanquantile(cube.array.values, [0, 0.5, 0.75, 1], axis), 0, axis)
    np.testing.assert_allclose(values, wanted, rtol=1e-5)
    assert values[name].values.tolist() == [0, 1, 2, 3]
    kind = DIMENSIONS[name]
    assert found.dimensions[name] == Dimension(kind.kind, kind.axis)
    assert (tuple(found.dimensions), found.crs) == (tuple(DIMENSIONS), crs)


def test_apply_dimension_into_a_new_dimension(cube):
    process = child(node("extrema", data=DATA))
    found, values = run(
        cube, "apply_dimension", dimension="t", target_dimension="ends", process=process
    )
    with np.errstate(all="ignore"):
        wanted = np.stack([np.nanmin(cube.array.values, 0), np.nanmax(cube.array.values, 0)])
    assert np.array_equal(values, wanted, equal_nan=True)
    assert found.dimensions["ends"] == Dimension("other")
    assert tuple(found.dimensions) == ("ends", "bands", "y", "x")
    assert values.ends.values.tolist() == [0, 1]


def test_labels_of_the_source_are_not_those_of_the_target(cube):
    process = child(node("cumsum", data=DATA))
    _, values = run(cube, "apply_dimension", dimension="t", target_dimension="new", process=process)
    assert values.new.values.tolist() == [0, 1, 2]


def test_labels_that_the_process_gives(cube):
    process = child(
        node("extrema", data=DATA),
        node("array_create_labeled", data={"from_node": "n0"}, labels=["low", "high"]),
    )
    for target in (None, "ends"):
        _, values = run(
            cube, "apply_dimension", dimension="t", target_dimension=target, process=process
        )
        assert values[target or "t"].values.tolist() == ["low", "high"]


def test_dates_that_the_process_gives_are_times(cube):
    process = child(
        node("extrema", data=DATA),
        node(
            "array_create_labeled",
            data={"from_node": "n0"},
            labels=["2024-01-01", "2025-01-01T12:00:00Z"],
        ),
    )
    _, values = run(cube, "apply_dimension", dimension="t", process=process)
    assert np.array_equal(values.t, np.array(["2024-01-01", "2025-01-01T12"], "datetime64[ns]"))


def test_apply_dimension_into_one_that_has_a_single_label(cube):
    single = cube.with_array(cube.array.isel(bands=[1]))
    process = child(node("quantiles", data=DATA, probabilities=[0.25, 0.5]))
    found, values = run(
        single, "apply_dimension", dimension="t", target_dimension="bands", process=process
    )
    with np.errstate(all="ignore"):
        wanted = np.nanquantile(cube.array.values[:, 1], [0.25, 0.5], axis=0)
    np.testing.assert_allclose(values, wanted, rtol=1e-5)
    assert tuple(found.dimensions) == ("bands", "y", "x")
    assert found.dimensions["bands"].kind == "bands"
    assert values.bands.values.tolist() == [0, 1]


def test_apply_dimension_into_one_with_more_labels_takes_the_values_of_both(cube):
    process = child(node("quantiles", data=DATA, probabilities=[0.25, 0.5, 0.75]))
    arguments = {"dimension": "t", "target_dimension": "bands", "process": process}
    document = graph(node("apply_dimension", data={"from_parameter": "cube"}, **arguments))
    working = Evaluation()
    found = execute(document, given={"cube": cube}, run=working)
    (warning,) = [entry for entry in working.log.entries if entry.level == "warning"]
    assert "'bands' has 2 labels" in warning.message
    both = cube.array.values.reshape(6, 4, 5)
    wanted = np.nanquantile(both, [0.25, 0.5, 0.75], axis=0)
    np.testing.assert_allclose(found.array.values, wanted, rtol=1e-5)
    assert found.array.dims == tuple(found.dimensions) == ("bands", "y", "x")
    assert found.dimensions["bands"].kind == "bands"
    assert found.array.bands.values.tolist() == [0, 1, 2]


def test_one_value_joins_an_array_of_bands(cube):
    """As clients write an index beside the bands that it is computed from."""
    red, nir = node("array_element", data=DATA, index=0), node("array_element", data=DATA, index=1)
    index = node("normalized_difference", x={"from_node": "n1"}, y={"from_node": "n0"})
    joined = node("array_concat", array1=DATA, array2={"from_node": "n2"})
    process = child(red, nir, index, joined)
    _, values = run(cube, "apply_dimension", dimension="bands", process=process)
    plain = cube.array.values
    wanted = (plain[:, 1] - plain[:, 0]) / (plain[:, 1] + plain[:, 0])
    np.testing.assert_allclose(values.values[:, 2], wanted, rtol=1e-5)
    assert np.array_equal(values.values[:, :2], plain, equal_nan=True)
    assert values.bands.values.tolist() == [0, 1, 2]


def test_apply_dimension_with_one_value_or_none(cube):
    _, values = run(cube, "apply_dimension", dimension="t", process=child(node("max", data=DATA)))
    assert values.shape == (1, 2, 4, 5)
    assert values.t.values.tolist() == [0]
    empty = child(node("array_filter", data=DATA, condition=child(node("constant", x=False))))
    refused(
        "ProcessParameterInvalid",
        "empty array",
        cube,
        "apply_dimension",
        dimension="t",
        process=empty,
    )


def test_plain_arrays_hold_at_each_pixel(cube):
    process = child(node("array_create", data=[1, None, 2.5, 4]))
    _, values = run(cube, "apply_dimension", dimension="bands", process=process)
    assert values.shape == (3, 4, 4, 5)
    for place, number in enumerate([1, np.nan, 2.5, 4]):
        assert np.array_equal(values[:, place], np.full((3, 4, 5), number), equal_nan=True)


def test_callbacks_know_their_surroundings(cube):
    seen = []

    def watch(evaluation, data):
        seen.append(
            (
                evaluation.surroundings[-1].cube.dimensions,
                evaluation.surroundings[-1].dimension,
                data,
            )
        )
        return 0

    evaluations = {
        "apply": ("process", {}),
        "reduce_dimension": ("reducer", {"dimension": "bands"}),
    }
    for process, (name, more) in evaluations.items():
        given = X if process == "apply" else DATA
        run(cube, process, watching(watch), **{name: child(node("watch", data=given))}, **more)
    (dimensions, along, data), (_, second, labelled) = seen
    assert (dimensions, along, second) == (DIMENSIONS, None, "bands")
    assert data.shape == cube.array.shape
    assert labelled.labels == ["B04", "B08"]
    assert labelled.values.shape == (2, 3, 4, 5)


def of_cube(change):
    """Return an offer whose `watch` answers as a user's function does: with a cube."""
    return watching(lambda evaluation, data: change(evaluation.surroundings[-1].cube))


def test_cubes_as_answers(cube):
    flipped = of_cube(
        lambda known: known.with_array((known.array * 2).transpose("x", "t", "y", "bands"))
    )
    _, values = run(cube, "apply", flipped, process=child(node("watch", data=X)))
    assert np.array_equal(values, cube.array * 2, equal_nan=True)
    for keepdims in (True, False):
        dropped = of_cube(
            lambda known, k=keepdims: known.with_array(
                known.array.isel(t=[1] if k else 1, drop=True)
            )
        )
        _, values = run(
            cube,
            "reduce_dimension",
            dropped,
            dimension="t",
            reducer=child(node("watch", data=DATA)),
        )
        assert np.array_equal(values, cube.array.values[1], equal_nan=True)
    two = of_cube(lambda known: known.with_array(known.array.isel(t=[0, 2])))
    found, values = run(
        cube, "apply_dimension", two, dimension="t", process=child(node("watch", data=DATA))
    )
    assert np.array_equal(values.t, TIMES[[0, 2]])
    assert found.dimensions["t"].kind == "temporal"


@pytest.mark.parametrize(
    ("change", "words"),
    [(lambda c: c.with_array(c.array.isel(x=slice(1))), "other labels along x"),
     (lambda c: c.with_array(c.array.isel(x=0, drop=True)), "dimensions t, bands, y"),
     (lambda c: Cube(c.array, c.dimensions, CRS("EPSG:4326")), "the CRS"),
     (lambda c: c.with_array(c.array, bands=Dimension("other")), "bands that is other, not bands")],
)  # fmt: skip
def test_cubes_that_lie_elsewhere(cube, change, words):
    with pytest.raises(OpenEOError, match=words):
        run(cube, "apply", of_cube(change), process=child(node("watch", data=X)))


def test_pixels_of_another_shape(cube):
    wrong = watching(lambda evaluation, data: np.zeros((2, 2)))
    with pytest.raises(OpenEOError, match=r"shape \(2, 2\), not \(2, 4, 5\)"):
        run(cube, "reduce_dimension", wrong, dimension="t", reducer=child(node("watch", data=DATA)))


def test_numbers_without_dimensions(cube):
    single = cube.with_array(cube.array.isel(t=0, bands=0, y=0, x=0, drop=True))
    process = child(node("add", x=X, y={"from_parameter": "x"}))
    _, values = run(single, "apply", process=process)
    assert float(values) == 2 * float(cube.array[0, 0, 0, 0])


def test_cubes_of_geometries(cube):
    points = np.empty(4, object)
    points[:] = [Point(10 * place, 5) for place in range(4)]
    array = cube.array.isel(x=0, drop=True).rename(y="field").assign_coords(field=points)
    vector = Cube(array, {n: KINDS.get(n, DIMENSIONS.get(n)) for n in array.dims}, UTM)
    reducer = child(node("max", data=DATA))
    found, values = run(vector, "reduce_dimension", dimension="t", reducer=reducer)
    assert np.array_equal(values, np.fmax.reduce(array.values), equal_nan=True)
    assert (values.field.values.tolist(), found.crs) == (points.tolist(), UTM)
    found, values = run(vector, "reduce_dimension", dimension="field", reducer=reducer)
    assert np.array_equal(values, np.fmax.reduce(array.values, axis=2), equal_nan=True)
    assert found.crs is None
