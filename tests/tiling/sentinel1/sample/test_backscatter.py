"""The sample, calibrated and geocoded: backscatter and targets come out as they went in."""

from __future__ import annotations

import numpy as np
import pytest

from tiling.sentinel1.geocoding.blocks import calibrated, image_window, resampled
from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.geometry.lattices import ground_lattice, image_lattice
from tiling.sentinel1.geometry.orbits import earth_fixed_points
from tiling.sentinel1.products.safefolders import Image
from tiling.sentinel1.radiometry.calibration import calibration
from tiling.sentinel1.sample.landscape import (
    BACKSCATTER,
    CENTRE,
    CLASSES,
    FOREST,
    ellipsoidal_heights,
    kinds,
)
from workbench.rasters.tilegrid import tile_grid
from workbench.rasters.windows import Window


def _power(image: Image, kind: str, lines, pixels, *, remove_noise: bool = True):
    """Return calibrated pixels nearest to places."""
    rows, cols = np.rint(lines).astype(int), np.rint(pixels).astype(int)
    window = Window((rows.min(), rows.max() + 1), (cols.min(), cols.max() + 1))
    scale = calibration(image, kind, remove_noise=remove_noise)
    return calibrated(image, scale, window)[rows - rows.min(), cols - cols.min()].astype(float)


def _seen(image, model, truth, longitudes, latitudes):
    """Return places within the image and away from targets, and their lines and pixels."""
    lines, pixels = model.places(longitudes, latitudes, ellipsoidal_heights(longitudes, latitudes))
    inside = (lines > 20) & (lines < image.annotation.shape[0] - 20)
    for target in truth["targets"]:
        for place in target["places"]:
            if place["product"] == image.folder.name:
                inside &= np.hypot(lines - place["line"], pixels - place["pixel"]) > 8
    assert inside.sum() > 3_000
    return (longitudes[inside], latitudes[inside]), lines[inside], pixels[inside]


def _local(east, north):
    """Return longitudes and latitudes of local metres."""
    return (
        CENTRE[0] + east / (111_320 * np.cos(np.radians(CENTRE[1]))),
        CENTRE[1] + north / 111_050,
    )


def _square(left, bottom, width, height, step=20.0):
    return _local(
        *(each.ravel() for each in np.meshgrid(
            np.arange(left, left + width, step), np.arange(bottom, bottom + height, step)
        ))
    )  # fmt: skip


def _sine(model, longitudes, latitudes):
    """Return the sine of the local incidence in the plane of range."""
    metre = 1e-5  # degrees
    place = earth_fixed_points(longitudes, latitudes, ellipsoidal_heights(longitudes, latitudes))

    def moved(east, north):
        there = longitudes + east, latitudes + north
        return earth_fixed_points(*there, ellipsoidal_heights(*there))

    normal = np.cross(moved(metre, 0) - moved(-metre, 0), moved(0, metre) - moved(0, -metre))
    times, _ = model.orbit.zero_doppler(place)
    sight = model.orbit.at(times)[0] - place
    across = np.cross(place, sight)
    across /= np.linalg.norm(across, axis=1)[:, None]
    normal -= np.einsum("ij,ij->i", normal, across)[:, None] * across
    both = np.linalg.norm(normal, axis=1) * np.linalg.norm(sight, axis=1)
    return np.linalg.norm(np.cross(normal, sight), axis=1) / both


def _decibel(value):
    return 10 * np.log10(value)


@pytest.mark.parametrize("polarisation", ["vv", "vh"])
def test_forest_is_as_bright_as_it_was_made(images, truth, polarisation):
    image = Image(images[1].folder, polarisation)
    model = image_model(image.annotation)
    where = _square(FOREST[0] + 100, FOREST[1] + 100, FOREST[2] - 200, FOREST[3] - 200)
    where, lines, pixels = _seen(image, model, truth, *where)
    found = _power(image, "beta", lines, pixels) * _sine(model, *where)
    wanted = BACKSCATTER[polarisation][CLASSES.index("forest")]
    assert _decibel(found.mean()) == pytest.approx(wanted, abs=0.04)
    looks = found.mean() ** 2 / found.var()
    assert looks == pytest.approx(4.4, rel=0.1) if polarisation == "vv" else looks < 4.6


