"""Figures of a run: inputs with their clouds, before and after, series, support, held-out dates.

Each function returns a matplotlib figure; the caller shows or saves it. A *stack* is what the
readers return, a *result* what `spaceeye.interpolate` returns. Images are true colour (B04, B03,
B02) where those bands are there; masked pixels (weight below 0.5) are pale, missing ones grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from workbench.figures import (
    BLUE,
    GREY,
    ORANGE,
    as_picture,
    colour_bar,
    open_frame,
    panels,
    titled,
)
from workbench.sentinel2.pictures import (
    as_bytes,
    colour_bands,
    day_of,
    fewer_pixels,
    for_display,
    image_row,
    reflectance_values,
    spread_places,
    true_colour,
    white_level,
    write_film,
)

__all__ = [
    "alpha_scores",
    "animation",
    "before_after",
    "comparison",
    "inputs_strip",
    "pixel_series",
    "support_maps",
]


def inputs_strip(stack: xr.Dataset, count: int = 6, *, note: str = "") -> Any:
    """Show some acquisitions in true colour, what is masked tinted, and the clear share of all.

    Above a row of images, below a bar for each acquisition: its clear pixels in percent.

    Parameters
    ----------
    stack
        ``reflectance`` (time, band, y, x) and ``weight`` (time, y, x), as readers return them.
    count
        How many images; spread over the series.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    places = spread_places(stack.sizes["time"], count)
    some = for_display(stack.isel(time=places)).compute()
    clear = stack["weight"].mean(("y", "x")).compute().values
    figure = plt.figure(figsize=(2.2 * len(places), 4.4), layout="constrained")
    grid = figure.add_gridspec(2, len(places), height_ratios=(2.2, 1))
    image_row(figure, grid, some, clear[places])
    axis = figure.add_subplot(grid[1, :])
    axis.bar(stack["time"].values, 100 * clear, width=1.5, color=BLUE)
    axis.set(ylabel="clear pixels [%]", ylim=(0, 100))
    open_frame(axis)
    figure.suptitle(titled(f"{len(clear)} acquisitions; masked pixels are pale", note))
    return figure


