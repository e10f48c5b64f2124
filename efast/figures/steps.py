"""Figures of what goes into a fusion, and of its steps on the coarse grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from workbench.figures import BLUE, GREY, ORANGE, as_picture, colour_bar, open_frame, panels, titled
from workbench.sentinel2.pictures import (
    day_of,
    for_display,
    image_row,
    spread_places,
    true_colour,
    white_level,
)

__all__ = ["COMPOSITES", "STEPS", "composites", "inputs", "masks_and_scores"]

STEPS = (
    "s2_cloud_mask_coarse",
    "s2_distance_to_cloud",
    "s2_distance_score",
    "s3_bands_and_distance_score",
    "s3_composite_data_bands_smoothed",
)
"""Steps between that figures show, all of them on the coarse grid."""

COMPOSITES, OBSERVED = STEPS[-1], STEPS[-2]


def inputs(fine: xr.Dataset, coarse: xr.Dataset, count: int = 6, *, note: str = "") -> Any:
    """Show some fine images, and how much of the area each sensor saw clear, and when.

    Parameters
    ----------
    fine
        ``reflectance`` (time, band, y, x) and ``weight`` (time, y, x).
    coarse
        ``reflectance`` (time, band, y, x), NaN where hidden, as `efast.read_coarse` returns it.
        Cells outside the fine images do not count.
    count
        How many images; spread over the series.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import pyplot as plt

    places = spread_places(fine.sizes["time"], count)
    some = for_display(fine.isel(time=places)).compute()
    seen = _over(coarse, fine)["reflectance"].notnull().all("band")
    shares = {
        name: clear.mean(("y", "x")).compute()
        for name, clear in (("Sentinel-2", fine["weight"]), ("Sentinel-3", seen))
    }
    figure = plt.figure(figsize=(2.2 * len(places), 5.2), layout="constrained")
    grid = figure.add_gridspec(3, len(places), height_ratios=(2.2, 0.8, 0.8))
    image_row(figure, grid, some, shares["Sentinel-2"].values[places])
    above = None
    for row, (name, share) in enumerate(shares.items(), 1):
        above = axis = figure.add_subplot(grid[row, :], sharex=above)
        axis.bar(share["time"].values, 100 * share.values, width=0.9, color=BLUE)
        axis.set(ylabel="clear [%]", ylim=(0, 100))
        axis.set_title(f"{name}: {len(share)} times", size=9, loc="left")
        axis.tick_params(labelbottom=row == len(shares))
        open_frame(axis)
    figure.suptitle(titled("What both sensors saw; masked pixels are pale", note))
    return figure


def _over(coarse: xr.Dataset, fine: xr.Dataset) -> xr.Dataset:
    """Return the cells whose centre lies in the area of the fine images."""
    inside = {
        dim: (coarse[dim] >= fine[dim].values.min()) & (coarse[dim] <= fine[dim].values.max())
        for dim in ("y", "x")
    }
    return coarse.isel({dim: np.flatnonzero(which) for dim, which in inside.items()})


