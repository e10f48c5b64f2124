"""Figures of fused images: beside both sensors, in time, what they rest on, and their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from efast.figures.steps import COMPOSITES
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
from workbench.sentinel2.holdout import draw_errors
from workbench.sentinel2.indices import NARROW_NIR, with_indices
from workbench.sentinel2.pictures import (
    as_bytes,
    day_of,
    fewer_pixels,
    for_display,
    true_colour,
    white_level,
    write_film,
)

if TYPE_CHECKING:
    from efast.accuracy import Accuracy

__all__ = [
    "animation",
    "comparison",
    "fusion_strip",
    "hidden_dates",
    "ndvi_series",
    "quality_maps",
]

FLAGS = ("none", "extrapolated", "images alone", "both")
"""What the values of the layer ``flag`` mean."""


def fusion_strip(
    fine: xr.Dataset,
    result: xr.Dataset,
    steps: xr.Dataset,
    dates: Sequence[Any],
    *,
    note: str = "",
) -> Any:
    """Show dates three times: nearest fine image, coarse composite, fused image.

    Parameters
    ----------
    fine, result, steps
        See above.
    dates
        One column each; the nearest date of the result is shown.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns = len(dates)
    figure, axes = panels(3, columns, size=(2.5 * columns + 0.4, 8.1), squeeze=False)
    fused = for_display(result[["reflectance"]])["reflectance"]
    made = [fused.sel(time=date, method="nearest").compute() for date in dates]
    white = white_level(xr.concat(made, "time").to_dataset(name="reflectance"))
    for column, found in enumerate(made):
        at = found["time"].values
        near = for_display(fine.sel(time=at, method="nearest")).compute()
        coarse = steps[COMPOSITES].sel(time_composite=at, method="nearest").compute()
        clear = float(near["weight"].mean())
        axes[0, column].imshow(true_colour(near["reflectance"], white, near["weight"].values))
        axes[0, column].set_title(f"{day_of(near)}, {clear:.0%} clear", size=9)
        axes[1, column].imshow(true_colour(coarse, white))
        axes[1, column].set_title(day_of(coarse.rename(time_composite="time")), size=9)
        axes[2, column].imshow(true_colour(found, white))
        axes[2, column].set_title(day_of(found), size=9)
    for axis, name in zip(axes[:, 0], ("Sentinel-2", "Sentinel-3", "fused"), strict=True):
        axis.set_ylabel(name, size=11)
    as_picture(*axes.flat)
    figure.suptitle(titled("Nearest image, composite, and both fused", note))
    return figure


