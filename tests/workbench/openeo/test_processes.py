"""What processes say of null, NaN, nothing at all, labels and types."""

from __future__ import annotations

import math

import pytest

from workbench.openeo.definitions import process_names
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import Evaluation, Log, execute
from workbench.openeo.processes import arrays, texts
from workbench.openeo.registry import predefined
from workbench.openeo.values import LabelledArray

NAN, INF = math.nan, math.inf
BANDS = LabelledArray([1.5, None, 3.5], ["B02", "B03", "B04"])


def run(process, **arguments):
    """Execute a graph of one node, whose arguments are parameters."""
    node = {
        "process_id": process,
        "arguments": {name: {"from_parameter": name} for name in arguments},
        "result": True,
    }
    return execute({"node": node}, given=arguments)


def same(found, expected):
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(map(same, found, expected))
        )
    if isinstance(expected, float) and math.isnan(expected):
        return isinstance(found, float) and math.isnan(found)
    if isinstance(expected, bool) or isinstance(found, bool):
        return found is expected
    if isinstance(expected, int | float):
        return isinstance(found, int | float) and (
            found == expected or abs(found - expected) < 1e-10
        )
    return found == expected


MATHS = [
    ("divide", {"x": 1, "y": 0}, INF),
    ("divide", {"x": -1, "y": 0}, -INF),
    ("divide", {"x": 0, "y": 0}, NAN),
    ("divide", {"x": INF, "y": INF}, NAN),
    ("mod", {"x": 2, "y": 0}, INF),
    ("mod", {"x": -2, "y": 0}, -INF),
    ("mod", {"x": -2, "y": -0.0}, -INF),
    ("mod", {"x": 0, "y": 0}, NAN),
    ("mod", {"x": INF, "y": 2}, NAN),
    ("mod", {"x": 2, "y": INF}, 2),
    ("mod", {"x": 2, "y": NAN}, NAN),
    ("power", {"base": -8, "p": 1 / 3}, NAN),
    ("power", {"base": NAN, "p": 0}, NAN),
    ("power", {"base": -INF, "p": 0.5}, INF),
    ("power", {"base": 2, "p": 5000}, INF),
    ("power", {"base": 0, "p": -1}, INF),
    ("power", {"base": -INF, "p": 3}, -INF),
    ("sqrt", {"x": -1}, NAN),
    ("exp", {"p": 1}, math.e),
    ("exp", {"p": 1000}, INF),
    ("ln", {"x": 0}, -INF),
    ("ln", {"x": -1}, NAN),
    ("log", {"x": 1000, "base": 10}, 3),
    ("log", {"x": 2**29, "base": 2}, 29),
    ("log", {"x": 0, "base": 10}, -INF),
    ("log", {"x": -1, "base": 10}, NAN),
    ("log", {"x": 5, "base": -2}, NAN),
    ("log", {"x": 5, "base": 0}, NAN),
    ("arcsin", {"x": 2}, NAN),
    ("arccos", {"x": -1.5}, NAN),
    ("arcosh", {"x": 0.5}, NAN),
    ("artanh", {"x": 1}, INF),
    ("artanh", {"x": -1}, -INF),
    ("artanh", {"x": 2}, NAN),
    ("tan", {"x": INF}, NAN),
    ("arctan2", {"y": 1, "x": -1}, 3 * math.pi / 4),
    ("int", {"x": -INF}, -INF),
    ("floor", {"x": NAN}, NAN),
    ("round", {"x": 2.5}, 2),
    ("round", {"x": 1e300, "p": 20}, 1e300),
    ("round", {"x": 1.5, "p": 400}, 1.5),
    ("round", {"x": 1.5, "p": -400}, 0),
    ("sgn", {"x": -0.0}, 0),
    ("sgn", {"x": NAN}, NAN),
    ("clip", {"x": INF, "min": -1, "max": 1}, 1),
    ("clip", {"x": NAN, "min": -1, "max": 1}, NAN),
    ("clip", {"x": 2, "min": NAN, "max": 1}, NAN),
    (
        "linear_scale_range",
        {"x": 5, "inputMin": 0, "inputMax": 10, "outputMin": 1, "outputMax": 0},
        0.5,
    ),
    ("linear_scale_range", {"x": -5, "inputMin": 10, "inputMax": 0}, 1),
    ("linear_scale_range", {"x": 1, "inputMin": 1, "inputMax": 1}, NAN),
    ("normalized_difference", {"x": None, "y": 1}, None),
    ("normalized_difference", {"x": 0, "y": 0}, NAN),
    ("add", {"x": 2**53, "y": 1}, 2.0**53),
    ("nan", {}, NAN),
    ("pi", {}, math.pi),
    ("e", {}, math.e),
    ("constant", {"x": [1, {"a": None}]}, [1, {"a": None}]),
]

