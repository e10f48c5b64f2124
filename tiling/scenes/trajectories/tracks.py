"""Paths of clouds through a series of scenes on one grid."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tiling.scenes.trajectories.flow import Flow, Grey, Mask, Points
from workbench.errors import BadInput
from workbench.rasters.grids import transformer
from workbench.rasters.stores import netcdf_file

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

__all__ = ["follow", "series", "write_tracks"]

logger = logging.getLogger(__name__)

LONGEST_GAP = 3.0  # times the median step
Floats = npt.NDArray[np.float64]

RESEED = 0.5  # of the points that a segment began with

_DAY = re.compile(r".*__\d{8}")


def series(times: Mapping[str, np.datetime64], prefix: str | None = None) -> dict[str, list[str]]:
    """Return the scenes that are followed together, in order of time.

    Parameters
    ----------
    times
        Of scenes, by their IDs.
    prefix
        That the scenes of one series share; without one, the scenes of each day are a series.

    Raises
    ------
    BadInput
        If no scene begins with the prefix.
    """
    groups: dict[str, list[str]] = {}
    for scene in sorted(times, key=lambda each: (times[each], each)):
        day = _DAY.match(scene)
        name = prefix if prefix is not None else day[0] if day else scene
        if scene.startswith(name):
            groups.setdefault(name, []).append(scene)
    if prefix is not None and not groups:
        known = f"such as {min(times)}" if times else "there are none"
        raise BadInput(f"no scene begins with {prefix!r}; scenes: {known}")
    return groups


@dataclass
class _Followed:
    """Points that are followed; grows with each image."""

    flow: Flow
    least: int
    places: list[Points] = field(default_factory=list)
    """Of each scene: (tracks so far, 2) column and row, NaN where a track is not there."""
    skipped: dict[str, str] = field(default_factory=dict)
    last: Grey | None = None
    points: Points = field(default_factory=lambda: np.empty((0, 2), np.float32))
    wanted: int = 0
    segments: list[int] = field(default_factory=list)
    segment: int = -1

    def add(self, scene: str, grey: Grey, usable: Mask, after_gap: bool) -> bool:
        """Follow all points to the next image, and begin new ones where too few are left.

        Return whether the image counts; one with too few corners is left out.
        """
        corners = self.flow.corners(grey, usable)
        fewest = self.flow.fewest(usable.shape, self.least)
        if len(corners) < fewest:
            self.skipped[scene] = (
                f"{len(corners)} corners, fewer than {fewest}: set trajectories.min_corners"
            )
            self.places.append(np.full_like(self.points, np.nan))
            return False
        begins = self.last is None or after_gap
        if begins:
            self.segment, self.points = self.segment + 1, np.full_like(self.points, np.nan)
        else:
            self._step(grey, usable)
        alive = np.isfinite(self.points[:, 0])
        if begins or alive.sum() < RESEED * self.wanted:
            self._seed(corners, self.points[alive], usable.shape)
        self.last = grey
        self.places.append(self.points.copy())
        return True

    def _step(self, grey: Grey, usable: Mask) -> None:
        assert self.last is not None
        alive = np.flatnonzero(np.isfinite(self.points[:, 0]))
        there, found = self.flow.moved(self.last, grey, usable, self.points[alive])
        self.points[alive] = np.where(found[:, None], there, np.float32(np.nan))

    def _seed(self, corners: Points, kept: Points, shape: tuple[int, int]) -> None:
        if len(kept):
            away = np.hypot(*(corners[:, None] - kept[None]).transpose(2, 0, 1))
            corners = corners[away.min(axis=1) >= self.flow.spacing(shape)]
        new = corners[: self.flow.most - len(kept)]
        self.wanted = len(kept) + len(new)
        self.points = np.concatenate([self.points, new])
        self.segments += [self.segment] * len(new)


def follow(
    times: Mapping[str, np.datetime64],
    read: Callable[[str], npt.ArrayLike],
    grid: GeoBox,
    *,
    limits: tuple[float, float] | None = None,
    least: int = 100,
    flow: Flow | None = None,
) -> xr.Dataset:
    """Return the paths of points of clouds.

    A point is followed from image to image until it is lost, leaves the image, or does not come
    back to within a pixel when it is followed back. When less than half of the points are left, new
    ones begin. Images with too few corners are left out. After a gap of more than three times the
    median step all paths end and new ones begin. Two images are in memory at a time.

    Parameters
    ----------
    times
        Of the scenes, UTC, by their IDs and in order, as `series` gives them.
    read
        Returns the image of a scene: ([channel,] y, x) on `grid`, NaN where missing. Channels are
        averaged.
    grid
        Of the images, y ascending; places on the Earth are known where it has a CRS.
    limits
        Values that become black and white; the 1st and 99th percentile of the first image that has
        values, if not given.
    least
        Corners that an image must have (``trajectories.min_corners``); fewer where the image is too
        small for so many.
    flow
        How points are chosen and followed.

    Returns
    -------
    xarray.Dataset
        Of (scene_id, traj_id): ``i`` and ``j`` (pixels from the left and from the top, whole at
        centres), ``x`` and ``y`` (m), ``lat`` and ``lon`` (degrees; empty where the grid has no
        CRS), ``u`` and ``v`` (m/s, from the scene before; empty where a path begins), NaN where a
        path is not there. Coordinates ``time`` and ``segment``, the number of the span between
        gaps. The attribute ``skipped`` (JSON) says which scenes were left out and why.

    Raises
    ------
    BadInput
        If images are not on the grid or not in order of time, or there is no scene.
    """
    moments = np.array(list(times.values()), "M8[ns]")
    if not len(moments):
        raise BadInput("there are no scenes to follow clouds through")
    steps = np.diff(moments) / np.timedelta64(1, "s")
    if not (steps > 0).all():
        late = list(times)[int(np.argmax(~(steps > 0))) + 1]
        raise BadInput(f"{late} is not after the scene before it: give scenes in order of time")
    longest = LONGEST_GAP * float(np.median(steps)) if len(steps) else np.inf
    flow = flow or Flow()
    followed = _Followed(flow, least)
    latest = moments[0]
    for name, moment in zip(times, moments, strict=True):
        values = _values(read(name), grid, name)
        usable = np.isfinite(values)
        if limits is None and usable.any():
            low, high = np.percentile(values[usable], [1, 99])
            limits = (float(low), float(high))
        gap = bool((moment - latest) / np.timedelta64(1, "s") > longest)
        if followed.add(name, _grey(values, usable, limits or (0, 1)), usable, gap):
            latest = moment
    for name, reason in followed.skipped.items():
        logger.warning("%s is left out: %s", name, reason)
    told = asdict(flow) | {"engine": flow.used_engine, "least": least, "limits": limits}
    return _dataset(followed, list(times), moments, grid, told)


def write_tracks(
    tracks: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write paths as netCDF, such as ``rect/trajectories/{prefix}.flow_trajectories.nc``."""
    return netcdf_file(tracks, path, overwrite=overwrite)


