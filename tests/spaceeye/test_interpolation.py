"""The front door: cubes in, dates out, and what it refuses."""

from __future__ import annotations

import datetime
import importlib.util
import itertools
import logging
import warnings
from functools import partial

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spaceeye import blockwise, interpolation
from spaceeye.damping import ALPHAS
from spaceeye.errors import BadInput
from spaceeye.knots import evaluate
from spaceeye.periods import periods
from spaceeye.solver import reference
from workbench.rasters.stores import TIME_CHUNK

DAY = np.timedelta64(1, "D")
BANDS = ["B02", "B04", "B08", "B11"]
LAYERS = ("reflectance", "age", "support", "flag")
LIGHTS = ("none", "region-mean", "relative")
COMBINATIONS = list(itertools.product(LIGHTS, (False, True)))


# the formulas are those of dates that all count alike; test_dateweights.py has the others
interpolate = partial(interpolation.interpolate, date_weights="none")
solve = partial(interpolation.solve, date_weights="none")


@pytest.fixture(autouse=True)
def _quiet(caplog):
    """Small regions are warned of; that is tested with the illumination."""
    caplog.set_level(logging.ERROR, "spaceeye")


def make(
    acquisitions: int = 14,
    bands: int = 4,
    shape: tuple[int, int] = (37, 50),
    seed: int = 0,
    soft: bool = False,
) -> xr.Dataset:
    """Make a random stack: 60 % clear, overpass at 10:40, two corners never or once observed."""
    random = np.random.default_rng(seed)
    days = np.cumsum(random.integers(1, 9, acquisitions)).astype("timedelta64[D]")
    times = (np.datetime64("2020-02-20T10:40") + days).astype("datetime64[ns]")
    season = 1500 + 900 * np.sin(np.arange(acquisitions) / 4)[:, None, None, None]
    place = random.uniform(0.5, 2, (1, bands, *shape))
    dn = season * place + random.normal(0, 60, (acquisitions, bands, *shape))
    clear = random.random((acquisitions, *shape)) > 0.4
    weight = random.random(clear.shape).astype(np.float32) if soft else np.uint8(1)
    weight = np.where(clear, weight, 0).astype(np.float32 if soft else np.uint8)
    weight[:, :3, :4] = 0
    weight[:, -2:, -3:] = 0
    weight[5, -2:, -3:] = 1
    dn = np.clip(dn, 1, 65535).astype(np.uint16)
    dn[3, 1, 10:15, 20:30] = 0
    stack = xr.Dataset(
        {
            "reflectance": (
                ("time", "band", "y", "x"),
                dn,
                {"scale_factor": 1e-4, "add_offset": 0.0, "units": "1", "harmonised": 1},
            ),
            "weight": (("time", "y", "x"), weight),
        },
        coords={
            "time": times,
            "band": BANDS[:bands],
            "y": 5_400_000.0 - 10 * np.arange(shape[0]),
            "x": 500_000.0 + 10 * np.arange(shape[1]),
        },
    )
    crs = {"crs_wkt": "PROJCS[...]", "grid_mapping_name": "transverse_mercator"}
    return stack.assign_coords(spatial_ref=((), 0, crs))


def as_float(stack: xr.Dataset) -> xr.Dataset:
    dn = stack["reflectance"]
    values = np.where(dn.values == 0, np.nan, dn.values * 1e-4).astype(np.float32)
    return stack.assign(reflectance=dn.copy(data=values).drop_attrs())


def same(one: xr.Dataset, other: xr.Dataset) -> None:
    """Compare every bit."""
    assert set(one) == set(other) == set(LAYERS)
    for name in LAYERS:
        assert one[name].dtype == other[name].dtype
        assert one[name].dims == other[name].dims
        np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=name)
        for coord in one[name].coords:
            np.testing.assert_array_equal(one[name][coord], other[name][coord])


def visible(stack: xr.Dataset) -> np.ndarray:
    """Give the weights (N, P) without those of pixels with a band missing."""
    missing = (stack["reflectance"].values == 0).any(axis=1)
    weight = np.where(missing, 0, stack["weight"].values)
    return weight.reshape(len(weight), -1)


def since(stack: xr.Dataset, times) -> np.ndarray:
    return (np.asarray(times, "datetime64[ns]") - stack["time"].values[0]) / DAY


@pytest.fixture(scope="module")
def stack() -> xr.Dataset:
    return make()


# Shapes of input


@pytest.mark.parametrize("dims", ["x y time band", "band time x y", "y band x time"])
def test_dims_in_any_order(stack, dims):
    expected = interpolate(stack, alpha=1, output_times=9)
    cube = stack["reflectance"].transpose(*dims.split())
    found = interpolate(cube, stack["weight"].transpose("x", "time", "y"), alpha=1, output_times=9)
    same(found, expected)
    assert found["reflectance"].dims == ("time", "band", "y", "x")
    assert found["flag"].dims == ("time", "y", "x")


def test_dataset_or_arrays(stack):
    expected = interpolate(stack, alpha=1, output_times=9)
    same(interpolate(stack["reflectance"], stack["weight"], alpha=1, output_times=9), expected)
    same(interpolate(stack, stack["weight"] > 0, alpha=1, output_times=9), expected)
    other = interpolate(stack, stack["weight"] * 0, alpha=1, output_times=9)
    assert (other["flag"] == 1).all()  # weights given go before those of the dataset


