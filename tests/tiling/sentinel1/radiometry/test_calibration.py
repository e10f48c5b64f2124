"""Calibration and thermal noise against a slow version that reads the files by itself."""

from __future__ import annotations

import logging
import pickle
import shutil
from bisect import bisect_right
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tiling.sentinel1.products.safefolders import Image
from tiling.sentinel1.radiometry.calibration import calibration
from tiling.sentinel1.radiometry.thermalnoise import INSTRUMENT_NOISE, noise_of, unscaled
from workbench.rasters.windows import Window

TAGS = {
    "sigma": "sigmaNought", "beta": "betaNought", "gamma": "gamma", "dn": "dn",
    "normlim": "betaNought",
}  # fmt: skip


FROZEN = Path(__file__).with_name("otb_calibration.npz")
XARRAY_SENTINEL = FROZEN.with_name("xarray_sentinel_calibration.npz")


class Plain:
    """The definition, place by place, from the files."""

    def __init__(self, image: Image):
        self.amplitudes = ElementTree.parse(image.path("calibration")).getroot()
        self.noise = ElementTree.parse(image.path("noise")).getroot()

    def amplitude(self, tag: str, line: float, pixel: float) -> float:
        """A at a place."""
        return self._table(self.amplitudes, "calibrationVector", tag, line, pixel)

    def noise_power(self, line: float, pixel: float) -> float:
        """N at a place, as the file has it."""
        if self.noise.find("noiseVectorList") is not None:
            return self._table(self.noise, "noiseVector", "noiseLut", line, pixel)
        power = self._table(self.noise, "noiseRangeVector", "noiseRangeLut", line, pixel)
        for block in self.noise.iter("noiseAzimuthVector"):
            first, last, left, right = (
                int(block.findtext(tag))
                for tag in (
                    "firstAzimuthLine", "lastAzimuthLine", "firstRangeSample", "lastRangeSample",
                )
            )  # fmt: skip
            if first <= line <= last and left <= pixel <= right:
                power *= between(numbers(block, "line"), numbers(block, "noiseAzimuthLut"), line)
        return power

    def value(self, kind: str, number: int, line: float, pixel: float, lower: float) -> float:
        """Backscatter without noise."""
        if number == 0:
            return 0.0
        power = number**2 - self.noise_power(line, pixel)
        return power / self.amplitude(TAGS[kind], line, pixel) ** 2 if power > 0 else lower

    def _table(self, root, vector: str, tag: str, line: float, pixel: float) -> float:
        found = sorted(root.iter(vector), key=lambda each: int(each.findtext("line")))
        across = [between(numbers(each, "pixel"), numbers(each, tag), pixel) for each in found]
        return between([int(each.findtext("line")) for each in found], across, line)


def numbers(element, tag: str) -> list[float]:
    """The numbers of an element."""
    return [float(part) for part in element.findtext(tag).split()]


def between(places: list[float], values: list[float], at: float) -> float:
    """Linear between places, constant beyond them."""
    k = bisect_right(places, at)
    if k in {0, len(places)}:
        return values[0] if k == 0 else values[-1]
    share = (at - places[k - 1]) / (places[k] - places[k - 1])
    return values[k - 1] * (1 - share) + values[k] * share


PLACES = (
    (0, 0), (0, 26101), (668, 40), (667, 8889), (667, 8890), (1, 17700), (1, 17701), (5011, 13007),
    (16699, 12), (16700, 20000), (16704, 25999), (16704, 0), (9999, 26100), (12345, 6543),
)  # fmt: skip


@pytest.mark.parametrize("kind", sorted(TAGS))
def test_backscatter_is_that_of_the_definition(full_product, kind):
    image = Image(full_product, "vv")
    plain, scale = Plain(image), calibration(image, kind)
    for number in (1, 60, 300):
        got = [scale.apply(*pixel(number, place))[0, 0] for place in PLACES]
        expected = [plain.value(kind, number, *place, 1e-7) for place in PLACES]
        np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert got != pytest.approx([300**2 / plain.amplitude(TAGS[kind], *p) ** 2 for p in PLACES])


