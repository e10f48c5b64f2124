"""The coarse series: against the truth, whole passes, what changes nothing, what is refused."""

from __future__ import annotations

import logging
from dataclasses import replace

import netCDF4
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

import efast
from efast.cells.binning import bin_swath
from efast.errors import BadFile, BadInput
from efast.sentinel3.coarsecubes import read_coarse
from efast.sentinel3.coarsegrids import coarse_grid
from efast.sentinel3.simulatedswaths import Response

DAYS = ("2023-06-01T10:00:00", "2023-06-02T10:20:00", "2023-06-03T09:50:00")


@pytest.fixture
def grid(fine_grid):
    return coarse_grid(fine_grid)


def cell_means(truth):
    return truth.values.reshape(4, 6, 30, 8, 30).mean(axis=(2, 4))


def damaged(folder):
    (folder / "flags.nc").unlink()
    return folder


# Against the truth


@pytest.mark.parametrize("resampling", ["binning", "nearest"])
def test_a_constant_field_is_exact(write, flat, grid, resampling):
    folder = write(truth=flat, cover=0.3).parent
    found = read_coarse(folder, grid, resampling=resampling)
    seen = found["reflectance"].values[0]
    expected = np.float32([0.05, 0.08, 0.1234, 0.4])
    for band, plane in enumerate(seen):
        assert np.isin(plane[np.isfinite(plane)], expected[band]).all()
    hidden = np.isnan(seen[0])
    assert 0 < hidden.sum() < hidden.size
    np.testing.assert_array_equal(found["count"].values[0] == 0, hidden)


def test_area_means(write, smooth, grid):
    """A cell is not the mean of the pixels around it, but close to its own mean."""
    binned = read_coarse(write(), grid)["reflectance"].values[0]
    nearest = read_coarse(write(DAYS[1]), grid, resampling="nearest")["reflectance"].values[0]
    expected = cell_means(smooth)
    errors = [np.sqrt(np.mean((one - expected) ** 2)) for one in (binned, nearest)]
    assert errors[0] < errors[1] < 0.005
    assert errors[0] < 0.15 * expected[0].std()


def test_noise_is_averaged(write, flat, grid):
    folder = write(truth=flat, noise=0.01).parent
    errors = {}
    for options in ({"resampling": "nearest"}, {}):
        found = read_coarse(folder, grid, **options)["reflectance"].values[0]
        error = found - flat.values[:, 0, 0, None, None]
        assert abs(error.mean()) < 0.003
        errors[len(options)] = error.std()
    assert errors[0] < 0.85 * errors[1]


def test_gain_and_bias(write, smooth, grid):
    plain = read_coarse(write(), grid)["reflectance"].values[0]
    folder = write(DAYS[1], responses={"Oa08": Response(1.1, -0.02)})
    found = read_coarse(folder, grid)["reflectance"].values[0]
    np.testing.assert_allclose(found[2], 1.1 * plain[2] - 0.02, atol=2e-4)
    np.testing.assert_array_equal(found[[0, 1, 3]], plain[[0, 1, 3]])


def test_clouds_do_not_show(write, flat, grid):
    """They are bright, and stand in the product."""
    folder = write(truth=flat, cover=0.5)
    with netCDF4.Dataset(folder / "Syn_Oa04_reflectance.nc") as file:
        assert file["SDR_Oa04"][:].max() > 0.5
    found = read_coarse(folder, grid)["reflectance"]
    assert float(found.sel(band="Oa04").max()) == np.float32(0.05)


# Form


def test_labels(write, grid):
    folder = write().parent
    found = read_coarse(folder, grid)
    assert found["reflectance"].dims == ("time", "band", "y", "x")
    assert found["reflectance"].dtype == np.float32
    assert found["count"].dims == ("time", "y", "x")
    assert found["count"].dtype == np.uint32
    assert found["time"].dtype == "datetime64[ns]"
    assert list(found["band"].values) == ["Oa04", "Oa06", "Oa08", "Oa17"]
    assert found.odc.geobox == grid
    assert found["reflectance"].attrs["units"] == "1"


def test_names_of_bands(write, grid, caplog):
    folder = write()
    with caplog.at_level(logging.INFO, logger="efast"):
        found = read_coarse(
            folder, grid, bands=["Syn_Oa17_reflectance", "CLOUD_flags", "SDR_Oa08", "SYN_flags"]
        )
    assert list(found["band"].values) == ["Oa17", "Oa08"]
    assert "CLOUD_flags, SYN_flags" in caplog.text
    everything = read_coarse(folder, grid)
    assert found["reflectance"].equals(everything["reflectance"].sel(band=["Oa17", "Oa08"]))
    assert read_coarse(folder, grid, bands="Oa08").sizes["band"] == 1


