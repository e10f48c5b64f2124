"""Printed rows are those of the tables of texts, byte by byte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from egms_io.formats.printing import printed_rows
from egms_io.formats.text import csv_rows, decimal_texts

NUMBERS = st.one_of(
    st.floats(-1e6, 1e6),
    st.integers(-10_000_000, 10_000_000).map(lambda n: n / 20),  # ties at one decimal
    st.sampled_from([0.0, -0.0, -0.04, 0.05, -0.05, float("nan"), 9.96, -99.96, 4_549_900.37]),
)
ROWS = st.tuples(st.text("0aZ", max_size=4), NUMBERS, NUMBERS, NUMBERS, st.text("xy", max_size=2))
DECIMALS = st.lists(st.sampled_from([0, 1, 2, 3, 6]), min_size=3, max_size=3)


def columns_of(rows):
    kinds = ("S4", float, float, float, "S2")
    return [np.array([row[k] for row in rows], kind) for k, kind in enumerate(kinds)]


def slow_rows(columns, decimals):
    texts = [
        column if column.dtype.kind == "S" else decimal_texts(column, digits)
        for column, digits in zip(columns, decimals, strict=True)
    ]
    return csv_rows(texts)


@given(st.lists(ROWS, min_size=1, max_size=20), DECIMALS)
@settings(deadline=None)
@example([("", -0.4, -0.0, float("nan"), "")], [0, 1, 2])
def test_rows_equal_those_of_texts(rows, digits):
    columns, decimals = columns_of(rows), [0, *digits, 0]
    assert printed_rows(columns, decimals) == slow_rows(columns, decimals)


@pytest.mark.parametrize("value", [2.0**52, -(2.0**60), 1e22, 2.0**52 / 10])
def test_large_numbers(value):
    columns = [np.array([1.5, value]), np.array([b"a", b"b"])]
    assert printed_rows(columns, [1, 0]) == slow_rows(columns, [1, 0])


def test_a_row():
    columns = [np.array([b"pid", b"p"]), np.array([4549950.0, -7.0]), np.array([-0.04, 12.25])]
    assert printed_rows(columns, [0, 0, 1]) == b"pid,4549950,-0.0\np,-7,12.2\n"
