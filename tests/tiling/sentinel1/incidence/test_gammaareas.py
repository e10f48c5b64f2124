"""Areas that the ground shows to the radar: closed forms, sums, and a plain simulation."""

from __future__ import annotations

import numpy as np
import pytest
from radarground import projected, rough_window, simulated, towards_the_radar
from scipy.ndimage import map_coordinates

from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.geometry.lattices import ground_lattice, image_lattice
from tiling.sentinel1.incidence.angles import level_incidence
from tiling.sentinel1.incidence.gammaareas import (
    LEAST,
    area_lattice,
    area_reach,
    gamma_area,
    radar_areas,
)
from tiling.sentinel1.incidence.looks import look_lattice
from tiling.sentinel1.incidence.normalisation import gamma_naught
from workbench.errors import BadInput
from workbench.rasters.tilegrid import tile_grid
from workbench.rasters.windows import Window, windows

HIGHEST = 2600.0


@pytest.fixture(scope="module")
def areas(looks, model):
    return area_lattice(looks, model)


@pytest.fixture(scope="module")
def image(ground, model):
    return image_lattice(model, ground, (0.0, HIGHEST))


@pytest.mark.parametrize("metres", [60, 300, 1800])
def test_level_ground_of_large_facets_has_the_cotangent(model, metres):
    """Their samples are as close in the image as those of small ones, so that none stays empty."""
    ground = ground_lattice(tile_grid("33TUG", metres))
    looks, image = look_lattice(ground, model.orbit), image_lattice(model, ground, (0.0, HIGHEST))
    window = Window((20, 24), (20, 25))
    heights = np.full(window.grown(3).shape, 300.0)
    found = gamma_area(area_lattice(looks, model), image, heights, window, 3)
    sine, _ = level_incidence(looks, np.full(window.grown(1).shape, 300.0), window)
    np.testing.assert_allclose(found, np.sqrt(1 - sine**2) / sine, rtol=0.005)


def test_a_cliff_is_even(grid, areas, image, model):
    """One facet over many pixels of the image leaves none of them out."""
    window = Window((5000, 5030), (5800, 5840))
    heights = np.zeros(window.shape)
    heights[:, 20:] = 400.0  # faces the radar in the west, which looks on its track's right side
    east, _ = towards_the_radar(grid, model.orbit, 5015, 5820)
    heights = heights[:, ::-1] if east > 0 else heights
    lines, pixels = image.places(window, heights)
    within = Window(
        (int(lines.min()) + 9, int(lines.max()) - 9), (int(pixels.min()), int(pixels.max()) + 2)
    )
    bins = radar_areas(areas, image, heights, window, within)
    low, high = (int(np.median(pixels[heights == each])) for each in (0.0, 400.0))
    middle = sorted((low - within.cols[0], high - within.cols[0]))
    assert middle[1] - middle[0] > 25
    part = bins[:, middle[0] + 6 : middle[1] - 6]
    assert part.min() > 0.5 * np.median(part)


@pytest.mark.parametrize("height", [0.0, 2400.0])
@pytest.mark.parametrize(("product", "tile"), [("5371", "33TUG"), ("ECC8", "32TPS")])
def test_level_ground_has_the_cotangent(annotations, product, tile, height):
    model, ground = image_model(annotations[product]), ground_lattice(tile_grid(tile))
    looks = look_lattice(ground, model.orbit)
    image = image_lattice(model, ground, (0.0, HIGHEST))
    for row, col in ((3000, 5000), (5000, 9000)):
        window = Window((row, row + 40), (col, col + 150))
        found = gamma_area(
            area_lattice(looks, model), image, np.full(window.grown(3).shape, height), window, 3
        )
        sine, _ = level_incidence(looks, np.full(window.grown(1).shape, height), window)
        expected = np.sqrt(1 - sine**2) / sine
        np.testing.assert_allclose(found, expected, rtol=0.005)
        assert abs(np.mean(found / expected) - 1) < 2e-4


def test_what_facets_show_is_all_in_the_image(grid, areas, image, model):
    """Every square metre lands once: none is lost in layover, none is made of shadow."""
    window = Window((4800, 4861), (7000, 7091))
    heights = rough_window(window, 0) * np.float32(1.1)
    rows, cols = np.mgrid[slice(*window.rows), slice(*window.cols)]
    expected = projected(grid, model.orbit, rows, cols, heights.astype(float))
    assert (expected == 0).mean() < 0.5
    lines, pixels = image.places(window, heights)
    within = Window(
        (int(lines.min()) - 1, int(lines.max()) + 3), (int(pixels.min()) - 1, int(pixels.max()) + 3)
    )
    bins = radar_areas(areas, image, heights, window, within)
    assert bins.min() >= 0
    assert bins.sum(dtype=float) == pytest.approx(expected.sum(), rel=2e-6)
    # What falls beyond a smaller window of the image is not pushed into its edge.
    inner = Window(*((a + 9, b - 7) for a, b in within))
    np.testing.assert_array_equal(
        radar_areas(areas, image, heights, window, inner), bins[inner.within(within)]
    )


