"""One product: what its attributes say, what is masked, which window is read, what is refused."""

from __future__ import annotations

import shutil

import netCDF4
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords
from pyproj import Transformer

from efast.errors import BadFile
from efast.sentinel3 import swathwindows
from efast.sentinel3.coarsecubes import read_coarse
from efast.sentinel3.coarsegrids import coarse_grid
from efast.sentinel3.packedfiles import opened, packed, unpacked, variable
from efast.sentinel3.sampleproducts import write_syn
from efast.sentinel3.simulatedswaths import SimulatedSwath
from efast.sentinel3.swathwindows import locate
from efast.sentinel3.synfiles import Choice, read_product
from workbench.rasters.windows import Window

BANDS = ["Oa04", "Oa06", "Oa08", "Oa17"]
EVERYTHING = Choice(land=False)


def values(folder, grid, choice=EVERYTHING, bands=BANDS):
    pixels, _ = read_product(folder, grid, bands, choice)
    return np.where(pixels.usable, pixels.values, np.nan)


def raw(folder, file, name):
    with netCDF4.Dataset(folder / file) as opened_file:
        opened_file.set_auto_maskandscale(False)
        return opened_file[name][...]


# What attributes make of packed numbers


def packed_file(path, numbers, **attrs):
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("n", len(numbers))
        numbers = np.asarray(numbers)
        made = file.createVariable(
            "v", numbers.dtype, ("n",), fill_value=attrs.pop("_FillValue", None)
        )
        made.set_auto_maskandscale(False)
        made.setncatts(attrs)
        made[...] = numbers
    with opened(path) as file:
        found = variable(path, file, "v")
        return unpacked(path, found, packed(found))


@pytest.mark.parametrize(
    ("numbers", "attrs", "expected"),
    [
        (np.int16([0, 3000, 10000]), {"scale_factor": np.float32(1e-4)}, [0, 0.3, 1]),
        (np.int16([3000]), {"scale_factor": 1e-4, "add_offset": 0.1}, [0.4]),
        (np.int16([-10000, 5]), {"scale_factor": 1.0, "_FillValue": np.int16(-10000)}, [np.nan, 5]),
        (np.int16([-1, 0, 9, 10, 11]),
         {"scale_factor": 0.1, "valid_min": np.int16(0), "valid_max": np.int16(10)},
         [np.nan, 0, 0.9, 1, np.nan]),
        (np.int16([-1, 10, 11]), {"scale_factor": 0.1, "valid_max": 1.0}, [-0.1, 1, np.nan]),
        (np.float32([0.5, np.nan]), {}, [0.5, np.nan]),  # a missing scale is 1
        (np.int32([20_932_967]), {"scale_factor": np.float32(1e-6)}, [20.932967]),
    ],
)  # fmt: skip
def test_packing(tmp_path, numbers, attrs, expected):
    found = packed_file(tmp_path / "a.nc", numbers, **attrs)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("attrs", "words"),
    [
        ({}, "without a scale_factor"),
        ({"scale_factor": 0.0}, "scale_factor 0"),
        ({"scale_factor": np.nan}, "scale_factor.*expected a number"),
        ({"scale_factor": "1e-4 or so"}, "scale_factor.*expected a number"),
        ({"scale_factor": 1.0, "add_offset": [1.0, 2.0]}, "add_offset"),
        ({"scale_factor": 1.0, "valid_max": "high"}, "valid_max"),
    ],
)
def test_packing_that_says_nothing(tmp_path, attrs, words):
    with pytest.raises(BadFile, match=words):
        packed_file(tmp_path / "a.nc", np.int16([1, 2]), **attrs)


# Masks


