"""Tiles of one image: against plain definitions, real geolocation points, and for all blocks."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from tiling.sentinel1.errors import BadOrbitFile, CorruptedDataSAFEError
from tiling.sentinel1.geocoding import kept
from tiling.sentinel1.geocoding.tiles import TileJob
from tiling.sentinel1.geometry.lattices import ground_lattice
from tiling.sentinel1.products.safefolders import Image
from tiling.sentinel1.radiometry.calibration import calibration
from workbench.errors import BadInput
from workbench.rasters.tilegrid import tile_grid
from workbench.rasters.windows import Window, windows

TILE = "33TUG"
GRID = tile_grid(TILE)
PART = Window((4000, 4160), (5000, 5200))  # of the tile
HELD = Window((6200, 6600), (16_300, 16_640))  # of the image


@pytest.fixture(scope="module")
def speckled(with_pixels):
    """An image with speckle where PART of the tile lies, and holes of no data in it."""
    generator = np.random.default_rng(4)
    numbers = np.sqrt(generator.gamma(4.4, 1 / 4.4, HELD.shape)) * 100
    numbers[generator.random(numbers.shape) < 0.01] = 0
    numbers[:, 150:160] = 0
    return with_pixels({(6200, 16_300): numbers.astype(np.uint16)})


@pytest.fixture
def job(speckled, hills):
    return TileJob(speckled, TILE, GRID, hills)


def test_where_the_part_lies_in_the_image(job):
    """Or the other tests would compare nothing."""
    lines, pixels = job.places(PART)
    assert 6200 < lines.min() < lines.max() < 6599
    assert 16_300 < pixels.min() < pixels.max() < 16_639
    assert (job.block(PART) > 0).mean() > 0.8


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
@pytest.mark.parametrize("srgr", ["linear", "nearest"])
@pytest.mark.parametrize("exact", [False, True])
def test_pixels_do_not_depend_on_the_block(job, method, srgr, exact):
    """Bit by bit, for blocks of any size and place."""
    job = replace(job, method=method, srgr=srgr, exact=exact)
    whole = job.block(PART)
    for side in (200, 97, 64):
        found = np.full(PART.shape, np.nan, np.float32)
        for block in windows(PART.shape, side):
            rows, cols = (
                (first + start, end + start)
                for (first, end), (start, _) in zip(block, PART, strict=True)
            )
            found[block.slices] = job.block(Window(rows, cols))
        np.testing.assert_array_equal(found, whole)


def test_single_pixels_are_those_of_the_block(job):
    whole = job.block(PART)
    for row, col in ((4000, 5000), (4007, 5199), (4159, 5011), (4128, 5120)):
        one = job.block(Window((row, row + 1), (col, col + 1)))
        assert one[0, 0] == whole[row - 4000, col - 5000]


def test_blocks_of_threads_are_those_of_one(job):
    blocks = [
        Window((row, row + 40), (col, col + 50))
        for row in range(*PART.rows, 40)
        for col in range(*PART.cols, 50)
    ]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(job.block, blocks))
    whole = job.block(PART)
    for block, values in zip(blocks, found, strict=True):
        np.testing.assert_array_equal(values, whole[block.within(PART)])


def test_against_the_definition(job):
    """Calibrate, then weigh the four neighbours that have a value, pixel by pixel."""
    lines, pixels = job.places(PART)
    image = job.image
    powers = calibration(image, "sigma").apply(image.measurement.pixels(HELD), HELD)
    found = job.block(PART)
    generator = np.random.default_rng(0)
    for row, col in generator.integers(0, PART.shape, (500, 2)):
        line, pixel = lines[row, col] - HELD.rows[0], pixels[row, col] - HELD.cols[0]
        top, left = int(line), int(pixel)
        weights = np.outer([1 - line % 1, line % 1], [1 - pixel % 1, pixel % 1])
        corner = powers[top : top + 2, left : left + 2].astype(np.float64)
        valid = corner > 0
        if corner.ravel()[weights.argmax()] == 0:
            expected = 0.0
        else:
            expected = (weights * corner)[valid].sum() / weights[valid].sum()
        assert found[row, col] == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_the_nearest_pixel(job):
    nearest = replace(job, method="nearest")
    lines, pixels = nearest.places(PART)
    image = job.image
    powers = calibration(image, "sigma").apply(image.measurement.pixels(HELD), HELD)
    rows, cols = (
        np.floor(at + 0.5).astype(int) for at in (lines - HELD.rows[0], pixels - HELD.cols[0])
    )
    np.testing.assert_array_equal(nearest.block(PART), powers[rows, cols])


@pytest.mark.parametrize("srgr", ["linear", "nearest"])
def test_the_exact_path_is_the_oracle_of_the_lattice(job, srgr):
    fast, exact = replace(job, srgr=srgr), replace(job, srgr=srgr, exact=True)
    for found, expected, limit in zip(
        fast.places(PART), exact.places(PART), (1e-4, 0.005), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=limit)
    values = fast.block(PART), exact.block(PART)
    both = (values[0] > 0) & (values[1] > 0)
    assert both.mean() > 0.8
    assert np.median(np.abs(values[0][both] / values[1][both] - 1)) < 2e-3


@pytest.mark.parametrize("resolution", [20, 60, 100])
def test_coarser_pixels_have_a_lattice_as_fine(job, resolution):
    coarse = replace(job, grid=tile_grid(TILE, resolution))
    assert ground_lattice(coarse.grid).step == round(320 / resolution)
    window = Window((300, 400), (400, 500))
    for found, expected, limit in zip(
        coarse.places(window), replace(coarse, exact=True).places(window), (1e-4, 0.005),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(found, expected, rtol=0, atol=limit)


def test_a_grid_in_degrees(job):
    grid = GeoBox((400, 500), Affine(1e-4, 0, 13.0, 0, -1e-4, 42.0), "EPSG:4326")
    degrees = replace(job, grid=grid)
    assert ground_lattice(grid).step == 29
    window = Window((100, 200), (300, 420))
    for found, expected in zip(
        degrees.places(window), replace(degrees, exact=True).places(window), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.005)


def test_beyond_the_image_there_is_nothing(job):
    """The tile on the other side of the swath's edge."""
    away = replace(job, tile="34TCM", grid=tile_grid("34TCM"))
    window = Window((0, 100), (10_000, 10_200))
    assert not away.block(window).any()
    assert away.block(window).dtype == np.float32


