import json
import shutil

import pytest

from tiling.scenes import tasks
from tiling.scenes.errors import SceneError, UnusableInput
from tiling.scenes.planning.plans import read_failures, read_splits, read_tiles

FIRST = "goes16__202002021400"


def outcomes(found):
    return {of.stage: (of.made, of.kept, len(of.failed)) for of in found}


def test_all_stands(goes, touched):
    assert touched(goes, tasks.tiles) == set()
    assert outcomes(tasks.tiles(goes)) == {"crop": (0, 4, 0), "triplets": (0, 4, 0)}
    assert outcomes(tasks.regrid(goes)) == {"crop": (0, 4, 0), "regrid": (0, 4, 0)}


def test_any_number_of_workers(make, made, client, tmp_path, digests):
    """Threads of one process made `made`, here workers do; on the plans and bytes nothing shows."""
    tasks.tiles(make(tmp_path), client=client)
    tasks.regrid(tmp_path, client=client)
    assert digests(tmp_path) == digests(made)


def test_one_thread(make, made, tmp_path, digests, monkeypatch):
    monkeypatch.setattr("workbench.tasks.places.cores", lambda: 1)
    tasks.tiles(make(tmp_path))
    tasks.regrid(tmp_path)
    assert digests(tmp_path) == digests(made)


def test_size_of_tiles_stales_tiles_alone(goes, make, touched, digests, tmp_path):
    make(goes, size=13)
    with pytest.raises(SceneError, match=r"E100: triplets: 4 scenes .* 0 stand, 0 are missing"):
        tasks.tiles(goes)
    assert outcomes(tasks.regrid(goes)) == {"crop": (0, 4, 0), "regrid": (0, 4, 0)}
    changed = touched(goes, tasks.tiles, overwrite="stale")
    assert {name.split("/")[0] for name in changed} == {"triplets"}
    assert outcomes(tasks.tiles(goes)) == {"crop": (0, 4, 0), "triplets": (0, 4, 0)}
    tasks.tiles(make(tmp_path / "fresh", size=13))
    fresh = digests(tmp_path / "fresh")
    assert {name: of for name, of in digests(goes).items() if name in fresh} == fresh


def test_domain_stales_all(goes, make):
    make(goes, change=lambda text: text.replace("96000", "90000"))
    with pytest.raises(SceneError, match=r"E100: crop: 4 scenes"):
        tasks.regrid(goes)
    found = tasks.regrid(goes, overwrite="stale")
    assert outcomes(found) == {"crop": (4, 0, 0), "regrid": (4, 0, 0)}


def test_limits_of_pictures_stale_no_crop(goes, make):
    make(goes, change=lambda text: text + "image: {limits: [200, 300]}\n")
    with pytest.raises(SceneError, match="E100: regrid"):
        tasks.regrid(goes)
    assert outcomes(tasks.crop(goes)) == {"crop": (0, 4, 0)}


def test_statistics_of_images_with_limits_stale_nothing(goes):
    tasks.stats(goes)
    assert outcomes(tasks.regrid(goes)) == {"crop": (0, 4, 0), "regrid": (0, 4, 0)}


def test_packed_are_others(goes):
    with pytest.raises(SceneError, match="E100: regrid"):
        tasks.regrid(goes, pack=True)


def test_more_scenes(make, tmp_path, touched):
    """Crops stand; triplets are dealt anew, and only scenes whose tiles are others are cut."""
    folder = make(tmp_path, end="2020-02-03T14:05")
    tasks.regrid(folder)
    make(folder)
    with pytest.raises(SceneError, match=r"E100: .*scene_ids"):
        tasks.crop(folder)
    changed = touched(folder, tasks.regrid, overwrite="stale")
    last = "goes16__202002031410"
    assert {name.split("/")[-1] for name in changed} == {
        "scene_ids.yml", f"{last}.nc", f"{last}.png"
    }  # fmt: skip


def test_scenes_that_came_later(make, sample, tmp_path):
    """The list stands as it was decided until it is asked for anew."""
    bucket = tmp_path / "bucket"
    shutil.copytree(sample.bucket / "ABI-L1b-RadF", bucket / "ABI-L1b-RadF")
    late = list(bucket.rglob("*C13*s2020034141*"))
    for path in late:
        path.rename(tmp_path / path.name)
    folder = make(tmp_path / "goes", bucket=bucket)
    assert len(tasks.scene_ids(folder)) == 3
    for path in late:
        (tmp_path / path.name).rename(path)
    assert len(tasks.scene_ids(folder, overwrite="stale")) == 3
    assert outcomes(tasks.crop(folder, overwrite="all")) == {"crop": (3, 0, 0)}
    assert len(tasks.scene_ids(folder, overwrite="all")) == 4
    assert outcomes(tasks.crop(folder)) == {"crop": (1, 3, 0)}


