import json

import h5py
import pytest

from tiling.scenes.errors import SceneError
from tiling.scenes.production.standing import Record, sort_out

A, B = "a" * 64, "b" * 64


@pytest.fixture
def files(tmp_path):
    """Write files that bear fingerprints; None for one that is no netCDF file."""

    def write(**fingerprints):
        for name, fingerprint in fingerprints.items():
            path = tmp_path / name.replace("_", ".")
            if fingerprint is None:
                path.write_text("else")
                continue
            with h5py.File(path, "w") as file:
                file.attrs["fingerprint"] = fingerprint

    return write


def state(tmp_path, *names, made=None, skipped="", shall=A, overwrite="stale"):
    record = Record(tmp_path / "_stage.crop.json")
    if made:
        record.add("s", made, 1.0, skipped)
    paths = {"s": [tmp_path / name for name in names]}
    work = sort_out("crop", record, {"s": shall}, paths, overwrite)
    (found,) = [name for name in ("kept", "missing", "stale") if getattr(work, name)]
    return found


@pytest.mark.parametrize(
    ("standing", "made", "expected"),
    [
        ({}, None, "missing"),
        ({}, A, "missing"),  # deleted
        ({"one_nc": A, "one_yml": None}, A, "kept"),
        ({"one_nc": A, "one_yml": None}, B, "stale"),
        ({"one_nc": A}, A, "missing"),
        ({"one_yml": None}, A, "missing"),
        ({"one_yml": None}, B, "stale"),
        # Without a record the files say it themselves.
        ({"one_nc": A, "one_yml": None}, None, "kept"),
        ({"one_nc": B, "one_yml": None}, None, "stale"),
        ({"one_nc": A}, None, "missing"),
        ({"one_yml": None}, None, "missing"),
        ({"one_nc": None}, None, "stale"),
    ],
)
def test_states(tmp_path, files, standing, made, expected):
    files(**standing)
    assert state(tmp_path, "one.nc", "one.yml", made=made) == expected


def test_half_replaced(tmp_path, files):
    """Of two tiles one is new: all are looked at, not only the first."""
    files(one_nc=A, two_nc=B)
    assert state(tmp_path, "one.nc", "two.nc") == "stale"
    assert state(tmp_path, "one.nc", "two.nc", shall=B) == "stale"


def test_skipped(tmp_path):
    assert state(tmp_path, "one.nc", made=A, skipped="night") == "kept"
    assert state(tmp_path, "one.nc", made=B, skipped="night", overwrite="never") == "missing"


def test_refused_with_counts(tmp_path, files):
    record = Record(tmp_path / "_stage.crop.json", {f"s{n}": B if n < 5 else A for n in range(8)})
    files(**{f"s{n}_nc": A for n in range(7)})
    wanted = {f"s{n}": A for n in range(8)}
    paths = {scene: [tmp_path / f"{scene}.nc"] for scene in wanted}
    with pytest.raises(SceneError, match=r"E100: crop: 5 scenes .*s2, \.\.\.\), 2 stand, 1 are"):
        sort_out("crop", record, wanted, paths, "never")
    work = sort_out("crop", record, wanted, paths, "stale")
    assert work.todo == ("s0", "s1", "s2", "s3", "s4", "s7")
    assert sort_out("crop", record, wanted, paths, "all").todo == tuple(wanted)


def test_record_round_trip(tmp_path):
    record = Record.load(tmp_path, "crop")
    record.add("one", A, 2.0)
    record.add("two", B, 1.0, "night")
    record.save()
    found = Record.load(tmp_path, "crop")
    assert (found.done, found.skipped) == ({"one": A, "two": B}, {"two": "night"})
    assert (found.seconds, found.scenes) == (3.0, 2)
    found.add("two", B, 1.0)
    assert not found.skipped


def test_forgotten_at_once(tmp_path):
    """What is about to be replaced is forgotten on disk before anything is replaced."""
    record = Record.load(tmp_path, "crop")
    record.add("one", A, 2.0, "night")
    record.add("two", A, 2.0)
    record.save()
    record.forget(["one", "three"])
    found = Record.load(tmp_path, "crop")
    assert (found.done, found.skipped) == ({"two": A}, {})


def test_nothing_new_is_not_written(tmp_path):
    Record.load(tmp_path, "crop").save()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"done": {"one": "x"', "[]", "7", '{"done": [], "skipped": 3}', '{"done": {}}',
     '{"done": {}, "skipped": {}, "seconds": "x", "scenes": 1}', "\xff"],
)  # fmt: skip
def test_torn_record(tmp_path, text):
    (tmp_path / "_stage.crop.json").write_text(text, "latin-1")
    assert Record.load(tmp_path, "crop").done == {}


def test_record_that_was_edited(tmp_path):
    told = {"done": {"one": A}, "skipped": {"two": "night"}, "seconds": 1, "scenes": 1}
    (tmp_path / "_stage.crop.json").write_text(json.dumps(told))
    assert Record.load(tmp_path, "crop").skipped == {}
