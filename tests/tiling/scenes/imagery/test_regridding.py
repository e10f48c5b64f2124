"""Regridding against analytic fields, PROJ and pyresample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from tiling.scenes.domains.planes import axes, domain_grid, lonlat, tile_grid
from tiling.scenes.errors import SceneError
from tiling.scenes.imagery import regridding
from tiling.scenes.imagery.regridding import all_on_grid, grid_of, on_grid
from tiling.scenes.meta.model import Domain
from workbench.errors import BadInput

STEP = 56e-6  # radians, 2 km
LON0 = -89.5
HEIGHT = 35786023.0
BARBADOS = Domain("rect", 13.3, -60.72, 300e3, 200e3)
GEOSTATIONARY = {
    "grid_mapping_name": "geostationary",
    "perspective_point_height": HEIGHT,
    "semi_major_axis": 6378137.0,
    "semi_minor_axis": 6356752.31414,
    "longitude_of_projection_origin": LON0,
    "latitude_of_projection_origin": 0.0,
    "sweep_angle_axis": "x",
}


def scan_axes(grid: GeoBox, step: float = STEP, pad: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the pixels of the fixed grid around a domain, y from north to south."""
    x, y = geos(grid)
    found = [
        (np.arange(np.floor(v.min() / step) - pad, np.ceil(v.max() / step) + pad) + 0.5) * step
        for v in (x, y)
    ]
    return found[0], found[1][::-1]


