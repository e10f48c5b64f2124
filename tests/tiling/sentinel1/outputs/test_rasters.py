"""Files of a tile: written block by block, read back; how pixels are stored."""

from __future__ import annotations

import hashlib
import resource
import signal
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from tiling.sentinel1.errors import ConfigurationError
from tiling.sentinel1.outputs.concatenation import Concatenated, concatenated
from tiling.sentinel1.outputs.encodings import ENCODINGS, encoding
from tiling.sentinel1.outputs.rasters import TileFile, strips, write_tile
from workbench.errors import BadInput, DiskFull, NotWritten, OutputExists
from workbench.rasters.windows import Window, windows

SHAPE = (700, 900)
GRID = GeoBox(SHAPE, Affine(10, 0, 499980, 0, -10, 200040), "EPSG:32633")
TAGS = {"CALIBRATION": "sigma", "TIFFTAG_DATETIME": "2020:02:01 00:00:00"}


@pytest.fixture
def power():
    """Speckle, with sides without values."""
    values = np.random.default_rng(1).gamma(4.4, 0.02, SHAPE).astype(np.float32)
    values[:, :60] = 0
    values[650:] = 0
    return values


class Held:
    """A tile in memory that remembers which windows it was asked for."""

    def __init__(self, values):
        self.values, self.asked = values, []

    def block(self, window):
        self.asked.append(window)
        return self.values[window.slices]


def blocks(values, side=256):
    for window in windows(values.shape, side):
        yield window, values[window.slices]


def test_what_is_written_is_read(tmp_path, power):
    path = write_tile(
        tmp_path / "33NWB" / "tile.tif", blocks(power), GRID, ENCODINGS["tiled"], TAGS,
        description="vv",
    )  # fmt: skip
    assert [each.name for each in path.parent.iterdir()] == ["tile.tif"]
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), power)
        assert (file.nodata, file.dtypes, file.descriptions) == (0, ("float32",), ("vv",))
        assert file.profile["compress"] == "deflate"
        assert file.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "3"
        assert file.block_shapes == [(512, 512)]
        assert (file.transform, file.crs.to_epsg()) == (GRID.affine, 32633)
        assert TAGS.items() <= file.tags().items()
    tile = TileFile(path)
    assert tile.shape == SHAPE
    assert tile.tags["CALIBRATION"] == "sigma"
    np.testing.assert_array_equal(tile.block(Window((5, 60), (50, 80))), power[5:60, 50:80])


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_blocks_change_no_byte(tmp_path, power):
    """Blocks of whole tiles of the file, in their order: the file is the same to the byte."""
    found = [
        write_tile(tmp_path / f"{n}.tif", made, GRID, ENCODINGS["tiled"], TAGS, description="vv")
        for n, made in enumerate(
            (
                blocks(power, 512),
                ((window, power[window.slices]) for window in strips(SHAPE, 512)),
                ((window, power[window.slices]) for window in strips(SHAPE)),
                [(Window.whole(SHAPE), power)],
            )
        )
    ]
    assert len({digest(path) for path in found}) == 1


