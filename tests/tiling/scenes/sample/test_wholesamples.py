"""The sample against its truth, read by satpy and located by PROJ."""

import datetime as dt
import warnings

import netCDF4
import numpy as np
import pytest
import xarray as xr
import yaml
from pyproj import CRS, Transformer

from tiling.scenes.meta.reading import checked_meta
from tiling.scenes.planning.splitting import split
from tiling.scenes.sample import read_sample, write_full_disks, write_sample
from tiling.scenes.sample.abifiles import MIDDLE
from tiling.scenes.sample.bands import BANDS
from tiling.scenes.sample.views import plane, sun
from tiling.scenes.sources.registry import known_sources
from workbench.errors import BadInput, OutputExists


@pytest.fixture(scope="module")
def loaded(sample):
    """All bands and cloud tops of the second scan of the first day, as satpy reads them."""
    from satpy import Scene

    files = {
        reader: sorted(map(str, sample.bucket.glob(f"{product}/2020/033/14/*s20200331410*.nc")))
        for reader, product in (("abi_l1b", "ABI-L1b-RadF"), ("abi_l2_nc", "ABI-L2-ACHAF"))
    }
    assert [len(names) for names in files.values()] == [4, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        images, tops = (Scene({reader: names}) for reader, names in files.items())
        images.load(["C01", "C02", "C03"], calibration="reflectance")
        images.load(["C13"], calibration="brightness_temperature")
        tops.load(["HT"])
        read = {name: images[name].compute() for name in ("C01", "C02", "C03", "C13")}
        return read | {"HT": tops["HT"].compute()}


def on_plane(image, sample):
    """Return places of pixels on the plane of the domain."""
    crs = image.attrs["area"].crs
    x, y = np.meshgrid(*image.attrs["area"].get_proj_vectors())
    to = CRS.from_user_input(plane(sample.latitude, sample.longitude))
    return Transformer.from_crs(crs, to, always_xy=True).transform(x, y)


def truth(image, sample, number=1):
    x, y = on_plane(image, sample)
    return sample.at(x, y, sample.starts[number] + MIDDLE)


@pytest.mark.parametrize(
    ("name", "sea", "cloud"), [("C01", 0.115, 0.84), ("C02", 0.055, 0.86), ("C03", 0.03, 0.85)]
)
def test_reflectance_is_that_of_the_true_clouds_under_the_sun(loaded, sample, name, sea, cloud):
    from pyorbital.astronomy import cos_zen

    sharpest = loaded["C02"]
    cover, _, _ = truth(sharpest, sample)
    lon, lat = sharpest.attrs["area"].get_lonlats()
    middle = (sample.starts[1] + MIDDLE).astype("M8[us]").item()
    reflected = (sea + (cloud - sea) * cover) * cos_zen(middle, lon, lat)
    image = loaded[name]
    error = image.values / 100 - means(reflected, sharpest.shape[0] // image.shape[0])
    assert abs(np.nanmean(error)) < 2e-4
    assert np.nanstd(error) < 1e-3
    assert np.isfinite(error).all()


def means(values, width):
    rows, cols = np.array(values.shape) // width
    return values.reshape(rows, width, cols, width).mean(axis=(1, 3))


def test_temperature_is_that_of_clear_and_cloudy_parts(loaded, sample):
    """Planck's function inverted by satpy; radiances add up, temperatures do not."""
    cover, tops, _ = truth(loaded["C02"], sample)
    sea, cold = (BANDS[13].emitted(np.asarray(each)) for each in (297.5, 297.5 - 6.5e-3 * tops))
    emitted = means(sea + (cold - sea) * cover, 4)
    temperatures = np.linspace(200, 310, 100_000)
    expected = np.interp(emitted, BANDS[13].emitted(temperatures), temperatures)
    np.testing.assert_allclose(loaded["C13"].values, expected, atol=0.6)
    assert expected.min() < 260
    assert expected.max() > 297


def test_heights_of_tops_lie_where_clouds_are(loaded, sample):
    cover, tops, _ = truth(loaded["HT"], sample)
    heights = loaded["HT"].values
    assert 0.2 < np.isfinite(heights).mean() < 1
    np.testing.assert_array_equal(np.isfinite(heights), cover >= 0.25)
    np.testing.assert_allclose(heights[cover >= 0.25], tops[cover >= 0.25], atol=0.2)


def test_the_window_covers_the_domain_with_room_for_a_crop(loaded, sample):
    x, y = on_plane(loaded["C13"], sample)
    room = 0.6 * sample.side
    assert x.min() < -room
    assert x.max() > room
    assert y.min() < -room
    assert y.max() > room
    assert np.hypot(x, y).min() < 2_000


def test_clouds_drift_as_told(sample):
    x, y = np.meshgrid(np.linspace(-4e4, 4e4, 50), np.linspace(-4e4, 4e4, 40))
    first, second = sample.starts[:2]
    seconds = (second - first) / np.timedelta64(1, "s")
    assert seconds == 600
    u, v = sample.velocity
    before, after = sample.at(x, y, first), sample.at(x + u * seconds, y + v * seconds, second)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-2)
    assert np.abs(before[0] - sample.at(x, y, second)[0]).mean() > 0.05
    assert np.abs(before[0] - sample.at(x, y, sample.starts[3])[0]).mean() > 0.05


def test_the_three_textures_differ(sample):
    """Smooth sheets vary least from pixel to pixel; each kind has its place."""
    covers, _, kinds = (sample.clouds(sample.starts[0])[0]).pattern
    assert set(np.unique(kinds)) == {0, 1, 2}
    for day in range(2):
        shares = np.bincount(sample.clouds(sample.starts[3 * day])[0].pattern[2].ravel())
        assert shares.argmax() == day  # what prevails changes from day to day
    rough = np.abs(np.diff(covers, axis=0))
    streets, cells, sheets = (rough[kinds[1:] == kind].mean() for kind in range(3))
    assert sheets < 0.3 * min(streets, cells)


@pytest.mark.parametrize(
    ("time", "lon", "lat"),
    [
        ("2020-02-02T14:00", -57.72, 13.3),
        ("2020-06-21T02:00", 150.0, -40.0),
        ("2024-12-31T23:59", -100.0, 60.0),
    ],
)
def test_the_sun_stands_where_others_see_it(time, lon, lat):
    from pyorbital.astronomy import cos_zen, sun_earth_distance_correction

    moment = dt.datetime.fromisoformat(time)
    cosines, distance = sun(np.datetime64(time), lon, lat)
    assert cosines == pytest.approx(cos_zen(moment, lon, lat), abs=1e-3)
    assert distance == pytest.approx(sun_earth_distance_correction(moment), abs=2e-3)


def test_scans_have_real_names_and_folders(sample):
    names = {path.name for path in sample.bucket.glob("ABI-L1b-RadF/2020/034/14/*C02*")}
    assert "OR_ABI-L1b-RadF-M6C02_G16_s20200341400212_e20200341409506_c20200341410416.nc" in names
    assert len(names) == sample.scenes


def test_files_are_packed_as_real_ones(sample, shared_data):
    """Types, chunks, packing and attributes of the pixels, and scalars, as a real file has them."""
    (ours,) = sample.bucket.glob("ABI-L1b-RadF/2020/033/14/*C01*s20200331400*")
    (real,) = shared_data.glob("scenes/OR_ABI-L1b-RadM1-M3C01*")
    with netCDF4.Dataset(ours) as one, netCDF4.Dataset(real) as other:
        for name in set(one.variables):
            assert name in other.variables
            assert one[name].dtype == other[name].dtype, name
            assert one[name].dimensions == other[name].dimensions, name
            assert one[name].filters() == other[name].filters(), name
        assert set(one["Rad"].ncattrs()) == set(other["Rad"].ncattrs())
        for key in ("scale_factor", "add_offset", "units", "_FillValue", "sensor_band_bit_depth"):
            assert one["Rad"].getncattr(key) == other["Rad"].getncattr(key), key
        kappa = np.pi * float(one["earth_sun_distance_anomaly_in_AU"][...]) ** 2
        assert float(one["kappa0"][...]) == pytest.approx(kappa / float(one["esun"][...]), rel=1e-6)


def test_meta_files_say_where_things_are(sample):
    meta = yaml.safe_load((sample.goes / "meta.yaml").read_text())
    assert meta["storage"] == {"protocol": "file", "bucket": sample.bucket.as_posix()}
    tile = meta["sampling"]["triplets"]["tile_N"] * meta["sampling"]["resolution"]
    assert meta["domain"]["l_zonal"] >= 2.41 * tile
    assert meta["sampling"]["triplets"]["N_triplets"] == {"train": 120, "study": 60}
    beside = meta["aux_products"]["cloud_fraction"]["files"]
    assert (sample.goes / "source_data/netcdf" / beside).is_file()
    les = yaml.safe_load((sample.les / "meta.yaml").read_text())
    with xr.open_dataset(sample.les / "source_data/LES/simulation.nc") as fields:
        assert fields.lwp.dims == ("time", "yt", "xt")
        assert les["sampling"]["resolution"] == float(fields.xt.diff("xt")[0])
        moved = sample.clouds_of_simulation
        x, y = np.meshgrid(fields.xt, fields.yt)
        again, _, _ = moved.at(x + 240 * moved.velocity[0], y + 240 * moved.velocity[1], 240.0)
        np.testing.assert_allclose(fields.lwp[0], 0.4 * again**1.5, atol=1e-4)


def test_the_product_beside_is_the_truth(sample):
    with xr.open_dataset(sample.goes / "source_data/netcdf/clouds.nc") as beside:
        to = Transformer.from_crs(
            "EPSG:4326", plane(sample.latitude, sample.longitude), always_xy=True
        )
        x, y = to.transform(*np.meshgrid(beside.lon, beside.lat))
        cover, _, kind = sample.at(x, y, beside.time.values[0])
        np.testing.assert_allclose(beside.cloud_fraction[0], cover, atol=1e-5)
        np.testing.assert_array_equal(beside.texture[0], kind)


def test_a_sample_is_read_again_and_the_same_each_time(sample, tmp_path):
    assert read_sample(sample.folder) == sample
    again = write_sample(tmp_path, scenes=3, days=2, side=96e3)
    (one,), (other,) = (
        each.bucket.glob("ABI-L1b-RadF/2020/033/14/*C03*s20200331420*") for each in (sample, again)
    )
    assert one.read_bytes() == other.read_bytes()


def test_an_earlier_sample_is_replaced_whole(tmp_path):
    first = write_sample(tmp_path, scenes=2, days=1, side=40e3)
    (tmp_path / "goes" / "notes.txt").write_text("mine")
    with pytest.raises(OutputExists, match="overwrite"):
        write_sample(tmp_path, scenes=1, days=1, side=40e3)
    write_sample(tmp_path, scenes=1, days=1, side=40e3, overwrite=True)
    assert len(list(first.bucket.rglob("*.nc"))) == 5
    assert (tmp_path / "goes" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"source": "goes15"}, "goes16"),
        ({"scenes": 0}, "at least one scene"),
        ({"minutes": 0}, "above 0"),
        ({"minutes": float("nan")}, "above 0"),
        ({"scenes": 200}, "longer than a day"),
        ({"side": 5e3}, "32 to 2,000 km"),
        ({"side": float("nan")}, "32 to 2,000 km"),
        ({"longitude": 100.0}, "not wholly seen"),
        ({"source": "goes17", "longitude": 5.0}, "not wholly seen"),
        ({"source": "goes18", "longitude": -175.0}, "2020-02-02 goes18 stood at -89.5 degrees"),
        ({"start": "yesterday"}, "yesterday"),
        ({"triplets": 1}, "2 are the least"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path, wrong, message):
    with pytest.raises(BadInput, match=message):
        write_sample(tmp_path / "sample", **wrong)
    assert not (tmp_path / "sample").exists()