def geos(grid: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Scan angles of the centres of pixels by PROJ."""
    there = Transformer.from_crs(
        "+proj=longlat +ellps=GRS80 +no_defs",
        f"+proj=geos +h={HEIGHT} +lon_0={LON0} +sweep=x +a=6378137 +b=6356752.31414",
        always_xy=True,
    )
    x, y = there.transform(*lonlat(grid))
    return x / HEIGHT, y / HEIGHT


def seen(values: Any, x: np.ndarray, y: np.ndarray, **attrs: Any) -> xr.DataArray:
    """An image on the fixed grid."""
    mapping = xr.DataArray(0, attrs=GEOSTATIONARY)
    dims = ("channel", "y", "x")[-np.ndim(values) :]
    return xr.DataArray(
        np.asarray(values, np.float32),
        {"y": y, "x": x, "goes_imager_projection": mapping},
        dims,
        name="bt_13",
        attrs={"units": "K", "grid_mapping": "goes_imager_projection", **attrs},
    )


@pytest.fixture
def grid() -> GeoBox:
    return domain_grid(BARBADOS, 1000.0)


def test_a_plane_stays_a_plane(grid: GeoBox) -> None:
    x, y = scan_axes(grid)
    across, up = geos(grid)
    found = on_grid(seen(x[None, :] / STEP + 2 * y[:, None] / STEP, x, y), grid)
    np.testing.assert_allclose(found, across / STEP + 2 * up / STEP, atol=1e-3)
    assert found.dtype == np.float32
    # to 1e-4 of a pixel where float32 is fine enough to tell
    image = seen((x[None, :] - x.mean()) / STEP + 0 * y[:, None], x, y)
    assert np.abs(on_grid(image, grid) - (across - x.mean()) / STEP).max() < 1e-4


def test_means_over_areas_of_a_plane_are_its_values_in_the_middle() -> None:
    grid = domain_grid(BARBADOS, 20e3)
    x, y = scan_axes(grid, pad=12)
    found = on_grid(seen(x[None, :] / STEP - y[:, None] / STEP, x, y), grid, "area")
    across, up = geos(grid)
    error = (found - (across - up) / STEP).values
    assert np.abs(error).max() < 0.1  # pixels are steps, not planes
    assert abs(error.mean()) < 0.005


def test_a_checkerboard_is_not_shifted(grid: GeoBox) -> None:
    x, y = scan_axes(grid)
    board = np.add.outer(np.arange(len(y)), np.arange(len(x))) % 2
    found = on_grid(seen(board, x, y), grid, "nearest").values
    across, up = geos(grid)
    col = np.floor(across / STEP - np.floor(x[0] / STEP)).astype(int)
    row = np.floor(np.ceil(y[0] / STEP) - up / STEP).astype(int)
    edge = np.abs(np.stack([across, up]) / STEP % 1 - 0.5).max(axis=0) > 0.499
    np.testing.assert_array_equal(found[~edge], board[row, col][~edge])
    # bilinear: 1 at the centres of the white ones, 0 at those of the black, even between them
    smooth = on_grid(seen(board, x, y), grid).values
    u, v = (np.abs(a / STEP % 1 - 0.5) for a in (across, up))
    want = np.where(board[row, col] == 1, u + v - 2 * u * v, u + v - 2 * u * v)
    want = np.where(board[row, col] == 1, 1 - want, want)
    assert np.abs(smooth - want)[~edge].max() < 1e-4


def test_north_is_up_on_the_grid(grid: GeoBox) -> None:
    x, y = scan_axes(grid)
    bright = np.repeat(np.linspace(1, 0, len(y))[:, None], len(x), axis=1)
    for image in (seen(bright, x, y), seen(bright[::-1], x, y[::-1])):
        found = on_grid(image, grid)
        assert found.y.values[0] < found.y.values[-1]
        assert found[-1].min() > found[0].max()
        assert found.lat[-1].min() > found.lat[0].max()


@pytest.mark.parametrize("resolution", [1000.0, 3000.0])
def test_it_agrees_with_gradient_search(resolution: float) -> None:
    import pyresample
    from pyresample.gradient import ResampleBlocksGradientSearchResampler

    grid = domain_grid(BARBADOS, resolution)
    x, y = scan_axes(grid, pad=12)
    rng = np.random.default_rng(5)
    values = rng.normal(280, 10, (len(y), len(x))).astype(np.float32)
    half = STEP / 2 * HEIGHT
    source = pyresample.AreaDefinition(
        "s", "", "", {"proj": "geos", "h": HEIGHT, "lon_0": LON0, "sweep": "x",
                      "a": 6378137.0, "b": 6356752.31414}, len(x), len(y),
        (x[0] * HEIGHT - half, y[-1] * HEIGHT - half, x[-1] * HEIGHT + half, y[0] * HEIGHT + half),
    )  # fmt: skip
    box = grid.boundingbox
    target = pyresample.AreaDefinition(
        "t", "", "", {"proj": "laea", "lat_0": 13.3, "lon_0": -60.72, "datum": "WGS84"},
        grid.shape.x, grid.shape.y, (box.left, box.bottom, box.right, box.top),
    )  # fmt: skip
    import dask.array as da

    resampler = ResampleBlocksGradientSearchResampler(source, target)
    resampler.precompute()
    data = xr.DataArray(da.from_array(values), dims=("y", "x"), attrs={"area": source})
    want = np.asarray(resampler.compute(data, method="bilinear"))[::-1]
    image = seen(values, x, y)
    found = on_grid(image, grid).values
    assert np.isfinite(want).mean() > 0.95
    error = np.abs(found - want)[np.isfinite(want)]
    assert error.max() < 0.02 if resolution < 2 * STEP * HEIGHT else error.max() > 1


def test_channels_and_attributes_and_coordinates(grid: GeoBox) -> None:
    x, y = scan_axes(grid)
    rng = np.random.default_rng(6)
    image = seen(rng.random((3, len(y), len(x))), x, y, dqf_fraction=0.25)
    image = image.assign_coords(channel=["R", "G", "B"])
    found = on_grid(image, grid)
    assert found.dims == ("channel", "y", "x")
    assert list(found.channel.values) == ["R", "G", "B"]
    np.testing.assert_array_equal(found[1], on_grid(image[1], grid))
    assert found.attrs == {
        "units": "K", "dqf_fraction": 0.25, "regrid_method": "bilinear", "resolution": 1000.0,
        "grid_mapping": "spatial_ref",
    }  # fmt: skip
    mapping = found.spatial_ref.attrs
    assert mapping["grid_mapping_name"] == "lambert_azimuthal_equal_area"
    assert mapping["latitude_of_projection_origin"] == 13.3
    assert found.lat.dtype == np.float32
    np.testing.assert_allclose(found.lon, lonlat(grid)[0], atol=1e-5)


def test_missing_pixels_and_places_outside(grid: GeoBox) -> None:
    x, y = scan_axes(grid)
    values = np.ones((len(y), len(x)))
    values[20, 30] = np.nan
    found = on_grid(seen(values, x, y), grid)
    across, up = geos(grid)
    near = (np.abs(across - x[30]) < STEP) & (np.abs(up - y[20]) < STEP)
    np.testing.assert_array_equal(np.isnan(found.values), near)
    filled = on_grid(seen(values, x, y), grid, renormalise=True)
    assert np.isfinite(filled).all()
    half = on_grid(seen(values, x, y)[:, : len(x) // 2], grid)
    beyond = across > x[len(x) // 2 - 1]
    np.testing.assert_array_equal(np.isnan(half.values), near | beyond)


@pytest.mark.parametrize("pad", [4, 5, 9])
def test_means_of_blocks_do_not_depend_on_the_window(pad: int) -> None:
    coarse = domain_grid(BARBADOS, 5000.0)
    fields = []
    for more in (pad, 12):
        x, y = scan_axes(coarse, pad=more)
        columns, rows = np.rint(x / STEP - 0.5), np.rint(y / STEP - 0.5)
        values = (columns[None] * 7919 + rows[:, None] * 104729) % 1000
        fields.append(on_grid(seen(values, x, y), coarse).values)
    np.testing.assert_array_equal(fields[0], fields[1])
    # smoother than one bilinear look at every fifth pixel
    assert fields[0].std() < 0.7 * np.std(values)


def test_degrees_from_any_meridian(grid: GeoBox) -> None:
    lat = np.arange(20.0, 5.0, -0.25)
    fields = []
    for start in (-75.0, 285.0):
        lon = start + np.arange(0.0, 30.0, 0.25)
        image = xr.DataArray(
            lat[:, None] + np.arange(len(lon))[None] * 0.25 - 75,
            {"lat": lat, "lon": lon,
             "crs": xr.DataArray(0, attrs={"grid_mapping_name": "latitude_longitude"})},
            ("lat", "lon"), name="t", attrs={"grid_mapping": "crs"},
        )  # fmt: skip
        fields.append(on_grid(image, grid).values)
    east, north = lonlat(grid)
    np.testing.assert_allclose(fields[0], north + east, atol=2e-5)
    np.testing.assert_array_equal(fields[0], fields[1])


@pytest.mark.parametrize("method", ["bilinear", "nearest", "area"])
@pytest.mark.parametrize("first", [0.0, -180.0, 0.5])
def test_the_whole_earth_has_no_seam(first: float, method: Any) -> None:
    lon, lat = first + np.arange(0.0, 360.0, 1.0), np.arange(-30.0, 31.0)
    values = np.cos(np.radians(lon))[None] + 0 * lat[:, None]
    image = xr.DataArray(
        values, {"y": lat, "x": lon,
                 "crs": xr.DataArray(0, attrs={"grid_mapping_name": "latitude_longitude"})},
        ("y", "x"), name="t", attrs={"grid_mapping": "crs"},
    )  # fmt: skip
    for centre in (0.0, 180.0, -179.5, 90.0):
        target = domain_grid(Domain("rect", 1.3, centre, 800e3, 500e3), 20e3)
        found = on_grid(image, target, method)
        want = np.cos(np.radians(lonlat(target)[0]))
        np.testing.assert_allclose(found, want, atol=2e-3 if method == "bilinear" else 0.02)


def test_a_regridded_scene_can_be_regridded_again(grid: GeoBox) -> None:
    x, y = scan_axes(grid)
    scene = on_grid(seen(x[None, :] / STEP + y[:, None] / STEP, x, y), grid)
    tile = tile_grid(grid, 20e3, 30e3, 64)
    across, up = geos(tile)
    np.testing.assert_allclose(on_grid(scene, tile), across / STEP + up / STEP, atol=0.01)


def plane(nx: int = 40, ny: int = 30, dx: float = 100.0, **attrs: Any) -> xr.DataArray:
    x, y = (np.arange(nx) + 0.5) * dx, (np.arange(ny) + 0.5) * dx
    values = np.random.default_rng(7).random((ny, nx)).astype(np.float32)
    return xr.DataArray(values, {"yt": y, "xt": x}, ("yt", "xt"), name="lwp", attrs=attrs)


def test_a_plane_without_a_place_keeps_its_own_grid() -> None:
    field = plane()
    grid = grid_of(field)
    assert grid.crs is None
    assert grid.shape == (30, 40)
    found = on_grid(field, grid)
    np.testing.assert_array_equal(found.values, field.values)
    np.testing.assert_array_equal(found.x, field.xt)
    assert "lat" not in found.coords
    assert "grid_mapping" not in found.attrs
    np.testing.assert_array_equal(on_grid(field[::-1], grid).values, field.values)
    means = on_grid(field, grid_of(field, 500.0), "area").values
    want = field.values.reshape(6, 5, 8, 5).mean(axis=(1, 3))
    np.testing.assert_allclose(means, want, rtol=1e-5)


@pytest.mark.parametrize("method", ["bilinear", "nearest", "area"])
@pytest.mark.parametrize(
    ("cells", "dx", "resolution", "start"),
    [
        (40, 300.0, 1000.0, 150.0),  # the side is a multiple; its blocks of 3 are not
        (100, 100.0, 600.0, 50.0),  # 16.7 cells
        (100, 100.0, 190.0, 50.0),  # 52.6 cells, of single pixels
        (109, 100.0, 1090.0, 100.0),  # blocks begin at multiples of 10: 9 pixels at the start
        (64, 100.0, 50.0, 50.0),  # finer than the file: an outermost pixel is 2 cells
        (7, 100.0, 700.0, 0.0),
    ],
)
def test_a_plane_fills_its_grid(method, cells, dx, resolution, start) -> None:
    """Whatever the resolution: no column is NaN, none lies beyond the file, none is shifted."""
    x = start + np.arange(cells) * dx
    field = xr.DataArray(
        np.broadcast_to(x, (cells, cells)).astype(np.float32), {"y": x, "x": x}, ("y", "x")
    )
    grid = grid_of(field, resolution)
    left, bottom, right, _ = grid.boundingbox
    assert (left, bottom) == (x[0] - dx / 2, x[0] - dx / 2)
    assert x[-1] + dx / 2 - resolution < right <= x[-1] + dx / 2 + 1e-6
    for turned in (field, field[::-1], field[:, ::-1]):
        found = on_grid(turned, grid, method)
        assert np.isfinite(found).all()
        near = max(dx, resolution) / 2 + 1e-3  # at an edge a value of the outermost holds
        assert np.abs(found - axes(grid)[0]).max() <= near
        inner = found[:, 1:-1] - axes(grid)[0][1:-1]
        if method != "nearest" and inner.size and resolution >= dx:
            assert np.abs(inner).max() <= (dx * 0.3 if method == "area" else 0.01)


@pytest.mark.parametrize("resolution", [0, -5, float("nan"), 1e-3, 1e9])
def test_a_resolution_that_no_grid_has(resolution) -> None:
    """Not a grid of a cell beyond the field, nor one that no memory holds."""
    with pytest.raises(SceneError, match="E030"):
        grid_of(plane(), resolution)


@pytest.mark.parametrize("what", [plane().to_dataset(), plane().values])
def test_what_is_no_image_is_said_to_be_none(what) -> None:
    with pytest.raises(BadInput, match=r"one xarray.DataArray, not a (Dataset|ndarray)"):
        on_grid(what, grid_of(plane()))


def test_a_mean_over_a_periodic_plane_that_no_block_divides() -> None:
    field = plane(127, 30)
    with pytest.raises(SceneError, match=r"E030: lwp: 127 pixels that go around .*method: area"):
        on_grid(field, grid_of(field, 1000.0), periodic=True)
    assert np.isfinite(on_grid(field, grid_of(field, 1000.0), "area", periodic=True)).all()
    assert np.isfinite(on_grid(field, grid_of(field, 150.0), periodic=True)).all()


def test_periodic_planes_go_on_at_the_other_end() -> None:
    field = plane()
    tile = tile_grid(grid_of(field), 4000.0, 0.0, 8)
    want = np.roll(field.values, (4, 4), (0, 1))[:8][:, :8]
    np.testing.assert_allclose(on_grid(field, tile, periodic=True), want, atol=1e-6)
    np.testing.assert_allclose(on_grid(field, tile, "nearest", periodic=True), want)
    assert np.isnan(on_grid(field, tile)).any()


def test_uneven_axes() -> None:
    field = plane()
    x = np.sort(np.random.default_rng(8).uniform(0, 4000, 40))
    field = field.assign_coords(xt=x).copy(data=np.broadcast_to(x, (30, 40)).astype(np.float32))
    grid = grid_of(plane(), 50.0)
    found = on_grid(field, grid)
    inside = (grid_x := axes(grid)[0])[(axes(grid)[0] > x[0]) & (axes(grid)[0] < x[-1])]
    kept = found.sel(x=inside)[1:-1]
    np.testing.assert_allclose(kept, np.broadcast_to(inside, kept.shape), rtol=1e-5)
    assert np.isnan(found.sel(x=grid_x[grid_x < x[0] - 50])).all()


def test_the_grid_of_a_source_in_degrees() -> None:
    lat, lon = np.arange(10.0, 14.0, 0.1), np.arange(300.0, 306.0, 0.1)
    image = xr.DataArray(
        np.ones((40, 60)),
        {"y": lat, "x": lon,
         "crs": xr.DataArray(0, attrs={"grid_mapping_name": "latitude_longitude"})},
        ("y", "x"), name="t", attrs={"grid_mapping": "crs"},
    )  # fmt: skip
    with pytest.raises(SceneError, match="E030"):
        grid_of(image)
    grid = grid_of(image, 10e3)
    assert grid.shape == (44, 65)
    assert np.isfinite(on_grid(image, grid)).mean() > 0.9


def _no_mapping(image: xr.DataArray) -> xr.DataArray:
    return image.drop_vars("goes_imager_projection")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (_no_mapping, "E061", "'goes_imager_projection' is missing"),
        (lambda image: image.drop_vars("x"), "E061", "no coordinates"),
        (lambda image: image[:1], "E061", "1 x"),
        (lambda image: plane(), "E061", "without a place on the Earth"),
        (lambda image: image[::-1].assign_coords(y=image.y * np.where(image.y > 0.04, 1, 2)),
         "E061", "rise or fall"),
    ],
)  # fmt: skip
def test_images_without_a_usable_grid(grid: GeoBox, change: Any, code: str, words: str) -> None:
    x, y = scan_axes(grid)
    image = change(seen(np.ones((len(y), len(x))), x, y))
    with pytest.raises(SceneError, match=words) as caught:
        on_grid(image, grid)
    assert caught.value.code == code


def test_unusable_mappings_and_methods(grid: GeoBox) -> None:
    x, y = scan_axes(grid)
    image = seen(np.ones((len(y), len(x))), x, y)
    with pytest.raises(SceneError, match="E031"):
        on_grid(image, grid, "cubic")  # type: ignore[arg-type]
    with pytest.raises(SceneError, match="E021"):
        grid_of(image, 1000.0)
    image = image.assign_coords(
        goes_imager_projection=xr.DataArray(0, attrs={"grid_mapping_name": "cubed_sphere"})
    )
    with pytest.raises(SceneError, match="cubed_sphere"):
        on_grid(image, grid)


def test_places_are_kept_for_domains_and_not_for_tiles(grid: GeoBox) -> None:
    regridding._kept.clear()
    x, y = scan_axes(grid)
    image = seen(np.ones((len(y), len(x))), x, y)
    dataset = xr.Dataset({"bt_13": image, "bt_11": image + 1})
    all_on_grid(dataset, tile_grid(grid, 0.0, 0.0, 16), keep=False)
    assert not regridding._kept
    all_on_grid(dataset, grid)
    assert len(regridding._kept) == 1
    for shift in range(6):
        on_grid(image[shift:], grid)
    assert len(regridding._kept) == 4


@pytest.mark.parametrize("longitude", [179.8, -179.8, -160.0])
def test_a_domain_across_the_date_line(longitude: float) -> None:
    """GOES West sees it whole, and a source in degrees from 0 to 360 has it without a seam."""
    from tiling.scenes.domains.scanangles import View, scan_angles

    grid = domain_grid(Domain("rect", 10.0, longitude, 400e3, 300e3), 2000.0)
    across, up = scan_angles(*lonlat(grid), View(-137.0))
    assert np.isfinite(across).all()
    assert (np.diff(across, axis=1) > 0).all()
    columns = (np.arange(np.floor(v.min() / STEP) - 4, v.max() / STEP + 4) for v in (across, up))
    x, y = ((c + 0.5) * STEP for c in columns)
    image = seen(x[None, :] / STEP + y[::-1, None] / STEP, x, y[::-1])
    image["goes_imager_projection"].attrs["longitude_of_projection_origin"] = -137.0
    found = on_grid(image, grid)
    np.testing.assert_allclose(found, (across + up) / STEP, atol=1e-3)
    lon, lat = np.arange(150.0, 230.0, 0.5), np.arange(0.0, 20.0, 0.5)
    degrees = xr.DataArray(
        np.broadcast_to(lon, (len(lat), len(lon))),
        {"y": lat, "x": lon,
         "crs": xr.DataArray(0, attrs={"grid_mapping_name": "latitude_longitude"})},
        ("y", "x"), name="t", attrs={"grid_mapping": "crs"},
    )  # fmt: skip
    np.testing.assert_allclose(on_grid(degrees, grid), lonlat(grid)[0] % 360, atol=1e-4)
