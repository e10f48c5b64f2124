"""Series at acquisition dates brought to output dates.

Every output date is a weighted mean over all acquisitions of a burst, on or off the output dates,
with weights ``exp(-rate |days|)`` up to a largest gap. At one per day this is in effect the nearest
acquisition, ties averaged; it is what the official product does (reproduced to its printed digits).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from egms_io.dates import Days, date_columns, to_days, to_names
from egms_io.errors import BadArgument

EPOCH = np.datetime64("2014-04-04", "D")  # a date of the official 6-day lattice
Kernel = Literal["exponential", "linear"]

Floats = npt.NDArray[np.float64]


def output_dates(
    acquisitions: list[Days], start: Any = None, end: Any = None, step_days: int = 6
) -> Days:
    """Choose the output dates.

    Parameters
    ----------
    acquisitions
        The acquisition dates of each burst.
    start, end
        First date and last possible date. By default the first date is the first one of the
        lattice through 2014-04-04 on which every burst has begun, and the last one that on which
        none has ended: the rule that gives the official dates of 2020-2024.
    step_days
        Days between output dates.

    Returns
    -------
    (dates,) datetime64[D].

    Raises
    ------
    BadArgument
        For a date that cannot be read, a step below one day, or when no date is left.
    """
    if step_days < 1:
        raise BadArgument(f"step_days={step_days}: the step must be at least one day")
    step = np.timedelta64(step_days, "D")
    began = max(days.min() for days in acquisitions)
    ended = min(days.max() for days in acquisitions)
    last = _day(end, "end") if end is not None else ended
    if start is not None:
        first = _day(start, "start")
    else:
        first = EPOCH - ((EPOCH - began) // step) * step
    if last < first:
        raise BadArgument(
            f"no output date between start {first} and end {last}; the bursts overlap from {began} "
            f"to {ended}: give start and end"
        )
    return np.arange(first, last + np.timedelta64(1, "D"), step)


def kernel_weights(
    acquired: Days,
    wanted: Days,
    *,
    kernel: Kernel = "exponential",
    rate: float = 1.0,
    max_gap_days: float = 90,
) -> Floats:
    """Return the weights that turn values at acquisitions into values at wanted dates.

    Parameters
    ----------
    acquired
        (acquisitions,) datetime64[D], ascending.
    wanted
        (dates,) datetime64[D].
    kernel
        ``"exponential"``: exp(-`rate` |days|). ``"linear"``: between the two neighbours (the
        published notebook's choice; ten dates of the official sample differ by up to 6.7 mm).
    rate
        Per day.
    max_gap_days
        An acquisition further away takes no part.

    Returns
    -------
    (dates, acquisitions) float64; rows sum to 1, or are NaN where no acquisition is within
    `max_gap_days`.

    Raises
    ------
    BadArgument
        For another kernel.
    """
    days = (acquired - wanted[:, None]).astype("timedelta64[D]").astype(float)
    gap = np.abs(days)
    if kernel == "linear":
        return _linear_weights(days, max_gap_days)
    if kernel != "exponential":
        raise BadArgument(f"kernel={kernel!r}: choose 'exponential' or 'linear'")
    nearest = gap.min(axis=1, keepdims=True, initial=np.inf)
    # Relative to the nearest acquisition, so that no row underflows to zero.
    with np.errstate(invalid="ignore", under="ignore"):
        weights = np.where(gap <= max_gap_days, np.exp(-rate * (gap - nearest)), 0.0)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def interpolate(
    means: Floats,
    present: npt.NDArray[np.bool_] | None,
    acquired: Days,
    wanted: Days,
    **kernel: Any,
) -> Floats:
    """Bring series to the output dates.

    Parameters
    ----------
    means
        (acquisitions, n), any value where not `present`.
    present
        (acquisitions, n), None when all are.
    kernel
        Options of `kernel_weights`.

    Returns
    -------
    (dates, n) float64, NaN where no present acquisition is within the largest gap.

    Notes
    -----
    A series without some acquisition is weighted as if its burst had never had it, so weights are
    worked out once per pattern of missing acquisitions.
    """
    if present is None or present.all():
        return fixed_order_product(kernel_weights(acquired, wanted, **kernel), means)
    out = np.empty((len(wanted), means.shape[1]))
    patterns, which = np.unique(present, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        cells = which.ravel() == number
        weights = kernel_weights(acquired[pattern], wanted, **kernel)
        out[:, cells] = fixed_order_product(weights, means[np.ix_(pattern, cells)])
    return out


def fixed_order_product(matrix: Floats, columns: Floats) -> Floats:
    """Return ``matrix @ columns``, each column summed in the same order whatever the others are.

    A BLAS product may round differently for another number of columns or threads; here each column
    is summed by itself, so a cell's values do not depend on how the area was divided. Zeros of the
    matrix take no part, whatever they would multiply.

    Parameters
    ----------
    matrix
        (r, k); NaN rows give NaN.
    columns
        (k, n).

    Returns
    -------
    (r, n) float64.
    """
    from egms_io.method.additions import add_products  # loads numba

    known = np.nan_to_num(matrix)
    rows, terms = np.nonzero(known)
    starts = np.searchsorted(rows, np.arange(len(matrix) + 1))
    product = np.zeros((len(matrix), columns.shape[1]))
    add_products(starts, terms, known[rows, terms], np.ascontiguousarray(columns), product)
    product[np.isnan(matrix).any(axis=1) | (matrix.shape[1] == 0)] = np.nan
    return product


def interpolate_time_columns(
    frame: Any,
    *,
    start: Any,
    end: Any,
    spacing_days: int,
    max_gap_days: float = 90,
    kernel: Kernel = "exponential",
    kernel_rate: float = 1.0,
) -> Any:
    """Return a copy of a frame whose ``YYYYMMDD`` columns are at regular dates.

    All acquisitions take part, also those off the output dates. The other columns come first, as
    they were.

    Parameters
    ----------
    frame
        One row per point, one column per acquisition, NaN where missing.
    start, end
        First date and last possible date; None is the first or last acquisition.
    spacing_days
        Days between output dates.
    max_gap_days, kernel, kernel_rate
        See `kernel_weights`.

    Raises
    ------
    BadArgument
        For dates or a kernel that make no sense.
    """
    import pandas as pd

    names = date_columns(frame.columns)
    if not names:
        return frame.copy()
    acquired = to_days(names)
    wanted = output_dates(
        [acquired],
        acquired[0] if start is None else start,
        acquired[-1] if end is None else end,
        spacing_days,
    )
    values = frame[names].to_numpy(float).T
    present = ~np.isnan(values)
    series = interpolate(
        np.nan_to_num(values),
        present,
        acquired,
        wanted,
        kernel=kernel,
        rate=kernel_rate,
        max_gap_days=max_gap_days,
    )
    columns = to_names(wanted)
    out = pd.DataFrame(series.T, index=frame.index, columns=columns)
    return pd.concat([frame.drop(columns=names), out], axis=1)


def _linear_weights(days: Floats, max_gap_days: float) -> Floats:
    """Return linear weights from signed distances (dates, acquisitions), constant at the ends."""
    dates, acquisitions = days.shape
    weights = np.zeros((dates, acquisitions))
    if not acquisitions:
        return weights
    after = np.sum(days < 0, axis=1)
    left, right = np.clip(after - 1, 0, None), np.clip(after, None, acquisitions - 1)
    row = np.arange(dates)
    to_left, to_right = np.abs(days[row, left]), np.abs(days[row, right])
    span = to_left + to_right
    share = np.where(left == right, 1.0, to_right / np.where(span, span, 1))
    share = np.where(to_left > max_gap_days, 0.0, np.where(to_right > max_gap_days, 1.0, share))
    weights[row, left] = share
    weights[row, right] += np.where(left == right, 0.0, 1 - share)
    far = np.minimum(to_left, to_right) > max_gap_days
    weights[far] = np.nan
    return weights


def _day(value: Any, what: str) -> np.datetime64:
    text = str(value)
    if text.isdigit() and len(text) == 8:
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    try:
        return np.datetime64(text[:10], "D")
    except ValueError as error:
        raise BadArgument(f"{what}={value!r} is not a date; write 2020-01-03") from error
