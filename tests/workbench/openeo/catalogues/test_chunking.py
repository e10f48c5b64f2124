"""How cubes of images are cut, and that no pixel of a file is read twice."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import dask
import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from workbench.openeo.catalogues import imageblocks, images
from workbench.openeo.catalogues.chunking import (
    Tiles,
    band_chunks,
    common_tiles,
    pieces,
    side_of_blocks,
)


@pytest.fixture
def read(monkeypatch):
    """Count what is read: by file, band and pixels."""
    counts = Counter()
    original = imageblocks.read_masked

    def spy(plane, bands, window):
        rows, cols = window
        for band in bands:
            where = np.zeros(plane.grid.shape, int)
            where[slice(*rows), slice(*cols)] = 1
            key = (plane.path.rpartition("/")[2], band)
            counts[key] = counts[key] + where
        return original(plane, bands, window)

    monkeypatch.setattr(imageblocks, "read_masked", spy)
    with dask.config.set(scheduler="synchronous"):  # threads would count over each other
        yield counts


@pytest.mark.parametrize("side", [7, 16, 64])
def test_each_pixel_of_each_band_is_read_once(folder, catalogue_of, monkeypatch, read, side):
    monkeypatch.setattr(images, "side_of_blocks", lambda series: side)
    assert catalogue_of().load("C").array.values.shape == (3, 2, 30, 30)
    assert len(read) == 6
    assert all((times == 1).all() for times in read.values())


@pytest.mark.parametrize("side", [16, 64])
def test_of_a_cube_of_all_bands_only_those_selected_are_read(
    folder, catalogue_of, monkeypatch, read, side
):
    monkeypatch.setattr(images, "side_of_blocks", lambda series: side)
    cube = catalogue_of().load("C").array
    assert cube.sel(bands="B08").isel(t=1).values.shape == (30, 30)
    assert list(read) == [("S2_20220611_B08.tif", 1)]
    assert all((times == 1).all() for times in read.values())


def test_bands_of_one_file_are_read_together(tmp_path, catalogue_of, small, read):
    x, y = small.centres()
    stack = np.stack([small.values(x, y, 0, band) for band in range(3)])
    small.write(tmp_path / "images" / "20220601.tif", stack)
    cube = catalogue_of('files: "{time}.tif"\nbands: [B02, B03, B04]').load("C").array
    assert cube.chunks[1] == (3,)
    assert np.array_equal(cube.values[0], stack)
    assert sorted(band for _, band in read) == [1, 2, 3]
    assert all((times == 1).all() for times in read.values())


def test_blocks_outside_of_polygons_are_not_read(tmp_path, catalogue_of, small, monkeypatch, read):
    left, top = small.corner
    for band in ("B02", "B03"):
        small.write(tmp_path / "images" / f"20220601_{band}.tif", np.ones((40, 40), np.uint16))
    corners = [[left, top], [left + 150, top], [left, top - 150], [left, top]]
    hole = [[left + 399, top - 399], [left + 400, top - 400], [left + 399, top - 400]]
    shape = {
        "type": "MultiPolygon",
        "coordinates": [[corners], [[*hole, hole[0]]]],
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}},
    }
    monkeypatch.setattr(images, "side_of_blocks", lambda series: 20)
    masks = []
    original = imageblocks.inside
    monkeypatch.setattr(imageblocks, "inside", lambda *a, **k: masks.append(1) or original(*a, **k))
    values = catalogue_of().load("C", shape).array.values[0]
    row, column = np.mgrid[:40, :40]
    assert np.array_equal(np.isnan(values[0]), row + column + 1 > 15)
    for times in read.values():
        assert (times[:20, :20] == 1).all()
        assert times.sum() == 400
    assert len(masks) == 4  # not once for each band


def test_bands_stay_together_where_there_would_be_too_many_tasks(folder, catalogue_of, monkeypatch):
    monkeypatch.setattr(images, "MOST_BLOCKS", 5)
    assert catalogue_of().load("C").array.chunks[1] == (2,)
    monkeypatch.setattr(images, "MOST_BLOCKS", 6)
    assert catalogue_of().load("C").array.chunks[1] == (1, 1)


def test_blocks_end_where_tiles_of_files_end(tmp_path, catalogue_of, monkeypatch, small, read):
    left, top = small.corner
    path = tmp_path / "images" / "20220601_B04.tif"
    path.parent.mkdir()
    values = np.arange(96 * 96, dtype=np.uint16).reshape(96, 96) + 1
    with rasterio.open(
        path, "w", driver="GTiff", height=96, width=96, count=1, dtype="uint16", crs=small.crs,
        transform=Affine(10, 0, left, 0, -10, top), tiled=True, blockxsize=32, blockysize=32,
    ) as file:  # fmt: skip
        file.write(values, 1)
    monkeypatch.setattr(images, "side_of_blocks", lambda series: 35)
    box = {"west": left + 100, "east": left + 900, "south": top - 960, "north": top, "crs": 32631}
    cube = catalogue_of().load("C", box).array
    assert cube.chunks[2:] == ((32, 32, 32), (22, 32, 26))
    assert np.array_equal(cube.values[0, 0], values[:, 10:90])
    (times,) = read.values()
    assert (times[:, 10:90] == 1).all()
    assert times.sum() == 96 * 80


@pytest.mark.parametrize(
    ("size", "side", "tiles", "expected"),
    [
        (5, 8, Tiles(), (5,)),
        (20, 8, Tiles(), (8, 8, 4)),
        (20, 8, Tiles(4, 0), (8, 8, 4)),
        (20, 8, Tiles(3, -2), (4, 6, 6, 4)),
        (20, 8, Tiles(12, -4), (8, 12)),  # half as many again, since a block is a tile
        (30, 8, Tiles(16, 0), (8, 8, 8, 6)),
        (40, 8, Tiles(25, 10), (3, 7, 9, 9, 7, 5)),  # tiles of 25 begin at -15, 10 and 35
        (20, 8, Tiles(5000, 0), (8, 8, 4)),  # strips, longer than a block can be
        (3000, 610, Tiles(1024, -100), (412, 512, 512, 512, 512, 512, 28)),
    ],
)
def test_pieces(size, side, tiles, expected):
    assert pieces(size, side, tiles) == expected


def test_pieces_cover_and_end_at_tiles():
    rng = np.random.default_rng(3)
    for _ in range(500):
        size, side, length = (int(n) for n in rng.integers(1, 300, 3))
        first = int(rng.integers(-500, 500))
        found = pieces(size, side, Tiles(length, first))
        assert sum(found) == size
        assert min(found) > 0
        assert max(found) <= np.ceil(side * 1.5)
        ends = np.cumsum(found)[:-1]
        if size > side and length > side:  # every end of a tile within is one of a block
            inside = [at for at in range(first % length, size, length) if at > 0]
            assert set(inside) <= set(ends.tolist())
        elif size > side:
            assert not ((ends - first) % length).any()


def test_bands_between_two_of_one_file_stay_with_them():
    def image(**paths):
        return SimpleNamespace(layers={k: SimpleNamespace(path=v) for k, v in paths.items()})

    names = ["a", "b", "c", "d", "e"]
    assert band_chunks(names, [image(a="1", b="2", c="3", d="4", e="5")]) == (1,) * 5
    assert band_chunks(names, [image(a="1", b="2", c="1", d="4")]) == (3, 1, 1)
    apart = [image(b="1", c="1"), image(d="2", e="2")]
    assert band_chunks(names, apart) == (1, 2, 2)
    assert band_chunks(["a"], apart) == (1,)


def test_tiles_that_most_layers_have_on_the_grid_of_the_cube():
    def layer(step, blocks, corner=(0, 0), crs="EPSG:32631"):
        affine = Affine(step, 0, 500_000 + corner[0], 0, -step, 5_000_000 + corner[1])
        return SimpleNamespace(grid=GeoBox((64, 64), affine, crs), blocks=blocks)

    target = GeoBox((50, 50), Affine(10, 0, 500_200, 0, -10, 4_999_900), "EPSG:32631")
    held = {
        "a": layer(10, (16, 32)), "b": layer(20, (8, 8)), "c": layer(10, None),
        "d": layer(10, (4, 4), crs="EPSG:32632"), "e": layer(10, (9, 9), corner=(5, 0)),
    }  # fmt: skip
    image = SimpleNamespace(layers=held)
    assert common_tiles([image], list(held), target) == (Tiles(16, -10), Tiles(32, -20))
    assert common_tiles([image], ["b", "c", "d", "e", "missing"], target) == (Tiles(), Tiles())


def test_a_series_over_a_block_fits_into_memory():
    sides = [side_of_blocks(series) for series in (1, 10, 90, 100, 500, 10_000)]
    assert sides == sorted(sides, reverse=True)
    assert all(256 <= side <= 1024 for side in sides)
    assert all(side**2 * n <= 2**25 for side, n in zip(sides, (1, 10, 90, 100, 500), strict=False))
