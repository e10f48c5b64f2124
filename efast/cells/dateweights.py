"""What each fine image counts for a target day, coarse cell by coarse cell.

Section 2.5 of Senty et al. (2024, Remote Sensing 16, 1833): the score of the distance from clouds
times a Gaussian of the days between, normalised over the images. Weights of all targets would be
far larger than scores and times, so they are worked out for a part of the area at a time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from efast.errors import BadInput

__all__ = ["cell_weights", "check_importance", "kept_images", "time_weights"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def time_weights(
    days: npt.ArrayLike, targets: npt.ArrayLike, *, sigma: float = 20.0, max_days: float = 100.0
) -> Doubles:
    """Return what the days between count.

    Parameters
    ----------
    days, targets
        (N,) and (T,) whole days.
    sigma
        Standard deviation, days.
    max_days
        Images this many days away, or more, do not count.

    Returns
    -------
    numpy.ndarray
        (T, N) float64, above 0 to 1; 0 where an image does not count.

    Raises
    ------
    BadInput
        If an option is not above 0.
    """
    if not (sigma > 0 and max_days > 0):
        raise BadInput(f"sigma={sigma}, max_days={max_days}: above 0 days")
    apart = np.subtract.outer(np.asarray(targets, np.int64), np.asarray(days, np.int64))
    near = np.abs(apart) < max_days
    return np.where(near, np.exp(-(apart**2) / (2.0 * sigma**2)), 0.0)


def kept_images(score: npt.ArrayLike, in_time: Doubles, minimum_importance: float = 0.0) -> Bools:
    """Tell which images are used for which target.

    Parameters
    ----------
    score
        (N, y, x), 0..1, of the whole area; see `efast.cells.cloudscores.distance_score`.
    in_time
        See `time_weights`.
    minimum_importance
        An image is used only if its mean weight over all cells is above this share of 1 / n, which
        it would be if all n images near enough counted alike.

    Returns
    -------
    numpy.ndarray
        (T, N) bool.

    Raises
    ------
    BadInput
        If `minimum_importance` is below 0, or shapes do not go together.
    """
    scores = _scores(score, in_time)
    check_importance(minimum_importance)
    near = in_time > 0
    if minimum_importance == 0:
        return near
    kept = np.zeros(in_time.shape, bool)
    for t in range(len(in_time)):
        weights = cell_weights(scores, in_time[t : t + 1], near[t : t + 1])[0]
        importance = weights.mean(axis=(1, 2), dtype=np.float64)
        images = int(np.count_nonzero(near[t]))
        kept[t] = importance > minimum_importance / max(images, 1)
    return kept


def check_importance(minimum_importance: float) -> None:
    """Refuse a share of images that is below 0 or no number."""
    if not minimum_importance >= 0:
        raise BadInput(f"minimum_importance={minimum_importance}: at least 0")


def cell_weights(score: npt.ArrayLike, in_time: Doubles, kept: Bools) -> Floats:
    """Return the weights of images for targets in some cells.

    Parameters
    ----------
    score
        (N, y, x), 0..1, of these cells.
    in_time, kept
        See `time_weights` and `kept_images`.

    Returns
    -------
    numpy.ndarray
        (T, N, y, x) float32, 0..1. They add up to 1 over the images where one counts, and to less
        where images are not kept; all are 0 where none counts.

    Raises
    ------
    BadInput
        If shapes do not go together.
    """
    scores = _scores(score, in_time)
    found = np.zeros((len(in_time), *scores.shape), np.float32)
    for weights, times, used in zip(found, in_time, kept, strict=True):
        total = np.zeros(scores.shape[1:])
        for plane, weight in zip(scores, times, strict=True):
            total += weight * plane  # one after the other: the same sum for any part of the area
        for i in np.flatnonzero(used):
            np.divide(times[i] * scores[i], total, out=weights[i], where=total > 0,
                      casting="same_kind")  # fmt: skip
    return found


def _scores(score: npt.ArrayLike, in_time: Doubles) -> Doubles:
    scores = np.asarray(score, np.float64)
    if scores.ndim != 3 or len(scores) != in_time.shape[1]:
        raise BadInput(
            f"scores {scores.shape} do not go with {in_time.shape[1]} days: (date, y, x)"
        )
    return scores
