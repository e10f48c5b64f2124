"""Incidence angles: against annotations, a plain definition and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Transformer
from radarground import rough, rough_window, towards_the_radar

from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.geometry.lattices import ground_lattice
from tiling.sentinel1.geometry.orbits import earth_fixed_points, fit_orbit
from tiling.sentinel1.incidence.angles import level_incidence, local_incidence, signed_incidence
from tiling.sentinel1.incidence.looks import look_lattice
from workbench.errors import BadInput
from workbench.rasters.grids import transformer
from workbench.rasters.tilegrid import tile_grid
from workbench.rasters.windows import Window, windows

PRODUCTS = ("5371", "ECC8", "6D00", "CEAB", "3768")


def plain(grid, orbit, rows, cols, surface):
    """Signed angles of pixels by the definition, each solved by itself, in degrees."""

    def points(rows, cols):
        east = grid.affine.c + grid.affine.a * (cols + 0.5)
        north = grid.affine.f + grid.affine.e * (rows + 0.5)
        lonlat = Transformer.from_crs(grid.crs.epsg, 4326, always_xy=True).transform(east, north)
        return earth_fixed_points(*lonlat, surface(rows, cols))

    here = points(rows, cols)
    normal = np.cross(
        points(rows, cols + 1) - points(rows, cols - 1),
        points(rows - 1, cols) - points(rows + 1, cols),
    )
    times, _ = orbit.zero_doppler(here)
    look = orbit.at(times)[0] - here
    look /= np.linalg.norm(look, axis=1)[:, None]
    across = np.cross(here, look)
    across /= np.linalg.norm(across, axis=1)[:, None]
    normal -= np.sum(normal * across, axis=1)[:, None] * across
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    sine = np.sum(np.cross(look, normal) * across, axis=1)
    return np.degrees(np.arctan2(-sine, np.sum(normal * look, axis=1)))


@pytest.mark.parametrize("product", PRODUCTS)
def test_level_ground_has_the_angles_of_the_annotation(annotations, product):
    """On a small grid around each of the 210 points, at its height and place."""
    annotation = annotations[product]
    orbit, points = fit_orbit(annotation.vectors), annotation.grid
    assert len(points.lines) == 210
    for k in range(0, 210, 1 if product == "5371" else 11):
        zone = int((points.longitudes[k] + 180) // 6) + 1
        epsg = 32600 + zone
        east, north = transformer("EPSG:4326", f"EPSG:{epsg}").transform(
            points.longitudes[k], points.latitudes[k]
        )
        grid = patch(epsg, east, north)
        looks = look_lattice(ground_lattice(grid), orbit)
        window = Window((20, 21), (20, 21))
        heights = np.full((3, 3), points.heights[k])
        sine, degrees = level_incidence(looks, heights, window, "centre")
        expected = np.radians(points.incidences[k])
        assert abs(sine[0, 0] - np.sin(expected)) < 3e-7
        assert abs(degrees[0, 0] - 100 * points.incidences[k]) < 0.51
        sine, _ = level_incidence(looks, heights, window)
        assert 0.005 < abs(np.degrees(np.arcsin(sine[0, 0]) - expected)) < 0.04


def patch(epsg, east, north, side=41, pixel=10):
    """A grid whose middle pixel has its centre at a place."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    corner = side / 2 * pixel
    return GeoBox(
        (side, side), Affine(pixel, 0, east - corner, 0, -pixel, north + corner), f"EPSG:{epsg}"
    )


@pytest.mark.parametrize(
    ("product", "tile"),
    [("5371", "33TUG"), ("ECC8", "32TPS"), ("6D00", "34SFH"), ("3768", "32UPB")],
)
def test_relief_has_the_angles_of_the_definition(annotations, product, tile):
    grid = tile_grid(tile)
    orbit = fit_orbit(annotations[product].vectors)
    looks = look_lattice(ground_lattice(grid), orbit)
    worst = 0.0
    for row, col in ((0, 0), (4711, 815), (10960, 10930), (5000, 10000)):
        window = Window((row, row + 20), (col, col + 50))
        sine, degrees = local_incidence(looks, rough_window(window), window)
        signed = signed_incidence(looks, rough_window(window), window)
        rows, cols = (each.ravel() for each in np.mgrid[row : row + 20, col : col + 50])
        if np.isnan(sine).all():
            continue  # abeam before the first vector
        expected = plain(grid, orbit, rows, cols, diagonal).reshape(sine.shape)
        worst = max(worst, np.abs(signed - expected).max())
        np.testing.assert_allclose(sine, np.abs(np.sin(np.radians(expected))), atol=2e-6)
        assert np.abs(degrees - np.maximum(100 * np.abs(expected), 1)).max() < 0.51
    assert 0 < worst < 1e-4


def diagonal(rows, cols):
    """The rough ground at places (n,), each by itself."""
    return np.array([rough([r], [c])[0, 0] for r, c in zip(rows, cols, strict=True)], float)


