"""Over pixels each process gives, element by element, what it gives for plain values."""

from __future__ import annotations

import time

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.openeo.graphs.executor import execute
from workbench.openeo.registry import predefined
from workbench.openeo.values import LabelledArray, PixelArray, is_lazy

SHAPE = (2, 3)

NUMBERS = st.one_of(
    st.none(),
    st.integers(-5, 5).map(float),
    st.floats(-1e6, 1e6, width=32),
    st.sampled_from([0.0, -0.0, 0.5, 1.0, np.inf, -np.inf]),
)
TRUTHS = st.sampled_from([None, True, False])

ROUND = ["int", "floor", "ceil", "sgn"]
ANGLES = ["sin", "cos", "tan", "arcsin", "arccos", "arctan"]
HYPERBOLIC = ["sinh", "cosh", "tanh", "arsinh", "arcosh", "artanh"]
MARKS = ["is_nodata", "is_valid", "is_infinite"]
ONE = ["absolute", "sqrt", "exp", "ln", *ROUND, *ANGLES, *HYPERBOLIC, *MARKS]
COMPARISONS = ["eq", "neq", "gt", "gte", "lt", "lte"]
ARITHMETIC = ["add", "subtract", "multiply", "divide", "mod", "power", "log", "arctan2"]
TWO = [*ARITHMETIC, "normalized_difference", *COMPARISONS]
REDUCERS = ["sum", "product", "mean", "min", "max", "median", "sd", "variance", "first", "last"]
CUMULATIVE = ["cumsum", "cumproduct", "cummin", "cummax"]


def names(process):
    return [parameter["name"] for parameter in predefined()[process].parameters]


def run(process, **arguments):
    """Execute a graph of one node, whose arguments are parameters."""
    node = {
        "process_id": process,
        "arguments": {name: {"from_parameter": name} for name in arguments},
        "result": True,
    }
    return execute({"node": node}, given=arguments)


def pixels(values):
    """Return one value for each pixel, (y, x)."""
    numbers = [np.nan if value is None else float(value) for value in values]
    return np.array(numbers).reshape(SHAPE)


def series(values):
    """Return one list of values for each pixel as an array over pixels, (n, y, x)."""
    numbers = [[np.nan if v is None else float(v) for v in one] for one in values]
    return PixelArray(np.array(numbers).T.reshape(-1, *SHAPE))


def lazy(value):
    if isinstance(value, PixelArray):
        chunks = (1, *(1 for _ in value.values.shape[1:]))
        return PixelArray(da.from_array(value.values, chunks=chunks), value.labels)
    return da.from_array(value, chunks=1) if isinstance(value, np.ndarray) else value


def in_memory(found):
    """Return what was computed lazily, which must have been lazy and keep what it promised."""
    array = found.values if isinstance(found, PixelArray) else found
    assert is_lazy(array)
    values = np.asarray(array.compute(scheduler="synchronous"))
    assert values.dtype == array.dtype
    assert values.shape == array.shape
    return values


def rows(plain):
    """Return one plain result for each pixel as pixels (y, x), or (n, y, x) of lists."""
    lists = [one if isinstance(one, list) else [one] for one in plain]
    numbers = np.array([[np.nan if v is None else float(v) for v in one] for one in lists])
    found = numbers.T.reshape(-1, *SHAPE)
    return found if isinstance(plain[0], list) else found[0]


def spread(found, shape):
    """Return a result as pixels; what is plain holds at each of them."""
    if isinstance(found, list):
        return np.broadcast_to(np.array(found, float).reshape(-1, 1, 1), shape)
    values = found.values if isinstance(found, PixelArray) else found
    return np.broadcast_to(np.asarray(values, float), shape)


def agree(process, plain_calls, arguments):
    """Compare a call over pixels, in memory and on Dask, with one call for each pixel."""
    expected = rows([run(process, **call) for call in plain_calls])
    found = run(process, **arguments)
    shown = spread(found, expected.shape)
    np.testing.assert_allclose(shown, expected, rtol=1e-12, atol=0)
    later = run(process, **{name: lazy(value) for name, value in arguments.items()})
    if isinstance(found, list):
        assert later == found
    else:
        np.testing.assert_array_equal(in_memory(later), shown)


def values(strategy, count=6):
    return st.lists(strategy, min_size=count, max_size=count)


def arrays(strategy):
    """Draw an array of one length for each pixel."""
    return st.integers(1, 5).flatmap(lambda n: values(values(strategy, n)))