COMPARISONS = [
    ("eq", {"x": NAN, "y": NAN}, False),
    ("eq", {"x": INF, "y": INF, "delta": 1}, True),
    ("eq", {"x": INF, "y": -INF, "delta": 1}, False),
    ("eq", {"x": 1, "y": 1.0}, True),
    ("eq", {"x": True, "y": 1}, False),
    ("eq", {"x": None, "y": None}, None),
    ("eq", {"x": "Straße", "y": "STRASSE", "case_sensitive": False}, True),
    ("neq", {"x": NAN, "y": NAN}, True),
    ("neq", {"x": None, "y": "a"}, None),
    ("gt", {"x": NAN, "y": 1}, False),
    ("gt", {"x": "b", "y": "a"}, False),
    ("gte", {"x": "a", "y": "a"}, True),  # only what is not equal must be numbers
    ("gte", {"x": "b", "y": "a"}, False),
    ("gte", {"x": True, "y": True}, True),
    ("gte", {"x": True, "y": 1}, False),
    ("lte", {"x": "a", "y": "a"}, True),
    ("lt", {"x": "a", "y": "a"}, False),
    ("gte", {"x": INF, "y": INF}, True),
    ("lt", {"x": None, "y": "a"}, None),
    ("between", {"x": "a", "min": 0, "max": 1}, False),
    ("between", {"x": NAN, "min": 0, "max": 1}, False),
    ("between", {"x": [1], "min": 0, "max": 1}, False),
    ("is_nan", {"x": NAN}, True),
    ("is_nan", {"x": None}, False),
    ("is_nan", {"x": "nan"}, False),
    ("is_nodata", {"x": NAN}, False),
    ("is_valid", {"x": NAN}, False),
    ("is_valid", {"x": INF}, False),
    ("is_valid", {"x": []}, True),
    ("is_infinite", {"x": -INF}, True),
    ("is_infinite", {"x": NAN}, False),
    ("is_infinite", {"x": None}, False),
    ("or", {"x": None, "y": False}, None),
    ("and", {"x": None, "y": False}, False),
    ("xor", {"x": None, "y": True}, None),
    ("if", {"value": None, "accept": 1}, None),
    ("if", {"value": True, "accept": {"a": 1}, "reject": "b"}, {"a": 1}),
]

