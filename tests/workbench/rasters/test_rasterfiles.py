"""Raster files of any kind: in metres, in degrees, without a transform; whole or broken."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
import rasterio.warp
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.shutil import copy

from workbench.errors import BadFile
from workbench.rasters.planes import decode
from workbench.rasters.rasterfiles import open_raster
from workbench.rasters.regridding import plane_nearest_on, planes_on
from workbench.rasters.windows import Window

VALUES = np.arange(600, dtype=np.int16).reshape(20, 30)


@pytest.fixture
def radar(tmp_path):
    """A radar measurement: complex or amplitude, no CRS, no transform."""
    path = tmp_path / "measurement.tiff"
    with rasterio.open(
        path, "w", driver="GTiff", width=30, height=20, count=1, dtype="int16"
    ) as file:
        file.write(VALUES, 1)
    return path


@pytest.fixture
def dem(tmp_path, write_tif):
    """Heights in degrees, pixels narrower than high on the ground."""
    path = tmp_path / "dem.tif"
    heights = (np.add.outer(np.arange(40), np.arange(60)) / 7).astype(np.float32)
    heights[3, 4] = -9999
    write_tif(
        path, heights, crs="EPSG:4326", nodata=-9999,
    )  # fmt: skip
    with rasterio.open(path, "r+") as file:
        file.transform = Affine(1.5 / 3600, 0, 5.9, 0, -1 / 3600, 48.71)
    return path, heights


def test_a_raster_without_a_transform_is_read_by_its_pixels(radar):
    with pytest.raises(BadFile, match="not georeferenced"):
        open_raster(radar, dtypes="i")
    raster = open_raster(radar, dtypes="i", georeferenced=False)
    assert raster.grid is None
    assert raster.shape == (20, 30)
    found = raster.plane().pixels(Window((3, 9), (5, 30)))
    np.testing.assert_array_equal(found, VALUES[3:9, 5:30])
    with pytest.raises(BadFile, match="cannot be put on another grid"):
        planes_on([raster.plane()], GeoBox((2, 2), Affine.scale(10, -10), "EPSG:32631"),
                  Window.whole((2, 2)))  # fmt: skip


def test_heights_in_degrees_on_a_grid_in_metres(dem):
    """Bilinear heights of a tilted plane against the plane itself."""
    path, _ = dem
    plane = open_raster(path, dtypes="f").plane()
    target = GeoBox((12, 14), Affine(20, 0, 713_500, 0, -20, 5_398_800), "EPSG:32631")
    (found,) = planes_on([plane], target, Window.whole(target.shape), nodata=-9999)
    x, y = (np.arange(14) + 0.5) * 20 + 713_500, 5_398_800 - (np.arange(12) + 0.5) * 20
    lon, lat = rasterio.warp.transform(
        "EPSG:32631", "EPSG:4326", *(part.ravel() for part in np.meshgrid(x, y))
    )
    rows, cols = (48.71 - np.array(lat)) * 3600 - 0.5, (np.array(lon) - 5.9) * 2400 - 0.5
    inside = (rows > 0) & (rows < 39) & (cols > 0) & (cols < 59)
    away = np.hypot(rows - 3, cols - 4) > 2
    assert (inside & away).sum() > 50
    expected = ((rows + cols) / 7).reshape(12, 14)
    kept = (inside & away).reshape(12, 14)
    np.testing.assert_allclose(found[kept], expected[kept], atol=1e-3)
    values, known = plane_nearest_on(plane, target, Window.whole(target.shape))
    assert not (values[known] == -9999).any()


def test_a_file_that_is_cut_short(tmp_path, write_tif):
    """A COG has its header first, so it opens although its pixels are not there."""
    values = np.random.default_rng(1).integers(0, 9, (600, 600), "uint16")
    path = tmp_path / "a.tif"
    copy(write_tif(tmp_path / "plain.tif", values), path, driver="COG")
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(BadFile, match="cut short"):
        open_raster(path)


@pytest.mark.parametrize(
    ("content", "words"), [(None, "no such file"), (b"", "empty"), (b"nothing", "not a readable")]
)
def test_what_is_no_raster(tmp_path, content, words):
    path = tmp_path / "a.tif"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadFile, match=words):
        open_raster(path)


def test_a_type_that_is_not_admitted(radar, dem):
    with pytest.raises(BadFile, match="int16, expected unsigned integers or floats"):
        open_raster(radar, dtypes="uf", georeferenced=False)


def test_decoding_finds_damage_inside(tmp_path, write_tif):
    noise = np.random.default_rng(1).integers(0, 60_000, (64, 64), "uint16")
    path = write_tif(tmp_path / "a.tif", noise, compress="deflate")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(BadFile, match=r"a\.tif"):
        decode([open_raster(path).plane()])


@pytest.mark.parametrize(
    "window", [Window((8, 16), (3, 19)), Window((-4, 12), (20, 44)), Window((0, 20), (0, 30))]
)
def test_bands_of_one_file_on_its_own_grid_are_as_one_by_one(tmp_path, window):
    """Those that are read as they are, and those that reach beyond the file."""
    grid = GeoBox((20, 30), Affine(10, 0, 500_000, 0, -10, 5_400_000), "EPSG:32631")
    bands = np.stack([VALUES + 1000 * band for band in range(3)])
    path = tmp_path / "three.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=30, height=20, count=3, dtype="int16", nodata=-1,
        crs="EPSG:32631", transform=grid.affine,
    ) as file:  # fmt: skip
        file.write(bands)
    raster = open_raster(path, dtypes="i")
    target = GeoBox((14, 25), grid.affine @ Affine.translation(2, 3), grid.crs)
    expected = np.full((3, *window.shape), -1, np.int16)
    for row, col in np.ndindex(window.shape):
        at = (row + window.rows[0] + 3, col + window.cols[0] + 2)
        if 0 <= at[0] < 20 and 0 <= at[1] < 30:
            expected[:, row, col] = bands[:, *at]
    planes = [raster.plane(band) for band in (2, 0, 1)]
    found = planes_on(planes, target, window, nodata=-1)
    np.testing.assert_array_equal(found, expected[[2, 0, 1]])


def test_pixels_are_read_in_threads_without_warnings(tmp_path, write_tif):
    """They are opened without a CRS, of which rasterio warns through filters of the process."""
    path = tmp_path / "one.tif"
    write_tif(path, VALUES)
    plane, before = open_raster(path, dtypes="i").plane(), list(warnings.filters)
    with warnings.catch_warnings(record=True) as said, ThreadPoolExecutor(4) as pool:
        warnings.simplefilter("always")
        read = list(pool.map(plane.pixels, [Window((0, 20), (0, 30))] * 200))
    assert not said
    assert warnings.filters == before
    assert all((found == VALUES).all() for found in read)


def test_a_file_that_was_touched_is_read_and_one_that_was_moved_is_not(tmp_path, write_tif):
    """Machines may have copies of their own under one path, of another time."""
    path = tmp_path / "one.tif"
    write_tif(path, VALUES)
    plane = open_raster(path, dtypes="i").plane()
    os.utime(path, ns=(1, 1))
    np.testing.assert_array_equal(plane.pixels(Window((0, 20), (0, 30))), VALUES)
    with rasterio.open(path, "r+") as file:
        file.transform = file.transform @ Affine.translation(1, 0)
    with pytest.raises(BadFile, match="it has changed"):
        plane.pixels(Window((0, 20), (0, 30)))
