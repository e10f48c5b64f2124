"""Border masks against their plain definition; quicklooks against plain means."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tiling.sentinel1.outputs.bordermasks import BorderMask
from tiling.sentinel1.outputs.quicklooks import quicklook, white_of, write_quicklook
from workbench.errors import BadInput, OutputExists
from workbench.rasters.windows import Window, windows


class Held:
    def __init__(self, values):
        self.values = values

    def block(self, window):
        return self.values[window.slices]


def plain(flags, radius):
    """Open a mask: a pixel stays if a ball with its middle on the tile holds it and fits."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    ball = y**2 + x**2 <= (radius + 0.5) ** 2  # ITK: pixels whose middle is in it
    kept = ndimage.binary_erosion(flags, ball, border_value=1)
    return ndimage.binary_dilation(kept, ball, border_value=0)


def scene(shape, seed):
    """Return smooth areas with ragged edges, specks and thin lines."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=shape), 12)
    flags = field > np.quantile(field, 0.4)
    flags ^= rng.random(shape) > 0.999
    flags[:, 100:103] = True
    flags[30:32] = False
    return flags


@pytest.mark.parametrize("radius", [0, 1, 2, 5, 9])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_masks_are_openings(radius, seed):
    flags = scene((211, 330), seed)
    values = np.where(flags, 0.1, 0).astype(np.float32)
    found = BorderMask(Held(values), flags.shape, radius).block(Window.whole(flags.shape))
    np.testing.assert_array_equal(found, plain(flags, radius))
    assert found.dtype == np.uint8


@pytest.mark.parametrize("side", [1, 7, 64, 100, 1000])
def test_blocks_change_nothing(side):
    flags = scene((60, 140), 3)
    mask = BorderMask(Held(flags.astype(np.float32)), flags.shape)
    found = np.full(flags.shape, 9, np.uint8)
    for window, values in mask.blocks(windows(flags.shape, side)):
        found[window.slices] = values
    np.testing.assert_array_equal(found, plain(flags, 5))


@pytest.mark.parametrize("value", [0, 1])
def test_full_and_empty_tiles(value):
    mask = BorderMask(Held(np.full((40, 50), value, np.float32)), (40, 50))
    assert (mask.block(Window((3, 17), (0, 50))) == value).all()


@pytest.fixture
def power():
    values = np.random.default_rng(1).gamma(4.4, 0.02, (2113, 137)).astype(np.float32)
    values[:, :20] = 0
    values[700:800, 100:] = np.nan
    return values


@pytest.mark.parametrize(
    ("per_cent", "ratio"), [(100, 1), (20, 5), (14, 7), (2.5, 40), (0.03, 3333)]
)
def test_quicklooks_are_means(power, per_cent, ratio):
    found = quicklook(Held(power), power.shape, ratio=per_cent, scale=0.2)
    rows, cols = (-(-size // ratio) for size in power.shape)
    assert found.shape == (rows, cols, 2)
    for row in range(0, rows, max(1, rows // 50)):
        for col in range(0, cols, max(1, cols // 10)):
            square = power[row * ratio : (row + 1) * ratio, col * ratio : (col + 1) * ratio]
            known = square[(square != 0) & np.isfinite(square)].astype(float)
            grey, opacity = found[row, col]
            assert opacity == (255 if known.size else 0)
            expected = 255 * np.sqrt(min(known.mean() / 0.2, 1)) if known.size else 0
            assert abs(float(grey) - max(expected, bool(known.size))) <= 0.51


def test_a_picture(tmp_path, power):
    path = write_quicklook(tmp_path / "tile.png", Held(power), power.shape, scale=white_of("VH"))
    with Image.open(path) as picture:
        assert (picture.mode, picture.size) == ("LA", (7, 106))
        np.testing.assert_array_equal(
            np.asarray(picture), quicklook(Held(power), power.shape, scale=0.05)
        )
    with pytest.raises(OutputExists):
        write_quicklook(path, Held(power), power.shape)
    assert white_of("vv", {"vv": 0.3}) == 0.3
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "wrong", [{"ratio": 0}, {"ratio": 101}, {"scale": 0}, {"scale": float("nan")}]
)
def test_pictures_that_cannot_be(power, wrong):
    with pytest.raises(BadInput, match="ratio up to 100"):
        quicklook(Held(power), power.shape, **wrong)