@pytest.mark.parametrize("process", ONE)
@settings(max_examples=8, deadline=None)
@given(x=values(NUMBERS))
def test_of_one_number(process, x):
    (name,) = names(process)
    agree(process, [{name: v} for v in x], {name: pixels(x)})


@pytest.mark.parametrize("process", TWO)
@settings(max_examples=8, deadline=None)
@given(x=values(NUMBERS), y=values(NUMBERS), fixed=NUMBERS)
def test_of_two_numbers(process, x, y, fixed):
    first, second = names(process)[:2]
    both = [{first: a, second: b} for a, b in zip(x, y, strict=True)]
    agree(process, both, {first: pixels(x), second: pixels(y)})
    agree(process, [{first: a, second: fixed} for a in x], {first: pixels(x), second: fixed})
    agree(process, [{first: fixed, second: b} for b in y], {first: fixed, second: pixels(y)})


@settings(max_examples=12, deadline=None)
@given(x=values(NUMBERS))
def test_with_options(x):
    for process, options in [
        ("round", {"p": 1}),
        ("round", {"p": -2}),
        ("clip", {"min": -1, "max": 2.5}),
        ("linear_scale_range", {"inputMin": -1, "inputMax": 3, "outputMin": 10, "outputMax": 5}),
        ("between", {"min": -1, "max": 1}),
        ("between", {"min": -1, "max": 1, "exclude_max": True}),
        ("between", {"min": 1, "max": -1}),
        ("eq", {"y": 0.25, "delta": 0.5}),
    ]:
        agree(process, [{"x": v} | options for v in x], {"x": pixels(x)} | options)


@settings(max_examples=12, deadline=None)
@given(x=values(TRUTHS), y=values(TRUTHS), number=values(NUMBERS), other=NUMBERS)
def test_of_truths(x, y, number, other):
    for process in ("and", "or", "xor"):
        both = [{"x": a, "y": b} for a, b in zip(x, y, strict=True)]
        agree(process, both, {"x": pixels(x), "y": pixels(y)})
    agree("not", [{"x": v} for v in x], {"x": pixels(x)})
    choices = [{"value": v, "accept": n, "reject": other} for v, n in zip(x, number, strict=True)]
    agree("if", choices, {"value": pixels(x), "accept": pixels(number), "reject": other})


@pytest.mark.parametrize("process", [*REDUCERS, *CUMULATIVE, "extrema"])
@pytest.mark.parametrize("ignore", [True, False])
@settings(max_examples=8, deadline=None)
@given(data=arrays(NUMBERS))
def test_of_arrays_of_numbers(process, ignore, data):
    calls = [{"data": one, "ignore_nodata": ignore} for one in data]
    agree(process, calls, {"data": series(data), "ignore_nodata": ignore})


@pytest.mark.parametrize("process", ["any", "all"])
@pytest.mark.parametrize("ignore", [True, False])
@settings(max_examples=8, deadline=None)
@given(data=arrays(TRUTHS))
def test_of_arrays_of_truths(process, ignore, data):
    calls = [{"data": one, "ignore_nodata": ignore} for one in data]
    agree(process, calls, {"data": series(data), "ignore_nodata": ignore})


@pytest.mark.parametrize("ignore", [True, False])
@settings(max_examples=12, deadline=None)
@given(data=arrays(NUMBERS))
def test_quantiles(ignore, data):
    for wanted in ([0, 0.1, 0.5, 1], 4):
        options = {"probabilities": wanted, "ignore_nodata": ignore}
        agree(
            "quantiles", [{"data": one} | options for one in data], {"data": series(data)} | options
        )


@pytest.mark.parametrize("asc", [True, False])
@pytest.mark.parametrize("nodata", [True, False])
@settings(max_examples=8, deadline=None)
@given(data=arrays(NUMBERS))
def test_order_and_sort(asc, nodata, data):
    for process in ("order", "sort"):
        calls = [{"data": one, "asc": asc, "nodata": nodata} for one in data]
        agree(process, calls, {"data": series(data), "asc": asc, "nodata": nodata})


@settings(max_examples=12, deadline=None)
@given(data=arrays(NUMBERS))
def test_what_sort_leaves_out_is_null_at_the_end(data):
    """Plain arrays become shorter; those over pixels have one length."""
    found = run("sort", data=series(data)).values.reshape(-1, 6).T
    for one, plain in zip(found, data, strict=True):
        short = run("sort", data=plain)
        np.testing.assert_array_equal(one[: len(short)], short)
        assert np.isnan(one[len(short) :]).all()


