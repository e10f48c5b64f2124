"""The interpolation as FarmVibes.AI publishes it, with the dates put right; to compare with.

`interpolate_compat` follows ``remove_clouds_interpolation`` of FarmVibes.AI step by step: periods
of 48 days, dates with too few clear pixels dropped, region illumination, chips of 448 pixels of
which the centre is kept, and a damped iteration (SpaceEye, arXiv 2106.08408)

    X <- W (M S + (1 - M) X),   W = (I + alpha D'D)^-1

that stops early, when the mean change over a whole chip is small or after 200 steps. Its result
depends on chip neighbours, on periods and on the start value; `spaceeye.interpolation` gives the
minimum that it heads for.

Kept from there: of two acquisitions on one day the later overwrites the earlier; a period none of
whose dates is clear enough has no values; results are truncated to whole DN. Not kept: a day is
counted from the start of its period, not from the first acquisition in it, so that dates do not
shift; days outside the request are not produced; numbers above 65535 are clipped, they do not wrap
around. Chips at the edge of a raster under 448 pixels are not padded.

Everything of a period is in memory: this is for regions of some kilometres.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spaceeye.errors import BadInput
from spaceeye.illumination import clear_sums
from spaceeye.periods import DURATION, OVERLAP, Period, chips, periods, to_day

__all__ = ["Iteration", "interpolate_compat", "interpolate_period", "iterate", "spread_light"]

logger = logging.getLogger(__name__)

MIN_CLEAR = 0.1
"""A date is used above this clear fraction of the region."""

SCALE = np.float32(10_000)  # DN of reflectance 1

Days = npt.NDArray[np.datetime64]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Iteration:
    """How the iteration runs and when it stops.

    Attributes
    ----------
    alpha
        Damping, days, above 0.
    tolerance
        Stop when the mean change of a step is below this fraction of the mean value.
    max_iterations
        Stop after so many steps.
    check_interval
        Steps from one look at the change to the next, the first of them after the first step.

    Raises
    ------
    BadInput
        If one of them is out of bounds.
    """

    alpha: float = 0.1
    tolerance: float = 1e-3
    max_iterations: int = 200
    check_interval: int = 5

    def __post_init__(self) -> None:
        if not (_is_finite(self.alpha) and self.alpha > 0):
            raise BadInput(f"alpha={self.alpha!r}: a number above 0, usually 0.1")
        if not (_is_finite(self.tolerance) and self.tolerance >= 0):
            raise BadInput(f"tolerance={self.tolerance!r}: a fraction, 0 or more, usually 0.001")
        for name in ("max_iterations", "check_interval"):
            value = getattr(self, name)
            if not _is_finite(value) or value != int(value) or value < 1:
                raise BadInput(f"{name}={value!r}: a whole number of at least 1")


def _is_finite(value: Any) -> bool:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return number and bool(np.isfinite(value))


def interpolate_compat(
    dn: npt.NDArray[np.uint16],
    clear: npt.NDArray[Any],
    times: Sequence[Any] | npt.NDArray[Any],
    start: Any,
    end: Any,
    *,
    duration: int = DURATION,
    overlap: float = OVERLAP,
    alpha: float = 0.1,
    tolerance: float = 1e-3,
    max_iterations: int = 200,
    check_interval: int = 5,
    illumination: bool = True,
) -> tuple[Days, npt.NDArray[np.uint16]]:
    """Interpolate a region to every day of a range, period by period.

    Parameters
    ----------
    dn
        (N, B, Y, X) reflectance x 10000, uint16. A pixel is missing where all bands are 0.
    clear
        (N, Y, X) bool or 0/1.
    times
        (N,) acquisition times, UTC, in any order. Those outside the range are not used.
    start, end
        First and last day, both included; exactly these days are given.
    duration, overlap
        See `spaceeye.periods.periods`.
    alpha, tolerance, max_iterations, check_interval
        See `Iteration`.
    illumination
        Divide by the region's illumination before the iteration and multiply after it.

    Returns
    -------
    dates : numpy.ndarray
        (T,) datetime64[D].
    reflectance : numpy.ndarray
        (T, B, Y, X) reflectance x 10000 truncated to uint16; 0 where a pixel is clear on no date
        of its period.

    Raises
    ------
    BadInput
        If an argument is out of bounds or the shapes do not agree.
    """
    iteration = Iteration(alpha, tolerance, max_iterations, check_interval)
    days = _days_of(dn, clear, times)
    pieces = periods(start, end, duration, overlap)
    requested = (pieces[0].write.first <= days) & (days < pieces[-1].write.stop)
    dates = np.concatenate([period.write.days for period in pieces])
    out = np.empty((dates.size, *dn.shape[1:]), np.uint16)
    at = 0
    for period in pieces:
        used = requested & (period.read.first <= days) & (days < period.read.stop)
        stop = at + period.write.days.size
        out[at:stop] = interpolate_period(
            dn[used], clear[used], np.asarray(times)[used], period, iteration, illumination
        )
        at = stop
    return dates, out


def interpolate_period(
    dn: npt.NDArray[np.uint16],
    clear: npt.NDArray[Any],
    times: Sequence[Any] | npt.NDArray[Any],
    period: Period,
    iteration: Iteration | None = None,
    illumination: bool = True,
) -> npt.NDArray[np.uint16]:
    """Interpolate a region to the days that one period writes.

    Parameters
    ----------
    dn, clear, times
        As in `interpolate_compat`, of any number of dates; those outside ``period.read`` are not
        used, nor are those of which not more than 0.1 is `clear` (missing pixels do not matter
        for that).
    period
        Days to read and to write.
    iteration
        Default: that of FarmVibes.AI, ``Iteration()``.
    illumination
        As in `interpolate_compat`.

    Returns
    -------
    numpy.ndarray
        (T, B, Y, X) reflectance x 10000 truncated to uint16, for the days of ``period.write``;
        zeros, with a warning, if no date has more than 0.1 of the region clear.

    Raises
    ------
    BadInput
        If the shapes do not agree.
    """
    days = _days_of(dn, clear, times)
    inside = (period.read.first <= days) & (days < period.read.stop)
    used = inside & (np.asarray(clear, bool).mean(axis=(1, 2)) > MIN_CLEAR)
    out = np.zeros((period.write.days.size, *dn.shape[1:]), np.uint16)
    if not used.any():
        logger.warning(
            "no date from %s to %s has more than %g of the region clear (%d dates): "
            "the days from %s to %s have no values",
            period.read.first, period.read.stop - 1, MIN_CLEAR, inside.sum(),
            period.write.first, period.write.stop - 1,
        )  # fmt: skip
        return out
    chosen = _last_of_each_day(days, np.asarray(times, "datetime64[ns]"), used)
    dn, seen = dn[chosen], np.asarray(clear, bool)[chosen] & dn[chosen].any(axis=1)
    offsets = (days[chosen] - period.read.first).astype(np.int64)
    length = period.read.days.size
    light = np.ones((length, dn.shape[1]), np.float32)
    if illumination:
        light = _light(dn, seen, offsets, length)
    first = int((period.write.first - period.read.first).astype(np.int64))
    wanted = slice(first, first + len(out))
    for chip in chips(*dn.shape[2:]):
        rows, cols = chip.read
        solved = _solve_chip(
            dn[:, :, rows, cols], seen[:, rows, cols], offsets, light, wanted,
            iteration or Iteration(),
        )  # fmt: skip
        out[:, :, *chip.write] = solved[:, :, *chip.kept]
    return out


def _days_of(dn: npt.NDArray[Any], clear: npt.NDArray[Any], times: Any) -> Days:
    """Return the days of the acquisitions; refuse arrays that do not agree."""
    if dn.dtype != np.uint16 or dn.ndim != 4:
        raise BadInput(f"dn is {dn.dtype} {dn.shape}: uint16 (N, B, Y, X) is needed")
    if clear.shape != (dn.shape[0], *dn.shape[2:]) or len(times) != dn.shape[0]:
        raise BadInput(
            f"clear {clear.shape} and {len(times)} times for dn {dn.shape}: "
            "(N, Y, X) and one time for each of N"
        )
    return np.array([to_day(time) for time in times], "datetime64[D]")


def _last_of_each_day(days: Days, times: Days, used: Mask) -> npt.NDArray[np.int64]:
    """Return the indices of the acquisitions used, ascending in time, the last one of each day."""
    order = np.array([at for at in np.argsort(times, kind="stable") if used[at]], np.int64)
    last = {days[at]: at for at in order}
    if len(last) < order.size:
        logger.warning(
            "%d acquisitions are overwritten by later ones of the same day",
            order.size - len(last),
        )
    return np.array(list(last.values()), np.int64)


def _light(
    dn: npt.NDArray[np.uint16], seen: Mask, offsets: npt.NDArray[np.int64], length: int
) -> Floats:
    """Return the illumination of each day of a period and band, (T, B)."""
    sums = clear_sums(dn, seen)
    means = sums.totals / SCALE / (sums.counts[:, None] + 1e-10)
    accepted = sums.fractions >= MIN_CLEAR
    light = spread_light(means, offsets, accepted, np.arange(length))
    return light.astype(np.float32)


def _solve_chip(
    dn: npt.NDArray[np.uint16],
    seen: Mask,
    offsets: npt.NDArray[np.int64],
    light: Floats,
    wanted: slice,
    iteration: Iteration,
) -> npt.NDArray[np.uint16]:
    """Return the days `wanted` of a chip; `offsets` count from the start of the period."""
    dates, bands, height, width = dn.shape
    gain = (light[offsets] + np.float32(1e-10))[:, :, None, None]
    series = (dn / SCALE / gain).reshape(dates, -1)
    mask = np.repeat(seen.reshape(dates, 1, -1), bands, axis=1).reshape(dates, -1)
    solved = iterate(series, mask, offsets, len(light), iteration)[wanted]
    solved *= np.repeat(light[wanted] * SCALE, height * width, axis=1)
    whole = np.clip(solved, 0, 65535, out=solved).astype(np.uint16)
    return whole.reshape(-1, bands, height, width)


def iterate(
    series: Floats,
    mask: Mask,
    offsets: npt.NDArray[np.int64],
    length: int,
    iteration: Iteration,
) -> Floats:
    """Run the damped iteration on a chip.

    Parameters
    ----------
    series, mask
        (N, P) float32 values and where they are observed.
    offsets
        (N,) day of each, counted from 0, no day twice.
    length
        Days of the period, T.
    iteration
        Damping, and when to stop.

    Returns
    -------
    numpy.ndarray
        (T, P) float32. A series without an observation stays 0.

    Notes
    -----
    The start is the observed value, and elsewhere the mean of the observed ones. A step is one
    product of a (T, T) with a (T, P) matrix (arXiv 2106.08408).
    """
    observed = np.where(mask, series, np.float32(0))
    start = observed.sum(axis=0) / (mask.sum(axis=0, dtype=np.float32) + np.float32(1e-6))
    now = np.repeat(start[None], length, axis=0)
    now[offsets] = np.where(mask, observed, start)
    matrix = _smoothing(length, iteration.alpha)
    then = np.empty_like(now)
    for step in range(iteration.max_iterations):
        before = now[offsets]
        now[offsets] = np.where(mask, observed, before)
        np.matmul(matrix, now, out=then)
        if step % iteration.check_interval == 0:
            now[offsets] = before
            np.abs(np.subtract(then, now, out=now), out=now)
            change = now.mean(dtype=np.float64)
            level = np.abs(then, out=now).mean(dtype=np.float64)
            if change / (level + 1e-6) < iteration.tolerance:
                return then
        now, then = then, now
    return now


def _smoothing(length: int, alpha: float) -> Floats:
    """Return ``(I + alpha D'D)^-1``, D the first differences of neighbouring days."""
    differences = np.diff(np.eye(length), axis=0)
    system = np.eye(length) + alpha * differences.T @ differences
    return np.asarray(np.linalg.inv(system), np.float32)


def spread_light(
    means: npt.ArrayLike, days: npt.ArrayLike, accepted: npt.ArrayLike, out_days: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Spread region means over days as FarmVibes.AI does.

    A day with an accepted date keeps its mean. Any other gets the average of all of them, weighted
    by ``exp(-|days between| / 2)``. The sum of weights has 1e-10 added, which takes over where all
    dates are far: 46 days from the only one the result is half of its mean, farther away nothing.
    `Gains.at` does not fade.

    Parameters
    ----------
    means
        (N, B).
    days
        (N,) whole days; of two dates on one day the later in order counts.
    accepted
        (N,) bool.
    out_days
        (T,) whole days.

    Returns
    -------
    numpy.ndarray
        (T, B) float64; ones if no date is accepted.
    """
    values = np.asarray(means, np.float64)
    use = np.asarray(accepted, bool)
    out = np.asarray(out_days, np.int64)
    if not use.any():
        return np.ones((out.size, values.shape[1]))
    known = dict(zip(np.asarray(days, np.int64)[use].tolist(), values[use], strict=True))
    at, mean = np.array(list(known)), np.array(list(known.values()))
    weights = np.exp(-0.5 * np.abs(out[:, None] - at))
    spread = (weights @ mean) / (weights.sum(axis=1, keepdims=True) + 1e-10)
    for place, day in enumerate(out.tolist()):
        if day in known:
            spread[place] = known[day]
    return np.asarray(spread, np.float64)
