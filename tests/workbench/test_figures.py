"""Figures drawn in the style are, byte for byte, those drawn by matplotlib's own calls."""

from __future__ import annotations

import io

import numpy as np
import pytest

from workbench.figures import (
    BLUE,
    ORANGE,
    as_picture,
    colour_bar,
    light_grid,
    open_frame,
    panels,
    titled,
)

VALUES = np.arange(12.0).reshape(3, 4)


@pytest.fixture
def plt():
    """matplotlib without a window; figures are closed afterwards."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as pyplot

    yield pyplot
    pyplot.close("all")


def png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=80)
    return buffer.getvalue()


def test_maps(plt):
    figure, axes = plt.subplots(1, 2, figsize=(6, 3), sharey=True, layout="constrained")
    for axis in axes:
        image = axis.imshow(VALUES)
        axis.set(xticks=[], yticks=[])
    figure.colorbar(image, ax=axes, shrink=0.9, extend="both").set_label("mm / yr")
    figure.suptitle("East (simulated)")

    ours, axes = panels(1, 2, size=(6, 3), sharey=True)
    for axis in axes:
        image = axis.imshow(VALUES)
    as_picture(*axes)
    colour_bar(ours, image, "mm / yr", axes=axes, shrink=0.9, extend="both")
    ours.suptitle(titled("East", "simulated"))
    assert png(ours) == png(figure)


def test_one_scatter(plt):
    figure, axis = plt.subplots(figsize=(4, 3), layout="constrained")
    bar = figure.colorbar(axis.scatter(VALUES, VALUES**2, c=VALUES), extend="both")
    bar.set_label("m")
    axis.grid(alpha=0.3)

    ours, axis = panels(size=(4, 3))
    colour_bar(ours, axis.scatter(VALUES, VALUES**2, c=VALUES), "m", extend="both")
    light_grid(axis)
    assert png(ours) == png(figure)


def test_curves(plt):
    figure, axis = plt.subplots(figsize=(4, 3), layout="constrained")
    axis.plot([1, 3, 2], color="#0072B2")
    axis.plot([2, 2, 1], color="#D55E00")
    axis.spines[["top", "right"]].set_visible(False)

    ours, axis = panels(size=(4, 3))
    axis.plot([1, 3, 2], color=BLUE)
    axis.plot([2, 2, 1], color=ORANGE)
    open_frame(axis)
    assert png(ours) == png(figure)


def test_a_title_without_a_note_stays():
    assert titled("East") == titled("East", "") == "East"
