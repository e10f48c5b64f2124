"""The graph of a workflow: the shipped one, and every way of getting it wrong."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from spaceeye.errors import BadWorkflow
from spaceeye.farmvibes.graph import SPACEEYE, load_workflow

GRAPH: dict[str, Any] = yaml.safe_load(SPACEEYE.read_text("utf-8"))
Change = Callable[[dict[str, Any]], Any]


def changed(*changes: Change) -> str:
    graph = copy.deepcopy(GRAPH)
    for change in changes:
        change(graph)
    return yaml.safe_dump(graph)


def test_shipped_graph_is_the_reference_graph() -> None:
    workflow = load_workflow(SPACEEYE)
    workflow.check()
    assert workflow.name == "spaceeye_interpolation_inference"
    assert workflow.sources == {
        "input_data": ("group_s2.input_data", "group_mask.input_data"),
        "s2_rasters": ("group_s2.rasters",),
        "cloud_rasters": ("group_mask.rasters",),
    }
    assert workflow.sinks == {"raster": "split.rasters"}
    assert workflow.parameters == {"duration": 48, "time_overlap": 0.5}
    assert {name: (task.op, task.folder) for name, task in workflow.tasks.items()} == {
        "group_s2": ("group_s2_tile_sequence", "group_tile_sequence"),
        "group_mask": ("group_s2cloudmask_tile_sequence", "group_tile_sequence"),
        "spaceeye": ("remove_clouds_interpolation", "remove_clouds"),
        "split": ("split_spaceeye_sequence", "split_sequence"),
    }
    assert workflow.edges == (
        ("group_s2.tile_sequences", "spaceeye.s2_products"),
        ("group_mask.tile_sequences", "spaceeye.cloud_masks"),
        ("spaceeye.spaceeye_sequence", "split.sequences"),
    )


def test_shipped_graph_describes_what_it_has() -> None:
    description = GRAPH["description"]
    for key in ("sources", "sinks", "parameters"):
        assert description[key].keys() == GRAPH[key].keys()


def test_text_and_path_give_the_same_graph() -> None:
    text = load_workflow(SPACEEYE.read_text("utf-8"))
    assert text == load_workflow(SPACEEYE) == load_workflow(str(SPACEEYE))


def test_order_of_edges_and_tasks_does_not_matter() -> None:
    def turn(graph: dict[str, Any]) -> None:
        graph["edges"].reverse()
        graph["tasks"] = dict(reversed(graph["tasks"].items()))

    workflow = load_workflow(changed(turn))
    workflow.check()
    order = list(workflow.order().static_order())
    assert order[2:] == ["spaceeye", "split"]


def test_a_port_may_stand_alone_and_what_is_not_needed_may_be_left_out() -> None:
    text = changed(
        lambda g: g["edges"][0].update(destination="spaceeye.s2_products"),
        lambda g: g["sources"].update(s2_rasters="group_s2.rasters"),
        lambda g: [g.pop(key) for key in ("name", "description")],
        lambda g: [task.pop("op_dir") for task in g["tasks"].values()],
    )
    workflow = load_workflow(text)
    workflow.check()
    assert workflow.name == "the text"
    assert workflow.edges == load_workflow(SPACEEYE).edges


def edge(origin: str, *destinations: str) -> Change:
    return lambda graph: graph["edges"].append(
        {"origin": origin, "destination": list(destinations)}
    )


def task(name: str, **fields: Any) -> Change:
    return lambda graph: graph["tasks"].setdefault(name, {}).update(fields)


def parameters(name: str, **values: Any) -> Change:
    return lambda graph: graph["tasks"][name].setdefault("parameters", {}).update(values)


WRONG: list[tuple[str, list[Change], list[str]]] = [
    (
        "cycle",
        [
            task("again", op="group_s2_tile_sequence"),
            edge("again.tile_sequences", "again.rasters"),
            lambda g: g["sources"]["input_data"].append("again.input_data"),
        ],
        ["cycle again -> again"],
    ),
    (
        "longer cycle",
        [edge("split.rasters", "group_s2.rasters"), lambda g: g["sources"].pop("s2_rasters")],
        ["cycle", "group_s2 -> spaceeye", "split -> group_s2", "remove one of its edges"],
    ),
    (
        "unknown op",
        [task("spaceeye", op="remove_cloud_interpolation")],
        ["task 'spaceeye'", "did you mean 'remove_clouds_interpolation'?"],
    ),
    (
        "op in another folder",
        [task("split", op_dir="split_sequences")],
        ["task 'split'", "op_dir 'split_sequence', not in 'split_sequences'"],
    ),
    (
        "edge from an unknown task",
        [edge("group_s3.tile_sequences", "split.sequences")],
        ["edge from group_s3.tile_sequences", "did you mean 'group_s2'?"],
    ),
    (
        "edge to an unknown task",
        [edge("spaceeye.spaceeye_sequence", "splitt.sequences")],
        ["edge spaceeye.spaceeye_sequence to splitt.sequences", "did you mean 'split'?"],
    ),
    (
        "edge from an unknown port",
        [edge("group_s2.tile_sequence", "split.sequences")],
        ["'group_s2' has no output 'tile_sequence'", "did you mean 'tile_sequences'?"],
    ),
    (
        "edge to an unknown port",
        [lambda g: g["edges"][2].update(destination=["split.sequence"])],
        ["'split' has no input 'sequence'", "did you mean 'sequences'?"],
    ),
    (
        "missing edge",
        [lambda g: g["edges"].pop(1)],
        ["task 'spaceeye': nothing feeds its input 'cloud_masks'", "add an edge or a source"],
    ),
    (
        "input fed twice",
        [lambda g: g["sources"].update(more=["group_mask.rasters"])],
        ["group_mask.rasters is fed by source 'cloud_rasters' and source 'more'", "leave one"],
    ),
    (
        "input fed by a source and an edge",
        [edge("split.rasters", "group_s2.rasters")],
        ["group_s2.rasters is fed by source 's2_rasters' and edge split.rasters"],
    ),
    (
        "sink from an unknown port",
        [lambda g: g["sinks"].update(raster="split.raster")],
        ["sink 'raster' from split.raster", "did you mean 'rasters'?"],
    ),
    (
        "sink from an input",
        [lambda g: g["sinks"].update(raster="split.sequences")],
        ["sink 'raster'", "no output 'sequences'"],
    ),
    (
        "source to an unknown port",
        [lambda g: g["sources"].update(s2_rasters=["group_s2.raster"])],
        ["source 's2_rasters' to group_s2.raster", "did you mean 'rasters'?", "nothing feeds"],
    ),
    (
        "types of an edge",
        [
            lambda g: g["edges"][0].update(destination=["spaceeye.cloud_masks"]),
            lambda g: g["edges"][1].update(destination=["spaceeye.s2_products"]),
        ],
        [
            "edge group_s2.tile_sequences to spaceeye.cloud_masks: gives ImageSequence",
            "spaceeye.cloud_masks takes MaskSequence",
        ],
    ),
    (
        "types of a source",
        [
            lambda g: g["sources"].update(s2_rasters=["group_s2.rasters", "group_mask.rasters"]),
            lambda g: g["sources"].pop("cloud_rasters"),
        ],
        [
            "source 's2_rasters' to group_mask.rasters: gives Raster",
            "group_mask.rasters takes CloudMask",
        ],
    ),
    (
        "reference to an unknown parameter",
        [parameters("group_s2", overlap="@from(time_overlapp)")],
        ["task 'group_s2', parameter 'overlap'", "did you mean 'time_overlap'?"],
    ),
    (
        "unknown parameter of a task",
        [parameters("spaceeye", dampin_factor=0.2)],
        ["task 'spaceeye': unknown parameter 'dampin_factor'", "did you mean 'damping_factor'?"],
    ),
    (
        "parameter out of range",
        [lambda g: g["parameters"].update(time_overlap=1.5)],
        ["task 'group_s2', parameter 'overlap' (parameter 'time_overlap'", "0 < overlap <= 1"],
    ),
    (
        "parameter of another type",
        [lambda g: g["parameters"].update(duration="long")],
        ["task 'spaceeye', parameter 'duration'", "'long'"],
    ),
    (
        "truth value",
        [parameters("spaceeye", normalize_illuminance="perhaps")],
        ["parameter 'normalize_illuminance': 'perhaps': true or false"],
    ),
]


@pytest.mark.parametrize(
    ("changes", "words"), [row[1:] for row in WRONG], ids=[w[0] for w in WRONG]
)
def test_wrong_graph(changes: list[Change], words: list[str]) -> None:
    workflow = load_workflow(changed(*changes))
    with pytest.raises(BadWorkflow) as caught:
        workflow.check()
    for word in words:
        assert word in str(caught.value)


def test_all_faults_are_told_at_once() -> None:
    text = changed(
        task("split", op="spilt"),
        lambda g: g["edges"].pop(1),
        lambda g: g["parameters"].update(duration=0),
    )
    with pytest.raises(BadWorkflow) as caught:
        load_workflow(text).check()
    lines = str(caught.value).splitlines()
    assert len(lines) == 1 + 1 + 3 + 1  # head, op, three uses of duration, the input


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n- b\n", "not a mapping"),
        ("a: [1\n", "not YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "not YAML of plain values"),
        ("a: &a [*a]\n", "not YAML of plain values"),
        (changed(lambda g: g.update(task={})), "unknown key 'task'; did you mean 'tasks'?"),
        (changed(lambda g: g.pop("sinks")), "no sinks"),
        (changed(lambda g: g.update(tasks=None)), "no tasks"),
        (changed(lambda g: g["sinks"].update(raster=None)), "sink 'raster': nothing is not a port"),
        (changed(lambda g: g["sinks"].update(raster="split")), "'split' is not a port"),
        (changed(lambda g: g["sources"].update(s2_rasters=[])), "source 's2_rasters': feeds noth"),
        (changed(lambda g: g["edges"].append({"to": "x.y"})), "unknown key 'to'"),
        (changed(lambda g: g.update(edges={"a": "b"})), "edges: .* is not a list"),
        (
            changed(lambda g: g["tasks"].update(split={"workflow": "data_ingestion/split"})),
            "task 'split': workflow 'data_ingestion/split' inside a workflow is not supported",
        ),
        (changed(lambda g: g["tasks"].update(split={"op_dir": "b"})), "task 'split': no op"),
        (changed(lambda g: g["tasks"].update(split=None)), "task 'split': nothing is not a map"),
        (changed(lambda g: g["tasks"]["split"].update(oper="b")), "task 'split': unknown key"),
        (changed(task("a.b", op="split_spaceeye_sequence")), "task 'a.b'"),
        ("tasks:\n  a: {op: x}\n  a: {op: y}\n", "line 3: 'a' stands twice"),
        ("a: 1\n" * 300_000, "1,500,000 characters"),
    ],
)
def test_what_is_no_workflow(text: str, words: str) -> None:
    with pytest.raises(BadWorkflow, match=words):
        load_workflow(text)


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(BadWorkflow, match="no such workflow file; the one shipped is"):
        load_workflow(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadWorkflow, match=r"bytes.yaml: not UTF-8 text"):
        load_workflow(tmp_path / "bytes.yaml")
    (tmp_path / "large.yaml").write_text("a: 1\n" * 300_000)
    with pytest.raises(BadWorkflow, match=r"large.yaml: larger than 1,000,000 bytes"):
        load_workflow(tmp_path / "large.yaml")


def test_loading_needs_no_heavy_library() -> None:
    """The command line reads and checks a workflow without torch, numba or matplotlib."""
    code = (
        "import sys; from spaceeye.farmvibes.graph import *; import spaceeye.farmvibes.run; "
        "load_workflow(SPACEEYE).check(); "
        "print([m for m in ('torch', 'numba', 'matplotlib', 'distributed') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=SPACEEYE.parents[2],
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