NODES = [(3, 5), (3, 9), (4, 7), (5, 10), (6, 6), (6, 12)]  # row and column of the grid of points
BLOB = np.hypot(*np.mgrid[-6:7, -6:7])


@pytest.fixture(scope="module")
def targets(full_product, with_pixels):
    """An image with a bright spot on some points of its own geolocation grid."""
    grid = Image(full_product, "vv").annotation.grid
    parts = {}
    for row, col in NODES:
        index = row * 21 + col
        line, pixel = int(grid.lines[index]), int(grid.pixels[index])
        spot = 20_000 * np.exp(-(BLOB**2) / 2 / 0.9**2)
        parts[line - 6, pixel - 6] = (spot + 100).astype(np.uint16)
    return with_pixels(parts)


def found_at(job, east, north):
    """Return where a bright spot lies, pixels to the east and north of where it should."""
    grid = job.grid
    col, row = ~grid.affine @ (east, north)
    window = Window((int(row) - 10, int(row) + 11), (int(col) - 10, int(col) + 11))
    power = job.block(window).astype(np.float64)
    power[power < power.max() / 50] = 0
    rows, cols = (np.arange(*span) + 0.5 for span in window)
    return (
        (power.sum(axis=0) @ cols) / power.sum() - col,
        row - (power.sum(axis=1) @ rows) / power.sum(),
    )


@dataclass(frozen=True)
class Point:
    """Where a target is."""

    zone: int
    east: float
    north: float
    height: float
    incidence: float


