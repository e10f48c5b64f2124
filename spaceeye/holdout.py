"""How well a hidden date is predicted from the others: damped interpolation beside plain methods.

Dates that are clear enough are hidden one at a time, alone or with all acquisitions within some
days, and predicted at their time of acquisition over the pixels that they show clear. `report`
does so for a source and writes a table and a figure.
"""

from __future__ import annotations

import csv
import logging
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from spaceeye.errors import BadInput
from spaceeye.interpolation import interpolate
from spaceeye.sampling import places
from spaceeye.series import as_series
from workbench.figures import light_grid, open_frame, panels, titled
from workbench.files import atomic, atomic_path
from workbench.progress import progress, quieter
from workbench.runs import Run
from workbench.sentinel2.sources import listed, read
from workbench.wholefiles import whole_picture

__all__ = [
    "METHODS",
    "BandErrors",
    "Method",
    "errors_of",
    "held_out_dates",
    "hide",
    "interpolated",
    "linear",
    "nearest",
    "reflectance_of",
    "report",
    "thinned",
    "whittaker",
]

logger = logging.getLogger(__name__)

DAY = np.timedelta64(1, "D")

PIXELS = 1024
"""Most pixels that a report looks at; Whittaker solves each by itself."""

WITHIN = (0, 10)
"""Days around the hidden date that are hidden with it."""

HEADER = ("hidden_within_days", "method", "band", "mae", "rmse", "bias", "covered", "dates")

Floats = npt.NDArray[np.float64]

Method = Callable[[xr.Dataset, np.datetime64], Floats]
"""From a stack and a time to reflectance (band, y, x), NaN where the method gives none."""


@dataclass(frozen=True)
class BandErrors:
    """Errors of one method in each band: what was predicted minus what was hidden.

    Attributes
    ----------
    mae, rmse, bias
        (band,) reflectance: mean absolute, root mean square and mean, over the clear pixels of all
        hidden dates that the method covers; NaN without any.
    common
        (band,) as `rmse`, over the pixels that all methods cover.
    covered
        Share of the clear pixels with a value.
    """

    mae: Floats
    rmse: Floats
    bias: Floats
    common: Floats
    covered: float


