"""Classes of fine pixels and their coarse series: known ones are found, cells keep their change."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import efast
from efast.cells.classseries import (
    DAMPING,
    HALF,
    ClassCells,
    class_contrasts,
    class_shares,
    cover_of,
    level_of,
)
from efast.cells.coarsestate import FusionOptions, coarse_states
from efast.cells.compositeseries import CompositeOptions
from efast.cells.pixelclasses import Courses, find_courses, pixel_classes
from efast.cubes.classing import find_classes
from efast.cubes.preparation import prepare
from efast.errors import BadInput
from efast.fusion import fuse_block

_SPEC = importlib.util.spec_from_file_location("scenes", Path(__file__).with_name("scenes.py"))
scenes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(scenes)

DAYS = np.arange(0, 60, 4)
PEAKS = np.array([10.0, 25.0, 45.0])
GAP = (72, 117)


def courses_of(labels, rng, noise=0.003):
    """Series (N, B, P) of three classes, each pixel brighter or darker for good, with gaps."""
    wave = np.exp(-((DAYS[:, None] - PEAKS) ** 2) / 200)
    values = np.array([-0.1, 0.3])[:, None, None] * wave[:, labels].reshape(1, len(DAYS), -1)
    values = np.moveaxis(values, 0, 1) + rng.uniform(0.2, 0.4, (1, 2, labels.size))
    values += noise * rng.standard_normal(values.shape)
    known = rng.random((len(DAYS), labels.size)) > 0.4
    return np.where(known[:, None], values, np.nan).astype(np.float32), known


def same_parts(one, other):
    """Tell whether labels divide pixels alike, whatever the classes are called."""
    return len({*zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)}) == len(
        np.unique(one)
    )


def test_known_classes_are_found_from_how_they_change():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 900)
    values, known = courses_of(labels, rng)
    courses = find_courses(values, DAYS, 3)
    found = pixel_classes(
        values.reshape(*values.shape[:2], 30, 30), known.reshape(-1, 30, 30), courses
    )
    few = (known.sum(axis=0) < 4).reshape(30, 30)
    assert (found[few] == 3).all()
    assert same_parts(labels.reshape(30, 30)[~few], found[~few])


def test_a_pixel_is_of_the_course_that_it_is_nearest_to_but_for_a_constant():
    rng = np.random.default_rng(1)
    fine = rng.random((9, 2, 8, 7)).astype(np.float32)
    fine[rng.random(fine.shape) < 0.1] = np.nan
    valid = rng.random((9, 8, 7)) > 0.4
    courses = Courses(rng.random((4, 9, 2)).astype(np.float32), np.array([0.5, 2], np.float32))
    found = pixel_classes(fine, valid, courses)
    for y, x in np.ndindex(8, 7):
        seen = valid[:, y, x] & np.isfinite(fine[:, :, y, x]).all(axis=1)
        if seen.sum() < 4:
            assert found[y, x] == 4
            continue
        rest = fine[seen, :, y, x].astype(float) / courses.spread - courses.centres[:, seen]
        apart = rest.var(axis=1).sum(axis=1)
        assert found[y, x] == apart.argmin()
    assert len(np.unique(found)) == 5


def test_numbers_of_16_bits_and_parts_have_the_classes_of_the_whole():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 600)
    values, known = courses_of(labels, rng)
    courses = find_courses(values, DAYS, 3)
    fine, valid = values.reshape(*values.shape[:2], 20, 30), known.reshape(-1, 20, 30)
    whole = pixel_classes(fine, valid, courses)
    numbers = np.nan_to_num(np.round(fine * 1e4)).astype(np.uint16)
    np.testing.assert_array_equal(pixel_classes(numbers, valid, courses, scale=1e-4), whole)
    part = (Ellipsis, slice(3, 17), slice(8, 9))
    np.testing.assert_array_equal(pixel_classes(fine[part], valid[part], courses), whole[part])


def test_the_order_of_images_changes_no_class():
    rng = np.random.default_rng(3)
    values, known = courses_of(rng.integers(0, 3, 600), rng)
    order = rng.permutation(len(DAYS))
    one, other = find_courses(values, DAYS, 3), find_courses(values[order], DAYS[order], 3)
    np.testing.assert_allclose(one.centres[:, order], other.centres, atol=1e-4)
    first = pixel_classes(values[:, :, None], known[:, None], one)
    again = pixel_classes(values[order][:, :, None], known[order][:, None], other)
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    "sample",
    [
        np.full((15, 2, 500), np.nan),
        np.full((15, 2, 500), 0.3),
        np.random.default_rng(0).random((15, 2, 59)),
        np.random.default_rng(0).random((3, 2, 500)),
    ],
    ids=["all hidden", "no change", "few pixels", "few dates"],
)
def test_no_classes_where_the_sample_does_not_tell_them(sample):
    assert find_courses(sample, np.arange(len(sample)), 3).centres.shape == (0, len(sample), 2)


def plain_contrasts(change, cover):
    """One window after the other, by least squares with rows for the damping."""
    classes, (height, width) = len(cover), change.shape[1:]
    out = np.zeros((classes, *change.shape))
    for t, y, x in np.ndindex(change.shape):
        if not (np.isfinite(change[t, y, x]) and np.isfinite(cover[:, y, x]).all()):
            continue
        rows, right = [], []
        for j in range(max(y - HALF, 0), min(y + HALF + 1, height)):
            for i in range(max(x - HALF, 0), min(x + HALF + 1, width)):
                if np.isfinite(change[t, j, i]) and np.isfinite(cover[:, j, i]).all():
                    rows.append(cover[:, j, i])
                    right.append(change[t, j, i] - change[t, y, x])
        damped = np.sqrt(DAMPING * len(rows)) * np.eye(classes)
        found = np.linalg.lstsq(
            np.concatenate([rows, damped]), np.concatenate([right, np.zeros(classes)])
        )[0]
        out[:, t, y, x] = found - cover[:, y, x] @ found
    return out


def cells(seed=0, classes=3, shape=(13, 11), times=6, gaps=0.05):
    rng = np.random.default_rng(seed)
    cover = rng.dirichlet(np.full(classes, 0.7), shape).transpose(2, 0, 1).astype(np.float32)
    series = rng.uniform(0.1, 0.5, (times, 2, *shape)).astype(np.float32)
    series[rng.random(series.shape) < gaps] = np.nan
    if gaps:
        cover[:, 4, 5] = np.nan
    return series, cover


def test_contrasts_are_the_damped_least_squares_of_each_window():
    series, cover = cells()
    level = level_of(series)
    found = class_contrasts(series, level, cover)
    expected = plain_contrasts((series - level).reshape(-1, *series.shape[2:]), cover)
    np.testing.assert_allclose(found, expected.reshape(found.shape), atol=2e-6)


def test_changes_of_classes_are_recovered():
    rng = np.random.default_rng(1)
    _, cover = cells(1, shape=(20, 20), gaps=0)
    of_class = rng.uniform(-0.2, 0.2, (3, 9, 2))
    series = np.einsum("ktb,kyx->tbyx", of_class, cover).astype(np.float32)
    level = level_of(series)
    found = series + ClassCells(cover, level, np.ones((3, 2), np.float32)).apart(series)
    apart = found - level - (of_class - of_class.mean(axis=1, keepdims=True))[..., None, None]
    assert np.abs(apart).max() < 0.15 * np.abs(of_class).max()
    assert np.sqrt(np.mean(apart**2)) < 0.01


@settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(2, 6))
def test_a_cell_keeps_its_change(seed, classes):
    series, cover = cells(seed, classes)
    shares = np.random.default_rng(seed).random((classes, 2)).astype(np.float32)
    found = ClassCells(cover, level_of(series), shares).apart(series)
    together = np.einsum("ktbyx,kyx->tbyx", found.astype(float), np.nan_to_num(cover))
    np.testing.assert_allclose(together, 0, atol=1e-6)
    missing = np.isnan(series) | np.isnan(cover[0])
    assert not found[:, missing].any()
    assert found.any()


def test_without_shares_nothing_is_added():
    series, cover = cells()
    assert not ClassCells(cover, level_of(series), np.zeros((3, 2), np.float32)).apart(series).any()


@settings(max_examples=20)
@given(st.integers(0, 12), st.integers(1, 13), st.integers(0, 10), st.integers(1, 11))
def test_a_part_of_the_cells_is_what_the_whole_has_there(top, height, left, width):
    series, cover = cells(5)
    part = slice(top, min(top + height, 13)), slice(left, min(left + width, 11))
    whole = class_contrasts(series, level_of(series), cover)[(..., *part)]
    np.testing.assert_array_equal(class_contrasts(series, level_of(series), cover, part), whole)


def test_parts_of_classes_are_of_the_pixels_that_have_one():
    counts = np.array([[[10, 0]], [[30, 0]], [[60, 100]]])  # the last have none
    np.testing.assert_array_equal(cover_of(counts), [[[0.25, np.nan]], [[0.75, np.nan]]])


def test_shares_are_what_fine_images_show_of_the_contrasts():
    rng = np.random.default_rng(0)
    said = 0.05 * rng.standard_normal((3, 8, 2, 9, 9)).astype(np.float32)
    true = np.array([[0.0, 0.4], [0.8, 1.0], [0.5, 0.5]])
    seen = true[:, None, :, None, None] * said + 0.02 * rng.standard_normal((3, 1, 2, 9, 9))
    seen += 0.003 * rng.standard_normal(seen.shape)
    seen[2, :, 0] = np.nan
    seen[2, :2, 0] = 0.1
    score = np.ones((8, 9, 9))
    score[3:, :4] = 0
    seen[:, 3:, :, :4] = 7  # near clouds
    found = class_shares(seen, said, score)
    np.testing.assert_allclose(found.values[:2], true[:2], atol=0.02)
    np.testing.assert_array_equal(found.values[2], [0, found.values[2, 1]])
    assert found.pairs[0, 0] == np.count_nonzero(score)
    assert found.reasons == (
        "class 2 in band 0: 162 clear cells from 2 images; at least 30 from 3",
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: find_courses(np.zeros((3, 2, 5)), [0, 1], 3), "a sample of shape"),
        (lambda: find_courses(np.zeros((3, 2, 5)), [0, 1, 2], 1), "classes=1: 2 to 32"),
        (
            lambda: pixel_classes(
                np.zeros((3, 2, 5, 5)), np.ones((3, 5, 5)),
                Courses(np.zeros((2, 4, 2), "f4"), np.ones(2, "f4")),
            ),
            "courses of 4 images",
        ),
        (
            lambda: class_contrasts(cells()[0], np.zeros((2, 3, 3)), cells()[1]),
            r"level \(2, 3, 3\)",
        ),
        (
            lambda: ClassCells(cells()[1], level_of(cells()[0]), np.ones((2, 2))).apart(cells()[0]),
            r"shares \(2, 2\) do not go with 3 classes and 2 bands",
        ),
        (
            lambda: class_shares(np.zeros((3, 4, 2, 5, 5)), np.zeros((3, 4, 2, 5, 4)), np.ones(3)),
            "as the coarse series has them",
        ),
    ],
)  # fmt: skip
def test_refused(call, words):
    with pytest.raises(BadInput, match=words):
        call()


@cache
def made_ready(differing, gap=None, seed=0, lazy=None, composited=True):
    land = scenes.landscape(differing, seed)
    fine, coarse = scenes.series(land, gap, seed=seed + 10)
    if lazy:
        fine = fine.chunk(dict(lazy))
    days = np.linspace(*(gap or (30, 150)), 11).round()[1:-1].astype(int)
    times = scenes.BEGIN + days * scenes.DAY
    how = {"composited": True} if composited else {"composites": CompositeOptions(saturation=3)}
    return land.truth(days), prepare(fine, coarse, times, FusionOptions(), saturation=3, **how)


@cache
def whole_area():
    return find_classes(made_ready(True)[1], 4)


def fused(ready, classing=None):
    """NDVI of the fusion, plain or with classes."""
    (state,) = ready.states()
    values, weight, group = ready.image.values, ready.weight.values, None
    if classing is not None:
        group = classing.pixels(values, weight, ready.scale)
        state = state._replace(classes=classing.cells)
    found = fuse_block(values, weight, state, ready.grids.ratio, scale=ready.scale, group=group)
    return scenes.ndvi(found.values)


@pytest.mark.parametrize(
    ("differing", "gap", "most"),
    [(True, None, 0.65), (True, GAP, 0.65), (False, None, 1.0), (False, GAP, 1.0)],
    ids=["differing", "differing, gap", "alike", "alike, gap"],
)
def test_the_gain_over_the_plain_fusion(differing, gap, most):
    """In mean absolute error of NDVI."""
    truth, ready = made_ready(differing, gap)
    truth = scenes.ndvi(truth)
    classing = find_classes(ready, 5)
    assert classing
    assert not classing.shares.reasons
    one, other = (np.nanmean(np.abs(f - truth)) for f in (fused(ready, classing), fused(ready)))
    assert one <= most * other


@pytest.mark.parametrize("chunks", [(("y", 100), ("x", 70)), (("time", 5),)])
def test_blocks_change_no_bit(chunks, monkeypatch):
    whole = whole_area()
    monkeypatch.setattr("efast.cells.cellblocks.BLOCK", 90)
    monkeypatch.setattr("efast.cubes.classing.CELLS", 3)
    lazy = find_classes(made_ready(True, lazy=chunks)[1], 4)
    for one, other in (
        (whole.courses.centres, lazy.courses.centres),
        (whole.cells.cover, lazy.cells.cover),
        (whole.cells.level, lazy.cells.level),
        (whole.shares.values, lazy.shares.values),
    ):
        np.testing.assert_array_equal(one, other)


def test_cells_that_are_looked_at_are_thinned_alike(monkeypatch):
    monkeypatch.setattr("efast.cubes.classing.MOST_CELLS", 30)
    whole = find_classes(made_ready(True)[1], 3)
    assert whole.shares.pairs.max() <= 25 * 36
    monkeypatch.setattr("efast.cells.cellblocks.BLOCK", 90)
    monkeypatch.setattr("efast.cubes.classing.CELLS", 3)
    lazy = find_classes(made_ready(True, lazy=(("y", 50),))[1], 3)
    np.testing.assert_array_equal(whole.shares.pairs, lazy.shares.pairs)
    np.testing.assert_array_equal(whole.shares.values, lazy.shares.values)


def test_the_parts_are_smoothed_as_the_composites_were():
    sharp, smoothed = whole_area(), find_classes(made_ready(True, composited=False)[1], 4)
    np.testing.assert_allclose(smoothed.cells.cover.sum(axis=0), 1, atol=1e-6)
    assert smoothed.cells.cover.std() < 0.7 * sharp.cells.cover.std()


def test_an_area_without_clear_pixels_has_no_classes():
    land = scenes.landscape(True)
    fine, coarse = scenes.series(land)
    fine = fine.assign(weight=xr.zeros_like(fine["weight"]))
    score = coarse[:, 0].drop_vars("band").isel(time=[0] * fine.sizes["time"])
    score = (score * 0).assign_coords(time=fine["time"])
    ready = prepare(fine, coarse, [scenes.BEGIN + 50 * scenes.DAY], FusionOptions(),
                    composited=True, score=score)  # fmt: skip
    classing = find_classes(ready)
    assert not classing
    assert "too few have enough clear dates" in classing.reason


RATIO, IMAGES = 5, np.array([3, 11, 18, 26, 40])


@cache
def classed(gaps=True):
    """Images of 70 x 55 pixels, classes of their pixels, and the coarse side."""
    rng = np.random.default_rng(8)
    series, cover = cells(8, times=16, gaps=0.02 if gaps else 0)
    if gaps:
        series[:, 0, 2, 3] = series[:, :, 6, 8] = np.nan
    height, width = (length * RATIO for length in series.shape[2:])
    fine = rng.uniform(0.1, 0.5, (5, 2, height, width)).astype(np.float32)
    valid = rng.random((5, height, width)) > 0.2
    score = rng.uniform(0.2, 1, (5, *series.shape[2:]))
    group = rng.integers(0, 4, (height, width)).astype(np.uint8)  # 3 is none
    (state,) = coarse_states(score, IMAGES, series, np.arange(0, 64, 4), [7, 18, 50])
    shares = rng.uniform(0.3, 1, (3, 2)).astype(np.float32)
    return (
        fine,
        valid,
        group,
        state._replace(classes=ClassCells(cover, level_of(state.then), shares)),
    )


@pytest.mark.parametrize("gaps", [False, True])
def test_pixels_of_a_class_are_fused_with_its_series(gaps):
    """What a plain fusion with the series of the class gives."""
    fine, valid, group, state = classed(gaps)
    found = fuse_block(fine, valid, state, RATIO, group=group)
    plain = state._replace(classes=None)
    alone = [fuse_block(fine, valid, plain, RATIO).values]
    then, now = (state.classes.apart(series) for series in (state.then, state.now))
    for k in range(3):
        mine = plain._replace(then=plain.then + then[k], now=plain.now + now[k])
        alone.insert(k, fuse_block(fine, valid, mine, RATIO).values)
        assert np.nanmax(np.abs(alone[k] - alone[-1])) > 0.02
    expected = np.take_along_axis(np.array(alone), group[None, None, None].astype(int), 0)[0]
    assert np.isnan(state.then).any() == gaps
    np.testing.assert_array_equal(np.isnan(found.values), np.isnan(expected))
    if gaps:  # beside a missing cell what is added fades, where a series is held
        assert np.nanmedian(np.abs(found.values - expected)) < 2e-6
    else:
        np.testing.assert_allclose(found.values, expected, atol=2e-6)
    weights = fuse_block(fine, valid, plain, RATIO)
    for name in ("weight", "images", "age", "nearest", "flag"):
        np.testing.assert_array_equal(getattr(found, name), getattr(weights, name))


@settings(max_examples=20)
@given(st.integers(0, 64), st.integers(1, 65), st.integers(0, 54), st.integers(1, 55))
def test_a_part_with_classes_is_what_the_whole_has_there(top, height, left, width):
    """Also if only the cells around it are there."""
    fine, valid, group, state = classed()
    rows, columns = slice(top, min(top + height, 65)), slice(left, min(left + width, 55))
    whole = fuse_block(fine, valid, state, RATIO, group=group).values[:, :, rows, columns]
    part = fine[:, :, rows, columns], valid[:, rows, columns]
    mine = group[rows, columns]
    near, origin = state.around((top, left), part[0].shape[2:], RATIO)
    for given_state, at in ((state, (top, left)), (near, origin)):
        found = fuse_block(*part, given_state, RATIO, group=mine, origin=at)
        np.testing.assert_array_equal(found.values, whole)


def test_classes_of_pixels_without_those_of_the_cells_are_refused():
    fine, valid, group, state = classed()
    with pytest.raises(BadInput, match="give both or none"):
        fuse_block(fine, valid, state, RATIO)
    with pytest.raises(BadInput, match="give both or none"):
        fuse_block(fine, valid, state._replace(classes=None), RATIO, group=group)
    with pytest.raises(BadInput, match=r"classes \(64, 55\) of uint8"):
        fuse_block(fine, valid, state, RATIO, group=group[1:])


def test_the_front_door_with_classes_in_any_blocks(monkeypatch):
    fine, coarse = scenes.series(scenes.landscape(True), step=15)
    given = {"composited": True, "saturation": 3}
    times = scenes.BEGIN + np.array([50, 100]) * scenes.DAY
    found = efast.fuse(fine, coarse, times, classes=4, **given)
    plain = efast.fuse(fine, coarse, times, **given)
    assert (found["reflectance"] != plain["reflectance"]).mean() > 0.5
    monkeypatch.setattr("efast.cells.cellblocks.BLOCK", 140)
    lazy = efast.fuse(fine.chunk({"y": 140, "x": 90}), coarse, times, classes=4, **given)
    xr.testing.assert_identical(lazy.compute(), found)
    with pytest.raises(BadInput, match="with classes each has a coarse series of its own"):
        efast.fuse(fine, coarse, times, classes=4, keep="fusion_input", **given)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": 1}, "classes=1: 2 to 32, or 0 for none"),
        ({"classes": 33}, "classes=33"),
        ({"classes": 5, "compat": "dhi"}, "has none"),
    ],
)
def test_numbers_of_classes_that_cannot_be(options, words):
    with pytest.raises(BadInput, match=words):
        efast.fuse(xr.Dataset(), xr.Dataset(), ["2023-01-01"], **options)
