"""Cubes on other grids, beside rasterio on the whole image and slow loops over pixels."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import rasterio.crs
import xarray as xr
from affine import Affine
from pyproj import CRS, Transformer
from rasterio.warp import Resampling, reproject

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.errors import OpenEOError
from workbench.openeo.space import regrids, warps
from workbench.openeo.space.regrids import known_crs, on_grid_of, resampled
from workbench.openeo.space.warps import METHODS

UTM = CRS("EPSG:32632")
DEGREES = CRS("EPSG:4326")


def raster(values, x0=500_000.0, y0=5_400_000.0, step=(10.0, -10.0), crs=UTM):
    """A cube (..., y, x) whose first corner lies at x0, y0."""
    values = np.asarray(values)
    rows, cols = values.shape[-2:]
    layers = [f"l{n}" for n in range(values.ndim - 2)]
    dimensions = {name: Dimension("other") for name in layers}
    dimensions |= {
        "y": Dimension("spatial", "y", step[1]),
        "x": Dimension("spatial", "x", step[0]),
    }
    coords = {name: np.arange(values.shape[n]) for n, name in enumerate(layers)}
    coords["y"] = y0 + step[1] * (np.arange(rows) + 0.5)
    coords["x"] = x0 + step[0] * (np.arange(cols) + 0.5)
    return Cube(xr.DataArray(values, coords, tuple(dimensions)), dimensions, crs)


def noise(shape, missing=0.1, seed=3):
    random = np.random.default_rng(seed)
    values = random.normal(5, 1, shape).astype(np.float32)
    values[random.random(shape) < missing] = np.nan
    return values


def lazy(cube, **chunks):
    return cube.with_array(cube.array.chunk(chunks))


def by_rasterio(cube, target, method, scale):
    """The whole image at once, in a frame of nulls: at edges GDAL weighs some pixels otherwise."""
    around = 0 if METHODS[method][1] or method == "near" else 12
    found = np.full((len(cube.array), *target.shape), np.nan, np.float32)
    for plane, into in zip(cube.array.values, found, strict=True):
        reproject(
            np.pad(plane, around, constant_values=np.nan),
            into,
            src_transform=cube.geobox().affine @ Affine.translation(-around, -around),
            dst_transform=target.affine,
            src_crs=rasterio.crs.CRS.from_wkt(cube.crs.to_wkt()),
            dst_crs=rasterio.crs.CRS.from_wkt(target.crs.to_wkt()),
            src_nodata=np.nan,
            dst_nodata=np.nan,
            resampling=Resampling[METHODS[method][0]],
            XSCALE=scale[0],
            YSCALE=scale[1],
        )
    return found


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("resolution", [20, 7, 33.0])
def test_every_method_gives_what_rasterio_gives_of_the_whole_image(method, resolution):
    cube = raster(noise((2, 40, 51)))
    found = resampled(cube, resolution, None, method)
    scale = 10 / resolution
    wanted = by_rasterio(cube, found.geobox(), method, (scale, scale))
    if method == "sum":  # GDAL gives next to 0 where an edge is touched
        wanted = np.where(np.isnan(found.array) & (np.abs(wanted) < 1e-5), np.nan, wanted)
    np.testing.assert_allclose(found.array, wanted, rtol=1e-5, atol=1e-5)
    assert np.isfinite(found.array).any()


@pytest.mark.parametrize("method", ["average", "rms", "sum"])
def test_pixels_weigh_by_the_area_that_they_share(method):
    cube = raster(noise((1, 10, 13)))
    found = resampled(cube, 33, None, method).array.values[0]

    def shared(size, place):
        start, end, at = 3.3 * place, 3.3 * (place + 1), np.arange(size)
        return np.clip(np.minimum(at + 1, end) - np.maximum(at, start), 0, 1)

    values = cube.array.values[0].astype(float)
    known = np.isfinite(values)
    for row in range(found.shape[0]):
        for col in range(found.shape[1]):
            weight = (shared(10, row)[:, None] * shared(13, col))[known]
            some = values[known]
            wanted = {
                "average": (weight * some).sum() / weight.sum(),
                "rms": np.sqrt((weight * some**2).sum() / weight.sum()),
                "sum": (weight * some).sum(),
            }[method]
            assert found[row, col] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("method", ["near", "bilinear", "cubic", "average", "max"])
@pytest.mark.parametrize(("projection", "resolution"), [(4326, 0), (32633, 10), (3857, 35)])
def test_in_another_crs_a_smooth_field_is_where_it_was(method, projection, resolution):
    """A field that is linear in the first CRS is known at each centre of the second."""
    shape = (50, 40)
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    cube = raster((3 * x + y)[None].astype(np.float64))
    found = resampled(cube, resolution, projection, method)
    there = Transformer.from_crs(found.crs, UTM, always_xy=True)
    at = there.transform(*np.meshgrid(found.array.x, found.array.y))
    col, row = (at[0] - 500_000) / 10, (5_400_000 - at[1]) / 10
    inside = (col > 3) & (col < 37) & (row > 3) & (row < 47)
    wanted = 3 * col + row
    # half a pixel for nearest and the maximum of a larger pixel, none for bilinear
    smaller = projection == 32633  # no kernel is stretched
    most = {"near": 2.01, "max": 9.0, "average": 0.5}.get(method, 1e-6 if smaller else 0.25)
    assert inside.sum() > 30
    assert np.abs(found.array.values[0] - wanted)[inside].max() < most
    outside = (col < -0.01) | (col > 40.01) | (row < -0.01) | (row > 50.01)
    if method in ("near", "bilinear", "cubic"):
        assert np.isnan(found.array.values[0][outside]).all()
        assert np.isfinite(found.array.values[0][inside]).all()


def test_nearest_takes_the_pixel_that_holds_the_centre():
    cube = raster(noise((1, 30, 30)))
    found = resampled(cube, 8, 32633, "near")
    there = Transformer.from_crs(found.crs, UTM, always_xy=True)
    at = there.transform(*np.meshgrid(found.array.x, found.array.y))
    col = np.floor((at[0] - 500_000) / 10).astype(int)
    row = np.floor((5_400_000 - at[1]) / 10).astype(int)
    inside = (col >= 0) & (col < 30) & (row >= 0) & (row < 30)
    wanted = cube.array.values[0][np.clip(row, 0, 29), np.clip(col, 0, 29)]
    np.testing.assert_array_equal(found.array.values[0], np.where(inside, wanted, np.nan))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("projection", "resolution"), [(None, 7), (None, 90), (4326, 0)])
def test_values_do_not_depend_on_windows_nor_on_where_they_are_computed(
    method, projection, resolution, monkeypatch
):
    cube = raster(noise((2, 3, 41, 37)))
    whole = resampled(cube, resolution, projection, method)
    monkeypatch.setattr(warps, "_SIDE", 32)
    monkeypatch.setattr(warps, "_PLANES", 4)
    parts = resampled(cube, resolution, projection, method)
    blocks = resampled(lazy(cube, y=25, x=23, l0=1), resolution, projection, method)
    assert isinstance(blocks.array.data, da.Array)
    computed = blocks.array.compute(scheduler="synchronous")
    assert computed.dtype == whole.array.dtype == np.float32
    for found in (parts.array, computed):
        np.testing.assert_allclose(found, whole.array, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(parts.array, computed)


def test_a_window_reads_only_what_it_needs(monkeypatch):
    monkeypatch.setattr(warps, "_SIDE", 256)
    read = []
    values = da.map_blocks(
        lambda block_info=None: (
            read.append(block_info[None]["chunk-location"]) or np.zeros((64, 64), np.float32)
        ),
        chunks=((64,) * 8, (64,) * 8),
        dtype=np.float32,
        meta=np.empty((0, 0), np.float32),
    )
    cube = raster(np.zeros((512, 512), np.float32))
    cube = cube.with_array(cube.array.copy(data=values))
    found = resampled(cube, 10, 32633, "bilinear")
    assert not read
    found.array[:256, :256].compute(scheduler="synchronous")
    assert 10 < len(set(read)) <= 30


def test_what_a_task_reads_stays_bounded_on_a_much_coarser_grid(monkeypatch):
    read = []
    warp = warps._on_window
    monkeypatch.setattr(warps, "_on_window", lambda v, w: read.append(v.size) or warp(v, w))
    monkeypatch.setattr(warps, "_VALUES", 2**14)
    cube = raster(np.ones((600, 600), np.float32))
    found = resampled(lazy(cube, y=100, x=100), 300, None, "average")
    assert (found.array.compute(scheduler="synchronous") == 1).all()
    assert found.array.shape == (20, 20)
    assert len(found.array.data.chunks[0]) == 1
    assert 0 < max(read) < 2 * 2**14


def test_missing_is_left_out_and_does_not_grow():
    values = np.array([[[1, np.nan], [3, 5]]], np.float32)
    mean = resampled(raster(values), 20, None, "average").array
    assert mean.values.tolist() == [[[3.0]]]
    fine = resampled(raster(values), 5, None, "bilinear").array.values[0]
    assert np.isnan(fine[:2, 2:]).all()
    assert np.isfinite(fine[2:]).all()
    assert np.isfinite(fine[:2, :2]).all()


def test_layers_do_not_take_part_in_each_other():
    cube = raster(noise((3, 20, 20), missing=0.3))
    together = resampled(cube, 7, None, "cubic").array
    for layer in range(3):
        alone = resampled(cube.with_array(cube.array[layer : layer + 1]), 7, None, "cubic").array
        np.testing.assert_array_equal(together[layer : layer + 1], alone)


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.bool_])
def test_whole_numbers_become_floats_with_null_outside(kind):
    cube = raster(np.ones((2, 2), kind))
    target = raster(np.zeros((4, 4)), x0=499_990.0, y0=5_400_010.0)
    found = on_grid_of(cube, target).array
    assert found.dtype == (np.float64 if kind is np.int32 else np.float32)
    wanted = np.full((4, 4), np.nan)
    wanted[1:3, 1:3] = 1
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("align", "left", "top"),
    [
        ("upper-left", 500_000, 5_400_000),
        ("lower-left", 500_000, 5_400_010),
        ("upper-right", 499_980, 5_400_000),
        ("lower-right", 499_980, 5_400_010),
    ],
)
@pytest.mark.parametrize("descending", [True, False])
def test_pixels_are_counted_from_a_corner(align, left, top, descending):
    """100 m x 80 m in pixels of 30 m: 4 x 3 of them reach 20 m and 10 m beyond."""
    cube = raster(np.arange(80.0).reshape(8, 10))
    if not descending:
        cube = raster(np.arange(80.0).reshape(8, 10)[::-1], y0=5_399_920.0, step=(10.0, 10.0))
    found = resampled(cube, 30, None, "near", align)
    assert found.array.shape == (3, 4)
    box = found.geobox().boundingbox
    assert (box.left, box.top, box.right, box.bottom) == (left, top, left + 120, top - 90)
    assert (np.diff(found.array.y) < 0).all() == descending
    assert found.dimensions["y"].step == (-30 if descending else 30)
    for y in found.array.y.values:
        for x in found.array.x.values:
            col, row = (x - 500_000) // 10, (5_400_000 - y) // 10
            inside = 0 <= col < 10 and 0 <= row < 8
            value = float(found.array.sel(x=x, y=y))
            assert value == 10 * row + col if inside else np.isnan(value)


def test_sizes_in_x_and_y_and_those_that_stay():
    cube = raster(np.zeros((6, 6)))
    assert resampled(cube, [20, 30]).array.shape == (2, 3)
    found = resampled(cube, [0, 30])
    assert found.array.shape == (2, 6)
    assert (found.dimensions["x"].step, found.dimensions["y"].step) == (10, -30)
    assert resampled(cube, 10).array is cube.array
    assert resampled(cube, 0, 32632).array is cube.array


def test_degrees_are_the_same_whichever_comes_first_in_the_crs():
    where = {"x0": 8.0, "y0": 47.0, "step": (0.1, -0.1)}
    cube = raster(np.arange(16.0).reshape(4, 4), crs=DEGREES, **where)
    other = CRS("OGC:CRS84")
    assert other != DEGREES
    target = Cube(cube.array, cube.dimensions, other)
    assert on_grid_of(cube, target).array is cube.array
    assert resampled(target, 0, 4326).array is target.array
    fine = resampled(cube, 0.05)
    found = on_grid_of(cube, Cube(fine.array, fine.dimensions, other))
    np.testing.assert_array_equal(found.array, fine.array)
    assert found.crs == other


def test_resolution_stays_between_metres_and_is_alike_in_degrees():
    cube = raster(np.ones((50, 50)))
    assert abs(resampled(cube, 0, 32633).dimensions["x"].step) == 10
    degrees = resampled(cube, 0, 4326)
    step = degrees.dimensions["x"].step
    assert degrees.dimensions["y"].step == -step
    assert 10 / 111_320 < step < 10 / 72_000
    assert degrees.crs == DEGREES
    wkt = CRS("EPSG:3035").to_wkt()
    assert resampled(cube, 0, wkt).crs == CRS("EPSG:3035")


def test_dimensions_keep_their_order_and_the_others_their_labels():
    cube = raster(noise((2, 3, 8, 8)))
    turned = cube.with_array(cube.array.transpose("x", "l1", "y", "l0"))
    found = resampled(turned, 20)
    assert found.array.dims == ("x", "l1", "y", "l0")
    straight = resampled(cube, 20).array
    np.testing.assert_array_equal(found.array.transpose(*straight.dims), straight)
    assert found.array.l1.values.tolist() == [0, 1, 2]
    renamed = {"l0": "l0", "l1": "l1", "y": "north", "x": "east"}
    dimensions = {renamed[name]: each for name, each in cube.dimensions.items()}
    other = Cube(cube.array.rename(renamed), dimensions, cube.crs)
    assert resampled(other, 20).array.dims == ("l0", "l1", "north", "east")
    assert on_grid_of(cube, other).array is cube.array
    assert on_grid_of(resampled(cube, 20), other).array.dims == cube.array.dims


def test_one_pixel():
    cube = raster([[[4.0]]])
    assert resampled(cube, 5).array.values.tolist() == [[[4, 4], [4, 4]]]
    assert resampled(cube, 5, None, "bilinear").array.values.tolist() == [[[4, 4], [4, 4]]]
    assert resampled(cube, 30, None, "average").array.values.tolist() == [[[4.0]]]
    assert resampled(cube, 40, None, "near").array.isnull().all()


def test_without_pixels():
    cube = raster(np.ones((2, 3, 3), np.int16))
    none = cube.with_array(cube.array[:, :0])
    huge = raster(np.broadcast_to(0.0, (20_000, 20_000)))
    with pytest.raises(OpenEOError, match="20000 x 20000 pixels in 2 layers; at most 536870912"):
        on_grid_of(none, huge)
    found = on_grid_of(none, resampled(cube, 5))
    assert found.array.shape == (2, 6, 6)
    assert found.array.isnull().all()
    assert on_grid_of(cube, none).array.shape == (2, 0, 3)
    other = resampled(none, 20, 32633)
    assert (other.array.size, other.crs.to_epsg(), other.dimensions["x"].step) == (0, 32633, 20)
    assert isinstance(on_grid_of(lazy(none), cube).array.data, da.Array)


@pytest.mark.parametrize("make", [lambda cube: cube, lazy])
def test_without_layers(make):
    cube = make(raster(np.ones((0, 3, 3), np.int16)))
    found = resampled(cube, 5, 32633, "bilinear")
    assert found.array.shape == (0, *resampled(raster(np.ones((3, 3))), 5, 32633).array.shape)
    assert on_grid_of(cube, resampled(raster(np.ones((3, 3))), 5)).array.shape == (0, 6, 6)


def test_without_anything_in_common():
    far = raster(np.ones((4, 4)), x0=900_000.0)
    cube = raster(np.ones((4, 4)))
    assert on_grid_of(cube, far).array.isnull().all()
    assert on_grid_of(lazy(cube), far, "average").array.isnull().all().compute()


def test_across_the_antimeridian():
    """Data of UTM zone 1 on both sides of 180 degrees."""
    x, y = Transformer.from_crs(4326, 32601, always_xy=True).transform(180, 10)
    cube = raster(
        np.arange(1600.0).reshape(40, 40), x0=x - 2000, y0=y + 2000, step=(100, -100),
        crs=CRS("EPSG:32601"),
    )  # fmt: skip
    found = resampled(cube, 0.001, 4326)
    assert found.array.x.min() < 180 < found.array.x.max()
    assert found.array.shape[1] < 60
    assert found.array.notnull().mean() > 0.9
    back = on_grid_of(found, cube)
    assert back.array.notnull().mean() > 0.9
    assert float(np.abs(back.array - cube.array).max()) < 125


def test_longitudes_to_360_serve_areas_west_of_greenwich():
    values = np.arange(36_000.0).reshape(100, 360)
    world = raster(values, x0=0.0, y0=50.0, step=(1.0, -1.0), crs=DEGREES)
    near = raster(np.zeros((4, 4)), x0=500_000.0, y0=3_000_000.0, crs=CRS("EPSG:32629"))
    found = on_grid_of(world, near).array
    lon, lat = Transformer.from_crs(32629, 4326, always_xy=True).transform(500_005, 2_999_995)
    wanted = values[int(50 - lat), int(lon + 360)]
    assert float(found[0, 0]) == wanted


@pytest.mark.parametrize("crs", [3857, 3035])
def test_the_whole_globe_on_other_maps(crs):
    lon, lat = np.meshgrid(np.arange(-179.5, 180), np.arange(89.5, -90, -1))
    world = raster(lon + lat, x0=-180.0, y0=90.0, step=(1.0, -1.0), crs=DEGREES)
    found = resampled(world, 100_000, crs, "near")
    at = Transformer.from_crs(crs, 4326, always_xy=True).transform(
        *np.meshgrid(found.array.x, found.array.y)
    )
    wanted = np.floor(at[0]) + np.floor(at[1]) + 1
    known = found.array.notnull().values
    assert known[np.abs(at[1]) < 89.9].mean() > 0.97
    np.testing.assert_array_equal(found.array.values[known], wanted[known])


def test_around_a_pole():
    lat = 89.95 - 0.1 * np.arange(100)
    values = np.repeat(lat[:, None], 360, axis=1)
    polar = raster(values, x0=-180.0, y0=90.0, step=(1.0, -0.1), crs=DEGREES)
    target = raster(
        np.zeros((40, 40)), x0=-400_000.0, y0=400_000.0, step=(20_000.0, -20_000.0),
        crs=CRS("EPSG:3413"),
    )  # fmt: skip
    found = on_grid_of(polar, target).array
    there = Transformer.from_crs(3413, 4326, always_xy=True)
    wanted = there.transform(*np.meshgrid(found.x, found.y))[1]
    assert np.abs(found.values - wanted).max() < 0.06


@pytest.mark.parametrize(
    ("given", "words"),
    [(999_999, "999999: it is neither"), ("nonsense", "neither"), (4978, "not one of maps")],
)
def test_no_crs(given, words):
    with pytest.raises(OpenEOError, match=words) as caught:
        known_crs(given, "filter_bbox", "extent")
    assert caught.value.code == "ProcessParameterInvalid"


def test_what_is_too_large_is_refused_before_it_is_built(monkeypatch):
    cube = raster(np.zeros((4, 5, 5), np.float32))
    for resolution in (1e-9, 1e-300, 2e-5):
        with pytest.raises(OpenEOError, match=r"\d+ x \d+ pixels; at most 1000000 along") as caught:
            resampled(cube, resolution)
        assert "coarser" in str(caught.value)
    with pytest.raises(OpenEOError, match="12500 x 12500 pixels in 4 layers; at most 536870912"):
        resampled(cube, 0.004)
    assert resampled(lazy(cube), 0.004).array.shape == (4, 12_500, 12_500)
    with pytest.raises(OpenEOError, match="500000 x 500000 pixels; at most 4000000000"):
        resampled(lazy(cube), 0.0001)
    monkeypatch.setattr(regrids, "MOST_IN_MEMORY", 399)
    with pytest.raises(OpenEOError, match=r"'target' .*10 x 10 pixels in 4 layers; at most 399"):
        on_grid_of(cube, raster(np.zeros((10, 10))))


def test_what_does_not_lie_anywhere():
    cube = raster(np.zeros((2, 2)))
    flat = cube.with_array(cube.array[0].drop_vars("y"))
    with pytest.raises(OpenEOError, match="lacks dimensions"):
        resampled(flat, 20)
    with pytest.raises(OpenEOError, match="no CRS"):
        on_grid_of(cube, Cube(cube.array, cube.dimensions))
    north = raster(np.zeros((2, 2)), x0=0.0, y0=100.0, step=(1.0, -1.0), crs=DEGREES)
    with pytest.raises(OpenEOError, match="does not reach"):
        resampled(north, 0, 3857)


def test_transform_of_windows_is_exact_far_from_the_corner():
    """Centres on edges between pixels fall to one side, whatever the window."""
    cube = raster(np.arange(4000.0).reshape(1, 4000))
    found = resampled(cube, [20, 10]).array.values[0]
    np.testing.assert_array_equal(found, np.arange(1, 4000, 2))
