"""Domains and tiles on planes, against PROJ and distances on the ellipsoid."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Geod, Transformer

from tiling.scenes.domains.planes import (
    axes,
    corners,
    domain_grid,
    lonlat,
    perimeter,
    spanning,
    tile_grid,
)
from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Domain

BARBADOS = Domain("rect", 13.3, -57.72, 200e3, 100e3)


def test_centres_are_where_the_formula_puts_them() -> None:
    grid = domain_grid(BARBADOS, 1000.0)
    x, y = axes(grid)
    assert grid.shape == (100, 200)
    np.testing.assert_array_equal(x, -100e3 + (np.arange(200) + 0.5) * 1000)
    np.testing.assert_array_equal(y, -50e3 + (np.arange(100) + 0.5) * 1000)
    assert grid.affine.e > 0


@pytest.mark.parametrize(
    ("side", "resolution", "cells"),
    [
        (650e3, 1000.0, 650), (0.3, 0.1, 3), (2.1e5, 0.7e3, 300), (1e6, 1000 / 3, 3000),
        (200e3, 999.0, 200), (10.5 * 0.1, 0.1, 10), (11.5 * 0.1, 0.1, 12), (400.0, 1000.0, 1),
    ],
)  # fmt: skip
def test_rounding_does_not_change_the_number_of_cells(
    side: float, resolution: float, cells: int
) -> None:
    assert domain_grid(Domain("rect", 0.0, 0.0, side, side), resolution).shape == (cells, cells)


def test_places_are_those_of_proj_with_the_centre_in_the_middle() -> None:
    grid = domain_grid(BARBADOS, 1000.0)
    lon, lat = lonlat(grid)
    assert lonlat(grid)[0] is lon
    assert not lon.flags.writeable
    there = Transformer.from_crs(
        "EPSG:4326", "+proj=laea +lat_0=13.3 +lon_0=-57.72 +datum=WGS84", always_xy=True
    )
    np.testing.assert_allclose(there.transform(lon, lat), np.meshgrid(*axes(grid)), atol=5e-3)
    assert lat[-1].min() > lat[0].max()
    assert lon[50, 99:101].mean() == pytest.approx(-57.72, abs=1e-6)


def test_corners_are_half_a_pixel_outside() -> None:
    grid = corners(domain_grid(BARBADOS, 1000.0))
    assert grid.shape == (101, 201)
    x, y = axes(grid)
    assert (x[0], x[-1], y[0], y[-1]) == (-100e3, 100e3, -50e3, 50e3)


def test_the_perimeter_runs_along_the_outer_edge() -> None:
    grid = domain_grid(BARBADOS, 1000.0)
    lon, lat = perimeter(grid, 64)
    assert lon.shape == (256,)
    there = Transformer.from_crs("EPSG:4326", str(grid.crs), always_xy=True)
    x, y = there.transform(lon, lat)
    on_edge = np.isclose(np.abs(x), 100e3, atol=1e-3) | np.isclose(np.abs(y), 50e3, atol=1e-3)
    assert on_edge.all()
    np.testing.assert_allclose((x.min(), x.max(), y.min(), y.max()), (-1e5, 1e5, -5e4, 5e4))


def test_a_tile_has_its_own_plane_around_its_centre() -> None:
    grid = domain_grid(BARBADOS, 1000.0)
    tile = tile_grid(grid, 40e3, -20e3, 64)
    lon, lat = perimeter(tile, 1)
    middle = lonlat(tile)[0].mean(), lonlat(tile)[1].mean()
    there = Transformer.from_crs("EPSG:4326", str(grid.crs), always_xy=True)
    np.testing.assert_allclose(there.transform(*middle), (40e3, -20e3), atol=10)
    _, _, length = Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])
    assert length == pytest.approx(64e3, rel=1e-3)
    assert axes(tile)[0][0] == -31.5e3


def test_a_tile_of_a_plain_plane_is_shifted() -> None:
    from affine import Affine
    from odc.geo.geobox import GeoBox

    tile = tile_grid(GeoBox((50, 60), Affine(100, 0, 0, 0, 100, 0), None), 3000.0, 2000.0, 8)
    assert tile.crs is None
    assert axes(tile)[0][[0, -1]].tolist() == [2650.0, 3350.0]
    assert axes(tile)[1][[0, -1]].tolist() == [1650.0, 2350.0]
    with pytest.raises(SceneError, match="E061"):
        perimeter(tile)


@pytest.mark.parametrize("shift", [0.0, 120.0, 238.0])  # the last one across the date line
def test_a_spanning_domain_holds_the_trajectory(shift: float) -> None:
    lon = np.array([-60.0, -57.0, np.nan, -55.5]) + shift
    lat = np.array([12.0, 14.5, 13.0, 13.0])
    found = spanning(lon, lat, Domain("spanning_trajectories"))
    grid = domain_grid(found, 1000.0)
    there = Transformer.from_crs("EPSG:4326", str(grid.crs), always_xy=True)
    x, y = there.transform(np.delete(lon, 2), np.delete(lat, 2))
    assert found.kind == "rect"
    assert found.zonal == pytest.approx(1.2 * (max(x) - min(x)), rel=1e-4)
    assert found.meridional == pytest.approx(1.2 * (max(y) - min(y)), rel=1e-4)
    assert max(x) == pytest.approx(-min(x), rel=1e-3)
    assert -180 <= found.longitude <= 180  # type: ignore[operator]


@pytest.mark.parametrize("places", [([], []), ([np.nan], [1.0]), ([10.0, 10.0], [5.0, 5.0])])
def test_nothing_to_span(places: tuple[list[float], list[float]]) -> None:
    with pytest.raises(SceneError, match="E024"):
        spanning(*places, Domain("spanning_trajectories"))


def test_one_place_spans_a_tile() -> None:
    found = spanning([10.0], [5.0], Domain("spanning_trajectories"), least=64e3)
    assert (found.zonal, found.meridional) == (64e3, 64e3)


def test_a_tile_fits_around_the_ends_of_a_trajectory() -> None:
    """Or the tiles at both ends would be left out: 1.2 times a short way is no room for them."""
    lon, lat, tile = np.array([-57.0, -57.3]), np.array([13.0, 13.2]), 64e3
    found = spanning(lon, lat, Domain("spanning_trajectories"), least=tile)
    grid = domain_grid(found, 100.0)
    there = Transformer.from_crs("EPSG:4326", str(grid.crs), always_xy=True)
    x, y = there.transform(lon, lat)
    box = grid.boundingbox
    assert min(min(x) - box.left, box.right - max(x)) == pytest.approx(tile / 2, abs=100)
    assert min(min(y) - box.bottom, box.top - max(y)) == pytest.approx(tile / 2, abs=100)


def test_no_grid_without_a_centre() -> None:
    with pytest.raises(SceneError, match="E021"):
        domain_grid(Domain(), 1000.0)


def test_a_domain_of_too_many_pixels_is_refused_before_anything_is_built() -> None:
    with pytest.raises(SceneError, match=r"E030.*100000 x 100000 pixels"):
        domain_grid(Domain("rect", 0.0, 0.0, 1e6, 1e6), 10.0)
