from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egms_io.errors import BadArgument
from egms_io.method.timekernel import (
    fixed_order_product,
    interpolate,
    interpolate_time_columns,
    kernel_weights,
    output_dates,
)

DAY0 = np.datetime64("2020-01-01")
DAYS = st.sets(st.integers(0, 400), min_size=1, max_size=15).map(sorted)


def at(days):
    return DAY0 + np.array(days, int)


def slow_weights(acquired, wanted, rate, max_gap):
    weights = np.full((len(wanted), len(acquired)), np.nan)
    for j, day in enumerate(wanted):
        near = min(abs(a - day) for a in acquired)
        row = []
        for a in acquired:
            gap = abs(a - day)
            row.append(np.exp(-rate * (gap - near)) if gap <= max_gap else 0.0)
        if sum(row) > 0:
            weights[j] = [value / sum(row) for value in row]
    return weights


@given(DAYS, DAYS, st.sampled_from([0.0, 0.1, 1.0, 3.0]), st.sampled_from([1, 6, 45, 90, 500]))
def test_weights_equal_a_double_loop(acquired, wanted, rate, max_gap):
    weights = kernel_weights(at(acquired), at(wanted), rate=rate, max_gap_days=max_gap)
    expected = slow_weights(acquired, wanted, rate, max_gap)
    np.testing.assert_allclose(weights, expected, rtol=1e-13, atol=1e-300)


def test_weights_of_the_official_kernel():
    """An acquired date keeps 0.9951, each neighbour six days off adds 0.00247."""
    weights = kernel_weights(at([0, 6, 12, 18, 42]), at([6, 12, 24]))
    assert weights[0, :3] == pytest.approx([0.00247, 0.9951, 0.00247], abs=6e-5)
    assert kernel_weights(at([0, 12]), at([6])).tolist() == [[0.5, 0.5]]
    assert kernel_weights(at([0, 18]), at([6]))[0, 0] == pytest.approx(0.9975, abs=5e-5)


@given(DAYS, st.integers(1, 5), st.integers(30, 120))
def test_shifting_dates_never_yields_nan(acquired, shift, max_gap):
    """Where a date is solved, it still is when all acquisitions are 1 to 5 days later."""
    days = [acquired[0] + 6 * step for step in range(20)]
    every = at(acquired)
    wanted = at([day for day in days if min(abs(day - a) for a in acquired) <= max_gap - 5])
    weights = kernel_weights(every + shift, wanted, max_gap_days=max_gap)
    assert not np.isnan(weights).any()


@given(DAYS, DAYS, st.sampled_from([10, 90, 500]))
def test_linear_weights_equal_numpy_interp(acquired, wanted, max_gap):
    values = np.random.default_rng(1).normal(size=len(acquired))
    weights = kernel_weights(at(acquired), at(wanted), kernel="linear", max_gap_days=max_gap)
    expected = np.interp(wanted, acquired, values)
    got = weights @ values
    for j, day in enumerate(wanted):
        left = [day - a for a in acquired if a <= day]
        right = [a - day for a in acquired if a >= day]
        gaps = [min(side) for side in (left, right) if side]
        if all(gap <= max_gap for gap in gaps):
            assert got[j] == pytest.approx(expected[j], abs=1e-9)
        elif min(gaps) > max_gap:
            assert np.isnan(got[j])


@given(DAYS, DAYS, st.data())
@settings(deadline=None)
def test_missing_acquisitions_are_as_if_never_made(acquired, wanted, data):
    size = (len(acquired), 4)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    values, present = rng.normal(size=size), rng.random(size) < 0.6
    options = {"rate": 1.0, "max_gap_days": 90}
    got = interpolate(np.where(present, values, 1e6), present, at(acquired), at(wanted), **options)
    for cell in range(4):
        known = present[:, cell]
        if not known.any():
            assert np.isnan(got[:, cell]).all()
            continue
        days = [day for day, there in zip(acquired, known, strict=True) if there]
        expected = slow_weights(days, wanted, 1.0, 90) @ values[known, cell]
        np.testing.assert_allclose(got[:, cell], expected, atol=1e-12)


