"""What a cube may hold, what is refused because float32 cannot follow it, and what stays named."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spaceeye.errors import BadInput
from spaceeye.interpolation import interpolate, solve
from spaceeye.knots import evaluate
from spaceeye.solver import compiled, observations, reference
from spaceeye.solver.axis import LARGEST_CONDUCTANCE


def ndvi(chunks=None, **attrs):
    """An index as floats, 20 acquisitions of 6 x 5 pixels, 70 % clear."""
    random = np.random.default_rng(3)
    values = random.uniform(0.2, 0.8, (20, 1, 6, 5)).astype(np.float32)
    times = np.datetime64("2021-03-01T10:30", "ns") + np.arange(20) * np.timedelta64(5, "D")
    coords = {"time": times, "band": ["ndvi"], "y": -10.0 * np.arange(6), "x": 10.0 * np.arange(5)}
    cube = xr.DataArray(values, dims=("time", "band", "y", "x"), coords=coords, attrs=attrs)
    clear = xr.DataArray(random.random((20, 6, 5)) < 0.7, dims=("time", "y", "x"))
    return (cube, clear) if chunks is None else (cube.chunk(chunks), clear.chunk(chunks))


@pytest.mark.parametrize("alpha", [1e40, 1e16, 1e-16, 1e-40])
@pytest.mark.parametrize("engine", ["numba", "torch"])
def test_an_alpha_that_float32_cannot_follow_is_refused_with_the_limit(alpha, engine):
    if engine == "torch":
        pytest.importorskip("torch")
    cube, clear = ndvi()
    with pytest.raises(BadInput, match=r"float32 can follow, 1e-15 to 1e\+15"):
        interpolate(cube, clear, alpha=alpha, engine=engine)


def test_an_alpha_that_is_too_large_for_two_times_is_refused():
    cube, clear = ndvi()
    times = cube["time"].values.copy()
    times[4] = times[3] + np.timedelta64(1, "us")
    with pytest.raises(BadInput, match="join acquisitions that are less than a second apart"):
        interpolate(cube.assign_coords(time=times), clear, alpha=1e5)


@pytest.mark.parametrize("share", [1e-15, 1e-9, 1e-3, 1.0, 1e3, 1e9, 1e15])
@pytest.mark.parametrize("step", [1e-3, 5.0, 1e5])
def test_float32_follows_every_alpha_that_is_allowed(share, step):
    random = np.random.default_rng(1)
    count = 40
    days = step * np.arange(count)
    alpha = float(np.clip(share * step, 1 / LARGEST_CONDUCTANCE, LARGEST_CONDUCTANCE))
    alpha = min(max(alpha, 1.01e-15 * step), 0.99e15 * step)
    values = random.uniform(0, 0.6, (count, 2, 50)).astype(np.float32)
    weights = np.where(random.random((count, 50)) < 0.4, random.random((count, 50)), 0)
    weights = np.maximum(weights, weights[:, :1] * 0 + (np.arange(count) == 20)[:, None])
    weights = weights.astype(np.float32)
    out = np.linspace(-2 * step, (count + 2) * step, 77)
    found = compiled.interpolate_float32(values, weights, days, out, alpha)
    exact = reference.evaluate(reference.solve_knots(values, weights, days, alpha), days, out)
    assert np.abs(found - exact).max() < 1e-5
    layers = observations.flags_age_support(weights, days, out, alpha)
    assert np.isfinite(layers.support).all()
    assert (layers.support > 0).all()
    assert np.isfinite(observations.leave_one_out_sums(values, weights, days, (alpha,)).rmse).all()


@pytest.mark.parametrize("lazy", [False, True])
def test_values_beyond_float32_are_refused_unless_they_are_hidden(lazy):
    cube, clear = ndvi({"y": 3, "x": 5} if lazy else None)
    filled = cube.copy(data=cube.data.copy())
    filled = filled.where(clear, np.finfo(np.float32).min)
    assert np.isfinite(interpolate(filled, clear, alpha=1)["reflectance"]).all()
    with pytest.raises(BadInput, match="a fill value"):
        interpolate(filled, clear | True, alpha=1).compute()


def test_fill_values_that_the_attrs_state_are_missing():
    cube, clear = ndvi()
    filled = cube.where(clear, -9999).assign_attrs(_FillValue=-9999.0)
    options = {"alpha": 1, "date_weights": "none"}  # what is missing is no cloud
    found = interpolate(filled, xr.ones_like(clear), **options)
    xr.testing.assert_equal(found, interpolate(cube, clear, **options))


def test_names_and_units_of_the_cube_stay_and_nodata_of_floats_is_nan():
    cube, clear = ndvi(nodata=0, long_name="vegetation index", units="ndvi")
    found = interpolate(cube, clear, alpha=1)["reflectance"]
    assert found.attrs["long_name"] == "vegetation index"
    assert found.attrs["units"] == "ndvi"
    assert np.isnan(found.attrs["nodata"])
    dated = evaluate(solve(cube, clear, alpha=1))
    assert dated.attrs["long_name"] == "vegetation index"
    assert dated.attrs["units"] == "ndvi"
    bare = interpolate(*ndvi(), alpha=1)["reflectance"].attrs
    assert "long_name" not in bare
    assert "units" not in bare


def test_digital_numbers_that_say_nothing_are_surface_reflectance():
    cube, clear = ndvi()
    dn = (cube * 1e4).astype(np.uint16).assign_attrs(scale_factor=1e-4)
    assert (
        interpolate(dn, clear, alpha=1)["reflectance"].attrs["long_name"] == "surface reflectance"
    )
