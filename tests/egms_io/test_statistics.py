"""Every statistic as one sparse GeoTIFF, whose size follows the cells and not the area."""

from __future__ import annotations

import tracemalloc
import zipfile

import numpy as np
import pytest
import rasterio

import egms_io
from egms_io.formats.cellfields import CELL_FIELDS
from egms_io.writers import geotiffs
from egms_io.writers.cellwindows import cell_windows
from workbench.errors import BadFile
from workbench.rasters.wholerasters import whole_raster, written_raster

WIDE = (4_100_000, 1_700_000, 4_900_000, 2_500_000)  # 800 by 800 km: 64 million pixels a band


@pytest.fixture(scope="module")
def bursts(tmp_path_factory, pair):
    return pair(tmp_path_factory.mktemp("bursts"), dates=40)


@pytest.fixture(scope="module")
def wide(bursts):
    return egms_io.ortho(bursts, aoi=WIDE)


@pytest.mark.parametrize("component", ["E", "U"])
def test_bands_hold_the_values_of_the_cells(wide, tmp_path, component):
    paths = wide.write(tmp_path, formats=("statistics",))
    frame = wide.east if component == "E" else wide.up
    (path,) = [path for path in paths if f"_{component}_" in path.name]
    assert path.name == f"EGMS_L3_custom_{component}_2020_2020_1_statistics.tiff"
    with rasterio.open(path) as raster:
        assert raster.descriptions == tuple(field.name for field in CELL_FIELDS)
        assert raster.units == tuple(field.unit for field in CELL_FIELDS)
        assert raster.tags(3)["long_name"] == "slope of the linear and seasonal model"
        assert (raster.crs.to_epsg(), raster.res, raster.shape) == (3035, (100, 100), (8000, 8000))
        assert np.isnan(raster.nodata)
        assert raster.profile["compress"] == "deflate"
        pixels = np.array(list(raster.sample(frame[["easting", "northing"]].to_numpy())))
        row, column = raster.index(*(frame[axis].mean() for axis in ("easting", "northing")))
        window = ((row - 99, row + 101), (column - 99, column + 101))
        assert np.isfinite(raster.read(3, window=window)).sum() == len(frame)
    expected = frame[[field.name for field in CELL_FIELDS]].to_numpy(np.float32)
    np.testing.assert_array_equal(pixels, expected)


def test_size_and_memory_follow_the_cells_and_not_the_area(bursts, wide, bounds, tmp_path):
    small = egms_io.ortho(bursts, aoi=bounds)
    assert small.cells == wide.cells
    for product in (small, wide):  # what is loaded once is not counted
        product.write(tmp_path / "first", formats=("statistics",), overwrite=True)
    sizes, peaks = [], []
    for number, product in enumerate((small, wide)):
        tracemalloc.start()
        (path, _) = product.write(tmp_path / str(number), formats=("statistics",))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        sizes.append(path.stat().st_size)
    tiles = (8000 // 256 + 1) ** 2
    assert sizes[1] < sizes[0] + 8 * tiles + 100_000  # a place and a length for every tile
    assert sizes[1] < 200_000
    assert peaks[1] < 4 * len(CELL_FIELDS) * 256 * 256 * 6  # a few tiles of all bands


def test_a_wide_cube_holds_only_chunks_with_cells(wide, tmp_path):
    """All dates of all pixels would be 10 GB."""
    tracemalloc.start()
    (path, _) = wide.write(tmp_path, formats=("zarr",))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    with zipfile.ZipFile(path) as archive:
        chunks = [name for name in archive.namelist() if name.startswith("displacement/c/")]
    assert len(chunks) == len(list(cell_windows(wide, "E", [], 100))) == 4
    assert peak < 100e6


def test_a_large_velocity_raster_is_said_to_be_one(bursts, tmp_path, monkeypatch, caplog):
    product = egms_io.ortho(bursts, aoi="E45N20")
    product.write(tmp_path / "small", formats=("tiff",))
    assert "statistics" not in caplog.text
    monkeypatch.setattr(geotiffs, "LARGE", 1_000_000)
    product.write(tmp_path / "large", formats=("tiff",))
    assert f"0.0 GB for {product.cells} cells; the format statistics" in caplog.text


@pytest.mark.parametrize("side", [1, 3, 7, 256])
def test_windows_of_any_side_hold_each_cell_once(bursts, side):
    product = egms_io.ortho(bursts, aoi=(4_549_830, 2_049_700, 4_550_430, 2_050_370))
    lattice = product.area.lattice
    grid = np.full((lattice.rows, lattice.columns), np.nan, np.float32)
    for window in cell_windows(product, "U", ["mean_velocity"], side):
        assert np.isnan(grid[window.rows, window.columns]).all()
        (plane,) = window.grid(["mean_velocity"])
        assert np.isfinite(plane).any()
        grid[window.rows, window.columns] = plane
    slow = np.full_like(grid, np.nan)
    for cell in product.up.itertuples():
        row = int((lattice.bounds[3] - cell.northing) // 100)
        slow[row, int((cell.easting - lattice.bounds[0]) // 100)] = cell.mean_velocity
    np.testing.assert_array_equal(grid, slow)


def test_a_mosaic_holds_tiles_apart(bursts, tmp_path):
    product = egms_io.ortho(bursts, aoi=["E45N20", "E49N24"])
    paths = product.write(tmp_path, formats=("tiff", "statistics"))
    assert [path.name for path in paths if "statistics" in path.name] == [
        f"EGMS_L3_E45N20-E49N24_{component}_2020_2020_1_statistics.tiff" for component in "EU"
    ]
    assert max(path.stat().st_size for path in paths if "statistics" in path.name) < 200_000


def test_tiles_lost_on_the_way_are_noticed(wide, tmp_path):
    (path, _) = wide.write(tmp_path, formats=("statistics",))
    written = len(list(cell_windows(wide, "E", [], 256)))
    written_raster(path, blocks=written)
    with pytest.raises(BadFile, match=f"{written} of {written + 1} blocks"):
        written_raster(path, blocks=written + 1)
    with pytest.raises(BadFile, match="lacks its block"):
        whole_raster(path)
    whole_raster(path, sparse=True)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadFile):
        whole_raster(path, sparse=True)
