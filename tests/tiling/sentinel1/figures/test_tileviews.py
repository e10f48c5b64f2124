"""Tiles, masks, incidence and point targets as figures show them."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from tiling.sentinel1 import figures
from workbench.rasters.tilegrid import tile_grid

TILE = "32TPL"
SHAPE = (300, 400)


def shown(axis):
    return np.ma.filled(axis.images[0].get_array().astype(float), np.nan)


def corner():
    affine = tile_grid(TILE).affine
    return affine.c, affine.f


def test_a_tile_and_the_part_that_is_marked(write, speckled):
    path = write("tile.tif", speckled)
    left, top = corner()
    close = figures.view(path, (left + 500, top - 1500, left + 1500, top - 500))
    figure = figures.tile_image(figures.view(path, most=200), close, note="simulated")
    np.testing.assert_allclose(shown(figure.axes[1]), 10 * np.log10(close), atol=1e-4)
    box = figure.axes[0].patches[0]
    found = box.get_x() * 1000 - left, top - box.get_y() * 1000, box.get_width(), box.get_height()
    assert found == pytest.approx((500, 1500, 1, 1))
    titles = [axis.get_title() for axis in figure.axes[:2]]
    assert titles == ["150 x 200 pixels of 20 m", "100 x 100 pixels of 10 m"]
    assert figure.axes[2].get_ylabel() == "backscatter (dB)"


def test_the_scale_says_what_the_tile_holds(write, speckled):
    path = write("tile.tif", speckled)
    with rasterio.open(path, "r+") as file:
        file.update_tags(CALIBRATION="gamma_naught_rtc")
    image = figures.view(path, most=100)
    assert figures.tile_image(image, image).axes[2].get_ylabel() == "gamma nought by RTC (dB)"


def test_a_border_mask_and_its_share(write, speckled):
    inside = (speckled > 0).astype(np.uint8)
    power = figures.view(write("tile.tif", speckled))
    mask = figures.view(write("mask.tif", inside, None))
    figure = figures.border_mask(power, mask)
    np.testing.assert_array_equal(shown(figure.axes[1]), inside)
    assert "90% of this part" in figure.axes[1].get_title()


def test_backscatter_by_angle(write, speckled):
    angles = np.full(SHAPE, 3050, np.uint16)
    angles[:, 100:200] = 4570
    power = figures.view(write("tile.tif", speckled))
    degrees = figures.view(write("angles.tif", angles)) / 100
    degrees.attrs = power.attrs
    degrees = degrees.where(power["x"] < power["x"][200])
    figure = figures.incidence(degrees, power, (30.0, 46.0), note="simulated")
    curve = figure.axes[2].lines[0]
    np.testing.assert_array_equal(curve.get_xdata(), [31, 45])
    wanted = [np.median(speckled[:, :100]), np.median(speckled[:, 100:200])]
    np.testing.assert_allclose(curve.get_ydata(), 10 * np.log10(wanted), atol=1e-3)
    assert [axis.get_ylabel() for axis in figure.axes[3:]] == ["angle (°)", "backscatter (dB)"]


@pytest.fixture
def spots(write):
    """A tile with bright spots, and where they are."""
    rng = np.random.default_rng(8)
    left, top = corner()
    places = [(60.3, 80.7), (150.0, 200.5), (240.9, 300.2)]  # rows and columns
    power = rng.gamma(10, 0.001, SHAPE)
    rows, cols = np.indices(SHAPE)
    for row, col in places:
        power += 500 * np.exp(-((rows - row) ** 2 + (cols - col) ** 2))
    power[:, -20:] = 0
    named = [
        {"name": f"T{n}", "x": left + 10 * (col + 0.5), "y": top - 10 * (row + 0.5)}
        for n, (row, col) in enumerate(places)
    ]
    return write("spots.tif", power.astype(np.float32)), named


def test_point_targets_are_found_where_they_are(spots):
    path, named = spots
    found = figures.target_offsets(path, named)
    assert list(found["name"]) == ["T0", "T1", "T2"]
    assert np.abs(found[["east", "north"]].to_numpy()).max() < 0.02


def test_an_offset_has_its_size_and_sign(spots):
    path, named = spots
    west_of_it = [{**named[0], "x": named[0]["x"] - 20, "y": named[0]["y"] - 10}]
    found = figures.target_offsets(path, west_of_it).iloc[0]
    assert (found["east"], found["north"]) == pytest.approx((2, 1), abs=0.02)


def test_targets_beyond_the_image_are_left_out(spots):
    path, named = spots
    left, top = corner()
    others = [
        {"name": "edge", "x": left + 3750, "y": top - 1500},
        {"name": "beyond", "x": left - 5000, "y": top},
    ]
    assert list(figures.target_offsets(path, [*others, named[1]])["name"]) == ["T1"]
    assert figures.target_offsets(path, others).empty


def test_targets_and_offsets_are_drawn(spots):
    path, named = spots
    offsets = figures.target_offsets(path, named)
    figure = figures.point_targets(path, offsets, note="simulated")
    scatter = figure.axes[-1]
    drawn = {line.get_label(): line for line in scatter.lines}
    np.testing.assert_array_equal(drawn["targets"].get_xdata(), offsets["east"])
    circle = np.hypot(*drawn["a tenth of a pixel"].get_data())
    np.testing.assert_allclose(circle, 0.1)
    titles = [axis.get_title() for axis in figure.axes[:-1] if axis.get_visible()]
    assert titles == ["T0", "T1", "T2"]
    empty = figures.point_targets(path, offsets.iloc[:0])
    assert empty.get_suptitle() == "0 point targets on the tile"
