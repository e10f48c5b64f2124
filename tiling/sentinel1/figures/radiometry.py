"""Figures of radiometry: numbers, backscatter and noise of an image; speckle filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.figures.views import decibels, limits, show
from tiling.sentinel1.geocoding.blocks import calibrated
from tiling.sentinel1.products.safefolders import Image
from tiling.sentinel1.radiometry.calibration import calibration
from workbench.figures import (
    BLUE,
    GREY,
    ORANGE,
    colour_bar,
    light_grid,
    open_frame,
    panels,
    titled,
)
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["calibration_look", "even_square", "filters", "looks_of"]

Powers = npt.NDArray[np.float32]

SIDE = 700
"""Lines and pixels of an image that are shown if it is not said."""

_LEVEL = 500  # a number well above the noise, whose power float32 still holds to a hundredth
_TRACK = 16  # pixels across the track that a point of a curve is the mean of


def calibration_look(image: Image, window: Window | None = None, *, note: str = "") -> Any:
    """Show a part of an image as numbers, and as sigma nought with its noise and without.

    Parameters
    ----------
    image
        One polarisation of a product.
    window
        Of the image; by default 700 lines and pixels in its middle.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        Above the three pictures; below the mean backscatter across the whole track in the lines
        of the window, and the noise there.
    """
    shape = image.annotation.shape
    window = window or _middle(shape)
    track = Window(window.rows, (0, shape[1]))
    numbers = image.measurement.pixels(window)
    with_noise = calibration(image, "sigma", remove_noise=False)
    without = calibration(image, "sigma", remove_noise=True)
    noisy, clean = calibrated(image, with_noise, track), calibrated(image, without, track)
    flat = np.full(track.shape, _LEVEL, np.uint16)
    noise = with_noise.apply(flat, track) - without.apply(flat, track)
    figure, axes = _layout()
    cut = slice(*window.cols)
    known = np.where(numbers > 0, numbers, np.nan).astype(np.float32)
    low, high = limits(decibels(clean[:, cut]), 2, 99.5)
    drawn = _in_image(axes[0], known, window, *limits(known, 1, 99.5))
    axes[0].set_title("digital numbers (DN)", size=11)
    colour_bar(figure, drawn, "DN", axes=axes[0], extend="both", location="bottom")
    for axis, power, words in (
        (axes[1], noisy, "sigma nought, noise in it"),
        (axes[2], clean, "sigma nought, noise removed"),
    ):
        drawn = _in_image(axis, decibels(power[:, cut]), window, low, high)
        axis.set_title(words, size=11)
    colour_bar(
        figure, drawn, "sigma nought (dB)", axes=axes[1:3], extend="both", location="bottom",
        shrink=0.5,
    )  # fmt: skip
    _across(axes[3], noisy, clean, noise)
    name = f"{image.folder.name[:32]} {image.polarisation.upper()}"
    figure.suptitle(titled(f"Calibration: {name}", note))
    return figure


def filters(
    power: xr.DataArray, filtered: Mapping[str, xr.DataArray], *, side: int = 40, note: str = ""
) -> Any:
    """Show an image and what speckle filters make of it, side by side on one scale.

    Parameters
    ----------
    power
        (y, x) linear power, NaN or 0 where there is none; of `view`, not thinned.
    filtered
        The same by the name of the filter.
    side
        Pixels along a side of the square that the looks are counted in: the most even one of the
        image, which is marked.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        Above each picture the equivalent number of looks, (mean / standard deviation) squared.
    """
    from matplotlib.patches import Rectangle

    named = {"as measured": power, **filtered}
    columns = min(len(named), 3)
    rows = -(-len(named) // columns)
    figure, axes = panels(
        rows, columns, size=(4.1 * columns + 0.9, 4.1 * rows + 0.5), squeeze=False,
        sharex=True, sharey=True,
    )  # fmt: skip
    square = even_square(np.asarray(power), side)
    low, high = limits(decibels(power), 1, 99.5)
    for axis, (name, one) in zip(axes.flat, named.items(), strict=False):
        drawn = show(axis, power, decibels(one), vmin=low, vmax=high)
        axis.label_outer()
        title = name
        if square is not None:
            (top, _), (left, _) = square
            title += f", {looks_of(np.asarray(one)[square.slices]):.1f} looks"
            metres = power.attrs["resolution"]
            corner = float(power["x"][left]), float(power["y"][top])
            axis.add_patch(Rectangle(
                ((corner[0] - metres / 2) / 1000, (corner[1] + metres / 2) / 1000),
                side * metres / 1000, -side * metres / 1000, fill=False, ec=ORANGE, lw=1.6,
            ))  # fmt: skip
        axis.set_title(title, size=11)
    for axis in axes.flat[len(named) :]:
        axis.set_visible(False)
    colour_bar(figure, drawn, "backscatter (dB)", axes=axes, extend="both", shrink=0.7)
    figure.suptitle(titled("Speckle filters; looks in the marked square", note))
    return figure


def even_square(power: npt.NDArray[Any], side: int) -> Window | None:
    """Return the square whose power varies least about its mean; None where none is whole."""
    best, found = np.inf, None
    for top in range(0, power.shape[0] - side + 1, side):
        for left in range(0, power.shape[1] - side + 1, side):
            part = power[top : top + side, left : left + side]
            if (part > 0).all():
                varies = float(part.std() / part.mean())
                if varies < best:
                    best, found = varies, Window((top, top + side), (left, left + side))
    return found


def looks_of(power: npt.NDArray[Any]) -> float:
    """Return the equivalent number of looks of an even part of an image."""
    values = np.asarray(power, np.float64)
    return float(values.mean() ** 2 / max(values.var(), 1e-30))


def _middle(shape: tuple[int, int]) -> Window:
    spans = []
    for side in shape:
        length = min(side, SIDE)
        spans.append(((side - length) // 2, (side - length) // 2 + length))
    return Window(*spans)


def _layout() -> tuple[Any, list[Any]]:
    """Return a figure with three pictures above one wide panel."""
    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(12, 8.6), layout="constrained")
    grid = figure.add_gridspec(2, 3, height_ratios=(5, 2.5))
    above = [figure.add_subplot(grid[0, at]) for at in range(3)]
    return figure, [*above, figure.add_subplot(grid[1, :])]


def _in_image(axis: Any, values: Any, window: Window, low: float, high: float) -> Any:
    (top, bottom), (left, right) = window
    drawn = axis.imshow(
        values, cmap="gray", vmin=low, vmax=high, extent=(left, right, bottom, top),
        interpolation="nearest",
    )  # fmt: skip
    axis.set_facecolor("lightgrey")
    axis.set(xlabel="pixel", ylabel="line")
    axis.locator_params(nbins=4)
    return drawn


def _across(axis: Any, noisy: Powers, clean: Powers, noise: Powers) -> None:
    """Draw means over lines, of so many pixels each, across the whole track."""
    width = noisy.shape[1] // _TRACK * _TRACK
    at = (np.arange(width // _TRACK) + 0.5) * _TRACK
    known = noisy[:, :width] > 0
    count = known.reshape(len(known), -1, _TRACK).sum(axis=(0, 2))
    for power, colour, label in (
        (noisy, ORANGE, "sigma nought, noise in it"),
        (clean, BLUE, "noise removed"),
        (noise, GREY, "the noise alone"),
    ):
        values = np.where(known, power[:, :width], 0)
        total = values.reshape(len(values), -1, _TRACK).sum(axis=(0, 2), dtype=np.float64)
        mean = np.divide(total, count, out=np.zeros(len(count)), where=count > 0)
        axis.plot(at, decibels(mean), color=colour, lw=1.3, label=label)
    axis.set(xlabel="pixel (from near to far range)", ylabel="mean of the lines (dB)")
    axis.margins(x=0.01)
    axis.legend(frameon=False, fontsize=9, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    light_grid(axis)
    open_frame(axis)
