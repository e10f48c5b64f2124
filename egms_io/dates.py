"""Dates as the tables write them, ``YYYYMMDD``, and as numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Days = npt.NDArray[np.datetime64]


def to_days(dates: Iterable[str]) -> Days:
    """Return dates written ``YYYYMMDD`` as (dates,) datetime64[D]."""
    return np.array([f"{date[:4]}-{date[4:6]}-{date[6:]}" for date in dates], "datetime64[D]")


def to_names(days: Iterable[np.datetime64]) -> list[str]:
    """Return days as ``YYYYMMDD``."""
    return [str(day).replace("-", "") for day in days]


def date_columns(names: Iterable[Any]) -> list[str]:
    """Return those of the names that are dates ``YYYYMMDD``, ascending."""
    return sorted(name for name in map(str, names) if len(name) == 8 and name.isdigit())