def ndvi_series(
    fine: xr.Dataset,
    result: xr.Dataset,
    steps: xr.Dataset,
    places: Sequence[tuple[int, int]],
    truth: xr.Dataset | None = None,
    *,
    note: str = "",
) -> Any:
    """Show the NDVI of some pixels: fused, seen by the fine sensor, by the coarse one, and true.

    Parameters
    ----------
    fine, result, steps
        See above; with B04, and B08 or B8A.
    places
        (row, column) of fine pixels, one panel each. The coarse series is that of the cell that the
        pixel lies in.
    truth
        ``reflectance`` (time, band, y, x) on the same grid, where it is known.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = len(places)
    figure, axes = panels(rows, 1, size=(10, 2.2 * rows + 0.8), sharex=True, squeeze=False)
    coarse = steps[[COMPOSITES]].rename({COMPOSITES: "reflectance", "time_composite": "time"})
    for axis, (row, column) in zip(axes[:, 0], places, strict=True):
        place = {"y": row, "x": column}
        pixel = result[["reflectance"]].isel(place)
        cell = coarse.sel(y_coarse=pixel["y"], x_coarse=pixel["x"], method="nearest")
        one, weight = _ndvi(fine[["reflectance"]].isel(place)), fine["weight"].isel(place).values
        seen = one.where(weight > 0)
        axis.plot(*_line(_ndvi(cell)), color=GREEN, lw=1.2, ls="--", label="Sentinel-3, its cell")
        axis.plot(*_line(_ndvi(pixel)), color=BLUE, lw=1.6, label="fused")
        axis.plot(*_line(seen), "o", color=ORANGE, ms=4.5, label="Sentinel-2, clear")
        if truth is not None:
            known = _ndvi(truth[["reflectance"]].isel(place))
            axis.plot(*_line(known), "D", color="black", mfc="none", ms=6, label="truth")
        axis.set(ylabel="NDVI")
        axis.set_title(f"row {row}, column {column}", size=9, loc="left")
        open_frame(axis)
    axes[0, 0].margins(y=0.25)
    axes[0, 0].legend(ncols=4, loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
    figure.suptitle(titled("NDVI of pixels", note), x=0.02, ha="left")
    return figure


def _ndvi(cube: xr.Dataset) -> xr.DataArray:
    return with_indices(cube, ("ndvi",), NARROW_NIR)["ndvi"].compute()


def _line(values: xr.DataArray) -> tuple[Any, Any]:
    return values["time"].values, values.values


def quality_maps(result: xr.Dataset, date: Any, *, note: str = "") -> Any:
    """Map what a fused image rests on: weights, images, their age, the nearest, the flag.

    Parameters
    ----------
    result
        See above, with its layers of quality.
    date
        The nearest one of the result is shown.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.colors import ListedColormap

    names = ["weight", "images", "age", "nearest", "flag"]
    layers = fewer_pixels(result[names].sel(time=date, method="nearest")).compute()
    figure, axes = panels(1, 5, size=(15, 3.4))
    labels = {
        "weight": "sum of weights",
        "images": "number of images",
        "age": "mean distance of images [days]",
        "nearest": "nearest image [days]",
    }
    for axis, (name, label) in zip(axes, labels.items(), strict=False):
        most = float(layers[name].max())
        shown = axis.imshow(layers[name], cmap="viridis", vmin=0, vmax=max(most, 1.0))
        colour_bar(figure, shown, label, axes=axis, shrink=0.9)
        axis.set_title(name, size=10)
    colours = ListedColormap(["#EEEEEE", ORANGE, BLUE, "black"])
    shown = axes[4].imshow(layers["flag"], cmap=colours, vmin=-0.5, vmax=3.5)
    bar = colour_bar(figure, shown, "", axes=axes[4], shrink=0.9)
    bar.set_ticks(range(4), labels=FLAGS)
    axes[4].set_title("flag", size=10)
    as_picture(*axes)
    figure.suptitle(titled(f"What {day_of(layers)} rests on", note))
    return figure


def comparison(truth: xr.Dataset, found: Mapping[str, xr.Dataset], *, note: str = "") -> Any:
    """Compare predictions with the truth: both, their difference, and errors of all methods.

    Parameters
    ----------
    truth
        ``reflectance`` (time, band, y, x).
    found
        By the name of a method the same at the same times and places; images of the first are
        shown.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        Differences and errors are of NDVI. Errors are mean absolute ones over the pixels that all
        methods have: where hardly any light comes back, as from water, an NDVI may be anything, and
        a mean of squares would tell of little else.
    """
    from matplotlib import pyplot as plt

    errors = {name: _ndvi(made).values - _ndvi(truth).values for name, made in found.items()}
    first = next(iter(found))
    count = truth.sizes["time"]
    shown = [for_display(one[["reflectance"]]).compute() for one in (truth, found[first])]
    white = white_level(shown[0])
    most = float(np.nanpercentile(np.abs(errors[first]), 98)) or 0.01
    figure = plt.figure(figsize=(2.6 * count + 0.8, 10), layout="constrained")
    grid = figure.add_gridspec(4, count, height_ratios=(1, 1, 1, 0.8))
    axes = np.array(
        [[figure.add_subplot(grid[row, at]) for at in range(count)] for row in range(3)]
    )
    for at in range(count):
        for axis, one in zip(axes[:2, at], shown, strict=True):
            axis.imshow(true_colour(one["reflectance"].isel(time=at), white))
        image = axes[2, at].imshow(errors[first][at], cmap="RdBu_r", vmin=-most, vmax=most)
        axes[0, at].set_title(day_of(shown[0].isel(time=at)), size=9)
    for axis, name in zip(axes[:, 0], ("truth", first, f"{first} - truth"), strict=True):
        axis.set_ylabel(name, size=11)
    colour_bar(figure, image, "NDVI", axes=axes[2], shrink=0.85, extend="both")
    as_picture(*axes.flat)
    _error_bars(figure.add_subplot(grid[3, :]), errors, shown[0]["time"].values)
    figure.suptitle(titled("Predictions beside the truth", note))
    return figure


