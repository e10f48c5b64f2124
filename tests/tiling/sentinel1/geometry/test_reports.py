"""Residual reports of five real products: numbers, text, file and figure."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.geometry.reports import (
    point_residuals,
    residual_report,
    residual_table,
)

NAMES = ["5371", "ECC8", "6D00", "CEAB", "3768"]


@pytest.fixture(scope="module")
def reports(annotations):
    return {name: residual_report(each, image_model(each)) for name, each in annotations.items()}


@pytest.mark.parametrize("name", NAMES)
def test_points_say_the_same_as_places(annotations, name):
    annotation = annotations[name]
    grid, model = annotation.grid, image_model(annotation, mode="nearest")
    found = point_residuals(annotation, model)
    lines, pixels = model.places(grid.longitudes, grid.latitudes, grid.heights)
    np.testing.assert_allclose(found.left_lines, lines - grid.lines, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.left_pixels, pixels - grid.pixels, rtol=0, atol=1e-9)
    nearest = model.residuals.nearest
    assert np.abs(found.of_lines).max() == nearest["line"]["max"]
    assert found.of_pixels.std() == nearest["pixel"]["std"]
    linear = model.residuals.linear["pixel"]["max"]
    assert np.abs(found.of_pixels_linear).max() == linear
    away = np.abs(found.times - model.ranges.polynomials.times[found.polynomials])
    assert away.max() <= 0.51  # s, half of what lies between two


@pytest.mark.parametrize("name", NAMES)
def test_a_report(reports, name):
    report = reports[name]
    assert name in report["product"]
    assert len(report["rows"]) == 10
    assert len(report["points"]) == 9
    assert {len(values) for values in report["points"].values()} == {210}
    assert max(row["line_max"] for row in report["rows"]) == pytest.approx(
        report["geometry"]["nearest"]["line"]["max"], abs=1e-6
    )
    assert [row["polynomial"] for row in report["rows"]] == sorted(
        row["polynomial"] for row in report["rows"]
    )
    assert json.loads(json.dumps(report)) == report
    assert report["warnings"] == []


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_a_correction_has_not_seen(reports, name):
    found = reports[name]["left_out"]
    if name in ("5371", "ECC8"):  # nothing is corrected
        assert found is None
    else:
        assert 1e-5 < found["line"] < 0.013
        assert found["pixel"] < 0.001


def test_steps_between_polynomials(reports):
    """Up to half of them is what linear and nearest differ by; 14 and 19 pixels as is known."""
    assert 13 < reports["5371"]["polynomials"]["largest_step_pixels"] < 15
    assert 18 < reports["ECC8"]["polynomials"]["largest_step_pixels"] < 20
    assert reports["CEAB"]["polynomials"]["added"] == 1


def test_a_table(reports):
    text = residual_table(reports["6D00"])
    assert "bistatic slope 0.4998, ground range linear" in text
    line = next(each for each in text.splitlines() if each.startswith("nearest polynomial"))
    assert [float(each) for each in line.split()[2:5]] == [0.05, 0.003, 0.0547]
    assert len(text.splitlines()) == 8 + 10
    assert max(map(len, text.splitlines())) <= 100


def test_warnings_say_what_is_left(annotations):
    annotation = annotations["3768"]
    report = residual_report(annotation, image_model(annotation, correct=False))
    assert report["warnings"] == [
        "0.296 lines are left at the points of the product, more than 0.02"
    ]
    assert report["warnings"][0] in residual_table(report)


def test_another_orbit_is_said(annotations):
    annotation = annotations["5371"]
    moved = replace(annotation.vectors, times=annotation.vectors.times + 1e-3, source="moved")
    report = residual_report(annotation, image_model(annotation, vectors=moved))
    (warning,) = report["warnings"]
    assert warning.startswith("0.669 lines are left")
    assert "made with the orbit of the product, not with this one" in warning


def test_a_correction_that_fails_between_its_points_is_told(annotations):
    """One row of the grid is a line off: the correction hides it at the points, not from us."""
    annotation = annotations["5371"]
    grid = annotation.grid
    row = grid.lines == np.unique(grid.lines)[4]
    bent = replace(grid, latitudes=grid.latitudes + np.where(row, 1e-4, 0.0))
    bent_annotation = replace(annotation, grid=bent)
    report = residual_report(bent_annotation, image_model(bent_annotation))
    assert report["geometry"]["corrected"]["line"]["max"] < 1e-3
    assert report["left_out"]["line"] > 0.5
    assert any("has not seen" in each for each in report["warnings"])


def test_a_share_of_travel_time_that_is_left_out_is_told(annotations):
    annotation = annotations["5371"]
    grid = annotation.grid
    around = grid.slant_times - grid.slant_times.mean()
    times = grid.lines * annotation.line_interval + 0.3 * around
    odd = replace(annotation, grid=replace(grid, times=times))
    assert any("0.300" in each for each in residual_report(odd, image_model(odd))["warnings"])
