"""How strong the damping should be: alpha by leave-one-out.

Every clear observation is predicted from all others of its pixel, for several alphas, and the
alpha with the smallest weighted mean square over the region wins (ordinary cross-validation: Stone
1974, Cross-validatory choice and assessment of statistical predictions, J. R. Stat. Soc. B 36).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spaceeye.reductions import summed
from spaceeye.series import Series

if TYPE_CHECKING:
    from spaceeye.solver.observations import LeaveOneOut

__all__ = ["ALPHAS", "FALLBACK", "Choice", "choose_alpha", "least_error"]

logger = logging.getLogger(__name__)

ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Days: the dampings that are tried."""

FALLBACK = 1.0
"""Days: the damping where no pixel was observed twice, so that nothing can be left out."""


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


def choose_alpha(series: Series) -> Choice:
    """Choose the alpha of `ALPHAS` with the smallest leave-one-out error over a series.

    Parameters
    ----------
    series
        In memory or on Dask, which is computed in one pass.

    Returns
    -------
    Choice
        The same for any chunking, to the last bit.
    """
    from spaceeye.solver.observations import leave_one_out_sums

    sums = summed(
        series, leave_one_out_sums, days=series.days, alphas=ALPHAS, parallel=not series.lazy
    )
    choice = least_error(sums)
    if choice.tried:
        errors = zip(choice.tried, choice.rmse, strict=True)
        logger.info(
            "alpha=%g days by leave-one-out (rmse in 1e-4 of reflectance: %s)",
            choice.alpha, ", ".join(f"{alpha:g}: {rmse:.1f}" for alpha, rmse in errors),
        )  # fmt: skip
    else:
        logger.info("alpha=%g days: no pixel is clear twice, nothing to choose by", choice.alpha)
    return choice
