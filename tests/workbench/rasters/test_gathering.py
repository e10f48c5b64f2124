"""One gather for many images, against plain loops and a polygon library."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from shapely.geometry import Polygon, box

from workbench.errors import BadInput
from workbench.rasters.gathering import Gather, block_mean
from workbench.rasters.overlaps import Overlaps


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(11, 14)).astype(np.float32)


def _places(count: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return tuple(rng.uniform(-2, size + 2, (count, 3)) for size in shape)  # type: ignore[return-value]


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "u1", "i4", ">f4"])
def test_bilinear_is_that_of_scipy(values: np.ndarray, dtype: str) -> None:
    source = (values * 50 + 100).astype(dtype)
    rows, cols = _places(200, source.shape)
    found = Gather(rows, cols, source.shape).bilinear(source)
    axes = tuple(np.arange(size) + 0.5 for size in source.shape)
    want = RegularGridInterpolator(axes, source.astype(float), bounds_error=False)((rows, cols))
    assert found.dtype == (np.float32 if np.dtype(dtype).itemsize < 4 or dtype in ("f4", ">f4")
                           else np.float64)  # fmt: skip
    np.testing.assert_allclose(found, want, rtol=2e-6, atol=1e-4)
    assert 50 < np.isnan(found).sum() < 500


def test_leading_dims_and_separable_positions(values: np.ndarray) -> None:
    stack = np.stack([values, 2 * values, -values])
    gather = Gather(np.array([[1.0], [2.3]]), np.array([[3.5, 4.2, 9.9]]), values.shape)
    found = gather.bilinear(stack)
    assert found.shape == (3, 2, 3)
    np.testing.assert_allclose(found[1], 2 * found[0], rtol=1e-6)
    np.testing.assert_array_equal(found[2], -found[0])


def test_a_missing_neighbour_with_weight_is_missing(values: np.ndarray) -> None:
    values[4, 5] = np.nan
    # beside it, on the centre of another pixel, between two others, half on it
    gather = Gather([4.5, 4.5, 3.0, 4.0], [4.5, 6.5, 3.0, 5.5], values.shape)
    np.testing.assert_array_equal(np.isnan(gather.bilinear(values)), [False, False, False, True])
    filled = gather.bilinear(values, renormalise=True)
    assert filled[3] == values[3, 5]
    assert filled[0] == values[4, 4]
    assert np.isnan(Gather([4.5], [5.5], values.shape).bilinear(values, renormalise=True)).all()


def test_the_same_grid_gives_the_same_values_with_gaps(values: np.ndarray) -> None:
    values[3:5, 2] = np.nan
    rows, cols = (np.arange(size) + 0.5 + 1e-9 for size in values.shape)
    gather = Gather(rows[:, None], cols[None], values.shape)
    np.testing.assert_array_equal(gather.bilinear(values), values)
    np.testing.assert_array_equal(gather.nearest(values), values)


def test_nearest_takes_the_pixel_that_contains_the_place(values: np.ndarray) -> None:
    rows, cols = _places(300, values.shape)
    found = Gather(rows, cols, values.shape).nearest(values)
    for row, col, value in zip(rows.flat, cols.flat, found.flat, strict=True):
        inside = 0 <= row < values.shape[0] and 0 <= col < values.shape[1]
        if inside:
            assert value == values[int(row), int(col)]
        else:
            assert np.isnan(value)


def test_integers_need_a_word_for_missing() -> None:
    gather = Gather([0.5, 7.0], [0.5, 0.5], (3, 3))
    source = np.arange(9, dtype=np.int16).reshape(3, 3)
    with pytest.raises(BadInput, match="1 pixels lie outside"):
        gather.nearest(source)
    np.testing.assert_array_equal(gather.nearest(source, missing=-9), [0, -9])


def test_places_that_are_not_finite_are_missing(values: np.ndarray) -> None:
    gather = Gather([np.nan, np.inf, 2.0], [2.0, 2.0, -np.inf], values.shape)
    assert np.isnan(gather.bilinear(values)).all()
    assert np.isnan(gather.nearest(values)).all()


def test_wrapping_is_a_repeated_source(values: np.ndarray) -> None:
    rows, cols = _places(200, values.shape)
    there = Gather(rows, cols, values.shape, wrap=(True, True))
    height, width = values.shape
    repeated = np.tile(values, (3, 3))
    want = Gather(rows + height, cols + width, repeated.shape)
    np.testing.assert_allclose(there.bilinear(values), want.bilinear(repeated), atol=1e-6)
    np.testing.assert_array_equal(there.nearest(values), want.nearest(repeated))
    one = Gather(rows, cols, values.shape, wrap=(False, True))
    want = Gather(rows, cols + width, (height, 3 * width))
    np.testing.assert_array_equal(one.nearest(values), want.nearest(repeated[:height]))


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (1, 1)])
def test_a_single_row_or_column(shape: tuple[int, int]) -> None:
    source = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    gather = Gather([[0.5]], [[0.5]], shape)
    assert gather.bilinear(source) == 0
    assert gather.nearest(source) == 0
    assert np.isnan(Gather([0.9], [0.9], (1, 1)).bilinear(np.ones((1, 1)))).all()


def test_wrong_sizes_are_refused(values: np.ndarray) -> None:
    with pytest.raises(BadInput, match="11, 14"):
        Gather([1.0], [1.0], (14, 11)).bilinear(values)
    with pytest.raises(BadInput, match="pixels"):
        Gather([1.0], [1.0], (70_000, 70_000))


def test_block_means_leave_out_what_is_missing(values: np.ndarray) -> None:
    values[0:2, 0:3] = np.nan
    values[3, 4] = np.nan
    found = block_mean(values[None], (2, 3))[0]
    assert found.shape == (5, 4)
    assert np.isnan(found[0, 0])
    for row in range(5):
        for col in range(4):
            block = values[2 * row : 2 * row + 2, 3 * col : 3 * col + 3].astype(float)
            if not np.isnan(block).all():
                assert found[row, col] == pytest.approx(np.nanmean(block), abs=1e-6)


def _turned(shape: tuple[int, int], size: float) -> tuple[np.ndarray, np.ndarray]:
    """Corners of a turned grid of cells that reaches beyond a source at one side."""
    y, x = np.meshgrid(np.arange(shape[0] + 1.0), np.arange(shape[1] + 1.0), indexing="ij")
    return 2 + size * (0.9 * y + 0.3 * x), 4 + size * (0.95 * x - 0.3 * y)


@pytest.mark.parametrize("size", [0.4, 1.0, 2.7])
def test_means_over_areas_are_those_of_polygons(values: np.ndarray, size: float) -> None:
    rows, cols = _turned((4, 4), size)
    found = Overlaps(rows, cols, values.shape).mean(values)
    for i in range(4):
        for j in range(4):
            places = [(i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j)]
            cell = Polygon([(cols[at], rows[at]) for at in places])
            total = weight = 0.0
            for row in range(values.shape[0]):
                for col in range(values.shape[1]):
                    area = cell.intersection(box(col, row, col + 1, row + 1)).area
                    total, weight = total + area * float(values[row, col]), weight + area
            if weight >= 0.5 * cell.area:
                assert found[i, j] == pytest.approx(total / weight, rel=1e-4, abs=1e-5)
            else:
                assert np.isnan(found[i, j])


def test_sums_over_areas_are_conserved(values: np.ndarray) -> None:
    # a bent grid that covers all of the source
    edge = np.linspace(-3, 17, 9)
    rows, cols = np.meshgrid(edge, edge, indexing="ij")
    rows, cols = rows + 0.4 * np.sin(cols), cols + 0.4 * np.cos(rows)
    overlaps = Overlaps(rows, cols, values.shape)
    shares = np.repeat(np.diff(overlaps._starts) > 0, np.diff(overlaps._starts))
    assert shares.all()
    areas = [
        Polygon([(cols[a, b], rows[a, b]) for a, b in
                 ((i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j))]).area
        for i in range(8) for j in range(8)
    ]  # fmt: skip
    weight = np.repeat(areas, np.diff(overlaps._starts)) * overlaps._share
    covered = np.bincount(overlaps._index, weight, values.size)
    np.testing.assert_allclose(covered, 1, atol=1e-5)


def test_areas_wrap_and_miss(values: np.ndarray) -> None:
    rows, cols = np.meshgrid([2.0, 4.0], [-1.5, 1.5], indexing="ij")
    found = Overlaps(rows, cols, values.shape, wrap=(False, True)).mean(values)
    want = values[2:4][:, [12, 13, 0, 1]].astype(float) @ np.array([0.5, 1, 1, 0.5]) / 3
    assert found[0, 0] == pytest.approx(want.mean(), rel=1e-5)
    assert np.isfinite(Overlaps(rows, cols, values.shape).mean(values)).all()  # half of it
    assert np.isnan(Overlaps(rows, cols - 0.1, values.shape).mean(values)).all()
    values[2:4, 0] = np.nan
    assert np.isnan(Overlaps(rows, cols, values.shape).mean(values)).all()
    assert np.isnan(Overlaps(rows * np.nan, cols, values.shape).mean(values)).all()