def test_counts(write, grid, edit):
    folder = write()
    with edit(folder / "Syn_Oa08_reflectance.nc") as file:
        file["SDR_Oa08"][8:12, 9:13] = -10000
    found = read_coarse(folder, grid)
    fewest = found["count"].values[0]
    assert np.isnan(found["reflectance"].sel(band="Oa08").values[0][fewest == 0]).all()
    assert np.isfinite(found["reflectance"].sel(band="Oa04").values).all()
    many = read_coarse(folder, grid, min_count=4)
    np.testing.assert_array_equal(
        np.isnan(many["reflectance"].sel(band="Oa08").values[0]), fewest < 4
    )
    once = read_coarse(folder, grid, supersampling=1)["count"]
    assert 2.5 < found["count"].sum() / once.sum() < 5.5


# Passes


@pytest.mark.parametrize("resampling", ["binning", "nearest"])
def test_two_frames_are_one_file(write, grid, tmp_path, resampling):
    options = {"cover": 0.3, "noise": 0.002, "seed": 4}
    whole = read_coarse(write(folder=tmp_path / "one", **options), grid, resampling=resampling)
    for rows in ((0, 11), (11, 21)):
        write(folder=tmp_path / "two", rows=rows, **options)
    found = read_coarse(tmp_path / "two", grid, resampling=resampling)
    assert found.sizes["time"] == 1
    np.testing.assert_array_equal(found["count"], whole["count"])
    np.testing.assert_allclose(found["reflectance"], whole["reflectance"], rtol=1e-6)
    assert found["time"].equals(whole["time"])


def test_both_satellites_of_a_day_are_two_times(write, grid):
    folder = write(platform="S3A", orbit=7).parent
    write("2023-06-01T10:39:00", platform="S3B", orbit=7)
    write("2023-06-01T10:39:00", platform="S3A", orbit=8)
    found = read_coarse(folder, grid)
    assert list(found["platform"].values) == ["S3A", "S3A", "S3B"]
    assert list(found["orbit"].values) == [7, 8, 7]


def test_of_versions_the_best_is_read(write, grid, caplog):
    bright = {"Oa04": Response(1, 0.1)}
    folder = write(timeliness="NR", responses=bright).parent
    alone = read_coarse(folder, grid)
    write()
    with caplog.at_level(logging.INFO, logger="efast"):
        found = read_coarse(folder, grid)
    assert "replaces" in caplog.text
    assert found.sizes["time"] == 1
    gap = (alone["reflectance"] - found["reflectance"]).sel(band="Oa04")
    np.testing.assert_allclose(gap, 0.1, atol=1e-3)


def test_times_ascend_whatever_the_order(write, grid):
    folders = [write(day) for day in (DAYS[2], DAYS[0], DAYS[1])]
    found = read_coarse(folders, grid)
    np.testing.assert_array_equal(found["time"], np.array(DAYS, "datetime64[ns]"))
    assert found.identical(read_coarse(folders[0].parent, grid))
    assert found.identical(read_coarse(iter(folders[::-1]), grid))


# What changes nothing


def test_a_period(write, grid):
    folder = write().parent
    for day in DAYS[1:]:
        write(day)
    whole = read_coarse(folder, grid)
    found = read_coarse(folder, grid, time_range=("2023-06-02", "2023-06-03"))
    assert found.identical(whole.isel(time=[1, 2]))
    damaged(write("2023-07-01T10:00:00"))  # outside, so nothing is read of it
    assert read_coarse(folder, grid, time_range=("2023-06-02", "2023-06-03")).identical(found)


def test_products_that_do_not_touch_the_grid(write, grid, swath):
    """Elsewhere, and just beside it: no time, no change, also of the time of their pass."""
    folder = write("2023-06-01T10:00:00", rows=(0, 21)).parent
    before = read_coarse(folder, grid)
    far = replace(swath, shift=(60_000.0, 0.0))
    beside = replace(swath, shift=(-5600.0, 0.0), tilt=0.0)
    damaged(write("2023-06-02T10:00:00", swath=far, orbit=2))
    damaged(write("2023-06-01T09:58:00", swath=far))  # of the same pass, before it
    write("2023-06-03T10:00:00", swath=beside, orbit=3)
    write("2023-06-01T09:59:00", swath=beside)
    for options in ({}, {"supersampling": 1}):
        found = read_coarse(folder, grid, **options)
        assert list(found["time"].values) == list(before["time"].values)
    assert read_coarse(folder, grid).identical(before)


def test_other_things_in_the_folder(write, grid, tmp_path):
    folder = write()
    alone = read_coarse(folder, grid)
    (tmp_path / "S2" / "S2A_MSIL2A_X.SAFE").mkdir(parents=True)
    (tmp_path / "S3" / "readme.txt").write_text("hello")
    assert read_coarse(tmp_path, grid).identical(alone)


# Broken products, and nothing


def test_broken_products_are_skipped(write, grid, caplog):
    folder = write().parent
    good = read_coarse(folder, grid)
    bad = damaged(write(DAYS[1]))
    half = damaged(write("2023-06-01T10:00:00.9", rows=(5, 9)))  # of the good pass
    with pytest.raises(BadFile, match=r"flags\.nc: no such file"):
        read_coarse(folder, grid)
    found = read_coarse(folder, grid, on_error="skip")
    assert found.identical(good)
    assert [line.count("no such file") for line in caplog.messages if "skipped" in line] == [2]
    assert str(bad) in caplog.text
    assert str(half) in caplog.text