@pytest.mark.parametrize("kind", ["sigma", "dn"])
def test_backscatter_with_noise_is_the_squared_quotient(full_product, kind):
    image = Image(full_product, "vv")
    plain, scale = Plain(image), calibration(image, kind, remove_noise=False)
    for place in PLACES:
        expected = 123**2 / plain.amplitude(TAGS[kind], *place) ** 2
        np.testing.assert_allclose(scale.apply(*pixel(123, place)), expected, rtol=1e-6)


def test_noise_of_an_old_form_has_no_part_along_the_track(older_products):
    image = Image(older_products["6D00"], "vh")
    plain, scale = Plain(image), calibration(image, "sigma")
    places = ((0, 0), (3, 11), (8000, 12000), (16000, 25000), (700, 25550))
    for number in (1, 35, 200):
        got = [scale.apply(*pixel(number, place))[0, 0] for place in places]
        expected = [plain.value("sigma", number, *place, 1e-7) for place in places]
        np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert 100 < plain.noise_power(8000, 12000) < 3000


def test_numbers_of_nothing_stay_nothing_and_others_get_the_least_value(full_product):
    image = Image(full_product, "vv")
    window = Window((5000, 5001), (13000, 13003))
    values = np.array([[0, 1, 5000]], np.uint16)
    lower, kept = (calibration(image, "sigma", remove_noise=r, lower=1e-4) for r in (True, False))
    denoised = lower.apply(values, window)
    assert denoised[0, 0] == 0
    assert denoised[0, 1] == np.float32(1e-4)
    assert denoised[0, 2] > 1
    assert kept.apply(values, window)[0, 0] == 0
    assert 0 < kept.apply(values, window)[0, 1] < 1e-4


def test_backscatter_does_not_depend_on_the_window(full_product):
    image = Image(full_product, "vv")
    scale = pickle.loads(pickle.dumps(calibration(image, "sigma")))
    window = Window((600, 740), (8800, 8990))
    values = np.random.default_rng(5).integers(0, 400, window.shape).astype(np.uint16)
    whole = scale.apply(values, window)
    for part in (
        Window((668, 669), (8890, 8891)), Window((601, 700), (8885, 8895)),
        Window((600, 740), (8889, 8890)),
    ):  # fmt: skip
        inside = part.within(window)
        np.testing.assert_array_equal(scale.apply(values[inside], part), whole[inside])


@pytest.mark.parametrize(
    ("processor", "peak", "expected"),
    [
        ((2, 36), 3e-8, True), ((2, 36), 1500.0, False), ((2, 49), 0.9, True),
        ((2, 33), 1e-8, True), ((2, 50), 1e-8, False),
        ((3, 40), 1e-8, False), ((), 1e-8, True), ((), 900.0, False),
    ],
)  # fmt: skip
def test_which_tables_are_in_units_of_the_instrument(processor, peak, expected):
    assert unscaled(processor, peak) is expected


@pytest.mark.parametrize(
    ("processor", "factor"), [("002.36", 75088.7 * 474**2), ("002.33", 75088.7 * 474)]
)
def test_noise_of_the_instrument_becomes_squared_numbers(
    older_products, tmp_path, processor, factor
):
    product = shutil.copytree(older_products["6D00"], tmp_path / older_products["6D00"].name)
    rewrite(Image(product, "vv"), processor)
    image = Image(product, "vv")
    assert 1e-7 < image.noise.rows[0].values.max() < 1e-5
    got = noise_of(image)
    for row, raw in zip(got.rows, image.noise.rows, strict=True):
        np.testing.assert_allclose(row.values, raw.values * factor, rtol=1e-12)
    assert not got.blocks


def rewrite(image: Image, processor: str) -> None:
    """Give a product another processor, and noise that peaks near a millionth."""
    manifest = image.folder / "manifest.safe"
    text = manifest.read_text()
    assert 'version="002.70"' in text
    manifest.write_text(text.replace('version="002.70"', f'version="{processor}"'))
    path = image.path("noise")
    tree = ElementTree.parse(path)
    for each in tree.getroot().iter("noiseLut"):
        scaled = np.array(each.text.split(), float) * 1e-9
        each.text = " ".join(f"{value:.9e}" for value in scaled)
    tree.write(path)


def test_tables_of_zeros_are_said(older_products, caplog):
    image = Image(older_products["3768"], "vv")
    assert image.processor == (2, 36)
    with caplog.at_level(logging.WARNING):
        scale = calibration(image, "sigma")
    assert "are all 0" in caplog.text
    kept = calibration(image, "sigma", remove_noise=False)
    values = np.arange(6, dtype=np.uint16).reshape(2, 3)
    window = Window((100, 102), (200, 203))
    np.testing.assert_array_equal(scale.apply(values, window), kept.apply(values, window))


