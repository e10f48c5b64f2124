from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from itertools import combinations
from xml.etree import ElementTree

import pytest

from tiling.sentinel1.production.drawings import draw_steps
from tiling.sentinel1.production.standing import Standing
from tiling.sentinel1.production.steps import in_order, needed, side_by_side
from workbench.errors import OutputExists
from workbench.manifests import Manifest


def names(steps):
    return [step.name for step in steps]


def test_a_step_comes_after_what_it_needs(step):
    a, b = step("a"), step("b")
    c = step("c", a, b)
    d = step("d", c)
    assert names(in_order([d, c, b, a])) == ["b", "a", "c", "d"]
    assert names(in_order([d])) == ["d"]  # what it needs is there


def test_steps_that_wait_for_each_other_or_write_one_file_are_refused(step):
    a = step("a")
    b = step("b", a)
    round_about = step("a", b)
    with pytest.raises(ValueError, match="wait for each other: b, a"):
        in_order([b, round_about])
    with pytest.raises(ValueError, match=r"two steps write one file: .*/a"):
        in_order([a, step("a")])


SHAPES = {
    "nothing": {},
    "a tile and its mask": {"tile": "", "mask": "tile"},
    "what is made of one tile": {"tile": "", "mask": "tile", "filtered": "tile", "item": "tile"},
    "two dates": {"a": "", "b": "", "mask of a": "a", "mask of b": "b"},
    "images first": {"a": "", "b": "", "tile": "a b", "mask": "tile"},
    "a map for two tiles": {"map": "", "a": "map", "b": "map"},
    "one that takes long beside three": {"x": "", "y": "", "p": "y", "q": "y", "r": "y"},
}


@pytest.mark.parametrize("needs", SHAPES.values(), ids=SHAPES)
def test_no_more_steps_go_on_at_a_time_than_are_counted(step, needs):
    names = {name: text.split() for name, text in needs.items()}
    made, before = {}, {}
    for name, waited in names.items():
        made[name] = step(name, *(made[other] for other in waited))
        before[name] = set(waited).union(*(before[other] for other in waited))
    together = [
        len(group)
        for size in range(1, len(made) + 1)
        for group in combinations(made, size)
        if not any(one in before[other] for one in group for other in group)
    ]
    assert side_by_side(made.values()) == max(together, default=0)


def test_what_only_others_need_is_made_only_for_them(step):
    image = step("image", wanted=False)
    tile = step("tile", image, wanted=False)
    kept, filtered = step("mask", tile), step("filtered", tile)
    steps = [image, tile, kept, filtered]
    assert names(needed(steps, lambda one: False)) == names(steps)
    assert names(needed(steps, lambda one: one.name in ("mask", "tile"))) == ["filtered"]
    assert needed(steps, lambda one: one.name in ("mask", "filtered")) == []


def test_what_stands_is_told_by_what_it_was_made_from(step, tmp_path):
    one = step("one", parameters={"looks": 4})
    assert not Standing().stands(one)
    one.outputs[0].parent.mkdir()
    one.outputs[0].write_text("x")
    found = Standing()
    assert found.stands(one)  # as S1Tiling left it
    assert (found.found, found.kept) == ({"one"}, set())
    assert not Standing(overwrite=True).stands(one)
    one.manifest.save(one.record)
    kept = Standing()
    assert kept.stands(one)
    assert (kept.found, kept.kept) == (set(), {"one"})


def test_what_was_made_otherwise_is_not_written_over(step):
    one = step("one", parameters={"looks": 4})
    one.outputs[0].parent.mkdir()
    one.outputs[0].write_text("x")
    one.manifest.save(one.record)
    other = step("one", parameters={"looks": 5})
    standing = Standing()
    todo = needed([other], standing.stands)
    with pytest.raises(OutputExists, match=r"one: made with other parameter looks \(4 -> 5\)"):
        standing.refuse(todo)
    over = Standing(overwrite=True)
    over.refuse(needed([other], over.stands))
    one.record.write_text("{")
    torn = Standing()
    with pytest.raises(OutputExists, match="not a manifest"):
        torn.refuse(needed([other], torn.stands))


def test_what_rests_on_something_made_otherwise_is_made_otherwise_too(step):
    first = step("mask", step("tile", parameters={"kind": "sigma"}))
    second = step("mask", step("tile", parameters={"kind": "gamma"}))
    assert first.manifest.key != second.manifest.key
    again = step("mask", step("tile", parameters={"kind": "sigma"}))
    assert first.manifest.key == again.manifest.key


