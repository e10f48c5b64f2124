"""Simulated products: pixels by their definition, files like those of a real product."""

from __future__ import annotations

from dataclasses import replace

import netCDF4
import numpy as np
import pytest
from pyproj import Transformer

from efast.bandpairs import PAIRS
from efast.errors import BadFile, BadInput
from efast.sentinel3.products import parse_name
from efast.sentinel3.sampleproducts import whole_product
from efast.sentinel3.simulatedswaths import Response, SimulatedSwath, observe
from workbench.errors import OutputExists
from workbench.rasters.cubes import grid_of


def contents(folder):
    """All variables of a product, as they are stored."""
    found = {}
    for path in sorted(folder.glob("*.nc")):
        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            found |= {(path.name, name): one[...] for name, one in file.variables.items()}
    return found


def described(path):
    """What a file says of its variables."""
    with netCDF4.Dataset(path) as file:
        return {
            name: (
                one.dtype, one.dimensions,
                {key: one.getncattr(key) for key in one.ncattrs() if key != "bandwidth"},
            )
            for name, one in file.variables.items()
        }  # fmt: skip


def test_pixels_are_means_over_their_footprint(smooth):
    """Against a loop over all pixels of the landscape, continued as its mirror image."""
    swath, grid = SimulatedSwath(4, 5, tilt=25.0, shift=(700.0, 500.0)), grid_of(smooth)
    margin = 130
    wide = np.pad(smooth.values, [(0, 0), (margin, margin), (margin, margin)], "symmetric")
    rows, columns = np.mgrid[-margin : 180 + margin, -margin : 240 + margin]
    east, north = 500_005 + 10.0 * columns, 1_599_995 - 10.0 * rows
    angle = np.radians(25.0)
    middle = 501_200 + 700, 1_599_100 + 500
    down = -np.sin(angle) * (east - middle[0]) - np.cos(angle) * (north - middle[1])
    across = np.cos(angle) * (east - middle[0]) - np.sin(angle) * (north - middle[1])
    found = swath.footprints(grid) @ smooth.values.reshape(4, -1).T
    for row in range(4):
        for column in range(5):
            inside = (np.abs(down - (row - 1.5) * 300) < 150) & (
                np.abs(across - (column - 2) * 300) < 150
            )
            assert 880 < inside.sum() < 920
            np.testing.assert_allclose(
                found[row * 5 + column], wide[:, inside].mean(axis=1, dtype=float), rtol=1e-5
            )


def test_places_are_the_centres_of_pixels(smooth, swath):
    grid = grid_of(smooth)
    lat, lon = swath.places(grid)
    east, north = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True).transform(lon, lat)
    for axis in (0, 1):
        steps = np.hypot(np.diff(east, axis=axis), np.diff(north, axis=axis))
        np.testing.assert_allclose(steps, 300, atol=1e-4)
    assert (np.diff(north, axis=0) < 0).all()  # descending
    assert (np.diff(east, axis=1) > 0).all()
    np.testing.assert_allclose((east.mean(), north.mean()), (501_200, 1_599_100), atol=1e-3)


def test_pixels_without_a_flag_show_no_cloud(smooth, swath):
    truth, grid = smooth.values, grid_of(smooth)
    responses = [Response(1.1, 0.01)] * 4
    images = [
        observe(truth, grid, swath, responses, cover=cover, noise=0.0,
                rng=np.random.default_rng(5))
        for cover in (0.0, 0.4, 1.0)
    ]  # fmt: skip
    clear, cloudy, hidden = images
    assert not clear.cloud.any()
    assert (hidden.cloud == 1).all()
    seen = cloudy.cloud == 0
    np.testing.assert_array_equal(cloudy.values[:, seen], clear.values[:, seen])
    assert 0.1 < seen.mean() < 0.6
    assert set(np.unique(cloudy.cloud)) == {0, 1, 2, 4}
    expected = (swath.footprints(grid) @ truth.reshape(4, -1).T).T * 1.1 + 0.01
    np.testing.assert_allclose(clear.values.reshape(4, -1), expected)
    assert (cloudy.values[:, cloudy.cloud == 1] > clear.values[:, cloudy.cloud == 1]).all()


def test_files_are_like_those_of_a_real_product(write, shared_data):
    (real,) = (shared_data / "efast" / "S3" / "raw").iterdir()
    folder = write()
    compared = 0
    for path in real.glob("*.nc"):
        there, here = described(path), described(folder / path.name)
        assert set(here) <= set(there)
        for name, (dtype, dims, attrs) in here.items():
            assert (dtype, dims) == there[name][:2]
            for key, value in attrs.items():
                assert value == there[name][2][key], (path.name, name, key)
                assert np.asarray(value).dtype == np.asarray(there[name][2][key]).dtype
                compared += 1
    assert compared > 60
    assert {path.name for path in real.iterdir()} <= {path.name for path in folder.iterdir()}


