"""What each fine image counts for a target day, coarse cell by coarse cell.

Section 2.5 of Senty et al. (2024, Remote Sensing 16, 1833): the score of the distance from clouds
times a Gaussian of the days between; normalised over the images.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from efast.errors import BadInput

__all__ = ["date_weights"]


def date_weights(
    score: npt.ArrayLike,
    days: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    sigma: float = 20.0,
    max_days: float = 100.0,
    minimum_importance: float = 0.0,
) -> npt.NDArray[np.float32]:
    """Return the weights of fine images for target days.

    Parameters
    ----------
    score
        (N, y, x), 0..1, see `efast.cloudscores.distance_score`.
    days, targets
        (N,) and (T,) whole days.
    sigma
        Standard deviation in time, days.
    max_days
        Images this many days away, or more, do not count.
    minimum_importance
        An image counts only if its mean weight over all cells is above this share of what it would
        be if all n images counted alike, 1 / n.

    Returns
    -------
    numpy.ndarray
        (T, N, y, x) float32, 0..1. They add up to 1 over the images where one counts, and to less
        where images were left out for their importance; all are 0 where none counts.

    Raises
    ------
    BadInput
        If shapes do not go together or an option is out of its range.
    """
    scores = np.asarray(score, np.float32)
    known, wanted = np.asarray(days, np.int64), np.asarray(targets, np.int64)
    if scores.ndim != 3 or len(scores) != len(known):
        raise BadInput(f"scores {scores.shape} do not go with {len(known)} days: (date, y, x)")
    if not (sigma > 0 and max_days > 0 and minimum_importance >= 0):
        raise BadInput(
            f"sigma={sigma}, max_days={max_days}: above 0; "
            f"minimum_importance={minimum_importance}: at least 0"
        )
    found = np.zeros((len(wanted), *scores.shape), np.float32)
    for weights, target in zip(found, wanted, strict=True):
        apart = known - target
        near = np.flatnonzero(np.abs(apart) < max_days)
        in_time = np.exp(-(apart[near] ** 2) / (2.0 * sigma**2))
        weighted: Any = scores[near] * in_time[:, None, None]
        total = weighted.sum(axis=0)
        weighted = np.divide(weighted, total, out=np.zeros_like(weighted), where=total > 0)
        importance = weighted.mean(axis=(1, 2))
        kept = importance > minimum_importance / max(len(near), 1)
        weights[near[kept]] = weighted[kept]
    return found