def point(image, row, col):
    grid = image.annotation.grid
    index = row * 21 + col
    longitude, latitude = grid.longitudes[index], grid.latitudes[index]
    zone = int((longitude + 180) // 6) + 1
    project = Transformer.from_crs("EPSG:4326", f"EPSG:326{zone}", always_xy=True)
    return Point(
        zone, *project.transform(longitude, latitude), grid.heights[index], grid.incidences[index]
    )


def around(place):
    """A grid of 10 m around a place, not aligned with it."""
    affine = Affine(10, 0, place.east - 4003.3, 0, -10, place.north + 3996.1)
    return GeoBox((800, 800), affine, f"EPSG:326{place.zone}")


@pytest.mark.parametrize(("row", "col"), NODES)
def test_targets_land_where_the_product_says(targets, flat, row, col):
    """On points that the processor has placed, not our solver; a tenth of a pixel."""
    place = point(targets, row, col)
    job = TileJob(
        targets, "around", around(place), flat(place.height), remove_noise=False, srgr="nearest"
    )
    east, north = found_at(job, place.east, place.north)
    assert abs(east) < 0.1
    assert abs(north) < 0.1


@pytest.mark.parametrize(("row", "col"), NODES[:2])
def test_a_height_that_is_2000_m_wrong_moves_a_target(targets, flat, row, col):
    """By the height over the tangent of the incidence.

    On ground that is too low it comes nearer to the radar, which looks west and lies in the east.
    """
    place = point(targets, row, col)
    moved = 2000 / np.tan(np.radians(place.incidence)) / 10  # pixels
    job = TileJob(targets, "around", around(place), flat(place.height - 2000),
                  remove_noise=False, srgr="nearest")  # fmt: skip
    heading = np.radians(11.5)  # of the look, from west to north
    expected = moved * np.array([np.cos(heading), -np.sin(heading)])
    aside = found_at(job, place.east + 10 * expected[0], place.north + 10 * expected[1])
    shift = expected + aside
    assert np.hypot(*shift) == pytest.approx(moved, rel=0.02)


def test_the_geometry_is_made_once_for_all_polarisations(relief_product, hills):
    jobs = [
        TileJob(Image(relief_product, each), "32TNS", tile_grid("32TNS"), hills)
        for each in ("vv", "vh")
    ]
    assert jobs[0].model is jobs[1].model
    assert jobs[0].lattice is jobs[1].lattice
    assert replace(jobs[1], srgr="nearest").lattice is not jobs[0].lattice
    assert replace(jobs[1], grid_correction=False).model is not jobs[0].model


def test_a_job_goes_to_a_worker_and_is_small(job):
    job.block(PART)  # what it has read does not travel
    sent = pickle.dumps(job)
    assert len(sent) < 5000
    kept.forget()
    np.testing.assert_array_equal(pickle.loads(sent).block(PART), job.block(PART))


def test_a_product_that_comes_anew_is_read_anew(job, speckled):
    before = job.block(PART)
    path = speckled.path("annotation")
    text = path.read_text()
    try:
        path.write_text(text.replace("<azimuthTimeInterval>1.4", "<azimuthTimeInterval>1.5"))
        np.testing.assert_array_equal(job.block(PART), before)  # the manifest is the same
        (speckled.folder / "manifest.safe").touch()
        assert (job.block(PART) != before).any()
    finally:
        path.write_text(text)


@dataclass(frozen=True)
class Left:
    """A cut of everything to the left of a pixel."""

    pixel: int

    def cut(self, numbers, window):
        out = numbers.copy()
        out[:, : max(self.pixel - window.cols[0], 0)] = 0
        return out


def test_margins_are_cut(job):
    _, pixels = job.places(PART)
    edge = int(np.median(pixels))
    found, plain = replace(job, margins=Left(edge)).block(PART), job.block(PART)
    right, left = pixels > edge + 1, pixels < edge - 1
    np.testing.assert_array_equal(found[right], plain[right])
    assert not found[left].any()
    assert plain[left].any()


@pytest.mark.parametrize("kind", ["sigma", "beta", "gamma", "dn", "normlim"])
def test_kinds_of_calibration(job, kind):
    found = replace(job, kind=kind, remove_noise=False).block(PART)
    beta = replace(job, kind="beta", remove_noise=False).block(PART)
    assert (found > 0).mean() > 0.8
    assert np.array_equal(found, beta) == (kind in ("beta", "normlim"))


def test_an_orbit_file_is_used(job, tmp_path):
    with pytest.raises(BadOrbitFile, match="no such file"):
        replace(job, orbit_file=tmp_path / "none.EOF").block(PART)


def test_a_missing_measurement(full_product, hills, tmp_path):
    image = Image(full_product, "vh")
    with pytest.raises(CorruptedDataSAFEError, match="no such file"):
        TileJob(image, TILE, GRID, hills).block(PART)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"kind": "sigma0"}, "kind='sigma0': one of sigma, beta"),
        ({"method": "nn"}, "method='nn': one of nearest, bilinear"),
        ({"srgr": "cubic"}, "srgr='cubic': one of linear, nearest"),
        ({"lower": 0}, "lower=0"),
        ({"lower": float("nan")}, "lower=nan"),
        ({"step": 0}, "step=0"),
    ],
)
def test_options_that_are_wrong(job, wrong, match):
    with pytest.raises(BadInput, match=match):
        replace(job, **wrong)


@pytest.mark.parametrize(
    "window",
    [Window((-1, 5), (0, 5)), Window((0, 5), (10_975, 10_981)), Window((5, 5), (0, 5))],
)
def test_windows_that_are_not_in_the_tile(job, window):
    with pytest.raises(BadInput, match="not within"):
        job.block(window)


def test_the_description_goes_into_tags(job):
    found = job.description()
    assert json.loads(json.dumps(found)) == found
    assert found["calibration"] == "sigma"
    assert found["noise_removed"] is True
    assert found["geometry"]["ground_ranges"]["mode"] == "linear"


def test_what_is_kept_gives_way_to_what_is_newer():
    made = []
    some = kept.Kept(2)
    for key in (1, 2, 1, 3, 1, 2):
        assert some.get(key, lambda key=key: made.append(key) or key) == key
    assert made == [1, 2, 3, 2]


def test_what_fails_is_tried_again():
    some = kept.Kept(2)
    with pytest.raises(ZeroDivisionError):
        some.get(1, lambda: 1 // 0)
    assert some.get(1, lambda: "made") == "made"
