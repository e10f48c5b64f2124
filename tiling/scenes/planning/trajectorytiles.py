"""Tiles that follow given trajectories through the scenes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tiling.scenes.errors import SceneError
from tiling.scenes.planning.matching import nanoseconds
from tiling.scenes.planning.tiles import Tile

if TYPE_CHECKING:
    from odc.geo.crs import CRS

__all__ = ["trajectory_tiles"]

logger = logging.getLogger(__name__)


def trajectory_tiles(
    scenes: Mapping[str, np.datetime64],
    times: ArrayLike,
    latitude: ArrayLike,
    longitude: ArrayLike,
    crs: CRS | None,
    extent: Iterable[float],
    side: float,
) -> list[Tile]:
    """Return a tile for each scene during a trajectory, where that is when the scene starts.

    Between its times a trajectory is a straight line on the plane; it stays where it is for half
    a step of the scenes before its first time and after its last. Tiles that would reach beyond
    the domain are left out.

    Parameters
    ----------
    scenes
        Start of each scene, by ID.
    times
        (n,) ascending.
    latitude, longitude
        (n,) or (n, trajectory) degrees; NaN where a trajectory has no place.
    crs
        Of the plane of the domain.
    extent
        Left, bottom, right and top of the domain on its plane, metres.
    side
        Of a tile, metres.

    Raises
    ------
    SceneError
        E038 if the domain has no place on the Earth, or no tile lies in it.
    """
    if crs is None:
        raise SceneError("E038", "tiles along a trajectory need a domain with a centre")
    from pyproj import Transformer

    left, bottom, right, top = extent
    transformer = Transformer.from_crs("EPSG:4326", crs.proj, always_xy=True)
    places = [np.asarray(axis, float) for axis in transformer.transform(longitude, latitude)]
    known = nanoseconds(times)
    ordered = sorted(scenes, key=lambda scene: (scenes[scene], scene))
    wanted = nanoseconds([scenes[scene] for scene in ordered])
    steps = np.diff(np.unique(wanted))
    longer = float(np.median(steps)) / 2 if len(steps) else 0.0
    during = (wanted >= known[0] - longer) & (wanted <= known[-1] + longer)
    tiles: list[Tile] = []
    outside = 0
    for number, path in enumerate(np.stack(places).reshape(2, len(known), -1).transpose(2, 0, 1)):
        path = np.where(np.isfinite(path), path, np.nan)  # not on the plane: as missing
        x, y = (np.interp(wanted - known[0], known - known[0], axis) for axis in path)
        room = np.min([x - left, right - x, y - bottom, top - y], axis=0)
        inside = room >= side / 2 * (1 - 1e-9)  # False for NaN
        outside += int((during & ~inside).sum())
        for index in np.flatnonzero(during & inside):
            place = float(x[index]), float(y[index])
            tiles.append(Tile("trajectories", number, "trajectory", ordered[index], *place))
    if not tiles:
        raise SceneError(
            "E038",
            f"no tile lies in the domain: {during.sum()} of {len(ordered)} scenes start during the"
            f" trajectories, whose tiles of {side / 1e3:g} km reach beyond it {outside} times",
        )
    if outside:
        logger.info("%d tiles along trajectories reach beyond the domain: left out", outside)
    return tiles
