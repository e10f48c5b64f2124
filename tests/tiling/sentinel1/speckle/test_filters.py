"""Speckle filters against their definitions, pixel by pixel."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest

from tiling.sentinel1.errors import ConfigurationError
from tiling.sentinel1.speckle.filters import (
    SpeckleFilter,
    frost,
    gamma_map,
    kuan,
    lee,
    local_mean,
)
from workbench.rasters.windows import Window, windows

LOOKS, DERAMP = 4.4, 0.1

FILTERS = {"lee": lee, "kuan": kuan, "gammamap": gamma_map, "frost": frost}


def plain(image, method, radius, strength, nodata="exclude", guard="absolute"):
    """The definition, with loops and Python's floats."""
    height, width = image.shape
    out = np.empty(image.shape)
    for i in range(height):
        for j in range(width):
            if nodata == "exclude" and not image[i, j] > 0:
                out[i, j] = image[i, j]
                continue
            members = []
            for y in range(-radius, radius + 1):
                for x in range(-radius, radius + 1):
                    row, col = min(max(i + y, 0), height - 1), min(max(j + x, 0), width - 1)
                    value = float(image[row, col])
                    if nodata == "otb" or value > 0:
                        members.append((value, math.hypot(y, x)))
            out[i, j] = estimate(float(image[i, j]), members, method, strength, guard)
    return out


def estimate(centre, members, method, strength, guard):
    """The estimate from (value, distance) of the members of a window."""
    n = len(members)
    m = sum(value for value, _ in members) / n
    v = sum((value - m) ** 2 for value, _ in members) / max(n - 1, 1)
    if (abs(m) < 1e-10) if guard == "absolute" else (m == 0):
        return 0.0
    if v < (1e-10 if guard == "absolute" else 1e-10 * m * m):
        return m
    c2, u = v / m**2, 1 / strength
    if method == "frost":
        weights = [math.exp(-strength * c2 * distance) for _, distance in members]
        return sum(w * value for w, (value, _) in zip(weights, members, strict=True)) / sum(weights)
    if c2 < u:
        return m
    if method == "gammamap":
        if c2 >= 2 * u:
            return centre
        a = (1 + u) / (c2 - u)
        b = a - strength - 1
        return (b * m + math.sqrt(m**2 * b**2 + 4 * a * strength * m * centre)) / (2 * a)
    w = (1 - u / c2) / (1 + u if method == "kuan" else 1)
    return centre * w + m * (1 - w)


def scene(shape=(41, 37), seed=7, level=0.1):
    """Speckle of 4.4 looks over a field, a dark one, a step, and a few bright points."""
    random = np.random.default_rng(seed)
    ground = np.full(shape, level)
    ground[:, shape[1] // 2 :] *= 0.05
    ground[shape[0] // 2 :] *= 3
    ground[random.random(shape) < 0.01] *= 100
    return (ground * random.gamma(LOOKS, 1 / LOOKS, shape)).astype(np.float32)


def with_gaps(image):
    """The image with an empty side, an empty block and single gaps."""
    out = image.copy()
    out[:, :5] = 0
    out[10:22, 12:20] = 0
    out[np.random.default_rng(2).random(image.shape) < 0.03] = 0
    out[15, 16] = 0.3  # a pixel all by itself
    return out


@pytest.mark.parametrize("radius", [1, 2, 4])
@pytest.mark.parametrize("method", sorted(FILTERS))
def test_a_filter_is_its_definition(method, radius):
    image, strength = scene(), DERAMP if method == "frost" else LOOKS
    expected = plain(image, method, radius, strength)
    np.testing.assert_allclose(FILTERS[method](image, radius, strength), expected, rtol=3e-7)
    assert np.abs(expected / local_mean(image, radius) - 1).max() > 0.01


@pytest.mark.parametrize("nodata", ["exclude", "otb"])
@pytest.mark.parametrize("method", sorted(FILTERS))
def test_gaps_are_left_out_or_taken_as_no_power(method, nodata):
    image, strength = with_gaps(scene()), DERAMP if method == "frost" else LOOKS
    got = FILTERS[method](image, 2, strength, nodata)
    expected = plain(image, method, 2, strength, nodata)
    np.testing.assert_allclose(got, expected, rtol=3e-7, atol=1e-12)
    assert (got[image == 0] == 0).all() is np.bool_(nodata == "exclude")
    if nodata == "exclude":
        assert got[15, 16] == image[15, 16]


@pytest.mark.parametrize("method", sorted(FILTERS))
def test_a_strong_filter_is_its_definition(method):
    image, strength = with_gaps(scene(seed=8)), 5.0 if method == "frost" else 0.7
    expected = plain(image, method, 3, strength)
    np.testing.assert_allclose(FILTERS[method](image, 3, strength), expected, rtol=3e-7)


@pytest.mark.parametrize("method", sorted(FILTERS))
def test_the_relative_guard_makes_a_filter_independent_of_the_unit(method):
    dark, strength = scene(level=1e-6), DERAMP if method == "frost" else LOOKS
    absolute, relative = (FILTERS[method](dark, 2, strength, "exclude", guard)
                          for guard in ("absolute", "relative"))  # fmt: skip
    for guard, got in (("absolute", absolute), ("relative", relative)):
        expected = plain(dark, method, 2, strength, "exclude", guard)
        np.testing.assert_allclose(got, expected, rtol=3e-7)
    scaled = FILTERS[method](dark * np.float32(2**20), 2, strength, "exclude", "relative")
    np.testing.assert_array_equal(scaled, relative * np.float32(2**20))
    assert (absolute != relative).any()


def test_nan_is_no_value():
    gaps = with_gaps(scene())
    unknown = np.where(gaps == 0, np.float32(np.nan), gaps)
    for method, function in FILTERS.items():
        strength = DERAMP if method == "frost" else LOOKS
        got, expected = function(unknown, 2, strength), function(gaps, 2, strength)
        np.testing.assert_array_equal(np.isnan(got), gaps == 0)
        np.testing.assert_array_equal(np.nan_to_num(got), expected)


@pytest.mark.parametrize("side", [50, 128, 517])
@pytest.mark.parametrize("method", ["mean", *sorted(FILTERS)])
def test_blocks_are_those_of_the_whole_to_the_last_bit(method, side):
    image = with_gaps(scene((300, 1100), seed=3))
    image[200:, 600:] = scene((100, 500), seed=4)  # windows with gaps and without
    one = SpeckleFilter(method, 3, looks=LOOKS, deramp=DERAMP)
    one = pickle.loads(pickle.dumps(one))
    whole = one.apply(image)
    got = np.full_like(image, -1)
    for window in windows(image.shape, side):
        got[window.slices] = one.block(lambda needed: image[needed.slices], window, image.shape)
    np.testing.assert_array_equal(got, whole)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3), (5, 1030)])