def test_weights_of_all_types_agree(stack):
    expected = interpolate(stack, alpha=1, output_times=9)
    for dtype in (bool, np.float32, np.float64):
        same(interpolate(stack, stack["weight"].astype(dtype), alpha=1, output_times=9), expected)


def test_inputs_stay_as_they_are(stack):
    before = stack.copy(deep=True)
    interpolate(stack, robust=True, illumination="relative", output_times=20)
    xr.testing.assert_identical(stack, before)


@pytest.mark.parametrize(("light", "robust"), COMBINATIONS)
@pytest.mark.parametrize("soft", [False, True])
def test_float_and_uint16_agree(light, robust, soft):
    stack = make(soft=soft)
    options = {"alpha": 1.0, "illumination": light, "robust": robust, "output_times": 4}
    whole = interpolate(stack, **options)["reflectance"]
    smooth = interpolate(as_float(stack), **options)["reflectance"]
    assert (whole.dtype, smooth.dtype) == (np.uint16, np.float32)
    np.testing.assert_array_equal(np.isnan(smooth), whole == 0)
    known = whole.values > 0
    # Robust weights are smooth in the residuals, whose unit is that of whole numbers.
    limit = 0.5 if not robust else 0.6
    assert np.abs(smooth.values[known] * 1e4 - whole.values[known]).max() < limit + 0.01


def test_values_against_the_plain_chain():
    stack = make(soft=True, bands=3)
    wanted = pd.date_range("2020-02-01", "2020-06-01", freq="17D").to_numpy() + np.timedelta64(
        7, "h"
    )
    found = interpolate(as_float(stack), alpha=2.5, output_times=wanted)
    days, out = since(stack, stack["time"].values), since(stack, wanted)
    values = stack["reflectance"].values.reshape(14, 3, -1) * 1e-4
    knots = reference.solve_knots(values, visible(stack), days, 2.5)
    expected = reference.evaluate(knots, days, out).reshape(found["reflectance"].shape)
    np.testing.assert_allclose(found["reflectance"], expected, rtol=0, atol=1e-5)


# The same bits


ALL = {
    "max_gap": 6,
    "mask_gaps": True,
    "extrapolate": "nan",
    "output_times": 5,
}  # every option that changes a bit


@pytest.mark.parametrize(
    ("light", "robust", "soft"),
    [*((*one, False) for one in COMBINATIONS), ("none", False, True), ("relative", True, True)],
)
def test_any_chunking_gives_the_same_bits(light, robust, soft):
    stack = make(soft=soft)
    options = {**ALL, "illumination": light, "robust": robust}
    expected = interpolate(stack, **options)
    for chunks in ({"y": 37, "x": 50}, {"y": 11, "x": 23}, {"y": 20, "x": 15, "band": 1}):
        lazy = interpolate(stack.chunk({"time": -1, **chunks}), **options)
        assert all(lazy[name].chunks is not None for name in LAYERS)
        same(lazy.compute(), expected)
        assert lazy.attrs == expected.attrs


@pytest.mark.parametrize(
    ("cube_chunks", "weight_chunks"),
    [({"y": 13}, None), (None, {"x": 19}), ({"x": 30}, {"x": 19, "y": 5, "time": 4})],
    ids=["cube only", "weights only", "differently"],
)
def test_cube_and_weights_may_be_chunked_apart(stack, cube_chunks, weight_chunks):
    options = {**ALL, "illumination": "relative", "robust": True}
    cube, weights = stack["reflectance"], stack["weight"]
    cube = cube if cube_chunks is None else cube.chunk(cube_chunks)
    weights = weights if weight_chunks is None else weights.chunk(weight_chunks)
    lazy = interpolate(cube, weights, **options)
    assert lazy["reflectance"].chunks is not None
    same(lazy.compute(), interpolate(stack, **options))


def test_float_has_the_same_bits_on_dask():
    stack = as_float(make(soft=True))
    options = {"illumination": "relative", "robust": True, "output_times": 3}
    lazy = interpolate(stack.chunk(y=9, x=21), **options)
    same(lazy.compute(), interpolate(stack, **options))


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_schedulers_give_the_same_bits(stack, scheduler):
    options = {"illumination": "region-mean", "robust": True, "max_gap": 9, "output_times": 2}
    expected = interpolate(stack, **options)
    with dask.config.set(scheduler=scheduler):
        same(interpolate(stack.chunk(y=8, x=16), **options).compute(), expected)


@pytest.mark.cluster
def test_worker_processes_give_the_same_bits(stack, client):
    options = {"illumination": "relative", "robust": True, "max_gap": 9, "output_times": 2}
    expected = interpolate(stack, **options)
    lazy = interpolate(stack.chunk(y=16, x=25), **options)
    with client.as_current():
        same(lazy.compute(), expected)
        again = interpolate(stack.chunk(y=16, x=25), **options)  # the reductions there too
        assert again.attrs == expected.attrs
        same(again.compute(), expected)


