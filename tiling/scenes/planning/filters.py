"""Which of the scenes of a period count: by the hour of the sun, by date, by a trajectory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Filters
from tiling.scenes.planning.matching import nanoseconds, nearest

__all__ = ["kept", "seconds_from_zenith", "zenith"]

_DAY = 86_400.0  # s


def zenith(longitude: float) -> float:
    """Return when the mean sun stands highest, seconds after midnight UTC, 0 to 86,400."""
    return (_DAY / 2 - 240.0 * longitude) % _DAY


def seconds_from_zenith(times: ArrayLike, longitude: float) -> NDArray[np.float64]:
    """Return the time since the nearest zenith of the mean sun, seconds, -43,200 to 43,200."""
    of_day = (nanoseconds(times) % int(_DAY * 1e9)) / 1e9
    apart: NDArray[np.float64] = (of_day - zenith(longitude) + _DAY / 2) % _DAY - _DAY / 2
    return apart


def kept(
    times: ArrayLike,
    filters: Filters,
    longitude: float | None = None,
    trajectory: ArrayLike | None = None,
) -> NDArray[np.bool_]:
    """Return which scenes pass all filters.

    Parameters
    ----------
    times
        Starts of the scenes, UTC.
    longitude
        Of the centre of the domain, degrees; needed by ``N_hours_from_zenith``.
    trajectory
        Times of the trajectory; needed by ``using_trajectory_sampling``.

    Raises
    ------
    SceneError
        E016 if no scene is left, naming the filter that removed the last ones; E014 without a
        centre, E038 without a trajectory, where a filter needs one.
    """
    found = np.ones(np.shape(times), bool)
    if not found.size:
        raise SceneError("E016", "there is no scene in this period, before any filter")
    for name, passes in _masks(np.asarray(times, "datetime64[ns]"), filters, longitude, trajectory):
        left = found & passes
        if not left.any():
            raise SceneError(
                "E016",
                f"no scene is left: time.filters.{name} removes the last {found.sum()} of the"
                f" {found.size} scenes of the period; loosen it or choose another period",
            )
        found = left
    return found


def _masks(
    times: NDArray[np.datetime64],
    filters: Filters,
    longitude: float | None,
    trajectory: ArrayLike | None,
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if filters.hours_from_zenith is not None:
        if longitude is None:
            raise SceneError("E014", "N_hours_from_zenith needs a domain with a centre")
        apart = seconds_from_zenith(times, longitude)
        yield "N_hours_from_zenith", np.abs(apart) < 3600 * filters.hours_from_zenith
    if filters.fields:
        yield from _field_masks(times, filters.fields)
    if filters.near_trajectory:
        if trajectory is None or not np.size(trajectory):
            raise SceneError("E038", "using_trajectory_sampling needs trajectories.filepath")
        near = np.zeros(times.shape, bool)
        near[nearest(nanoseconds(times), nanoseconds(trajectory))] = True
        yield "using_trajectory_sampling", near


def _field_masks(
    times: NDArray[np.datetime64], fields: Mapping[str, Sequence[int]]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    import pandas as pd

    dates = pd.DatetimeIndex(times)
    for field, allowed in fields.items():
        yield field, np.isin(getattr(dates, field), allowed)
