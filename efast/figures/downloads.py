"""Figures of what an openEO back-end gave: fused images, their NDVI, and cells of Sentinel-3."""

# DateFormatter has no types.
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.figures import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    as_picture,
    colour_bar,
    light_grid,
    open_frame,
    panels,
    titled,
)
from workbench.sentinel2.indices import NARROW_NIR, with_indices
from workbench.sentinel2.pictures import day_of, for_display, true_colour, white_level

__all__ = ["cells", "fused_images"]

COLOURS = (BLUE, ORANGE, GREEN)
"""Of places, in their order; more begin again."""


def fused_images(
    fused: xr.DataArray,
    dates: Sequence[Any],
    places: Sequence[tuple[int, int]] = (),
    *,
    note: str = "",
) -> Any:
    """Show fused images in true colour and as NDVI, and the NDVI of some pixels in time.

    Parameters
    ----------
    fused
        Reflectance (time, band, y, x), 0..1, NaN where there is none; with B04, and B08 or B8A.
    dates
        One column each; the nearest date is shown.
    places
        (row, column) of pixels, marked in the maps, each with a curve of all dates.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import pyplot as plt

    series = fused.to_dataset(name="reflectance")
    ndvi = with_indices(series, ("ndvi",), NARROW_NIR)["ndvi"].compute()
    some = [for_display(series.sel(time=[date], method="nearest")) for date in dates]
    chosen = xr.concat(some, "time").compute()
    white = white_level(chosen)
    high = 3.1 * min(max(fused.sizes["y"] / fused.sizes["x"], 0.4), 2.5)  # of a map, inches
    figure = plt.figure(figsize=(3.1 * len(dates) + 1.2, 2 * high + 3.2), layout="constrained")
    grid = figure.add_gridspec(3, len(dates), height_ratios=(high, high, 2.1))
    axes = np.array(
        [[figure.add_subplot(grid[row, at]) for at in range(len(dates))] for row in range(2)]
    )
    for at, (above, below) in enumerate(axes.T):
        image = chosen.isel(time=at)
        above.imshow(true_colour(image["reflectance"], white), extent=_edges(fused))
        above.set_title(day_of(image), size=10)
        shown = below.imshow(
            ndvi.sel(time=image["time"]), cmap="YlGn", vmin=0, vmax=1, extent=_edges(fused)
        )
        for place, colour in zip(places, _colours(places), strict=True):
            below.plot(place[1], place[0], "o", mfc="none", mec="white", mew=4, ms=9)
            below.plot(place[1], place[0], "o", mfc="none", mec=colour, mew=2, ms=9)
    for axis, name in zip(axes[:, 0], ("true colour", "NDVI"), strict=True):
        axis.set_ylabel(name, size=11)
    as_picture(*axes.flat)
    colour_bar(figure, shown, "NDVI", axes=axes[1], shrink=0.9, extend="min")
    _curves(figure.add_subplot(grid[2, :]), ndvi, places)
    figure.suptitle(titled("Fused images", note))
    return figure


def _edges(fused: xr.DataArray) -> tuple[float, float, float, float]:
    """Return the edges of an image in rows and columns, however many of them are drawn."""
    return -0.5, fused.sizes["x"] - 0.5, fused.sizes["y"] - 0.5, -0.5


def _colours(places: Sequence[Any]) -> list[str]:
    return [COLOURS[at % len(COLOURS)] for at in range(len(places))]


def _curves(axis: Any, ndvi: xr.DataArray, places: Sequence[tuple[int, int]]) -> None:
    """Draw the NDVI of pixels, and the mean of all, in time."""
    from matplotlib.dates import DateFormatter

    mean = ndvi.mean(("y", "x"))
    axis.plot(mean["time"], mean, "--", color=GREY, lw=1.4, label="mean of the area")
    for (row, column), colour in zip(places, _colours(places), strict=True):
        one = ndvi.isel(y=row, x=column)
        axis.plot(one["time"], one, "o-", color=colour, ms=4, label=f"row {row}, column {column}")
    axis.set(ylabel="NDVI")
    axis.margins(y=0.1)
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.12)}
    axis.legend(frameon=False, fontsize=9, ncols=len(places) + 1, **below)
    days = DateFormatter("%d %b")
    axis.xaxis.set_major_formatter(days)
    open_frame(axis)
    light_grid(axis)


def cells(
    found: Mapping[str, npt.NDArray[np.floating[Any]]],
    label: str,
    truth: npt.NDArray[np.floating[Any]] | None = None,
    *,
    title: str = "Swaths on cells",
    note: str = "",
) -> Any:
    """Show the same cells as several ways give them, side by side on one scale.

    Parameters
    ----------
    found
        By the name of the way, (y, x), NaN where there is no value; grey in the picture.
    label
        What the values are, with the unit.
    truth
        What they ought to be, where it is known. It comes last, and the root mean square error of
        each way, over the cells that all of them have, stands above its picture.
    title
        Of the figure.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    named = {name: np.ma.masked_invalid(values) for name, values in found.items()}
    said = dict.fromkeys(named, "")
    if truth is not None:
        common = np.all([np.isfinite(values) for values in (*found.values(), truth)], axis=0)
        for name, values in found.items():
            squares = (np.asarray(values)[common] - truth[common]) ** 2
            told = f"RMSE {squares.mean() ** 0.5:.4f}" if squares.size else "no common cell"
            said[name] = f"\n{told}"
        named["truth"] = np.ma.masked_invalid(truth)
    known = np.concatenate([values.compressed() for values in named.values()])
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    figure, axes = panels(1, len(named), size=(3.6 * len(named) + 1, 4.5), squeeze=False)
    for axis, (name, values) in zip(axes[0], named.items(), strict=True):
        axis.set_facecolor("lightgrey")
        shown = axis.imshow(values, cmap="viridis", vmin=low, vmax=high)
        axis.set_title(f"{name}{said.get(name, '')}", size=10)
    as_picture(*axes[0])
    colour_bar(figure, shown, label, axes=axes[0], shrink=0.85)
    figure.suptitle(titled(title, note))
    return figure
