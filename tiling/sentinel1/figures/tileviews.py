"""Figures of finished tiles: the image, where it has values, and how the ground faces the radar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tiling.sentinel1.figures.views import decibels, edges_of, limits, show
from workbench.figures import BLUE, GREY, ORANGE, colour_bar, light_grid, open_frame, panels, titled

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["border_mask", "incidence", "tile_image"]


def tile_image(
    whole: xr.DataArray, close: xr.DataArray, *, quantity: str = "", note: str = ""
) -> Any:
    """Show a tile, and a part of it from near.

    Parameters
    ----------
    whole, close
        (y, x) linear power of `view`, NaN where there is none; the second within the first, where
        its outline is drawn.
    quantity
        What the values are, for the scale; by default what `view` found in the tags.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.patches import Rectangle

    figure, axes = panels(1, 2, size=(12, 5.6))
    low, high = limits(decibels(close), 1, 99.5)
    for axis, image in zip(axes, (whole, close), strict=True):
        drawn = show(axis, image, decibels(image), vmin=low, vmax=high)
        metres = image.attrs["resolution"]
        axis.set_title(f"{image.sizes['y']} x {image.sizes['x']} pixels of {metres:.0f} m", size=11)
    left, right, bottom, top = (edge / 1000 for edge in edges_of(close))
    axes[0].add_patch(
        Rectangle((left, bottom), right - left, top - bottom, fill=False, ec=ORANGE, lw=1.6)
    )
    quantity = quantity or close.attrs.get("quantity", "backscatter")
    colour_bar(figure, drawn, f"{quantity} (dB)", axes=axes, extend="both", shrink=0.85)
    figure.suptitle(titled("The tile, and the marked part of it", note))
    return figure


def border_mask(power: xr.DataArray, mask: xr.DataArray, *, note: str = "") -> Any:
    """Show an image and its border mask.

    Parameters
    ----------
    power, mask
        (y, x) linear power, and 1 where it can be used, of the same `view`.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    figure, axes = panels(1, 2, size=(11.5, 5.4), sharex=True, sharey=True)
    low, high = limits(decibels(power), 1, 99.5)
    drawn = show(axes[0], power, decibels(power), vmin=low, vmax=high)
    axes[0].set_title("backscatter; grey: nothing measured", size=11)
    colour_bar(figure, drawn, "backscatter (dB)", axes=axes[0], extend="both", shrink=0.8)
    colours = ("#333333", "#9ecae1")
    inside = np.asarray(mask) > 0.5
    show(axes[1], mask, inside, cmap=ListedColormap(colours), vmin=0, vmax=1)
    axes[1].set_title(f"border mask: {inside.mean():.0%} of this part can be used", size=11)
    axes[1].label_outer()
    figure.legend(
        handles=[Patch(fc=colours[1], label="1: used"), Patch(fc=colours[0], label="0: left out")],
        loc="outside lower right", ncols=2, fontsize=9,
    )  # fmt: skip
    figure.suptitle(titled("Where the tile has values", note))
    return figure


def incidence(
    angles: xr.DataArray, power: xr.DataArray, level: Sequence[float] = (), *, note: str = ""
) -> Any:
    """Show the local incidence angle, and how backscatter goes with it.

    Parameters
    ----------
    angles, power
        (y, x) degrees and linear power of the same `view`, NaN where there is none.
    level
        Least and largest incidence on level ground, degrees, as the product says them.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        Left the angle, in the middle the image, right the mean and the middle half of all pixels
        at each angle.
    """
    figure, axes = panels(1, 3, size=(15, 4.7), gridspec_kw={"width_ratios": (1.1, 1.1, 1)})
    values, seen = np.asarray(angles), decibels(power)
    least, most = limits(values, 0.1, 99.9)
    drawn = show(axes[0], angles, values, cmap="viridis", vmin=least, vmax=most)
    axes[0].set_title("local incidence angle", size=11)
    colour_bar(figure, drawn, "angle (°)", axes=axes[0], extend="both", shrink=0.85)
    low, high = limits(seen, 1, 99.5)
    drawn = show(axes[1], power, seen, vmin=low, vmax=high)
    axes[1].set_title("backscatter", size=11)
    colour_bar(figure, drawn, "backscatter (dB)", axes=axes[1], extend="both", shrink=0.85)
    _by_angle(axes[2], values, seen)
    if len(level):
        axes[2].axvspan(min(level), max(level), color=GREY, alpha=0.25, lw=0, label="level ground")
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14)}
    axes[2].legend(frameon=False, fontsize=9, ncols=3, **below)
    figure.suptitle(titled("How the ground faces the radar", note))
    return figure


def _by_angle(axis: Any, angles: Any, seen: Any) -> None:
    """Draw quartiles of backscatter at each angle that enough pixels have."""
    known = np.isfinite(angles) & np.isfinite(seen)
    at = np.floor(angles[known] / 2).astype(int)
    values = seen[known]
    found = [
        (2 * step + 1, *np.percentile(values[at == step], (25, 50, 75)))
        for step in np.unique(at)
        if (at == step).sum() >= 30
    ]
    if found:
        degrees, low, middle, high = np.array(found).T
        axis.fill_between(degrees, low, high, color=BLUE, alpha=0.25, lw=0, label="middle half")
        axis.plot(degrees, middle, color=BLUE, lw=1.8, label="median")
    axis.set(xlabel="local incidence angle (°)", ylabel="backscatter (dB)")
    axis.set_title("backscatter by angle", size=11)
    light_grid(axis)
    open_frame(axis)