def test_flags_name_their_bits(write):
    found = described(write() / "flags.nc")
    for name, dtype, words in (("CLOUD_flags", "u1", 4), ("SYN_flags", "u2", 16)):
        kind, _, attrs = found[name]
        assert kind == attrs["flag_masks"].dtype == dtype
        assert len(attrs["flag_meanings"].split()) == words
        np.testing.assert_array_equal(attrs["flag_masks"], 2 ** np.arange(words))
    assert found["SYN_flags"][2]["flag_meanings"].split()[4] == "SYN_land"


def test_the_name_says_what_was_asked(write):
    folder = write(
        "2023-06-01T10:00:00", platform="S3B", timeliness="NR", cycle=84, orbit=37, rows=(5, 15)
    )
    found = parse_name(folder)
    assert (found.platform, found.timeliness, found.cycle, found.orbit) == ("S3B", "NR", 84, 37)
    assert found.start == np.datetime64("2023-06-01T10:00:00")
    assert found.created == np.datetime64("2023-06-01T13:00:00")
    with netCDF4.Dataset(folder / "time.nc") as file:
        assert len(file["Time"]) == 10
        first = np.datetime64("2000-01-01") + np.timedelta64(int(file["Time"][0]), "us")
    assert first == np.datetime64("2023-06-01T10:00:00.220")


def test_frames_are_parts_of_one_image(write, tmp_path):
    options = {"cover": 0.4, "noise": 0.01}
    whole, upper, lower = (
        contents(write(folder=tmp_path / str(rows), rows=rows, **options))
        for rows in (None, (0, 9), (9, 21))
    )
    for key, values in whole.items():
        if values.ndim == 2:
            np.testing.assert_array_equal(np.concatenate([upper[key], lower[key]]), values)


def test_the_seed_decides_everything(write, tmp_path):
    options = {"cover": 0.4, "noise": 0.01}
    one, same = (contents(write(folder=tmp_path / name, **options)) for name in "ab")
    assert all((one[key] == same[key]).all() for key in one)
    for changed in ({"seed": 1}, {"platform": "S3B"}, {"time": "2023-06-02"}):
        other = contents(write(folder=tmp_path / "c", **options, **changed))
        assert (other["flags.nc", "CLOUD_flags"] != one["flags.nc", "CLOUD_flags"]).any()


@pytest.mark.parametrize("columns", [2, 17, 18, 23, 33])
def test_tie_points_reach_the_last_column(write, swath, columns):
    folder = write(swath=replace(swath, columns=columns))
    found = contents(folder)
    ties = found["tiepoints_olci.nc", "OLC_TP_lat"].reshape(-1, 21)
    step = -(-(columns - 1) // (len(ties) - 1))
    lat = found["geolocation.nc", "lat"]
    assert (len(ties) - 1) * step >= columns - 1
    np.testing.assert_allclose(ties[:-1], lat[:, : (len(ties) - 1) * step : step].T, atol=1)


def test_nothing_is_overwritten_unasked(write):
    folder = write()
    before = contents(folder)
    with pytest.raises(OutputExists):
        write(seed=1, noise=0.1)
    assert all((before[key] == values).all() for key, values in contents(folder).items())
    write(seed=1, noise=0.1, overwrite=True)
    assert any((before[key] != values).any() for key, values in contents(folder).items())


def test_a_product_that_is_not_whole(write):
    folder = write()
    whole_product(folder)
    manifest = folder / "xfdumanifest.xml"
    text = manifest.read_text()
    manifest.write_text(text[:-30])
    with pytest.raises(BadFile, match="manifest"):
        whole_product(folder)
    manifest.write_text(text)
    path = folder / "geolocation.nc"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(BadFile, match="geolocation"):
        whole_product(folder)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rows": (0, 22)}, r"rows=\(0, 22\)"),
        ({"rows": (5, 6)}, "at least two"),
        ({"rows": (-1, 6)}, "rows="),
        ({"time": "yesterday or so"}, "not a time"),
    ],
)
def test_refused(write, options, words):
    with pytest.raises(BadInput, match=words):
        write(**options)


def test_other_bands_are_refused(write, smooth):
    with pytest.raises(BadInput, match="B11"):
        write(truth=smooth.assign_coords(band=["B11", "B12", "B05", "B06"]))
    folder = write(truth=smooth.assign_coords(band=["B11", "B04", "B05", "B06"]))
    assert [path.name for path in folder.glob("Syn*")] == [f"Syn_{PAIRS['B04']}_reflectance.nc"]


def test_a_swath_without_pixels():
    with pytest.raises(BadInput, match="1 x 5 pixels"):
        SimulatedSwath(1, 5)