def test_output_in_parts_has_the_same_bits(stack, monkeypatch):
    options = {"alpha": 1, "illumination": "region-mean", "max_gap": 5, "mask_gaps": True}
    expected = interpolate(stack, **options)
    date = 20 * 25 * 4 * 2  # bytes in a block
    for bytes_allowed, length in (
        (2.5 * TIME_CHUNK * date, 2 * TIME_CHUNK),
        (1, TIME_CHUNK),
    ):
        monkeypatch.setattr(blockwise, "MOST_BYTES", int(bytes_allowed))
        lazy = interpolate(stack.chunk(y=20, x=25), **options)
        lengths = lazy["reflectance"].chunksizes["time"]
        assert len(lengths) > 3
        assert max(lengths) == length
        same(lazy.compute(), expected)


def test_chunks_in_time_are_joined_with_a_warning(stack):
    cut = stack.chunk(time=5, y=20)
    with pytest.warns(UserWarning, match="3 chunks in time") as caught:
        lazy = interpolate(cut, alpha=1, output_times=9)
    assert caught[0].filename == __file__
    same(lazy.compute(), interpolate(stack, alpha=1, output_times=9))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        interpolate(stack.chunk(time=-1, y=20), alpha=1, output_times=9)


def test_nothing_is_computed_before_it_is_asked_for(stack):
    def refuse(block):
        if block.size:
            raise AssertionError("computed")
        return block

    values = stack["reflectance"].chunk(y=20).data.map_blocks(refuse, dtype=np.uint16)
    cube = stack["reflectance"].chunk(y=20).copy(data=values)
    lazy = interpolate(cube, stack["weight"].chunk(y=20), alpha=1)
    with pytest.raises(AssertionError, match="computed"):
        lazy["reflectance"].compute()


# Output dates


def test_daily_gives_the_dates_of_the_series_and_no_more(stack):
    found = interpolate(stack, alpha=1)["time"].values
    first, last = stack["time"].values[[0, -1]].astype("datetime64[D]")
    np.testing.assert_array_equal(found, np.arange(first, last + DAY))


def test_a_slice_is_never_padded(stack):
    whole = interpolate(stack, alpha=1)
    wanted = slice("2020-03-05", "2020-03-07")
    found = interpolate(stack, alpha=1, output_times=wanted)
    assert found["time"].dt.strftime("%d").values.tolist() == ["05", "06", "07"]
    same(found, whole.sel(time=wanted))


def test_slices_open_at_an_end_and_with_steps(stack):
    whole = interpolate(stack, alpha=1)
    tail = interpolate(stack, alpha=1, output_times=slice("2020-03-30", None))
    same(tail, whole.sel(time=slice("2020-03-30", None)))
    head = interpolate(stack, alpha=1, output_times=slice(None, "2020-03-30", 5))
    same(head, whole.sel(time=slice(None, "2020-03-30")).isel(time=slice(None, None, 5)))
    same(interpolate(stack, alpha=1, output_times=7), whole.isel(time=slice(None, None, 7)))
    same(interpolate(stack, alpha=1, output_times=np.int64(7)), whole.isel(time=slice(0, None, 7)))


@pytest.mark.parametrize(
    "kind",
    [
        list,
        np.array,
        pd.DatetimeIndex,
        lambda dates: [datetime.date.fromisoformat(date) for date in dates],
        lambda dates: xr.DataArray(pd.DatetimeIndex(dates), dims="time"),
        lambda dates: np.array(dates, "datetime64[D]"),
    ],
    ids=["strings", "array of strings", "index", "dates", "DataArray", "datetime64[D]"],
)
def test_lists_of_dates(stack, kind):
    dates = ["2020-04-03", "2020-03-01", "2020-03-22"]
    found = interpolate(stack, alpha=1, output_times=kind(dates))
    same(found, interpolate(stack, alpha=1).sel(time=dates))


def test_dates_outside_the_series_are_constant(stack):
    found = interpolate(stack, alpha=1, output_times=["2019-01-01", "2020-02-01", "2022-05-01"])
    values = found["reflectance"].values
    np.testing.assert_array_equal(values[0], values[1])
    at_ends = interpolate(stack, alpha=1, output_times=stack["time"].values[[0, -1]])
    np.testing.assert_array_equal(values[1:], at_ends["reflectance"])
    assert set(np.unique(found["flag"])) == {1, 3}


def test_a_date_stands_for_the_overpass(stack):
    dates = stack["time"].values.astype("datetime64[D]")
    found = interpolate(stack, alpha=1e-4, output_times=dates)
    clear = visible(stack).reshape(stack["weight"].shape) > 0
    pairs = found["reflectance"].values, stack["reflectance"].values
    clear = np.broadcast_to(clear[:, None], pairs[0].shape)
    np.testing.assert_allclose(pairs[0][clear].astype(int), pairs[1][clear].astype(int), atol=1)
    np.testing.assert_array_equal(found["time"], dates)


def test_a_date_stands_for_its_overpass_at_midnight_too(stack):
    """Eastern Australia is passed a little before or after 0:00 UTC."""
    minutes = np.where(np.arange(14) % 2, 3, -3).astype("timedelta64[m]")
    times = np.datetime64("2020-03-01", "ns") + 5 * DAY * np.arange(14) + minutes
    moved = stack.assign_coords(time=times)
    dates = times.astype("datetime64[D]")
    found = interpolate(moved, alpha=1e-4, output_times=dates)
    clear = visible(moved).reshape(moved["weight"].shape) > 0
    pairs = found["reflectance"].values, moved["reflectance"].values
    clear = np.broadcast_to(clear[:, None], pairs[0].shape)
    np.testing.assert_allclose(pairs[0][clear].astype(int), pairs[1][clear].astype(int), atol=1)


