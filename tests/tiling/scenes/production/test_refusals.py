"""What cannot be done is said at once, with how many, which and why."""

import json
import shutil

import numpy as np
import pytest
import xarray as xr

from tiling.scenes import tasks
from tiling.scenes.errors import NoneLeft, SceneError, UnusableInput
from tiling.scenes.imagery.files import read_images
from tiling.scenes.production import scenework, valuelimits
from tiling.scenes.production.dataset import open_dataset
from tiling.scenes.production.stages import Stages
from workbench.errors import BadInput

EMPTY = """\
source: LES
type: singlechannel__lwp
sampling:
  resolution: 100
  triplets: {N_triplets: {train: 2, study: 2}, tile_N: 8}
  rect-slidingwindow: {tile_N: 8, step: 4}
"""
ALONG = """\
domain: {{kind: spanning_trajectories, padding: 1.0}}
sampling:
  resolution: 3000
  trajectories: {{tile_N: {size}}}
trajectories: {{filepath: path.nc}}
"""


@pytest.fixture
def empty(tmp_path):
    """A simulation in which nothing is to be seen."""
    (tmp_path / "source_data/LES").mkdir(parents=True)
    axis = np.arange(32) * 100.0
    values = np.full((5, 32, 32), np.nan, np.float32)
    times = np.datetime64("2020-02-02", "ns") + np.arange(5) * np.timedelta64(60, "s")
    xr.Dataset(
        {"lwp": (("time", "y", "x"), values, {"units": "g m-2"})},
        {"time": times, "y": ("y", axis, {"units": "m"}), "x": ("x", axis, {"units": "m"})},
    ).to_netcdf(tmp_path / "source_data/LES/all.nc")
    (tmp_path / "meta.yaml").write_text(EMPTY)
    return tmp_path


@pytest.mark.parametrize(
    "task",
    [
        tasks.tiles,
        tasks.regrid,
        tasks.stats,
        tasks.trajectories,
        lambda folder: tasks.tiles(folder, kind="rect-slidingwindow"),
    ],
)
def test_all_scenes_skipped(empty, task):
    """How many and why, not that a collection has too few; crops and status go on."""
    with pytest.raises(SceneError, match=r"E103: all 5 scenes were skipped, 5 for 'no data'"):
        task(empty)
    (outcome,) = tasks.crop(empty)
    assert (outcome.kept, len(outcome.skipped)) == (5, 5)
    assert tasks.status(empty)[0].skipped == 5


@pytest.mark.parametrize(
    "task",
    [
        tasks.tiles,
        tasks.stats,
        tasks.train,
        tasks.trajectories,
        lambda folder: tasks.tiles(folder, kind="rect-slidingwindow"),
    ],
)
def test_all_scenes_failed(empty, task, monkeypatch):
    """What cannot go on says why the scenes failed, not only that there are none."""

    def damaged(job):
        raise UnusableInput("E074", f"{job.scene}.nc is damaged")

    monkeypatch.setattr("tiling.scenes.production.stages.crop_one", damaged)
    said = (
        r"^E103: crop: all 5 scenes failed, see failed_scenes\.yml; "
        r"LES__202002020000: E074: LES__202002020000\.nc is damaged; then: "
    )
    with pytest.raises(NoneLeft, match=said) as error:
        task(empty)
    assert error.value.exit_code == 3
    assert [len(of.failed) for of in tasks.regrid(empty)] == [5, 0], "as where some failed"


