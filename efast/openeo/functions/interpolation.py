"""User-defined function of openEO: a series at other days, linear between its values.

Each pixel and band is interpolated by itself. With fewer than four values it has none at any day.
Times of day do not count.

Context: either ``dates``, labels of another cube, which become those of the result; or what says
which days are wanted, as midnights: ``target_time_series`` (a list, or null), ``temporal_extent``
of the inputs, ``temporal_extent_target`` within it (or null: the same) and ``interval_days``. And
``extrapolate``: ``nearest``, ``linear`` or ``none``, before the first value and after the last.
"""

from typing import Any

import numpy as np
import pandas as pd
import xarray

LEAST = 4
LONGEST = 36525


def apply_datacube(cube: xarray.DataArray, context: dict[str, Any]) -> xarray.DataArray:
    """Return the series at the days wanted, with these as t."""
    extrapolate = context.get("extrapolate", "nearest")
    if extrapolate not in ("nearest", "linear", "none"):
        raise ValueError(f"extrapolate={extrapolate!r}: 'nearest', 'linear' or 'none'")
    stamps = labels(context["dates"]) if "dates" in context else target_days(context)
    wanted = stamps.astype("datetime64[D]").astype(np.int64)
    series = cube.transpose("t", ...)
    axis = series["t"].values.astype("datetime64[D]").astype(np.int64)
    order = np.argsort(axis, kind="stable")
    values = np.asarray(series.values, np.float64)[order].reshape(len(axis), -1)
    found = interpolated(values, axis[order], wanted, extrapolate)
    coords = {name: series[name] for name in series.dims[1:]}
    return xarray.DataArray(
        found.astype(np.float32).reshape(len(wanted), *series.shape[1:]),
        {"t": stamps, **coords},
        series.dims,
    ).transpose(*cube.dims)


def labels(texts: list[Any]) -> Any:
    """Return dates and times as datetime64[ns], UTC."""
    times = pd.to_datetime(list(texts), utc=True, format="ISO8601").tz_localize(None)
    return times.values.astype("datetime64[ns]")


def target_days(context: dict[str, Any]) -> Any:
    """Return the days wanted as midnights, ascending, each once."""
    listed = context.get("target_time_series")
    if listed:
        days = np.unique(labels(listed).astype("datetime64[D]"))
        return days.astype("datetime64[ns]")
    interval = context.get("interval_days")
    if interval is None:
        raise ValueError("no days of the results: give interval_days or target_time_series")
    if interval != int(interval) or not 1 <= interval <= LONGEST:
        raise ValueError(f"interval_days={interval}: a whole number of days, 1 to {LONGEST}")
    whole = period(context["temporal_extent"])
    first, end = period(context.get("temporal_extent_target") or context["temporal_extent"])
    if first < whole[0] or end > whole[1]:
        raise ValueError(
            f"results from {first} to before {end}, inputs from {whole[0]} to before {whole[1]}: "
            "widen temporal_extent"
        )
    return np.arange(first, end, np.timedelta64(int(interval), "D")).astype("datetime64[ns]")


def period(extent: list[Any]) -> Any:
    """Return the first day and the day after the last."""
    first, end = (labels([moment]).astype("datetime64[D]")[0] for moment in extent)
    if end <= first:
        raise ValueError(f"the period {first} to {end} holds no day: the end is not part of it")
    return first, end


def interpolated(values: Any, axis: Any, wanted: Any, extrapolate: str) -> Any:
    """Return (T, P) from (K, P) values and their (K,) days; pixels with equal gaps together."""
    found = np.full((len(wanted), values.shape[1]), np.nan)
    seen = np.isfinite(values)
    _, first, group = np.unique(
        np.packbits(seen, axis=0), axis=1, return_index=True, return_inverse=True
    )
    for number, one in enumerate(first):
        pixels = np.flatnonzero(group.ravel() == number)
        there = seen[:, one]
        if np.count_nonzero(there) < LEAST:
            continue
        days = axis[there]
        before = np.clip(np.searchsorted(days, wanted, side="right") - 1, 0, len(days) - 2)
        along = (wanted - days[before]) / (days[before + 1] - days[before])
        if extrapolate != "linear":
            along = np.clip(along, 0, 1)
        if extrapolate == "none":
            along = np.where((wanted < days[0]) | (wanted > days[-1]), np.nan, along)
        known = values[np.ix_(there, pixels)]
        found[:, pixels] = (1 - along)[:, None] * known[before] + along[:, None] * known[before + 1]
    return found
