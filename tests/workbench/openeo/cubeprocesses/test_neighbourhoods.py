"""apply_kernel against a loop over pixels and SciPy, apply_neighborhood against slow windows."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from pyproj import CRS
from scipy import ndimage

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.declarations import Process
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import execute
from workbench.openeo.registry import Offer, predefined
from workbench.openeo.values import PixelArray, is_lazy

DIMENSIONS = {
    "t": Dimension("temporal"),
    "y": Dimension("spatial", "y", -10.0),
    "x": Dimension("spatial", "x", 10.0),
    "bands": Dimension("bands"),
}
TIMES = np.array(
    ["2024-01-01T10", "2024-01-01T11", "2024-01-20", "2024-02-10", "2024-05-01"], "datetime64[ns]"
)
COORDS = {
    "t": TIMES,
    "y": 65 - 10 * np.arange(7.0),
    "x": 105 + 10 * np.arange(9.0),
    "bands": ["B04", "B08"],
}
DATA = {"from_parameter": "data"}


@pytest.fixture(params=["memory", "lazy"])
def lazy(request):
    return request.param == "lazy"


@pytest.fixture
def cube(lazy):
    values = np.random.default_rng(5).normal(size=(5, 7, 9, 2)).astype(np.float32)
    return made(values, lazy)


def made(values, lazy, crs="EPSG:32632"):
    data = da.from_array(values, chunks=(2, 3, 4, 1)) if lazy else values
    return Cube(xr.DataArray(data, COORDS, tuple(DIMENSIONS)), DIMENSIONS, CRS(crs))


def run(cube, process, offer=None, /, **arguments):
    node = {"process_id": process, "arguments": {"data": {"from_parameter": "cube"}, **arguments}}
    found = execute({"n": {**node, "result": True}}, offer, given={"cube": cube})
    assert is_lazy(found.array.data) == is_lazy(cube.array.data)
    assert (found.dimensions, found.crs) == (cube.dimensions, cube.crs)
    computed = found.array.compute(scheduler="synchronous")
    assert computed.dtype == found.array.dtype
    for name in cube.dimensions:
        assert np.array_equal(computed[name], cube.array[name])
    return computed.values


def refused(code, words, cube, process, /, **arguments):
    with pytest.raises(OpenEOError, match=words) as caught:
        run(cube, process, **arguments)
    assert caught.value.code == code


# Kernels ---------------------------------------------------------------------------------------

KERNEL = [[1, 2, 3], [0, -1, 0.5], [4, 0, 0], [0, 0, 1], [2, 0, 0]]
MODES = {"replicate": "nearest", "reflect": "reflect", "reflect_pixel": "mirror", "wrap": "wrap"}


def beyond(place, length, border):
    """Return which pixel stands at a place beyond a border, as the definition draws it."""
    while not 0 <= place < length:
        if border == "replicate":
            place = min(max(place, 0), length - 1)
        elif border == "wrap":
            place %= length
        elif border == "reflect":
            place = -place - 1 if place < 0 else 2 * length - 1 - place
        else:
            place = -place if place < 0 else 2 * length - 2 - place
    return place


def slow(plane, kernel, border):
    kernel = np.array(kernel, float)
    height, width = kernel.shape
    found = np.zeros(plane.shape)
    for y in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            for i in range(height):
                for j in range(width):
                    at = y + i - height // 2, x + j - width // 2
                    if isinstance(border, str):
                        at = tuple(
                            beyond(p, n, border) for p, n in zip(at, plane.shape, strict=True)
                        )
                        value = plane[at]
                    else:
                        inside = all(0 <= p < n for p, n in zip(at, plane.shape, strict=True))
                        value = plane[at] if inside else border
                    found[y, x] += kernel[i, j] * value
    return found


@pytest.mark.parametrize("border", [0, -2.5, *MODES])
def test_apply_kernel(cube, border):
    found = run(cube, "apply_kernel", kernel=KERNEL, factor=0.5, border=border)
    assert found.dtype == np.float32
    for time in range(5):
        for band in range(2):
            wanted = 0.5 * slow(cube.array.values[time, :, :, band], KERNEL, border)
            np.testing.assert_allclose(found[time, :, :, band], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("border", [1, *MODES])
def test_a_kernel_larger_than_the_cube(cube, border):
    kernel = np.random.default_rng(1).normal(size=(21, 25))
    found = run(cube, "apply_kernel", kernel=kernel.tolist(), border=border)
    how = (
        {"mode": MODES[border]} if isinstance(border, str) else {"mode": "constant", "cval": border}
    )
    wanted = ndimage.correlate(
        cube.array.values, kernel[None, :, :, None], output=np.float64, **how
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_blocks_do_not_change_a_bit():
    values = np.random.default_rng(7).normal(size=(5, 7, 9, 2)).astype(np.float32)
    results = [run(made(values, lazy), "apply_kernel", kernel=KERNEL) for lazy in (False, True)]
    assert np.array_equal(*results)


def test_what_is_no_number_is_replaced(lazy):
    values = np.ones((5, 7, 9, 2), np.float32)
    values[0, 3, 4, 0], values[0, 3, 5, 0], values[0, 4, 4, 0] = np.nan, np.inf, -np.inf
    box = [[1, 1, 1]] * 3
    for given, wanted in (({}, 6), ({"replace_invalid": 10}, 36)):
        found = run(made(values, lazy), "apply_kernel", kernel=box, border="replicate", **given)
        assert found[0, 3, 4, 0] == wanted
        assert (found[1:] == 9).all()


@pytest.mark.parametrize(
    ("kind", "result"), [(bool, "f4"), ("u1", "f4"), ("i4", "f8"), ("f8", "f8")]
)
def test_types_of_kernels(lazy, kind, result):
    values = np.random.default_rng(2).integers(0, 2, (5, 7, 9, 2)).astype(kind)
    found = run(made(values, lazy), "apply_kernel", kernel=[[2]], factor=3)
    assert found.dtype == np.dtype(result)
    assert np.array_equal(found, 6.0 * values)


def test_one_row_and_no_pixels(cube):
    row = cube.with_array(cube.array.isel(y=[2], t=slice(1)))
    found = run(row, "apply_kernel", kernel=[[1], [1], [1]], border="reflect_pixel")
    np.testing.assert_allclose(found, 3 * row.array.values, rtol=1e-6)
    empty = cube.with_array(cube.array.isel(x=slice(0)))
    assert run(empty, "apply_kernel", kernel=[[1, 1, 1]]).shape == (5, 7, 0, 2)


@pytest.mark.parametrize("kernel", [[[1, 2], [3, 4]], [[1, 2, 3], [1, 2, 3]], [[1, 2]], [], [[]]])
def test_uneven_kernels(cube, kernel):
    refused("KernelDimensionsUneven", "uneven", cube, "apply_kernel", kernel=kernel)


def test_bad_kernels(cube):
    ragged = [[1], [1, 2, 3], [1]]
    refused("ProcessParameterInvalid", r"\[1, 3\]", cube, "apply_kernel", kernel=ragged)
    large = [[1] * 257] * 257
    refused("ProcessParameterInvalid", "65536 at most", cube, "apply_kernel", kernel=large)
    flat = cube.with_array(cube.array.isel(y=0, drop=True))
    refused("ProcessParameterInvalid", "along x and y", flat, "apply_kernel", kernel=[[1]])
    refused(
        "ProcessParameterInvalid", "mirror", cube, "apply_kernel", kernel=[[1]], border="mirror"
    )


# Neighbourhoods --------------------------------------------------------------------------------


def watching(function):
    """Return an offer with a process `watch` that a test writes; it is given data."""
    definition = {
        "id": "watch",
        "parameters": [{"name": "data", "schema": {}}],
        "returns": {"schema": {}},
    }
    return Offer(backend={**predefined(), "watch": Process(definition, function)})


WATCH = {
    "process_graph": {"w": {"process_id": "watch", "arguments": {"data": DATA}, "result": True}}
}


def sizes(**given):
    """Return sizes: x=(3, "px"), or t="P1M"."""
    return [
        {"dimension": name, "value": value[0], "unit": value[1]}
        if isinstance(value, tuple)
        else {"dimension": name, "value": value}
        for name, value in given.items()
    ]


PX1, PX2, PX3, PX4 = ((count, "px") for count in (1, 2, 3, 4))


def minus_mean(part):
    """Subtract from all values of a cube their mean, nulls left out: the window shows."""
    return part.with_array(part.array - part.array.mean())


def slow_windows(values, cores, overlaps):
    """Do what `minus_mean` does in each window of NumPy values."""
    pad = [(0, 0) if o is None else (o, o) for o in overlaps]
    wide, found = np.pad(values, pad, constant_values=np.nan), np.full(values.shape, np.nan)
    for index in np.ndindex(*(-(-n // c) for n, c in zip(values.shape, cores, strict=True))):
        core = tuple(
            slice(i * c, min((i + 1) * c, n))
            for i, c, n in zip(index, cores, values.shape, strict=True)
        )
        seen = tuple(
            slice(s.start, s.stop + 2 * (o or 0)) for s, o in zip(core, overlaps, strict=True)
        )
        found[core] = values[core] - np.nanmean(wide[seen], dtype=np.float64)
    return found


@pytest.mark.parametrize(
    ("size", "overlap", "cores", "overlaps"),
    [
        (sizes(x=PX3, y=PX3), None, (5, 3, 3, 2), (0, 0, 0, 0)),
        (sizes(x=PX4, y=PX2), sizes(x=PX2, y=PX1), (5, 2, 4, 2), (0, 1, 2, 0)),
        (sizes(x=40, y=(20, "m")), sizes(x=(20, "m"), y=PX1), (5, 2, 4, 2), (0, 1, 2, 0)),
        (sizes(x=PX4, t=PX2), sizes(t=PX3), (2, 7, 4, 2), (3, 0, 0, 0)),
        (sizes(x=(100, "px"), y=None, bands=1), sizes(x=None, y=PX1), (5, 7, 9, 1), (0, 1, 0, 0)),
        (sizes(x=(5, "px")), sizes(bands=PX1), (5, 7, 5, 2), (0, 0, 0, 1)),
    ],
)
def test_neighbourhoods_are_windows(cube, size, overlap, cores, overlaps):
    offer = watching(minus_mean)
    found = run(cube, "apply_neighborhood", offer, process=WATCH, size=size, overlap=overlap)
    wanted = slow_windows(cube.array.values, cores, overlaps)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_windows_show_their_labels_and_nulls_beyond_the_ends(cube):
    seen = []

    def watch(part):
        seen.append(part)
        return part

    size, overlap = sizes(x=(5, "px"), y=(7, "px")), sizes(x=(2, "px"), t=(1, "px"), bands=1)
    found = run(
        cube, "apply_neighborhood", watching(watch), process=WATCH, size=size, overlap=overlap
    )
    assert np.array_equal(found, cube.array.values)
    first, last = seen
    assert first.array.x.values.tolist() == [85, 95, 105, 115, 125, 135, 145, 155, 165]
    assert last.array.x.values.tolist() == [135, 145, 155, 165, 175, 185, 195, 205]
    assert first.array.bands.values.tolist() == ["before 1", "B04", "B08", "after 1"]
    ends = np.array(["2024-01-01T09", "2024-07-21"], "datetime64[ns]")
    assert np.array_equal(first.array.t.values[[0, -1]], ends)
    assert (first.geobox().resolution.x, first.geobox().boundingbox.left) == (10, 80)
    assert first.array.isel(x=slice(2)).isnull().all()
    assert first.array.isel(x=slice(2, None), t=slice(1, -1), bands=slice(1, -1)).notnull().all()


def test_graphs_of_cubes_in_neighbourhoods(cube):
    """Reduce and put back: a callback of official processes, with a callback of its own."""
    absolute = {"process_id": "absolute", "arguments": {"x": {"from_parameter": "x"}}}
    inner = {"process_graph": {"a": {**absolute, "result": True}}}
    apply = {"process_id": "apply", "arguments": {"data": DATA, "process": inner}}
    process = {"process_graph": {"p": {**apply, "result": True}}}
    found = run(cube, "apply_neighborhood", process=process, size=sizes(x=(4, "px"), y=(4, "px")))
    assert np.array_equal(found, np.abs(cube.array.values))


CUMULATE = {
    "process_graph": {"c": {"process_id": "cumsum", "arguments": {"data": DATA}, "result": True}}
}
PIXEL = {"x": (1, "px"), "y": (10, "m"), "bands": 1}


def test_one_dimension_is_an_array(cube):
    found = run(cube, "apply_neighborhood", process=CUMULATE, size=sizes(**PIXEL))
    np.testing.assert_allclose(found, np.cumsum(cube.array.values, axis=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("count", "overlap"), [(2, 0), (2, 1), (3, 2), (1, 0)])
def test_windows_along_one_dimension(cube, count, overlap):
    seen = []

    def watch(part):
        seen.append(part)
        return PixelArray(part.values * 0 + np.arange(part.values.shape[0])[:, None, None, None])

    size, around = sizes(t=(count, "px"), **PIXEL), sizes(t=(overlap, "px"))
    offer = watching(watch)
    found = run(cube, "apply_neighborhood", offer, process=WATCH, size=size, overlap=around)
    assert np.array_equal(found[:, 0, 0, 0], overlap + np.arange(5) % count)
    labels = np.datetime_as_string(TIMES, unit="s")
    assert [part.labels[overlap] for part in seen] == [f"{label}Z" for label in labels[::count]]
    assert {part.values.shape[0] for part in seen[:-1]} == {count + 2 * overlap}


@pytest.mark.parametrize(
    ("size", "overlap", "wanted"),
    [
        ("P1D", None, [(0, 0, 2, 2), (2, 2, 3, 3), (3, 3, 4, 4), (4, 4, 5, 5)]),
        ("PT1H", None, [(n, n, n + 1, n + 1) for n in range(5)]),
        ("P1M", None, [(0, 0, 3, 3), (3, 3, 4, 4), (4, 4, 5, 5)]),
        ("P1M", "P10D", [(0, 0, 3, 4), (3, 3, 4, 4), (4, 4, 5, 5)]),
        ("P1M", "P1M", [(0, 0, 3, 4), (0, 3, 4, 4), (4, 4, 5, 5)]),
        ("P2M", "P12D", [(0, 0, 4, 4), (4, 4, 5, 5)]),
        ("P1Y", None, [(0, 0, 5, 5)]),
        ("P3W", None, [(0, 0, 3, 3), (3, 3, 4, 4), (4, 4, 5, 5)]),
        ("P1M5D", None, [(0, 0, 3, 3), (3, 3, 4, 4), (4, 4, 5, 5)]),
        (("px", 2), "P20D", [(0, 0, 2, 3), (0, 2, 4, 4), (4, 4, 5, 5)]),
        ("P1M", ("px", 1), [(-1, 0, 3, 4), (2, 3, 4, 5), (3, 4, 5, 6)]),
        ("P500Y", "P500Y", [(0, 0, 5, 5)]),
    ],
)  # fmt: skip
def test_windows_of_time(cube, size, overlap, wanted):
    seen = []

    def watch(part):
        seen.append(part.values.shape[0])
        return PixelArray(part.values * 0 + np.arange(part.values.shape[0])[:, None, None, None])

    def measure(given):
        return [] if given is None else sizes(t=given[::-1] if isinstance(given, tuple) else given)

    found = run(
        cube, "apply_neighborhood", watching(watch), process=WATCH,
        size=[*measure(size), *sizes(**PIXEL)], overlap=measure(overlap),
    )  # fmt: skip
    if all(stop - start == end - first == 1 for first, start, stop, end in wanted):
        assert (found == 0).all()
    assert seen == [end - first for first, _, _, end in wanted]
    places = [
        place for first, start, stop, _ in wanted for place in range(start - first, stop - first)
    ]
    assert found[:, 0, 0, 0].tolist() == places


def refused_windows(code, words, cube, **arguments):
    given = {"size": sizes(x=(4, "px"), y=(4, "px"))} | arguments
    offer = watching(given.pop("function", minus_mean))
    with pytest.raises(OpenEOError, match=words) as caught:
        run(cube, "apply_neighborhood", offer, process=WATCH, **given)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (sizes(x=(0, "px")), "has no pixel"),
        (sizes(x=(1.5, "px")), "1.5 pixels, which is no whole"),
        (sizes(x=25), "2.5 pixels, which is no whole"),
        (sizes(t=3), "a duration as P1D"),
        (sizes(t=(3, "m")), "has no lengths"),
        (sizes(bands=(3, "m")), "has no lengths"),
        (sizes(x="P1D"), "x has no times"),
        (sizes(t="-P1D"), "no duration to either side"),
        (sizes(t="P0D"), "has no length"),
        (sizes(t="P99999999999Y"), "longer than 584 years"),
        (sizes(t="P1X"), "P1X"),
        (sizes(x=(3, "km")), "km"),
        (sizes(x=(-3, "px")), "-3"),
        ([*sizes(x=(3, "px")), *sizes(x=(3, "px"))], "x is there twice"),
    ],
)
def test_sizes_that_are_none(cube, given, words):
    refused_windows("ProcessParameterInvalid", words, cube, size=given)


def test_more_neighbourhoods_that_are_refused(cube):
    refused_windows("DimensionNotAvailable", "no 'z'", cube, size=sizes(z=(3, "px")))
    refused_windows("DimensionNotAvailable", "no 'z'", cube, overlap=sizes(z=(3, "px")))
    degrees = Cube(cube.array, cube.dimensions, CRS("EPSG:4326"))
    refused_windows(
        "ProcessParameterInvalid", "not known in metres", degrees, size=sizes(x=(30, "m"))
    )
    flat = cube.with_array(cube.array.isel(x=0, drop=True))
    refused_windows("ProcessParameterInvalid", "along x and y", flat, size=sizes(y=(3, "px")))
    reverse = cube.with_array(cube.array.isel(t=slice(None, None, -1)))
    refused_windows("ProcessParameterInvalid", "do not ascend", reverse, size=sizes(t="P1D"))


def test_too_many_neighbourhoods(lazy):
    dimensions = {name: DIMENSIONS[name] for name in ("t", "y", "x")}
    coords = {"t": TIMES[:2], "y": -10.0 * np.arange(400), "x": 10.0 * np.arange(400)}
    values = da.zeros((2, 400, 400)) if lazy else np.zeros((2, 400, 400))
    cube = Cube(xr.DataArray(values, coords, tuple(dimensions)), dimensions, CRS("EPSG:32632"))
    size, overlap = sizes(x=(1, "px"), y=(1, "px")), sizes(x=(1, "px"))
    refused_windows(
        "ProcessParameterInvalid", "160000 neighbourhoods", cube, size=size, overlap=overlap
    )


def a_day_later(part):
    return part.with_array(part.array.assign_coords(t=part.array.t + np.timedelta64(1, "D")))


IMMUTABLE = "DataCubePropertiesImmutable"


def test_an_overlap_that_fits_no_memory(cube):
    overlap = sizes(x=(10**9, "px"))
    refused_windows("ProcessParameterInvalid", "100000000 at most", cube, overlap=overlap)


@pytest.mark.parametrize(
    ("function", "code"),
    [
        (lambda part: part.with_array(part.array.isel(x=slice(1))), IMMUTABLE),
        (lambda part: part.with_array(part.array.isel(t=0, drop=True)), IMMUTABLE),
        (a_day_later, IMMUTABLE),
        (lambda part: 5, "ProcessParameterInvalid"),
        (lambda part: part.array.data, "ProcessParameterInvalid"),
    ],
)
def test_callbacks_that_change_the_cube(cube, function, code):
    refused_windows(code, None, cube, function=function)


def test_feet_are_told_in_metres(cube):
    feet = Cube(cube.array, cube.dimensions, CRS("EPSG:2263"))  # New York, US survey feet
    size = sizes(x=(1200 / 3937 * 40, "m"), y=30)
    found = run(feet, "apply_neighborhood", watching(minus_mean), process=WATCH, size=size)
    np.testing.assert_allclose(
        found, slow_windows(cube.array.values, (5, 3, 4, 2), (0,) * 4), atol=1e-5
    )


def test_arrays_of_the_wrong_length(cube):
    words = "4 values for a neighbourhood of 5"
    given = {"size": sizes(**PIXEL), "function": lambda part: PixelArray(part.values[1:])}
    refused_windows("ProcessParameterInvalid", words, cube, **given)


def test_whole_numbers_stay_without_nulls(lazy):
    values = np.arange(630, dtype=np.int16).reshape(5, 7, 9, 2)
    size = sizes(x=(4, "px"), y=(4, "px"))
    same = watching(lambda part: part)
    found = run(made(values, lazy), "apply_neighborhood", same, process=WATCH, size=size)
    assert found.dtype == np.int16
    assert np.array_equal(found, values)
    around = {"size": size, "overlap": sizes(x=PX1)}
    found = run(made(values, lazy), "apply_neighborhood", same, process=WATCH, **around)
    assert found.dtype == np.float32
    assert np.array_equal(found, values)
