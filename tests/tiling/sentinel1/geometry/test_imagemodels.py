"""Places against the geolocation grids of five products (210 points each), IPF 2.36 to 3.40."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.geometry.orbits import LIGHT, earth_fixed_points

# Before the correction: mean and largest residual of lines, largest of pixels.
BEFORE = {
    "5371": (0.0006, 0.001, 1e-4),
    "ECC8": (0.0038, 0.012, 0.010),
    "6D00": (0.0500, 0.055, 2e-4),
    "CEAB": (0.1748, 0.193, 2e-4),
    "3768": (0.2851, 0.297, 4e-4),
}
CORRECTED = {"6D00", "CEAB", "3768"}


@pytest.mark.parametrize(("name", "before"), BEFORE.items())
def test_residuals_with_the_nearest_polynomial(annotations, name, before):
    model = image_model(annotations[name], mode="nearest")
    mean, most, across = before
    found = model.residuals.nearest
    assert found["line"]["mean"] == pytest.approx(mean, abs=1e-4)
    assert 0.9 * most < found["line"]["max"] <= most
    assert found["pixel"]["max"] <= across
    assert model.residuals.points == 210
    assert (model.correction is not None) == (name in CORRECTED)
    assert model.ranges.added == (name in {"CEAB", "3768"})


@pytest.mark.parametrize("name", BEFORE)
def test_residuals_after_the_correction(annotations, name):
    """The limit of the project: 0.02 lines and pixels, by places that are solved anew."""
    annotation = annotations[name]
    grid = annotation.grid
    model = image_model(annotation, mode="nearest")
    lines, pixels = model.places(grid.longitudes, grid.latitudes, grid.heights)
    assert np.abs(lines - grid.lines).max() <= 0.02
    assert np.abs(pixels - grid.pixels).max() <= 0.02
    found = model.residuals.corrected
    assert found["line"]["max"] == pytest.approx(np.abs(lines - grid.lines).max(), abs=1e-6)
    assert found["pixel"]["max"] == pytest.approx(np.abs(pixels - grid.pixels).max(), abs=1e-6)


@pytest.mark.parametrize("name", sorted(CORRECTED))
def test_the_correction_holds_between_its_points(annotations, name):
    """Rows of the grid that the correction has not seen agree with it."""
    annotation = annotations[name]
    grid = annotation.grid
    rows = np.unique(grid.lines)
    seen = np.isin(grid.lines, rows[[0, 2, 4, 6, 8, 9]])
    names = grid.__dataclass_fields__
    half = replace(grid, **{key: getattr(grid, key)[seen] for key in names})
    model = image_model(replace(annotation, grid=half), mode="nearest")
    lines, pixels = model.places(grid.longitudes, grid.latitudes, grid.heights)
    assert np.abs(lines - grid.lines)[~seen].max() < 0.02
    assert np.abs(pixels - grid.pixels)[~seen].max() < 0.02


@pytest.mark.parametrize("name", BEFORE)
def test_half_of_the_travel_time_is_in_the_time_of_a_line(annotations, name):
    model = image_model(annotations[name])
    assert model.bistatic.slope == pytest.approx(0.5, abs=0.01)
    assert model.bistatic.share == 0.5
    travel = annotations[name].grid.slant_times
    assert travel.min() < model.bistatic.reference < travel.max()


def test_without_the_bistatic_term_lines_are_off(annotations):
    annotation = annotations["5371"]
    grid, model = annotation.grid, image_model(annotation)
    plain = replace(model, bistatic=replace(model.bistatic, share=0.0))
    lines, _ = plain.places(grid.longitudes, grid.latitudes, grid.heights)
    assert 0.15 < np.abs(lines - grid.lines).max() < 0.2


def shifted(annotation, share):
    """The annotation of a processor that leaves this share of the travel time."""
    grid = annotation.grid
    around = grid.slant_times - grid.slant_times.mean()
    return replace(
        annotation, grid=replace(grid, times=grid.lines * annotation.line_interval + share * around)
    )


def test_a_processor_that_leaves_nothing(annotations):
    found = image_model(shifted(annotations["5371"], 0.0)).bistatic
    assert (found.share, found.slope) == (0.0, pytest.approx(0.0, abs=1e-9))


def test_a_share_that_is_neither_half_nor_none_is_left_out_and_said(annotations, caplog):
    found = image_model(shifted(annotations["5371"], 0.3)).bistatic
    assert found.share == 0.0
    assert found.slope == pytest.approx(0.3)
    assert "0.300 of the travel time" in caplog.text
    assert str(annotations["5371"].path) in caplog.text


@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_a_point_in_the_image_is_found_by_its_physics(annotations, mode):
    """Time and range of a line and pixel, by the definitions, give that line and pixel."""
    annotation = annotations["6D00"]
    model = image_model(annotation, mode=mode, correct=False)
    grid = annotation.grid
    points = earth_fixed_points(grid.longitudes, grid.latitudes, grid.heights + 500)
    lines, pixels = model.places(grid.longitudes, grid.latitudes, grid.heights + 500)
    travel = np.empty(len(points))
    for i, (point, line) in enumerate(zip(points, lines, strict=True)):
        time, half_travel = line * annotation.line_interval, 0.0
        for _ in range(8):  # the time of closest approach, by the definition of a line
            moment = time + model.bistatic.share * (2 * half_travel - model.bistatic.reference)
            position, velocity, _ = model.orbit.at(moment)
            half_travel = np.linalg.norm(position[0] - point) / LIGHT
        assert abs((position[0] - point) @ velocity[0]) / 7.6e3**2 < 1e-7  # s
        travel[i] = 2 * half_travel
    at = annotation.ranges.times
    ground = pixels * annotation.pixel_spacing
    slant = np.array(
        [np.polynomial.polynomial.polyval(ground, row) for row in annotation.ranges.to_slant]
    )
    times = lines * annotation.line_interval
    if mode == "nearest":
        chosen = np.abs(at[:, None] - times).argmin(axis=0)
        expected = slant[chosen, np.arange(len(times))]
    else:
        expected = np.array(
            [np.interp(t, at, column) for t, column in zip(times, slant.T, strict=True)]
        )
    # of two inverses the mean was taken, here of two slant ranges: the same to 2 cm
    np.testing.assert_allclose(travel * LIGHT / 2, expected, rtol=0, atol=0.03)


def test_a_higher_point_moves_towards_the_radar(annotations):
    """By its height over the tangent of the incidence, on the ground."""
    annotation = annotations["5371"]
    grid, model = annotation.grid, image_model(annotation, mode="nearest")
    _, low = model.places(grid.longitudes, grid.latitudes, grid.heights)
    _, high = model.places(grid.longitudes, grid.latitudes, grid.heights + 100.0)
    moved = (low - high) * annotation.pixel_spacing
    expected = 100.0 / np.tan(np.radians(grid.incidences))
    np.testing.assert_allclose(moved, expected, rtol=0.01)


def test_the_correction_can_be_left_out(annotations):
    annotation = annotations["CEAB"]
    model = image_model(annotation, correct=False)
    assert model.correction is None
    assert model.residuals.corrected == model.residuals.nearest
    assert model.description()["grid_correction"] is False


def test_between_its_nodes_the_correction_is_bilinear(annotations):
    correction = image_model(annotations["CEAB"]).correction
    lines = (correction.lines[3] + correction.lines[4]) / 2
    pixels = correction.pixels[7] * 0.75 + correction.pixels[8] * 0.25
    found, _ = correction.at(np.array([lines]), np.array([pixels]))
    table = correction.of_lines
    expected = (table[3, 7] + table[4, 7]) * 0.375 + (table[3, 8] + table[4, 8]) * 0.125
    assert found[0] == pytest.approx(expected, rel=1e-12)
    outside, _ = correction.at(np.array([-500.0]), np.array([-500.0]))
    assert outside[0] == table[0, 0]


def test_an_orbit_that_lies_elsewhere_is_seen_in_the_residuals(annotations):
    """A millisecond late, which is 7 m along the track or 0.67 lines."""
    annotation = annotations["5371"]
    vectors = annotation.vectors
    moved = replace(vectors, times=vectors.times + 1e-3, source="moved")
    found = image_model(annotation, vectors=moved, correct=False)
    lines = found.residuals.nearest["line"]["mean"] - 0.0006
    assert lines == pytest.approx(1e-3 / annotation.line_interval, abs=1e-4)
    assert found.description()["orbit"]["source"] == "moved"


def test_another_orbit_is_not_bent_back_to_the_grid_of_the_product(annotations):
    """The grid was made with the orbit of the product: correcting would undo a better one."""
    annotation = annotations["5371"]
    moved = replace(annotation.vectors, times=annotation.vectors.times + 1e-3, source="moved")
    model = image_model(annotation, vectors=moved)
    assert model.correction is None
    grid = annotation.grid
    lines, _ = model.places(grid.longitudes, grid.latitudes, grid.heights)
    assert (lines - grid.lines).mean() > 0.6


def test_a_grid_whose_points_do_not_lie_abeam(annotations):
    annotation = annotations["5371"]
    grid = annotation.grid
    far = replace(grid, latitudes=np.full_like(grid.latitudes, np.nan))
    with pytest.raises(CorruptedDataSAFEError, match="do not lie abeam"):
        image_model(replace(annotation, grid=far))


def test_a_grid_that_is_none_cannot_correct(annotations):
    annotation = annotations["CEAB"]
    grid = annotation.grid
    names = grid.__dataclass_fields__
    torn = replace(grid, **{key: getattr(grid, key)[:-1] for key in names})
    with pytest.raises(CorruptedDataSAFEError, match="not on a grid"):
        image_model(replace(annotation, grid=torn))


def test_the_description_goes_into_a_report(annotations):
    for annotation in annotations.values():
        found = image_model(annotation).description()
        assert json.loads(json.dumps(found)) == found
        assert found["points"] == 210