def test_times_are_honoured(stack):
    times = stack["time"].values
    middle = times[:-1] + (times[1:] - times[:-1]) // 2
    found = interpolate(as_float(stack), alpha=1, output_times=middle)
    np.testing.assert_array_equal(found["time"], middle)
    knots = interpolate(as_float(stack), alpha=1, output_times=times)["reflectance"].values
    expected = (knots[1:] + knots[:-1]) / 2
    np.testing.assert_allclose(found["reflectance"], expected, atol=1e-6)


# What stands behind a value


def test_never_observed(stack):
    found = interpolate(stack, alpha=1, output_times=9)
    corner = found.isel(y=slice(0, 3), x=slice(0, 4))
    assert not corner["reflectance"].any()
    assert (corner["flag"] == 1).all()
    assert (corner["age"] == -1).all()
    assert np.isnan(corner["support"]).all()
    others = found["flag"].where(found["flag"] != 1)
    assert int(np.isnan(others).sum()) == corner["flag"].size
    assert (found["reflectance"].where(found["flag"] != 1, 1) > 0).all()
    smooth = interpolate(as_float(stack), alpha=1, output_times=9)
    np.testing.assert_array_equal(np.isnan(smooth["reflectance"]), found["reflectance"] == 0)
    assert found["flag"].attrs["flag_values"] == [0, 1, 2, 3]
    assert len(found["flag"].attrs["flag_meanings"].split()) == 4


def test_observed_once_is_constant(stack):
    found = interpolate(stack, alpha=1, output_times=2)["reflectance"].values[:, :, -1, -1]
    np.testing.assert_array_equal(
        found, np.tile(stack["reflectance"].values[5, :, -1, -1], (len(found), 1))
    )


@pytest.mark.parametrize("soft", [False, True])
def test_flag_age_and_support_against_the_plain_chain(soft):
    stack = make(soft=soft)
    wanted = pd.date_range("2020-02-10", "2020-06-10").to_numpy() + np.timedelta64(640, "m")
    found = interpolate(stack, alpha=2, max_gap=4.5, output_times=wanted)
    weights, days, out = visible(stack), since(stack, stack["time"].values), since(stack, wanted)
    shape = found["flag"].shape
    away = np.abs(out[:, None, None] - np.where(weights >= 1e-3, days[:, None], np.inf)[None])
    away = away.min(axis=1)
    expected = np.where(reference.outside(weights, days, out), 3, 0)
    expected[away > 4.5] = 2
    expected[:, ~(weights >= 1e-3).any(axis=0)] = 1
    np.testing.assert_array_equal(found["flag"].values.reshape(len(out), -1), expected)
    assert set(np.unique(expected)) == {0, 1, 2, 3}
    np.testing.assert_array_equal(found["age"], reference.age(weights, days, out).reshape(shape))
    support = reference.support(weights, days, out, 2.0).reshape(shape)
    np.testing.assert_allclose(found["support"], support, rtol=1e-4)
    assert found["age"].dtype == np.int16
    assert found["support"].dtype == np.float32
    assert found["flag"].dtype == np.uint8


@pytest.mark.parametrize("whole", [True, False])
def test_mask_gaps_blanks_flag_2_and_nothing_else(stack, whole):
    cube = stack if whole else as_float(stack)
    kept = interpolate(cube, alpha=1, max_gap=4)
    blanked = interpolate(cube, alpha=1, max_gap=4, mask_gaps=True)
    far = (kept["flag"] == 2).values
    assert 0.01 < far.mean() < 0.5
    for name in ("flag", "age", "support"):
        np.testing.assert_array_equal(kept[name], blanked[name])
    values, others = (np.moveaxis(one["reflectance"].values, 1, -1) for one in (blanked, kept))
    assert (values[far] == 0).all() if whole else np.isnan(values[far]).all()
    np.testing.assert_array_equal(values[~far], others[~far])
    never = (kept["flag"] == 1).values
    seen = others[~never]
    assert (seen > 0).all()  # a gap keeps its value where nobody asked to blank it
    same(interpolate(cube, alpha=1, max_gap=400), interpolate(cube, alpha=1))


@pytest.mark.parametrize("whole", [True, False])
def test_extrapolate_nan_blanks_flag_3_and_nothing_else(stack, whole):
    cube = stack if whole else as_float(stack)
    kept = interpolate(cube, alpha=1)
    blanked = interpolate(cube, alpha=1, extrapolate="nan")
    beyond = (kept["flag"] == 3).values
    assert beyond.any()
    np.testing.assert_array_equal(kept["flag"], blanked["flag"])
    values, others = (np.moveaxis(one["reflectance"].values, 1, -1) for one in (blanked, kept))
    assert (values[beyond] == 0).all() if whole else np.isnan(values[beyond]).all()
    np.testing.assert_array_equal(values[~beyond], others[~beyond])


