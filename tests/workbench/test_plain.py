from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from workbench.plain import canonical, plain

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
nested = st.recursive(
    scalars | st.dates() | st.datetimes() | st.frozensets(st.integers()),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@dataclass(frozen=True)
class Window:
    west: float
    source: Path


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.float64("nan"), "nan"),
        (float("-inf"), "-inf"),
        (Path("a/b"), "a/b"),
        (date(2020, 1, 5), "2020-01-05"),
        (datetime(2020, 1, 5, 12), "2020-01-05T12:00:00"),
        (pd.Timestamp("2020-01-05"), "2020-01-05T00:00:00"),
        ({3, 1, 2}, [1, 2, 3]),
        ((1, (2,)), [1, [2]]),
        ({1: "a"}, {"1": "a"}),
        (Window(1.5, Path("x")), {"west": 1.5, "source": "x"}),
        (shapely.Point(1, 2), {"type": "Point", "coordinates": [1.0, 2.0]}),
    ],
)
def test_values_of_the_field(value, expected):
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)


@given(nested)
def test_plain_values_are_json_and_stay_as_they_are(value):
    once = plain(value)
    assert json.loads(json.dumps(once, allow_nan=False)) == once
    assert plain(once) == once


def test_a_value_that_cannot_be_written_is_named_by_its_place():
    with pytest.raises(TypeError, match=r"parameters\.aoi\[1\] is a object"):
        plain({"aoi": [1, object()]}, "parameters")


@given(st.dictionaries(st.text(), nested))
def test_the_order_of_keys_does_not_count(value):
    shuffled = dict(reversed(value.items()))
    assert canonical(plain(value)) == canonical(plain(shuffled))


def test_a_whole_float_is_an_integer():
    assert canonical({"step": 6.0}) == canonical({"step": 6}) == '{"step":6}'
    assert canonical("6.0") == '"6.0"'
