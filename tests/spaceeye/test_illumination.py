"""Gains: exact sums in any order, the true light found, no fading far from clear dates."""

from __future__ import annotations

import logging
import re
from functools import reduce
from itertools import pairwise
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import spaceeye
from spaceeye.illumination import (
    check_method,
    clear_sums,
    gains,
    region_gains,
)
from spaceeye.interpolation import interpolate
from spaceeye.series import as_series
from workbench.errors import BadInput
from workbench.sentinel2.landscape import Scene
from workbench.sentinel2.sampleproducts import write_image

RNG = np.random.default_rng(11)
DAYS = np.array([0.0, 5.0, 9.5, 20.0, 47.0])


def scene(light: npt.ArrayLike, clear: float = 0.6) -> tuple[npt.NDArray[np.uint16], npt.NDArray]:
    """A still ground of 24 x 30 pixels and 3 bands under changing light, with random clouds."""
    light = np.asarray(light, float)
    ground = RNG.uniform(500, 4000, (3, 24, 30))
    dn = np.rint(ground * light[:, None, None, None]).astype(np.uint16)
    return dn, (RNG.uniform(size=(light.size, 24, 30)) < clear).astype(np.uint8)


@given(cuts=st.lists(st.integers(1, 23), min_size=1, max_size=5, unique=True), seed=st.integers(0))
def test_sums_do_not_depend_on_chunks(cuts: list[int], seed: int) -> None:
    dn, weight = scene([1, 1.1, 0.9])
    for anchor in (None, 1):
        whole = clear_sums(dn, weight, anchor)
        edges = [0, *sorted(cuts), 24]
        parts = [clear_sums(dn[:, :, a:b], weight[:, a:b], anchor) for a, b in pairwise(edges)]
        np.random.default_rng(seed).shuffle(parts)
        total = reduce(add, parts)
        assert (total.totals == whole.totals).all()
        assert (total.anchor_totals == whole.anchor_totals).all()
        assert (total.counts == whole.counts).all()
        assert total.pixels == whole.pixels == 24 * 30


def test_sums_are_those_of_clear_pixels() -> None:
    dn, weight = scene([1, 1.1])
    sums = clear_sums(dn, weight)
    for date in range(2):
        for band in range(3):
            assert sums.totals[date, band] == int(dn[date, band][weight[date] == 1].sum())
    both = clear_sums(dn, weight, anchor=0)
    shared = (weight == 1).all(axis=0)
    assert both.counts[1] == shared.sum()
    assert both.anchor_totals[1, 2] == int(dn[0, 2][shared].sum())


def test_what_is_under_cloud_does_not_count() -> None:
    dn, weight = scene([1, 1.2])
    values = dn / 10_000
    values[np.broadcast_to(weight[:, None] == 0, values.shape)] = np.nan
    poisoned = clear_sums(values, weight)
    clean = clear_sums(np.nan_to_num(values, nan=7.0), weight)
    assert (poisoned.totals == clean.totals).all()
    assert np.allclose(
        poisoned.totals * 2.0**-20 / poisoned.counts[:, None],
        clear_sums(dn, weight).totals / poisoned.counts[:, None] / 10_000,
        atol=1e-6,
    )


def test_soft_weights_count_from_one_half() -> None:
    dn, _ = scene([1.0])
    weight = np.full((1, 24, 30), 0.49, np.float32)
    weight[0, :2] = 0.5
    assert clear_sums(dn, weight).counts[0] == 60


def test_relative_gain_is_the_true_light() -> None:
    light = np.array([1.0, 1.3, 0.8, 1.05, 0.9])
    dn, weight = scene(light)
    first = clear_sums(dn, weight)
    found = gains(clear_sums(dn, weight, first.clearest), DAYS)
    assert found.accepted.all()
    assert np.allclose(found.values, (light / light[first.clearest])[:, None], rtol=1e-3)
    assert (found.values[first.clearest] == 1).all()


def test_relative_gain_does_not_see_land_cover() -> None:
    dn, weight = scene([1.0, 1.0])
    dn[:, :, :12] //= 3  # the northern half is dark
    weight[:] = 1
    weight[1, :12] = 0  # and hidden on the second date
    first = clear_sums(dn, weight)
    relative = gains(clear_sums(dn, weight, first.clearest), DAYS[:2])
    assert np.allclose(relative.values, 1)
    mean = gains(first, DAYS[:2])
    assert (mean.values[1] / mean.values[0] > 1.3).all()


def test_gains_are_linear_between_dates_and_constant_outside() -> None:
    dn, weight = scene([1.0, 2.0, 1.0, 1.5, 3.0], clear=1)
    weight[3] = 0  # day 20 shows nothing
    found = gains(clear_sums(dn, weight), DAYS)
    assert found.accepted.tolist() == [True, True, True, False, True]
    ratio = found.at([-30, 0, 2.5, 20, 47, 300]) / found.at([0])
    between = 1 + 2 * (20 - 9.5) / (47 - 9.5)
    assert np.allclose(ratio, np.array([1, 1, 1.5, between, 3, 3])[:, None], rtol=1e-3)


def test_47_days_from_the_only_clear_date() -> None:
    dn, weight = scene([1.0, 1.4], clear=1)
    weight[1] = 0
    found = gains(clear_sums(dn, weight), [0, 47])
    assert np.array_equal(found.at([47]), found.at([0]))


