import pytest

from tiling.scenes import tasks
from tiling.scenes.errors import SceneError
from tiling.scenes.production.dataset import Options, open_dataset
from tiling.scenes.production.pipeline import Pipeline
from tiling.scenes.production.status import forecasts, stale_files


def rows(folder):
    return {
        row.stage: (row.scenes, row.done, row.missing, row.stale, row.skipped, row.failed)
        for row in tasks.status(folder)
    }


def lines(folder, task, **options):
    found = open_dataset(folder, Options(looking=True, **options))
    return [str(line) for line in forecasts(Pipeline(found), task)]


def test_of_what_stands(goes, touched):
    assert touched(goes, tasks.status) == set()
    found = rows(goes)
    assert found["crop"] == found["regrid"] == found["triplets"] == (4, 4, 0, 0, 0, 0)
    assert found["crop.height"][1:3] == (0, found["crop.height"][0])


def test_of_nothing(make, tmp_path):
    make(tmp_path)
    assert rows(tmp_path) == {"scene-ids": (0, 0, 1, 0, 0, 0)}
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {
        "clouds.nc", "meta.yaml"
    }  # fmt: skip


def test_of_what_is_stale(goes, make):
    (goes / "rect/goes16__202002021400.nc").unlink()
    make(goes, size=13)
    found = rows(goes)
    assert found["crop"] == (4, 4, 0, 0, 0, 0)
    assert found["regrid"] == (4, 3, 1, 0, 0, 0)
    assert found["triplets"] == (4, 0, 0, 4, 0, 0)


def test_dry_run_makes_nothing(make, tmp_path):
    make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    crop, regrid = lines(tmp_path, "regrid")
    assert crop.startswith("crop: 4 scenes, of files with ")
    assert crop.endswith("(a guess: none was made yet)")
    assert regrid.startswith("regrid: 4 scenes, ")
    assert [line.split(",")[0] for line in lines(tmp_path, "tiles")] == [
        "crop: 4 scenes", "triplets: 4 scenes"
    ]  # fmt: skip
    assert [line.split(",")[0] for line in lines(tmp_path, "crop", scene_filter="0203")] == [
        "crop: 2 scenes"
    ]
    assert sorted(tmp_path.rglob("*")) == before


def test_dry_run_of_what_stands(goes, make, touched):
    assert lines(goes, "embed") == ["crop: nothing to do", "regrid: nothing to do"]
    make(goes, size=13)
    with pytest.raises(SceneError, match="E100"):
        lines(goes, "tiles")
    assert touched(goes, lambda folder: lines(folder, "tiles", overwrite="stale")) == set()
    assert lines(goes, "tiles", overwrite="stale")[1].endswith("(as before)")


def test_stale_files_are_those_of_the_dataset_alone(goes, make):
    """What others have put there stays, whatever its name."""
    crop = next(goes.rglob("cropped/*.nc"))
    names = ("rect/goes16__202002021500.nc", "rect/mask.nc", "rect/notes.yml",
             "triplets/train/00007_anchor.nc", "triplets/mine/00000_anchor.nc")  # fmt: skip
    for path in (goes / name for name in names):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(crop.read_bytes()[:200])
    assert stale_files(open_dataset(goes)) == []
    gone = goes / "rect/goes16__202002021500.nc"
    gone.write_bytes((goes / "rect/goes16__202002021400.nc").read_bytes())  # as of a former list
    assert stale_files(open_dataset(goes)) == [gone]
    make(goes, size=13)
    found = stale_files(open_dataset(goes))
    names = {path.relative_to(goes).as_posix() for path in found}
    kinds = [f"{n:05d}_{kind}" for n in (0, 1) for kind in ("anchor", "neighbor", "distant")]
    tiles = {
        f"triplets/{collection}/{kind}.{suffix}"
        for collection in ("train", "study")
        for kind in kinds
        for suffix in ("nc", "png", "yml")
    }
    plans = {path.relative_to(goes).as_posix() for path in goes.rglob("tile_locations*")}
    assert names == {"rect/goes16__202002021500.nc", *tiles, *plans}
