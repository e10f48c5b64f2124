"""How well hidden dates of a series are predicted from the others, as a table and a figure.

Dates that are clear enough are hidden one at a time, alone or with all acquisitions within some
days, and predicted at their time of acquisition over the pixels that they show clear. Systems bring
their own methods; plain ones are in `workbench.sentinel2.plainmethods`.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from workbench.errors import BadInput
from workbench.figures import light_grid, open_frame, panels, titled
from workbench.files import atomic, atomic_path
from workbench.progress import progress
from workbench.sentinel2.plainmethods import Floats, Method, reflectance_of
from workbench.wholefiles import whole_picture

__all__ = [
    "BandErrors",
    "Found",
    "dates_to_hide",
    "draw_errors",
    "errors_of",
    "held_out_dates",
    "hide",
    "write_figure",
    "write_table",
]

DAY = np.timedelta64(1, "D")

MARKERS = "osv^DPX*"
"""Of methods, one after the other."""


@dataclass(frozen=True)
class BandErrors:
    """Errors of one method in each band: what was predicted minus what was hidden.

    Attributes
    ----------
    mae, rmse, bias
        (band,) reflectance: mean absolute, root mean square and mean, over the clear pixels of all
        hidden dates that the method covers; NaN without any.
    common_mae, common_rmse, common_bias
        (band,) the same over the pixels that all methods cover.
    covered
        Share of the clear pixels with a value.
    """

    mae: Floats
    rmse: Floats
    bias: Floats
    common_mae: Floats
    common_rmse: Floats
    common_bias: Floats
    covered: float


Found = Mapping[float, Mapping[str, BandErrors]]
"""By how many days around a date were hidden with it, and by method."""


def held_out_dates(stack: xr.Dataset, least: float) -> list[int]:
    """Return the places of the dates of which at least this fraction is clear."""
    clear = stack["weight"].mean(("y", "x")).values
    return [int(place) for place in np.flatnonzero(clear >= least)]


def dates_to_hide(stack: xr.Dataset, least_clear: float, most: int) -> list[int]:
    """Choose the dates of a series that are hidden.

    Parameters
    ----------
    stack
        ``weight`` (time, y, x) in memory.
    least_clear
        Dates are chosen of which at least this share is clear.
    most
        Dates, at most; of more, some spread over the series.

    Returns
    -------
    list of int
        Their places in time, ascending.

    Raises
    ------
    BadInput
        If no date is clear enough.
    """
    clear = held_out_dates(stack, least_clear)
    if not clear:
        best = float(stack["weight"].mean(("y", "x")).max())
        raise BadInput(
            f"no date is {least_clear:.0%} clear, the clearest is {best:.0%}: lower least_clear"
        )
    spread = np.linspace(0, len(clear) - 1, min(most, len(clear)))
    return [clear[place] for place in np.unique(spread.round().astype(int)).tolist()]


def hide(stack: xr.Dataset, place: int, days: float) -> xr.Dataset:
    """Return the stack without the weights of a date and of all within `days` of it."""
    times = stack["time"].values
    near = np.abs(times - times[place]) <= days * DAY
    hidden = stack["weight"].where(xr.DataArray(~near, dims="time"), 0)
    return stack.assign(weight=hidden.astype(stack["weight"].dtype))


def errors_of(
    stack: xr.Dataset,
    hidden: Sequence[int],
    days: float,
    methods: Mapping[str, Method],
    *,
    derived: Callable[[Floats], Floats] | None = None,
) -> dict[str, BandErrors]:
    """Hide dates, one at a time with all within `days`, and compare methods on what was hidden.

    Parameters
    ----------
    stack
        In memory.
    hidden
        Places of the dates in time.
    days
        0 for the date alone.
    methods
        By name.
    derived
        Adds to the bands, (band, pixels), what is computed from them and compared as well, such as
        an index; NaN leaves a pixel out.

    Returns
    -------
    dict of BandErrors
        By the names of the methods.
    """
    found: dict[str, list[Floats]] = {name: [] for name in methods}
    label = f"hidden dates, {days:g} days around them" if days else "hidden dates"
    for place in progress(hidden, label=label, unit="date"):
        others, time = hide(stack, place, days), stack["time"].values[place]
        seen = stack["weight"].values[place] > 0
        truth = _with(derived, reflectance_of(stack)[place][:, seen])
        known = np.isfinite(truth).all(axis=0)
        for name, method in methods.items():
            predicted = _with(derived, method(others, time)[:, seen])
            found[name].append((predicted - truth)[:, known])
    joined = {name: np.concatenate(parts, axis=1) for name, parts in found.items()}
    has = {name: np.isfinite(errors).all(axis=0) for name, errors in joined.items()}
    common = np.all(list(has.values()), axis=0)
    return {name: _summary(errors, has[name], common) for name, errors in joined.items()}


def _with(derived: Callable[[Floats], Floats] | None, values: Floats) -> Floats:
    return values if derived is None else np.concatenate([values, derived(values)])


def _summary(errors: Floats, has: Any, common: Any) -> BandErrors:
    """Summarise errors (band, pixels); `has` and `common` tell which pixels count."""

    def mean(values: Floats, used: Any) -> Floats:
        if not used.any():
            return np.full(len(values), np.nan)
        return np.asarray(values[:, used].mean(axis=1))

    def three(used: Any) -> tuple[Floats, Floats, Floats]:
        return (
            mean(np.abs(errors), used),
            np.sqrt(mean(np.square(errors), used)),
            mean(errors, used),
        )

    return BandErrors(*three(has), *three(common), float(has.mean()) if has.size else 0.0)


def write_table(
    path: Path,
    found: Found,
    bands: Sequence[str],
    dates: int,
    *,
    kinds: Sequence[str] = ("mae", "rmse", "bias"),
    overwrite: bool = False,
) -> None:
    """Write errors as CSV, a row for each way of hiding, method and band.

    Parameters
    ----------
    path
        Of the table.
    found
        From `errors_of`.
    bands
        Names of the bands and of what is derived from them.
    dates
        How many were hidden.
    kinds
        Of `BandErrors`, with five digits behind the point; empty where nothing is covered.
    overwrite
        Replace an earlier table.

    Raises
    ------
    workbench.errors.OutputExists
        If the table exists and `overwrite` is false.
    """
    with atomic(path, "w", overwrite=overwrite) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("hidden_within_days", "method", "band", *kinds, "covered", "dates"))
        for days, methods in found.items():
            for name, one in methods.items():
                for at, band in enumerate(bands):
                    numbers = (_number(getattr(one, kind)[at]) for kind in kinds)
                    rows.writerow((days, name, band, *numbers, f"{one.covered:.4f}", dates))


def _number(value: float) -> str:
    return f"{value:.5f}" if np.isfinite(value) else ""


def write_figure(
    path: str | os.PathLike[str],
    found: Found,
    bands: Sequence[str],
    dates: int,
    *,
    kind: str = "rmse",
    index: bool = False,
    note: str = "",
    overwrite: bool = False,
) -> None:
    """Show the error of every method in each band, a panel for each way of hiding.

    Parameters
    ----------
    path
        Of a PNG.
    found, bands, dates
        As for `write_table`.
    kind
        What is shown: ``"rmse"``, ``"mae"``, or one of them over the pixels that all methods cover,
        ``"common_rmse"``, ``"common_mae"``.
    index
        The last of `bands` is an index, which gets a panel of its own.
    note
        Said behind the number of dates.
    overwrite
        Replace an earlier figure.

    Raises
    ------
    workbench.errors.OutputExists
        If the figure exists and `overwrite` is false.
    """
    from matplotlib import pyplot as plt

    with atomic_path(path, overwrite=overwrite, check=whole_picture) as temporary:
        figure = draw_errors(found, bands, dates, kind=kind, index=index, note=note)
        figure.savefig(temporary, dpi=120)
    plt.close(figure)


def draw_errors(
    found: Found,
    bands: Sequence[str],
    dates: int,
    *,
    kind: str = "rmse",
    index: bool = False,
    note: str = "",
) -> Any:
    """Draw what `write_figure` writes.

    Parameters
    ----------
    found, bands, dates, kind, index, note
        As for `write_figure`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    error, joined = kind.removeprefix("common_").upper(), len(bands) - index
    ways = len(found)
    extra: dict[str, Any] = {"width_ratios": [4] * ways + [2]} if index else {"sharey": True}
    size = (4.6 * ways if not index else 3.6 * ways + 3.6, 3.6)
    figure, axes = panels(1, ways + index, size=size, squeeze=False, **extra)
    if index:
        _share_heights(axes[0, :ways])
    for axis, (days, methods) in zip(axes[0], found.items(), strict=False):
        for (name, one), marker in zip(methods.items(), MARKERS, strict=False):
            errors = getattr(one, kind)[:joined]
            axis.plot(range(joined), errors, marker, ls="-", lw=1, label=name)
        axis.set_xticks(range(joined), bands[:joined], rotation=90)
        axis.set_title("the date hidden" if not days else f"all within {days:g} days hidden")
        axis.set_xlabel("band")
        open_frame(axis)
        light_grid(axis)
    if index:
        _show_index(axes[0, -1], found, bands[-1], kind, error)
    axes[0, 0].set(ylabel=f"{error} [reflectance]", ylim=(0, None))
    beside = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if index else {}
    axes[0, -1].legend(frameon=False, fontsize="small", **beside)
    counted = f"{dates} dates, {note}" if note else f"{dates} dates"
    figure.suptitle(titled("Hidden dates, predicted from the others", counted))
    return figure


def _share_heights(axes: Any) -> None:
    """Give panels the same scale upward, written at the first one."""
    for axis in axes[1:]:
        axis.sharey(axes[0])
        axis.tick_params(labelleft=False)


def _show_index(axis: Any, found: Found, name: str, kind: str, error: str) -> None:
    """Show the errors of an index over the days that were hidden around a date."""
    for method, marker in zip(next(iter(found.values())), MARKERS, strict=False):
        errors = [getattr(methods[method], kind)[-1] for methods in found.values()]
        axis.plot(range(len(found)), errors, marker, ls="-", lw=1, label=method)
    axis.set_xticks(range(len(found)), [f"{days:g}" for days in found])
    axis.set(title=name, xlabel="days hidden around", ylabel=f"{error} [{name}]", ylim=(0, None))
    axis.margins(x=0.15)
    open_frame(axis)
    light_grid(axis)