def thinned(stack: xr.Dataset, most: int) -> xr.Dataset:
    """Return some pixels of a stack, in memory and in one row; see `spaceeye.sampling.places`.

    Parameters
    ----------
    stack
        ``reflectance`` (time, band, y, x) and ``weight`` (time, y, x), lazy or in memory.
    most
        Pixels, at most.

    Returns
    -------
    xarray.Dataset
        The same variables with y of length 1; the same pixels for any chunking.
    """
    series = as_series(stack, None)
    shape = series.weights.shape[1:]
    parts = []
    for rows, columns in places((int(shape[0]), int(shape[1]))):
        part = xr.Dataset({"reflectance": series.values, "weight": series.weights})
        parts.append(part.isel(y=rows, x=columns).compute())
    flat = [
        (part["reflectance"].values.reshape(*part["reflectance"].shape[:2], 1, -1),
         part["weight"].values.reshape(len(series.times), 1, -1))
        for part in parts
    ]  # fmt: skip
    values, weights = (np.concatenate(arrays, axis=-1) for arrays in zip(*flat, strict=True))
    step = -(-values.shape[-1] // most)
    return xr.Dataset(
        {
            "reflectance": (("time", "band", "y", "x"), values[..., ::step], series.values.attrs),
            "weight": (("time", "y", "x"), weights[..., ::step]),
        },
        {"time": series.times, "band": series.values["band"].values},
    )


def held_out_dates(stack: xr.Dataset, least: float) -> list[int]:
    """Return the places of the dates of which at least this fraction is clear."""
    clear = stack["weight"].mean(("y", "x")).values
    return [int(place) for place in np.flatnonzero(clear >= least)]


def hide(stack: xr.Dataset, place: int, days: float) -> xr.Dataset:
    """Return the stack without the weights of a date and of all within `days` of it."""
    times = stack["time"].values
    near = np.abs(times - times[place]) <= days * DAY
    hidden = stack["weight"].where(xr.DataArray(~near, dims="time"), 0)
    return stack.assign(weight=hidden.astype(stack["weight"].dtype))


def errors_of(
    stack: xr.Dataset, hidden: Sequence[int], days: float, methods: Mapping[str, Method]
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
        truth = reflectance_of(stack)[place][:, seen]
        for name, method in methods.items():
            found[name].append(method(others, time)[:, seen] - truth)
    joined = {name: np.concatenate(parts, axis=1) for name, parts in found.items()}
    has = {name: np.isfinite(errors).all(axis=0) for name, errors in joined.items()}
    common = np.all(list(has.values()), axis=0)
    return {name: _summary(errors, has[name], common) for name, errors in joined.items()}


def _summary(errors: Floats, has: Any, common: Any) -> BandErrors:
    """Summarise errors (band, pixels); `has` and `common` tell which pixels count."""

    def mean(values: Floats, used: Any) -> Floats:
        if not used.any():
            return np.full(len(values), np.nan)
        return np.asarray(values[:, used].mean(axis=1))

    return BandErrors(
        mean(np.abs(errors), has),
        np.sqrt(mean(np.square(errors), has)),
        mean(errors, has),
        np.sqrt(mean(np.square(errors), common)),
        float(has.mean()) if has.size else 0.0,
    )


def interpolated(
    alpha: float | str = "auto", chosen: list[float] | None = None, **options: Any
) -> Method:
    """Return `spaceeye.interpolate` over the whole series; notes the alpha used in `chosen`."""

    def predict(stack: xr.Dataset, time: np.datetime64) -> Floats:
        found = interpolate(stack, alpha=alpha, output_times=[time], **options)  # type: ignore[arg-type]
        if chosen is not None:
            chosen.append(found.attrs["alpha_days"])
        values: Floats = reflectance_of(found)[0]
        return values

    return predict


def linear(stack: xr.Dataset, time: np.datetime64) -> Floats:
    """Interpolate between the clear observations before and after; outside they stay."""
    values, (before, after), (back, ahead) = _neighbours(stack, time)
    both = np.isfinite(back + ahead) & (back + ahead > 0)
    share = np.where(both, back, 0) / np.where(both, back + ahead, 1)
    earlier = np.where(np.isfinite(back), before, after)
    later = np.where(np.isfinite(ahead), after, before)
    found: Floats = (1 - share) * _pick(values, earlier) + share * _pick(values, later)
    return found


def nearest(stack: xr.Dataset, time: np.datetime64) -> Floats:
    """Take the clear observation that is nearest in time."""
    values, (before, after), (back, ahead) = _neighbours(stack, time)
    return _pick(values, np.where(back <= ahead, before, after))


def whittaker(stack: xr.Dataset, time: np.datetime64, smoothness: float = 1000) -> Floats:
    """Smooth by second differences on a grid of days (Eilers 2003, A perfect smoother)."""
    from scipy.linalg import solveh_banded

    times = stack["time"].values.astype("datetime64[D]")
    at = ((times - times[0]) // DAY).astype(int)
    length = at[-1] + 1
    difference = np.diff(np.eye(length), n=2, axis=0)
    product = smoothness * difference.T @ difference
    penalty = np.zeros((3, length))  # upper form: row 2 is the diagonal
    for off in range(3):
        penalty[2 - off, off:] = np.diagonal(product, off)
    weights = stack["weight"].values.reshape(len(at), -1).astype(float)
    dates, bands, rows, columns = stack["reflectance"].shape
    values = np.nan_to_num(reflectance_of(stack)).reshape(dates, bands, -1)
    day = int((time.astype("datetime64[D]") - times[0]) // DAY)
    out = np.full((bands, weights.shape[1]), np.nan)
    for pixel, weight in enumerate(weights.T):
        if (weight > 0).sum() < 2:
            continue  # a straight line through one point is any
        system, right = penalty.copy(), np.zeros((length, bands))
        np.add.at(system[2], at, weight)
        np.add.at(right, at, weight[:, None] * values[:, :, pixel])
        out[:, pixel] = solveh_banded(system, right)[day]
    return out.reshape(bands, rows, columns)


DAMPED = "damped interpolation"

METHODS: dict[str, Method] = {
    DAMPED: interpolated(),
    "linear": linear,
    "nearest": nearest,
    "Whittaker, lambda 1000": whittaker,
}
"""What a report compares; damping and weights of dates are chosen anew for each hidden date."""


def reflectance_of(stack: xr.Dataset) -> Floats:
    """Return (time, band, y, x) reflectance of a stack or a result, NaN where missing."""
    cube = stack["reflectance"]
    if cube.dtype != np.uint16:
        return np.asarray(cube.values, np.float64)
    scale, offset = cube.attrs["scale_factor"], cube.attrs.get("add_offset", 0.0)
    return np.where(cube.values == 0, np.nan, cube.values * scale + offset)


def _neighbours(stack: xr.Dataset, time: np.datetime64) -> tuple[Floats, Any, Any]:
    """Return reflectance, and per pixel the last clear date before and the first after a time.

    Both as an index (y, x) and as a distance in days, which is infinite where there is none.
    """
    times = stack["time"].values
    distance = ((times - time) / DAY)[:, None, None]
    seen = stack["weight"].values > 0
    back = np.where(seen & (distance <= 0), -distance, np.inf)
    ahead = np.where(seen & (distance >= 0), distance, np.inf)
    values = np.where(seen[:, None], reflectance_of(stack), np.nan)
    return values, (back.argmin(0), ahead.argmin(0)), (back.min(0), ahead.min(0))


def _pick(values: Floats, date: npt.NDArray[np.int64]) -> Floats:
    """Take the values (time, band, y, x) of one date per pixel (y, x)."""
    found: Floats = np.take_along_axis(values, date[None, None], axis=0)[0]
    return found


def report(
    source: Any,
    output: str | os.PathLike[str],
    *,
    least_clear: float = 0.8,
    dates: int = 20,
    reading: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write how well hidden dates of a source are predicted, as a table and a figure.

    Parameters
    ----------
    source
        Whatever `spaceeye.read` understands.
    output
        Folder for ``holdout.csv``, ``holdout.png`` and ``summary.json``. In the table, for each of
        `WITHIN`, each of `METHODS` and each band: mae, rmse and bias (predicted minus hidden) in
        reflectance, the covered share, and how many dates were hidden.
    least_clear
        Dates are hidden of which at least this share of the sampled pixels is clear.
    dates
        Most dates to hide, spread over the series.
    reading
        Further options of the reader.
    overwrite
        Replace earlier tables and figures.

    Returns
    -------
    Path
        The table.

    Raises
    ------
    BadInput
        If no date is clear enough, or an argument is wrong.
    workbench.errors.OutputExists
        If the table exists and `overwrite` is false.
    """
    if not (0 < least_clear <= 1 and dates >= 1):
        raise BadInput(f"least_clear={least_clear}, dates={dates}: a share above 0, and 1 or more")
    folder, source = Path(output), listed(source)
    asked = {"source": str(source)[:200], "least_clear": least_clear, "dates": dates}
    asked |= {name: str(value) for name, value in (reading or {}).items()}
    with Run(folder, system="spaceeye", parameters=asked) as record:
        stack = thinned(read(source, **dict(reading or {})), PIXELS)
        clear = held_out_dates(stack, least_clear)
        if not clear:
            most = float(stack["weight"].mean(("y", "x")).max())
            raise BadInput(
                f"no date is {least_clear:.0%} clear, the clearest is {most:.0%}: lower least_clear"
            )
        spread = np.linspace(0, len(clear) - 1, min(dates, len(clear)))
        hidden = [clear[place] for place in np.unique(spread.round().astype(int)).tolist()]
        record.count("dates", len(hidden))
        record.count("pixels", stack.sizes["x"])
        logger.info("%d dates of %d are hidden one by one", len(hidden), stack.sizes["time"])
        chosen: list[float] = []
        methods = {**METHODS, DAMPED: interpolated("auto", chosen)}
        with quieter("spaceeye.damping", "spaceeye.interpolation"):
            found = {days: errors_of(stack, hidden, days, methods) for days in WITHIN}
        record.set("alpha_days", dict(Counter(f"{alpha:g}" for alpha in chosen)))
        bands = [str(band) for band in stack["band"].values]
        table = folder / "holdout.csv"
        with atomic(table, "w", overwrite=overwrite) as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(HEADER)
            rows.writerows(_rows(found, bands, len(hidden)))
        picture = folder / "holdout.png"
        with atomic_path(picture, overwrite=overwrite, check=whole_picture) as temporary:
            _figure(found, bands, len(hidden)).savefig(temporary, dpi=120)
        record.output(table)
        record.output(picture)
    return table


def _rows(
    found: Mapping[int, Mapping[str, BandErrors]], bands: Sequence[str], dates: int
) -> list[tuple[Any, ...]]:
    return [
        (days, name, band, *(f"{getattr(one, kind)[at]:.5f}" for kind in ("mae", "rmse", "bias")),
         f"{one.covered:.4f}", dates)
        for days, methods in found.items()
        for name, one in methods.items()
        for at, band in enumerate(bands)
    ]  # fmt: skip


def _figure(found: Mapping[int, Mapping[str, BandErrors]], bands: Sequence[str], dates: int) -> Any:
    """Show the error of every method in each band, a panel for each way of hiding."""
    from matplotlib import pyplot as plt

    figure, axes = panels(1, len(found), size=(4.6 * len(found), 3.6), sharey=True, squeeze=False)
    for axis, (days, methods) in zip(axes[0], found.items(), strict=True):
        for (name, one), marker in zip(methods.items(), "osv^", strict=True):
            axis.plot(range(len(bands)), one.rmse, marker, ls="-", lw=1, label=name)
        axis.set_xticks(range(len(bands)), bands, rotation=90)
        axis.set_title("the date hidden" if not days else f"all within {days} days hidden")
        axis.set_xlabel("band")
        open_frame(axis)
        light_grid(axis)
    axes[0, 0].set(ylabel="RMSE [reflectance]", ylim=(0, None))
    axes[0, -1].legend(frameon=False, fontsize="small")
    figure.suptitle(titled("Hidden dates, predicted from the others", f"{dates} dates"))
    plt.close(figure)
    return figure
