"""Resampling against a plain definition: edges, places without value, windows of the image."""

from __future__ import annotations

import numpy as np
import pytest

from tiling.sentinel1.geocoding.blocks import image_window, resampled
from tiling.sentinel1.outputs.concatenation import concatenated
from workbench.rasters.windows import Window

SHAPE = (40, 50)
WHOLE = Window.whole(SHAPE)


@pytest.fixture(scope="module")
def powers():
    generator = np.random.default_rng(3)
    found = generator.gamma(4.4, 0.02, SHAPE).astype(np.float32)
    found[generator.random(SHAPE) < 0.15] = 0
    return found


@pytest.fixture(scope="module")
def places():
    """Places in the image, on its pixels, at its edges and beyond them; some are none."""
    generator = np.random.default_rng(4)
    lines = generator.uniform(-2, SHAPE[0] + 1, (70, 60))
    pixels = generator.uniform(-2, SHAPE[1] + 1, (70, 60))
    lines[:5], pixels[5:10] = np.round(lines[:5]), np.round(pixels[5:10])
    lines[10:15] = generator.choice([-0.75, -0.7, 0, 38.9, 39, 39.74, 39.75], (5, 60))
    pixels[15:20] = generator.choice([-0.5, -0.49, 0, 48.9, 49, 49.49, 49.5], (5, 60))
    pixels[20, ::3] = np.nan
    lines[21, ::3] = np.nan
    return lines, pixels


def plain(powers, line, pixel):
    """The mean of the neighbours that have a value, by their distance, if the nearest has one."""
    height, width = powers.shape
    if not (-0.75 <= line < height - 0.25 and -0.5 <= pixel < width - 0.5):
        return 0.0
    top, left = int(np.floor(line)), int(np.floor(pixel))
    near = [
        ((1 - abs(line - r)) * (1 - abs(pixel - c)), float(powers[r, c]))
        for r in (top, top + 1)
        for c in (left, left + 1)
        if 0 <= r < height and 0 <= c < width
    ]
    if max(near, key=lambda each: each[0])[1] == 0:
        return 0.0
    valid = [(share, value) for share, value in near if value]
    return sum(share * value for share, value in valid) / sum(share for share, _ in valid)


def test_bilinear(powers, places):
    found = resampled(powers, WHOLE, SHAPE, *places)
    expected = [plain(powers, *at) for at in zip(*(each.ravel() for each in places), strict=True)]
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-6)
    assert 0.5 < (found > 0).mean() < 0.9


def test_all_have_a_value(places):
    """Of a plane that rises evenly the mean is the plane, within the image."""
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    plane = (1 + 2 * rows + 3 * cols).astype(np.float32)
    lines, pixels = places
    found = resampled(plane, WHOLE, SHAPE, lines, pixels)
    inner = (lines >= 0) & (lines <= 39) & (pixels >= 0) & (pixels <= 49)
    np.testing.assert_allclose(found[inner], (1 + 2 * lines + 3 * pixels)[inner], rtol=1e-6)


def test_nearest(powers, places):
    lines, pixels = places
    found = resampled(powers, WHOLE, SHAPE, lines, pixels, "nearest")
    inside = (lines >= -0.75) & (lines < 39.75) & (pixels >= -0.5) & (pixels < 49.5)
    rows, cols = (np.floor(each[inside] + 0.5).astype(int) for each in (lines, pixels))
    rows = np.clip(rows, 0, 39)
    np.testing.assert_array_equal(found[inside], powers[rows, cols])
    assert not found[~inside].any()


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
@pytest.mark.parametrize("apart", [-0.12, -0.001, 0, 0.12])
def test_two_images_that_meet_leave_no_gap(method, apart):
    """The second begins one line after the last of the first; their geometries differ a little."""
    image = np.full(SHAPE, 0.3, np.float32)
    lines, pixels = np.meshgrid(np.linspace(37, 42, 2001), [7.0, 7.4], indexing="ij")
    first = resampled(image, WHOLE, SHAPE, lines, pixels, method)
    second = resampled(image, WHOLE, SHAPE, lines - SHAPE[0] + apart, pixels, method)
    np.testing.assert_allclose(concatenated([first, second]), 0.3, rtol=1e-6)
    assert (first == 0).any()


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
def test_a_window_of_the_image_gives_the_same(powers, places, method):
    """Bit by bit; only the window that `image_window` asks for is needed."""
    whole = resampled(powers, WHOLE, SHAPE, *places, method)
    for row in range(0, 70, 7):
        for col in range(0, 60, 4):
            some = [np.ascontiguousarray(at[row : row + 7, col : col + 4]) for at in places]
            window = image_window(*some, SHAPE)
            assert window is not None
            found = resampled(
                np.ascontiguousarray(powers[window.slices]), window, SHAPE, *some, method
            )
            np.testing.assert_array_equal(found, whole[row : row + 7, col : col + 4])


def test_no_place_in_the_image_needs_no_window():
    away = np.full((3, 3), -1.0)
    assert image_window(away, away, SHAPE) is None
    assert image_window(np.full((3, 3), np.nan), np.ones((3, 3)), SHAPE) is None