@pytest.mark.parametrize(
    ("pattern", "again"),
    [
        ("rect/goes16__202002021400.nc", {"rect/goes16__202002021400.nc"}),
        ("triplets/train/00000_anchor.yml", None),
        ("triplets/study/00001_distant.nc", None),
        (f"triplets/tile_locations.{FIRST}.yml", None),
        (f"source_data/goes16/singlechannel__bt_13/cropped/{FIRST}.nc", None),
    ],
)
def test_a_file_deleted(goes, made, pattern, again, touched, digests):
    """It is made again, with no word about other settings, and nothing but its scene."""
    (goes / pattern).unlink()

    def both(folder):
        tasks.tiles(folder)
        tasks.regrid(folder)

    changed = touched(goes, both)
    assert pattern in changed
    assert digests(goes) == digests(made)
    scene = FIRST if FIRST in pattern else None
    if scene is None:
        plans = [read_tiles(path) for path in (made / "triplets").glob("tile_loc*")]
        tile = pattern.split(".")[0].removeprefix("triplets/")
        (tiles,) = [found for found in plans if tile in [of.name for of in found]]
        names = {f"triplets/{tile.name}" for tile in tiles}
        assert {n.split(".")[0] for n in changed} <= {*names, "triplets/tile_locations"}
    else:
        assert all(scene in name or "triplets/" in name for name in changed)


@pytest.mark.parametrize(
    ("name", "task"),
    [
        (f"rect/{FIRST}", tasks.regrid),
        ("triplets/train/00000_anchor", tasks.tiles),
        (f"source_data/goes16/singlechannel__bt_13/cropped/{FIRST}", tasks.crop),
    ],
)
def test_a_picture_deleted(goes, made, name, task, touched, digests):
    """No stage reads it: it is not looked for, and made again with its data."""
    (goes / f"{name}.png").unlink()
    assert touched(goes, task) == set()
    (goes / f"{name}.nc").unlink()
    task(goes)
    assert digests(goes) == digests(made)


@pytest.mark.parametrize("state", ["deleted", "torn"])
def test_records_lost(goes, state, touched):
    """The files say what they were made of; the list of scenes is decided anew."""
    records = list(goes.rglob("_stage.*.json"))
    assert len(records) == 4
    for path in records:
        path.unlink() if state == "deleted" else path.write_bytes(path.read_bytes()[:-20])
    lists = touched(goes, lambda folder: (tasks.tiles(folder), tasks.regrid(folder)))
    assert lists <= {"source_data/goes16/singlechannel__bt_13/scene_ids.yml"}
    assert sorted(goes.rglob("_stage.*.json")) == sorted(records), "and are noted again"
    for path in records:
        json.loads(path.read_text())


