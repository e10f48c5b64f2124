"""Plain predictions of an image from the others of its series, to compare a method with.

Each takes a stack in memory, ``reflectance`` (time, band, y, x) and ``weight`` (time, y, x) with
times that ascend, and a time, and returns reflectance (band, y, x), NaN where it has none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.sentinel2.timesmoothers import (
    Observed,
    Penalty,
    chain,
    least_left_out,
    second_differences,
    smoothed,
)

__all__ = [
    "ALPHAS",
    "LAMBDAS",
    "Method",
    "damped",
    "linear",
    "nearest",
    "reflectance_of",
    "whittaker",
]

Floats = npt.NDArray[np.float64]

Method = Callable[[xr.Dataset, np.datetime64], Floats]
"""From a stack and a time to reflectance (band, y, x), NaN where the method gives none."""

ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Days: the dampings that are tried."""

LAMBDAS = (1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6)
"""The smoothnesses of Whittaker that are tried, over days."""

CHOSEN_BY = 128
"""Most pixels that a damping or smoothness is chosen by."""

DAY = np.timedelta64(1, "D")


def reflectance_of(stack: xr.Dataset) -> Floats:
    """Return (time, band, y, x) reflectance of a stack or a result, NaN where missing."""
    cube = stack["reflectance"]
    if cube.dtype != np.uint16:
        return np.asarray(cube.values, np.float64)
    scale, offset = cube.attrs["scale_factor"], cube.attrs.get("add_offset", 0.0)
    return np.where(cube.values == 0, np.nan, cube.values * scale + offset)


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


def whittaker(
    stack: xr.Dataset,
    time: np.datetime64,
    smoothness: float | Literal["auto"] = 1000,
    chosen: list[float] | None = None,
) -> Floats:
    """Smooth by second differences on a grid of days (Eilers 2003, A perfect smoother).

    Parameters
    ----------
    stack, time
        A time from the first to the last of the stack.
    smoothness
        Lambda; ``"auto"`` takes that of `LAMBDAS` that predicts clear observations best from all
        others of their pixel.
    chosen
        Takes note of the lambda.

    Returns
    -------
    numpy.ndarray
        (band, y, x); NaN where a pixel is clear on fewer than two days.
    """
    times = stack["time"].values.astype("datetime64[D]")
    at = ((times - times[0]) // DAY).astype(np.intp)
    day = int((time.astype("datetime64[D]") - times[0]) // DAY)

    def penalty(smoothness: float) -> Penalty:
        return second_differences(int(at[-1]) + 1, smoothness)

    observed = _observed(stack, at)
    taken = _chosen(smoothness, LAMBDAS, penalty, observed, chosen)
    return _shaped(smoothed(penalty(taken), observed)[day], stack)


def damped(
    stack: xr.Dataset,
    time: np.datetime64,
    alpha: float | Literal["auto"] = "auto",
    chosen: list[float] | None = None,
) -> Floats:
    """Interpolate with damping: SpaceEye (Zhao, Olsen and Chandra 2021, arXiv:2106.08408).

    The series minimises ``sum w (x - s)^2 + alpha sum (dx)^2 / dt`` over the acquisitions, dt in
    days, and runs linearly between them. All dates count alike.

    Parameters
    ----------
    stack, time
        Before the first and after the last acquisition the series is constant.
    alpha
        Days; ``"auto"`` takes that of `ALPHAS` that predicts clear observations best from all
        others of their pixel.
    chosen
        Takes note of alpha.

    Returns
    -------
    numpy.ndarray
        (band, y, x); NaN where a pixel is never clear.
    """
    times, at = np.unique(stack["time"].values, return_inverse=True)
    days = (times - times[0]) / DAY

    def penalty(alpha: float) -> Penalty:
        return chain(days, alpha)

    observed = _observed(stack, at.ravel())
    taken = _chosen(alpha, ALPHAS, penalty, observed, chosen)
    series = smoothed(penalty(taken), observed)
    day = float((time - times[0]) / DAY)
    after = int(np.clip(np.searchsorted(days, day), 1, max(len(days) - 1, 1)))
    if len(days) == 1:
        return _shaped(series[0], stack)
    share = np.clip((day - days[after - 1]) / (days[after] - days[after - 1]), 0, 1)
    return _shaped((1 - share) * series[after - 1] + share * series[after], stack)


def _observed(stack: xr.Dataset, at: npt.NDArray[np.intp]) -> Observed:
    weights = stack["weight"].values.reshape(len(at), -1).astype(np.float64)
    values = np.nan_to_num(reflectance_of(stack))
    return Observed(at, values.reshape(*values.shape[:2], -1), weights)


def _chosen(
    given: float | str,
    tried: tuple[float, ...],
    penalty: Callable[[float], Penalty],
    observed: Observed,
    noted: list[float] | None,
) -> float:
    """Return the number given, or the best by leave-one-out; the middle one where none is."""
    if given == "auto":
        step = -(-observed.weights.shape[1] // CHOSEN_BY)
        some = Observed(observed.at, observed.values[..., ::step], observed.weights[:, ::step])
        best = least_left_out({one: penalty(one) for one in tried}, some)
        taken = tried[len(tried) // 2] if best is None else best
    else:
        taken = float(given)
    if noted is not None:
        noted.append(taken)
    return taken


def _shaped(values: Floats, stack: xr.Dataset) -> Floats:
    found: Floats = values.reshape(stack["reflectance"].shape[1:])
    return found


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
