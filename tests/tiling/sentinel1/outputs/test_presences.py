"""Where a tile has values: the same whether it was kept when the tile was made, or read."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from tiling.sentinel1.outputs.bordermasks import BorderMask
from tiling.sentinel1.outputs.encodings import encoding
from tiling.sentinel1.outputs.presences import Presence, keep, presence_of, taking
from tiling.sentinel1.outputs.rasters import TileFile, strips, write_tile
from workbench.rasters.windows import Window, windows

SHAPE = (700, 901)
GRID = GeoBox(SHAPE, Affine(10, 0, 499980, 0, -10, 200040), "EPSG:32633")

rng = np.random.default_rng(8)
POWER = rng.gamma(4.4, 0.02, SHAPE).astype(np.float32)
POWER[rng.random(SHAPE) < 0.001] = 0
POWER[:, :130] = 0
POWER[100, 200:300] = np.nan


def written(path, presence, side):
    blocks = ((window, POWER[window.slices]) for window in windows(SHAPE, side))
    write_tile(path, taking(presence, blocks), GRID, encoding("tiled"), {}, overwrite=True)
    return TileFile(path)


@pytest.mark.parametrize("side", [64, 512, 2000])
@pytest.mark.parametrize("kept", [True, False])
def test_flags_are_those_of_the_tile(tmp_path, side, kept):
    presence = Presence(SHAPE)
    tile = written(tmp_path / "t.tif", presence, side)
    if kept:
        keep(tile.path, presence)
    found = presence_of(tile)
    assert (found is presence) == kept
    for window in (Window.whole(SHAPE), Window((3, 650), (121, 895)), Window((0, 1), (900, 901))):
        np.testing.assert_array_equal(found.block(window), POWER[window.slices] != 0)
    masks = [
        np.concatenate([block for _, block in BorderMask(source, SHAPE).blocks(strips(SHAPE, 100))])
        for source in (found, tile)
    ]
    np.testing.assert_array_equal(*masks)
    assert 0 < masks[0].mean() < 1


def test_it_is_kept_for_one_reader_and_the_very_file(tmp_path):
    presence = Presence(SHAPE)
    tile = written(tmp_path / "t.tif", presence, 512)
    keep(tile.path, presence)
    assert presence_of(tile) is presence
    assert presence_of(tile) is not presence
    keep(tile.path, presence)
    again = written(tile.path, Presence(SHAPE), 512)  # another file of the same name
    assert presence_of(again) is not presence


def test_only_a_few_are_kept(tmp_path):
    files = [tmp_path / str(number) for number in range(6)]
    tile = written(tmp_path / "t.tif", Presence(SHAPE), 512)
    presences = [Presence(SHAPE) for _ in files]
    for path, presence in zip(files, presences, strict=True):
        path.write_bytes(tile.path.read_bytes())
        keep(path, presence)
    kept = [presence_of(TileFile(path)) is presence
            for path, presence in zip(files, presences, strict=True)]  # fmt: skip
    assert kept == [False, False, True, True, True, True]


def test_windows_that_share_bytes_are_refused():
    with pytest.raises(ValueError, match="shares bytes"):
        Presence(SHAPE).take(Window((0, 10), (4, 12)), np.ones((10, 8)))


def test_only_what_is_stored_as_it_is_may_be_kept():
    assert encoding("tiled").faithful
    assert not encoding("tiled", "uint16 COMPRESS=DEFLATE").faithful
    assert not encoding("tiled", nodata=-1).faithful
