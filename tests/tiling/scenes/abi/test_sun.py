"""The height of the sun against pyorbital; the correction against satpy and a plain version."""

import numpy as np
import pytest

from tiling.scenes.abi import _pixel_loops as loops
from tiling.scenes.abi import sun
from tiling.scenes.abi.fixedgrids import FixedGrid
from tiling.scenes.abi.images import sight
from tiling.scenes.domains.scanangles import View

TIMES = ["2017-07-12T18:11", "2020-02-02T14:05", "2020-12-31T23:59", "2024-06-20T12:00"]


@pytest.mark.parametrize("time", TIMES)
def test_the_sun_stands_where_pyorbital_says(time):
    from pyorbital.astronomy import cos_zen

    lon, lat = np.meshgrid(np.linspace(-180, 175, 40), np.linspace(-85, 85, 30))
    when = np.datetime64(time, "ns")
    found = np.degrees(np.arccos(sun.cosine_of_zenith(when, lon, lat)))
    expected = np.degrees(np.arccos(cos_zen(when, lon, lat)))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_the_factor_is_that_of_satpy():
    from satpy.modifiers.angles import _sunzen_corr_cos_ndarray as by_satpy

    cosine = np.cos(np.radians(np.linspace(0, 94.9, 500)))
    expected = by_satpy(np.ones_like(cosine), cosine, 88.0, 95.0)
    np.testing.assert_allclose(sun.factor(cosine), expected, rtol=1e-9)
    np.testing.assert_allclose(sun.factor(np.cos(np.radians(95 - 1e-9))), 0, atol=1e-6)
    assert np.isnan(sun.factor(np.cos(np.radians([95.1, 120, 180])))).all()


@pytest.mark.parametrize("sweep", ["x", "y"])
@pytest.mark.parametrize("time", ["2020-02-02T14:05", "2020-02-02T10:30", "2020-02-02T22:00"])
def test_the_loop_does_as_the_plain_version(sweep, time):
    """Over the whole disk: day, twilight, night and space."""
    view = View(longitude=-75.0, sweep=sweep)
    grid = FixedGrid(-0.155, 0.001, 0.155, -0.001, (311, 311), view)
    when = np.datetime64(time, "ns")
    values = np.full(grid.shape, 0.3, np.float32)
    x = grid.x
    towards = sun.direction(when, -75.0)
    loops.divide_by_sun(values, grid.y, np.sin(x), np.cos(x), sight(view), towards)
    expected = 0.3 * sun.factor(sun.cosine_of_zenith(when, *grid.places()))
    both = np.isfinite(values) & np.isfinite(expected)
    assert both.mean() > 0.1
    assert (np.isfinite(values) != np.isfinite(expected)).mean() < 1e-4  # at 95 degrees itself
    np.testing.assert_allclose(values[both], expected[both], rtol=2e-6, atol=2e-6)
    assert np.isnan(values[0, 0])