def _values(image: npt.ArrayLike, grid: GeoBox, name: str) -> npt.NDArray[np.float32]:
    """Return an image, north at the top, as one channel."""
    values = np.asarray(image, np.float32)
    if values.ndim not in (2, 3) or values.shape[-2:] != tuple(grid.shape):
        raise BadInput(f"{name}: an image of shape {values.shape} on a grid of {tuple(grid.shape)}")
    return (values.mean(axis=0) if values.ndim == 3 else values)[::-1]


def _grey(values: npt.NDArray[np.float32], usable: Mask, limits: tuple[float, float]) -> Grey:
    low, high = limits
    share = (values - low) / ((high - low) or 1)
    filled = np.where(usable, share, share[usable].mean() if usable.any() else 0)
    return np.asarray(np.rint(255 * np.clip(filled, 0, 1)), np.uint8)


def _dataset(
    followed: _Followed,
    names: list[str],
    times: npt.NDArray[np.datetime64],
    grid: GeoBox,
    told: dict[str, Any],
) -> xr.Dataset:
    import xarray as xr

    shape = (len(names), len(followed.segments))
    places = np.full((*shape, 2), np.nan)
    for row, points in enumerate(followed.places):
        places[row, : len(points)] = points
    i, j = places[..., 0], places[..., 1]
    across, _, left, _, up, bottom = grid.affine[:6]
    x, y = left + across * (i + 0.5), bottom + up * (grid.shape[0] - 0.5 - j)
    fields = {"i": i, "j": j, "x": x, "y": y, **_on_earth(x, y, grid)}
    used = [row for row, name in enumerate(names) if name not in followed.skipped]
    fields |= {"u": np.full(shape, np.nan), "v": np.full(shape, np.nan)}
    for before, after in pairwise(used):
        seconds = (times[after] - times[before]) / np.timedelta64(1, "s")
        fields["u"][after] = (x[after] - x[before]) / seconds
        fields["v"][after] = (y[after] - y[before]) / seconds
    dims = ("scene_id", "traj_id")
    dataset = xr.Dataset(
        {
            name: (dims, values, {"units": _UNITS[name][0], "long_name": _UNITS[name][1]})
            for name, values in fields.items()
        },
        coords={
            "scene_id": names,
            "traj_id": np.arange(shape[1]),
            "time": ("scene_id", times),
            "segment": ("traj_id", np.array(followed.segments, np.int32)),
        },
    )
    dataset.attrs = {"skipped": json.dumps(followed.skipped), "flow": json.dumps(told)}
    return dataset


_UNITS = {
    "i": ("1", "pixels from the left"),
    "j": ("1", "pixels from the top"),
    "x": ("m", "eastward on the plane of the domain"),
    "y": ("m", "northward on the plane of the domain"),
    "lat": ("degrees_north", "latitude"),
    "lon": ("degrees_east", "longitude"),
    "u": ("m s-1", "eastward velocity on the plane, from the scene before"),
    "v": ("m s-1", "northward velocity on the plane, from the scene before"),
}


def _on_earth(x: Floats, y: Floats, grid: GeoBox) -> dict[str, Floats]:
    if grid.crs is None:
        return {"lat": np.full(x.shape, np.nan), "lon": np.full(x.shape, np.nan)}
    there = np.isfinite(x)
    lat, lon = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    to_earth = transformer(grid.crs, "EPSG:4326")
    lon[there], lat[there] = to_earth.transform(x[there], y[there])
    return {"lat": lat, "lon": lon}
