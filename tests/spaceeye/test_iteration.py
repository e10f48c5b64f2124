"""The reference's processing, against a slow statement of it and its defects that are put right."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spaceeye.errors import BadInput
from spaceeye.iteration import Iteration, interpolate_compat, iterate, spread_light
from spaceeye.periods import periods

DAY = np.timedelta64(1, "D")
START = np.datetime64("2020-06-01", "D")


def acquired(*days: float) -> npt.NDArray[np.datetime64]:
    """Times at half past ten, some days from the start."""
    times = [START + np.timedelta64(round(day * 24 * 60), "m") for day in days]
    return np.array(times, "datetime64[ns]") + np.timedelta64(630, "m")


def constant(*levels: int, bands: int = 2, side: int = 6) -> npt.NDArray[np.uint16]:
    return np.stack([np.full((bands, side, side), level, np.uint16) for level in levels])


def slow_iteration(
    series: npt.NDArray[Any], mask: npt.NDArray[Any], alpha: float, steps: int, tolerance: float
) -> npt.NDArray[np.float64]:
    """Do what 2.4 of the method says on the daily grid, (T, P), literally."""
    length = len(series)
    penalty = np.zeros((length, length))
    for t in range(length - 1):
        penalty[t : t + 2, t : t + 2] += [[1, -1], [-1, 1]]
    inverse = np.linalg.inv(np.eye(length) + alpha * penalty)
    weight = mask.astype(float)
    start = (weight * series).sum(axis=0) / (weight.sum(axis=0) + 1e-6)
    now = weight * series + (1 - weight) * start
    for step in range(steps):
        new = inverse @ (weight * series + (1 - weight) * now)
        change = np.abs(new - now).mean() / (np.abs(new).mean() + 1e-6)
        now = new
        if step % 5 == 0 and change < tolerance:
            break
    return now


@pytest.mark.parametrize("tolerance", [1e-3, 1e-2, 0.0])
@pytest.mark.parametrize("alpha", [0.1, 3.0])
def test_iteration_is_the_literal_one(alpha: float, tolerance: float) -> None:
    rng = np.random.default_rng(2)
    offsets = np.array([1, 6, 11, 19, 30])
    series = rng.uniform(0.05, 0.5, (5, 40)).astype(np.float32)
    mask = rng.uniform(size=(5, 40)) < 0.5
    daily, seen = np.zeros((48, 40)), np.zeros((48, 40), bool)
    daily[offsets], seen[offsets] = series, mask
    iteration = Iteration(alpha, tolerance, max_iterations=60)
    found = iterate(series, mask, offsets, 48, iteration)
    expected = slow_iteration(daily, seen, alpha, 60, tolerance)
    assert np.abs(found - expected).max() < 1e-5
    assert (found[:, ~mask.any(axis=0)] == 0).all()


def test_long_iteration_reaches_the_minimum() -> None:
    rng = np.random.default_rng(3)
    offsets = np.array([0, 4, 7, 11])
    series = rng.uniform(0.1, 0.5, (4, 9)).astype(np.float32)
    mask = np.ones((4, 9), bool)
    found = iterate(series, mask, offsets, 12, Iteration(0.5, 0.0, 3000))
    penalty = np.diff(np.eye(12), axis=0)
    system = 0.5 * penalty.T @ penalty
    right = np.zeros((12, 9))
    right[offsets] = series
    system[offsets, offsets] += 1
    assert np.abs(found - np.linalg.solve(system, right)).max() < 1e-5


def test_dates_do_not_shift() -> None:
    """A step from 1000 to 3000 between days 13 and 14, the first acquisition on day 13."""
    dn = constant(*([1000] * 1), *([3000] * 20))
    days = [13, *range(14, 34)]
    dates, out = interpolate_compat(
        dn, np.ones((21, 6, 6), bool), acquired(*days), START, START + 47 * DAY, illumination=False
    )
    assert (dates == START + np.arange(48) * DAY).all()
    level = out[:, 0, 0, 0].astype(int)
    assert np.diff(level).argmax() == 13  # largest jump from day 13 to day 14
    assert level[13] < 1300
    assert level[14] > 2700


def test_only_requested_days_are_given() -> None:
    dates, out = interpolate_compat(
        constant(1500, 1500), np.ones((2, 6, 6), bool), acquired(2, 7), START, START + 9 * DAY
    )
    assert len(dates) == len(out) == 10
    assert dates[[0, -1]].tolist() == [START.item(), (START + 9 * DAY).item()]
    assert np.abs(out.astype(int) - 1500).max() <= 1


def test_acquisitions_outside_the_request_are_not_used() -> None:
    dn, clear = constant(9000, 1500, 9000), np.ones((3, 6, 6), bool)
    times = acquired(-1, 5, 10)
    out = interpolate_compat(dn, clear, times, START, START + 9 * DAY, illumination=False)[1]
    alone = interpolate_compat(
        dn[1:2], clear[1:2], times[1:2], START, START + 9 * DAY, illumination=False
    )[1]
    assert np.array_equal(out, alone)


def test_periods_are_solved_apart_and_joined() -> None:
    rng = np.random.default_rng(4)
    times = acquired(*range(3, 100, 5))
    dn = rng.integers(500, 4000, (len(times), 2, 5, 5)).astype(np.uint16)
    clear = rng.uniform(size=(len(times), 5, 5)) < 0.7
    dates, out = interpolate_compat(dn, clear, times, START, START + 99 * DAY)
    at = 0
    for period in periods(START, START + 99 * DAY):
        inside = (times >= period.read.first) & (times < period.read.stop)
        alone = interpolate_compat(
            dn[inside], clear[inside], times[inside], period.read.first, period.read.stop - DAY
        )
        keep = np.isin(alone[0], period.write.days)
        assert np.array_equal(out[at : at + keep.sum()], alone[1][keep])
        at += keep.sum()
    assert at == len(dates) == 100


def test_a_pixel_depends_on_its_chip_through_the_stop_test() -> None:
    times = acquired(0, 40)
    dn = constant(1000, 1000, side=6)
    dn[1, :, 0, 0] = 5000
    clear = np.ones((2, 6, 6), bool)
    quiet = interpolate_compat(dn, clear, times, START, START + 47 * DAY, illumination=False)[1]
    dn[1] = 5000
    lively = interpolate_compat(dn, clear, times, START, START + 47 * DAY, illumination=False)[1]
    assert (quiet[:, :, 0, 0] != lively[:, :, 0, 0]).any()


def test_chips_overlap_and_keep_their_centres() -> None:
    """A raster of 672 columns: two chips, cut at column 336."""
    rng = np.random.default_rng(5)
    times = acquired(0, 3)
    dn = rng.integers(500, 4000, (2, 1, 2, 672)).astype(np.uint16)
    clear = rng.uniform(size=(2, 2, 672)) < 0.6
    options: dict[str, Any] = {"duration": 6, "illumination": False, "tolerance": 0.01}
    end = START + 5 * DAY
    whole = interpolate_compat(dn, clear, times, START, end, **options)[1]
    left = interpolate_compat(dn[..., :448], clear[..., :448], times, START, end, **options)[1]
    right = interpolate_compat(dn[..., 224:], clear[..., 224:], times, START, end, **options)[1]
    assert np.array_equal(whole[..., :336], left[..., :336])
    assert np.array_equal(whole[..., 336:], right[..., 112:])


def test_dates_with_few_clear_pixels_are_dropped() -> None:
    dn = constant(1000, 5000, side=10)
    clear = np.ones((2, 10, 10), bool)
    clear[1] = False
    clear[1, 0] = True  # exactly 0.1: not above it
    out = interpolate_compat(dn, clear, acquired(0, 5), START, START + 9 * DAY, illumination=False)
    assert np.abs(out[1].astype(int) - 1000).max() <= 1
    clear[1, 1, 0] = True
    out = interpolate_compat(dn, clear, acquired(0, 5), START, START + 9 * DAY, illumination=False)
    assert out[1][:, :, 0].max() > 3000


def test_missing_pixels_do_not_drop_a_date() -> None:
    """The mask alone decides on a date; of the light only what is seen counts."""
    dn = constant(1000, 5000, side=10)
    dn[1, :, 1:] = 0
    dn[1, :, 0, 1:] = 0  # one pixel of 100 is left
    clear = np.ones((2, 10, 10), bool)
    out = interpolate_compat(dn, clear, acquired(0, 5), START, START + 9 * DAY)[1]
    assert out[5, 0, 0, 0] > 3000
    assert (out[:, :, 5, 5] > 900).all()


def test_period_without_usable_dates_has_no_values(caplog: pytest.LogCaptureFixture) -> None:
    dn = constant(*[1500] * 5)
    clear = np.ones((5, 6, 6), bool)
    with caplog.at_level(logging.WARNING, "spaceeye"):
        dates, out = interpolate_compat(
            dn, clear, acquired(0, 1, 2, 3, 4), START, START + 95 * DAY, overlap=1
        )
    assert len(dates) == 96
    assert (out[:48] > 0).all()
    assert (out[48:] == 0).all()
    assert "from 2020-07-19 to 2020-09-04" in caplog.text


def test_later_acquisition_of_a_day_overwrites() -> None:
    dn, clear = constant(1000, 3000), np.ones((2, 6, 6), bool)
    times = acquired(4, 4.01)
    for order in ([0, 1], [1, 0]):
        out = interpolate_compat(
            dn[order], clear[order], times[order], START, START + 9 * DAY, illumination=False
        )[1]
        assert np.abs(out.astype(int) - 3000).max() <= 1


def test_missing_is_where_all_bands_are_zero() -> None:
    dn, clear = constant(1000, 2000), np.ones((2, 6, 6), bool)
    dn[:, :, 0, 0] = 0
    dn[:, 0, 0, 1] = 0
    out = interpolate_compat(dn, clear, acquired(0, 5), START, START + 9 * DAY)[1]
    assert (out[:, :, 0, 0] == 0).all()
    assert (out[:, 1, 0, 1] > 0).all()


def test_hidden_ground_follows_the_light_of_the_region() -> None:
    """Half of a still ground is hidden on a day of double light."""
    ground = np.random.default_rng(6).uniform(1000, 3000, (2, 16, 16))
    light = np.array([1.0, 2.0, 1.2])
    dn = np.rint(ground * light[:, None, None, None]).astype(np.uint16)
    clear = np.ones((3, 16, 16), bool)
    clear[1, :8] = False
    times = acquired(0, 2, 4)
    lit, unlit = (
        interpolate_compat(dn, clear, times, START, START + 4 * DAY, illumination=on)[1][2, :, :8]
        for on in (True, False)
    )
    true = ground[:, :8] * 2
    assert np.abs(lit / true - 1).mean() < 0.1
    assert np.abs(unlit / true - 1).mean() > 0.4


def test_numbers_above_the_range_are_clipped() -> None:
    dn, clear = constant(60_000, 60_000, 60_000, side=4), np.ones((3, 4, 4), bool)
    dn[1, :, :2] = 100
    clear[1, :2] = False  # the dark half of day 1 is hidden; the other half is bright
    dn[0, :, 2:] = 20_000
    dn[2, :, 2:] = 20_000
    out = interpolate_compat(dn, clear, acquired(0, 1, 2), START, START + 2 * DAY)[1]
    assert (out[1, :, :2] == 65535).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"alpha": 0.0}, "alpha=0.0"),
        ({"alpha": float("nan")}, "alpha=nan"),
        ({"tolerance": -1.0}, "tolerance=-1.0"),
        ({"max_iterations": 0}, "max_iterations=0"),
        ({"check_interval": 2.5}, "check_interval=2.5"),
        ({"clear": np.ones((1, 6, 6), bool)}, r"\(1, 6, 6\)"),
        ({"dn": np.ones((2, 2, 6, 6))}, "float64"),
        ({"times": acquired(1)}, "1 times"),
    ],
)
def test_refused(change: dict[str, Any], words: str) -> None:
    arguments: dict[str, Any] = {
        "dn": constant(1000, 2000),
        "clear": np.ones((2, 6, 6), bool),
        "times": acquired(0, 5),
        "start": START,
        "end": START + 9 * DAY,
    }
    with pytest.raises(BadInput, match=words):
        interpolate_compat(**{**arguments, **change})


def test_light_fades_far_from_the_only_clear_date() -> None:
    light = spread_light([[0.2]], [0], [True], [0, 1, 40, 46, 47, 90])[:, 0] / 0.2
    assert np.allclose(light[:5], [1, 1, 0.954, 0.51, 0.38], atol=0.005)
    assert light[5] < 1e-9


def test_light_is_weighed_by_distance_in_time() -> None:
    means = np.array([[0.1, 0.2], [0.3, 0.4], [9.0, 9.0]])
    out = spread_light(means, [2, 6, 4], [True, True, False], range(9))
    assert np.array_equal(out[2], means[0])
    assert np.array_equal(out[6], means[1])
    one_day, three_days = np.exp(-0.5), np.exp(-1.5)
    expected = (one_day * means[0] + three_days * means[1]) / (one_day + three_days)
    assert np.allclose(out[3], expected)
    assert np.allclose(out[4], means[:2].mean(axis=0))
    assert (spread_light(means, [2, 6, 4], [False] * 3, range(9)) == 1).all()
