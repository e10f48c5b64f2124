"""Resampling against the slow way, for every type and every kind of missing data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.rasters import resampling

KINDS = [  # type, what is missing, what stands where nothing is
    ("uint16", 0, 0),
    ("int16", -9999, -9999),
    ("uint8", None, 0),
    ("float32", None, np.nan),
    ("float64", -1.0, -1.0),
]


def present(value, nodata) -> bool:
    return not (np.isnan(value) or (nodata is not None and value == nodata))


def rounded(value: float, dtype: str) -> float:
    return value if np.dtype(dtype).kind == "f" else np.floor(value + 0.5)


def slow_bilinear(source: np.ndarray, row: float, col: float, nodata, nothing):
    own = (int(np.floor(row)), int(np.floor(col)))
    inside = 0 <= own[0] < source.shape[0] and 0 <= own[1] < source.shape[1]
    if not inside or not present(float(source[own]), nodata):
        return nothing
    total = weight = 0.0
    for i in (np.floor(row - 0.5), np.floor(row - 0.5) + 1):
        for j in (np.floor(col - 0.5), np.floor(col - 0.5) + 1):
            if 0 <= i < source.shape[0] and 0 <= j < source.shape[1]:
                value = float(source[int(i), int(j)])
                if present(value, nodata):
                    share = (1 - abs(row - 0.5 - i)) * (1 - abs(col - 0.5 - j))
                    total += share * value
                    weight += share
    return rounded(total / weight, str(source.dtype))


def random_source(seed: int, shape, dtype: str, nodata) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low = -500 if np.dtype(dtype).kind == "i" else 1
    source = rng.integers(low, 250, shape).astype(dtype)
    if np.dtype(dtype).kind == "f":
        source += rng.random(shape).astype(dtype)
    hidden = rng.random(shape) < 0.3
    if nodata is not None:
        source[hidden] = nodata
    elif np.dtype(dtype).kind == "f":
        source[hidden] = np.nan
    return source


@pytest.mark.parametrize(("dtype", "nodata", "nothing"), KINDS)
@given(seed=st.integers(0, 10**6), factor=st.sampled_from([2, 3, 6]))
def test_bilinear_is_bilinear(dtype, nodata, nothing, seed, factor):
    source = random_source(seed, (4, 5), dtype, nodata)
    rows, cols = ((np.arange(-2, size * factor + 2) + 0.5) / factor for size in (4, 5))
    fast = resampling.bilinear(source, rows, cols, nodata=nodata)
    slow = [[slow_bilinear(source, row, col, nodata, nothing) for col in cols] for row in rows]
    assert fast.dtype == source.dtype
    np.testing.assert_allclose(fast, slow, rtol=1e-6)
    grids = np.meshgrid(rows, cols, indexing="ij")
    np.testing.assert_array_equal(resampling.bilinear(source, *grids, nodata=nodata), fast)


@pytest.mark.parametrize(("dtype", "nodata", "nothing"), KINDS)
@given(seed=st.integers(0, 10**6), factor=st.integers(1, 4))
def test_the_mean_leaves_out_what_is_missing(dtype, nodata, nothing, seed, factor):
    source = random_source(seed, (3 * factor + factor // 2, 2 * factor), dtype, nodata)
    inside = np.random.default_rng(seed).random(source.shape) < 0.8
    found = resampling.mean(source, factor, nodata=nodata, inside=inside)
    assert found.dtype == source.dtype
    assert found.shape == (3, 2)
    for row in range(3):
        for col in range(2):
            place = np.s_[row * factor : (row + 1) * factor, col * factor : (col + 1) * factor]
            seen = zip(source[place].ravel().tolist(), inside[place].ravel(), strict=True)
            values = [value for value, known in seen if known and present(value, nodata)]
            expected = rounded(sum(values) / len(values), dtype) if values else nothing
            np.testing.assert_allclose(found[row, col], expected, rtol=1e-6)


def test_large_numbers_do_not_overflow():
    source = np.array([[1, 2, 0, 0], [4, 0, 0, 0], [1, 1, 65535, 65535], [1, 2, 65535, 65534]])
    expected = [[2, 0], [1, 65535]]  # 7 / 3 is 2.33, 5 / 4 is 1.25, 65534.75
    found = resampling.mean(source.astype(np.uint16), 2, nodata=0)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("factor", [2, 6, 16])
def test_nearest_takes_the_pixel_that_contains_the_position(factor):
    source = np.arange(12, dtype=np.int16).reshape(3, 4)
    rows, cols = ((np.arange(size * factor) + 0.5) / factor for size in (3, 4))
    values, inside = resampling.nearest(source, rows, cols)
    np.testing.assert_array_equal(values, source.repeat(factor, 0).repeat(factor, 1))
    assert inside.all()


def test_outside_nothing_is_known():
    values, inside = resampling.nearest(np.ones((2, 2), "u1"), np.arange(2.0), np.arange(-1.0, 3))
    np.testing.assert_array_equal(inside, [[False, True, True, False]] * 2)
    assert not values[~inside].any()
    values, inside = resampling.nearest(np.ones((0, 0), "f4"), np.arange(2.0), np.arange(3.0))
    assert values.shape == inside.shape == (2, 3)
    assert not inside.any()


@given(seed=st.integers(0, 10**6), cut=st.integers(1, 9))
def test_a_window_has_the_values_of_the_whole(seed, cut):
    source = random_source(seed, (8, 8), "uint16", 0)
    rows, cols = (np.arange(12) + 0.5) * 8 / 12, (np.arange(12) + 0.5) * 8 / 12
    whole = resampling.bilinear(source, rows, cols, nodata=0)
    first = max(int(rows[cut]) - 1, 0)
    part = resampling.bilinear(source[first:], rows[cut:], cols, (first, 0), nodata=0)
    np.testing.assert_array_equal(part, whole[cut:])
