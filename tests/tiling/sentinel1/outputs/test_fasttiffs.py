"""Tiles that are deflated here: zlib and GDAL read them, byte by byte what TIFF says."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from tiling.sentinel1.outputs.encodings import encoding
from tiling.sentinel1.outputs.fasttiffs import deflated, fits
from tiling.sentinel1.outputs.rasters import write_tile
from workbench.rasters.windows import windows


def plain(block):
    """Store a block by the words of the technical note, with numpy."""
    rows, cols = block.shape
    planes = (
        np.array(block, ">f4", order="C").view(np.uint8).reshape(rows, cols, 4).transpose(0, 2, 1)
    )
    stored = planes.reshape(rows, 4 * cols).copy()
    stored[:, 1:] -= planes.reshape(rows, 4 * cols)[:, :-1]
    return stored.tobytes()


rng = np.random.default_rng(4)
SPECKLE = rng.gamma(4.4, 0.02, (96, 112)).astype(np.float32)
RUNS = np.repeat(rng.random(900).astype(np.float32), rng.integers(1, 700, 900))

BLOCKS = {
    "speckle": SPECKLE,
    "sides": np.where(np.arange(112) < 40, np.float32(0), SPECKLE),
    "zeros": np.zeros((512, 512), np.float32),
    "missing": np.full((16, 16), np.nan, np.float32),
    "any bits": rng.integers(0, 1 << 32, (64, 64), np.uint32).view(np.float32),
    "ramp": np.arange(1 << 14, dtype=np.float32).reshape(128, 128),
    "one": np.ones((1, 1), np.float32),
    "column": SPECKLE[:, :1],
    "row": SPECKLE[:1],
    "turned": SPECKLE.T,
    **{f"runs {width}": RUNS[: 120 * width].reshape(120, width) for width in (5, 257, 259, 1000)},
}


@pytest.mark.parametrize("name", BLOCKS)
def test_zlib_reads_it(name):
    block = BLOCKS[name]
    assert zlib.decompress(deflated(block, 3)) == plain(block)


@pytest.mark.parametrize("seed", range(20))
def test_zlib_reads_mixtures(seed):
    """Pieces of all kinds behind each other, in any width."""
    random = np.random.default_rng(seed)
    pieces = [
        random.choice([0, 1, 1e-7, np.nan, 1e30], 1)[0]
        * np.where(random.random(random.integers(1, 3000)) > random.random(), 1, random.random())
        for _ in range(30)
    ]
    flat = np.concatenate(pieces).astype(np.float32)
    width = int(random.integers(1, 600))
    block = flat[: flat.size // width * width].reshape(-1, width)
    assert zlib.decompress(deflated(block, 3)) == plain(block)


def test_it_is_no_larger_than_it_should_be():
    """As zlib for speckle, next to nothing for nothing."""
    speckle = rng.gamma(4.4, 0.02, (512, 512)).astype(np.float32)
    assert len(deflated(speckle, 3)) < 1.04 * len(zlib.compress(plain(speckle), 6))
    assert len(deflated(BLOCKS["zeros"], 3)) < BLOCKS["zeros"].nbytes / 200


SHAPE = (700, 900)
GRID = GeoBox(SHAPE, Affine(10, 0, 499980, 0, -10, 200040), "EPSG:32633")


def info(path):
    with rasterio.open(path) as file:
        structure = file.tags(ns="IMAGE_STRUCTURE")
        return (
            file.profile, file.tags(), file.descriptions, structure["PREDICTOR"],
            structure["COMPRESSION"], file.read(1),
        )  # fmt: skip


@pytest.mark.parametrize("options", ["", " BLOCKXSIZE=128 BLOCKYSIZE=64", " BLOCKXSIZE=1024"])
@pytest.mark.parametrize("side", [64, 130, 512, 2000])
def test_gdal_reads_what_it_would_have_written(tmp_path, options, side):
    power = rng.gamma(4.4, 0.02, SHAPE).astype(np.float32)
    power[:, :200] = 0
    made = list(windows(SHAPE, side))
    rng.shuffle(made)
    tags = {"CALIBRATION": "sigma", "TIFFTAG_DATETIME": "2020:02:01 00:00:00"}
    found = []
    for level in ("", " ZLEVEL=6"):
        form = encoding("tiled", f"COMPRESS=DEFLATE PREDICTOR=3{options}{level}")
        assert (form.fast_side is None) == bool(level)
        path = tmp_path / f"{len(found)}.tif"
        write_tile(
            path, [(w, power[w.slices]) for w in map(type(made[0])._make, made)], GRID, form, tags,
            description="vv",
        )  # fmt: skip
        found.append(info(path))
    (*ours, pixels), (*theirs, expected) = found
    assert ours == theirs
    np.testing.assert_array_equal(pixels, power)
    np.testing.assert_array_equal(expected, power)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("mask", "uint8 COMPRESS=DEFLATE"), ("lia_deg", "uint16 COMPRESS=DEFLATE"),
        ("gamma_area", "COMPRESS=DEFLATE"), ("tiled", "double BLOCKXSIZE=64"),
    ],
)  # fmt: skip
def test_files_of_other_kinds(tmp_path, kind, options):
    values = np.rint(100 * rng.gamma(4.4, 0.02, SHAPE)).astype(encoding(kind, options).dtype)
    found = []
    for level in ("", " ZLEVEL=6"):
        form = encoding(kind, options + level)
        assert (form.fast_side is None) == bool(level)
        path = tmp_path / f"{len(found)}.tif"
        write_tile(path, ((w, values[w.slices]) for w in windows(SHAPE, 300)), GRID, form, {})
        with rasterio.open(path) as file:
            assert file.compression is rasterio.enums.Compression.deflate
            np.testing.assert_array_equal(file.read(1), values)
            form = {name: str(value) for name, value in file.profile.items()}  # NaN is not NaN
            found.append((form, file.tags(ns="IMAGE_STRUCTURE").get("PREDICTOR")))
    assert found[0] == found[1]


def test_one_tile_in_the_file(tmp_path):
    grid = GeoBox((100, 90), GRID.affine, GRID.crs)
    values = SPECKLE[:1, :90] * np.ones((100, 1), np.float32)
    path = write_tile(
        tmp_path / "t.tif", ((w, values[w.slices]) for w in windows((100, 90), 7)), grid,
        encoding("tiled"), {},
    )  # fmt: skip
    np.testing.assert_array_equal(info(path)[-1], values)


@pytest.mark.parametrize(
    "options",
    [
        "COMPRESS=LZW", "COMPRESS=LZW PREDICTOR=3", "PREDICTOR=3 ZLEVEL=1", "PREDICTOR=2",
        "PREDICTOR=3 TILED=NO", "PREDICTOR=3 BIGTIFF=YES", "PREDICTOR=3 NUM_THREADS=2",
        "double PREDICTOR=3", "PREDICTOR=3 BLOCKXSIZE=100",
    ],
)  # fmt: skip
def test_gdal_does_the_rest(options):
    assert encoding("tiled", options).fast_side is None


def test_what_fits():
    assert fits((10980, 10980), np.dtype("float32"))
    assert not fits((30000, 30000), np.dtype("float32"))
    assert fits((30000, 30000), np.dtype("uint8"))
    assert encoding("tiled", cog=True).fast_side is None
    assert encoding("tiled").fast_side == encoding("filtered").fast_side == (512, 512)