@pytest.mark.parametrize(
    ("task", "options", "said"),
    [
        (tasks.embed, {}, r"E093: .*small\.pt"),
        (tasks.train, {"name": "../elsewhere"}, "E102: '../elsewhere' is no name of a model"),
        (tasks.train, {"training": {"learning_rate": float("nan")}}, "learning_rate nan"),
        (tasks.train, {"training": {"loss": "none"}}, "loss is 'none'"),
        (tasks.transform, {"transform_type": "fourier"}, "'fourier' is not known"),
        (tasks.transform, {"transform_extra_args": {"n": 3}}, "pca has no argument 'n'"),
        (tasks.trajectories, {"dt_max": float("nan")}, "E102: dt_max is nan"),
        (tasks.tiles, {"kind": "squares"}, "E102: kind='squares': it is one of triplets"),
        (tasks.tiles, {"store": "tiff"}, "E102: store='tiff': it is one of netcdf, zarr"),
        (tasks.tiles, {"step_size": 0}, "E102: step_size is 0"),
        (tasks.tiles, {"kind": "trajectories"}, r"E033: set sampling\.trajectories\.tile_N"),
    ],
)
def test_what_cannot_be_is_said_before_scenes_are_read(empty, task, options, said):
    """That may take hours, and a word in the command is wrong however they come out."""
    with pytest.raises((SceneError, BadInput), match=said):
        task(empty, **options)
    assert not list(empty.rglob("cropped"))


def test_a_resolution_is_asked_for_before_scenes_are_read(empty):
    (empty / "meta.yaml").write_text("source: LES\ntype: lwp\n")
    with pytest.raises(SceneError, match=r"E030: .*sampling\.resolution"):
        tasks.regrid(empty)
    assert not list(empty.rglob("cropped"))


def test_some_scenes_skipped_stop_nothing(empty):
    with xr.open_dataset(empty / "source_data/LES/all.nc") as file:
        whole = file.load()
    whole["lwp"][1:] = np.random.default_rng(0).random((4, 32, 32), np.float32)
    whole.to_netcdf(empty / "source_data/LES/all.nc")
    crops, regridded = tasks.regrid(empty)
    assert (crops.made, len(crops.skipped), regridded.made) == (5, 1, 4)
    tasks.tiles(empty)
    whole["lwp"][2:] = np.nan  # and the first is empty as it was
    whole.to_netcdf(empty / "source_data/LES/all.nc")
    tasks.crop(empty, overwrite="all")
    with pytest.raises(SceneError, match=r"E034b: .*; 4 scenes were skipped, 4 for 'no data'"):
        tasks.tiles(empty)


def test_statistics_without_a_damaged_crop(empty, caplog):
    """One file that cannot be read is named, and stops no other; all of them are an error."""
    with xr.open_dataset(empty / "source_data/LES/all.nc") as file:
        whole = file.load()
    whole["lwp"][:] = np.arange(5, dtype=np.float32)[:, None, None]
    whole.to_netcdf(empty / "source_data/LES/all.nc")
    tasks.crop(empty)
    first, *others = sorted(empty.rglob("cropped/*.nc"))
    first.write_bytes(b"damaged")
    found = tasks.regrid(empty)
    assert (found[1].made, list(found[1].failed)) == (4, [first.stem])
    assert f"{first.stem} is left out of the statistics: E061" in caplog.text
    told = json.loads(next(empty.rglob("statistics.json")).read_text())
    assert (told["scenes"], told["variables"]["lwp"]["least"]) == (4, 1)
    for path in others:
        path.write_bytes(b"damaged")
    with pytest.raises(SceneError, match="E103: no cropped scene can be read"):
        tasks.stats(empty)


def test_filter_that_fits_nothing(goes, touched):
    def filtered(folder):
        with pytest.raises(SceneError, match=r"E102: '2019' fits none of the 4 scenes, goes16__20"):
            tasks.regrid(folder, scene_filter="2019")

    assert touched(goes, filtered) == set()


@pytest.mark.parametrize("word", ["yes", "", None, True])
def test_unknown_overwrite(goes, word):
    with pytest.raises(SceneError, match=r"E102: overwrite=.*: it is one of never, stale, all"):
        tasks.regrid(goes, overwrite=word)