STATISTICS = [
    *(
        (process, {"data": data}, None)
        for process in (
            "sum",
            "product",
            "min",
            "max",
            "mean",
            "median",
            "sd",
            "variance",
            "first",
            "last",
        )
        for data in ([], [None, None])
    ),
    *(
        (process, {"data": [1, NAN, 3]}, NAN)
        for process in ("sum", "product", "min", "max", "mean", "median", "sd", "variance")
    ),
    *(
        (process, {"data": [NAN, None], "ignore_nodata": False}, None)
        for process in ("sum", "min", "median", "variance")
    ),
    ("variance", {"data": [3]}, NAN),
    ("variance", {"data": [INF, 1]}, NAN),
    ("sd", {"data": [5, None]}, NAN),
    ("sum", {"data": [INF, -INF]}, NAN),
    ("sum", {"data": [2, None]}, 2),
    ("sum", {"data": BANDS}, 5.0),
    ("mean", {"data": BANDS, "ignore_nodata": False}, None),
    ("median", {"data": [INF, INF]}, INF),
    ("median", {"data": [-INF, 3]}, -INF),
    ("median", {"data": [1.5e308, -1.5e308]}, 0),
    ("first", {"data": [NAN, 1]}, NAN),
    ("first", {"data": [], "ignore_nodata": False}, None),
    ("last", {"data": [["a"], None]}, ["a"]),
    ("extrema", {"data": []}, [None, None]),
    ("extrema", {"data": [1, NAN]}, [NAN, NAN]),
    ("quantiles", {"data": [1, 2, 3], "probabilities": [0, 1]}, [1, 3]),
    ("quantiles", {"data": [1, 2, 3], "probabilities": []}, []),
    ("quantiles", {"data": [1, 2, 3], "q": 2}, [2]),
    ("quantiles", {"data": [None], "probabilities": 4}, [None, None, None]),
    ("count", {"data": [NAN, INF, None, "a", [], True]}, 3),
    ("count", {"data": BANDS}, 2),
    ("any", {"data": BANDS.labels[:0]}, False),
    ("cumsum", {"data": []}, []),
    ("cumsum", {"data": [None, 1, NAN, None, 2]}, [None, 1, NAN, None, NAN]),
    ("cumsum", {"data": [1, None, NAN], "ignore_nodata": False}, [1, None, None]),
    ("cumsum", {"data": [1, NAN, None, 1], "ignore_nodata": False}, [1, NAN, None, None]),
    ("cumproduct", {"data": [0, INF]}, [0, NAN]),
    ("cummin", {"data": [None, 2, 3, 1]}, [None, 2, 2, 1]),
    ("cummax", {"data": BANDS}, LabelledArray([1.5, None, 3.5], BANDS.labels)),
]

ARRAYS = [
    ("array_element", {"data": BANDS, "label": "B04"}, 3.5),
    ("array_element", {"data": BANDS, "index": 1}, None),
    ("array_element", {"data": BANDS, "index": None, "label": "B02"}, 1.5),
    ("array_element", {"data": BANDS, "label": "B8", "return_nodata": True}, None),
    ("array_element", {"data": LabelledArray(["a"], [1]), "label": 1.0}, "a"),
    ("array_labels", {"data": BANDS}, ["B02", "B03", "B04"]),
    ("array_labels", {"data": [7, None]}, [0, 1]),
    ("array_labels", {"data": []}, []),
    ("array_append", {"data": [], "value": [1]}, [[1]]),
    (
        "array_append",
        {"data": BANDS, "value": 4, "label": "B08"},
        LabelledArray([1.5, None, 3.5, 4], ["B02", "B03", "B04", "B08"]),
    ),
    (
        "array_append",
        {"data": BANDS, "value": 4},
        LabelledArray([1.5, None, 3.5, 4], [*BANDS.labels, 3]),
    ),
    ("array_concat", {"array1": BANDS, "array2": [None]}, [1.5, None, 3.5, None]),
    ("array_concat", {"array1": [1, "a"], "array2": 2.5}, [1, "a", 2.5]),
    ("array_concat", {"array1": True, "array2": "b"}, [True, "b"]),
    (
        "array_concat",
        {"array1": LabelledArray([1], ["a"]), "array2": LabelledArray([2], [0])},
        LabelledArray([1, 2], ["a", 0]),
    ),
    (
        "array_modify",
        {"data": BANDS, "values": [], "index": 1, "length": 1},
        LabelledArray([1.5, 3.5], ["B02", "B04"]),
    ),
    (
        "array_modify",
        {"data": BANDS, "values": LabelledArray([0], ["B08"]), "index": 3},
        LabelledArray([1.5, None, 3.5, 0], [*BANDS.labels, "B08"]),
    ),
    (
        "array_modify",
        {"data": [], "values": LabelledArray([0], ["B08"]), "index": 0},
        LabelledArray([0], ["B08"]),
    ),
    ("array_modify", {"data": BANDS, "values": [0], "index": 0}, [0, 1.5, None, 3.5]),
    ("array_contains", {"data": [True, 0], "value": 1}, False),
    ("array_contains", {"data": [NAN], "value": NAN}, False),
    ("array_find", {"data": BANDS, "value": 3.5}, 2),
    ("array_find", {"data": [None], "value": None}, None),
    ("array_find", {"data": [], "value": 1}, None),
    ("array_find_label", {"data": BANDS, "label": "B04"}, 2),
    ("array_find_label", {"data": BANDS, "label": "B05"}, None),
    ("array_find_label", {"data": LabelledArray([5], ["1"]), "label": 1}, None),
    ("array_find_label", {"data": [1, 2], "label": 1}, None),
    ("array_create_labeled", {"data": [None], "labels": ["a"]}, LabelledArray([None], ["a"])),
    ("array_create", {"data": BANDS}, [1.5, None, 3.5]),
    ("array_interpolate_linear", {"data": []}, []),
    ("array_interpolate_linear", {"data": [NAN, 1, NAN, None, 4, None]}, [NAN, 1, 2, 3, 4, None]),
    ("array_interpolate_linear", {"data": [-INF, NAN, 0.1, NAN, INF]}, [-INF, -INF, 0.1, INF, INF]),
    (
        "array_interpolate_linear",
        {"data": LabelledArray([1, None, 4], [1, 3, 4])},
        LabelledArray([1, 3.0, 4], [1, 3, 4]),
    ),
    (
        "array_interpolate_linear",
        {"data": LabelledArray([4, None, 1], [4, 3, 1])},
        LabelledArray([4, 3.0, 1], [4, 3, 1]),
    ),
    (
        "array_interpolate_linear",
        {"data": LabelledArray([0, None, 8], ["2020-01-01", "2020-01-03", "2020-01-09"])},
        LabelledArray([0, 2.0, 8], ["2020-01-01", "2020-01-03", "2020-01-09"]),
    ),
    (
        "array_interpolate_linear",
        {"data": LabelledArray([0, None, 8], ["c", "a", "b"])},
        LabelledArray([0, 4.0, 8], ["c", "a", "b"]),
    ),
    ("order", {"data": []}, []),
    ("order", {"data": [2, NAN, None, 1], "nodata": True}, [3, 0, 1, 2]),
    ("order", {"data": [2, NAN, None, 1], "asc": False, "nodata": False}, [2, 0, 3, 1]),
    (
        "sort",
        {"data": ["2020-01-02", "2020-01-01T23:00:00-02:00", None, "2020-01-01"]},
        ["2020-01-01", "2020-01-02", "2020-01-01T23:00:00-02:00"],
    ),
    ("sort", {"data": BANDS, "asc": False}, LabelledArray([3.5, 1.5], ["B04", "B02"])),
    (
        "rearrange",
        {"data": BANDS, "order": [2, 2, 0]},
        LabelledArray([3.5, 3.5, 1.5], ["B04", "B04", "B02"]),
    ),
]

