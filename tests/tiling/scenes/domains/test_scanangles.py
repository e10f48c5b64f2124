"""Scan angles against PROJ."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Transformer

from tiling.scenes.domains.scanangles import View, ground, scan_angles, view_of
from tiling.scenes.errors import UnusableInput

PIXEL = 14e-6  # radians, the finest of ABI


def _proj(view: View) -> Transformer:
    ellipsoid = f"+a={view.semi_major} +b={view.semi_minor}"
    return Transformer.from_crs(
        f"+proj=longlat {ellipsoid} +no_defs",
        f"+proj=geos +h={view.height} +lon_0={view.longitude} +sweep={view.sweep} {ellipsoid}",
        always_xy=True,
    )


@pytest.mark.parametrize("sweep", ["x", "y"])
@pytest.mark.parametrize("longitude", [-75.0, -89.5, -137.0, 140.7])
def test_scan_angles_are_those_of_proj(longitude: float, sweep: str) -> None:
    view = View(longitude, sweep=sweep)  # type: ignore[arg-type]
    rng = np.random.default_rng(3)
    # more points than one block
    lon, lat = longitude + rng.uniform(-100, 100, 70_000), rng.uniform(-90, 90, 70_000)
    lon[0], lat[0] = longitude, 0.0
    lon[::2] += 360.0
    x, y = scan_angles(lon, lat, view)
    want = np.stack(_proj(view).transform((lon + 180) % 360 - 180, lat)) / view.height
    seen = np.isfinite(want).all(axis=0)
    clear = np.hypot(*want) < 0.1515  # PROJ and we may differ at the limb itself
    assert (np.isfinite(x)[clear & seen]).all()
    assert abs(np.isfinite(x).sum() - seen.sum()) < 5
    assert 20_000 < seen.sum() < 60_000
    both = seen & np.isfinite(x)
    assert np.abs(np.stack([x, y]) - want)[:, both].max() < 1e-8 * PIXEL


def test_angles_lead_back_to_the_ground() -> None:
    for sweep in ("x", "y"):
        view = View(175.0, sweep=sweep)  # type: ignore[arg-type]
        lon, lat = np.meshgrid(np.linspace(115, 235, 41), np.linspace(-60, 60, 31))
        found = ground(*scan_angles(lon, lat, view), view)
        seen = np.isfinite(found[0])
        assert seen.sum() > 800
        np.testing.assert_allclose(found[1][seen], lat[seen], atol=1e-9)
        turn = (found[0] - lon + 180) % 360 - 180
        np.testing.assert_allclose(turn[seen], 0, atol=1e-9)
        assert np.abs(found[0][seen]).max() <= 180
    assert np.isnan(ground(0.16, 0.0, View(0.0))[0])


def test_behind_the_limb_is_missing() -> None:
    view = View(-75.0)
    x, y = scan_angles([105.0, -75.0, np.nan], [0.0, 90.0, 0.0], view)
    assert np.isnan(x).all()
    assert np.isnan(y).all()
    assert np.isnan(scan_angles(105.0, 0.0, view)[0])


def test_north_is_up_and_east_is_right() -> None:
    x, y = scan_angles([-74.0, -75.0], [0.0, 1.0], View(-75.0))
    assert x[0] > 0
    assert y[1] > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"longitude_of_projection_origin": None}, "longitude_of_projection_origin.* is missing"),
        ({"perspective_point_height": "high"}, "could not convert"),
        ({"perspective_point_height": np.nan}, "not a number"),
        ({"sweep_angle_axis": "z"}, "'z'"),
    ],
)
def test_a_grid_mapping_that_says_too_little(change: dict[str, object], words: str) -> None:
    attrs = {"longitude_of_projection_origin": np.array([-89.5]), "perspective_point_height": 3.6e7}
    assert view_of(attrs, "a file").longitude == -89.5
    attrs = {k: v for k, v in (attrs | change).items() if v is not None}  # type: ignore[operator]
    with pytest.raises(UnusableInput, match=words) as caught:
        view_of(attrs, "a file")
    assert caught.value.code == "E061"
