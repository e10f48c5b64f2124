"""What is read of a source is what a window needs of it."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from workbench.rasters.regridding import Source, nearest_on, resampled_on
from workbench.rasters.windows import Window

WHOLE = np.arange(600 * 600, dtype=np.uint16).reshape(600, 600)
WINDOW = Window((256, 512), (0, 256))


def source(asked: list[Window], size_m: float = 10.0, shift_m: float = 0.0) -> Source:
    affine = Affine(size_m, 0, 500_000 + shift_m, 0, -size_m, 5_400_000)

    def read(window: Window) -> np.ndarray:
        asked.append(window)
        rows, cols = window.slices
        return WHOLE[rows, cols]

    return Source(GeoBox(WHOLE.shape, affine, "EPSG:32631"), read, WHOLE.dtype)


TARGET = GeoBox((600, 600), Affine(10, 0, 500_000, 0, -10, 5_400_000), "EPSG:32631")


def test_on_its_own_grid_a_block_is_read_without_its_neighbours():
    """A tile of a file that is a block is read alone; one pixel more would cost nine tiles."""
    asked: list[Window] = []
    rows, cols = WINDOW.slices
    np.testing.assert_array_equal(resampled_on(source(asked), TARGET, WINDOW), WHOLE[rows, cols])
    values, known = nearest_on(source(asked), TARGET, WINDOW)
    np.testing.assert_array_equal(values, WHOLE[rows, cols])
    assert known.all()
    assert asked == [WINDOW, WINDOW]


def test_a_mean_reads_the_pixels_that_it_is_of():
    asked: list[Window] = []
    found = resampled_on(source(asked, size_m=5.0), TARGET, Window((10, 20), (30, 50)))
    assert asked == [Window((20, 40), (60, 100))]
    expected = WHOLE[20:40, 60:100].reshape(10, 2, 20, 2).astype(float).mean(axis=(1, 3))
    np.testing.assert_array_equal(found, np.floor(expected + 0.5))


@pytest.mark.parametrize(("size_m", "shift_m"), [(20.0, 0.0), (10.0, 4.0)])
def test_what_lies_between_pixels_needs_one_more_around(size_m, shift_m):
    asked: list[Window] = []
    part = Window((100, 120), (100, 140))
    found = resampled_on(source(asked, size_m, shift_m), TARGET, part)
    whole = resampled_on(source([], size_m, shift_m), TARGET, Window((0, 600), (0, 600)))
    rows, cols = part.slices
    np.testing.assert_array_equal(found, whole[rows, cols])
    assert asked[0].rows[1] - asked[0].rows[0] <= part.shape[0] * 10 / size_m + 4