TEXTS = [
    ("text_find", {"data": "xßa", "pattern": "A", "case_sensitive": False}, 2),
    ("text_find", {"data": "xßa", "pattern": "SS", "case_sensitive": False}, 1),
    ("text_find", {"data": "abc", "pattern": ""}, 0),
    ("text_find", {"data": "", "pattern": "", "case_sensitive": False}, 0),
    ("text_contains", {"data": "a.c", "pattern": "b"}, False),
    ("text_begins", {"data": None, "pattern": ""}, None),
    ("text_ends", {"data": "STRASSE", "pattern": "ße", "case_sensitive": False}, True),
    ("text_concat", {"data": [2.0, 0.1, NAN, None], "separator": None}, "2null0.1nullnannullnull"),
    ("text_concat", {"data": [True], "separator": True}, "true"),
]

DATES = [
    ("date_between", {"x": "2020-01-01", "min": "2020-01-01", "max": "2020-01-01"}, True),
    (
        "date_between",
        {"x": "2020-01-02", "min": "2020-01-01", "max": "2020-01-02", "exclude_max": True},
        False,
    ),
    (
        "date_between",
        {"x": "2020-01-01T23:30:00-01:00", "min": "2020-01-02", "max": "2020-01-03"},
        True,
    ),
    ("date_between", {"x": "2020-01-02", "min": "2020-01-03", "max": "2020-01-01"}, False),
    ("date_between", {"x": "11:00:00", "min": "10:30:00", "max": "12:00:00"}, True),
    ("date_shift", {"date": "2020-03-31", "value": -1, "unit": "month"}, "2020-02-29"),
    (
        "date_shift",
        {"date": "2019-12-31T10:00:00.5+05:30", "value": 2, "unit": "month"},
        "2020-02-29T10:00:00.500+05:30",
    ),
    (
        "date_shift",
        {"date": "2016-12-31T23:59:60Z", "value": 1, "unit": "day"},
        "2017-01-01T23:59:59Z",
    ),
    (
        "date_shift",
        {"date": "2020-01-31T00:00:00Z", "value": 0, "unit": "year"},
        "2020-01-31T00:00:00Z",
    ),
    ("date_shift", {"date": "2020-01-01", "value": 2, "unit": "week"}, "2020-01-15"),
    (
        "date_shift",
        {"date": "2020-01-01T00:00:00z", "value": -1, "unit": "minute"},
        "2019-12-31T23:59:00Z",
    ),
    ("date_difference", {"date1": "2020-01-15", "date2": "2020-03-15", "unit": "month"}, 2),
    (
        "date_difference",
        {"date1": "2020-01-01", "date2": "2020-02-15T12:00:00Z", "unit": "month"},
        1.5,
    ),
    (
        "date_difference",
        {"date1": "2020-02-15T12:00:00Z", "date2": "2020-01-01", "unit": "month"},
        -1.5,
    ),
    ("date_difference", {"date1": "2020-01-31", "date2": "2020-02-29", "unit": "month"}, 1),
    ("date_difference", {"date1": "2019-07-01", "date2": "2021-01-01", "unit": "year"}, 1.5),
    ("date_difference", {"date1": "9999-12-01", "date2": "9999-12-31", "unit": "month"}, 30 / 31),
    (
        "date_difference",
        {"date1": "2020-01-01", "date2": "2020-01-08T12:00:00Z", "unit": "week"},
        7.5 / 7,
    ),
]