def test_dates_below_the_limit_are_not_accepted() -> None:
    dn, weight = scene([1.0, 1.0], clear=1)
    weight[1] = 0
    weight[1, 0, :] = 1  # 30 of 720 pixels
    assert gains(clear_sums(dn, weight), DAYS[:2]).accepted.tolist() == [True, False]
    weight[1, :2, :] = 1
    weight[1, 2, :12] = 1  # 72 of 720: exactly 0.1
    assert gains(clear_sums(dn, weight), DAYS[:2]).accepted.all()


def test_no_accepted_date_gives_ones(caplog: pytest.LogCaptureFixture) -> None:
    dn, weight = scene([1.0, 3.0])
    with caplog.at_level(logging.WARNING, "spaceeye"):
        found = gains(clear_sums(dn, weight * 0), DAYS[:2])
    assert (found.at([0, 3]) == 1).all()
    assert "no date shows enough" in caplog.text


def test_warnings(caplog: pytest.LogCaptureFixture) -> None:
    dn, weight = scene([1.0, 1.0], clear=1)
    weight[1, 5:] = 0  # 5 of 24 rows
    with caplog.at_level(logging.WARNING, "spaceeye"):
        gains(clear_sums(dn, weight), DAYS[:2], area=24 * 30 * 100.0)
    assert "0.07 km2" in caplog.text
    assert "1 of 2 accepted dates" in caplog.text
    caplog.clear()
    weight[:] = 1
    with caplog.at_level(logging.WARNING, "spaceeye"):
        gains(clear_sums(dn, weight), DAYS[:2], area=6e6)
    assert not caplog.text


def stack(offset: int = 0) -> tuple[xr.DataArray, xr.DataArray]:
    """A scene as a labelled cube of DN that hold an offset, some without data, and its weights."""
    dn, weight = scene([1.0, 1.3, 0.8, 1.05, 0.9])
    dn += np.uint16(offset)
    dn[2, :, 3, 4:9] = 0
    times = np.datetime64("2020-03-01", "ns") + (DAYS * 24).astype("timedelta64[h]")
    coords = {"time": times, "y": -10.0 * np.arange(24), "x": 10.0 * np.arange(30)}
    attrs = {"scale_factor": 1e-4, "add_offset": -offset / 10_000}
    cube = xr.DataArray(dn, coords, ("time", "band", "y", "x"), attrs=attrs)
    return cube, xr.DataArray(weight, coords, ("time", "y", "x"))


@pytest.mark.parametrize("method", ["region-mean", "relative"])
def test_any_chunking_gives_the_same_bits(method: Any) -> None:
    cube, weights = stack()
    whole = region_gains(as_series(cube, weights), method)
    lazy = as_series(cube.chunk(y=7, x=11), weights)
    parts = region_gains(lazy, method)
    assert np.array_equal(whole.values, parts.values)
    assert np.array_equal(whole.at(range(60)), parts.at(range(60)))


def test_the_area_is_that_of_the_region(caplog: pytest.LogCaptureFixture) -> None:
    cube, weights = stack()
    with caplog.at_level(logging.WARNING, "spaceeye"):
        region_gains(as_series(cube, weights), "relative")
    assert "relative on 0.07 km2" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, "spaceeye"):
        region_gains(as_series(cube[..., :1], weights[..., :1]), "region-mean")
    assert "km2" not in caplog.text


@pytest.mark.parametrize("method", ["region-mean", "relative"])
def test_the_advice_for_values_with_an_offset_works(method: Any) -> None:
    """What the refusal says to write, taken from its words and run."""
    cube, weights = stack(offset=1000)
    with pytest.raises(BadInput, match=r"add_offset=-0\.1") as refused:
        interpolate(cube, weights, alpha=1, illumination=method)
    advice = re.search(r"`(cube.*)`", str(refused.value))
    assert advice
    reflectance = eval(advice[1], {"cube": cube})
    assert np.isnan(reflectance.values[cube.values == 0]).all()
    found = interpolate(reflectance, weights, alpha=1, illumination=method)
    by_hand = cube.copy(data=np.where(cube == 0, np.nan, cube * 1e-4 - 0.1).astype(np.float32))
    expected = interpolate(by_hand, weights, alpha=1, illumination=method)
    assert np.allclose(found["reflectance"], expected["reflectance"], atol=1e-6, equal_nan=True)
    assert found["reflectance"].notnull().mean() > 0.95


def test_the_other_advice_works_too(tmp_path: Path) -> None:
    """Images of baseline 04.00, read by `spaceeye.read`."""
    scene = Scene((32, 32), seed=2)
    for day in ("2022-03-02", "2022-03-07", "2022-03-12"):
        frame = scene.observe(np.datetime64(f"{day}T10:50:00", "ns"))
        assert frame.offset == 1000
        write_image(tmp_path, frame)
    images = spaceeye.read(tmp_path)
    assert interpolate(images, alpha=1, illumination="relative").attrs["illumination"] == "relative"


def test_refused() -> None:
    dn, weight = scene([1.0, 1.3])
    with pytest.raises(BadInput, match="illumination='mean'"):
        check_method("mean")
    with pytest.raises(BadInput, match="not of one series"):
        clear_sums(dn, weight) + clear_sums(dn, weight, 0)
    with pytest.raises(BadInput, match=r"\(24, 30\)"):
        clear_sums(dn, weight[0])
