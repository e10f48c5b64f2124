"""Places by the lattice against places that are solved one by one, over relief of 3 km."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.geometry.lattices import ground_lattice, image_lattice
from tiling.sentinel1.products.annotations import RangePolynomials
from workbench.rasters.grids import transformer
from workbench.rasters.tilegrid import all_tiles, tile_footprint, tile_grid
from workbench.rasters.windows import Window, windows

HEIGHTS = (-50.0, 3000.0)

REAL = [
    ("5371", "33TUG"), ("5371", "33TVG"), ("5371", "32TQM"),
    ("ECC8", "32TNS"), ("ECC8", "32TPS"), ("ECC8", "33TUM"),
    ("CEAB", "32UPA"), ("3768", "32UNB"), ("6D00", "34SFH"),
]  # fmt: skip

ELSEWHERE = [
    ("31NBA", "on the equator"), ("31MBV", "just south of it"), ("19HCC", "south"),
    ("60JYS", "across the antimeridian"), ("01KAP", "across the antimeridian"),
    ("33XWG", "far north"), ("33XWL", "far north"), ("20CNS", "far south"),
]  # fmt: skip


def true_places(grid, window):
    """Longitudes and latitudes of pixel centres, each projected by itself."""
    rows, cols = (np.arange(*span) + 0.5 for span in window)
    east, north = grid.affine.c + grid.affine.a * cols, grid.affine.f + grid.affine.e * rows
    return transformer(str(grid.crs), "EPSG:4326").transform(*np.meshgrid(east, north))


def relief(shape, seed=0):
    """Any height at any pixel, which is worse than real relief, in the type of heights."""
    return np.random.default_rng(seed).uniform(*HEIGHTS, shape).astype(np.float32)


def corners(grid, side=100):
    """Windows at the corners, the middle, and across nodes of the lattice."""
    last = grid.shape[0] - side
    for row, col in ((0, 0), (0, last), (last, 0), (last, last), (last // 2 + 7, last // 2 + 3)):
        yield Window((row, row + side), (col, col + side))


def differences(model, grid, *, step=32):
    """Return the largest difference of lines and of pixels, and how many pixels were in both."""
    ground = ground_lattice(grid, step)
    lattice = image_lattice(model, ground, HEIGHTS)
    lines, pixels, count = 0.0, 0.0, 0
    for window in corners(grid):
        heights = relief(window.shape)
        longitudes, latitudes = true_places(grid, window)
        true = model.places(longitudes.ravel(), latitudes.ravel(), heights.ravel().astype(float))
        found = [each.ravel() for each in lattice.places(window, heights)]
        inside = (np.abs(true[0] - 8000) < 12_000) & (true[1] > 0) & (true[1] < model.shape[1])
        if model.ranges.mode == "nearest":  # at the change of polynomial either is right
            time = true[0] * model.line_interval + 0.5  # the list counts from half seconds
            at = model.ranges.polynomials.times
            middles = (at[1:] + at[:-1]) / 2
            travel = np.abs(time - 0.5 - middles[:, None]).min(axis=0)
            inside &= travel > 1e-3
        count += inside.sum()
        lines = max(lines, np.abs(found[0] - true[0])[inside].max(initial=0))
        pixels = max(pixels, np.abs(found[1] - true[1])[inside].max(initial=0))
    return lines, pixels, count


@pytest.mark.parametrize(("name", "tile"), REAL)
def test_the_lattice_of_real_images(annotations, name, tile):
    lines, pixels, count = differences(image_model(annotations[name]), tile_grid(tile))
    assert count > 4000
    assert lines < 1e-4
    assert pixels < 0.005


@pytest.mark.parametrize(("tile", "where"), ELSEWHERE)
@pytest.mark.parametrize("heading", [190.0, 350.0])
def test_the_lattice_elsewhere_on_earth(abeam, tile, where, heading):
    grid = tile_grid(tile)
    middle = Window((grid.shape[0] // 2,) * 2, (grid.shape[1] // 2,) * 2).grown(1)
    longitudes, latitudes = true_places(grid, middle)
    model = abeam(float(longitudes[0, 0]), float(latitudes[0, 0]), heading)
    lines, pixels, count = differences(model, grid)
    assert count > 20_000
    assert lines < 2e-4
    assert pixels < 0.005


def test_tiles_elsewhere_are_what_is_said_of_them():
    across = [tile for tile, where in ELSEWHERE if where == "across the antimeridian"]
    for tile in across:
        assert tile_footprint(tile).geom_type == "MultiPolygon"
    assert {tile for tile, _ in ELSEWHERE} <= set(all_tiles())


def test_longitudes_have_no_jump_at_the_antimeridian():
    for tile in ("60JYS", "01KAP"):
        ground = ground_lattice(tile_grid(tile))
        assert np.abs(np.diff(ground.longitudes, axis=1)).max() < 0.01
        longitudes, _ = ground.places(Window((0, 100), (0, 10980)))
        assert np.abs(np.diff(longitudes, axis=1)).max() < 0.001


@pytest.mark.parametrize("tile", ["33TUG", "60JYS", "33XWG"])
def test_longitudes_and_latitudes(tile):
    """A pixel is 1e-4 degrees; between nodes they are off by less than 0.02 of one."""
    grid = tile_grid(tile)
    ground = ground_lattice(grid)
    for window in corners(grid):
        longitudes, latitudes = ground.places(window)
        true = true_places(grid, window)
        away = (longitudes - true[0] + 180) % 360 - 180
        metres = 111_320 * np.hypot(away * np.cos(np.radians(true[1])), latitudes - true[1])
        assert metres.max() < 0.2


@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_nearest_and_linear(annotations, mode):
    lines, pixels, count = differences(
        image_model(annotations["ECC8"], mode=mode), tile_grid("32TNS")
    )
    assert count > 40_000
    assert (lines, pixels) < (1e-4, 0.005)
    assert pixels < 0.005


def test_a_finer_lattice_is_closer(annotations):
    model, grid = image_model(annotations["5371"]), tile_grid("33TUG")
    errors = [differences(model, grid, step=step)[1] for step in (16, 32, 64, 128)]
    assert errors == sorted(errors)
    assert 10 < errors[3] / errors[1] < 20  # fourfold at each step: bilinear


def test_the_highest_mountains(annotations, monkeypatch):
    """Three heights are enough for 9 km."""
    monkeypatch.setitem(globals(), "HEIGHTS", (-50.0, 8900.0))
    lines, pixels, count = differences(image_model(annotations["5371"]), tile_grid("33TUG"))
    assert count > 40_000
    assert lines < 1e-4
    assert pixels < 0.005


def test_without_a_correction_and_with_it(annotations):
    """The correction of an old product, a fifth of a line, is in the lattice."""
    annotation, grid = annotations["CEAB"], tile_grid("32UPA")
    window = Window((5000, 5100), (6000, 6100))
    heights = relief(window.shape)
    ground = ground_lattice(grid)
    found = [
        image_lattice(image_model(annotation, correct=correct), ground, HEIGHTS)
        .places(window, heights)[0]
        for correct in (False, True)
    ]  # fmt: skip
    assert 0.15 < (found[0] - found[1]).mean() < 0.2


@pytest.mark.parametrize("mode", ["linear", "nearest"])
@pytest.mark.parametrize("name", ["5371", "CEAB"])
def test_places_do_not_depend_on_the_block(annotations, name, mode):
    """Bit by bit, for blocks of any size and place."""
    model = image_model(annotations[name], mode=mode)
    tile = {"5371": "33TUG", "CEAB": "32UPA"}[name]
    ground = ground_lattice(tile_grid(tile))
    lattice = image_lattice(model, ground, HEIGHTS)
    whole = Window((4990, 5150), (0, 10980))
    heights = relief(whole.shape)
    expected = lattice.places(whole, heights)
    degrees = ground.places(whole)
    for rows, cols in [(1, 10980), (160, 1), (7, 1000), (33, 31), (64, 64), (160, 4097)]:
        for top in range(*whole.rows, 3 * rows):
            for left in range(0, 10980, max(cols, 1500)):
                part = Window((top, top + rows), (left, left + cols)).common(whole)
                inside = part.within(whole)
                found = lattice.places(part, heights[inside])
                for each, every in zip(found, expected, strict=True):
                    np.testing.assert_array_equal(each, every[inside])
                for each, every in zip(ground.places(part), degrees, strict=True):
                    np.testing.assert_array_equal(each, every[inside])


def test_heights_of_another_order_in_memory_and_of_another_type(annotations):
    model = image_model(annotations["5371"])
    lattice = image_lattice(model, ground_lattice(tile_grid("33TUG")), HEIGHTS)
    window = Window((100, 140), (200, 250))
    heights = relief(window.shape)
    expected = lattice.places(window, heights)
    for same in (np.asfortranarray(heights), heights.astype(np.float64)):
        np.testing.assert_array_equal(lattice.places(window, same), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 100), (33, 32), (34, 65)])
def test_small_grids(annotations, shape):
    """Every pixel lies between nodes, also where the grid is smaller than a step."""
    model = image_model(annotations["5371"])
    whole = tile_grid("33TUG")
    grid = GeoBox(shape, whole.affine @ Affine.translation(3000, 3000), whole.crs)
    window = Window.whole(shape)
    heights = relief(shape)
    lattice = image_lattice(model, ground_lattice(grid), HEIGHTS)
    longitudes, latitudes = true_places(grid, window)
    true = model.places(longitudes.ravel(), latitudes.ravel(), heights.ravel().astype(float))
    for found, expected in zip(lattice.places(window, heights), true, strict=True):
        np.testing.assert_allclose(found.ravel(), expected, rtol=0, atol=0.005)


def test_a_product_with_one_polynomial(annotations):
    annotation = annotations["5371"]
    fields = annotation.ranges.__dataclass_fields__
    one = RangePolynomials(*(getattr(annotation.ranges, name)[10:11] for name in fields))
    model = image_model(replace(annotation, ranges=one), correct=False)
    assert len(model.ranges.polynomials.times) == 1
    lines, pixels, count = differences(model, tile_grid("33TUG"))
    assert count > 40_000
    assert lines < 1e-4
    assert pixels < 0.005


def test_far_from_the_image_there_are_no_pixels(annotations):
    """A tile 5 degrees to the east of the swath."""
    model = image_model(annotations["5371"])
    grid = tile_grid("34TCK")
    lattice = image_lattice(model, ground_lattice(grid), HEIGHTS)
    window = Window((0, 50), (10_900, 10_980))
    _, pixels = lattice.places(window, relief(window.shape))
    assert np.isnan(pixels).all()


def test_heights_that_are_missing_have_no_place(annotations):
    model = image_model(annotations["5371"])
    lattice = image_lattice(model, ground_lattice(tile_grid("33TUG")), HEIGHTS)
    heights = relief((20, 20))
    heights[3, 4] = np.nan
    lines, pixels = lattice.places(Window((0, 20), (0, 20)), heights)
    assert np.isnan(pixels[3, 4])
    assert np.isnan(pixels).sum() == 1
    assert np.isnan(lines).sum() == 1


def test_a_lattice_goes_to_a_worker(annotations):
    model = image_model(annotations["CEAB"])
    lattice = image_lattice(model, ground_lattice(tile_grid("32UPA")), HEIGHTS)
    sent = pickle.dumps(lattice)
    assert len(sent) < 12e6  # bytes
    window = Window((500, 520), (600, 640))
    heights = relief(window.shape)
    np.testing.assert_array_equal(
        pickle.loads(sent).places(window, heights), lattice.places(window, heights)
    )


@pytest.mark.parametrize(("name", "tile"), [*REAL, ("5371", "33TWG"), ("5371", "33TUK")])
def test_windows_that_surely_lie_beside_the_image(annotations, name, tile):
    """No place in them is in the image, at any height; most that could be told are."""
    model, grid = image_model(annotations[name]), tile_grid(tile, 60)
    lattice = image_lattice(model, ground_lattice(grid), HEIGHTS)
    told = beside = 0
    for window in windows(grid.shape, 92):
        within = np.zeros(window.shape, bool)
        for height in (*HEIGHTS, 700.0):
            lines, pixels = lattice.places(window, np.full(window.shape, height, np.float32))
            within |= (
                (lines >= -0.5)
                & (lines < model.shape[0] - 0.5)
                & ((pixels >= -0.5) & (pixels < model.shape[1] - 0.5))
            )
        if not lattice.may_meet(window):
            assert not within.any()
            told += 1
        beside += not within.any()
    assert told >= 0.8 * beside


def test_a_window_of_one_pixel_at_the_edge_of_the_image(annotations):
    """Pixels on both sides of the edge: those in the image are never left out."""
    model, grid = image_model(annotations["5371"]), tile_grid("32TQM", 60)
    lattice = image_lattice(model, ground_lattice(grid), (0.0, 0.0))
    row = Window((900, 901), (0, grid.shape[1]))
    _, pixels = lattice.places(row, np.zeros(row.shape, np.float32))
    inside = (pixels[0] >= -0.5) & (pixels[0] < model.shape[1] - 0.5)
    assert 0 < inside.sum() < inside.size
    (edge,) = np.flatnonzero(np.diff(inside))
    told = [lattice.may_meet(Window((900, 901), (col, col + 1))) for col in range(grid.shape[1])]
    assert np.array(told)[inside].all()
    assert not all(told)
    assert np.abs(np.flatnonzero(np.diff(told)) - edge).max() < 12