@given(DAYS, DAYS)
@settings(deadline=None)
def test_a_constant_stays_constant(acquired, wanted):
    values = np.full((len(acquired), 2), 7.3)
    series = interpolate(values, None, at(acquired), at(wanted))
    assert np.allclose(series[~np.isnan(series)], 7.3, rtol=1e-14)


@given(st.floats(-50, 50), st.integers(0, 5))
def test_a_trend_is_recovered_to_the_bias_of_the_kernel(slope, shift):
    """Exactly between the ends on the output dates, else off by at most the nearest distance."""
    acquired, wanted = np.arange(0, 601, 6) + shift, np.arange(150, 451, 6)
    series = interpolate(slope / 365 * acquired[:, None], None, at(acquired), at(wanted))
    error = np.abs(series[:, 0] - slope / 365 * wanted).max()
    assert error <= abs(slope) / 365 * min(shift, 6 - shift) + 1e-9


def test_the_gap_limit_has_effect():
    """Dates further than 90 days from all acquisitions are empty, at 90 days they are not."""
    series = interpolate(np.ones((2, 1)), None, at([0, 300]), at([90, 91, 209, 210]))
    assert np.isnan(series[:, 0]).tolist() == [False, True, True, False]


def test_fixed_order_product_does_not_depend_on_neighbours():
    rng = np.random.default_rng(2)
    matrix, columns = rng.normal(size=(30, 40)), rng.normal(size=(40, 25))
    matrix[3] = np.nan
    whole = fixed_order_product(matrix, columns)
    np.testing.assert_allclose(whole, matrix @ columns, atol=1e-12)
    for start, end in ((0, 1), (3, 11), (20, 25)):
        assert np.array_equal(
            fixed_order_product(matrix, columns[:, start:end]), whole[:, start:end], equal_nan=True
        )


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (("2020-01-03", "2020-01-02"), ("2024-12-31", "2024-12-30"), ("2020-01-03", "2024-12-25")),
        (("2014-01-01",), ("2014-04-09",), ("2014-01-04", "2014-04-04")),
        (("2014-04-04",), ("2014-04-04",), ("2014-04-04", "2014-04-04")),
    ],
)
def test_default_dates_are_those_of_the_official_lattice(first, last, expected):
    bursts = [np.array(ends, "datetime64[D]") for ends in zip(first, last, strict=True)]
    dates = output_dates(bursts)
    assert (str(dates[0]), str(dates[-1])) == expected
    assert set(np.diff(dates).astype(int)) <= {6}


def test_official_period_has_304_dates():
    dates = output_dates([at([0, 2000])], "20200103", "2024-12-25")
    assert len(dates) == 304
    assert str(dates[-1]) == "2024-12-25"


def test_given_dates_are_kept():
    dates = output_dates([at([0, 400])], "2020-02-01", "2020-03-01", 7)
    assert [str(day) for day in dates] == [
        "2020-02-01", "2020-02-08", "2020-02-15", "2020-02-22", "2020-02-29",
    ]  # fmt: skip


def test_frames_keep_their_other_columns_and_are_not_changed():
    frame = pd.DataFrame({"pid": ["a", "b"], "20200101": [1.0, np.nan], "20200113": [3.0, 5.0]})
    before = frame.copy()
    out = interpolate_time_columns(frame, start=None, end=None, spacing_days=6)
    assert out.columns.tolist() == ["pid", "20200101", "20200107", "20200113"]
    assert out["20200107"].tolist() == [2.0, 5.0]
    assert out.loc[0, "20200101"] == pytest.approx(1 + 2 * np.exp(-12) / (1 + np.exp(-12)))
    assert frame.equals(before)


@pytest.mark.parametrize("kernel", ["cubic", "", None])
def test_unknown_kernels_are_refused(kernel):
    with pytest.raises(BadArgument, match="kernel"):
        kernel_weights(at([0]), at([0]), kernel=kernel)