def test_there_and_back_again(goes, make, made, digests, monkeypatch):
    """Stopped while tiles were replaced, then given the former settings: no tile is a wrong one."""
    from tiling.scenes.production import scenework

    make(goes, size=13)
    write, seen = scenework.write_tile, []

    def stopping(stem, *args, **kwargs):
        seen.append(stem)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return write(stem, *args, **kwargs)

    monkeypatch.setattr(scenework, "write_tile", stopping)
    monkeypatch.setattr("workbench.tasks.places.cores", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        tasks.tiles(goes, overwrite="stale")
    monkeypatch.setattr(scenework, "write_tile", write)
    make(goes)
    tasks.tiles(goes, overwrite="stale")
    assert digests(goes) == digests(made)


def test_fewer_triplets(goes, make):
    """Tiles that nobody asks for any more would be trained on: they are refused, or go."""
    own = goes / "triplets/study/mine.nc"
    own.write_bytes((goes / "triplets/train/00000_anchor.nc").read_bytes()[:100])
    make(goes, change=lambda text: text.replace("train: 2, study: 2", "train: 2, study: 1"))
    with pytest.raises(SceneError, match="E100: triplets"):
        tasks.tiles(goes)
    tasks.tiles(goes, overwrite="stale")
    assert {path.name[:5] for path in (goes / "triplets/study").glob("0*")} == {"00000"}
    assert own.exists()
    named = {t.name for p in (goes / "triplets").glob("tile_loc*") for t in read_tiles(p)}
    assert len(named) == 9
    assert outcomes(tasks.tiles(goes))["triplets"][0] == 0


def test_what_a_killed_run_left_half_written_is_no_tile(goes):
    """Hidden files are swept; they may hold a whole tile that had not got its name yet."""
    whole = sorted((goes / "triplets/train").glob("*.nc"))[0]
    hidden = whole.with_name(f".part-elsewhere-1-0123abcd~{whole.name}")
    shutil.copy(whole, hidden)
    (outcome,) = [each for each in tasks.tiles(goes) if each.stage == "triplets"]
    assert outcome.made == 0


def test_scene_filter(make, made, tmp_path, digests):
    """Tiles are where they would be without it."""
    folder = make(tmp_path)
    assert outcomes(tasks.tiles(folder, scene_filter="0203"))["crop"] == (2, 0, 0)
    assert {path.stem[8:] for path in folder.rglob("cropped/*.nc")} == {
        "202002031400", "202002031410"
    }  # fmt: skip
    splits = read_splits(folder / "triplets/tile_scene_splits.yml")
    assert splits == read_splits(made / "triplets/tile_scene_splits.yml")
    tasks.regrid(folder, scene_filter="0203")
    assert len(list((folder / "rect").glob("*.nc"))) == 2
    tasks.tiles(folder)
    tasks.regrid(folder)
    assert digests(folder) == digests(made)
    with pytest.raises(SceneError, match="E102"):
        tasks.crop(folder, scene_filter="(")


def damaged(make, sample, tmp_path):
    bucket = tmp_path / "bucket"
    shutil.copytree(sample.bucket, bucket)
    (file,) = bucket.rglob("*C13*s202003314102*")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    return make(tmp_path / "goes", bucket=bucket), file, whole


def test_a_scene_that_fails(make, made, sample, tmp_path, digests):
    """It is listed, the others are made; when its file is whole, the next run makes the rest."""
    folder, file, whole = damaged(make, sample, tmp_path)
    found = tasks.tiles(folder)
    assert outcomes(found)["crop"] == (3, 0, 1)
    (scene,) = found[0].failed
    assert scene == "goes16__202002021410"
    assert read_failures(folder / "failed_scenes.yml") == {"crop": {scene: found[0].failed[scene]}}
    assert outcomes(tasks.crop(folder)) == {"crop": (0, 3, 1)}, "tried again"
    tasks.crop(folder, scene_filter="0203")
    assert (folder / "failed_scenes.yml").exists(), "a filter forgives nothing"
    with pytest.raises(UnusableInput):
        tasks.crop(folder, fail_fast=True)
    file.write_bytes(whole)
    assert outcomes(tasks.tiles(folder))["crop"] == (1, 3, 0)
    assert not (folder / "failed_scenes.yml").exists()
    tasks.regrid(folder)
    assert digests(folder) == digests(made), "where the bucket lies is in no file"


def test_a_bucket_that_was_moved(make, made, sample, tmp_path, touched):
    """Nothing of the data has changed: nothing is made anew, and what came since is found."""
    elsewhere = shutil.copytree(sample.bucket, tmp_path / "elsewhere")
    goes = shutil.copytree(made, tmp_path / "goes")
    make(goes, bucket=elsewhere)
    for again in (tasks.regrid, tasks.tiles):
        assert touched(goes, again) <= {"source_data/goes16/singlechannel__bt_13/scene_ids.yml"}
        assert touched(goes, again) == set()
    tasks.regrid(goes, aux_name="height")
    make(goes, bucket=shutil.move(elsewhere, tmp_path / "again"))
    found = tasks.regrid(goes, aux_name="height")
    assert {of.stage: (of.made, of.failed) for of in found} == {
        "crop.height": (0, {}), "regrid.height": (0, {})
    }  # fmt: skip
    make(goes, bucket=tmp_path / "nowhere")
    with pytest.raises(SceneError, match=r"E016|E064"):
        tasks.regrid(goes)
    make(goes, bucket=tmp_path / "again")
    assert outcomes(tasks.regrid(goes)) == {"crop": (0, 4, 0), "regrid": (0, 4, 0)}


def test_night(make, tmp_path, touched):
    """Scenes without sun are skipped, and not tried again; other settings may show something."""
    folder = make(tmp_path, change=lambda t: t.replace("bt_13", "refl_2"))
    from tiling.scenes.production import scenework

    crop = scenework.crop

    def dark(source, product, items, *more):
        if "s20200331400" in next(iter(items.values())).key:
            raise SceneError("night", "no sun")
        return crop(source, product, items, *more)

    scenework.crop = dark
    try:
        (outcome,) = tasks.crop(folder)
        assert (outcome.made, outcome.skipped) == (4, {FIRST: "night"})
        scenework.crop = None
        (outcome,) = tasks.crop(folder)
        assert (outcome.made, outcome.kept, dict(outcome.skipped)) == (0, 4, {FIRST: "night"})
    finally:
        scenework.crop = crop
    assert outcomes(tasks.regrid(folder))["regrid"] == (3, 0, 0)


def test_nothing_of_other_settings_is_left_of_a_night(goes, make):
    from tiling.scenes.production import scenework

    make(goes, change=lambda text: text.replace("96000", "90000"))
    crop = scenework.crop

    def dark(*args):
        raise SceneError("night", "no sun")

    scenework.crop = dark
    try:
        tasks.crop(goes, overwrite="stale", scene_filter="0202")
    finally:
        scenework.crop = crop
    left = {path.name[8:16] for path in goes.rglob("cropped/goes16*")}
    assert left == {"20200203"}


def test_zarr(goes, make):
    """A store of tiles is used as long as it holds the tiles as they are."""
    from tiling.scenes.production.dataset import open_dataset
    from tiling.scenes.production.tilestores import tiles_of

    tasks.tiles(goes, store="zarr")
    store = goes / "triplets/train.zarr"
    assert tiles_of(open_dataset(goes), "train") == store
    at = store.stat().st_mtime_ns
    tasks.tiles(goes, store="zarr")
    assert store.stat().st_mtime_ns == at
    make(goes, size=13)
    tasks.tiles(goes, overwrite="stale")
    assert tiles_of(open_dataset(goes), "train") == goes / "triplets/train"
    tasks.tiles(goes, store="zarr")
    assert tiles_of(open_dataset(goes), "train") == store
