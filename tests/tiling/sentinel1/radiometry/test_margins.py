"""Margins that are cut: the counts of zeros, the processors, and what a window gets."""

from __future__ import annotations

import logging
import pickle
import re
import shutil

import numpy as np
import pytest
import rasterio

from tiling.sentinel1.products.safefolders import Image
from tiling.sentinel1.radiometry.margins import Margins, margins
from workbench.rasters.windows import Window

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")

SHAPE = (3000, 4000)
SOFTWARE = "Sentinel-1 IPF 003.40"


@pytest.fixture
def make_image(full_product, tmp_path):
    """Return a function that writes a product whose pixels are 1 but for zeros in two lines."""

    def make(
        top: int, bottom: int, shape: tuple[int, int] = SHAPE, software: str = SOFTWARE
    ) -> Image:
        target = tmp_path / full_product.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(full_product, target, ignore=shutil.ignore_patterns("*.tiff"))
        image = Image(target, "vv")
        path = image.path("annotation")
        text = path.read_text()
        for tag, side in zip(("numberOfLines", "numberOfSamples"), shape, strict=True):
            text = re.sub(rf"<{tag}>\d+<", f"<{tag}>{side}<", text)
        path.write_text(text)
        pixels = np.ones(shape, np.uint16)
        pixels[100:101, :top] = 0
        pixels[shape[0] - 100 : shape[0] - 99, :bottom] = 0
        image.path("measurement").parent.mkdir(exist_ok=True)
        with rasterio.open(
            image.path("measurement"), "w", driver="GTiff", dtype="uint16", count=1,
            height=shape[0], width=shape[1],
        ) as file:  # fmt: skip
            file.write(pixels, 1)
            file.update_tags(TIFFTAG_SOFTWARE=software)
        return Image(target, "vv")

    return make


@pytest.mark.parametrize(
    ("top", "bottom", "cut"),
    [
        (2000, 2000, (0, 0)),
        (2001, 2000, (1600, 0)),
        (0, 2001, (0, 1600)),
        (4000, 4000, (1600,) * 2),
    ],
)
def test_an_end_with_more_than_two_thousand_zeros_is_cut(make_image, top, bottom, cut):
    found = margins(make_image(top, bottom))
    assert (found.top, found.bottom) == cut
    assert (found.left, found.right, found.shape) == (0, 0, SHAPE)


@pytest.mark.parametrize(("asked", "cut"), [(True, 1600), (False, 0)])
def test_what_is_asked_for_wins_over_the_image(make_image, asked, cut):
    found = margins(make_image(4000, 0), asked)
    assert (found.top, found.bottom) == (cut, cut)


@pytest.mark.parametrize(
    ("software", "sides"),
    [
        ("Sentinel-1 IPF 002.84", 1000), ("Sentinel-1 IPF 002.90", 0),
        ("Sentinel-1 IPF 003.40", 0), ("something else", 0),
    ],
)  # fmt: skip
def test_sides_of_old_processors_are_cut(make_image, software, sides):
    found = margins(make_image(0, 0, software=software))  # the manifest says 003.40
    assert (found.top, found.left, found.right) == (0, sides, sides)


def test_sides_are_cut_where_nothing_tells_the_processor(make_image, caplog):
    image = make_image(0, 0, software="something else")
    path = image.folder / "manifest.safe"
    path.write_text(path.read_text().replace('version="003.40"', 'version="new"'))
    with caplog.at_level(logging.WARNING):
        found = margins(Image(image.folder, "vv"))
    assert found.left == 1000
    assert "nothing tells its processor" in caplog.text


@pytest.mark.parametrize(("lines", "cut"), [(199, 0), (200, 1600)])
def test_a_short_image_is_not_looked_at(make_image, caplog, lines, cut):
    with caplog.at_level(logging.WARNING):
        found = margins(make_image(3000, 3000, (lines, 4000)))
    assert found.top == found.bottom == cut
    assert ("too short" in caplog.text) is (cut == 0)
    assert ("hold all of its" in caplog.text) is (cut > 0)


def test_every_window_is_cut_as_the_whole_image_is(make_image):
    found = pickle.loads(pickle.dumps(Margins(160, 60, 100, 30, (300, 400))))
    values = np.random.default_rng(3).integers(1, 9, (300, 400)).astype(np.uint16)
    expected = values.copy()
    expected[:160] = expected[240:] = 0
    expected[:, :100] = expected[:, 370:] = 0
    untouched = values.copy()
    for window in (
        Window.whole(values.shape), Window((150, 250), (0, 400)), Window((0, 20), (0, 400)),
        Window((160, 240), (100, 370)), Window((161, 162), (99, 101)),
        Window((200, 300), (360, 400)),
    ):  # fmt: skip
        np.testing.assert_array_equal(
            found.cut(values[window.slices], window), expected[window.slices]
        )
    np.testing.assert_array_equal(values, untouched)


def test_what_is_not_cut_is_not_copied():
    values = np.ones((3, 4), np.uint16)
    assert Margins(0, 0, 0, 0, (3, 4)).cut(values, Window.whole((3, 4))) is values


def test_margins_larger_than_the_image_leave_nothing():
    values = np.ones((3, 4), np.uint16)
    assert not Margins(1600, 1600, 0, 0, (3, 4)).cut(values, Window.whole((3, 4))).any()
