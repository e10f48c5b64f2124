"""All that a fusion needs of the coarse grid, worked out once for the whole area.

It is 1/900 of the fine data. Distances and smoothing need the whole plane; everything else is
local, so the fine images are then treated part by part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from efast.cells.classseries import HALF, ClassCells
from efast.cells.coarseseries import Extrapolate, interp_time
from efast.cells.dateweights import cell_weights, kept_images, time_weights
from efast.errors import BadInput

__all__ = ["CoarseState", "FusionOptions", "coarse_states"]

Floats = npt.NDArray[np.float32]
Days = npt.NDArray[np.int64]


class FusionOptions(NamedTuple):
    """How images are weighed and what happens where the coarse series does not reach.

    Attributes
    ----------
    sigma, max_days
        See `efast.cells.dateweights.time_weights`.
    minimum_importance
        See `efast.cells.dateweights.kept_images`.
    extrapolate
        See `efast.cells.coarseseries.interp_time`.
    compat
        ``"dhi"``: as the published program (numpy), with its quirks.
    """

    sigma: float = 20.0
    max_days: float = 100.0
    minimum_importance: float = 0.0
    extrapolate: Extrapolate = "nearest"
    compat: str | None = None


class CoarseState(NamedTuple):
    """The coarse side of a fusion to some target days.

    Attributes
    ----------
    targets
        (T,) places of these days among all targets.
    score
        (N, y, x) float32, 0..1: distance from clouds of the images.
    in_time, kept
        (T, N): what the days between count, and which images are used.
    then
        (N, B, y, x) float32: the coarse series at the days of the images, NaN where unknown.
    now
        (T, B, y, x) float32: at the target days.
    outside
        (T, y, x) bool: some band of `now` has a value from beyond the composites.
    apart
        (T, N) float32: days between image and target.
    classes
        What tells classes of pixels apart; None without them.
    """

    targets: npt.NDArray[np.intp]
    score: Floats
    in_time: npt.NDArray[np.float64]
    kept: npt.NDArray[np.bool_]
    then: Floats
    now: Floats
    outside: npt.NDArray[np.bool_]
    apart: Floats
    classes: ClassCells | None = None

    @property
    def weights(self) -> Floats:
        """(T, N, y, x) float32, see `efast.cells.dateweights.cell_weights`."""
        return cell_weights(self.score, self.in_time, self.kept)

    def at(self, places: Sequence[int]) -> CoarseState:
        """Return the state of some of the target days, by their places here."""
        some = np.asarray(places, np.intp)
        every = ("targets", "in_time", "kept", "now", "outside", "apart")
        return self._replace(**{name: getattr(self, name)[some] for name in every})

    def around(
        self, origin: tuple[int, int], shape: tuple[int, int], ratio: int
    ) -> tuple[CoarseState, tuple[int, int]]:
        """Return what a part of the fine grid needs, and where the part begins in it.

        Parameters
        ----------
        origin, shape
            Fine row and column that the part begins at, and its rows and columns.
        ratio
            Fine pixels along a cell.

        Returns
        -------
        state, origin
            With the cells of the part and those around it, so many that the same part of what is
            returned is that again.
        """
        margin = 1 if self.classes is None else 1 + HALF
        firsts = [max(at // ratio - margin, 0) for at in origin]
        ends = [-(-(at + size) // ratio) + margin for at, size in zip(origin, shape, strict=True)]
        cells = (Ellipsis, *(slice(first, end) for first, end in zip(firsts, ends, strict=True)))
        cut = {
            name: np.ascontiguousarray(getattr(self, name)[cells])
            for name in ("score", "then", "now", "outside")
        }
        classes = None if self.classes is None else self.classes.part(cells)
        begins = [at - first * ratio for at, first in zip(origin, firsts, strict=True)]
        return self._replace(**cut, classes=classes), (begins[0], begins[1])


def coarse_states(
    score: npt.ArrayLike,
    days: npt.ArrayLike,
    composites: npt.ArrayLike,
    composite_days: npt.ArrayLike,
    targets: npt.ArrayLike,
    options: FusionOptions = FusionOptions(),  # noqa: B008  a tuple
) -> list[CoarseState]:
    """Work out the coarse side of a fusion.

    Parameters
    ----------
    score
        (N, y, x) float, 0..1: distance from clouds of each fine image.
    days
        (N,) days of the fine images, integers.
    composites
        (K, B, y, x) float, NaN where missing.
    composite_days, targets
        (K,) and (T,) days, the former strictly ascending.

    Returns
    -------
    list of CoarseState
        One for all targets; with ``compat="dhi"``, which cuts the coarse series around each target
        (less than 1.5 `max_days` away), one for each.

    Raises
    ------
    BadInput
        If shapes do not go together or an option is out of its range.
    """
    scores, series = np.asarray(score, np.float32), np.asarray(composites, np.float32)
    known, wanted = np.asarray(days, np.int64), np.asarray(targets, np.int64)
    axis = np.asarray(composite_days, np.int64)
    if series.ndim != 4 or series.shape[2:] != scores.shape[1:]:
        raise BadInput(
            f"composites {series.shape} and scores {scores.shape} are not on one coarse grid: "
            "(date, band, y, x) and (date, y, x)"
        )
    if options.compat not in (None, "dhi"):
        raise BadInput(f"compat={options.compat!r}: None or 'dhi'")
    every = np.arange(len(wanted))
    if options.compat is None:
        return [_state(scores, known, series, axis, wanted, every, options)]
    linear = options._replace(extrapolate="linear")
    states = []
    for at in every:
        near = np.abs(axis - wanted[at]) < 1.5 * options.max_days
        states.append(
            _state(scores, known, series[near], axis[near], wanted, every[at : at + 1], linear)
        )
    return states


def _state(
    scores: Floats,
    days: Days,
    series: Floats,
    axis: Days,
    wanted: Days,
    at: npt.NDArray[np.intp],
    options: FusionOptions,
) -> CoarseState:
    then, _ = interp_time(series, axis, days, extrapolate=options.extrapolate)
    now, outside = interp_time(series, axis, wanted[at], extrapolate=options.extrapolate)
    in_time = time_weights(days, wanted[at], sigma=options.sigma, max_days=options.max_days)
    kept = kept_images(scores, in_time, options.minimum_importance)
    apart = np.abs(np.subtract.outer(wanted[at], days)).astype(np.float32)
    beyond = np.asarray((outside & np.isfinite(now)).any(axis=1))
    return CoarseState(at, scores, in_time, kept, then, now, beyond, apart)