def test_images_smaller_than_the_window(shape):
    image = scene((40, 1030))[: shape[0], : shape[1]]
    for method, function in FILTERS.items():
        strength = DERAMP if method == "frost" else LOOKS
        expected = plain(image, method, 4, strength)
        np.testing.assert_allclose(function(image, 4, strength), expected, rtol=3e-7)
    assert lee(np.empty((0, 5), np.float32), 2, LOOKS).shape == (0, 5)


def test_filters_keep_the_mean_and_take_the_speckle():
    random = np.random.default_rng(11)
    image = random.gamma(LOOKS, 0.1 / LOOKS, (400, 400)).astype(np.float32)
    for method, function in FILTERS.items():
        got = function(image, 3, 2.0 if method == "frost" else LOOKS).astype(np.float64)
        assert got.mean() == pytest.approx(0.1, rel=0.03), method
        assert got.mean() ** 2 / got.var() > 4 * LOOKS, method


def test_a_strided_image_of_another_type_is_filtered_like_a_copy():
    image = scene((80, 80)).astype(np.float64)
    given = image[::2, ::2].T
    before = given.copy()
    np.testing.assert_array_equal(lee(given, 2, LOOKS), lee(np.float32(before), 2, LOOKS))
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"method": "boxcar"}, "method of a speckle filter is 'boxcar'"),
        ({"radius": 0}, "window_radius is 0"),
        ({"radius": 51}, "window_radius is 51"),
        ({"radius": 2.0}, "window_radius is 2.0"),
        ({"radius": True}, "window_radius is True"),
        ({"looks": None}, "nblooks of a speckle filter is None"),
        ({"looks": 0.0}, "nblooks of a speckle filter is 0.0, not above 0"),
        ({"looks": math.nan}, "nblooks of a speckle filter is nan"),
        ({"looks": math.inf}, "nblooks of a speckle filter is inf"),
        ({"method": "frost"}, "deramp of a speckle filter is None"),
        ({"method": "frost", "deramp": -0.1}, "deramp of a speckle filter is -0.1"),
        ({"nodata": "skip"}, "not one of exclude, otb"),
        ({"guard": "none"}, "not one of absolute, relative"),
    ],
)
def test_bad_parameters_are_refused(parameters, named):
    with pytest.raises(ConfigurationError, match=named):
        SpeckleFilter(**{"method": "lee", "radius": 2, "looks": LOOKS, **parameters})


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4)])
def test_power_has_rows_and_columns(shape):
    with pytest.raises(ConfigurationError, match="not rows and columns"):
        lee(np.ones(shape), 2, LOOKS)


def test_no_damping_is_the_mean():
    image = scene()
    np.testing.assert_allclose(frost(image, 2, 0.0), local_mean(image, 2), rtol=2e-7)
    assert Window.whole(image.shape).shape == image.shape


@pytest.mark.parametrize("method", sorted(FILTERS))
def test_a_filter_is_that_of_the_orfeo_toolbox(method):
    """Frozen results of Despeckle 8.1.1, radius 2, on fields with gaps, a plain and a dark part."""
    frozen = np.load(Path(__file__).with_name("otb_filters.npz"))
    strength = DERAMP if method == "frost" else LOOKS
    got = FILTERS[method](frozen["power"], 2, strength, "otb")
    np.testing.assert_allclose(got, frozen[method], rtol=2.5e-7)
    assert (frozen["power"] == 0).sum() > 100