def test_noise_of_an_unknown_mode_is_not_guessed(older_products, tmp_path, caplog):
    product = shutil.copytree(older_products["6D00"], tmp_path / older_products["6D00"].name)
    rewrite(Image(product, "vv"), "002.36")
    path = Image(product, "vv").path("annotation")
    path.write_text(path.read_text().replace("<mode>IW</mode>", "<mode>S3</mode>"))
    with caplog.at_level(logging.WARNING):
        assert noise_of(Image(product, "vv")).rows == ()
    assert "no constant is known for mode S3" in caplog.text
    assert "S3" not in INSTRUMENT_NOISE


def test_noise_that_the_processor_removed_is_not_removed_again(full_product, tmp_path):
    product = metadata_of(full_product, tmp_path)
    path = Image(product, "vv").path("annotation")
    before = "<thermalNoiseCorrectionPerformed>false"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, before.replace("false", "true")))
    scale = calibration(Image(product, "vv"), "sigma")
    assert len(scale.noise_lines) == 0
    assert len(calibration(Image(full_product, "vv"), "sigma").noise_lines) == 27


def metadata_of(product: Path, folder: Path) -> Path:
    """Copy a product without its measurement."""
    return shutil.copytree(
        product, folder / product.name, ignore=shutil.ignore_patterns("*.tiff"), dirs_exist_ok=True
    )


def pixel(number: int, place: tuple[int, int]) -> tuple[np.ndarray, Window]:
    """One pixel and its window."""
    line, col = place
    return np.full((1, 1), number, np.uint16), Window((line, line + 1), (col, col + 1))


@pytest.mark.parametrize(
    ("kind", "remove_noise", "name"),
    [
        ("sigma", False, "sigma"),
        ("sigma", True, "sigma_denoised"),
        ("gamma", True, "gamma_denoised"),
    ],
)
def test_backscatter_is_that_of_the_orfeo_toolbox(full_product, kind, remove_noise, name):
    """Frozen results of SARCalibration 8.1.1; windows over the edges of swaths and tables."""
    frozen = np.load(FROZEN)
    scale = calibration(Image(full_product, "vv"), kind, remove_noise=remove_noise, lower=1e-30)
    for k in range(4):
        values = frozen[f"numbers_{k}"]
        got = scale.apply(values, placed(frozen["corners"][k], values.shape))
        np.testing.assert_allclose(got, frozen[f"{name}_{k}"], rtol=2e-7, atol=6e-8)


def test_backscatter_of_an_old_form_is_that_of_the_orfeo_toolbox(older_products):
    frozen = np.load(FROZEN)
    values = frozen["numbers_4"]
    window = placed(frozen["corners"][4], values.shape)
    for remove_noise, name in ((False, "sigma_4"), (True, "sigma_denoised_4")):
        image = Image(older_products["6D00"], "vv")
        scale = calibration(image, "sigma", remove_noise=remove_noise, lower=1e-30)
        np.testing.assert_allclose(scale.apply(values, window), frozen[name], rtol=2e-7, atol=1e-6)
    assert (frozen["sigma_4"] - frozen["sigma_denoised_4"]).max() > 1e-3


@pytest.mark.parametrize("kind", ["sigma", "beta", "gamma", "dn"])
def test_backscatter_is_that_of_xarray_sentinel(full_product, kind):
    """Frozen results of calibrate_intensity 0.9.6 with the tables of the product."""
    frozen = np.load(XARRAY_SENTINEL)
    scale = calibration(Image(full_product, "vv"), kind, remove_noise=False)
    for k in range(3):
        values = frozen[f"numbers_{k}"]
        got = scale.apply(values, placed(frozen[f"corner_{k}"], values.shape))
        np.testing.assert_allclose(got, frozen[f"{TAGS[kind]}_{k}"], rtol=1e-6)


def placed(corner: np.ndarray, shape: tuple[int, int]) -> Window:
    """The window of a shape at a corner."""
    line, pixel = (int(number) for number in corner)
    return Window((line, line + shape[0]), (pixel, pixel + shape[1]))
