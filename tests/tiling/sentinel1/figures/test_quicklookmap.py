"""A picture of a whole image on the map: its colours lie where the product says they do."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pictures

from tiling.sentinel1 import figures
from tiling.sentinel1.figures.quicklookmap import on_the_map
from tiling.sentinel1.products.safefolders import Image
from workbench.errors import BadInput

SIDES = (120, 200)


@pytest.fixture(scope="module", params=["6D00", "CEAB"])  # descending and ascending
def product(older_products, request):
    return older_products[request.param]


def gradient():
    """A picture whose red says how far down, and green how far across."""
    down, across = np.indices(SIDES)
    blue = np.full(SIDES, 9)
    return np.stack([down * 2, across, blue], axis=-1).astype(np.uint8)


def test_colours_lie_at_the_points_of_the_products_own_grid(product):
    annotation = Image(product, "vv").annotation
    found, (west, south, east, north) = on_the_map(gradient(), annotation, None, 900)
    grid, (lines, pixels) = annotation.grid, annotation.shape
    inner = (grid.lines > 0.05 * lines) & (grid.lines < 0.95 * lines)
    inner &= (grid.pixels > 0.05 * pixels) & (grid.pixels < 0.95 * pixels)
    assert inner.sum() > 100
    row = (north - grid.latitudes[inner]) / (north - south) * found.shape[0]
    col = (grid.longitudes[inner] - west) / (east - west) * found.shape[1]
    colours = found[row.astype(int), col.astype(int)]
    assert (colours[:, 3] == 255).all()
    down, across = grid.lines[inner] / lines * 120, grid.pixels[inner] / pixels * 200
    assert np.abs(colours[:, 0] / 2 + 0.5 - down).max() < 1.2  # pixels of the picture
    assert np.abs(colours[:, 1] + 0.5 - across).max() < 1.2


def test_beyond_the_image_there_is_nothing(product):
    found, _ = on_the_map(gradient(), Image(product, "vv").annotation, None, 300)
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert found[corner][3] == 0
    share = (found[..., 3] > 0).mean()
    assert 0.6 < share < 0.95


def test_a_real_quicklook(product, tmp_path):
    with Pictures.open(product / "preview" / "quick-look.png") as file:
        picture = np.asarray(file.convert("RGB"))
    annotation = Image(product, "vv").annotation
    figure = figures.quicklook_map(picture, annotation)
    radar, placed = figure.axes
    np.testing.assert_array_equal(radar.images[0].get_array(), picture)
    shown = placed.images[0].get_array()
    opaque = shown[..., 3] > 0
    assert abs(float(shown[opaque][:, :3].mean()) - float(picture.mean())) < 3
    dots = placed.lines[0]
    np.testing.assert_array_equal(dots.get_xdata(), annotation.grid.longitudes)
    way = "ascending" if "CEAB" in product.name else "descending"
    assert figure.get_suptitle().endswith(way)
    figure.savefig(tmp_path / "quicklook.png")
    assert (tmp_path / "quicklook.png").stat().st_size > 100_000


@pytest.mark.parametrize("shape", [(5,), (5, 5, 2), (0, 5, 3)])
def test_what_is_no_picture_is_refused(older_products, shape):
    annotation = Image(older_products["6D00"], "vv").annotation
    with pytest.raises(BadInput, match="a picture of the shape"):
        figures.quicklook_map(np.zeros(shape), annotation)


def test_an_overview_of_two_polarisations(sentinel1_sample):
    folder = sorted((sentinel1_sample / "S1").glob("*.SAFE"))[0]
    images = [Image(folder, each) for each in ("vv", "vh")]
    found = figures.overview(*images, most=300)
    lines, pixels = images[0].annotation.shape
    side = -(-pixels // 300)
    assert found.shape == (lines // side, pixels // side, 3)
    top, left = (80 * side, 90 * side)
    from workbench.rasters.windows import Window

    part = images[0].measurement.pixels(Window((top, top + side), (left, left + side)))
    one, two = (found[at][0] for at in ((80, 90), (80, 200)))
    other = images[0].measurement.pixels(Window((top, top + side), (200 * side, 200 * side + side)))
    wanted = np.sqrt((part.astype(float) ** 2).mean() / (other.astype(float) ** 2).mean())
    assert one / two == pytest.approx(wanted, rel=0.05)
    grey = figures.overview(images[0], most=300)
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])