def _error_bars(axis: Any, errors: Mapping[str, Any], times: Any) -> None:
    """Show the mean absolute error of methods side by side, for each time."""
    common = np.all([np.isfinite(one) for one in errors.values()], axis=0)
    width = 0.8 / len(errors)
    colours = (BLUE, ORANGE, GREEN, GREY)
    for at, (name, one) in enumerate(errors.items()):
        mae = [np.abs(image[seen]).mean() if seen.any() else np.nan
               for image, seen in zip(one, common, strict=True)]  # fmt: skip
        middle = np.arange(len(times)) + (at - (len(errors) - 1) / 2) * width
        bars = axis.bar(middle, mae, width * 0.95, color=colours[at % len(colours)], label=name)
        axis.bar_label(bars, fmt="%.3f", fontsize=8)
    axis.set_xticks(range(len(times)), [str(time)[:10] for time in times])
    axis.set(ylabel="mean abs. error [NDVI]")
    axis.margins(y=0.25)
    axis.legend(frameon=False, fontsize=9, ncols=len(errors), loc="upper left")
    open_frame(axis)
    light_grid(axis)
    axis.set_axisbelow(True)


def hidden_dates(found: Accuracy, *, note: str = "") -> Any:
    """Show how well hidden images are predicted, as `efast.report` does.

    Parameters
    ----------
    found
        From `efast.hidden_date_errors`.
    note
        Said behind the number of dates, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        RMSE over the pixels that all methods have.
    """
    index = found.bands[-1] == "ndvi"
    names = [*found.bands[:-1], "NDVI"] if index else list(found.bands)
    said = ", ".join(filter(None, ("pixels common to all", note)))
    return draw_errors(
        found.errors, names, len(found.dates), kind="common_rmse", index=index, note=said
    )


def animation(
    result: xr.Dataset,
    steps: xr.Dataset,
    path: Any,
    *,
    size: int = 300,
    milliseconds: int = 250,
) -> Any:
    """Write a GIF of all dates, the coarse composite on the left, the fused image on the right.

    Parameters
    ----------
    result, steps
        See above.
    path
        Name of the file; an existing one is replaced.
    size
        Longest side of an image, pixels; larger ones are thinned.
    milliseconds
        How long each date is shown.

    Returns
    -------
    path
        As given.
    """
    fused = for_display(fewer_pixels(result[["reflectance"]], size))["reflectance"].compute()
    white = white_level(fused.to_dataset(name="reflectance"))
    coarse = steps[COMPOSITES].sel(time_composite=fused["time"].values, method="nearest").compute()
    coarse = coarse.sel(y_coarse=fused["y"], x_coarse=fused["x"], method="nearest")
    between = np.full((fused.sizes["y"], 6, 3), 255, np.uint8)
    frames = []
    for at in range(fused.sizes["time"]):
        pair = [as_bytes(true_colour(cube[at], white)) for cube in (coarse, fused)]
        frames.append((day_of(fused[at]), np.hstack([pair[0], between, pair[1]])))
    return write_film(frames, path, milliseconds=milliseconds)
