from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from egms_io.formats.text import csv_rows, decimal_texts


def slow_text(value, decimals):
    """Shortest plain text of the rounded value: zeros at the end go, one decimal stays."""
    if np.isnan(value):
        return ""
    rounded = Decimal(float(np.rint(value * 10**decimals))).scaleb(-decimals)
    if decimals == 0:
        return str(int(rounded))
    text = f"{rounded:.{decimals}f}".rstrip("0")
    sign = "-" if np.signbit(value) and not text.startswith("-") else ""
    return sign + (text + "0" if text.endswith(".") else text)


VALUES = st.one_of(
    st.floats(-1e6, 1e6),
    st.integers(-10_000_000, 10_000_000).map(lambda n: n / 20),  # ties at one decimal
    st.sampled_from([0.0, -0.0, -0.04, 0.04, 0.05, -0.05, float("nan"), 4_549_900.37]),
).filter(lambda value: not 0 < abs(value) < 1e-3 or abs(value) < 1e-7)


@given(st.lists(VALUES, min_size=1, max_size=30), st.sampled_from([0, 1, 2, 3, 6]))
@settings(deadline=None)
@example([-0.0, 0.0, 900_000.0], 1)
@example([0.0, -0.0, 900_000.0], 1)
def test_texts_equal_those_of_decimal(values, decimals):
    texts = [text.decode() for text in decimal_texts(values, decimals)]
    assert texts == [slow_text(value, decimals) for value in values]


@given(st.lists(st.floats(-500, 500), min_size=1, max_size=50))
@settings(deadline=None)
def test_texts_equal_those_of_pandas(values):
    table = pd.DataFrame({"a": np.round(values, 1)})
    expected = table.to_csv(index=False, header=False).split()
    assert [text.decode() for text in decimal_texts(values, 1)] == expected


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (-0.30, 2, "-0.3"),
        (-0.04, 1, "-0.0"),
        (0.04, 1, "0.0"),
        (0.25, 1, "0.2"),
        (0.35, 1, "0.4"),  # 0.35 is stored a little below; times ten it is 3.5, as numpy rounds
        (-0.75, 1, "-0.8"),
        (12, 1, "12.0"),
        (4597549.9999, 0, "4597550"),
        (-0.2, 0, "0"),
        (float("nan"), 1, ""),
    ],
)
def test_single_texts(value, decimals, text):
    assert decimal_texts(value, decimals)[0].decode() == text


@pytest.mark.parametrize(("value", "text"), [(0.00001, "0.00001"), (-0.000052, "-0.000052")])
def test_small_numbers_are_written_plainly(value, text):
    """A longitude near Greenwich: fixed decimals, no exponent."""
    assert decimal_texts(value, 6)[0].decode() == text


@pytest.mark.parametrize("values", [[4_500_000.0, 4_590_000.37], [-300_000.1, 300_000.2]])
def test_values_far_apart_are_numbers_too(values):
    """More kinds of text than a table holds: a burst is 90 km wide, in centimetres."""
    texts = decimal_texts(values, 2)
    assert [text.decode() for text in texts] == [repr(value) for value in values]


def test_rounding_is_that_of_numpy():
    values = np.random.default_rng(1).uniform(-50, 50, 5000)
    values = np.concatenate([values, np.arange(-400, 400) / 20])
    texts = decimal_texts(values, 1).astype(float)
    assert np.array_equal(texts, np.round(values, 1))


def test_half_goes_to_the_even_digit():
    exact = np.array([0.5, 1.5, 2.5, -0.5, -1.5])
    assert decimal_texts(exact, 0).tolist() == [b"0", b"2", b"2", b"0", b"-2"]
    quarter = Decimal("0.25").quantize(Decimal("0.1"), ROUND_HALF_EVEN)
    assert decimal_texts(0.25, 1)[0].decode() == str(quarter)


def test_shapes_are_kept_and_all_missing_is_empty():
    assert decimal_texts(np.zeros((3, 2)), 1).shape == (3, 2)
    assert decimal_texts([np.nan, np.nan], 1).tolist() == [b"", b""]


def test_rows():
    words = np.array([b"ab", b"c"])
    numbers = decimal_texts([[1.0, -10.5], [np.nan, 3.0]], 1)
    assert csv_rows([words, numbers]) == b"ab,1.0,-10.5\nc,,3.0\n"
