"""Labels of triplets and places."""

from __future__ import annotations

import pytest

from tiling.scenes.errors import UnusableInput
from tiling.scenes.planning.labels import Label, labelled, read_labels
from tiling.scenes.planning.tiles import Tile

CSV = """\ufeffscene_id,triplet_id,collection,x,y,label,remark
s1,3,,,,gravel,seen
s1,3,study,,,"fish, small",
s2,,,-1000,2e3,sugar,
"""
YAML = """
- {scene_id: s1, triplet_id: 3, label: gravel}
- {scene_id: s1, triplet_id: 3, collection: study, label: "fish, small"}
- {scene_id: s2, x: -1000, y: 2e3, label: sugar}
"""
LABELS = [
    Label("s1", "gravel", 3),
    Label("s1", "fish, small", 3, "study"),
    Label("s2", "sugar", x=-1000.0, y=2000.0),
]


@pytest.mark.parametrize(("name", "text"), [("a.csv", CSV), ("a.yml", YAML)])
def test_labels_are_read(tmp_path, name, text):
    (tmp_path / name).write_text(text, "utf-8")
    assert read_labels(tmp_path / name) == LABELS


def test_labels_go_to_tiles():
    tiles = [
        Tile("train", 3, "anchor", "s1", 0, 0),
        Tile("train", 3, "distant", "s2", 0, 0),
        Tile("study", 4, "anchor", "s2", -5000, 2000),
        Tile("study", 5, "anchor", "s2", 9000, 2000),
    ]
    labels = [*LABELS, Label("s2", "near", x=-4000.0, y=2000.0), Label("s3", "flower", 1)]
    found, unused = labelled(labels, tiles, 10_000.0)
    assert found == {
        "train/00003_anchor": "gravel",
        "train/00003_distant": "sugar",
        "study/00004_anchor": "near",
    }
    assert unused == [LABELS[1], labels[-1]]
    of_triplet = [Label("s2", "far", x=0.0, y=0.0), Label("s2", "own", 3)]
    assert labelled(of_triplet, tiles[1:2], 1e4)[0] == {"train/00003_distant": "own"}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "scene_id,label\ns1,a\n", "line 2: give either"),
        ("a.csv", "scene_id,triplet_id\ns1,1\n", "line 2: no label"),
        ("a.csv", "triplet_id,label\n1,a\n", "line 2: no scene_id"),
        ("a.csv", "scene_id,label,triplet_id,x,y\ns,a,1,1,1\n", "either triplet_id, or x and y"),
        ("a.csv", "scene_id,label,x,y\ns,a,1,north\n", "line 2: y is 'north': not a number"),
        ("a.csv", "scene_id,label,x,y\ns,a,1,inf\n", "y is .inf.: not a number"),
        ("a.csv", "scene_id,label,triplet_id\ns,a,1.5\n", "not a whole number"),
        ("a.csv", 'scene_id,label\n"s,a\n', "cannot be read"),
        ("a.csv", None, "cannot be read"),
        ("a.yml", None, "no such file"),
        ("a.yml", "a: 1\n", "list of mappings"),
        ("a.yml", "- {scene_id: s, triplet_id: 1, label: yes}\n", "label 1: .*quotes"),
        ("a.yml", "- {scene_id: s, triplet_id: [1], label: a}\n", "not a number"),
        ("a.yml", "- [\n", "line"),
    ],
)
def test_bad_labels_are_refused(tmp_path, name, text, words):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UnusableInput, match=rf"(?s)E105: .*{name}.*{words}"):
        read_labels(tmp_path / name)


def test_all_bad_lines_are_told_at_once(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("scene_id,label\n" + "s,a\n" * 12)
    with pytest.raises(UnusableInput, match=r"(?s)line 2: .*line 11: .*and 2 more"):
        read_labels(path)
