"""The workflow format: the shipped graph, every way of getting it wrong, and runs of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import yaml
from affine import Affine

from spaceeye.errors import BadInput, BadWorkflow
from spaceeye.farmvibes import registry
from spaceeye.farmvibes.operations import CloudMask, InputData, Raster
from spaceeye.farmvibes.workflow import SPACEEYE, load_workflow, run_workflow, sources_of_folder
from spaceeye.iteration import Iteration

if TYPE_CHECKING:
    from distributed import Client

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
    assert {task.name: (task.op, task.folder) for task in workflow.tasks.values()} == {
        "group_s2": ("group_s2_tile_sequence", "group_tile_sequence"),
        "group_mask": ("group_s2cloudmask_tile_sequence", "group_tile_sequence"),
        "spaceeye": ("remove_clouds_interpolation", "remove_clouds"),
        "split": ("split_spaceeye_sequence", "split_sequence"),
    }
    assert [(edge.origin, edge.destinations) for edge in workflow.edges] == [
        ("group_s2.tile_sequences", ("spaceeye.s2_products",)),
        ("group_mask.tile_sequences", ("spaceeye.cloud_masks",)),
        ("spaceeye.spaceeye_sequence", ("split.sequences",)),
    ]
    assert set(workflow.description) == {
        "short_description", "long_description", "sources", "sinks", "parameters",
    }  # fmt: skip


def test_text_and_path_give_the_same_graph() -> None:
    text = load_workflow(SPACEEYE.read_text("utf-8"))
    path = load_workflow(str(SPACEEYE))
    assert (text.tasks, text.edges, text.sources) == (path.tasks, path.edges, path.sources)
    assert text.folder is None
    assert path.folder == SPACEEYE.parent


def test_order_of_edges_and_tasks_does_not_matter() -> None:
    def turn(graph: dict[str, Any]) -> None:
        graph["edges"].reverse()
        graph["tasks"] = dict(reversed(graph["tasks"].items()))

    load_workflow(changed(turn)).check()


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
        ["group_mask.rasters is fed by source cloud_rasters and source more", "leave one"],
    ),
    (
        "input fed by a source and an edge",
        [edge("split.rasters", "group_s2.rasters")],
        ["group_s2.rasters is fed by source s2_rasters and split.rasters"],
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
            "source 's2_rasters'",
            "group_s2.rasters takes Raster, group_mask.rasters takes CloudMask",
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
    (
        "workflow from elsewhere",
        [lambda g: g["tasks"].update(split={"workflow": "data_ingestion/split"})],
        ["task 'split'", "'data_ingestion/split' is not supported", "beside this one"],
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
    with pytest.raises(BadWorkflow):  # and nothing of it runs
        run_workflow(workflow, {}, output="nowhere")


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
        (changed(lambda g: g["tasks"].update(split={"workflow": "a", "op": "b"})), "task 'split'"),
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
    with pytest.raises(BadWorkflow, match="no such workflow file"):
        load_workflow(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadWorkflow, match="cannot be read as text"):
        load_workflow(tmp_path / "bytes.yaml")


# --- workflows inside a workflow ----------------------------------------------------------------


def outer(inner: str) -> str:
    """A workflow whose only task is another workflow."""
    return yaml.safe_dump(
        {
            "name": "outer",
            "sources": {name: [f"all.{name}"] for name in GRAPH["sources"]},
            "sinks": {"daily": "all.raster"},
            "parameters": {"days": 20},
            "tasks": {"all": {"workflow": inner, "parameters": {"duration": "@from(days)"}}},
        }
    )


def test_nested_workflow_of_the_same_folder(tmp_path: Path) -> None:
    (tmp_path / "daily.yaml").write_text(SPACEEYE.read_text("utf-8"))
    (tmp_path / "outer.yaml").write_text(outer("daily"))
    workflow = load_workflow(tmp_path / "outer.yaml")
    workflow.check()
    with pytest.raises(BadWorkflow, match=r"'all' \(workflow 'daily'\): task 'group_s2', param"):
        workflow.check({"days": 0})
    with pytest.raises(BadWorkflow, match=r"'day': the workflow has none .* did you mean 'days'"):
        workflow.check({"day": 10})


@pytest.mark.parametrize("name", ["../daily", "dailly", "/etc/passwd", "daily.yaml"])
def test_nested_workflow_from_elsewhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "daily.yaml").write_text(SPACEEYE.read_text("utf-8"))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "outer.yaml").write_text(outer(name))
    (tmp_path / "sub" / "daily.yaml").write_text(SPACEEYE.read_text("utf-8"))
    with pytest.raises(
        BadWorkflow, match=r"task 'all': .* not supported.*did you mean 'daily'|"
    ) as c:
        load_workflow(tmp_path / "sub" / "outer.yaml").check()
    assert name in str(c.value)


def test_workflow_that_contains_itself(tmp_path: Path) -> None:
    (tmp_path / "outer.yaml").write_text(outer("outer"))
    with pytest.raises(BadWorkflow, match="outer -> outer contains itself"):
        load_workflow(tmp_path / "outer.yaml").check()


# --- runs ---------------------------------------------------------------------------------------


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Any]:
    """Seven images of two tiles over 50 days, with clouds, on 12 x 10 pixels."""
    rng = np.random.default_rng(8)
    images, masks = [], []
    profile = {
        "driver": "GTiff", "height": 12, "width": 10, "crs": "EPSG:32631",
        "transform": Affine(10, 0, 500_000, 0, -10, 5_700_000),
    }  # fmt: skip
    for tile, days in (("31UES", (1, 6, 20, 41)), ("31UDS", (3, 28, 50))):
        for day in days:
            stamp = (np.datetime64("2021-06-01") + day).item().strftime("%Y%m%dT105000")
            image, mask = (tmp_path / f"S2_{tile}_{stamp}{tail}.tif" for tail in ("", "_mask"))
            with rasterio.open(image, "w", count=10, dtype="uint16", **profile) as file:
                file.write(rng.integers(500, 4000, (10, 12, 10)).astype(np.uint16))
                file.update_tags(BOA_OFFSET_APPLIED="1")
            with rasterio.open(mask, "w", count=1, dtype="uint8", **profile) as file:
                file.write((rng.uniform(size=(1, 12, 10)) < 0.3).astype(np.uint8))
            images.append(Raster.open(image))
            masks.append(CloudMask.open(mask))
    region = InputData(("2021-06-01", "2021-06-24"), images[0].bounds)
    rng.shuffle(masks)
    return {"input_data": region, "s2_rasters": images, "cloud_rasters": masks}


def pixels(rasters: list[Raster]) -> dict[tuple[str, str], Any]:
    found = {}
    for raster in rasters:
        with rasterio.open(raster.path) as file:
            found[raster.tile, str(raster.day)] = file.read()
    assert len(found) == len(rasters)
    return found


@pytest.mark.cluster
@pytest.mark.parametrize("mode", ["full", "compat"])
def test_here_and_on_a_client_are_the_same(
    sources: dict[str, Any], tmp_path: Path, client: Client, mode: str
) -> None:
    options: dict[str, Any] = {"mode": mode, "parameters": {"duration": 20}}
    here = run_workflow(SPACEEYE, sources, output=tmp_path / "a", **options)
    there = run_workflow(SPACEEYE, sources, output=tmp_path / "b", client=client, **options)
    assert set(here) == set(there) == {"raster"}
    assert [(r.tile, r.time) for r in here["raster"]] == [(r.tile, r.time) for r in there["raster"]]
    one, two = pixels(here["raster"]), pixels(there["raster"])
    assert len(one) == 2 * 24  # each tile, each day, once
    assert all(np.array_equal(one[key], two[key]) for key in one)
    assert sum(image.any() for image in one.values()) > 30


@pytest.mark.cluster
def test_errors_of_a_task_reach_the_caller(sources: dict[str, Any], client: Client) -> None:
    sources["input_data"] = InputData(("2023-01-01", "2023-02-01"), (3.0, 51.0, 3.1, 52.0))
    for where in (None, client):
        with pytest.raises(BadInput, match="no acquisition from 2023-01-01"):
            run_workflow(SPACEEYE, sources, output="nowhere", client=where)


def test_full_run_of_a_folder(sources: dict[str, Any], tmp_path: Path) -> None:
    """From a folder to daily images without holes, whatever the windows."""
    found = sources_of_folder(tmp_path, "2021-06-01", "2021-06-16")
    assert found["s2_rasters"] == sorted(sources["s2_rasters"], key=lambda raster: raster.path)
    assert {mask.path for mask in found["cloud_rasters"]} == {
        mask.path for mask in sources["cloud_rasters"]
    }
    options: dict[str, Any] = {"alpha": 0.5}
    long = run_workflow(SPACEEYE, found, output=tmp_path / "a", **options)["raster"]
    short = run_workflow(SPACEEYE, found, {"duration": 8}, output=tmp_path / "b", **options)
    one, two = pixels(long), pixels(short["raster"])
    assert len(one) == 2 * 16
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[key], two[key]) for key in one)
    assert min((image > 0).mean() for image in one.values()) > 0.9
    far = sources_of_folder(tmp_path, "2021-06-01", "2021-06-30", (10, 51, 11, 52))
    with pytest.raises(BadInput, match="meets the region"):
        run_workflow(SPACEEYE, far, output=tmp_path / "c")


def test_nested_run_gives_the_same(sources: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "daily.yaml").write_text(SPACEEYE.read_text("utf-8"))
    (tmp_path / "outer.yaml").write_text(outer("daily"))
    inner = run_workflow(SPACEEYE, sources, {"duration": 20}, output=tmp_path / "a", mode="compat")[
        "raster"
    ]
    around = run_workflow(tmp_path / "outer.yaml", sources, output=tmp_path / "b", mode="compat")
    one, two = pixels(inner), pixels(around["daily"])
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[key], two[key]) for key in one)


def test_parameters_and_options_reach_the_operation(
    sources: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []

    def spy(pairs: Any, duration: int, output: str, options: Any, overwrite: bool) -> Any:
        assert all(images.key == masks.key for images, masks in pairs)
        seen.append({"duration": duration, "output": output, **vars(options)})
        raise InterruptedError

    monkeypatch.setattr(registry.operations, "remove_clouds_tile", spy)
    text = changed(
        parameters(
            "spaceeye", damping_factor=0.3, normalize_illuminance=True, max_iterations=7,
            tolerance=None,
        )
    )  # fmt: skip
    with pytest.raises(InterruptedError):
        run_workflow(text, sources, {"duration": 30}, output="out", mode="compat", offset=5)
    with pytest.raises(InterruptedError):
        run_workflow(text, sources, output="out", alpha=2.0, illumination="none")
    assert seen[0] == {
        "duration": 30, "output": "out", "mode": "compat", "alpha": 0.3, "missing_mask": "drop",
        "illumination": "region-mean", "offset": 5, "iteration": Iteration(0.3, max_iterations=7),
    }  # fmt: skip
    assert (seen[1]["alpha"], seen[1]["illumination"], seen[1]["mode"]) == (2.0, "none", "full")


def test_sources_and_options_are_checked_first(sources: dict[str, Any]) -> None:
    def run(change: dict[str, Any], **options: Any) -> None:
        given = {name: value for name, value in (sources | change).items() if value is not None}
        run_workflow(SPACEEYE, given, **{"output": "nowhere", **options})

    with pytest.raises(BadWorkflow, match="source 'cloud_rasters' is missing"):
        run({"cloud_rasters": None})
    with pytest.raises(BadWorkflow, match=r"source 'rasters': .* did you mean 's2_rasters'"):
        run({"rasters": []})
    with pytest.raises(BadWorkflow, match=r"'s2_rasters': record 0 is of type str, Raster is need"):
        run({"s2_rasters": ["image.tif"]})
    with pytest.raises(BadWorkflow, match="'s2_rasters': record 0 is of type CloudMask"):
        run({"s2_rasters": sources["cloud_rasters"]})
    with pytest.raises(BadWorkflow, match="'input_data': record 0 is of type dict"):
        run({"input_data": {"time_range": []}})
    with pytest.raises(BadInput, match=r"option 'aplha': .* did you mean 'alpha'"):
        run({}, aplha=1)
    with pytest.raises(BadInput, match="output: give the folder"):
        run({}, output=None)
    with pytest.raises(BadWorkflow, match=r"'time_overlap'.*: overlap=0"):
        run({}, parameters={"time_overlap": 0})
    with pytest.raises(BadWorkflow, match=r"parameter 'overlap': .* did you mean 'time_overlap'"):
        run({}, parameters={"overlap": 0.5})


def test_loading_needs_no_heavy_library() -> None:
    """The command line reads and checks a workflow without torch, numba or matplotlib."""
    import subprocess
    import sys

    code = (
        "import sys; from spaceeye.farmvibes.workflow import *; load_workflow(SPACEEYE).check(); "
        "print([m for m in ('torch', 'numba', 'matplotlib', 'distributed') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=SPACEEYE.parents[2],
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
