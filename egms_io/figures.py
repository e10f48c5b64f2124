"""Figures of a product: maps, series with their model, points per cell, residuals, comparison.

Each function returns a matplotlib figure; the caller shows or saves it. Figures are for light
backgrounds, with colours that the colour-blind can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from egms_io.comparison import Comparison
from egms_io.dates import date_columns, to_days
from egms_io.errors import BadArgument
from egms_io.finished import FinishedProduct
from egms_io.formats.cellfields import VELOCITY_RAMP
from egms_io.method.seriesmodels import model_curve, years_since_first
from egms_io.placeseries import NEAR_M
from egms_io.tiles import CRS
from workbench.figures import BLUE, GREY, ORANGE, panels, titled


def burst_map(frame: Any, *, note: str = "") -> Any:
    """Map the points of one burst by their mean velocity along the line of sight.

    Parameters
    ----------
    frame
        A burst as `egms_io.read_csv_or_zip` returns it.
    """
    figure, axis = panels(size=(7.5, 5))
    speed = frame["mean_velocity"]
    limit = max(float(np.ceil(np.percentile(np.abs(speed), 99))), 1.0)
    points = axis.scatter(
        frame["easting"] / 1000, frame["northing"] / 1000, c=speed, s=3, cmap=VELOCITY_RAMP,
        vmin=-limit, vmax=limit,
    )  # fmt: skip
    bar = figure.colorbar(points, extend="both")
    bar.set_label("line-of-sight velocity [mm / yr], positive towards the satellite")
    axis.set(xlabel="easting [km]", ylabel="northing [km]", aspect="equal")
    axis.ticklabel_format(useOffset=False)
    axis.set_title(titled(f"{len(frame):,} points of one burst", note))
    return figure


def interpolation_plot(acquired: Any, regular: Any, *, note: str = "") -> Any:
    """Show the series of one point at its acquisitions and at the output dates.

    Parameters
    ----------
    acquired, regular
        Rows (Series) of frames with ``YYYYMMDD`` columns, before and after
        `egms_io.interpolate_time_columns`.
    """
    figure, axis = panels(size=(11, 3.2))
    for row, style, colour, label in (
        (regular, ".-", BLUE, "output dates"),
        (acquired, "o", ORANGE, "acquisitions"),
    ):
        dates = date_columns(row.index)
        days = to_days(dates)
        look: dict[str, Any] = {"color": colour, "markersize": 4, "label": label}
        look |= {"fillstyle": "none"} if style == "o" else {"linewidth": 0.6}
        axis.plot(days, row[dates].astype(float), style, **look)
    axis.set_ylabel("line of sight [mm]")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    axis.set_title(titled("One point, before and after interpolation", note))
    return figure


def velocity_maps(product: FinishedProduct, *, note: str = "", limit: float | None = None) -> Any:
    """Map east and up velocity side by side.

    Parameters
    ----------
    note
        Shown in the title; say there when the data are simulated.
    limit
        End of the colour scale, mm / yr; by default the 99th percentile of both.
    """
    frames = {"East": product.east, "Up": product.up}
    limit = limit or product.velocity_limit
    figure, axes = panels(1, 2, size=(11, 4.6), sharey=True)
    for axis, (name, frame) in zip(axes, frames.items(), strict=True):
        image = _cell_map(axis, product, frame, "mean_velocity", -limit, limit, VELOCITY_RAMP)
        axis.set_title(f"{name} velocity")
    bar = figure.colorbar(image, ax=axes, shrink=0.9, extend="both")
    bar.set_label("mm / yr (positive east, up)")
    figure.suptitle(_title(product, note))
    return figure


def point_count_maps(product: FinishedProduct, *, note: str = "") -> Any:
    """Map how many points of each pass the cells hold."""
    figure, axes = panels(1, 2, size=(11, 4.6), sharey=True)
    frame = product.east
    top = max(float(frame[f"points_{way}"].max()) for way in ("ascending", "descending"))
    for axis, way in zip(axes, ("ascending", "descending"), strict=True):
        image = _cell_map(axis, product, frame, f"points_{way}", 1, max(top, 2), "viridis")
        axis.set_title(f"{way.capitalize()} points")
    figure.colorbar(image, ax=axes, shrink=0.9).set_label("points per cell")
    figure.suptitle(_title(product, note))
    return figure


def series_plot(
    product: FinishedProduct, cells: Sequence[tuple[float, float]], *, note: str = ""
) -> Any:
    """Plot east and up series of some cells with the cubic and seasonal model.

    Parameters
    ----------
    cells
        Easting and northing (m) of points; the nearest cell to each is shown.

    Raises
    ------
    BadArgument
        For a point further than `NEAR_M` from every cell.
    """
    days, t = product.method.days, years_since_first(product.method.days)
    dates = list(product.method.dates)
    figure, axes = panels(
        len(cells), 2, size=(11, 0.6 + 2.1 * len(cells)), sharex=True, squeeze=False
    )  # fmt: skip
    for row, (easting, northing) in zip(axes, cells, strict=True):
        for axis, (name, frame) in zip(row, _components(product), strict=True):
            away = np.hypot(frame["easting"] - easting, frame["northing"] - northing)
            nearest = float(away.min()) if len(away) else np.inf
            if not nearest <= NEAR_M:
                raise BadArgument(
                    f"the nearest cell to easting {easting:.0f}, northing {northing:.0f} is "
                    f"{nearest / 1000:,.1f} km away (limit {NEAR_M / 1000:g} km): coordinates are "
                    f"m in {CRS}"
                )
            cell = frame.iloc[int(np.argmin(away))]
            series = cell[dates].to_numpy(float)
            axis.plot(days, series, ".", color=GREY, markersize=3, label="displacement")
            curve = model_curve(series[:, None], t)[:, 0]
            axis.plot(days, curve, color=BLUE if name == "East" else ORANGE, label="model")
            axis.set_title(
                f"{name}, cell {cell['easting']:.0f} E {cell['northing']:.0f} N: "
                + _velocity_words(cell["mean_velocity"]),
                fontsize=10,
            )
            axis.set_ylabel("mm")
            axis.grid(alpha=0.3)
    axes[0, 0].legend(fontsize=8, frameon=False)
    for axis in axes[-1]:
        axis.tick_params(axis="x", rotation=30)
    figure.suptitle(_title(product, note))
    return figure


def place_plot(frame: Any, *, note: str = "") -> Any:
    """Plot the series of places, one row each, east and up in one panel.

    Parameters
    ----------
    frame
        As `egms_io.place_series` returns it.
    """
    names = list(dict.fromkeys(frame["place"]))
    figure, axes = panels(
        len(names), 1, size=(10, 0.6 + 2.3 * len(names)), sharex=True, squeeze=False
    )  # fmt: skip
    for axis, name in zip(axes[:, 0], names, strict=True):
        of_place = frame[frame["place"] == name]
        for component, colour in (("east", BLUE), ("up", ORANGE)):
            part = of_place[of_place["component"] == component]
            if len(part):
                axis.plot(part["date"], part["displacement_mm"], ".-", color=colour, markersize=3,
                          linewidth=0.6, label=component)  # fmt: skip
        cells = int(of_place["cells"].max())
        axis.set_title(titled(f"{name}: {'one cell' if cells == 1 else f'mean of {cells} cells'}"))
        axis.set_ylabel("displacement [mm]")
        axis.grid(alpha=0.3)
    axes[0, 0].legend(fontsize=8, frameon=False)
    if note:
        figure.suptitle(note)
    return figure


def residual_histogram(product: FinishedProduct, *, note: str = "") -> Any:
    """Show the distribution of residuals from the cubic and seasonal model."""
    t = years_since_first(product.method.days)
    figure, axis = panels(size=(7, 3.8))
    for name, frame in _components(product):
        series = frame[list(product.method.dates)].to_numpy(float).T
        residuals = (series - model_curve(series, t)).ravel()
        residuals = residuals[~np.isnan(residuals)]
        if not len(residuals):  # no more dates than the model has unknowns
            continue
        colour = BLUE if name == "East" else ORANGE
        reach = float(np.percentile(np.abs(residuals), 99.5))
        axis.hist(
            residuals, bins=np.linspace(-reach, reach, 121).tolist(), histtype="step", density=True,
            color=colour, label=f"{name}: standard deviation {residuals.std():.2f} mm",
        )  # fmt: skip
    axis.set_xlabel("residual from the cubic and seasonal model [mm]")
    axis.set_ylabel("density [1 / mm]")
    if axis.has_data():
        axis.legend(frameon=False)
    else:
        axis.text(0.5, 0.5, "too few dates for residuals", ha="center", transform=axis.transAxes)
    axis.grid(alpha=0.3)
    axis.set_title(_title(product, note))
    return figure


def comparison_plot(comparison: Comparison, *, note: str = "") -> Any:
    """Show two products against each other: velocity, difference by date, differences of series."""
    found = comparison.differences
    figure, axes = panels(1, 3, size=(13, 4.0))
    axes[0].plot(found["other"], found["ours"], ".", color=BLUE, markersize=4)
    low, high = (pick(found["ours"].tolist() + found["other"].tolist()) for pick in (min, max))
    axes[0].plot([low, high], [low, high], color=GREY, linewidth=0.8)
    axes[0].set(xlabel="other [mm / yr]", ylabel="ours [mm / yr]", title="Mean velocity")
    size = np.abs(found["series"])
    axes[1].plot(found["dates"], np.nanmax(size, axis=1), color=ORANGE, label="largest")
    axes[1].plot(found["dates"], np.nanmedian(size, axis=1), color=BLUE, label="median")
    axes[1].set(ylabel="|ours - other| [mm]", title="Difference by date")
    axes[1].set_ylim(bottom=0)
    axes[1].tick_params(axis="x", rotation=30)
    axes[1].legend(frameon=False)
    reach = max(float(np.nanmax(size)), 0.06)
    counts, _, _ = axes[2].hist(
        found["series"].ravel(), bins=np.linspace(-reach, reach, 81).tolist(), color=BLUE
    )
    axes[2].set(xlabel="ours - other [mm]", ylabel="values", title="Differences of the series")
    if np.max(counts) > 0.9 * np.sum(counts):  # printed values: nearly all differences are 0
        axes[2].set_yscale("log")
    for axis in axes:
        axis.grid(alpha=0.3)
    cells = comparison.cells
    figure.suptitle(
        f"{cells['common']} cells in common, {cells['missing']} missing, {cells['extra']} extra"
        + (f"; {note}" if note else "")
    )
    return figure


def _components(product: FinishedProduct) -> list[tuple[str, Any]]:
    return [("East", product.east), ("Up", product.up)]


def _velocity_words(velocity: float) -> str:
    return "velocity not determined" if np.isnan(velocity) else f"{velocity:+.1f} mm/yr"


def _cell_map(
    axis: Any,
    product: FinishedProduct,
    frame: Any,
    name: str,
    low: float,
    high: float,
    colours: str,
) -> Any:
    """Draw one value per cell over the extent of the cells, in km."""
    side = product.area.lattice.cell_m
    column = np.rint((frame["easting"] - frame["easting"].min()) / side).astype(int)
    row = np.rint((frame["northing"] - frame["northing"].min()) / side).astype(int)
    values = np.full((row.max() + 1, column.max() + 1), np.nan)
    values[row, column] = frame[name]
    west, south = frame["easting"].min() - side / 2, frame["northing"].min() - side / 2
    east, north = frame["easting"].max() + side / 2, frame["northing"].max() + side / 2
    image = axis.imshow(
        values, origin="lower", interpolation="nearest", vmin=low, vmax=high, cmap=colours,
        extent=[edge / 1000 for edge in (west, east, south, north)],
    )  # fmt: skip
    axis.set_facecolor("#d0d0d0")
    axis.set_xlabel("easting [km]")
    if axis.get_subplotspec().is_first_col():
        axis.set_ylabel("northing [km]")
    axis.ticklabel_format(useOffset=False)
    axis.locator_params(axis="x", nbins=5)
    return image


def _title(product: FinishedProduct, note: str) -> str:
    dates = product.method.dates
    years = f"{dates[0][:4]}-{dates[0][4:6]} to {dates[-1][:4]}-{dates[-1][4:6]}"
    return f"{product.area.name}, {years}" + (f" ({note})" if note else "")
