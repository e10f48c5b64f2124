"""Orbits: the fit, points abeam, and coordinates, against plain computations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyproj import Transformer
from scipy.interpolate import CubicHermiteSpline

from tiling.sentinel1.geometry.orbits import earth_fixed_points, fit_orbit
from tiling.sentinel1.products.annotations import StateVectors

# Root mean square of what the fit leaves, m. The vectors of 2.36 products are written every second
# and, as those computed on board (ECC8), are noisy: more degrees do not fit them better.
RESIDUALS = {"5371": 0.001, "6D00": 0.001, "CEAB": 0.13, "3768": 0.13, "ECC8": 0.31}


@pytest.mark.parametrize(("name", "limit"), RESIDUALS.items())
def test_the_fit_of_real_vectors(annotations, name, limit):
    vectors = annotations[name].vectors
    orbit = fit_orbit(vectors)
    positions, velocities, _ = orbit.at(vectors.times)
    left = np.linalg.norm(positions - vectors.positions, axis=1)
    assert orbit.residual == pytest.approx(np.sqrt(np.mean(left**2)), rel=1e-6)
    assert orbit.residual < limit
    if limit > 0.01:  # noise of the vectors, not what the degree leaves
        assert fit_orbit(vectors, degree=9).residual > 0.8 * orbit.residual
    assert np.abs(velocities - vectors.velocities).max() < 0.06
    assert orbit.span == pytest.approx((vectors.times[0], vectors.times[-1]))
    assert orbit.source == vectors.source


def test_between_vectors_it_agrees_with_a_spline(annotations):
    vectors = annotations["5371"].vectors
    spline = CubicHermiteSpline(vectors.times, vectors.positions, vectors.velocities)
    times = np.linspace(0, 25, 51)
    positions, velocities, accelerations = fit_orbit(vectors).at(times)
    # a cubic over 10 s misses h^4/384 times the fourth derivative, 0.2 mm here
    np.testing.assert_allclose(positions, spline(times), atol=5e-3)
    np.testing.assert_allclose(velocities, spline(times, 1), atol=5e-3)
    np.testing.assert_allclose(accelerations, spline(times, 2), atol=5e-3)


def test_a_vector_left_out_is_found_again(annotations):
    vectors = annotations["5371"].vectors
    kept = np.arange(len(vectors.times)) != 7
    thinned = StateVectors(
        vectors.times[kept], vectors.positions[kept], vectors.velocities[kept], vectors.source
    )
    position, velocity, _ = fit_orbit(thinned).at(vectors.times[7])
    np.testing.assert_allclose(position[0], vectors.positions[7], atol=5e-3)
    np.testing.assert_allclose(velocity[0], vectors.velocities[7], atol=1e-3)


def test_few_vectors_lower_the_degree(annotations):
    vectors = annotations["5371"].vectors
    few = StateVectors(
        vectors.times[6:10:3], vectors.positions[6:10:3], vectors.velocities[6:10:3], ""
    )
    orbit = fit_orbit(few)
    assert orbit.coefficients.shape == (3, 3)


@pytest.mark.parametrize("place", [(12.5, 41.9), (-179.99, -16.5), (0.0, 0.0), (25.0, 79.5)])
def test_a_point_abeam_is_the_nearest_point_of_the_orbit(abeam, place):
    """Where the velocity is at right angles to the line of sight, the distance is least."""
    orbit = abeam(*place).orbit
    points = earth_fixed_points(
        place[0] + np.array([-0.6, 0.0, 0.7]), place[1] + np.array([0.3, 0.0, -0.4]), 1000.0
    )
    found, ranges = orbit.zero_doppler(points)
    times = np.linspace(-30, 55, 85_001)
    positions = orbit.at(times)[0]
    for point, time, distance in zip(points, found, ranges, strict=True):
        distances = np.linalg.norm(positions - point, axis=1)
        least = distances.argmin()
        assert abs(times[least] - time) < 1e-3
        assert distance == pytest.approx(distances[least], abs=1e-2)
        position, velocity, _ = orbit.at(time)
        assert abs((position[0] - point) @ velocity[0]) < 1e-2  # of 6e9 m²/s


def test_the_answer_does_not_depend_on_other_points(annotations):
    """Bit by bit, or blocks of pixels that are solved one by one would differ."""
    grid = annotations["5371"].grid
    orbit = fit_orbit(annotations["5371"].vectors)
    points = earth_fixed_points(grid.longitudes, grid.latitudes, grid.heights)
    times, ranges = orbit.zero_doppler(points)
    order = np.random.default_rng(0).permutation(len(points))[:100]
    found = orbit.zero_doppler(points[order])
    np.testing.assert_array_equal(found[0], times[order])
    np.testing.assert_array_equal(found[1], ranges[order])


def test_what_is_not_finite_is_never_abeam(annotations):
    orbit = fit_orbit(annotations["5371"].vectors)
    points = np.array([[np.nan, 0, 0], [4.6e6, 1.0e6, 4.2e6]])
    times, ranges = orbit.zero_doppler(points)
    assert np.isnan(times[0])
    assert np.isnan(ranges[0])
    assert np.isfinite(times[1])


def test_earth_fixed_coordinates_are_those_of_pyproj():
    generator = np.random.default_rng(1)
    longitudes = generator.uniform(-180, 180, 200)
    latitudes = generator.uniform(-90, 90, 200)
    heights = generator.uniform(-500, 9000, 200)
    expected = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True).transform(
        longitudes, latitudes, heights
    )
    found = earth_fixed_points(longitudes, latitudes, heights)
    np.testing.assert_allclose(found, np.transpose(expected), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "lines", "metres"),
    [("5371", 2e-4, 2e-4), ("6D00", 2e-4, 4e-4),
     ("CEAB", 0.03, 0.002), ("3768", 0.03, 0.002), ("ECC8", 0.03, 0.06)],
)  # fmt: skip
def test_points_are_abeam_when_sarsen_has_them_abeam(annotations, name, lines, metres):
    """Frozen results of backward_geocode 0.9.6 for 40 places; it fits positions alone.

    Vectors of the last three are noisy, and velocities count here.
    """
    frozen = np.load(Path(__file__).with_name("sarsen_places.npz"))
    annotation = annotations[name]
    orbit = fit_orbit(annotation.vectors)
    times, ranges = orbit.zero_doppler(earth_fixed_points(*frozen[f"places_{name}"]))
    theirs = frozen[f"times_{name}"].astype("M8[ns]") - annotation.first_line
    assert np.abs(times - theirs / np.timedelta64(1, "s")).max() < lines * annotation.line_interval
    assert np.abs(ranges - frozen[f"ranges_{name}"]).max() < metres