@settings(max_examples=12, deadline=None)
@given(data=arrays(NUMBERS))
def test_interpolation_and_search(data):
    agree("array_interpolate_linear", [{"data": one} for one in data], {"data": series(data)})
    agree("count", [{"data": one} for one in data], {"data": series(data)})
    wanted = data[0][0]
    for reverse in (True, False):
        if wanted is not None:
            options = {"value": wanted, "reverse": reverse}
            agree(
                "array_find",
                [{"data": one} | options for one in data],
                {"data": series(data)} | options,
            )
    if wanted is not None:
        agree(
            "array_contains",
            [{"data": one, "value": wanted} for one in data],
            {"data": series(data), "value": wanted},
        )


@settings(max_examples=12, deadline=None)
@given(data=arrays(NUMBERS), which=st.integers(0, 4), value=values(NUMBERS))
def test_elements(data, which, value):
    many = series(data)
    index = min(which, len(data[0]) - 1)
    agree(
        "array_element",
        [{"data": one, "index": index} for one in data],
        {"data": many, "index": index},
    )
    agree(
        "array_append",
        [{"data": o, "value": v} for o, v in zip(data, value, strict=True)],
        {"data": many, "value": pixels(value)},
    )
    agree(
        "array_concat",
        [{"array1": one, "array2": [7, None]} for one in data],
        {"array1": many, "array2": [7, None]},
    )
    options = {"values": [1, 2], "index": index, "length": 1}
    agree("array_modify", [{"data": one} | options for one in data], {"data": many} | options)
    agree(
        "rearrange",
        [{"data": one, "order": [index, 0]} for one in data],
        {"data": many, "order": [index, 0]},
    )


@settings(max_examples=8, deadline=None)
@given(data=arrays(NUMBERS), limit=NUMBERS)
def test_callbacks(data, limit):
    """A callback sees elements over all pixels at once."""

    def callback(process, **arguments):
        return {
            "process_graph": {"n": {"process_id": process, "arguments": arguments, "result": True}}
        }

    x, index = {"from_parameter": "x"}, {"from_parameter": "index"}
    context = {"from_parameter": "context"}
    for process, callbacks in [
        ("array_apply", {"process": callback("add", x=x, y=index)}),
        ("array_apply", {"process": callback("multiply", x=x, y=context)}),
        ("count", {"condition": callback("gt", x=x, y=context)}),
    ]:
        graph = {
            "n": {
                "process_id": process,
                "result": True,
                "arguments": callbacks
                | {"data": {"from_parameter": "data"}, "context": {"from_parameter": "limit"}},
            }
        }
        plain = [execute(graph, given={"data": one, "limit": limit}) for one in data]
        for many in (series(data), lazy(series(data))):
            found = execute(graph, given={"data": many, "limit": limit})
            expected = rows(plain)
            np.testing.assert_allclose(spread(found, expected.shape), expected, rtol=1e-12)


def test_nan_in_pixels_is_null_and_nan():
    """The one place where a pixel is two things: its NaN is what `is_nan` asks for, too."""
    x = np.array([1, np.nan, np.inf])
    assert run("is_nan", x=x).tolist() == [False, True, False]
    assert run("is_nodata", x=x).tolist() == [False, True, False]
    assert run("is_nan", x=None) is False
    assert run("is_nodata", x=np.nan) is False


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_whole_numbers_do_not_wrap_and_float32_stays(kind):
    low, high = np.array([1, 2], kind), np.array([3, 250], kind)
    found = run("subtract", x=low, y=high)
    assert found.tolist() == [-2, -248]
    assert found.dtype == (
        np.float32 if np.dtype(kind).itemsize <= 2 or kind == np.float32 else float
    )
    assert run("add", x=low, y=0.5).dtype == found.dtype
    total = run("sum", data=PixelArray(np.full((300, 2), 200, kind)))
    assert total.tolist() == [60_000, 60_000]


def test_an_element_taken_by_pixel():
    data = PixelArray(np.array([[1.0, 2, 3], [4, 5, 6]]))
    index = np.array([1, 0, np.nan])
    for change in (lambda v: v, lazy):
        found = run("array_element", data=change(data), index=change(index))
        np.testing.assert_array_equal(np.asarray(found), [4, 2, np.nan])
        beyond = run(
            "array_element", data=change(data), index=change(index + 1), return_nodata=True
        )
        np.testing.assert_array_equal(np.asarray(beyond), [np.nan, 5, np.nan])
    with pytest.raises(Exception, match="no element with the specified index") as caught:
        run("array_element", data=data, index=index + 1)
    assert caught.value.code == "ArrayElementNotAvailable"