def test_sea_is_as_bright_as_it_was_made_by_the_incidence_that_is_annotated(images, truth):
    image = images[0]
    model = image_model(image.annotation)
    where = _square(-7_000, 9_500, 3_000, 1_500)
    assert not kinds(*where).any()
    where, lines, pixels = _seen(image, model, truth, *where)
    found = _power(image, "sigma", lines, pixels)
    assert _decibel(found.mean()) == pytest.approx(BACKSCATTER["vv"][0], abs=0.05)
    noisy = _power(image, "sigma", lines, pixels, remove_noise=False)
    assert _decibel(noisy.mean()) > BACKSCATTER["vv"][0] + 0.3


def test_slopes_are_bright_and_even_once_normalised(images, truth):
    """The rock of the hills: towards the radar, which looks west, it is brighter than away."""
    image = images[0]
    model = image_model(image.annotation)
    where = _square(-1_500, -2_500, 7_500, 7_000, 25)
    rock = kinds(*where) == CLASSES.index("rock")
    where = where[0][rock], where[1][rock]
    where, lines, pixels = _seen(image, model, truth, *where)
    beta, sine = _power(image, "beta", lines, pixels), _sine(model, *where)
    steep = sine < np.quantile(sine, 0.2), sine > np.quantile(sine, 0.8)
    plain = [_decibel(beta[chosen].mean()) for chosen in steep]
    assert plain[0] - plain[1] > 1.0
    for chosen in steep:
        even = _decibel((beta * sine)[chosen].mean())
        assert even == pytest.approx(BACKSCATTER["vv"][CLASSES.index("rock")], abs=0.1)


EAST, NORTH = -0.989, 0.147
"""Where the radar looks: west, and a little north."""


def _offsets(image, truth, above: float = 0.0):
    """Return how far targets lie from their places on the tile's grid, (n, 2) east and north, m.

    With the ground as it is, or as a level that many metres above the target.
    """
    grid = tile_grid(truth["tile"])
    ground = ground_lattice(grid)
    left_edge, top_edge = grid.affine.c, grid.affine.f
    lattice = image_lattice(image_model(image.annotation), ground, (0.0, 3_500.0))
    scale, shape = calibration(image, "sigma"), image.annotation.shape
    found = []
    for target in truth["targets"]:
        if all(place["product"] != image.folder.name for place in target["places"]):
            continue
        col, row = (target["x"] - left_edge) / 10 - 0.5, (top_edge - target["y"]) / 10 - 0.5
        side, moved = 20, above / np.tan(np.radians(39.4)) / 10
        top, left = round(row - NORTH * moved) - side, round(col + EAST * moved) - side
        window = Window((top, top + 2 * side + 1), (left, left + 2 * side + 1))
        lon, lat = ground.places(window)
        level = target["height"] + above if above else ellipsoidal_heights(lon, lat)
        lines, pixels = lattice.places(window, np.broadcast_to(level, window.shape))
        part = image_window(lines, pixels, shape)
        power = resampled(calibrated(image, scale, part), part, shape, lines, pixels)
        spot = np.where(power > 0.02 * power.max(), power, 0).astype(float)
        rows, cols = np.indices(spot.shape)
        centre = (rows * spot).sum() / spot.sum() + top, (cols * spot).sum() / spot.sum() + left
        found.append(((centre[1] - col) * 10, (row - centre[0]) * 10))
    return np.array(found)


def test_targets_land_within_a_tenth_of_a_pixel(images, truth):
    offsets = np.concatenate([_offsets(image, truth) for image in images])
    assert len(offsets) > 25
    assert np.abs(offsets).max() < 1.0
    assert np.abs(offsets.mean(axis=0)).max() < 0.2


def test_ground_that_is_too_high_moves_targets_by_its_error_over_the_tangent(images, truth):
    offsets = _offsets(images[0], truth, above=2_000.0)
    annotated = images[0].annotation.grid.incidences
    least, most = (2_000 / np.tan(np.radians(each)) for each in (annotated.max(), annotated.min()))
    moved = np.hypot(*offsets.T)
    assert (offsets @ (EAST, NORTH) > 0.999 * moved).all()
    assert moved.min() > 0.99 * least
    assert moved.max() < 1.01 * most
