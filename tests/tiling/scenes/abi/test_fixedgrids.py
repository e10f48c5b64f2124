"""The grids of ABI files, against PROJ; windows, against every cell of a domain."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from tiling.scenes.abi.fixedgrids import FixedGrid, axis, covering
from tiling.scenes.abi.windows import read_window
from tiling.scenes.domains.scanangles import View
from tiling.scenes.errors import UnusableInput
from workbench.rasters.windows import Window

EAST = View(longitude=-75.0)


def full_disk(resolution, view=EAST):
    step = 28e-6 * resolution / 1000
    count = 10848 * 1000 // resolution
    first = (count - 1) / 2 * step
    return FixedGrid(-first, step, first, -step, (count, count), view)


def places(grid):
    """Return longitude and latitude of all cell centres of a domain."""
    rows, cols = grid.shape
    u, v = np.meshgrid(np.arange(cols) + 0.5, np.arange(rows) + 0.5)
    there = Transformer.from_crs(str(grid.crs), "EPSG:4326", always_xy=True)
    x = grid.affine.a * u + grid.affine.c
    y = grid.affine.e * v + grid.affine.f
    return there.transform(x, y)


@pytest.mark.parametrize("key", ["RadC-C08", "RadM1-C01"])
def test_pixels_of_a_real_file_are_those_of_proj(abi_files, key):
    with h5py.File(abi_files[key]) as file:
        grid = read_window(file, key, None).grid
        attrs = file["goes_imager_projection"].attrs
        plain = {name: np.ravel(value)[0] for name, value in attrs.items()}
        crs = CRS.from_cf(
            {k: v.decode() if isinstance(v, bytes) else float(v) for k, v in plain.items()}
        )
    assert grid.view.longitude == -89.5
    lon, lat = (values[::5, ::5] for values in grid.places())
    height = grid.view.height
    there = Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
    east, north = there.transform(lon, lat)
    rows, cols = grid.pixels(lon, lat)
    seen = np.isfinite(lon)
    assert seen.mean() > 0.9
    np.testing.assert_allclose(
        cols[seen], (east[seen] / height - grid.x_offset) / grid.x_scale, atol=1e-6
    )
    up = (north[seen] / height - grid.y_offset) / grid.y_scale
    np.testing.assert_allclose(rows[seen], up, atol=1e-6)
    expected = np.broadcast_to(np.arange(grid.shape[1])[::5], cols.shape)
    np.testing.assert_allclose(cols[seen], expected[seen], atol=1e-6)
    expected = np.broadcast_to(np.arange(grid.shape[0])[::5, None], rows.shape)
    np.testing.assert_allclose(rows[seen], expected[seen], atol=1e-6)


def test_float32_of_the_packing_costs_nothing():
    attrs = {"scale_factor": np.float32(1.4e-5), "add_offset": np.float32(-0.151865)}
    first, step = axis(21695, 21696, attrs)
    assert step == 1.4e-5
    assert first == pytest.approx(0.151865, abs=1e-15)


def test_degrees_take_the_shortest_decimal():
    attrs = {"scale_factor": np.float32(0.1), "add_offset": np.float32(-179.95)}
    assert axis(10, 20, attrs, degrees=True) == (-179.95 + 0.1 * 10, 0.1)


@pytest.mark.parametrize(
    ("attrs", "count"),
    [({"scale_factor": 0.0}, 5), ({"scale_factor": np.nan}, 5), ({"scale_factor": 1.0}, 0)],
)
def test_no_axis(attrs, count):
    with pytest.raises(UnusableInput, match="E061"):
        axis(0, count, attrs)


@pytest.mark.parametrize(("lat", "lon"), [(13.3, -57.72), (0, -75), (-55, -40), (60, -100)])
@pytest.mark.parametrize("pad", [0, 0.1])
def test_a_window_holds_every_cell_and_the_pad(domain, lat, lon, pad):
    grid = domain(lat, lon, 1000, 4000)
    source = full_disk(1000)
    found = covering(source, grid, pad)
    assert found.whole
    for pixels, span, size in zip(
        source.pixels(*places(grid)), found.window, source.shape, strict=True
    ):
        low, high = pixels.min(), pixels.max()
        least = max(pad * (high - low), 4)
        assert span[0] <= max(low - least + 0.5, 0)
        assert span[1] >= min(high + least + 0.5, size)
        # nor is it much larger: the outer half cell, and whole pixels of 2 km
        assert span[1] - span[0] < (high - low) * (1 + 2 * max(pad, 1e-9)) + 2 * 8 + 14


@pytest.mark.parametrize(("lat", "lon"), [(13.3, -57.72), (0, -75), (-55, -40)])
def test_windows_of_all_bands_are_the_same_ground(domain, lat, lon):
    grid = domain(lat, lon, 500)
    coarse = np.array(covering(full_disk(2000), grid, 0.1).window)
    for metres in (500, 1000):
        fine = np.array(covering(full_disk(metres), grid, 0.1).window)
        np.testing.assert_array_equal(fine, coarse * (2000 // metres))


def test_the_edge_is_followed_not_the_corners(domain):
    """In the far north sides are bent: the corners alone would cut the domain."""
    grid = domain(62, -75, 2000, 20000)
    source = full_disk(2000)
    window = covering(source, grid, 0).window
    corners = source.pixels(*(np.array(v)[[0, 0, -1, -1], [0, -1, 0, -1]] for v in places(grid)))
    rows, _ = source.pixels(*places(grid))
    assert rows.min() < corners[0].min() - 8  # else the test shows nothing
    assert window.rows[0] <= rows.min()


def test_a_domain_over_the_limb_is_read_as_far_as_it_is_seen(domain):
    grid = domain(0, 3, 1500, 10000)
    source = full_disk(2000)
    rows, cols = source.pixels(*places(grid))
    seen = np.isfinite(rows)
    assert 0 < seen.sum() < seen.size
    found = covering(source, grid, 0.1)
    assert not found.whole
    assert found.window.rows[0] <= rows[seen].min()
    assert found.window.rows[1] >= rows[seen].max()
    assert found.window.cols[0] <= cols[seen].min()
    assert found.window.cols[1] >= min(cols[seen].max(), 5424)


def test_behind_the_earth_there_is_no_window(domain):
    assert covering(full_disk(2000), domain(0, 105), 0.1) is None


def test_a_domain_beside_a_sector_has_no_window(domain):
    sector = full_disk(2000).part(covering(full_disk(2000), domain(20, -60), 0).window)
    assert covering(sector, domain(-20, -60), 0.1) is None


def test_a_domain_at_the_edge_of_a_sector_is_cut(domain):
    disk = full_disk(2000)
    sector = disk.part(covering(disk, domain(20, -60), 0).window)
    found = covering(sector, domain(21, -60), 0.1)
    assert not found.whole
    assert found.window.rows[0] == 0
    assert 0 < found.window.rows[1] < sector.shape[0]


def test_the_date_line_is_no_edge(domain):
    west = View(longitude=-137.0)
    grid = domain(10, 180, 600)
    found = covering(full_disk(2000, west), grid, 0)
    _, cols = full_disk(2000, west).pixels(*places(grid))
    assert found.whole
    assert found.window.cols[0] <= cols.min() < cols.max() <= found.window.cols[1]
    assert found.window.cols[1] - found.window.cols[0] < 400


@pytest.mark.parametrize("first", [-179.75, 0.25])
def test_longitudes_of_a_degree_grid_may_count_from_anywhere(domain, first):
    source = FixedGrid(first, 0.5, 89.75, -0.5, (360, 720), None)
    _, cols = source.pixels(np.array([-57.75, 302.25]), np.array([10.0, 10.0]))
    np.testing.assert_allclose(cols, ((-57.75 - first) % 360) / 0.5)
    found = covering(source, domain(10, -57.75, 300), 0.0)
    assert found.window.cols[1] - found.window.cols[0] < 20


def test_a_part_is_where_it_was():
    disk = full_disk(1000)
    window = Window((100, 300), (50, 90))
    part = disk.part(window)
    rows, cols = disk.pixels(-60.0, 10.0)
    within = part.pixels(-60.0, 10.0)
    np.testing.assert_allclose(within, (rows - 100, cols - 50), atol=1e-8)
    assert part.shape == window.shape
    np.testing.assert_allclose(part.x, disk.x[50:90], atol=1e-15)


@given(
    lat=st.floats(-60, 60),
    lon=st.floats(-60, 60),
    side=st.floats(40, 1500),
    pad=st.floats(0, 0.5),
    metres=st.sampled_from([500, 1000, 2000]),
    below=st.floats(-180, 180),
)
@settings(max_examples=60)
def test_any_domain_that_is_seen_lies_in_its_window(domain, lat, lon, side, pad, metres, below):
    grid = domain(lat, (below + lon + 180) % 360 - 180, side, side * 1000 / 40)
    source = full_disk(metres, View(longitude=below))
    rows, cols = source.pixels(*places(grid))
    found = covering(source, grid, pad)
    seen = np.isfinite(rows)
    if not seen.any():
        return
    for pixels, span in zip((rows[seen], cols[seen]), found.window, strict=True):
        assert span[0] <= max(pixels.min() - 3, 0)
        assert span[1] > min(pixels.max() + 3, source.shape[0] - 1)
        assert all(edge % (2000 // metres) == 0 for edge in span)
    if found.whole:
        assert seen.all()