@pytest.mark.parametrize("slope", [-40.0, -10.0, 0.0, 15.0, 38.0, 60.0])
def test_a_plane_tilted_towards_the_radar(grid, looks, model, slope):
    """Its angle is that of level ground less the slope; with its sign, also beyond layover."""
    row, col = 5000, 6000
    window = Window((row, row + 3), (col, col + 3))
    level = np.degrees(np.arcsin(level_incidence(looks, np.zeros((5, 5)), window, "centre")[0]))
    east, north = towards_the_radar(grid, model.orbit, row, col)
    rows, cols = np.mgrid[row - 1 : row + 4, col - 1 : col + 4]
    rise = np.tan(np.radians(slope)) * 10 * ((cols - col - 1) * east - (rows - row - 1) * north)
    signed = signed_incidence(looks, -rise, window)
    # Metres of the grid are 0.04 % long or short, and up leaves the range plane by 0.2 degrees.
    np.testing.assert_allclose(signed, level - slope, atol=0.1)
    along = np.tan(np.radians(slope)) * 10 * ((cols - col - 1) * north + (rows - row - 1) * east)
    if abs(slope) <= 15:
        np.testing.assert_allclose(signed_incidence(looks, along, window), level, atol=0.3)


def test_blocks_do_not_matter(looks):
    whole = Window((100, 400), (3, 203))
    expected = local_incidence(looks, rough_window(whole), whole)
    for side in (64, 97, 133):
        for part in windows(whole.shape, side):
            rows, cols = ((a + b, c + b) for (a, c), b in zip(part, (100, 3), strict=True))
            window = Window(rows, cols)
            for found, known in zip(
                local_incidence(looks, rough_window(window), window), expected, strict=True
            ):
                np.testing.assert_array_equal(found, known[part.slices])


def test_unknown_heights_and_looks_give_none(looks, annotations, ground):
    window = Window((10, 14), (10, 15))
    heights = rough_window(window)
    heights[3, 3] = np.nan
    sine, degrees = local_incidence(looks, heights, window)
    unknown = np.zeros(window.shape, bool)
    unknown[2, 1:4] = unknown[1:4, 2] = True  # itself and its four neighbours
    np.testing.assert_array_equal(np.isnan(sine), unknown)
    np.testing.assert_array_equal(degrees == 0, unknown)
    far = look_lattice(ground, fit_orbit(annotations["CEAB"].vectors))
    assert np.isnan(local_incidence(far, rough_window(window), window)[0]).all()


def test_an_angle_of_nothing_is_a_value(looks):
    """A slope right at the radar: hundredths are 1 at the least, as 0 is no value."""
    window = Window((0, 1), (0, 200))
    tilt = np.linspace(0.6, 1.0, 202) * 10  # from 31 to 45 degrees
    heights = np.cumsum(tilt)[None] * np.array([[1.0], [1.0], [1.0]])
    found = [local_incidence(looks, sign * heights, window)[1] for sign in (1, -1)]
    assert min(each.min() for each in found) >= 1


def test_bad_input(looks):
    window = Window((0, 4), (0, 5))
    with pytest.raises(BadInput, match=r"heights are \(4, 5\), not \(6, 7\)"):
        local_incidence(looks, np.zeros((4, 5)), window)
    with pytest.raises(BadInput, match="neither 'ellipsoid' nor 'centre'"):
        level_incidence(looks, np.zeros((6, 7)), window, "up")  # type: ignore[arg-type]


def test_lattices_go_on_beyond_their_grid(grid, ground, model):
    """A halo lies beyond the grid: its places are continued, not taken from the other side."""
    from tiling.sentinel1.geometry.lattices import image_lattice

    window = Window((-3, 2), (-3, 2))
    longitudes, latitudes = ground.places(window)
    rows, cols = np.mgrid[-3:2, -3:2]
    expected = Transformer.from_crs(grid.crs.epsg, 4326, always_xy=True).transform(
        grid.affine.c + 10 * (cols + 0.5), grid.affine.f - 10 * (rows + 0.5)
    )
    np.testing.assert_allclose([longitudes, latitudes], expected, atol=1e-8)
    places = image_lattice(model, ground, (0.0, 1000.0)).places(window, np.full((5, 5), 500.0))
    exact = model.places(longitudes.ravel(), latitudes.ravel(), np.full(25, 500.0))
    np.testing.assert_allclose(np.reshape(places, (2, -1)), exact, atol=0.005)


def test_looks_are_linear_in_the_height(looks, model):
    """Also at 8,000 m, where a look that is exact differs by a centimetre of 900 km."""
    k = (7, 11)
    place = looks.ground.longitudes[k], looks.ground.latitudes[k]
    for height in (-400.0, 2000.0, 8000.0):
        point = earth_fixed_points(*place, height)[None]
        times, _ = model.orbit.zero_doppler(point)
        exact = model.orbit.at(times)[0][0] - point[0]
        found = looks.table[k][6:9] + height * looks.table[k][9:12]
        assert np.linalg.norm(found - exact) < 0.02


def test_the_model_and_its_orbit_see_the_same(annotations):
    assert (
        image_model(annotations["ECC8"]).orbit.span == fit_orbit(annotations["ECC8"].vectors).span
    )
