"""From slant range to pixel: the inverse of the polynomials, and those that a list lacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tiling.sentinel1.geometry.orbits import LIGHT
from tiling.sentinel1.geometry.slantranges import completed, ground_ranges
from tiling.sentinel1.products.annotations import RangePolynomials

NAMES = ["5371", "ECC8", "6D00", "CEAB", "3768"]


def inverse(annotation, mode="nearest"):
    return ground_ranges(
        annotation.ranges, spacing=annotation.pixel_spacing, samples=annotation.shape[1], mode=mode
    )


def slant(polynomials: RangePolynomials, index, ground):
    return np.polynomial.polynomial.polyval(
        ground - polynomials.ground_origins[index], polynomials.to_slant[index]
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_inverse_gives_the_pixel_back(annotations, name):
    annotation = annotations[name]
    found = inverse(annotation)
    pixels = np.linspace(-20, annotation.shape[1] + 20, 500)
    for index in (0, 13, len(annotation.ranges.times) - 1):
        ranges = slant(annotation.ranges, index, pixels * annotation.pixel_spacing)
        times = np.full(len(pixels), annotation.ranges.times[index])
        np.testing.assert_allclose(found.pixels(times, ranges), pixels, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_is_the_inverse(annotations, name):
    """Linear between its columns it is good to a thousandth of a pixel."""
    annotation = annotations[name]
    found = inverse(annotation)
    ranges = np.linspace(
        found.first + 1, found.first + found.step * (found.table.shape[1] - 2), 997
    )
    for index in (0, 20):
        times = np.full(len(ranges), annotation.ranges.times[index])
        columns = found.first + found.step * np.arange(found.table.shape[1])
        between = np.interp(ranges, columns, found.table[index])
        np.testing.assert_allclose(between, found.pixels(times, ranges), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", ["CEAB", "3768"])
def test_the_annotated_inverse_of_old_products_is_not_one(annotations, name):
    """Which is why the other polynomials are inverted: their own inverse is 4 pixels off."""
    annotation = annotations[name]
    polynomials = annotation.ranges
    pixels = np.linspace(0, annotation.shape[1] - 1, 200)
    ranges = slant(polynomials, 5, pixels * annotation.pixel_spacing)
    annotated = np.polynomial.polynomial.polyval(
        ranges - polynomials.slant_origins[5], polynomials.to_ground[5]
    )
    assert 3 < np.abs(annotated / annotation.pixel_spacing - pixels).max() < 6


def test_linear_is_the_mean_of_two_and_nearest_is_one_of_them(annotations):
    annotation = annotations["ECC8"]
    at = annotation.ranges.times
    found = inverse(annotation)
    ranges = np.full(5, slant(annotation.ranges, 3, 20_000 * annotation.pixel_spacing))
    times = at[3] + np.array([0, 0.25, 0.49, 0.51, 1]) * (at[4] - at[3])
    linear, nearest = found.pixels(times, ranges, "linear"), found.pixels(times, ranges, "nearest")
    first, last = linear[0], linear[-1]
    assert abs(last - first) > 1  # the polynomials differ, or this would test nothing
    np.testing.assert_allclose(linear[1], 0.75 * first + 0.25 * last, atol=1e-6)
    np.testing.assert_array_equal(nearest, [first, first, first, last, last])


def test_beyond_the_list_its_ends_hold(annotations):
    annotation = annotations["5371"]
    found = inverse(annotation)
    at, ranges = annotation.ranges.times, np.full(2, found.first + 50_000)
    for mode in ("linear", "nearest"):
        outside = found.pixels(np.array([at[0] - 50, at[-1] + 50]), ranges, mode)
        np.testing.assert_array_equal(outside, found.pixels(at[[0, -1]], ranges, mode))


def test_one_polynomial_holds_everywhere(annotations):
    annotation = annotations["5371"]
    ranges = annotation.ranges
    one = RangePolynomials(*(getattr(ranges, name)[:1] for name in ranges.__dataclass_fields__))
    found = ground_ranges(one, spacing=10.0, samples=annotation.shape[1])
    distance = slant(one, 0, np.array([1234.0]))
    np.testing.assert_allclose(found.pixels(np.array([17.0]), distance), 123.4, atol=1e-6)


@pytest.mark.parametrize("name", ["5371", "ECC8", "6D00"])
def test_a_list_that_spans_its_image_is_left_as_it_is(annotations, name):
    annotation = annotations[name]
    found = completed(annotation.ranges, annotation.grid, annotation.pixel_spacing)
    assert found is annotation.ranges


def test_the_polynomial_that_a_list_lacks_is_in_the_next_product(annotations):
    """CEAB ends where 3768 begins; its polynomials end 0.67 s before its lines do."""
    image, following = annotations["CEAB"], annotations["3768"]
    found = completed(image.ranges, image.grid, image.pixel_spacing)
    assert len(found.times) == len(image.ranges.times) + 1
    later = (following.first_line - image.first_line) / np.timedelta64(1, "s")
    assert found.times[-1] == pytest.approx(following.ranges.times[1] + later, abs=1e-5)
    ground = np.linspace(0, image.shape[1] - 1, 100) * image.pixel_spacing
    true = slant(following.ranges, 1, ground)
    assert np.abs(slant(image.ranges, -1, ground) - true).max() > 16  # m, what was wrong
    # the same to 8 mm; they are two processings
    np.testing.assert_allclose(slant(found, -1, ground), true, rtol=0, atol=0.01)


def test_a_list_is_completed_at_either_end(annotations):
    """Polynomials of a good list are left out; the grid brings back those of its own rows."""
    annotation = annotations["5371"]
    ranges, grid = annotation.ranges, annotation.grid
    names = ranges.__dataclass_fields__
    short = RangePolynomials(*(getattr(ranges, name)[3:-2] for name in names))
    assert short.times[0] > 0.5
    found = completed(short, grid, annotation.pixel_spacing)
    assert len(found.times) == len(short.times) + 2
    assert (np.diff(found.times) > 0).all()
    pixels = np.linspace(0, annotation.shape[1] - 1, 50)
    row = grid.lines == 0
    expected = np.interp(pixels, grid.pixels[row], grid.slant_times[row]) * LIGHT / 2
    ground = pixels * annotation.pixel_spacing
    np.testing.assert_allclose(slant(found, 0, ground), expected, atol=60)  # chords of a curve
    nodes = slant(found, 0, grid.pixels[row] * annotation.pixel_spacing)
    np.testing.assert_allclose(nodes, grid.slant_times[row] * LIGHT / 2, rtol=0, atol=1e-3)


def test_a_row_of_too_few_points_adds_nothing(annotations):
    annotation = annotations["CEAB"]
    grid = annotation.grid
    kept = (grid.lines < grid.lines.max()) | (grid.pixels < 2000)
    thin = replace(grid, **{name: getattr(grid, name)[kept] for name in grid.__dataclass_fields__})
    found = completed(annotation.ranges, thin, annotation.pixel_spacing)
    assert found is annotation.ranges
