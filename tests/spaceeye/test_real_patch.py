"""Real series: a hidden date is predicted better than by the reference, and NDVI as one band.

The patch: each of the 25 dates of which at least 95 % is clear is hidden in turn. Fewer would do no
harm to the speed (a date takes some 0.1 s) but to the meaning of the comparison.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xarray as xr

from spaceeye.damping import ALPHAS, FALLBACK
from spaceeye.holdout import interpolated
from spaceeye.interpolation import interpolate
from workbench.sentinel2 import holdout
from workbench.sentinel2.plainmethods import linear

DAY = np.timedelta64(1, "D")
NDVI = "eolearn_ndvi_clouds_33N.npz"


@pytest.fixture(scope="module")
def quality() -> ModuleType:
    """The benchmark, so that test and printed tables are of one making."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "spaceeye_quality.py"
    spec = importlib.util.spec_from_file_location("spaceeye_quality", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def patch(quality, shared_data) -> xr.Dataset:
    return quality.read_patch(shared_data / "spaceeye")


@pytest.fixture(scope="module")
def places(quality, patch) -> list[int]:
    found = holdout.held_out_dates(patch, quality.CLEAR)
    assert len(found) == 25
    return found


@pytest.mark.parametrize("days", [0, 10])
def test_full_series_beats_the_reference(quality, patch, places, days):
    named = {name: quality.methods()[name] for name in ("reference-like", "full series, alpha 3")}
    reference, ours = quality.score(patch, places, days, named)
    assert ours.rmse < 0.9 * reference.rmse
    assert ours.common < 0.9 * reference.common
    assert ours.covered == 1
    assert reference.covered < 1


@pytest.mark.parametrize("days", [0, 10])
def test_auto_always_chooses_and_says_so(quality, patch, places, days):
    for place in places:
        hidden = holdout.hide(patch, place, days)
        attrs = interpolate(hidden, output_times=[patch["time"].values[place]]).attrs
        assert attrs["alpha_tried"] == list(ALPHAS)
        scores = attrs["alpha_leave_one_out_rmse"]
        assert attrs["alpha_days"] == ALPHAS[int(np.argmin(scores))]
        assert all(0.02 < score < 0.08 for score in scores)  # reflectance


def test_auto_where_nothing_can_be_left_out(patch):
    clear = int(np.argmax(patch["weight"].mean(("y", "x")).values))
    alone = interpolate(patch.isel(time=[clear]))
    assert alone.attrs["alpha_days"] == FALLBACK
    assert alone.sizes["time"] == 1
    none = interpolate(patch.assign(weight=patch["weight"] * 0), output_times=30)
    assert none.attrs["alpha_days"] == FALLBACK
    assert not none["reflectance"].any()
    assert (none["flag"] == 1).all()


def test_benchmark_hides_what_it_says(quality, patch, places):
    times = patch["time"].values
    for place in places[::6]:
        for days in (0, 10):
            gone = np.flatnonzero(np.abs(times - times[place]) <= days * DAY)
            hidden = holdout.hide(patch, place, days)["weight"].values
            assert place in gone
            assert not hidden[gone].any()
            kept = np.delete(np.arange(len(times)), gone)
            np.testing.assert_array_equal(hidden[kept], patch["weight"].values[kept])


def test_tiny_alpha_is_linear_interpolation(quality, patch, places):
    """Ours against the benchmark's, and that against numpy's, at the times of hidden dates."""
    place = places[7]
    hidden, time = holdout.hide(patch, place, 10), patch["time"].values[place]
    straight = linear(hidden, time)
    ours = interpolated(1e-5)(hidden, time)
    np.testing.assert_allclose(ours, straight, rtol=0, atol=1.0e-4)
    days = (patch["time"].values - time) / DAY
    for y, x in ((0, 0), (7, 30), (31, 16)):
        seen = hidden["weight"].values[:, y, x] > 0
        series = hidden["reflectance"].values[seen, :, y, x] * 1e-4
        expected = [np.interp(0, days[seen], band) for band in series.T]
        np.testing.assert_allclose(straight[:, y, x], expected, rtol=1e-12)


def test_compat_of_the_front_is_the_reference_of_the_benchmark(quality, patch, places):
    place = places[12]
    hidden, time = holdout.hide(patch, place, 0), patch["time"].values[place]
    found = interpolate(hidden, mode="compat", illumination="region-mean")
    np.testing.assert_array_equal(
        found["time"].values[[0, -1]], patch["time"].values[[0, -1]].astype("datetime64[D]")
    )
    dn = found["reflectance"].sel(time=time.astype("datetime64[D]")).values
    expected = quality.reference(gain=True)(hidden, time)
    np.testing.assert_array_equal(np.where(dn == 0, np.nan, dn * 1e-4), expected)


@pytest.fixture(scope="module")
def ndvi(shared_data) -> tuple[xr.DataArray, xr.DataArray]:
    """NDVI as a cube of one band, and soft weights: 1 - cloud probability."""
    with np.load(shared_data / "spaceeye" / NDVI) as held:
        times = held["timestamps"].astype("datetime64[s]").astype("datetime64[ns]")
        values = held["NDVI"].astype(np.float32) * np.float32(1e-4)
        weights = (1 - held["CLP_u8"] / 255).astype(np.float32)
    assert (times.astype("datetime64[D]") == np.datetime64("2015-12-08")).sum() == 2
    cube = xr.DataArray(
        values[:, None], dims=("time", "band", "y", "x"), coords={"time": times, "band": ["NDVI"]}
    )
    return cube, xr.DataArray(weights, dims=("time", "y", "x"), coords={"time": times})


@pytest.mark.parametrize("alpha", ["auto", 0.1, 10.0])
def test_ndvi_stays_within_what_was_observed(ndvi, alpha):
    cube, weights = ndvi
    found = interpolate(cube, weights, alpha=alpha, output_times=5)
    values = found["reflectance"].values[:, 0]
    seen = weights.values >= 1e-3
    low = np.where(seen, cube.values[:, 0], np.inf).min(axis=0)
    high = np.where(seen, cube.values[:, 0], -np.inf).max(axis=0)
    assert seen.any(axis=0).all()
    assert np.isfinite(values).all()
    assert (values >= low - 1e-4).all()
    assert (values <= high + 1e-4).all()
    assert (found["flag"] != 1).all()
    assert found.attrs["alpha_days"] in ALPHAS


def dense(values, weights, days, grid, alpha) -> np.ndarray:
    """Solve one pixel on all nodes of a grid; acquisitions at one node add up."""
    at = np.searchsorted(grid, days)
    np.testing.assert_array_equal(grid[at], days)
    system = np.zeros((len(grid), len(grid)))
    right = np.zeros(len(grid))
    for node, conductance in enumerate(alpha / np.diff(grid)):
        system[node : node + 2, node : node + 2] += conductance * np.array([[1, -1], [-1, 1]])
    np.add.at(system, (at, at), weights)
    np.add.at(right, at, weights * values)
    return np.linalg.solve(system, right)


@pytest.mark.parametrize("grid", ["of days", "of days and acquisitions"])
def test_ndvi_is_the_dense_solution(ndvi, grid):
    """On whole days the two acquisitions of 2015-12-08 share a node; ours sees them 1 ms apart."""
    cube, weights = ndvi
    times, alpha = cube["time"].values, 1.0
    if grid == "of days":
        times = times.astype("datetime64[D]").astype("datetime64[ns]")
        days = (times - times[0]) / DAY
        nodes = np.arange(days[-1] + 1)
        twice = np.flatnonzero(np.diff(times) == np.timedelta64(0))
        assert len(twice) == 1
        times[twice + 1] += np.timedelta64(1, "ms")
        wanted = np.arange(times[0], times[-1] + DAY, DAY)
    else:
        days = (times - times[0]) / DAY
        wanted = np.arange(times[0], times[-1], 7 * DAY) + np.timedelta64(3, "h")
        nodes = np.union1d(days, (wanted - times[0]) / DAY)
    cube, weights = (part.assign_coords(time=times) for part in (cube, weights))
    random = np.random.default_rng(4)
    y, x = random.integers(0, cube.sizes["y"], 50), random.integers(0, cube.sizes["x"], 50)
    some = cube.values[:, :, y, x][:, :, None], weights.values[:, y, x][:, None]
    coords = {"time": times}
    ours = interpolate(
        xr.DataArray(some[0], dims=cube.dims, coords={**coords, "band": ["NDVI"]}),
        xr.DataArray(some[1], dims=weights.dims, coords=coords),
        alpha=alpha,
        output_times=wanted,
        date_weights="none",
    )
    shown = np.searchsorted(nodes, (wanted - times[0]) / DAY)
    used = np.where(some[1] >= 1e-3, some[1], 0).astype(float)
    for pixel in range(50):
        expected = dense(some[0][:, 0, 0, pixel], used[:, 0, pixel], days, nodes, alpha)
        np.testing.assert_allclose(
            ours["reflectance"].values[:, 0, 0, pixel], expected[shown], rtol=0, atol=1e-5
        )
