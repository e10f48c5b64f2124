"""One cube of two, compared with a merge and a mask value by value."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from workbench.openeo.cubeprocesses import merging
from workbench.openeo.cubes import BandTraits, Cube, Dimension
from workbench.openeo.declarations import Process
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import Evaluation, execute
from workbench.openeo.registry import Offer, predefined
from workbench.openeo.values import is_lazy

UTM = CRS("EPSG:32632")
KINDS = {
    "t": Dimension("temporal"),
    "b": Dimension("bands"),
    "y": Dimension("spatial", "y", -10.0),
    "x": Dimension("spatial", "x", 10.0),
    "z": Dimension("spatial", "z"),
    "o": Dimension("other"),
}
X, Y = {"from_parameter": "x"}, {"from_parameter": "y"}


def made(labels, *, start=1, kind=np.float32, chunks=None, crs=UTM, bands=None):
    """Return a cube of 1, 2, ...; labels are days in t, and pixels counted from 0 in y and x."""
    coords = {name: coordinate(name, each) for name, each in labels.items()}
    shape = tuple(map(len, coords.values()))
    values = np.arange(start, start + np.prod(shape, dtype=int)).reshape(shape).astype(kind)
    data = values if chunks is None else da.from_array(values, chunks=chunks)
    kinds = {name: KINDS[name] for name in labels}
    if bands:
        kinds["b"] = Dimension("bands", bands=bands)
    return Cube(xr.DataArray(data, coords, tuple(labels)), kinds, crs)


def coordinate(name, labels):
    if name == "t":
        return np.datetime64("2024-01-01", "ns") + np.array(labels, "timedelta64[D]")
    if name in ("y", "x"):
        return 5.0 + KINDS[name].step * np.array(labels, float)
    return np.array(labels)


def graph(process, **arguments):
    return {"process_graph": {"r": {"process_id": process, "arguments": arguments, "result": True}}}


SUBTRACT = graph("subtract", x=X, y=Y)
LARGER = graph("max", data=[X, Y])


def run(process, *, offer=None, state=None, **arguments):
    """Execute a graph of one node, whose arguments are parameters, except graphs."""
    node = {
        "process_id": process,
        "arguments": {
            name: value if isinstance(value, dict) else {"from_parameter": name}
            for name, value in arguments.items()
        },
        "result": True,
    }
    return execute({"node": node}, offer, given=arguments, run=state)


def merged(one, two, resolver=None, **more):
    more |= {} if resolver is None else {"overlap_resolver": resolver}
    return run("merge_cubes", cube1=one, cube2=two, **more)


def fails(code, process, /, match=None, **arguments):
    with pytest.raises(OpenEOError, match=match) as caught:
        run(process, **arguments)
    assert caught.value.code == code
    return caught.value


def slow_labels(one, two, name):
    """Return the labels that a merged cube has, as numbers or texts."""
    mine, theirs = (
        c.array[name].values.tolist() if name in c.dimensions else [] for c in (one, two)
    )
    found = mine + [label for label in theirs if label not in mine]
    if name in ("y", "x"):
        step = KINDS[name].step
        count = round((max(found) - min(found)) / abs(step)) + 1
        first = min(found) if step > 0 else max(found)
        return [first + step * place for place in range(count)]
    if name in ("t", "z") and mine and theirs:
        down = len(mine) > 1 and mine == sorted(mine, reverse=True)
        return sorted(found, reverse=down)
    return found


def slow_merge(one, two, resolve):
    """Merge value by value; `resolve` is of two numbers."""
    names = list(one.dimensions) + [name for name in two.dimensions if name not in one.dimensions]
    if len(two.dimensions) > len(one.dimensions) and set(one.dimensions) < set(two.dimensions):
        names = list(two.dimensions)
    labels = {name: slow_labels(one, two, name) for name in names}
    values = np.full([len(each) for each in labels.values()], np.nan)
    for place in np.ndindex(values.shape):
        at = {name: labels[name][i] for name, i in zip(names, place, strict=True)}
        found = [value_at(cube, at) for cube in (one, two)]
        if None not in found:
            values[place] = resolve(*found)
        elif found != [None, None]:
            values[place] = found[0] if found[1] is None else found[1]
    return names, labels, values


def value_at(cube, at):
    """Return the value of a cube at labels, None where it has none of them."""
    place = []
    for name in cube.dimensions:
        own = cube.array[name].values.tolist()
        if at[name] not in own:
            return None
        place.append(own.index(at[name]))
    return float(np.asarray(cube.array.data)[tuple(place)])


def check(found, one, two, resolve=None):
    names, labels, values = slow_merge(one, two, resolve)
    assert list(found.dimensions) == names
    for name in names:
        assert found.array[name].values.tolist() == labels[name]
    np.testing.assert_array_equal(np.asarray(found.array.values, float), values)
    lazy = is_lazy(one.array.data) or is_lazy(two.array.data)
    assert is_lazy(found.array.data) == lazy


PIXELS = {"y": [0, 1], "x": [0, 1, 2]}


@pytest.fixture(params=[None, 1, "mixed", "other blocks"])
def chunks(request):
    return {None: (None, None), 1: (1, 1), "mixed": (None, 1), "other blocks": (2, 1)}[
        request.param
    ]


def test_bands_side_by_side(chunks):
    one = made({"t": [0, 1], "b": ["B1", "B2"], **PIXELS}, chunks=chunks[0])
    two = made({"t": [0, 1], "b": ["B3", "A4"], **PIXELS}, start=100, chunks=chunks[1])
    found = merged(one, two)
    check(found, one, two)
    assert found.labels("b") == ["B1", "B2", "B3", "A4"]
    assert found.array.dtype == np.float32
    assert found.crs == UTM
    for cube in (one, two):  # a merge without overlap is undone by filters
        again = run("filter_bands", data=found, bands=cube.labels("b"))
        xr.testing.assert_equal(again.array.compute(), cube.array.compute())


def test_bands_that_overlap(chunks):
    one = made({"t": [0, 1], "b": ["B1", "B2"], **PIXELS}, chunks=chunks[0])
    two = made({"t": [0, 1], "b": ["B2", "B3"], **PIXELS}, start=100, chunks=chunks[1])
    fails("OverlapResolverMissing", "merge_cubes", cube1=one, cube2=two)
    found = merged(one, two, SUBTRACT)
    check(found, one, two, lambda x, y: x - y)
    assert found.labels("b") == ["B1", "B2", "B3"]


def test_times_between_each_other(chunks):
    one = made({"t": [0, 4, 8], **PIXELS}, chunks=chunks[0])
    two = made({"t": [9, 1, 4], **PIXELS}, start=100, chunks=chunks[1])
    found = merged(one, two, LARGER)
    check(found, one, two, max)
    assert found.array["t"].values.tolist() == sorted(found.array["t"].values.tolist())


def test_a_cube_with_fewer_dimensions(chunks):
    """Each value of the smaller one stands beside all of those of the larger one."""
    large = made({"t": [0, 1], "b": ["B1", "B2"], **PIXELS}, chunks=chunks[0])
    small = made({"x": [0, 1, 2], "y": [0, 1]}, start=100, chunks=chunks[1])
    fails("OverlapResolverMissing", "merge_cubes", cube1=large, cube2=small)
    check(merged(large, small, SUBTRACT), large, small, lambda x, y: x - y)
    found = merged(small, large, SUBTRACT)
    check(found, small, large, lambda x, y: x - y)
    assert list(found.dimensions) == ["t", "b", "y", "x"]
    band = made({"b": ["B3"], **PIXELS}, start=100, chunks=chunks[1])
    check(merged(large, band), large, band)
    series = made({"t": [0, 1]}, start=100, chunks=chunks[1], crs=None)
    found = merged(series, large, SUBTRACT)
    check(found, series, large, lambda x, y: x - y)
    assert found.crs == UTM


def test_the_same_labels_twice_are_told_apart_by_a_new_dimension(chunks):
    one = made({"t": [0, 1], **PIXELS}, chunks=chunks[0])
    two = made({"t": [0, 1], **PIXELS}, start=100, chunks=chunks[1])
    fails("OverlapResolverMissing", "merge_cubes", cube1=one, cube2=two)
    check(merged(one, two, SUBTRACT), one, two, lambda x, y: x - y)
    kept = [run("add_dimension", data=c, name="o", label=n) for c, n in ((one, "a"), (two, "b"))]
    found = merged(*kept)
    assert found.labels("o") == ["a", "b"]
    assert found.array.sel(o="b", drop=True).compute().equals(two.array.compute())


def test_each_cube_has_a_dimension_of_its_own(chunks):
    one = made({"t": [0, 1], **PIXELS}, chunks=chunks[0])
    two = made({"b": ["a", "b"], **PIXELS}, start=100, chunks=chunks[1])
    check(merged(one, two, SUBTRACT), one, two, lambda x, y: x - y)


def test_tiles_of_one_grid_become_one(chunks):
    one = made({"y": [3, 4], "x": [1, 2]}, chunks=chunks[0])
    two = made({"y": [0, 1, 2, 3], "x": [2, 3, 4]}, start=100, chunks=chunks[1])
    found = merged(one, two, SUBTRACT)
    check(found, one, two, lambda x, y: x - y)
    assert tuple(found.geobox().boundingbox) == (10, -40, 50, 10)
    far = made({"y": [3], "x": [6]}, start=50, chunks=chunks[1])
    check(merged(one, far), one, far)
    down = made({"y": [3, 2], "x": [1, 2]}, start=50, chunks=chunks[1])
    down = down.with_array(down.array, y=Dimension("spatial", "y", 10.0))
    check(merged(one, down, SUBTRACT), one, down, lambda x, y: x - y)


def test_grids_that_differ_by_less_than_can_be_seen():
    one = made({"y": [0, 1], "x": [0, 1]})
    two = made({"y": [0, 1], "x": [1, 2]}, start=100)
    two = two.with_array(two.array.assign_coords(x=two.array["x"].values + 1e-6))
    assert merged(one, two, SUBTRACT).array["x"].values.tolist() == [5, 15, 25]


LABELS = {"t": [0, 1, 2, 3], "b": ["p", "q", "r"], "o": [1, 2], "z": [1, 2, 3]}


@st.composite
def cubes(draw):
    """Draw two cubes with some dimensions each, that share some, in any order."""
    lazy = draw(st.sampled_from([None, 1, 2]))
    pair = []
    for start in (1, 1000):
        names = draw(st.lists(st.sampled_from(["t", "b", "o", "z"]), unique=True, max_size=3))
        labels = {
            name: draw(st.lists(st.sampled_from(LABELS[name]), unique=True, min_size=1, max_size=3))
            for name in names
        }
        for name in ("y", "x"):
            first, count = draw(st.integers(0, 2)), draw(st.integers(1, 2))
            labels[name] = list(range(first, first + count))
        order = draw(st.permutations(list(labels)))
        kind = draw(st.sampled_from([np.float32, np.int16]))
        pair.append(
            made({name: labels[name] for name in order}, start=start, kind=kind, chunks=lazy)
        )
    return pair


@settings(max_examples=25, deadline=None)
@given(cubes())
def test_any_two_cubes(pair):
    check(merged(*pair, SUBTRACT), *pair, lambda x, y: x - y)


@settings(max_examples=15, deadline=None)
@given(cubes())
def test_a_resolver_is_missing_exactly_where_labels_overlap(pair):
    shared = [name for name in pair[0].dimensions if name in pair[1].dimensions]
    overlap = all(set(pair[0].labels(n)) & set(pair[1].labels(n)) for n in shared)
    if overlap:
        fails("OverlapResolverMissing", "merge_cubes", cube1=pair[0], cube2=pair[1])
    else:
        check(merged(*pair), *pair)


@pytest.mark.parametrize(
    ("kinds", "labels", "expected"),
    [
        ((np.uint8, np.uint8), "same", np.uint8),
        ((np.uint8, np.int16), "same", np.int16),
        ((np.bool_, np.bool_), "same", np.bool_),
        ((np.uint8, np.uint8), "gaps", np.float32),
        ((np.bool_, np.bool_), "gaps", np.float32),
        ((np.int32, np.int32), "gaps", np.float64),
        ((np.float32, np.int16), "gaps", np.float32),
    ],
)
@pytest.mark.parametrize("lazy", [None, 1])
def test_types(kinds, labels, expected, lazy):
    one = made({"t": [0], "b": ["a"], **PIXELS}, kind=kinds[0], chunks=lazy)
    times = [0] if labels == "same" else [1]
    two = made({"t": times, "b": ["b"], **PIXELS}, kind=kinds[1], chunks=lazy)
    found = merged(one, two)
    check(found, one, two)
    assert found.array.dtype == expected
    assert found.array.compute().dtype == expected


def test_the_resolver_gets_nulls_and_the_context():
    one = made({"t": [0, 1], **PIXELS})
    one.array.values[0] = np.nan
    two = made({"t": [0, 1], **PIXELS}, start=100)
    check(merged(one, two, LARGER), one, two, lambda x, y: np.fmax(x, y))
    assert np.isnan(merged(one, two, SUBTRACT).array.values[0]).all()
    scaled = graph("multiply", x=Y, y={"from_parameter": "context"})
    check(merged(one, two, scaled, context=3), one, two, lambda x, y: 3 * y)


@pytest.mark.parametrize("lazy", [None, 1])
@pytest.mark.parametrize("value", [7, None, True, 0.5])
def test_a_resolver_that_gives_one_number(lazy, value):
    one = made({"t": [0, 1], **PIXELS}, chunks=lazy)
    two = made({"t": [1, 2], **PIXELS}, start=100, chunks=lazy)
    number = np.nan if value is None else float(value)
    found = merged(one, two, graph("constant", x=value))
    check(found, one, two, lambda x, y: number)


def test_a_resolver_that_gives_no_value():
    one, two = made(PIXELS), made(PIXELS, start=100)
    for resolver in (graph("array_create", data=[X, Y]), graph("constant", x="text")):
        fails("ProcessParameterInvalid", "merge_cubes", cube1=one, cube2=two,
              overlap_resolver=resolver, match="one value for two")  # fmt: skip


def test_processes_of_the_resolver_know_the_labels_of_the_overlap():
    definition = {"id": "look", "parameters": [{"name": "x", "schema": {}}], "returns": {}}
    seen = []

    def look(run, x):
        seen.append(run.surroundings[-1])
        return run.surroundings[-1].cube.with_array(run.surroundings[-1].cube.array.transpose() * 2)

    offer = Offer({**predefined(), "look": Process(definition, look, takes_run=True)})
    one = made({"t": [0, 1], **PIXELS})
    two = made({"t": [1, 2], **PIXELS}, start=100)
    state = Evaluation()
    found = merged(one, two, graph("look", x=X), offer=offer, state=state)
    check(found, one, two, lambda x, y: 2 * x)
    assert seen[0].cube.labels("t") == ["2024-01-02T00:00:00Z"]
    assert seen[0].dimension is None
    assert state.surroundings == []


def test_only_the_overlap_is_resolved():
    sizes = []
    definition = {"id": "look", "parameters": [{"name": "x", "schema": {}}], "returns": {}}
    offer = Offer(
        {**predefined(), "look": Process(definition, lambda x: sizes.append(x.shape) or x)}
    )
    one = made({"t": list(range(5)), **PIXELS})
    two = made({"t": [4, 5, 6, 7], "x": [1, 2], "y": [0, 1]}, start=100)
    merged(one, two, graph("look", x=X), offer=offer)
    assert sizes == [(1, 2, 2)]


def test_lazy_cubes_are_not_computed():
    def never(block):
        raise AssertionError("computed")

    cubes = []
    for days in ([0, 1], [1, 2]):
        cube = made({"t": days, **PIXELS}, chunks=1)
        data = cube.array.data.map_blocks(never, dtype=np.float32, meta=np.empty((0,) * 3, "f4"))
        cubes.append(cube.with_array(cube.array.copy(data=data)))
    found = merged(*cubes, LARGER)
    assert found.array.shape == (3, 2, 3)
    found = run("mask", data=found, mask=cubes[0].with_array(cubes[0].array.isel(t=0, drop=True)))
    with pytest.raises(AssertionError, match="computed"):
        found.array.compute()


def test_what_is_known_of_bands_is_merged():
    one = made(
        {"b": ["B1", "B2"], **PIXELS}, bands={"B1": BandTraits("red"), "B2": BandTraits("nir")}
    )
    two = made({"b": ["B3"], **PIXELS}, bands={"B3": BandTraits("blue", 0.5)})
    found = merged(one, two)
    assert run("filter_bands", data=found, bands=["blue", "red"]).labels("b") == ["B3", "B1"]


def test_empty_cubes(chunks):
    one = made({"t": [0, 1], **PIXELS}, chunks=chunks[0])
    none = made({"t": [], **PIXELS}, chunks=chunks[1])
    for pair in ((one, none), (none, one), (none, none)):
        found = merged(*pair)
        assert found.array.shape == (0 if pair == (none, none) else 2, 2, 3)
        found = merged(*pair, LARGER)
        assert found.array.dtype == np.float32
    nothing = run("create_data_cube")
    found = merged(one, nothing, graph("first", data=[X, Y]))
    np.testing.assert_array_equal(found.array.values, one.array.values)


def test_labels_of_periods_keep_their_order():
    def of(texts):
        array = xr.DataArray(np.zeros(len(texts)), {"t": texts}, ("t",))
        return Cube(array, {"t": Dimension("temporal")})

    assert merged(of(["2020-01", "2020-03"]), of(["2020-02"])).labels("t") == [
        "2020-01", "2020-02", "2020-03"]  # fmt: skip
    seasons = ["2020-djf", "2020-mam", "2020-jja"]
    assert merged(of(seasons), of(["2019-son"])).labels("t") == [*seasons, "2019-son"]
    days = np.array(["2024-01-01"], "datetime64[ns]")
    assert merged(of(days), of(["spring"])).labels("t") == ["2024-01-01T00:00:00Z", "spring"]
    late = np.array(["2024-01-03", "2024-01-01"], "datetime64[ns]")
    assert merged(of(late), of(late[:1] - np.timedelta64(1, "D"))).labels("t") == [
        "2024-01-03T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-01T00:00:00Z"]  # fmt: skip


def test_times_that_differ_by_a_nanosecond_differ():
    one = made({"t": [0], **PIXELS})
    later = one.array["t"].values + np.timedelta64(1, "ns")
    two = one.with_array(one.array.assign_coords(t=later))
    assert merged(one, two).array.sizes["t"] == 2


def vector(shapes, start=0, crs=UTM):
    labels = np.empty(len(shapes), object)
    labels[:] = shapes
    values = np.arange(start, start + len(shapes), dtype=float)
    return Cube(xr.DataArray(values, {"g": labels}, ("g",)), {"g": Dimension("geometry")}, crs)


SQUARE = shapely.box(0, 0, 2, 2)
SAME = shapely.Polygon([(2, 2), (2, 0), (1, 0), (0, 0), (0, 2)])
OTHER = shapely.MultiPolygon([shapely.box(5, 5, 6, 6)])


def test_geometries_are_equal_by_shape():
    found = merged(vector([SQUARE]), vector([OTHER, SAME], 10), LARGER)
    assert found.array.values.tolist() == [11, 10]
    assert found.array["g"].values.tolist() == [SQUARE, OTHER]
    twice = merged(vector([SQUARE, SAME]), vector([SQUARE, SAME], 10), SUBTRACT)
    assert twice.array.values.tolist() == [-10, -10]
    more = merged(vector([SQUARE]), vector([SAME, SAME], 10), LARGER)
    assert more.array.values.tolist() == [10, 11]


def test_geometries_that_cannot_be_merged():
    line = shapely.LineString([(0, 0), (1, 1)])
    for shapes in ([line], [shapely.Point(0, 0)], [SQUARE, line]):
        fails("IncompatibleGeometryTypes", "merge_cubes", cube1=vector([SQUARE]),
              cube2=vector(shapes))  # fmt: skip
    raster = made(PIXELS)
    for pair in ((raster, vector([SQUARE])), (vector([SQUARE]), raster)):
        fails("ProcessParameterInvalid", "merge_cubes", cube1=pair[0], cube2=pair[1],
              match="pixels and geometries")  # fmt: skip
    fails("ProcessParameterInvalid", "merge_cubes", cube1=vector([SQUARE]),
          cube2=vector([OTHER], crs=CRS("EPSG:4326")), match="reference system")  # fmt: skip


def test_cubes_that_are_not_compatible(monkeypatch):
    one = made({"t": [0], **PIXELS})

    def refused(two, match):
        fails("ProcessParameterInvalid", "merge_cubes", cube1=one, cube2=two, match=match)

    refused(one.with_array(one.array, t=Dimension("bands")), "'t' is bands and not temporal")
    refused(run("rename_dimension", data=one, source="x", target="lon"), "rename_dimension")
    half = one.with_array(one.array.assign_coords(x=one.array["x"].values + 5))
    refused(Cube(half.array, half.dimensions), "cannot be resampled")
    refused(made({"t": [0], "y": [0], "x": [10**9]}), "more than")
    monkeypatch.setattr(merging, "MOST_VALUES", 1000)
    refused(made({"t": [0], "y": [0], "x": [1000]}), "2002 values, more than 1000")


def coarser(cube):
    """Return a cube whose pixels are twice as large, from the same corner."""
    coarse = {"y": Dimension("spatial", "y", -20.0), "x": Dimension("spatial", "x", 20.0)}
    array = cube.array.assign_coords(
        y=-20.0 * np.arange(cube.array.sizes["y"]),
        x=10.0 + 20 * np.arange(cube.array.sizes["x"]),
    )
    return cube.with_array(array, **coarse)


@pytest.mark.parametrize("lazy", [None, 1])
def test_other_grids_are_resampled_to_the_first(lazy):
    fine = made({"t": [0], "y": [0, 1, 2, 3], "x": [0, 1, 2, 3]}, chunks=lazy)
    coarse = coarser(made({"t": [0, 1], "y": [0, 1], "x": [0, 1]}, start=100, chunks=lazy))
    found = merged(fine, coarse, graph("first", data=[Y, X]))
    assert found.geobox() == fine.geobox()
    expected = np.kron(np.asarray(coarse.array.data), np.ones((2, 2)))
    np.testing.assert_array_equal(found.array.values, expected)
    assert is_lazy(found.array.data) == (lazy is not None)
    degrees = run("resample_spatial", data=coarse, projection=4326)
    assert merged(fine, degrees, LARGER).geobox() == fine.geobox()


# --- mask


def slow_mask(data, mask, replacement):
    values = np.asarray(data.array.values, float).copy()
    for place in np.ndindex(values.shape):
        labels = zip(data.dimensions, place, strict=True)
        at = {name: data.array[name].values.tolist()[i] for name, i in labels}
        hit = value_at(mask, at)
        if hit is not None and hit == hit and hit != 0:
            values[place] = replacement
    return values


@pytest.mark.parametrize(
    "names", [("t", "b", "y", "x"), ("y", "x"), ("x", "b", "y"), ("x", "y", "t")]
)
def test_masks_hold_along_dimensions_that_they_lack(names, chunks):
    labels = {"t": [0, 1], "b": ["a", "b"], **PIXELS}
    data = made(labels, chunks=chunks[0])
    values = made({name: labels[name] for name in names})
    rng = np.random.default_rng(3)
    chosen = rng.choice([0, 0, 1, -2, 0.5, np.nan], values.array.shape)
    inside = values.with_array(values.array.copy(data=chosen))
    stored = chosen if chunks[1] is None else da.from_array(chosen, chunks=chunks[1])
    mask = inside.with_array(inside.array.copy(data=stored))
    found = run("mask", data=data, mask=mask)
    np.testing.assert_array_equal(found.array.values, slow_mask(data, inside, np.nan))
    assert found.dimensions == data.dimensions
    assert found.array.coords.equals(data.array.coords)
    assert found.array.dtype == np.float32
    assert is_lazy(found.array.data) == (chunks != (None, None))
    found = run("mask", data=data, mask=mask, replacement=-1)
    np.testing.assert_array_equal(found.array.values, slow_mask(data, inside, -1))


def test_one_crs_in_two_spellings_is_one_grid():
    """Tiles beside each other are not resampled, as if they lay on two maps."""
    one = made({"y": [0, 1], "x": [0, 1]}, crs=CRS("OGC:CRS84"))
    two = made({"y": [0, 1], "x": [2, 3]}, crs=CRS("EPSG:4326"), start=5)
    found = run("merge_cubes", cube1=one, cube2=two)
    assert found.array.values.tolist() == [[1, 2, 5, 6], [3, 4, 7, 8]]


@pytest.mark.parametrize(
    ("kind", "replacement", "expected"),
    [
        (np.uint8, None, np.float32),
        (np.int32, None, np.float64),
        (np.bool_, None, np.float32),
        (np.uint8, 0, np.uint8),
        (np.uint8, -1, np.int16),
        (np.uint8, 300, np.uint16),
        (np.int16, 0.5, np.float32),
        (np.int16, True, np.int16),
        (np.bool_, True, np.bool_),
        (np.bool_, 2, np.uint8),
        (np.uint8, -9999.0, np.int16),
        (np.uint8, 5.0, np.uint8),
        (np.float32, -9999, np.float32),
        (np.float64, None, np.float64),
        (np.int64, 2**70, np.float64),
    ],
)
@pytest.mark.parametrize("lazy", [None, 1])
def test_what_replaces(kind, replacement, expected, lazy):
    data = made(PIXELS, kind=kind, chunks=lazy)
    hit = np.array([[True, False, False], [False, False, True]])
    mask = made(PIXELS).with_array(made(PIXELS).array.copy(data=hit))
    found = run("mask", data=data, mask=mask, replacement=replacement)
    assert found.array.dtype == found.array.compute().dtype == expected
    number = np.nan if replacement is None else float(replacement)
    np.testing.assert_array_equal(
        found.array.values.astype(float), np.where(hit, number, data.array.values)
    )


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.uint8])
def test_a_fraction_beside_small_numbers_is_as_exact_as_elsewhere(kind):
    data = made(PIXELS, kind=kind)
    found = run("mask", data=data, mask=made(PIXELS), replacement=0.1).array
    assert found.dtype == np.float32
    assert (found.values == np.float32(0.1)).all()


def test_null_values_are_replaced_too():
    data = made(PIXELS)
    data.array.values[0] = np.nan
    found = run("mask", data=data, mask=made(PIXELS), replacement=5)
    assert (found.array.values == 5).all()


def test_labels_of_the_mask_in_another_order_and_pixels_beyond_it(chunks):
    data = made({"t": [0, 1, 2], **PIXELS}, chunks=chunks[0])
    mask = made({"x": [2, 3], "t": [2, 0, 1], "y": [1, 2]}, start=0, chunks=chunks[1], kind=bool)
    inside = made({"x": [2, 3], "t": [2, 0, 1], "y": [1, 2]}, start=0, kind=bool)
    found = run("mask", data=data, mask=mask)
    np.testing.assert_array_equal(found.array.values, slow_mask(data, inside, np.nan))
    assert np.isnan(found.array.values).sum() == 2
    assert found.geobox() == data.geobox()


@pytest.mark.parametrize(
    "labels",
    [
        {"t": [0], **PIXELS},
        {"t": [0, 1, 2], **PIXELS},
        {"t": [0, 2], **PIXELS},
        {"b": ["a"], **PIXELS},
    ],
)
def test_masks_that_do_not_fit(labels):
    data = made({"t": [0, 1], **PIXELS})
    fails("IncompatibleDataCubes", "mask", data=data, mask=made(labels))


def test_masks_of_other_dimensions():
    data = made({"t": [0, 1], **PIXELS})
    other = data.with_array(data.array, t=Dimension("other"))
    fails("IncompatibleDataCubes", "mask", data=data, mask=other, match="'t' is other")
    named = run("rename_dimension", data=data, source="x", target="lon")
    fails("IncompatibleDataCubes", "mask", data=data, mask=named)
    flat = data.with_array(data.array.isel(x=0, drop=True))
    fails("ProcessParameterInvalid", "mask", data=data, mask=flat, match="'mask'")
    fails("ProcessParameterInvalid", "mask", data=flat, mask=data, match="'data'")
    fails("ProcessParameterInvalid", "mask", data=data, mask=data, replacement="x", match="hold")


@pytest.mark.parametrize("lazy", [None, 1])
def test_masks_on_other_grids_are_resampled(lazy):
    data = made({"y": [0, 1, 2, 3], "x": [0, 1, 2, 3]}, chunks=lazy)
    mask = coarser(made({"y": [0, 1], "x": [0, 1]}, start=0, chunks=lazy))
    mask = mask.with_array(mask.array == 3)
    found = run("mask", data=data, mask=mask)
    expected = data.array.values.copy()
    expected[2:, 2:] = np.nan
    np.testing.assert_array_equal(found.array.values, expected)
    assert found.geobox() == data.geobox()


def test_the_slow_merge_on_a_case_worked_out_by_hand():
    one, two = made({"b": ["a"], "t": [0, 1]}), made({"t": [1], "b": ["c"]}, start=9)
    names, labels, values = slow_merge(one, two, None)
    assert names == ["b", "t"]
    assert labels["b"] == ["a", "c"]
    np.testing.assert_array_equal(values, [[1, 2], [np.nan, 9]])
