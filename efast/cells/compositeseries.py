"""From coarse observations with gaps to smoothed composites at regular days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from efast.cells.cloudscores import cloud_distance, distance_score
from efast.cells.composites import composite, smooth
from efast.errors import BadInput

__all__ = [
    "CompositeOptions",
    "composite_series",
    "observation_distance",
    "plain_composites",
]

Floats = npt.NDArray[np.float32]
Days = npt.NDArray[np.int64]

WIDEST = 100  # cells; a Gaussian wider than that smooths nothing that an area shows
FRAME = 2  # cells along the edge that the published program takes for clear


class CompositeOptions(NamedTuple):
    """How composites are made.

    Attributes
    ----------
    step
        Days from one composite to the next.
    mosaic_days
        Days over which observations count, half of them on each side.
    sigma
        Standard deviation of their weights in time, days.
    saturation
        Distance from missing cells beyond which they do not matter, cells.
    smoothing
        Standard deviation of the Gaussian, cells; 0 for none.
    preserve_nan
        Whether cells without a composite stay without one when smoothed.
    """

    step: int = 2
    mosaic_days: float = 100.0
    sigma: float = 10.0
    saturation: float = 20.0
    smoothing: float = 1.0
    preserve_nan: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> CompositeOptions:
        """Return options by their names, checked.

        Raises
        ------
        BadInput
            If a name is not one of these, or a value is out of its range.
        """
        try:
            return cls(**(given or {})).checked()
        except TypeError as error:
            known = ", ".join(cls._fields)
            raise BadInput(f"composites={dict(given or {})}: fields are {known}") from error

    def checked(self) -> CompositeOptions:
        """Return these options.

        Raises
        ------
        BadInput
            If one is out of its range.
        """
        if not isinstance(self.step, int | np.integer) or self.step < 1:
            raise BadInput(f"step={self.step}: a whole number of days, at least 1")
        if not (self.sigma > 0 and self.mosaic_days > 0):
            raise BadInput(
                f"sigma={self.sigma}, mosaic_days={self.mosaic_days} of composites: above 0 days"
            )
        if not 0 <= self.smoothing <= WIDEST:
            raise BadInput(f"smoothing={self.smoothing:g}: 0 to {WIDEST} cells")
        distance_score(0, self.saturation)
        return self


def observation_distance(coarse: npt.ArrayLike, *, compat: str | None = None) -> Floats:
    """Return how far each cell of an observation is from one that it lacks.

    Parameters
    ----------
    coarse
        (N, B, y, x) float, NaN where nothing was seen.
    compat
        ``"dhi"``: as the published program, which looks at the first band and takes the edge of
        the area for seen.

    Returns
    -------
    numpy.ndarray
        (N, y, x) float32 cells, see `efast.cells.cloudscores.cloud_distance`.
    """
    values: Any = np.asarray(coarse, np.float32)
    hidden = np.isnan(values[:, 0]) if compat == "dhi" else np.isnan(values).any(axis=1)
    if compat == "dhi":
        inner = np.zeros(hidden.shape[1:], bool)
        inner[FRAME:-FRAME, FRAME:-FRAME] = True
        hidden = hidden & inner
    return cloud_distance(hidden, compat=compat)


def plain_composites(
    coarse: npt.ArrayLike,
    days: Days,
    options: CompositeOptions = CompositeOptions(),  # noqa: B008  a tuple
    *,
    compat: str | None = None,
) -> tuple[Floats, Days]:
    """Return composites before they are smoothed; see `composite_series`."""
    values: Any = np.asarray(coarse, np.float32)
    if not len(values):
        raise BadInput("no coarse observation is in the input period")
    options.checked()
    score = distance_score(observation_distance(values, compat=compat), options.saturation)
    at = np.arange(days.min(), days.max() + 1, options.step)
    made = composite(
        values, score, days, at, sigma=options.sigma, window=options.mosaic_days, compat=compat
    )
    return made, at


def composite_series(
    coarse: npt.ArrayLike,
    days: Days,
    options: CompositeOptions = CompositeOptions(),  # noqa: B008  a tuple
    *,
    compat: str | None = None,
) -> tuple[Floats, Days]:
    """Return composites over the whole time of the observations.

    Parameters
    ----------
    coarse
        (N, B, y, x) float, NaN where nothing was seen.
    days
        (N,) whole days, in any order.
    options
        See `CompositeOptions`.
    compat
        ``"dhi"``: as the published program.

    Returns
    -------
    composites : numpy.ndarray
        (K, B, y, x) float32, NaN where nothing counts.
    days : numpy.ndarray
        (K,) int64: from the first day of the observations to the last.

    Raises
    ------
    BadInput
        If there is no observation or an option is out of its range.
    """
    made, at = plain_composites(coarse, days, options, compat=compat)
    if options.smoothing:
        made = smooth(made, options.smoothing, preserve_nan=options.preserve_nan)
    return made, at