def test_poison_under_zero_weight_does_not_matter():
    stack = make(soft=True)
    options = {"illumination": "relative", "robust": True, "output_times": 5}
    stack["weight"].values[:] = visible(stack).reshape(14, 37, 50)
    shown = np.broadcast_to(stack["weight"].values[:, None] >= 1e-3, (14, 4, 37, 50))
    assert 0.3 < shown.mean() < 0.7
    expected = interpolate(stack, **options)
    values = np.where(shown, stack["reflectance"], np.uint16(65535))
    poisoned = stack.assign(reflectance=stack["reflectance"].copy(data=values))
    same(interpolate(poisoned, **options), expected)
    smooth = as_float(stack)
    expected = interpolate(smooth, **options)
    for poison in (np.nan, np.inf, -np.inf, 1e30):
        values = np.where(shown, smooth["reflectance"], np.float32(poison))
        other = smooth.assign(reflectance=smooth["reflectance"].copy(data=values))
        same(interpolate(other, **options), expected)
    unknown = smooth["weight"].where(smooth["weight"] > 0)  # NaN hides like 0
    same(interpolate(smooth, unknown, **options), expected)


def test_a_missing_band_hides_the_pixel(stack):
    other = stack.copy(deep=True)
    other["weight"].values[3, 10:15, 20:30] = 0
    same(interpolate(stack, output_times=5), interpolate(other, output_times=5))


# alpha


def test_auto_takes_the_best_and_keeps_the_scores(stack):
    found = interpolate(stack)
    scores = found.attrs["alpha_leave_one_out_rmse"]
    assert found.attrs["alpha_tried"] == list(ALPHAS)
    assert found.attrs["alpha_days"] == ALPHAS[int(np.argmin(scores))]
    days, weights = since(stack, stack["time"].values), visible(stack)
    values = stack["reflectance"].values.reshape(14, 4, -1) * 1e-4
    for alpha, score in zip(ALPHAS, scores, strict=True):
        miss = values - reference.leave_one_out(values, weights, days, alpha)
        used = np.broadcast_to(weights[:, None] > 0, miss.shape) & np.isfinite(miss)
        assert score == pytest.approx(np.sqrt(np.square(miss[used]).mean()), rel=1e-3)
    same(found, interpolate(stack, alpha=found.attrs["alpha_days"]))
    assert "alpha_tried" not in interpolate(stack, alpha=2.0, output_times=30).attrs


def test_scores_are_reflectance_whatever_the_scale(stack):
    other = stack.copy(deep=True)
    other["reflectance"].attrs["scale_factor"] = 2e-4
    one, two = (interpolate(part, output_times=30).attrs for part in (stack, other))
    np.testing.assert_allclose(
        two["alpha_leave_one_out_rmse"], 2 * np.array(one["alpha_leave_one_out_rmse"])
    )


def test_large_alpha_is_the_mean(stack):
    found = interpolate(as_float(stack), alpha=1e7, output_times=20)["reflectance"].values
    clear = visible(stack).reshape(14, 1, 37, 50) > 0
    values = np.where(clear, stack["reflectance"].values * 1e-4, 0)
    with np.errstate(invalid="ignore"):
        mean = values.sum(axis=0) / clear.sum(axis=0)
    np.testing.assert_allclose(found, np.broadcast_to(mean, found.shape), atol=2e-5)


def test_two_acquisitions_seconds_apart_are_one():
    """Each half of the weight, at two times that differ by 2 s, is the whole at one."""
    single, place = as_float(make(soft=True)), 6
    single = single.assign(weight=single["weight"].where(single["weight"] > 0.01, 0))
    later = single["time"].values[[place]] + np.timedelta64(2, "s")
    twin = single.isel(time=[place]).assign_coords(time=later)
    double = xr.concat([single, twin], dim="time").sortby("time")
    halves = double["weight"].values.copy()
    halves[place : place + 2] /= 2
    double["weight"] = double["weight"].copy(data=halves)
    one, two = (interpolate(part, alpha=1) for part in (single, double))
    np.testing.assert_allclose(two["reflectance"], one["reflectance"], rtol=0, atol=1e-5)


def test_scaling_weights_and_alpha_together_changes_nothing():
    stack = as_float(make(soft=True))
    less = (stack["weight"] * np.float32(0.5)).where(stack["weight"] >= 1e-3, 0)
    full = stack["weight"].where(less >= 1e-3, 0)
    one = interpolate(stack, full, alpha=2, output_times=3)["reflectance"]
    two = interpolate(stack, less, alpha=1, output_times=3)["reflectance"]
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-6)


# Knots


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("extrapolate", ["constant", "nan"])
def test_knots_evaluated_are_the_interpolation(whole, soft, extrapolate):
    stack = make(soft=soft)
    cube = stack if whole else as_float(stack)
    options = {"output_times": slice("2020-02-01", "2020-06-01", 9), "extrapolate": extrapolate}
    expected = interpolate(cube, **options)
    knots = solve(cube)
    assert knots["knots"].dims == ("time", "band", "y", "x")
    assert knots["knots"].dtype == np.float32
    assert knots.attrs["alpha_days"] == expected.attrs["alpha_days"]
    found = evaluate(knots, **options)
    xr.testing.assert_equal(found, expected["reflectance"])
    assert found.dtype == expected["reflectance"].dtype
    lazy = solve(cube.chunk(y=20, x=33))
    assert lazy["knots"].chunks is not None
    xr.testing.assert_equal(lazy.compute(), knots)
    xr.testing.assert_equal(evaluate(lazy, **options).compute(), found)


