"""A series of images of the simulated landscape, and the stack that a reader would make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from workbench.rasters.times import to_time
from workbench.sentinel2.bands import BANDS
from workbench.sentinel2.cloudweights import ClearRule
from workbench.sentinel2.landscape import Frame, Scene
from workbench.sentinel2.offsets import remove_offset
from workbench.sentinel2.stacks import labelled_stack

__all__ = ["Simulated", "acquisition_times", "simulate"]


@dataclass(frozen=True)
class Simulated:
    """A simulated series: the landscape, its images, and the stack that a reader would return.

    Attributes
    ----------
    scene
        The landscape.
    frames
        Its images, in the order of their times.
    stack
        In memory, see `workbench.sentinel2.stacks.stack_of`.
    """

    scene: Scene
    frames: tuple[Frame, ...]
    stack: xr.Dataset

    def truth(self, times: Sequence[Any] | Any) -> xr.DataArray:
        """Return the true reflectance at any times.

        Parameters
        ----------
        times
            One time or several, UTC.

        Returns
        -------
        xarray.DataArray
            (time, band, y, x) float32, 0..1, without gaps.
        """
        return self.scene.truth(times)


def acquisition_times(start: str = "2021-12-01", days: int = 180) -> list[np.datetime64]:
    """Return acquisition times of one tile.

    Every five days from one orbit, of which one in five is lost; for two months also from a second
    orbit, two or three days in between; and one day on which both passed, 100 minutes apart.

    Parameters
    ----------
    start
        First day, ISO 8601.
    days
        Length of the series.

    Returns
    -------
    list of numpy.datetime64
        UTC, ascending.
    """
    first = np.datetime64(f"{start}T10:52:11", "ns")
    day = np.timedelta64(1, "D")
    times = [first + at * day for at in range(0, days, 5) if (at // 5) % 5 != 3]
    middle = days // 2
    second = range(middle - 30, min(middle + 10, days), 5)
    times += [first + (at + 2 + at // 5 % 2) * day for at in second if at + 3 < days]
    if days > 60:
        twice = max(time for time in times if time <= first + (middle + 20) * day)
        times.append(twice + np.timedelta64(100, "m"))
    return sorted(set(times))


def simulate(
    size: int | tuple[int, int] = 64,
    times: Sequence[Any] | None = None,
    *,
    seed: int = 5,
    cloud: float = 0.45,
    noise: float = 0.002,
    jitter: float = 0.02,
    dilate: float = 0.0,
) -> Simulated:
    """Simulate a series of images of the landscape.

    Parameters
    ----------
    size
        Pixels of 10 m along a side, or rows and columns; even, at least 8.
    times
        Acquisition times, UTC, ascending; default `acquisition_times`: 180 days, baseline 04.00
        from day 55 on.
    seed, cloud, noise, jitter
        See `Scene`.
    dilate
        Distance by which clouds are widened in the weights, m.

    Returns
    -------
    Simulated
        With ``stack`` (harmonised, in memory) and ``truth(times)``.

    Raises
    ------
    BadInput
        If an argument is out of its range, or `times` do not ascend.
    """
    shape = (size, size) if isinstance(size, int) else size
    scene = Scene(shape, seed, noise=noise, jitter=jitter, cloud=cloud)
    moments = acquisition_times() if times is None else [to_time(time) for time in times]
    frames = tuple(scene.observe(time) for time in moments)
    dn = np.stack([remove_offset(frame.stacked(), frame.offset) for frame in frames])
    rule, everywhere = ClearRule("scl", dilate=dilate), np.ones(shape, bool)
    weight = np.stack(
        [rule.weights(frame.scl.repeat(2, 0).repeat(2, 1), everywhere, 10) for frame in frames]
    )
    stack = labelled_stack(
        lambda target, window: (dn, weight), moments, BANDS, scene.geobox, np.uint8, chunks=None
    )
    return Simulated(scene, frames, stack)
