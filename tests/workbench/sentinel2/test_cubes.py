"""netCDF and Zarr cubes: layouts, scales, grids, and the real patch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spaceeye.errors import BadFile, BadInput
from spaceeye.sample import CROP, SCENE
from workbench.sentinel2.bands import BANDS
from workbench.sentinel2.cloudweights import ClearRule
from workbench.sentinel2.cubes import read_cube
from workbench.sentinel2.offsets import remove_offset

LAYOUTS = {
    "time, band, y, x": lambda cube: cube,
    "x, y, time, band": lambda cube: cube.transpose("x", "y", "time", "band"),
    "south up": lambda cube: cube.isel(y=slice(None, None, -1)),
    "east to west": lambda cube: cube.isel(x=slice(None, None, -1)),
    "times reversed": lambda cube: cube.isel(time=slice(None, None, -1)),
    "bands reversed": lambda cube: cube.isel(band=slice(None, None, -1)),
    "other names": lambda cube: cube.rename(
        {"time": "t", "x": "easting", "y": "northing", "band": "bands"}
    ),
}


@pytest.fixture
def stack(series) -> xr.Dataset:
    return series.stack


@pytest.fixture
def store(tmp_path):
    """`store(cube, "nc" or "zarr")` writes a cube and gives its path."""

    def write(cube: xr.Dataset, suffix: str = "nc") -> Path:
        path = tmp_path / f"cube.{suffix}"
        if suffix == "zarr":
            cube.to_zarr(path, consolidated=False)
        else:
            cube.to_netcdf(path)
        return path

    return write


def same(got: xr.Dataset, expected: xr.Dataset) -> None:
    np.testing.assert_array_equal(got["reflectance"], expected["reflectance"])
    np.testing.assert_array_equal(got["weight"], expected["weight"])
    np.testing.assert_array_equal(got["time"], expected["time"])
    assert got.odc.geobox == expected.odc.geobox


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(stack, store, layout, suffix):
    path = store(LAYOUTS[layout](stack), suffix)
    got = read_cube(path, chunks=9)
    assert got["reflectance"].dims == ("time", "band", "y", "x")
    same(got.compute(), stack)


def test_sample_cube_with_two_grids(weigh, sample):
    got = read_cube(sample / "cube.nc", dilate=0).compute()
    assert got.sizes == {"time": 38, "band": 10, "y": CROP, "x": CROP}
    for at in (0, 20, 37):
        frame = SCENE.observe(got["time"].values[at])
        harmonised = remove_offset(frame.stacked(), frame.offset)
        np.testing.assert_array_equal(
            got["reflectance"][at, :, :-1, :-1], harmonised[:, : CROP - 1, : CROP - 1]
        )
        scl = frame.scl.repeat(2, 0).repeat(2, 1)[:CROP, :CROP]
        np.testing.assert_array_equal(got["weight"][at], weigh(ClearRule(dilate=0), scl))


@pytest.mark.parametrize("chunks", [21, 40])
@pytest.mark.parametrize("resolution", [10, 20])
def test_blocks_do_not_matter(sample, chunks, resolution):
    arguments = {"resolution": resolution, "bands": ["B02", "B05"], "dilate": 50}
    whole = read_cube(sample / "cube.nc", chunks=None, **arguments)
    assert whole.identical(read_cube(sample / "cube.nc", chunks=chunks, **arguments).compute())


def test_twenty_metres(sample):
    got = read_cube(sample / "cube.nc", resolution=20, bands=["B02", "B05"]).compute()
    raw = xr.open_dataset(sample / "cube.nc", mask_and_scale=False)
    half = CROP // 2
    fine = raw["B02"].values.astype(int).reshape(-1, half, 2, half, 2)
    np.testing.assert_array_equal(got["reflectance"][:, 0], (fine.sum((2, 4)) + 2) // 4)
    np.testing.assert_array_equal(got["reflectance"][:, 1], raw["B05"])


def test_scale_and_offset_are_applied_once(stack, store):
    """The same reflectance stored as raw DN, as products hold it, and as floats."""
    dn = stack["reflectance"]
    reference = read_cube(store(stack)).compute()
    raw = (dn + 1000).where(dn > 0, 0).astype(np.uint16)
    raw.attrs = {"scale_factor": 1e-4, "add_offset": -0.1, "_FillValue": np.uint16(0)}
    by_cf = read_cube(store(stack.assign(reflectance=raw), "a.nc")).compute()
    same(by_cf, reference)
    floats = (dn * 1e-4).where(dn > 0).astype(np.float32)
    floats.attrs = {}
    same(read_cube(store(stack.assign(reflectance=floats), "b.nc")).compute(), reference)
    raw.attrs = {}
    plain = store(stack.assign(reflectance=raw), "c.nc")
    same(read_cube(plain, offset=1000).compute(), reference)
    with pytest.raises(BadInput, match=r"nothing tells.*offset=1000"):
        read_cube(plain)


def test_an_offset_is_never_removed_twice(stack, store):
    with pytest.raises(BadInput, match="a second time"):
        read_cube(store(stack), offset=1000)


def test_missing_values(stack, store):
    dn = stack["reflectance"].astype(np.int16)
    dn[0, 2, 3, 4], dn[1, 5, 6, 7] = -9999, -32768
    dn.attrs = {"_FillValue": np.int16(-32768)}
    got = read_cube(store(stack.assign(reflectance=dn)), offset=0).compute()
    assert got["weight"][0, 3, 4] == got["weight"][1, 6, 7] == 0
    assert not got["reflectance"][0, :, 3, 4].any()
    assert got["reflectance"][0, :, 3, 5].all()


def test_masks_by_name_kind_and_choice(stack, store):
    cloudy = (1 - stack["weight"]).astype(np.uint8)
    cube = stack.drop_vars("weight").assign(CLM=cloudy, CLP=cloudy * 0.5, haze=cloudy)
    path = store(cube)
    np.testing.assert_array_equal(read_cube(path).compute()["weight"], stack["weight"])
    soft = read_cube(path, mask="CLP").compute()["weight"]
    np.testing.assert_allclose(soft, 1 - 0.5 * cloudy)
    chosen = read_cube(path, mask="haze", mask_kind="mask", dilate=30).compute()["weight"]
    assert int(chosen.sum()) < int(stack["weight"].sum())
    with pytest.raises(BadFile, match="no variable 'fog'"):
        read_cube(path, mask="fog")


def test_soft_weights_stay_soft(stack, store):
    soft = (stack["weight"] * np.float32(0.75)).astype(np.float32)
    got = read_cube(store(stack.assign(weight=soft))).compute()["weight"]
    np.testing.assert_array_equal(got, soft)
    assert got.dtype == np.float32


def test_no_mask_at_all(stack, store):
    path = store(stack.drop_vars("weight"))
    with pytest.raises(BadFile, match="missing_mask='clear'"):
        read_cube(path)
    assert read_cube(path, missing_mask="clear").compute()["weight"].all()


def test_range_and_region(stack, store):
    path = store(stack)
    part = read_cube(path, time_range=("2022-01-20", "2022-01-30"), buffer_days=0)
    np.testing.assert_array_equal(part["time"], stack["time"][1:3])
    with pytest.raises(BadInput, match="2023-01-01 to 2023-02-01"):
        read_cube(path, time_range=("2023-01-01", "2023-02-01"))
    box = SCENE.geobox[4:9, 6:20]
    crop = read_cube(path, geobox=box).compute()
    np.testing.assert_array_equal(
        crop["reflectance"], stack["reflectance"].isel(y=slice(4, 9), x=slice(6, 20))
    )
    with pytest.raises(BadInput, match="no acquisition meets"):
        read_cube(path, aoi=(10, 45, 11, 46))


def test_two_images_of_one_pass_become_one(stack, store):
    second = stack.isel(time=[1]).assign_coords(
        time=stack["time"].values[1:2] + np.timedelta64(20, "s")
    )
    second["weight"][:] = 1
    cube = xr.concat([stack, second], "time")
    got = read_cube(store(cube)).compute()
    assert got.sizes["time"] == 4
    assert (got["weight"][1] == 1).all()
    np.testing.assert_array_equal(got["reflectance"][1], stack["reflectance"][1])


def no_band(cube):
    return cube.sel(band=[band for band in BANDS if band != "B11"])


def no_time(cube):
    return cube.assign_coords(time=np.arange(4))


def no_coordinates(cube):
    return cube.drop_vars("x")


def uneven(cube):
    x = cube["x"].values.copy()
    x[3] += 4
    return cube.assign_coords(x=x)


def degrees(cube):
    lon, lat = np.linspace(2, 3, cube.sizes["x"]), np.linspace(48, 47, cube.sizes["y"])
    out = cube.drop_vars("spatial_ref").assign_coords(x=lon, y=lat)
    return out.assign_attrs(crs="EPSG:4326")


def no_crs(cube):
    return cube.drop_vars("spatial_ref")


def bad_crs(cube):
    return cube.drop_vars("spatial_ref").assign_attrs(crs="EPSG:999999")


def missing_time(cube):
    time = cube["time"].values.copy()
    time[2] = np.datetime64("NaT")
    return cube.assign_coords(time=time)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (no_band, "no variable or band B11"),
        (no_time, "has no times"),
        (no_coordinates, "no coordinates"),
        (uneven, "not regular"),
        (degrees, "projection in metres"),
        (no_crs, "not georeferenced"),
        (bad_crs, "unusable CRS"),
        (missing_time, "1 times are missing"),
    ],
)
def test_bad_cubes(stack, store, damage, words):
    for name in ("reflectance", "weight"):
        stack[name].encoding.clear()
    with pytest.raises(BadFile, match=words):
        read_cube(store(damage(stack)))


def test_crs_by_argument(stack, store):
    for name in ("reflectance", "weight"):
        stack[name].encoding.clear()
    path = store(no_crs(stack))
    assert read_cube(path, crs="EPSG:32631").odc.geobox == SCENE.geobox[:32, :32]


@pytest.mark.parametrize("content", [b"", b"CDF\x01", b"\x89HDF\r\n\x1a\n", b"text"])
def test_files_that_are_no_cubes(tmp_path, content):
    path = tmp_path / "cube.nc"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=r"cube\.nc: not a readable"):
        read_cube(path)


def test_truncated_and_absent_files(stack, store, tmp_path):
    path = store(stack)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadFile, match="not a readable"):
        read_cube(path)
    with pytest.raises(BadFile, match="no such file"):
        read_cube(tmp_path / "nowhere.nc")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(BadFile, match="not a readable"):
        read_cube(tmp_path / "empty.zarr")


def test_reading_while_writing(sample, tmp_path):
    """Blocks are read in some threads while another writes netCDF, which is not thread-safe."""
    expected = read_cube(sample / "cube.nc", chunks=None)
    for _ in range(2):
        read_cube(sample / "cube.nc", chunks=32).to_netcdf(tmp_path / "copy.nc")
    same(read_cube(tmp_path / "copy.nc", chunks=None), expected)


def test_real_patch(shared_data):
    """118 acquisitions on two grids; 10 m values as they are, 20 m ones within their neighbours."""
    path = shared_data / "spaceeye" / "s2_l2a_31UDS_00002806639B424A.nc"
    stack = read_cube(path, offset=0).compute()
    assert stack.sizes == {"time": 118, "band": 10, "y": 64, "x": 64}
    assert stack.odc.geobox.boundingbox.bbox == (501360, 5629040, 502000, 5629680)
    raw = xr.open_dataset(path, mask_and_scale=False)
    np.testing.assert_array_equal(stack["time"], raw["time"])
    np.testing.assert_array_equal(stack["reflectance"].sel(band="B04"), raw["B04"])
    fine = stack["reflectance"].sel(band="B11").astype(float).values
    coarse = fine.reshape(118, 32, 2, 32, 2).mean(axis=(2, 4))
    assert np.abs(coarse - raw["B11"]).mean() < 0.03 * raw["B11"].mean()
    clear = np.isin(raw["SCL"], (4, 5, 6, 7)).repeat(2, 1).repeat(2, 2)
    weight = stack["weight"].values
    assert 0.25 < weight.mean() < clear.mean()
    assert not (weight[~clear]).any()
    plain = read_cube(path, offset=0, dilate=0).compute()["weight"]
    np.testing.assert_array_equal(plain, clear)
    coarser = read_cube(path, offset=0, resolution=20, dilate=0).compute()
    np.testing.assert_array_equal(coarser["reflectance"].sel(band="B8A"), raw["B8A"])
    with pytest.raises(BadInput, match="nothing tells"):
        read_cube(path)


def test_a_chunk_that_is_cut_off_gives_no_made_up_numbers(tmp_path, series):
    path = tmp_path / "cube.zarr"
    series.stack.to_zarr(path, zarr_format=2)
    read_cube(path)
    chunk = next((path / "reflectance").glob("0.*"))
    chunk.write_bytes(chunk.read_bytes()[:-100])
    with pytest.raises(BadFile, match=rf"cube\.zarr: reflectance/{chunk.name} has \d+ bytes of"):
        read_cube(path)