@pytest.mark.parametrize(
    ("process", "arguments", "expected"),
    [*MATHS, *COMPARISONS, *STATISTICS, *ARRAYS, *TEXTS, *DATES],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_values(process, arguments, expected):
    found = run(process, **arguments)
    if isinstance(expected, LabelledArray):
        assert found.labels == expected.labels
        assert same(found.values, expected.values)
    else:
        assert same(found, expected), found


FAULTS = [
    ("clip", {"x": 1, "min": 2, "max": 1}, "MinMaxSwapped", "min=2"),
    ("quantiles", {"data": [1]}, "QuantilesParameterMissing", "either"),
    (
        "quantiles",
        {"data": [1], "probabilities": [0.5], "q": 2},
        "QuantilesParameterConflict",
        "only",
    ),
    (
        "quantiles",
        {"data": [1], "probabilities": [0.5, 0.1]},
        "AscendingProbabilitiesRequired",
        "0.1",
    ),
    ("quantiles", {"data": [1], "probabilities": [1.5]}, "ProcessParameterInvalid", "at most 1"),
    ("quantiles", {"data": [1], "probabilities": 1}, "ProcessParameterInvalid", "at least 2"),
    ("array_element", {"data": [1]}, "ArrayElementParameterMissing", "either"),
    (
        "array_element",
        {"data": [1], "index": 0, "label": "a"},
        "ArrayElementParameterConflict",
        "only",
    ),
    (
        "array_element",
        {"data": [1], "index": 1},
        "ArrayElementNotAvailable",
        "index 1; the array has 1",
    ),
    ("array_element", {"data": BANDS, "label": "B8"}, "ArrayElementNotAvailable", "B02', 'B03"),
    ("array_element", {"data": [1], "label": "a"}, "ArrayNotLabeled", "not a labeled"),
    ("array_element", {"data": [1], "index": -1}, "ProcessParameterInvalid", "at least 0"),
    ("array_element", {"data": [1], "index": 0.5}, "ProcessParameterInvalid", "integer"),
    ("array_append", {"data": [1], "value": 1, "label": "a"}, "ArrayNotLabeled", "can't be"),
    ("array_append", {"data": BANDS, "value": 1, "label": "B02"}, "LabelExists", "'B02'"),
    ("array_append", {"data": LabelledArray([1], [1]), "value": 1}, "LabelExists", "It is 1"),
    ("array_concat", {"array1": BANDS, "array2": BANDS}, "ArrayLabelConflict", "'B02'"),
    (
        "array_modify",
        {"data": [1], "values": [], "index": 2},
        "ArrayElementNotAvailable",
        "index 2",
    ),
    (
        "array_modify",
        {"data": BANDS, "values": LabelledArray([1], ["B02"]), "index": 0, "length": 1},
        "ArrayLabelConflict",
        "'B02'",
    ),
    (
        "array_create_labeled",
        {"data": [1, 2], "labels": ["a"]},
        "ArrayLengthMismatch",
        "don't match",
    ),
    (
        "array_create_labeled",
        {"data": [1, 2], "labels": ["a", "a"]},
        "ProcessParameterInvalid",
        "twice",
    ),
    (
        "array_create_labeled",
        {"data": 1, "labels": ["a"]},
        "ProcessParameterInvalid",
        "for an array",
    ),
    ("array_create", {"data": [1], "repeat": 10**12}, "ProcessParameterInvalid", "elements"),
    (
        "array_interpolate_linear",
        {"data": LabelledArray([1, None, 2], [1, 3, 2])},
        "ProcessParameterInvalid",
        "sort",
    ),
    ("rearrange", {"data": [1], "order": [1]}, "ProcessParameterInvalid", "no position 1"),
    ("order", {"data": [1, "2020-01-01"]}, "ProcessParameterInvalid", "together with dates"),
    ("sort", {"data": ["b", "a"]}, "ProcessParameterInvalid", "no date"),
    (
        "date_shift",
        {"date": "9999-12-31", "value": 1, "unit": "day"},
        "ProcessParameterInvalid",
        "years",
    ),
    (
        "date_shift",
        {"date": "2020-01-31", "value": 10**30, "unit": "year"},
        "ProcessParameterInvalid",
        "years",
    ),
    (
        "date_shift",
        {"date": "2020-02-30", "value": 1, "unit": "day"},
        "ProcessParameterInvalid",
        "no date",
    ),
    (
        "date_shift",
        {"date": "2020-02-03", "value": 1, "unit": "moon"},
        "ProcessParameterInvalid",
        "one of",
    ),
    (
        "date_between",
        {"x": "11:00:00", "min": "2020-01-01", "max": "2020-01-02"},
        "ProcessParameterInvalid",
        "times of day",
    ),
    (
        "date_difference",
        {"date1": "0001-01-01T00:00:00+01:00", "date2": "2020-01-01"},
        "ProcessParameterInvalid",
        "no date-time",
    ),
    ("count", {"data": [], "condition": False}, "ProcessParameterInvalid", "not true"),
    ("absolute", {"x": "1"}, "ProcessParameterInvalid", '"1" is not of type null or number'),
    ("absolute", {"x": True}, "ProcessParameterInvalid", "true is not"),
    ("absolute", {"x": [1]}, "ProcessParameterInvalid", "is not of type"),
    ("sum", {"data": 3}, "ProcessParameterInvalid", "array"),
    ("sum", {"data": [1, "a"]}, "ProcessParameterInvalid", '"a"'),
    ("sum", {"data": [1], "ignore_nodata": None}, "ProcessParameterInvalid", "boolean"),
    ("eq", {"x": 1, "y": 1, "delta": 0}, "ProcessParameterInvalid", "more than 0"),
    ("not", {"x": 1}, "ProcessParameterInvalid", "boolean"),
    ("text_concat", {"data": [[]]}, "ProcessParameterInvalid", "not of type"),
]


@pytest.mark.parametrize(("process", "arguments", "code", "words"), FAULTS)
def test_faults(process, arguments, code, words):
    with pytest.raises(OpenEOError) as caught:
        run(process, **arguments)
    assert caught.value.code == code
    assert words in str(caught.value)
    assert (caught.value.status, caught.value.path) == (400, "node")


@pytest.mark.parametrize(
    ("process", "arguments", "words"),
    [
        ("text_concat", {"data": ["abc", "def"], "separator": "--"}, "have 8 characters"),
        ("array_concat", {"array1": [1] * 4, "array2": [1] * 4}, "4 and 4 elements"),
        ("array_modify", {"data": [1] * 4, "values": [1] * 4, "index": 1}, "4 and 4 elements"),
        ("array_create", {"data": [1] * 4, "repeat": 2}, "4 elements 2 times"),
    ],
)
def test_what_is_put_together_has_a_limit(monkeypatch, process, arguments, words):
    for module, limit in ((texts, "MOST_CHARACTERS"), (arrays, "MOST_ELEMENTS")):
        monkeypatch.setattr(module, limit, 8)
    run(process, **arguments)
    monkeypatch.setattr(texts, "MOST_CHARACTERS", 7)
    monkeypatch.setattr(arrays, "MOST_ELEMENTS", 7)
    with pytest.raises(OpenEOError, match=f"{words}.* more than 7") as caught:
        run(process, **arguments)
    assert caught.value.code == "ProcessParameterInvalid"


OFFICIAL = [process for process in predefined().values() if process.id in process_names()]


@pytest.mark.parametrize("process", OFFICIAL, ids=lambda process: process.id)
def test_a_function_takes_what_its_definition_says(process):
    code = process.function.__code__
    assert code.co_argcount - process.takes_run == len(process.parameters)
    assert process.function.__defaults__ is None


def test_null_gives_null_wherever_a_number_or_text_may_be_null():
    others = {"base": 2, "p": 2, "y": 1, "x": 1, "min": 0, "max": 1, "inputMin": 0, "inputMax": 1}
    passing = []
    for process in predefined().values():
        needed = [p for p in process.parameters if not p.get("optional")]
        schema = needed[0]["schema"] if needed else {}
        types = schema.get("type", []) if isinstance(schema, dict) else []
        if "null" in types and "boolean" not in types:
            rest = {p["name"]: others.get(p["name"], "a") for p in needed[1:]}
            assert run(process.id, **{needed[0]["name"]: None} | rest) is None
            passing.append(process.id)
    assert len(passing) == 35


def test_whole_numbers_stay_whole_when_they_are_cumulated():
    for process in ("cumsum", "cumproduct", "cummin", "cummax"):
        assert all(isinstance(n, int) for n in run(process, data=[1, 3, 2])), process


def test_a_label_that_is_no_date_of_utc_has_no_place_in_time():
    labels = ["0001-01-01T00:00:00+05:00", "2020-01-01", "2024-01-01"]
    found = run("array_interpolate_linear", data=LabelledArray([1, None, 3], labels))
    assert found.values == [1, 2, 3]


def test_callbacks_see_index_label_and_context():
    def graph(process, argument, callback, data, context=None):
        return {
            "n": {
                "process_id": process,
                "result": True,
                "arguments": {
                    "data": data,
                    argument: {"process_graph": {"c": callback | {"result": True}}},
                    "context": context,
                },
            }
        }

    def of(name):
        return {"process_id": "constant", "arguments": {"x": {"from_parameter": name}}}

    labelled = {"from_parameter": "labelled"}
    given = {"labelled": LabelledArray([7, 8], ["a", "b"])}
    assert execute(graph("array_apply", "process", of("index"), [5, 6])) == [0, 1]
    assert execute(graph("array_apply", "process", of("label"), [5, 6])) == [None, None]
    assert execute(graph("array_apply", "process", of("context"), [5], {"k": 1})) == [{"k": 1}]
    assert execute(graph("array_apply", "process", of("x"), [])) == []
    found = execute(graph("array_apply", "process", of("label"), labelled), given=given)
    assert found == LabelledArray(["a", "b"], ["a", "b"])
    condition = {"process_id": "eq", "arguments": {"x": {"from_parameter": "label"}, "y": "b"}}
    found = execute(graph("array_filter", "condition", condition, labelled), given=given)
    assert found == LabelledArray([8], ["b"])
    null = {"process_id": "gt", "arguments": {"x": {"from_parameter": "x"}, "y": 1}}
    assert execute(graph("array_filter", "condition", null, [None, 1, 2])) == [2]
    assert execute(graph("count", "condition", null, [None, 1, 2])) == 1


def test_inspect_writes_into_the_log_and_returns_what_it_was_given():
    run = Evaluation(log=Log())
    node = {
        "process_id": "inspect",
        "result": True,
        "arguments": {"data": [1], "message": "so far", "level": "warning", "code": "Mine"},
    }
    assert execute({"look": node}, run=run) == [1]
    entry = run.log.entries[0]
    assert (entry.level, entry.message, entry.code, entry.data, entry.path) == (
        "warning",
        "so far",
        "Mine",
        [1],
        "look",
    )
