"""Counts to units: by formula, by satpy on real files, and at the ends of what can be stored."""

import h5py
import numpy as np
import pytest

from tiling.scenes.abi.images import image
from tiling.scenes.abi.radiometry import brightness_temperature, kappa0, value_table
from tiling.scenes.abi.windows import read_window
from tiling.scenes.errors import UnusableInput

PLANCK = {"planck_fk1": 10803.3, "planck_fk2": 1392.74, "planck_bc1": 0.0755, "planck_bc2": 0.99975}
TWELVE = {
    "scale_factor": np.float32(0.04572892),
    "add_offset": np.float32(-1.6443),
    "_FillValue": np.int16(4095),
    "_Unsigned": "true",
    "sensor_band_bit_depth": np.int8(12),
}
SIGNED = np.dtype("i2")


def by_satpy(path, band, calibration):
    from satpy import Scene

    scene = Scene(reader="abi_l1b", filenames=[str(path)])
    scene.load([band], calibration=calibration)
    return scene[band].values


def read(path, quantity, **options):
    with h5py.File(path) as file:
        return image(read_window(file, path.name, None), quantity, **options)


def test_brightness_temperatures_of_a_real_file_are_those_of_satpy(abi_files):
    found = read(abi_files["RadC-C08"], "bt")
    expected = by_satpy(abi_files["RadC-C08"], "C08", "brightness_temperature")
    assert np.nanmax(np.abs(found.values - expected)) < 1e-4
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    assert found.attrs["units"] == "K"
    assert 190 < float(found.min()) < float(found.max()) < 280


@pytest.mark.parametrize("band", ["C01", "C03"])
def test_radiances_of_a_real_file_are_those_of_satpy(abi_files, band):
    path = abi_files[f"RadM1-{band}"]
    expected = by_satpy(path, band, "radiance")
    np.testing.assert_allclose(read(path, "rad"), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("band", ["C01", "C03"])
def test_reflectances_of_a_real_file_are_those_of_satpy(abi_files, band):
    """satpy corrects for the sun at the start of the scan, here 3 s earlier than its middle."""
    from satpy import Scene

    path = abi_files[f"RadM1-{band}"]
    scene = Scene(reader="abi_l1b", filenames=[str(path)])
    scene.load([band], modifiers=("sunz_corrected",))
    np.testing.assert_allclose(read(path, "refl"), scene[band].values / 100, rtol=2e-4)


def test_the_cloud_product_of_the_same_scan_is_close(abi_files):
    """Level 2 is packed with 12 bits though it names the 10 of the sensor; 2.6 % above in 2017."""
    path = abi_files["CMIPM1-C01"]
    with h5py.File(path) as file:
        product = image(read_window(file, "f", None, product="CMIP"), "value").values
        assert np.nanmax(file["CMI"][:].view("u2")[~np.isnan(product)]) > 1023
    radiance = read(abi_files["RadM1-C01"], "rad").values
    with h5py.File(abi_files["RadM1-C01"]) as file:
        factor = float(file["kappa0"][()])
    below = product < 0.9
    assert below.mean() > 0.5
    assert np.isfinite(product).mean() > 0.99
    slope = np.polyfit(radiance[below] * factor, product[below], 1)[0]
    assert slope == pytest.approx(1.026, abs=0.01)


def test_temperatures_by_the_formula():
    """Band 8 of 2017, worked out by hand for a radiance of 1."""
    numbers = {
        "planck_fk1": 50687.1,
        "planck_fk2": 2331.58,
        "planck_bc1": 1.55228,
        "planck_bc2": 0.99667,
    }
    expected = (2331.58 / np.log(50687.1 + 1) - 1.55228) / 0.99667
    np.testing.assert_allclose(brightness_temperature([1.0], numbers), [expected])
    assert np.isnan(brightness_temperature([0.0, -1.0], numbers)).all()


def test_every_count_of_twelve_bits():
    table = value_table("rad", TWELVE, {}, SIGNED)
    counts = np.arange(4095)
    expected = counts * float(TWELVE["scale_factor"]) + float(TWELVE["add_offset"])
    np.testing.assert_allclose(table[:4095], expected, rtol=1e-6, atol=1e-6)
    assert np.isnan(table[4095:]).all()
    assert len(table) == 65536


@pytest.mark.parametrize(("bits", "fill"), [(10, 1023), (12, 4095), (14, 16383)])
@pytest.mark.parametrize("said", [True, False])
def test_fill_by_the_bits_of_the_band(bits, fill, said):
    attrs = {**TWELVE, "sensor_band_bit_depth": np.int8(bits), "_FillValue": np.int16(fill)}
    if not said:
        del attrs["_FillValue"]
    table = value_table("rad", attrs, {}, SIGNED)
    assert np.isfinite(table[:fill]).all()
    assert np.isnan(table[fill:]).all()


def test_a_radiance_below_0_has_the_temperature_of_the_smallest_above():
    table = value_table("bt", TWELVE, PLANCK, SIGNED)
    radiances = value_table("rad", TWELVE, {}, SIGNED)
    first = int(np.argmax(radiances > 0))
    assert first == 36
    assert (table[:first] == table[first]).all()
    assert table[first] < table[first + 1]
    empty = value_table("bt", TWELVE, PLANCK, SIGNED, negative="nan")
    assert np.isnan(empty[:first]).all()
    np.testing.assert_array_equal(empty[first:], table[first:])


def test_numbers_with_a_sign():
    attrs = {"scale_factor": 0.5, "add_offset": 1.0, "_FillValue": np.int16(-32768)}
    table = value_table("value", attrs, {}, SIGNED)
    counts = np.array([-32768, -32767, -1, 0, 32767], SIGNED)
    np.testing.assert_array_equal(
        table[counts.view(np.uint16)], np.float32([np.nan, -16382.5, 0.5, 1.0, 16384.5])
    )


def test_kappa0():
    numbers = {"kappa0": 0.0015852, "esun": 2047.9382, "earth_sun_distance_anomaly_in_AU": 1.016527}
    assert kappa0(numbers) == pytest.approx(0.0015852, rel=5e-5)
    assert kappa0(numbers) == pytest.approx(np.pi * 1.016527**2 / 2047.9382, rel=1e-12)
    assert kappa0({**numbers, "esun": -999.0}) == 0.0015852


@pytest.mark.parametrize("quantity", ["refl", "bt"])
def test_constants_that_are_missing(quantity):
    with pytest.raises(UnusableInput, match="E061"):
        value_table(quantity, TWELVE, {"kappa0": -999.0, "planck_fk1": -999.0}, SIGNED)


def test_flags(abi_files):
    """Saturated pixels (2) are kept; those without a value (3), and of any other flag, are not."""
    with h5py.File(abi_files["RadM1-C01"]) as file:
        raw = read_window(file, "f", None)
    raw.quality[:2, :5] = [[0, 1, 2, 3, 4], [255, 0, 0, 0, 0]]
    found = image(raw, "rad")
    assert np.isfinite(found[0, [0, 1, 2, 4]]).all()
    assert np.isnan(found[0, 3])
    assert np.isnan(found[1, 0])
    share = np.isin(raw.quality, (1, 2)).mean()
    assert found.attrs["dqf_fraction"] == pytest.approx(share)
    assert share > 0.001
    strict = image(raw, "rad", strict=True)
    np.testing.assert_array_equal(np.isfinite(strict), raw.quality == 0)