def test_knots_and_plain_linear_evaluation(stack):
    knots = solve(as_float(stack), alpha=1)
    out = pd.date_range("2020-02-01", "2020-06-01").to_numpy()
    found = interpolate(as_float(stack), alpha=1, output_times=out)["reflectance"]
    at = since(stack, out) + 10 / 24 + 40 / 1440
    days = since(stack, stack["time"].values)
    series = knots["knots"].values.reshape(14, -1)
    expected = [np.interp(at, days, one) for one in series.T]
    np.testing.assert_allclose(
        found.values.reshape(len(out), -1), np.transpose(expected), rtol=0, atol=1e-6
    )


# Engines


@pytest.mark.parametrize(("light", "robust"), COMBINATIONS)
def test_torch_within_one_dn(stack, light, robust):
    pytest.importorskip("torch")
    options = {"alpha": 1, "illumination": light, "robust": robust, "extrapolate": "nan"}
    one = interpolate(stack, **options)
    two = interpolate(stack, engine="torch", **options)
    off = two["reflectance"].values.astype(int) - one["reflectance"].values
    assert np.abs(off).max() <= 1
    np.testing.assert_array_equal(two["reflectance"] == 0, one["reflectance"] == 0)
    for name in ("flag", "age", "support"):
        np.testing.assert_array_equal(two[name], one[name])
    assert two.attrs["engine"] == "torch"
    if not robust:
        smooth = interpolate(as_float(stack), engine="torch", **options)
        expected = interpolate(as_float(stack), **options)
        np.testing.assert_allclose(smooth["reflectance"], expected["reflectance"], atol=1e-5)


def test_torch_on_dask(stack):
    pytest.importorskip("torch")
    lazy = interpolate(stack.chunk(y=10), alpha=1, engine="torch", output_times=9)
    other = interpolate(stack, alpha=1, engine="torch", output_times=9)["reflectance"]
    off = lazy["reflectance"].values.astype(int) - other.values
    assert np.abs(off).max() <= 1


def test_engines_that_are_not_there(stack, monkeypatch):
    for call in (interpolate, solve):
        with pytest.raises(BadInput, match=r"engine='fortran' is not known.*numba, torch"):
            call(stack, alpha=1, engine="fortran")
    if importlib.util.find_spec("torch") is not None:
        import torch

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(BadInput, match=r"torch:cuda.*GPU"):
            interpolate(stack, alpha=1, engine="torch:cuda")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"engine='torch' needs torch: pip install"):
        interpolate(stack, alpha=1, engine="torch")


# Labels


@pytest.mark.parametrize("mode", ["full", "compat"])
def test_crs_coordinates_and_attrs_are_kept(stack, mode):
    found = interpolate(stack, alpha=1, mode=mode)
    for name in LAYERS:
        assert found[name].coords["spatial_ref"].attrs == stack["spatial_ref"].attrs
        xr.testing.assert_equal(found[name]["x"], stack["x"])
        xr.testing.assert_equal(found[name]["y"], stack["y"])
    assert found["band"].values.tolist() == BANDS
    attrs = found["reflectance"].attrs
    assert (attrs["scale_factor"], attrs["add_offset"]) == (1e-4, 0.0)
    assert attrs["harmonised"] == 1
    assert found.attrs["alpha_days"] == 1
    assert found.attrs["mode"] == mode
    assert found.attrs["illumination"] == "none"


def test_other_coordinates_survive_where_they_fit(stack):
    more = stack.assign_coords(
        wavelength=("band", [490, 665, 842, 1610]), orbit=("time", np.arange(14))
    )
    found = interpolate(more, alpha=1, output_times=20)
    np.testing.assert_array_equal(found["reflectance"]["wavelength"], [490, 665, 842, 1610])
    assert "orbit" not in found.coords
    assert "wavelength" not in found["flag"].coords


def test_scale_from_the_encoding_is_stated_in_the_result(stack):
    cube = stack["reflectance"].drop_attrs()
    cube.encoding = {"scale_factor": 1e-4, "add_offset": 0.0}
    found = interpolate(cube, stack["weight"], alpha=1, output_times=20)["reflectance"]
    assert found.attrs["scale_factor"] == 1e-4
    assert found.attrs["add_offset"] == 0.0


def test_floats_are_not_said_to_be_scaled(stack):
    """Arithmetic in xarray keeps attrs: ``dn * 1e-4`` still says scale_factor=1e-4."""
    smooth = as_float(stack)
    smooth["reflectance"].attrs = stack["reflectance"].attrs
    found = interpolate(smooth, alpha=1, output_times=20)["reflectance"]
    np.testing.assert_array_equal(
        found, interpolate(as_float(stack), alpha=1, output_times=20)["reflectance"]
    )
    assert found.attrs.get("scale_factor", 1) == 1


def test_result_goes_into_a_file_and_back(stack, tmp_path):
    for name, cube in {"whole": stack, "none": stack.assign(weight=stack["weight"] * 0)}.items():
        found = interpolate(cube, output_times=20)
        found.to_netcdf(tmp_path / f"{name}.nc")
        with xr.open_dataset(tmp_path / f"{name}.nc", mask_and_scale=False) as back:
            np.testing.assert_array_equal(back["reflectance"], found["reflectance"])
            assert back.attrs["alpha_days"] == found.attrs["alpha_days"]