def test_the_file_in_place_of_the_folder(goes):
    with pytest.raises(SceneError, match=r"meta.yaml is a file: give the folder, .*goes$"):
        tasks.regrid(goes / "meta.yaml")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("ABI-L1b-RadF", "pre/ABI-L1b-RadF"), "has no folder ABI-L1b-RadF; there is pre"),
        (("ABI-L1b-RadF/2020", "ABI-L1b-RadF/2019"), "has no folder 2020; there is 2019"),
    ],
)
def test_folders_that_are_missing(make, sample, tmp_path, change, told):
    bucket = tmp_path / "bucket"
    (bucket / change[1]).parent.mkdir(parents=True)
    shutil.copytree(sample.bucket / change[0], bucket / change[1])
    folder = make(tmp_path / "goes", bucket=bucket)
    with pytest.raises(SceneError) as caught:
        tasks.scene_ids(folder)
    text = str(caught.value)
    assert text.startswith("E016: goes16 has no singlechannel__bt_13 in ")
    assert "for 2020-02-02T14:00:21 to 2020-02-03T14:31:00: " in text
    assert text.endswith(told)


def test_a_variable_that_is_missing_everywhere(make, tmp_path, monkeypatch):
    """By name, and before any place is tried."""
    both = "multichannel__bt_13__refl_2"
    folder = make(tmp_path, change=lambda text: text.replace("singlechannel__bt_13", both))
    crop = scenework.crop

    def dark(source, product, items, *more):
        found = crop(source, product, items, *more)
        if "s20200331400" in items["bt_13"].key:
            found["refl_2"] = found["refl_2"] * np.float32(np.nan)
        return found

    monkeypatch.setattr(scenework, "crop", dark)
    monkeypatch.setattr(scenework, "tile_images", None)  # no tile is cut at any place
    crops, tiles = tasks.tiles(folder, scene_filter="202002021400")
    assert (crops.made, crops.failed) == (1, {})
    assert tiles.failed.keys() == {"goes16__202002021400"}
    assert tiles.failed["goes16__202002021400"].startswith("E106: refl_2 has no value in this")


def along(make, folder, lat, lon, size=12):
    """Write a dataset whose domain spans a path."""

    def change(text):
        head, _, tail = text.partition("domain:")
        return head + ALONG.format(size=size) + tail[tail.index("aux_products") :]

    make(folder, change=change)
    times = np.array(["2020-02-02T14:00", "2020-02-02T14:10"], "M8[ns]")
    xr.Dataset({"lat": ("time", lat), "lon": ("time", lon)}, {"time": times}).to_netcdf(
        folder / "path.nc"
    )
    return folder


def test_the_domain_that_spans_a_path_is_told(make, tmp_path):
    """Files say which rectangle it is; another path is another domain."""
    folder = along(make, tmp_path, [13.2, 13.4], [-57.8, -57.6])
    tasks.regrid(folder, scene_filter="0202")
    for path in (*folder.rglob("cropped/*.nc"), *folder.glob("rect/*.nc")):
        told = json.loads(read_images(path).attrs["domain"])
        assert told["latitude"] == pytest.approx(13.3, abs=1e-3)
        assert told["longitude"] == pytest.approx(-57.7, abs=1e-3)
        assert told["meridional"] > told["zonal"] > 12 * 3000
    (folder / "path.nc").unlink()
    along(make, tmp_path, [13.2, 13.3], [-57.8, -57.6])
    with pytest.raises(SceneError, match="E100: crop: 2 scenes"):
        tasks.crop(folder, scene_filter="0202")


@pytest.mark.parametrize("reach", [0.2, 0.21, 0.22, 0.23, 0.24, 0.25])
def test_sides_leave_room_for_tiles_at_both_ends(make, tmp_path, reach):
    """However the sides are rounded to pixels."""
    folder = along(make, tmp_path, [13.2, 13.2 + reach], [-57.8, -57.8 + reach])
    stages = Stages(open_dataset(folder))
    tiles = stages.tiles("trajectories", stages.crops(), {}).jobs
    assert {scene[8:] for scene in tiles} == {"202002021400", "202002021410"}


def test_limits_are_needed_by_the_type_alone(goes):
    """Statistics of colours or temperatures are of no use for pictures, and no crop is opened."""
    tasks.stats(goes)
    for path in goes.rglob("cropped/*.nc"):
        path.write_bytes(b"damaged")
    assert valuelimits.limits(open_dataset(goes), goes.rglob("cropped/*.nc")) == {}
