"""True colour against a plain version and against satpy, which makes it of the same files."""

import pickle

import h5py
import numpy as np
import pytest
import xarray as xr

from tiling.scenes.abi import sun
from tiling.scenes.abi.images import image
from tiling.scenes.abi.rayleigh import without_air
from tiling.scenes.abi.truecolor import NightScene, colours
from tiling.scenes.abi.windows import read_window
from tiling.scenes.errors import SceneError, UnusableInput


@pytest.fixture(scope="module")
def windows(bands):
    found = []
    for band in (1, 2, 3):
        with h5py.File(bands[band]) as file:
            found.append(image(read_window(file, bands[band].name, None), "refl"))
    return found


def holes(windows):
    """Copies with missing pixels, negative ones, and dark ones beside bright ones."""
    blue, red, veggie = (window.copy(deep=True) for window in windows)
    rng = np.random.default_rng(3)
    for window in (blue, red, veggie):
        window.values[rng.random(window.shape) < 0.01] = np.nan
        window.values[rng.random(window.shape) < 0.01] = 0
    red.values[rng.random(red.shape) < 0.01] = -0.02
    red.values[100:110, 100:110] = 0
    return blue, red, veggie


def test_at_1_km_red_is_averaged(windows):
    blue, red, veggie = holes(windows)
    found = colours(blue, red, veggie, resolution=1000)
    mean = red.values.reshape(800, 2, 800, 2).mean(axis=(1, 3))
    expected = [mean, 0.465 * blue + 0.465 * mean + 0.07 * veggie, blue]
    for one, other in zip(found.values, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert found.dims == ("channel", "y", "x")
    assert list(found["channel"].values) == ["R", "G", "B"]
    assert found.attrs["units"] == "1"
    np.testing.assert_array_equal(found["x"], blue["x"])


@pytest.mark.parametrize("resolution", [None, 500.0, 999.0])
def test_below_green_and_blue_vary_like_red(windows, resolution):
    blue, red, veggie = holes(windows)
    shares = (0.45, 0.45, 0.1)
    found = colours(blue, red, veggie, green=shares, resolution=resolution)
    mean = red.values.reshape(800, 2, 800, 2).mean(axis=(1, 3))
    fine = [np.kron(values, np.ones((2, 2), np.float32)) for values in (mean, blue, veggie)]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = red.values / fine[0]
    ratio[~np.isfinite(ratio) | (ratio < 0)] = 1
    ratio = np.minimum(ratio, 1.5)
    green = 0.45 * fine[1] + 0.45 * red.values + 0.1 * fine[2]
    expected = [red.values, green * ratio, fine[1] * ratio]
    for one, other in zip(found.values, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)
    np.testing.assert_array_equal(found["x"], red["x"])
    assert (ratio == 1.5).any()


def test_it_is_that_of_satpy(bands, windows):
    """Its recipe without the air, in the middle of the scan (it takes the start)."""
    from satpy import Scene
    from satpy.composites.resolution import SelfSharpenedRGB

    scene = Scene(reader="abi_l1b", filenames=[str(bands[band]) for band in (1, 2, 3)])
    scene.load(["C01", "C02", "C03"])
    scene = scene.resample(scene.finest_area(), resampler="native")
    middle = np.datetime64("2020-02-02T14:05:06.1", "ns")
    lon, lat = scene["C02"].attrs["area"].get_lonlats()
    factor = sun.factor(sun.cosine_of_zenith(middle, lon, lat))
    one, two, three = (scene[name] / 100 * factor for name in ("C01", "C02", "C03"))
    for given, name in ((one, "C01"), (two, "C02"), (three, "C03")):
        given.attrs.update(scene[name].attrs)
    mixed = 0.465 * one + 0.465 * two + 0.07 * three
    mixed.attrs.update(one.attrs)
    maker = SelfSharpenedRGB("true_color", high_resolution_band="red")
    expected = maker([two, mixed, one])
    found = colours(*windows)
    # the sun's height is taken at pixels of 1 km for bands 1 and 3, here at those of 0.5 km
    np.testing.assert_allclose(found.values, expected.values, rtol=3e-4)


def test_a_night_has_no_colour(windows):
    dark = [window.copy(data=np.full(window.shape, np.nan, np.float32)) for window in windows]
    with pytest.raises(SceneError, match="E080"):  # by day it is something else
        colours(*dark, resolution=1000)
    dark[0].attrs["time_middle"] = "2020-02-03T04:00:00Z"
    with pytest.raises(NightScene, match="night") as caught:
        colours(*dark, resolution=1000)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_windows_that_do_not_match_are_refused(windows):
    blue, red, veggie = windows
    for wrong in (
        (blue, red[:-2], veggie),
        (blue, red.assign_coords(x=red["x"] + 14e-6), veggie),
        (blue, red, veggie.assign_coords(y=veggie["y"] - 28e-6)),
        (blue, blue, veggie),
    ):
        with pytest.raises(UnusableInput, match="E061"):
            colours(*wrong)


def test_the_air_is_taken_away_in_a_simple_way(windows):
    """Against the formula, worked out by geographic angles at some pixels."""
    from tiling.scenes.domains.scanangles import ground, view_of

    blue = windows[0][::97, ::89]
    found = without_air(blue, 1)
    view = view_of(blue["goes_imager_projection"].attrs, "f")
    lon, lat = ground(*np.meshgrid(blue["x"], blue["y"]), view)
    when = np.datetime64(blue.attrs["time_middle"].rstrip("Z"), "ns")
    mu = sun.cosine_of_zenith(when, lon, lat)
    phi, lam = np.radians(lat), np.radians(lon - view.longitude)
    a, b = view.semi_major, view.semi_minor
    n = a / np.sqrt(1 - (1 - (b / a) ** 2) * np.sin(phi) ** 2)
    normal = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    place = np.stack([n * normal[0], n * normal[1], n * (b / a) ** 2 * normal[2]])
    up = np.array([a + view.height, 0, 0])[:, None, None] - place
    up /= np.linalg.norm(up, axis=0)
    nu = (up * normal).sum(axis=0)
    towards = sun.direction(when, view.longitude)
    angle = (up * towards[:, None, None]).sum(axis=0)
    share = np.clip((95 - np.degrees(np.arccos(mu))) / 25, 0, 1)
    air = 0.75 * (1 + angle**2) / (4 * (mu + nu)) * (1 - np.exp(-0.185 * (1 / mu + 1 / nu)))
    np.testing.assert_allclose(found, np.maximum(blue - share * air, 0), atol=1e-6)
    assert 0.03 < air.mean() < 0.2
    assert blue.equals(windows[0][::97, ::89])  # what was given is not changed


def test_missing_stays_missing_without_air(windows):
    blue = windows[0].copy(deep=True)
    blue.values[5, 7] = np.nan
    found = without_air(blue, 1)
    assert int(np.isnan(found).sum()) == 1
    assert isinstance(found, xr.DataArray)