def test_fill_and_range(write, edit, fine_grid):
    folder = write()
    with edit(folder / "Syn_Oa08_reflectance.nc") as file:
        file["SDR_Oa08"][3:6, 4:9] = -10000
        file["SDR_Oa08"][10, 10] = 10001
        file["SDR_Oa08"][11, 11] = -3
    grid = coarse_grid(fine_grid)
    pixels, _ = read_product(folder, grid, BANDS)
    numbers = raw(folder, "Syn_Oa08_reflectance.nc", "SDR_Oa08")
    expected = np.where((numbers >= 0) & (numbers <= 10000), numbers / 1e4, np.nan)
    np.testing.assert_allclose(pixels.values[2], expected, rtol=1e-6)
    assert np.isfinite(pixels.values[[0, 1, 3]]).all()  # each band by itself


@pytest.mark.parametrize(
    ("bit", "choice", "hidden"),
    [
        (1, EVERYTHING, True), (2, EVERYTHING, True), (4, EVERYTHING, True), (8, EVERYTHING, False),
        (8, Choice(land=False, snow=False), True), (16, EVERYTHING, False),
    ],
)  # fmt: skip
def test_cloud_flags(write, edit, fine_grid, bit, choice, hidden):
    folder = write()
    with edit(folder / "flags.nc") as file:
        file["CLOUD_flags"][7, 8] = bit
    found = values(folder, coarse_grid(fine_grid), choice)
    assert np.isnan(found[:, 7, 8]).all() == hidden
    assert np.isnan(found).sum() == 4 * hidden


def test_land(write, edit, fine_grid):
    folder = write()
    with edit(folder / "flags.nc") as file:
        file["SYN_flags"][7, 8] = 0xFFFF & ~16
    grid = coarse_grid(fine_grid)
    assert np.isnan(values(folder, grid, Choice())[:, 7, 8]).all()
    assert np.isfinite(values(folder, grid, Choice(land=False))).all()


def test_bits_are_those_that_the_file_names(write, edit, fine_grid):
    folder, grid = write(), coarse_grid(fine_grid)
    with edit(folder / "flags.nc") as file:
        file["CLOUD_flags"].flag_meanings = "SNOW_ICE CLOUD_MARGIN CLOUD_AMBIGUOUS CLOUD"
        file["CLOUD_flags"][7, 8] = 8
        file["CLOUD_flags"][9, 9] = 1
        file["SYN_flags"].flag_meanings = "SYN_land SYN_cloud"
        file["SYN_flags"].flag_masks = np.uint16([2, 16])
        file["SYN_flags"][...] = 2
    found = values(folder, grid, Choice())
    assert np.isnan(found[:, 7, 8]).all()
    assert np.isnan(found).sum() == 4


def test_bits_of_the_format_where_the_file_names_none(write, edit, fine_grid):
    folder, grid = write(), coarse_grid(fine_grid)
    with edit(folder / "flags.nc") as file:
        for name in ("CLOUD_flags", "SYN_flags"):
            file[name].delncattr("flag_meanings")
            file[name].delncattr("flag_masks")
        file["CLOUD_flags"][7, 8] = 4
        file["SYN_flags"][1, 1] = 0
    found = values(folder, grid, Choice())
    assert np.isnan(found).sum() == 8
    assert np.isnan(found[:, [7, 1], [8, 1]]).all()


@pytest.mark.parametrize("by_column", [True, False])
def test_view_zenith(tmp_path, smooth, fine_grid, edit, by_column):
    """Tie points in either order, over a swath that only partly lies over the grid."""
    swath = SimulatedSwath(rows=60, columns=70, view_zenith=(40.0, 10.0))
    folder = write_syn(tmp_path, "2023-06-01", smooth, swath=swath, cover=0)[0].parent
    if not by_column:
        with edit(folder / "tiepoints_olci.nc") as file:
            for one in file.variables.values():
                one[...] = one[...].reshape(-1, 60).T.reshape(-1)
    grid = coarse_grid(fine_grid)
    pixels, _ = read_product(folder, grid, ["Oa04"], Choice(max_view_zenith=25))
    whole, _ = locate(folder, grid)
    expected = np.linspace(40, 10, 70)[whole.window.slices[1]] <= 25
    np.testing.assert_array_equal(pixels.usable, np.broadcast_to(expected, pixels.usable.shape))
    assert 0.2 < expected.mean() < 0.8


