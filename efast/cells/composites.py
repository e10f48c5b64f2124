"""Composites of the coarse series: weighted means of observations near a date, smoothed.

Section 2.3 of Senty et al. (2024, Remote Sensing 16, 1833). An observation weighs the more, the
farther it is from clouds and the nearer in time. Bands have gaps of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from efast.errors import BadInput

__all__ = ["composite", "reach_of", "smooth"]

Floats = npt.NDArray[np.float32]
Days = npt.NDArray[np.integer[Any]]

_DHI_EPSILON = 1e-5


def composite(
    coarse: npt.ArrayLike,
    score: npt.ArrayLike,
    days: Days,
    at: Days,
    *,
    sigma: float = 10.0,
    window: float = 100.0,
    compat: str | None = None,
) -> Floats:
    """Return weighted means of a coarse series around dates.

    Parameters
    ----------
    coarse
        (N, B, y, x) float, NaN where nothing was seen.
    score
        (N, y, x), 0..1, see `efast.cells.cloudscores.distance_score`.
    days
        (N,) day of each observation, an integer.
    at
        (K,) days of the composites.
    sigma
        Standard deviation of the weights in time, days.
    window
        Days over which observations count, half of them on each side, inclusive.
    compat
        ``"dhi"``: as the published program, which takes the gaps of the first band for those of all
        and adds 1e-5 to the sum of weights.

    Returns
    -------
    numpy.ndarray
        (K, B, y, x) float32, NaN where no observation counts.

    Raises
    ------
    BadInput
        If shapes do not go together, or `sigma` or `window` is not above 0.
    """
    values, scores = np.asarray(coarse, np.float32), np.asarray(score, np.float32)
    _check(values, scores, days)
    if not (sigma > 0 and window > 0):
        raise BadInput(f"sigma={sigma}, window={window}: both above 0 days")
    apart = np.subtract.outer(np.asarray(at, np.int64), np.asarray(days, np.int64))
    near = np.abs(apart) <= window / 2
    in_time = np.where(near, np.exp(-(apart**2) / (2.0 * sigma**2)), 0.0)
    seen = np.isfinite(values)
    if compat == "dhi":
        seen = np.broadcast_to(seen[:, :1], seen.shape)
        most = in_time.max(axis=1, keepdims=True, initial=0)
        in_time = np.divide(in_time, most, out=np.zeros_like(in_time), where=most > 0)
    weights = np.where(seen, scores[:, None], np.float32(0)).astype(np.float64)
    total = np.tensordot(in_time, weights, 1)
    summed = np.tensordot(in_time, weights * np.nan_to_num(values), 1)
    added = _DHI_EPSILON if compat == "dhi" else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, summed / (total + added), np.nan).astype(np.float32)


def smooth(values: npt.ArrayLike, std: float = 1.0, *, preserve_nan: bool = False) -> Floats:
    """Smooth planes with a normalised Gaussian of two standard deviations on each side.

    Parameters
    ----------
    values
        (..., y, x) float, NaN where missing: weights are those of the cells that have a value.
        Beyond the edge the edge is repeated.
    std
        Standard deviation, cells.
    preserve_nan
        Keep missing cells missing; else they get what is around them.

    Returns
    -------
    numpy.ndarray
        (..., y, x) float32, NaN where no cell within reach has a value.

    Raises
    ------
    BadInput
        If `std` is not above 0.
    """
    from scipy.ndimage import correlate1d

    if not std > 0:
        raise BadInput(f"std={std}: above 0 cells")
    reach = reach_of(std)
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2.0 * std**2))
    given = np.asarray(values, np.float64)
    seen = np.isfinite(given)

    def spread(planes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        along = correlate1d(planes, kernel, axis=-1, mode="nearest")
        found: npt.NDArray[np.float64] = correlate1d(along, kernel, axis=-2, mode="nearest")
        return found

    total = spread(seen.astype(np.float64))
    summed = spread(np.where(seen, given, 0.0))
    kept = (total > 0) & (seen | (not preserve_nan))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(kept, summed / total, np.nan).astype(np.float32)


def reach_of(std: float) -> int:
    """Return how many cells on each side a mean of `smooth` is of."""
    return int(np.ceil(2 * std))


def _check(values: npt.NDArray[Any], scores: npt.NDArray[Any], days: Days) -> None:
    if values.ndim != 4:
        raise BadInput(f"the coarse series has dims {values.shape}; (date, band, y, x) is needed")
    if scores.shape != (values.shape[0], *values.shape[2:]):
        raise BadInput(
            f"scores {scores.shape} do not go with observations {values.shape}: (date, y, x)"
        )
    if len(days) != len(values):
        raise BadInput(f"{len(days)} days for {len(values)} observations")