def test_if_all_are_broken_it_is_an_error(write, grid):
    folder = damaged(write()).parent
    with pytest.raises(BadFile, match="no such file"):
        read_coarse(folder, grid, on_error="skip")


def test_nothing_in_the_period(write, grid):
    folder = write().parent
    write(DAYS[2])
    with pytest.raises(BadInput) as caught:
        read_coarse(folder, grid, time_range=("2023-06-02", "2023-06-02"))
    message = str(caught.value)
    assert "2023-06-02 to 2023-06-02" in message
    assert "-15.000..-14.978 east, 14.456..14.473 north" in message
    assert "products: 2, from 2023-06-01T10:00:00 to 2023-06-03T09:50:00" in message


def test_nothing_over_the_grid(write, fine_grid):
    folder = write().parent
    far = GeoBox(fine_grid.shape, Affine(10, 0, 500_000, 0, -10, 5_600_000), "EPSG:32631")
    with pytest.raises(BadInput, match=r"in any time over 3\.000.*, over -15.*east, 14\.4.*north"):
        read_coarse(folder, coarse_grid(far))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bands": []}, "bands="),
        ({"bands": ["Oa99"]}, "Oa99"),
        ({"bands": ["B04"]}, "B04"),
        ({"bands": ["Oa04", "SDR_Oa04"]}, "different bands"),
        ({"bands": ["CLOUD_flags"]}, "CLOUD_flags"),
        ({"resampling": "cubic"}, "'binning' or 'nearest'"),
        ({"supersampling": 0}, "supersampling=0"),
        ({"supersampling": 2.5}, "supersampling=2.5"),
        ({"supersampling": 1000}, "at most 10"),
        ({"min_count": 0}, "min_count=0"),
        ({"max_view_zenith": 91}, "max_view_zenith=91"),
        ({"max_view_zenith": np.nan}, "max_view_zenith=nan"),
        ({"on_error": "ignore"}, "on_error='ignore'"),
        ({"time_range": ("2023-06-02", "2023-06-01")}, "before the start"),
        ({"time_range": "2023"}, "time_range"),
        ({"grid": "grid"}, "GeoBox"),
        ({"grid": GeoBox((10**4, 10**4), Affine(10, 0, 0, 0, -10, 0), "EPSG:32628")}, "coarse"),
        ({"grid": GeoBox((3, 3), Affine(10, 0, 0, 0, -10, 0), None)}, "with a CRS"),
    ],
)
def test_arguments_that_are_refused(write, grid, options, words):
    folder = write()
    with pytest.raises(BadInput, match=words):
        read_coarse(folder, **({"grid": grid} | options))


# Workers


@pytest.mark.cluster
def test_workers_make_no_difference(write, grid, client):
    folder = write(cover=0.4, noise=0.01).parent
    for day in DAYS[1:]:
        write(day, cover=0.4, noise=0.01)
    for options in ({}, {"resampling": "nearest", "max_view_zenith": 21.5, "snow": False}):
        here = read_coarse(folder, grid, **options)
        there = read_coarse(folder, grid, client=client, **options)
        assert here.identical(there)
        assert here["reflectance"].values.tobytes() == there["reflectance"].values.tobytes()
    damaged(write("2023-06-09T10:00:00"))
    with pytest.raises(BadFile, match="no such file"):
        read_coarse(folder, grid, client=client)


def test_it_is_what_binning_makes_of_the_file(write, grid):
    """Without the reader: the arrays of one product, and nothing else."""
    folder = write(cover=0.4, noise=0.01)
    arrays = {}
    for file in ("geolocation.nc", "flags.nc", "Syn_Oa17_reflectance.nc"):
        with netCDF4.Dataset(folder / file) as opened:
            arrays |= {name: np.ma.getdata(one[...]) for name, one in opened.variables.items()}
    valid = (arrays["CLOUD_flags"] & 7 == 0) & (arrays["SYN_flags"] & 16 > 0)
    mean, count = bin_swath(arrays["lat"], arrays["lon"], arrays["SDR_Oa17"][None], valid, grid)
    found = read_coarse(folder, grid, bands=["Oa17"])
    np.testing.assert_array_equal(found["count"][0], count[0])
    np.testing.assert_allclose(found["reflectance"][0], mean, rtol=1e-6)


def test_it_can_be_fused(write, smooth, grid, fine_grid):
    """The face of the package, up to the front door."""
    for at in range(6):
        folder = write(f"2023-06-{1 + 3 * at:02d}T10:00:00", orbit=at + 1).parent
    coarse = efast.read_coarse(folder, efast.coarse_grid(fine_grid))
    fine = smooth.expand_dims(time=[np.datetime64("2023-06-07T10:50", "ns")])
    weight = (fine.isel(band=0, drop=True) * 0 + 1).astype(np.uint8)
    cube = fine.astype(np.float32).to_dataset(name="reflectance").assign(weight=weight)
    found = efast.fuse(cube, coarse, ["2023-06-07"])
    np.testing.assert_allclose(found["reflectance"][0], smooth, atol=1e-5)