def test_tie_points_of_another_place_are_refused(write, edit, fine_grid):
    folder = write()
    with edit(folder / "tiepoints_olci.nc") as file:
        file["OLC_TP_lat"][...] += 200_000
    with pytest.raises(BadFile, match=r"tiepoints_olci.nc: tie points are 0.2 degrees"):
        read_product(folder, coarse_grid(fine_grid), BANDS, Choice(max_view_zenith=30))
    read_product(folder, coarse_grid(fine_grid), BANDS)  # they are not read unless asked for


# Windows


@pytest.mark.parametrize("shift", [(0, 0), (9_000, 0), (0, -12_000), (-10_000, 11_000)])
def test_a_window_is_enough(tmp_path, smooth, fine_grid, monkeypatch, shift):
    """What is cut off makes no difference, at an edge of the swath or in its middle."""
    grid, swath = coarse_grid(fine_grid), SimulatedSwath(rows=100, columns=90, shift=shift)
    truth = smooth[:, 2::5, 2::5]
    folder = write_syn(tmp_path, "2023-06-01", truth, swath=swath, noise=0.002)[0].parent
    monkeypatch.setattr(swathwindows, "STEP", 5)
    assert np.prod(locate(folder, grid)[0].window.shape) < 0.6 * 100 * 90
    for resampling in ("binning", "nearest"):
        found = read_coarse(folder, grid, resampling=resampling)
        with monkeypatch.context() as patch:
            patch.setattr(swathwindows, "_window", lambda *_: Window((0, 100), (0, 90)))
            whole = read_coarse(folder, grid, resampling=resampling)
        assert found.identical(whole)
        assert np.isfinite(found["reflectance"]).any()


def test_missing_coordinates_hide_their_pixels_only(write, edit, fine_grid):
    folder, grid = write(), coarse_grid(fine_grid)
    before = read_coarse(folder, grid)
    with edit(folder / "geolocation.nc") as file:
        for name in ("lat", "lon"):
            file[name][8:10, 9:12] = -(2**31)
    after = read_coarse(folder, grid)
    gone = np.isnan(after["reflectance"]) & np.isfinite(before["reflectance"])
    assert 0 < gone.sum() <= 4 * 12
    assert (after["count"] <= before["count"]).all()


def test_across_the_date_line(tmp_path, smooth):
    """Sixty degrees south, a grid in UTM on both sides of 180 degrees."""
    to_zone = Transformer.from_crs("EPSG:4326", "EPSG:32701", always_xy=True)
    east, north = (round(value) for value in to_zone.transform(180, -60))
    corner = Affine(10, 0, east - 1200, 0, -10, north + 900)
    grid = GeoBox(smooth.shape[1:], corner, "EPSG:32701")
    truth = smooth.assign_coords(xr_coords(grid, always_yx=True))
    swath = SimulatedSwath(rows=41, columns=43)
    folder = write_syn(tmp_path, "2023-06-01", truth, swath=swath, cover=0, noise=0)[0].parent
    lon = raw(folder, "geolocation.nc", "lon") * 1e-6
    assert (lon > 179).any()
    assert (lon < -179).any()
    assert locate(folder, coarse_grid(grid))[0].window.shape[1] <= 43
    found = read_coarse(folder, coarse_grid(grid), max_view_zenith=80)
    means = truth.values.reshape(4, 6, 30, 8, 30).mean(axis=(2, 4))
    np.testing.assert_allclose(found["reflectance"][0], means, atol=0.01)
    assert (found["count"] >= 2).all()


# A real product