def test_a_file_of_two_is_made_again(step, tmp_path):
    one = step("one")
    both = dataclasses.replace(one, outputs=(*one.outputs, tmp_path / "out" / "report"))
    both.outputs[0].parent.mkdir()
    both.outputs[0].write_text("x")
    both.manifest.save(both.record)
    standing = Standing()
    assert not standing.stands(both)
    standing.refuse([both])
    both.outputs[1].write_text("x")
    assert Standing().stands(both)


def pair(step, tmp_path, **given):
    """A step of two files, as maps of the sine and of the angle are."""
    one = step("sin_LIA", **given)
    one.outputs[0].parent.mkdir(exist_ok=True)
    return dataclasses.replace(one, outputs=(*one.outputs, tmp_path / "out" / "LIA"))


def test_a_second_file_that_is_not_known_is_in_the_way(step, tmp_path):
    """Its step, whose first file is missing, would replace it."""
    both = pair(step, tmp_path)
    both.outputs[1].write_text("of somebody else")
    standing = Standing()
    todo = needed([both], standing.stands)
    assert todo == [both]
    with pytest.raises(OutputExists, match=r"/LIA: nothing says .*/sin_LIA is to be made with it"):
        standing.refuse(todo)
    over = Standing(overwrite=True)
    over.refuse(needed([both], over.stands))


def test_a_second_file_that_was_made_otherwise_is_in_the_way(step, tmp_path):
    before = pair(step, tmp_path, parameters={"heights": "GLO-30"})
    before.outputs[1].write_text("x")
    before.manifest.save(before.record)
    after = pair(step, tmp_path, parameters={"heights": "GLO-90"})
    standing = Standing()
    with pytest.raises(OutputExists, match=r"/LIA: made with other parameter heights"):
        standing.refuse(needed([after], standing.stands))
    again = Standing()
    again.refuse(needed([before], again.stands))  # only the one that is missing is made


def test_a_report_alone_is_in_nobody_s_way(step, tmp_path):
    """A disk that was full when the tile was to be written leaves it."""
    both = pair(step, tmp_path)
    both = dataclasses.replace(both, outputs=(both.outputs[0], tmp_path / "out" / "report.json"))
    both.outputs[1].write_text("{}")
    standing = Standing()
    standing.refuse(needed([both], standing.stands))


def test_a_first_file_that_is_not_known_stands_for_both(step, tmp_path, caplog):
    both = pair(step, tmp_path)
    both.outputs[0].write_text("of S1Tiling")
    standing = Standing()
    standing.refuse(needed([both], standing.stands))
    assert standing.found == {"sin_LIA"}
    assert "made from: sin_LIA; so not made: LIA" in caplog.text


def test_the_picture_has_a_box_for_each_step_and_an_arrow_for_each_need(step, tmp_path):
    class Work(dict):
        products = ("S1A_<one>", "S1A_two")

    tile = step("tile")
    object.__setattr__(tile, "work", Work())
    mask = step("mask", tile, kind="mask")
    path = draw_steps(tmp_path / "t.svg", [mask, tile], ["S1A_<one>", "S1A_two"], ["mask"])
    root = ElementTree.parse(path).getroot()
    space = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in root.iter(f"{space}text")]
    assert {"S1A_<one>", "S1A_two", "tile", "mask"} <= set(texts)
    assert len(list(root.iter(f"{space}path"))) == 3
    left = {
        group.findall(f"{space}text")[1].text: int(group.find(f"{space}rect").get("x"))
        for group in root.iter(f"{space}g")
    }
    assert left["S1A_two"] < left["tile"] < left["mask"]
    assert [g.get("opacity") for g in root.iter(f"{space}g")].count("0.45") == 1
    draw_steps(path, [], [])
    assert list(ElementTree.parse(path).getroot()) == []


def test_a_decision_is_no_part_of_what_a_file_is_known_by(step):
    one = step("one")
    one.outputs[0].parent.mkdir()
    one.outputs[0].write_text("x")
    Manifest(one.manifest.inputs, {}, "1", {"product": "S1A"}).save(one.record)
    assert Standing().stands(one)
    assert one.manifest.decided(one.record) == {"product": "S1A"}


def test_what_makes_tiles_loads_no_library_of_tables_and_cubes():
    script = (
        "import json, sys, tiling.sentinel1.production.sources, "
        "tiling.sentinel1.outputs.concatenation, tiling.sentinel1.outputs.bordermasks, "
        "tiling.sentinel1.outputs.rasters; print(json.dumps(sorted(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert not {"dask", "pandas", "xarray"} & set(json.loads(answer.stdout))
