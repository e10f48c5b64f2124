"""The run of a workflow, here or on a Dask client, with the same result.

`spaceeye_interpolation_inference.yaml` beside this module is the workflow that makes daily
cloud-free images; `run_workflow` runs it, and any other graph of the operations in
`spaceeye.farmvibes.operations`::

    images = [Raster.open(path) for path in image_paths]
    masks = [CloudMask.open(path) for path in mask_paths]
    request = InputData(("2021-05-01", "2021-07-31"), (4.1, 51.3, 4.2, 51.4))
    sources = {"input_data": request, "s2_rasters": images, "cloud_rasters": masks}
    daily = run_workflow(SPACEEYE, sources, output="daily")["raster"]
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaceeye.errors import BadInput, BadWorkflow
from spaceeye.farmvibes.graph import Workflow, load_workflow, reference, suggestion
from spaceeye.farmvibes.operations import OPERATIONS, Records
from spaceeye.farmvibes.records import CloudMask, InputData, Raster
from workbench.files import sweep
from workbench.locks import FolderLock
from workbench.tasks import Tasks

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["run_workflow", "sources_of_folder"]

logger = logging.getLogger(__name__)


def sources_of_folder(
    folder: str | Path, start: Any, end: Any, geometry: Any = None
) -> dict[str, Any]:
    """Make the sources of the shipped workflow from a folder of images and masks.

    Parameters
    ----------
    folder
        In the layout of `workbench.sentinel2.geotiffs`: masks in the folder ``masks`` inside, or
        with names that end in ``_mask`` or ``_cloud``.
    start, end
        First and last day wanted, both included.
    geometry
        Region wanted, see `spaceeye.farmvibes.records.InputData`. Default: the envelope of all
        images.

    Returns
    -------
    dict
        Records of ``input_data``, ``s2_rasters`` and ``cloud_rasters``.

    Raises
    ------
    BadFile
        If there is no image, or a file is broken or says nothing of its tile and time.
    BadInput
        If the range or the region is none.
    """
    from workbench.sentinel2.geotiffs import find_rasters

    image_paths, mask_paths = find_rasters(folder, None)
    images = [Raster.open(path) for path in image_paths]
    if geometry is None:
        west, south = (min(image.bounds[side] for image in images) for side in (0, 1))
        east, north = (max(image.bounds[side] for image in images) for side in (2, 3))
        geometry = (west, south, east, north)
    return {
        "input_data": InputData((start, end), geometry),
        "s2_rasters": images,
        "cloud_rasters": [CloudMask.open(path) for path in mask_paths],
    }


def run_workflow(
    workflow: Workflow | str | Path,
    sources: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    client: Client | None = None,
    output: str | Path | None = None,
    **options: Any,
) -> dict[str, list[Any]]:
    """Run a workflow.

    Parameters
    ----------
    workflow
        Path or text of the YAML, or what `spaceeye.load_workflow` gave.
    sources
        Records for each source, one or a list.
    parameters
        In place of defaults of the workflow.
    client
        Dask client to send the calls to; otherwise they run here. The result is the same.
    output
        Folder of the images; every worker must see it.
    **options
        For `spaceeye.remove_clouds_interpolation`: mode, alpha, illumination, missing_mask,
        offset, overwrite. They prevail over parameters of tasks.

    Returns
    -------
    dict
        Records of each sink.

    Raises
    ------
    BadWorkflow
        Before anything runs: the graph, a parameter or a source is wrong.
    BadInput
        Before anything runs: an option is not known, or `output` is missing.
    workbench.errors.FolderInUse
        If another run is at work in `output`.
    """
    graph = workflow if isinstance(workflow, Workflow) else load_workflow(workflow)
    graph.check(parameters)
    records = _brought(graph, sources)  # of each port; those of a task have different names
    chosen = _chosen(graph, {"output": None if output is None else str(output), **options})
    order = graph.order()
    order.prepare()
    with nullcontext() if output is None else FolderLock(output, "a SpaceEye workflow"):
        while order.is_active():
            ready = order.get_ready()
            records |= _carried_out(graph, ready, records, parameters or {}, chosen, client)
            ends = {port: end for end, port in graph.edges if end.split(".")[0] in ready}
            records |= {port: records[end] for port, end in ends.items()}
            order.done(*ready)
        if output is not None:
            sweep(output)
    return {name: records[port] for name, port in graph.sinks.items()}


def _brought(graph: Workflow, sources: Mapping[str, Any]) -> dict[str, Records]:
    """Return the records of the ports that sources feed."""
    for name in sources:
        if name not in graph.sources:
            near = suggestion(name, graph.sources)
            raise BadWorkflow(f"source {name!r}: the workflow has none of this name; {near}")
    inputs = graph.ports("inputs")
    brought: dict[str, Records] = {}
    for name, ports in graph.sources.items():
        if name not in sources:
            needed = ", ".join(graph.sources)
            raise BadWorkflow(f"source {name!r} is missing: give records for {needed}")
        given, kind = sources[name], inputs[ports[0]]
        records = list(given) if isinstance(given, list | tuple) else [given]
        for place, item in enumerate(records):
            if not isinstance(item, kind):
                cure = f" such as {kind.__name__}.open(path)" if hasattr(kind, "open") else ""
                raise BadWorkflow(
                    f"source {name!r}: record {place} is of type {type(item).__name__}, "
                    f"{kind.__name__} is needed{cure}"
                )
        brought |= dict.fromkeys(ports, records)
    return brought


def _chosen(graph: Workflow, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are given; refuse those that no operation of the graph has."""
    known = {name for task in graph.tasks.values() for name in OPERATIONS[task.op].options}
    chosen = {name: value for name, value in options.items() if value is not None}
    for name in chosen:
        if name not in known:
            raise BadInput(f"option {name!r}: no operation has it; {suggestion(name, known)}")
    if "output" in known and "output" not in chosen:
        raise BadInput("output: give the folder that the images are written to")
    return chosen


def _carried_out(
    graph: Workflow,
    ready: Iterable[str],
    records: Mapping[str, Records],
    parameters: Mapping[str, Any],
    options: Mapping[str, Any],
    client: Client | None,
) -> dict[str, Records]:
    """Run tasks that do not wait for each other, side by side; return what their ports give.

    The lists of all calls of a task become one, in the order of the calls, whichever ends first.
    """
    values: dict[Any, Any] = {**graph.parameters, **parameters}
    order: dict[str, list[tuple[str, int]]] = {}
    # One call after the other here, each has many threads; a tile may have any number of files.
    with Tasks(client, retries=0, threads=1, largest=None) as tasks:
        for name in ready:
            task, operation = graph.tasks[name], OPERATIONS[graph.tasks[name].op]
            fixed = {
                operation.parameters[key][0]: values.get(reference(value), value)
                for key, value in task.parameters.items()
            }
            fixed = {key: value for key, value in fixed.items() if value is not None}
            fixed |= {key: options[key] for key in operation.options if key in options}
            inputs = {port: records[f"{name}.{port}"] for port in operation.inputs}
            calls = operation.calls(inputs, options)
            logger.info("task %s: %d calls", name, len(calls))
            (port,) = operation.outputs
            order[f"{name}.{port}"] = [(name, number) for number in range(len(calls))]
            for number, call in enumerate(calls):
                tasks.submit(operation.function, tag=(name, number), **fixed, **call)
        found = dict(tasks)
    return {port: [one for tag in tags for one in found[tag]] for port, tags in order.items()}