def test_lists_of_pixels_become_arrays_over_pixels():
    """As clients write an index: the sum of a list of bands and numbers."""
    red, blue = np.array([1, np.nan], np.float32), np.array([10, 20], np.uint8)
    graph = {
        "n": {
            "process_id": "sum",
            "arguments": {"data": [{"from_parameter": "red"}, {"from_parameter": "blue"}, 0.5]},
            "result": True,
        }
    }
    found = execute(graph, given={"red": red, "blue": blue})
    assert found.dtype == np.float32
    assert found.tolist() == [11.5, 20.5]
    assert execute(graph, given={"red": lazy(red), "blue": blue}).compute().tolist() == [11.5, 20.5]


def test_a_filter_that_differs_by_pixel_leaves_nulls_in_place():
    data = PixelArray(np.array([[1.0, 5], [7, 8], [2, 1]]), ["a", "b", "c"])
    condition = {
        "process_graph": {
            "gt": {
                "process_id": "gt",
                "arguments": {"x": {"from_parameter": "x"}, "y": 4},
                "result": True,
            }
        }
    }
    graph = {
        "n": {
            "process_id": "array_filter",
            "result": True,
            "arguments": {"data": {"from_parameter": "data"}, "condition": condition},
        }
    }
    found = execute(graph, given={"data": data})
    np.testing.assert_array_equal(found.values, [[np.nan, 5], [7, 8], [np.nan, np.nan]])
    assert found.labels == ["a", "b", "c"]
    by_label = {
        "process_graph": {
            "eq": {
                "process_id": "eq",
                "arguments": {"x": {"from_parameter": "label"}, "y": "b"},
                "result": True,
            }
        }
    }
    graph["n"]["arguments"]["condition"] = by_label
    found = execute(graph, given={"data": data})
    assert (found.labels, found.values.tolist()) == (["b"], [[7, 8]])
    assert execute(graph, given={"data": LabelledArray([1, 2], ["a", "b"])}) == LabelledArray(
        [2], ["b"]
    )


def test_pixels_of_other_blocks_and_of_fewer_pixels():
    values = np.arange(24.0).reshape(4, 6)
    row = np.arange(6.0)[None]
    one, other = da.from_array(values, chunks=(2, 3)), da.from_array(values * 10, chunks=(3, 4))
    assert np.array_equal(in_memory(run("add", x=one, y=other)), values * 11)
    assert np.array_equal(in_memory(run("add", x=da.from_array(row), y=one)), values + row)
    assert np.array_equal(in_memory(run("add", x=one, y=row)), values + row)


def test_counting_and_searching_do_not_take_an_array_apart():
    """Of half a million elements at each pixel, as `reduce_spatial` gives them."""
    data = PixelArray(da.arange(500_000, chunks=100_000).reshape(-1, 1) % 100_000 * 1.0)
    start = time.process_time()
    assert run("count", data=data).compute(scheduler="synchronous") == [500_000]
    assert run("array_find", data=data, value=7.0).compute(scheduler="synchronous") == [7]
    assert run("array_contains", data=data, value=-1.0).compute(scheduler="synchronous") == [False]
    assert run("array_element", data=data, index=400_001).compute() == [1]
    assert run("array_labels", data=data)[-1] == 499_999
    assert time.process_time() - start < 10  # one slice for each element takes many minutes


def test_what_lies_beyond_one_border_does_not_lie_between_two():
    """As `and` has it, false and null are false."""
    found = run(
        "between",
        x=np.full(3, 5.0),
        min=np.array([np.nan, 0, 6]),
        max=np.array([1.0, np.nan, np.nan]),
    )
    np.testing.assert_array_equal(found, [0, np.nan, 0])


def test_counts_beyond_24_bits_are_exact():
    data = PixelArray(np.broadcast_to(np.float32(1), (2**24 + 1, 1)))
    assert run("count", data=data)[0] == 2**24 + 1


@pytest.mark.parametrize(
    ("reject", "labels"),
    [
        (None, ["a", "b"]),
        (LabelledArray([3, 4], ["a", "b"]), ["a", "b"]),
        (LabelledArray([3, 4], ["a", "c"]), None),
        ([3, 4], None),
    ],
)
def test_labels_stay_where_both_arrays_to_choose_from_have_them(reject, labels):
    accept = LabelledArray([1, 2], ["a", "b"])
    found = run("if", value=np.array([1.0, 0]), accept=accept, reject=reject)
    others = [np.nan, np.nan] if reject is None else [3, 4]
    np.testing.assert_array_equal(found.values, [[1, others[0]], [2, others[1]]])
    assert found.labels == labels
