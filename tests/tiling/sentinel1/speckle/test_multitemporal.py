"""The filter over many images against its definition, and what it is for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from tiling.sentinel1.errors import ConfigurationError
from tiling.sentinel1.speckle.filters import SpeckleFilter, local_mean
from tiling.sentinel1.speckle.multitemporal import MOST_IMAGES, Texture, quegan_yu
from workbench.rasters.windows import windows

LOOKS = 4.4


def series(times=12, shape=(60, 70), gaps=False):
    """Images of one texture whose level changes, under speckle; the last rows have gaps."""
    random = np.random.default_rng(5)
    ground = np.where(random.random(shape) < 0.3, 0.3, 0.1)
    levels = np.linspace(0.5, 2, times)[:, None, None]
    images = (levels * ground * random.gamma(LOOKS, 1 / LOOKS, (times, *shape))).astype(np.float32)
    if gaps:
        images[random.random(images.shape) < 0.1] = 0
        images[:, 7, 9] = 0
        images[1:, 40, 40] = 0
    return images, levels * ground


def plain(images, radius):
    """The definition with masked means by scipy."""
    side, known = 2 * radius + 1, images > 0

    def box(plane):
        return uniform_filter(plane.astype(np.float64), side, mode="nearest")

    means = [box(image) / np.maximum(box(has), 1e-12)
             for image, has in zip(images, known, strict=True)]  # fmt: skip
    ratios = np.where(known, images / np.maximum(means, 1e-30), 0).sum(axis=0)
    return np.where(known, means * ratios / np.maximum(known.sum(axis=0), 1), 0)


@pytest.mark.parametrize("gaps", [False, True])
def test_a_series_is_filtered_by_the_definition(gaps):
    images, _ = series(gaps=gaps)
    got = np.array(list(quegan_yu(images, 2)))
    np.testing.assert_allclose(got, plain(images, 2), rtol=1e-6)
    assert ((got == 0) == (images == 0)).all()


def test_one_image_stays_as_it_is():
    images, _ = series(times=1)
    np.testing.assert_allclose(next(quegan_yu(images, 3)), images[0], rtol=1e-6)


def test_speckle_goes_where_the_mean_over_a_window_would_blur():
    images, truth = series(times=40)
    got = np.array(list(quegan_yu(images, 3)))
    blurred = np.array([local_mean(image, 3) for image in images])

    def error(found):
        return np.sqrt(np.mean((found / truth - 1) ** 2))

    assert error(got) < 0.4 * error(images)
    assert error(got) < 0.4 * error(blurred)


def test_order_parts_and_blocks_change_no_bit():
    images, _ = series(gaps=True)
    means = [local_mean(image, 2) for image in images]
    whole, first, second = (Texture.empty(images[0].shape) for _ in range(3))
    for image, local in zip(images, means, strict=True):
        whole.add(image, local)
    for k in np.random.default_rng(1).permutation(len(images)):
        (first if k % 3 else second).add(images[k], means[k])
    first.merge(second)
    np.testing.assert_array_equal(first.ratios, whole.ratios)
    np.testing.assert_array_equal(first.counts, whole.counts)
    expected = list(quegan_yu(list(images), 2))
    one = SpeckleFilter("mean", 2, guard="relative")
    for window in windows(images[0].shape, 33):
        part = Texture.empty(window.shape)
        local = [one.block(lambda needed, k=k: images[k][needed.slices], window, images[0].shape)
                 for k in range(len(images))]  # fmt: skip
        for k, image in enumerate(images):
            part.add(image[window.slices], local[k])
        for k, image in enumerate(images):
            got = part.filtered(image[window.slices], local[k])
            np.testing.assert_array_equal(got, expected[k][window.slices])


def test_an_image_that_was_not_added_gets_the_texture():
    images, _ = series(gaps=True)
    texture = Texture.empty(images[0].shape)
    for image in images[:-1]:
        texture.add(image, local_mean(image, 2))
    local = local_mean(images[-1], 2)
    got = texture.filtered(images[-1], local)
    counted = np.maximum(texture.counts, 1) * 2.0**32
    share = np.where(texture.counts > 0, texture.ratios / counted, 1)
    np.testing.assert_allclose(got, np.where(images[-1] > 0, local * share, 0), rtol=1e-6)
    nowhere = Texture.empty(local.shape).filtered(images[-1], local)
    np.testing.assert_array_equal(nowhere, np.where(images[-1] > 0, local, 0))


def test_what_does_not_fit_is_refused():
    texture = Texture.empty((3, 4))
    with pytest.raises(ConfigurationError, match=r"shape \(4, 3\)"):
        texture.add(np.ones((4, 3)), np.ones((4, 3)))
    with pytest.raises(ConfigurationError, match=r"\(2, 2\) rows and columns"):
        texture.merge(Texture.empty((2, 2)))
    with pytest.raises(ConfigurationError, match="no images"):
        quegan_yu([], 2)
    with pytest.raises(ConfigurationError, match="window_radius"):
        quegan_yu([np.ones((3, 4))], 0)
    with pytest.raises(ConfigurationError, match=r"shape \(3, 5\)"):
        quegan_yu([np.ones((3, 4)), np.ones((3, 5))], 1)
    texture.counts[:] = MOST_IMAGES
    with pytest.raises(ConfigurationError, match="65,535"):
        texture.add(np.ones((3, 4)), np.ones((3, 4)))
    with pytest.raises(ConfigurationError, match="65,535"):
        texture.merge(texture)
