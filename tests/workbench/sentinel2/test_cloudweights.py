"""Weights from classes, masks and probabilities against the slow, obvious way."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from workbench.errors import BadInput
from workbench.rasters.times import group_by_solar_day
from workbench.sentinel2.cloudweights import (
    SCL_CLASSES,
    ClearRule,
    GivenWeights,
    check_aligned,
    widen,
)


def near(hidden: np.ndarray, distance: float, resolution: float) -> np.ndarray:
    """Widen by looking at every pair of pixels."""
    y, x = np.nonzero(hidden)
    rows, cols = np.indices(hidden.shape)
    away = np.hypot(rows[..., None] - y, cols[..., None] - x) * resolution
    return (away <= distance).any(axis=-1) | hidden


def grid(shape, resolution, corner=(0.0, 1000.0), crs="EPSG:32631"):
    return GeoBox(shape, Affine(resolution, 0, corner[0], 0, -resolution, corner[1]), crs)


def test_default_classes(weigh):
    scl = np.arange(12, dtype=np.uint8)[None]
    clear = weigh(ClearRule(dilate=0), scl, 20)[0]
    assert [name for name, w in zip(SCL_CLASSES, clear, strict=True) if w] == [4, 5, 6, 7]
    assert clear.dtype == np.uint8


def test_snow_is_a_choice(weigh):
    scl = np.array([[11, 7, 4]], np.uint8)
    weights = weigh(ClearRule(clear={4, 5, 6, 11}, dilate=0), scl, 20)
    np.testing.assert_array_equal(weights, [[1, 0, 1]])


@given(
    hidden=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 8)), max_size=6),
    distance=st.sampled_from([0, 10, 14.2, 20, 28.3, 40, 60]),
    resolution=st.sampled_from([10, 20]),
)
@settings(max_examples=60)
def test_widening_is_a_disk(hidden, distance, resolution):
    field = np.zeros((12, 9), bool)
    for at in hidden:
        field[at] = True
    np.testing.assert_array_equal(
        widen(field, distance, resolution), near(field, distance, resolution)
    )


def test_no_data_hides_itself_but_is_not_widened(weigh):
    scl = np.full((1, 9), 4, np.uint8)
    scl[0, 0], scl[0, 8] = 0, 9
    weights = weigh(ClearRule(dilate=20), scl)
    np.testing.assert_array_equal(weights, [[0, 1, 1, 1, 1, 1, 0, 0, 0]])


def test_images_of_a_series_do_not_touch_each_other(weigh):
    scl = np.full((2, 5, 5), 4, np.uint8)
    scl[0, 2, 2] = 9
    weights = weigh(ClearRule(dilate=500), scl)
    assert not weights[0].any()
    assert weights[1].all()


def test_masks(weigh):
    mask = np.array([[0, 0, 0, 1, 0]], np.uint8)
    np.testing.assert_array_equal(weigh(ClearRule("mask"), mask), [[1, 1, 1, 0, 1]])
    np.testing.assert_array_equal(weigh(ClearRule("mask", dilate=10), mask), [[1, 1, 0, 0, 0]])
    np.testing.assert_array_equal(weigh(ClearRule("mask"), mask == 1), [[1, 1, 1, 0, 1]])
    holes = np.array([[np.nan, 0.0, 1.0]])
    np.testing.assert_array_equal(weigh(ClearRule("mask"), holes), [[0, 1, 0]])


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        (np.array([[0, 25, 100]], np.uint8), None),
        (np.array([[0.0, 0.25, 1.0]]), None),
        (np.array([[0.0, 25.0, 100.0]]), 100),
        (np.array([[0, 51, 204]], np.uint8), 204),
    ],
)
def test_soft_weights_in_every_convention(weigh, values, scale):
    weights = weigh(ClearRule("probability", scale=scale), values)
    np.testing.assert_allclose(weights, [[1, 0.75, 0]], atol=1e-6)
    assert weights.dtype == np.float32


def test_hard_weights_with_a_threshold(weigh):
    chance = np.array([[0, 40, 41, 0, 0]], np.uint8)
    hard = weigh(ClearRule("probability", threshold=0.4, dilate=10), chance)
    np.testing.assert_array_equal(hard, [[1, 0, 0, 0, 1]])
    assert hard.dtype == np.uint8


def test_unknown_probability_has_weight_zero(weigh):
    chance = np.array([[np.nan, 0.5]])
    np.testing.assert_array_equal(weigh(ClearRule("probability"), chance), [[0, 0.5]])


@pytest.mark.parametrize(
    "values", [np.array([[101]], np.uint8), np.array([[50.0]]), np.array([[-1]])]
)
def test_probabilities_in_another_unit_are_refused(weigh, values):
    with pytest.raises(BadInput, match="scale="):
        weigh(ClearRule("probability"), values)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kind": "clouds"}, "kind="),
        ({"clear": ()}, "clear="),
        ({"clear": {12}}, "clear="),
        ({"clear": {0, 4}}, "clear="),
        ({"dilate": -1}, "dilate="),
        ({"dilate": 1e6}, "dilate="),
        ({"kind": "probability", "threshold": 40}, "threshold="),
        ({"kind": "probability", "scale": 0}, "scale="),
        ({"kind": "probability", "dilate": 40}, "soft weights"),
    ],
)
def test_bad_rules_are_refused(arguments, words):
    with pytest.raises(BadInput, match=words):
        ClearRule(**arguments)


def test_given_weights_are_taken_as_they_are():
    known = np.array([[True, True, False]])
    hard, soft = GivenWeights(), GivenWeights(soft=True)
    np.testing.assert_array_equal(hard.weights(np.array([[1, 7, 1]]), known, 10), [[1, 1, 0]])
    assert hard.dtype == np.uint8
    found = soft.weights(np.array([[0.25, -1, 1]]), known, 10)
    np.testing.assert_array_equal(found, np.float32([[0.25, 0, 0]]))
    assert found.dtype == soft.dtype == np.float32
    assert soft.reach(10) == 0


@pytest.mark.parametrize(
    "source",
    [grid((4, 4), 20, corner=(3.0, 1000.0)), grid((4, 4), 15), grid((4, 4), 20, crs="EPSG:32632")],
)
def test_masks_that_do_not_fit_are_refused_on_request(weigh, source):
    with pytest.raises(BadInput, match="regrid=True"):
        check_aligned(source, grid((8, 8), 10), False, "the mask")
    check_aligned(source, grid((8, 8), 10), True, "the mask")


def test_real_probabilities(weigh, shared_data):
    """eo-learn patch: probability x 255, the product's own mask, two acquisitions on one day."""
    with np.load(shared_data / "spaceeye" / "eolearn_ndvi_clouds_33N.npz") as patch:
        chance, mask, seconds = (patch[name] for name in ("CLP_u8", "CLM", "timestamps"))
    chance, mask = chance.reshape(68, 101, 100), mask.reshape(68, 101, 100)
    soft = weigh(ClearRule("probability", scale=255), chance)
    np.testing.assert_allclose(soft, 1 - chance / 255, atol=1e-6)
    clear = weigh(ClearRule("mask"), mask)
    assert soft[clear == 1].mean() > soft[clear == 0].mean() + 0.3
    times = list(np.datetime64(0, "s") + seconds.astype("timedelta64[s]"))
    groups = group_by_solar_day(sorted(times), longitude=15)
    days = [str(times[group[0]])[:10] for group in groups]
    shared = [at for at, time in enumerate(times) if str(time)[:10] == "2015-12-08"]
    assert len(shared) == 2
    apart = abs(times[shared[1]] - times[shared[0]]) > np.timedelta64(1, "h")
    assert days.count("2015-12-08") == (2 if apart else 1)
    assert len(groups) == (68 if apart else 67)
