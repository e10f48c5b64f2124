"""Clouds of the sample are followed; their drift is known."""

import json
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image
from pyproj import Transformer

from tiling.scenes.sample.clouds import Clouds
from tiling.scenes.sample.views import plane
from tiling.scenes.trajectories import (
    Flow,
    follow,
    frame,
    series,
    write_frames,
    write_gif,
    write_tracks,
)
from workbench.errors import BadInput, OutputExists

SIDE, STEP = 200, 1_000.0
GRID = GeoBox(
    (SIDE - 20, SIDE), Affine(STEP, 0, -SIDE * STEP / 2, 0, STEP, -90e3), plane(13.3, -57.7)
)
CLOUDS = Clouds(3, 300e3, 500.0, (-9.5, 4.5))
MINUTES = (0, 10, 20, 30, 40, 50)


def image(minutes, clouds=CLOUDS):
    x = -SIDE * STEP / 2 + STEP * (np.arange(SIDE) + 0.5)
    y = -90e3 + STEP * (np.arange(SIDE - 20) + 0.5)
    return clouds.at(*np.meshgrid(x, y), minutes * 60.0)[0]


def times(minutes=MINUTES):
    start = np.datetime64("2020-02-02T14:00")
    return {f"goes16__{n:04d}": start + np.timedelta64(n, "m") for n in minutes}


def seen(scene):
    return image(int(scene[-4:]))


@pytest.fixture(scope="module", params=["opencv", "scikit-image"])
def tracks(request):
    return follow(times(), seen, GRID, flow=Flow(engine=request.param))


def test_known_drift_is_found_within_a_tenth_of_a_pixel(tracks):
    assert tracks.i.notnull().all("scene_id").sum() > 10
    for field, true in (("u", -9.5), ("v", 4.5)):
        pixels = (tracks[field].values - true) * 600 / STEP
        pixels = pixels[np.isfinite(pixels)]
        assert len(pixels) > 100
        assert abs(np.median(pixels)) < 0.05
        assert np.percentile(np.abs(pixels), 75) < 0.1


def test_places_of_a_path_agree(tracks):
    """x and y lie where i and j say, the north at the top; lon and lat by PROJ."""
    there = tracks.i.notnull().values
    i, j, x, y, lat, lon = (
        tracks[name].values[there] for name in ("i", "j", "x", "y", "lat", "lon")
    )
    np.testing.assert_allclose(x, -100e3 + 1000 * (i + 0.5), atol=1e-6)
    np.testing.assert_allclose(y, 90e3 - 1000 * (j + 0.5), atol=1e-6)
    to_plane = Transformer.from_crs("EPSG:4326", plane(13.3, -57.7), always_xy=True)
    np.testing.assert_allclose(to_plane.transform(lon, lat), (x, y), atol=1e-2)
    again = (np.diff(tracks.x, axis=0) / 600, np.diff(tracks.y, axis=0) / 600)
    np.testing.assert_allclose(tracks.u.values[1:], again[0])
    np.testing.assert_allclose(tracks.v.values[1:], again[1])
    assert np.isnan(tracks.u.values[0]).all()


def test_what_is_lost_stays_lost(tracks):
    there = tracks.i.notnull().values
    begins = np.diff(there.astype(int), axis=0, prepend=0) == 1
    assert (begins.sum(axis=0) == 1).all()
    assert not there.all()


def test_corners_are_apart_and_inside():
    usable = np.ones((180, 200), bool)
    usable[60:100, 60:120] = False
    grey = np.random.default_rng(0).integers(0, 255, usable.shape, dtype=np.uint8)
    for engine in ("opencv", "scikit-image"):
        flow = Flow(engine=engine, apart=8)
        points = flow.corners(grey, usable)
        assert 50 < len(points) <= 400
        away = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
        np.fill_diagonal(away, np.inf)
        assert away.min() >= 8
        col, row = np.rint(points).astype(int).T
        for dy, dx in ((-5, -5), (-5, 5), (5, -5), (5, 5)):  # corners of the square of the guard
            assert usable[row + dy, col + dx].all()


def test_a_point_that_does_not_come_back_is_lost():
    """Of two images that share their left half, only points there are found."""
    rng = np.random.default_rng(1)
    before, after = (rng.integers(0, 255, (128, 256), dtype=np.uint8) for _ in range(2))
    after[:, :128] = before[:, :128]
    points = np.array([(c, r) for c in range(20, 250, 10) for r in range(20, 110, 10)], np.float32)
    there, found = Flow(window=15, levels=0).moved(before, after, np.ones((128, 256), bool), points)
    left, right = points[:, 0] < 110, points[:, 0] > 150
    assert found[left].mean() > 0.95
    assert found[right].mean() < 0.1
    np.testing.assert_allclose(there[left & found], points[left & found], atol=0.1)


def test_points_that_drift_onto_missing_pixels_are_lost():
    def holed(scene):
        values = image(int(scene[-4:])).copy()
        values[:, :80] = np.nan
        return values

    tracks = follow(times(), holed, GRID)
    assert tracks.i.min() > 79.4
    assert tracks.i.max() > 150
    ended = tracks.i.notnull().values[0] & ~tracks.i.notnull().values[-1]
    assert ended.sum() > 2