def before_after(
    stack: xr.Dataset, result: xr.Dataset, dates: Sequence[Any], *, note: str = ""
) -> Any:
    """Show dates twice: above the acquisition nearest to each, below the result.

    Parameters
    ----------
    stack
        ``reflectance`` (time, band, y, x) and ``weight`` (time, y, x), as readers return them.
    result
        As `spaceeye.interpolate` returns it.
    dates
        One column each; the nearest date of the result is shown.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = panels(2, len(dates), size=(2.9 * len(dates), 6.3), squeeze=False)
    near = [for_display(stack.sel(time=date, method="nearest")).compute() for date in dates]
    after = for_display(result[["reflectance"]])["reflectance"]
    made = [after.sel(time=date, method="nearest").compute() for date in dates]
    limit = white_level(xr.concat(made, "time").to_dataset(name="reflectance"))
    for column, (image, found) in enumerate(zip(near, made, strict=True)):
        clear = float(image["weight"].mean())
        axes[0, column].imshow(true_colour(image["reflectance"], limit, image["weight"].values))
        axes[0, column].set_title(f"acquired {day_of(image)}\n{clear:.0%} clear", fontsize=9)
        axes[1, column].imshow(true_colour(found, limit))
        axes[1, column].set_title(f"result for {day_of(found)}", fontsize=9)
    as_picture(*axes.flat)
    figure.suptitle(titled("Nearest acquisition (masked pixels are pale) and result", note))
    return figure


def pixel_series(
    stack: xr.Dataset,
    result: xr.Dataset,
    pixels: Sequence[tuple[int, int]],
    band: str = "B08",
    *,
    note: str = "",
) -> Any:
    """Show the series of some pixels: observations, what was masked, the curve and its support.

    The shading around the curve is plus and minus the leave-one-out error of the region (0.02 where
    none was worked out) times the square root of ``support``, in reflectance.

    Parameters
    ----------
    stack
        ``reflectance`` (time, band, y, x) and ``weight`` (time, y, x), as readers return them.
    result
        As `spaceeye.interpolate` returns it.
    pixels
        (row, column), one panel each.
    band
        Name of the band shown.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = len(pixels)
    figure, axes = panels(rows, 1, size=(10, 2.3 * rows + 0.8), sharex=True, squeeze=False)
    error = _error(result.attrs)
    for axis, (row, column) in zip(axes[:, 0], pixels, strict=True):
        place = {"y": row, "x": column}
        seen = stack.isel(place).sel(band=band).compute()
        curve = result.isel(place).sel(band=band).compute()
        values, line = (
            reflectance_values(seen["reflectance"]),
            reflectance_values(curve["reflectance"]),
        )
        clear = seen["weight"].values >= 0.5
        times, dates = stack["time"].values, curve["time"].values
        spread = error * np.sqrt(curve["support"].values)
        axis.fill_between(dates, line - spread, line + spread, color=BLUE, alpha=0.18, lw=0)
        axis.plot(dates, line, color=BLUE, lw=1.6, label="result, and its uncertainty")
        axis.plot(times[clear], values[clear], "o", color=ORANGE, ms=4.5, label="clear")
        axis.plot(times[~clear], values[~clear], "x", color=GREY, ms=4, label="masked")
        inside = np.concatenate([values[clear], line])
        inside = inside[np.isfinite(inside)]
        low, high = (inside.min(), inside.max()) if inside.size else (0.0, 1.0)
        margin = max(0.25 * (high - low), 0.01)
        axis.set(ylim=(max(low - margin, 0), high + margin), ylabel=f"{band} reflectance")
        axis.set_title(f"row {row}, column {column}", fontsize=9, loc="left")
        open_frame(axis)
    axes[0, 0].legend(ncols=3, loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
    figure.suptitle(titled("Series of pixels", note), x=0.02, ha="left")
    return figure


def support_maps(result: xr.Dataset, date: Any, *, note: str = "") -> Any:
    """Map the days to the nearest clear observation and the support of one date.

    Parameters
    ----------
    result
        As `spaceeye.interpolate` returns it.
    date
        The nearest one of the result is shown.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    image = fewer_pixels(result[["age", "support"]].sel(time=date, method="nearest")).compute()
    figure, axes = panels(1, 2, size=(9, 4.2))
    age = np.where(image["age"] < 0, np.nan, image["age"])
    layers = {
        "age: days to the nearest clear observation": (age, "viridis"),
        "support: variance relative to one observation": (image["support"].values, "magma"),
    }
    for axis, (label, (values, colours)) in zip(axes, layers.items(), strict=True):
        shown = axis.imshow(values, cmap=colours, vmin=0)
        colour_bar(figure, shown, label, axes=axis, shrink=0.85)
        as_picture(axis)
    figure.suptitle(titled(f"What {day_of(image)} rests on", note))
    return figure


def alpha_scores(attrs: Mapping[str, Any], *, note: str = "") -> Any:
    """Show the leave-one-out error of every damping that was tried, and the one chosen.

    Parameters
    ----------
    attrs
        Of a result with ``alpha="auto"``: ``alpha_tried`` and ``alpha_days`` in days,
        ``alpha_leave_one_out_rmse`` in reflectance.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axis = panels(size=(5.5, 3.2))
    tried, errors = list(attrs["alpha_tried"]), list(attrs["alpha_leave_one_out_rmse"])
    axis.semilogx(tried, errors, "o-", color=BLUE)
    chosen = tried.index(attrs["alpha_days"])
    label = f"chosen: {tried[chosen]:g} days"
    axis.plot(tried[chosen], errors[chosen], "o", ms=12, mfc="none", mec=ORANGE, mew=2, label=label)
    axis.set_xticks(tried, [f"{value:g}" for value in tried])
    axis.minorticks_off()
    axis.set(xlabel="damping alpha [days]", ylabel="leave-one-out RMSE\n[reflectance]")
    axis.legend(frameon=False)
    open_frame(axis)
    figure.suptitle(titled("Damping by leave-one-out", note))
    return figure


def comparison(
    truth: xr.DataArray, result: xr.DataArray, clear: Any = None, *, note: str = ""
) -> Any:
    """Compare an image with the result for its time: both, their difference, the error per band.

    Parameters
    ----------
    truth, result
        (band, y, x), DN with a scale or reflectance.
    clear
        (y, x) bool: pixels that count; None for all.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        The difference is result minus truth in B08, or else the first band; errors are root mean
        squares over the pixels that count, in reflectance.
    """
    counted = np.ones(truth.shape[1:], bool) if clear is None else np.asarray(clear, bool)
    difference = np.where(counted, reflectance_values(result) - reflectance_values(truth), np.nan)
    rmse = np.sqrt(np.nanmean(difference**2, axis=(1, 2)))
    limit = white_level(truth.to_dataset(name="reflectance"))
    figure, axes = panels(1, 4, size=(13, 3.6), width_ratios=(1, 1, 1.2, 1.1))
    axes[0].imshow(true_colour(truth, limit, counted.astype(float)))
    axes[0].set_title("hidden from the solver", fontsize=9)
    axes[1].imshow(true_colour(result, limit))
    axes[1].set_title("result for its time", fontsize=9)
    bands = list(map(str, truth["band"].values))
    shown = bands.index("B08") if "B08" in bands else 0
    most = float(np.nanpercentile(np.abs(difference[shown]), 99)) or 0.01
    image = axes[2].imshow(difference[shown], cmap="RdBu_r", vmin=-most, vmax=most)
    axes[2].set_title(f"difference in {bands[shown]}", fontsize=9)
    colour_bar(figure, image, "reflectance", axes=axes[2], shrink=0.85, extend="both")
    as_picture(*axes[:3])
    axes[3].barh(bands, rmse, color=BLUE)
    axes[3].invert_yaxis()
    axes[3].set(xlabel="RMSE [reflectance]")
    open_frame(axes[3])
    total = float(np.sqrt(np.nanmean(difference**2)))
    figure.suptitle(titled(f"A held-out image: RMSE {total:.4f} of reflectance", note))
    return figure


def animation(result: xr.Dataset, path: Any, *, size: int = 224, milliseconds: int = 120) -> Any:
    """Write the dates of a result as a GIF in true colour with the date, and return its path.

    Parameters
    ----------
    result
        As `spaceeye.interpolate` returns it.
    path
        Name of the file; an existing one is replaced.
    size
        Longest side, pixels; larger images are thinned.
    milliseconds
        How long each date is shown.

    Returns
    -------
    path
        As given.
    """
    cube = fewer_pixels(result["reflectance"], size)
    cube = cube.sel(band=list(dict.fromkeys(colour_bands(cube)))).compute()
    white = white_level(cube.to_dataset(name="reflectance"))
    images = (cube.isel(time=place) for place in range(cube.sizes["time"]))
    frames = ((day_of(image), as_bytes(true_colour(image, white))) for image in images)
    return write_film(frames, path, milliseconds=milliseconds)


def _error(attrs: Mapping[str, Any]) -> float:
    """Return the leave-one-out error of the damping in use; 0.02 where none was worked out."""
    tried = list(np.atleast_1d(attrs.get("alpha_tried", [])))
    if attrs.get("alpha_days") not in tried:
        return 0.02
    errors = np.atleast_1d(attrs["alpha_leave_one_out_rmse"])
    return float(errors[tried.index(attrs["alpha_days"])])
