"""Plans come back as they were written, in both forms, and as users rewrite them."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tiling.scenes.errors import UnusableInput
from tiling.scenes.planning import plans
from tiling.scenes.planning.matching import Match
from tiling.scenes.planning.tiles import Tile
from tiling.scenes.sources.contract import Item
from workbench.safeyaml import parse_yaml

T0 = np.datetime64("2020-02-02T14:00:20.3", "ns")
forms = pytest.mark.parametrize("form", ["yaml", "json"])


def scenes_of(count, inputs=("bt_13",)):
    found = {}
    for number in range(count):
        start = T0 + np.timedelta64(600 * number, "s")
        key = f"noaa-goes16/ABI-L1b-RadF/2020/033/14/OR_ABI-L1b-RadF-M6C13_G16_s{number:014d}.nc"
        found[f"goes16__{number:012d}"] = {
            name: Item(name, f"{key}#{name}", start, start + np.timedelta64(570, "s"), 26_000_000)
            for name in inputs
        }
    return found


@forms
def test_scenes_come_back(tmp_path, form):
    path = plans.plan_path(tmp_path, "scene_ids", form)
    scenes, incomplete = scenes_of(3, ("rad_1", "rad_2")), {"goes16__202002021430": ("rad_2",)}
    plans.write_scenes(path, scenes, incomplete)
    assert plans.read_scenes(path) == (scenes, incomplete)
    general = yaml.safe_load(path.read_text())
    assert general["scenes"]["goes16__000000000001"]["rad_2"].endswith("00001.nc#rad_2")
    assert general["incomplete"] == {"goes16__202002021430": ["rad_2"]}
    plans.write_scenes(path, {}, {})
    assert plans.read_scenes(path) == ({}, {})


def test_a_user_may_rewrite_a_plan(tmp_path, monkeypatch):
    path = tmp_path / "scene_ids.yml"
    scenes = scenes_of(3)
    plans.write_scenes(path, scenes)
    with monkeypatch.context() as patched:
        patched.setattr(plans, "parse_yaml", None)  # a comment does not make it slow
        path.write_text("# mine\n\n" + path.read_text() + "\n# end\n")
        assert plans.read_scenes(path) == (scenes, {})
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text())))
    assert plans.read_scenes(path) == (scenes, {})
    lines = path.read_text().splitlines()
    gone = next(i for i, line in enumerate(lines) if line == "scenes:") + 1
    del lines[gone : gone + 2]  # a scene that is not wanted
    path.write_text("\n".join(lines))
    assert list(plans.read_scenes(path)[0]) == list(scenes)[1:]


@forms
def test_matches_splits_and_tiles_come_back(tmp_path, form):
    scenes = scenes_of(2, ("ACHA",))
    ids = list(scenes)
    path = plans.plan_path(tmp_path, "matched_scene_ids", form)
    matches = {
        "goes16__202002021400": Match(ids[0], -12.5),
        "goes16__202002021410": Match(ids[1], 0),
    }
    plans.write_matches(path, matches, scenes)
    assert plans.read_matches(path) == (matches, scenes)
    assert yaml.safe_load(path.read_text())["goes16__202002021400"]["dt_s"] == -12.5

    path = plans.plan_path(tmp_path, "tile_scene_splits", form)
    plans.write_splits(path, {"train": ids, "study": []})
    assert plans.read_splits(path) == {"train": ids, "study": []}

    path = plans.plan_path(tmp_path, "tile_locations.x", form)
    tiles = [
        Tile("train", 0, "anchor", "x", -1 / 3, 1e-7),
        Tile("train", 0, "neighbor", "x", 1e5, 2.5),
        Tile("trajectories", 3, "trajectory", "x", 0.0, 0.0),
    ]
    plans.write_tiles(path, tiles)
    assert plans.read_tiles(path) == tiles
    assert yaml.safe_load(path.read_text())["train/00000_anchor"]["tile_type"] == "anchor"
    assert "trajectories/x__00003" in yaml.safe_load(path.read_text())


@forms
def test_a_stage_replaces_its_own_failures(tmp_path, form):
    path = plans.plan_path(tmp_path, "failed_scenes", form)
    assert plans.read_failures(path) == {}
    plans.note_failures(path, "crop", {"b": "night", "a": "truncated: line\nbreak"})
    plans.note_failures(path, "regrid", {"a": "disk"})
    plans.note_failures(path, "crop", {"c": "night"})
    assert plans.read_failures(path) == {"crop": {"c": "night"}, "regrid": {"a": "disk"}}
    plans.note_failures(path, "crop", {})
    plans.note_failures(path, "regrid", {})
    assert not path.exists()


def test_ten_thousand_scenes_are_read_line_by_line(tmp_path, monkeypatch):
    path = tmp_path / "scene_ids.yml"
    scenes = scenes_of(10_000, ("rad_1", "rad_2", "rad_3"))
    plans.write_scenes(path, scenes)
    monkeypatch.setattr(plans, "parse_yaml", None)  # the general way would take a minute
    assert plans.read_scenes(path)[0] == scenes


words = st.text(max_size=8) | st.sampled_from(["yes", "null", "1e3", "- a", "a: b", "# c", "\x85"])
numbers = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(plan=st.dictionaries(words, values, max_size=4))
def test_any_plan_comes_back_and_is_yaml(tmp_path_factory, plan):
    plan = without_surrogates(plan)
    for suffix in (".yml", ".json"):
        path = tmp_path_factory.getbasetemp() / f"any{suffix}"
        plans.write_plan(path, plan)
        assert plans.read_plan(path) == plan
    text = (tmp_path_factory.getbasetemp() / "any.yml").read_text("utf-8")
    assert parse_yaml(text) == plan


def without_surrogates(value):
    if isinstance(value, str):
        return "".join(c for c in value if not 0xD800 <= ord(c) < 0xE000)
    if isinstance(value, dict):
        return {without_surrogates(k): without_surrogates(v) for k, v in value.items()}
    return [without_surrogates(v) for v in value] if isinstance(value, list) else value


BAD = {
    "empty": ("", "no mapping"),
    "list": ("- a\n", "no mapping"),
    "twice": ('"scenes":\n  "a": 1\n  "a": 2\n', "'a' stands twice"),
    "nan": ('"a": NaN\n"b": [1\n', "line"),
    "syntax": ("a: [1\n", "line"),
    "object": ("a: !!python/object:os.system {}\n", "tag"),
    "bytes": (b"\xff\xfe\x00", "cannot be read"),
    "deep": ("[" * 5000, "deep|line|recursion"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_plans_are_refused(tmp_path, name):
    content, words = BAD[name]
    path = tmp_path / "bad.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UnusableInput, match=rf"(?i)E101: .*bad\.yml.*({words})"):
        plans.read_plan(path)


def test_plans_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "a.yml"
    with pytest.raises(UnusableInput, match=r"E101: .*no such file"):
        plans.read_scenes(path)
    for text in ("scenes: {a: {b: c}}", "scenes: 3\nincomplete: {}\nitems: {}"):
        path.write_text(text)
        with pytest.raises(UnusableInput, match=r"E101: .*run its stage again"):
            plans.read_scenes(path)
        with pytest.raises(UnusableInput, match="E101"):
            plans.read_splits(path)
        with pytest.raises(UnusableInput, match="E101"):
            plans.read_matches(path)
        with pytest.raises(UnusableInput, match="E101"):
            plans.read_tiles(path)
    path.write_text("crop: night")
    with pytest.raises(UnusableInput, match="E101"):
        plans.read_failures(path)
    path = tmp_path / "a.json"
    path.write_text('{"a": 1, "a": 2}')
    with pytest.raises(UnusableInput, match="'a' stands twice"):
        plans.read_plan(path)


def test_a_plan_that_cannot_be_written_down_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.yml"
    plans.write_plan(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        plans.write_plan(path, {"a": float("nan")})
    assert plans.read_plan(path) == {"a": 1}
    assert [found.name for found in tmp_path.iterdir()] == ["a.yml"]
