"""The steps of a fusion under their names, each beside its definition."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter, zoom

import efast
from efast.cells.cloudscores import cloud_distance, distance_score
from efast.cells.composites import composite
from efast.cells.compositeseries import CompositeOptions, composite_series
from efast.cells.upsampling import upsampled
from efast.cubes.intermediates import NAMES
from efast.errors import BadInput

OF_CLASSES = "s2_cloud_flags"
RATIO, SHAPE = 10, (65, 84)
TARGETS = ["2023-06-05", "2023-06-20", "2023-07-02"]


@pytest.fixture(scope="session")
def steps(cubes):
    fine, coarse = cubes
    return efast.fuse(fine, coarse, TARGETS, keep=[name for name in NAMES if name != OF_CLASSES])


def test_all_are_there_and_say_what_they_are(steps):
    assert set(NAMES) - {OF_CLASSES} <= set(steps)
    for name in set(NAMES) - {OF_CLASSES}:
        assert steps[name].attrs["long_name"]
        assert all(dim in steps.coords for dim in steps[name].dims), name


def test_those_of_images(cubes, steps):
    fine, _ = cubes
    hidden = fine["weight"].values == 0
    share = np.pad(hidden, [(0, 0), (0, 5), (0, 6)])  # beyond the cube nothing is known
    share = share.reshape(-1, 7, RATIO, 9, RATIO).mean(axis=(2, 4))
    np.testing.assert_allclose(steps["s2_cloud_mask_mean"], share, atol=1e-7)
    cloudy = share >= 0.05
    np.testing.assert_array_equal(steps["s2_cloud_mask_coarse"], cloudy)
    np.testing.assert_array_equal(steps["s2_distance_to_cloud"], cloud_distance(cloudy))
    score = distance_score(cloud_distance(cloudy), 15)
    np.testing.assert_array_equal(steps["s2_distance_score"], score)
    dn = fine["reflectance"].values
    seen = np.where(hidden[:, None] | (dn == 0), np.nan, dn * 1e-4)
    np.testing.assert_allclose(steps["s2_bands_masked"], seen, atol=1e-6)
    merged = steps["s2_bands_dtc_merge"]
    assert list(merged["s2_bands_dtc_merge_band"]) == ["B04", "B8A", "distance_score"]
    np.testing.assert_allclose(merged[:, :2], seen, atol=1e-6)
    fine_score = [zoom(plane, RATIO, order=1, grid_mode=True, mode="nearest") for plane in score]
    np.testing.assert_allclose(
        merged[:, 2], np.array(fine_score)[:, : SHAPE[0], : SHAPE[1]], atol=1e-6
    )


def test_those_of_observations(cubes, steps):
    _, coarse = cubes
    gaps = np.isnan(coarse.values).any(axis=1)
    np.testing.assert_array_equal(steps["s3_cloud_mask"], gaps)
    score = distance_score(cloud_distance(gaps), 20)
    np.testing.assert_array_equal(steps["s3_distance_score"], score)
    np.testing.assert_array_equal(steps["s3_bands_and_distance_score"][:, 2], score)
    days = np.arange(-6, 42, 2)
    made = composite(coarse.values, score, days, np.arange(-6, 41, 2))
    np.testing.assert_array_equal(steps["s3_composite_data_bands"], made)
    smoothed, _ = composite_series(coarse.values, days, CompositeOptions())
    np.testing.assert_array_equal(steps["s3_composite_data_bands_smoothed"], smoothed)
    middle = gaussian_filter(np.nan_to_num(made[3, 0]), 1, radius=2, mode="nearest")
    np.testing.assert_allclose(smoothed[3, 0, 3, 4], middle[3, 4], atol=1e-6)
    assert steps["s3_composite_target_interp"].dims[0] == "time"
    assert steps["s3_composite_s2_interp"].dims[0] == "time_s2"


def test_the_fusion_is_made_of_its_input(steps):
    """Fine mosaic minus coarse mosaic plus the coarse series of the target."""
    given = steps["fusion_input"].values
    fine, then, now = given[:, :2], given[:, 2:4], given[:, 4:]
    np.testing.assert_allclose(fine - then + now, steps["reflectance"].values, atol=2e-6)
    np.testing.assert_array_equal(steps["s2_s3_aggregate"], given[:, :4])
    pre = steps["s2_s3_pre_aggregate_merge"]
    assert pre.sizes["s2_s3_pre_aggregate_merge_band"] == 5
    coarse = zoom(steps["s3_composite_s2_interp"].values[2, 1], RATIO, order=1, grid_mode=True,
                  mode="nearest")  # fmt: skip
    np.testing.assert_allclose(pre[2, 3], coarse[: SHAPE[0], : SHAPE[1]], atol=1e-6)


def test_cells_lie_in_their_grid(steps, made):
    cells = made.grid(RATIO)
    np.testing.assert_allclose(steps["x_coarse"], cells.coords["x"].values)
    np.testing.assert_allclose(steps["y_coarse"], cells.coords["y"].values)


def test_blocks_change_no_bit(cubes, steps, monkeypatch):
    fine, coarse = cubes
    monkeypatch.setattr("efast.cells.cellblocks.BLOCK", 20)
    lazy = efast.fuse(fine.chunk({"y": 16}), coarse, TARGETS, keep=list(NAMES)[2:])
    assert lazy["fusion_input"].chunks is not None
    xr.testing.assert_equal(lazy.compute(), steps.drop_vars("s2_bands"))


def test_classes_come_with_the_images(cubes):
    fine, coarse = cubes
    classes = fine["weight"].astype(np.uint8) * 4
    found = efast.fuse(fine.assign(scl=classes), coarse, TARGETS, keep=OF_CLASSES)
    np.testing.assert_array_equal(found[OF_CLASSES], classes)
    with pytest.raises(BadInput, match="needs a variable scl"):
        efast.fuse(fine, coarse, TARGETS, keep=OF_CLASSES)


def test_steps_that_were_not_taken(cubes, made):
    fine, coarse = cubes
    with pytest.raises(BadInput, match="composites were given"):
        efast.fuse(fine, coarse, TARGETS, composited=True, keep="s3_distance_score")
    score = made.labelled(
        np.ones((6, 1, 7, 9), np.float32), [0, 5, 11, 20, 25, 33], ["s"], made.grid(RATIO)
    )
    with pytest.raises(BadInput, match="scores were given"):
        efast.fuse(fine, coarse, TARGETS, score=score[:, 0], keep="s2_distance_to_cloud")
    with pytest.raises(BadInput, match="s4_bands is not one of s2_bands"):
        efast.fuse(fine, coarse, TARGETS, keep=["s2_bands", "s4_bands"])


@pytest.mark.parametrize("ratio", [1, 4, 5])
def test_cells_on_pixels(ratio):
    cells = np.random.default_rng(4).random((2, 5, 6)).astype(np.float32)
    found = upsampled(cells, ratio, (0, 0), (5 * ratio, 6 * ratio))
    expected = [zoom(plane, ratio, order=1, grid_mode=True, mode="nearest") for plane in cells]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    part = upsampled(cells, ratio, (3, 2), (2 * ratio, ratio))
    np.testing.assert_array_equal(part, found[:, 3 : 3 + 2 * ratio, 2 : 2 + ratio])


def test_cells_without_a_value_give_way():
    cells = np.array([[1, np.nan], [1, np.nan]], np.float32)
    found = upsampled(cells, 4, (0, 0), (8, 8))
    assert (found[:, :5] == 1).all()
    assert np.isnan(found[:, 7]).all()