@pytest.fixture(scope="module")
def real(shared_data, tmp_path_factory):
    """The real product, made complete: places between its tie points, all land and clear.

    Only a part has places; elsewhere they are missing.
    """
    (source,) = (shared_data / "efast" / "S3" / "raw").iterdir()
    folder = tmp_path_factory.mktemp("real") / source.name
    folder.mkdir()
    for path in source.iterdir():
        (folder / path.name).symlink_to(path)
    shape, rows, columns = (4090, 4865), slice(300, 700), slice(4300, 4800)
    at = np.arange(4865)[columns] / 64
    left = at.astype(int)
    with netCDF4.Dataset(folder / "geolocation.nc", "w") as file:
        _dimensions(file, shape)
        for name in ("lat", "lon"):
            points = raw(source, "tiepoints_olci.nc", f"OLC_TP_{name}").reshape(77, 4090).T[rows]
            between = points[:, left] + (at - left) * (points[:, left + 1] - points[:, left])
            made = file.createVariable(
                name, "i4", ("rows", "columns"), zlib=True, chunksizes=(256, 512),
                fill_value=-(2**31),
            )  # fmt: skip
            made.set_auto_maskandscale(False)
            made.scale_factor = np.float32(1e-6)
            made[rows, columns] = np.rint(between)
    with netCDF4.Dataset(folder / "flags.nc", "w") as file:
        _dimensions(file, shape)
        for name, kind, value in (("CLOUD_flags", "u1", 0), ("SYN_flags", "u2", 16)):
            made = file.createVariable(
                name, kind, ("rows", "columns"), zlib=True, chunksizes=(256, 512)
            )
            made[rows, columns] = value
    return folder


def _dimensions(file, shape):
    for name, size in zip(("rows", "columns"), shape, strict=True):
        file.createDimension(name, size)


@pytest.fixture(scope="module")
def place(real):
    """30 x 30 cells where the real product shows land."""
    lat, lon = (raw(real, "geolocation.nc", name)[500, 4550] * 1e-6 for name in ("lat", "lon"))
    east, north = Transformer.from_crs("EPSG:4326", "EPSG:32628", always_xy=True).transform(
        lon, lat
    )
    corner = Affine(300, 0, round(east) - 4500, 0, -300, round(north) + 4500)
    return GeoBox((30, 30), corner, "EPSG:32628")


def test_real_bands_are_binned_as_by_hand(real, place):
    found = read_coarse(real, place, supersampling=1)
    lat, lon = (raw(real, "geolocation.nc", name) for name in ("lat", "lon"))
    known = lat != -(2**31)
    to_grid = Transformer.from_crs("EPSG:4326", "EPSG:32628", always_xy=True)
    east, north = to_grid.transform(lon[known] * 1e-6, lat[known] * 1e-6)
    column = np.floor((east - place.affine.c) / 300)
    row = np.floor((place.affine.f - north) / 300)
    inside = (row >= 0) & (row < 30) & (column >= 0) & (column < 30)
    cell = (row * 30 + column)[inside].astype(int)
    assert (
        np.isfinite(found["reflectance"]).mean()
        / np.isfinite(found["count"].where(found["count"] > 0)).mean()
        > 0.9
    )
    for band, name in enumerate(BANDS):
        numbers = raw(real, f"Syn_{name}_reflectance.nc", f"SDR_{name}")[known][inside]
        good = numbers != -10000
        sums, counts = np.zeros(900), np.zeros(900)
        np.add.at(sums, cell[good], numbers[good] / 1e4)
        np.add.at(counts, cell[good], 1)
        with np.errstate(invalid="ignore"):
            expected = (sums / counts).reshape(30, 30)
        np.testing.assert_allclose(found["reflectance"][0, band], expected, rtol=1e-6)
    assert 100 < np.isfinite(expected).sum() < 900
    assert found["time"].values[0] == np.datetime64("2023-09-12T11:20:23", "ns")
    assert float(found["reflectance"].sel(band="Oa17").median()) > 0.15  # plants