def beta_of_ground(grid, areas, image, model, heights, window, halo):
    """Beta nought, at the pixels of a window, of ground that has gamma nought of 1 where seen."""
    bins, top, left = simulated(grid, model, heights, window, halo)
    inner = np.ascontiguousarray(heights[window.within(window.grown(halo))])
    lines, pixels = image.places(window, inner)
    node = areas.table[window.rows[0] // 32, window.cols[0] // 32]
    return map_coordinates(
        bins / (node[20] + 150 * node[21]), [lines - top, pixels - left], order=1
    )


def ridges(grid, orbit, window, halo, slope, period=400.0):
    """Ridges along the track with slopes of the same steepness on both sides."""
    row, col = (sum(each) // 2 for each in window)
    east, north = towards_the_radar(grid, orbit, row, col)
    grown = window.grown(halo)
    rows, cols = np.mgrid[slice(*grown.rows), slice(*grown.cols)]
    towards = 10 * ((cols - col) * east - (rows - row) * north)
    distance = np.abs((towards / period + 0.25) % 1 - 0.5) * period
    return (np.tan(np.radians(slope)) * distance + 100).astype(np.float32), towards, period


@pytest.mark.parametrize("slope", [12.0, 28.0])
def test_both_sides_of_a_ridge_have_the_same_gamma_nought(grid, looks, areas, image, model, slope):
    window = Window((5000, 5024), (5800, 5900))
    halo = area_reach(looks, (100.0, 220.0))
    heights, towards, period = ridges(grid, model.orbit, window, halo, slope)
    beta = beta_of_ground(grid, areas, image, model, heights, window, halo)
    found = gamma_naught(beta, gamma_area(areas, image, heights, window, halo))
    phase = (towards[window.within(window.grown(halo))] / period + 0.25) % 1
    edge = 0.06
    rising = (phase > edge) & (phase < 0.5 - edge)
    falling = (phase > 0.5 + edge) & (phase < 1 - edge)
    plain = [float(np.mean(beta[side])) for side in (rising, falling)]
    assert max(plain) / min(plain) > 1 + slope / 20  # the slopes are seen in beta nought
    for side in (rising, falling):
        assert abs(np.mean(found[side]) - 1) < 0.02
        np.testing.assert_allclose(found[side], 1, atol=0.12)


def test_layover_is_not_brightened(grid, looks, areas, image, model):
    """Where several slopes share a pixel, its power is over all of their areas."""
    window = Window((5000, 5012), (5800, 5900))
    halo = area_reach(looks, (100.0, 320.0))
    heights, _, _ = ridges(grid, model.orbit, window, halo, 55.0, 240.0)
    beta = beta_of_ground(grid, areas, image, model, heights, window, halo)
    found = gamma_naught(beta, gamma_area(areas, image, heights, window, halo))
    bright = beta > 3
    assert bright.mean() > 0.1
    assert abs(np.median(found[bright]) - 1) < 0.03
    assert np.mean(np.abs(found[bright] - 1) < 0.25) > 0.9


def test_areas_have_a_least(looks, areas, image):
    """On a slope that faces away nothing is seen; its area is the least, not nothing."""
    window = Window((5000, 5010), (5800, 5900))
    halo = area_reach(looks, (0.0, 1300.0))
    cols = np.arange(*window.grown(halo).cols)
    slope = np.clip((cols - 5800) / 50, 0, 1) * 1300  # falls away from the radar in the east
    heights = np.broadcast_to(slope, window.grown(halo).shape)
    level, _ = level_incidence(looks, heights[halo - 1 : 1 - halo, halo - 1 : 1 - halo], window)
    cotangent = np.sqrt(1 - level**2) / level
    for least in (LEAST, 0.4):
        found = gamma_area(areas, image, heights, window, halo, least=least)
        shares = found / cotangent
        np.testing.assert_allclose(shares[:, 5:45], least, rtol=1e-5)
        assert shares.min() == pytest.approx(least, rel=1e-5)
        assert shares[:, 60:].min() > 0.9


def test_blocks_do_not_matter(looks, areas, image):
    whole = Window((-2, 90), (7000, 7130))
    halo = area_reach(looks, (0.0, HIGHEST))
    expected = gamma_area(areas, image, rough_window(whole, halo), whole, halo)
    assert np.ptp(expected) > 1
    for part in windows(whole.shape, 59):
        window = Window(*((a + b, c + b) for (a, c), b in zip(part, (-2, 7000), strict=True)))
        for more in (0, 13):
            heights = rough_window(window, halo + more)
            found = gamma_area(areas, image, heights, window, halo + more)
            np.testing.assert_array_equal(found, expected[part.slices])


def test_unknown_heights(areas, image):
    window = Window((50, 60), (50, 60))
    heights = np.full((16, 16), 200.0)
    heights[8, 8] = np.nan
    found = gamma_area(areas, image, heights, window, 3)
    assert np.isnan(found[5, 5])
    assert np.isnan(found).sum() == 1
    assert np.isnan(gamma_area(areas, image, heights * np.nan, window, 3)).all()


def test_bad_input(areas, image):
    window = Window((0, 5), (0, 5))
    with pytest.raises(BadInput, match=r"heights are \(5, 5\), not \(11, 11\)"):
        gamma_area(areas, image, np.zeros((5, 5)), window, 3)
    for every in (0, 2, 3):
        with pytest.raises(BadInput, match=f"every is {every}: an odd number"):
            gamma_area(areas, image, np.zeros((11, 11)), window, 3, every=every)
    with pytest.raises(BadInput, match="halo is 2"):
        gamma_area(areas, image, np.zeros((9, 9)), window, 2)
    for least in (0, 1, -1, np.nan):
        with pytest.raises(BadInput, match="least is"):
            gamma_area(areas, image, np.zeros((11, 11)), window, 3, least=least)
