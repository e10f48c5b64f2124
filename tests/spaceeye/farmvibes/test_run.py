"""Runs of workflows: here and on a client, the shipped graph and others."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import yaml
from affine import Affine

from spaceeye.errors import BadInput, BadWorkflow
from spaceeye.farmvibes import operations
from spaceeye.farmvibes.graph import SPACEEYE, load_workflow
from spaceeye.farmvibes.grouping import group_tile_sequence
from spaceeye.farmvibes.records import CloudMask, InputData, Raster, SpaceEyeSequence
from spaceeye.farmvibes.run import run_workflow, sources_of_folder
from spaceeye.iteration import Iteration
from workbench.errors import FolderInUse, NotWritten
from workbench.locks import FolderLock

if TYPE_CHECKING:
    from distributed import Client


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


def test_a_folder_that_is_in_use_or_a_file_is_refused(
    sources: dict[str, Any], tmp_path: Path
) -> None:
    with FolderLock(tmp_path / "daily"):
        with pytest.raises(FolderInUse, match="daily is in use by run"):
            run_workflow(SPACEEYE, sources, output=tmp_path / "daily")
    (tmp_path / "file").touch()
    with pytest.raises(NotWritten, match="is a file where a folder is wanted"):
        run_workflow(SPACEEYE, sources, output=tmp_path / "file")


@pytest.mark.cluster
def test_errors_of_a_task_reach_the_caller(sources: dict[str, Any], client: Client) -> None:
    sources["input_data"] = InputData(("2023-01-01", "2023-02-01"), (3.0, 51.0, 3.1, 52.0))
    for where in (None, client):
        with pytest.raises(BadInput, match="no acquisition from 2023-01-01"):
            run_workflow(SPACEEYE, sources, output="nowhere", client=where)


def test_full_run_of_a_folder(sources: dict[str, Any], tmp_path: Path) -> None:
    """From a folder to daily images without holes, whatever the periods."""
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


TWO_LENGTHS = """
name: two lengths of periods
sources:
  days and place: [images.input_data, masks.input_data, short.input_data, few.input_data]
  pictures: [images.rasters, short.rasters]
  clouds: [masks.rasters, few.rasters]
sinks:
  sequences: brief.spaceeye_sequence
  rasters: apart.rasters
  masks: masks.tile_sequences
parameters: {length: 20, damping: 2.0}
tasks:
  apart: {op: split_spaceeye_sequence}
  brief:
    op: remove_clouds_interpolation
    parameters: {duration: 10, damping_factor: "@from(damping)"}
  clear: {op: remove_clouds_interpolation, parameters: {duration: "@from(length)"}}
  masks: {op: group_s2cloudmask_tile_sequence, parameters: {duration: "@from(length)"}}
  few: {op: group_s2cloudmask_tile_sequence, parameters: {duration: 10, overlap: 1}}
  images: {op: group_s2_tile_sequence, parameters: {duration: "@from(length)"}}
  short: {op: group_s2_tile_sequence, parameters: {duration: 10, overlap: 1}}
edges:
  - {origin: clear.spaceeye_sequence, destination: apart.sequences}
  - {origin: short.tile_sequences, destination: brief.s2_products}
  - {origin: images.tile_sequences, destination: [clear.s2_products]}
  - {origin: few.tile_sequences, destination: [brief.cloud_masks]}
  - {origin: masks.tile_sequences, destination: [clear.cloud_masks]}