def test_real_view_zenith(real, place):
    """At columns with tie points it is theirs."""
    swath, bounds = locate(real, place)
    assert swath.shape == (4090, 4865)
    assert 7 < bounds.south < bounds.north < 21
    angle = raw(real, "tiepoints_olci.nc", "OLC_VZA").reshape(77, 4090).T * 1e-6
    columns = np.arange(*swath.window.cols)
    tie = columns % 64 == 0
    limit = float(angle[500, 71] + 1e-7)
    pixels, _ = read_product(real, place, ["Oa04"], Choice(max_view_zenith=limit))
    expected = angle[swath.window.slices[0]][:, columns[tie] // 64] <= limit
    np.testing.assert_array_equal(pixels.usable[:, tie], expected)
    assert 0 < pixels.usable.mean() < 1


# What is refused


def _without(name):
    return lambda folder: (folder / name).unlink()


def _cut(name, keep=0.5):
    def cut(folder):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * keep)])

    return cut


def _text(name):
    return lambda folder: (folder / name).write_text("hello")


def _made(name, variables, shape, dtype="i2", **attrs):
    """Replace a file by one with variables of another shape or type; nothing is stored in it."""

    def make(folder):
        with netCDF4.Dataset(folder / name, "w") as file:
            for at, size in enumerate(shape):
                file.createDimension(f"d{at}", size)
            for variable_name in variables:
                dims = [f"d{at}" for at in range(len(shape))]
                chunks = {} if dtype is str else {"chunksizes": [min(n, 512) for n in shape]}
                made = file.createVariable(variable_name, dtype, dims, **chunks)
                made.setncatts(attrs)

    return make


def _renamed(name, old, new):
    def rename(folder):
        with netCDF4.Dataset(folder / name, "r+") as file:
            file.renameVariable(old, new)

    return rename


def _attribute(name, of, attribute, value):
    def change(folder):
        with netCDF4.Dataset(folder / name, "r+") as file:
            if value is None:
                file[of].delncattr(attribute)
            else:
                file[of].setncattr(attribute, value)

    return change


BAND, PLACES, FLAGS = "Syn_Oa08_reflectance.nc", "geolocation.nc", "flags.nc"
TIES = "tiepoints_olci.nc"
SCALED = {"scale_factor": np.float32(1e-6)}


