"""The fusion against the published one, against a plain version of ours, and by its properties."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efast.cells.cloudscores import cloud_distance, cloudy_cells, distance_score
from efast.cells.coarsestate import FusionOptions, coarse_states
from efast.errors import BadInput
from efast.fusion import EXTRAPOLATED, FALLBACK, fuse_block

DAYS = np.array([3, 11, 18, 26, 40])
AXIS = np.arange(0, 60, 4)
TARGETS = np.array([7, 18, 33, 50])


@pytest.fixture(scope="module")
def published():
    path = Path(__file__).parents[2] / "benchmarks" / "reference" / "efast_plain.py"
    spec = importlib.util.spec_from_file_location("efast_plain", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scene(ratio=6, cells=(7, 9), bands=2, seed=0):
    """Fine images with clouds, their scores and composites."""
    rng = np.random.default_rng(seed)
    shape = (cells[0] * ratio, cells[1] * ratio)
    fine = rng.uniform(0.05, 0.6, (len(DAYS), bands, *shape)).astype(np.float32)
    clear = np.ones((len(DAYS), *shape), bool)
    for image, (top, left) in enumerate(((0, 0), (2, 3), (5, 5), (1, 7), (4, 0))):
        clear[image, top * ratio : (top + 2) * ratio, left * ratio : (left + 1) * ratio] = False
    coarse = rng.uniform(0.05, 0.6, (len(AXIS), bands, *cells)).astype(np.float32)
    return fine, clear, coarse


def score_of(clear, ratio, saturation=3):
    return distance_score(cloud_distance(cloudy_cells(~clear, ratio)), saturation)


def fused(fine, clear, coarse, ratio, targets=TARGETS, score=None, days=DAYS, **options):
    how = {name: options.pop(name) for name in FusionOptions._fields if name in options}
    score = score_of(clear, ratio) if score is None else score
    (state,) = coarse_states(score, days, coarse, AXIS, targets, FusionOptions(**how))
    return fuse_block(fine, clear, state, ratio, **options)


def up(plane, ratio):
    """Bilinear between centres, weights of missing cells shared out among the others."""
    rows, columns = (
        np.clip((np.arange(length * ratio) + 0.5) / ratio - 0.5, 0, length - 1)
        for length in plane.shape
    )
    found = np.full((len(rows), len(columns)), np.nan)
    for at in np.ndindex(found.shape):
        y, x = rows[at[0]], columns[at[1]]
        value = weight = 0.0
        for row in {int(np.floor(y)), int(np.ceil(y))}:
            for column in {int(np.floor(x)), int(np.ceil(x))}:
                share = (1 - abs(y - row)) * (1 - abs(x - column))
                if share > 1e-12 and np.isfinite(plane[row, column]):
                    value, weight = value + share * plane[row, column], weight + share
        if weight:
            found[at] = value / weight
    return found


def plainly(fine, clear, state, ratio):
    """The definition, image by image in float64; NaN-safe."""
    targets, bands = state.now.shape[:2]
    out = np.full((targets, bands, *fine.shape[2:]), np.nan)
    for t, b in np.ndindex(targets, bands):
        summed = total = 0.0
        for i in range(len(fine)):
            change = up(state.then[i, b].astype(float), ratio)
            residual = fine[i, b].astype(float) - change
            seen = clear[i] & np.isfinite(residual)
            weight = up(state.weights[t, i].astype(float), ratio) * seen
            summed, total = summed + weight * np.where(seen, residual, 0), total + weight
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(total > 0, summed / total, np.nan)
        out[t, b] = up(state.now[t, b].astype(float), ratio) + mean
    return out


@pytest.mark.parametrize("ratio", [1, 5, 6])
@pytest.mark.parametrize("gaps", [False, True])
def test_it_is_its_definition(ratio, gaps):
    fine, clear, coarse = scene(ratio)
    if gaps:
        rng = np.random.default_rng(1)
        coarse[:, 0, 2, 3] = np.nan
        coarse[:, :, 6, 8] = np.nan
        fine[rng.random(fine.shape) < 0.05] = np.nan
    (state,) = coarse_states(score_of(clear, ratio), DAYS, coarse, AXIS, TARGETS)
    found = fuse_block(fine, clear, state, ratio).values
    expected = plainly(fine, clear, state, ratio)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.isnan(found).any() == gaps


@pytest.mark.parametrize("ratio", [5, 6])
@pytest.mark.parametrize("importance", [0, 0.8])
def test_the_published_program_is_met(published, ratio, importance):
    fine, clear, coarse = scene(ratio, seed=4)
    clear[2] = True  # an image without a cloud
    fine[:, :, 3:5, 7:20] = 0
    coarse[:, 1, 4, 4] = np.nan
    coarse[5:9, 0, 1, 1] = np.nan
    distance = cloud_distance(cloudy_cells(~clear, ratio), compat="dhi")
    options = FusionOptions(max_days=30, minimum_importance=importance, compat="dhi")
    score = distance_score(distance, 15)
    states = coarse_states(score, DAYS, coarse, AXIS, TARGETS, options)
    for state, target in zip(states, TARGETS, strict=True):
        (found,) = fuse_block(fine, np.ones_like(clear), state, ratio, compat="dhi").values
        expected = published.fuse(
            fine, distance, DAYS, coarse, AXIS, target, ratio, minimum_importance=importance
        )
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert np.isfinite(found).any()


def test_a_cell_outside_all_composites_does_not_pull_the_mosaic_down():
    """An image without coarse values counts in neither sum."""
    fine, clear, _ = scene()
    fine[:] = 0.3
    coarse = np.full((len(AXIS), 2, 7, 9), 0.3, np.float32)
    coarse[AXIS > 30] = np.nan
    values = fused(fine, clear, coarse, 6, targets=[7, 18], extrapolate="none").values
    np.testing.assert_allclose(values, 0.3, atol=1e-6)


def test_constant_scenes_stay_constant():
    fine, clear, coarse = scene()
    fine[:], coarse[:] = 0.25, 0.25
    np.testing.assert_allclose(fused(fine, clear, coarse, 6).values, 0.25, atol=1e-6)


def test_what_is_added_to_all_coarse_days_changes_nothing():
    fine, clear, coarse = scene()
    one, other = (fused(fine, clear, coarse + more, 6).values for more in (0, 0.2))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_an_image_alone_on_its_own_day_is_itself():
    fine, clear, coarse = scene()
    score = np.zeros((len(DAYS), 7, 9), np.float32)
    score[2] = 1
    (found,) = fused(fine, np.ones_like(clear), coarse, 6, targets=[18], score=score).values
    np.testing.assert_allclose(found, fine[2], atol=1e-6)


def test_with_one_image_the_change_is_that_of_the_coarse_series():
    ratio = 5
    fine, clear, coarse = scene(ratio)
    score = np.zeros((len(DAYS), 7, 9), np.float32)
    score[1] = 1
    (state,) = coarse_states(score, DAYS, coarse, AXIS, [33])
    (found,) = fuse_block(fine, np.ones_like(clear), state, ratio).values
    centre = (slice(None), slice(ratio // 2, None, ratio), slice(ratio // 2, None, ratio))
    change = state.now[0] - state.then[1]
    np.testing.assert_allclose((found - fine[1])[centre], change, atol=1e-6)


def test_it_is_linear_in_its_inputs():
    fine, clear, coarse = scene()
    once, twice = (fused(k * fine, clear, k * coarse, 6).values for k in (1, 2))
    np.testing.assert_allclose(twice, 2 * once, atol=1e-6)


@settings(max_examples=20)
@given(st.permutations(range(len(DAYS))))
def test_the_order_of_images_changes_nothing_but_the_last_bit(order):
    fine, clear, coarse = scene(4, (4, 5))
    order = list(order)
    one = fused(fine, clear, coarse, 4).values
    other = fused(fine[order], clear[order], coarse, 4, days=DAYS[order]).values
    np.testing.assert_allclose(one, other, atol=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 41), st.integers(1, 42), st.integers(0, 53), st.integers(1, 54))
def test_a_part_is_what_the_whole_has_there(top, height, left, width):
    fine, clear, coarse = scene()
    coarse[:, 0, 2, 3] = np.nan
    fine[3, 1, 10:20] = np.nan
    rows, columns = slice(top, min(top + height, 42)), slice(left, min(left + width, 54))
    (state,) = coarse_states(score_of(clear, 6), DAYS, coarse, AXIS, TARGETS)
    whole = fuse_block(fine, clear, state, 6)
    part = fuse_block(
        fine[:, :, rows, columns], clear[:, rows, columns], state, 6, origin=(top, left)
    )
    for ours, all_of_it in zip(part, whole, strict=True):
        np.testing.assert_array_equal(ours, all_of_it[..., rows, columns])


def test_numbers_of_16_bits_are_floats_of_their_scale():
    fine, clear, coarse = scene()
    dn = np.round(fine * 10_000).astype(np.uint16)
    dn[1, :, 5:9] = 0
    floats = np.where(dn == 0, np.nan, dn * np.float32(1e-4)).astype(np.float32)
    found, expected = fused(dn, clear, coarse, 6, scale=1e-4), fused(floats, clear, coarse, 6)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_quality():
    fine, clear, coarse = scene()
    found = fused(fine, clear, coarse, 6, targets=[18], max_days=16)
    (state,) = coarse_states(
        score_of(clear, 6), DAYS, coarse, AXIS, [18], FusionOptions(max_days=16)
    )
    weights = np.array(
        [up(plane, 6) * seen for plane, seen in zip(state.weights[0], clear, strict=True)]
    )
    apart = np.abs(DAYS - 18)
    np.testing.assert_allclose(found.weight[0], weights.sum(0), atol=1e-6)
    np.testing.assert_array_equal(found.images[0], (weights > 1e-9).sum(0))
    np.testing.assert_allclose(
        found.age[0], np.tensordot(apart, weights, 1) / weights.sum(0), atol=1e-4
    )
    nearest = np.where(weights > 1e-9, apart[:, None, None], np.inf).min(0)
    np.testing.assert_array_equal(found.nearest[0], nearest)
    assert not found.flag.any()


def test_more_images_than_a_byte_counts():
    days = np.repeat(DAYS, 60)
    ones = np.ones((len(days), 1, 4, 4), np.float32)
    score = np.ones((len(days), 2, 2), np.float32)
    (state,) = coarse_states(score, days, np.ones((4, 1, 2, 2)), np.arange(4), [18])
    clear = ones[:, 0] > 0
    clear[:50, 0, 0] = False  # 250 are left
    found = fuse_block(ones, clear, state, 2)
    assert found.images[0, 0, 0] == 250
    assert (found.images[0].ravel()[1:] == 255).all()
    clear[0] = False
    assert (fuse_block(ones, clear, state, 2).images[0].ravel()[1:] == 255).all()
    with pytest.raises(BadInput, match="300 bands: at most 255"):
        many = np.ones((4, 300, 2, 2))
        (state,) = coarse_states(score[:1], [1], many, np.arange(4), [18])
        fuse_block(np.ones((1, 300, 4, 4), np.float32), clear[:1], state, 2)


def test_extrapolation_is_flagged():
    fine, clear, coarse = scene()
    found = fused(fine, clear, coarse, 6, targets=[50, 58])
    assert not found.flag[0].any()
    assert (found.flag[1] == EXTRAPOLATED).all()


def test_where_no_image_counts_there_is_nothing():
    fine, clear, coarse = scene()
    found = fused(fine, np.zeros_like(clear), coarse, 6, score=np.zeros((5, 7, 9)))
    assert np.isnan(found.values).all()
    assert not found.images.any()
    assert np.isnan(found.age).all()


def test_the_mosaic_stands_in_only_where_it_is_asked_for():
    fine, clear, coarse = scene()
    coarse[:, :, 3:, 4:] = np.nan
    plain = fused(fine, clear, coarse, 6)
    found = fused(fine, clear, coarse, 6, on_missing_coarse="s2")
    missing = np.isnan(plain.values)
    assert missing.any()
    np.testing.assert_array_equal(found.values[~missing], plain.values[~missing])
    alone = fused(fine, clear, np.zeros_like(coarse), 6)
    np.testing.assert_array_equal(found.values[missing], alone.values[missing])
    assert ((found.flag & FALLBACK > 0) == missing.any(axis=1)).all()
    assert not np.isnan(found.values).any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"origin": (1, 0)}, r"1 to 43 lie outside 7 cells of 6"),
        ({"on_missing_coarse": "x"}, "on_missing_coarse='x'"),
        ({"extrapolate": "cubic"}, "extrapolate='cubic': one of linear, nearest, none"),
        ({"sigma": 0}, "sigma=0"),
        ({"score": np.zeros((5, 6, 9))}, "not on one coarse grid"),
        ({"days": DAYS[:4]}, "do not go with 4 days"),
    ],
)
def test_refused(change, words):
    fine, clear, coarse = scene()
    with pytest.raises(BadInput, match=words):
        fused(fine, clear, coarse, 6, **change)


def test_images_that_do_not_go_with_the_coarse_side_are_refused():
    fine, clear, coarse = scene()
    with pytest.raises(BadInput, match="2 coarse bands"):
        fused(fine[:, :1], clear, coarse, 6)
    with pytest.raises(BadInput, match="what is valid"):
        fused(fine, clear[:, :5], coarse, 6, score=score_of(clear, 6))
