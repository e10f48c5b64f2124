"""Percentiles over all scenes, from counts that can be added in any order.

Values are counted by the leading bits of their float32 numbers, in order of value: to about 1 part
in 4,000, whatever their range, exactly the same on any number of workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Counts", "counts_of", "limits_of"]

_DROPPED = 12  # of the 23 bits of a mantissa: bins of 2^-11 of a value


@dataclass(frozen=True)
class Counts:
    """How often values occur."""

    bins: npt.NDArray[np.int64]
    """Rising: the leading bits of values, as numbers that rise with them."""
    counts: npt.NDArray[np.int64]
    missing: int = 0
    least: float = np.inf
    most: float = -np.inf

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Counts:
        """Count the values of an array; NaN and infinity are missing."""
        numbers = np.asarray(values, np.float32).ravel()
        valid = numbers[np.isfinite(numbers)]
        if not valid.size:
            return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), numbers.size)
        bits = valid.view(np.int32).astype(np.int64)
        # below zero, larger bits are smaller values
        keys = np.where(bits < 0, -(bits & 0x7FFFFFFF) - 1, bits) >> _DROPPED
        bins, counts = np.unique(keys, return_counts=True)
        return cls(bins, counts, numbers.size - valid.size, float(valid.min()), float(valid.max()))

    @classmethod
    def together(cls, parts: Iterable[Counts]) -> Counts:
        """Add counts; their order does not matter."""
        found = list(parts)
        if not found:
            return cls.of([])
        bins, places = np.unique(np.concatenate([p.bins for p in found]), return_inverse=True)
        counts = np.zeros(len(bins), np.int64)
        np.add.at(counts, places, np.concatenate([part.counts for part in found]))
        return cls(
            bins, counts, sum(part.missing for part in found),
            min(part.least for part in found), max(part.most for part in found),
        )  # fmt: skip

    @property
    def total(self) -> int:
        """How many values there are."""
        return int(self.counts.sum())

    def percentile(self, percent: float) -> float:
        """Return the value below which a share of all values lies; NaN where there are none."""
        if not self.total:
            return float("nan")
        rank = round(percent / 100 * (self.total - 1))
        place = int(np.searchsorted(np.cumsum(self.counts), rank, side="right"))
        low, high = (_value(int(self.bins[place]) + more) for more in (0, 1))
        return float(np.clip((low + high) / 2, self.least, self.most))


def counts_of(dataset: xr.Dataset) -> dict[str, Counts]:
    """Count the values of each variable of a scene."""
    return {str(name): Counts.of(variable.values) for name, variable in dataset.items()}


def limits_of(
    scenes: Iterable[Mapping[str, Counts]], percents: tuple[float, float] = (1.0, 99.0)
) -> dict[str, dict[str, Any]]:
    """Return for each variable what pictures need and people want to know.

    Returns
    -------
    dict
        By variable: ``limits`` (the two percentiles), ``least``, ``most``, ``values``, ``missing``,
        ready to be written as JSON; a variable without any value has no limits.
    """
    parts: dict[str, list[Counts]] = {}
    for scene in scenes:
        for name, counts in scene.items():
            parts.setdefault(name, []).append(counts)
    found: dict[str, dict[str, Any]] = {}
    for name, several in parts.items():
        whole = Counts.together(several)
        found[name] = {"values": whole.total, "missing": whole.missing}
        if whole.total:
            found[name] |= {
                "limits": [whole.percentile(percent) for percent in percents],
                "least": whole.least,
                "most": whole.most,
            }
    return found


def _value(key: int) -> float:
    """Return the number at the lower end of a bin."""
    start = key << _DROPPED
    bits = start if start >= 0 else (-(start + 1)) | 0x80000000
    return float(np.array([bits], np.uint32).view(np.float32)[0])