@pytest.mark.parametrize(
    ("scenes", "days", "splitting"),
    [(1, 1, None), (2, 1, "shared"), (3, 1, "shared"), (1, 3, "shared"),
     (4, 1, "random_by_relative_sample_size"), (2, 2, "by_time_blocks"), (1, 4, "by_time_blocks")],
)  # fmt: skip
def test_however_few_scenes_the_dataset_is_accepted(tmp_path, scenes, days, splitting):
    made = write_sample(tmp_path, scenes=scenes, days=days, side=40e3)
    meta, problems = checked_meta(made.goes, known_sources())
    assert not problems
    found = meta.sampling.triplets
    if splitting is None:
        assert found is None
        return
    assert (found.splitting, dict(found.counts)) == (splitting, {"train": 120, "study": 60})
    times = {str(time): time for time in made.starts}
    parts = split(times, found, meta.domain.longitude)
    assert min(map(len, parts.values())) >= 2


def test_at_the_limb_there_is_space_beside_the_domain(tmp_path):
    """No value, and no warning of NumPy, where the view of the satellite passes the Earth."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = write_sample(tmp_path, scenes=1, days=1, side=96e3, longitude=3.4)
    for path in sorted(made.bucket.rglob("*RadF*.nc")):
        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            counts, flags = file["Rad"][:], file["DQF"][:]
            x, y = (file[n][:] * file[n].scale_factor + file[n].add_offset for n in "xy")
            fill = file["Rad"]._FillValue
        to = CRS("+proj=geos +h=35786023 +lon_0=-75 +sweep=x +a=6378137 +b=6356752.31414")
        places = Transformer.from_crs(to, to.geodetic_crs).transform(
            *(axis * 35_786_023.0 for axis in np.meshgrid(x, y))
        )
        space = ~np.isfinite(places[0])
        assert 0.05 < space.mean() < 0.7
        assert (counts[space] == fill).all(), "space has no radiance"
        inner = ~space[1:-1, 1:-1] & ~space[2:, 2:] & ~space[:-2, :-2]
        assert (counts[1:-1, 1:-1][inner] != fill).mean() > 0.99
        np.testing.assert_array_equal(counts == fill, flags == -1)


def test_a_full_disk_is_as_large_as_a_real_one(tmp_path):
    (path,) = write_full_disks(tmp_path, [13])
    assert 15e6 < path.stat().st_size < 60e6
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        assert file["Rad"].shape == (5424, 5424)
        assert file["Rad"].chunking() == [226, 226]
        counts, flags = file["Rad"][:], file["DQF"][:]
        x, y = (file[name][:] * file[name].scale_factor + file[name].add_offset for name in "xy")
    to = Transformer.from_crs(
        "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +a=6378137 +b=6356752.31414",
        "+proj=longlat +a=6378137 +b=6356752.31414",
        always_xy=True,
    )
    height = 35_786_023.0
    for row in (3, 700, 2711, 5000):
        seen = np.isfinite(to.transform(x * height, np.full(x.shape, y[row]) * height)[0])
        assert abs(int((counts[row] != 4095).sum()) - int(seen.sum())) <= 2
        np.testing.assert_array_equal(counts[row] == 4095, flags[row] == -1)
    assert counts[2711, 2711] == counts[2711, 2711 - 226 * 4]