# compat


@pytest.mark.parametrize("light", ["none", "region-mean"])
def test_compat_dims_and_dates(stack, light):
    wanted = slice("2020-03-01", "2020-04-10")
    found = interpolate(stack, mode="compat", output_times=wanted, illumination=light)
    assert found["reflectance"].dims == ("time", "band", "y", "x")
    assert found["reflectance"].dtype == np.uint16
    np.testing.assert_array_equal(
        found["time"], pd.date_range("2020-03-01", "2020-04-10").to_numpy()
    )
    assert found.attrs["alpha_days"] == 0.1
    exact = interpolate(stack, alpha=0.1, output_times=wanted)
    off = found["reflectance"].astype(int) - exact["reflectance"].astype(int)
    seen = found["reflectance"] > 0
    assert float(np.abs(off.where(seen)).mean()) < 0.2 * float(exact["reflectance"].mean())
    lazy = interpolate(stack.chunk(y=9), mode="compat", output_times=wanted, illumination=light)
    same(lazy.compute(), found)


def test_compat_daily_has_every_day_of_the_periods(stack):
    found = interpolate(stack, mode="compat")
    first, last = stack["time"].values[[0, -1]]
    dates = np.concatenate([period.write.days for period in periods(first, last)])
    np.testing.assert_array_equal(found["time"], dates)


def test_compat_flags_rest_on_what_it_takes_as_clear():
    """It uses weights from 0.5 on; the other layers must not say that nothing was seen."""
    stack = make()
    sure = stack.assign(weight=(stack["weight"] * np.float32(0.8)).astype(np.float32))
    one, two = (interpolate(part, mode="compat") for part in (stack, sure))
    same(two, one)


@pytest.mark.parametrize(
    "options",
    [
        {"robust": True},
        {"max_gap": 3},
        {"max_gap": 3, "mask_gaps": True},
        {"extrapolate": "nan"},
        {"engine": "torch"},
        {"illumination": "relative"},
        {"engine": "fortran"},
    ],
    ids=str,
)
def test_compat_refuses_what_it_does_not_do(stack, options):
    name = list(options)[-1]
    with pytest.raises(BadInput, match=name):
        interpolate(stack, mode="compat", **options)


def test_compat_refuses_floats_and_gappy_dates(stack):
    with pytest.raises(BadInput, match="float32"):
        interpolate(as_float(stack), mode="compat")
    for wanted in (3, ["2020-03-01", "2020-03-03"], ["2020-03-01T07:00"]):
        with pytest.raises(BadInput, match="consecutive dates"):
            interpolate(stack, mode="compat", output_times=wanted)


# What is refused


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"alpha": 0}, r"alpha=0"),
        ({"alpha": -2.5}, r"alpha=-2\.5"),
        ({"alpha": float("nan")}, r"alpha=nan"),
        ({"alpha": float("inf")}, r"alpha=inf"),
        ({"alpha": "best"}, r"alpha='best'"),
        ({"alpha": None}, r"alpha=None"),
        ({"alpha": [1, 2]}, r"alpha=\[1, 2\]"),
        ({"mode": "compat", "alpha": "best"}, r"alpha='best'"),
        ({"mode": "compat", "alpha": -1}, r"alpha=-1"),
        ({"illumination": "sun"}, r"sun.*region-mean"),
        ({"extrapolate": "linear"}, r"extrapolate='linear'"),
        ({"mode": "fast"}, r"mode='fast'"),
        ({"max_gap": -1}, r"max_gap=-1"),
        ({"max_gap": float("nan")}, r"max_gap=nan"),
        ({"mask_gaps": True}, r"mask_gaps needs max_gap"),
        ({"output_times": 0}, r"output_times.* 0|output_times=0"),
        ({"output_times": -3}, r"output_times.*-3"),
        ({"output_times": []}, r"output_times=\[\]"),
        ({"output_times": "yearly"}, r"yearly"),
        ({"output_times": 2.5}, r"2\.5"),
        ({"output_times": True}, r"True"),
        ({"output_times": None}, r"None"),
        ({"output_times": [1, 2]}, r"\[1, 2\]"),
        ({"output_times": [1583020800]}, r"1583020800"),
        ({"output_times": ["2500-01-01"]}, r"2500-01-01"),
        ({"output_times": slice(None, None, 2.5)}, r"output_times.*2\.5"),
        ({"output_times": slice(None, None, "2D")}, r"output_times.*2D"),
        ({"output_times": ["2020-03-01", "NaT"]}, r"NaT"),
        ({"output_times": slice("2020-03-09", "2020-03-01")}, r"2020-03-01.*2020-03-09"),
        ({"output_times": slice("2020-03-01", "2020-03-09", 0)}, r"output_times.*0"),
    ],
    ids=lambda given: str(given) if isinstance(given, dict) else "",
)
def test_bad_arguments_are_named(stack, options, said):
    with pytest.raises(BadInput, match=said):
        interpolate(stack, **{"alpha": 1, **options})


def turned(stack: xr.Dataset) -> xr.Dataset:
    return stack.isel(time=[0, 2, 1, *range(3, 14)])