def masks_and_scores(
    fine: xr.Dataset, steps: xr.Dataset, dates: Sequence[Any], *, note: str = ""
) -> Any:
    """Show for some images what is hidden, which cells are cloudy, their distance and the score.

    Parameters
    ----------
    fine, steps
        See above.
    dates
        One row each; the nearest image is shown.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = len(dates)
    figure, axes = panels(rows, 5, size=(11, 2.3 * rows + 1.4), squeeze=False)
    near = [for_display(fine.sel(time=date, method="nearest")).compute() for date in dates]
    white = white_level(xr.concat(near, "time"))
    cells = steps[list(STEPS[:3])].sel(time_s2=[image["time"].values for image in near]).compute()
    far = cells["s2_distance_to_cloud"].where(np.isfinite(cells["s2_distance_to_cloud"]))
    most = float(far.max()) if far.notnull().any() else 1.0
    for row, image in zip(axes, near, strict=True):
        at = {"time_s2": image["time"].values}
        counts = cells["s2_distance_score"].sel(at)
        row[0].imshow(true_colour(image["reflectance"], white))
        row[1].imshow(true_colour(image["reflectance"], white, image["weight"].values))
        row[2].imshow(cells["s2_cloud_mask_coarse"].sel(at), cmap="Greys", vmin=0, vmax=2)
        distance = row[3].imshow(far.sel(at), cmap="viridis", vmin=0, vmax=most)
        score = row[4].imshow(counts, cmap="magma", vmin=0, vmax=1)
        if not far.sel(at).notnull().any():
            row[3].text(0.5, 0.5, "no cloud", ha="center", va="center", transform=row[3].transAxes)
        row[4].set_xlabel(f"{float(counts.min()):.2f} to {float(counts.max()):.2f}", size=9)
        row[0].set_ylabel(day_of(image))
    titles = ("image", "hidden pixels", "cloudy cells", "distance to cloud", "score")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, size=10)
    below = {"location": "bottom", "shrink": 0.9}
    colour_bar(figure, distance, "cells", axes=axes[:, 3], **below)
    colour_bar(figure, score, "what the image counts", axes=axes[:, 4], **below)
    as_picture(*axes.flat)
    figure.suptitle(titled("Masks and scores", note))
    return figure


def composites(
    steps: xr.Dataset,
    dates: Sequence[Any],
    cell: tuple[int, int] | None = None,
    band: str | None = None,
    *,
    note: str = "",
) -> Any:
    """Show observations of the coarse sensor, composites beside them, and the series of a cell.

    Parameters
    ----------
    steps
        See above.
    dates
        One column each; the nearest observation with a clear cell, and the nearest composite.
    cell
        Row and column; default the middle one.
    band
        Whose series is shown, by its name in the fine images; default the last. A dot is the
        larger, the more the observation counts for its distance from clouds.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import pyplot as plt

    made = steps[COMPOSITES].compute()
    band = band or str(made["band"].values[-1])
    seen, score = _observations(steps)
    white = white_level(made.sel(time_composite=list(dates), method="nearest")
                        .to_dataset(name="reflectance"))  # fmt: skip
    columns = len(dates)
    figure = plt.figure(figsize=(2.6 * columns, 7.6), layout="constrained")
    grid = figure.add_gridspec(3, columns, height_ratios=(1, 1, 0.9))
    some = seen.isel(time_s3=np.flatnonzero(seen.notnull().any(seen.dims[1:])))
    for column, date in enumerate(dates):
        images = (
            _nearest(some, date),
            made.sel(time_composite=date, method="nearest").rename(time_composite="time"),
        )
        for row, (name, image) in enumerate(zip(("observed", "composite"), images, strict=True)):
            axis = figure.add_subplot(grid[row, column])
            axis.imshow(true_colour(image, white))
            axis.set_title(f"{name} {day_of(image)}", size=9)
            as_picture(axis)
    row, column = cell or tuple(size // 2 for size in made.shape[2:])
    place = {"y_coarse": row, "x_coarse": column}
    one, line = (values.sel(band=band).isel(place) for values in (seen, made))
    axis = figure.add_subplot(grid[2, :])
    _cell_series(axis, one, line, score.isel(place), dates)
    axis.set(ylabel=f"reflectance in {band}")
    axis.set_title(f"cell in row {row}, column {column}", size=9, loc="left")
    figure.suptitle(titled("Sentinel-3: observations and composites", note))
    return figure


def _nearest(observations: xr.DataArray, date: Any) -> xr.DataArray:
    """Return the observation nearest to a date; a day may have two."""
    apart = np.abs(observations["time_s3"].values - np.datetime64(date, "ns"))
    return observations.isel(time_s3=int(apart.argmin())).rename(time_s3="time")


def _observations(steps: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Return (time_s3, band, y_coarse, x_coarse) of the observations, and their score."""
    merged = steps[OBSERVED].compute()
    merged = merged.rename({f"{OBSERVED}_band": "band"})
    return merged.isel(band=slice(0, -1)), merged.isel(band=-1)


def _cell_series(
    axis: Any, seen: xr.DataArray, made: xr.DataArray, score: xr.DataArray, dates: Sequence[Any]
) -> None:
    for date in dates:
        axis.axvline(np.datetime64(date, "ns"), color=GREY, lw=0.8, ls=":")
    sizes = 4 + 40 * score.values
    label = "observed; larger: farther from clouds"
    axis.scatter(seen["time_s3"].values, seen.values, sizes, color=ORANGE, lw=0, label=label)
    axis.plot(made["time_composite"].values, made.values, color=BLUE, lw=1.6, label="composites")
    axis.legend(frameon=False, fontsize=9, ncols=2, loc="upper left")
    axis.margins(y=0.2)
    open_frame(axis)
