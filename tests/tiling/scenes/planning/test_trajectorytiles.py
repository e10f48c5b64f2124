"""Tiles along trajectories."""

from __future__ import annotations

import math

import numpy as np
import pytest
from odc.geo.crs import CRS

from tiling.scenes.errors import SceneError
from tiling.scenes.planning.trajectorytiles import trajectory_tiles

PLANE = CRS("+proj=laea +lat_0=13.3 +lon_0=179.9 +datum=WGS84 +units=m")
EXTENT = (-200e3, -200e3, 200e3, 200e3)
SCENES = {
    f"s{n}": np.datetime64("2020-02-02T14:00") + np.timedelta64(10 * n, "m") for n in range(12)
}
HOURS = np.array(["2020-02-02T14:00", "2020-02-02T15:00"], "datetime64[ns]")


def test_a_drift_to_the_east_across_the_date_line():
    """Near the centre of the plane a degree is known: 111.3 km cos(lat) to the east."""
    tiles = trajectory_tiles(SCENES, HOURS, [13.3, 13.3], [179.9, -179.5], PLANE, EXTENT, 64e3)
    assert [tile.scene_id for tile in tiles] == [f"s{n}" for n in range(7)]
    assert tiles[3].id == "s3__00000"
    radius = 6378137 / math.sqrt(1 - 0.00669438 * math.sin(math.radians(13.3)) ** 2)
    east = radius * math.cos(math.radians(13.3)) * math.radians(0.6)
    assert [tile.x for tile in tiles] == pytest.approx([east * n / 6 for n in range(7)], abs=2)
    bend = (
        east**2 * math.tan(math.radians(13.3)) / 2 / radius
    )  # a parallel turns north on the plane
    assert [tiles[0].y, tiles[-1].y] == pytest.approx([0, bend], abs=1)


def test_gaps_the_edge_and_times_outside(caplog):
    times = HOURS[0] + np.arange(5) * np.timedelta64(20, "m")
    lat = np.full((5, 2), 13.3)
    lat[2, 0] = np.nan
    lon = np.stack([np.full(5, 179.9), 179.9 + np.array([0, 1, 2, 3, 4.0])], axis=1)
    with caplog.at_level("INFO"):
        tiles = trajectory_tiles(SCENES, times, lat, lon, PLANE, EXTENT, 64e3)
    of = [[tile.scene_id for tile in tiles if tile.number == number] for number in (0, 1)]
    assert of[0] == ["s0", "s1", "s2", "s6", "s7", "s8"]  # until the gap, and after it
    assert of[1] == ["s0", "s1", "s2", "s3"]  # 1.5 degrees are 163 km: in; 2 are not
    assert "8 tiles" in caplog.text


def test_half_a_step_longer_and_refusals():
    one = np.array(["2020-02-02T14:14"], "datetime64[ns]")
    (tile,) = trajectory_tiles(SCENES, one, [13.3], [179.9], PLANE, EXTENT, 400e3)
    assert tile.scene_id == "s1"
    assert (tile.x, tile.y) == pytest.approx((0, 0), abs=1e-3)
    with pytest.raises(SceneError, match=r"E038: no tile .* 1 of 12 scenes"):
        trajectory_tiles(SCENES, one, [40.0], [179.9], PLANE, EXTENT, 64e3)
    with pytest.raises(SceneError, match=r"E038: no tile .* 0 of 12 scenes"):
        trajectory_tiles(SCENES, one + np.timedelta64(1, "D"), [13.3], [179.9], PLANE, EXTENT, 64e3)
    with pytest.raises(SceneError, match=r"E038: .*domain with a centre"):
        trajectory_tiles(SCENES, one, [13.3], [179.9], None, EXTENT, 64e3)