def test_new_points_begin_when_half_are_lost():
    fast = Clouds(3, 300e3, 500.0, (-22.0, 0.0))
    tracks = follow(times(), lambda scene: image(int(scene[-4:]), fast), GRID)
    first = tracks.i.notnull().values.argmax(axis=0)
    assert len(np.unique(first)) > 1
    for row, (before, now) in enumerate(pairwise(tracks.i.notnull().sum("traj_id").values)):
        new = first == row + 1
        assert (now >= 0.5 * before) or new.any()
    i, j = tracks.i.values, tracks.j.values
    for row in np.unique(first):
        alive = np.isfinite(i[row])
        began = alive & (first == row)
        old = alive & (first < row)
        if old.any() and began.any():
            away = np.hypot(i[row, began, None] - i[row, old], j[row, began, None] - j[row, old])
            assert away.min() >= 18
    drift = tracks.u.values[np.isfinite(tracks.u.values)]
    assert abs(np.median(drift) + 22) < 0.1


def test_a_long_gap_ends_all_paths():
    tracks = follow(times((0, 10, 20, 60, 70)), seen, GRID)
    early, late = (
        tracks.i.notnull().values[:3].any(axis=0),
        tracks.i.notnull().values[3:].any(axis=0),
    )
    assert early.any()
    assert late.any()
    assert not (early & late).any()
    assert np.isnan(tracks.u.values[3]).all()
    np.testing.assert_array_equal(tracks.segment.values == 1, late)
    # three steps are none
    assert (follow(times((0, 10, 20, 50, 60)), seen, GRID).segment == 0).all()


def test_a_night_is_left_out_and_bridged():
    def read(scene):
        return np.full((180, 200), np.nan) if scene.endswith("0020") else seen(scene)

    tracks = follow(times(), read, GRID)
    assert list(json.loads(tracks.attrs["skipped"])) == ["goes16__0020"]
    assert tracks.i.isnull().values[2].all()
    bridged = tracks.u.values[3]
    assert abs(np.nanmedian(bridged) + 9.5) < 0.1
    nothing = follow(times(), lambda _: np.zeros((180, 200)), GRID)
    assert nothing.sizes == {"scene_id": 6, "traj_id": 0}
    assert len(json.loads(nothing.attrs["skipped"])) == 6


def test_channels_are_averaged_and_a_plane_has_no_places_on_earth():
    bare = GeoBox(GRID.shape, GRID.affine, None)
    colour = follow(times((0, 10)), lambda scene: np.stack([seen(scene)] * 3), bare)
    grey = follow(times((0, 10)), seen, bare)
    xr.testing.assert_allclose(colour[["i", "j"]], grey[["i", "j"]], atol=0.05)
    assert colour.lat.isnull().all()
    assert colour.x.notnull().any()


def test_days_are_followed_each_on_its_own():
    starts = ["2020-02-02T14:10", "2020-02-02T14:00", "2020-02-03T14:00"]
    known = {
        f"goes16__{t.replace('-', '').replace('T', '').replace(':', '')}": np.datetime64(t)
        for t in starts
    }
    ids = sorted(known)
    assert series(known) == {"goes16__20200202": ids[:2], "goes16__20200203": ids[2:]}
    assert series(known, "goes16__") == {"goes16__": ids}
    with pytest.raises(BadInput, match="goes17"):
        series(known, "goes17")


@pytest.mark.parametrize(
    ("moments", "read", "message"),
    [
        ({}, seen, "no scenes"),
        (
            {"b": np.datetime64("2020-01-02"), "a": np.datetime64("2020-01-01")},
            seen,
            "a is not after",
        ),
        ({"a": np.datetime64("NaT"), "b": np.datetime64("2020-01-01")}, seen, "b is not after"),
        (times((0,)), lambda _: np.zeros((3, 4)), r"\(3, 4\) on a grid"),
    ],
)
def test_scenes_that_cannot_be_followed_are_refused(moments, read, message):
    with pytest.raises(BadInput, match=message):
        follow(moments, read, GRID)


def test_files_frames_and_a_gif(tmp_path):
    tracks = follow(times(), seen, GRID)
    path = write_tracks(tracks, tmp_path / "day.flow_trajectories.nc")
    with xr.open_dataset(path) as again:
        xr.testing.assert_allclose(again.load(), tracks)
        assert again.scene_id.values.tolist() == list(times())
        assert again.scene_id.encoding["dtype"] == "S1", "no strings of any length"
    with pytest.raises(OutputExists):
        write_tracks(tracks, path)

    def picture(scene):
        return np.rint(150 * seen(scene)[::-1]).astype(np.uint8)

    paths = write_frames(tmp_path / "frames", tracks, picture)
    assert [each.stem for each in paths] == list(times())
    with Image.open(paths[2]) as drawn:
        assert drawn.size == (600, 540)
        red, green, _ = np.asarray(drawn, np.int16).transpose(2, 0, 1)
    here = tracks.isel(scene_id=2)
    assert (red - green > 60).any()  # the past
    assert (green - red > 60).any()  # and the future
    for i, j in zip(*(here[name].dropna("traj_id").values for name in "ij"), strict=True):
        assert red[round((j + 0.5) * 3), round((i + 0.5) * 3)] > 200
    gif = write_gif(tmp_path / "day.gif", paths)
    with Image.open(gif) as moving:
        assert moving.n_frames == 6
    alone = np.asarray(frame(picture("goes16__0020"), tracks, "goes16__0020", minutes=5), np.int16)
    assert not (alone[..., 0] - alone[..., 1] > 60).any()
    with pytest.raises(BadInput, match="not among"):
        frame(picture("goes16__0020"), tracks, "goes16__9999")
    with pytest.raises(BadInput, match="no frames"):
        write_gif(tmp_path / "none.gif", [])
