"""Figures show what they say: labels, dates, one mark per observation."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

import spaceeye
from spaceeye import figures

mpl.use("Agg")


@pytest.fixture(scope="module")
def scene():
    simulated = spaceeye.simulate(48)
    stack = simulated.stack.compute()
    return stack, spaceeye.interpolate(stack, output_times=10, max_gap=20)


@pytest.fixture(autouse=True)
def closed():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def titles(figure):
    return [axis.get_title() for axis in figure.axes]


def test_inputs(scene):
    stack, _ = scene
    figure = figures.inputs_strip(stack, 4, note="simulated")
    assert len(figure.axes) == 5
    share = float(stack["weight"][0].mean())
    assert f"{share:.0%} clear" in titles(figure)[0]
    assert len(figure.axes[-1].patches) == stack.sizes["time"]
    assert "(simulated)" in figure.get_suptitle()


def test_before_and_after(scene):
    stack, result = scene
    dates = result["time"].values[[1, 5]]
    found = titles(figures.before_after(stack, result, dates))
    assert found[2:] == [f"result for {str(date)[:10]}" for date in dates]
    assert all(title.startswith("acquired ") for title in found[:2])


def test_series_have_every_observation(scene):
    stack, result = scene
    figure = figures.pixel_series(stack, result, [(10, 12), (30, 5)])
    clear = stack["weight"].values[:, 10, 12] >= 0.5
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert len(lines["clear"].get_xdata()) == clear.sum()
    assert len(lines["masked"].get_xdata()) == (~clear).sum()
    curve = lines["result, and its uncertainty"].get_ydata()
    band = list(stack["band"].values).index("B08")
    np.testing.assert_allclose(curve, result["reflectance"].values[:, band, 10, 12] * 1e-4)
    assert figure.axes[1].get_ylabel() == "B08 reflectance"


def test_support_and_scores(scene):
    _, result = scene
    figure = figures.support_maps(result, result["time"].values[3])
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert any(label.startswith("age: days") for label in labels)
    chosen = figures.alpha_scores(result.attrs).axes[0]
    assert f"chosen: {result.attrs['alpha_days']:g} days" in [
        text.get_text() for text in chosen.get_legend().get_texts()
    ]


def test_the_error_of_a_comparison(scene):
    stack, _ = scene
    image = stack["reflectance"][0]
    other = image + np.uint16(100)
    other.attrs = image.attrs
    counted = image.values.min(0) > 0
    figure = figures.comparison(image, other, counted)
    assert "RMSE 0.0100 of reflectance" in figure.get_suptitle()
    widths = [bar.get_width() for bar in figure.axes[3].patches]
    np.testing.assert_allclose(widths, 0.01, rtol=1e-5)


def test_an_animation_has_a_frame_per_date(scene, tmp_path):
    _, result = scene
    path = figures.animation(result, tmp_path / "a.gif", size=24)
    with Image.open(path) as film:
        assert film.n_frames == result.sizes["time"]
        assert max(film.size) <= 24