def doubled(stack: xr.Dataset) -> xr.Dataset:
    return stack.isel(time=[0, 1, 1, *range(3, 14)])


def retimed(stack: xr.Dataset, value) -> xr.Dataset:
    times = stack["time"].values.copy()
    times[4] = value
    return stack.assign_coords(time=times)


NO_TIMES = r"(?is)time.*(int|number|coordinate)|no times"  # they are not nanoseconds since 1970

BAD_STACKS = {
    "unsorted": (turned, r"times must ascend.*2020-0.*before 2020-0"),
    "twice": (doubled, r"times must ascend.*stands twice"),
    "no time": (lambda s: retimed(s, np.datetime64("NaT")), r"time number 4.*NaT"),
    "no acquisition": (lambda s: s.isel(time=[]), r"no acquisition"),
    "no pixel": (lambda s: s.isel(y=[]), r"empty.*'y': 0"),
    "no band": (lambda s: s.isel(band=[]), r"empty.*'band': 0"),
    "no time coordinate": (lambda s: s.drop_vars("time"), NO_TIMES),
    "times in seconds": (lambda s: s.assign_coords(time=s["time"].astype(int) // 10**9), NO_TIMES),
    "no reflectance": (lambda s: s.rename(reflectance="toa"), r"toa.*no `reflectance`"),
    "no weight": (lambda s: s.drop_vars("weight"), r"no weights"),
    "dims": (lambda s: s.rename(band="wavelength"), r"'wavelength'"),
    "one band without dim": (lambda s: s.isel(band=0), r"cube has the dims \('time', 'y', 'x'\)"),
    "int16": (lambda s: s.assign(reflectance=s["reflectance"].astype(np.int16)), r"int16"),
    "no scale": (
        lambda s: s.assign(reflectance=s["reflectance"].drop_attrs()), r"without scale_factor"
    ),
    "weights 0 and 255": (
        lambda s: s.assign(weight=s["weight"] * np.uint8(255)), r"weights go from 0 to 255"
    ),
    "weights in percent": (
        lambda s: s.assign(weight=s["weight"] * 100.0), r"weights go from 0.* to 100"
    ),
    "negative weights": (lambda s: s.assign(weight=s["weight"] * -1.0), r"weights go from -1"),
    "infinite weights": (lambda s: s.assign(weight=s["weight"] * np.inf), r"inf"),
    "integer weights": (
        lambda s: s.assign(weight=s["weight"].astype(np.int64)), r"weights are int64"
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("call", [interpolate, solve])
@pytest.mark.parametrize("name", BAD_STACKS)
def test_bad_stacks_are_named(stack, name, call):
    change, said = BAD_STACKS[name]
    with pytest.raises(BadInput, match=said):
        call(change(stack), alpha=1)


@pytest.mark.parametrize("name", ["weights 0 and 255", "negative weights"])
def test_bad_weights_on_dask_are_named(stack, name):
    change, said = BAD_STACKS[name]
    with pytest.raises(BadInput, match=said):
        interpolate(change(stack).chunk(y=10), alpha=1).compute()


BAD_WEIGHTS = {
    "fewer dates": (lambda w: w.isel(time=slice(0, 13)), r"13 along time, the cube 14"),
    "fewer rows": (lambda w: w.isel(y=slice(0, 30)), r"30 along y, the cube 37"),
    "20 m": (lambda w: w.isel(x=slice(0, None, 2)), r"25 along x, the cube 50"),
    "other times": (
        lambda w: w.assign_coords(time=w["time"].values + np.timedelta64(1, "h")),
        r"coordinate time, at its number 0",
    ),
    "one other time": (
        lambda w: w.assign_coords(time=np.r_[w["time"].values[:-1], w["time"].values[-1:] + DAY]),
        r"coordinate time, at its number 13",
    ),
    "other tile": (
        lambda w: w.assign_coords(x=w["x"].values + 100_000), r"coordinate x, at its number 0"
    ),
    "south up": (lambda w: w.isel(y=slice(None, None, -1)), r"coordinate y, at its number 0"),
    "per band": (lambda w: w.expand_dims(band=BANDS), r"weights has the dims"),
    "an array": (lambda w: w.values, r"weights is a ndarray"),
    "a dataset": (lambda w: w.to_dataset(), r"weights is a Dataset"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_bad_weights_are_named(stack, name):
    change, said = BAD_WEIGHTS[name]
    with pytest.raises(BadInput, match=said):
        interpolate(stack["reflectance"], change(stack["weight"]), alpha=1)


def test_other_things_than_cubes_are_named(stack):
    for thing in (stack["reflectance"].values, None, "stack.nc"):
        with pytest.raises(BadInput, match=type(thing).__name__):
            interpolate(thing, stack["weight"])


def test_light_needs_values_without_offset(stack):
    cube = stack["reflectance"].assign_attrs(add_offset=-0.1)
    found = interpolate(cube, stack["weight"], alpha=1, output_times=20)
    assert found["reflectance"].attrs["add_offset"] == -0.1
    for light in ("region-mean", "relative"):
        with pytest.raises(BadInput, match=rf"{light}.*add_offset=-0\.1"):
            interpolate(cube, stack["weight"], alpha=1, illumination=light)
