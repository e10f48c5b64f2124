"""The compiled chain against the plain one, to the last bit against itself."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from spaceeye.solver import _pixels, compiled, reference
from workbench.errors import BadInput

ALPHAS = st.sampled_from([1e-3, 0.1, 1.0, 10.0, 100.0])
SEEDS = st.integers(0, 2**32 - 1)


def case(seed, bands=2, pixels=7, soft=True, count=None):
    random = np.random.default_rng(seed)
    count = count or int(random.integers(1, 20))
    days = np.cumsum(random.uniform(0.3, 12, count))
    values = random.uniform(0.02, 0.65, (count, bands, pixels)).astype(np.float32)
    weights = (random.random((count, pixels)) > 0.5).astype(np.float32)
    if soft:
        weights *= random.uniform(0.002, 1, weights.shape).astype(np.float32)
    dn = np.round(values * 10_000).astype(np.uint16)
    hidden = np.broadcast_to((weights == 0)[:, None], values.shape)
    out_days = random.uniform(days[0] - 9, days[-1] + 9, int(random.integers(1, 30)))
    out_days[: min(len(out_days), count)] = days[: min(len(out_days), count)]
    return (
        np.where(hidden, np.nan, values).astype(np.float32),
        np.where(hidden, 65535, dn).astype(np.uint16),
        weights,
        days,
        out_days,
    )


def exact(values, weights, days, out_days, alpha, *more):
    return reference.evaluate(
        reference.solve_knots(values, weights, days, alpha), days, out_days, *more
    )


@given(SEEDS, ALPHAS, st.booleans())
def test_float32_equals_the_plain_chain(seed, alpha, soft):
    values, _, weights, days, out_days = case(seed, soft=soft)
    found = compiled.interpolate_float32(values, weights, days, out_days, alpha)
    expected = exact(values, weights, days, out_days, alpha)
    assert found.dtype == np.float32
    assert_array_equal(np.isnan(found), np.isnan(expected))
    assert_allclose(found, expected, atol=1e-5)


@given(SEEDS, ALPHAS, st.booleans())
def test_uint16_is_rounded_half_up_and_zero_where_never_observed(seed, alpha, soft):
    _, dn, weights, days, out_days = case(seed, soft=soft)
    found = compiled.interpolate_uint16(dn, weights, days, out_days, alpha)
    expected = exact(dn, weights, days, out_days, alpha)
    assert_array_equal(found == 0, np.isnan(expected))
    seen = ~np.isnan(expected)
    assert np.abs(found[seen] - expected[seen]).max(initial=0) <= 0.51


@pytest.mark.parametrize("total", [48, 365, 1461])
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 10.0, 100.0])
def test_long_series_stay_exact(total, alpha):
    """Soft weights down to u^4, 70 % empty at the start: what breaks a plain elimination."""
    random = np.random.default_rng(total)
    days = np.unique(np.sort(random.choice(total * 10, total // 3, replace=False)) / 10)
    weights = (random.random((len(days), 200)) ** 4).astype(np.float32)
    weights[: int(0.7 * len(days)), :150] = 0
    values = random.uniform(0, 0.65, (len(days), 2, 200)).astype(np.float32)
    out_days = np.arange(total)
    found = compiled.interpolate_float32(values, weights, days, out_days, alpha)
    expected = exact(values, weights, days, out_days, alpha)
    assert_array_equal(np.isnan(found), np.isnan(expected))
    assert np.nanmax(np.abs(found - expected)) <= 1e-5


def test_equals_a_dense_float64_solution():
    random = np.random.default_rng(3)
    total, days = 60, np.sort(random.choice(60, 14, replace=False))
    values = random.random((14, 3, 40)).astype(np.float32)
    weights = (random.random((14, 40)) * (random.random((14, 40)) > 0.3)).astype(np.float32)
    weights[weights < 1e-3] = 0
    weights[0] = 1
    steps = np.diff(np.eye(total), axis=0)
    for alpha in (1e-3, 0.1, 3.0, 100.0):
        found = compiled.interpolate_float32(values, weights, days, np.arange(total), alpha)
        for p in range(40):
            matrix = alpha * steps.T @ steps
            matrix[days, days] += weights[:, p]
            right = np.zeros((total, 3))
            right[days] = weights[:, p, None] * values[:, :, p]
            assert_allclose(found[:, :, p], np.linalg.solve(matrix, right), atol=1e-5)


@pytest.mark.parametrize("soft", [True, False])
def test_bits_do_not_depend_on_the_division_of_pixels(soft):
    """Each size alone, odd pieces, threads, and the knots evaluated later."""
    values, dn, weights, days, out_days = case(11, bands=3, pixels=3000, soft=soft, count=9)
    if not soft:
        weights = weights.astype(np.uint8)
    axes = (days, out_days, 0.1)
    for kernel, given_ in (
        (compiled.interpolate_float32, values),
        (compiled.interpolate_uint16, dn),
    ):
        for extrapolate in ("constant", "nan"):
            whole = kernel(given_, weights, *axes, extrapolate=extrapolate)
            threads = kernel(given_, weights, *axes, extrapolate=extrapolate, parallel=True)
            assert_array_equal(threads, whole)
            for size in [*range(1, 40), 63, 64, 65, 255, 257, 511, 600]:
                part = kernel(
                    given_[:, :, :size], weights[:, :size], *axes, extrapolate=extrapolate
                )
                assert_array_equal(part, whole[:, :, :size])
            cuts = [0, 1, 18, 349, 350, 1373, 2999, 3000]
            parts = [
                kernel(given_[:, :, a:b], weights[:, a:b], *axes, extrapolate=extrapolate)
                for a, b in pairwise(cuts)
            ]
            assert_array_equal(np.concatenate(parts, axis=2), whole)


def test_bits_do_not_depend_on_the_size_of_blocks(monkeypatch):
    values, dn, weights, days, out_days = case(5, pixels=1500, count=12)
    results = []
    for cache in (1, 100_000, 10_000_000):
        monkeypatch.setattr(_pixels, "CACHE", cache)
        results.append(
            [
                compiled.interpolate_float32(values, weights, days, out_days, 1.0),
                compiled.interpolate_uint16(dn, weights, days, out_days, 1.0, parallel=True),
            ]
        )
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            assert_array_equal(one, two)


@given(SEEDS, ALPHAS)
@settings(max_examples=30)
def test_knots_evaluated_later_give_the_same_bits(seed, alpha):
    values, dn, weights, days, out_days = case(seed)
    for extrapolate in ("constant", "nan"):
        later = {"extrapolate": extrapolate, "weights": weights}
        assert_array_equal(
            compiled.evaluate_float32(
                compiled.knots_float32(values, weights, days, alpha), days, out_days, **later
            ),
            compiled.interpolate_float32(
                values, weights, days, out_days, alpha, extrapolate=extrapolate
            ),
        )
        assert_array_equal(
            compiled.evaluate_uint16(
                compiled.knots_uint16(dn, weights, days, alpha), days, out_days, **later
            ),
            compiled.interpolate_uint16(
                dn, weights, days, out_days, alpha, extrapolate=extrapolate
            ),
        )


@given(SEEDS, ALPHAS)
def test_blanked_extrapolation_is_that_of_the_plain_chain(seed, alpha):
    values, dn, weights, days, out_days = case(seed)
    expected = np.isnan(exact(values, weights, days, out_days, alpha, "nan", weights))
    axes = (weights, days, out_days, alpha)
    floats = compiled.interpolate_float32(values, *axes, extrapolate="nan")
    numbers = compiled.interpolate_uint16(dn, *axes, extrapolate="nan")
    assert_array_equal(np.isnan(floats), expected)
    assert_array_equal(numbers == 0, expected)


@given(SEEDS, ALPHAS)
@settings(max_examples=30)
def test_values_under_zero_weight_and_order_of_bands_never_matter(seed, alpha):
    values, dn, weights, days, out_days = case(seed)
    axes = (weights, days, out_days, alpha)
    hidden = np.isnan(values)
    for poison in (np.inf, -np.inf, 1e38, 0.0):
        spoilt = np.where(hidden, np.float32(poison), values)
        assert_array_equal(
            compiled.interpolate_float32(spoilt, *axes),
            compiled.interpolate_float32(values, *axes),
        )
    assert_array_equal(
        compiled.interpolate_uint16(np.where(hidden, 0, dn).astype(np.uint16), *axes),
        compiled.interpolate_uint16(dn, *axes),
    )
    assert_array_equal(
        compiled.interpolate_uint16(dn[:, ::-1], *axes),
        compiled.interpolate_uint16(dn, *axes)[:, ::-1],
    )


def test_weights_that_count_as_zero():
    days, out_days = [0.0, 5.0], [0.0, 5.0]
    dn = np.array([100, 900], np.uint16)[:, None, None]
    for small in (9.9e-4, 0.0, -1.0, np.nan):
        weights = np.array([[1.0], [small]], np.float32)
        found = compiled.interpolate_uint16(dn, weights, days, out_days, 0.1)
        assert_array_equal(found, 100)
    clear = np.array([[True], [False]])
    assert_array_equal(compiled.interpolate_uint16(dn, clear, days, out_days, 0.1), 100)


def test_rounding_and_clipping():
    days, ones = [0.0, 2.0], np.ones((2, 1), np.uint8)
    dn = np.array([10, 11], np.uint16)[:, None, None]
    half = compiled.interpolate_uint16(dn, ones, days, [1.0], 1e-3)
    assert half.item() == 11  # 10.5 is rounded up
    low = compiled.interpolate_uint16(np.zeros((2, 1, 1), np.uint16), ones, days, [1.0], 0.1)
    assert low.item() == 1  # a valid 0 is not nodata
    top = np.full((2, 1, 1), 65535, np.uint16)
    assert compiled.interpolate_uint16(top, ones, days, [1.0], 0.1).item() == 65535
    gains = {"gains": np.ones((2, 1)), "out_gains": np.full((1, 1), 1e6)}
    assert compiled.interpolate_uint16(top, ones, days, [1.0], 0.1, **gains).item() == 65535


@given(SEEDS, ALPHAS)
@settings(max_examples=30)
def test_gains_divide_before_and_multiply_after(seed, alpha):
    values, dn, weights, days, out_days = case(seed)
    random = np.random.default_rng(seed)
    gains = random.uniform(0.2, 3, values.shape[:2])
    behind = random.uniform(0.2, 3, (len(out_days), values.shape[1]))
    options = {"gains": gains, "out_gains": behind}
    axes = (weights, days, out_days, alpha)
    found = compiled.interpolate_float32(values, *axes, **options)
    expected = exact(values / gains[:, :, None], *axes) * behind[:, :, None]
    assert_allclose(found, expected, rtol=2e-5, atol=1e-6)
    found = compiled.interpolate_uint16(dn, *axes, **options)
    expected = exact(dn / gains[:, :, None], *axes) * behind[:, :, None]
    expected = np.clip(expected, 1, 65535)
    seen = ~np.isnan(expected)
    assert_allclose(found[seen], expected[seen], atol=0.55, rtol=2e-5)


def test_writes_into_a_given_array_and_takes_strided_input():
    _, dn, weights, days, out_days = case(2, pixels=50)
    out = np.zeros((len(out_days), 2, 25), np.uint16)
    strided = dn[:, :, ::2], weights[:, ::2]
    found = compiled.interpolate_uint16(*strided, days, out_days, 0.1, out=out)
    assert found is out
    whole = compiled.interpolate_uint16(dn, weights, days, out_days, 0.1)
    assert_array_equal(out, whole[:, :, ::2])
    dn.flags.writeable = weights.flags.writeable = False
    assert_array_equal(compiled.interpolate_uint16(dn, weights, days, out_days, 0.1), whole)


def test_no_pixel_and_no_date_are_fine():
    none = np.zeros((2, 3, 0), np.uint16)
    found = compiled.interpolate_uint16(none, np.zeros((2, 0), np.uint8), [0, 1], [0.5], 1.0)
    assert found.shape == (1, 3, 0)
    some = np.ones((2, 3, 4), np.uint16)
    found = compiled.interpolate_uint16(some, np.ones((2, 4), np.uint8), [0, 1], [], 1.0)
    assert found.shape == (0, 3, 4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dn": np.ones((2, 1, 3), np.int16)}, "int16"),
        ({"dn": np.ones((2, 3), np.uint16)}, r"\(2, 3\)"),
        ({"weights": np.ones((2, 4), np.uint8)}, r"\(2, 4\)"),
        ({"weights": np.ones((3, 3), np.uint8)}, "2 days"),
        ({"days": [1.0, 0.0]}, "sort"),
        ({"alpha": 0.0}, "alpha=0"),
        ({"extrapolate": "linear"}, "linear"),
        ({"gains": np.ones((2, 1))}, "both"),
        ({"gains": np.zeros((2, 1)), "out_gains": np.ones((1, 1))}, "above 0"),
        ({"gains": np.ones((1, 1)), "out_gains": np.ones((1, 1))}, r"\(2, 1\)"),
        ({"out": np.zeros((1, 1, 3), np.float32)}, "out is float32"),
        ({"out_days": [np.inf]}, "finite"),
    ],
)
def test_refuses_what_does_not_fit(change, words):
    arguments = {
        "dn": np.ones((2, 1, 3), np.uint16),
        "weights": np.ones((2, 3), np.uint8),
        "days": [0.0, 1.0],
        "out_days": [0.5],
        "alpha": 1.0,
    }
    with pytest.raises(BadInput, match=words):
        compiled.interpolate_uint16(**(arguments | change))


def test_refuses_knots_that_do_not_fit():
    with pytest.raises(BadInput, match="do not fit"):
        compiled.evaluate_float32(np.ones((2, 1, 1), np.float32), [0.0], [0.0])
    with pytest.raises(BadInput, match="weights"):
        knots = np.ones((1, 1, 1), np.float32)
        compiled.evaluate_float32(knots, [0.0], [0.0], extrapolate="nan")