def test_blocks_in_any_order_and_size(tmp_path, power):
    made = list(blocks(power, 130))
    np.random.default_rng(0).shuffle(made)
    path = write_tile(tmp_path / "tile.tif", made, GRID, ENCODINGS["tiled"], TAGS)
    np.testing.assert_array_equal(TileFile(path).block(Window.whole(SHAPE)), power)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda made: made[:-1], "0 blocks hold the pixel in row 512, column 768"),
        (lambda made: [*made, made[3]], "2 blocks hold the pixel in row 0, column 768"),
        (lambda made: [], "0 blocks"),
        (lambda made: [*made[:-1], (made[-1][0], made[-1][1][1:])], "a block .* for a window"),
        (lambda made: [*made, (Window((600, 701), (0, 9)), made[0][1][:101, :9])], "not within"),
    ],
)
def test_blocks_that_do_not_make_a_tile(tmp_path, power, spoil, words):
    with pytest.raises(BadInput, match=words):
        write_tile(
            tmp_path / "tile.tif", spoil(list(blocks(power))), GRID, ENCODINGS["tiled"], TAGS
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cog", [False, True])
def test_what_is_there_stays(tmp_path, power, cog):
    form = replace(ENCODINGS["tiled"], cog=cog)
    path = write_tile(tmp_path / "tile.tif", blocks(power), GRID, form, TAGS)
    before = digest(path)

    def torn():
        yield from list(blocks(power / 2))[:3]
        raise RuntimeError("stopped")

    with pytest.raises(OutputExists):
        write_tile(path, blocks(power / 2), GRID, form, TAGS)
    with pytest.raises(RuntimeError, match="stopped"):
        write_tile(path, torn(), GRID, form, TAGS, overwrite=True)
    assert digest(path) == before
    assert list(tmp_path.iterdir()) == [path]
    write_tile(path, blocks(power / 2), GRID, form, TAGS, overwrite=True)
    np.testing.assert_array_equal(TileFile(path).block(Window.whole(SHAPE)), power / 2)


@pytest.fixture
def room():
    """Return what lets no file of this process grow beyond some bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    @contextmanager
    def limited(most):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    yield limited
    signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("cog", [False, True])
@pytest.mark.parametrize(
    ("most", "error"), [(200, DiskFull), (300_000, DiskFull), (1_500_000, NotWritten)]
)
def test_a_full_disk(tmp_path, power, room, most, error, cog):
    form = replace(ENCODINGS["tiled"], cog=cog)
    with room(most), pytest.raises(error, match=r"tile\.tif"):
        write_tile(tmp_path / "tile.tif", blocks(power), GRID, form, TAGS)
    assert list(tmp_path.iterdir()) == []


def test_cloud_optimized(tmp_path, power):
    form = encoding("tiled", cog=True)
    path = write_tile(tmp_path / "tile.tif", blocks(power), GRID, form, TAGS)
    with rasterio.open(path) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.overviews(1)
        assert TAGS.items() <= file.tags().items()
        np.testing.assert_array_equal(file.read(1), power)
    mask = write_tile(
        tmp_path / "mask.tif", blocks((power > 0).astype(np.uint8)), GRID,
        encoding("mask", cog=True), TAGS,
    )  # fmt: skip
    with rasterio.open(mask, overview_level=0) as file:
        assert set(np.unique(file.read(1))) == {0, 1}


def test_no_data_of_the_configuration(tmp_path, power):
    for given, dtype in (("nan", None), (-9999, None), (255, "uint8 COMPRESS=LZW")):
        form = encoding("tiled", dtype, nodata=given)
        path = tmp_path / f"{given}.tif"
        write_tile(path, blocks(power * 1000), GRID, form, TAGS)
        with rasterio.open(path) as file:
            masked = file.read(1, masked=True)
        np.testing.assert_array_equal(np.ma.getmaskarray(masked), power == 0)
        back = TileFile(path, form).block(Window.whole(SHAPE))
        if dtype is None:
            np.testing.assert_array_equal(back, power * 1000)
        else:
            expected = np.where(power == 0, 0, np.clip(np.rint(power * 1000), 0, 254))
            np.testing.assert_array_equal(back, expected)


def test_angles_are_rounded_and_clipped():
    form = encoding("lia_deg")
    stored = form.encoded(np.array([[np.nan, 0.4, 0.6, 4512.5, 1e6, -3]]))
    np.testing.assert_array_equal(stored, [[0, 1, 1, 4512, 65535, 1]])
    assert stored.dtype == np.uint16
    assert encoding("lia_deg", nodata="nan").nodata == 0  # the default of S1Tiling is for sines
    assert encoding("lia_sin", "uint8").nodata == 0
    sines = encoding("lia_sin")
    values = np.array([[np.nan, 0.5]], np.float32)
    np.testing.assert_array_equal(sines.encoded(values), values)
    moved = encoding("lia_sin", nodata=-1)
    np.testing.assert_array_equal(moved.encoded(values), np.array([[-1, 0.5]], np.float32))
    np.testing.assert_array_equal(moved.decoded(moved.encoded(values)), values)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {"compress": "DEFLATE", "predictor": "3", "zlevel": "1", "blockxsize": 512}),
        ("COMPRESS=LZW", {"compress": "LZW", "predictor": None, "zlevel": None}),
        ("COMPRESS=DEFLATE ZLEVEL=9", {"zlevel": "9"}),
        ("double COMPRESS=DEFLATE, PREDICTOR=2", {"predictor": "2", "blockysize": 512}),
        ("BLOCKXSIZE=256 BLOCKYSIZE=256", {"blockxsize": "256", "compress": "deflate"}),
        ("TILED=NO", {"tiled": False, "blockxsize": None}),
        ({"pixel_type": "float", "gdal_options": ["COMPRESS=ZSTD"]}, {"compress": "ZSTD"}),
        ({"gdal_options": []}, {"compress": "DEFLATE"}),
    ],
)
def test_creation_options(given, expected):
    found = encoding("tiled", given).profile()
    if given == {"gdal_options": []}:
        expected = {"compress": "deflate", "predictor": None}
    assert {key: found.get(key) for key in expected} == expected


def test_strips_are_written(tmp_path, power):
    path = tmp_path / "tile.tif"
    form = encoding("tiled", "COMPRESS=DEFLATE TILED=NO BLOCKYSIZE=64")
    write_tile(path, blocks(power), GRID, form, TAGS)
    with rasterio.open(path) as file:
        assert file.block_shapes == [(64, 900)]
        np.testing.assert_array_equal(file.read(1), power)


@pytest.mark.parametrize(
    ("kind", "given", "nodata", "words"),
    [
        ("tiled", "compress=DEFLATE", None, "'compress=DEFLATE' is not NAME=value"),
        ("filtered", "COMPRESS=DEFLATE PREDICTOR", None, r"filtered: 'PREDICTOR' is not"),
        ("mask", "cfloat COMPRESS=DEFLATE", None, r"creation_options\.mask: pixel type 'cfloat'"),
        ("tiled", "uint8 PREDICTOR=3", None, "PREDICTOR=3 is for floats"),
        ("tiled", "uint8", -1, "uint8 has no value -1"),
        ("lia_deg", None, 1e6, "uint16 has no value"),
        ("tiled", None, "zero", "'zero'"),
    ],
)
def test_options_that_cannot_be(kind, given, nodata, words):
    with pytest.raises(ConfigurationError, match=words):
        encoding(kind, given, nodata=nodata)


def test_the_first_value_counts(power):
    rng = np.random.default_rng(2)
    layers = [power * (rng.random(SHAPE) > 0.5) for _ in range(3)]
    copies = [layer.copy() for layer in layers]
    expected = np.zeros_like(power)
    for row, col in np.ndindex(*SHAPE):
        expected[row, col] = next((x[row, col] for x in layers if x[row, col] != 0), 0)
    np.testing.assert_array_equal(concatenated(layers), expected)
    for layer, copy in zip(layers, copies, strict=True):
        np.testing.assert_array_equal(layer, copy)  # what was given is not changed
    by_blocks = np.zeros_like(power)
    for window, values in Concatenated([Held(x) for x in layers]).blocks(windows(SHAPE, 111)):
        by_blocks[window.slices] = values
    np.testing.assert_array_equal(by_blocks, expected)


def test_images_are_looked_at_where_they_are_needed(power):
    first, second = Held(np.where(power > 0, power, 0)), Held(np.ones_like(power))
    both = Concatenated([first, second])
    both.block(Window((0, 100), (100, 200)))
    assert second.asked == []
    assert (both.block(Window((0, 100), (0, 100)))[:, :60] == 1).all()
    assert len(second.asked) == 1
    with pytest.raises(ValueError, match="no image"):
        Concatenated([])
