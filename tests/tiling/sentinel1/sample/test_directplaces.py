"""Places on the ground satisfy what defines them: abeam, at the distance, at the height."""

from __future__ import annotations

import numpy as np
import pytest

from tiling.sentinel1.geometry.orbits import earth_fixed_points
from tiling.sentinel1.sample.directplaces import places_at_heights, places_on_ground
from tiling.sentinel1.sample.landscape import CENTRE, ellipsoidal_heights
from tiling.sentinel1.sample.simulatedorbits import orbit_abeam
from tiling.sentinel1.sample.strips import MIDDLE_RANGE, SMALL

COUNT = 200


@pytest.fixture(scope="module")
def lines_of_sight():
    """Positions, velocities and ranges over the island."""
    rng = np.random.default_rng(0)
    positions, velocities = SMALL.platform(rng.uniform(0, 4, COUNT))
    return positions, velocities, MIDDLE_RANGE + rng.uniform(-7_000, 7_000, COUNT)


def _missed(places, positions, velocities, ranges):
    away = earth_fixed_points(*places) - positions
    abeam = np.einsum("ij,ij->i", away, velocities) / np.linalg.norm(velocities, axis=1)
    return np.abs(abeam).max(), np.abs(np.linalg.norm(away, axis=1) - ranges).max()


@pytest.mark.parametrize("height", [-400.0, 0.0, 1_000.0, 8_000.0])
def test_at_a_height(lines_of_sight, height):
    lon, lat = places_at_heights(*lines_of_sight, CENTRE, height)
    assert max(_missed((lon, lat, height), *lines_of_sight)) < 1e-4


def test_on_the_ground(lines_of_sight):
    lon, lat, height = places_on_ground(*lines_of_sight, CENTRE, ellipsoidal_heights)
    np.testing.assert_allclose(height, ellipsoidal_heights(lon, lat), atol=1e-4)
    assert np.ptp(height) > 500
    assert max(_missed((lon, lat, height), *lines_of_sight)) < 1e-4


def test_ground_that_is_too_steep_is_refused(lines_of_sight):
    def wall(longitudes, latitudes):
        return 4e5 * (longitudes - CENTRE[0])

    with pytest.raises(ArithmeticError, match="steep"):
        places_on_ground(*lines_of_sight, CENTRE, wall)


@pytest.mark.parametrize(("longitude", "latitude"), [(11.0, 41.0), (-60.0, 3.0), (179.9, -45.0)])
def test_an_orbit_has_a_place_abeam_on_its_right(longitude, latitude):
    orbit = orbit_abeam(longitude, latitude, MIDDLE_RANGE)
    positions, velocities = orbit.at(0.0)
    place = earth_fixed_points(longitude, latitude, 0.0)
    assert max(_missed((longitude, latitude, 0.0), positions, velocities, [MIDDLE_RANGE])) < 1e-3
    assert velocities[0, 2] < 0  # descending
    right = np.cross(velocities[0], positions[0])
    assert right @ (place - positions[0]) > 0


def test_velocity_is_the_change_of_position():
    before, after = SMALL.platform([10.0, 10.002])[0]
    np.testing.assert_allclose((after - before) / 0.002, SMALL.platform(10.001)[1][0], atol=1e-4)