@pytest.mark.parametrize(
    ("damage", "file", "words"),
    [
        (_without(PLACES), PLACES, "no such file"),
        (_without(FLAGS), FLAGS, "no such file"),
        (_without(BAND), BAND, "no such file"),
        (_without(TIES), TIES, "no such file"),
        (_cut(PLACES), PLACES, "not a readable netCDF"),
        (_cut(FLAGS, 0.9), FLAGS, "not a readable netCDF"),
        (_cut(BAND, 0.97), BAND, "not a readable netCDF"),
        (_text(BAND), BAND, "not a readable netCDF"),
        (_renamed(BAND, "SDR_Oa08", "other"), BAND, "no variable SDR_Oa08; there is: .*other"),
        (_renamed(FLAGS, "CLOUD_flags", "x"), FLAGS, "no variable CLOUD_flags"),
        (_renamed(FLAGS, "SYN_flags", "x"), FLAGS, "no variable SYN_flags"),
        (_renamed(PLACES, "lat", "x"), PLACES, "no variable lat"),
        (_renamed(TIES, "OLC_VZA", "x"), TIES, "no variable OLC_VZA"),
        (_made(BAND, ["SDR_Oa08"], (21, 24)), BAND, r"\(21, 24\), the geolocation.* \(21, 23\)"),
        (_made(BAND, ["SDR_Oa08"], (10**6, 10**6)), BAND, r"\(1000000, 1000000\).*\(21, 23\)"),
        (_made(BAND, ["SDR_Oa08"], (21, 23, 1)), BAND, r"\(21, 23, 1\)"),
        (_made(BAND, ["SDR_Oa08"], (21, 23)), BAND, "without a scale_factor"),
        (_made(BAND, ["SDR_Oa08"], (21, 23), str), BAND, "expected numbers"),
        (_made(FLAGS, ["CLOUD_flags"], (21, 23), "f4"), FLAGS, "whole numbers"),
        (_made(FLAGS, ["CLOUD_flags"], (23, 21), "u1"), FLAGS, r"\(23, 21\)"),
        (_made(PLACES, ["lat", "lon"], (400,), "i4", **SCALED), PLACES, "swath"),
        (_made(PLACES, ["lat", "lon"], (1, 23), "i4", **SCALED), PLACES, "2 by 2"),
        (_made(PLACES, ["lat", "lon"], (10**6, 10**6), "i4", **SCALED), PLACES,
         "120000 by 10000"),
        (_made(PLACES, ["lat", "lon"], (21, 23), str), PLACES, "numbers"),
        (_made(TIES, ["OLC_TP_lat"], (21 * 3 + 1,), "i4"), TIES,
         r"\(64,\), expected one list"),
        (_made(TIES, ["OLC_TP_lat"], (21, 3), "i4"), TIES, "one list"),
        (_attribute(FLAGS, "SYN_flags", "flag_meanings", "a b"), FLAGS, "2 flag_meanings"),
        (_attribute(FLAGS, "SYN_flags", "flag_masks", None), FLAGS, "0 flag_masks"),
        (_attribute(FLAGS, "CLOUD_flags", "flag_masks", np.uint8([0, 2, 4, 8])), FLAGS,
         "no flag CLOUD;"),
        (_attribute(FLAGS, "CLOUD_flags", "flag_meanings", "CLOUD A B C"), FLAGS,
         "no flag CLOUD_AMBIGUOUS, CLOUD_MARGIN; there is: CLOUD, A"),
    ],
)  # fmt: skip
def test_broken_products(write, fine_grid, damage, file, words):
    """The file is named, and nothing is made whose size it says."""
    folder = write()
    damage(folder)
    with pytest.raises(BadFile, match=words) as caught:
        read_product(folder, coarse_grid(fine_grid), BANDS, Choice(max_view_zenith=80))
    assert str(folder / file) in str(caught.value)
    with pytest.raises(BadFile, match=words):
        read_coarse(folder, coarse_grid(fine_grid), max_view_zenith=80)


def test_latitudes_and_longitudes_of_two_shapes(write, fine_grid):
    folder = write()
    with netCDF4.Dataset(folder / "geolocation.nc", "w") as file:
        for name, shape in (("lat", (21, 23)), ("lon", (21, 22))):
            for at, size in enumerate(shape):
                file.createDimension(f"{name}{at}", size)
            file.createVariable(name, "i4", (f"{name}0", f"{name}1")).scale_factor = 1e-6
    with pytest.raises(BadFile, match=r"\(21, 22\).*\(21, 23\)"):
        read_product(folder, coarse_grid(fine_grid), BANDS)


def test_a_product_without_any_place_is_nowhere(write, fine_grid, edit):
    folder = write()
    with edit(folder / "geolocation.nc") as file:
        file["lat"][...] = -(2**31)
    assert read_product(folder, coarse_grid(fine_grid), BANDS)[0] is None


def test_what_lies_far_away_may_be_broken(write, fine_grid):
    """Of a product that is not over the grid only the places are read."""
    folder = write()
    for path in folder.glob("Syn_*.nc"):
        path.unlink()
    far = GeoBox(fine_grid.shape, fine_grid.affine @ Affine.translation(9000, 0), fine_grid.crs)
    pixels, bounds = read_product(folder, coarse_grid(far), BANDS)
    assert pixels is None
    assert -16 < bounds.west < bounds.east < -14
    shutil.rmtree(folder)
