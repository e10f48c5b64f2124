"""Calibration and filters as figures show them."""

from __future__ import annotations

import numpy as np
import pytest

from tiling.sentinel1 import SpeckleFilter, calibration, despeckle, figures
from tiling.sentinel1.figures.radiometry import even_square, looks_of
from tiling.sentinel1.products.safefolders import Image
from workbench.rasters.windows import Window

WINDOW = Window((400, 600), (700, 950))


def shown(axis):
    return np.ma.filled(axis.images[0].get_array().astype(float), np.nan)


def test_numbers_backscatter_and_noise(sentinel1_sample):
    image = Image(sorted((sentinel1_sample / "S1").glob("*.SAFE"))[0], "vh")
    figure = figures.calibration_look(image, WINDOW, note="simulated")
    numbers = image.measurement.pixels(WINDOW)
    np.testing.assert_array_equal(shown(figure.axes[0]), numbers)
    for axis, remove in ((figure.axes[1], False), (figure.axes[2], True)):
        power = calibration(image, "sigma", remove_noise=remove).apply(numbers, WINDOW)
        np.testing.assert_allclose(shown(axis), 10 * np.log10(power), atol=1e-4)
    drawn = {line.get_label(): line.get_ydata() for line in figure.axes[3].lines}
    noisy, clean, noise = (10 ** (values / 10) for values in drawn.values())
    known = np.isfinite(noisy)
    assert known.mean() > 0.9
    # Where little is cut at 0, means differ by the noise.
    np.testing.assert_allclose((noisy - clean)[known], noise[known], rtol=0.1)
    assert drawn["the noise alone"][known].max() < -20
    labels = {axis.get_xlabel() for axis in figure.axes[4:]}
    assert labels == {"DN", "sigma nought (dB)"}


def test_filters_side_by_side(write, speckled):
    power = figures.view(write("tile.tif", speckled))
    mean = despeckle(power, SpeckleFilter("mean", 2))
    lee = despeckle(power, SpeckleFilter("lee", 2, looks=8))
    figure = figures.filters(power, {"mean": mean, "Lee": lee}, note="simulated")
    titles = [axis.get_title() for axis in figure.axes[:3]]
    names, found = zip(*(title.removesuffix(" looks").split(", ") for title in titles), strict=True)
    assert names == ("as measured", "mean", "Lee")
    looks = [float(each) for each in found]
    assert looks[0] == pytest.approx(8, rel=0.25)
    assert looks[1] > 10 * looks[0]
    assert looks[2] > 3 * looks[0]
    np.testing.assert_allclose(shown(figure.axes[1]), 10 * np.log10(mean), atol=1e-4)
    box = figure.axes[0].patches[0]
    right = (box.get_x() + box.get_width()) * 1000 - float(power["x"][0])
    assert right <= 2000  # the square lies in the even half


def test_the_most_even_square(speckled):
    square = even_square(speckled, 40)
    assert square.cols[1] <= 200
    assert looks_of(speckled[square.slices]) == pytest.approx(8, rel=0.25)
    assert even_square(np.zeros((80, 80)), 40) is None
