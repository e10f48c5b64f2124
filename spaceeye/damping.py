"""What is decided by leave-one-out: how strong the damping is, and how much each date counts.

Every clear observation is predicted from all others of its pixel, for several alphas, and the
alpha with the smallest weighted mean square over the region wins (ordinary cross-validation: Stone
1974, Cross-validatory choice and assessment of statistical predictions, J. R. Stat. Soc. B 36).
The errors of each date, at that alpha, tell how far it can be trusted: haze and shadow that a mask
missed lie over a whole date more often than over one pixel. A cloudy date is trusted less as well.
Both come from one pass over a sample of the region.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spaceeye.reductions import summed
from spaceeye.sampling import sample
from spaceeye.series import Series

if TYPE_CHECKING:
    from spaceeye.solver.observations import LeaveOneOut

__all__ = [
    "ALPHAS",
    "FALLBACK",
    "LEAST_DATE",
    "Choice",
    "choose_alpha",
    "least_error",
    "left_out",
    "told",
    "weights_of_dates",
]

logger = logging.getLogger(__name__)

ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Days: the dampings that are tried."""

FALLBACK = 1.0
"""Days: the damping where no pixel was observed twice, so that nothing can be left out."""

LEAST_DATE = 0.01
"""A date never weighs less: what only it has seen is not lost."""


@dataclass(frozen=True)
class Choice:
    """The alpha chosen, and the table it was chosen from.

    Attributes
    ----------
    alpha
        Days.
    tried
        The alphas compared, days; empty where nothing could be left out.
    rmse
        Their leave-one-out root mean squares, in units (1 DN, or 1e-4 of reflectance).
    """

    alpha: float
    tried: tuple[float, ...] = ()
    rmse: tuple[float, ...] = ()


def least_error(sums: LeaveOneOut) -> Choice:
    """Choose the alpha with the smallest leave-one-out error.

    Parameters
    ----------
    sums
        Over the whole region; see `spaceeye.solver.observations.leave_one_out_sums`.

    Returns
    -------
    Choice
        Of equal errors the smaller alpha wins; `FALLBACK` where nothing could be left out.
    """
    if not sums.weights:
        return Choice(FALLBACK)
    _, alpha = min(zip(sums.squares, sums.alphas, strict=True))
    return Choice(alpha, sums.alphas, sums.rmse)


def left_out(series: Series, alphas: tuple[float, ...] = ALPHAS) -> LeaveOneOut:
    """Predict every clear observation of a sample of a series from all others of its pixel.

    Parameters
    ----------
    series
        In memory or on Dask, of which the blocks that are sampled are computed, once.
    alphas
        Dampings in days.

    Returns
    -------
    spaceeye.solver.observations.LeaveOneOut
        The same for any chunking, to the last bit.
    """
    from spaceeye.solver.observations import leave_one_out_sums

    return summed(  # type: ignore[no-any-return]
        sample(series),
        leave_one_out_sums,
        days=series.days,
        alphas=alphas,
        parallel=not series.lazy,
    )


def weights_of_dates(sums: LeaveOneOut, alpha: float) -> tuple[float, ...]:
    """Say how much each date counts.

    ``c (m / e)^(1/4)``, at most 1 and at least `LEAST_DATE`: c the clear part of what the date
    shows, e its mean squared leave-one-out error, m the median of these over all dates. Half a
    weight makes the variance of an observation twice as large. The power is less than the 1/2 of
    the inverse error itself, since on a date when the land changes fast the error is large as
    well; see ``benchmarks/spaceeye_quality.py`` for both.

    Parameters
    ----------
    sums
        From `left_out`.
    alpha
        One of its alphas.

    Returns
    -------
    tuple of float
        (N,), to multiply the weights of each date with; without an error, of which nothing can be
        left out, a date counts by its clear part alone.
    """
    clear = np.array(sums.clear, float) / 65536
    part = clear / np.maximum(np.array(sums.present, float), 1)
    squares = np.array(sums.dated_squares[sums.alphas.index(alpha)], float)
    counts = np.array(sums.dated_weights, float)
    error = np.where(counts > 0, squares, 0) / np.where(counts > 0, counts, 1)
    known = (counts > 0) & (error > 0)
    factor = np.ones(len(error))
    if known.any():
        factor[known] = np.sqrt(np.sqrt(np.median(error[known]) / error[known]))
    found = np.clip(np.minimum(part, 1) * factor, LEAST_DATE, 1)
    return tuple(np.round(found, 4).tolist())


def choose_alpha(series: Series) -> Choice:
    """Choose the alpha of `ALPHAS` with the smallest leave-one-out error over a series.

    Parameters
    ----------
    series
        In memory or on Dask, of which a sample is computed; see `left_out`.

    Returns
    -------
    Choice
        The same for any chunking, to the last bit.
    """
    return told(least_error(left_out(series)))


def told(choice: Choice) -> Choice:
    """Log a choice, and return it."""
    if choice.tried:
        errors = zip(choice.tried, choice.rmse, strict=True)
        logger.info(
            "alpha=%g days by leave-one-out (rmse in 1e-4 of reflectance: %s)",
            choice.alpha, ", ".join(f"{alpha:g}: {rmse:.1f}" for alpha, rmse in errors),
        )  # fmt: skip
    else:
        logger.info("alpha=%g days: no pixel is clear twice, nothing to choose by", choice.alpha)
    return choice
