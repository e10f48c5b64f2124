"""How well a hidden date is predicted from the others: damped interpolation beside plain methods.

`report` hides dates of a source as `workbench.sentinel2.holdout` does and writes a table and a
figure.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spaceeye.errors import BadInput
from spaceeye.interpolation import interpolate
from spaceeye.series import as_series
from workbench.progress import quieter
from workbench.rasters import drawnsquares
from workbench.runs import Run
from workbench.sentinel2.holdout import dates_to_hide, errors_of, write_figure, write_table
from workbench.sentinel2.plainmethods import (
    Floats,
    Method,
    linear,
    nearest,
    reflectance_of,
    whittaker,
)
from workbench.sentinel2.sources import listed, read

__all__ = ["METHODS", "interpolated", "report", "thinned"]

logger = logging.getLogger(__name__)

PIXELS = 1024
"""Most pixels that a report looks at."""

WITHIN: tuple[float, ...] = (0, 10)
"""Days around the hidden date that are hidden with it."""


def thinned(stack: xr.Dataset, most: int) -> xr.Dataset:
    """Return some pixels of a stack, in memory and in one row.

    Parameters
    ----------
    stack
        ``reflectance`` (time, band, y, x) and ``weight`` (time, y, x), lazy or in memory.
    most
        Pixels, at most.

    Returns
    -------
    xarray.Dataset
        The same variables, checked; see `workbench.rasters.drawnsquares.thinned`.
    """
    series = as_series(stack, None)
    checked = xr.Dataset({"reflectance": series.values, "weight": series.weights})
    return drawnsquares.thinned(checked, most).assign_coords(time=series.times)


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


DAMPED = "damped interpolation"

METHODS: dict[str, Method] = {
    DAMPED: interpolated(),
    "linear": linear,
    "nearest": nearest,
    "Whittaker, lambda 1000": whittaker,
}
"""What a report compares; damping and weights of dates are chosen anew for each hidden date."""


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
        hidden = dates_to_hide(stack, least_clear, dates)
        record.count("dates", len(hidden))
        record.count("pixels", stack.sizes["x"])
        logger.info("%d dates of %d are hidden one by one", len(hidden), stack.sizes["time"])
        chosen: list[float] = []
        methods = {**METHODS, DAMPED: interpolated("auto", chosen)}
        with quieter("spaceeye.damping", "spaceeye.interpolation"):
            found = {days: errors_of(stack, hidden, days, methods) for days in WITHIN}
        record.set("alpha_days", dict(Counter(f"{alpha:g}" for alpha in chosen)))
        bands = [str(band) for band in stack["band"].values]
        table, picture = folder / "holdout.csv", folder / "holdout.png"
        write_table(table, found, bands, len(hidden), overwrite=overwrite)
        write_figure(picture, found, bands, len(hidden), overwrite=overwrite)
        record.output(table)
        record.output(picture)
    return table
