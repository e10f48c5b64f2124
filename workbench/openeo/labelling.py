"""Labels of graphs as the coordinate of a dimension: the way back of `cubes.shown_labels`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.instants import Instant, read_instant
from workbench.openeo.values import Label, is_number

__all__ = ["coordinate", "moment"]

FIRST, LAST = (np.datetime64(f"{year}-01-01", "us") for year in (1678, 2262))
"""Between these years 64 bits of nanoseconds tell every time."""


def coordinate(labels: Sequence[Label], *, temporal: bool = False) -> npt.NDArray[Any]:
    """Return labels as a coordinate.

    Parameters
    ----------
    labels
        Numbers or texts.
    temporal
        Whether they are of a temporal dimension: texts that are all dates become times.

    Returns
    -------
    numpy.ndarray
        (n,) datetime64[ns], UTC, or numbers, or texts; of both, objects.
    """
    if temporal and (times := _times(labels)) is not None:
        return times
    if all(isinstance(label, str) for label in labels):
        return np.array(labels, np.str_)
    if all(map(is_number, labels)):
        return np.array(labels)
    mixed = np.empty(len(labels), object)
    mixed[:] = labels
    return mixed


def moment(instant: Instant) -> np.datetime64:
    """Return an instant as datetime64[us], UTC.

    Raises
    ------
    OverflowError
        If it lies outside the years 1 to 9999.
    """
    return np.datetime64(instant.utc.astimezone(UTC).replace(tzinfo=None), "us")


def _times(labels: Sequence[Label]) -> npt.NDArray[np.datetime64] | None:
    """Return labels that are all dates as datetime64[ns]; None if one is none, or too far off."""
    instants = [read_instant(label) if isinstance(label, str) else None for label in labels]
    try:
        known = [moment(instant) for instant in instants if instant is not None]
    except OverflowError:
        return None
    times = np.array(known, "datetime64[us]")
    if len(known) < len(labels) or not ((times >= FIRST) & (times < LAST)).all():
        return None
    return times.astype("datetime64[ns]")