"""


@pytest.mark.cluster
@pytest.mark.parametrize("where", ["here", "there"])
def test_another_graph(
    sources: dict[str, Any],
    tmp_path: Path,
    where: str,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Other names, two branches, and a sink in the middle of the graph."""
    client = request.getfixturevalue("client") if where == "there" else None
    given = dict(zip(("days and place", "pictures", "clouds"), sources.values(), strict=True))
    options: dict[str, Any] = {"mode": "compat", "output": tmp_path / "two", "client": client}
    with caplog.at_level(logging.INFO, "spaceeye"):
        found = run_workflow(TWO_LENGTHS, given, **options)
    assert list(found) == ["sequences", "rasters", "masks"]
    said = [record.getMessage() for record in caplog.records if " calls" in record.getMessage()]
    assert said == [
        "task masks: 1 calls", "task few: 1 calls", "task images: 1 calls", "task short: 1 calls",
        "task clear: 4 calls", "task brief: 6 calls", "task apart: 4 calls",
    ]  # fmt: skip
    wanted, pictures, clouds = sources.values()
    assert found["masks"] == group_tile_sequence(clouds, wanted, 20)
    assert all(isinstance(one, SpaceEyeSequence) for one in found["sequences"])
    assert [(one.tile, one.period) for one in found["sequences"]] == [
        (group.tile, group.period) for group in group_tile_sequence(pictures, wanted, 10, 1)
    ]
    days = [(raster.tile, str(raster.day)) for raster in found["rasters"]]
    assert days == sorted(days)
    assert len(days) == 2 * 24


def test_a_graph_without_clouds_removed(sources: dict[str, Any]) -> None:
    """Operations that write nothing need no output; options of the others are unknown."""
    text = yaml.safe_dump(
        {
            "sources": {"wanted": ["one.input_data"], "files": ["one.rasters"]},
            "sinks": {"groups": "one.tile_sequences"},
            "tasks": {"one": {"op": "group_s2_tile_sequence"}},
        }
    )
    given = {"wanted": sources["input_data"], "files": tuple(sources["s2_rasters"])}
    found = run_workflow(load_workflow(text), given)
    assert found == {"groups": group_tile_sequence(sources["s2_rasters"], sources["input_data"])}
    with pytest.raises(BadInput, match="option 'alpha': no operation has it; there is none"):
        run_workflow(text, given, alpha=1.0)
    with pytest.raises(BadInput, match="option 'output'"):
        run_workflow(text, given, output="here")


def test_a_tile_may_have_any_number_of_files(sources: dict[str, Any]) -> None:
    """Lists of records are longer than what calls may usually be given."""
    first = sources["s2_rasters"][0]
    many = [Raster(f"{first.path}-{n}", first.time, first.tile, first.bounds) for n in range(3000)]
    given = {"input_data": sources["input_data"], "s2_rasters": many}
    graph = yaml.safe_load(SPACEEYE.read_text("utf-8"))
    graph["tasks"] = {"group_s2": graph["tasks"]["group_s2"]}
    graph["sources"] = {"input_data": "group_s2.input_data", "s2_rasters": "group_s2.rasters"}
    graph |= {"sinks": {"groups": "group_s2.tile_sequences"}, "edges": []}
    (group,) = run_workflow(yaml.safe_dump(graph), given)["groups"]
    assert len(group.series) == 3000


def test_nothing_of_a_wrong_graph_runs(sources: dict[str, Any], tmp_path: Path) -> None:
    graph = yaml.safe_load(SPACEEYE.read_text("utf-8"))
    graph["edges"].pop()
    with pytest.raises(BadWorkflow, match="nothing feeds its input 'sequences'"):
        run_workflow(yaml.safe_dump(graph), sources, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_parameters_and_options_reach_the_operation(
    sources: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []

    def spy(pairs: Any, duration: int, output: str, options: Any, overwrite: bool) -> Any:
        assert all(images.key == masks.key for images, masks in pairs)
        seen.append({"duration": duration, "output": output, **vars(options)})
        raise InterruptedError

    monkeypatch.setattr(operations, "remove_clouds_tile", spy)
    graph = yaml.safe_load(SPACEEYE.read_text("utf-8"))
    graph["tasks"]["spaceeye"]["parameters"] |= {
        "damping_factor": 0.3, "normalize_illuminance": True, "max_iterations": 7,
        "tolerance": None,
    }  # fmt: skip
    text = yaml.safe_dump(graph)
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
